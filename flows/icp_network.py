"""The network that ICP needs on a VCS instance (source document, S1 to S6)."""

from hopbook.steps import icp
from tasks.modes import Mode
from tasks.orchestrator import flow
from tasks.report import RunReport
from tasks.run import Steps, run


@flow(name="icp-network", flow_run_name="ICP network on {site}, {mode}")
def icp_network(site: str = "example", mode: Mode = Mode.DRY_RUN, *, adopt: bool = False) -> RunReport:
    """Join an ICP overlay to its VCS instance.

    Outbound traffic leaves by SNAT (or a web proxy), DNS and NTP stay private, and the cluster's virtual
    addresses are published to the IBM Cloud private network by DNAT.

    Args:
        site: A name under runbooks/sites/, or the path of a site file.
        mode: plan shows what would change; dry-run rehearses on a simulated site; apply is for real; drift
            says what differs and who did it; trace follows the traffic as it is now.
        adopt: Take over objects that match ours and were made by others.
    """
    with run("icp-network", site, mode, adopt=adopt) as steps:
        lay_network(steps)
        return steps.verify()


def lay_network(steps: Steps) -> None:
    """Everything but the proof: the first stage of whatever needs ICP's network."""
    steps.take(icp.logical_switches)
    steps.take(icp.edge_and_router)
    steps.take(icp.internet)
    steps.take(icp.dns_and_ntp)
    steps.take(icp.cluster_addresses)
    steps.take(icp.admit_clients)
