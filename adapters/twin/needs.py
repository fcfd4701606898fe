"""What has to be installed for the twin, and in which Debian package it is."""

import shutil
from collections.abc import Iterable, Mapping

from hopbook.errors import HopbookError

_PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
_PACKAGES: Mapping[str, str] = {
    "unshare": "util-linux",
    "ip": "iproute2",
    "bridge": "iproute2",
    "nft": "nftables",
    "conntrack": "conntrack",
    "bird": "bird2",
    "birdc": "bird2",
    "charon-systemd": "charon-systemd",
    "swanctl": "strongswan-swanctl",
}
ALWAYS = ("unshare", "ip", "bridge", "nft")
BGP = ("bird", "birdc")
IPSEC = ("charon-systemd", "swanctl")


class NotInstalled(HopbookError):
    """A program that the twin runs is not there."""


def find(program: str) -> str:
    """The path of a program.

    Raises:
        NotInstalled: it is not there.
    """
    found = shutil.which(program, path=_PATH)
    if found is None:
        need([program])
    return found or program


def need(programs: Iterable[str]) -> None:
    """Ask for programs.

    Raises:
        NotInstalled: some are not there; it names all of them and the packages to install.
    """
    missing = [name for name in programs if shutil.which(name, path=_PATH) is None]
    if missing:
        packages = dict.fromkeys(_PACKAGES[name] for name in missing)
        install = f"apt-get install --no-install-recommends {' '.join(packages)}"
        raise NotInstalled(f"the twin needs {', '.join(missing)}: {install}")
