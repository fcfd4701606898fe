"""The kinds of objects that we read and write, and where an API server keeps them."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Api:
    """One kind of object: `apps`, `v1`, `daemonsets`, `DaemonSet`; the core group has no name."""

    group: str
    version: str
    plural: str
    kind: str
    namespaced: bool = True

    @property
    def api_version(self) -> str:
        """As manifests spell it."""
        return f"{self.group}/{self.version}" if self.group else self.version

    def path(self, namespace: str = "", name: str = "") -> str:
        """Of one object, of the list of a namespace, or of all."""
        root = f"/apis/{self.api_version}" if self.group else f"/api/{self.api_version}"
        within = f"/namespaces/{namespace}" if self.namespaced and namespace else ""
        return f"{root}{within}/{self.plural}" + (f"/{name}" if name else "")

    def __str__(self) -> str:
        """As RBAC and messages spell it: `bgppeers.crd.projectcalico.org`."""
        return f"{self.plural}.{self.group}" if self.group else self.plural


CALICO = "crd.projectcalico.org"

NAMESPACE = Api("", "v1", "namespaces", "Namespace", namespaced=False)
NODE = Api("", "v1", "nodes", "Node", namespaced=False)
POD = Api("", "v1", "pods", "Pod")
SERVICE = Api("", "v1", "services", "Service")
ENDPOINTS = Api("", "v1", "endpoints", "Endpoints")
CONFIG_MAP = Api("", "v1", "configmaps", "ConfigMap")
DAEMON_SET = Api("apps", "v1", "daemonsets", "DaemonSet")
DEPLOYMENT = Api("apps", "v1", "deployments", "Deployment")
INGRESS = Api("networking.k8s.io", "v1", "ingresses", "Ingress")
OLD_INGRESS = Api("extensions", "v1beta1", "ingresses", "Ingress")  # until 1.18

BGP_CONFIGURATION = Api(CALICO, "v1", "bgpconfigurations", "BGPConfiguration", namespaced=False)
FELIX_CONFIGURATION = Api(CALICO, "v1", "felixconfigurations", "FelixConfiguration", namespaced=False)
IP_POOL = Api(CALICO, "v1", "ippools", "IPPool", namespaced=False)
BGP_PEER = Api(CALICO, "v1", "bgppeers", "BGPPeer", namespaced=False)
BLOCK_AFFINITY = Api(CALICO, "v1", "blockaffinities", "BlockAffinity", namespaced=False)
