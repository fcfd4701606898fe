"""Edges and routers themselves, and logical switches, as NSX writes them.

NSX-V API guide 6.4, "Working with NSX Edge", "Working with Logical Switches".
"""

from collections.abc import Sequence
from typing import TypeAlias

from adapters.nsxv import xml
from adapters.nsxv.provider.markers import Markers
from adapters.nsxv.xml import Element, make
from hopbook.engine.change import Observed
from hopbook.resources.base import Key
from hopbook.resources.nsxv import Edge, EdgeSize, LogicalSwitch, Placement, Router
from hopbook.secret import Secret

Appliance: TypeAlias = Edge | Router

ROUTER_TYPE = "distributedRouter"
# NSX never shows it
_UNREADABLE = frozenset({"cli_password"})


def observed(owner: Key, element: Element, management: Key | str) -> Observed:
    """An edge or router; `management` is where a router's control VM is connected."""
    resource: Appliance
    placements = tuple(_read_placement(one) for one in element.iterfind("appliances/appliance"))
    datacenter, tenant = xml.text(element, "datacenterMoid"), xml.text(element, "tenant", "default")
    user = xml.text(element, "cliSettings/userName", "admin")
    if owner.kind == Router.kind:
        resource = Router(
            router=owner.name,
            datacenter=datacenter,
            placements=placements,
            cli_user=user,
            tenant=tenant,
            ha_network=management,
        )
    else:
        resource = Edge(
            edge=owner.name,
            datacenter=datacenter,
            size=EdgeSize(xml.text(element, "appliances/applianceSize", EdgeSize.COMPACT).lower()),
            placements=placements,
            cli_user=user,
            tenant=tenant,
        )
    return Observed(resource=resource, unreadable=_UNREADABLE, handle=xml.text(element, "id"))


def _read_placement(element: Element) -> Placement:
    """Where it was asked to be; vMotion moves it for a while, and that is no change."""
    return Placement(
        resource_pool=xml.text(element, "configuredResourcePool/id") or xml.text(element, "resourcePoolId"),
        datastore=xml.text(element, "configuredDataStore/id") or xml.text(element, "datastoreId"),
    )


def create(
    wanted: Appliance, password: Secret | None, interfaces: Sequence[Element], management: str
) -> Element:
    """The document that makes an edge or router together with its interfaces."""
    placements = [
        make(
            "appliance",
            make("resourcePoolId", placement.resource_pool),
            make("datastoreId", placement.datastore),
        )
        for placement in wanted.placements
    ]
    gateway = isinstance(wanted, Edge)
    size = make("applianceSize", wanted.size.value) if isinstance(wanted, Edge) else None
    return make(
        "edge",
        make("datacenterMoid", wanted.datacenter),
        make("name", wanted.name),
        None if gateway else make("type", ROUTER_TYPE),
        make("tenant", wanted.tenant),
        make("appliances", size, *placements),
        make("mgmtInterface", make("connectedToId", management)) if management else None,
        make("vnics" if gateway else "interfaces", *interfaces) if interfaces else None,
        _cli(wanted.cli_user, password) if password else None,
    )


def _cli(user: str, password: Secret) -> Element:
    return make(
        "cliSettings",
        make("userName", user),
        make("password", password.reveal()),
        make("remoteAccess", "false"),
    )


def read_switch(element: Element, markers: Markers) -> tuple[LogicalSwitch, str]:
    """A logical switch, and the name that our marker on it gives; empty if it has none.

    Its transport zone is still called by its id: NSX says the name elsewhere.
    """
    purpose, name = markers.read(xml.text(element, "description"))
    switch = LogicalSwitch(
        switch=xml.text(element, "name"),
        zone=xml.text(element, "vdnScopeId"),
        purpose=purpose,
        tenant=xml.text(element, "tenantId", "default"),
    )
    return switch, name


def create_switch(switch: LogicalSwitch, description: str) -> Element:
    """The document that makes a logical switch."""
    return make(
        "virtualWireCreateSpec",
        make("name", switch.switch),
        make("description", description),
        make("tenantId", switch.tenant),
    )


def update_switch(live: Element, switch: LogicalSwitch, description: str) -> Element:
    """The document that changes one: NSX wants every field that can be set."""
    mode = xml.text(live, "controlPlaneMode")
    return make(
        "virtualWire",
        make("name", switch.switch),
        make("description", description),
        make("tenantId", switch.tenant),
        make("controlPlaneMode", mode) if mode else None,
    )
