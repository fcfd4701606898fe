"""The addresses that say whether a manager is there, who one is on it, and which version it has.

NSX-V API guide 6.4, introduction: `usermgmt/user/admin` is the connectivity test. `appliance-management` is
only for the appliance's own administrator and refuses everybody else with 403, so it makes a poor probe.
"""

from adapters.nsxv.simulator.errors import CORE, ApiError, Problem, not_found
from adapters.nsxv.simulator.exchange import Incoming, Reply, Route, ok
from adapters.nsxv.simulator.wire import node
from adapters.nsxv.simulator.world import World

_BUILD = 16928961


def forbidden() -> ApiError:
    """The user's role does not suffice."""
    return ApiError(403, Problem("User is not authorized to perform this operation.", 403, CORE))


def _get_user(world: World, request: Incoming) -> Reply:
    name = request.args["user"]
    if name not in {world.administrator, *world.options.auditors}:
        raise not_found(name)
    return ok(node("userInfo", node("name", name), node("userId", name), node("isUniversal", "false")))


def _get_info(world: World, request: Incoming) -> Reply:
    if request.user != world.administrator:
        raise forbidden()
    major, minor, patch = world.version
    return ok(
        node(
            "globalInfo",
            node("currentLoggedInUser", request.user),
            node(
                "versionInfo",
                node("majorVersion", major),
                node("minorVersion", minor),
                node("patchVersion", patch),
                node("buildNumber", _BUILD),
            ),
        )
    )


ROUTES = (
    Route("GET", "/api/2.0/services/usermgmt/user/{user}", _get_user),
    Route("GET", "/api/1.0/appliance-management/global/info", _get_info),
)
