"""Our root packages have generic names; nobody else may own them (docs/decisions/0001-root-packages.md)."""

import tomllib
from importlib.metadata import packages_distributions
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TOOL = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]
PACKAGES: list[str] = TOOL["importlinter"]["root_packages"]


@pytest.mark.parametrize("package", PACKAGES)
def test_no_other_distribution_owns_our_name(package: str) -> None:
    assert set(packages_distributions().get(package, [])) <= {"hopbook"}


@pytest.mark.parametrize("package", PACKAGES)
def test_a_root_package_is_imported_by_its_name(package: str) -> None:
    spec = find_spec(package)

    assert spec is not None
    assert spec.origin == str(ROOT / package / "__init__.py")


def test_what_is_linted_is_what_is_installed() -> None:
    installed = TOOL["hatch"]["build"]["targets"]["wheel"]["packages"]

    assert set(installed) == {*PACKAGES, "runbooks"}
    assert set(TOOL["coverage"]["run"]["source_pkgs"]) == set(PACKAGES)
