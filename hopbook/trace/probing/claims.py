"""What each hop of a trace claims of a system that can be asked, and how to ask.

An ESG's or DLR's table answers for a hop there; Traceflow for what lies between a VM and the next machine or
ESG, where it stops; a command for a cluster's node and for a whole connection.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from hopbook.network.facts import How
from hopbook.network.firewall import Filter, Policy
from hopbook.network.nat import Translation
from hopbook.network.nodes import Dlr, Esg, EsxiHost, Host, KubeNode, Medium, Network
from hopbook.network.packet import Packet, ip
from hopbook.network.routes import Route
from hopbook.resources.nsxv import NatAction
from hopbook.trace.probing import evidence
from hopbook.trace.probing.evidence import Nat, Reading, covers
from hopbook.trace.probing.port import DEFAULT_RULE, Answer, Kind, Question
from hopbook.trace.verdict import Hop, Leg, Trace, Verdict, What

Place = tuple[str, Packet, Packet, str]
"""A hop, however many paths have it."""

_OF_ORDER = frozenset({"A1", "A10", "A11"})  # what a connection that an ESG passed shows


@dataclass(frozen=True, slots=True)
class Claim:
    """Something that the model says of a hop and that an answer can prove or disprove.

    Attributes:
        hop: Its number in its path, from 1.
        places: The hops that an answer speaks of, that one first.
        model: What the model says.
        judge: What an answer means, once it was understood whole.
        moot: Why nobody need be asked; empty: ask.
    """

    question: Question
    hop: int
    places: tuple[Place, ...]
    model: str
    judge: Callable[[Answer], Reading]
    moot: str = ""


def claims(trace: Trace, network: Network, *, real: bool = True) -> Iterator[Claim]:
    """What a trace claims, each thing once for all hops that claim it.

    Args:
        trace: One reading of a case.
        network: Where it was traced.
        real: False where somebody counts as there who is not: then nobody can try the connection.
    """
    merged: dict[tuple[Question, str], Claim] = {}
    for claim in (
        *_of_hops(trace),
        *_of_overlays(trace, network),
        *(_of_legs(trace, network) if real else ()),
    ):
        first = merged.setdefault((claim.question, claim.model), claim)
        if first is not claim:
            places = dict.fromkeys((*first.places, *claim.places))
            merged[claim.question, claim.model] = replace(first, places=tuple(places))
    yield from merged.values()


def place(hop: Hop) -> Place:
    """The same for every path that has this hop."""
    return hop.node.name, hop.before, hop.after, hop.host


def _of_hops(trace: Trace) -> Iterator[Claim]:
    for path in trace.paths:
        for number, (_, _, hop) in enumerate(path.hops, start=1):
            if isinstance(hop.node, Esg | Dlr):
                yield from _routes(number, hop)
            if isinstance(hop.node, Esg):
                yield from _translations(number, hop, hop.node)
                yield from _rules(number, hop, hop.node)
                yield from _connections(number, hop, hop.node)
            if isinstance(hop.node, KubeNode):
                yield from _kernel_routes(number, hop)


def _did(hop: Hop, what: What) -> bool:
    return any(decision.what is what for decision in hop.decisions)


def _dropped(hop: Hop) -> bool:
    return _did(hop, What.DROPPED)


def _inside(hop: Hop) -> tuple[Packet, Packet]:
    """What the node's own tables saw: without the tunnels that begin or end in it."""
    before = hop.before.inside.packet if hop.before.inside and _did(hop, What.DECAPSULATED) else hop.before
    after = hop.after.inside.packet if hop.after.inside and _did(hop, What.ENCAPSULATED) else hop.after
    return before, after


# An edge's tables


def _routes(number: int, hop: Hop) -> Iterator[Claim]:
    """A hop by a route: the router holds it, and none that is longer. No route: it holds none."""
    question, left = Question(Kind.ROUTES, hop.node.name), _inside(hop)[1]
    for decision in hop.decisions:
        route = decision.ground
        if decision.what is What.ROUTE and isinstance(route, Route):
            address = next((item.dst for item in (left, hop.after) if covers(route.prefix, item.dst)), None)
            if address is not None:
                says = f"{ip(address)} goes by {route.title}"
                judge = partial(evidence.by_route, route, address)
                yield Claim(question, number, (place(hop),), says, judge)
        elif decision.what is What.DROPPED and decision.words.startswith("no route to"):
            says, judge = f"{ip(left.dst)} has no route", partial(evidence.no_route, left.dst)
            yield Claim(question, number, (place(hop),), says, judge)


def _translations(number: int, hop: Hop, edge: Esg) -> Iterator[Claim]:
    """A new connection through an ESG: its NAT table translates it just so, or not at all."""
    if hop.ingress is None or _did(hop, What.CONNECTION) or not edge.firewall.enabled or not _clear(hop):
        return
    came, left = _inside(hop)
    by = {item.what: item.ground for item in hop.decisions if isinstance(item.ground, Translation)}
    stages = [
        Nat(NatAction.DNAT, hop.ingress.index, came.protocol, (came.dst, came.dport), (came.src, came.sport))
    ]
    if hop.egress is not None:
        near, far = (came.src, came.sport), (left.dst, left.dport)
        stages.append(Nat(NatAction.SNAT, hop.egress.index, came.protocol, near, far))
    for stage, what in zip(stages, (What.DNAT, What.SNAT), strict=False):
        ground = by.get(what)
        rule = ground if isinstance(ground, Translation) else None
        judge = partial(evidence.by_nat, stage, rule)
        yield Claim(Question(Kind.NAT, edge.name), number, (place(hop),), _translated(stage, rule), judge)


def _clear(hop: Hop) -> bool:
    """Whether what an ESG dropped had come to its NAT, and what that would do is known."""
    dropped = next((item for item in hop.decisions if item.what is What.DROPPED), None)
    if dropped is None or isinstance(dropped.ground, Filter | Policy):
        return True
    return dropped.ground is None and dropped.words.startswith(("no route to", "nothing answers"))


def _translated(stage: Nat, rule: Translation | None) -> str:
    if rule is None or rule.address is None:
        return f"no {stage.action.upper()} of {stage.packet}"
    return f"{rule.title} makes {stage.packet} {ip(rule.address)}" + (
        "" if rule.port is None else f":{rule.port}"
    )


def _rules(number: int, hop: Hop, edge: Esg) -> Iterator[Claim]:
    """A ruling of an ESG's firewall: the rule is there, does that, and none that is unknown comes before."""
    for decision in hop.decisions:
        ground = decision.ground
        if decision.what not in {What.FILTER, What.DROPPED} or not isinstance(ground, Filter | Policy):
            continue
        if isinstance(ground, Filter) and ground.doubt:
            continue
        name = _name(ground)
        names = [_name(item) for item in edge.firewall.rules]
        before = frozenset(names[: names.index(name)] if name in names else names)
        settles = (ground.fact.source,) if ground.fact.how is How.ASSUMED else ()
        judge = partial(evidence.by_rule, name, ground.action, before, settles)
        question = Question(Kind.FIREWALL, edge.name)
        yield Claim(question, number, (place(hop),), f"rule {name}: {ground.action}", judge)


def _name(ground: Filter | Policy) -> str:
    """A rule as a table's row calls it: as its key does, because a system's rule has a title of its own."""
    if isinstance(ground, Policy):
        return DEFAULT_RULE
    key = ground.fact.key
    return ground.rule.rule if key is None else key.name.partition("/")[2]


def _connections(number: int, hop: Hop, edge: Esg) -> Iterator[Claim]:
    """What rests on the order in which an ESG works: a connection of that kind shows what became of it."""
    settles = tuple(name for name in hop.given if name in _OF_ORDER)
    if hop.egress is None or _did(hop, What.CONNECTION) or not settles:
        return
    came, left = _inside(hop)
    grounds = [item.ground for item in hop.decisions if item.what is What.FILTER]
    rule = next((_name(item) for item in grounds if isinstance(item, Filter | Policy)), "")
    says = (
        f"{came.protocol} {ip(came.src)} → {came.destination} leaves as {ip(left.src)} → {left.destination}"
    )
    judge = partial(evidence.by_flow, came, left, rule, settles)
    yield Claim(Question(Kind.FLOWS, edge.name), number, (place(hop),), says, judge)


# The overlay


def _of_overlays(trace: Trace, network: Network) -> Iterator[Claim]:
    for path in trace.paths:
        numbers = {id(hop): number for number, (_, _, hop) in enumerate(path.hops, start=1)}
        for leg in path.legs:
            replies = () if leg.back is None else leg.back.hops
            yield from _seen(leg.there.hops, replies, network, numbers, replying=False)
            yield from _seen(replies, (), network, numbers, replying=True)


def _seen(
    hops: Sequence[Hop],
    replies: Sequence[Hop],
    network: Network,
    numbers: Mapping[int, int],
    *,
    replying: bool,
) -> Iterator[Claim]:
    """What Traceflow sees of a walk: from each VM on a logical switch to where it stops.

    A machine that the connection's first packet passes lets its replies pass, too: the distributed firewall
    keeps connections. So it speaks for the machines' hops on the way back.
    """
    for start, hop in enumerate(hops):
        on = network.segments.get(hop.egress.segment) if hop.egress is not None else None
        if not isinstance(hop.node, Host) or on is None or on.medium is not Medium.VXLAN or hop.after.inside:
            continue
        run = _run(hops[start:])
        arrives = len(run) > 1 and isinstance(run[-1].node, Host | Esg) and not _stopped(run[-1])
        machines = {item.node.name for item in run if isinstance(item.node, Host)}
        also = (item for item in replies if arrives and item.node.name in machines)
        yield Claim(
            Question(Kind.TRACEFLOW, hop.node.name, hop.after),
            numbers[id(hop)],
            tuple(place(item) for item in (*run, *also)),
            _way(run, arrives=arrives),
            partial(evidence.by_sight, run, arrives=arrives, replying=replying),
            moot=_moot(run, network),
        )


def _run(hops: Sequence[Hop]) -> tuple[Hop, ...]:
    """A VM's hop, those of hosts and routers behind it, and the machine or edge where Traceflow stops."""
    for number, hop in enumerate(hops[1:], start=1):
        if not isinstance(hop.node, EsxiHost | Dlr):
            return tuple(hops[: number + 1])
    return tuple(hops)


def _moot(run: Sequence[Hop], network: Network) -> str:
    """Why Traceflow cannot follow this."""
    absent = _absent(run[0])
    if absent:
        return absent
    extended = next((item for item in _segments(run) if item in network.extensions), "")
    return f"Traceflow does not work on {extended}, which HCX extends" if extended else ""


def _absent(hop: Hop) -> str:
    return "" if hop.node.present else f"{hop.node.name} is not there yet"


def _segments(run: Iterable[Hop]) -> Iterator[str]:
    for hop in run:
        yield from (side.segment for side in (hop.ingress, hop.egress) if side is not None)


def _stopped(hop: Hop) -> bool:
    """Whether the distributed firewall at its vNIC dropped the packet."""
    dropped = (item.ground for item in hop.decisions if item.what is What.DROPPED)
    return hop.node.vnic is not None and any(isinstance(item, Filter | Policy) for item in dropped)


def _way(run: Sequence[Hop], *, arrives: bool) -> str:
    ends = "reaches" if arrives else "is dropped at" if _stopped(run[-1]) else "goes no further than"
    routers = (hop for hop in run if isinstance(hop.node, Dlr))
    by = ", ".join(f"{hop.node.name} in {hop.host}" if hop.host else hop.node.name for hop in routers)
    return f"{run[0].after} {ends} {run[-1].node.name}" + (f" by {by}" if by else "")


# Commands


def _kernel_routes(number: int, hop: Hop) -> Iterator[Claim]:
    """The way of a cluster's node: the one that its kernel takes."""
    for decision in hop.decisions:
        route = decision.ground
        if decision.what is What.ROUTE and isinstance(route, Route) and covers(route.prefix, hop.after.dst):
            question = Question(Kind.SSH, hop.node.name, command=f"ip -json route get {ip(hop.after.dst)}")
            says = f"{ip(hop.after.dst)} goes by {route.title}"
            judge = partial(evidence.by_kernel, route)
            yield Claim(question, number, (place(hop),), says, judge, _absent(hop))


def _of_legs(trace: Trace, network: Network) -> Iterator[Claim]:
    """A TCP connection that a machine opens: it comes about, or it does not, whatever path it takes."""
    found: dict[tuple[str, Packet], list[tuple[int, Leg]]] = {}
    for path in trace.paths:
        number = 1
        for leg in path.legs:
            first = leg.there.hops[0] if leg.there.hops else None
            if first is not None and isinstance(first.node, Host) and first.after.innermost.protocol == "tcp":
                found.setdefault((first.node.name, first.after.innermost), []).append((number, leg))
            number += len(leg.there.hops)
    for same in found.values():
        if len({_works(leg) for _, leg in same}) == 1:
            yield _connects(*same[0], network, only=len(trace.paths) == 1)


def _works(leg: Leg) -> bool:
    ends = (leg.there.end, *(() if leg.back is None else (leg.back.end,)))
    return all(end.verdict is Verdict.DELIVERED for end in ends)


def _connects(number: int, leg: Leg, network: Network, *, only: bool) -> Claim:
    """Where there is one path, a connection that comes about went by it."""
    first, works = leg.there.hops[0], _works(leg)
    sent = first.after.innermost
    on = network.segments.get(first.egress.segment) if first.egress is not None else None
    kind = Kind.POD if on is not None and on.medium is Medium.POD else Kind.SSH
    hops = (*leg.there.hops, *(() if leg.back is None else leg.back.hops))
    return Claim(
        Question(kind, first.node.name, command=f"nc -z -w 3 {ip(sent.dst)} {sent.dport}"),
        number,
        tuple(place(hop) for hop in hops),
        f"a connection to {sent.destination} {'comes' if works else 'does not come'} about",
        partial(evidence.by_trying, works=works, settles=("A11", "A14") if only and works else ()),
        _absent(first),
    )
