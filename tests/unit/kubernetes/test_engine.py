"""Clusters under the engine: plan, apply, nothing left, undo to what was there."""

from collections.abc import Iterator
from itertools import count

import pytest

from adapters.journal import SqlJournal
from adapters.kubernetes.simulator import NEW, OLD
from adapters.wiring import VirtualClock
from hopbook.engine.events import RunStarted
from hopbook.engine.plan import Step
from hopbook.engine.runner import Runner
from hopbook.engine.writer import Writer
from hopbook.errors import StepNotDone
from hopbook.resources.base import Resource
from tests.contract.kubernetes_lab import (
    BY_EDGE,
    CALICO,
    MAPPED,
    ONLINK,
    ORDERS,
    PEER,
    REMOTE,
    Lab,
    lab_at,
)


class Bench:
    """A cluster and a journal, and one run after another."""

    def __init__(self, kube: Lab) -> None:
        self.kube, self.journal, self.clock = kube, SqlJournal(":memory:"), VirtualClock()
        self._ids, self._runs = count(), count(1)

    def runner(self, *, adopt: bool = False) -> Runner:
        run = f"r-{next(self._runs)}"
        writer = Writer(self.journal, "site", run, "test", self.clock, lambda: f"{next(self._ids):032}")
        writer.catch_up()
        writer.append(RunStarted(mode="apply", runbook="b", parameters={}, site_document="", inputs={}))
        return Runner(
            providers=(self.kube.provider,),
            writer=writer,
            clock=self.clock,
            instance="b",
            secret_digest=lambda _ref: "",
            adopt=adopt,
        )


@pytest.fixture(params=[OLD, NEW], ids=["old", "new"])
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    made = Bench(lab_at(request.param))
    yield made
    made.journal.close()


def step(*resources: Resource) -> Step:
    return Step("join", "Join", "S7", resources)


def test_a_step_is_made_once_and_given_up_when_it_wants_nothing(bench: Bench) -> None:
    before = bench.kube.dump()
    wanted = step(ONLINK, PEER, BY_EDGE, REMOTE, ORDERS, MAPPED)

    assert len(bench.runner().take(wanted).changes) == 6
    assert bench.runner().take(wanted).changes == ()

    assert len(bench.runner().take(step()).changes) == 6
    assert bench.kube.dump() == before


def test_without_calico_s_data_the_product_s_own_ways_are_seen_and_changes_say_why(bench: Bench) -> None:
    known = bench.kube.cluster._kinds
    bench.kube.cluster._kinds = {place: kind for place, kind in known.items() if "crd." not in place[0]}
    seen = bench.kube.see()
    assert seen.items[CALICO.key].resource == CALICO
    assert seen.items[CALICO.key].at_default
    with pytest.raises(StepNotDone, match="only with the Kubernetes datastore, not with etcd"):
        bench.runner().take(step(PEER))


@pytest.mark.parametrize("fault", ["lost", "late", "timeout", "garbage", "500", "busy*2"])
def test_a_step_ends_well_whatever_becomes_of_an_answer(bench: Bench, fault: str) -> None:
    bench.kube.trouble.arm(fault)
    bench.runner().take(step(PEER, ORDERS))
    assert bench.kube.holds(PEER)
    assert bench.kube.holds(ORDERS)
    assert bench.runner().take(step(PEER, ORDERS)).changes == ()


def test_a_route_whose_pods_do_not_start_fails_the_step_and_names_what_is_missing(bench: Bench) -> None:
    bench.kube.cluster.controllers.stuck.add("worker-2")
    with pytest.raises(StepNotDone, match="no pod of it is ready on worker-2"):
        bench.runner().take(step(ONLINK))
    bench.kube.cluster.controllers.stuck.clear()
    bench.runner().take(step(ONLINK))
    assert bench.kube.holds(ONLINK)
    bench.runner().take(step())
    assert ONLINK.key not in bench.kube.see().items
