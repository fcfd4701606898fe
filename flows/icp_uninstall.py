"""ICP is taken away (ICP 3.1.0, uninstalling; IBM Cloud for VMware Solutions, removing ICP hosted)."""

from hopbook.steps import icp
from hopbook.steps.icp_install import Installation, nothing_of
from tasks import files
from tasks.modes import Mode
from tasks.orchestrator import flow
from tasks.report import RunReport
from tasks.run import run


@flow(name="icp-uninstall", flow_run_name="ICP off {site}, {mode}")
def icp_uninstall(site: str = "example", mode: Mode = Mode.DRY_RUN, *, adopt: bool = False) -> RunReport:
    """Take ICP away: the cluster, its machines and its network, unless somebody else is on it.

    Only what an installation made is deleted; a network that was there before it stays.

    Args:
        site: A name under runbooks/sites/, or the path of a site file.
        mode: plan shows what would change; dry-run rehearses on a simulated site; apply is for real; drift
            says what differs and who did it; trace follows the traffic as it is now.
        adopt: Take over objects that match ours and were made by others.
    """
    cluster = Installation(files.sizes())
    with run("icp-uninstall", site, mode, adopt=adopt) as steps:
        steps.take(cluster.clear)
        steps.take(cluster.uninstall)
        steps.take(cluster.gone)
        steps.take(cluster.no_machines)
        steps.take(nothing_of(icp.admit_clients))
        steps.take(nothing_of(icp.cluster_addresses))
        steps.take(nothing_of(icp.dns_and_ntp))
        steps.take(nothing_of(icp.internet))
        steps.take(nothing_of(icp.edge_and_router))
        steps.take(nothing_of(icp.logical_switches))
        return steps.verify()
