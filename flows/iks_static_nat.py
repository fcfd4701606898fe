"""IKS and VCS by static routes and NAT (source document, S14)."""

from hopbook.site.model import Join
from hopbook.steps import iks, iks_static
from hopbook.steps.iks_ground import ground
from tasks.modes import Mode
from tasks.orchestrator import flow
from tasks.report import RunReport
from tasks.run import run


@flow(name="iks-static-nat", flow_run_name="IKS by static routes and NAT of {site}, {mode}")
def iks_static_nat(
    site: str = "example", mode: Mode = Mode.DRY_RUN, *, cluster: str = "", adopt: bool = False
) -> RunReport:
    """Join a cluster without BGP and without a tunnel, in one of two forms.

    Every worker is given a route to the databases' networks; or addresses of the edge stand for the
    databases, and no worker needs a route.

    Args:
        site: A name under runbooks/sites/, or the path of a site file.
        mode: plan shows what would change; dry-run rehearses on a simulated site; apply is for real; drift
            says what differs and who did it; trace follows the traffic as it is now.
        cluster: The IKS cluster; may be left out where the site has one.
        adopt: Take over objects that match ours and were made by others.
    """
    with run("iks-static-nat", site, mode, adopt=adopt, parameters={"cluster": cluster}) as steps:
        g = ground(steps.site, cluster, "iks-static-nat", [Join.STATIC_ROUTES, Join.STATIC_DNAT], steps.look)
        if g.join.how is Join.STATIC_ROUTES:
            steps.take(iks.admit_workers(g))
            steps.take(iks_static.worker_routes(g))
        else:
            steps.take(iks_static.addresses(g))
            steps.take(iks_static.translations(g))
            steps.take(iks_static.admit(g))
            steps.take(iks_static.admit_icp(g))
            steps.take(iks_static.services(g))
        return steps.verify()
