import copy
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hopbook.site.compare import compare
from hopbook.site.load import read_site, to_document

SITE = to_document(
    read_site((Path(__file__).parents[3] / "runbooks/sites/example.yaml").read_bytes(), "example.yaml")
)
ENDPOINT = {"url": "https://a", "username": "u", "password": {"env": "OLD"}}


def changed(**values: Any) -> dict[str, Any]:
    return {**copy.deepcopy(SITE), **values}


def test_nothing_changed() -> None:
    assert compare(SITE, copy.deepcopy(SITE)) == []


def test_values_by_path() -> None:
    after = changed(title="Other", accepts=["A1"], iks=[])
    after["icp"]["vips"]["master"] = "192.168.20.15"
    after["overlays"][1]["networks"][0]["gateway"] = "192.168.12.2"
    after["overlays"][0]["edge"]["ha"] = False
    after["icp"]["nodes"]["boot"] = []
    found = [str(each) for each in compare(SITE, after)]
    assert found[0] == "accepts: [] → [A1]"
    assert found[1] == "icp.nodes.boot: [192.168.20.9] → []"
    assert found[2] == "icp.vips.master: 192.168.20.10 → 192.168.20.15"
    assert found[3].startswith("iks[iks-a]: {name: iks-a, pods: 172.30.0.0/16,")
    assert found[3].endswith("→ (nothing)")
    assert found[4:] == [
        "overlays[icp].edge.ha: true → false",
        "overlays[workload].networks[databases].gateway: 192.168.12.1 → 192.168.12.2",
        "title: Example VCS instance in Dallas → Other",
    ]


def test_order_of_named_items() -> None:
    after = changed(overlays=SITE["overlays"][::-1])
    assert [str(each) for each in compare(SITE, after)] == ["overlays (order): icp, workload → workload, icp"]


@pytest.mark.parametrize(
    ("password", "shown"),
    [
        ({"env": "NEW"}, "endpoints.nsx.password: env:OLD → env:NEW"),
        ({"file": "OLD"}, "endpoints.nsx.password: env:OLD → file:OLD"),
        ("hunter2", "endpoints.nsx.password: env:OLD → (not shown)"),
        ({"value": "hunter2"}, "endpoints.nsx.password: env:OLD → {value: (not shown)}"),
    ],
)
def test_secrets_are_references(password: Any, shown: str) -> None:
    before = changed(endpoints={"nsx": ENDPOINT})
    after = changed(endpoints={"nsx": {**ENDPOINT, "password": password}})
    assert [str(each) for each in compare(before, after)] == [shown]


documents = st.dictionaries(
    st.sampled_from("abc"),
    st.recursive(
        st.none() | st.booleans() | st.integers(0, 2) | st.sampled_from(["", "x", "0"]),
        lambda inner: (
            st.lists(inner, max_size=2)
            | st.dictionaries(st.sampled_from(["name", "a", "env"]), inner, max_size=2)
        ),
        max_leaves=6,
    ),
    max_size=3,
)


@given(documents, documents)
def test_nothing_is_missed(before: dict[str, Any], after: dict[str, Any]) -> None:
    found = compare(before, after)
    assert bool(found) == (before != after)
    assert {(each.path, each.after, each.before) for each in found} == {
        (each.path, each.before, each.after) for each in compare(after, before)
    }
