"""By which web proxy a program of a simulated host goes out: each reads its own place, as on a real one.

What is understood is what such files say in general; nobody here knows who wrote them.
"""

import re
from collections.abc import Iterator, Mapping
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Network

from adapters.ssh.simulator.files import Files

Via = tuple[str, int]
"""Address and port of a web proxy."""

_APT, _PROFILES, _DOCKER = "/etc/apt/apt.conf.d", "/etc/profile.d", "/etc/systemd/system/docker.service.d"
_APT_LINE = re.compile(r'^Acquire::http::Proxy(?:::(?P<host>\S+))?\s+"(?P<value>[^"]*)";', re.MULTILINE)
_EXPORT = re.compile(r"^export (\w+)='?([^'\n]*)'?$", re.MULTILINE)
_ENVIRONMENT = re.compile(r'^Environment="(\w+)=([^"\n]*)"$', re.MULTILINE)
_URL = re.compile(r"^\w+://([^:/]+):(\d+)/?$")


class Program(StrEnum):
    """Whose proxy is asked for."""

    APT = "apt"
    SHELL = "shell"


def via(files: Files, program: Program, to: str) -> Via | None:
    """The proxy by which a program gets to a name or address; None where it goes there itself."""
    if program is Program.APT:
        told = {
            found["host"]: found["value"]
            for text in _texts(files, _APT)
            for found in _APT_LINE.finditer(text)
        }
        return _parsed(told.get(to) or told.get(None, ""))
    return by_environment(dict(_EXPORT.findall("\n".join(_texts(files, _PROFILES)))), to)


def docker_environment(files: Files) -> dict[str, str]:
    """What Docker's service is told, when it starts."""
    return dict(_ENVIRONMENT.findall("\n".join(_texts(files, _DOCKER))))


def by_environment(variables: Mapping[str, str], to: str) -> Via | None:
    """The proxy that these variables make a program take, for HTTPS."""
    if any(_fits(each.strip(), to) for each in variables.get("NO_PROXY", "").split(",")):
        return None
    return _parsed(variables.get("HTTPS_PROXY", ""))


def _texts(files: Files, folder: str) -> Iterator[str]:
    return (files.text(path) for path in sorted(files.within(folder)))


def _parsed(url: str) -> Via | None:
    found = _URL.match(url)
    return (found[1], int(found[2])) if found else None


def _fits(exception: str, to: str) -> bool:
    """Whether an exception is about a name or address: itself, a domain above it, a range around it."""
    if not exception:
        return False
    try:
        return IPv4Address(to) in IPv4Network(exception)
    except ValueError:
        return to == exception or to.endswith(f".{exception.lstrip('.')}")
