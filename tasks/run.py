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
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from pathlib import Path
from types import MappingProxyType
from typing import Any

from adapters import wiring
from adapters.journal import SqlJournal
from adapters.secrets import Resolver, digest_key
from adapters.simulated.faults import Faults
from hopbook.check import problems_of
from hopbook.engine import gates
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
from hopbook.engine.plan import Step, StepPlan, field_changes, recalled
from hopbook.engine.runner import Runner
from hopbook.engine.state import RunState, RunStatus, instance_of
from hopbook.engine.writer import Writer
from hopbook.errors import (
    GateRefused,
    HopbookError,
    InputsChanged,
    Interrupted,
    InvalidInput,
    VerdictNotMet,
    Waiting,
)
from hopbook.network.observed import beside
from hopbook.resources.base import Key, Resource, SecretRef, from_document
from hopbook.resources.vsphere import Placement
from hopbook.runbook import parameters_of
from hopbook.site.load import site_of, to_document
from hopbook.site.model import Site
from hopbook.site.needs import require
from hopbook.steps.vpn import vpns
from hopbook.vpn.keys import KeyTable
from tasks import files, orchestrator
from tasks.blocks import prefect_secret
from tasks.gates import Gatekeeper
from tasks.modes import Mode
from tasks.report import GateReport, RunReport, StepReport, as_markdown
from tasks.taking_back import TakingBack, Undoing
from tasks.verification import given_part, network_of, verify_traffic, written_by_hand

Watch = Callable[[str, object], None]
_DIGESTS = ("site-digest", "runbook-digest")
_NONE: Mapping[str, str] = MappingProxyType({})


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
        answer: What somebody outside says at every gate of a rehearsal.
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
    answer: gates.Rehearsed = gates.Rehearsed.APPROVE
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
def run(
    runbook: str, site: str, mode: Mode, *, adopt: bool = False, parameters: Mapping[str, str] = _NONE
) -> Iterator["Steps"]:
    """Open a run; leaving it ends the run as what happened in it says.

    A parameter that is empty has its default; `Steps.parameters` has the values of all.

    Raises:
        InvalidInput: the site file, its address plan, the runbook or a parameter; nothing was touched.
        SiteBusy: another runner holds the site.
        Waiting: a run of the same instance waits at a gate, or this one does by now.
        GateRefused: somebody outside said no, and what the run did was taken back.
    """
    called = _INVOCATION.get() or Invocation()
    with ExitStack() as stack:
        steps = _open(stack, called, runbook, site, Mode(mode), parameters, adopt=adopt)
        called.report.append(steps.report)
        try:
            try:
                steps.see_that_nobody_refused()
                yield steps
            except GateRefused:
                steps.take_back()
                raise
        except Waiting as error:
            steps.report.status, steps.report.reason = "waiting", str(error)
            raise
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
    problems = problems_of(found, document, files.vpn_keys())
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
    stack: ExitStack,
    called: Invocation,
    runbook: str,
    site: str,
    mode: Mode,
    given: Mapping[str, str],
    *,
    adopt: bool,
) -> "Steps":
    book, text = files.runbook(runbook)
    icp = files.knowledge(book)
    found = called.site or read_site(site, called.overlay, book.needs, runbook)
    parameters = parameters_of(book, given, found)
    instance = instance_of(book.of or runbook, parameters)
    secret = resolver().resolve

    def told(_key: Key, text: str) -> None:
        called.watch("said", text)

    if mode is Mode.DRY_RUN or (mode is Mode.TRACE and found.endpoints.nsx is None):
        systems = stack.enter_context(
            wiring.simulated(found, called.faults, icp, told, given_part(found, book), vpn_keys(found))
        )
        journal, key = SqlJournal(":memory:"), secrets.token_bytes(32)
        secret = wiring.any_secret
    else:
        systems = stack.enter_context(wiring.real(found, secret, runbook, icp, told, vpn_keys(found)))
        journal, key = open_journal(called.home, create=mode.recorded)
    stack.enter_context(journal)
    run_id = called.resume.id if called.resume else orchestrator.flow_run_id() or mint()
    if mode.changes:
        stack.enter_context(
            journal.lease(found.site, f"run {run_id} of {instance_of(runbook, parameters)} by {actor()}")
        )
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
        instance=instance,
        secret_digest=secret_digester(key, secret),
        adopt=adopt,
        stopping=called.stopping,
        watch=called.watch,
    )
    inputs = inputs_of(site, called.overlay, found, text)
    digested = {name: inputs[name] for name in _DIGESTS}
    report = RunReport(
        site=found.site,
        runbook=runbook,
        mode=mode.value,
        inputs=digested,
        parameters=parameters,
        run=run_id,
    )
    steps = Steps(
        site=found,
        parameters=parameters,
        mode=mode,
        runner=runner,
        gatekeeper=Gatekeeper(mode, runner, systems.world, called.answer, book.patience),
        systems=systems,
        report=report,
        traffics=book.verify if called.traffics is None else called.traffics,
    )
    steps.watch, steps.faults, steps.by_hand = called.watch, called.faults, called.by_hand
    if mode.recorded:
        also = {"adopt": str(adopt).lower(), "of": book.of or ""}
        _begin(writer, called, report, found, {**inputs, **also})
    return steps


def vpn_keys(site: Site) -> KeyTable | None:
    """The keys of strongSwan's chart, where the site has VPNs."""
    return files.vpn_keys() if any(vpns(site)) else None


def _begin(writer: Writer, called: Invocation, report: RunReport, site: Site, inputs: dict[str, str]) -> None:
    document = canonical(to_document(site))
    before = writer.state.runs.get(writer.run)
    if before is not None:  # resumed, or Prefect runs the same flow run again
        same = report.parameters == before.started.parameters
        same = same and all(before.inputs[name] == inputs[name] for name in _DIGESTS)
        if called.resume is None and not same:
            raise InputsChanged(
                f"what run {writer.run} began with has changed since; "
                f"to go on: hopbook resume {writer.run} --rebase"
            )
        writer.append(RunResumed(rebased=called.rebased, site_document=document, inputs=inputs))
        return
    if report.mode == Mode.APPLY:
        _nobody_waits(writer, instance_of(inputs["of"] or report.runbook, report.parameters))
    writer.append(
        RunStarted(
            mode=report.mode,
            runbook=report.runbook,
            parameters=dict(report.parameters),
            site_document=document,
            inputs=inputs,
            reason=called.reason,
            ticket=called.ticket,
        )
    )


def _nobody_waits(writer: Writer, instance: str) -> None:
    """See that no earlier apply of the instance stands at a gate: its answer would find another run there."""
    for run in writer.state.runs.values():
        gate = run.held_by
        if gate is not None and (run.instance, run.started.mode) == (instance, Mode.APPLY):
            how = f"was {gate.words()}" if gate.refused else f"is asked for (hopbook show {run.id})"
            raise Waiting(
                f"run {run.id} of {instance} waits: gate {gate.request.gate} {how}; "
                f"go on with it: hopbook resume {run.id}, or take it back: hopbook undo {run.id}"
            )


@dataclass
class Steps:
    """The steps of a run, as its flow takes them."""

    site: Site
    mode: Mode
    runner: Runner
    gatekeeper: Gatekeeper
    systems: wiring.Systems
    report: RunReport
    traffics: Sequence[str]
    parameters: Mapping[str, str] = field(default_factory=dict)
    watch: Watch = _unwatched
    faults: Faults | None = None
    by_hand: bool = False
    _taken: list[Resource] = field(default_factory=list)
    _looked: list[Key] = field(default_factory=list)

    def look(self, *keys: Key) -> Observation:
        """What is there where the keys are: for a flow whose steps are made from live facts.

        In a plan it is what would be there. It holds all that the provider reads with a key (every node of a
        cluster), and may hold more. The traffic at the end is followed through what was looked at, too.

        Raises:
            InvalidInput: the site names no system that has such things.
            SystemTrouble: a system could not be read.
        """
        if unknown := {key.kind for key in keys} - self.runner.traits.keys():
            systems = " and ".join(sorted({f"`endpoints.{kind.partition('.')[0]}`" for kind in unknown}))
            message = (
                f"no system of this run has {', '.join(sorted(unknown))}; expected {systems} in the site file"
            )
            raise InvalidInput(message)  # nothing there is something else than nobody asked
        self._looked += keys
        return self._as_it_would_be(keys)

    def take(self, wanted: Step | Callable[[Site], Step]) -> None:
        """Take a step, made or to be made: plan it, and where the mode changes anything carry it out.

        Raises:
            StepNotDone: something is left; the journal and the message say what.
            SystemTrouble: a system could not be read.
        """
        step = wanted if isinstance(wanted, Step) else wanted(self.site)
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

    def gate(self, gate: gates.Gate) -> None:
        """Go on only with the approval of somebody outside.

        A plan goes on as if it were given, a rehearsal gives its own answer, and whatever only looks takes
        things as they are.

        Raises:
            Waiting: there is no answer yet; the request is in the journal and in the message.
            GateRefused: the answer is no.
        """
        entry = GateReport(gate)
        self.report.gates.append(entry)
        try:
            self.gatekeeper.meet(entry)
        finally:
            self.watch("gate", entry)

    def see_that_nobody_refused(self) -> None:
        """A run that was refused is only taken back, however often it is resumed.

        Raises:
            GateRefused: one of its gates was refused.
        """
        run = self.runner.writer.state.runs.get(self.runner.writer.run)
        if run is not None and run.refusal is not None:
            raise GateRefused(gates.refused(run.refusal))

    def take_back(self) -> None:
        """Take back what the run did, in a run of its own; one that was cut off goes on.

        Raises:
            NotUndoable: something was changed after the run.
            StepNotDone: something is left.
        """
        writer = self.runner.writer
        undos = (run for run in writer.state.runs.values() if run.started.undoes == writer.run)
        cut = next((run for run in undos if run.status is not RunStatus.COMPLETED), None)
        asked = Undoing(run=writer.run, resume=cut, id=cut.id if cut else mint())
        asked.watch, asked.stopping, asked.reason = self.watch, self.runner.stopping, "it was refused"
        undo = replace(writer, run=asked.id)  # the same journal and state, another run
        TakingBack(asked, replace(self.runner, writer=undo, _wanted={})).go()
        self.report.undone = asked.id if asked.status == "completed" else ""

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
        """What is there, with what gates granted; in a plan, what would be there."""
        return self._as_it_would_be(self._taken)

    def _as_it_would_be(self, resources: Sequence[Resource | Key]) -> Observation:
        """What is there; in a plan, what the steps so far would have made of it."""
        seen = self.runner.observe(resources)
        if self.mode is Mode.PLAN:
            changes = [change for plan in self.report.plans for change in plan.changes]
            seen = project(seen, changes, self.runner.traits)
        return seen.merged(self.gatekeeper.declared())

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
        seen = self._as_it_would_be([*self._taken, *self._looked])
        seen = recalled(seen, self.runner.writer.state.owned)
        if self.systems.world is not None:
            seen = beside(seen, self._without_provider(self.systems.world.written))
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

    def _without_provider(self, written: Observation) -> Observation:
        """What only the simulated site can say: no provider of this run reads it."""
        known = self.runner.traits
        return Observation(items={key: item for key, item in written.items.items() if key.kind not in known})

    def stand_on(self, runbook: str, make: Callable[["Steps"], None]) -> None:
        """In a rehearsal, what an earlier runbook makes and this one stands on; else it is there already."""
        if self.mode is not Mode.DRY_RUN or self.systems.world is None:
            return
        unseen = RunReport(site=self.site.site, runbook=runbook, mode=self.mode.value, inputs={})
        runner = replace(self.runner, instance=runbook, watch=_unwatched, _wanted={})
        make(
            replace(self, runner=runner, report=unseen, watch=_unwatched, faults=None, _taken=[], _looked=[])
        )
        self.systems.world.lay()
        self.runner.forget()

    def _last_change(self, key: Key, seen: Observation) -> str:
        """Which event of ours last changed an object, or that somebody else did since."""
        state = self.runner.writer.state
        owned, live = state.owned.get(str(key)), seen.get(key)
        if live is not None and live.declared:
            gate = gates.granted(state).get(key)
            return f"run {gate.run} #{gate.position}" if gate is not None else ""
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
