"""vSphere, as far as packets depend on it: which machine runs on which ESXi host.

Observed only: DRS moves machines, and that is neither a change of ours nor drift (rule 13).
"""

from dataclasses import dataclass
from typing import ClassVar

from hopbook.resources.base import Resource, known


@known
@dataclass(frozen=True, kw_only=True)
class Placement(Resource):
    """The ESXi host that a machine runs on: a VM, the active appliance of an edge, a concentrator.

    Attributes:
        machine: The machine's name as the network knows its node.
        host: The ESXi host's name as the site has it.
    """

    kind: ClassVar[str] = "vsphere.placement"

    machine: str
    host: str

    @property
    def name(self) -> str:
        """The machine's name."""
        return self.machine

    def title(self) -> str:
        """For a sentence."""
        return f"the place of {self.machine}"
