"""Policy-based IPsec as one end configures it; whether a tunnel comes up is the trace's (`trace.tunnels`)."""

from dataclasses import dataclass
from ipaddress import IPv4Network

from hopbook.network.facts import Fact


@dataclass(frozen=True, slots=True, kw_only=True)
class Ipsec:
    """One end of a tunnel.

    Attributes:
        local: The address that its IKE and ESP packets leave from.
        peer: The address of the other end as this one writes it; None: any.
        local_id, peer_id: IKE identities.
        inside: The subnets on this side: local traffic selectors.
        beyond: The subnets on the other side: remote traffic selectors.
        secret: Which pre-shared key: a reference or a keyed digest, never the key. Equal means equal.
        ike, esp: Proposals as strongSwan writes them: `aes256-sha256-modp2048`.
        initiates: It starts the negotiation; at least one end has to.
        policies_stay: While the tunnel is down its policies drop what they match (rule 7, `add_spd`).
    """

    name: str
    local: int
    peer: int | None
    local_id: str
    peer_id: str
    inside: tuple[IPv4Network, ...]
    beyond: tuple[IPv4Network, ...]
    secret: str
    fact: Fact
    ike: str = "aes256-sha256-modp2048"
    esp: str = "aes256-sha256-modp2048"
    initiates: bool = False
    policies_stay: bool = True

    @property
    def title(self) -> str:
        """For a sentence."""
        return f"IPsec {self.name}"

    def leads(self, address: int) -> bool:
        """Whether an address is on the other side."""
        return within(address, self.beyond)

    def takes(self, source: int, destination: int) -> bool:
        """Whether a packet that leaves is one of the tunnel's."""
        return within(source, self.inside) and within(destination, self.beyond)


def within(address: int, networks: tuple[IPv4Network, ...]) -> bool:
    """Whether an address is in one of the networks."""
    return any(address & int(net.netmask) == int(net.network_address) for net in networks)
