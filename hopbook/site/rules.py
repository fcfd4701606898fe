"""The address rules and the ranges that are taken, as data with what each rests on.

R1 to R10 are rules of the documents; P1 and up are the pairs and places that those leave out, reasoned from
the traffic that the source document promises; C1 and up keep a site file consistent in itself. `Use` says
what a range is for, `PAIRS` which uses may not overlap, and `FREE` which may and why: together they cover
every pair (a test sees to it). A range that is reserved *for* something is no clash with that thing.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import IPv4Network


class Use(StrEnum):
    """What a range is for."""

    PRIMARY = "primary subnet"  # of hosts and workers, from IBM Cloud
    PORTABLE = "portable subnet"  # of edges, ALBs and load balancers, from IBM Cloud
    ASSIGNED = "assigned subnet"  # whatever else the account has
    IKS_PODS = "IKS pods"
    IKS_SERVICES = "IKS services"
    ICP_NODES = "ICP nodes"
    ICP_PODS = "ICP pods"
    ICP_SERVICES = "ICP services"
    VMS = "VMs"
    TRANSIT = "transit"
    DOCKER = "Docker bridge"
    ON_PREMISES = "on-premises"
    STRETCHED = "stretched"
    TAKEN = "taken"  # by IBM or by a product's default
    RESERVED = "reserved"  # by the site file


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule.

    Attributes:
        id: As problems name it.
        text: The rule, as an order.
        source: What it rests on. "Reasoned" stands where no document says it.
    """

    id: str
    text: str
    source: str


RULES = {
    rule.id: rule
    for rule in (
        Rule("R1", "ICP's pods and services are disjoint", "ICP 3.1.0, config.yaml; S32, S33"),
        Rule("R2", "ICP's pods and services keep off its nodes' subnet", "ICP 3.1.0, config.yaml; S34"),
        Rule(
            "R3",
            "what the site brings keeps off every subnet that IBM Cloud provides and off what is taken",
            "S31 to S34; IBM Cloud IP ranges, 2018-01",
        ),
        Rule(
            "R4", "what talks to IKS workers keeps off the pods' and services' ranges", "S11, S18, S19, S22"
        ),
        Rule(
            "R5",
            "the two sides of a VPN between IKS and ICP are disjoint",
            "S17; IBM strongSwan chart 2.2.9, local.subnet and remote.subnet",
        ),
        Rule(
            "R6",
            "virtual addresses are in the nodes' subnet and nobody else's",
            "ICP 3.1.0, config.yaml: cluster_vip, proxy_vip",
        ),
        Rule(
            "R7",
            "an address that NAT translates is the edge's own: of its uplink's portable subnet, not the "
            "network's, gateway's or broadcast address, and no other edge's",
            "S6, S29, S30; NSX for vSphere API guide 6.4, NAT",
        ),
        Rule(
            "R8",
            "Docker's bridge on the nodes is disjoint from all",
            "ICP 3.1.0, installation: bip in daemon.json",
        ),
        Rule("R9", "transit networks are disjoint from all", "S2; reasoned"),
        Rule(
            "R10",
            "no two IKS clusters are routed without NAT in one domain with one range",
            "S16, S18; IBM Cloud Direct Link; reasoned",
        ),
        Rule(
            "P1",
            "networks of the site's overlays are disjoint",
            "S31; reasoned: their edges route to each other (T4.6)",
        ),
        Rule(
            "P2",
            "ICP's pods and services keep off the VMs' networks",
            "T4.3 to T4.5; reasoned: a pod would look for such a VM inside its cluster",
        ),
        Rule(
            "P3",
            "IKS's pods and services are disjoint",
            "S18, S22; reasoned: Kubernetes tells them apart by prefix",
        ),
        Rule(
            "P4",
            "what the site brings keeps off on-premises networks, unless stretched as the very same prefix",
            "T5; reasoned: each side would look for the other's addresses at home",
        ),
        Rule(
            "P5",
            "IKS's pods and services keep off IBM Cloud's subnets and what is taken",
            "S18, S20, S22; IBM Cloud IP ranges, 2018-01",
        ),
        Rule(
            "P6",
            "on-premises networks keep off IBM Cloud's",
            "IBM Cloud Direct Link: such prefixes are not accepted, such routes are dropped",
        ),
        Rule(
            "P7",
            "subnets from IBM Cloud are disjoint; only primary ones may be shared, as a whole",
            "S7; IBM Cloud Kubernetes Service, subnets",
        ),
        Rule("P8", "stretched networks are disjoint", "T5; reasoned: each is one layer 2 network"),
        Rule(
            "P9",
            "a server outside the site has no address inside one of its ranges",
            "S3, S5; reasoned: packets to it would never leave",
        ),
        Rule(
            "P10",
            "what the private uplink serves lies in ibm_cloud.private_ranges, and nothing public does",
            "S5, S30; IBM Cloud IP ranges, 2018-01",
        ),
        Rule("V1", "the two sides of a tunnel are disjoint", "S11, S12; reasoned: R5 for every tunnel"),
        Rule("V2", "a tunnel's remote side is every network that the overlays bring", "S12"),
        Rule(
            "V3",
            "what one end of a tunnel calls local the other calls remote",
            "S11, S12; IBM strongSwan chart 2.2.9, local.subnet and remote.subnet",
        ),
        Rule(
            "V4",
            "both ends of a tunnel have one pre-shared key",
            "IBM strongSwan chart 2.2.9, preshared.secret; NSX for vSphere API guide 6.4, IPsec VPN",
        ),
        Rule(
            "V5",
            "the ends of a tunnel expect each other's identity, and have one each",
            "IBM strongSwan chart 2.2.9, local.id and remote.id; NSX for vSphere API guide 6.4, IPsec VPN",
        ),
        Rule(
            "V6",
            "one end of a tunnel starts, and knows where the other is",
            "IBM strongSwan chart 2.2.9, ipsec.auto and remote.gateway",
        ),
        Rule(
            "V7",
            "both ends of a tunnel propose the same, of what both can do",
            "NSX 6.4 administration guide, IPsec VPN; IBM strongSwan chart 2.2.9, ipsec.ike and ipsec.esp",
        ),
        Rule(
            "V8",
            "no two tunnels of one end lead to the same subnets",
            "S11; reasoned: a packet would have two tunnels",
        ),
        Rule("V9", "a tunnel ends at a portable address of its cluster", "S13; S23, S24"),
        Rule(
            "V10", "a chart is given values that it has", "IBM strongSwan charts 2.2.0 to 2.6.0, values.yaml"
        ),
        Rule("C1", "what is named exists", "the site file's own"),
        Rule("C2", "names tell things apart", "the site file's own"),
        Rule(
            "C3",
            "gateways, edges, routers, tunnel end points and concentrators have an address of their own in "
            "their network",
            "S2, S29, S30, T2.4, T5.4",
        ),
        Rule("C4", "nodes and VMs have an address of their own in their network", "S1, S31, S34, T5.2"),
        Rule("C5", "a cluster has 1, 3 or 5 masters", "ICP 3.1.0, system requirements"),
        Rule("C6", "an edge pair has two places", "NSX for vSphere API guide 6.4, appliances"),
        Rule("C7", "outbound traffic by SNAT needs a public uplink", "S3"),
        Rule("C8", "a template of names knows {site}, {overlay} and {network}", "the site file's own"),
        Rule("C9", "a limit is one that this program knows", "the site file's own"),
        Rule("C10", "the user is a machine of an on-premises network", "T5.1"),
        Rule("C11", "ESXi hosts have a network for their tunnel end points", "T2.4, T3.9, T4.8"),
        Rule("C12", "one address of an edge stands for one workload", "S6, S14; reasoned"),
        Rule(
            "J1",
            "BGP is between different AS numbers: an edge's, Calico's and the BCR's",
            "S8, S16; reasoned: with one number it is iBGP, whose next hop the workers may not reach",
        ),
        Rule("J2", "an edge has one AS number, and so has the BCR", "S8, S16; NSX for vSphere API guide 6.4"),
        Rule(
            "J3",
            "the next hop of workers knows the instance's networks",
            "S7, S14; reasoned: the BCR knows none of them, unless an edge tells it by BGP (S16)",
        ),
        Rule(
            "J4",
            "the BCR takes what an edge and Calico announce to it",
            "IBM Cloud Direct Link, prefixes that are not accepted",
        ),
        Rule("J5", "a router appliance has an address of the workers' own", "S7; reasoned"),
        Rule("J6", "an edge has no more BGP neighbours than it can", "S8; see the limits"),
        Rule("J7", "Calico has the AS number that the edge expects", "S8; IBM Cloud Kubernetes Service"),
    )
}

_IBM = frozenset({Use.PRIMARY, Use.PORTABLE, Use.ASSIGNED})
_IKS = frozenset({Use.IKS_PODS, Use.IKS_SERVICES})
_CLUSTER = frozenset({Use.ICP_PODS, Use.ICP_SERVICES})
_OVERLAY = frozenset({Use.ICP_NODES, Use.VMS})
_CORPORATE = frozenset({Use.ON_PREMISES, Use.STRETCHED})
_TAKEN = frozenset({Use.TAKEN, Use.RESERVED})
_ALL = frozenset(Use)


@dataclass(frozen=True, slots=True)
class Pair:
    """Uses that may not overlap: each of `mine` with each of `theirs`. The problem stands at `mine`."""

    rule: str
    mine: frozenset[Use]
    theirs: frozenset[Use]


PAIRS = (  # the first that fits judges
    Pair("R8", frozenset({Use.DOCKER}), _ALL - {Use.DOCKER}),
    Pair("R9", frozenset({Use.TRANSIT}), _ALL),
    Pair("R1", frozenset({Use.ICP_SERVICES}), frozenset({Use.ICP_PODS})),
    Pair("R2", _CLUSTER, frozenset({Use.ICP_NODES})),
    Pair("R3", _OVERLAY | _CLUSTER, _IBM | _TAKEN),
    Pair("R5", _CLUSTER, _IKS),
    Pair("R4", _OVERLAY | _CORPORATE, _IKS),
    Pair("P3", frozenset({Use.IKS_SERVICES}), frozenset({Use.IKS_PODS})),
    Pair("R10", _IKS, _IKS),
    Pair("P1", _OVERLAY, _OVERLAY),
    Pair("P2", _CLUSTER, frozenset({Use.VMS})),
    Pair("P4", _OVERLAY | _CLUSTER, _CORPORATE),
    Pair("P5", _IKS, _IBM | _TAKEN),
    Pair("P6", _CORPORATE, _IBM | {Use.TAKEN}),
    Pair("P7", frozenset({Use.PRIMARY, Use.PORTABLE}), frozenset({Use.PRIMARY, Use.PORTABLE})),
    Pair("P8", frozenset({Use.STRETCHED}), frozenset({Use.STRETCHED})),
)


@dataclass(frozen=True, slots=True)
class Free:
    """Uses that may overlap, and why."""

    one: frozenset[Use]
    other: frozenset[Use]
    reason: str


FREE = (
    Free(frozenset({Use.DOCKER}), frozenset({Use.DOCKER}), "one value serves all nodes"),
    Free(frozenset({Use.ICP_PODS}), frozenset({Use.ICP_PODS}), "there is one cluster"),
    Free(frozenset({Use.ICP_SERVICES}), frozenset({Use.ICP_SERVICES}), "there is one cluster"),
    Free(frozenset({Use.ASSIGNED}), _IBM, "the account's list may repeat what has a name of its own"),
    Free(_IBM, _TAKEN, "IBM assigns both"),
    Free(_TAKEN, _TAKEN, "nobody uses either"),
    Free(
        frozenset({Use.ON_PREMISES}),
        _CORPORATE,
        "a prefix and parts of it; the corporate network's own matter",
    ),
    Free(_CORPORATE, frozenset({Use.RESERVED}), "the site may reserve what the corporate network uses"),
)


@dataclass(frozen=True, slots=True)
class Taken:
    """A range that is taken.

    Attributes:
        network: The range.
        by: Who has it, for a sentence.
        source: What says so.
        for_: The uses that it is reserved for: no clash with those.
        direct_link: Whether IBM refuses it as an on-premises route, too.
    """

    network: IPv4Network
    by: str
    source: str
    for_: frozenset[Use] = field(default_factory=frozenset)
    direct_link: bool = False


def _taken(network: str, by: str, source: str, *for_: Use, direct_link: bool = False) -> Taken:
    return Taken(IPv4Network(network), by, source, frozenset(for_), direct_link)


_RANGES = "IBM Cloud IP ranges, 2018-01"
_LINK = "IBM Cloud Direct Link, prefixes that are not accepted"
_VCS = "VMware solutions on IBM Cloud, 2018-11"

TAKEN = (
    _taken("10.0.0.0/14", "IBM Cloud's own services", _LINK, direct_link=True),
    _taken("10.198.0.0/15", "IBM Cloud's own services", _LINK, direct_link=True),
    _taken("10.200.0.0/14", "IBM Cloud's own services", _LINK, direct_link=True),
    _taken("10.254.0.0/16", "IBM Cloud's own services", _RANGES),
    _taken("161.26.0.0/16", "IBM Cloud's service network", _RANGES),
    _taken("166.8.0.0/14", "IBM Cloud's service endpoints", _RANGES),
    _taken("169.254.0.0/16", "link-local addresses and edge HA", _LINK, direct_link=True),
    _taken("224.0.0.0/4", "multicast", _LINK, direct_link=True),
    _taken("100.100.0.0/20", "IBM Cloud's services in dal08 and wdc03", _RANGES),
    _taken("100.100.32.0/20", "IBM Cloud's services in dal08 and wdc03", _RANGES),
    _taken("172.17.0.0/16", "Docker's bridge", "ICP 3.1.0, installation: bip in daemon.json", Use.DOCKER),
    _taken("100.64.0.0/16", "NSX-T's links between T0 and T1", f"{_VCS}, NSX-T preview"),
    _taken("172.30.0.0/16", "the pods of every IKS cluster", "S18", Use.IKS_PODS),
    _taken("172.21.0.0/16", "the services of every IKS cluster", "S22", Use.IKS_SERVICES),
    _taken("172.20.0.0/16", "IKS masters' internals", "recalled; no document found", *_IKS),
    _taken(
        "192.168.0.0/24",
        "the far side of a strongSwan tunnel",
        "IBM strongSwan chart 2.2.9, default of remote.subnet",
        Use.VMS,
        *_CORPORATE,
    ),
    _taken("192.168.10.0/24", "the workload network of customer-nsx-edge", f"{_VCS}, customer edge", Use.VMS),
    _taken("192.168.20.0/24", "the nodes of the ICP that IBM installs", f"{_VCS}, ICP day 1", Use.ICP_NODES),
)

PRIVATE_SPACE = IPv4Network("10.0.0.0/8")  # IBM Cloud assigns private subnets out of it (IP ranges, 2018-01)

# The service network of each data centre (IBM Cloud IP ranges, 2018-01). All lie in ranges that are taken; a
# problem with one of those says so when it is the site's own.
SERVICE_NETWORKS = {
    location: tuple(IPv4Network(network) for network in networks.split())
    for location, networks in {
        "ams01": "10.2.64.0/20",
        "ams03": "10.3.128.0/20",
        "che01": "10.200.16.0/20",
        "dal01": "10.0.64.0/19",
        "dal05": "10.1.128.0/19",
        "dal06": "10.2.128.0/20",
        "dal07": "10.1.176.0/20",
        "dal09": "10.2.112.0/20 10.3.192.0/24",
        "dal10": "10.200.80.0/20",
        "dal12": "10.200.112.0/20",
        "dal13": "10.200.128.0/20",
        "fra02": "10.3.80.0/20",
        "hkg02": "10.2.160.0/20",
        "hou02": "10.1.160.0/20",
        "lon02": "10.1.208.0/20",
        "lon04": "10.201.32.0/20",
        "lon06": "10.201.64.0/20",
        "mel01": "10.2.80.0/20",
        "mex01": "10.2.176.0/20",
        "mil01": "10.3.144.0/20",
        "mon01": "10.3.112.0/20",
        "osl01": "10.200.96.0/20",
        "par01": "10.2.144.0/20",
        "sao01": "10.200.0.0/20",
        "sea01": "10.1.64.0/19",
        "seo01": "10.200.64.0/20",
        "sjc01": "10.1.192.0/20",
        "sjc03": "10.3.176.0/20",
        "sjc04": "10.201.80.0/20",
        "sng01": "10.2.32.0/20",
        "syd01": "10.3.96.0/20",
        "syd04": "10.201.16.0/20",
        "tok02": "10.3.64.0/20",
        "tor01": "10.2.48.0/20",
        "wdc01": "10.1.96.0/19",
        "wdc04": "10.3.160.0/20 10.201.0.0/20",
        "wdc06": "10.200.160.0/20",
        "wdc07": "10.200.176.0/20",
    }.items()
}
EVERYWHERE = "dal01"  # its service network serves every site
