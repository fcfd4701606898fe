from contextlib import suppress
from ipaddress import IPv4Address

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hopbook.errors import InvalidInput
from hopbook.icp.inventory import GROUPS, Groups, parse, render

GOOD = "[master]\n192.168.20.11\n\n[worker]\n192.168.20.51\n\n[proxy]\n192.168.20.21\n"


def test_what_is_rendered_is_read_back(groups: Groups) -> None:
    text = render(groups)
    assert parse(text) == groups
    assert text.startswith("[master]\n192.168.20.11\n192.168.20.12\n192.168.20.13\n\n[worker]\n")
    assert "192.168.20.9\n" not in text  # the boot node is no node of the cluster


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("192.168.20.51", "worker-1.icp.internal", "hosts:5: 'worker-1.icp.internal' is no IPv4 address"),
        ("192.168.20.51", "192.168.20.51 ansible_user=root", "hosts:5: '192.168.20.51' has variables"),
        ("192.168.20.51", "192.168.20.051", "no IPv4 address"),
        ("192.168.20.51", "fe80::1", "no IPv4 address"),
        ("[worker]", "[workers]", "no group 'workers' – did you mean `worker`?"),
        ("[worker]", "[all:vars]", "hostgroup-NAME"),
        ("192.168.20.51\n", "", "[worker] has no address"),
        ("[proxy]\n192.168.20.21\n", "", "[proxy] has no address"),
        ("[proxy]", "[worker]", "[worker] is written twice"),
        ("[master]\n", "", "hosts:1: an address before the first [group]"),
        ("192.168.20.11", "192.168.20.11\n192.168.20.12", "found 2 masters"),
        ("192.168.20.51", "192.168.20.51\n192.168.20.51", "192.168.20.51 is in [worker] twice"),
    ],
)
def test_what_the_installer_would_choke_on_is_refused(old: str, new: str, told: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse(GOOD.replace(old, new, 1))
    assert told in str(caught.value)


def test_comments_and_host_groups_are_taken() -> None:
    found = parse("# ours\n; theirs\n" + GOOD + "[hostgroup-db]\n192.168.20.61  # a comment\n")
    assert found["hostgroup-db"] == (IPv4Address("192.168.20.61"),)


def test_render_holds_to_the_same_rules(groups: Groups) -> None:
    with pytest.raises(InvalidInput, match="found 2 masters"):
        render({**groups, "master": groups["master"][:2]})


Addresses = tuple[IPv4Address, ...]
addresses = st.lists(st.ip_addresses(v=4), min_size=1, max_size=5, unique=True).map(tuple)


@settings(max_examples=40)
@given(
    st.dictionaries(st.sampled_from(GROUPS), addresses, min_size=1),
    addresses.map(lambda found: found[:1]),
    addresses,
    addresses,
)
def test_every_inventory_is_read_back(
    more: Groups, master: Addresses, worker: Addresses, proxy: Addresses
) -> None:
    groups = {**more, "master": master, "worker": worker, "proxy": proxy}
    assert parse(render(groups)) == groups


@settings(max_examples=60)
@given(st.text(max_size=200) | st.text(alphabet="[]masterwok10.\n# =", max_size=120))
def test_any_text_is_read_or_refused(text: str) -> None:
    with suppress(InvalidInput):
        assert set(parse(text)) >= {"master", "worker", "proxy"}
