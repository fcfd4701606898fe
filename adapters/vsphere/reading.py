"""A whole vCenter by one `RetrievePropertiesEx`, and more of some machines by another.

The traversal is spelt out and no view is made: a view is one call more, is lost with its session, and has
to be removed. Where vCenter gives its answer in pages, each further page is a round trip.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from adapters.vsphere.client import VsphereClient
from adapters.vsphere.sdk import vim, vmodl

Rows = Mapping[str, tuple[Any, Mapping[str, Any]]]
"""Objects with their properties, by id."""

_PC = vmodl.query.PropertyCollector

_COMPUTE = ("name", "parent", "resourcePool", "datastore", "network")
_NETWORK = ("name",)
_PROPERTIES: Mapping[str, Sequence[str]] = {
    "Datacenter": ("name", "vmFolder", "datastore", "network"),
    "Folder": ("name", "parent"),
    "ComputeResource": _COMPUTE,
    "ClusterComputeResource": (*_COMPUTE, "configurationEx"),
    "ResourcePool": ("name", "parent", "owner"),
    "Datastore": ("name", "summary.capacity", "summary.freeSpace", "summary.accessible"),
    "Network": _NETWORK,
    "HostSystem": (
        "name",
        "parent",
        "summary.hardware",
        "summary.quickStats",
        "runtime.connectionState",
        "runtime.inMaintenanceMode",
    ),
    "VirtualMachine": (
        "name",
        "parent",
        "config.template",
        "config.annotation",
        "config.hardware.numCPU",
        "config.hardware.memoryMB",
        "config.files.vmPathName",
        "runtime.powerState",
        "runtime.host",
        "resourcePool",
        "network",
    ),
    "Task": ("info.state", "info.name", "info.descriptionId", "info.entity", "info.entityName"),
}
_DETAILS = (
    "config.annotation",
    "config.hardware",
    "config.extraConfig",
    "runtime.powerState",
    "guest.ipAddress",
    "guest.net",
)


def everything(client: VsphereClient) -> Rows:
    """All objects that an inventory is made of."""

    def ask(content: Any) -> Any:
        found = [
            _PC.ObjectSpec(obj=content.rootFolder, skip=False, selectSet=_traversal()),
            _PC.ObjectSpec(
                obj=content.taskManager,
                skip=True,
                selectSet=[
                    _PC.TraversalSpec(name="tasks", type=vim.TaskManager, path="recentTask", skip=False)
                ],
            ),
        ]
        wanted = [
            _PC.PropertySpec(type=getattr(vim, kind), pathSet=list(paths), all=False)
            for kind, paths in _PROPERTIES.items()
        ]
        return _first_page(
            content, _PC.FilterSpec(objectSet=found, propSet=wanted, reportMissingObjectsInResults=True)
        )

    return _rows(_pages(client, "reading the inventory", ask))


def of_machines(client: VsphereClient, machines: Iterable[str]) -> Rows:
    """The details of machines; those that are gone are left out."""
    found = [_PC.ObjectSpec(obj=client.object("VirtualMachine", one), skip=False) for one in machines]
    wanted = [_PC.PropertySpec(type=vim.VirtualMachine, pathSet=list(_DETAILS), all=False)]
    spec = _PC.FilterSpec(objectSet=found, propSet=wanted, reportMissingObjectsInResults=True)
    return _rows(_pages(client, "reading machines", lambda content: _first_page(content, spec)))


def properties(client: VsphereClient, thing: Any, *paths: str) -> Mapping[str, Any]:
    """Some properties of one object.

    Raises:
        Missing: it is not there.
    """
    spec = _PC.FilterSpec(
        objectSet=[_PC.ObjectSpec(obj=thing, skip=False)],
        propSet=[_PC.PropertySpec(type=type(thing), pathSet=list(paths), all=False)],
    )
    rows = _rows(_pages(client, f"reading {id_of(thing)}", lambda content: _first_page(content, spec)))
    return next((values for _, values in rows.values()), {})


def _traversal() -> list[Any]:
    """From the root folder to everything below it."""

    def again(*names: str) -> list[Any]:
        return [_PC.SelectionSpec(name=name) for name in names]

    def step(name: str, kind: Any, path: str, *then: str) -> Any:
        return _PC.TraversalSpec(name=name, type=kind, path=path, skip=False, selectSet=again(*then))

    folders = ("children", "vms", "compute", "stores", "networks", "hosts", "pools")
    return [
        step("children", vim.Folder, "childEntity", *folders),
        step("vms", vim.Datacenter, "vmFolder", "children"),
        step("compute", vim.Datacenter, "hostFolder", "children"),
        step("stores", vim.Datacenter, "datastore"),
        step("networks", vim.Datacenter, "network"),
        step("hosts", vim.ComputeResource, "host"),
        step("pools", vim.ComputeResource, "resourcePool", "deeper", "apps"),
        step("deeper", vim.ResourcePool, "resourcePool", "deeper", "apps"),
        step("apps", vim.VirtualApp, "vm"),
    ]


def _first_page(content: Any, spec: Any) -> Any:
    return content.propertyCollector.RetrievePropertiesEx([spec], _PC.RetrieveOptions())


def _pages(client: VsphereClient, what: str, ask: Any) -> Iterator[Any]:
    page = client.read(what, ask)
    while page is not None:
        yield from page.objects
        token = page.token
        if not token:
            return
        page = client.read(what, partial(_next_page, token))


def _next_page(token: str, content: Any) -> Any:
    return content.propertyCollector.ContinueRetrievePropertiesEx(token)


def _rows(objects: Iterable[Any]) -> Rows:
    return {id_of(one.obj): (one.obj, {item.name: item.val for item in one.propSet or ()}) for one in objects}


def id_of(thing: Any) -> str:
    """A managed object's id."""
    return str(thing._moId)  # noqa: SLF001 - pyvmomi gives it no other name
