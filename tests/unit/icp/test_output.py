"""The installer's output, whole and in pieces, as it should be and cut."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hopbook.errors import InvalidInput
from hopbook.icp.failures import Failures, Retry, explain, read_failures
from hopbook.icp.output import Ending, Reader, Report
from hopbook.site.document import read_document
from tasks import files

STARS = "*" * 40
GOOD = f"""\
PLAY [Check nodes] {STARS}\r
\r
TASK [check : Validating ports] {STARS}\r
\x1b[0;32mok: [192.168.20.11]\x1b[0m\r
\x1b[0;33mchanged: [192.168.20.21] => (item=8443)\x1b[0m\r
\r
PLAY [Deploy masters] {STARS}\r
\r
TASK [master : Waiting for Tiller to start] {STARS}\r
FAILED - RETRYING: Waiting for Tiller to start (99 retries left).\r
ok: [192.168.20.11]\r
fatal: [192.168.20.21]: FAILED! => {{"changed": false, "msg": "not there yet"}}\r
...ignoring\r
\r
TASK [POST DEPLOY MESSAGE] {STARS}\r
ok: [localhost] => {{\r
    "msg": "UI URL is https://10.95.40.71:8443 , default username/password is admin/admin"\r
}}\r
\r
PLAY RECAP {STARS}\r
192.168.20.11              : ok=171  changed=90   unreachable=0    failed=0   \r
192.168.20.21              : ok=60   changed=30   unreachable=0    failed=0   \r
localhost                  : ok=230  changed=120  unreachable=0    failed=0   \r
\r
Playbook run took 0 days, 1 hours, 12 minutes, 5 seconds\r
"""


@pytest.fixture(scope="module")
def known() -> Failures:
    path = files.RUNBOOKS / "icp/failures.yaml"
    return read_failures(read_document(path.read_bytes(), path.name))


def read(*pieces: str) -> Report:
    reader = Reader()
    for piece in pieces:
        reader.feed(piece)
    return reader.close()


def failing(task: str, line: str) -> str:
    recap = "192.168.20.12 : ok=3 changed=1 unreachable=0 failed=1\n"
    mark = "FATAL ERROR OCCURRED DURING INSTALLATION :-(\n"
    return f"PLAY [Nodes] {STARS}\nTASK [{task}] {STARS}\n{line}\nPLAY RECAP {STARS}\n{recap}{mark}"


def test_a_good_run() -> None:
    report = read(GOOD)
    assert report.clean
    assert report.deployed
    assert set(report.recap) == {"192.168.20.11", "192.168.20.21", "localhost"}
    assert report.recap["192.168.20.11"].counts["changed"] == 90
    assert (report.console, report.minutes) == ("https://10.95.40.71:8443", 72)
    assert report.decisive is None  # the one failure was ignored
    assert [failure.host for failure in report.failures if failure.ignored] == ["192.168.20.21"]
    assert report.ended(0) is Ending.SUCCEEDED


def test_progress_is_told_by_play_and_task() -> None:
    reader = Reader()
    upto = GOOD.index("ok: [192.168.20.11]\r\nfatal")
    progress = reader.feed(GOOD[:upto]).progress
    assert (progress.play, progress.play_name, progress.tasks) == (2, "Deploy masters", 2)
    assert str(progress) == (
        "play 2 (Deploy masters), task 2: master : Waiting for Tiller to start, "
        "waiting: Waiting for Tiller to start (99 more times)"
    )
    assert reader.feed("ok: [192.168.20.11]\r\n").progress.results == 3


@pytest.mark.parametrize(
    ("task", "line", "name", "retry"),
    [
        (
            "check : Validating ports",
            'fatal: [192.168.20.12]: FAILED! => {"changed": false, "msg": "port 8443 is in use"}',
            "ports",
            Retry.MEND,
        ),
        (
            "check : Validating Hostname is resolvable",
            'fatal: [192.168.20.12]: FAILED! => {"msg": "configure your hostname"}',
            "hostname",
            Retry.MEND,
        ),
        (
            "network : Calico Validation - Finding MTU for the detected Interface(s)",
            "fatal: [192.168.20.12]: FAILED! => {}",
            "calico-mtu",
            Retry.MEND,
        ),
        (
            "addon : Waiting for auth-pdp to start",
            "fatal: [192.168.20.12]: FAILED! => {}",
            "auth-pdp",
            Retry.CLEAN,
        ),
        (
            "addon : Waiting for management-ingress to start",
            "fatal: [192.168.20.12 -> 192.168.20.11]: FAILED! => {}",
            "management-ingress",
            Retry.MEND,
        ),
        (
            "Gathering Facts",
            'fatal: [192.168.20.12]: UNREACHABLE! => {"msg": "Failed to connect to the host via ssh: x"}',
            "unreachable",
            Retry.MEND,
        ),
        (
            "docker : Pulling images",
            'failed: [192.168.20.12] (item=x) => {"msg": "Get https://registry-1.docker.io/: timeout"}',
            "registry",
            Retry.MEND,
        ),
        ("check : Creating the lock file", "fatal: [192.168.20.12]: FAILED! => {}", "lock-file", Retry.CLEAN),
        (
            "docker : Loading images",
            'fatal: [192.168.20.12]: FAILED! => {"msg": "write: no space left on device"}',
            "disk-full",
            Retry.MEND,
        ),
    ],
)
def test_a_known_failure_is_explained(task: str, line: str, name: str, retry: Retry, known: Failures) -> None:
    report = read(failing(task, line))
    assert report.ended(2) is Ending.FAILED
    why = explain(report, 2, known)
    assert why is not None
    assert (why.known, why.retry) == (name, retry)
    assert f"task [{task}] failed on 192.168.20.12" in why.text
    entry = next(each for each in known.failures if each.id == name)
    assert entry.do in why.text


def test_an_unknown_failure_says_what_the_host_said(known: Failures) -> None:
    line = 'fatal: [192.168.20.12]: FAILED! => {"changed": false, "msg": "the \\"frobnicator\\"\\n broke"}'
    why = explain(read(failing("x : Frobnicate", line)), 2, known)
    assert why is not None
    assert why.text.startswith('task [x : Frobnicate] failed on 192.168.20.12 (the "frobnicator" broke)')
    assert (why.known, why.retry) == ("", Retry.MEND)


def test_a_host_that_only_the_recap_calls_unreachable(known: Failures) -> None:
    text = GOOD.replace("ok=60   changed=30   unreachable=0", "ok=0 changed=0 unreachable=1")
    report = read(text)
    assert report.unreachable == ("192.168.20.21",)
    why = explain(report, 2, known)
    assert why is not None
    assert why.known == "unreachable"
    assert why.text.startswith("192.168.20.21 could not be reached")


@pytest.mark.parametrize(
    ("text", "status", "ending", "retry"),
    [
        (GOOD, 0, Ending.SUCCEEDED, None),
        (GOOD[:200], None, Ending.KILLED, Retry.CLEAN),
        (GOOD[:200], 137, Ending.KILLED, Retry.CLEAN),
        (GOOD[: GOOD.index("PLAY RECAP")], 0, Ending.TRUNCATED, Retry.AGAIN),
        (GOOD[: GOOD.index("PLAY RECAP")], 2, Ending.FAILED, Retry.MEND),
        (GOOD.replace("failed=0", "failed=1", 1), 0, Ending.FAILED, Retry.MEND),
        ("", 0, Ending.TRUNCATED, Retry.AGAIN),
        ("", None, Ending.KILLED, Retry.CLEAN),
        ("", 2, Ending.FAILED, Retry.MEND),
        (GOOD + "FATAL ERROR OCCURRED DURING INSTALLATION :-(\n", 0, Ending.FAILED, Retry.MEND),
    ],
)
def test_how_it_ended(
    text: str, status: int | None, ending: Ending, retry: Retry | None, known: Failures
) -> None:
    report = read(text)
    assert report.ended(status) is ending
    why = explain(report, status, known)
    assert (why.retry if why else None) is retry


def test_a_recap_line_outside_a_recap_is_none() -> None:
    assert read("192.168.20.11 : ok=1 changed=0 unreachable=0 failed=0\n").recap == {}


def test_a_long_line_is_cut_and_harmless() -> None:
    said = read(failing("x", 'fatal: [192.168.20.12]: FAILED! => {"msg": "' + "y" * 100_000 + '"}')).failures
    assert len(said[0].said) <= 300


@settings(max_examples=60)
@given(st.lists(st.integers(0, len(GOOD)), max_size=12), st.sampled_from(["\r\n", "\n"]))
def test_any_cutting_gives_the_same(cuts: list[int], newline: str) -> None:
    text = GOOD.replace("\r\n", newline)
    ends = sorted({0, len(text), *(min(cut, len(text)) for cut in cuts)})
    pieces = [text[start:end] for start, end in pairwise(ends)]
    assert read(*pieces) == read(text)


NOISE = st.text(
    alphabet=st.sampled_from('PLAYTSK RECAP[]*:=>\n\r\x1b[0m;ok=1fatal: FAILED!{}"\\'), max_size=300
)


@settings(max_examples=80)
@given(
    st.lists(
        st.one_of(NOISE, st.text(max_size=80), st.sampled_from(GOOD.splitlines(keepends=True))), max_size=8
    )
)
def test_any_text_is_read(pieces: list[str]) -> None:
    report = read(*pieces)
    assert report == read("".join(pieces))
    assert report.ended(0) in Ending


def test_the_failures_are_held_to_their_form() -> None:
    text = (files.RUNBOOKS / "icp/failures.yaml").read_text()
    broken = read_document(text.replace("|Calico Validation", "|(", 1), "f.yaml")
    with pytest.raises(InvalidInput, match=r"f\.yaml:\d+ .*no regular expression"):
        read_failures(broken)
