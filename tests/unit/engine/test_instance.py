"""Whose runs a run is one of."""

import pytest

from hopbook.engine.events import NewEvent, RunStarted
from hopbook.engine.state import fold
from hopbook.testing import FakeClock, MemoryJournal


@pytest.mark.parametrize(("of", "instance"), [("icp-install", "icp-install"), ("", "icp-uninstall")])
def test_a_runbook_may_work_on_what_another_made(of: str, instance: str) -> None:
    journal, now = MemoryJournal(), FakeClock().now()
    started = RunStarted(
        mode="apply", runbook="icp-uninstall", parameters={}, site_document="{}", inputs={"of": of}
    )
    journal.append("s", 0, [NewEvent(id="e", run="r", time=now, actor="me", event=started)])
    assert fold(journal.read("s")).runs["r"].instance == instance
