"""In which order workers come and go, as data.

ICP's installer adds a worker to a running cluster, and takes a node's software away; it neither drains nor
forgets the node, so that comes first (terraform-module-icp-deploy, worker scaler). It looks for the node in
`hosts`, so a worker leaves before it is taken out of that file, and comes after it was put in. To replace
one, add the new one, and retire the old one in a second run: so its pods always have somewhere to go.
"""

from dataclasses import dataclass
from ipaddress import IPv4Address

from hopbook.icp import commands
from hopbook.icp.commands import Boot
from hopbook.icp.sizes import Node
from hopbook.site.model import Icp

SOURCE = "ICP 3.1.0, adding and removing cluster nodes; terraform-module-icp-deploy, worker scaler"
_GRACE = "300s"  # for the pods of a node that is drained


@dataclass(frozen=True, slots=True)
class Operation:
    """One command of a change of workers; the boot node runs it.

    Attributes:
        id: What it does, for the name of its job.
        long: It takes minutes, and a lost connection must not end it.
        forgiving: Its failure is no reason to stop (a node that is dead already cannot be drained).
    """

    id: str
    title: str
    argv: tuple[str, ...]
    long: bool = False
    forgiving: bool = False


def joining(boot: Boot, addresses: tuple[IPv4Address, ...]) -> tuple[Operation, ...]:
    """What makes prepared machines workers; `hosts` has them already."""
    listed = ", ".join(map(str, addresses))
    argv = commands.add_workers(boot, addresses)
    return (Operation("add", f"Make {listed} workers", argv, long=True),)


def leaving(icp: Icp, boot: Boot, addresses: tuple[IPv4Address, ...]) -> tuple[Operation, ...]:
    """What takes workers out of the cluster: their pods first, then the node, then its software."""
    found: list[Operation] = []
    for address in addresses:
        drain = ("drain", str(address), "--ignore-daemonsets", "--delete-local-data", "--force")
        words = commands.kubectl(icp, *drain, f"--timeout={_GRACE}")
        forget = commands.kubectl(icp, "delete", "node", str(address), "--ignore-not-found")
        found += [
            Operation("drain", f"Move the pods off {address}", words, forgiving=True),
            Operation("forget", f"Take {address} out of the cluster's list", forget),
        ]
    listed = ", ".join(map(str, addresses))
    argv = commands.remove_nodes(boot, addresses)
    return (*found, Operation("remove", f"Take ICP off {listed}", argv, long=True))


@dataclass(frozen=True, slots=True)
class Change:
    """What is to become of a cluster's workers, in this order: those that come, then those that go."""

    join: tuple[Node, ...]
    leave: tuple[Node, ...]


def change(nodes: tuple[Node, ...], members: frozenset[IPv4Address]) -> Change:
    """What lies between the workers that a site wants and those that the cluster has."""
    workers = [node for node in nodes if node.role == "worker"]
    return Change(
        join=tuple(node for node in workers if not node.leaving and node.address not in members),
        leave=tuple(node for node in workers if node.leaving and node.address in members),
    )
