"""NSX-V, as resources."""

import re
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

from adapters.nsxv import xml
from adapters.nsxv.client import NsxClient
from adapters.nsxv.provider import (
    interface_calls,
    object_calls,
    places,
    reading,
    rule_calls,
    section_calls,
    states,
    traits,
)
from adapters.nsxv.provider.calls import WAITING, Call, Work, calls
from adapters.nsxv.provider.directory import EDGES, Directory
from adapters.nsxv.provider.markers import Markers
from adapters.nsxv.provider.session import Session
from hopbook.engine.change import (
    Action,
    Change,
    KindTraits,
    Observation,
    Outcome,
    Result,
    Scope,
    not_attempted,
)
from hopbook.engine.ports import Recorder
from hopbook.errors import HopbookError, Missing, Rejected, SystemTrouble
from hopbook.resources.base import Key, SecretRef
from hopbook.secret import Secret

_COUNTED = frozenset({"firewall", "ipsec", "nat", "routing"})  # what we fill edges with
_TOO_MANY = re.compile(r"\b(limit|exceed\w*|maximum)\b", re.IGNORECASE)

_DO: Mapping[Work, Callable[[Session, Sequence[Change]], None]] = {
    Work.DEPLOY: object_calls.deploy,
    Work.REMOVE: object_calls.remove,
    Work.ADJUST: object_calls.adjust,
    Work.SWITCH: object_calls.switch,
    Work.SLOTS: interface_calls.configure_slots,
    Work.RESET_SLOT: interface_calls.reset_slot,
    Work.ADD_LIFS: interface_calls.add_lifs,
    Work.CHANGE_LIF: interface_calls.change_lif,
    Work.REMOVE_LIFS: interface_calls.remove_lifs,
    Work.ROUTES: object_calls.static_routes,
    Work.APPEND: rule_calls.append,
    Work.RULE: rule_calls.one,
    Work.REWRITE: rule_calls.rewrite,
    Work.BGP: section_calls.bgp,
    Work.IPSEC: section_calls.ipsec,
    Work.SETTING: object_calls.setting,
}


class NsxProvider:
    """One NSX Manager's edges, routers and logical switches. Safe to share between threads.

    Args:
        client: The manager.
        site: The site's name, which our markers carry.
        protected: Edges that nobody may touch, by name: the management edge, HCX's own.
        resolve: Where secrets come from; asked for a password only when the call that holds it is made.
        waiting: How sessions and tunnels are asked for and how long they are waited for.
        sleep: How to wait.
    """

    def __init__(
        self,
        client: NsxClient,
        *,
        site: str,
        protected: frozenset[str] = frozenset(),
        resolve: Callable[[SecretRef], Secret],
        waiting: states.Waiting | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._client = client
        self._markers = Markers(site)
        self._protected = protected
        self._resolve = resolve
        self._waiting, self._sleep = waiting or states.Waiting(), sleep
        self.kinds: Mapping[str, KindTraits] = traits.kinds(protected, client.timeout, client.deploy_timeout)

    def observe(self, scope: Scope) -> Observation:
        """Read the edges that the scope's keys live on, each in one call, and the logical switches."""
        return reading.observe(self._client, self._markers, scope, self._waiting.commands)

    def places(self, edges: Iterable[Key], hosts: Collection[str]) -> Observation:
        """The ESXi host of each edge's active appliance, as the site names hosts."""
        return places.observe(self._client, self._markers, edges, hosts)

    def apply(self, batch: Sequence[Change], submitted: Recorder) -> Iterator[Outcome]:  # noqa: ARG002
        """Make the changes of one lane so; after the first call that fails nothing more is tried.

        Every call is made until it is answered, so there is no handle to submit.
        """
        session = Session(self._client, self._markers, self._resolve)
        failed = ""
        for call in calls(batch):
            if failed:
                yield from not_attempted(call.changes, failed)
                continue
            if call.work in WAITING:
                outcomes = self._wait(session, call)
                failed = next((f"{one.key.name} did not come about" for one in outcomes if one.reason), "")
                yield from outcomes
                continue
            result, reason = self._make(session, call)
            if result is Result.APPLIED:
                yield from _made(call)
                continue
            failed = f"{call.changes[0].key.name} before it failed"
            yield from _all(call, result, reason)

    def edge_limits(self, edge: str) -> Mapping[str, int]:
        """The configuration maximums of an edge as it says them itself: `{"nat.MAX_RULES": 2048}`."""
        found = Directory(self._client, self._markers).edge(edge)
        if found is None:
            return {}
        summary = self._client.read(f"{EDGES}/{found.id}/summary")
        return {
            f"{xml.text(capability, 'service')}.{xml.text(limit, 'key')}": xml.number(limit, "value", 0)
            for capability in summary.iterfind("featureCapabilities/featureCapability")
            for limit in capability.iterfind("configurationLimit")
        }

    def _wait(self, session: Session, call: Call) -> list[Outcome]:
        """Sessions and tunnels come about by themselves, or do not: nobody sets them."""
        try:
            why = states.wait(self._client, session.directory, call.changes, self._waiting, self._sleep)
        except HopbookError as error:
            return list(_all(call, Result.REFUSED, str(error)))
        return [
            Outcome(
                key=change.key,
                result=Result.REFUSED if why.get(change.key) else Result.APPLIED,
                reason=why.get(change.key, ""),
                more=change is not call.changes[-1],
            )
            for change in call.changes
        ]

    def _make(self, session: Session, call: Call) -> tuple[Result, str]:
        protected = traits.why_protected(call.changes[0].resource, self._protected)
        if protected:
            return Result.REFUSED, protected
        try:
            _DO[call.work](session, call.changes)
        except HopbookError as error:
            if isinstance(error, Missing) and all(change.action is Action.DELETE for change in call.changes):
                return Result.APPLIED, ""  # it is gone already, or its edge is
            result = Result.UNKNOWN if session.unanswered else Result.REFUSED
            return result, f"{error}{self._limit(call, error)}"
        return Result.APPLIED, ""

    def _limit(self, call: Call, error: HopbookError) -> str:
        """Where a refusal speaks of a limit: the limits of this edge."""
        if not isinstance(error, Rejected) or not call.owner or not _TOO_MANY.search(error.what):
            return ""
        try:
            limits = self.edge_limits(call.owner)
        except SystemTrouble:
            return ""
        return f" – limits of {call.owner}: " + ", ".join(
            f"{name} {most}" for name, most in sorted(limits.items()) if name.partition(".")[0] in _COUNTED
        )


def _made(call: Call) -> Iterator[Outcome]:
    for change in call.changes:
        result = Result.ADOPTED if change.action is Action.ADOPT else Result.APPLIED
        yield Outcome(key=change.key, result=result, more=change is not call.changes[-1])


def _all(call: Call, result: Result, reason: str) -> Iterator[Outcome]:
    for change in call.changes:
        yield Outcome(key=change.key, result=result, reason=reason, more=change is not call.changes[-1])
