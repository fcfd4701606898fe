"""Which changes of a batch are one call, in the order in which they are made.

An edge is made with its interfaces in one call and removed with all that it carries in another; slots,
routes and rules that follow each other go together where NSX-V's API takes several at once.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import groupby

from adapters.nsxv.provider.interfaces import is_gateway
from adapters.nsxv.provider.traits import owner_of
from hopbook.engine.change import Action, Change
from hopbook.resources.base import Key
from hopbook.resources.nsxv import (
    Bgp,
    BgpNeighbour,
    BgpSession,
    Edge,
    EdgeSetting,
    FirewallRule,
    Interface,
    Ipsec,
    IpsecSite,
    IpsecTunnel,
    LogicalSwitch,
    NatRule,
    Router,
    StaticRoute,
)


class Work(StrEnum):
    """What a call does; one function each."""

    DEPLOY = "make an edge with its interfaces"
    REMOVE = "remove an edge with all that it carries"
    ADJUST = "change an edge itself"
    SWITCH = "make, change or remove a logical switch"
    SLOTS = "configure slots of an ESG"
    RESET_SLOT = "reset a slot of an ESG"
    ADD_LIFS = "add interfaces to a DLR"
    CHANGE_LIF = "change an interface of a DLR"
    REMOVE_LIFS = "remove interfaces of a DLR"
    ROUTES = "rewrite the static routes"
    APPEND = "append rules"
    RULE = "insert, change or remove one rule"
    REWRITE = "rewrite the rules, some in another order"
    BGP = "change BGP and its neighbours"
    IPSEC = "change IPsec and its sites"
    SETTING = "change a setting"
    SESSIONS = "wait for BGP sessions"
    TUNNELS = "wait for IPsec tunnels"


WAITING = frozenset({Work.SESSIONS, Work.TUNNELS})
"""What changes nothing."""
_SECTIONS = frozenset({Work.BGP, Work.IPSEC})
_SEVERAL = frozenset(
    {
        Work.SLOTS,
        Work.ADD_LIFS,
        Work.REMOVE_LIFS,
        Work.ROUTES,
        Work.APPEND,
        Work.REWRITE,
        *_SECTIONS,
        *WAITING,
    }
)


@dataclass(frozen=True, slots=True)
class Call:
    """Changes that are made together."""

    work: Work
    changes: tuple[Change, ...]

    @property
    def owner(self) -> str:
        """The edge or router that they are about."""
        return owner_of(self.changes[0].resource)

    def takes(self, work: Work, change: Change) -> bool:
        """Whether one more change can go with these."""
        if owner_of(change.resource) != self.owner:
            return False
        if self.work is Work.DEPLOY:
            return isinstance(change.resource, Interface) and change.action is Action.CREATE
        alike = change.key.kind == self.changes[0].key.kind or work in _SECTIONS
        return work is self.work and work in _SEVERAL and alike


def calls(batch: Sequence[Change]) -> list[Call]:
    """The calls that make the changes of one lane so."""
    removed = {
        change.key
        for change in batch
        if change.action is Action.DELETE and isinstance(change.resource, Edge | Router)
    }
    made: list[Call] = []
    for _, run in groupby((change for change in batch if not _goes_with(change, removed)), _section):
        for work, change in _classified(list(run)):
            if made and made[-1].takes(work, change):
                made[-1] = replace(made[-1], changes=(*made[-1].changes, change))
            else:
                made.append(Call(work, (change,)))
    return [_with_parts(call, batch) if call.work is Work.REMOVE else call for call in made]


def _goes_with(change: Change, removed: set[Key]) -> bool:
    """Whether a part goes because its edge does."""
    return change.action is Action.DELETE and getattr(change.resource, "owner", None) in removed


def _with_parts(call: Call, batch: Sequence[Change]) -> Call:
    owner = {call.changes[0].key}
    parts = tuple(change for change in batch if _goes_with(change, owner))
    return replace(call, changes=(*parts, *call.changes))


def _section(change: Change) -> tuple[str, str]:
    return change.key.kind, owner_of(change.resource)


def _classified(run: Sequence[Change]) -> Iterator[tuple[Work, Change]]:
    """What each of several changes of one kind on one edge is.

    Rules that only come, go or change are single calls, which leave the rules of others alone. One that
    moves makes it a rewriting of the whole list: removing and inserting it would be two calls, and between
    them it is missing.
    """
    rewrite = any(change.moved for change in run)
    for change in run:
        if isinstance(change.resource, NatRule | FirewallRule):
            append = change.action is Action.CREATE and change.above is None
            yield Work.REWRITE if rewrite else Work.APPEND if append else Work.RULE, change
        else:
            yield _work(change), change


def _work(change: Change) -> Work:
    resource, action = change.resource, change.action
    if isinstance(resource, Edge | Router):
        return {Action.CREATE: Work.DEPLOY, Action.DELETE: Work.REMOVE}.get(action, Work.ADJUST)
    if isinstance(resource, Interface) and is_gateway(resource.owner):
        return Work.RESET_SLOT if action is Action.DELETE else Work.SLOTS
    if isinstance(resource, Interface):
        return {Action.CREATE: Work.ADD_LIFS, Action.DELETE: Work.REMOVE_LIFS}.get(action, Work.CHANGE_LIF)
    single: dict[type, Work] = {
        LogicalSwitch: Work.SWITCH,
        StaticRoute: Work.ROUTES,
        Bgp: Work.BGP,
        BgpNeighbour: Work.BGP,
        BgpSession: Work.SESSIONS,
        Ipsec: Work.IPSEC,
        IpsecSite: Work.IPSEC,
        IpsecTunnel: Work.TUNNELS,
        EdgeSetting: Work.SETTING,
    }
    for kind, work in single.items():
        if isinstance(resource, kind):
            return work
    raise ValueError(f"{change.key} is no resource of NSX-V")
