"""`cluster/config.yaml`: rendered from a site, read back, and judged.

The addresses that the ESG publishes are what clients know, so they are what the cluster has to call itself
by (`cluster_lb_address`, `proxy_lb_address`), and the name of its certificates (`cluster_CA_domain`) is the
published one. Otherwise the console redirects to a virtual address that nobody outside can reach (S6).

A password is a slot in the text, so that the document can be shown, compared and journaled. It stands alone
in a literal block (`|2-`), where YAML takes every character of a line as it is: no password needs escaping.
"""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

import yaml

from hopbook.errors import InvalidInput, Problem
from hopbook.icp import egress
from hopbook.icp.config_keys import Config
from hopbook.icp.egress import Proxying
from hopbook.icp.inventory import Groups
from hopbook.icp.sizes import installation
from hopbook.resources.host import Slot
from hopbook.site.document import Document, read_document
from hopbook.site.model import Advertise, Icp, InstallerSettings, ServiceRange
from hopbook.site.validate import validated

NAME = "config.yaml"
SOURCE = "ICP 3.1.0, config.yaml"
ADMIN_PASSWORD = "{{hopbook-admin-password}}"  # noqa: S105 – where the secret goes
REGISTRY_PASSWORD = "{{hopbook-registry-password}}"  # noqa: S105 – likewise
_SLOTS = (ADMIN_PASSWORD, REGISTRY_PASSWORD)
_HEAD = "# Made by hopbook from the site file; what is changed here is drift.\n"
_IPIP = 20  # bytes of IP-in-IP around a pod's packet
_LINK = 1500  # bytes that a machine's interface takes; larger ones are asked for nowhere
_UNSET = "127.0.1.1"  # ICP's default for a virtual address that nobody gave
_REACHED_BY = (
    ("master", "cluster_vip", "cluster_lb_address"),
    ("proxy", "proxy_vip", "proxy_lb_address"),
)
_WITH_CALICO = ("calico_ipip_enabled", "calico_tunnel_mtu", "calico_ip_autodetection_method")


def ca_domain(icp: Icp) -> str:
    """The name that the cluster's certificates are for: the published one, else ICP's own."""
    settings = installation(icp).settings
    return icp.published.master_name or f"{settings.cluster_name}.icp"


def wanted(icp: Icp, proxy: Proxying | None, roles: Collection[str]) -> dict[str, Any]:
    """The keys of `config.yaml` that a site decides, in the order of the documents.

    Raises:
        InvalidInput: clients shall be told a name, and the site publishes none.
    """
    install = installation(icp)
    settings = install.settings
    found: dict[str, Any] = {
        "network_type": "calico",
        "network_cidr": str(icp.pods),
        "service_cluster_ip_range": _services(icp, settings),
        "cluster_name": settings.cluster_name,
        "cluster_CA_domain": ca_domain(icp),
        "cluster_domain": "cluster.local",
        "vip_manager": settings.vip_manager.value,
        "vip_iface": settings.interface,
        "cluster_vip": str(icp.vips.master),
        "proxy_vip_iface": settings.interface,
        "proxy_vip": str(icp.vips.proxy),
        **_advertised(icp, settings),
        "calico_ipip_enabled": True,
        "calico_tunnel_mtu": settings.tunnel_mtu,
        "calico_ip_autodetection_method": settings.autodetection,
        "ipsec_mesh": {"enable": False},
        "firewall_enabled": settings.firewall_enabled,
        "loopback_dns": settings.loopback_dns,
        "kube_apiserver_secure_port": 8001,
        "router_https_port": 8443,
        "ingress_http_port": 80,
        "ingress_https_port": 443,
        "install_docker": settings.install_docker,
        "docker_version": settings.docker_version,
        "wait_for_timeout": settings.wait_for_timeout,
        **_behind(proxy),
        "ansible_user": install.user,
        "ansible_become": install.user != "root",
        "default_admin_user": install.admin.user,
        "default_admin_password": ADMIN_PASSWORD,
        **_images(settings),
        "management_services": _services_of(settings, roles),
    }
    return found


def slots(icp: Icp) -> tuple[Slot, ...]:
    """The secrets of the document that `wanted` makes, each with its place."""
    install = installation(icp)
    found = [(ADMIN_PASSWORD, install.admin.password)]
    if install.settings.registry is not None:
        found.append((REGISTRY_PASSWORD, install.settings.registry.password))
    return tuple(Slot(mark.strip("{}"), secret) for mark, secret in found)


def _services(icp: Icp, settings: InstallerSettings) -> str:
    if settings.service_range is ServiceRange.NETWORK:
        return str(icp.services.network)
    return str(icp.services)


def _advertised(icp: Icp, settings: InstallerSettings) -> dict[str, str]:
    published = icp.published
    if settings.advertise is Advertise.VIRTUAL:
        return {}
    if settings.advertise is Advertise.ADDRESS:
        return {"cluster_lb_address": str(published.master), "proxy_lb_address": str(published.proxy)}
    if published.master_name is None or published.proxy_name is None:
        lacking = "master_name" if published.master_name is None else "proxy_name"
        what = f"clients shall be told a name (icp.install.settings.advertise), but there is no {lacking}"
        raise InvalidInput(Problem(what=what, where="icp.published"))
    return {"cluster_lb_address": published.master_name, "proxy_lb_address": published.proxy_name}


def _behind(proxy: Proxying | None) -> dict[str, Any]:
    if proxy is None:
        return {}
    return {
        "docker_env": list(egress.docker_env(proxy)),
        "tiller_http_proxy": proxy.url,
        "tiller_https_proxy": proxy.url,
    }


def _images(settings: InstallerSettings) -> dict[str, Any]:
    registry = settings.registry
    if registry is None:
        return {}
    repository = {"image_repo": registry.repository} if registry.repository else {}
    return {
        "private_registry_enabled": True,
        "private_registry_server": registry.server,
        **repository,
        "docker_username": registry.username,
        "docker_password": REGISTRY_PASSWORD,
    }


def _services_of(settings: InstallerSettings, roles: Collection[str]) -> dict[str, str]:
    """ICP 3.1.0 has these four off; the vulnerability advisor is why there are va nodes."""
    advisor = "enabled" if "va" in roles else "disabled"
    own = {"istio": "disabled", "vulnerability-advisor": advisor}
    own |= {"storage-glusterfs": "disabled", "storage-minio": "disabled"}
    return {**own, **settings.management_services}


def render(keys: Mapping[str, Any], groups: Groups) -> str:
    """The text of `config.yaml`: only known keys, and nothing in it that the documents warn of.

    Raises:
        InvalidInput: with every problem that `parse` and `judge` find in it.
    """
    text = _HEAD + yaml.safe_dump(dict(keys), sort_keys=False, default_flow_style=False, width=1000)
    for slot in _SLOTS:
        text = text.replace(f"'{slot}'", f"|2-\n  {slot}")
    config, document = parse(text)
    if problems := list(judge(config, groups, document)):
        raise InvalidInput(*problems)
    return text


def parse(text: str, name: str = NAME, further: Collection[str] = ()) -> tuple[Config, Document]:
    """A `config.yaml`, held to the known keys.

    Args:
        text: The document; placeholders may stand for secrets.
        name: What problems call it.
        further: Keys that are let through unread, because ICP's full list could not be had.

    Raises:
        InvalidInput: with every problem, each with its line.
    """
    document = read_document(text, name)
    known = {key: value for key, value in document.data.items() if key not in further}
    return validated(Document(document.name, known, document.marks), Config), document


def judge(config: Config, groups: Groups, document: Document) -> Iterator[Problem]:
    """What the documents warn of, in a `config.yaml` that has only known keys."""

    def problem(key: str, what: str, source: str = SOURCE) -> Problem:
        return Problem(what=what, where=document.where((key,)), source=source)

    for check in (_ranges, _addresses, _names, _network, _secrets):
        for key, what in check(config, groups, document):
            yield problem(key, what)


_Found = Iterator[tuple[str, str]]


def _ranges(config: Config, groups: Groups, _document: Document) -> _Found:
    pods, services = config.network_cidr, config.service_cluster_ip_range.network
    if pods.overlaps(services):
        yield "service_cluster_ip_range", f"services {services} overlap the pods' {pods}"
    for key, network in (("network_cidr", pods), ("service_cluster_ip_range", services)):
        for group, addresses in groups.items():
            inside = [address for address in addresses if address in network]
            if inside:
                yield key, f"{network} contains {inside[0]}, a node of [{group}]"


def _addresses(config: Config, groups: Groups, _document: Document) -> _Found:
    owners = {address: group for group, addresses in groups.items() for address in addresses}
    for role, vip, lb in _REACHED_BY:
        address = getattr(config, vip)
        if address in owners:
            yield vip, f"{address} is a node of [{owners[address]}]; expected an address that nobody has"
        given = str(address) != _UNSET or getattr(config, lb) is not None
        if len(groups.get(role, ())) > 1 and not given:
            several = len(groups[role])
            yield vip, f"{several} nodes of [{role}] need {vip} or {lb}, and neither is set"
    if config.cluster_vip == config.proxy_vip and str(config.cluster_vip) != _UNSET:
        yield "proxy_vip", f"{config.proxy_vip} is cluster_vip already"


def _names(config: Config, _groups: Groups, _document: Document) -> _Found:
    if config.cluster_domain != "cluster.local":
        told = "3.1.0 does not come up with another (its MongoDB looks for cluster.local)"
        yield "cluster_domain", f"found {config.cluster_domain!r}; expected cluster.local: {told}"
    for variable in config.docker_env:
        name, _, value = variable.partition("=")
        listed = value.split(",")
        if name.upper() != "NO_PROXY":
            continue
        own = (config.cluster_CA_domain, str(config.cluster_vip), str(config.proxy_vip))
        lacking = [each for each in own if each not in {*listed, _UNSET} and "{{" not in each]
        if lacking:
            yield "docker_env", f"NO_PROXY lacks {', '.join(lacking)}: Docker would log in through the proxy"


def _network(config: Config, _groups: Groups, document: Document) -> _Found:
    if config.network_type == "nsx-t":
        for key in _WITH_CALICO:
            if document.has((key,)):
                yield key, "it belongs to calico, and network_type is nsx-t"
        if config.nsx_t is None:
            yield "network_type", "nsx-t needs `nsx_t` with the managers and what they have"
    elif config.nsx_t is not None:
        yield "nsx_t", "it belongs to network_type nsx-t"
    if config.calico_ipip_enabled and config.calico_tunnel_mtu + _IPIP > _LINK:
        most = _LINK - _IPIP
        what = f"found {config.calico_tunnel_mtu}; with IP-in-IP at most {most} fit the nodes' {_LINK} bytes"
        yield "calico_tunnel_mtu", what


def _secrets(config: Config, _groups: Groups, document: Document) -> _Found:
    """Whoever reads the document must learn nothing: passwords are slots."""
    for key in ("default_admin_password", "docker_password"):
        value = getattr(config, key)
        if key == "default_admin_password" and not document.has((key,)):
            yield key, "it is not set, and ICP's own is known to everybody"
        elif value is not None and value not in _SLOTS:
            yield key, "a password is written out; expected the place where it is kept"
