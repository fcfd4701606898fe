"""How many machines of which role and size a cluster has, from a profile and what the site changes of it.

IBM's pages contradict each other, so no size is in code: `runbooks/icp/sizes.yaml` has a profile for each
source, and a site may set other sizes. The addresses of a site say how many nodes there are; a profile says
how many are right.
"""

from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import Annotated

from pydantic import Field

from hopbook.errors import InvalidInput, Problem
from hopbook.site.document import Document
from hopbook.site.model import Icp, IcpInstall, Name, NodeSize, Part
from hopbook.site.validate import validated
from hopbook.site.words import choices, near

ROLES = ("boot", "master", "proxy", "management", "va", "worker")


class RoleSize(NodeSize):
    """A role of a profile."""

    count: tuple[Annotated[int, Field(ge=0, le=1000)], ...] = Field(
        min_length=1, max_length=2, description="how many: a number, or the least and the most"
    )


class RoleSizes(Part):
    """The roles of a profile."""

    boot: RoleSize
    master: RoleSize
    proxy: RoleSize
    management: RoleSize
    va: RoleSize
    worker: RoleSize

    def of(self, role: str) -> RoleSize:
        """The size of a role of `ROLES`."""
        size: RoleSize = getattr(self, role)
        return size


class Minimum(Part):
    """What a document asks of the hosts together."""

    cores: int
    memory: int = Field(description="GB")
    disk: int = Field(description="GB")


class Profile(Part):
    """Counts and sizes from one source."""

    title: str
    source: str
    production: bool = False
    roles: RoleSizes
    hosts: int = Field(ge=1)
    host_memory: int = Field(default=0, description="GB that a host has at least")
    minimum: Minimum | None = None
    vcpus_per_core: float = Field(gt=0)


class Catalogue(Part):
    """`runbooks/icp/sizes.yaml`."""

    profiles: dict[Name, Profile] = Field(min_length=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One machine of a cluster.

    Attributes:
        name: Its host name, its VM's, and what the network model calls it: `icp-master-1`.
        role: One of `ROLES`.
        number: Counted from 1 within the role.
        leaving: A worker that the site wants to be rid of (`icp.install.retire`).
    """

    name: str
    role: str
    number: int
    address: IPv4Address
    size: NodeSize
    leaving: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """What machines need of the hosts under them; memory and disk in GB."""

    vcpus: int
    memory: int
    disk: int
    cores: int = 0
    hosts: int = 1
    host_memory: int = 0
    vcpus_per_core: float = 1.0


def read_catalogue(document: Document) -> Catalogue:
    """The profiles of a document.

    Raises:
        InvalidInput: with every problem of it.
    """
    return validated(document, Catalogue)


def profile_of(install: IcpInstall, catalogue: Catalogue) -> Profile:
    """The profile that the site chooses.

    Raises:
        InvalidInput: there is none of that name.
    """
    found = catalogue.profiles.get(install.profile)
    if found is None:
        known = list(catalogue.profiles)
        close = near(install.profile, known) or f"; expected {choices(known)}"
        what = f"no profile of sizes is called {install.profile!r}{close}"
        raise InvalidInput(Problem(what=what, where="icp.install.profile"))
    return found


def nodes_of(icp: Icp, catalogue: Catalogue) -> tuple[Node, ...]:
    """Every machine of the cluster, in the order of `ROLES` and of the site's addresses.

    Raises:
        InvalidInput: the site has no `icp.install`, an unknown profile, or other counts than the profile.
    """
    install = installation(icp)
    profile = profile_of(install, catalogue)
    problems = [
        problem
        for role, addresses in icp.nodes.by_role().items()
        if (
            problem := _wrong_count(role, len(set(addresses) - set(install.retire)), profile, install.profile)
        )
    ]
    problems += [
        Problem(what=f"{address} is no worker; expected one of icp.nodes.worker", where="icp.install.retire")
        for address in install.retire
        if address not in icp.nodes.worker
    ]
    if problems:
        raise InvalidInput(*problems)
    return tuple(
        Node(
            name=node_name(role, number),
            role=role,
            number=number,
            address=address,
            size=getattr(install.sizes, role) or profile.roles.of(role),
            leaving=address in install.retire,
        )
        for role in ROLES
        for number, address in enumerate(icp.nodes.by_role()[role], start=1)
    )


def installation(icp: Icp) -> IcpInstall:
    """The site's `icp.install`.

    Raises:
        InvalidInput: it has none.
    """
    if icp.install is None:
        what = "the machines cannot be made without it; expected template, cluster, admin, ssh and more"
        raise InvalidInput(Problem(what=what, where="icp.install"))
    return icp.install


def node_name(role: str, number: int) -> str:
    """A node's name, counted from 1 within its role; the network model's, too."""
    return f"icp-{role}-{number}"


def boot_name(icp: Icp) -> str:
    """The name of the node that the installer runs on."""
    return node_name("boot" if icp.nodes.boot else "master", 1)


def boot_node(nodes: tuple[Node, ...]) -> Node:
    """The node that the installer runs on: the boot node, else the first master."""
    return next((node for node in nodes if node.role == "boot"), None) or next(
        node for node in nodes if node.role == "master"
    )


def staying(nodes: tuple[Node, ...]) -> tuple[Node, ...]:
    """The machines without workers that are to leave."""
    return tuple(node for node in nodes if not node.leaving)


def members(nodes: tuple[Node, ...]) -> tuple[Node, ...]:
    """The nodes of the cluster: a boot node of its own is none, nor is a worker that is to leave."""
    return tuple(node for node in staying(nodes) if node.role != "boot")


def demand_of(nodes: tuple[Node, ...], profile: Profile, vcpus_per_core: float | None = None) -> Demand:
    """What those machines need, at least what the profile's document asks for."""
    least = profile.minimum or Minimum(cores=0, memory=0, disk=0)
    return Demand(
        vcpus=sum(node.size.cpus for node in nodes),
        memory=max(sum(node.size.memory for node in nodes), least.memory),
        disk=max(sum(sum(node.size.disks) for node in nodes), least.disk),
        cores=least.cores,
        hosts=profile.hosts,
        host_memory=profile.host_memory,
        vcpus_per_core=vcpus_per_core or profile.vcpus_per_core,
    )


def _wrong_count(role: str, found: int, profile: Profile, name: str) -> Problem | None:
    count = profile.roles.of(role).count
    least, most = count[0], count[-1]
    if least <= found <= most:
        return None
    expected = str(least) if least == most else f"{least} to {most}"
    what = f"found {found} {role} node{'s' if found != 1 else ''}; profile {name} has {expected}"
    return Problem(what=what, where=f"icp.nodes.{role}", source=profile.source)
