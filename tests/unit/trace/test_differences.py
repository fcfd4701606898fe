"""Which traffics change between two networks, and at which hop."""

from typing import Any

from hopbook.trace.differences import differences
from hopbook.trace.traffic import Traffic, expand
from hopbook.trace.verify import Verification, verify


def results(lab: Any, traffics: dict[str, Traffic], *names: str) -> list[Verification]:
    network = lab.network(cluster=False)
    cases = [case for name in names for case in expand(traffics[name], lab.site)]
    here = [case for case in cases if case.source in {"client", "icp-worker-1"}]
    return [verify(case, network) for case in here]


def test_nothing_changed(lab: Any, traffics: dict[str, Traffic]) -> None:
    before = results(lab, traffics, "client-to-icp-proxy", "icp-node-to-ntp")
    assert not differences(before, results(lab, traffics, "client-to-icp-proxy", "icp-node-to-ntp"))


def test_a_rule_that_is_gone_names_the_hop_and_what_it_did(lab: Any, traffics: dict[str, Traffic]) -> None:
    before = results(lab, traffics, "client-to-icp-proxy")
    after = results(lab.without("icp-esg/dnat-proxy-443"), traffics, "client-to-icp-proxy")
    (found,) = differences(before, after)
    assert (found.case, found.broken, found.way) == (
        "client-to-icp-proxy client → icp-esg tcp/443",
        True,
        "there",
    )
    assert found.hop == 3
    assert "DNAT dnat-proxy-443" in found.was
    assert "nothing answers" in found.now
    assert "there, hop 3" in str(found)


def test_the_other_way_round_it_is_mended(lab: Any, traffics: dict[str, Traffic]) -> None:
    before = results(lab.without("icp-esg/snat-private"), traffics, "icp-node-to-ntp")
    (found,) = differences(before, results(lab, traffics, "icp-node-to-ntp"))
    assert (found.mended, found.broken, found.hop) == (True, False, 3)


def test_a_case_that_only_one_side_has(lab: Any, traffics: dict[str, Traffic]) -> None:
    both = results(lab, traffics, "client-to-icp-proxy", "icp-node-to-ntp")
    found = differences(both[:-1], both)
    assert [item.before for item in found] == [""]
