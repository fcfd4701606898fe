"""A helm that only remembers: its command line in, what it would have said out."""

from adapters.helm.simulator.command import SimulatedHelm
from adapters.helm.simulator.objects import Memory, Objects
from adapters.helm.simulator.rendering import Render, by_binary, by_hand

__all__ = ["Memory", "Objects", "Render", "SimulatedHelm", "by_binary", "by_hand"]
