"""Every import contract of pyproject.toml can fail.

A linter that cannot fail is decoration, so each contract is shown the import that it is there to
refuse, in a skeleton of our packages, and has to be the one that objects.
"""

import os
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

PYPROJECT = Path(__file__).parents[2] / "pyproject.toml"
CONFIG: dict[str, Any] = tomllib.loads(PYPROJECT.read_text())["tool"]["importlinter"]
CONTRACTS = {contract["id"]: contract["name"] for contract in CONFIG["contracts"]}

VIOLATIONS = [
    ("layers", {"hopbook.planted": "import adapters.journal"}),
    ("layers", {"hopbook.planted": "import tasks"}),
    ("layers", {"tasks.planted": "import flows"}),
    ("layers", {"flows.planted": "import commands"}),
    ("pure-core", {"hopbook.planted": "import subprocess"}),
    ("pure-core", {"hopbook.planted": "from socket import create_connection"}),
    ("pure-core", {"hopbook.planted": "from prefect import flow"}),
    ("orchestrator-at-the-rim", {"adapters.dns.planted": "from prefect.events import emit_event"}),
    ("flows-name-no-adapter", {"flows.planted": "from adapters import wiring"}),
    ("adapters-apart", {"adapters.nsxv.planted": "import adapters.dns"}),
    ("adapters-apart", {"adapters.journal.planted": "import adapters.simulated"}),
    ("adapters-apart", {"adapters.simulated.planted": "import adapters.wiring"}),
    ("adapters-apart", {"adapters.unplaced": ""}),
    ("one-place-an-sdk", {"adapters.dns.planted": "import httpx"}),
    ("one-place-an-sdk", {"adapters.nsxv.planted": "from sqlalchemy import select"}),
    ("one-place-an-sdk", {"adapters.simulated.planted": "from lxml import etree"}),
    ("one-place-an-sdk", {"adapters.nsxv.planted": "import paramiko"}),
    ("one-place-an-sdk", {"adapters.simulated.planted": "import kubernetes.client"}),
    ("one-place-an-sdk", {"tasks.planted": "import dns.resolver"}),
    ("one-place-an-sdk", {"commands.planted": "from pyVmomi import vim"}),
    ("no-cycles", {"hopbook.one": "import hopbook.two", "hopbook.two": "import hopbook.one"}),
]

ALLOWED = {
    "adapters.dns.planted": "import dns.resolver",
    "adapters.journal.planted": "import sqlalchemy",
    "adapters.kubernetes.planted": "import kubernetes.client",
    "adapters.nsxv.planted": "import httpx, lxml.etree",
    "adapters.simulated.planted": "import adapters.nsxv, adapters.dns, httpx",
    "adapters.wiring": "import adapters.nsxv, adapters.simulated",
    "commands.planted": "import prefect, flows, adapters.wiring",
    "flows.planted": "import prefect, tasks",
    "hopbook.planted": "import dataclasses, ipaddress, pydantic",
}


def _modules_of(contract: dict[str, Any]) -> Iterator[str]:
    """Name our own modules that a contract speaks of."""
    containers = [f"{container}." for container in contract.get("containers", [])] or [""]
    for key in ("layers", "modules", "source_modules", "forbidden_modules", "ancestors"):
        for line in contract.get(key, []):
            for name in line.split("|"):
                yield from (container + name.strip() for container in containers)


def _write(root: Path, modules: dict[str, str]) -> None:
    """Write modules, each as a package, and the packages above them."""
    for module, text in modules.items():
        folder = root
        for name in module.split("."):
            folder /= name
            folder.mkdir(exist_ok=True)
            (folder / "__init__.py").touch()
        (folder / "__init__.py").write_text(text)


@pytest.fixture
def skeleton(tmp_path: Path) -> Path:
    """Give our packages with nothing in them."""
    named = {module for contract in CONFIG["contracts"] for module in _modules_of(contract)}
    _write(tmp_path, {module: "" for module in named if module.split(".")[0] in CONFIG["root_packages"]})
    assert {path.name for path in tmp_path.iterdir()} == set(CONFIG["root_packages"])
    (tmp_path / PYPROJECT.name).write_text(PYPROJECT.read_text())
    return tmp_path


def _broken(root: Path) -> set[str]:
    """Lint a tree, and give the ids of the contracts that broke."""
    linted = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache", "--no-logo"],
        cwd=root,
        env=os.environ | {"COLUMNS": "200"},  # a contract's name is not to be wrapped
        capture_output=True,
        text=True,
        check=False,
    )
    verdicts = {
        id_: verdict
        for id_, name in CONTRACTS.items()
        for verdict in ("KEPT", "BROKEN")
        if f"{name} {verdict}" in linted.stdout
    }
    assert verdicts.keys() == CONTRACTS.keys(), linted.stdout + linted.stderr
    return {id_ for id_, verdict in verdicts.items() if verdict == "BROKEN"}


@pytest.mark.parametrize(("contract", "planted"), VIOLATIONS)
def test_a_planted_violation_breaks_its_contract(
    skeleton: Path, contract: str, planted: dict[str, str]
) -> None:
    _write(skeleton, planted)

    assert _broken(skeleton) == {contract}


def test_what_is_allowed_breaks_nothing(skeleton: Path) -> None:
    _write(skeleton, ALLOWED)

    assert _broken(skeleton) == set()


def test_every_contract_has_a_planted_violation() -> None:
    assert {contract for contract, _ in VIOLATIONS} == CONTRACTS.keys()
