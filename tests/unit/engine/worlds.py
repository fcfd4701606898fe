"""Worlds and steps for properties: everything that can stand on two shelves, in any order."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from hopbook.engine.plan import Step
from hopbook.resources.base import Key, Later, SecretRef
from hopbook.testing import Box, Fault, Knob, Peg, Rule, Toy, Vault, Wire
from tests.unit.engine.lab import Lab, step

few = settings(max_examples=10, suppress_health_check=[HealthCheck.too_slow])  # each runs several processes
SHELVES = "ab"
SECRETS = {SecretRef("env", "A"): "s3cret-a", SecretRef("env", "B"): "s3cret-b"}


@dataclass(frozen=True)
class Scene:
    """What was there before, what is wanted, and what goes wrong."""

    steps: tuple[Step, ...]
    foreign: tuple[Toy, ...] = ()
    faults: dict[Key, tuple[Fault, ...]] = field(default_factory=dict)
    raising: bool = False

    def lab(self, *, faults: bool = True) -> Lab:
        lab = Lab()
        lab.world.secrets = dict(SECRETS)
        for resource in self.foreign:
            lab.world.put(resource, secret="theirs" if isinstance(resource, Vault) else "")
        if faults:
            lab.world.faults = {key: list(found) for key, found in self.faults.items()}
        lab.world.raising = self.raising
        return lab


sizes = st.integers(0, 2)


@st.composite
def wanted(draw: st.DrawFn) -> list[Toy]:
    """Resources with different keys, each behind what it refers to."""
    found: list[Toy] = []
    for kind, number in draw(
        st.lists(st.tuples(st.sampled_from("brkpwv"), st.integers(0, 2)), max_size=7, unique=True)
    ):
        found.append(draw(toy(kind, number, found)))
    return found


def toy(kind: str, number: int, others: Sequence[Toy] = ()) -> st.SearchStrategy[Toy]:
    shelf = st.sampled_from(SHELVES)
    short = f"{kind}{number}"
    boxes = [other.key for other in others if isinstance(other, Box)]
    pegs = [other.key for other in others if isinstance(other, Peg)]
    match kind:
        case "b":
            on = st.sampled_from([None, *boxes])
            return st.builds(
                Box, shelf=shelf, short=st.just(short), label=st.just(f"l{number}"), size=sizes, on=on
            )
        case "r":
            return st.builds(
                Rule,
                shelf=shelf,
                short=st.just(short),
                match=st.just(f"m{number}"),
                act=st.sampled_from(["allow", "deny"]),
                rank=sizes,
            )
        case "k":
            return st.builds(Knob, shelf=shelf, short=st.just("k"), level=sizes)
        case "p":
            several = st.lists(st.sampled_from(boxes), max_size=2) if boxes else st.just([])
            refs = several.map(lambda keys: (*keys,))
            return st.builds(Peg, shelf=shelf, short=st.just(short), size=sizes, on=refs)
        case "w":
            to = st.sampled_from(["here", *(Later(peg, "address") for peg in pegs)])
            return st.builds(Wire, shelf=shelf, short=st.just(short), to=to)
        case _:
            refs = st.sampled_from([*SECRETS])
            return st.builds(Vault, shelf=shelf, short=st.just(short), size=sizes, password=refs)


@st.composite
def steps_of(draw: st.DrawFn, resources: Sequence[Toy]) -> tuple[Step, ...]:
    unique = list({resource.key: resource for resource in resources}.values())
    cuts = sorted(draw(st.lists(st.integers(0, len(unique)), max_size=2)))
    parts = [unique[start:end] for start, end in zip([0, *cuts], [*cuts, len(unique)], strict=True)]
    return tuple(step(f"s{number}", *part) for number, part in enumerate(parts) if part)


@st.composite
def foreign(draw: st.DrawFn) -> tuple[Toy, ...]:
    """What others made: boxes and rules like ours may be, pegs and vaults of our names, both knobs."""
    there: list[Toy] = [Knob(shelf=shelf, short="k", level=draw(sizes)) for shelf in SHELVES]
    for kind, number in draw(st.lists(st.tuples(st.sampled_from("brrpv"), st.integers(0, 3)), max_size=5)):
        made = draw(toy(kind, number))
        if kind in "br" or made.key not in {other.key for other in there}:
            there.append(made)
    return tuple(there)


@st.composite
def scenes(draw: st.DrawFn, *, faulty: bool = True) -> Scene:
    resources = draw(wanted())
    steps = draw(steps_of(resources))
    several = st.lists(st.sampled_from(list(Fault)), min_size=1, max_size=2).map(tuple)
    keys = st.sampled_from([resource.key for resource in resources]) if resources else st.nothing()
    faults = draw(st.dictionaries(keys, several, max_size=3)) if faulty and resources else {}
    return Scene(steps, draw(foreign()), faults, draw(st.booleans()))
