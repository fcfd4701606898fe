"""What a check of the cluster or its surroundings finds."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from adapters.icp.nodes import Nodes
from adapters.icp.traits import OF_VCENTER, WAITED_FOR
from hopbook.hosts import checks
from hopbook.hosts.facts import SYSTEM as WHOLE
from hopbook.hosts.facts import JobFact
from hopbook.icp import capacity, removal, sizes, smoke
from hopbook.icp.checks import Requirement, Word, parse
from hopbook.icp.commands import RESIDUE
from hopbook.icp.sizes import Catalogue, Node
from hopbook.resources.base import Key
from hopbook.resources.icp import Cluster
from hopbook.resources.vsphere import ClusterCapacity
from hopbook.steps import naming
from hopbook.steps.icp_install import Ground


class Known(Protocol):
    """What the boot node knows of the cluster."""

    @property
    def install(self) -> JobFact | None:
        """The last run of the installer."""

    @property
    def made(self) -> Cluster | None:
        """What was made."""

    @property
    def there(self) -> bool:
        """The boot node is there."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a check is judged by. `look` asks the boot node what it knows, the first time."""

    ground: Ground
    catalogue: Catalogue
    nodes: Nodes
    capacity: Callable[[str], ClusterCapacity]
    attached: Callable[[Key], Iterable[str]]
    look: Callable[[], Known]

    @property
    def state(self) -> Known:
        """What the boot node knows."""
        return self.look()


def asks_the_boot_node(requirement: str) -> bool:
    """Whether a finding needs what the boot node knows."""
    return parse(requirement).word not in OF_VCENTER | {Word.GONE}


def stays(requirement: str) -> bool:
    """Whether a finding is not worth waiting for."""
    return parse(requirement).word not in WAITED_FOR


def finding(requirement: str, asked: Asked) -> str | None:
    """How a requirement is not met; empty where it is, None where what it is about is not there yet."""
    wanted = parse(requirement)
    return _FINDINGS[wanted.word](wanted, asked)


def _capacity(_wanted: Requirement, asked: Asked) -> str:
    ground, install = asked.ground, asked.ground.install
    profile = sizes.profile_of(install, asked.catalogue)
    demand = sizes.demand_of(ground.stay, profile, install.vcpus_per_core)
    found = asked.capacity(install.cluster)
    offer = capacity.offer_of(found, install.datastore, ground.stay, capacity_disks=install.capacity_disks)
    return capacity.advice(capacity.shortages(demand, offer, install.storage))


def _clear(_wanted: Requirement, asked: Asked) -> str:
    ground = asked.ground
    name = naming.switch_name(ground.site, ground.net.overlay, ground.net.nodes.name)
    attached = asked.attached(naming.switch_key(name))
    return removal.blocked(attached, (node.name for node in ground.nodes), name)


def _fresh(wanted: Requirement, asked: Asked) -> str | None:
    """Nothing of an earlier cluster, unless the node is of this one, or this one's installer was here."""
    node = _node(wanted, asked)
    if node is None or asked.nodes.absent(node.name):
        return None
    if asked.state.made is None and asked.state.install is not None:
        return ""
    facts = asked.nodes.ask(node.name, [WHOLE, *(("exists", path) for path in RESIDUE)])
    left = [path for path in RESIDUE if facts.exists(path)]
    if left and asked.state.made is not None:
        return ""
    if left:
        return f"an earlier installation left {', '.join(left)}; take it away, or use a fresh machine"
    return checks.judge(checks.free_ports(*checks.INSTALL_PORTS), facts).finding


def _gone(wanted: Requirement, asked: Asked) -> str | None:
    """Nothing of the cluster is on the node; there is nothing on a machine that is gone itself."""
    node = _node(wanted, asked)
    if node is None:
        return None
    if asked.nodes.absent(node.name):
        return ""
    return removal.residue(asked.nodes.present([node.name], RESIDUE)[node.name])


def _ready(_wanted: Requirement, asked: Asked) -> str | None:
    if asked.state.made is None:
        return None
    told, why = asked.nodes.said(asked.ground.boot.name, smoke.get_nodes(asked.ground.icp))
    return why or smoke.nodes(told, sizes.members(asked.ground.stay))


def _console(_wanted: Requirement, asked: Asked) -> str | None:
    if asked.state.made is None:
        return None
    ground = asked.ground
    told, why = asked.nodes.said(ground.boot.name, smoke.get_console(ground.icp, ground.places))
    return smoke.console(told, why)


def _told(_wanted: Requirement, asked: Asked) -> str | None:
    if asked.state.made is None:
        return None
    ground = asked.ground
    told, why = asked.nodes.said(ground.boot.name, smoke.get_info(ground.icp))
    return why or smoke.info(told, ground.icp, ground.keys)


def _node(wanted: Requirement, asked: Asked) -> Node | None:
    return next((node for node in asked.ground.nodes if node.address == wanted.address), None)


_FINDINGS: Mapping[Word, Callable[[Requirement, Asked], str | None]] = {
    Word.CAPACITY: _capacity,
    Word.CLEAR: _clear,
    Word.FRESH: _fresh,
    Word.GONE: _gone,
    Word.READY: _ready,
    Word.CONSOLE: _console,
    Word.TOLD: _told,
}
