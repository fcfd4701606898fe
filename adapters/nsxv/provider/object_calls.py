"""Making, changing and removing edges, routers and logical switches; routes and settings of an edge."""

from collections.abc import Sequence

from adapters.nsxv.provider import appliances, interface_calls, routes
from adapters.nsxv.provider.directory import EDGES, SCOPES, SWITCHES
from adapters.nsxv.provider.rules import FIREWALL
from adapters.nsxv.provider.session import Session
from adapters.nsxv.provider.settings import SETTINGS, Setting, policy_element
from adapters.nsxv.xml import Element, serialize
from hopbook.engine.change import Action, Change
from hopbook.resources.nsxv import Edge, EdgeSetting, FirewallPolicy, LogicalSwitch, Router, StaticRoute

_SHORTEST_PASSWORD = 12  # NSX-V API guide 6.4, cliSettings


def deploy(session: Session, changes: Sequence[Change]) -> None:
    """An edge or router together with its interfaces, in one call."""
    wanted = changes[0].after
    if not isinstance(wanted, Edge | Router):
        raise TypeError(f"{changes[0].key} is no edge")
    password = session.secret(wanted.cli_password) if wanted.cli_password else None
    if password and len(password.reveal()) < _SHORTEST_PASSWORD:
        raise session.refuse(
            f"{wanted.title()}: the password of {wanted.cli_password} is too short",
            hint=f"NSX wants {_SHORTEST_PASSWORD} characters or more",
        )
    network = wanted.ha_network if isinstance(wanted, Router) else ""
    body = appliances.create(
        wanted,
        password,
        [interface_calls.new(session, change) for change in changes[1:]],
        session.directory.network_id(network),
    )
    secrets = [password] if password else []
    session.send("POST", EDGES, body, timeout=session.client.deploy_timeout, secrets=secrets)
    session.directory.forget()


def remove(session: Session, changes: Sequence[Change]) -> None:
    """An edge or router; its appliances and all that it carries go with it."""
    session.send("DELETE", session.edge(changes[-1].key), timeout=session.client.deploy_timeout)
    session.directory.forget()


def adjust(session: Session, changes: Sequence[Change]) -> None:
    """An edge or router that is there: taken over or given back as it is, and not changed."""
    (change,) = changes
    session.edge(change.key)
    unknown = {"cli_password"} if change.action is not Action.UPDATE else set()
    differing = [field.field for field in change.fields if field.field not in unknown]
    if differing:
        raise session.refuse(
            f"{change.resource.title()}: {', '.join(differing)} cannot be changed in place",
            hint="resize or redeploy it by hand, or describe it as it is",
        )


def switch(session: Session, changes: Sequence[Change]) -> None:
    """A logical switch: made, changed or removed."""
    (change,) = changes
    wanted = change.resource
    if not isinstance(wanted, LogicalSwitch):
        raise TypeError(f"{change.key} is no logical switch")
    ours = change.action is not Action.RELEASE
    description = session.markers.write(wanted.purpose, change.key.name) if ours else wanted.purpose
    if change.action is Action.CREATE:
        body = appliances.create_switch(wanted, description)
        session.send("POST", f"{SCOPES}/{session.directory.zone_id(wanted.zone)}/virtualwires", body)
    else:
        live = session.directory.switch(change.adopts or change.key)
        if change.action is Action.DELETE:
            if live is not None:
                session.send("DELETE", f"{SWITCHES}/{live.id}")
        elif live is None:
            raise session.gone(wanted.title())
        else:
            body = appliances.update_switch(live.element, wanted, description)
            session.send("PUT", f"{SWITCHES}/{live.id}", body)
    session.directory.forget()


def static_routes(session: Session, changes: Sequence[Change]) -> None:
    """Static routes of one edge, in one call that puts the routes of others back as they are."""
    owner = changes[0].resource
    if not isinstance(owner, StaticRoute):
        raise TypeError(f"{changes[0].key} is no route")

    def edit(static: Element) -> bool:
        known = serialize(static)
        for change in changes:
            routes.write(static, _route(change.before), _route(change.after))
        return serialize(static) != known

    session.rewrite(f"{session.edge(owner.owner)}/routing/config/static", edit)


def _route(resource: object) -> StaticRoute | None:
    return resource if isinstance(resource, StaticRoute) else None


def setting(session: Session, changes: Sequence[Change]) -> None:
    """A setting; deleting one puts back what NSX delivers."""
    (change,) = changes
    wanted = change.resource
    if not isinstance(wanted, EdgeSetting):
        raise TypeError(f"{change.key} is no setting")
    section = SETTINGS[change.key.kind]
    if change.after is None:
        wanted = section.kind(owner=wanted.owner)
    address = f"{session.edge(wanted.owner)}/{section.path}"
    if isinstance(wanted, FirewallPolicy) and _only_policy(session, address, section, wanted):
        return

    def edit(live: Element) -> bool:
        if section.read(wanted.owner, live) == wanted:
            return False
        FIREWALL.drop_system(live)
        section.fill(live, wanted)
        return True

    session.rewrite(address, edit)


def _only_policy(session: Session, address: str, section: Setting, wanted: FirewallPolicy) -> bool:
    """Set the default policy by its own address if that is all; the whole firewall is then left alone."""
    live = section.read(wanted.owner, session.read(address))
    if not isinstance(live, FirewallPolicy) or live.enabled != wanted.enabled:
        return False
    if live != wanted:
        session.send("PUT", f"{address}/defaultpolicy", policy_element("firewallDefaultPolicy", wanted))
    return True
