from pathlib import Path

import pytest

from hopbook.errors import InvalidInput
from hopbook.site.load import read_site
from hopbook.site.needs import require

SITE = read_site((Path(__file__).parents[3] / "runbooks/sites/example.yaml").read_bytes(), "example.yaml")
EMPTY = read_site("hopbook: 1\nsite: empty\n", "empty.yaml")


def test_all_is_there() -> None:
    require(SITE, ("vcs", "ibm_cloud", "icp", "overlays", "icp.public", "vcs.uplinks.private"), "icp-network")


def test_each_missing_section_is_named() -> None:
    with pytest.raises(InvalidInput) as caught:
        require(EMPTY, ("vcs", "overlays", "icp", "endpoints.nsx", "on_premises", "title"), "icp-network")
    found = [problem.what for problem in caught.value.problems]
    assert len(found) == 6
    assert all("icp-network needs" in what for what in found)
    assert "add `vcs` with datacenter, transport_zone, hosts, uplinks, placements" in found[0]
    assert "add `overlays`, a list of items with name, edge, transit, networks" in found[1]
    assert "add `endpoints.nsx` with url, username, password" in found[3]
    assert found[5].endswith("add `title`")


def test_a_section_inside_a_missing_one() -> None:
    with pytest.raises(InvalidInput) as caught:
        require(EMPTY, ("vcs.uplinks.public",), "x")
    assert "add `vcs.uplinks.public` with subnet, gateway, port_group" in str(caught.value)


def test_no_such_section() -> None:
    with pytest.raises(InvalidInput, match="did you mean `endpoints`"):
        require(SITE, ("endpoint.nsx",), "x")
