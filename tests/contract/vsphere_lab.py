"""A small vCenter, and the words that its contract is written in.

What a tier cannot ask its vCenter by the port (a foreign machine, a fault) it does beside it: `World`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address, IPv4Interface
from typing import Any, Protocol

from adapters.vsphere.provider import VsphereProvider
from hopbook.engine.change import Action, Change, Observation, Outcome, Result, Scope, Submitted
from hopbook.engine.plan import field_changes
from hopbook.resources.base import Key, Resource
from hopbook.resources.vsphere import AntiAffinity, Customization, Folder, Guest, VirtualMachine

SITE, DC, CLUSTER, STORE, TEMPLATE = "lab", "dal10", "compute", "store-1", "ubuntu-16.04"
NODES, OTHER = Key("nsxv.logical-switch", "icp-nodes"), Key("nsxv.logical-switch", "icp-transit")
PLAIN = "vm-network"


class World(Protocol):
    """What somebody does beside Hopbook, and what goes wrong."""

    @property
    def guest_patience(self) -> float:
        """Seconds that a guest is waited for."""

    def by_hand(self, vm: str, *, folder: str = "", network: Key | str = PLAIN) -> str:
        """Somebody makes a VM; returns its id."""

    def many(self, count: int) -> None:
        """Somebody makes that many VMs."""

    def lose(self, method: str) -> None:
        """The answer of the next such call is lost, after it took effect."""

    def refuse(self, method: str) -> None:
        """The next such task ends in an error, and nothing is done."""

    def break_off(self, method: str) -> None:
        """The next such clone ends in an error half-way."""

    def fill(self, method: str) -> None:
        """The next such task finds the datastore full."""

    def silence(self, vm: str) -> None:
        """The guest of this VM will never have an address."""

    def hold(self, method: str) -> Callable[[], None]:
        """The next such call's answer is lost and its task stays under way until it is let go."""

    def calls(self) -> list[str]:
        """Every method that was called so far, in order."""

    def machines(self) -> dict[str, Any]:
        """All machines by name, each with all that a person would see of it."""


@dataclass
class Lab:
    """A vCenter and the provider that speaks to it."""

    world: World
    provider: VsphereProvider
    handles: list[Submitted] = field(default_factory=list)

    def apply(self, *changes: Change) -> list[Outcome]:
        """Make changes of one lane so."""
        return list(self.provider.apply(changes, self.handles.append))

    def done(self, *changes: Change) -> None:
        """Make changes so, and have all of them succeed."""
        outcomes = self.apply(*changes)
        bad = [one for one in outcomes if one.result in {Result.REFUSED, Result.UNKNOWN}]
        assert bad == []
        assert [one.key for one in outcomes] == [change.key for change in changes]

    def see(self, *keys: Key) -> Observation:
        """Observe what these live in."""
        return self.provider.observe(Scope(frozenset(keys)))

    def live(self, key: Key) -> Resource:
        """What stands under a key."""
        return self.see(key).items[key].resource

    def since(self, count: int) -> list[str]:
        """The calls behind the first `count`."""
        return self.world.calls()[count:]


# Changes, as the engine makes them


def create(resource: Resource) -> Change:
    return Change(action=Action.CREATE, key=resource.key, after=resource)


def update(before: Resource, after: Resource) -> Change:
    fields = field_changes(before, after)
    return Change(action=Action.UPDATE, key=after.key, before=before, after=after, fields=fields)


def delete(resource: Resource) -> Change:
    return Change(action=Action.DELETE, key=resource.key, before=resource)


def adopt(found: Key, before: Resource, after: Resource) -> Change:
    return replace(update(before, after), action=Action.ADOPT, adopts=found)


def release(before: Resource, after: Resource) -> Change:
    return replace(update(before, after), action=Action.RELEASE, key=before.key)


# Resources

TOP = Folder(datacenter=DC, path="hopbook")
FOLDER = Folder(datacenter=DC, path="hopbook/icp")


def machine(number: int, **values: Any) -> VirtualMachine:
    """A master, by number."""
    name = f"icp-master-{number}"
    made = VirtualMachine(
        vm=name,
        datacenter=DC,
        template=TEMPLATE,
        folder=FOLDER.key,
        resource_pool=CLUSTER,
        datastore=STORE,
        cpus=4,
        memory_mb=8192,
        disks=(40, 20),
        network=NODES,
        customization=Customization(
            hostname=name,
            domain="icp.example.com",
            address=IPv4Interface(f"192.168.20.{10 + number}/24"),
            gateway=IPv4Address("192.168.20.1"),
            dns=(IPv4Address("10.0.80.12"), IPv4Address("10.0.80.11")),
        ),
        purpose="An ICP master",
    )
    return replace(made, **values)


VM, SECOND, THIRD = machine(1), machine(2), machine(3)
GUEST = Guest(vm=VM.key, address=IPv4Address("192.168.20.11"))
RULE = AntiAffinity(cluster=CLUSTER, rule="icp-masters", vms=(VM.key, SECOND.key))


def build(lab: Lab, *resources: Resource) -> None:
    """Make the folders, then these."""
    for resource in (TOP, FOLDER, *resources):
        lab.done(create(resource))


def vms(seen: Observation) -> Sequence[VirtualMachine]:
    """The VMs of an observation."""
    return [one.resource for one in seen.items.values() if isinstance(one.resource, VirtualMachine)]
