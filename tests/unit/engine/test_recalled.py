"""What cannot be read of our things is taken for what we last applied; everything else is as it is."""

from dataclasses import replace

from hopbook.engine.change import Observation, Observed
from hopbook.engine.plan import recalled
from hopbook.resources.base import SecretRef
from hopbook.testing import Vault
from tests.unit.engine.lab import Lab, step


def test_only_what_is_unreadable_and_ours_is_recalled() -> None:
    lab = Lab()
    ours = Vault(shelf="a", short="ours", password=SecretRef("env", "CODE"))
    lab.world.secrets[SecretRef("env", "CODE")] = "0000"
    lab.run([step("s", ours)])
    hidden, unread = SecretRef("x", "hidden"), frozenset({"password"})
    masked = Observed(resource=replace(ours, password=hidden, size=7), unreadable=unread)
    theirs = Observed(resource=replace(ours, short="theirs", password=hidden), unreadable=unread)

    found = recalled(Observation(items={ours.key: masked, theirs.resource.key: theirs}), lab.state.owned)

    assert found.items[ours.key].resource == replace(ours, size=7)
    assert found.items[theirs.resource.key] == theirs
