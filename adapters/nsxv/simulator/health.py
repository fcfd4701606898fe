"""How an edge is, and what is under way on it (NSX-V API guide 6.4: status, health summary, jobs).

A job by its id ends as `SUCCESS`, one in a list as `COMPLETED`: the guide's own examples differ so, and a
client has to take either for done.
"""

from adapters.nsxv.simulator import features
from adapters.nsxv.simulator.errors import invalid, not_found
from adapters.nsxv.simulator.exchange import Incoming, Reply, Route, ok
from adapters.nsxv.simulator.jobs import Job, JobStatus
from adapters.nsxv.simulator.state import Edge
from adapters.nsxv.simulator.wire import Node, node
from adapters.nsxv.simulator.world import World

_HEALTH_SUMMARY_SINCE = (6, 4, 0)


def _get_status(world: World, request: Incoming) -> Reply:
    edge = world.edge(request)
    return ok(
        node(
            "edgeStatus",
            node("timestamp", int(world.clock() * 1000)),
            node("systemStatus", "good"),
            node("activeVseHaIndex", 0),
            node("edgeStatus", "GREEN"),
            node("publishStatus", "APPLIED"),
            node("version", edge.version),
            node("edgeVmStatus", *(_vm_status(edge, index) for index in range(len(edge.appliances)))),
            node("featureStatuses", *(_feature_status(*one) for one in features.enabled(edge).items())),
        )
    )


def _vm_status(edge: Edge, index: int) -> Node:
    return node(
        "edgeVmStatus",
        node("edgeVMStatus", "GREEN"),
        node("haState", "active" if index == 0 else "standby"),
        node("index", index),
        node("id", edge.appliances[index].vm),
        node("name", f"{edge.shown_name}-{index}"),
    )


def _feature_status(service: str, works: bool) -> Node:  # noqa: FBT001 - one row of a table
    return node(
        "featureStatus",
        node("service", service),
        node("configured", works),
        node("publishStatus", "Applied") if works else None,
        node("serverStatus", "up") if works else None,
    )


def _get_health(world: World, request: Incoming) -> Reply:
    edge = world.edge(request)
    pending = [_render_job(job) for job in world.jobs.visible(edge.id, active=True)]
    enabled = [name for name, works in features.enabled(edge).items() if works]
    return ok(
        node(
            "edgeHealthSummary",
            node("id", edge.id),
            node("name", edge.shown_name),
            node("edgeType", edge.type),
            node("configVersion", edge.version),
            node("publishStatus", "APPLIED"),
            node("isUpgradeAvailable", "false"),
            node("preRulesExists", "false"),
            node("isUniversal", "false"),
            node("enabledFeatures", *(_feature_summary(edge, name) for name in enabled)),
            node("edgeVmsHealthSummary", *(_vm_health(edge, i) for i in range(len(edge.appliances)))),
            node("pendingJobs", *pending),
            node("activeAlarms"),
        )
    )


def _feature_summary(edge: Edge, name: str) -> Node:
    feature = "routing" if name == "staticRouting" else name
    version = edge.feature_version(feature)
    return node("featureSummary", node("featureName", feature), node("featureVersion", version))


def _vm_health(edge: Edge, index: int) -> Node:
    return node(
        "vmHealthSummary",
        node("id", edge.appliances[index].vm),
        node("name", f"{edge.shown_name}-{index}"),
        node("haState", "active" if index == 0 else "standby"),
        node("haIndex", index),
        node("vmConfigVersion", edge.version),
    )


def _list_jobs(world: World, request: Incoming) -> Reply:
    return _jobs(world, request, "")


def _list_edge_jobs(world: World, request: Incoming) -> Reply:
    return _jobs(world, request, world.edge(request).id)


def _jobs(world: World, request: Incoming, edge: str) -> Reply:
    status = request.query.get("status", "all")
    if status not in {"all", "active"}:
        raise invalid(f"Invalid value {status} for parameter status: expected all or active.")
    jobs = world.jobs.visible(edge, active=status == "active")
    return ok(node("edgeJobs", *(_render_job(job, listed=True) for job in jobs)))


def _get_job(world: World, request: Incoming) -> Reply:
    job = world.jobs.jobs.get(request.args["job"])
    if job is None or not job.of_edges:
        raise not_found(request.args["job"])
    return ok(_render_job(job))


def _render_job(job: Job, *, listed: bool = False) -> Node:
    status = "COMPLETED" if listed and job.status is JobStatus.SUCCESS else job.status.value
    return node(
        "edgeJob",
        node("jobId", job.id),
        node("message", job.message),
        node("jobType", "configure"),
        node("status", status),
        node("submitTime", int(job.submitted * 1000)),
        _result("ResultURI", job.uri),
        _result("edgeId", job.edge),
    )


def _result(key: str, value: str) -> Node | None:
    return node("result", node("key", key), node("value", value)) if value else None


_EDGES = "/api/4.0/edges"

# Before `edges`: "jobs" is no edge's id
ROUTES = (
    Route("GET", f"{_EDGES}/jobs", _list_jobs),
    Route("GET", f"{_EDGES}/jobs/{{job}}", _get_job),
    Route("GET", f"{_EDGES}/{{edge}}/jobs", _list_edge_jobs),
    Route("GET", f"{_EDGES}/{{edge}}/status", _get_status),
    Route("GET", f"{_EDGES}/{{edge}}/healthsummary", _get_health, _HEALTH_SUMMARY_SINCE),
)
