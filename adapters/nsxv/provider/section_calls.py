"""Changing BGP and IPsec of an edge: all changes of a batch in one call, which is a whole section.

Secrets of neighbours and sites that are not ours go back with it. So they are asked for (`showSensitiveData`,
NSX-V API guide 6.4), and where NSX shows stars all the same nothing is sent: whether stars mean "keep" no
source proves.
"""

from collections.abc import Iterator, Sequence

from adapters.nsxv import xml
from adapters.nsxv.provider import bgp as routed
from adapters.nsxv.provider import ipsec as tunnelled
from adapters.nsxv.provider.session import Session
from adapters.nsxv.xml import Element, serialize
from hopbook.engine.change import Action, Change
from hopbook.errors import Rejected
from hopbook.resources.nsxv import Bgp, BgpNeighbour, Ipsec, IpsecSite
from hopbook.secret import Secret

_SHOWN = {"showSensitiveData": "true"}


def bgp(session: Session, changes: Sequence[Change]) -> None:
    """The process and the neighbours of one edge."""
    owner = _routed(changes[0]).owner
    address = f"{session.edge(owner)}/routing/config"

    def attempt() -> None:
        routing = session.read(address)
        _show_passwords(session, address, routing)
        before = {tag: _text(routing.find(tag)) for tag in ("routingGlobalConfig", "bgp")}
        _write_bgp(session, routing, changes)
        changed = [tag for tag, known in before.items() if _text(routing.find(tag)) != known]
        process = routing.find("bgp")
        secrets = [Secret(text) for text in xml.texts(routing, ".//password")]
        if changed == ["bgp"] and process is not None:
            session.send("PUT", f"{address}/bgp", process, secrets=secrets)
        elif changed:  # router id, prefixes and process at once: none is of use without the others
            _check_other_secrets(session, routing)
            session.send("PUT", address, routing, secrets=secrets)

    session.again(attempt)


def _routed(change: Change) -> Bgp | BgpNeighbour:
    resource = change.resource
    if not isinstance(resource, Bgp | BgpNeighbour):
        raise TypeError(f"{change.key} is nothing of BGP")
    return resource


def _text(element: Element | None) -> bytes:
    return b"" if element is None else serialize(element)


def _show_passwords(session: Session, address: str, routing: Element) -> None:
    """Take the process with its neighbours' passwords; without neighbours there are none."""
    listed = routing.find("bgp")
    if listed is None or not routed.neighbours(routing):
        return
    shown = session.client.read(f"{address}/bgp", _SHOWN)
    hidden = [
        xml.text(one, "ipAddress")
        for one in shown.iter("bgpNeighbour")
        if tunnelled.is_masked(xml.text(one, "password"))
    ]
    if hidden:
        raise _masked(session, f"the password of BGP neighbour {', '.join(hidden)}")
    routing.replace(listed, shown)


def _check_other_secrets(session: Session, routing: Element) -> None:
    for value in routing.iterfind("ospf//authentication/value"):
        if tunnelled.is_masked((value.text or "").strip()):
            raise _masked(session, "the password of an OSPF area")


def _masked(session: Session, what: str) -> Rejected:
    return session.refuse(
        f"{what} is not shown, so it could not be sent back with the section",
        hint="let a user ask who may see it (NSX 6.4.4 and later), or set it by hand",
    )


def _write_bgp(session: Session, routing: Element, changes: Sequence[Change]) -> None:
    """A process that comes is there before its neighbours, and one that goes after them."""
    ending: list[Bgp] = []
    try:
        for change in sorted(changes, key=lambda change: not isinstance(change.resource, Bgp)):
            resource = _routed(change)
            if isinstance(resource, BgpNeighbour):
                before, after = change.before, change.after
                routed.write_neighbour(
                    routing,
                    before if isinstance(before, BgpNeighbour) else None,
                    after if isinstance(after, BgpNeighbour) else None,
                )
            else:
                wanted = Bgp(owner=resource.owner) if change.after is None else resource
                if wanted.enabled:
                    routed.write(routing, wanted)
                else:
                    ending.append(wanted)
        for wanted in ending:
            routed.write(routing, wanted)
    except ValueError as error:
        raise session.refuse(str(error)) from error


def ipsec(session: Session, changes: Sequence[Change]) -> None:
    """The IPsec service and the sites of one edge."""
    owner = _tunnelled(changes[0]).owner
    address = f"{session.edge(owner)}/ipsec/config"
    ours = dict(_keys(session, changes))

    def attempt() -> None:
        section = session.client.read(address, _SHOWN)
        known = serialize(section)
        _write_ipsec(session, section, changes, ours)
        if serialize(section) == known:
            return
        keys = tunnelled.Keys.of(section)
        if keys.masked():
            raise _masked(session, f"the pre-shared key of {', '.join(keys.masked())}")
        session.send("PUT", address, section, secrets=[Secret(key) for key in keys.shown()])

    session.again(attempt)


def _tunnelled(change: Change) -> Ipsec | IpsecSite:
    resource = change.resource
    if not isinstance(resource, Ipsec | IpsecSite):
        raise TypeError(f"{change.key} is nothing of IPsec")
    return resource


def _keys(session: Session, changes: Sequence[Change]) -> Iterator[tuple[str, Secret]]:
    """The pre-shared keys of the sites that are to be as we say, by the sites' names."""
    for change in changes:
        site = change.after
        if isinstance(site, IpsecSite) and site.psk != tunnelled.MASKED:
            yield site.site, session.secret(site.psk)


def _write_ipsec(
    session: Session, section: Element, changes: Sequence[Change], ours: dict[str, Secret]
) -> None:
    live = tunnelled.Keys.of(section)
    try:
        for change in changes:
            resource = _tunnelled(change)
            if isinstance(resource, Ipsec):
                xml.put(section, "enabled", change.after is not None and resource.enabled)
            elif change.after is None:
                tunnelled.remove(section, resource)
            else:
                key = ours.get(resource.site)
                _check_adopted(change, resource, live, key)
                tunnelled.write(section, resource, key.reveal() if key else None)
        tunnelled.check_shared(section, live)
    except ValueError as error:
        raise session.refuse(str(error)) from error


def _check_adopted(change: Change, site: IpsecSite, live: tunnelled.Keys, key: Secret | None) -> None:
    """A site is taken over with the key that it has: another one could not be put back."""
    theirs = live.sites.get(site.site, "")
    if change.action is Action.ADOPT and key is not None and theirs not in {"", key.reveal()}:
        raise ValueError(f"{site.title()} has another key than {site.psk}, or does not show it")
