"""Programs that jobs run on simulated hosts.

A program gives the steps of a job; what it would fetch over a network it asks its host's `reach` for.
"""

import io
import tarfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from adapters.ssh.scripts import FETCH, LOAD
from adapters.ssh.simulator import proxies
from adapters.ssh.simulator.host import SimulatedHost
from adapters.ssh.simulator.jobs import Steps

_NO_DAEMON = (
    "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?\n"
)
_HTTPS = 443
_NOT_FOUND = 127
_DAMAGED = 65


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a program."""

    host: SimulatedHost
    command: tuple[str, ...]
    directory: str
    environment: Mapping[str, str]


Program = Callable[[Call], Steps]
Matches = Callable[[Sequence[str]], bool]


class Programs:
    """What simulated hosts can run. The first one that matches runs; later ones come first.

    Attributes:
        at_once: A job does all of its steps at one look, instead of one.
    """

    def __init__(self) -> None:
        self.at_once = False
        self._known: list[tuple[Matches, Program]] = [
            (lambda command: LOAD.arguments(command) is not None, load),
            (lambda command: FETCH.arguments(command) is not None, fetch),
            (lambda command: tuple(command[:2]) == ("docker", "pull"), pull),
            (lambda command: tuple(command[:1]) == ("true",), _quiet(0)),
            (lambda command: tuple(command[:1]) == ("false",), _quiet(1)),
        ]

    def add(self, matches: Matches, program: Program) -> None:
        """Teach the hosts one more program."""
        self._known.insert(0, (matches, program))

    def steps(self, call: Call) -> Steps:
        """What a command does."""
        for matches, program in self._known:
            if matches(call.command):
                return program(call)
        return _unknown(call)


def _quiet(status: int) -> Program:
    def program(_call: Call) -> Steps:
        yield ""
        return status

    return program


def _unknown(call: Call) -> Steps:
    yield f"hopbook-job: 1: {call.command[0]}: not found\n"
    return _NOT_FOUND


def pull(call: Call) -> Steps:
    """`docker pull`, which needs a way to the registry."""
    host, image = call.host, call.command[-1]
    yield ""
    if not host.docker_runs() or host.docker is None:
        yield _NO_DAEMON
        return 1
    registry = registry_of(image)
    why = host.docker_fetches(registry, _HTTPS)
    if why:
        yield (
            f"Error response from daemon: Get https://{registry}/v2/: net/http: request canceled while "
            f"waiting for connection (Client.Timeout exceeded while awaiting headers): {why}\n"
        )
        return 1
    tag = image.rpartition(":")[2]
    yield f"{tag}: Pulling from {image.rpartition(':')[0]}\n"
    host.docker.images.add(image)
    yield f"Status: Downloaded newer image for {image}\n"
    return 0


def registry_of(image: str) -> str:
    """The registry that an image is pulled from."""
    first, slash, _ = image.partition("/")
    named = slash and ("." in first or ":" in first)
    return first.partition(":")[0] if named else "registry-1.docker.io"


def load(call: Call) -> Steps:
    """Load the images of an archive that `archive` made; one cut off is damaged."""
    (path,) = LOAD.arguments(call.command) or ("",)
    host = call.host
    yield ""
    if not host.docker_runs() or host.docker is None:
        yield _NO_DAEMON
        return 1
    content = host.files.read(path)
    if content is None:
        yield f"tar: {path}: Cannot open: No such file or directory\n"
    names = None if content is None else _unpacked(content)
    if names is None:
        yield "tar: Unexpected EOF in archive\ntar: Error is not recoverable: exiting now\n"
        yield f"{path} cannot be unpacked: it is damaged or not complete; get it again\n"
        return _DAMAGED
    for image in names:
        host.docker.images.add(image)
        yield f"Loaded image: {image}\n"
    return 0


def archive(*images: str) -> bytes:
    """An archive as ICP is delivered in, a tar with the images' own archive in it: here their names."""
    buffer, content = io.BytesIO(), "".join(f"{image}\n" for image in images).encode()
    with tarfile.open(fileobj=buffer, mode="w") as made:
        item = tarfile.TarInfo("images.tar")
        item.size = len(content)
        made.addfile(item, io.BytesIO(content))
    return buffer.getvalue()


def _unpacked(content: bytes) -> list[str] | None:
    """The images of an archive; None where it is damaged."""
    try:
        with tarfile.open(fileobj=io.BytesIO(content)) as found:
            parts = [found.extractfile(item) for item in found]
            return [name for part in parts if part is not None for name in part.read().decode().split()]
    except (tarfile.TarError, OSError):
        return None


def fetch(call: Call) -> Steps:
    """Get a file over HTTPS. The host serves itself from `/.downloads/URL`."""
    url, path, wanted, mode = FETCH.arguments(call.command) or ("", "", "", "0644")
    host, server = call.host, url.partition("://")[2].partition("/")[0].partition(":")[0]
    yield ""
    why = host.fetches(proxies.Program.SHELL, server, _HTTPS)
    if why:
        yield f"curl: (28) Connection timed out: {server}: {why}\n"
        return 28
    content = host.files.read(f"/.downloads/{url}")
    if content is None:
        yield "curl: (22) The requested URL returned error: 404\n"
        return 22
    host.files.write("/.fetched", content)
    found = host.sum_of("/.fetched")
    host.files.remove("/.fetched")
    if found != wanted:
        yield f"{url} has the SHA-256 {found}, "
        yield f"expected {wanted}: it is damaged, not complete or another one\n"
        return _DAMAGED
    host.files.write(path, content, int(mode, 8))
    return 0
