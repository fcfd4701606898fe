"""No argument of a script is anything but an argument, and no script is taken for another."""

import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.ssh import scripts

texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=12)


@settings(max_examples=100)
@given(arguments=st.lists(texts, max_size=4))
def test_arguments_are_read_back_as_they_were(arguments: list[str]) -> None:
    text = scripts.EDIT.text(arguments)
    assert scripts.EDIT.arguments(text) == tuple(arguments)
    assert [script.name for script in scripts.EVERY if script.arguments(text) is not None] == ["edit"]


@pytest.mark.parametrize(
    "nasty",
    ["$(exit 9)", "`exit 9`", "'; exit 9; '", '"; exit 9; "', "\n exit 9\n", "-n", "a\\", "é…", "#!{}"],
)
def test_a_shell_reads_them_so_too(nasty: str) -> None:
    script = scripts.Script(
        "say", 'main() { printf "%s|" "$@"; }\n{ main "$@" </dev/null; }\n', changing=False
    )
    told = subprocess.run(
        ["/bin/sh", "-s"],
        input=script.text([nasty, "", nasty]).encode(),
        capture_output=True,
        check=True,
    )
    assert told.stdout.decode() == f"{nasty}||{nasty}|"


def test_a_nul_is_refused_before_anything_is_sent() -> None:
    with pytest.raises(ValueError, match="edit: an argument holds a NUL"):
        scripts.EDIT.text(["a\0b"])


@pytest.mark.parametrize("script", scripts.EVERY, ids=lambda script: script.name)
def test_a_script_that_arrives_in_part_runs_nothing(script: scripts.Script) -> None:
    """Nothing runs before the last character, the newline behind the closing brace, but one."""
    text = script.text(["/nowhere"])
    assert text.endswith('{ main "$@" </dev/null; }\n')
    told = subprocess.run(["/bin/sh", "-s"], input=text[:-3].encode(), capture_output=True, check=False)
    assert told.returncode != 0
    assert told.stdout == b""
    assert b"yntax error" in told.stderr


@pytest.mark.parametrize("job", [scripts.LOAD, scripts.FETCH], ids=lambda job: job.name)
def test_a_job_is_known_by_its_command(job: scripts.JobScript) -> None:
    command = job.command("/opt/a b", "c")
    assert job.arguments(command) == ("/opt/a b", "c")
    assert job.arguments(("/bin/sh", "-c", "true", "x")) is None
