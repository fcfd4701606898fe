"""What vCenter is told (vSphere API 6.5): clones, changes of hardware, customizations, rules."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from adapters.vsphere.inventory import Clone, RuleFound, Sizing
from adapters.vsphere.parsing import (
    CUSTOMIZATION,
    NOTE_CUSTOMIZATION,
    NOTE_TEMPLATE,
    NOTE_TOLD,
    TOLD,
    disks_of,
    nics_of,
)
from adapters.vsphere.sdk import vim
from hopbook.resources.vsphere import GIB, Customization

_KIB = 1024
_UNITS = tuple(unit for unit in range(16) if unit != 7)  # the places on a SCSI controller; 7 is its own  # noqa: PLR2004
_SYSTEM_DISK = 0


@dataclass(frozen=True, slots=True)
class Network:
    """A network as a NIC's backing names it. `switch` is a distributed switch's uuid, or empty."""

    id: str
    name: str
    switch: str
    thing: Any


def clone(wanted: Clone, places: dict[str, Any], devices: Sequence[Any], network: Network) -> Any:
    """A clone that is sized, marked, connected, told who it is, and started.

    Args:
        wanted: What to make.
        places: The objects `pool` and `datastore`.
        devices: The source's hardware.
        network: What the first NIC is connected to.
    """
    grow, add = _differences(wanted, devices)
    sizing = Sizing(
        annotation=wanted.annotation,
        cpus=wanted.cpus,
        memory_mb=wanted.memory_mb,
        grow=grow,
        add=add,
        network=network.id,
    )
    config = change(sizing, devices, network)
    told = wanted.customization
    config.extraConfig = [_note(NOTE_TEMPLATE, wanted.made_from), *_intended(told)]
    return vim.vm.CloneSpec(
        location=vim.vm.RelocateSpec(pool=places["pool"], datastore=places["datastore"]),
        config=config,
        customization=customization(told, len(nics_of(list(devices)))) if told else None,
        powerOn=wanted.powered_on,
        template=False,
    )


def _differences(wanted: Clone, devices: Sequence[Any]) -> tuple[dict[int, int], tuple[int, ...]]:
    live = [disk.capacityInKB * _KIB // GIB for disk in disks_of(list(devices))]
    grow = {place: new for place, (old, new) in enumerate(zip(live, wanted.disks, strict=False)) if new > old}
    return grow, wanted.disks[len(live) :]


def change(sizing: Sizing, devices: Sequence[Any], network: Network | None) -> Any:
    """A change of a machine that has these devices."""
    spec = vim.vm.ConfigSpec(deviceChange=list(_device_changes(sizing, list(devices), network)))
    if sizing.annotation is not None:
        spec.annotation = sizing.annotation
    if sizing.cpus is not None:
        spec.numCPUs = sizing.cpus
    if sizing.memory_mb is not None:
        spec.memoryMB = sizing.memory_mb
    if sizing.told is not None:
        spec.extraConfig = [*_intended(sizing.told), _note(NOTE_TOLD, TOLD)]
    return spec


def _note(name: str, value: str) -> Any:
    return vim.option.OptionValue(key=name, value=value)


def _intended(told: Customization | None) -> list[Any]:
    """The note of what a guest is to be told."""
    return [_note(NOTE_CUSTOMIZATION, CUSTOMIZATION.dump_json(told).decode())] if told is not None else []


def _device_changes(sizing: Sizing, devices: list[Any], network: Network | None) -> Iterator[Any]:
    disks = disks_of(devices)
    for place, gib in sizing.grow.items():
        disks[place].capacityInKB = gib * GIB // _KIB
        disks[place].capacityInBytes = gib * GIB
        yield _edit(disks[place])
    yield from _new_disks(sizing.add, disks, devices)
    cards = nics_of(devices)
    if network is not None and cards:
        cards[0].backing = backing(network)
        yield _edit(cards[0])


def _new_disks(sizes: Sequence[int], disks: list[Any], devices: list[Any]) -> Iterator[Any]:
    if not sizes:
        return
    controller = _controller(disks, devices)
    taken = {device.unitNumber for device in devices if device.controllerKey == controller}
    free = [unit for unit in _UNITS if unit not in taken]
    for number, (gib, unit) in enumerate(zip(sizes, free, strict=False), start=1):
        disk = vim.vm.device.VirtualDisk(
            key=-number,
            controllerKey=controller,
            unitNumber=unit,
            capacityInKB=gib * GIB // _KIB,
            backing=vim.vm.device.VirtualDisk.FlatVer2BackingInfo(
                diskMode="persistent", thinProvisioned=True, fileName=""
            ),
        )
        yield vim.vm.device.VirtualDeviceSpec(operation="add", fileOperation="create", device=disk)


def _controller(disks: list[Any], devices: list[Any]) -> int:
    """The controller of the system disk; without one the first SCSI controller."""
    if disks:
        return int(disks[_SYSTEM_DISK].controllerKey)
    scsi = (device.key for device in devices if isinstance(device, vim.vm.device.VirtualSCSIController))
    return int(next(scsi, 1000))


def _edit(device: Any) -> Any:
    return vim.vm.device.VirtualDeviceSpec(operation="edit", device=device)


def backing(network: Network) -> Any:
    """What connects a NIC to a network."""
    card = vim.vm.device.VirtualEthernetCard
    if network.switch:
        port = vim.dvs.PortConnection(portgroupKey=network.id, switchUuid=network.switch)
        return card.DistributedVirtualPortBackingInfo(port=port)
    return card.NetworkBackingInfo(deviceName=network.name, network=network.thing)


def customization(told: Customization, nics: int) -> Any:
    """What a Linux guest is told. The first NIC gets the address; others ask for one."""
    names = vim.vm.customization
    fixed = names.IPSettings(
        ip=names.FixedIp(ipAddress=str(told.address.ip)),
        subnetMask=str(told.address.netmask),
        gateway=[str(told.gateway)],
        dnsDomain=told.domain,
        dnsServerList=[str(server) for server in told.dns],
    )
    others = [
        names.AdapterMapping(adapter=names.IPSettings(ip=names.DhcpIpGenerator())) for _ in range(1, nics)
    ]
    return names.Specification(
        identity=names.LinuxPrep(
            hostName=names.FixedName(name=told.hostname), domain=told.domain, hwClockUTC=True
        ),
        globalIPSettings=names.GlobalIPSettings(
            dnsSuffixList=[told.domain], dnsServerList=[str(server) for server in told.dns]
        ),
        nicSettingMap=[names.AdapterMapping(adapter=fixed), *others],
    )


def rule(wanted: RuleFound, machines: Sequence[Any], *, new: bool) -> Any:
    """A rule that keeps machines apart, added or changed."""
    info = vim.cluster.AntiAffinityRuleSpec(
        name=wanted.rule,
        enabled=wanted.enabled,
        mandatory=wanted.mandatory,
        userCreated=True,
        vm=list(machines),
    )
    if not new:
        info.key = wanted.id
    return _rules(vim.cluster.RuleSpec(operation="add" if new else "edit", info=info))


def no_rule(number: int) -> Any:
    """A rule that goes."""
    return _rules(vim.cluster.RuleSpec(operation="remove", removeKey=number))


def _rules(spec: Any) -> Any:
    return vim.cluster.ConfigSpecEx(rulesSpec=[spec])
