"""IKS and VCS by a common VLAN and BGP (source document, S7 and S8)."""

from hopbook.site.model import Join
from hopbook.steps import iks, iks_vlan
from hopbook.steps.iks_ground import ground
from tasks.modes import Mode
from tasks.orchestrator import flow
from tasks.report import RunReport
from tasks.run import run


@flow(name="iks-vlan-bgp", flow_run_name="IKS by VLAN and BGP of {site}, {mode}")
def iks_vlan_bgp(
    site: str = "example", mode: Mode = Mode.DRY_RUN, *, cluster: str = "", adopt: bool = False
) -> RunReport:
    """Join a cluster whose workers are on the instance's VLAN: each is a BGP neighbour of the edge.

    The edge tells the overlay's networks last, when both sides are configured and every session is up.

    Args:
        site: A name under runbooks/sites/, or the path of a site file.
        mode: plan shows what would change; dry-run rehearses on a simulated site; apply is for real; drift
            says what differs and who did it; trace follows the traffic as it is now.
        cluster: The IKS cluster; may be left out where the site has one.
        adopt: Take over objects that match ours and were made by others.
    """
    with run("iks-vlan-bgp", site, mode, adopt=adopt, parameters={"cluster": cluster}) as steps:
        g = ground(steps.site, cluster, "iks-vlan-bgp", [Join.VLAN_BGP], steps.look)
        steps.take(iks_vlan.reach_edge(g))
        steps.take(iks_vlan.edge_bgp(g))
        steps.take(iks_vlan.admit_bgp(g))
        steps.take(iks_vlan.peer(g))
        steps.take(iks.admit_workers(g))
        steps.take(iks_vlan.sessions(g))
        steps.take(iks_vlan.tell(g))
        return steps.verify()
