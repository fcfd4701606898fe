"""A verification for people, like a traceroute that says why, and for programs.

One line a hop: number, node, interfaces, what it did by which rule, and the journal events that last changed
those rules. At most `WIDTH` columns, and no colours: those are the terminal's.
"""

import textwrap
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import Any

from hopbook.network.facts import ASSUMPTIONS
from hopbook.network.packet import FULL_SEGMENT, Inside, Packet, ip
from hopbook.trace.steps import Met
from hopbook.trace.verdict import Decision, Hop, Path, Trace, Verdict, What
from hopbook.trace.verify import Verification
from hopbook.trace.words import phrase

WIDTH = 110
_NAMES = 24  # columns of a node's name, so that the rest has room
_MARK = {Met.MET: "✓", Met.NOT_MET: "✗", Met.UNKNOWN: "?", Met.LATER: "·"}


def report(verifications: Iterable[Verification]) -> str:
    """Of each traffic one verification in full, the first that is not met, and how the others went."""
    blocks, given = [], set[str]()
    for _, group in groupby(verifications, key=lambda item: item.case.traffic.traffic):
        same = list(group)
        shown = next((item for item in same if not item.met), same[0])
        lines = _lines(shown)
        if len(same) > 1:
            met = sum(item.met for item in same if item is not shown)
            lines.append(
                f"  likewise from other nodes or to other ports: {met} of {len(same) - 1} as promised"
            )
        blocks.append("\n".join(lines))
        given |= {name for item in same for name in item.given}
    if given:
        blocks.append("\n".join(_assumptions(given)))
    return "\n\n".join(blocks)


def render(verification: Verification) -> str:
    """One verification in full."""
    return "\n".join([*_lines(verification), *_assumptions(verification.given)])


def _lines(verification: Verification) -> list[str]:
    case = verification.case
    lines = [f"{case.traffic.traffic}  {case.traffic.title}", *_wrapped(headline(verification), "  ")]
    traces = verification.as_if or verification.traces
    if traces:
        lines += _path(verification, traces[0])
        lines += _steps(verification)
    return lines


def _assumptions(given: Iterable[str]) -> Iterator[str]:
    """What the ids stand for."""
    for name in sorted(given, key=lambda name: int(name[1:])):
        yield from _wrapped(f"{name:3}  {ASSUMPTIONS[name].says}", "  ", 7)


def headline(verification: Verification) -> str:
    """How it went, in one sentence."""
    case, cites = verification.case, ", ".join(verification.case.traffic.cites)
    what = f"{case.name or case.traffic.traffic}: {_ending(verification)}"
    if not cites:  # somebody's own packet, which no document promises
        return what + (f": {verification.reason}" if verification.reason else "")
    if not verification.met:
        return f"{what}, NOT as promised ({cites}): {verification.reason}"
    return f"{what}, as promised ({cites})" + (f": {verification.reason}" if verification.reason else "")


def _ending(verification: Verification) -> str:
    given = f", given {', '.join(verification.given)}" if verification.given else ""
    if verification.met and verification.as_if:
        return f"reaches {verification.as_if[0].worst.legs[0].there.end.node}{given}"
    return f"{verification.verdict}{given}"


def _path(verification: Verification, trace: Trace) -> Iterator[str]:
    path = trace.worst
    real = verification.traces[0].end
    names = min(max((len(_where(hop)) for _, _, hop in path.hops), default=0), _NAMES)
    sides = max((len(_sides(hop)) for _, _, hop in path.hops), default=0)
    leg_before, back_before = 1, False
    for number, (leg, back, hop) in enumerate(path.hops, start=1):
        if (leg, back) != (leg_before, back_before):
            yield f"  {'back' if back else 'there'}" + (f", leg {leg}" if len(path.legs) > 1 else "")
            leg_before, back_before = leg, back
        head = f"  {number:3} {_cut(_where(hop), names):{names}}  {_sides(hop):{sides}}  "
        yield from _hop(head, hop)
        if verification.as_if and not back and hop.node.name == real.node and real.sought == hop.after.dst:
            yield f"    · {real.reason} yet; from here as if somebody did"
    if path.end.verdict is not Verdict.DELIVERED:
        mark = _MARK[Met.LATER if verification.met else Met.NOT_MET]
        yield from _wrapped(f"{mark} {path.end.verdict} at {path.end.node}: {path.end.reason}", "    ")
    yield from _sizes(path)
    yield from _others(trace)


def _sizes(path: Path) -> Iterator[str]:
    """The size of the packets of a transfer, where it is less than full."""
    for number, leg in enumerate(path.legs, start=1):
        if 0 < leg.mtu < FULL_SEGMENT:
            which = f" on leg {number}" if len(path.legs) > 1 else ""
            yield f"    · packets of at most {leg.mtu} bytes{which}"


def _where(hop: Hop) -> str:
    """The node; of a distributed router also in which host it routed."""
    return f"{hop.node.name} in {hop.host}" if hop.host else hop.node.name


def _others(trace: Trace) -> Iterator[str]:
    """The other paths that the network may choose."""
    for verdict, paths in groupby(trace.paths[1:], key=lambda path: path.end.verdict):
        number = len(list(paths))
        yield f"    · {number} more path{'s' if number > 1 else ''} that it may take: {verdict}"


def _cut(name: str, width: int) -> str:
    return name if len(name) <= width else f"{name[: width - 1]}…"


def _sides(hop: Hop) -> str:
    arrives = hop.ingress.role if hop.ingress is not None else ""
    leaves = f"→ {hop.egress.role}" if hop.egress is not None else ""
    return f"{arrives} {leaves}".strip()


def _hop(head: str, hop: Hop) -> Iterator[str]:
    """The line of a hop; a second one where its phrases and events do not fit on one."""
    room, line = WIDTH - len(head), ""
    events: list[str] = []
    for decision in hop.decisions:
        if decision.what is What.DROPPED:
            continue
        said, event = phrase(hop, decision), _event(decision)
        longer = f"{line}; {said}" if line else said
        more = list(dict.fromkeys([*events, *([event] if event else [])]))
        if line and len(longer) + len(_events(more)) + 1 > room:
            yield from _flush(head, line, events)
            head, line, events = " " * len(head), said, [event] if event else []
        else:
            line, events = longer, more
    if line:
        yield from _flush(head, line, events)
    elif head.strip():
        yield head.rstrip()


def _flush(head: str, line: str, events: Sequence[str]) -> Iterator[str]:
    """What fits beside the events, and below it what does not."""
    shown = _events(events)
    room = WIDTH - len(head) - len(shown)
    for part in textwrap.wrap(line, max(room - 1, 20), break_on_hyphens=False):
        yield f"{head}{part:{max(room, 0)}}{shown}".rstrip()
        head, shown = " " * len(head), ""


def _events(events: Sequence[str]) -> str:
    return f"[{', '.join(events)}]" if events else ""


def _event(decision: Decision) -> str:
    return decision.ground.fact.event if decision.ground is not None else ""


def _steps(verification: Verification) -> Iterator[str]:
    cites = max((len(step.cites) for step in verification.steps), default=0)
    for step in verification.steps:
        evidence = f"hop {step.hop}" if step.hop else step.evidence
        yield from _wrapped(
            f"{_MARK[step.met]} {step.cites:{cites}}  {step.says}: {evidence}", "  ", cites + 6
        )
        if step.deviation is not None:
            yield from _wrapped(f"≠ {step.deviation.reality}; {step.deviation.because}", " " * (cites + 6))


def _wrapped(text: str, indent: str, hanging: int = 0) -> list[str]:
    return textwrap.wrap(
        text,
        WIDTH,
        initial_indent=indent,
        subsequent_indent=" " * (hanging or len(indent) + 2),
        break_on_hyphens=False,
    )


def to_json(verification: Verification) -> dict[str, Any]:
    """All of it as plain data."""
    case = verification.case
    return {
        "traffic": case.traffic.traffic,
        "title": case.traffic.title,
        "cites": list(case.traffic.cites),
        "case": case.name,
        "variant": case.variant.name,
        "met": verification.met,
        "verdict": str(verification.verdict),
        "reason": verification.reason,
        "given": [{"id": name, "says": ASSUMPTIONS[name].says} for name in verification.given],
        "steps": [
            {
                "cites": step.cites,
                "says": step.says,
                "met": str(step.met),
                "evidence": step.evidence,
                "hop": step.hop or None,
                "deviation": None if step.deviation is None else step.deviation.model_dump(),
            }
            for step in verification.steps
        ],
        "traces": [_trace(item) for item in verification.traces],
        "as_if": [_trace(item) for item in verification.as_if],
    }


def _trace(trace: Trace) -> dict[str, Any]:
    return {
        "from": trace.at,
        "packet": _packet(trace.packet),
        "readings": dict(trace.readings),
        "verdict": str(trace.verdict),
        "paths": [_path_data(path) for path in trace.paths],
    }


def _path_data(path: Path) -> dict[str, Any]:
    return {
        "verdict": str(path.end.verdict),
        "ended_at": path.end.node,
        "returning": path.returning,
        "reason": path.end.reason,
        "legs": [{"leg": number, "mtu": leg.mtu or None} for number, leg in enumerate(path.legs, start=1)],
        "hops": [
            {
                "leg": leg,
                "way": "back" if back else "there",
                "node": hop.node.name,
                "host": hop.host or None,
                "in": hop.ingress.role if hop.ingress is not None else None,
                "out": hop.egress.role if hop.egress is not None else None,
                "before": _packet(hop.before),
                "after": _packet(hop.after),
                "room": hop.room,
                "given": list(hop.given),
                "decisions": [_decision(hop, item) for item in hop.decisions],
            }
            for leg, back, hop in path.hops
        ],
    }


def _decision(hop: Hop, decision: Decision) -> dict[str, Any]:
    fact = decision.ground.fact if decision.ground is not None else None
    return {
        "what": str(decision.what),
        "says": phrase(hop, decision),
        "key": str(fact.key) if fact is not None and fact.key is not None else None,
        "known": str(fact) if fact is not None else None,
        "event": fact.event if fact is not None else "",
    }


def _packet(packet: Packet) -> dict[str, Any]:
    return {
        "protocol": packet.protocol,
        "source": ip(packet.src),
        "source_port": packet.sport,
        "destination": ip(packet.dst),
        "destination_port": packet.dport,
        "bytes": packet.size,
        "inside": _inside(packet.inside),
    }


def _inside(inside: Inside | None) -> dict[str, Any] | None:
    """What an encapsulated packet carries."""
    if inside is None:
        return None
    return {"by": inside.by, "tunnel": inside.tunnel, "packet": _packet(inside.packet)}
