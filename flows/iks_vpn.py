"""strongSwan in an IKS cluster and IPsec to the ESG (source document, S9 to S13)."""

from hopbook.steps import iks_vpn as vpn
from hopbook.steps.vpn import Seen
from tasks.modes import Mode
from tasks.orchestrator import flow
from tasks.report import RunReport
from tasks.run import Steps, run


@flow(name="iks-vpn", flow_run_name="VPN of IKS and {site}, {mode}")
def iks_vpn(
    site: str = "example", mode: Mode = Mode.DRY_RUN, *, cluster: str = "", adopt: bool = False
) -> RunReport:
    """Join an IKS cluster to the instance by a VPN: a strongSwan container and the ESG.

    The end that waits comes first. All ranges of the cluster lead to the container's end, all that the
    instance brings to the edge's.

    Args:
        site: A name under runbooks/sites/, or the path of a site file.
        mode: plan shows what would change; dry-run rehearses on a simulated site; apply is for real; drift
            says what differs and who did it; trace follows the traffic as it is now.
        cluster: The IKS cluster; may be left out where one is joined by a VPN.
        adopt: Take over objects that match ours and were made by others.
    """
    with run("iks-vpn", site, mode, adopt=adopt, parameters={"cluster": cluster}) as steps:
        if vpn.waits(steps.site, cluster):
            install(steps, cluster)
            connect_edge(steps, cluster)
        else:
            connect_edge(steps, cluster)
            install(steps, cluster)
        steps.take(vpn.Tunnelled(cluster).tunnel)
        return steps.verify()


def install(steps: Steps, cluster: str) -> None:
    """The container's end."""
    found = vpn.Tunnelled(cluster, _look(steps, cluster))
    steps.take(found.release)
    steps.take(found.private_end)


def connect_edge(steps: Steps, cluster: str) -> None:
    """The edge's end: what it sends into the tunnel and lets through, then the tunnel itself."""
    found = vpn.Tunnelled(cluster, _look(steps, cluster))
    steps.take(found.exempt)
    steps.take(found.routes)
    steps.take(found.admit)
    steps.take(found.gateway)


def _look(steps: Steps, cluster: str) -> Seen:
    return Seen(steps.look(*vpn.scope(steps.site, cluster)))
