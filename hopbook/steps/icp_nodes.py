"""What one node of ICP has to be like, as resources (ICP 3.1.0, preparing nodes; its required ports).

Each function is about one machine, so that twenty are twenty of the same. Packages, kernel parameters and
thresholds are the guide's; where its editions differ, the stricter one.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator
from ipaddress import IPv4Address, IPv4Interface, IPv4Network

from hopbook.hosts import checks
from hopbook.icp import egress
from hopbook.icp.egress import Proxying
from hopbook.icp.sizes import Node
from hopbook.resources.base import Resource
from hopbook.resources.host import Block, Check, File, Job, Line, Package, Service, Sysctl
from hopbook.site.model import IcpInstall

ROUND_TRIP = 33  # ms between two masters, at most (ICP, platform components)
_SYSTEMS = (("ubuntu", "16.04"), ("rhel", "7"), ("centos", "7"))
_LOOPBACK = "127.0.1.1"
_CLOCK = 5  # seconds that a node's clock may be off
_PACKAGES = {
    "apt": ("python", "python-yaml", "thin-provisioning-tools", "lvm2", "nfs-common", "chrony"),
    "yum": (
        *("python", "PyYAML", "device-mapper", "device-mapper-persistent-data", "lvm2", "nfs-utils"),
        *("libseccomp", "libtool-ltdl", "libcgroup", "iptables", "chrony"),
    ),
}
_FIREWALLS = {"apt": "ufw", "yum": "firewalld"}
_CHRONY = {"apt": ("/etc/chrony/chrony.conf", "chrony"), "yum": ("/etc/chrony.conf", "chronyd")}
_DOCKER_CONFIG = "/etc/docker/daemon.json"
_DRIVER = "overlay2"


def examined(node: Node) -> Iterator[Check]:
    """What only the template's owner, or a larger machine, can mend."""
    requirements = [
        checks.administrator(),
        checks.os_release(*_SYSTEMS),
        checks.cpus(node.size.cpus),
        checks.memory(node.size.memory),
        checks.disk("/", node.size.disks[0]),
    ]
    return (Check(host=node.name, requirement=requirement) for requirement in requirements)


def named(node: Node, nodes: Iterable[Node], domain: str) -> Iterator[Resource]:
    """`/etc/hosts`: every node by its address, and no line that leads the node's own name to itself alone."""
    yield Line(host=node.name, path="/etc/hosts", word=_LOOPBACK, text=None)
    lines = tuple(f"{each.address} {each.name}.{domain} {each.name}" for each in nodes)
    yield Block(host=node.name, path="/etc/hosts", label="icp-nodes", lines=lines)


def proxied(node: Node, proxy: Proxying, packages: str) -> Iterator[Resource]:
    """The web proxy for shells and for the package manager."""
    yield File(host=node.name, path=egress.PROFILE, content=egress.profile(proxy))
    if packages == "apt":
        yield File(host=node.name, path=egress.APT, content=egress.apt(proxy))
    else:
        yield Block(host=node.name, path=egress.YUM, label="icp-proxy", lines=(egress.yum(proxy),))


def prepared(node: Node, install: IcpInstall, servers: Iterable[IPv4Address]) -> Iterator[Resource]:
    """Packages, kernel parameters, time, and the host's own firewall off."""
    host = node.name
    for package in _PACKAGES[install.packages]:
        yield Package(host=host, package=package)
    yield Sysctl(host=host, parameter="vm.max_map_count", value="262144", minimum=True)
    yield Sysctl(host=host, parameter="net.ipv4.ip_local_port_range", value="10240 60999", minimum=True)
    if not install.settings.firewall_enabled:
        yield Service(host=host, service=_FIREWALLS[install.packages], running=False, enabled=False)
    path, service = _CHRONY[install.packages]
    text = _chrony(servers)
    yield File(host=host, path=path, content=text)
    yield Service(host=host, service=service, running=True, enabled=True)
    yield _restart(host, service, text)


def _chrony(servers: Iterable[IPv4Address]) -> str:
    lines = [f"server {server} iburst" for server in servers]
    return "\n".join([*lines, "driftfile /var/lib/chrony/drift", "makestep 1.0 3", "rtcsync"]) + "\n"


def docker_texts(node: Node, bridge: IPv4Interface, proxy: Proxying | None) -> Iterator[Resource]:
    """What Docker reads when it starts; before it does, so that its bridge is right from the first."""
    for path, text in _texts(bridge, proxy).items():
        yield File(host=node.name, path=path, content=text)


def docker(
    node: Node, install: IcpInstall, bridge: IPv4Interface, proxy: Proxying | None
) -> Iterator[Resource]:
    """Docker, and a restart for each change of what it reads."""
    host = node.name
    if install.docker is not None:
        yield Package(host=host, package=install.docker.package, release=install.docker.release)
    yield Service(host=host, service="docker", running=True, enabled=True)
    yield _restart(host, "docker", "".join(_texts(bridge, proxy).values()))


def _texts(bridge: IPv4Interface, proxy: Proxying | None) -> dict[str, str]:
    daemon = json.dumps({"bip": str(bridge), "storage-driver": _DRIVER}, indent=2) + "\n"
    return {_DOCKER_CONFIG: daemon} | ({egress.DOCKER: egress.docker(proxy)} if proxy else {})


def ready(node: Node, install: IcpInstall, taken: tuple[IPv4Network, ...]) -> Iterator[Check]:
    """Every check of the guide that holds before and after the installation."""
    requirements = [
        checks.python("2.6", "3.0"),
        checks.own_name(node.address),
        checks.clock(_CLOCK),
        checks.no_swap(),
    ]
    if not install.settings.firewall_enabled:
        requirements.append(checks.no_firewall())
    if not install.settings.install_docker:
        requirements.append(checks.docker(install.settings.docker_version, _DRIVER))
        requirements.append(checks.docker_bridge(*taken))
    return (Check(host=node.name, requirement=requirement) for requirement in requirements)


def _restart(host: str, service: str, text: str) -> Job:
    """Starts a service again, once for each text that it reads."""
    digest = hashlib.sha256(text.encode()).hexdigest()[:8]
    again = f"systemctl daemon-reload && systemctl restart {service}"
    return Job(host=host, job=f"restart-{service}-{digest}", command=("sh", "-c", again))
