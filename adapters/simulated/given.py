"""What a site has before any runbook of ours runs, put into the simulated NSX as somebody else's.

It is made by the real provider, under the marker of a site that is nobody's: so rules and switches carry no
marker of ours, and a runbook finds them as it finds a stranger's.
"""

import httpx

from adapters.nsxv.client import NsxClient
from adapters.nsxv.provider import NsxProvider
from adapters.nsxv.simulator import NsxManager
from hopbook.engine.change import Change, Observation, Observed, Result, Scope, Submitted, lanes
from hopbook.engine.plan import Known, Step, diff
from hopbook.engine.waves import waves
from hopbook.resources.base import Key, Resource
from hopbook.resources.nsxv import Edge, LogicalSwitch, Router
from hopbook.secret import Secret

SOMEBODY = "somebody-else"
_ALONE = (Edge.kind, Router.kind, LogicalSwitch.kind)


def lay(nsx: NsxManager, given: Observation, secret: Secret) -> None:
    """Make what the given part has of NSX and is not there yet.

    What belongs to an edge that is neither given nor there has to wait until some runbook made that edge.
    """
    transport = httpx.MockTransport(nsx.peek)
    with NsxClient("https://nsx.simulated", "", secret, transport=transport) as client:
        provider = NsxProvider(client, site=SOMEBODY, resolve=lambda _: secret)
        wanted = [item.resource for item in given.items.values() if _is_made(item, provider)]
        seen = provider.observe(Scope(frozenset(resource.key for resource in wanted)))
        there = {key for key in seen.items if key.kind in _ALONE} | {
            resource.key for resource in wanted if resource.kind in _ALONE
        }
        step = Step("given", "What is given", "", tuple(each for each in wanted if _rests_on(each, there)))
        plan = diff(step, seen, Known({}, str), provider.kinds, SOMEBODY)
        for wave in waves(plan.changes, provider.kinds):
            for changes in lanes(wave, provider.kinds).values():
                _apply(provider, changes)


def beyond(given: Observation) -> Observation:
    """What the given part has of other systems."""
    items = {key: item for key, item in given.items.items() if not key.kind.startswith("nsxv.")}
    return Observation(items=items)


def _is_made(item: Observed, provider: NsxProvider) -> bool:
    return not item.system and item.resource.kind in provider.kinds


def _rests_on(resource: Resource, there: set[Key]) -> bool:
    return all(key in there for key in resource.refs())


def _apply(provider: NsxProvider, changes: list[Change]) -> None:
    for outcome in provider.apply(changes, _unheard):
        if outcome.result not in {Result.APPLIED, Result.ADOPTED}:
            message = f"what is given cannot be made: {outcome.key}: {outcome.reason}"
            raise ValueError(message)


def _unheard(_submitted: Submitted) -> None:
    """Nobody waits for a handle."""
