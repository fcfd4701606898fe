"""IKS and VCS by BGP with IBM's router (source document, S15 and S16)."""

from hopbook.site.model import Join
from hopbook.steps import iks, iks_bcr
from hopbook.steps.iks_ground import ground
from tasks.modes import Mode
from tasks.orchestrator import flow
from tasks.report import RunReport
from tasks.run import run


@flow(name="iks-bcr-bgp", flow_run_name="IKS by BGP with the BCR of {site}, {mode}")
def iks_bcr_bgp(
    site: str = "example", mode: Mode = Mode.DRY_RUN, *, cluster: str = "", adopt: bool = False
) -> RunReport:
    """Join a cluster by way of IBM's router, which the edge and each worker tell their routes.

    IBM has to agree first: nothing is touched until somebody says that it did. A worker that comes later is a
    neighbour that IBM has to agree to as well.

    Args:
        site: A name under runbooks/sites/, or the path of a site file.
        mode: plan shows what would change; dry-run rehearses on a simulated site; apply is for real; drift
            says what differs and who did it; trace follows the traffic as it is now.
        cluster: The IKS cluster; may be left out where the site has one.
        adopt: Take over objects that match ours and were made by others.
    """
    with run("iks-bcr-bgp", site, mode, adopt=adopt, parameters={"cluster": cluster}) as steps:
        g = ground(steps.site, cluster, "iks-bcr-bgp", [Join.BCR_BGP], steps.look)
        steps.gate(iks_bcr.request(g))
        steps.take(iks_bcr.edge_bgp(g))
        steps.take(iks_bcr.admit_bgp(g))
        steps.take(iks_bcr.peers(g))
        steps.take(iks.admit_workers(g))
        steps.take(iks_bcr.sessions(g))
        steps.take(iks_bcr.tell(g))
        return steps.verify()
