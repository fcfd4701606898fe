"""The logical interfaces of a DLR (NSX-V API guide 6.4, interfaces; `nsxv.md` 2.5).

A POST always makes new ones, and its answer is the only place that says which index they got.
"""

from dataclasses import replace

from adapters.nsxv.simulator import net
from adapters.nsxv.simulator.errors import invalid, not_found
from adapters.nsxv.simulator.exchange import Incoming, Reply, Route, done, ok
from adapters.nsxv.simulator.fields import Fields, whole
from adapters.nsxv.simulator.state import Edge, Lif, LifType, ManagementInterface
from adapters.nsxv.simulator.wire import Node, node
from adapters.nsxv.simulator.world import World

# The first uplink of a captured DLR is vNic_2; that 1 comes last is our guess
_INDEXES = {LifType.UPLINK: (*range(2, 10), 1), LifType.INTERNAL: tuple(range(10, 1000))}
_SMALLEST_MTU, _LARGEST_MTU = 68, 9216


def parse_all(world: World, fields: Fields) -> list[Lif]:
    """The interfaces of an `<interfaces>`, still without an index."""
    with fields:
        return [_parse(world, element) for element in fields.every("interface", "interfaces")]


def _parse(world: World, fields: Fields) -> Lif:
    with fields:
        fields.ignore("label", "index", "isSharedNetwork", "connectedToName")
        groups = net.parse_groups(fields)
        if len(groups) > 1 or any(group.secondary for group in groups):
            raise invalid(f"Field {fields.path('addressGroups')} takes one address on a distributed router.")
        return Lif(
            index=0,
            name=fields.text("name"),
            type=fields.choice("type", LifType, LifType.INTERNAL),
            network=fields.checked("connectedToId", world.check_network),
            groups=groups,
            mtu=fields.number("mtu", 1500, _SMALLEST_MTU, _LARGEST_MTU),
            connected=fields.flag("isConnected", default=False),
        )


def parse_management(world: World, fields: Fields) -> ManagementInterface:
    """`<mgmtInterface>`, which a DLR has to have."""
    with fields:
        fields.ignore("label", "name", "mtu", "type", "isConnected", "index", "connectedToName")
        network = fields.checked("connectedToId", world.check_network)
        return ManagementInterface(network=network, groups=net.parse_groups(fields))


def add(present: dict[int, Lif], new: list[Lif]) -> dict[int, Lif]:
    """The interfaces with the new ones among them, each with the first free index of its type."""
    lifs = dict(present)
    for lif in new:
        index = next((free for free in _INDEXES[lif.type] if free not in lifs), None)
        if index is None:
            raise invalid(f"No more interfaces of type {lif.type} can be added.")
        lifs[index] = replace(lif, index=index)
    return _checked(lifs)


def _checked(lifs: dict[int, Lif]) -> dict[int, Lif]:
    networks = [lif.network for lif in lifs.values()]
    for network in networks:
        if networks.count(network) > 1:
            raise invalid(f"Two interfaces are connected to {network}.")
    net.check_overlap({f"interface {index}": lif.groups for index, lif in sorted(lifs.items())})
    return dict(sorted(lifs.items()))


def render(world: World, edge: Edge) -> Node:
    """`<interfaces>`."""
    return node("interfaces", *(_render(world, edge, lif) for lif in edge.lifs.values()))


def _render(world: World, edge: Edge, lif: Lif) -> Node:
    return node(
        "interface",
        node("label", _label(edge, lif)),
        node("name", lif.name),
        net.render_groups(lif.groups),
        node("mtu", lif.mtu),
        node("type", lif.type),
        node("isConnected", lif.connected),
        node("isSharedNetwork", False),  # noqa: FBT003 - an element's value
        node("index", lif.index),
        node("connectedToId", lif.network),
        node("connectedToName", world.network_name(lif.network)),
    )


def _label(edge: Edge, lif: Lif) -> str:
    """As captured: `138900000002/vNic_2` for an uplink, `13880000000a` for an internal one."""
    router = 5000 + int(edge.id.rpartition("-")[2])
    label = f"{router:x}{lif.index:08x}"
    return f"{label}/vNic_{lif.index}" if lif.type is LifType.UPLINK else label


def render_management(world: World, edge: Edge) -> Node | None:
    """`<mgmtInterface>`, of a DLR."""
    management = edge.management
    if management is None:
        return None
    return node(
        "mgmtInterface",
        node("label", "vNic_0"),
        node("name", "mgmtInterface"),
        net.render_groups(management.groups),
        node("mtu", 1500),
        node("index", 0),
        node("connectedToId", management.network),
        node("connectedToName", world.network_name(management.network)),
    )


def _index(edge: Edge, value: str) -> int:
    index = whole(value)
    if index is None or index not in edge.lifs:
        raise not_found(value)
    return index


def _list(world: World, request: Incoming) -> Reply:
    return ok(render(world, world.router(request)))


def _patch(world: World, request: Incoming) -> Reply:
    edge = world.router(request)
    if request.query.get("action") != "patch":
        raise invalid("Parameter action must be patch.")
    new = parse_all(world, Fields(request.document("interfaces")))
    if not new:
        raise invalid("Required field interfaces is missing.")
    before = set(edge.lifs)
    edge.lifs = add(edge.lifs, new)
    edge.touch()
    made = [lif for index, lif in edge.lifs.items() if index not in before]
    return ok(node("interfaces", *(_render(world, edge, lif) for lif in made)))


def _get(world: World, request: Incoming) -> Reply:
    edge = world.router(request)
    return ok(_render(world, edge, edge.lifs[_index(edge, request.args["index"])]))


def _put(world: World, request: Incoming) -> Reply:
    edge = world.router(request)
    index = _index(edge, request.args["index"])
    lif = replace(_parse(world, request.fields("interface")), index=index)
    if lif.type is not edge.lifs[index].type:
        raise invalid("Field interface.type cannot be changed.")
    edge.lifs = _checked({**edge.lifs, index: lif})
    edge.touch()
    return done()


def _delete(world: World, request: Incoming) -> Reply:
    edge = world.router(request)
    return _remove(edge, {_index(edge, request.args["index"])})


def _delete_several(world: World, request: Incoming) -> Reply:
    """Those of `?index=10&index=11`; without an index **all** of them go, as the guide warns."""
    edge = world.router(request)
    wanted = [value for value in request.query.get("index", "").split(",") if value]
    return _remove(edge, {_index(edge, value) for value in wanted} or set(edge.lifs))


def _remove(edge: Edge, indexes: set[int]) -> Reply:
    edge.lifs = {index: lif for index, lif in edge.lifs.items() if index not in indexes}
    edge.touch()
    return done()


_LIFS = "/api/4.0/edges/{edge}/interfaces"

ROUTES = (
    Route("GET", _LIFS, _list),
    Route("POST", _LIFS, _patch),
    Route("DELETE", _LIFS, _delete_several),
    Route("GET", f"{_LIFS}/{{index}}", _get),
    Route("PUT", f"{_LIFS}/{{index}}", _put),
    Route("DELETE", f"{_LIFS}/{{index}}", _delete),
)
