"""The clusters of a simulated site: each as the given observation has it, else with three made-up workers."""

from collections.abc import Callable, Iterator
from functools import partial
from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from itertools import islice

from adapters.kubernetes.access import Access, Side, sides_of
from adapters.kubernetes.client import KubernetesClient
from adapters.kubernetes.connect import access
from adapters.kubernetes.exchange import Wire
from adapters.kubernetes.provider import KubernetesProvider
from adapters.kubernetes.simulator import OLD, Options, SimulatedCluster
from adapters.kubernetes.simulator.controllers import Ranges
from adapters.kubernetes.simulator.front import Peeking
from adapters.kubernetes.simulator.seeding import covers, seeded
from adapters.simulated.faults import Faults
from hopbook.engine.change import Observation, Observed, Scope
from hopbook.network import naming
from hopbook.resources.base import Key, Resource
from hopbook.resources.kubernetes import Calico, InCluster, IpipMode, IpPool, Node, NodeInterface
from hopbook.secret import Secret
from hopbook.site.model import IksCluster, Site

WORKERS = 3
_BLOCK = 26


class Clusters:
    """The clusters of one site. A cluster is made when somebody asks for it.

    Args:
        site: Whose.
        given: What they hold to begin with: `kubernetes.*` resources; others are left out.
        faults: What should go wrong.
        version: Of every API server.
        token: By which a client is let in.
    """

    def __init__(
        self,
        site: Site,
        given: Observation | None = None,
        faults: Faults | None = None,
        *,
        version: tuple[int, int] = OLD,
        token: Secret = Secret("simulated"),  # noqa: B008 - a secret does not change
    ) -> None:
        self.site, self._given = site, given or Observation()
        self._faults, self._version, self._token = faults or Faults(), version, token
        self._clusters: dict[str, SimulatedCluster] = {}

    @property
    def names(self) -> tuple[str, ...]:
        """The clusters: those of IKS, and ICP's where it is observed."""
        icp = any(isinstance(one, Node) and one.cluster == naming.ICP for one in self._resources())
        return (*(cluster.name for cluster in self.site.iks), *((naming.ICP,) if icp else ()))

    def beyond(self, written: Observation) -> Observation:
        """What of something written no cluster holds: other systems' things, releases, the VPN's routes."""
        items = {key: item for key, item in written.items.items() if not covers(item.resource)}
        return Observation(items=items, order=written.order)

    @property
    def asked(self) -> bool:
        """Whether somebody has asked for one of them."""
        return bool(self._clusters)

    def cluster(self, name: str) -> SimulatedCluster:
        """One of `names`."""
        if name not in self._clusters:
            self._clusters[name] = self._made(name)
        return self._clusters[name]

    def observation(self) -> Observation:
        """What the provider sees, without anybody's noticing."""
        provider = KubernetesProvider(self.peeking(), site=self.site.site)
        return provider.observe(Scope(frozenset(Key(Calico.kind, name) for name in self.names)))

    def peeking(self) -> dict[str, Access]:
        """How the simulated site itself reads each: nobody notices."""
        return {name: access(self.site, name, partial(self._peeking, name)) for name in self.names}

    def client(self, name: str) -> KubernetesClient:
        """The official client to one of them, in process."""
        return self.accesses()[name].client

    def accesses(self, sleep: Callable[[float], None] = lambda _: None) -> dict[str, Access]:
        """How each is reached in process: by the official client, from when it is first asked."""
        return {
            name: access(self.site, name, partial(self._in_process, name), sleep=sleep) for name in self.names
        }

    def _in_process(self, name: str) -> Wire:
        from adapters.kubernetes import wire  # the official client takes a second
        from adapters.kubernetes.simulator.pool import InProcess

        host = f"https://{name}.simulated"
        return wire.in_process(host, self._token.reveal(), InProcess(self.cluster(name)))

    def _peeking(self, name: str) -> Wire:
        return Peeking(self.cluster(name))

    def _resources(self) -> Iterator[Resource]:
        return (item.resource for item in self._given.items.values())

    def _made(self, name: str) -> SimulatedCluster:
        iks = next((cluster for cluster in self.site.iks if cluster.name == name), None)
        sides = sides_of(self.site, name)
        known = any(isinstance(one, Node) and one.cluster == name for one in self._resources())
        given = self._given if known or iks is None else _made_up(iks, sides).merged(self._given)
        options = Options(version=self._version, ranges=self._ranges(iks), token=self._token.reveal())
        return seeded(name, given, options, sides, self.site.site, self._faults)

    def _ranges(self, iks: IksCluster | None) -> Ranges:
        if iks is not None:
            return Ranges(services=iks.services, public=iks.portable.public, private=iks.portable.private)
        if self.site.icp is None:
            raise ValueError("the site has no such cluster")
        return Ranges(services=self.site.icp.services.network)


def _made_up(iks: IksCluster, sides: tuple[Side, ...]) -> Observation:
    """Three workers on the site's subnets, each with a block of the pods' range, as IKS begins."""
    blocks = islice(iks.pods.subnets(new_prefix=_BLOCK), 1, None)
    workers = [_worker(iks, sides, number, next(blocks)) for number in range(1, WORKERS + 1)]
    pool = IpPool(
        cluster=iks.name,
        pool="default-ipv4-ippool",
        cidr=iks.pods,
        ipip=IpipMode.CROSS_SUBNET,
        nat_outgoing=True,
    )
    made: list[InCluster] = [Calico(cluster=iks.name), pool, *workers]
    return Observation(items={one.key: Observed(resource=one) for one in made})


def _worker(iks: IksCluster, sides: tuple[Side, ...], number: int, block: IPv4Network) -> Node:
    cards = tuple(
        NodeInterface(label=side.label, role=side.role, address=_address(side, number)) for side in sides
    )
    name = naming.worker(iks.name, number)
    at: IPv4Address = cards[0].address.ip
    tunnel = block.network_address
    return Node(cluster=iks.name, node=name, address=at, interfaces=cards, tunnel=tunnel, blocks=(block,))


def _address(side: Side, number: int) -> IPv4Interface:
    network = side.subnets[0].network
    return IPv4Interface((network[number + 3], network.prefixlen))
