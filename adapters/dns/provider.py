"""DNS names as resources: observed, never written.

A name counts as a setting: every name exists, perhaps without addresses. So one that leads where it should is
nothing to do. Any other is an update that the plan shows as blocked, and that is refused if it is tried all
the same.
"""

from collections.abc import Iterator, Mapping, Sequence

from adapters.dns.client import DnsClient
from hopbook.engine.change import Change, KindTraits, Observation, Observed, Outcome, Result, Scope
from hopbook.engine.ports import Recorder
from hopbook.errors import Missing
from hopbook.resources.base import Key, Resource
from hopbook.resources.dns import NameRecord


class DnsProvider:
    """The names of one site, as its resolvers give them."""

    kinds: Mapping[str, KindTraits]

    def __init__(self, client: DnsClient) -> None:
        traits = KindTraits(lane=lambda _record: "dns", setting=True, protected=_kept_by_others)
        self.kinds = {NameRecord.kind: traits}
        self._client = client

    def observe(self, scope: Scope) -> Observation:
        """Ask for each name of the scope."""
        keys = sorted(key for key in scope.keys if key.kind == NameRecord.kind)
        return Observation(items={key: Observed(resource=self._record(key)) for key in keys})

    def apply(self, batch: Sequence[Change], submitted: Recorder) -> Iterator[Outcome]:  # noqa: ARG002 - the port's
        """Refuse each change, saying what has to be asked of whom."""
        for change in batch:
            reason = f"it should lead to {_places(change.after)}, but {_leads_to(change.before)}"
            yield Outcome(key=change.key, result=Result.REFUSED, reason=reason)

    def _record(self, key: Key) -> NameRecord:
        try:
            return NameRecord(fqdn=key.name, addresses=self._client.addresses(key.name))
        except Missing:
            return NameRecord(fqdn=key.name, addresses=())


def _leads_to(record: Resource | None) -> str:
    return (
        f"it leads to {_places(record)}, and names are kept by the owners of the site's DNS: "
        "ask them for the change, then resume"
    )


def _kept_by_others(observed: Observed) -> str:
    return _leads_to(observed.resource)


def _places(record: Resource | None) -> str:
    addresses = record.addresses if isinstance(record, NameRecord) else ()
    return ", ".join(map(str, addresses)) or "no address"
