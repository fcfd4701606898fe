"""Changing the rules of an edge.

NSX-V API guide 6.4: an append takes a list of rules, an insert takes one and the id of the rule below it.
Ids are read from NSX each time, never computed, and a rule is found by our marker on it.
"""

from collections.abc import Sequence

from adapters.nsxv import xml
from adapters.nsxv.provider import rules
from adapters.nsxv.provider.rules import FEATURES, Feature
from adapters.nsxv.provider.session import Session
from adapters.nsxv.xml import Element, make
from hopbook.engine.change import Action, Change
from hopbook.resources.base import Key
from hopbook.resources.nsxv import FirewallRule, NatAction, NatRule


def append(session: Session, changes: Sequence[Change]) -> None:
    """New rules behind all others, in one call."""
    feature, owner = _place(changes[0])
    elements = [_fresh(session, feature, change) for change in changes]
    session.forget(owner, feature)
    session.send("POST", f"{session.edge(owner)}/{feature.config}/rules", make(feature.wrapper, *elements))


def one(session: Session, changes: Sequence[Change]) -> None:
    """One rule: inserted above another, changed in its place, or removed."""
    (change,) = changes
    feature, owner = _place(change)
    if change.action is Action.CREATE:
        _insert(session, feature, owner, change)
        return
    live = _find(session, feature, owner, change)
    address = f"{session.edge(owner)}/{feature.config}/rules"
    if change.action is Action.DELETE:
        if live is not None:
            session.send("DELETE", f"{address}/{feature.id_of(live)}")
            _remove(live)
        return
    if live is None:
        raise session.gone(change.resource.title())
    _fill(session, feature, live, change)
    session.send("PUT", f"{address}/{feature.id_of(live)}", live)


def _insert(session: Session, feature: Feature, owner: Key, change: Change) -> None:
    below = _below(session, feature, owner, session.config(owner, feature), change)
    new = _fresh(session, feature, change)
    made = session.send(
        "POST",
        f"{session.edge(owner)}/{feature.config}/rules",
        new,
        query={"aboveRuleId": feature.id_of(below)},
    )
    if not made:
        session.forget(owner, feature)
        return
    xml.put(new, feature.identifier, made)
    below.addprevious(new)


def rewrite(session: Session, changes: Sequence[Change]) -> None:
    """Every rule of ours at its place, in one call that puts the rules of others back as they are.

    NSX replaces the list by what it is sent and makes its own rules itself, so those are left out.
    """
    feature, owner = _place(changes[0])
    session.forget(owner, feature)

    def edit(config: Element) -> bool:
        feature.drop_system(config)
        listed = config.find(feature.wrapper)
        if listed is None:
            listed = make(feature.wrapper)
            config.append(listed)
        for change in changes:
            _apply(session, feature, owner, config, listed, change)
        return True

    session.rewrite(f"{session.edge(owner)}/{feature.config}", edit)


def _apply(
    session: Session, feature: Feature, owner: Key, config: Element, listed: Element, change: Change
) -> None:
    live = rules.find(feature, owner, config, change.adopts or change.key, session.markers)
    if change.action is Action.DELETE:
        if live is not None:
            _remove(live)
        return
    if change.action is Action.CREATE:
        live = _fresh(session, feature, change)
    elif live is None:
        raise session.gone(change.resource.title())
    else:
        _fill(session, feature, live, change)
        if not change.moved:
            return
    if change.above is None:
        listed.append(live)
    else:
        _below(session, feature, owner, config, change).addprevious(live)


def _place(change: Change) -> tuple[Feature, Key]:
    resource = change.resource
    if not isinstance(resource, NatRule | FirewallRule):
        raise TypeError(f"{change.key} is no rule")
    return FEATURES[change.key.kind], resource.owner


def _find(session: Session, feature: Feature, owner: Key, change: Change) -> Element | None:
    config = session.config(owner, feature)
    return rules.find(feature, owner, config, change.adopts or change.key, session.markers)


def _below(session: Session, feature: Feature, owner: Key, config: Element, change: Change) -> Element:
    """The rule that a change has to stand above."""
    above = change.above
    found = None if above is None else rules.find(feature, owner, config, above, session.markers)
    if found is None:
        raise session.gone(f"the rule {above and above.name}, which {change.key.name} has to stand above,")
    return found


def _fresh(session: Session, feature: Feature, change: Change) -> Element:
    element = make(feature.element)
    _fill(session, feature, element, change)
    return element


def _fill(session: Session, feature: Feature, element: Element, change: Change) -> None:
    rule = change.after
    if not isinstance(rule, NatRule | FirewallRule):
        raise TypeError(f"{change.key} is no rule")
    ours = change.action is not Action.RELEASE
    if ours and isinstance(rule, NatRule) and rule.interface is None:
        side = "source" if rule.action is NatAction.SNAT else "destination"
        raise session.refuse(
            f"{rule.title()} names no interface",
            hint=f"it would translate the {side} of packets on every interface of {rule.owner.name}",
        )
    description = session.markers.write(rule.purpose, change.key.name) if ours else rule.purpose
    feature.fill(element, rule, description)


def _remove(element: Element) -> None:
    parent = element.getparent()
    if parent is not None:
        parent.remove(element)
