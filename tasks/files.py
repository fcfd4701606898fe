"""Where things are on disk, and how they are read: site files, runbooks, traffics, the journal's home."""

import hashlib
import os
from collections.abc import Sequence
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Any

from hopbook.errors import InvalidInput, Problem
from hopbook.icp.failures import Failures, read_failures
from hopbook.icp.knowledge import Knowledge
from hopbook.icp.sizes import Catalogue, read_catalogue
from hopbook.runbook import Runbook, read_runbook
from hopbook.site.document import Document, read_document
from hopbook.site.load import read_site_document
from hopbook.vpn.keys import KeyTable, read_keys

ROOT = Path(__file__).parents[1]
RUNBOOKS = ROOT / "runbooks"
SITES = RUNBOOKS / "sites"
TRAFFIC = RUNBOOKS / "traffic"
OBSERVED = RUNBOOKS / "observed"
VPN = RUNBOOKS / "vpn"
_LARGEST = 10 * 1024 * 1024  # bytes read at most; the reader's own limit is far lower and says so


def home() -> Path:
    """Where the journal is kept: `$HOPBOOK_HOME`, else `.hopbook` in the current folder."""
    return Path(os.environ.get("HOPBOOK_HOME", ".hopbook")).absolute()


def site_path(site: str) -> Path:
    """The file that a person means by SITE: a path, or a name under `runbooks/sites/`.

    Raises:
        InvalidInput: there is none; names what is near.
    """
    path = Path(site)
    if path.suffix in {".yaml", ".yml"} or "/" in site:
        if path.is_file():
            return path
        raise InvalidInput(f"there is no site file {site}")
    named = SITES / f"{site}.yaml"
    if named.is_file():
        return named
    raise InvalidInput(_unknown("site", site, sites(), "or give the path of a site file"))


def sites() -> list[str]:
    """The names of the shipped site files."""
    return sorted(path.stem for path in SITES.glob("*.yaml"))


def runbooks() -> list[str]:
    """The ids of all runbooks."""
    return sorted(path.stem for path in RUNBOOKS.glob("*.yaml") if path.stem != "document")


def read_site_file(site: str, overlay: str | None = None) -> Document:
    """The site's data with its places, an overlay laid over it.

    Raises:
        InvalidInput: a file is missing or is not YAML of our kind.
    """
    path = site_path(site)
    over = (_read(Path(overlay)), Path(overlay).name) if overlay else None
    return read_site_document(_read(path), path.name, over)


@cache
def vpn_keys() -> KeyTable:
    """What strongSwan's chart may be given: `runbooks/vpn/strongswan.yaml`."""
    path = VPN / "strongswan.yaml"
    return read_keys(read_document(_read(path), path.name))


def runbook(name: str) -> tuple[Runbook, bytes]:
    """A runbook and the bytes of its file.

    Raises:
        InvalidInput: there is none of that name; names what is near.
    """
    if name not in runbooks():
        raise InvalidInput(_unknown("runbook", name, runbooks(), "see runbooks/"))
    text = _read(RUNBOOKS / f"{name}.yaml")
    return read_runbook(text, f"{name}.yaml"), text


def digest_of_runbook(name: str) -> str:
    """A short version of a runbook file, for people."""
    return hashlib.sha256(runbook(name)[1]).hexdigest()[:12]


@cache
def traffic_document(name: str) -> Document:
    """The data of one documented traffic, with its places.

    Raises:
        InvalidInput: there is none of that name.
    """
    path = TRAFFIC / f"{name}.yaml"
    if not path.is_file():
        raise InvalidInput(_unknown("traffic", name, traffics(), "see runbooks/traffic/"))
    return read_document(_read(path), path.name)


def observed_documents(site: str) -> list[Document]:
    """What somebody wrote down of the systems of a site that have no provider yet; see `network.observed`.

    Raises:
        InvalidInput: a file is not YAML of our kind.
    """
    paths = sorted((OBSERVED / site).glob("*.yaml"))
    return [read_document(_read(path), path.name) for path in paths]


def document() -> dict[str, Any]:
    """Where each statement of the source document stands."""
    return read_document(_read(RUNBOOKS / "document.yaml"), "document.yaml").data


def sizes() -> Catalogue:
    """Counts and sizes of ICP's machines, by profile.

    Raises:
        InvalidInput: the file is not YAML of our kind.
    """
    return read_catalogue(read_document(_read(RUNBOOKS / "icp/sizes.yaml"), "sizes.yaml"))


def known_failures() -> Failures:
    """What is known to go wrong in an installation of ICP.

    Raises:
        InvalidInput: the file is not YAML of our kind.
    """
    return read_failures(read_document(_read(RUNBOOKS / "icp/failures.yaml"), "failures.yaml"))


def knowledge(book: Runbook) -> Knowledge | None:
    """What who installs ICP has to know; None for a runbook that does not.

    Raises:
        InvalidInput: a file of `runbooks/icp/` is not right.
    """
    return Knowledge(sizes(), known_failures()) if "icp.install" in book.needs else None


def traffics() -> list[str]:
    """The ids of all documented traffics."""
    return sorted(path.stem for path in TRAFFIC.glob("*.yaml"))


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(_LARGEST)
    except OSError as error:
        problem = Problem(what=f"it cannot be read: {error.strerror}", where=str(path))
        raise InvalidInput(problem) from error


def _unknown(what: str, name: str, known: Sequence[str], hint: str) -> str:
    near = get_close_matches(name, known, n=1)
    meant = f"did you mean {near[0]}? " if near else ""
    return f"there is no {what} {name}; {meant}known: {', '.join(known) or 'none'} ({hint})"
