"""The files of `runbooks/traffic/`, and what is refused in one."""

from collections.abc import Callable
from dataclasses import replace
from ipaddress import IPv4Address
from typing import Any

import pytest

from hopbook.errors import InvalidInput
from hopbook.site.document import read_document
from hopbook.site.model import Join, Site
from hopbook.trace import conditions
from hopbook.trace.clusters import Spot
from hopbook.trace.places import spots
from hopbook.trace.traffic import Traffic, expand, read_traffic

GOOD: dict[str, Any] = {
    "traffic": "a-traffic",
    "title": "Somebody talks to somebody",
    "cites": ["S5"],
    "from": "icp.node",
    "to": "ibm_cloud.ntp",
    "protocols": ["udp"],
    "variants": [{"expect": "full", "steps": [{"cites": "S5", "says": "it goes", "hop": {"node": "esg"}}]}],
}


def with_(step: Any = None, **fields: Any) -> dict[str, Any]:
    variant = {**GOOD["variants"][0], **({"steps": [step]} if step is not None else {})}
    return {**GOOD, "variants": [variant], **fields}


def test_every_file_is_named_like_its_traffic_and_expands(lab: Any, traffics: dict[str, Traffic]) -> None:
    assert {"internet-to-icp-web", "icp-node-to-registry", "icp-node-to-dns"} <= traffics.keys()
    for name, traffic in traffics.items():
        assert traffic.traffic == name
        expected = not {"icp.egress=proxy", "iks.join=vpn", "icp.vpns"} & set(traffic.when)
        assert bool(expand(traffic, lab.site)) is expected, name


def test_every_statement_is_cited_by_a_step(traffics: dict[str, Traffic]) -> None:
    cited = {
        step.cites for traffic in traffics.values() for variant in traffic.variants for step in variant.steps
    }
    documented = ((1, 6), (2, 6), (3, 10), (4, 9), (5, 7))
    assert {f"T{traffic}.{step}" for traffic, last in documented for step in range(1, last + 1)} <= cited
    assert {
        "S2",
        "S3",
        "S4",
        "S5",
        "S6",
        *(f"S{number}" for number in range(7, 15)),
        "S16",
        "S20",
        "S24",
    } <= cited


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (with_(**{"from": "icp.nobody"}), "icp.nobody is no place"),
        (with_(when=["icp.egress=magic"]), "icp.egress=magic is no condition"),
        (with_(cites=["X1"]), "cites"),
        (with_(step={"cites": "S5", "says": "nothing"}), "exactly one of hop, absent, name, owns, later"),
        (
            with_(step={"cites": "S5", "says": "two", "hop": {}, "later": "some day"}),
            "exactly one of hop, absent, name, owns, later",
        ),
        (with_(step={"cites": "S5", "says": "it goes", "hop": {"flies": True}}), "flies"),
        (with_(step={"cites": "S5", "says": "x", "hop": {"encapsulates": "GRE"}}), "encapsulates"),
        (with_(step={"cites": "S5", "says": "x", "hop": {"source": "icp.nobody"}}), "icp.nobody is no place"),
        (
            with_(step={"cites": "S5", "says": "x", "hop": {}, "where": {"between": ["esg", "dlr"]}}),
            "exactly one of",
        ),
        (
            with_(
                step={
                    "cites": "S5",
                    "says": "x",
                    "hop": {},
                    "where": {"between": ["esg", "dlr"], "host": "same", "worker": "other"},
                }
            ),
            "exactly one of worker, subnet, host",
        ),
        (
            with_(
                step={"cites": "S5", "says": "x", "hop": {}, "where": {"between": ["esg"], "host": "same"}}
            ),
            "between",
        ),
        (with_(variants=[]), "variants"),
        (with_(variants=[{"expect": "sometimes"}]), "expect"),
    ],
)
def test_what_is_refused(data: dict[str, Any], words: str, traffic_of: Callable[..., Traffic]) -> None:
    with pytest.raises(InvalidInput, match="a-traffic") as caught:
        traffic_of(data)
    assert words in str(caught.value)


def test_a_problem_of_a_file_has_its_line() -> None:
    text = "traffic: x\ntitle: X\ncites: [S1]\nfrom: nowhere\nto: icp.node\nvariants: [{expect: full}]\n"
    with pytest.raises(InvalidInput, match=r"x\.yaml:4 from.*nowhere is no place"):
        read_traffic(read_document(text, "x.yaml"))


def test_a_case_for_each_source_destination_protocol_and_port(
    lab_with: Callable[..., Any], traffic_of: Callable[..., Traffic]
) -> None:
    site = lab_with(
        icp__nodes={"master": ["192.168.20.11"], "proxy": ["192.168.20.21"], "worker": ["192.168.20.51"]}
    ).site
    traffic = traffic_of(with_(to="icp.published.proxy", protocols=["tcp", "udp"]))
    assert [case.name for case in expand(traffic, site)][:4] == [
        "icp-master-1 → icp-esg tcp/80",
        "icp-master-1 → icp-esg tcp/443",
        "icp-master-1 → icp-esg udp/80",
        "icp-master-1 → icp-esg udp/443",
    ]
    assert len(expand(traffic, site)) == 12
    assert len({case.id for case in expand(traffic, site)}) == 12


def test_the_first_variant_that_holds_is_the_sites(
    lab: Any, lab_with: Callable[..., Any], traffics: dict[str, Traffic]
) -> None:
    proxy = lab_with(icp__egress="proxy", icp__proxy={"address": "10.95.8.40"})
    names = {expand(traffics["icp-node-to-registry"], item.site)[0].variant.name for item in (lab, proxy)}
    assert names == {"snat", "proxy"}


def named(traffic: Traffic, *places: str, site: Site) -> list[str]:
    return [
        " ".join(f"{place}={','.join(spot.node for spot in case.spots[place])}" for place in places)
        for case in expand(traffic, site)
    ]


def test_each_cluster_is_taken_alone_and_in_its_own_way(
    site_with: Callable[..., Site], traffics: dict[str, Traffic]
) -> None:
    (first,) = site_with().iks
    assert first.join is not None
    join = first.join.model_copy(update={"how": Join.BCR_BGP})
    second = first.model_copy(update={"name": "iks-b", "join": join})
    site = site_with().model_copy(update={"iks": (first, second)})
    cases = expand(traffics["iks-web-to-database"], site)
    assert [(case.variant.name, case.missing) for case in cases] == [
        ("common VLAN and BGP", "nobody observed iks.web"),
        ("extended network", "nobody observed iks.web"),
        ("BGP with the BCR", "nobody observed iks.web"),
        ("extended network", "nobody observed iks.web"),
    ]


def test_each_database_is_taken_alone(
    site_with: Callable[..., Site], traffic_of: Callable[..., Traffic]
) -> None:
    step = {"cites": "S5", "says": "it goes", "hop": {"node": "database.dlr"}}
    traffic = traffic_of(
        with_(step=step, **{"from": "ibm_cloud.client", "to": "database", "protocols": ["tcp"]})
    )
    site = site_with()
    assert [case.name for case in expand(traffic, site)] == [
        "client → orders tcp/3306",
        "client → ledger tcp/5432",
    ]
    assert named(traffic, "database.dlr", site=site) == ["database.dlr=workload-dlr", "database.dlr="]


def test_a_step_that_is_not_of_the_site_is_left_out(
    site_with: Callable[..., Site], traffics: dict[str, Traffic]
) -> None:
    says = {
        step.says
        for case in expand(traffics["iks-web-to-database"], site_with())
        for step in case.variant.steps
    }
    assert "the worker sends it straight to the ESG, on the VLAN that they share" in says
    assert not any("router appliance, on the VLAN" in step for step in says)


def test_nobody_talks_to_himself(lab: Any, traffic_of: Callable[..., Traffic]) -> None:
    traffic = traffic_of(with_(to="icp.node", ports=[8001]))
    cases = expand(traffic, lab.site)
    nodes = {case.source for case in cases}
    assert len(cases) == len(nodes) * (len(nodes) - 1)


def test_places_of_the_site_need_no_network(lab: Any) -> None:
    network = lab.network()
    assert spots(lab.site, "esg") == spots(lab.site, "esg", network) == (Spot("icp-esg"),)
    assert spots(lab.site, "concentrator.cloud") == (Spot("hcx-concentrator", IPv4Address("10.95.70.10")),)
    assert spots(lab.site, "iks.worker") == spots(lab.site, "iks.worker", network) == ()
    assert spots(lab.site, "host-of.esg", network) == ()
    assert spots(lab.site, "host-of.concentrator.enterprise", network) == (Spot("on-premises-esxi"),)


def test_a_virtual_address_is_where_a_node_has_it(lab: Any) -> None:
    network = lab.network()
    vip = IPv4Address("192.168.20.20")
    (declared,) = spots(lab.site, "icp.vips.proxy", network)
    assert (declared.node, declared.address) == ("icp-proxy-vip", vip)
    nodes = dict(network.nodes)
    gone = nodes.pop("icp-proxy-vip")
    node = nodes["icp-proxy-2"]
    eth0 = node.interfaces["eth0"]
    held = replace(eth0, addresses=(*eth0.addresses, *gone.addresses))
    nodes["icp-proxy-2"] = replace(node, interfaces={"eth0": held})
    (found,) = spots(lab.site, "icp.vips.proxy", replace(network, nodes=nodes))
    assert found == Spot("icp-proxy-2", vip, declared.ports)


@pytest.mark.parametrize(
    ("name", "holds"),
    [
        ("iks", True),
        ("iks.join=vlan-bgp", True),
        ("iks.join=vpn", False),
        ("iks.next-hop=onlink", True),
        ("iks.next-hop=vra", False),
        ("hcx", True),
        ("database.on=overlay", True),
        ("database.on=icp-overlay", False),
        ("database.on=extended-network", False),
        ("database.published", False),
        ("database.by=shared-transit", False),
        ("icp.gateway=dlr", True),
        ("icp.gateway=esg", False),
        ("cluster", True),  # not the site's to say
        ("hosts", True),
    ],
)
def test_conditions_of_the_example(name: str, holds: bool, lab: Any) -> None:
    assert conditions.known(name)
    assert conditions.hold([name], lab.site, lab.network(cluster=False)) is holds
