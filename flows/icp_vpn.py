"""strongSwan in IKS and in ICP (source document, S17)."""

from flows.icp_network import lay_network
from hopbook.steps import icp_vpn as vpn
from hopbook.steps.vpn import Seen
from tasks.modes import Mode
from tasks.orchestrator import flow
from tasks.report import RunReport
from tasks.run import run


@flow(name="icp-vpn", flow_run_name="VPN of IKS and ICP on {site}, {mode}")
def icp_vpn(
    site: str = "example", mode: Mode = Mode.DRY_RUN, *, cluster: str = "", adopt: bool = False
) -> RunReport:
    """Join an IKS cluster and ICP by a VPN with a strongSwan container on both sides.

    IKS waits; ICP starts, when its edge lets it out. Taken back, ICP's end goes first.

    Args:
        site: A name under runbooks/sites/, or the path of a site file.
        mode: plan shows what would change; dry-run rehearses on a simulated site; apply is for real; drift
            says what differs and who did it; trace follows the traffic as it is now.
        cluster: The IKS cluster; may be left out where ICP has one tunnel.
        adopt: Take over objects that match ours and were made by others.
    """
    with run("icp-vpn", site, mode, adopt=adopt, parameters={"cluster": cluster}) as steps:
        steps.stand_on("icp-network", lay_network)
        scope = vpn.scope(steps.site, cluster)
        waiting = vpn.Tunnelled(cluster, Seen(steps.look(*scope)))
        steps.take(waiting.listener)
        steps.take(waiting.private_end)
        starting = vpn.Tunnelled(cluster, Seen(steps.look(*scope)))
        steps.take(starting.way_out)
        steps.take(starting.starter)
        return steps.verify()
