"""What BGP and IPsec have come to on the simulated site, as the edges there tell it.

A session stands and a tunnel is up where the network of the simulators makes it so: both ends agree, and
their packets get there and back.
"""

import hashlib
import secrets
from collections.abc import Callable, Mapping
from dataclasses import replace
from ipaddress import IPv4Address
from typing import TypeAlias

from adapters.nsxv.simulator.control import Learned, Session, Tunnel
from hopbook.engine.change import Observation, Observed
from hopbook.network.convergence import Cause, SessionState
from hopbook.network.nodes import Esg, Network, Node
from hopbook.network.routes import Origin
from hopbook.resources.base import SecretRef
from hopbook.resources.kubernetes import Vpn
from hopbook.resources.nsxv import IpsecSite
from hopbook.secret import Secret
from hopbook.trace.control import session_states
from hopbook.trace.walk import tunnel_of

Resolve: TypeAlias = Callable[[SecretRef], Secret]

# RFC 4271 8.2.2: no answer to the connection, one that is turned down, one that ends with a notification
_STATES = {Cause.UNREACHABLE: "Connect", Cause.REFUSED: "Active", Cause.DISAGREEMENT: "Idle"}
_OURS = secrets.token_bytes(32)  # a digest of a key tells nobody anything outside this process


def by_reference(ref: SecretRef) -> Secret:
    """A secret of its own for each reference."""
    return Secret(str(ref))


def key_name(key: Secret) -> SecretRef:
    """What stands for a pre-shared key in the network: equal for equal keys, and no way back."""
    digest = hashlib.blake2b(key.reveal().encode(), key=_OURS, digest_size=16)
    return SecretRef("digest", digest.hexdigest())


def keyed(
    observation: Observation, keys: Callable[[str], Mapping[str, str]], resolve: Resolve
) -> Observation:
    """The observation with the digests of the keys that the two ends of tunnels really have.

    Args:
        observation: What the simulators hold, and what is written.
        keys: From an edge's name to the keys of its IPsec sites by their names.
        resolve: What the references of everything else mean.
    """

    def named(found: Observed) -> Observed:
        end = found.resource
        if isinstance(end, IpsecSite):
            held = keys(end.owner.name).get(end.site)
            key = Secret(held) if held is not None else resolve(end.psk)
            return replace(found, resource=replace(end, psk=key_name(key)))
        if isinstance(end, Vpn):
            return replace(found, resource=replace(end, secret=key_name(resolve(end.secret))))
        return found

    return replace(observation, items={key: named(found) for key, found in observation.items.items()})


class ControlPlane:
    """Answers for the simulated manager.

    Args:
        network: The network as the simulators have it now, with the routes that BGP brings.
    """

    def __init__(self, network: Callable[[], Network]) -> None:
        self._network = network

    def sessions(self, edge: str) -> Mapping[str, Session]:
        """An edge's sessions by the neighbours' addresses."""
        network = self._network()
        node = network.nodes.get(edge)
        states = (state for state in session_states(network) if state.node == edge)
        return {} if node is None else {state.peer.name: _session(node, state) for state in states}

    def tunnels(self, edge: str) -> Mapping[str, Tunnel]:
        """An edge's tunnels by the sites' names."""
        network = self._network()
        node = network.nodes.get(edge)
        if not isinstance(node, Esg):
            return {}
        found = {end.name: tunnel_of(network, node, end).down for end in node.ipsec}
        return {name: Tunnel(up=not down, reason=down) for name, down in found.items()}


def _session(node: Node, state: SessionState) -> Session:
    if state.cause is not None:
        return Session(_STATES[state.cause])
    routes = (
        Learned(route.prefix, IPv4Address(route.given), route.distance)
        for route in node.routes.routes
        if route.origin is Origin.BGP and route.given is not None and route.fact == state.peer.fact
    )
    return Session("Established", tuple(dict.fromkeys(routes)))
