"""What a release of strongSwan's chart has become in its cluster: the container, its routes, its pool.

The container writes a ConfigMap of where it is, and a pod on every worker makes routes of it, in a table of
its own (reference/ibm.md 3.2). How a packet gets to the container follows from where the worker is: on its
own one by the container's interface, on its subnet plainly, elsewhere (and where Calico always does so) by
IP-in-IP.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network

from adapters.helm.kube import Kube, Object, name_of, ready
from hopbook.network.kubernetes import TUNNEL
from hopbook.network.naming import cali
from hopbook.resources.base import Resource, SecretRef
from hopbook.resources.helm import Release
from hopbook.resources.kubernetes import Auto, IpipMode, IpPool, NodeRoute, Table, Vpn
from hopbook.vpn.keys import networks
from hopbook.vpn.values import Effective

BLANK_IKE = "aes128-sha1-modp2048,3des-sha1-modp1536"
BLANK_ESP = "aes128-sha1,3des-sha1"
_TEST = "strongswan-test"
_ESTABLISHED = re.compile(r"^\s*(?P<name>[^\s\[]+)\[\d+\]:\s+ESTABLISHED", re.MULTILINE)
_INSTALLED = re.compile(r"^\s*\S+\{\d+\}:\s+INSTALLED", re.MULTILINE)
_SELECTORS = re.compile(
    r"^\s*\S+\{\d+\}:\s+(?P<inside>[\d./ ]+?)\s*===\s*(?P<beyond>[\d./ ]+?)\s*$", re.MULTILINE
)


@dataclass(frozen=True, slots=True)
class Habits:
    """What the chart does that no document says; inferred, so another chart's may be given.

    Attributes:
        pod: The `app` label of the container's pod (documented).
        routes: The `app` label of the pods that make the routes.
        interface: By which workers of one subnet reach each other.
    """

    pod: str = "strongswan"
    routes: str = "strongswan-routes"
    interface: str = "eth0"


@dataclass(frozen=True, slots=True)
class IkeState:
    """What the container says of its tunnel.

    Attributes:
        established: IKE is up: both ends know each other.
        installed: ESP is, too: packets can go.
        selectors: What goes: each pair of a range inside and one beyond.
        said: The answer itself, for a message.
    """

    established: bool
    installed: bool
    selectors: frozenset[tuple[IPv4Network, IPv4Network]]
    said: str

    @property
    def up(self) -> bool:
        """Whether packets can go."""
        return self.established and self.installed


@dataclass(frozen=True, slots=True)
class Inside:
    """One release, seen from inside its cluster."""

    kube: Kube
    release: Release
    habits: Habits

    @property
    def full_name(self) -> str:
        """How the chart begins the names of a release's objects."""
        return f"{self.release.release}-strongswan"

    def facts(self, values: Effective, secret: SecretRef) -> Iterator[Resource]:
        """The VPN, its routes and its pool, as far as they are there.

        Args:
            values: The release's values over the chart's own; they pass the linter.
            secret: What both ends know.
        """
        pod = self._pod()
        if pod is None:
            return
        vpn = self._vpn(pod, values, secret)
        yield vpn
        yield from self._pools(vpn)
        written = self.kube.config_map(self._cluster, self._namespace, f"{self.full_name}-routes") or {}
        if written.get("vpnPodIP") == str(vpn.address):  # else it is of a container that is gone
            yield from self._routes(vpn, written)

    def ike(self) -> IkeState | None:
        """How the tunnel is, by `ipsec status` in the container; None: no container runs.

        Raises:
            SystemTrouble: it could not be asked.
        """
        pod = self._pod()
        if pod is None:
            return None
        return ike_state(self.kube.execute(self._cluster, self._namespace, name_of(pod), ("ipsec", "status")))

    def leftovers(self, remote: Sequence[IPv4Network]) -> tuple[str, ...]:
        """What an uninstalled release left behind, each with what to do (reference/ibm.md 3.2, rollback).

        Routes on workers go with the pods that made them; from here only the pods can be seen.
        """
        return tuple(self._left(remote))

    @property
    def _cluster(self) -> str:
        return self.release.cluster

    @property
    def _namespace(self) -> str:
        return self.release.namespace

    def _pods(self, app: str) -> Sequence[Object]:
        labels = {"app": app, "release": self.release.release}
        return self.kube.pods(self._cluster, self._namespace, labels)

    def _pod(self) -> Object | None:
        """The container's pod: there is one, but while it moves a second is on its way out."""
        return next((pod for pod in self._pods(self.habits.pod) if ready(pod)), None)

    def _vpn(self, pod: Object, values: Effective, secret: SecretRef) -> Vpn:
        gateway = values.word("remote.gateway")
        return Vpn(
            cluster=self._cluster,
            release=self.release.release,
            pod=name_of(pod),
            node=str(pod["spec"]["nodeName"]),
            address=IPv4Address(pod["status"]["podIP"]),
            secret=secret,
            local_subnets=values.networks("local.subnet"),
            remote_subnets=values.networks("remote.subnet"),
            gateway=None if gateway in {"", "%any"} else IPv4Address(gateway),
            load_balancer=self._load_balancer(),
            auto=Auto(values.word("ipsec.auto")),
            local_id=values.word("local.id"),
            remote_id=values.word("remote.id"),
            ike=values.word("ipsec.ike") or BLANK_IKE,
            esp=values.word("ipsec.esp") or BLANK_ESP,
        )

    def _load_balancer(self) -> IPv4Address | None:
        labels = {"app": self.habits.pod, "release": self.release.release}
        for service in self.kube.services(self._cluster, self._namespace, labels):
            for entry in service.get("status", {}).get("loadBalancer", {}).get("ingress") or ():
                if entry.get("ip"):
                    return IPv4Address(entry["ip"])
        return None

    def _pools(self, vpn: Vpn) -> Iterator[IpPool]:
        for pool in self.kube.pools(self._cluster):
            spec = pool["spec"]
            if spec.get("disabled") and IPv4Network(spec["cidr"]) in vpn.remote_subnets:
                yield IpPool(
                    cluster=self._cluster,
                    pool=name_of(pool),
                    cidr=IPv4Network(spec["cidr"]),
                    ipip=IpipMode(spec.get("ipipMode") or "Never"),
                    nat_outgoing=bool(spec.get("natOutgoing")),
                    disabled=True,
                )

    def _routes(self, vpn: Vpn, written: Mapping[str, str]) -> Iterator[NodeRoute]:
        """One a way, with the workers that go it; only workers on which a pod made the routes have them."""
        made = {str(pod["spec"]["nodeName"]) for pod in self._pods(self.habits.routes) if ready(pod)}
        own = IPv4Address(written["workerNodeIP"])
        subnet = IPv4Network(written["workerSubnet"])
        always = self._tunnelled(vpn.address)
        ways: dict[str, list[str]] = {"here": [], "beside": [], "by-tunnel": []}
        for node in self.kube.nodes(self._cluster):
            name, address = name_of(node), _address(node)
            if name in made:
                plainly = address in subnet and not always
                way = "here" if name == vpn.node else "beside" if plainly else "by-tunnel"
                ways[way].append(name)
        leads = {
            "here": (cali(vpn.pod), vpn.address),
            "beside": (self.habits.interface, own),
            "by-tunnel": (TUNNEL, own),
        }
        for way, nodes in ways.items():
            if nodes:
                interface, next_hop = leads[way]
                yield NodeRoute(
                    cluster=self._cluster,
                    route=f"{self.release.release}-{way}",
                    nodes=tuple(sorted(nodes)),
                    networks=networks(written["remoteSubnet"]),
                    interface=interface,
                    next_hop=next_hop,
                    table=Table.VPN,
                )

    def _tunnelled(self, address: IPv4Address) -> bool:
        """Whether Calico wraps whatever goes to a pod of another node: then the way back comes so, too."""
        return any(
            address in IPv4Network(pool["spec"]["cidr"]) and pool["spec"].get("ipipMode") == IpipMode.ALWAYS
            for pool in self.kube.pools(self._cluster)
            if not pool["spec"].get("disabled")
        )

    def _left(self, remote: Sequence[IPv4Network]) -> Iterator[str]:
        if self.kube.exists(self._cluster, self._namespace, "Deployment", self.full_name):
            yield f"Deployment {self.full_name} is still there: `kubectl delete deployment {self.full_name}`"
        for pod in (*self._pods(self.habits.pod), *self._pods(self.habits.routes)):
            node = pod["spec"].get("nodeName", "no node")
            yield f"pod {name_of(pod)} still runs on {node}: it makes routes"
        if any(self._pods(_TEST)):
            yield f"pods of its tests are still there: `kubectl delete pods -l app={_TEST}`"
        for pool in self.kube.pools(self._cluster):
            if pool["spec"].get("disabled") and IPv4Network(pool["spec"]["cidr"]) in remote:
                what = f"IP pool {name_of(pool)} still keeps {pool['spec']['cidr']} from being masqueraded"
                yield f"{what}: `calicoctl delete ippool {name_of(pool)}`"


def ike_state(said: str) -> IkeState:
    """What `ipsec status` says."""
    return IkeState(
        established=_ESTABLISHED.search(said) is not None,
        installed=_INSTALLED.search(said) is not None,
        selectors=frozenset(
            (IPv4Network(inside), IPv4Network(beyond))
            for found in _SELECTORS.finditer(said)
            for inside in found["inside"].split()
            for beyond in found["beyond"].split()
        ),
        said=said,
    )


def _address(node: Object) -> IPv4Address | None:
    for entry in node["status"].get("addresses", ()):
        if entry.get("type") == "InternalIP":
            return IPv4Address(entry["address"])
    return None
