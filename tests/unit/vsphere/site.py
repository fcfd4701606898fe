"""Runs and undos over a vCenter in memory: the engine's lab with another provider."""

from dataclasses import dataclass, field

from adapters.vsphere.provider import Patience, VsphereProvider
from hopbook.engine.passengers import passengers
from hopbook.engine.runner import Runner
from hopbook.engine.writer import Writer
from hopbook.resources.base import Key, Resource
from tests.contract.vsphere_lab import SITE
from tests.contract.vsphere_memory import MemoryWorld
from tests.unit.engine.lab import INSTANCE, STREAM, Lab


@dataclass
class VsphereSite(Lab):
    """What outlives a process: the vCenter, the journal, the clock."""

    vcenter: MemoryWorld = field(default_factory=MemoryWorld)
    adopt: bool = False

    def __post_init__(self) -> None:
        """Let a process end within a call, too: before it is sent, and when it took effect."""
        power = self.vcenter.vcenter

        def moment(_vm: object) -> None:
            self.world.fuse()

        power.on_power_on = moment

    def provider(self) -> VsphereProvider:
        """A provider of a new process."""
        return VsphereProvider(self.vcenter.vcenter, site=SITE, patience=Patience(20, 20, 20))

    def process(self, run: str) -> Runner:
        """A runner of a new process."""
        writer = Writer(self.journal, STREAM, run, "me@here", self.clock, lambda: f"e-{next(iter(self.ids))}")
        writer.catch_up()
        return Runner(
            providers=[self.provider()],
            writer=writer,
            clock=self.clock,
            instance=INSTANCE,
            secret_digest=str,
            adopt=self.adopt,
        )

    def dump(self) -> object:
        """All that the vCenter holds."""
        return self.vcenter.vcenter.state.dump()

    def carried(self, *keys: Key, resources: tuple[Resource, ...]) -> list[str]:
        """Who else would go with what is deleted."""
        runner = self.process("look")
        seen = runner.observe(resources)
        return list(passengers(set(keys), seen, set(self.state.owned), runner.traits))
