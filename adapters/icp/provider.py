"""ICP, as resources: the cluster, its workers, its kept folder, and what has to be so of it."""

import json
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from ipaddress import IPv4Address
from itertools import groupby

from adapters.icp import checking, keeping, traits
from adapters.icp.installer import INSTALL, SYSTEM, UNINSTALL, Installer, Listener, hider
from adapters.icp.nodes import Nodes
from adapters.ssh.fleet import Fleet
from hopbook.engine.change import (
    Change,
    KindTraits,
    Observation,
    Observed,
    Outcome,
    Pending,
    Result,
    Scope,
    not_attempted,
)
from hopbook.engine.ports import Recorder
from hopbook.errors import AnswerLost, Garbled, HopbookError, Rejected
from hopbook.hosts.facts import Facts, JobFact
from hopbook.icp import commands, config, smoke, workers
from hopbook.icp.commands import RESIDUE
from hopbook.icp.failures import Failures
from hopbook.icp.sizes import Catalogue
from hopbook.resources.base import Key, Resource, SecretRef, from_document, to_document
from hopbook.resources.host import JobState
from hopbook.resources.icp import Cluster, IcpCheck, KeptFolder, Worker
from hopbook.resources.vsphere import ClusterCapacity
from hopbook.secret import Secret
from hopbook.site.model import Site
from hopbook.steps.icp_install import Ground, Installation

MARK = ".hopbook-cluster.json"
"""In the cluster folder: what the installer made there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What the provider asks of others.

    Attributes:
        capacity: What a vSphere cluster has, by its name.
        attached: The names of the VMs on a network, by the network's key.
        resolve: Where secrets come from: what the installer prints is told without them.
        absent: Whether a host is not there yet.
        listener: Told how far the installer is, by the key of the change.
    """

    capacity: Callable[[str], ClusterCapacity]
    attached: Callable[[Key], Iterable[str]]
    resolve: Callable[[SecretRef], Secret]
    absent: Callable[[str], bool] = lambda _host: False
    listener: Listener = lambda _key, _text: None


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How a provider goes about it. Times are seconds.

    Attributes:
        base: The directory on each host that everything of ours lies in.
        poll: Between two looks at a job or at something that comes about by itself.
        patience: How long such things are waited for.
    """

    base: str = "/var/lib/hopbook"
    poll: float = 5.0
    patience: float = 900.0


class IcpProvider:
    """The ICP of a site. Safe to share between threads.

    Args:
        site: The site; it has `icp.install`.
        catalogue: Counts and sizes by profile.
        failures: What is known to go wrong.
        fleet: The nodes by SSH; a node is called there as in `hopbook.icp.sizes`.
        around: What others know.
        options: How to go about it.
        sleep: How to wait.

    Raises:
        InvalidInput: the site does not say what an installation needs.
    """

    def __init__(
        self,
        site: Site,
        catalogue: Catalogue,
        failures: Failures,
        fleet: Fleet,
        *,
        around: Surroundings,
        options: Options | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        steps = Installation(catalogue)
        self._ground: Ground = steps.ground(site)
        self._catalogue = catalogue
        self._options, self._around, self._sleep = options or Options(), around, sleep
        self._nodes = Nodes(fleet, self._options.base, around.absent, sleep, self._options.poll)
        secrets = config.slots(self._ground.icp)
        self._installer = Installer(
            self._nodes,
            self._ground.boot.name,
            failures,
            around.listener,
            hider(lambda: (around.resolve(slot.secret) for slot in secrets)),
        )
        self.kinds: Mapping[str, KindTraits] = traits.kinds(
            self._ground.boot.name, {node.address: node.name for node in self._ground.nodes}
        )

    # -- reading ------------------------------------------------------------------------------------

    def observe(self, scope: Scope) -> Observation:
        """Read what the scope's keys name; the cluster and its workers share their reading."""
        keys = {kind: [key for key in scope.keys if key.kind == kind] for kind in self.kinds}
        found: dict[Key, Observed] = {}
        pending: tuple[Pending, ...] = ()
        look = cache(
            self._state
        )  # asked only where it is needed: before its network is there no node answers
        if keys[Cluster.kind] or keys[Worker.kind]:
            found |= self._cluster(look(), members=bool(keys[Worker.kind]))
            pending = tuple(look().pending(traits.cluster_lane(self._ground.cluster)))
        for key in keys[KeptFolder.kind]:
            folder = keeping.observed(self._nodes, self._ground, key)
            found |= {key: folder} if folder is not None else {}
        found |= self._checks(keys[IcpCheck.kind], look)
        return Observation(items=found, pending=pending)

    def _state(self) -> "State":
        boot = self._ground.boot.name
        if self._nodes.absent(boot):
            return State()
        mark = self._mark
        facts = self._nodes.ask(boot, (("job", INSTALL), ("job", UNINSTALL), ("file", mark)))
        return State(facts.job(INSTALL), facts.job(UNINSTALL), _noted(facts, mark), there=True)

    @property
    def _mark(self) -> str:
        return f"{self._ground.places.cluster}/{MARK}"

    def _cluster(self, state: "State", *, members: bool) -> dict[Key, Observed]:
        marked = self._marked()
        cluster = self._as_marked(state, marked)
        default = cluster == Cluster(cluster=self._ground.cluster, installed=False)
        found = {cluster.key: Observed(resource=cluster, at_default=default)}
        if not members:
            return found
        joined = self._joined(marked) if cluster.installed else frozenset()
        for node in self._ground.nodes:
            if node.role == "worker":
                worker = Worker(
                    cluster=self._ground.cluster, address=node.address, member=node.address in joined
                )
                found[worker.key] = Observed(resource=worker, at_default=not worker.member)
        return found

    def _live(self, state: "State") -> Cluster:
        """The cluster as the boot node's note and the marks of the nodes tell it."""
        return self._as_marked(state, self._marked())

    def _marked(self) -> set[str]:
        """The names of the nodes that have some of ICP's marks."""
        names = (node.name for node in self._ground.nodes if node.role != "boot")
        return {name for name, paths in self._nodes.present(names, RESIDUE).items() if paths}

    def _as_marked(self, state: "State", marked: set[str]) -> Cluster:
        nodes = [node for node in self._ground.nodes if node.role != "boot"]
        made = state.made
        if made is None:
            if self._installer.barred(state.install):
                marked = {*marked, self._ground.boot.name}  # a run that was killed left its lock there
            return Cluster(cluster=self._ground.cluster, installed=False, residue=tuple(sorted(marked)))
        fixed = {address for role in made.roles for address in role.addresses}
        lacking = [node.name for node in nodes if node.address in fixed and node.name not in marked]
        if lacking:
            return replace(made, installed=False, residue=tuple(sorted(marked)))
        return made

    def _joined(self, marked: Collection[str]) -> frozenset[IPv4Address]:
        """The cluster's nodes: those that it lists, and those that are to leave and still have its marks."""
        leaving = {node.address for node in self._ground.nodes if node.leaving and node.name in marked}
        return self._members() | leaving

    def _members(self) -> frozenset[IPv4Address]:
        """The nodes of the cluster, as it lists them.

        Raises:
            Rejected: it does not answer; nothing can be said of its workers.
        """
        told, why = self._nodes.said(self._ground.boot.name, smoke.get_nodes(self._ground.icp))
        if why:
            raise Rejected(f"the cluster does not list its nodes: {why}", system=SYSTEM)
        return frozenset(map(IPv4Address, smoke.node_addresses(told)))

    # -- checks -------------------------------------------------------------------------------------

    def _checks(self, keys: Sequence[Key], look: Callable[[], "State"]) -> dict[Key, Observed]:
        """The checks as they are, side by side; what the boot node knows is asked once for all of them."""
        if any(checking.asks_the_boot_node(key.name.partition("/")[2]) for key in keys):
            look()
        by_name = {key.name: key for key in keys}
        found = self._nodes.fleet.each(by_name, lambda name: self._check(by_name[name], look))
        return {by_name[name]: check for name, check in found.items() if check is not None}

    def _check(self, key: Key, look: Callable[[], "State"]) -> Observed | None:
        """A check as it is; None where what it is about is not there yet."""
        cluster, _, requirement = key.name.partition("/")
        asked = checking.Asked(
            ground=self._ground,
            catalogue=self._catalogue,
            nodes=self._nodes,
            capacity=self._around.capacity,
            attached=self._around.attached,
            look=look,
        )
        finding = checking.finding(requirement, asked)
        if finding is None:
            return None
        return Observed(resource=IcpCheck(cluster=cluster, requirement=requirement, finding=finding))

    # -- changing -----------------------------------------------------------------------------------

    def apply(self, batch: Sequence[Change], submitted: Recorder) -> Iterator[Outcome]:
        """Make the changes so, in order; workers that come or go together do so in one run."""
        failed = ""
        for _, run in groupby(batch, _together):
            changes = list(run)
            if failed:
                yield from not_attempted(changes, failed)
                continue
            try:
                self._make(changes, submitted)
            except (AnswerLost, Garbled) as error:
                failed = f"{changes[0].key.name} before it is in doubt"
                yield from _outcomes(changes, Result.UNKNOWN, str(error))
            except HopbookError as error:
                failed = f"{changes[0].key.name} before it failed"
                yield from _outcomes(changes, Result.REFUSED, str(error))
            else:
                yield from _outcomes(changes, Result.APPLIED, "")

    def _make(self, changes: Sequence[Change], submitted: Recorder) -> None:
        first = changes[0].after
        gone = changes[0].before
        if first is None and isinstance(gone, KeptFolder):
            first = replace(gone, kept=False)
        if isinstance(first, Cluster):
            make = self._install if first.installed else self._uninstall
            make(first, changes[0].key, submitted)
        elif isinstance(first, Worker):
            wanted = [each.after for each in changes if isinstance(each.after, Worker)]
            self._work(wanted, changes[0].key, submitted)
        elif isinstance(first, KeptFolder):
            change = keeping.make if first.kept else keeping.give_up
            change(self._nodes, first)
        elif isinstance(first, IcpCheck):
            self._wait_for(changes[0].key, first)

    def _install(self, wanted: Cluster, key: Key, submitted: Recorder) -> None:
        state = self._state()
        live = self._live(state)
        if live != replace(wanted, noted=False):  # else whoever ran it did not come to note it
            if state.install is None or state.install.state != JobState.RUNNING:
                self._may_install(state, live, wanted)
            self._installer.run(
                INSTALL, commands.install(self._ground.places), key, submitted, spec=_note_of(wanted)
            )
        self._nodes.write(self._ground.boot.name, self._mark, _note_of(wanted).encode(), 0o600)

    def _may_install(self, state: "State", live: Cluster, wanted: Cluster) -> None:
        """Nothing stands there that another run of the installer would spoil."""
        why, made = "", state.made
        if made is not None and replace(made, noted=True) != wanted:
            why = "another release or network, or other nodes stand there; that cannot be changed in place"
        elif bars := self._installer.barred(state.install):
            raise Rejected(bars, system=SYSTEM)
        elif live.residue and state.install is None and made is None:
            why = f"{', '.join(live.residue)} have marks of an installation that nobody here knows of"
        if why:
            raise Rejected(f"{why}; take it away first (runbook icp-uninstall)", system=SYSTEM)

    def _uninstall(self, _wanted: Cluster, key: Key, submitted: Recorder) -> None:
        boot = self._ground.boot.name
        self._installer.run(UNINSTALL, commands.uninstall(self._ground.places), key, submitted)
        self._nodes.remove(boot, self._mark)
        if self._state().install is not None:
            self._nodes.put_aside(boot, INSTALL)

    def _work(self, wanted: Sequence[Worker], key: Key, submitted: Recorder) -> None:
        """Let workers join, or leave; those that did already are left alone."""
        state = self._state()
        marked = self._marked()
        members = self._joined(marked) if self._as_marked(state, marked).installed else frozenset()
        todo = tuple(each.address for each in wanted if (each.address in members) is not each.member)
        if not todo:
            return
        icp, places = self._ground.icp, self._ground.places
        joining = wanted[0].member
        operations = workers.joining(places, todo) if joining else workers.leaving(icp, places, todo)
        for each in operations:
            if each.long:
                job = f"icp-{each.id}-{'-'.join(str(address).replace('.', '-') for address in todo)}"[:60]
                self._installer.run(job, each.argv, key, submitted)
                continue
            _, why = self._nodes.said(self._ground.boot.name, each.argv)
            if why and not each.forgiving:
                raise Rejected(f"{each.title}: {why}", system=SYSTEM)

    def _wait_for(self, key: Key, wanted: IcpCheck) -> None:
        """A check is met by now, or comes about by itself, or stays what it is."""
        waited = 0.0
        while True:
            found = self._check(key, cache(self._state))
            finding = found.resource.finding if found and isinstance(found.resource, IcpCheck) else ""
            if found is None:
                finding = "what it is about is not there yet"
            if not finding:
                return
            if waited >= self._options.patience or checking.stays(wanted.requirement):
                raise Rejected(f"{wanted.title()}: {finding}", system=SYSTEM)
            waited += self._options.poll
            self._sleep(self._options.poll)


@dataclass(frozen=True, slots=True)
class State:
    """What the boot node knows of the cluster.

    Attributes:
        install: The last run of the installer.
        uninstall: The last run of the uninstaller.
        noted: What it made, by the note in the cluster folder.
        there: The boot node is there.
    """

    install: JobFact | None = None
    uninstall: JobFact | None = None
    noted: Cluster | None = None
    there: bool = False

    @property
    def made(self) -> Cluster | None:
        """What was made: by the note, else by a run that ended well and was not noted any more."""
        if self.noted is not None or self.install is None:
            return self.noted
        ended = self.install.state == JobState.ENDED and self.install.status == 0
        made = _cluster_in(self.install.spec) if ended else None
        return replace(made, noted=False) if made is not None else None

    def pending(self, lane: str) -> Iterator[Pending]:
        """The runs that are under way."""
        for name, job in ((INSTALL, self.install), (UNINSTALL, self.uninstall)):
            if job is not None and job.state == JobState.RUNNING:
                yield Pending(lane=lane, what=f"job {name} on the boot node", handle=f"job:{name}")


def _note_of(cluster: Cluster) -> str:
    return json.dumps(to_document(cluster), sort_keys=True)


def _noted(facts: Facts, path: str) -> Cluster | None:
    found = facts.file(path)
    return _cluster_in((found.content or b"").decode(errors="replace")) if found is not None else None


def _cluster_in(text: str) -> Cluster | None:
    """The cluster of a note; None where it is none of ours."""
    try:
        found: Resource = from_document(json.loads(text))
    except (ValueError, KeyError, TypeError):
        return None
    return found if isinstance(found, Cluster) else None


def _together(change: Change) -> object:
    """What is made in one run: workers that join, workers that leave; everything else by itself."""
    worker = change.after
    return worker.member if isinstance(worker, Worker) else change.key


def _outcomes(changes: Sequence[Change], result: Result, reason: str) -> Iterator[Outcome]:
    for change in changes:
        yield Outcome(key=change.key, result=result, reason=reason, more=change is not changes[-1])
