"""What a look at the system says of a change that nobody answered for."""

from dataclasses import replace
from datetime import timedelta

import pytest

from hopbook.engine.change import Action, Observation, Observed
from hopbook.engine.events import ChangeApplied, ChangeIntended
from hopbook.engine.runs import ChangeState, Life
from hopbook.engine.settle import settled
from hopbook.resources.base import SecretRef, to_document
from hopbook.testing import Box, FakeClock, Knob, Peg, Toy, Vault

BOX = Box(shelf="a", short="b", label="l")
KNOB = Knob(shelf="a", short="k")
PEG = Peg(shelf="a", short="p")
VAULT = Vault(shelf="a", short="v", password=SecretRef("env", "A"))
HIDDEN = replace(VAULT, password=None)
NOW = FakeClock().now()


def judged(
    action: Action,
    before: Toy | None,
    after: Toy | None,
    fields: list[str],
    live: Observed | None,
    late: bool,
    busy: bool = False,
) -> str:
    subject = after or before
    assert subject
    intent = ChangeIntended(
        change="c",
        step="s",
        action=action.value,
        key=str(subject.key),
        before=to_document(before) if before else None,
        after=to_document(after) if after else None,
        fields=fields,
        timeout=60,
    )
    doubt = ChangeState(intent=intent, run="r", position=1, time=NOW, life=Life(NOW))
    found = settled(
        doubt,
        Observation(items={subject.key: live} if live else {}),
        NOW + timedelta(seconds=60 if late else 59),
        marker=subject.kind == Box.kind,
        busy=busy,
    )
    if found is None:
        return "wait"
    assert found.settled
    return "applied" if isinstance(found, ChangeApplied) else "refused"


def seen(resource: Toy, *, marked: bool = False, unreadable: str = "", at_default: bool = False) -> Observed:
    return Observed(
        resource=resource, marked=marked, unreadable=frozenset(unreadable.split()), at_default=at_default
    )


# What was to be done, what is seen, and what follows before and after the deadline of the call.
CASES = {
    "made": (Action.CREATE, None, BOX, ["size"], seen(BOX, marked=True), "applied", "applied"),
    "made otherwise": (
        Action.CREATE,
        None,
        BOX,
        ["size"],
        seen(replace(BOX, size=2), marked=True),
        "applied",
        "applied",
    ),
    "not made": (Action.CREATE, None, BOX, ["size"], None, "wait", "refused"),
    "made by somebody else": (
        Action.CREATE,
        None,
        PEG,
        ["size"],
        seen(replace(PEG, size=2)),
        "wait",
        "refused",
    ),
    "made, with a password": (
        Action.CREATE,
        None,
        VAULT,
        ["size", "password"],
        seen(HIDDEN, unreadable="password"),
        "applied",
        "applied",
    ),
    "changed": (
        Action.UPDATE,
        BOX,
        replace(BOX, size=2),
        ["size"],
        seen(replace(BOX, size=2), marked=True),
        "applied",
        "applied",
    ),
    "changed, and something else by others": (
        Action.UPDATE,
        BOX,
        replace(BOX, size=2),
        ["size"],
        seen(replace(BOX, size=2, note="n"), marked=True),
        "applied",
        "applied",
    ),
    "not changed": (
        Action.UPDATE,
        BOX,
        replace(BOX, size=2),
        ["size"],
        seen(BOX, marked=True),
        "wait",
        "refused",
    ),
    "a password changed": (
        Action.UPDATE,
        HIDDEN,
        VAULT,
        ["password"],
        seen(HIDDEN, unreadable="password"),
        "wait",
        "refused",
    ),
    "moved": (Action.UPDATE, BOX, BOX, ["place"], seen(BOX, marked=True), "wait", "refused"),
    "marked anew": (Action.UPDATE, BOX, BOX, ["marker"], seen(BOX, marked=True), "applied", "applied"),
    "not marked anew": (Action.UPDATE, BOX, BOX, ["marker"], seen(BOX), "wait", "refused"),
    "taken over": (Action.ADOPT, BOX, BOX, [], seen(BOX, marked=True), "applied", "applied"),
    "not taken over": (Action.ADOPT, BOX, BOX, [], None, "wait", "refused"),
    "not taken over, under our name": (Action.ADOPT, BOX, BOX, [], seen(BOX), "wait", "refused"),
    "taken over without a trace": (Action.ADOPT, PEG, PEG, [], seen(PEG), "wait", "applied"),
    "deleted": (Action.DELETE, BOX, None, [], None, "applied", "applied"),
    "not deleted": (Action.DELETE, BOX, None, [], seen(BOX, marked=True), "wait", "refused"),
    "a setting as delivered": (
        Action.DELETE,
        KNOB,
        None,
        [],
        seen(KNOB, at_default=True),
        "applied",
        "applied",
    ),
    "given back": (Action.RELEASE, BOX, BOX, [], None, "applied", "applied"),
    "not given back": (Action.RELEASE, BOX, BOX, [], seen(BOX, marked=True), "wait", "refused"),
    "given back, without a marker": (
        Action.RELEASE,
        replace(PEG, size=2),
        PEG,
        ["size"],
        seen(PEG),
        "applied",
        "applied",
    ),
    "not given back, without a marker": (
        Action.RELEASE,
        replace(PEG, size=2),
        PEG,
        ["size"],
        seen(replace(PEG, size=2)),
        "wait",
        "refused",
    ),
    "given back without a trace": (Action.RELEASE, PEG, PEG, [], seen(PEG), "wait", "applied"),
}


@pytest.mark.parametrize("name", CASES)
def test_a_doubt_is_judged(name: str) -> None:
    action, before, after, fields, live, early, late = CASES[name]

    assert judged(action, before, after, fields, live, late=False) == early
    assert judged(action, before, after, fields, live, late=True) == late
    assert judged(action, before, after, fields, live, late=True, busy=True) == "wait"
