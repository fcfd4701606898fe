"""Whether the model and real packets say the same: how it ended, where, and every node on the way.

What cannot be seen on a wire is not compared: what a sender made of a packet before it left, and what a node
made of one that never left it. Where the network may choose (equal routes, endpoints of a service), real
packets show one way, and it has to be one of the model's. Beyond that only the differences in `TOLERATED` are
let through; each names its rule.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from hopbook.network.encapsulation import ESP, most
from hopbook.network.nodes import Dlr, EsxiHost, KubeNode, Medium
from hopbook.trace.crossing import NOTHING, Crossing, crossings
from hopbook.trace.pipelines import ways_back
from hopbook.trace.process import suspects
from hopbook.trace.verdict import Hop, Leg, Path, Trace, Verdict

USERSPACE_ESP = 1400  # bytes: strongSwan's kernel-libipsec cuts off the rest of what it reads
_Ways = tuple[tuple[Crossing, ...], tuple[Crossing, ...]]
_ADAPTED = frozenset({Verdict.DELIVERED, Verdict.TOO_LARGE})


class Seen(Protocol):
    """One leg as the twin observed it."""

    @property
    def verdict(self) -> Verdict:
        """How it ended."""

    @property
    def at(self) -> str:
        """Where; empty if it was delivered."""

    @property
    def reason(self) -> str:
        """Why, in words."""

    @property
    def there(self) -> tuple[Crossing, ...]:
        """The way there."""

    @property
    def back(self) -> tuple[Crossing, ...]:
        """The way back."""

    @property
    def mtu(self) -> int | None:
        """TCP: the size at which the transfer went through."""


@dataclass(frozen=True)
class Account:
    """What one side says of a packet.

    Attributes:
        ways: Of each leg the way there and the way back, without what no wire shows.
        sizes: Of each leg the largest packet of its TCP transfer in bytes; 0: nobody asked.
    """

    verdict: Verdict
    at: str
    reason: str
    ways: tuple[_Ways, ...]
    sizes: tuple[int, ...] = ()

    def differs(self, other: "Account") -> str:
        """The first thing in which the two are not the same; empty: nothing."""
        if (self.verdict, self.at) != (other.verdict, other.at):
            return f"{self.verdict} at {self.at or '-'} against {other.verdict} at {other.at or '-'}"
        if len(self.ways) != len(other.ways):
            return f"{len(self.ways)} legs against {len(other.ways)}"
        for number, (ours, theirs) in enumerate(zip(self.ways, other.ways, strict=True), 1):
            for name, one, two in (("there", ours[0], theirs[0]), ("back", ours[1], theirs[1])):
                if one != two:
                    return f"leg {number} {name}: {_first(one, two)}"
        for number, (mine, its) in enumerate(zip(self.sizes, other.sizes, strict=True), 1):
            if mine and its and mine != its:
                return f"leg {number}: packets of {mine} bytes against {its}"
        return ""

    def __str__(self) -> str:
        lines = [f"{self.verdict} at {self.at or '-'}: {self.reason}"]
        for number, both in enumerate(self.ways, 1):
            for name, way in zip(("there", "back"), both, strict=True):
                lines += [f"  {number} {name}: {item}" for item in way]
        return "\n".join(lines)


@dataclass(frozen=True)
class Agreement:
    """What both sides say of one packet.

    Attributes:
        model: Of the model's paths the one that is most like what was seen.
        difference: The first thing in which they differ; empty: nothing.
        tolerated: The tolerated difference, by its name in `TOLERATED`; then `difference` is empty.
    """

    model: Account
    real: Account
    difference: str = ""
    tolerated: str = ""


def compared(trace: Trace, seen: Sequence[Seen]) -> Agreement:
    """Hold what was seen of a packet against its trace."""
    real = of_twin(seen, trace.packet.size)
    models = [of_model(path) for path in trace.paths]
    differing = [model.differs(real) for model in models]
    if "" in differing:
        return Agreement(models[differing.index("")], real)
    for path, model in zip(trace.paths, models, strict=True):
        name = next((item for item, test in TOLERATED.items() if test(path, model, real)), "")
        if name:
            return Agreement(model, real, tolerated=name)
    nearest = max(range(len(models)), key=lambda number: _alike(models[number], real))
    return Agreement(models[nearest], real, differing[nearest])


def of_model(path: Path) -> Account:
    """A path of the model."""
    end, legs = path.end, list(path.legs)
    for number, leg in enumerate(legs):
        if leg.back is not None and leg.back.end.verdict is not Verdict.DELIVERED:
            del legs[number + 1 :]  # nothing came back, so what was asked further on is of no use
    ways = [
        (_visible(crossings(leg.there.hops)), _visible(crossings(leg.back.hops) if leg.back else ()))
        for leg in legs
    ]
    at = "" if end.verdict is Verdict.DELIVERED else end.node
    return Account(end.verdict, at, end.reason, _answered(end.verdict, ways), tuple(leg.mtu for leg in legs))


def of_twin(seen: Sequence[Seen], largest: int) -> Account:
    """What the twin observed: the first leg that failed says how it ended.

    Real senders fill packets up to their interface's MTU; beyond `largest` nobody asked.
    """
    number = next((n for n, leg in enumerate(seen) if leg.verdict is not Verdict.DELIVERED), len(seen) - 1)
    last = seen[number]
    ways = [(_visible(leg.there), _visible(leg.back)) for leg in seen[: number + 1]]
    sizes = tuple(min(leg.mtu or 0, largest) for leg in seen[: number + 1])
    return Account(last.verdict, last.at, last.reason, _answered(last.verdict, ways), sizes)


def _answered(verdict: Verdict, ways: list[_Ways]) -> tuple[_Ways, ...]:
    """Without answers on legs before one that failed: what ends a connection may answer early or never."""
    if verdict is Verdict.DELIVERED:
        return tuple(ways)
    return (*((there, ()) for there, _ in ways[:-1]), *ways[-1:])


def _visible(way: Sequence[Crossing]) -> tuple[Crossing, ...]:
    """A way without what no wire shows; of a packet that never left its sender that is nothing."""
    found = list(way)
    if found:
        found[-1] = found[-1]._replace(left="", after=NOTHING)
    if found and not found[0].came:
        found[0] = found[0]._replace(before=NOTHING)
    return tuple(found) if len(found) > 1 else ()


def _first(one: Sequence[Crossing], two: Sequence[Crossing]) -> str:
    for number, (ours, theirs) in enumerate(zip(one, two, strict=False), 1):
        if ours != theirs:
            return f"crossing {number}: {ours} against {theirs}"
    more, whose = (one, "the model") if len(one) > len(two) else (two, "the twin")
    return f"only {whose} goes on: {more[min(len(one), len(two))]}"


def _alike(model: Account, twin: Account) -> tuple[bool, int]:
    same = 0
    for ours, theirs in zip(model.ways, twin.ways, strict=False):
        same += sum(one == two for one, two in zip(ours[0], theirs[0], strict=False))
    return model.verdict is twin.verdict, same


def _within(short: Account, long: Account) -> bool:
    """Whether one side's way is a beginning of the other's: the same nodes in the same headers."""
    if not short.ways or len(short.ways) > len(long.ways):
        return not short.ways
    earlier = zip(short.ways[:-1], long.ways, strict=False)
    if any(ours[0] != theirs[0] for ours, theirs in earlier):
        return False
    (there, back), (whole, returned) = short.ways[-1], long.ways[len(short.ways) - 1]
    return there == whole and _starts(back, returned) if back else _starts(there, whole)


def _starts(short: Sequence[Crossing], long: Sequence[Crossing]) -> bool:
    """Whether a way begins like another one; of its last node only how the packet came is known."""
    if not short or len(short) > len(long):
        return not short
    ours, theirs = short[-1], long[len(short) - 1]
    came = (ours.node, ours.host, ours.came, ours.before) == (
        theirs.node,
        theirs.host,
        theirs.came,
        theirs.before,
    )
    return came and tuple(short[:-1]) == tuple(long[: len(short) - 1])


def _loop(_path: Path, model: Account, twin: Account) -> bool:
    """Rule 29: the model stops where headers are seen again, a real packet when its TTL ends."""
    if not model.verdict is twin.verdict is Verdict.LOOP:
        return False
    if len(model.ways) != len(twin.ways) or model.ways[:-1] != twin.ways[:-1]:
        return False
    *_, (there, back) = model.ways
    *_, (seen, returned) = twin.ways
    if twin.at not in {item.node for item in (back or there)}:
        return False  # where an edge picks other ports each time, it is any node of the loop
    if back:
        return there == seen and _begins(returned, back)
    return _begins(seen, there)


def _begins(long: Sequence[Crossing], short: Sequence[Crossing]) -> bool:
    """Whether two ways are the same until a router is met again: its own NAT may pick another port."""
    met: set[tuple[str, str]] = set()
    for ours, theirs in zip(short[:-1], long, strict=False):
        again = bool(ours.came) and (ours.node, ours.host) in met
        if again:
            return _starts((ours,), (theirs,))
        if ours != theirs:
            return False
        met.add((ours.node, ours.host))
    return len(long) >= len(short)


def _vxlan_told(path: Path, model: Account, twin: Account) -> bool:
    """Rule 15: ESXi drops what is too large for VXLAN's underlay silently, and Linux tells the sender."""
    if model.verdict is not Verdict.TOO_LARGE_SILENT or twin.verdict not in _ADAPTED:
        return False
    by_esxi = any(hop.node.name == model.at and _by_esxi(hop) for _, _, hop in path.hops)
    return by_esxi and (_within(model, twin) or _within(twin, model))


def _by_esxi(hop: Hop) -> bool:
    """Whether ESXi is at work there: as a router or switch, or as what joins the segment behind it."""
    if isinstance(hop.node, Dlr | EsxiHost):
        return True
    if hop.medium is not Medium.VXLAN or hop.egress is None or hop.fits is None:
        return False
    return hop.fits < most(hop.after, hop.egress.mtu)


def _unanswered(path: Path, model: Account, twin: Account) -> bool:
    """Rule 11: Linux asks its reverse path filter about who asks for an address, too, and does not answer."""
    if twin.verdict is not Verdict.UNREACHABLE or model.verdict not in {Verdict.DENIED, Verdict.NO_ROUTE}:
        return False
    hops = [hop for _, _, hop in path.hops]
    number = next((n for n in reversed(range(len(hops))) if hops[n].node.name == model.at), 0)
    asker = next((hop for hop in reversed(hops[:number]) if not isinstance(hop.node, EsxiHost)), None)
    last = hops[number]
    if asker is None or asker.egress is None or last.ingress is None or twin.at != asker.node.name:
        return False
    asks = asker.egress.addresses
    return bool(asks) and suspects(last.node, last.ingress, ways_back(last.node, asks[0]))


def _esp_path(path: Path, model: Account, twin: Account) -> bool:
    """Rule 26: userspace ESP knows its own interface, and never learns of a narrower router behind."""
    if twin.verdict is not Verdict.TOO_LARGE_SILENT or model.verdict not in _ADAPTED:
        return False
    if not (_within(twin, model) or _within(model, twin)):
        return False
    for leg in path.legs:
        for hops in (leg.there.hops, leg.back.hops if leg.back is not None else ()):
            carried = [hop for hop in hops if hop.fits is not None and ESP in hop.after.layers]
            fits = [hop.fits for hop in carried if hop.fits is not None]
            if fits and min(fits) < fits[0] and twin.at in {hop.node.name for hop in carried}:
                return True
    return False


def _esp_reads(path: Path, model: Account, twin: Account) -> bool:
    """Rule 26: userspace ESP takes no more, however much would fit its path."""
    if (model.verdict, model.at) == (twin.verdict, twin.at):
        sizes = (
            min(size, USERSPACE_ESP) if _carried(leg, ESP) else size
            for leg, size in zip(path.legs, model.sizes, strict=False)
        )
        return not replace(model, sizes=tuple(sizes)).differs(twin)
    if twin.verdict is not Verdict.TOO_LARGE or not _within(twin, model):
        return False
    return any(
        hop.node.name == twin.at
        and ESP in hop.after.layers
        and ESP not in hop.before.layers
        and hop.before.size > USERSPACE_ESP
        for _, _, hop in path.hops
    )


def _carried(leg: Leg, by: str) -> bool:
    return any(by in hop.after.layers for hop in leg.there.hops)


def _size_first(path: Path, model: Account, twin: Account) -> bool:
    """Rule 1: Linux compares a datagram's size with the way out before it asks its forward chain."""
    rules = model.verdict in {Verdict.DENIED, Verdict.TUNNEL_DOWN} and model.at == twin.at
    return (
        rules
        and _within(twin, model)
        and twin.verdict is Verdict.TOO_LARGE
        and path.hops[0][2].before.protocol == "udp"
    )


def _unknown_reply(path: Path, model: Account, twin: Account) -> bool:
    """Rule 18: to a worker that saw no SYN a SYN/ACK is invalid, and it translates only what follows."""
    if model.verdict is not Verdict.ASYMMETRIC or twin.verdict is not Verdict.DELIVERED:
        return False
    there = {hop.node.name for _, back, hop in path.hops if not back}
    return any(
        isinstance(hop.node, KubeNode) and hop.node.name not in there and hop.before.src != hop.after.src
        for _, back, hop in path.hops
        if back
    )


TOLERATED: Mapping[str, Callable[[Path, Account, Account], bool]] = {
    "a loop has no end in the model's way": _loop,
    "Linux does not answer the ARP of an asker that it suspects": _unanswered,
    "userspace ESP does not learn its path's MTU": _esp_path,
    "userspace ESP takes 1,400 bytes": _esp_reads,
    "Linux looks at the size before its rules": _size_first,
    "Linux does not translate a reply that it cannot place": _unknown_reply,
    "Linux tells that VXLAN's underlay is too small": _vxlan_told,
}
