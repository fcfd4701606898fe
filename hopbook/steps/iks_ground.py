"""What the ways to join an IKS cluster stand on (source document, "IKS と VCS の統合").

A step follows from the site, the cluster and what was observed: which workers there are, with which
addresses on which subnets, and what the edge has already. The edge serves an overlay that no runbook of ours
lays, so it is looked at before anything is wanted of it. A worker that comes or goes changes what the steps
want, and running the runbook again makes it so.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network

from hopbook.engine.change import Observation
from hopbook.errors import InvalidInput, Problem
from hopbook.resources.base import Key
from hopbook.resources.kubernetes import Calico, Node, NodeInterface
from hopbook.resources.nsxv import Edge, Interface
from hopbook.site.model import IksCluster, IksJoin, Join, Overlay, Site, Vcs
from hopbook.site.needs import require
from hopbook.site.rules import RULES
from hopbook.site.words import choices, near
from hopbook.steps import naming

NEEDS = ("vcs", "overlays", "iks")
PRIVATE = "private"

Look = Callable[..., Observation]


@dataclass(frozen=True, slots=True)
class Member:
    """A worker, by the address and the interface that it has on the private VLAN."""

    node: str
    address: IPv4Address
    subnet: IPv4Network
    interface: str


@dataclass(frozen=True, slots=True)
class Ground:
    """What the steps of a join stand on.

    Attributes:
        workers: Every worker, by address.
        uplink: The edge's interface on the private uplink, as it is.
        seen: What was looked at: the cluster, the overlay's ESG, and ICP's where there is one.
    """

    site: Site
    vcs: Vcs
    cluster: IksCluster
    join: IksJoin
    overlay: Overlay
    edge: Key
    workers: tuple[Member, ...]
    uplink: Interface
    seen: Observation

    @property
    def subnets(self) -> tuple[IPv4Network, ...]:
        """The private subnets that workers are on."""
        return tuple(sorted({worker.subnet for worker in self.workers}))

    @property
    def networks(self) -> tuple[IPv4Network, ...]:
        """The overlay's networks, which the cluster is to reach."""
        return tuple(network.subnet for network in self.overlay.networks)

    def has_edge(self, edge: Key) -> bool:
        """Whether an edge was seen."""
        found = self.seen.get(edge)
        return found is not None and isinstance(found.resource, Edge)

    @property
    def address(self) -> IPv4Address:
        """The edge's address on the private uplink."""
        return self.overlay.edge.private


def ground(site: Site, cluster: str, runbook: str, ways: Iterable[Join], look: Look) -> Ground:
    """What a join stands on.

    Args:
        site: Its checks passed.
        cluster: Its name; empty where the site has one.
        runbook: Whose steps these are.
        ways: How the runbook joins.
        look: Reads the live systems by keys.

    Raises:
        InvalidInput: a section is missing, the cluster is another's to join, there are no workers, or what is
            there contradicts the site file.
    """
    require(site, NEEDS, runbook)
    found = _cluster(site, cluster)
    join = found.join
    wanted = tuple(ways)
    if join is None or join.how not in wanted:
        how = f"joined by {join.how}" if join else "not joined"
        message = f"{found.name} is {how}; runbook {runbook} needs `join.how` to be {choices(wanted)}"
        raise InvalidInput(Problem(what=message, where=f"{site.site} iks[{found.name}].join"))
    overlay = site.overlay(join.overlay)
    if overlay is None or site.vcs is None:  # the checks of a site file see to both
        message = f"{found.name} is joined with {join.overlay}, which is no overlay of the site"
        raise InvalidInput(message)
    seen = look(*looks(site, found, overlay))
    workers = _workers(found, seen)
    _agree(site, found, join, overlay, workers, seen)
    return Ground(
        site=site,
        vcs=site.vcs,
        cluster=found,
        join=join,
        overlay=overlay,
        edge=naming.edge_key(site, overlay),
        workers=workers,
        uplink=_uplink(site, overlay, seen),
        seen=seen,
    )


def _cluster(site: Site, name: str) -> IksCluster:
    names = [cluster.name for cluster in site.iks]
    if not name and len(names) == 1:
        return site.iks[0]
    found = next((cluster for cluster in site.iks if cluster.name == name), None)
    if found is None:
        what = (
            f"no IKS cluster is called {name!r}{near(name, names)}" if name else "there are several clusters"
        )
        message = f"{what}; expected `--set cluster=` with one of {', '.join(names)}"
        raise InvalidInput(Problem(what=message, where=f"{site.site} iks"))
    return found


def looks(site: Site, cluster: IksCluster, overlay: Overlay) -> tuple[Key, ...]:
    """The cluster, and the ESG, DLR and switches of the overlay: what the traffic goes through, too."""
    names = [naming.transit_name(site, overlay)]
    names += [naming.switch_name(site, overlay, network.name) for network in overlay.networks]
    keys = [
        naming.nodes_key(cluster.name),
        naming.edge_key(site, overlay),
        naming.router_key(site, overlay),
        *map(naming.switch_key, names),
    ]
    icp = icp_overlay(site)
    if icp is not None:
        keys.append(naming.edge_key(site, icp))
    return tuple(dict.fromkeys(keys))


def icp_overlay(site: Site) -> Overlay | None:
    """ICP's overlay, where the site has ICP."""
    return site.overlay(site.icp.overlay) if site.icp else None


def _workers(cluster: IksCluster, seen: Observation) -> tuple[Member, ...]:
    nodes = [
        item.resource
        for item in seen.items.values()
        if isinstance(item.resource, Node) and item.resource.cluster == cluster.name
    ]
    if not nodes:
        message = f"{cluster.name} shows no worker; expected a cluster that is there, with workers in it"
        raise InvalidInput(Problem(what=message, where=f"iks[{cluster.name}]"))
    members = [
        Member(node.node, card.address.ip, card.address.network, card.label)
        for node in nodes
        for card in (_private(cluster, node),)
    ]
    return tuple(sorted(members, key=lambda member: member.address))


def _private(cluster: IksCluster, node: Node) -> NodeInterface:
    """The interface whose address Calico and the other nodes know, else the first on the private VLAN."""
    cards = [card for card in node.interfaces if card.role == PRIVATE]
    known = [card for card in cards if card.address.ip == node.address]
    if not cards:
        message = f"worker {node.node} shows no interface on the private VLAN"
        raise InvalidInput(Problem(what=message, where=f"iks[{cluster.name}]"))
    return (known or cards)[0]


def _uplink(site: Site, overlay: Overlay, seen: Observation) -> Interface:
    edge, address = naming.edge_key(site, overlay), overlay.edge.private
    if seen.get(edge) is None:
        message = f"there is no ESG {edge.name}; expected the overlay {overlay.name} to be there"
        raise InvalidInput(Problem(what=message, where=f"overlays[{overlay.name}].edge"))
    for item in seen.items.values():
        found = item.resource
        if isinstance(found, Interface) and found.owner == edge and found.address.ip == address:
            return found
    message = f"no interface of ESG {edge.name} has {address}; expected it on the private uplink"
    raise InvalidInput(Problem(what=message, where=f"overlays[{overlay.name}].edge.private"))


def _agree(
    site: Site,
    cluster: IksCluster,
    join: IksJoin,
    overlay: Overlay,
    workers: Iterable[Member],
    seen: Observation,
) -> None:
    """What only the live cluster can contradict: subnets that no site file lists, and Calico's AS number."""
    problems = [
        refusal(
            site,
            "R3",
            f"{worker.subnet}, the private subnet of worker {worker.node}, and {network.subnet}, network "
            f"{network.name} of overlay {overlay.name}, overlap",
            f"overlays[{overlay.name}].networks[{network.name}].subnet",
        )
        for worker in workers
        for network in overlay.networks
        if worker.subnet.overlaps(network.subnet)
    ]
    calico = seen.get(Key(Calico.kind, cluster.name))
    live = calico.resource if calico else None
    by_bgp = join.how in {Join.VLAN_BGP, Join.BCR_BGP}
    if by_bgp and isinstance(live, Calico) and live.asn != join.calico_asn:
        what = f"Calico of {cluster.name} has AS {live.asn}, and `calico_asn` is {join.calico_asn}"
        problems.append(refusal(site, "J7", what, f"iks[{cluster.name}].join.calico_asn"))
    if problems:
        raise InvalidInput(*problems)


def refusal(site: Site, rule: str, what: str, where: str) -> Problem:
    """Something live that a rule forbids, and the key of the site file that it contradicts."""
    found = RULES[rule]
    return Problem(what=f"{what}; {found.text}", where=f"{site.site} {where}", rule=rule, source=found.source)
