"""The ten vNICs of an ESG (NSX-V API guide 6.4, "Working with NSX Edge Interfaces"; `nsxv.md` 2.4).

A slot always exists: a PUT replaces it whole (a secondary address left out is gone), a DELETE resets it, and
`action=patch` does the PUT of several at once.
"""

from adapters.nsxv.simulator import net
from adapters.nsxv.simulator.errors import invalid, not_found
from adapters.nsxv.simulator.exchange import Incoming, Reply, Route, done, ok
from adapters.nsxv.simulator.fields import Fields, whole
from adapters.nsxv.simulator.state import Edge, Vnic, VnicType
from adapters.nsxv.simulator.wire import Node, node
from adapters.nsxv.simulator.world import World

SLOTS = range(10)
_SMALLEST_MTU, _LARGEST_MTU = 68, 9216


def empty(index: int) -> Vnic:
    """A slot that nobody has configured."""
    return Vnic(index=index, name=f"vnic{index}")


def parse_all(world: World, fields: Fields) -> dict[int, Vnic]:
    """The slots of a `<vnics>`."""
    with fields:
        elements = fields.every("vnic", "vnics")
    parsed = [_parse(world, element) for element in elements]
    slots = {vnic.index: vnic for vnic in parsed}
    if len(slots) != len(parsed):
        raise invalid("Two vnics have the same index.")
    return slots


def _parse(world: World, fields: Fields, slot: int | None = None) -> Vnic:
    with fields:
        fields.ignore("label", "portgroupName")
        index = fields.optional_number("index", SLOTS[0], SLOTS[-1])
        if slot is None and index is None:
            raise invalid(f"Required field {fields.path('index')} is missing.")
        chosen = slot if slot is not None else index or 0
        if index not in {None, chosen}:
            raise invalid(f"Field {fields.path('index')} is {index} and not {chosen}.")
        vnic = Vnic(
            index=chosen,
            name=fields.text("name", empty(chosen).name),
            type=fields.choice("type", VnicType, VnicType.INTERNAL),
            network=fields.checked("portgroupId", world.check_network)
            if fields.optional("portgroupId")
            else "",
            groups=net.parse_groups(fields),
            mtu=fields.number("mtu", 1500, _SMALLEST_MTU, _LARGEST_MTU),
            proxy_arp=fields.flag("enableProxyArp", default=False),
            redirects=fields.flag("enableSendRedirects", default=True),
            connected=fields.flag("isConnected", default=False),
        )
    if vnic.connected and not vnic.network:
        raise invalid(f"Required field {fields.path('portgroupId')} is missing for a connected vnic.")
    return vnic


def check(slots: dict[int, Vnic]) -> dict[int, Vnic]:
    """The slots in order, without those that are as if never configured; refused if subnets overlap."""
    net.check_overlap({f"vnic {index}": vnic.groups for index, vnic in sorted(slots.items())})
    return {index: vnic for index, vnic in sorted(slots.items()) if vnic != empty(index)}


def render(world: World, edge: Edge) -> Node:
    """`<vnics>`: always all ten."""
    return node("vnics", *(_render(world, edge.vnics.get(index) or empty(index)) for index in SLOTS))


def _render(world: World, vnic: Vnic) -> Node:
    return node(
        "vnic",
        node("label", f"vNic_{vnic.index}"),
        node("name", vnic.name),
        net.render_groups(vnic.groups),
        node("mtu", vnic.mtu),
        node("type", vnic.type),
        node("isConnected", vnic.connected),
        node("index", vnic.index),
        node("portgroupId", vnic.network) if vnic.network else None,
        node("portgroupName", world.network_name(vnic.network)) if vnic.network else None,
        node("enableProxyArp", vnic.proxy_arp),
        node("enableSendRedirects", vnic.redirects),
    )


def _slot(request: Incoming) -> int:
    slot = whole(request.args["index"])
    if slot is None or slot not in SLOTS:
        raise not_found(request.args["index"])
    return slot


def _store(edge: Edge, slots: dict[int, Vnic]) -> Reply:
    edge.vnics = check({**edge.vnics, **slots})
    edge.touch()
    return done()


def _list(world: World, request: Incoming) -> Reply:
    return ok(render(world, world.gateway(request)))


def _patch(world: World, request: Incoming) -> Reply:
    edge = world.gateway(request)
    if request.query.get("action") != "patch":
        raise invalid("Parameter action must be patch.")
    slots = parse_all(world, Fields(request.document("vnics")))
    if not slots:
        raise invalid("Required field vnics is missing.")
    return _store(edge, slots)


def _get(world: World, request: Incoming) -> Reply:
    edge, index = world.gateway(request), _slot(request)
    return ok(_render(world, edge.vnics.get(index) or empty(index)))


def _put(world: World, request: Incoming) -> Reply:
    edge, index = world.gateway(request), _slot(request)
    return _store(edge, {index: _parse(world, request.fields("vnic"), index)})


def _delete(world: World, request: Incoming) -> Reply:
    edge, index = world.gateway(request), _slot(request)
    return _store(edge, {index: empty(index)})


_VNICS = "/api/4.0/edges/{edge}/vnics"

ROUTES = (
    Route("GET", _VNICS, _list),
    Route("POST", _VNICS, _patch),
    Route("GET", f"{_VNICS}/{{index}}", _get),
    Route("PUT", f"{_VNICS}/{{index}}", _put),
    Route("DELETE", f"{_VNICS}/{{index}}", _delete),
)
