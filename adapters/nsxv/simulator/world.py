"""Everything that one manager knows, and how a handler finds its way in it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from adapters.nsxv.simulator.errors import invalid, not_found, stale
from adapters.nsxv.simulator.exchange import Incoming, Version
from adapters.nsxv.simulator.fields import Fields
from adapters.nsxv.simulator.jobs import JobBook
from adapters.nsxv.simulator.limits import limits_of
from adapters.nsxv.simulator.state import Edge, EdgeType, Switch, Zone

_FIRST_VNI = 5000


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How this manager behaves where the reference leaves it open, and how patient its jobs are.

    Attributes:
        tag_is_id: A rule given a `ruleTag` has it as its id, and a second of that tag is refused. Otherwise
            the id is generated and tags may repeat. (Unknown of the product.)
        strict_versions: A PUT of a feature with a `<version>` that is not the current one is refused with
            409. (No source shows the product doing so.)
        absolute_location: `Location` holds a whole URL and not only a path. (Clients show both.)
        late_after: After how many reads a change happens whose answer was lost by the fault `late`.
        async_after: How many reads see the job of a `?async=true` change still running.
        limits: Configuration maximums to override, as `nat.MAX_RULES`.
        auditors: Further users, with their passwords, who may read and change nothing.
    """

    tag_is_id: bool = False
    strict_versions: bool = False
    absolute_location: bool = False
    late_after: int = 3
    async_after: int = 1
    limits: Mapping[str, int] = field(default_factory=dict)
    auditors: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(slots=True, kw_only=True)
class World:
    """The manager's configuration and inventory. Not safe between threads: the manager locks."""

    version: Version
    options: Options
    clock: Callable[[], float]
    administrator: str
    zones: dict[str, Zone] = field(default_factory=dict)
    switches: dict[str, Switch] = field(default_factory=dict)
    edges: dict[str, Edge] = field(default_factory=dict)
    networks: dict[str, str] = field(default_factory=dict)
    datacenters: dict[str, str] = field(default_factory=dict)
    pools: dict[str, str] = field(default_factory=dict)
    datastores: dict[str, str] = field(default_factory=dict)
    hosts: dict[str, str] = field(default_factory=dict)
    jobs: JobBook = field(default_factory=JobBook)
    warnings: list[str] = field(default_factory=list)
    _counters: dict[str, int] = field(default_factory=dict)

    def next_id(self, prefix: str) -> str:
        """An id that nothing has had before: `edge-7`."""
        self._counters[prefix] = self._counters.get(prefix, 0) + 1
        return f"{prefix}-{self._counters[prefix]}"

    def next_vni(self) -> int:
        """The next segment id of the pool."""
        self._counters["vni"] = self._counters.get("vni", _FIRST_VNI - 1) + 1
        return self._counters["vni"]

    def edge(self, request: Incoming) -> Edge:
        """The edge that a request's path names."""
        identifier = request.args["edge"]
        if identifier not in self.edges:
            raise not_found(identifier)
        return self.edges[identifier]

    def gateway(self, request: Incoming) -> Edge:
        """The same, for what only an ESG has."""
        return self._edge_of_type(request, EdgeType.GATEWAY)

    def router(self, request: Incoming) -> Edge:
        """The same, for what only a DLR has."""
        return self._edge_of_type(request, EdgeType.ROUTER)

    def _edge_of_type(self, request: Incoming, kind: EdgeType) -> Edge:
        edge = self.edge(request)
        if edge.type is not kind:
            raise invalid(f"Operation is not supported on edge {edge.id} of type {edge.type}.")
        return edge

    def network_name(self, moid: str) -> str:
        """What a network is called; empty for one that the manager does not know."""
        switch = self.switches.get(moid)
        return switch.name if switch else self.networks.get(moid, "")

    def check_network(self, value: str, path: str) -> str:
        """Refuse a network that the manager does not know."""
        return _known({**self.networks, **self.switches}, value, path)

    def check_pool(self, value: str, path: str) -> str:
        """Refuse a resource pool that the manager does not know."""
        return _known(self.pools, value, path)

    def check_datastore(self, value: str, path: str) -> str:
        """Refuse a datastore that the manager does not know."""
        return _known(self.datastores, value, path)

    def check_datacenter(self, value: str, path: str) -> str:
        """Refuse a datacenter that the manager does not know."""
        return _known(self.datacenters, value, path)

    def check_limit(self, edge: Edge, key: str, count: int) -> None:
        """Refuse more of something than an edge of that size holds."""
        most = self.limits(edge)[key]
        if count > most:
            raise invalid(f"Number of objects {count} exceeds the limit {key.partition('.')[2]} of {most}.")

    def limits(self, edge: Edge) -> dict[str, int]:
        """The configuration maximums of an edge, as `service.KEY`."""
        return limits_of(edge.size, self.version, self.options.limits)

    def check_version(self, edge: Edge, feature: str, fields: Fields) -> None:
        """Read the `<version>` that a client echoes, and mind it only where asked to."""
        given = fields.optional_number("version", 0, 10**9)
        current = edge.feature_version(feature)
        if self.options.strict_versions and given is not None and given != current:
            raise stale(edge.id, given, current, 409, 101)


def _known(objects: Mapping[str, object], value: str, path: str) -> str:
    if value not in objects:
        raise invalid(f"Invalid value {value} for field {path}: no such object.")
    return value
