"""What the picture of a path tells: a row for each node in the order of the way there.

The way back mostly visits the same nodes the other way round, so a row stands for both: read downwards the
rows are the way there, read upwards the way back. Where they part, each has rows of its own. A node that the
way there visits twice has two rows: order is what a path is about.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import NamedTuple

from hopbook.network.nodes import Dlr, EsxiHost, Network, Node
from hopbook.network.packet import Packet
from hopbook.trace.drawing.palette import tube
from hopbook.trace.drawing.zones import Frame, Kind, Zone, frames, kind, zone
from hopbook.trace.verdict import End, Hop, Path, Verdict

_MOST_COLUMNS = 4
_NEW_CONNECTION = "a connection of its own"


class Step(NamedTuple):
    """One hop with its number in the path, as the documented steps count, and its leg."""

    number: int
    leg: int
    hop: Hop

    @property
    def at(self) -> tuple[str, str]:
        """Where it is: a distributed router is another one in each host."""
        return self.hop.node.name, self.hop.host


@dataclass(frozen=True, slots=True)
class Row:
    """One node at one time: the hop there, the hop back, or both.

    Attributes:
        again: A row above stands for the same node.
    """

    node: Node
    kind: Kind
    zone: Zone
    frames: tuple[Frame, ...]
    there: Step | None
    back: Step | None
    again: bool

    @property
    def caption(self) -> str:
        """What the node is; of an ESXi host what of it a packet meets."""
        if self.kind is Kind.ESXI:
            return "virtual switch"
        again = self.again and self.kind is not Kind.KUBE  # its frame shows that it is the same
        return f"{self.kind.value}, again" if again else self.kind.value


@dataclass(frozen=True, slots=True)
class Stretch:
    """Rows between which a way is inside one encapsulation.

    Attributes:
        depth: 0 is the innermost encapsulation.
        first, last: Rows, the upper one first.
    """

    by: str
    tunnel: str
    depth: int
    back: bool
    first: int
    last: int


@dataclass(frozen=True)  # no slots: `columns` is made once
class Story:
    """A path as rows, what of it is in tunnels, and where it ended.

    Attributes:
        end: None where it was delivered and answered.
        stopped: The number of the hop at which it ended; 0 where it did not, or there is no hop.
        remark: A hop's number and something to say about it; 0 where there is nothing.
    """

    rows: tuple[Row, ...]
    stretches: tuple[Stretch, ...]
    end: End | None
    stopped: int
    remark: tuple[int, str] = (0, "")

    @cached_property
    def columns(self) -> tuple[tuple[Zone, ...], ...]:
        """The zones that it visits in reading order; where they are many, neighbours share a column."""
        rows = Counter(row.zone for row in self.rows)
        found: list[tuple[Zone, ...]] = [(item,) for item in Zone if item in rows]
        while len(found) > _MOST_COLUMNS:
            sizes = [sum(rows[item] for item in (*one, *other)) for one, other in pairwise(found)]
            at = sizes.index(min(sizes))
            found[at : at + 2] = [(*found[at], *found[at + 1])]
        return tuple(found)

    def column(self, row: Row) -> tuple[Zone, ...]:
        """The column of a row."""
        return next(zones for zones in self.columns if row.zone in zones)

    def caption(self, row: Row) -> str:
        """What a row's node is, and in which zone where its column does not say that."""
        shared = len(self.column(row)) > 1
        return f"{row.caption}, {row.zone}" if shared else row.caption

    @property
    def answered(self) -> bool:
        """Whether anything came back at all."""
        return any(row.back is not None for row in self.rows)

    def on_the_way_back(self, number: int) -> bool:
        """Whether a hop is one of the way back."""
        return any(row.back is not None and row.back.number == number for row in self.rows)

    @property
    def paint(self) -> str:
        """The colour of its end."""
        unknown = self.end is not None and self.end.verdict in {Verdict.INSUFFICIENT, Verdict.MISMATCH}
        return "doubt" if unknown else "bad"

    def tubes(self, number: int) -> Iterator[tuple[str, str]]:
        """The names of what begins below a row, and their colours; both ways of one tunnel have one."""
        begin = [item for item in self.stretches if item.first == number]
        places: dict[tuple[int, str, int], list[Stretch]] = {}
        for item in sorted(begin, key=lambda item: (-item.depth, item.back)):
            places.setdefault((item.depth, item.by, item.last), []).append(item)
        for same in places.values():
            alone = self.answered and len(same) == 1
            way = ("↑ " if same[0].back else "↓ ") if alone else ""
            yield f"{way}{same[0].by} {same[0].tunnel}".rstrip(), tube(same[0].by)
        here, below = self.rows[number].there, self.rows[number + 1].there
        if here is not None and below is not None and here.leg != below.leg:
            yield _NEW_CONNECTION, "tunnel"

    def notes(self, number: int) -> list[tuple[str, str]]:
        """What else is to be said beside a hop, and in which colour."""
        found = [(self.remark[1], "doubt")] if number == self.remark[0] else []
        if self.end is not None and number == self.stopped:
            found.append((f"{self.end.verdict}: {self.end.reason}".rstrip(": "), self.paint))
        return found


def tell(path: Path, network: Network, remark: tuple[int, str] = (0, "")) -> Story:
    """The story of a path; `remark` is a hop's number and something to say about it."""
    steps = [(back, Step(number, leg, hop)) for number, (leg, back, hop) in enumerate(path.hops, start=1)]
    there = [step for back, step in steps if not back]
    back = [step for back, step in steps if back]
    rows = tuple(_rows(_aligned(there, back[::-1]), network))
    stretches = (*_stretches(rows, back=False), *_stretches(rows, back=True))
    if path.end.verdict is Verdict.DELIVERED:
        return Story(rows, stretches, None, 0, remark)
    return Story(rows, stretches, path.end, _stopped(path.end, back if path.returning else there), remark)


def _rows(pairs: Sequence[tuple[Step | None, Step | None]], network: Network) -> Iterator[Row]:
    seen: set[tuple[str, str]] = set()
    for there, back in pairs:
        step = there or back
        if step is None:
            continue
        node = step.hop.node
        yield Row(
            node=node,
            kind=kind(node, network),
            zone=zone(node, network),
            frames=frames(node, step.hop.host, network),
            there=there,
            back=back,
            again=step.at in seen,
        )
        seen.add(step.at)


def _aligned(there: Sequence[Step], back: Sequence[Step]) -> list[tuple[Step | None, Step | None]]:
    """The two ways side by side, with as much in common rows as can be (longest common subsequence)."""
    common = [[0] * (len(back) + 1) for _ in range(len(there) + 1)]
    for i in reversed(range(len(there))):
        for j in reversed(range(len(back))):
            both = common[i + 1][j + 1] + _weight(there[i]) if there[i].at == back[j].at else 0
            common[i][j] = max(both, common[i + 1][j], common[i][j + 1])
    pairs: list[tuple[Step | None, Step | None]] = []
    i = j = 0
    while i < len(there) or j < len(back):
        here = i < len(there) and j < len(back) and there[i].at == back[j].at
        if here and common[i][j] == common[i + 1][j + 1] + _weight(there[i]):
            pairs.append((there[i], back[j]))
            i, j = i + 1, j + 1
        elif j == len(back) or (i < len(there) and common[i + 1][j] >= common[i][j + 1]):
            pairs.append((there[i], None))
            i += 1
        else:
            pairs.append((None, back[j]))
            j += 1
    return pairs


def _weight(step: Step) -> int:
    """What an own row would lose: switches and the routers in them are on the way often and decide little."""
    return 1 if isinstance(step.hop.node, EsxiHost | Dlr) else 4


def layers(packet: Packet) -> list[tuple[str, str]]:
    """Kind and name of the encapsulations around a packet, the innermost first."""
    found = []
    while packet.inside is not None:
        found.append((packet.inside.by, packet.inside.tunnel))
        packet = packet.inside.packet
    return found[::-1]


def _stretches(rows: Sequence[Row], *, back: bool) -> Iterator[Stretch]:
    """The longest runs of rows between which one layer stays the same."""
    way = [(number, step) for number, row in enumerate(rows) if (step := row.back if back else row.there)]
    # Between two rows a packet is what it was when it left the earlier one: the lower one on the way back
    edges = [
        (upper, lower, layers((later if back else step).hop.after))
        for (upper, step), (lower, later) in pairwise(way)
    ]
    for depth in range(max((len(found) for _, _, found in edges), default=0)):
        run: Stretch | None = None
        for upper, lower, found in edges:
            layer = found[depth] if depth < len(found) else None
            if run is not None and layer == (run.by, run.tunnel):
                run = Stretch(run.by, run.tunnel, depth, back, run.first, lower)
                continue
            if run is not None:
                yield run
            run = Stretch(*layer, depth, back, upper, lower) if layer is not None else None
        if run is not None:
            yield run


def _stopped(end: End, way: Sequence[Step]) -> int:
    """The last hop at the node where it ended, else the last hop of the way."""
    at = [step.number for step in way if step.hop.node.name == end.node]
    return max(at or [step.number for step in way], default=0)
