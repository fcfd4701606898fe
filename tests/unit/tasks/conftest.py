"""A toy site under `tasks.run`: a runbook of the test's own, run as a flow would run it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from adapters import wiring
from hopbook.engine.events import Event
from hopbook.engine.state import RunState, SiteState
from hopbook.testing import ToyProvider, World
from tasks import files
from tasks.modes import Mode
from tasks.record import state_of
from tasks.report import RunReport
from tasks.run import Invocation, Steps, invocation, open_journal, run

RUNBOOK = """
runbook: toys
title: Toys on shelves
description: A runbook of the tests.
cites: [S1]
patience: 14
parameters:
  cluster: {description: the cluster, of: iks}
"""


@dataclass
class House:
    """What outlives a run: the toys, the journal, and what the next caller says."""

    home: Path
    world: World = field(default_factory=World)
    said: list[tuple[str, object]] = field(default_factory=list)

    def run(
        self,
        body: Callable[[Steps], object],
        mode: Mode = Mode.APPLY,
        *,
        called: Invocation | None = None,
        parameters: Mapping[str, str] | None = None,
    ) -> RunReport:
        called = called or self.invocation()
        with invocation(called), run("toys", "example", mode, parameters=parameters or {}) as steps:
            body(steps)
        return called.report[0]

    def invocation(self, **more: object) -> Invocation:
        return Invocation(home=self.home, watch=lambda *news: self.said.append(news), **more)  # type: ignore[arg-type]

    @property
    def state(self) -> SiteState:
        with open_journal(self.home)[0] as journal:
            return state_of(journal, "example")

    @property
    def events(self) -> list[Event]:
        with open_journal(self.home)[0] as journal:
            return [item.event for item in journal.read("example")]

    @property
    def last(self) -> RunState:
        return list(self.state.runs.values())[-1]


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> House:
    """A site that nobody touched."""
    made = House(tmp_path / "home")
    (tmp_path / "toys.yaml").write_text(RUNBOOK)
    monkeypatch.setattr(files, "RUNBOOKS", tmp_path)

    def systems(*_arguments: object) -> wiring.Systems:
        return wiring.Systems(providers=(ToyProvider(made.world),), clock=made.world.clock)

    monkeypatch.setattr(wiring, "real", systems)
    monkeypatch.setattr(wiring, "simulated", systems)
    return made
