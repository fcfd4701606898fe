"""The repository says nothing about the machine that it was written on, and its two commands are true."""

import os
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SET_UP = ["make demo", "make test"]

# Each pattern is written so that it does not match itself.
MACHINE_PATH = re.compile(
    r"(?<![\w.~$)}-])/(?:(?:home|Users)/\w|root/|work/(?:main|shared)|tmp/\w|opt/(?:pypi|wheels))"
)
INDEX_ADDRESS = re.compile(
    r"[p]ypi\.(?:org|python)|[p]ythonhosted\.|/[s]imple/|(?<!no-emit-)[i]ndex-url|[f]ind-links", re.IGNORECASE
)


def _files() -> list[Path]:
    """Give what is, or would be, committed."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],  # noqa: S607 (git is where PATH says)
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    paths = (ROOT / name for name in listed.stdout.split("\0") if name)
    return [path for path in paths if path.is_file()]


def _matches(pattern: re.Pattern[str]) -> list[str]:
    """Give each match as file, line and what matched."""
    return [
        f"{path.relative_to(ROOT)}:{number}: {match[0]}"
        for path in _files()
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), start=1)
        for match in pattern.finditer(line)
    ]


def _fenced(markdown: str) -> list[str]:
    """Give the lines of all fenced blocks, without prompts and comments."""
    blocks = re.findall(r"^```[^\n]*\n(.*?)^```", markdown, re.DOTALL | re.MULTILINE)
    lines = (
        line.removeprefix("$ ").partition("#")[0].strip() for block in blocks for line in block.splitlines()
    )
    return [line for line in lines if line]


@pytest.mark.parametrize("pattern", [MACHINE_PATH, INDEX_ADDRESS], ids=["machine path", "index address"])
def test_no_file_names_this_machine_or_its_index(pattern: re.Pattern[str]) -> None:
    assert _matches(pattern) == []


@pytest.mark.parametrize(
    ("pattern", "line"),
    [
        (MACHINE_PATH, "see " + "/home" + "/jane/hopbook"),
        (MACHINE_PATH, 'open("' + "/root" + '/x")'),
        (INDEX_ADDRESS, "https://" + "pypi" + ".org/"),
        (INDEX_ADDRESS, "pip install --index" + "-url x"),
    ],
)
def test_the_patterns_find_what_they_look_for(pattern: re.Pattern[str], line: str) -> None:
    assert pattern.search(line)


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-uv.lock"])
def test_a_lock_has_hashes_and_no_address(lock: str) -> None:
    requirements = (ROOT / lock).read_text().replace("\\\n", "").splitlines()

    assert [line for line in requirements if "://" in line or " @ " in line or line.startswith("-")] == []
    assert [line for line in requirements if "==" not in line or "--hash=sha256:" not in line] == []


def test_the_readme_sets_up_with_two_commands() -> None:
    commands = _fenced((ROOT / "README.md").read_text())

    assert [line for line in commands if re.match(r"(?:sudo |python|pip|uv |apt|make)", line)] == SET_UP


def test_continuous_integration_runs_the_same_test() -> None:
    script = ROOT / ".ci" / "run"

    assert os.access(script, os.X_OK)
    assert script.read_text().splitlines()[-1].endswith("make test")
