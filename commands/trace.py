"""`hopbook trace`: where packets go, on the model and with real ones."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from adapters.twin.twin import Observed, Target, Twin
from commands.output import agreement_text, console, differences_text, print_json, traffic_text
from commands.runbook import Wish, quiet, run_flow
from hopbook.errors import InvalidInput
from hopbook.network.nodes import Network
from hopbook.site.load import site_of
from hopbook.site.model import Site
from hopbook.trace.agreement import Agreement, compared
from hopbook.trace.asking import asked
from hopbook.trace.differences import Difference, differences
from hopbook.trace.draw import draw
from hopbook.trace.text import to_json
from hopbook.trace.verify import Verification, verify
from tasks import files
from tasks.modes import Mode
from tasks.run import Invocation, resolver
from tasks.verification import probe


class On(StrEnum):
    """What carries the packets."""

    MODEL = "model"
    TWIN = "twin"  # the network in Linux namespaces, with real packets
    BOTH = "both"
    LIVE = "live"  # the model, and the systems are asked whether they see the same


@dataclass(frozen=True, slots=True)
class Question:
    """What a person asks.

    Attributes:
        traffics: Documented traffics by name; none: all that apply to the site.
        source, target: Instead of those, one packet of their own.
        what_if: Trace as this runbook would leave the site, and say what changes.
        pictures: A folder for a picture of each traffic.
        on: The model, real packets, or both side by side.
        parameters: Those of the runbook, or of `what_if`.
    """

    runbook: str
    site: str
    overlay: str | None = None
    traffics: tuple[str, ...] = ()
    source: str = ""
    target: str = ""
    what_if: str = ""
    pictures: Path | None = None
    on: On = On.MODEL
    parameters: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Followed:
    """A network, and what was asked of it."""

    site: Site
    network: Network
    results: tuple[Verification, ...]


def trace(question: Question, *, as_json: bool) -> int:
    """Follow traffic; 0 where all is as promised."""
    if bool(question.source) != bool(question.target):
        raise InvalidInput("--from and --to go together: a node or workload, and an address and port")
    for name in question.traffics:
        files.traffic_document(name)
    if question.what_if:
        return _what_if(question, as_json=as_json)
    found = _followed(question, question.runbook, changed=True)
    if question.pictures is not None:
        _draw(found, question.pictures)
    if question.on is On.LIVE:
        return _asked_live(found, as_json=as_json)
    if question.on is not On.MODEL:
        return _with_real_packets(question, found, as_json=as_json)
    if as_json:
        print_json({"site": found.site.site, "traffic": [to_json(item) for item in found.results]})
    else:
        out = console()
        traffic_text(out, found.results)
        if not found.results:
            known = ", ".join(files.traffics())
            out.print(f"none of the traffics applies to this site (known: {known})")
    return 0 if all(item.met for item in found.results) else 1


def _followed(question: Question, runbook: str, *, changed: bool) -> Followed:
    """The network, and the results: live as it is, without endpoints on the simulated site.

    Args:
        question: What is asked.
        runbook: Whose changes count.
        changed: As the runbook leaves the site; else as it is.
    """
    site = site_of(files.read_site_file(question.site, question.overlay))
    live = site.endpoints.nsx is not None
    after = Mode.PLAN if live and question.what_if else Mode.DRY_RUN
    mode = after if changed and (question.what_if or not live) else Mode.TRACE
    own = bool(question.source)
    called = Invocation(
        overlay=question.overlay,
        watch=quiet,
        traffics=() if own else question.traffics or tuple(files.traffics()),
        by_hand=True,
    )
    wish = Wish(runbook, question.site, question.parameters)
    report = run_flow(wish, mode, called, as_json=False, show=False, tolerant=True)
    if report.network is None:
        raise InvalidInput(f"runbook {runbook} observed no network")
    results = tuple(report.traffic)
    if own:
        case = asked(report.network, site, question.source, question.target)
        results = (verify(case, report.network, frozenset(site.accepts)),)
    return Followed(site, report.network, results)


def _what_if(question: Question, *, as_json: bool) -> int:
    before = _followed(question, question.what_if, changed=False)
    after = _followed(question, question.what_if, changed=True)
    found = differences(before.results, after.results)
    if as_json:
        print_json({"site": after.site.site, "differences": [_data(item) for item in found]})
    else:
        differences_text(console(), question.what_if, found)
    return 1 if any(item.broken for item in found) else 0


def _asked_live(found: Followed, *, as_json: bool) -> int:
    """Of each traffic the case that speaks for it; 0 where no system says anything against it."""
    asked_of = probe(found.site, found.network, _shown(found.results), resolver().resolve)
    results = [item.verification for item in asked_of]
    if as_json:
        told = [
            {**to_json(item.verification), "probes": [str(finding) for finding in item.findings]}
            for item in asked_of
        ]
        print_json({"site": found.site.site, "traffic": told})
    else:
        out = console()
        for item in asked_of:
            traffic_text(out, [item.verification])
            for finding in item.findings:
                out.print(f"  {finding.holds}: {finding}")
            out.print()
    return 0 if all(item.met for item in results) else 1


@dataclass(frozen=True, slots=True)
class Sent:
    """A case, by real packets, and whether the model says the same."""

    result: Verification
    legs: tuple[Observed, ...]
    agreement: Agreement

    @property
    def right(self) -> bool:
        """Whether real packets did what the document promises, as the model says they would."""
        return self.result.met and not self.agreement.difference


def _with_real_packets(question: Question, found: Followed, *, as_json: bool) -> int:
    """Of each traffic the case that speaks for it; 0 where packets do what is promised and modelled."""
    sent = list(_sent(found))
    if as_json:
        print_json({"site": found.site.site, "traffic": [_sent_data(item) for item in sent]})
    else:
        out = console()
        for item in sent:
            if question.on is On.BOTH:
                traffic_text(out, [item.result])
            agreement_text(out, item.result.case.id, item.agreement, both=question.on is On.BOTH)
    return 0 if sent and all(item.right for item in sent) else 1


def _sent(found: Followed) -> Iterator[Sent]:
    with ExitStack() as stack:
        twin = stack.enter_context(Twin())
        twin.build(replace(found.network))  # without what the model worked out
        for result in _shown(found.results):
            case = result.case
            if case.packet is None or not result.traces:
                continue
            onward = None if case.onward is None else Target(*case.onward)
            legs = twin.probe(case.packet, case.source, onward=onward)
            yield Sent(result, legs, compared(result.traces[0], legs))


def _sent_data(sent: Sent) -> dict[str, Any]:
    return {
        "traffic": sent.result.case.traffic.traffic,
        "case": sent.result.case.name,
        "model": to_json(sent.result),
        "twin": {
            "verdict": str(sent.agreement.real.verdict),
            "at": sent.agreement.real.at,
            "reason": sent.agreement.real.reason,
            "legs": [
                {
                    "there": [str(item) for item in leg.there],
                    "back": [str(item) for item in leg.back],
                    "rules": list(leg.rules),
                    "mtu": leg.mtu,
                }
                for leg in sent.legs
            ],
        },
        "difference": sent.agreement.difference,
        "tolerated": sent.agreement.tolerated,
        "agrees": not sent.agreement.difference,
        "met": sent.right,
    }


def _data(difference: Difference) -> dict[str, Any]:
    return {name: getattr(difference, name) for name in Difference.__slots__}


def _draw(found: Followed, folder: Path) -> None:
    """One picture a traffic: of the case that speaks for it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for item in _shown(found.results):
            if item.traces:
                name = f"{item.case.traffic.traffic}.svg"
                (folder / name).write_text(draw(item, found.network), encoding="utf-8")
    except OSError as error:
        raise InvalidInput(f"--svg {folder} cannot be written: {error.strerror}") from error


def _shown(results: Sequence[Verification]) -> list[Verification]:
    """Of each traffic the first case that is not as promised, else its first."""
    found: dict[str, Verification] = {}
    for item in results:
        before = found.get(item.case.traffic.traffic)
        if before is None or (before.met and not item.met):
            found[item.case.traffic.traffic] = item
    return list(found.values())
