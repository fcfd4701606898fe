"""How nodes use a web proxy: the shell, Docker, the package manager and the installer, each its own way.

With SNAT none of this is wanted. Behind a proxy (S4) the cluster's own addresses must not go to it: a Docker
that logs in to the cluster through the proxy fails with a message about the registry, not about the proxy
(ICP 3.1.0, installing behind an HTTP proxy). So one list of exceptions is made here and used everywhere.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from hopbook.icp.sizes import Node, installation
from hopbook.site.model import Egress, Icp, Site

SOURCE = "ICP 3.1.0, installing behind an HTTP proxy"
PROFILE = "/etc/profile.d/hopbook-proxy.sh"
APT = "/etc/apt/apt.conf.d/80hopbook-proxy"
YUM = "/etc/yum.conf"
DOCKER = "/etc/systemd/system/docker.service.d/http-proxy.conf"
_ALWAYS = ("localhost", "127.0.0.1")
_INSIDE = (".svc", ".cluster.local")


@dataclass(frozen=True, slots=True)
class Proxying:
    """A web proxy, and what does not go to it.

    Attributes:
        url: `http://10.95.8.40:3128`.
        exceptions: Names, addresses and ranges, each once.
        direct: Those of the exceptions that are hosts which the package manager asks.
    """

    url: str
    exceptions: tuple[str, ...]
    direct: tuple[str, ...] = ()

    @property
    def no_proxy(self) -> str:
        """The exceptions as programs take them."""
        return ",".join(self.exceptions)


def proxying(site: Site, icp: Icp, nodes: Iterable[Node], ca_domain: str) -> Proxying | None:
    """The proxy of a site whose nodes leave by one; None with SNAT."""
    if icp.egress is not Egress.PROXY or icp.proxy is None:
        return None
    private = tuple(each.host for each in site.externals if each.where == "private")
    found = dict.fromkeys((*_ALWAYS, ca_domain, *_own(icp, nodes), *private, *_INSIDE))
    return Proxying(
        url=f"http://{icp.proxy.address}:{icp.proxy.port}", exceptions=tuple(found), direct=private
    )


def _own(icp: Icp, nodes: Iterable[Node]) -> Iterator[str]:
    """What is the cluster's, or stands for it."""
    yield from (str(icp.vips.master), str(icp.vips.proxy))
    yield from (str(icp.published.master), str(icp.published.proxy))
    yield from filter(None, (icp.published.master_name, icp.published.proxy_name))
    yield from (str(node.address) for node in nodes)
    yield from (str(icp.pods), str(icp.services.network))
    registry = installation(icp).settings.registry
    if registry is not None:
        yield registry.server


def profile(proxy: Proxying) -> str:
    """For login shells, in both spellings: `PROFILE`."""
    lines = [
        f"export {spelt}='{value}'" for name, value in _variables(proxy) for spelt in (name.lower(), name)
    ]
    return "\n".join(lines) + "\n"


def docker(proxy: Proxying) -> str:
    """For Docker's service: `DOCKER`. It takes effect when systemd reads it and Docker starts again."""
    lines = [f'Environment="{name}={value}"' for name, value in _variables(proxy)]
    return "\n".join(["[Service]", *lines]) + "\n"


def apt(proxy: Proxying) -> str:
    """For apt: `APT`."""
    lines = [f'Acquire::{scheme}::Proxy "{proxy.url}/";' for scheme in ("http", "https")]
    lines += [
        f'Acquire::{scheme}::Proxy::{host} "DIRECT";' for host in proxy.direct for scheme in ("http", "https")
    ]
    return "\n".join(lines) + "\n"


def yum(proxy: Proxying) -> str:
    """The line of yum's `[main]` section in `YUM`; yum knows no exceptions there."""
    return f"proxy={proxy.url}"


def docker_env(proxy: Proxying) -> tuple[str, ...]:
    """`docker_env` of config.yaml: what the installer gives to Docker on every node."""
    return tuple(f"{name}={value}" for name, value in _variables(proxy))


def _variables(proxy: Proxying) -> Iterator[tuple[str, str]]:
    yield "HTTP_PROXY", proxy.url
    yield "HTTPS_PROXY", proxy.url
    yield "NO_PROXY", proxy.no_proxy
