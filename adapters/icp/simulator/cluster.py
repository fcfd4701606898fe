"""The state of a simulated ICP cluster: who is a node of it, and how it calls itself."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address

from adapters.ssh.simulator import SimulatedHost
from hopbook.icp.commands import RESIDUE
from hopbook.icp.config_keys import Config
from hopbook.icp.inventory import Groups

_EVERY = (10248, 10250, 4194)
_LISTENS: Mapping[str, tuple[int, ...]] = {
    "master": (2380, 4001, 8001, 8443, 8500, 8600, 9443),
    "proxy": (80, 443),
}
_ETCD = "/var/lib/etcd"


@dataclass(slots=True)
class SimulatedCluster:
    """One cluster.

    Attributes:
        roles: The groups of its nodes by address.
        config: What its `config.yaml` said when it was installed; None before.
        unready: Nodes that are not ready.
        console: The status that its console answers with.
    """

    roles: dict[IPv4Address, set[str]] = field(default_factory=dict)
    config: Config | None = None
    unready: set[IPv4Address] = field(default_factory=set)
    console: int = 200

    def join(self, host: SimulatedHost, address: IPv4Address, groups: Groups) -> None:
        """A host becomes a node: ICP's marks lie on it, and it listens."""
        roles = {group for group, addresses in groups.items() if address in addresses}
        self.roles[address] = roles
        host.files.write("/etc/cfc/conf/kubelet.yaml", f"address: {address}\n")
        host.files.make("/var/lib/kubelet/pods")
        if "master" in roles or "etcd" in roles:
            host.files.make(f"{_ETCD}/member")
        host.listens |= set(self._ports(roles))

    def leave(self, host: SimulatedHost, address: IPv4Address) -> None:
        """ICP goes from a host, whether it was a node or has only remains."""
        roles = self.roles.pop(address, set(_LISTENS))
        self.unready.discard(address)
        for path in RESIDUE:
            host.files.remove(path)
        host.listens -= set(self._ports(roles))

    def _ports(self, roles: set[str]) -> Iterator[int]:
        yield from _EVERY
        for role in roles:
            yield from _LISTENS.get(role, ())
