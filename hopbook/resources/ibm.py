"""What IBM Cloud sets up on request. It has no API for it, so a person writes down what was agreed."""

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from typing import ClassVar

from hopbook.resources.base import Resource, known


@dataclass(frozen=True, kw_only=True)
class PeeringNeighbour:
    """One neighbour of IBM's router: an ESG or a worker."""

    address: IPv4Address
    asn: int


@known
@dataclass(frozen=True, kw_only=True)
class BgpPeering(Resource):
    """BGP with IBM's router, once requested and approved (S15, S16).

    Attributes:
        cluster: For which IKS cluster it was asked for; empty: for all.
        refuses: The prefixes that it never takes, longer ones included.
        announces: What it tells its neighbours beside what it learns.
    """

    kind: ClassVar[str] = "ibm.bgp-peering"

    router: str
    cluster: str = ""
    asn: int
    neighbours: tuple[PeeringNeighbour, ...]
    refuses: tuple[IPv4Network, ...] = ()
    announces: tuple[IPv4Network, ...] = ()

    @property
    def name(self) -> str:
        """The router, and for whom it peers."""
        return f"{self.router}/{self.cluster}" if self.cluster else self.router

    def title(self) -> str:
        """For a sentence."""
        return f"BGP peering with the {self.router}" + (f" for {self.cluster}" if self.cluster else "")
