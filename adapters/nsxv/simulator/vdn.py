"""Transport zones and logical switches (NSX-V API guide 6.4, "Working with Logical Switches"; `nsxv.md` 2.2).

Names are not unique: the same POST twice makes two switches with two VNIs. Unlike on an edge, a PUT or DELETE
answers 200 here, and a create answers the bare id.
"""

import uuid

from adapters.nsxv.simulator import paging
from adapters.nsxv.simulator.errors import CORE, ApiError, Problem, not_found, stale
from adapters.nsxv.simulator.exchange import Incoming, Reply, Route, created, ok
from adapters.nsxv.simulator.state import ControlPlane, Edge, Switch, Zone
from adapters.nsxv.simulator.wire import Node, node
from adapters.nsxv.simulator.world import World

_MANAGER = uuid.UUID("4233b1a4-7c5e-4c0d-9d5a-0d1f6a1e2b3c")


def _list_zones(world: World, _: Incoming) -> Reply:
    return ok(node("vdnScopes", *(_render_zone(world, zone) for zone in world.zones.values())))


def _get_zone(world: World, request: Incoming) -> Reply:
    return ok(_render_zone(world, _zone(world, request)))


def _zone(world: World, request: Incoming) -> Zone:
    identifier = request.args["zone"]
    if identifier not in world.zones:
        raise not_found(identifier)
    return world.zones[identifier]


def _render_zone(world: World, zone: Zone) -> Node:
    count = sum(switch.zone == zone.id for switch in world.switches.values())
    return node(
        "vdnScope",
        *_object(zone.id, "VdnScope", 0),
        node("name", zone.name),
        *_universal(),
        node("id", zone.id),
        node("clusters"),
        node("virtualWireCount", count),
        node("controlPlaneMode", zone.control_plane),
        node("cdoModeEnabled", "false"),
    )


def _object(identifier: str, kind: str, revision: int) -> tuple[Node, ...]:
    """What every inventory object begins with."""
    return (
        node("objectId", identifier),
        node("objectTypeName", kind),
        node("vsmUuid", str(_MANAGER).upper()),
        node("nodeId", str(_MANAGER)),
        node("revision", revision),
        node("type", node("typeName", kind)),
    )


def _universal() -> tuple[Node, ...]:
    return (
        node("clientHandle"),
        node("extendedAttributes"),
        node("isUniversal", "false"),
        node("universalRevision", 0),
    )


def _create(world: World, request: Incoming) -> Reply:
    zone = _zone(world, request)
    with request.fields("virtualWireCreateSpec") as fields:
        switch = Switch(
            id="",
            zone=zone.id,
            name=fields.required("name"),
            description=fields.text("description"),
            tenant=fields.required("tenantId"),
            control_plane=fields.choice("controlPlaneMode", ControlPlane, zone.control_plane),
            guest_vlan=fields.flag("guestVlanAllowed", default=False),
            vni=0,
            backing="",
        )
    switch.id = world.next_id("virtualwire")
    switch.vni = world.next_vni()
    switch.backing = f"dvportgroup-{switch.vni}"
    world.switches[switch.id] = switch
    return created(f"/api/2.0/vdn/virtualwires/{switch.id}", switch.id)


def _list_all(world: World, request: Incoming) -> Reply:
    return _page(world, request, list(world.switches.values()))


def _list_of_zone(world: World, request: Incoming) -> Reply:
    zone = _zone(world, request)
    return _page(world, request, [switch for switch in world.switches.values() if switch.zone == zone.id])


def _page(world: World, request: Incoming, switches: list[Switch]) -> Reply:
    name = request.query.get("name")
    found = [switch for switch in switches if name in {None, switch.name}]
    page = paging.Page.of(request, "startindex", "pagesize", default=20)
    shown = [_render(world, switch) for switch in page.cut(found)]
    return ok(node("virtualWires", node("dataPage", page.render(len(found)), *shown)))


def _render(world: World, switch: Switch) -> Node:
    return node(
        "virtualWire",
        *_object(switch.id, "VirtualWire", switch.revision),
        node("name", switch.name),
        node("description", switch.description) if switch.description else None,
        *_universal(),
        node("tenantId", switch.tenant),
        node("vdnScopeId", switch.zone),
        _render_backing(world, switch),
        node("vdnId", switch.vni),
        node("guestVlanAllowed", switch.guest_vlan),
        node("controlPlaneMode", switch.control_plane),
        node("ctrlLsUuid", str(uuid.uuid5(_MANAGER, switch.id))),
        node("macLearningEnabled", "false"),
    )


def _render_backing(world: World, switch: Switch) -> Node:
    kind = "VmwareDistributedVirtualSwitch"
    center, center_name = next(iter(world.datacenters.items()), ("datacenter-1", ""))
    scope = node("scope", node("id", center), node("objectTypeName", "Datacenter"), node("name", center_name))
    return node(
        "vdsContextWithBacking",
        node("switch", *_object("dvs-1", kind, 0), node("name", "dvs-1"), scope, *_universal()),
        node("mtu", 1600),
        node("promiscuousMode", "false"),
        node("backingType", "portgroup"),
        node("backingValue", switch.backing),
        node("missingOnVc", "false"),
    )


def _switch(world: World, request: Incoming) -> Switch:
    identifier = request.args["switch"]
    if identifier not in world.switches:
        raise not_found(identifier)
    return world.switches[identifier]


def _get(world: World, request: Incoming) -> Reply:
    return ok(_render(world, _switch(world, request)))


def _put(world: World, request: Incoming) -> Reply:
    """Whole replace of what a user may set; what a client echoes from its GET is ignored."""
    switch = _switch(world, request)
    with request.fields("virtualWire") as fields:
        fields.ignore(*_READ_ONLY)
        revision = fields.optional_number("revision", 0, 10**9)
        if revision is not None and revision < switch.revision:
            raise stale(switch.id, revision, switch.revision)
        name, tenant = fields.required("name"), fields.required("tenantId")
        description = fields.text("description")
        mode = fields.choice("controlPlaneMode", ControlPlane, world.zones[switch.zone].control_plane)
    switch.name, switch.tenant, switch.description, switch.control_plane = name, tenant, description, mode
    switch.revision += 1
    return Reply(200)


_READ_ONLY = (
    "objectId",
    "objectTypeName",
    "vsmUuid",
    "nodeId",
    "type",
    "clientHandle",
    "extendedAttributes",
    "isUniversal",
    "universalRevision",
    "vdnScopeId",
    "vdsContextWithBacking",
    "vdnId",
    "guestVlanAllowed",
    "ctrlLsUuid",
    "macLearningEnabled",
)


def _delete(world: World, request: Incoming) -> Reply:
    """Refused while an edge is connected; the status is inferred, clients retry on it."""
    switch = _switch(world, request)
    users = [edge.id for edge in world.edges.values() if switch.id in _networks(edge)]
    if users:
        details = f"Virtual wire {switch.id} is in use by {', '.join(users)} and cannot be deleted."
        raise ApiError(400, Problem(details, module=CORE))
    del world.switches[switch.id]
    return Reply(200)


def _networks(edge: Edge) -> set[str]:
    management = {edge.management.network} if edge.management else set()
    return {interface.network for interface in edge.interfaces()} | management


_ZONES = "/api/2.0/vdn/scopes"
_WIRES = "/api/2.0/vdn/virtualwires"

ROUTES = (
    Route("GET", _ZONES, _list_zones),
    Route("GET", f"{_ZONES}/{{zone}}", _get_zone),
    Route("GET", f"{_ZONES}/{{zone}}/virtualwires", _list_of_zone),
    Route("POST", f"{_ZONES}/{{zone}}/virtualwires", _create),
    Route("GET", _WIRES, _list_all),
    Route("GET", f"{_WIRES}/{{switch}}", _get),
    Route("PUT", f"{_WIRES}/{{switch}}", _put),
    Route("DELETE", f"{_WIRES}/{{switch}}", _delete),
)
