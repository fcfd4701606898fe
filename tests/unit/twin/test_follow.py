"""Sightings of one packet, joined to the way that it took."""

from collections.abc import Iterable
from itertools import count

import pytest

from adapters.twin.decode import Datagram, Layer
from adapters.twin.follow import Map, Passage, Place, Port, Sighting, Way, follow
from hopbook.trace.crossing import Headers

CLIENT, PUBLIC, EDGE, SERVER = 1, 2, 3, 4


def packet(src: int = CLIENT, dst: int = PUBLIC, *layers: Layer, dport: int = 80) -> Datagram:
    return Datagram(layers=layers, src=src, dst=dst, protocol="tcp", sport=40000, dport=dport, seq=1)


def inner(src: int, dst: int, dport: int = 80) -> tuple[str, int, int, int, int]:
    return ("tcp", src, 40000, dst, dport)


def wired(*pairs: tuple[Port, Port]) -> dict[Port, Port]:
    return {one: two for pair in pairs for one, two in (pair, pair[::-1])}


class Trail:
    """Collects sightings, each later than the one before."""

    def __init__(self) -> None:
        self.seen: list[Sighting] = []
        self._clock = count(100)

    def out(self, where: str, what: Datagram) -> "Trail":
        return self._add(where, what, Passage.OUT)

    def into(self, where: str, what: Datagram, passage: Passage = Passage.HERE) -> "Trail":
        return self._add(where, what, passage)

    def across(self, one: str, two: str, what: Datagram, passage: Passage = Passage.HERE) -> "Trail":
        return self.out(one, what).into(two, what, passage)

    def _add(self, where: str, what: Datagram, passage: Passage) -> "Trail":
        station, interface = where.split("/")
        self.seen.append(Sighting(next(self._clock), station, interface, passage, what))
        return self


def router(name: str, *interfaces: str) -> Place:
    return Place(node=name, interfaces={key: f"{name}-{key}" for key in interfaces})


def switch(name: str) -> Place:
    return Place(node=name, switches=True)


ROUTED = Map(
    places={"c": router("client", "0"), "e": router("edge", "0", "1"), "s": router("server", "0")},
    wires=wired((("c", "0"), ("e", "0")), (("e", "1"), ("s", "0"))),
)
SWITCHED = Map(
    places={
        "a": router("vm-a", "0"),
        "x": switch("esx1"),
        "y": switch("esx2"),
        "z": switch("esx3"),
        "f": switch(""),
        "b": router("vm-b", "0"),
        "d": router("vm-d", "0"),
    },
    wires=wired(
        (("a", "0"), ("x", "p")),
        (("x", "vmk"), ("f", "1")),
        (("y", "vmk"), ("f", "2")),
        (("z", "vmk"), ("f", "3")),
        (("b", "0"), ("y", "p")),
        (("d", "0"), ("z", "p")),
    ),
)


def nodes(way: Way) -> list[str]:
    return [crossing.node for crossing in way.crossings]


def test_translation_is_what_differs_between_in_and_out() -> None:
    trail = Trail().across("c/0", "e/0", packet()).across("e/1", "s/0", packet(EDGE, SERVER, dport=8080))
    way = follow(trail.seen, "c", ROUTED)
    client, edge, server = way.crossings
    assert (client.came, client.left) == ("", "client-0")
    assert (edge.came, edge.left) == ("edge-0", "edge-1")
    assert edge.before == Headers((), CLIENT, PUBLIC, inner(CLIENT, PUBLIC))
    assert edge.after == Headers((), EDGE, SERVER, inner(EDGE, SERVER, 8080))
    assert (server.came, server.left, server.before) == ("server-0", "", edge.after)
    assert way.end == "s"


def test_the_order_of_reading_does_not_matter() -> None:
    trail = Trail().across("c/0", "e/0", packet()).across("e/1", "s/0", packet())
    assert follow(reversed(trail.seen), "c", ROUTED) == follow(trail.seen, "c", ROUTED)


def test_what_the_sender_meant_is_the_way_as_it_begins() -> None:
    asked = Headers((), CLIENT, 99, inner(CLIENT, 99))
    trail = Trail().across("c/0", "e/0", packet())
    first = follow(trail.seen, "c", ROUTED, asked).crossings[0]
    assert (first.before, first.after.dst) == (asked, PUBLIC)


def test_a_packet_that_does_not_leave_ends_there() -> None:
    way = follow(Trail().across("c/0", "e/0", packet()).seen, "c", ROUTED)
    assert (nodes(way), way.crossings[-1].left, way.end) == (["client", "edge"], "", "e")


def test_a_packet_that_nobody_saw_has_no_way() -> None:
    assert follow([], "c", ROUTED) == Way()


def test_a_loop_is_walked_as_often_as_it_was() -> None:
    where = Map(
        places={"c": router("client", "0"), "e": router("edge", "0", "1"), "s": router("other", "0")},
        wires=ROUTED.wires,
    )
    trail = Trail().across("c/0", "e/0", packet())
    for _ in range(3):
        trail.across("e/1", "s/0", packet()).across("s/0", "e/1", packet())
    assert nodes(follow(trail.seen, "c", where)) == ["client", "edge", *["other", "edge"] * 3]


def test_an_encapsulation_begins_and_ends_between_the_wires_of_a_node() -> None:
    plain, outer = packet(), packet(CLIENT, PUBLIC, Layer("VXLAN", 11, 12))
    trail = Trail().across("a/0", "x/p", plain).out("x/vx", plain).out("x/vmk", outer)
    trail.into("f/1", outer, Passage.OTHERS).across("f/2", "y/vmk", outer)
    trail.into("y/vx", plain, Passage.OTHERS).across("y/p", "b/0", plain)
    way = follow(trail.seen, "a", SWITCHED)
    assert nodes(way) == ["vm-a", "esx1", "esx2", "vm-b"]
    _, first, second, _ = way.crossings
    assert (first.came, first.left, first.before.layers, first.after.layers) == ("", "", (), ("VXLAN",))
    assert (first.after.src, first.after.dst) == (11, 12)
    assert (second.before, second.after) == (first.after, first.before)


@pytest.mark.parametrize("order", [("y", "z"), ("z", "y")])
def test_a_copy_to_a_host_that_has_nobody_for_it_is_no_way(order: Iterable[str]) -> None:
    plain, trail = packet(), Trail()
    trail.across("a/0", "x/p", plain).out("x/vmk", plain).into("f/1", plain, Passage.OTHERS)
    ports, machines = {"y": "2", "z": "3"}, {"y": "b", "z": "d"}
    for host in order:
        trail.out(f"f/{ports[host]}", plain)
    for host in order:
        trail.into(f"{host}/vmk", plain, Passage.OTHERS).out(f"{host}/p", plain)
    for host in order:
        mine = Passage.HERE if host == "y" else Passage.OTHERS
        trail.into(f"{machines[host]}/0", plain, mine)
    assert nodes(follow(trail.seen, "a", SWITCHED)) == ["vm-a", "esx1", "esx2", "vm-b"]


def test_a_host_is_crossed_anew_after_the_router_in_it() -> None:
    where = Map(
        places={
            "a": router("vm-a", "0"),
            "x": switch("esx1"),
            "d": Place(node="dlr", host="esx1", interfaces={"0": "lif1", "1": "lif2"}),
            "b": router("vm-b", "0"),
        },
        wires=wired(
            (("a", "0"), ("x", "1")),
            (("x", "2"), ("d", "0")),
            (("d", "1"), ("x", "3")),
            (("x", "4"), ("b", "0")),
        ),
    )
    trail, what = Trail(), packet()
    trail.across("a/0", "x/1", what, Passage.OTHERS).across("x/2", "d/0", what)
    trail.across("d/1", "x/3", what, Passage.OTHERS).across("x/4", "b/0", what)
    way = follow(trail.seen, "a", where)
    assert nodes(way) == ["vm-a", "esx1", "dlr", "esx1", "vm-b"]
    assert (way.crossings[2].host, way.crossings[2].came, way.crossings[2].left) == ("esx1", "lif1", "lif2")


def test_copies_for_two_hosts_may_pass_side_by_side() -> None:
    plain, trail = packet(), Trail()
    mine, other = (packet(CLIENT, PUBLIC, Layer("VXLAN", 11, dst)) for dst in (12, 13))
    trail.across("a/0", "x/p", plain)
    for copy in (mine, other):
        trail.out("x/vmk", copy)
    for copy in (mine, other):
        trail.into("f/1", copy, Passage.OTHERS)
    trail.out("f/2", mine).out("f/3", other)
    trail.into("y/vmk", mine).into("z/vmk", other).out("y/p", plain).out("z/p", plain)
    trail.into("b/0", plain).into("d/0", plain, Passage.OTHERS)
    way = follow(trail.seen, "a", SWITCHED)
    assert nodes(way) == ["vm-a", "esx1", "esx2", "vm-b"]
    assert [crossing.after.dst for crossing in way.crossings] == [PUBLIC, 12, PUBLIC, PUBLIC]


def test_a_machine_that_got_a_copy_was_not_on_the_way() -> None:
    plain, trail = packet(), Trail()
    trail.across("a/0", "x/p", plain).across("x/vmk", "f/1", plain, Passage.OTHERS)
    trail.across("f/3", "z/vmk", plain, Passage.OTHERS).across("z/p", "d/0", plain, Passage.OTHERS)
    assert "vm-d" not in nodes(follow(trail.seen, "a", SWITCHED))
