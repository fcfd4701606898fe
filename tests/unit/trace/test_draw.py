"""The picture of a path: what overlaps is found by boxes of our own, contrast by what was painted below."""

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import combinations, pairwise
from typing import Any, NamedTuple

import pytest
from lxml import etree

from hopbook.network.encapsulation import ESP, EXTENSION, IP_IN_IP, VXLAN, wrapped
from hopbook.network.nodes import IbmRouter, Internet, Medium, Network, Node, Segment
from hopbook.network.packet import Inside, Packet
from hopbook.trace.draw import draw
from hopbook.trace.drawing.palette import DARK, LIGHT
from hopbook.trace.traffic import Traffic, expand
from hopbook.trace.verdict import Decision, End, Hop, Leg, Path, Trace, Verdict, Walk, What
from hopbook.trace.verify import Verification, verify
from hopbook.trace.walk import trace
from tests.unit.trace.parts import (
    HERE,
    dlr,
    esg,
    esxi,
    host,
    kube,
    network,
    placed,
    route,
    router,
    side,
    tcp,
    vxlan,
)

SVG = "{http://www.w3.org/2000/svg}"
NARROW = frozenset(" ijlIJ.,:;'’·|/\\()[]ft!-")


class Box(NamedTuple):
    left: float
    top: float
    right: float
    bottom: float
    text: str = ""

    def meets(self, other: "Box") -> bool:
        level = self.left < other.right and other.left < self.right
        return level and self.top < other.bottom and other.top < self.bottom

    def holds(self, other: "Box") -> bool:
        level = self.left <= other.left and other.right <= self.right
        return level and self.top <= other.top and other.bottom <= self.bottom


class Picture:
    """An SVG as an independent parser has it."""

    def __init__(self, svg: str) -> None:
        parser = etree.XMLParser(resolve_entities=False, no_network=True)
        self.root = etree.fromstring(svg.encode(), parser)
        self.high = float(self.root.get("height", "0"))

    def all(self, name: str) -> Iterator[Any]:
        return self.root.iter(f"{SVG}{name}")

    def texts(self) -> list[str]:
        return [item.text or "" for item in self.all("text")]

    def boxes(self) -> list[Box]:
        return [box_of(item) for item in self.all("text")]

    def words(self) -> str:
        return " ".join(self.texts())

    def groups(self) -> list[str]:
        """All that is written beside one node, row by row."""
        rows = [item for item in self.all("g") if item.find(f"{SVG}title") is not None]
        return [" ".join(text.text or "" for text in row.iter(f"{SVG}text")) for row in rows]


def box_of(text: Any) -> Box:
    size, x, y = (float(text.get(name)) for name in ("font-size", "x", "y"))
    ems = sum(0.35 if character in NARROW else 0.62 for character in text.text)
    wide = ems * size * (1.1 if text.get("font-weight") else 1)
    left = x - wide / 2 if text.get("text-anchor") == "middle" else x
    return Box(left, y - size * 0.75, left + wide, y + size * 0.2, text.text)


def overlaps(picture: Picture) -> list[tuple[str, str]]:
    return [(one.text, other.text) for one, other in combinations(picture.boxes(), 2) if one.meets(other)]


def crossed(picture: Picture) -> list[str]:
    """Texts in the map that a way runs through."""
    ways = [item for item in picture.all("path") if item.get("class") in {"s-there", "s-back"}]
    lines = [
        Box(min(x, to_x) - 1, min(y, to_y) - 1, max(x, to_x) + 1, max(y, to_y) + 1)
        for item in ways
        for x, y, to_x, to_y in pieces(item)
    ]
    marks = re.compile(r"\d+")  # the numbers stand on the ways
    texts = [box for box in picture.boxes() if not marks.fullmatch(box.text)]
    return [box.text for box in texts if any(box.meets(line) for line in lines)]


def pieces(item: Any) -> list[tuple[float, float, float, float]]:
    """The lines of a path from corner to corner."""
    points = [(float(x), float(y)) for x, y in re.findall(r"(-?[\d.]+) (-?[\d.]+)", item.get("d", ""))]
    return [(*a, *b) for a, b in pairwise(points)]


def readable(svg: str) -> None:
    picture = Picture(svg)
    assert not overlaps(picture)
    assert not crossed(picture)
    page = Box(0, 0, 1200, picture.high)
    outside = [box for box in picture.boxes() if not page.holds(box)]
    assert not outside


def luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def painted(svg: str) -> Iterator[tuple[str, str, str]]:
    """Each text with its colour's name and that of the surface that it stands on."""
    surfaces: list[tuple[Box, str]] = []
    for item in Picture(svg).root.iter(f"{SVG}rect", f"{SVG}circle", f"{SVG}text"):
        fill = next((name[2:] for name in item.get("class", "").split() if name.startswith("f-")), "")
        if item.tag == f"{SVG}text":
            box = box_of(item)
            x, y = (box.left + box.right) / 2, (box.top + box.bottom) / 2
            below = [
                name
                for area, name in surfaces
                if area.left <= x <= area.right and area.top <= y <= area.bottom
            ]
            yield box.text, fill, below[-1]
        elif fill:
            surfaces.append((surface(item), fill))


def surface(item: Any) -> Box:
    if item.tag == f"{SVG}circle":
        x, y, radius = (float(item.get(name)) for name in ("cx", "cy", "r"))
        return Box(x - radius, y - radius, x + radius, y + radius)
    x, y, wide, high = (float(item.get(name)) for name in ("x", "y", "width", "height"))
    return Box(x, y, x + wide, y + high)


def rules(svg: str) -> tuple[dict[str, str], dict[str, str]]:
    """The fills of both schemes, as the style sheet has them."""
    (sheet,) = [item.text or "" for item in Picture(svg).all("style")]
    light, dark = sheet.split("@media (prefers-color-scheme:dark)")
    pattern = r"\.f-([\w-]+)\{fill:(#[0-9a-f]{6})\}"
    return dict(re.findall(pattern, light)), dict(re.findall(pattern, dark))


# Paths by hand: a hop of every kind, encapsulations in each other, and as many hops as there may be


def chain(names: list[str], kinds: Callable[[str], Node], packet: Packet, layers: dict[int, Packet]) -> Walk:
    """A walk by nodes; from the hops in `layers` on, the packet is another one."""
    hops = []
    now = packet
    for at, name in enumerate(names):
        after = layers.get(at, now)
        decisions = (Decision(What.SWITCHED, words="a segment"),)
        hops.append(Hop(kinds(name), None, None, now, after, decisions))
        now = after
    return Walk(tuple(hops), End(Verdict.DELIVERED, names[-1]), {})


def there_and_back(whole: Network, names: list[str], layers: dict[int, Packet], packet: Packet) -> Trace:
    there = chain(names, whole.nodes.__getitem__, packet, layers)
    back = chain(names[::-1], whole.nodes.__getitem__, packet.reply(), {})
    path = Path((Leg(there, back),), there.end)
    return Trace(packet, names[0], (path,))


def nested() -> tuple[Trace, Network]:
    """IP-in-IP in VXLAN in ESP in an L2 extension, by 25 nodes."""
    names = [f"node-{number}" for number in range(1, 26)]
    nodes = [
        esxi("esx-1", "10.0.0.1/24"),
        *(host(name, "lan", f"10.0.1.{n}/24") for n, name in enumerate(names, 1)),
    ]
    for at in (3, 4, 5):
        nodes[at] = replace(nodes[at], host="esx-1")
    whole = network(*nodes)
    plain = tcp("10.0.1.1", "10.0.1.25")
    one = wrapped(Inside(plain, IP_IN_IP, "tunl0"), 1, 2)
    two = wrapped(Inside(one, VXLAN, "front"), 3, 4)
    three = wrapped(Inside(two, ESP, "vpn"), 5, 6)
    four = wrapped(Inside(three, EXTENSION, "sales"), 7, 8)
    layers = {2: one, 4: two, 6: three, 8: four, 12: three, 14: two, 16: one, 18: plain}
    return there_and_back(whole, names, layers, plain), whole


def hosts(there: str, *, vtep_mtu: int = 1600) -> Network:
    """Two machines behind one DLR on two hosts."""
    return network(
        esxi("esx-1", "10.0.0.1/24", vtep_mtu),
        esxi("esx-2", "10.0.0.2/24"),
        placed(host("web", "front", "192.168.1.10/24", "192.168.1.1"), "esx-1"),
        placed(host("db", "back", "192.168.2.10/24", "192.168.2.1"), there),
        dlr("dlr", side("front", "front", "192.168.1.1/24"), side("back", "back", "192.168.2.1/24")),
        segments={"front": vxlan("front", 5001), "back": vxlan("back", 5002)},
    )


def between_hosts(**more: Any) -> tuple[Trace, Network]:
    whole = hosts("esx-2", **more)
    return trace(whole, tcp("192.168.1.10", "192.168.2.10"), "web"), whole


def one_way_round() -> tuple[Trace, Network]:
    """The reply takes another router than the packet, and the edge on the way there waits for it."""
    whole = network(
        host("a", "lan-a", "10.1.0.10/24", "10.1.0.1"),
        host("b", "lan-b", "10.2.0.10/24", "10.2.0.2"),
        esg("edge", side("a", "lan-a", "10.1.0.1/24", index=0), side("b", "lan-b", "10.2.0.1/24", index=1)),
        router("past", side("a", "lan-a", "10.1.0.2/24"), side("b", "lan-b", "10.2.0.2/24")),
    )
    return trace(whole, tcp("10.1.0.10", "10.2.0.10"), "a"), whole


@pytest.fixture
def verification(lab: Any, traffics: dict[str, Traffic]) -> tuple[Verification, Network]:
    whole = lab.network()
    return verify(expand(traffics["internet-to-icp-web"], lab.site)[0], whole), whole


@pytest.fixture
def denied(lab: Any, traffics: dict[str, Traffic]) -> tuple[Verification, Network]:
    broken = lab.without("icp-esg/clients-to-proxy")
    whole = broken.network()
    return verify(expand(traffics["client-to-icp-proxy"], broken.site)[0], whole), whole


@pytest.fixture(params=["verification", "denied", "nested", "between hosts", "too large", "one way round"])
def drawn(request: pytest.FixtureRequest) -> tuple[Trace | Verification, Network]:
    made: dict[str, Callable[[], tuple[Trace | Verification, Network]]] = {
        "nested": nested,
        "between hosts": between_hosts,
        "too large": lambda: between_hosts(vtep_mtu=1500),
        "one way round": one_way_round,
    }
    if request.param in made:
        return made[request.param]()
    found: tuple[Verification, Network] = request.getfixturevalue(request.param)
    return found


def shown(found: Trace | Verification) -> Trace:
    return found if isinstance(found, Trace) else (found.as_if or found.traces)[0]


# Every picture


def test_every_hop_is_there_with_its_number_and_node(drawn: tuple[Trace | Verification, Network]) -> None:
    groups = Picture(draw(*drawn)).groups()
    hops = shown(drawn[0]).worst.hops
    for number, (_, _, hop) in enumerate(hops, start=1):
        # Once on the way and once before the label; a long name is broken
        fits = [row for row in groups if row.split().count(str(number)) == 2]
        assert len(fits) == 1, number
        assert hop.node.name in fits[0].replace("- ", "-"), number


def test_nothing_overlaps_or_leaves_the_picture(drawn: tuple[Trace | Verification, Network]) -> None:
    readable(draw(*drawn))


def test_text_is_readable_in_both_schemes(drawn: tuple[Trace | Verification, Network]) -> None:
    svg = draw(*drawn)
    for scheme in rules(svg):
        for text, colour, below in painted(svg):
            assert contrast(scheme[colour], scheme[below]) >= 4.5, (text, colour, below)


def test_it_is_the_same_every_time(drawn: tuple[Trace | Verification, Network]) -> None:
    assert draw(*drawn) == draw(*drawn)


def test_it_needs_nothing_else_and_says_what_it_is(drawn: tuple[Trace | Verification, Network]) -> None:
    svg = draw(*drawn)
    root = Picture(svg).root
    assert root.tag == f"{SVG}svg"
    assert root.get("role") == "img"
    assert (root[0].tag, root[1].tag) == (f"{SVG}title", f"{SVG}desc")
    assert root.get("aria-label") == root[0].text
    assert all(hop.node.name in (root[1].text or "") for _, _, hop in shown(drawn[0]).worst.hops)
    elements = {etree.QName(item).localname for item in root.iter(etree.Element)}
    assert elements <= {"svg", "title", "desc", "style", "rect", "circle", "path", "text", "g"}
    names = {name for item in root.iter(etree.Element) for name in item.attrib}
    assert not {name for name in names if name.startswith("on") or name in {"id", "href", "style", "src"}}
    assert "url(" not in svg
    assert "@import" not in svg


def test_every_colour_that_is_used_is_in_both_schemes(drawn: tuple[Trace | Verification, Network]) -> None:
    names = {name for item in Picture(draw(*drawn)).root.iter() for name in item.get("class", "").split()}
    used = {name[2:] for name in names if name[:2] in {"f-", "s-"}}
    assert used <= LIGHT.keys()
    assert LIGHT.keys() == DARK.keys()


# What it shows


def test_the_two_ways_do_not_cross_where_they_visit_the_same_nodes(
    verification: tuple[Verification, Network],
) -> None:
    picture = Picture(draw(*verification))
    there, back = (
        [
            Box(min(x, to_x), min(y, to_y), max(x, to_x), max(y, to_y))
            for item in picture.all("path")
            if item.get("class") == way and len(pieces(item)) > 1
            for x, y, to_x, to_y in pieces(item)
        ]
        for way in ("s-there", "s-back")
    )
    assert len(there) > 4
    assert not [(one, other) for one in there for other in back if one.meets(other)]


def test_tubes_that_begin_at_once_have_their_names_below_each_other() -> None:
    whole = network(*(host(name, "lan", f"10.0.1.{n}/24") for n, name in enumerate("abc", 1)))
    plain = tcp("10.0.1.1", "10.0.1.3")
    twice = wrapped(Inside(wrapped(Inside(plain, IP_IN_IP, "tunl0"), 1, 2), VXLAN, "front"), 3, 4)
    picture = Picture(draw(there_and_back(whole, ["a", "b", "c"], {0: twice, 1: plain}, plain), whole))
    boxes = {box.text: box for box in picture.boxes()}
    outer, inner = (
        surface(item) for item in picture.all("rect") if item.get("rx") == "8" and item.get("x") != "0"
    )
    assert outer.bottom <= inner.top
    assert boxes["↓ VXLAN front"].bottom < boxes["↓ IP-in-IP tunl0"].top


def test_a_verification_shows_its_steps_with_the_numbers_of_their_hops(
    verification: tuple[Verification, Network],
) -> None:
    found, whole = verification
    picture = Picture(draw(found, whole))
    met, later = (sum(step.met == kind for step in found.steps) for kind in ("met", "later"))
    said = f"Documented steps: {met} of {len(found.steps) - later} met"
    assert (f"{said}, {later} not asked" if later else said) in picture.texts()
    heading = next(box for box in picture.boxes() if box.text.startswith("Documented steps"))
    below = [box for box in picture.boxes() if box.top > heading.bottom]
    for step in found.steps:
        left, top = next((box.left, box.top) for box in below if box.text == step.says)
        beside = {box.text for box in below if abs(box.top - top) < 4 and 0 < box.left - left < 560}
        assert not step.hop or str(step.hop) in beside, step.says


def test_addresses_are_shown_before_and_after_both_translations(
    verification: tuple[Verification, Network],
) -> None:
    texts = Picture(draw(*verification)).texts()
    assert "dst 203.0.113.19:80 → 192.168.20.20:80" in texts
    assert "src 192.168.20.20:80 → 203.0.113.19:80" in texts


def test_where_it_ended_is_marked_with_the_reason(denied: tuple[Verification, Network]) -> None:
    found, whole = denied
    picture = Picture(draw(found, whole))
    (row,) = [row for row in picture.groups() if "icp-esg" in row]
    assert f"denied: {found.traces[0].end.reason}" in row
    assert "denied, not as promised" in picture.texts()
    assert "not met: it ended at icp-esg" in picture.texts()
    crosses = [item for item in picture.all("circle") if "f-bad-pale" in item.get("class", "")]
    at = next(box for box in picture.boxes() if box.text == "icp-esg")
    assert any(0 < float(item.get("cy")) - at.bottom < 40 for item in crosses)


def test_a_way_that_ends_on_the_way_back_is_marked_there() -> None:
    found, whole = one_way_round()
    assert found.worst.returning
    picture = Picture(draw(found, whole))
    (row,) = [row for row in picture.groups() if str(found.verdict) in row]
    assert str(len(found.worst.hops)) in row.split()
    assert f"{found.verdict} at {found.end.node}" in picture.texts()
    (mark,) = [surface(item) for item in picture.all("circle") if "f-bad-pale" in item.get("class", "")]
    last = next(box for box in picture.boxes() if box.text == str(len(found.worst.hops)))
    assert mark.bottom < last.top
    assert mark.left < last.left < last.right < mark.right


def test_what_is_too_large_is_marked_where_it_is_not_where_the_small_packets_went() -> None:
    found, whole = between_hosts(vtep_mtu=1500)
    (row,) = [row for row in Picture(draw(found, whole)).groups() if "MTU exceeded" in row]
    assert found.end.node == "esx-1"
    assert "esx-1" in row


def test_a_host_frames_its_machines_and_the_router_in_it() -> None:
    picture = Picture(draw(*between_hosts()))
    frames = [surface(item) for item in picture.all("rect") if "s-host-edge" in item.get("class", "")]
    assert len(frames) == 2
    names = [
        {
            box.text
            for box in picture.boxes()
            if frame.left < box.left < frame.right and frame.top < box.top < frame.bottom
        }
        for frame in frames
    ]
    assert {"ESXi host esx-1", "web", "esx-1", "dlr"} <= names[0]
    assert {"ESXi host esx-2", "db", "esx-2", "dlr"} <= names[1]  # the way back is routed there


def test_a_pod_stands_in_its_node_and_the_node_in_its_host() -> None:
    pairs = {"pod web": Segment(name="pod web", medium=Medium.POD, fact=HERE)}
    worker = placed(
        kube(
            "worker-1",
            side("eth0", "lan", "10.0.1.11/24"),
            side("cali", "pod web"),
            routes=[route("172.30.1.10/32", "cali")],
        ),
        "esx-1",
    )
    pod = host("web", "pod web", "172.30.1.10/32")
    whole = network(esxi("esx-1", "10.0.0.1/24"), worker, pod, segments=pairs)
    found = there_and_back(whole, ["web", "worker-1", "esx-1"], {}, tcp("172.30.1.10", "10.0.1.12"))
    picture = Picture(draw(found, whole))
    (inner,) = [surface(item) for item in picture.all("rect") if "s-kube-edge" in item.get("class", "")]
    (outer,) = [surface(item) for item in picture.all("rect") if "s-host-edge" in item.get("class", "")]
    assert outer.left < inner.left < inner.right < outer.right
    assert outer.top < inner.top < inner.bottom < outer.bottom
    assert {"pod", "Kubernetes node", "virtual switch"} <= set(picture.texts())


def test_each_encapsulation_is_a_tube_with_its_name() -> None:
    picture = Picture(draw(*nested()))
    names = set(picture.texts())
    assert {"↓ IP-in-IP tunl0", "↓ VXLAN front", "↓ ESP vpn", "↓ L2 extension sales"} <= names
    thick = {colour: tubes(picture, colour)[-1][0] for colour in ("ipip", "vxlan", "esp", "extension")}
    assert sorted(thick, key=lambda colour: thick[colour]) == ["ipip", "vxlan", "esp", "extension"]


def tubes(picture: Picture, colour: str) -> list[tuple[float, list[float]]]:
    """Thickness and heights of the tubes of a colour; the last is on the map, above it is the key."""
    paths = [item for item in picture.all("path") if item.get("class") == f"s-{colour}"]
    return [
        (
            float(item.get("stroke-width")),
            [float(y) for _, y in re.findall(r"([\d.]+) ([\d.]+)", item.get("d"))],
        )
        for item in paths
    ]


def test_a_tube_reaches_from_where_it_begins_to_where_it_ends() -> None:
    picture = Picture(draw(*between_hosts()))
    middles = [(box.text, (box.top + box.bottom) / 2) for box in picture.boxes()]
    _, there, back = [heights for _, heights in tubes(picture, "vxlan")]
    for number, y in (("4", min(there)), ("5", max(there)), ("11", min(back)), ("10", max(back))):
        assert any(text == number and middle == pytest.approx(y, abs=2) for text, middle in middles), number


def test_names_are_text_and_not_markup() -> None:
    evil = "<script>&\"'\x00]]>"
    whole = network(host(evil, "lan", "10.0.1.1/24"), host("b", "lan", "10.0.1.2/24"))
    found = there_and_back(whole, [evil, "b"], {}, tcp("10.0.1.1", "10.0.1.2"))
    svg = draw(found, whole)
    assert "<script" not in svg
    assert "\x00" not in svg
    assert "<script>&\"'�]]>" in (Picture(svg).root[1].text or "")


def test_a_kind_of_node_that_nobody_knows_is_drawn() -> None:
    strange = Node(
        **{
            name: getattr(router("strange", side("a", "lan", "10.0.1.3/24")), name)
            for name in ("name", "fact", "interfaces", "routes")
        }
    )
    whole = network(host("a", "lan", "10.0.1.1/24"), strange)
    svg = draw(there_and_back(whole, ["a", "strange"], {}, tcp("10.0.1.1", "10.0.1.3")), whole)
    assert "strange" in Picture(svg).texts()
    readable(svg)


def test_a_trace_that_has_no_hop_says_why() -> None:
    whole = network(host("a", "lan", "10.0.1.1/24"))
    picture = Picture(draw(trace(whole, tcp("10.0.1.1", "10.0.1.2"), "nobody"), whole))
    assert "insufficient information at nobody" in picture.texts()
    assert "no node nobody is in the network" in picture.texts()


def test_a_case_that_cannot_be_traced_says_what_is_missing(
    site_with: Any, traffics: dict[str, Traffic], lab: Any
) -> None:
    site = site_with(ibm_cloud__client=None)
    found = verify(expand(traffics["client-to-icp-proxy"], site)[0], lab.network())
    texts = Picture(draw(found, lab.network())).texts()
    assert any("the site does not declare ibm_cloud.client" in text for text in texts)


def test_what_is_not_there_yet_is_said_at_the_hop_before(lab: Any, traffics: dict[str, Traffic]) -> None:
    whole = lab.network(cluster=False)
    found = verify(expand(traffics["client-to-icp-proxy"], lab.site)[0], whole)
    picture = Picture(draw(found, whole))
    (row,) = [row for row in picture.groups() if "as if somebody did" in row]
    assert "icp-dlr" in row
    assert "reaches icp-proxy-vip, as promised" in picture.texts()


def test_a_hairpin_has_one_row_for_the_edge_that_translates(lab: Any, traffics: dict[str, Traffic]) -> None:
    whole = lab.network()
    found = verify(expand(traffics["icp-node-to-published-proxy"], lab.site)[0], whole)
    (row,) = [row for row in Picture(draw(found, whole)).groups() if "icp-esg" in row]
    assert "DNAT hairpin-dnat-proxy-80" in row
    assert "un-NAT" in row


def test_zones_stand_in_reading_order(verification: tuple[Verification, Network]) -> None:
    boxes = Picture(draw(*verification)).boxes()
    zones = ["Internet", "IBM public", "VCS instance"]
    lefts = [next(box.left for box in boxes if box.text == zone) for zone in zones]
    assert lefts == sorted(lefts)


@pytest.mark.parametrize("kind", [IbmRouter, Internet])
def test_six_zones_and_long_names_still_fit(kind: type[Node]) -> None:
    declared = [
        "internet.user",
        "vcs.uplinks.public",
        "icp.vips",
        "ibm_cloud.dns",
        "on_premises.user",
        "iks.a",
    ]
    nodes = [
        replace(
            host(f"a-machine-with-quite-a-long-name-{number}", "lan", f"10.0.1.{number}/24"),
            fact=replace(HERE, source=source),
        )
        for number, source in enumerate([*declared, *declared], start=1)
    ]
    whole = network(*nodes)
    names = [node.name for node in nodes]
    readable(draw(there_and_back(whole, names, {}, tcp("10.0.1.1", "10.0.1.12")), whole))
