"""The boot node's cluster folder, kept on other nodes.

It holds what nothing else has: the cluster's certificates, keys and configuration (images and logs are left
out: they are large, and can be had again). The archive goes from node to node through this process and is
never written here; on a keeper only root can read it. Whether it is still what it was made of is told by the
sums of the files that an installation or a change of workers touches. A keeper has the archive before, too:
an undo takes the folder back to that state, and then the archive.
"""

import hashlib
import json

from adapters.icp.nodes import Nodes
from hopbook.engine.change import Observed
from hopbook.errors import Rejected
from hopbook.resources.base import Key
from hopbook.resources.icp import KeptFolder
from hopbook.steps.icp_install import Ground, keepers

_TOLD_BY = ("config.yaml", "hosts", "ssh_key", ".hopbook-cluster.json")
_THERE = "config.yaml"  # without it there is no folder to speak of
_KEEP, _RESTORE = "icp-keep", "icp-restore"
_NOTE, _BEFORE = ".json", ".before"
KEEP = 'set -e; umask 077; mkdir -p "${2%/*}"; tar -czf "$2" --exclude=./images --exclude=./logs -C "$1" .'
"""For a shell: puts a folder into an archive."""
RESTORE = 'set -e; umask 077; mkdir -p "$2"; tar -xzf "$1" -C "$2"'
"""For a shell: puts what an archive holds into a folder."""


def observed(nodes: Nodes, ground: Ground, key: Key) -> Observed | None:
    """The folder as it is and as it is kept; None where the boot node is not there, or never had one."""
    host = ground.boot.name
    path = key.name.removeprefix(host)
    if nodes.absent(host):
        return None
    names = keepers(ground)
    sums = _sums(nodes, host, path)
    notes = {keeper: _note(nodes, keeper, path) for keeper in names if not nodes.absent(keeper)}
    if not sums and not any(notes.values()):
        return None
    intact = _THERE in sums
    kept = intact and len(notes) == len(names) and all(note == sums for note in notes.values())
    stale = not kept and any(notes.values())
    folder = KeptFolder(host=host, path=path, keepers=names, intact=intact, kept=kept, stale=stale)
    return Observed(resource=folder)


def make(nodes: Nodes, wanted: KeptFolder) -> None:
    """Bring the folder back where it is gone, then let every keeper have it as it is.

    Raises:
        Rejected: it is gone, and no keeper has it; or an archive cannot be made or opened.
        SystemTrouble: a node did not do its part.
    """
    archive = _archive(nodes, wanted.path)
    if _THERE not in _sums(nodes, wanted.host, wanted.path):
        _bring_back(nodes, wanted, archive)
    note = json.dumps(_sums(nodes, wanted.host, wanted.path), sort_keys=True).encode()
    _carry_out(nodes, wanted.host, _KEEP, KEEP, wanted.path, archive)
    content = nodes.read(wanted.host, archive)
    nodes.remove(wanted.host, archive)  # it was on its way
    for keeper in wanted.keepers:
        _set_aside(nodes, keeper, archive, note)
        nodes.write(keeper, archive, content, 0o600)
        nodes.write(keeper, archive + _NOTE, note, 0o600)


def give_up(nodes: Nodes, wanted: KeptFolder) -> None:
    """No keeper has it as it is any more, but the archive before where `stale` wants that.

    The folder itself stays as it is.
    """
    archive = _archive(nodes, wanted.path)
    for keeper in wanted.keepers:
        if nodes.absent(keeper):
            continue
        there = nodes.present([keeper], [archive + _BEFORE, archive + _NOTE + _BEFORE])[keeper]
        for path in (archive, archive + _NOTE):
            if wanted.stale and path + _BEFORE in there:
                nodes.write(keeper, path, nodes.read(keeper, path + _BEFORE), 0o600)
            else:
                nodes.remove(keeper, path)
        for path in there:
            nodes.remove(keeper, path)


def _set_aside(nodes: Nodes, keeper: str, archive: str, note: bytes) -> None:
    """The archive that a keeper has becomes the one before, once: whoever comes again finds it done."""
    paths = (archive + _NOTE, archive + _NOTE + _BEFORE)
    facts = nodes.ask(keeper, [("exists", archive), *(("file", path) for path in paths)])
    found, before = (facts.file(path) for path in paths)
    if not facts.exists(archive) or found is None or found.content == note:
        return
    if before is None or before.content != found.content:
        nodes.write(keeper, archive + _BEFORE, nodes.read(keeper, archive), 0o600)
        nodes.write(keeper, paths[1], found.content or b"", 0o600)


def _bring_back(nodes: Nodes, wanted: KeptFolder, archive: str) -> None:
    there = [keeper for keeper in wanted.keepers if not nodes.absent(keeper)]
    found = nodes.present(there, [archive])
    keeper = next((keeper for keeper in there if found[keeper]), None)
    if keeper is None:
        what = f"{wanted.path} is gone from {wanted.host}, and none of {', '.join(wanted.keepers)} has it"
        raise Rejected(what, system="ICP")
    nodes.write(wanted.host, archive, nodes.read(keeper, archive), 0o600)
    _carry_out(nodes, wanted.host, _RESTORE, RESTORE, archive, wanted.path)


def _carry_out(nodes: Nodes, host: str, job: str, script: str, *arguments: str) -> None:
    nodes.start(host, job, ("sh", "-c", script, job, *arguments))
    said: list[str] = []
    seen = nodes.follow(host, job, said.append)
    if seen.status != 0:
        told = " ".join("".join(said).split())[-200:] or f"it ended with status {seen.status}"
        raise Rejected(f"{job} on {host}: {told}", system="ICP")


def _archive(nodes: Nodes, path: str) -> str:
    """Where a node has it."""
    name = hashlib.sha256(path.encode()).hexdigest()[:12]
    return f"{nodes.base}/kept/{name}.tar.gz"


def _sums(nodes: Nodes, host: str, path: str) -> dict[str, str]:
    """The sums of the telling files that are there, by name."""
    facts = nodes.ask(host, [("sum", f"{path}/{name}") for name in _TOLD_BY])
    found = {name: facts.sum(f"{path}/{name}") for name in _TOLD_BY}
    return {name: each.sha256 for name, each in found.items() if each is not None}


def _note(nodes: Nodes, keeper: str, path: str) -> dict[str, str]:
    """What the archive was made of; nothing where there is none."""
    archive = _archive(nodes, path)
    facts = nodes.ask(keeper, [("file", f"{archive}.json"), ("exists", archive)])
    found = facts.file(f"{archive}.json")
    if found is None or not facts.exists(archive):
        return {}
    try:
        note = json.loads(found.content or b"")
    except ValueError:
        return {}
    return note if isinstance(note, dict) else {}
