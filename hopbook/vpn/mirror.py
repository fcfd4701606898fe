"""Whether two ends are each other's mirror image: what keeps a tunnel down, found before it is tried."""

from collections.abc import Iterator
from ipaddress import IPv4Network

from hopbook.vpn.proposals import in_common
from hopbook.vpn.reasons import Reason
from hopbook.vpn.tunnel import End

Found = tuple[str, Reason, str]


def differences(one: End, other: End) -> Iterator[Found]:
    """What does not fit: the rule that it breaks, what IKE would answer, and a sentence with both values."""
    yield from _selectors(one, other)
    yield from _selectors(other, one)
    if one.psk != other.psk:
        what = f"{one.name} has the key {_key(one)}, {other.name} {_key(other)}"
        yield "V4", Reason.AUTHENTICATION_FAILED, f"{what}; expected one reference for both"
    if one.id == one.peer_id:
        yield "V5", Reason.AUTHENTICATION_FAILED, f"both ends of {one.name}'s tunnel are called {one.id!r}"
    elif (one.id, one.peer_id) != (other.peer_id, other.id):
        what = f"{one.name} is {one.id!r} and expects {one.peer_id!r}"
        yield (
            "V5",
            Reason.AUTHENTICATION_FAILED,
            f"{what}, {other.name} is {other.id!r} and expects {other.peer_id!r}",
        )
    for phase in ("ike", "esp"):
        ours, theirs = getattr(one, phase), getattr(other, phase)
        if not in_common(ours, theirs):
            what = f"{one.name} proposes {phase} {ours}, {other.name} {theirs}"
            yield "V7", Reason.NO_PROPOSAL_CHOSEN, what
    yield from _starting(one, other)


def _selectors(one: End, other: End) -> Iterator[Found]:
    if set(one.inside) != set(other.beyond):
        what = f"{one.name} calls {_listed(one.inside)} local, {other.name} {_listed(other.beyond)} remote"
        yield "V3", Reason.TS_UNACCEPTABLE, f"{what}; expected the same networks"


def _starting(one: End, other: End) -> Iterator[Found]:
    if not (one.starts or other.starts):
        yield "V6", Reason.NOT_STARTED, f"neither {one.name} nor {other.name} starts; expected one that does"
    for end in (one, other):
        if end.starts and end.gateway is None:
            what = f"{end.name} is to start, and has no gateway to start towards"
            yield "V6", Reason.NOT_STARTED, f"{what}; expected the other end's address"


def _listed(networks: tuple[IPv4Network, ...]) -> str:
    return ", ".join(map(str, networks)) or "nothing"


def _key(end: End) -> str:
    return str(end.psk) if end.psk is not None else "nowhere"
