"""What is run on the boot node, word for word (ICP 3.1.0, installation; reference architecture).

Every command is an argument list: nothing here passes through a shell. Jobs are named by what they are about,
so that whoever comes back after a lost connection finds the one that runs and does not start another.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import Any

from hopbook.icp.inventory import Groups
from hopbook.icp.sizes import installation
from hopbook.site.model import Edition, Icp, IcpInstall

SOURCE = "ICP 3.1.0, installation"
RESIDUE = ("/etc/cfc", "/var/lib/kubelet", "/var/lib/etcd")
"""What an installation leaves on every node, and what is gone after an uninstallation."""

API_PORT = 8001
INSTALL_TIMEOUT = 5400.0  # seconds; 10 to 45 minutes were seen, and IBM's own wrappers wait so long
LOAD_TIMEOUT = 1800.0  # seconds, for loading the archive
_SHAPING = (
    *("network_type", "network_cidr", "service_cluster_ip_range", "cluster_name", "cluster_CA_domain"),
    *("cluster_domain", "cluster_vip", "proxy_vip", "cluster_lb_address", "proxy_lb_address"),
)
"""The keys of config.yaml that make a cluster what it is: another value is another cluster."""


@dataclass(frozen=True, slots=True)
class Boot:
    """Where things are on the boot node.

    Attributes:
        folder: `/opt/ibm-cloud-private-3.1.0`.
        image: The installer's image with its tag.
        flags: What the installer's own runs are given: verbosity and forks.
    """

    folder: str
    image: str
    flags: tuple[str, ...] = ("-v",)

    @property
    def cluster(self) -> str:
        """The folder of the cluster: `config.yaml`, `hosts`, `ssh_key`, certificates, logs."""
        return f"{self.folder}/cluster"


def boot_of(install: IcpInstall) -> Boot:
    """The boot node's places for a site's installation."""
    settings = install.settings
    verbose = (f"-{'v' * settings.verbosity}",) if settings.verbosity else ()
    forks = () if settings.forks == 15 else ("-f", str(settings.forks))  # noqa: PLR2004 – ICP's default
    return Boot(
        folder=f"/opt/ibm-cloud-private-{install.version}",
        image=inception(install),
        flags=(*verbose, *forks),
    )


def inception(install: IcpInstall) -> str:
    """The installer's image: its name and tag tell the editions apart."""
    if install.edition is Edition.CE:
        image = f"ibmcom/icp-inception:{install.version}"
    else:
        image = f"ibmcom/icp-inception-amd64:{install.version}-ee"
    registry = install.settings.registry
    return f"{registry.server}/{image}" if registry else image


def skeleton(boot: Boot) -> tuple[str, ...]:
    """Copies `cluster/` with its examples out of the image."""
    return (
        *("docker", "run", "-v", f"{boot.folder}:/data", "-e", "LICENSE=accept", boot.image),
        *("cp", "-r", "cluster", "/data"),
    )


def install(boot: Boot) -> tuple[str, ...]:
    """Installs the cluster."""
    return (*_installer(boot), "install", *boot.flags)


def add_workers(boot: Boot, addresses: Iterable[IPv4Address]) -> tuple[str, ...]:
    """Makes prepared machines workers of the cluster."""
    return (*_installer(boot), "worker", "-l", _listed(addresses), *boot.flags)


def remove_nodes(boot: Boot, addresses: Iterable[IPv4Address]) -> tuple[str, ...]:
    """Takes nodes out of the cluster; their machines stay."""
    return (*_installer(boot, "--rm"), "uninstall", "-l", _listed(addresses), *boot.flags)


def uninstall(boot: Boot) -> tuple[str, ...]:
    """Takes the whole cluster away; Docker, loaded images and what was prepared before stay."""
    return (*_installer(boot, "--rm"), "uninstall", *boot.flags)


def copy_kubectl(boot: Boot) -> tuple[str, ...]:
    """Copies `kubectl` out of the image to where the shell finds it."""
    return (
        *("docker", "run", "-e", "LICENSE=accept", "--net=host", "-v", "/usr/local/bin:/data", boot.image),
        *("cp", "/usr/local/bin/kubectl", "/data"),
    )


def _installer(boot: Boot, *more: str) -> tuple[str, ...]:
    return (
        *("docker", "run", "--net=host", *more, "-t", "-e", "LICENSE=accept"),
        *("-v", f"{boot.cluster}:/installer/cluster", boot.image),
    )


def kubectl(icp: Icp, *words: str) -> tuple[str, ...]:
    """`kubectl` on the boot node, as the cluster's administrator, by the masters' virtual address."""
    install = installation(icp)
    settings, cluster = install.settings, boot_of(install).cluster
    return (
        "kubectl",
        f"--server=https://{icp.vips.master}:{API_PORT}",
        f"--certificate-authority={cluster}/{settings.ca_file}",
        f"--client-certificate={cluster}/{settings.client_certificate}",
        f"--client-key={cluster}/{settings.client_key}",
        *words,
    )


def shape(keys: Mapping[str, Any]) -> str:
    """A digest of what in `config.yaml` cannot change once the cluster is there: 12 hex digits."""
    return _digest(f"{key}={keys.get(key)}" for key in _SHAPING)


def roles(groups: Groups) -> str:
    """A digest of who is what, workers aside (they come and go): 12 hex digits."""
    return _digest(
        f"{group}={_listed(sorted(addresses))}"
        for group, addresses in sorted(groups.items())
        if group != "worker"
    )


def _digest(lines: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:12]


def _listed(addresses: Iterable[IPv4Address]) -> str:
    return ",".join(map(str, addresses))
