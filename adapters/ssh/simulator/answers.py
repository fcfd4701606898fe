"""What each of our scripts does, done to a simulated host's state.

The contract suite holds these against the real scripts on a real shell.
"""

import base64
import hashlib
import io
import tarfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from adapters.ssh import scripts
from adapters.ssh.simulator import proxies
from adapters.ssh.simulator.files import Node
from adapters.ssh.simulator.host import SimulatedHost, Unit
from adapters.ssh.simulator.jobs import SimulatedJob
from adapters.ssh.simulator.programs import Call, Programs

_LARGEST = 262144
_TAIL = 1024
_HTTP = 80
_TEMPFAIL = 75
_MISSING = 44
_ENDED = 45


class Failed(Exception):
    """The script says why on its standard error and ends with a status."""

    def __init__(self, said: str, status: int = 1) -> None:
        self.said, self.status = said, status
        super().__init__(said)


@dataclass(frozen=True, slots=True)
class Work:
    """A script's call.

    Attributes:
        arguments: Without the base directory.
        base: The directory that everything of ours lies in.
    """

    host: SimulatedHost
    programs: Programs
    base: str
    arguments: tuple[str, ...]


Answer = Callable[[Work], bytes]


def answer(
    host: SimulatedHost, programs: Programs, script: scripts.Script, arguments: Sequence[str]
) -> bytes:
    """Carry a script out and return its standard output.

    Raises:
        Failed: it ends with a status.
    """
    base, *rest = arguments
    with host.lock:
        return _ANSWERS[script.name](Work(host, programs, base, tuple(rest)))


# -- reading ------------------------------------------------------------------------------------


def _facts(work: Work) -> bytes:
    pairs = zip(work.arguments[::2], work.arguments[1::2], strict=True)
    lines = [
        "\t".join((str(number), *fields))
        for number, (word, about) in enumerate(pairs)
        for fields in _FACTS[word](work, about)
    ]
    return "\n".join([*lines, "-\tend", ""]).encode()


Fields = tuple[str, ...]


def _b64(data: bytes | str | None) -> str:
    raw = data.encode() if isinstance(data, str) else data or b""
    return base64.b64encode(raw).decode()


def _possession(node: Node) -> Fields:
    return f"{node.mode:o}", node.owner, node.group, str(node.length)


def _file(work: Work, path: str) -> Iterator[Fields]:
    node = work.host.files.get(path)
    if node is None:
        yield ("-",)
    elif node.content is None:
        yield ("other",)
    else:
        yield (*_possession(node), _b64(node.content) if node.length <= _LARGEST else "-")


def _secret(work: Work, path: str) -> Iterator[Fields]:
    node = work.host.files.get(path)
    if node is None or node.content is None:
        yield ("-",)
    else:
        note = work.host.files.read(_note(work, path))
        yield (*_possession(node), work.host.sum_of(path), _b64(note))


def _note(work: Work, path: str) -> str:
    return f"{work.base}/files/{hashlib.sha256(path.encode()).hexdigest()}"


def _directory(work: Work, path: str) -> Iterator[Fields]:
    node = work.host.files.get(path)
    yield ("-",) if node is None or node.content is not None else _possession(node)


def _exists(work: Work, path: str) -> Iterator[Fields]:
    yield ("yes" if work.host.files.get(path) else "no",)


def _pair(work: Work, path: str) -> Iterator[Fields]:
    if work.host.files.read(path) is None:
        yield ("-",)
    else:
        yield "yes", _b64(work.host.files.read(f"{path}.pub"))


def _sum(work: Work, path: str) -> Iterator[Fields]:
    node = work.host.files.get(path)
    if node is None or node.content is None:
        yield ("-",)
    else:
        yield str(node.length), work.host.sum_of(path)


def _package(work: Work, name: str) -> Iterator[Fields]:
    yield (work.host.packages.get(name, "-"),)


def _parameter(work: Work, name: str) -> Iterator[Fields]:
    value = work.host.parameters.get(name)
    yield (_b64(f"{value}\n" if value is not None else ""),)


def _service(work: Work, name: str) -> Iterator[Fields]:
    unit = work.host.units.get(name)
    active = "active" if unit is not None and unit.running else "inactive"
    enabled = "" if unit is None else "enabled" if unit.enabled else "disabled"
    yield active, enabled


def _keys(work: Work, user: str) -> Iterator[Fields]:
    known = work.host.users.get(user)
    if known is None:
        yield ("-",)
    else:
        yield known.home, _b64(work.host.files.read(f"{known.home}/.ssh/authorized_keys"))


def _image(work: Work, name: str) -> Iterator[Fields]:
    docker = work.host.docker if work.host.docker_runs() else None
    yield ("yes" if docker is not None and name in docker.images else "no",)


def _job(work: Work, name: str) -> Iterator[Fields]:
    job = work.host.jobs.get(name)
    if job is None:
        yield ("-",)
        return
    job.advance(at_once=work.programs.at_once)
    state, status = job.state.split()
    yield state, status, _b64(job.spec), str(len(job.log)), _b64(bytes(job.log[-_TAIL:]))


def _ping(work: Work, address: str) -> Iterator[Fields]:
    average = work.host.rounds.get(address)
    yield ("-" if average is None else f"{average:.3f}",)


def _disk(work: Work, path: str) -> Iterator[Fields]:
    total, free = work.host.room(path)
    yield str(total), str(free)


def _system(work: Work, _about: str) -> Iterator[Fields]:
    host = work.host
    yield "uid", "0"
    yield "hostname", host.hostname
    yield "clock", f"{time.time() + host.clock:.9f}"
    yield ("os", *host.os)
    yield "cpus", str(host.cpus)
    yield "memory", str(host.memory)
    yield "swap", str(host.swap)
    for name, version in host.pythons.items():
        yield "python", name, version
    yield "resolved", " ".join(host.resolved())
    keepers = [name for name in ("chronyd", "chrony", "ntpd", "ntp") if _runs(host, name)]
    yield "synchronized", "yes" if keepers and abs(host.clock) < 1 else "no"
    for name in keepers:
        yield "timeservice", name
    for name in ("ufw", "firewalld"):
        if _runs(host, name):
            yield "firewall", name
    for name, address in host.addresses.items():
        yield "address", name, address
    if host.docker is not None and host.docker_runs():
        yield "address", "docker0", host.docker.bridge
    for port in sorted(host.listens):
        yield "listens", str(port)
    if host.docker is not None and host.docker_runs():
        yield "docker", host.docker.version, host.docker.driver
    else:
        yield ("docker",)


def _runs(host: SimulatedHost, name: str) -> bool:
    unit = host.units.get(name)
    return unit is not None and unit.running


_FACTS: Mapping[str, Callable[[Work, str], Iterator[Fields]]] = {
    "file": _file,
    "secret": _secret,
    "directory": _directory,
    "exists": _exists,
    "pair": _pair,
    "sum": _sum,
    "package": _package,
    "sysctl": _parameter,
    "service": _service,
    "keys": _keys,
    "image": _image,
    "job": _job,
    "ping": _ping,
    "disk": _disk,
    "system": _system,
}


def _read(work: Work) -> bytes:
    name, offset, most = work.arguments
    job = work.host.jobs.get(name)
    if job is None:
        raise Failed(f"there is no job {name}", _MISSING)
    job.advance(at_once=work.programs.at_once)
    piece = bytes(job.log[int(offset) : int(offset) + int(most)])
    return f"{job.state} {len(job.log)}\n".encode() + piece


def _ids(work: Work) -> bytes:
    user, group = (work.host.users.get(name) for name in work.arguments)
    if user is None:
        raise Failed(f"there is no user {work.arguments[0]}")
    if group is None:
        raise Failed(f"there is no group {work.arguments[1]}")
    return f"{user.uid} {group.uid}\n".encode()


# -- jobs ---------------------------------------------------------------------------------------


def _start(work: Work) -> bytes:
    name, again, directory, spec, count, *rest = work.arguments
    host = work.host
    job = host.jobs.get(name)
    if again == "again" and job is not None and not job.runs:
        _aside_as(host, name)
    if host.files.get(directory) is None:
        raise Failed(f"there is no directory {directory}")
    if name in host.jobs:
        return b"found\n"
    variables = dict(item.split("=", 1) for item in rest[: int(count)])
    call = Call(host, tuple(rest[int(count) :]), directory, variables)
    host.jobs[name] = SimulatedJob(spec, work.programs.steps(call))
    return b"started\n"


def _ask(work: Work) -> bytes:
    _, *command = work.arguments
    job = SimulatedJob("", work.programs.steps(Call(work.host, tuple(command), "/", {})))
    while job.runs:
        job.advance()
    if job.status:
        said = job.log.decode()
        raise Failed(f"{said}{command[0]} ended with status {job.status}", _ENDED)
    return bytes(job.log)


def _aside(work: Work) -> bytes:
    (name,) = work.arguments
    job = work.host.jobs.get(name)
    if job is not None and job.runs:
        raise Failed("it is running")
    if job is not None:
        _aside_as(work.host, name)
    return b""


def _aside_as(host: SimulatedHost, name: str) -> None:
    number = 1
    while f"{name}.{number}" in host.jobs:
        number += 1
    host.jobs[f"{name}.{number}"] = host.jobs.pop(name)


# -- changes ------------------------------------------------------------------------------------


def _edit(work: Work) -> bytes:
    files = work.host.files
    for at in range(0, len(work.arguments), 5):
        path, was, mode, owner, content = work.arguments[at : at + 5]
        node = files.get(path)
        before = files.read(path)
        if was != ("-" if before is None else hashlib.sha256(before).hexdigest()):
            raise Failed(f"{path} was changed while it was edited", _TEMPFAIL)
        data = base64.b64decode(content)
        if node is not None:
            node.content = data
        else:
            user = owner.partition(":")[0]
            parent = path.rpartition("/")[0]
            files.make(parent, 0o700, user, user)
            files.write(path, data, int(mode, 8), user, user)
    return b""


def _place(work: Work) -> bytes:
    staged, path, mode, owner, note = work.arguments
    files = work.host.files
    content = files.read(staged)
    if content is None:
        raise Failed(f"{path}: cannot read {staged}")
    user, _, group = owner.partition(":")
    if user not in work.host.users or (group and group not in work.host.users):
        files.remove(staged)
        raise Failed(f"{path}: chown: invalid user: '{owner}'")
    files.remove(staged)
    files.write(path, content, int(mode, 8), user, group or user)
    if note:
        files.write(_note(work, path), f"{hashlib.sha256(content).hexdigest()} {note}", 0o600)
    return b""


def _make_directory(work: Work) -> bytes:
    path, mode, owner = work.arguments
    user, _, group = owner.partition(":")
    if user not in work.host.users or group not in work.host.users:
        raise Failed(f"chown: invalid user: '{owner}'")
    node = work.host.files.get(path)
    if node is not None and node.content is not None:
        raise Failed(f"mkdir: cannot create directory '{path}': File exists")
    work.host.files.make(path)
    made = work.host.files.nodes[path]
    made.mode, made.owner, made.group = int(mode, 8), user, group
    return b""


def _remove(work: Work) -> bytes:
    what, path = work.arguments
    files = work.host.files
    if what == "directory" and files.within(path):
        raise Failed(f"rmdir: failed to remove '{path}': Directory not empty")
    node = files.get(path)
    if what == "file" and node is not None and node.content is None:
        raise Failed(f"rm: cannot remove '{path}': Is a directory")
    for item in (path, f"{path}.pub") if what == "pair" else (path,):
        files.remove(item)
    files.remove(_note(work, path))
    return b""


def _sysctl(work: Work) -> bytes:
    for name, value in zip(work.arguments[::2], work.arguments[1::2], strict=True):
        if name not in work.host.parameters:
            place = name.replace(".", "/")
            raise Failed(f"sysctl: cannot stat /proc/sys/{place}: No such file or directory")
        work.host.parameters[name] = value
    return b""


def _packages(work: Work) -> bytes:
    host, verb = work.host, work.arguments[0]
    pairs = list(zip(work.arguments[1::2], work.arguments[2::2], strict=True))
    if verb == "remove":
        for name, _ in pairs:
            host.packages.pop(name, None)
            for unit in host.offers[name].units if name in host.offers else ():
                host.units.pop(unit, None)
        return b""
    why = host.fetches(proxies.Program.APT, host.mirror, _HTTP)
    if why:
        raise Failed(
            f"Err:1 http://{host.mirror}/ubuntu xenial InRelease Cannot initiate the connection: {why}"
        )
    for name, version in pairs:
        offer = host.offers.get(name)
        if offer is None:
            raise Failed(f"E: Unable to locate package {name}", 100)
        if version not in {"-", offer.version}:
            raise Failed(f"E: Version '{version}' for '{name}' was not found", 100)
    for name, _ in pairs:
        offer = host.offers[name]
        host.packages[name] = offer.version
        host.units |= {unit: Unit() for unit in offer.units}
        host.pythons |= dict(offer.pythons)
    return b""


def _services(work: Work) -> bytes:
    for verb, name in zip(work.arguments[::2], work.arguments[1::2], strict=True):
        unit = work.host.units.get(name)
        if unit is None:
            raise Failed(
                f"systemctl {verb} {name}: Failed to {verb} unit: Unit {name}.service does not exist."
            )
        if verb in {"start", "stop"}:
            if name == "docker" and verb == "start" and not unit.running:
                work.host.docker_starts()
            unit.running = verb == "start"
        else:
            unit.enabled = verb == "enable"
    return b""


def _keypair(work: Work) -> bytes:
    path, _bits = work.arguments
    files = work.host.files
    if files.get(path) is None:
        half = base64.b64encode(hashlib.sha256(f"{work.host.name}{path}".encode()).digest()).decode()
        files.write(
            path, "-----BEGIN RSA PRIVATE KEY-----\n(simulated)\n-----END RSA PRIVATE KEY-----\n", 0o400
        )
        files.write(f"{path}.pub", f"ssh-rsa AAAAB3NzaC1yc2E{half} hopbook@{work.host.hostname}\n")
    return b""


def _untag(work: Work) -> bytes:
    (image,) = work.arguments
    if work.host.docker is None or image not in work.host.docker.images:
        raise Failed(f"Error: No such image: {image}")
    work.host.docker.images.remove(image)
    return b""


def _pack(work: Work) -> bytes:
    (path,) = work.arguments
    node = work.host.files.get(path)
    if node is None or node.content is not None:
        raise Failed(f"there is no directory {path}", _MISSING)
    return packed(work.host, path)


def packed(host: SimulatedHost, path: str) -> bytes:
    """A directory as a tar archive."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, node in sorted(host.files.nodes.items()):
            if not name.startswith(f"{path.rstrip('/')}/"):
                continue
            item = tarfile.TarInfo(f".{name.removeprefix(path.rstrip('/'))}")
            item.mode = node.mode
            item.type = tarfile.DIRTYPE if node.content is None else tarfile.REGTYPE
            item.size = len(node.content or b"")
            archive.addfile(item, io.BytesIO(node.content or b""))
    return buffer.getvalue()


_ANSWERS: Mapping[str, Answer] = {
    scripts.FACTS.name: _facts,
    scripts.READ.name: _read,
    scripts.IDS.name: _ids,
    scripts.PACK.name: _pack,
    scripts.ASK.name: _ask,
    scripts.START.name: _start,
    scripts.ASIDE.name: _aside,
    scripts.EDIT.name: _edit,
    scripts.PLACE.name: _place,
    scripts.REMOVE.name: _remove,
    scripts.DIRECTORY.name: _make_directory,
    scripts.SYSCTL.name: _sysctl,
    scripts.PACKAGES.name: _packages,
    scripts.SERVICE.name: _services,
    scripts.KEYPAIR.name: _keypair,
    scripts.UNTAG.name: _untag,
}
