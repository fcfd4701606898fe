"""A small IKS cluster, and the words that its contract is written in."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from typing import Any, TypeVar

from adapters.kubernetes import api
from adapters.kubernetes.access import Access, Side, Subnet
from adapters.kubernetes.api import Api
from adapters.kubernetes.client import KubernetesClient
from adapters.kubernetes.exchange import JSON, MERGE, Answer, Request, Wire
from adapters.kubernetes.provider import KubernetesProvider
from adapters.kubernetes.simulator import Options, SimulatedCluster
from adapters.kubernetes.simulator.controllers import Ranges
from adapters.kubernetes.simulator.pool import InProcess
from adapters.kubernetes.simulator.seeding import seeded
from adapters.kubernetes.wire import in_process
from adapters.simulated.faults import Fault, Faults, parse_fault
from hopbook.engine.change import Action, Change, Observation, Observed, Outcome, Result, Scope
from hopbook.engine.plan import field_changes
from hopbook.resources.base import Key, Resource
from hopbook.resources.kubernetes import (
    BgpPeer,
    Calico,
    IpipMode,
    IpPool,
    Node,
    NodeInterface,
    NodeRoute,
    Pod,
    Service,
    ServicePort,
)

SITE, CLUSTER, TOKEN = "lab", "iks-a", "t0k3n-of-the-lab"
ANY = Key(Calico.kind, CLUSTER)

R = TypeVar("R", bound=Resource)

SIDES = (
    Side(
        label="eth0",
        role="private",
        reported="InternalIP",
        subnets=(Subnet(IPv4Network("10.95.60.0/26"), IPv4Address("10.95.60.1")),),
        route="private",
        reaches=(IPv4Network("10.0.0.0/8"),),
        portable=IPv4Network("10.95.60.128/29"),
    ),
    Side(
        label="eth1",
        role="public",
        reported="ExternalIP",
        subnets=(Subnet(IPv4Network("198.51.100.64/27"), IPv4Address("198.51.100.65")),),
        route="default",
        reaches=(IPv4Network("0.0.0.0/0"),),
        portable=IPv4Network("198.51.100.128/29"),
    ),
)
RANGES = Ranges(
    services=IPv4Network("172.21.0.0/16"),
    public=IPv4Network("198.51.100.128/29"),
    private=IPv4Network("10.95.60.128/29"),
)


class Trouble:
    """Faults that a test asks for when everything stands."""

    def __init__(self) -> None:
        self._faults = Faults()

    def arm(self, *notations: str) -> None:
        """Have these, and none of before."""
        self._faults = Faults(parse_fault(f"kubernetes:{notation}") for notation in notations)

    def left(self) -> tuple[Fault, ...]:
        """What has not hit anything."""
        return self._faults.left()

    def take(self, system: str, method: str, path: str) -> Fault | None:
        return self._faults.take(system, method, path)


@dataclass
class Lab:
    """A cluster and the provider that speaks to it."""

    cluster: SimulatedCluster
    trouble: Trouble
    client: KubernetesClient
    waited: list[float] = field(default_factory=list)
    provider: KubernetesProvider = field(init=False)

    def __post_init__(self) -> None:
        self.provider = self.provider_of(SITE)

    def provider_of(self, site: str) -> KubernetesProvider:
        """The same cluster as another site's."""
        access = Access(client=self.client, sides=SIDES, patience=5)
        return KubernetesProvider({CLUSTER: access}, site=site)

    def apply(self, *changes: Change) -> list[Outcome]:
        """Make changes of one lane so."""
        return list(self.provider.apply(changes, lambda _: None))

    def done(self, *changes: Change) -> None:
        """Make changes so, and have all of them succeed."""
        outcomes = self.apply(*changes)
        assert [one for one in outcomes if one.result in {Result.REFUSED, Result.UNKNOWN}] == []
        assert [one.key for one in outcomes] == [change.key for change in changes]

    def see(self) -> Observation:
        """Observe the cluster."""
        return self.provider.observe(Scope(frozenset({ANY})))

    def live(self, key: Key) -> Resource:
        """What stands under a key."""
        return self.see().items[key].resource

    def holds(self, resource: Resource) -> bool:
        """Whether a resource is there as it is wanted; what the cluster chooses by itself is no matter."""
        found = self.see().items.get(resource.key)
        return found is not None and not field_changes(found.resource, resource)

    def by_hand(
        self, method: str, kind: Api, name: str, document: dict[str, Any] | None = None, namespace: str = ""
    ) -> Answer:
        """What somebody does beside Hopbook, with a tool of theirs."""
        body = {"apiVersion": kind.api_version, "kind": kind.kind, **(document or {})}
        body["metadata"] = {"name": name, **body.get("metadata", {})}
        media = {"PATCH": MERGE}.get(method, JSON)
        answer = self.cluster.peek(
            Request(
                method=method,
                path=kind.path(namespace, "" if method == "POST" else name),
                query={"fieldManager": "calicoctl"},
                body=b"" if method == "DELETE" else json.dumps(body).encode(),
                media=media,
            )
        )
        assert answer.status < 300, answer
        return answer

    def dump(self) -> dict[str, Any]:
        """All that is in the cluster, as it would be compared by eye: without versions and identities."""
        return {
            f"{kind}/{place.get('namespace', '')}/{place['name']}": _plain(item)
            for kind in list(self.cluster.store.kinds())
            for item in self.cluster.store.all_of(kind)
            for place in [item["metadata"]]
        }

    def since(self, count: int) -> list[tuple[str, str]]:
        """The requests behind the first `count`."""
        return self.cluster.requests[count:]


_FLEETING = frozenset({"resourceVersion", "uid", "managedFields", "creationTimestamp", "generation"})


def _plain(item: dict[str, Any]) -> dict[str, Any]:
    about = {key: value for key, value in item["metadata"].items() if key not in _FLEETING and value}
    status = {key: value for key, value in item.get("status", {}).items() if key != "observedGeneration"}
    return {**item, "metadata": about, "status": status}


def lab_at(version: tuple[int, int], wire: Wire | None = None, nodes: int = 3, **options: Any) -> Lab:
    """The lab's cluster, in process where no wire is given."""
    trouble, waited = Trouble(), list[float]()
    cluster = built(version, trouble, nodes)
    opened = partial(_way, cluster) if wire is None else lambda: wire
    client = KubernetesClient(CLUSTER, opened, timeout=10, sleep=waited.append, **options)
    return Lab(cluster, trouble, client, waited)


def _way(cluster: SimulatedCluster) -> Wire:
    return in_process("https://iks-a.example", TOKEN, InProcess(cluster))


def built(version: tuple[int, int], trouble: Trouble, nodes: int = 3) -> SimulatedCluster:
    """Workers, a pool, a web tier of two pods."""
    workers = [worker(number) for number in range(1, nodes + 1)]
    resources: Sequence[Resource] = [POOL, *workers, *PODS, WEB]
    given = Observation(items={one.key: Observed(resource=one) for one in resources})
    options = Options(ranges=RANGES, version=version, token=TOKEN)
    return seeded(CLUSTER, given, options, SIDES, SITE, trouble)


# Resources


def worker(number: int) -> Node:
    """A worker, by number."""
    block = list(IPv4Network("172.30.0.0/16").subnets(new_prefix=26))[number]
    return Node(
        cluster=CLUSTER,
        node=f"worker-{number}",
        address=IPv4Address("10.95.60.3") + number,
        interfaces=(
            NodeInterface(
                label="eth0",
                role="private",
                address=IPv4Interface((IPv4Address("10.95.60.3") + number, 26)),
            ),
            NodeInterface(
                label="eth1",
                role="public",
                address=IPv4Interface((IPv4Address("198.51.100.69") + number, 27)),
            ),
        ),
        tunnel=block.network_address,
        blocks=(block,),
    )


POOL = IpPool(
    cluster=CLUSTER,
    pool="default-ipv4-ippool",
    cidr=IPv4Network("172.30.0.0/16"),
    ipip=IpipMode.CROSS_SUBNET,
    nat_outgoing=True,
)
PODS = tuple(
    Pod(
        cluster=CLUSTER,
        pod=f"web-{number}",
        node=f"worker-{number}",
        address=worker(number).blocks[0].network_address + 20,
        listens=("tcp/8080",),
    )
    for number in (1, 2)
)
WEB = Service(
    cluster=CLUSTER,
    service="web",
    address=IPv4Address("172.21.0.20"),
    ports=(ServicePort(port=80, target=8080),),
    endpoints=tuple(pod.address for pod in PODS),
)

CALICO = Calico(cluster=CLUSTER)
PEER = BgpPeer(cluster=CLUSTER, peer="workload-esg", address=IPv4Address("10.95.40.80"), asn=65010)
PEER_OF_ONE = BgpPeer(
    cluster=CLUSTER, peer="bcr-1", node="worker-1", address=IPv4Address("10.95.60.1"), asn=64999
)
REMOTE = IpPool(
    cluster=CLUSTER,
    pool="vpn-remote",
    cidr=IPv4Network("192.168.12.0/24"),
    ipip=IpipMode.NEVER,
    disabled=True,
)
ONLINK = NodeRoute(
    cluster=CLUSTER, route="workload-esg", networks=(IPv4Network("10.95.40.80/32"),), interface="eth0"
)
BY_EDGE = NodeRoute(
    cluster=CLUSTER,
    route="databases",
    networks=(IPv4Network("192.168.12.0/24"), IPv4Network("192.168.13.0/24")),
    interface="eth0",
    next_hop=IPv4Address("10.95.40.80"),
    nodes=("worker-1", "worker-3"),
)
ORDERS = Service(
    cluster=CLUSTER,
    service="orders",
    ports=(ServicePort(port=3306),),
    endpoints=(IPv4Address("10.95.40.81"),),
)
MAPPED = Service(
    cluster=CLUSTER,
    service="ledger",
    ports=(ServicePort(port=80, target=8080), ServicePort(port=53, protocol="udp")),
    endpoints=(IPv4Address("10.95.40.81"), IPv4Address("10.95.40.82")),
)
MADE: list[Resource] = [PEER, PEER_OF_ONE, REMOTE, ONLINK, BY_EDGE, ORDERS, MAPPED]

ROUTE_PODS = (api.POD, "kube-system")


# Changes, as the engine makes them


def create(resource: Resource) -> Change:
    return Change(action=Action.CREATE, key=resource.key, after=resource)


def update(before: Resource, after: Resource) -> Change:
    fields = field_changes(before, after)
    return Change(action=Action.UPDATE, key=after.key, before=before, after=after, fields=fields)


def delete(resource: Resource) -> Change:
    return Change(action=Action.DELETE, key=resource.key, before=resource)


def adopt(found: Key, before: Resource, after: Resource) -> Change:
    adopts = found if found != after.key else None
    return replace(update(before, after), action=Action.ADOPT, adopts=adopts)


def release(before: Resource, after: Resource) -> Change:
    return replace(update(before, after), action=Action.RELEASE, key=before.key)
