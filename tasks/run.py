"""A run of a runbook: what a flow's `with run(...) as steps:` opens.

The same flow body plans, rehearses, applies, resumes and looks for drift. What a caller adds to a flow's own
parameters is in the `Invocation` that it set. Under Prefect every step is a task run; the journal is written
either way, so a run under Prefect and one without leave the same record.
"""

import getpass
import hashlib
import json
import os
import secrets
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

from adapters import wiring
from adapters.journal import SqlJournal
from adapters.secrets import Resolver, digest_key
from adapters.simulated.faults import Faults
from hopbook.engine.change import Observation, project
from hopbook.engine.drift import drift
from hopbook.engine.events import (
    DriftFound,
    RunCompleted,
    RunFailed,
    RunInterrupted,
    RunResumed,
    RunStarted,
    canonical,
)
from hopbook.engine.plan import Step, StepPlan, field_changes
from hopbook.engine.runner import Runner
from hopbook.engine.state import RunState
from hopbook.engine.writer import Writer
from hopbook.errors import HopbookError, InputsChanged, Interrupted, InvalidInput, VerdictNotMet
from hopbook.network.observed import beside
from hopbook.resources.base import Key, Resource, SecretRef, from_document
from hopbook.resources.vsphere import Placement
from hopbook.site.check import check_site
from hopbook.site.load import site_of, to_document
from hopbook.site.model import Site
from hopbook.site.needs import require
from tasks import files, orchestrator
from tasks.blocks import prefect_secret
from tasks.modes import Mode
from tasks.report import RunReport, StepReport, as_markdown
from tasks.verification import network_of, verify_traffic, written_by_hand

Watch = Callable[[str, object], None]
_DIGESTS = ("site-digest", "runbook-digest")


def _unwatched(_what: str, _subject: object) -> None:
    """Nobody watches."""


@dataclass(frozen=True)
class Invocation:
    """What a caller adds to a flow's parameters; none of it is in the flow's own signature.

    Attributes:
        overlay: A file laid over the site file (the endpoints that `simulate` prints).
        faults: What goes wrong in a rehearsal.
        resume: The run to go on with.
        site: The site as read from the journal, for a resume; else it is read from its file.
        rebased: The resumed run's inputs changed, and that was agreed.
        stopping: Asked at every safe point.
        traffics: Those to follow, instead of the ones that the runbook promises.
        by_hand: Believe what was written down of systems that have no provider yet.
        watch: Told of progress.
        report: Filled as the run goes, so that it can be shown however the run ends.
    """

    home: Path = field(default_factory=files.home)
    overlay: str | None = None
    faults: Faults | None = None
    reason: str = ""
    ticket: str = ""
    resume: RunState | None = None
    site: Site | None = None
    rebased: bool = False
    stopping: Callable[[], bool] = lambda: False
    watch: Watch = _unwatched
    traffics: tuple[str, ...] | None = None
    by_hand: bool = False
    report: list[RunReport] = field(default_factory=list)


_INVOCATION: ContextVar[Invocation | None] = ContextVar("invocation", default=None)


@contextmanager
def invocation(current: Invocation) -> Iterator[Invocation]:
    """Run flows with what a caller adds."""
    token = _INVOCATION.set(current)
    try:
        yield current
    finally:
        _INVOCATION.reset(token)


@contextmanager
def run(runbook: str, site: str, mode: Mode, *, adopt: bool = False) -> Iterator["Steps"]:
    """Open a run; leaving it ends the run as what happened in it says.

    Raises:
        InvalidInput: the site file, its address plan or the runbook; nothing was touched.
        SiteBusy: another runner holds the site.
    """
    called = _INVOCATION.get() or Invocation()
    with ExitStack() as stack:
        steps = _open(stack, called, runbook, site, Mode(mode), adopt=adopt)
        called.report.append(steps.report)
        try:
            yield steps
        except Interrupted as error:
            steps.end("interrupted", str(error), RunInterrupted())
            raise
        except HopbookError as error:
            steps.end("failed", str(error), RunFailed(reason=str(error)))
            raise
        except Exception as error:
            reason = f"an error in hopbook itself: {type(error).__name__}"
            steps.end("failed", reason, RunFailed(reason=reason))
            raise
        steps.end("completed", "", RunCompleted())


def read_site(site: str, overlay: str | None, needs: Sequence[str], runbook: str) -> Site:
    """The site, checked: its form, its address plan, and what the runbook needs of it.

    Raises:
        InvalidInput: with every problem.
    """
    document = files.read_site_file(site, overlay)
    found = site_of(document)
    problems = check_site(found, document)
    if problems:
        raise InvalidInput(*problems)
    require(found, needs, runbook)
    return found


def inputs_of(site: str, overlay: str | None, found: Site, runbook_text: bytes) -> dict[str, str]:
    """What a run's result depends on, as digests and versions; and where its files were."""
    return {
        "site": str(files.site_path(site).absolute()),
        "overlay": str(Path(overlay).absolute()) if overlay else "",
        "site-digest": digest_of(canonical(to_document(found)).encode()),
        "runbook-digest": digest_of(runbook_text),
        "hopbook": version("hopbook"),
    }


def digest_of(text: bytes) -> str:
    """SHA-256, in hex."""
    return hashlib.sha256(text).hexdigest()


def actor() -> str:
    """Who runs this, as the operating system says."""
    try:
        return f"{getpass.getuser()}@{socket.gethostname()}"
    except (KeyError, OSError):
        return f"uid {os.getuid()}@{socket.gethostname()}"


def open_journal(home: Path, *, create: bool = True) -> tuple[SqlJournal, bytes]:
    """The journal of this home and the key of its digests; without `create` an empty one if there is none."""
    place = home / "journal.db"
    if not create and not place.exists():
        return SqlJournal(":memory:"), secrets.token_bytes(32)
    return SqlJournal(place), digest_key(home / "digest.key")


def resolver() -> Resolver:
    """Secrets by environment, file or Prefect block."""
    return Resolver({"prefect": prefect_secret})


def secret_digester(key: bytes, resolve: Callable[[SecretRef], Any]) -> Callable[[SecretRef], str]:
    """What tells whether a secret is the one that was applied, without keeping it."""
    return lambda ref: str(resolve(ref).digest(key))


def _open(
    stack: ExitStack, called: Invocation, runbook: str, site: str, mode: Mode, *, adopt: bool
) -> "Steps":
    book, text = files.runbook(runbook)
    icp = files.knowledge(book)
    found = called.site or read_site(site, called.overlay, book.needs, runbook)
    secret = resolver().resolve

    def told(_key: Key, text: str) -> None:
        called.watch("said", text)

    if mode is Mode.DRY_RUN or (mode is Mode.TRACE and found.endpoints.nsx is None):
        systems = stack.enter_context(wiring.simulated(found, called.faults, icp, told))
        journal, key = SqlJournal(":memory:"), secrets.token_bytes(32)
        secret = wiring.any_secret
    else:
        systems = stack.enter_context(wiring.real(found, secret, runbook, icp, told))
        journal, key = open_journal(called.home, create=mode.recorded)
    stack.enter_context(journal)
    run_id = called.resume.id if called.resume else orchestrator.flow_run_id() or mint()
    if mode.changes:
        stack.enter_context(journal.lease(found.site, f"run {run_id} of {runbook} by {actor()}"))
    writer = Writer(
        journal=journal,
        stream=found.site,
        run=run_id,
        actor=actor(),
        clock=systems.clock,
        new_id=new_id,
    )
    writer.catch_up()
    runner = Runner(
        providers=systems.providers,
        writer=writer,
        clock=systems.clock,
        instance=book.of or runbook,
        secret_digest=secret_digester(key, secret),
        adopt=adopt,
        stopping=called.stopping,
        watch=called.watch,
    )
    inputs = inputs_of(site, called.overlay, found, text)
    digested = {name: inputs[name] for name in _DIGESTS}
    report = RunReport(site=found.site, runbook=runbook, mode=mode.value, inputs=digested, run=run_id)
    steps = Steps(
        site=found,
        mode=mode,
        runner=runner,
        systems=systems,
        report=report,
        traffics=book.verify if called.traffics is None else called.traffics,
    )
    steps.watch, steps.faults, steps.by_hand = called.watch, called.faults, called.by_hand
    if mode.recorded:
        also = {"adopt": str(adopt).lower(), "of": book.of or ""}
        _begin(writer, called, mode, runbook, found, {**inputs, **also})
    return steps


def _begin(
    writer: Writer, called: Invocation, mode: Mode, runbook: str, site: Site, inputs: dict[str, str]
) -> None:
    document = canonical(to_document(site))
    before = writer.state.runs.get(writer.run)
    if before is not None:  # resumed, or Prefect runs the same flow run again
        if called.resume is None and any(before.inputs[name] != inputs[name] for name in _DIGESTS):
            raise InputsChanged(
                f"what run {writer.run} began with has changed since; "
                f"to go on: hopbook resume {writer.run} --rebase"
            )
        writer.append(RunResumed(rebased=called.rebased, site_document=document, inputs=inputs))
        return
    writer.append(
        RunStarted(
            mode=mode.value,
            runbook=runbook,
            parameters={},
            site_document=document,
            inputs=inputs,
            reason=called.reason,
            ticket=called.ticket,
        )
    )


@dataclass
class Steps:
    """The steps of a run, as its flow takes them."""

    site: Site
    mode: Mode
    runner: Runner
    systems: wiring.Systems
    report: RunReport
    traffics: Sequence[str]
    watch: Watch = _unwatched
    faults: Faults | None = None
    by_hand: bool = False
    _taken: list[Resource] = field(default_factory=list)

    def take(self, make: Callable[[Site], Step]) -> None:
        """Take a step: plan it, and where the mode changes anything carry it out.

        Raises:
            StepNotDone: something is left; the journal and the message say what.
            SystemTrouble: a system could not be read.
        """
        step = make(self.site)
        self._taken += step.resources
        self.watch("step", step)
        if self.faults is not None:
            self.faults.step = step.id
        if self.mode is Mode.TRACE:
            return
        if not self.mode.changes:
            self._only_plan(step)
            return
        entry = StepReport(plan=StepPlan(step=step, changes=()), status="failed")
        self.report.steps.append(entry)
        entry.plan = orchestrator.as_task(step.title, lambda: self._carry_out(step))
        entry.status = "completed"
        self.watch("done", entry)

    def _carry_out(self, step: Step) -> StepPlan:
        plan = self.runner.take(step)
        changed = len(plan.changes)
        orchestrator.say(f"{step.title}: {changed} change{'s' if changed != 1 else ''}")
        return plan

    def _only_plan(self, step: Step) -> None:
        plan = self.runner.plan(step, self._as_it_would_be(self.runner.scope(step)))
        entry = StepReport(plan=plan, status="planned" if plan.changes else "completed")
        self.report.steps.append(entry)
        self.watch("done", entry)

    def observation(self) -> Observation:
        """What is there; in a plan, what would be there."""
        return self._as_it_would_be(self._taken)

    def _as_it_would_be(self, resources: Sequence[Resource]) -> Observation:
        """What is there; in a plan, what the steps so far would have made of it."""
        seen = self.runner.observe(resources)
        if self.mode is not Mode.PLAN:
            return seen
        changes = [change for plan in self.report.plans for change in plan.changes]
        return project(seen, changes, self.runner.traits)

    def verify(self) -> RunReport:
        """Follow the traffic that the runbook promises; the last stage of every runbook.

        Raises:
            VerdictNotMet: a traffic does not pass as promised (not in a plan, which only shows it).
        """
        if self.mode is Mode.DRIFT:
            self._compare()
        orchestrator.as_task("Follow the promised traffic", self._follow)
        results = self.report.results
        unmet = [result for result in results if not result.met]
        if unmet and self.mode.changes:
            told = "\n  ".join(f"{result.traffic}: {result.reason}" for result in unmet)
            raise VerdictNotMet(f"{len(unmet)} of {len(results)} traffics not as promised:\n  {told}")
        return self.report

    def _compare(self) -> None:
        runner, writer = self.runner, self.runner.writer
        found = drift(self.report.plans, self.observation(), runner.known, writer.state, runner.traits)
        self.report.drift = found
        if found.differences:
            writer.append(DriftFound(differences=[item.document() for item in found.differences]))

    def _follow(self) -> None:
        seen = self.observation()
        if any(key.kind == Placement.kind for key in seen.items):  # where machines are known to run
            seen = beside(seen, self.systems.places())
        if self.by_hand:
            seen = beside(seen, written_by_hand(self.site))
        network = network_of(self.site, seen, self.systems, lambda key: self._last_change(key, seen))
        self.report.network = network
        self.report.traffic += verify_traffic(self.site, network, self.traffics)
        self.watch("verified", self.report.traffic)
        orchestrator.publish(f"{self.report.runbook}-verification", as_markdown(self.report))
        if self.mode.changes:
            self.runner.writer.append(*(result.event() for result in self.report.results))

    def _last_change(self, key: Key, seen: Observation) -> str:
        """Which event of ours last changed an object, or that somebody else did since."""
        state = self.runner.writer.state
        owned, live = state.owned.get(str(key)), seen.get(key)
        if owned is None or live is None:
            return ""
        ours = from_document(owned.document)
        moved = type(ours) is type(live.resource) and field_changes(ours, live.resource, live.unreadable)
        return f"by others since {state.last_change(str(key))}" if moved else state.last_change(str(key))

    def end(self, status: str, reason: str, event: RunCompleted | RunFailed | RunInterrupted) -> None:
        """Write how the run ended."""
        self.report.status, self.report.reason = status, reason
        if self.mode.recorded:
            self.runner.writer.append(event)


def mint() -> str:
    """A run's id where Prefect gives none: short enough to type, new enough never to meet another."""
    return f"r-{secrets.token_hex(4)}"


def new_id() -> str:
    """An event's id."""
    return secrets.token_hex(16)


def site_in(document: str) -> Site:
    """The site that a journal's run began with."""
    return Site.model_validate(json.loads(document))
