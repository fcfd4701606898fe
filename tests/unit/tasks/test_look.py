"""Steps made from live facts: what changed under them is drift, and running again mends it."""

import pytest

from hopbook.engine.drift import Cause
from hopbook.engine.plan import Step
from hopbook.errors import InvalidInput
from hopbook.resources.base import Key
from hopbook.testing import Box, Peg
from tasks.modes import Mode
from tasks.run import Steps
from tests.unit.tasks.conftest import House

WORKERS = Key(Peg.kind, "cluster/any")


def worker(name: str) -> Peg:
    return Peg(shelf="cluster", short=name)


def neighbours(steps: Steps) -> None:
    """One box a worker: what a runbook does that peers with every worker."""
    live = steps.look(WORKERS)
    workers = sorted(key.name for key in live.items if key.kind == Peg.kind)
    boxes = (Box(shelf="edge", short=name.replace("/", "-"), label=name) for name in workers)
    steps.take(Step("neighbours", "Peer with every worker", "S8", tuple(boxes)))


def compared(steps: Steps) -> None:
    neighbours(steps)
    steps.verify()


def boxes(house: House) -> list[str]:
    return sorted(thing.resource.short for thing in house.world.things if isinstance(thing.resource, Box))


def test_a_worker_that_came_or_went_is_drift_and_mended_by_running_again(house: House) -> None:
    one, two, three = worker("one"), worker("two"), worker("three")
    house.world.put(one)
    house.world.put(two)
    house.run(neighbours)
    assert boxes(house) == ["cluster-one", "cluster-two"]

    house.world.things.remove(next(thing for thing in house.world.things if thing.resource.key == two.key))
    house.world.put(three)
    drifted = house.run(compared, Mode.DRIFT).drift
    planned = house.run(neighbours, Mode.PLAN)
    house.run(neighbours)
    again = house.run(neighbours, Mode.PLAN)

    assert drifted is not None
    assert [(str(item.key), item.cause) for item in drifted.differences] == [
        ("toy.box:edge/cluster-three", Cause.NEVER),
        ("toy.box:edge/cluster-two", Cause.DECLARED),
    ]
    assert planned.changes == {"create": 1, "delete": 1}
    assert boxes(house) == ["cluster-one", "cluster-three"]
    assert again.changes == {}


def test_in_a_plan_what_would_be_there_is_seen(house: House) -> None:
    seen: list[set[Key]] = []

    def body(steps: Steps) -> None:
        steps.take(Step("workers", "Add a worker", "S8", (worker("one"),)))
        seen.append(set(steps.look(WORKERS).items))

    house.run(body, Mode.PLAN)
    assert house.world.things == []

    house.run(body, Mode.APPLY)
    assert seen == [{worker("one").key}, {worker("one").key}]


def test_a_kind_that_nobody_can_read_is_not_taken_for_nothing_there(house: House) -> None:
    told = r"no system of this run has toy\.gone; expected `endpoints\.toy` in the site file"
    with pytest.raises(InvalidInput, match=told):
        house.run(lambda steps: steps.look(Key("toy.gone", "a/b")), Mode.PLAN)
