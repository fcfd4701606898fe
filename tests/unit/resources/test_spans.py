"""One spelling for one meaning, and what covers what."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hopbook.resources import spans


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("ANY", "any"),
        ("", "any"),
        (" 192.168.1.5/32 ", "192.168.1.5"),
        ("10.0.0.1/24", "10.0.0.0/24"),
        ("10.0.0.0/255.255.255.0", "10.0.0.0/24"),
        ("10.0.0.5-10.0.0.5", "10.0.0.5"),
        ("10.0.0.1 - 10.0.0.9", "10.0.0.1-10.0.0.9"),
        ("10.0.0.9-10.0.0.1", "10.0.0.9-10.0.0.1"),  # NSX refuses it, not we
        ("0.0.0.0/0", "0.0.0.0/0"),
        ("vnic-index-1", "vnic-index-1"),
        ("ipset-4", "ipset-4"),
        ("!10.0.0.0/8", "!10.0.0.0/8"),
        ("2001:db8::/32", "2001:db8::/32"),
        ("300.1.2.3", "300.1.2.3"),
    ],
)
def test_an_address_has_one_spelling(typed: str, meant: str) -> None:
    assert spans.canonical_address(typed) == meant
    assert spans.canonical_address(meant) == meant


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("Any", "any"),
        ("080", "80"),
        ("80-80", "80"),
        ("80 - 90", "80-90"),
        ("http", "http"),
        ("70000", "70000"),
    ],
)
def test_a_port_has_one_spelling(typed: str, meant: str) -> None:
    assert spans.canonical_port(typed) == meant


def test_a_set_has_one_order_and_any_swallows_the_rest() -> None:
    assert spans.canonical_addresses(["vse", "10.0.0.9", "9.0.0.0/8", "10.0.0.9/32"]) == (
        "9.0.0.0/8",
        "10.0.0.9",
        "vse",
    )
    assert spans.canonical_addresses(["10.0.0.9", "any"]) == ()
    assert spans.canonical_ports(["443,80", "8000-8010", "80"]) == ("80", "443", "8000-8010")
    assert spans.canonical_ports(["80", "any"]) == ()


def test_services_are_one_a_protocol() -> None:
    assert spans.canonical_matches([("TCP", ("443",)), ("icmp", ()), ("6", ("80",))]) == (
        ("icmp", ()),
        ("tcp", ("80", "443")),
    )
    assert spans.canonical_matches([("tcp", ("443",)), ("tcp", ())]) == (("tcp", ()),)
    assert spans.canonical_matches([("tcp", ("443",)), ("any", ())]) == ()


small = st.tuples(st.integers(0, 20), st.integers(0, 20)).map(lambda pair: (min(pair), max(pair)))


@given(inner=small, outer=st.lists(small, max_size=5))
def test_covered_means_every_number(inner: tuple[int, int], outer: list[tuple[int, int]]) -> None:
    every = all(any(a <= number <= b for a, b in outer) for number in range(inner[0], inner[1] + 1))

    assert spans.covered(inner, outer) is every
