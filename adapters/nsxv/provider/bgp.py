"""BGP of an edge as NSX writes it: the process, its neighbours, and what it tells them of other routes.

NSX-V API guide 6.4, "Working with BGP Routes" and "Working with Route Redistribution". A process that is not
enabled keeps nothing, so a disabled one is as delivered. Which routes are redistributed is said by rules that
name prefixes of the edge's global settings; of several prefixes of one content the first is used, so that a
rule made by hand comes back under its own name. Ours begin with `hopbook-` and go with their last rule.
"""

from collections.abc import Iterable, Iterator
from ipaddress import IPv4Address, IPv4Network

from adapters.nsxv import xml
from adapters.nsxv.xml import Element, make
from hopbook.engine.change import Observed
from hopbook.resources.base import Key
from hopbook.resources.nsxv import Bgp, BgpNeighbour, FilterAction, PrefixFilter, Redistributed

_OURS, _ANY = "hopbook-", "any"
_EVERYWHERE = IPv4Network("0.0.0.0/0")
_LONGEST = 32
_LAST_SHORT = 65535  # of an AS number of two bytes
_NEIGHBOURS = "bgpNeighbours/bgpNeighbour"
_RULES = "redistribution/rules/rule"
_FROM = ("ospf", "bgp", "isis", *Redistributed)

_Prefix = tuple[IPv4Network, int | None, int | None]


def observed(owner: Key, routing: Element) -> Iterator[tuple[Key, Observed]]:
    """The process and its neighbours under their keys."""
    setting = read(owner, routing)
    yield setting.key, Observed(resource=setting, at_default=setting == Bgp(owner=owner))
    for element in routing.iterfind(f"bgp/{_NEIGHBOURS}"):
        neighbour = _read_neighbour(owner, element) if setting.enabled else None
        if neighbour is not None:
            yield neighbour.key, Observed(resource=neighbour)


def read(owner: Key, routing: Element) -> Bgp:
    """The process."""
    router_id = IPv4Address(xml.text(routing, "routingGlobalConfig/routerId", "0.0.0.0"))  # noqa: S104 - none
    bgp = _process(routing)
    if bgp is None:
        return Bgp(owner=owner, router_id=router_id)
    rules = list(bgp.iterfind(_RULES)) if xml.flag(bgp, "redistribution/enabled", default=False) else []
    known = _known(routing)
    return Bgp(
        owner=owner,
        enabled=True,
        asn=_as_number(bgp, "localAS"),
        router_id=router_id,
        redistributes=tuple(
            Redistributed(name) for rule in rules for name in _sources(rule) if name in _TOLD
        ),
        prefixes=tuple(_read_rule(rule, known) for rule in rules),
    )


_TOLD = frozenset(Redistributed)


def _process(routing: Element) -> Element | None:
    bgp = routing.find("bgp")
    return bgp if bgp is not None and xml.flag(bgp, "enabled", default=False) else None


def _sources(rule: Element) -> set[str]:
    return {name for name in _FROM if xml.flag(rule, f"from/{name}", default=False)}


def _known(routing: Element) -> dict[str, _Prefix]:
    """The named prefixes of IPv4."""
    return {
        xml.text(one, "name"): (
            IPv4Network(xml.text(one, "ipAddress"), strict=False),
            _length(one, "ge"),
            _length(one, "le"),
        )
        for one in routing.iterfind("routingGlobalConfig/ipPrefixes/ipPrefix")
        if ":" not in xml.text(one, "ipAddress")
    }


def _length(element: Element, name: str) -> int | None:
    text = xml.text(element, name)
    return int(text) if text else None


def _read_rule(rule: Element, known: dict[str, _Prefix]) -> PrefixFilter:
    name = xml.text(rule, "prefixName", _ANY)
    if name != _ANY and name not in known:
        raise ValueError(f"a redistribution rule names the prefix {name}, which there is not")
    network, ge, le = known.get(name, (_EVERYWHERE, None, _LONGEST))
    return PrefixFilter(action=_action(rule), network=network, ge=ge, le=le)


def _action(element: Element) -> FilterAction:
    return FilterAction(xml.text(element, "action", FilterAction.PERMIT).lower())


def _as_number(element: Element, short: str) -> int:
    """Of two bytes or, plain or dotted, of four."""
    high, dot, low = (xml.text(element, f"{short}Number") or xml.text(element, short)).partition(".")
    return int(high) * 2**16 + int(low) if dot else int(high)


def _read_neighbour(owner: Key, element: Element) -> BgpNeighbour | None:
    address = xml.text(element, "ipAddress")
    if ":" in address:
        return None
    return BgpNeighbour(
        owner=owner,
        address=IPv4Address(address),
        asn=_as_number(element, "remoteAS"),
        weight=xml.number(element, "weight", 60),
        keepalive=xml.number(element, "keepAliveTimer", 60),
        hold=xml.number(element, "holdDownTimer", 180),
        imports=_read_filters(element, "in"),
        exports=_read_filters(element, "out"),
    )


def _read_filters(element: Element, direction: str) -> tuple[PrefixFilter, ...] | None:
    lines = tuple(
        PrefixFilter(
            action=_action(one),
            network=IPv4Network(xml.text(one, "network"), strict=False),
            ge=_length(one, "ipPrefixGe"),
            le=_length(one, "ipPrefixLe"),
        )
        for one in element.iterfind("bgpFilters/bgpFilter")
        if xml.text(one, "direction").lower() == direction and ":" not in xml.text(one, "network")
    )
    return lines or None


def unsayable(routing: Element) -> str:
    """What of the redistribution a resource cannot say, so that it could not be put back; else empty."""
    bgp = _process(routing)
    rules = [] if bgp is None else list(bgp.iterfind(_RULES))
    if bgp is None or not rules:
        return ""
    if not xml.flag(bgp, "redistribution/enabled", default=False):
        return "it is off and has rules"
    sources = [_sources(rule) for rule in rules]
    if any(source != sources[0] for source in sources):
        return "its rules do not all take routes from the same protocols"
    if not sources[0] <= _TOLD:
        return f"it takes routes from {' and '.join(sorted(sources[0] - _TOLD))}"
    return ""


def write(routing: Element, wanted: Bgp) -> None:
    """Make the process as wanted; one that is not enabled goes, with all that it has.

    Raises:
        ValueError: what is there could not be put back, or NSX cannot hold what is wanted.
    """
    live = read(wanted.owner, routing)
    if live == wanted:
        return
    if not wanted.enabled:
        _check_end(routing, wanted)
    settings = _child(routing, "routingGlobalConfig")
    xml.put(settings, "routerId", str(wanted.router_id) if int(wanted.router_id) else None)
    if not wanted.enabled:
        xml.drop(routing, "bgp")
    else:
        if _process(routing) is None:
            xml.drop(routing, "bgp")
        bgp = _child(routing, "bgp")
        xml.put(bgp, "enabled", value=True)
        _put_as_number(bgp, "localAS", wanted.asn)
        _child(bgp, "bgpNeighbours")
        if (live.redistributes, live.prefixes) != (wanted.redistributes, wanted.prefixes):
            if why := unsayable(routing):
                raise ValueError(f"the redistribution of {wanted.owner.name} cannot be taken over: {why}")
            xml.put(bgp, "redistribution", _redistribution(settings, routing, wanted))
    _tidy(settings, routing)


def _check_end(routing: Element, wanted: Bgp) -> None:
    if left := [xml.text(one, "ipAddress") for one in neighbours(routing)]:
        message = f"BGP of {wanted.owner.name} has neighbours that would go with it: {', '.join(left)}"
        raise ValueError(message)
    if wanted != Bgp(owner=wanted.owner, router_id=wanted.router_id):
        raise ValueError(f"{wanted.title()}: while it is not enabled it has nothing but a router id")


def _child(parent: Element, tag: str) -> Element:
    found = parent.find(tag)
    if found is None:
        found = make(tag)
        parent.append(found)
    return found


def _put_as_number(element: Element, short: str, asn: int) -> None:
    """In one of its two spellings: NSX wants both to be equal, and knows the other one itself."""
    xml.put(element, short, asn if asn <= _LAST_SHORT else None)
    xml.put(element, f"{short}Number", None if asn <= _LAST_SHORT else asn)


def _redistribution(settings: Element, routing: Element, wanted: Bgp) -> Element:
    nothing = PrefixFilter(action=FilterAction.DENY, network=_EVERYWHERE, le=_LONGEST)
    lines = (wanted.prefixes or (nothing,)) if wanted.redistributes else ()
    rules = [
        make(
            "rule",
            _named(_prefix(settings, routing, line)),
            make(
                "from",
                *(make(name, name in wanted.redistributes) for name in ("ospf", "bgp", *Redistributed)),
            ),
            make("action", line.action.value),
        )
        for line in lines
    ]
    return make("redistribution", make("enabled", bool(lines)), make("rules", *rules))


def _named(prefix: str) -> Element | None:
    return make("prefixName", prefix) if prefix != _ANY else None


def _prefix(settings: Element, routing: Element, line: PrefixFilter) -> str:
    """The name of a prefix of that content, which is made where there is none."""
    wanted: _Prefix = (line.network, line.ge, line.le)
    if wanted in {(_EVERYWHERE, None, _LONGEST), (_EVERYWHERE, 0, _LONGEST)}:
        return _ANY
    found = next((name for name, content in _known(routing).items() if content == wanted), "")
    if found:
        return found
    bounds = [f"{word}{value}" for word, value in (("ge", line.ge), ("le", line.le)) if value is not None]
    name = _OURS + "-".join([str(line.network).replace("/", "-"), *bounds])
    _child(settings, "ipPrefixes").append(
        make(
            "ipPrefix",
            make("name", name),
            make("ipAddress", str(line.network)),
            None if line.le is None else make("le", line.le),
            None if line.ge is None else make("ge", line.ge),
        )
    )
    return name


def _tidy(settings: Element, routing: Element) -> None:
    """Take away those of our prefixes that no rule names any more."""
    prefixes = settings.find("ipPrefixes")
    if prefixes is None:
        return
    used = {rule.text for rule in routing.iterfind(".//redistribution/rules/rule/prefixName")}
    for one in prefixes.findall("ipPrefix"):
        name = xml.text(one, "name")
        if name.startswith(_OURS) and name not in used:
            prefixes.remove(one)


def neighbours(routing: Element) -> list[Element]:
    """The neighbours of a process that is enabled."""
    bgp = _process(routing)
    return [] if bgp is None else bgp.findall(_NEIGHBOURS)


def write_neighbour(routing: Element, before: BgpNeighbour | None, after: BgpNeighbour | None) -> None:
    """Put a neighbour in its place; None stands for none. What we do not know of a live one stays.

    Raises:
        ValueError: it should be there, and BGP is not enabled.
    """
    wanted = after or before
    if wanted is None:
        return
    found = next(
        (one for one in neighbours(routing) if xml.text(one, "ipAddress") == str(wanted.address)), None
    )
    listed = routing.find("bgp/bgpNeighbours")
    if after is None:
        if found is not None and listed is not None:
            listed.remove(found)
        return
    bgp = _process(routing)
    if bgp is None:
        raise ValueError(f"{after.title()}: BGP of {after.owner.name} is not enabled, which comes first")
    if found is None:
        found = make("bgpNeighbour", make("ipAddress", str(after.address)))
        _child(bgp, "bgpNeighbours").append(found)
    elif _read_neighbour(after.owner, found) == after:
        return
    _put_as_number(found, "remoteAS", after.asn)
    for tag, value in (
        ("weight", after.weight),
        ("holdDownTimer", after.hold),
        ("keepAliveTimer", after.keepalive),
    ):
        xml.put(found, tag, value)
    xml.put(
        found,
        "bgpFilters",
        make("bgpFilters", *_filters("in", after.imports), *_filters("out", after.exports)),
    )


def _filters(direction: str, lines: Iterable[PrefixFilter] | None) -> list[Element]:
    """An empty list denies everything, which NSX has to be told."""
    if lines is None:
        return []
    nothing = PrefixFilter(action=FilterAction.DENY, network=_EVERYWHERE, le=_LONGEST)
    return [
        make(
            "bgpFilter",
            make("direction", direction),
            make("action", line.action.value),
            make("network", str(line.network)),
            None if line.ge is None else make("ipPrefixGe", line.ge),
            None if line.le is None else make("ipPrefixLe", line.le),
        )
        for line in tuple(lines) or (nothing,)
    ]
