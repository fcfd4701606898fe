"""The files of `runbooks/traffic/`, and what is refused in one."""

from collections.abc import Callable
from typing import Any

import pytest

from hopbook.errors import InvalidInput
from hopbook.site.document import read_document
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
        expected = "icp.egress=proxy" not in traffic.when
        assert bool(expand(traffic, lab.site)) is expected, name


def test_every_statement_is_cited_by_a_step(traffics: dict[str, Traffic]) -> None:
    cited = {
        step.cites for traffic in traffics.values() for variant in traffic.variants for step in variant.steps
    }
    assert {"S2", "S3", "S4", "S5", "S6", *(f"T2.{number}" for number in range(1, 7))} <= cited


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
