"""ICP on machines of the VCS instance (source document, S1 to S6 and S32 to S34; ICP 3.1.0, installation)."""

from flows.icp_network import lay_network
from hopbook.steps.icp_install import Installation
from tasks import files
from tasks.modes import Mode
from tasks.orchestrator import flow
from tasks.report import RunReport
from tasks.run import run


@flow(name="icp-install", flow_run_name="ICP on {site}, {mode}")
def icp_install(site: str = "example", mode: Mode = Mode.DRY_RUN, *, adopt: bool = False) -> RunReport:
    """Install ICP, from its network to a cluster that answers.

    The network comes first, as it is what images are pulled by. Then machines, their preparation, every check
    of the guide, the boot node, the installer, and the cluster's own checks.

    Args:
        site: A name under runbooks/sites/, or the path of a site file.
        mode: plan shows what would change; dry-run rehearses on a simulated site; apply is for real; drift
            says what differs and who did it; trace follows the traffic as it is now.
        adopt: Take over objects that match ours and were made by others.
    """
    cluster = Installation(files.sizes())
    with run("icp-install", site, mode, adopt=adopt) as steps:
        steps.take(cluster.room)
        lay_network(steps)
        steps.take(cluster.machines)
        steps.take(cluster.examine)
        steps.take(cluster.names)
        steps.take(cluster.way_out)
        steps.take(cluster.prepare)
        steps.take(cluster.docker)
        steps.take(cluster.ready)
        steps.take(cluster.boot)
        steps.take(cluster.images)
        steps.take(cluster.configuration)
        steps.take(cluster.cluster)
        steps.take(cluster.smoke)
        steps.take(cluster.keep)
        return steps.verify()
