"""Long commands go on without us, are found again, and are started once."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Barrier

import pytest

from adapters.ssh.supervisor import Begun, Supervisor
from hopbook.engine.change import Outcome, Result, Scope, Submitted
from hopbook.engine.plan import field_changes
from hopbook.resources.base import SecretRef
from hopbook.resources.host import Job, JobState, Variable
from tests.contract.ssh_lab import HOST, SECRET, Lab, create, delete, until, update
from tests.contract.ssh_programs import ECHO, ENVIRONMENT, FAIL, LONG, TOUCH, WHERE, command
from tests.contract.ssh_things import NASTY

INSTALL = Job(host=HOST, job="icp-install", command=command(LONG), directory="/opt")
STARTED = "started\n"


def heard(lab: Lab) -> str:
    return "".join(text for _, text in lab.heard)


class Jobs:
    """The promises about jobs."""

    def test_a_job_runs_to_its_end_and_is_heard(self, lab: Lab) -> None:
        job = replace(INSTALL, command=command(ECHO, "one", NASTY, ""))
        handles: list[Submitted] = []
        (outcome,) = lab.apply(create(job), submitted=handles.append)
        assert outcome == Outcome(key=job.key, result=Result.APPLIED)
        assert handles == [Submitted(job.key, f"job:{HOST}/icp-install")]
        assert heard(lab) == f"one\n{NASTY}\n\n"
        seen = lab.see(job.key)
        assert seen.items[job.key].resource == job
        assert seen.items[job.key].marked
        assert seen.pending == ()

    def test_a_job_runs_where_it_was_told(self, lab: Lab) -> None:
        lab.done(create(replace(INSTALL, command=command(WHERE))))
        assert heard(lab) == "/opt\n"

    def test_a_job_without_its_directory_is_not_started(self, lab: Lab) -> None:
        job = replace(INSTALL, directory="/opt/none")
        (outcome,) = lab.apply(create(job))
        assert outcome.result is Result.REFUSED
        assert "there is no directory /opt/none" in outcome.reason
        assert lab.live(job) is None

    def test_a_secret_reaches_the_job_and_nobody_else(self, lab: Lab) -> None:
        variables = (Variable("GREETING", SecretRef("lab", "admin")),)
        job = replace(INSTALL, command=command(ENVIRONMENT), environment=variables)
        lab.done(create(job))
        seen = lab.see(job.key)
        assert seen.items[job.key].resource == job
        assert SECRET not in repr(seen)
        assert SECRET not in (lab.box.read(f"{lab.base}/jobs/icp-install/spec") or "")
        assert heard(lab) == "…\n"  # it was there, and whoever listens does not see it
        assert lab.provider.job_output(HOST, "icp-install").output.decode() == f"{SECRET}\n"

    def test_a_failed_job_shows_how_it_ended_and_can_be_run_again(self, lab: Lab) -> None:
        job = replace(INSTALL, command=command(FAIL))
        lab.done(create(job))
        live = lab.live(job)
        assert live == replace(job, exit_status=3, said="well | oh no")
        again = replace(job, command=command(ECHO, "fine"))
        lab.done(update(live, again))
        assert lab.live(job) == again

    def test_one_that_must_not_be_repeated_is_not(self, lab: Lab) -> None:
        job = replace(INSTALL, command=command(FAIL), repeatable=False)
        lab.done(create(job))
        live = lab.live(job)
        assert live is not None
        (outcome,) = lab.apply(update(live, job))
        assert outcome.result is Result.REFUSED
        assert "may not simply be run again" in outcome.reason
        assert "icp-install/log" in outcome.reason

    def test_a_program_that_is_not_there_is_told(self, lab: Lab) -> None:
        job = replace(INSTALL, command=("no-such-program", "x"))
        lab.done(create(job))
        live = lab.live(job)
        assert isinstance(live, Job)
        assert live.exit_status == 127
        assert "no-such-program: not found" in live.said

    def test_output_can_be_read_from_anywhere(self, lab: Lab) -> None:
        lab.done(create(replace(INSTALL, command=command(ECHO, "one", "two"))))
        seen = lab.provider.job_output(HOST, "icp-install", 4)
        assert (seen.state, seen.status, seen.output, seen.more) == (JobState.ENDED, 0, b"two\n", False)

    # -- without us ---------------------------------------------------------------------------------

    def test_a_cut_connection_does_not_touch_it(self, lab: Lab) -> None:
        line = lab.line()
        provider = lab.new_provider(lab.new_fleet(dial=line.dial))

        def cut(_handle: Submitted) -> None:
            line.cut()
            lab.box.write("/opt/go", "")

        (outcome,) = lab.apply(create(INSTALL), submitted=cut, provider=provider)
        assert outcome.result is Result.APPLIED
        assert heard(lab) == "one\ntwo\n"
        assert lab.box.read("/opt/starts") == STARTED

    def test_when_nobody_can_look_the_outcome_is_unknown_and_the_job_goes_on(self, lab: Lab) -> None:
        line = lab.line()
        provider = lab.new_provider(lab.new_fleet(dial=line.dial), silence=0.05)

        def cut(_handle: Submitted) -> None:
            line.down = True
            line.cut()

        (outcome,) = lab.apply(create(INSTALL), submitted=cut, provider=provider)
        assert outcome.result is Result.UNKNOWN
        assert "no connection for" in outcome.reason
        seen = lab.see(INSTALL.key)
        assert [item.what for item in seen.pending] == [f"job icp-install on {HOST}"]
        assert [item.lane for item in seen.pending] == [lab.provider.kinds[Job.kind].lane(INSTALL)]
        assert seen.items[INSTALL.key].resource == replace(INSTALL, state=JobState.RUNNING, exit_status=None)
        lab.box.write("/opt/go", "")
        until(lambda: lab.live(INSTALL) == INSTALL)
        assert lab.see(INSTALL.key).pending == ()

    def test_one_that_runs_is_found_and_not_started_twice(self, lab: Lab) -> None:
        supervisor = Supervisor(lab.fleet.client(HOST), lab.base, sleep=lambda _: None)
        lab.done_in_part(INSTALL)
        other = lab.new_provider(lab.new_fleet())
        live = other.observe(Scope(frozenset({INSTALL.key}))).items[INSTALL.key].resource
        assert field_changes(live, INSTALL)
        until(lambda: b"one" in supervisor.read("icp-install").output)
        lab.box.write("/opt/go", "")
        (outcome,) = lab.apply(update(live, INSTALL), provider=other)
        assert outcome.result is Result.APPLIED
        assert heard(lab) == "one\ntwo\n"
        assert lab.box.read("/opt/starts") == STARTED

    @pytest.mark.parametrize("again", [True, False])
    def test_of_many_starts_one_counts(self, lab: Lab, again: bool) -> None:
        clients = [lab.new_fleet().client(HOST) for _ in range(4)]
        together = Barrier(len(clients))

        def start(number: int) -> Begun:
            supervisor = Supervisor(clients[number], lab.base, sleep=lambda _: None)
            together.wait(10)
            return supervisor.start("once", command(LONG), again=again)

        with ThreadPoolExecutor(len(clients)) as pool:
            begun = list(pool.map(start, range(len(clients))))
        assert sorted(item.value for item in begun) == ["found", "found", "found", "started"]
        supervisor = Supervisor(clients[0], lab.base, sleep=lambda _: None)
        until(lambda: supervisor.read("once").output == b"one\n")
        lab.box.write("/opt/go", "")
        assert supervisor.follow("once").status == 0
        assert lab.box.read("/opt/starts") == STARTED

    def test_one_that_was_killed_is_told_from_one_that_ended(self, lab: Lab) -> None:
        lab.done_in_part(INSTALL)
        lab.box.kill_jobs()
        live = lab.live(INSTALL)
        assert live == replace(INSTALL, state=JobState.KILLED, exit_status=None, said="one")
        lab.box.write("/opt/go", "")
        lab.done(update(live, INSTALL))
        assert lab.live(INSTALL) == INSTALL
        assert lab.box.read("/opt/starts") == STARTED * 2

    # -- taking back --------------------------------------------------------------------------------

    def test_a_job_is_taken_back_by_its_own_command(self, lab: Lab) -> None:
        job = replace(INSTALL, command=command(ECHO, "x"), takes_back=command(TOUCH, "/opt/taken-back"))
        lab.done(create(job))
        lab.done(delete(job))
        assert lab.live(job) is None
        assert lab.box.read("/opt/taken-back") == ""
        lab.done(create(job))
        assert lab.live(job) == job

    def test_one_whose_undoing_fails_is_not_undone(self, lab: Lab) -> None:
        job = replace(INSTALL, command=command(ECHO, "x"), takes_back=command(FAIL))
        lab.done(create(job))
        (outcome,) = lab.apply(delete(job))
        assert outcome.result is Result.REFUSED
        assert "oh no" in outcome.reason
        assert lab.live(job) == job

    def test_one_that_runs_is_not_taken_back(self, lab: Lab) -> None:
        lab.done_in_part(INSTALL)
        (outcome,) = lab.apply(delete(INSTALL))
        assert outcome.result is Result.REFUSED
        assert "it is running" in outcome.reason
        lab.box.write("/opt/go", "")
