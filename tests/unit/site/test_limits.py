from typing import Any

import pytest

from hopbook.resources.nsxv import EdgeSize
from hopbook.site.limits import MAXIMUMS, Confidence, limit
from hopbook.site.model import Site


def site(**limits: int) -> Site:
    data: dict[str, Any] = {
        "hopbook": 1,
        "site": "x",
        "limits": {k.replace("_", "-"): v for k, v in limits.items()},
    }
    return Site.model_validate(data)


@pytest.mark.parametrize(
    ("name", "size", "value"),
    [
        ("ipsec-tunnels", EdgeSize.COMPACT, 512),
        ("ipsec-tunnels", EdgeSize.LARGE, 1600),
        ("ipsec-tunnels", EdgeSize.QUADLARGE, 4096),
        ("ipsec-tunnels", EdgeSize.XLARGE, 6000),
        ("ipsec-tunnels", None, 512),
        ("bgp-neighbours", EdgeSize.XLARGE, 50),
        ("static-routes", EdgeSize.XLARGE, 2048),
        ("syslog-servers", None, 2),
    ],
)
def test_limits_by_size(name: str, size: EdgeSize | None, value: int) -> None:
    assert limit(site(), name, size).value == value


def test_the_site_knows_better() -> None:
    bound = limit(site(nat_rules=10), "nat-rules", EdgeSize.XLARGE)
    assert (bound.value, bound.confidence) == (10, Confidence.SITE)
    assert str(bound) == "at most 10 NAT rules an edge (limits.nat-rules; the site file says so)"


def test_no_such_limit() -> None:
    with pytest.raises(KeyError):
        limit(site(), "turtles")


def test_what_is_recalled_says_so() -> None:
    recalled = [each for each in MAXIMUMS.values() if "recalled" in each.source]
    assert recalled
    assert all(each.confidence is Confidence.UNSURE for each in recalled)
    assert all(len(each.values) in {1, len(EdgeSize)} for each in MAXIMUMS.values())
