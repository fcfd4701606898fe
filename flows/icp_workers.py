"""Workers of an ICP cluster come and go (ICP 3.1.0, adding and removing cluster nodes)."""

from hopbook.steps.icp_install import Installation
from tasks import files
from tasks.modes import Mode
from tasks.orchestrator import flow
from tasks.report import RunReport
from tasks.run import run


@flow(name="icp-workers", flow_run_name="ICP workers of {site}, {mode}")
def icp_workers(site: str = "example", mode: Mode = Mode.DRY_RUN, *, adopt: bool = False) -> RunReport:
    """Make the workers of the cluster those of the site file.

    Those that are to leave go first, while `hosts` still has them: the installer looks for them there. Their
    machines are deleted last, when nothing can go wrong any more.

    Args:
        site: A name under runbooks/sites/, or the path of a site file.
        mode: plan shows what would change; dry-run rehearses on a simulated site; apply is for real; drift
            says what differs and who did it; trace follows the traffic as it is now.
        adopt: Take over objects that match ours and were made by others.
    """
    cluster = Installation(files.sizes())
    with run("icp-workers", site, mode, adopt=adopt) as steps:
        steps.take(cluster.leave)
        steps.take(cluster.left)
        steps.take(cluster.room)
        steps.take(cluster.machines)
        steps.take(cluster.examine)
        steps.take(cluster.names)
        steps.take(cluster.way_out)
        steps.take(cluster.prepare)
        steps.take(cluster.docker)
        steps.take(cluster.ready)
        steps.take(cluster.boot)
        steps.take(cluster.configuration)
        steps.take(cluster.join)
        steps.take(cluster.joined)
        steps.take(cluster.keep)
        steps.take(cluster.dismiss)
        return steps.verify()
