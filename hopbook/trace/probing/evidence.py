"""What an answer proves of a claim: it confirms it, contradicts it, or leaves it open.

An answer that a system gave for another reason than the model's question leaves it open: a connection that
began before a rule was changed keeps its translation (rule 9), and Traceflow's packet belongs to no
connection, so a firewall may drop the copy of a reply that it lets pass.
"""

import json
from collections.abc import Sequence
from enum import StrEnum
from ipaddress import IPv4Network
from typing import NamedTuple

from hopbook.network.facts import Fact, How
from hopbook.network.nat import NatTable, Translation, translation
from hopbook.network.nodes import Dlr
from hopbook.network.packet import Packet, ip
from hopbook.network.routes import Origin, Route
from hopbook.resources.nsxv import FirewallAction, NatAction, NatRule
from hopbook.trace.probing.port import Answer, FirewallRow, Flow, Output, RouteRow, Sight, Sighting
from hopbook.trace.verdict import Hop

_UNKNOWN = Fact(how=How.OBSERVED, source="probe")


class Holds(StrEnum):
    """What came of a claim."""

    CONFIRMED = "confirmed"
    CONTRADICTED = "contradicted"
    OPEN = "open"


class Reading(NamedTuple):
    """What an answer means for a claim.

    Attributes:
        settles: Ids of the assumptions of these hops that are none any more.
    """

    holds: Holds
    system: str
    settles: tuple[str, ...] = ()


class Nat(NamedTuple):
    """A packet before a stage of NAT: by which vNIC, and both its sides, the translated one first."""

    action: NatAction
    vnic: int | None
    protocol: str
    near: tuple[int, int]
    far: tuple[int, int]

    @property
    def packet(self) -> str:
        """For a sentence."""
        near, far = (f"{ip(address)}:{port}" for address, port in (self.near, self.far))
        way = f"{near} → {far}" if self.action is NatAction.SNAT else f"to {near}"
        return f"{self.protocol} {way}" + ("" if self.vnic is None else f" at vNIC {self.vnic}")


def covers(prefix: IPv4Network, address: int) -> bool:
    """Whether an address is in a prefix."""
    return address & int(prefix.netmask) == int(prefix.network_address)


def _holds(*, right: bool) -> Holds:
    return Holds.CONFIRMED if right else Holds.CONTRADICTED


# Tables of an edge


def by_route(route: Route, address: int, answer: Answer) -> Reading:
    """Whether the longest prefix of the table is the route's, by its next hop."""
    best = _longest(answer, address)
    if not best:
        return Reading(Holds.CONTRADICTED, f"{ip(address)} has no route")
    hops = {hop for hop in (route.next_hop, route.given) if hop is not None}
    if route.origin is Origin.CONNECTED:
        right = any(row.connected for row in best)
    else:
        right = not hops or any(row.next_hop in hops and not row.connected for row in best)
    return Reading(_holds(right=right and best[0].prefix == route.prefix), _shown(best))


def no_route(address: int, answer: Answer) -> Reading:
    """Whether the table leads nowhere."""
    best = _longest(answer, address)
    said = _shown(best) if best else f"{ip(address)} has no route"
    return Reading(_holds(right=not best), said)


def _longest(answer: Answer, address: int) -> list[RouteRow]:
    rows = [row for row in answer.of(RouteRow) if covers(row.prefix, address)]
    longest = max((row.prefix.prefixlen for row in rows), default=0)
    return [row for row in rows if row.prefix.prefixlen == longest]


def _shown(rows: Sequence[RouteRow]) -> str:
    how = " and ".join("connected" if row.connected else f"via {ip(row.next_hop)}" for row in rows)
    return f"route {rows[0].prefix} {how}"


def by_nat(stage: Nat, expected: Translation | None, answer: Answer) -> Reading:
    """Whether the first rule of the table that matches translates as expected."""
    rules = [translation(rule, answer.fact or _UNKNOWN) for rule in answer.of(NatRule)]
    found = NatTable(rules, stage.action).first(stage.vnic, stage.protocol, stage.near, stage.far)
    if found is not None and found.doubt:
        return Reading(Holds.OPEN, f"{found.title} may match: {found.doubt}")
    if found is None:
        return Reading(_holds(right=expected is None), f"no {stage.action.upper()} of {stage.packet}")
    to = found.rule.translated + ("" if found.port is None else f":{found.port}")
    right = expected is not None and (found.address, found.port) == (expected.address, expected.port)
    return Reading(_holds(right=right), f"{found.title} makes {stage.packet} {to}")


def by_rule(
    name: str, action: FirewallAction, before: frozenset[str], settles: tuple[str, ...], answer: Answer
) -> Reading:
    """Whether the rule is in the table and does that, behind none but the rules that the model knows."""
    rows = answer.of(FirewallRow)
    number = next((number for number, row in enumerate(rows) if row.rule == name), None)
    if number is None:
        return Reading(Holds.CONTRADICTED, f"there is no rule {name}")
    if rows[number].action is not action:
        return Reading(Holds.CONTRADICTED, f"rule {name}: {rows[number].action}")
    unknown = [row.rule for row in rows[:number] if row.rule not in before]
    if unknown:
        return Reading(Holds.CONTRADICTED, f"rule {unknown[0]} stands before {name}")
    return Reading(Holds.CONFIRMED, f"rule {name}: {action}", settles)


def by_flow(came: Packet, left: Packet, rule: str, settles: tuple[str, ...], answer: Answer) -> Reading:
    """Whether a connection like this one left as the model says, let in by the same rule."""
    alike = [flow for flow in answer.of(Flow) if _like(flow.came, came)]
    if not alike:
        return Reading(Holds.OPEN, "it knows no such connection now")
    for flow in alike:
        back = flow.reply
        same = (back.src, back.dst, back.sport) == (left.dst, left.src, left.dport)
        if same and flow.rule in {"", rule}:
            return Reading(Holds.CONFIRMED, f"a connection's replies come as {back}", settles)
    other = f"{alike[0].reply}" + (f", let in by {alike[0].rule}" if alike[0].rule else "")
    return Reading(
        Holds.OPEN, f"a connection's replies come as {other}; it may be older than the rules (rule 9)"
    )


def _like(one: Packet, other: Packet) -> bool:
    """The same but for the source port, which a client chooses anew each time."""
    return (one.src, one.dst, one.protocol, one.dport) == (other.src, other.dst, other.protocol, other.dport)


# Traceflow


def by_sight(run: Sequence[Hop], answer: Answer, *, arrives: bool, replying: bool) -> Reading:
    """Whether Traceflow's packet went the way of these hops, and as far."""
    sights = answer.of(Sight)
    dropped = next((item for item in sights if item.what is Sighting.DROPPED), None)
    delivered = next((item for item in sights if item.what is Sighting.DELIVERED), None)
    said = _seen(dropped, delivered)
    if dropped is not None and dropped.component == "FW" and replying and arrives:
        return Reading(Holds.OPEN, f"{said}, to which a copy of a reply is no connection")
    if arrives is not (delivered is not None):
        return Reading(Holds.CONTRADICTED, said)
    elsewhere = _elsewhere(run, sights, delivered)
    if elsewhere:
        return Reading(Holds.CONTRADICTED, elsewhere)
    placed = any(item.component == "LR" and item.host for item in sights)
    return Reading(Holds.CONFIRMED, said, ("A13",) * placed + ("A14",) * arrives)


def _seen(dropped: Sight | None, delivered: Sight | None) -> str:
    if delivered is not None:
        return "it is delivered" + (f" in {delivered.host}" if delivered.host else "")
    if dropped is None:
        return "it is neither delivered nor dropped"
    by = {"FW": "the distributed firewall", "LR": "a logical router"}.get(
        dropped.component, dropped.component
    )
    return f"{by} drops it" + (f" by rule {dropped.rule}" if dropped.rule else "")


def _elsewhere(run: Sequence[Hop], sights: Sequence[Sight], delivered: Sight | None) -> str:
    """Where it went instead; empty: the same way."""
    routers = [hop for hop in run if isinstance(hop.node, Dlr)]
    routed = [item for item in sights if item.component == "LR"]
    if bool(routers) is not bool(routed):
        return "a logical router handles it" if routed else "no logical router handles it"
    for hop, sight in zip(routers, routed[:1], strict=False):
        if _differ(hop.host, sight.host):
            return f"a logical router handles it in {sight.host}"
    if delivered is not None and _differ(run[-1].node.host, delivered.host):
        return f"it is delivered in {delivered.host}"
    return ""


def _differ(one: str, other: str) -> bool:
    """Whether two names are of different hosts; a site's short name is a long one's beginning."""
    return (
        bool(one and other)
        and not f"{one}.".startswith(f"{other}.")
        and not f"{other}.".startswith(f"{one}.")
    )


# Commands


def by_kernel(route: Route, answer: Answer) -> Reading:
    """Whether a Linux kernel takes this route: what `ip -json route get` prints."""
    output = next(iter(answer.of(Output)), Output(1, ""))
    try:
        found = json.loads(output.text)[0]
        device, gateway = str(found["dev"]), found.get("gateway")
    except (ValueError, LookupError, TypeError, AttributeError):
        return Reading(Holds.OPEN, f"it ended with {output.status} and said {output.text.strip()!r}")
    wanted = None if route.next_hop is None else ip(route.next_hop)
    right = device == route.interface and gateway == wanted
    return Reading(_holds(right=right), f"by {device}" + (f" via {gateway}" if gateway else ""))


def by_trying(answer: Answer, *, works: bool, settles: tuple[str, ...]) -> Reading:
    """Whether a connection comes about: the status of `nc -z`, which is 0 or 1."""
    output = next(iter(answer.of(Output)), None)
    if output is None or output.status not in {0, 1}:
        said = "nothing" if output is None else f"{output.status}: {output.text.strip()}"
        return Reading(Holds.OPEN, f"it ended with {said}")
    said = "it comes about" if output.status == 0 else "it does not come about"
    return Reading(_holds(right=works is (output.status == 0)), said, settles)
