"""A runbook of the tests' own with a gate in it; `-m tests.flows.gated` is a command line that knows it."""

import sys
from ipaddress import IPv4Address
from pathlib import Path

from commands.app import run as command
from hopbook.engine.gates import Gate
from hopbook.resources.ibm import BgpPeering, PeeringNeighbour
from hopbook.steps import icp
from tasks import files
from tasks.modes import Mode
from tasks.orchestrator import flow
from tasks.report import RunReport
from tasks.run import run

RUNBOOKS = Path(__file__).with_name("runbooks")
PEERING = BgpPeering(
    router="BCR", asn=64999, neighbours=(PeeringNeighbour(address=IPv4Address("10.95.60.5"), asn=64512),)
)


@flow(name="gated", flow_run_name="gated on {site}, {mode}")
def gated(
    site: str = "example", mode: Mode = Mode.DRY_RUN, *, cluster: str = "", adopt: bool = False
) -> RunReport:
    """Lay VXLANs, wait for IBM, deploy the edge."""
    with run("gated", site, mode, adopt=adopt, parameters={"cluster": cluster}) as steps:
        steps.take(icp.logical_switches)
        request = f"Please peer with the workers of {steps.parameters['cluster']}.\nTheir AS is 64512."
        steps.gate(Gate("bcr-peering", "Peer with IBM's router", "S15", request, ("ibm",), (PEERING,)))
        steps.take(icp.edge_and_router)
        return steps.verify()


def main() -> int:
    """Run one command line."""
    files.RUNBOOKS = RUNBOOKS
    sys.modules["flows.gated"] = sys.modules[__name__]
    return command(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
