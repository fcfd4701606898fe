"""A simulated NSX Manager 6.4 for dry-runs, demonstrations and tests.

It answers the wire: method, path, query, headers and XML in; status, headers and body out. What it knows
comes from VMware's own API guide (`nsxraml` 6.4) and from what working clients depend on; where those are
silent it is strict, or `Options` has a choice.
"""

from adapters.nsxv.simulator.manager import Call, Fault, FaultSource, NsxManager
from adapters.nsxv.simulator.world import Options

__all__ = ["Call", "Fault", "FaultSource", "NsxManager", "Options"]
