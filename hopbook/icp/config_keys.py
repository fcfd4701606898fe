"""The keys of ICP 3.1's `config.yaml`, as a form: an unknown key or a value of another kind is a problem.

The installer ignores a key that it does not know, so a slip of the pen shows as a cluster that is not as it
was asked for. Defaults and notes are of the ICP 3.1.0 and 3.1.1 documents; what only later ones or memory say
is marked. No full list of 3.1.0's keys could be had, so `further` of `parse` admits more by name.
"""

from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from typing import Annotated, Any, Literal

from pydantic import Field

from hopbook.site.model import Part, VipManager

Text = Annotated[str, Field(max_length=4096)]  # ansible's {{ expressions }} may be in it
Port = Annotated[int, Field(ge=1, le=65535)]
Switch = Literal["enabled", "disabled"]


class IpsecMesh(Part):
    """IPsec between all nodes; needs two network interfaces."""

    enable: bool = False
    subnets: tuple[IPv4Network, ...] = ()
    exclude_ips: tuple[IPv4Address, ...] = ()
    cipher_suite: str | None = None


class VsphereConf(Part):
    """The cloud provider's access to vCenter."""

    user: Text
    password: Text
    server: Text
    port: Port = 443
    insecure_flag: bool = False
    datacenter: Text
    datastore: Text
    working_dir: Text = ""


class Config(Part):
    """What a `config.yaml` may say. A key that is not written has the installer's own default."""

    # The network
    network_type: Literal["calico", "nsx-t"] = "calico"
    network_cidr: IPv4Network = Field(default=IPv4Network("10.1.0.0/16"), description="pods")
    service_cluster_ip_range: IPv4Interface = Field(
        default=IPv4Interface("10.0.0.1/24"), description="services; 3.1.1 and later say 10.0.0.0/16"
    )
    calico_ipip_enabled: bool = True
    calico_tunnel_mtu: int = Field(default=1430, ge=576, le=8980)
    calico_ip_autodetection_method: Text = "can-reach={{ groups['master'][0] }}"
    ipsec_mesh: IpsecMesh = IpsecMesh()
    nsx_t: dict[str, Any] | None = Field(default=None, description="its keys are not known; only with nsx-t")

    # Names and addresses
    cluster_name: Text = "mycluster"
    cluster_CA_domain: Text = Field(  # noqa: N815 – the installer spells it so
        default="{{ cluster_name }}.icp", description="the name that certificates are for"
    )
    cluster_domain: Text = Field(default="cluster.local", description="must stay so in 3.1.0")
    vip_manager: VipManager = VipManager.ETCD
    vip_iface: Text = "eth0"
    cluster_vip: IPv4Address = IPv4Address("127.0.1.1")
    proxy_vip_iface: Text = "eth0"
    proxy_vip: IPv4Address = IPv4Address("127.0.1.1")
    cluster_lb_address: Text | None = Field(
        default=None, description="the address that clients are told for the masters"
    )
    proxy_lb_address: Text | None = Field(default=None, description="the same for the proxies")
    loopback_dns: bool = False
    kubelet_nodename: Literal["ip", "hostname"] = "ip"

    # Ports
    kube_apiserver_secure_port: Port = 8001
    kube_apiserver_insecure_port: Port = Field(default=8888, description="recalled; no document found")
    router_http_port: Port = 8080
    router_https_port: Port = 8443
    ingress_http_port: Port = 80
    ingress_https_port: Port = 443

    # The way out
    docker_env: tuple[Text, ...] = Field(default=(), description="HTTP_PROXY=…, HTTPS_PROXY=…, NO_PROXY=…")
    tiller_http_proxy: Text | None = None
    tiller_https_proxy: Text | None = None

    # The nodes and the run
    firewall_enabled: bool = False
    install_docker: bool = True
    docker_version: Text = "18.03.1"
    wait_for_timeout: int = Field(default=600, ge=1)
    ansible_user: Text = "root"
    ansible_become: bool = False
    version: Text | None = Field(default=None, description="must be the tag of the loaded images")
    backup_version: Text | None = None

    # Accounts, images and services
    default_admin_user: Text = "admin"
    default_admin_password: Text = "admin"  # noqa: S105 – what ICP ships with; `judge` refuses it
    image_repo: Text | None = None
    private_registry_enabled: bool = False
    private_registry_server: Text | None = None
    docker_username: Text | None = None
    docker_password: Text | None = None
    management_services: dict[str, Switch] = Field(default_factory=dict)
    cloud_provider: Literal["vsphere"] | None = None
    vsphere_conf: VsphereConf | None = None
    isolated_namespaces: tuple[Text, ...] = ()
    isolated_proxies: tuple[Text, ...] = ()
