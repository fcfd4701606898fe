"""BGP with IBM's router, once it was requested and approved (S15, S16)."""

from ipaddress import IPv4Address, IPv4Network

from hopbook.engine.gates import Gate
from hopbook.engine.plan import Step
from hopbook.errors import InvalidInput, Problem
from hopbook.resources.ibm import BgpPeering, PeeringNeighbour
from hopbook.resources.kubernetes import BgpPeer
from hopbook.site.joins import routed
from hopbook.site.model import BcrPeering, Join
from hopbook.steps import iks_bgp, naming
from hopbook.steps.iks import step
from hopbook.steps.iks_ground import Ground

BCR = "BCR"


def request(g: Ground) -> Gate:
    """What is asked of IBM, and what is so once it agreed."""
    peering = _peering(g)
    granted = BgpPeering(
        router=BCR,
        cluster=g.cluster.name,
        asn=peering.asn,
        neighbours=(
            PeeringNeighbour(address=g.address, asn=g.join.asn),
            *(PeeringNeighbour(address=worker.address, asn=g.join.calico_asn) for worker in g.workers),
        ),
        refuses=peering.refuses,
    )
    return Gate(
        id="bcr-peering",
        title="IBM agrees to BGP with the BCR",
        citation="S15",
        request=_text(g, peering),
        approvers=peering.approvers,
        grants=(granted,),
    )


def edge_bgp(g: Ground) -> Step:
    """The edge's BGP, with the BCR as its neighbour."""
    neighbour = iks_bgp.neighbour(g, _router(g), _peering(g).asn, _pods(g))
    return iks_bgp.process(g, [neighbour], "S16")


def admit_bgp(g: Ground) -> Step:
    """The BCR's session."""
    return iks_bgp.admit(g, "bcr-bgp", [_router(g)], "S16")


def peers(g: Ground) -> Step:
    """Each worker has the BCR's address on its own subnet as its peer."""
    asn = _peering(g).asn
    found = [
        BgpPeer(
            cluster=g.cluster.name,
            peer=f"bcr-{worker.node}",
            node=worker.node,
            address=naming.ibm_router(worker.subnet),
            asn=asn,
        )
        for worker in g.workers
    ]
    return step("peers", "Make the BCR the BGP peer of every worker", "S16", found)


def sessions(g: Ground) -> Step:
    """The edge's own; a worker's is seen by the routes that it brings."""
    return iks_bgp.established(g, [_router(g)], "S16")


def tell(g: Ground) -> Step:
    """The BCR learns the overlay's networks."""
    return iks_bgp.tell(g, "S16, T3.4")


def _router(g: Ground) -> IPv4Address:
    return g.vcs.uplinks.private.gateway


def _pods(g: Ground) -> list[IPv4Network]:
    """Of every cluster that the BCR may tell the edge of: there is one neighbour for all."""
    return [cluster.pods for cluster in routed(g.site, g.overlay.name, Join.BCR_BGP)]


def _peering(g: Ground) -> BcrPeering:
    if g.join.bcr is None:
        message = (
            f"{g.cluster.name} is joined by bcr-bgp, but nothing says the BCR's AS number; expected `bcr`"
        )
        where = f"{g.site.site} iks[{g.cluster.name}].join.bcr"
        raise InvalidInput(Problem(what=message, where=where))
    return g.join.bcr


def _text(g: Ground, peering: BcrPeering) -> str:
    """The request, for a ticket."""
    uplink = g.vcs.uplinks.private.subnet
    workers = ", ".join(str(worker.address) for worker in g.workers)
    lines = [
        f"Please set up BGP between the BCR and the following, for {peering.account or 'our account'}.",
        *([f"VLANs: {', '.join(peering.vlans)}"] if peering.vlans else []),
        f"Subnets: {', '.join(map(str, (uplink, *g.subnets)))}",
        f"AS numbers: BCR {peering.asn}, NSX edge {g.join.asn}, IKS workers {g.join.calico_asn}",
        f"NSX edge {g.edge.name}: {g.address}, neighbour {_router(g)}; it announces {_listed(g.networks)}",
        f"IKS cluster {g.cluster.name}: {workers}; each with the BCR on its own subnet as neighbour",
        f"They announce blocks of {g.cluster.pods}, /{iks_bgp.BLOCK} to /32",
        f"From the BCR we expect what these announce, and never {_listed(peering.refuses)}.",
    ]
    return "\n".join(lines)


def _listed(networks: tuple[IPv4Network, ...]) -> str:
    return ", ".join(map(str, networks))
