"""The documented traffics as data: who talks to whom, what is expected, and the numbered steps.

A file of `runbooks/traffic/` is one `Traffic`. Everything in it is a word of the small vocabularies here and
in `places` and `conditions`; `expand` turns it into one `Case` for each source, destination, protocol and
port of a site.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Annotated, Literal

from pydantic import AfterValidator, ConfigDict, Field, model_validator

from hopbook.network.nodes import Network
from hopbook.network.packet import Packet
from hopbook.site.document import Document
from hopbook.site.model import Name, Part, Port, Site
from hopbook.site.validate import validated
from hopbook.trace import conditions, places
from hopbook.trace.clusters import Spot
from hopbook.trace.places import spots
from hopbook.trace.walk import Target

SOURCE_PORT = 40000  # of every probe; a new one is a new connection, as rule 9 asks


def _place(value: str) -> str:
    if not places.known(value):
        message = f"{value} is no place that a traffic can name (hopbook.trace.places)"
        raise ValueError(message)
    return value


def _condition(value: str) -> str:
    if not conditions.known(value):
        message = f"{value} is no condition; there are {', '.join(conditions.NAMES)}"
        raise ValueError(message)
    return value


Place = Annotated[str, AfterValidator(_place)]
Condition = Annotated[str, AfterValidator(_condition)]
Wrapping = Literal["VXLAN", "IP-in-IP", "ESP", "L2 extension"]
Cite = Annotated[str, Field(pattern=r"^(S\d+|T\d+(\.\d+)?)$", description="S7 or T3.5")]


class _Part(Part):
    """A part of a traffic file; its keys have dashes where its fields have underscores."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", alias_generator=lambda name: name.rstrip("_").replace("_", "-")
    )


class HopIs(_Part):
    """What one hop has to be: every field that is given."""

    node: Place | None = None
    way: Literal["there", "back"] = "there"
    leg: int = Field(default=1, ge=1)
    arrives_by: str | None = Field(default=None, description="role of the interface: public, transit, ...")
    leaves_by: str | None = None
    dnat: Place | None = Field(default=None, description="it translates the destination to that address")
    snat: str | None = Field(default=None, description="it translates the source, on that vNIC")
    un_nat: bool = False
    firewall: Literal["accepts"] | None = None
    does: Literal["received", "relayed", "switched", "DNAT", "SNAT"] | None = Field(
        default=None, description="received: the connection reaches it, whether or not it opens another"
    )
    over: Literal["VXLAN", "VLAN"] | None = Field(default=None, description="what it leaves onto")
    route: Literal["connected", "static", "declared", "BGP", "default"] | None = Field(
        default=None, description="which kind of route decides; any but `default` is to less than everywhere"
    )
    source: Place | None = Field(default=None, description="whose address the request then comes from")
    encapsulates: Wrapping | None = None
    decapsulates: Wrapping | None = None
    around: Wrapping | None = Field(default=None, description="what the outermost encapsulation carries")
    tunnel_from: Place | None = Field(default=None, description="whose address an encapsulated packet bears")
    tunnel_to: Place | None = None

    @property
    def places(self) -> tuple[str, ...]:
        """Every place that it names."""
        named = (self.node, self.dnat, self.source, self.tunnel_from, self.tunnel_to)
        return tuple(place for place in named if place is not None)


Side = Literal["same", "other"]


class Branch(_Part):
    """Where on a leg two places are, of which the path shows which machines it took.

    Exactly one of `worker`, `subnet`, `host`; a pod is where its worker is.
    """

    between: tuple[Place, Place]
    leg: int = Field(default=1, ge=1)
    worker: Side | None = Field(default=None, description="the Kubernetes node")
    subnet: Side | None = Field(default=None, description="of two different Kubernetes nodes")
    host: Side | None = Field(default=None, description="the ESXi host")

    @model_validator(mode="after")
    def _one_question(self) -> "Branch":
        if sum(item is not None for item in (self.worker, self.subnet, self.host)) != 1:
            message = "a branch asks exactly one of worker, subnet, host"
            raise ValueError(message)
        return self


class NameIs(_Part):
    """The DNS name that the site gives a place stands for its address."""

    of: Place


class Owns(_Part):
    """A node answers for an address, on an interface of that role."""

    node: Place
    address: Place
    role: str


class Deviation(_Part):
    """Where document and reality differ."""

    document: str
    reality: str
    because: str


class Step(_Part):
    """One documented step, and what has to be so. Exactly one of `hop`, `absent`, `name`, `owns`.

    `when` says on which sites and networks it is asked, `where` on which paths of one.
    """

    cites: Cite
    says: str
    when: tuple[Condition, ...] = ()
    where: Branch | None = None
    hop: HopIs | None = None
    absent: HopIs | None = Field(default=None, description="no hop is like that")
    name: NameIs | None = None
    owns: Owns | None = None
    later: str = Field(default="", description="which later work brings the predicate")
    deviation: Deviation | None = None

    @model_validator(mode="after")
    def _one_predicate(self) -> "Step":
        given = [item for item in (self.hop, self.absent, self.name, self.owns) if item is not None]
        if len(given) + bool(self.later) != 1:
            message = f"the step {self.cites} needs exactly one of hop, absent, name, owns, later"
            raise ValueError(message)
        return self


class UpTo(_Part):
    """The way is right up to a place where nobody answers yet."""

    up_to: Place
    because: str


class Variant(_Part):
    """One way in which the document lets the traffic go; the first whose conditions hold is the site's."""

    name: str = ""
    when: tuple[Condition, ...] = ()
    to: Place | None = Field(default=None, description="instead of the traffic's")
    via: Place | None = Field(default=None, description="a web proxy that is asked for the destination")
    expect: Literal["full", "never"] | UpTo
    without_cluster: UpTo | None = Field(default=None, description="what is expected before it is installed")
    steps: tuple[Step, ...] = ()


class Traffic(_Part):
    """A network flow that the document promises."""

    traffic: Name
    title: str
    cites: tuple[Cite, ...] = Field(min_length=1)
    when: tuple[Condition, ...] = Field(default=(), description="a site without it has no such traffic")
    from_: Place
    to: Place
    protocols: tuple[Literal["tcp", "udp"], ...] = ("tcp",)
    ports: tuple[Port, ...] = Field(default=(), description="else those that the destination has")
    variants: tuple[Variant, ...] = Field(min_length=1)


@dataclass(frozen=True)
class Case:
    """One packet of a traffic on a site, and what is expected of it.

    Attributes:
        name: Tells the cases of one traffic apart: `icp-worker-1 tcp/443`.
        packet: None where the site does not say enough; then `missing` says what.
        spots: What each place in the steps is on the site.
        names: The DNS name of each place that has one.
    """

    traffic: Traffic
    variant: Variant
    name: str
    source: str = ""
    packet: Packet | None = None
    onward: Target | None = None
    missing: str = ""
    spots: Mapping[str, tuple[Spot, ...]] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """Traffic and name."""
        return f"{self.traffic.traffic} {self.name}".strip()


def read_traffic(document: Document) -> Traffic:
    """The traffic that a file of `runbooks/traffic/` describes.

    Raises:
        InvalidInput: with every problem, each at its line.
    """
    return validated(document, Traffic)


def expand(traffic: Traffic, site: Site, network: Network | None = None) -> list[Case]:
    """Every case of a traffic on a site; none where the site has no such traffic.

    Each IKS cluster and each database that it names is taken alone, as each may be reached in its own way.

    Args:
        traffic: From `read_traffic`.
        site: Says who is there.
        network: Has what nobody declares: pods, and where virtual addresses are.
    """
    return [
        case
        for view in places.views(site, set(_all_places(traffic)))
        if conditions.hold(traffic.when, view, network)
        for case in _of_view(traffic, view, network)
    ]


def _of_view(traffic: Traffic, site: Site, network: Network | None) -> Iterator[Case]:
    for variant in traffic.variants:
        if conditions.hold(variant.when, site, network):
            asked = tuple(step for step in variant.steps if conditions.hold(step.when, site, network))
            yield from _cases(traffic, variant.model_copy(update={"steps": asked}), site, network)
            return


def _all_places(traffic: Traffic) -> Iterator[str]:
    """Every place that the traffic names anywhere."""
    yield from (traffic.from_, traffic.to)
    for variant in traffic.variants:
        yield from _of_variant(variant)


def _of_variant(variant: Variant) -> Iterator[str]:
    """Every place that a variant names."""
    yield from (place for place in (variant.to, variant.via) if place is not None)
    for item in (variant.expect, variant.without_cluster):
        if isinstance(item, UpTo):
            yield item.up_to
    for step in variant.steps:
        yield from _named(step)


def _cases(traffic: Traffic, variant: Variant, site: Site, network: Network | None) -> Iterator[Case]:
    named = set(_of_variant(variant))
    case = Case(
        traffic=traffic,
        variant=variant,
        name="",
        spots={place: spots(site, place, network) for place in named},
        names={place: name for place in named if (name := places.host_name(site, place))},
    )
    to = variant.to or traffic.to
    ends = {place: spots(site, place, network) for place in (traffic.from_, to, variant.via) if place}
    absent = [place for place, found in ends.items() if not found]
    if absent:
        yield replace(case, missing=" and ".join(places.lacking(place) for place in absent))
        return
    proxies = ends[variant.via] if variant.via else (None,)
    for source in ends[traffic.from_]:
        for target in ends[to]:
            if source.node != target.node:
                for proxy in proxies:
                    yield from _packets(case, source, target, proxy)


def _packets(case: Case, source: Spot, target: Spot, proxy: Spot | None) -> Iterator[Case]:
    first = target if proxy is None else proxy
    for protocol in case.traffic.protocols:
        for port in case.traffic.ports or target.ports or (0,):
            name = f"{source.node} → {target.node} {protocol}/{port}"
            if source.address is None or first.address is None or target.address is None or not port:
                yield replace(case, name=name, missing=f"an address or port of {name} is not declared")
                continue
            to = first.address, port if proxy is None else first.ports[0]
            packet = Packet.of(protocol, (source.address, SOURCE_PORT), to)
            onward = None if proxy is None else Target(int(target.address), port)
            yield replace(case, name=name, source=source.node, packet=packet, onward=onward)


def _named(step: Step) -> Iterator[str]:
    """Every place that a step names."""
    hop = step.hop or step.absent
    if hop is not None:
        yield from hop.places
    if step.where is not None:
        yield from step.where.between
    if step.name is not None:
        yield step.name.of
    if step.owns is not None:
        yield from (step.owns.node, step.owns.address)
