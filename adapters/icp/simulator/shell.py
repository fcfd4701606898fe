"""The few commands of a plain system that an installation's steps call, done to simulated hosts."""

import base64
import gzip
import io
import tarfile
from collections.abc import Sequence

from adapters.icp.keeping import KEEP, RESTORE
from adapters.ssh.simulator import Call, Programs, Steps

_LEFT_OUT = ("images", "logs")


def teach(programs: Programs) -> None:
    """Let the hosts run them."""
    programs.add(lambda command: tuple(command[:2]) == ("install", "-m"), _install)
    programs.add(lambda command: tuple(command[:1]) == ("base64",), _base64)
    programs.add(_is_restart, _restart)
    programs.add(lambda command: tuple(command[:3]) == ("sh", "-c", KEEP), _keep)
    programs.add(lambda command: tuple(command[:3]) == ("sh", "-c", RESTORE), _restore)


def _install(call: Call) -> Steps:
    """`install -m MODE FROM TO`."""
    _, _, mode, source, target = call.command
    yield ""
    content = call.host.files.read(source)
    if content is None:
        yield f"install: cannot stat '{source}': No such file or directory\n"
        return 1
    call.host.files.write(target, content, int(mode, 8))
    return 0


def _base64(call: Call) -> Steps:
    path = call.command[-1]
    content = call.host.files.read(path)
    if content is None:
        yield f"base64: {path}: No such file or directory\n"
        return 1
    yield base64.b64encode(content).decode()
    return 0


def _is_restart(command: Sequence[str]) -> bool:
    return tuple(command[:2]) == ("sh", "-c") and "systemctl restart " in command[-1]


def _restart(call: Call) -> Steps:
    """A service starts again: Docker reads its file then."""
    service, host = call.command[-1].split()[-1], call.host
    yield ""
    if service not in host.units:
        yield f"Failed to restart {service}.service: Unit {service}.service not found.\n"
        return 5
    host.units[service].running = True
    if service == "docker":
        host.docker_starts()
    return 0


def _keep(call: Call) -> Steps:
    folder, path = call.command[-2:]
    files, kept = call.host.files, io.BytesIO()
    yield ""
    # without the time, so that the same files make the same archive
    with (
        gzip.GzipFile(fileobj=kept, mode="w", mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w") as archive,
    ):
        for item, node in sorted(files.nodes.items()):
            name = item.removeprefix(f"{folder}/")
            if name == item or node.content is None or name.partition("/")[0] in _LEFT_OUT:
                continue
            entry = tarfile.TarInfo(f"./{name}")
            entry.size, entry.mode = len(node.content), node.mode
            archive.addfile(entry, io.BytesIO(node.content))
    files.write(path, kept.getvalue(), 0o600)
    return 0


def _restore(call: Call) -> Steps:
    path, folder = call.command[-2:]
    files = call.host.files
    yield ""
    with tarfile.open(fileobj=io.BytesIO(files.read(path) or b""), mode="r:gz") as archive:
        for item in archive.getmembers():
            found = archive.extractfile(item)
            if found is not None:
                files.write(f"{folder}/{item.name.removeprefix('./')}", found.read(), item.mode)
    return 0
