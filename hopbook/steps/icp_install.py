"""ICP on machines of its own, step by step: from the template to a cluster that answers.

The order is that of ICP 3.1.0's installation guide and of IBM's own automation (terraform-module-icp-deploy).
What the guide only asks for is made where it can be made (packages, kernel parameters, names, time) and
looked at afterwards, together with what only the template's owner can mend (the system, disks, Docker).

Settings of hosts come before what reads them, and Docker starts again once for each text that it reads: the
digest of those texts is in the name of that job.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from ipaddress import IPv4Interface
from typing import Any

from hopbook.engine.plan import Step
from hopbook.errors import InvalidInput, Problem
from hopbook.hosts import checks
from hopbook.icp import commands, config, inventory, sizes
from hopbook.icp.checks import Requirement, Word
from hopbook.icp.commands import Boot
from hopbook.icp.egress import Proxying, proxying
from hopbook.icp.sizes import Catalogue, Node
from hopbook.resources.base import Key, Later, Resource
from hopbook.resources.host import (
    Artifact,
    AuthorizedKey,
    Check,
    Directory,
    File,
    Image,
    Job,
    KeyPair,
    SecretFile,
)
from hopbook.resources.icp import Cluster, IcpCheck, KeptFolder, Role, Worker
from hopbook.resources.vsphere import AntiAffinity, Customization, Folder, Guest, VirtualMachine
from hopbook.site.model import Icp, IcpInstall, Site
from hopbook.steps import icp as network
from hopbook.steps import icp_nodes, naming

GUIDE = "ICP 3.1.0: installation"
SIZES = "ICP 3.1.0: system requirements"
SCALE = "ICP 3.1.0: adding and removing nodes"
_HOME = "/root"
KEY_PATH = f"{_HOME}/.ssh/icp_rsa"
_KEEPERS = 2


@dataclass(frozen=True)
class Ground:
    """What the steps of an installation stand on.

    Attributes:
        nodes: Every machine, workers that are to leave among them.
        stay: Those that are to be there in the end.
    """

    site: Site
    net: network.Ground
    install: IcpInstall
    nodes: tuple[Node, ...]
    stay: tuple[Node, ...]

    @property
    def icp(self) -> Icp:
        """The site's cluster."""
        return self.net.icp

    @property
    def boot(self) -> Node:
        """The node that the installer runs on."""
        return sizes.boot_node(self.stay)

    @property
    def places(self) -> Boot:
        """Where things are on it."""
        return commands.boot_of(self.install)

    @property
    def cluster(self) -> str:
        """The cluster's name."""
        return self.install.settings.cluster_name

    @cached_property
    def proxy(self) -> Proxying | None:
        """The web proxy, where nodes leave by one."""
        return proxying(self.site, self.icp, self.stay, config.ca_domain(self.icp))

    @cached_property
    def groups(self) -> inventory.Groups:
        """Who is what."""
        return inventory.groups_of(self.stay)

    @cached_property
    def keys(self) -> dict[str, Any]:
        """What config.yaml says."""
        return config.wanted(self.icp, self.proxy, self.groups)


@dataclass(frozen=True, slots=True)
class Installation:
    """The steps of installing ICP, of changing its workers and of taking it away.

    Each takes a site and says what it wants there; each raises InvalidInput where the site lacks something.

    Attributes:
        catalogue: Counts and sizes by profile: `runbooks/icp/sizes.yaml`.
    """

    catalogue: Catalogue

    def ground(self, site: Site) -> Ground:
        """What the steps stand on.

        Raises:
            InvalidInput: a section is missing, the license is not accepted, counts do not fit the profile.
        """
        net = network.ground(site)
        install = sizes.installation(net.icp)
        if not install.accept_license:
            what = "the installer runs only for who accepts ICP's license; set it to true if you do"
            raise InvalidInput(Problem(what=what, where="icp.install.accept_license"))
        nodes = sizes.nodes_of(net.icp, self.catalogue)
        return Ground(site, net, install, nodes, sizes.staying(nodes))

    # -- the machines -------------------------------------------------------------------------------

    def room(self, site: Site) -> Step:
        """The vSphere cluster has room for every node, by IBM's formulas."""
        g = self.ground(site)
        return _step(
            "room", "See that there is room for the nodes", f"S1, {SIZES}", [_check(g, Word.CAPACITY)]
        )

    def machines(self, site: Site) -> Step:
        """A VM for each node on the overlay, apart from others of its role; their guests have addresses.

        Workers that are to leave keep theirs until `dismiss`; those that left get no new one.
        """
        g = self.ground(site)
        kinds = VirtualMachine.kind, Guest.kind
        leaving = {Key(kind, node.name) for kind in kinds for node in g.nodes if node.leaving}
        return replace(_machines(g), keeps=frozenset(leaving))

    def dismiss(self, site: Site) -> Step:
        """The same without the machines of workers that left: those are deleted."""
        g = self.ground(site)
        return _machines(g)

    # -- the nodes ----------------------------------------------------------------------------------

    def examine(self, site: Site) -> Step:
        """The machines are what was asked for, and nothing of an earlier cluster is on them."""
        g = self.ground(site)
        wanted: list[Resource] = []
        for node in g.stay:
            wanted += icp_nodes.examined(node)
            wanted.append(_check(g, Word.FRESH, node))
        return _step("examine", "Look at what the template brought", f"S1, {SIZES}", wanted)

    def names(self, site: Site) -> Step:
        """Every node knows every other's address, and its own name leads to its own."""
        g = self.ground(site)
        wanted = [each for node in g.stay for each in icp_nodes.named(node, g.stay, g.install.domain)]
        return _step("names", "Let every name lead to its address", f"S34, {GUIDE}", wanted)

    def way_out(self, site: Site) -> Step:
        """Behind a web proxy: the shell and the package manager of every node know it."""
        g = self.ground(site)
        wanted = [
            each
            for node in g.stay
            for each in (icp_nodes.proxied(node, g.proxy, g.install.packages) if g.proxy else ())
        ]
        return _step("way-out", "Tell the nodes the way out", "S4" if g.proxy else "S3", wanted)

    def prepare(self, site: Site) -> Step:
        """Packages, kernel parameters, time and the host's firewall, as the guide wants them."""
        g = self.ground(site)
        wanted = [each for node in g.stay for each in icp_nodes.prepared(node, g.install, g.net.ibm.ntp)]
        return _step("prepare", "Prepare the nodes", f"S5, {GUIDE}", wanted)

    def docker(self, site: Site) -> Step:
        """Docker with its own bridge, storage driver and proxy, started after what it reads."""
        g = self.ground(site)
        own = not g.install.settings.install_docker  # else the installer brings it, but for the boot node
        wanted = [
            each
            for node in g.stay
            for each in (
                *icp_nodes.docker_texts(node, g.icp.docker_bip, g.proxy),
                *(
                    icp_nodes.docker(node, g.install, g.icp.docker_bip, g.proxy)
                    if own or node is g.boot
                    else ()
                ),
            )
        ]
        return _step("docker", "Start Docker as ICP needs it", GUIDE, wanted)

    def ready(self, site: Site) -> Step:
        """Every check of the guide holds on every node, and the masters are near each other."""
        g = self.ground(site)
        taken = (g.net.nodes.subnet, g.icp.pods, g.icp.services.network)
        wanted: list[Resource] = []
        for node in g.stay:
            wanted += icp_nodes.ready(node, g.install, taken)
        wanted += _near_masters(g.stay)
        return _step("ready", "Check every node", f"{GUIDE}, {SIZES}", wanted)

    # -- the boot node ------------------------------------------------------------------------------

    def boot(self, site: Site) -> Step:
        """The boot node's key, which every node lets in; it is made there and never leaves it."""
        g = self.ground(site)
        pair = KeyPair(host=g.boot.name, path=KEY_PATH)
        entries = [
            AuthorizedKey(
                host=node.name,
                user=g.install.user,
                label="hopbook-icp-boot",
                public_key=Later(pair.key, "public_key"),
            )
            for node in g.stay
        ]
        return _step("boot", "Let the boot node in everywhere", GUIDE, [pair, *entries])

    def images(self, site: Site) -> Step:
        """The installer's image is in the boot node's Docker: loaded from the archive, or pulled."""
        g = self.ground(site)
        host, places = g.boot.name, g.places
        wanted: list[Resource] = [
            Directory(host=host, path=places.folder, emptied=True),
            Directory(host=host, path=places.cluster, emptied=True),
        ]
        archive = g.install.archive
        tarball = ""
        if archive is not None:
            tarball = f"{places.cluster}/images/{archive.location.rpartition('/')[2]}"
            wanted += [
                Directory(host=host, path=f"{places.cluster}/images", emptied=True),
                Artifact(host=host, path=tarball, source=archive.location, sha256=archive.sha256),
            ]
        wanted.append(Image(host=host, image=places.image, tarball=tarball))
        return _step("images", "Bring the images to the boot node", f"S3, {GUIDE}", wanted)

    def configuration(self, site: Site) -> Step:
        """The cluster folder: its skeleton, `hosts`, `config.yaml` and the key.

        Raises:
            InvalidInput: what the documents warn of in `hosts` or `config.yaml`.
        """
        g = self.ground(site)
        host, places = g.boot.name, g.places
        text = config.render(g.keys, g.groups)
        skeleton = Job(host=host, job=_named("icp-skeleton", places.image), command=commands.skeleton(places))
        key = ("install", "-m", "400", KEY_PATH, f"{places.cluster}/ssh_key")
        wanted: list[Resource] = [
            skeleton,
            Job(host=host, job=_named("icp-key", places.image), command=key),
            File(host=host, path=f"{places.cluster}/hosts", content=inventory.render(g.groups)),
            SecretFile(
                host=host,
                path=f"{places.cluster}/{config.NAME}",
                template=text,
                slots=config.slots(g.icp),
            ),
            Job(host=host, job=_named("icp-kubectl", places.image), command=commands.copy_kubectl(places)),
        ]
        return _step("configuration", "Write hosts and config.yaml", f"S6, S32, S33, S34, {GUIDE}", wanted)

    # -- the cluster --------------------------------------------------------------------------------

    def cluster(self, site: Site) -> Step:
        """The installer has run, and every worker is a member."""
        g = self.ground(site)
        wanted = [_cluster(g), *_workers(g)]
        return _step("cluster", "Run the installer", f"S1, {GUIDE}", wanted)

    def smoke(self, site: Site) -> Step:
        """The console answers, nodes are ready, and clients are told the published addresses."""
        g = self.ground(site)
        wanted = [_check(g, word) for word in (Word.READY, Word.CONSOLE, Word.TOLD)]
        return _step("smoke", "See that the cluster works", f"S6, {GUIDE}", wanted)

    def keep(self, site: Site) -> Step:
        """The cluster folder is kept on two masters besides: without it no node can be added or removed."""
        g = self.ground(site)
        names = keepers(g)
        folder = KeptFolder(host=g.boot.name, path=g.places.cluster, keepers=names)
        return _step("keep", "Keep the cluster folder safe", GUIDE, [folder] if names else [])

    # -- workers ------------------------------------------------------------------------------------

    def leave(self, site: Site) -> Step:
        """Workers that are to leave are no members any more."""
        g = self.ground(site)
        going = [node for node in g.nodes if node.leaving]
        wanted = [Worker(cluster=g.cluster, address=node.address, member=False) for node in going]
        return _step("leave", "Let workers leave", SCALE, wanted)

    def left(self, site: Site) -> Step:
        """Nothing of ICP is left on those that left."""
        g = self.ground(site)
        wanted = [_check(g, Word.GONE, node) for node in g.nodes if node.leaving]
        return _step("left", "See that they left nothing behind", SCALE, wanted)

    def join(self, site: Site) -> Step:
        """Every worker that stays is a member."""
        g = self.ground(site)
        return _step("join", "Let workers join", SCALE, _workers(g))

    def joined(self, site: Site) -> Step:
        """Every node is ready, those that joined among them."""
        g = self.ground(site)
        return _step("joined", "See that every node is ready", SCALE, [_check(g, Word.READY)])

    # -- removal ------------------------------------------------------------------------------------

    def clear(self, site: Site) -> Step:
        """Nobody else's machine is on the nodes' network: it would lose its connection."""
        g = self.ground(site)
        return _step("clear", "See that nobody else is on the overlay", "S2", [_check(g, Word.CLEAR)])

    def uninstall(self, site: Site) -> Step:
        """The uninstaller has run."""
        g = self.ground(site)
        wanted = [Cluster(cluster=g.cluster, installed=False)]
        return _step("cluster", "Run the uninstaller", f"S1, {GUIDE}", wanted)

    def gone(self, site: Site) -> Step:
        """Nothing of ICP is left on any node."""
        g = self.ground(site)
        wanted = [_check(g, Word.GONE, node) for node in g.stay if node.role != "boot"]
        return _step("gone", "See that nothing is left", GUIDE, wanted)

    def no_machines(self, site: Site) -> Step:
        """No machine of the cluster is there: those that an installation made are deleted."""
        self.ground(site)
        return _step("machines", "Delete the nodes' machines", "S1", [])


def keepers(g: Ground) -> tuple[str, ...]:
    """The names of the nodes that keep the boot node's folder: two masters beside it, where there are two."""
    masters = [node.name for node in g.stay if node.role == "master" and node.name != g.boot.name]
    return tuple(masters[:_KEEPERS])


def nothing_of(make: Callable[[Site], Step]) -> Callable[[Site], Step]:
    """The step without anything that it wants: what an installation made by it goes."""

    def emptied(site: Site) -> Step:
        step = make(site)
        return _step(step.id, f"Take back: {step.title}", step.citation, [])

    return emptied


def _step(step_id: str, title: str, citation: str, resources: Iterable[Resource]) -> Step:
    return Step(id=step_id, title=title, citation=citation, resources=tuple(resources))


def _check(g: Ground, word: Word, node: Node | None = None) -> IcpCheck:
    about = node.address if node is not None else None
    return IcpCheck(cluster=g.cluster, requirement=str(Requirement(word, about)))


def _named(job: str, about: str) -> str:
    """A job's id that is another one for another text."""
    return f"{job}-{hashlib.sha256(about.encode()).hexdigest()[:8]}"


def _machines(g: Ground) -> Step:
    folder = Folder(datacenter=g.install.datacenter, path=g.install.folder)
    machines = [_machine(g, node, folder.key) for node in g.stay]
    guests = [
        Guest(vm=machine.key, address=node.address) for machine, node in zip(machines, g.stay, strict=True)
    ]
    wanted = [folder, *machines, *_apart(g, g.stay), *guests]
    return _step("machines", "Make the nodes' machines", f"S1, {SIZES}", wanted)


def _machine(g: Ground, node: Node, folder: Key) -> VirtualMachine:
    install, subnet = g.install, g.net.nodes.subnet
    pool = f"{install.cluster}/{install.resource_pool}".rstrip("/")
    return VirtualMachine(
        vm=node.name,
        datacenter=install.datacenter,
        template=install.template,
        folder=folder,
        resource_pool=pool,
        datastore=install.datastore,
        cpus=node.size.cpus,
        memory_mb=node.size.memory * 1024,
        disks=node.size.disks,
        network=naming.switch_key(naming.switch_name(g.site, g.net.overlay, g.net.nodes.name)),
        customization=Customization(
            hostname=node.name,
            domain=install.domain,
            address=IPv4Interface(f"{node.address}/{subnet.prefixlen}"),
            gateway=g.net.nodes.gateway,
            dns=(g.net.overlay.transit.edge,),
        ),
        purpose=f"ICP {node.role} of {g.site.site}",
    )


def _apart(g: Ground, nodes: tuple[Node, ...]) -> Iterator[AntiAffinity]:
    for role in sizes.ROLES:
        vms = tuple(Key(VirtualMachine.kind, node.name) for node in nodes if node.role == role)
        if len(vms) > 1:
            yield AntiAffinity(cluster=g.install.cluster, rule=f"icp-{role}-apart", vms=vms)


def _near_masters(nodes: tuple[Node, ...]) -> Iterator[Check]:
    masters = [node for node in nodes if node.role == "master"]
    for one in masters:
        for other in masters:
            if one is not other:
                requirement = checks.round_trip(other.address, icp_nodes.ROUND_TRIP)
                yield Check(host=one.name, requirement=requirement)


def _cluster(g: Ground) -> Cluster:
    return Cluster(
        cluster=g.cluster,
        release=g.install.version,
        edition=g.install.edition.value,
        shape=commands.shape(g.keys),
        roles=tuple(
            Role(group, tuple(sorted(addresses)))
            for group, addresses in sorted(g.groups.items())
            if group != "worker"
        ),
    )


def _workers(g: Ground) -> list[Worker]:
    return [Worker(cluster=g.cluster, address=node.address) for node in g.stay if node.role == "worker"]
