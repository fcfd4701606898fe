"""An installed ICP, as desired state: the cluster, its workers, the boot node's folder, and what to check.

All of these are settings: a site has them in some state, installed or not. So a cluster that the installer
made is never adopted, its workers are members or not however they came, and undo puts back what was: it runs
the uninstaller.
"""

from dataclasses import dataclass, field
from ipaddress import IPv4Address
from typing import ClassVar

from hopbook.resources.base import Resource, known


@dataclass(frozen=True, slots=True)
class Role:
    """Who has a role."""

    role: str
    addresses: tuple[IPv4Address, ...]


@known
@dataclass(frozen=True, kw_only=True)
class Cluster(Resource):
    """ICP on its nodes, as the marks on the boot node and on the nodes tell it.

    Attributes:
        cluster: The cluster's name in `config.yaml`.
        installed: Every node has ICP's marks, and the boot node's note says that the installer ended well.
        release: `3.1.0`; of a live one that is not installed what was tried.
        edition: `ce` or `ee`.
        shape: The digest of what in `config.yaml` makes the cluster what it is (`hopbook.icp.commands`).
        roles: Who is what, without the workers: those are resources of their own.
        residue: Names of nodes that have some of ICP's marks without a finished installation.
        noted: The boot node's note is in the cluster folder, so that it is kept with it. Else only the
            installer's own end tells what was made.
    """

    kind: ClassVar[str] = "icp.cluster"

    cluster: str
    installed: bool = True
    release: str = ""
    edition: str = ""
    shape: str = ""
    roles: tuple[Role, ...] = ()
    residue: tuple[str, ...] = ()
    noted: bool = True

    @property
    def name(self) -> str:
        """The cluster's name."""
        return self.cluster

    def title(self) -> str:
        """For a sentence."""
        return f"ICP cluster {self.cluster}"


@known
@dataclass(frozen=True, kw_only=True)
class Worker(Resource):
    """Whether a machine is a worker of the cluster."""

    kind: ClassVar[str] = "icp.worker"

    cluster: str
    address: IPv4Address
    member: bool = True

    @property
    def name(self) -> str:
        """Cluster and address."""
        return f"{self.cluster}/{self.address}"

    def title(self) -> str:
        """For a sentence."""
        return f"worker {self.address} of {self.cluster}"


@known
@dataclass(frozen=True, kw_only=True)
class KeptFolder(Resource):
    """The boot node's cluster folder, kept on other nodes: certificates, keys and configuration are in it.

    Attributes:
        host: The boot node's name.
        path: The folder.
        keepers: Names of the hosts that keep an archive of it, readable by root only.
        intact: The folder is there; apply brings back the newest archive.
        kept: Every keeper has an archive of the folder as it is.
        stale: There are archives, and not all of them are of the folder as it is. An undo that makes it so
            puts the archives before the last ones back.
    """

    kind: ClassVar[str] = "icp.kept-folder"

    host: str
    path: str
    keepers: tuple[str, ...]
    intact: bool = True
    kept: bool = True
    stale: bool = False

    @property
    def name(self) -> str:
        """Host and path."""
        return f"{self.host}{self.path}"

    def title(self) -> str:
        """For a sentence."""
        return f"the kept folder {self.path} of {self.host}"


@known
@dataclass(frozen=True, kw_only=True)
class IcpCheck(Resource):
    """Something that has to be so of the cluster or its surroundings, and that nobody here can make so.

    Attributes:
        cluster: The cluster's name.
        requirement: What has to be so: a word of `hopbook.icp.checks`, and what it is about.
        finding: How it is not so, and what to do; empty: it is so.
        advice: What is worth knowing and stops nothing.
    """

    kind: ClassVar[str] = "icp.check"

    cluster: str
    requirement: str
    finding: str = ""
    advice: str = field(default="", metadata={"compare": False})

    @property
    def name(self) -> str:
        """Cluster and requirement."""
        return f"{self.cluster}/{self.requirement}"

    def title(self) -> str:
        """For a sentence."""
        return f"{self.cluster}: {self.requirement}"
