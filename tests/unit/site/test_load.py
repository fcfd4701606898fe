import copy
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from hopbook.errors import InvalidInput
from hopbook.resources.base import SecretRef
from hopbook.site.check import check_site, notes
from hopbook.site.document import read_document
from hopbook.site.load import read_site, read_site_document, site_of, to_document
from hopbook.site.model import Site
from hopbook.site.validate import MAX_PROBLEMS

EXAMPLE = (Path(__file__).parents[3] / "runbooks/sites/example.yaml").read_bytes()
DATA = read_document(EXAMPLE, "example.yaml").data
OVERLAY = b"""\
endpoints:
  nsx:
    url: https://127.0.0.1:8443
    username: admin
    password: {env: NSX_PASSWORD}
"""


def test_overlay_lies_over_the_file() -> None:
    site = read_site(EXAMPLE, "example.yaml", (OVERLAY, "simulated.yaml"))
    assert site.endpoints.nsx
    assert site.endpoints.nsx.password == SecretRef("env", "NSX_PASSWORD")
    assert site.model_copy(update={"endpoints": read_site(EXAMPLE, "x").endpoints}) == read_site(EXAMPLE, "x")


def test_problems_name_the_file_of_the_value() -> None:
    base = EXAMPLE.replace(b"location: dal10", b"location: 10")
    with pytest.raises(InvalidInput) as caught:
        read_site(base, "example.yaml", (OVERLAY.replace(b"admin", b"12"), "simulated.yaml"))
    assert [problem.where for problem in caught.value.problems] == [
        "example.yaml:8 ibm_cloud.location",
        "simulated.yaml:4 endpoints.nsx.username",
    ]


def test_check_names_the_file_of_the_value() -> None:
    document = read_site_document(
        EXAMPLE, "my example.yaml", (b"icp:\n  pods: 192.168.12.0/24\n", "over.yaml")
    )
    [problem] = check_site(site_of(document), document)
    assert problem.where == "over.yaml:2 icp.pods"
    assert "(my example.yaml:62 overlays[workload]" in problem.what


def test_findings_of_the_overlay_come_last() -> None:
    base = EXAMPLE.replace(b"master: 192.168.20.10", b"master: 192.168.20.1")
    document = read_site_document(base, "example.yaml", (b"icp:\n  pods: 192.168.12.0/24\n", "a.yaml"))
    assert [problem.where for problem in check_site(site_of(document), document)] == [
        "example.yaml:70 icp.vips.master",
        "a.yaml:2 icp.pods",
    ]


def test_a_document_reads_back() -> None:
    site = read_site(EXAMPLE, "example.yaml", (OVERLAY, "simulated.yaml"))
    document = to_document(site)
    assert document["endpoints"]["nsx"]["password"] == {"env": "NSX_PASSWORD"}
    assert Site.model_validate(document) == site


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("{env: NSX_PASSWORD}", SecretRef("env", "NSX_PASSWORD")),
        ("{file: /run/secrets/nsx}", SecretRef("file", "/run/secrets/nsx")),
        ("{prefect: nsx-password}", SecretRef("prefect", "nsx-password")),
    ],
)
def test_references_to_secrets(written: str, meant: SecretRef) -> None:
    overlay = OVERLAY.replace(b"{env: NSX_PASSWORD}", written.encode())
    site = read_site(EXAMPLE, "example.yaml", (overlay, "simulated.yaml"))
    assert site.endpoints.nsx
    assert site.endpoints.nsx.password == meant
    assert Site.model_validate(site.model_dump()) == site


def test_very_many_problems() -> None:
    text = "hopbook: 1\nsite: x\n" + "".join(f"k{n}: 1\n" for n in range(5_000))
    with pytest.raises(InvalidInput) as caught:
        read_site(text, "f.yaml")
    assert len(caught.value.problems) == MAX_PROBLEMS + 1
    assert str(caught.value.problems[0]).startswith("f.yaml:3 k0: unknown key")
    assert str(caught.value.problems[-1]) == "f.yaml: and 4,900 further problems"


def places(data: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    items = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    return [
        *([path] if path else []),
        *(inner for key, value in items for inner in places(value, (*path, key))),
    ]


values = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-1, 2**33),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(st.characters(codec="ascii", exclude_categories=["Cc"]), max_size=8),
    st.lists(st.sampled_from(["10.0.0.1", "x", 4]), max_size=2),
    st.dictionaries(st.sampled_from(["env", "name", "subnet"]), st.sampled_from(["A", 1]), max_size=2),
    st.sampled_from(
        ["10.0.0.0/8", "0.0.0.0/0", "10.0.0.5/24", "255.255.255.255", "::1", "icp/nodes", "192.168.20.0/31"]
    ),
)


@settings(max_examples=50)
@given(st.lists(st.tuples(st.sampled_from(places(DATA)), values), min_size=1, max_size=4))
def test_a_wrong_value_anywhere_is_a_problem_or_a_site(changes: list[tuple[tuple[Any, ...], Any]]) -> None:
    """Nothing but InvalidInput, and findings with a place, come out of the whole way."""
    data = copy.deepcopy(DATA)
    for (*steps, last), value in changes:
        parent: Any = data
        for step in steps:
            parent = parent[step] if isinstance(parent, dict | list) and _has(parent, step) else None
        if isinstance(parent, dict | list) and _has(parent, last):
            parent[last] = value
    document = read_site_document(yaml.safe_dump(data, sort_keys=False), "f.yaml")
    try:
        site = site_of(document)
    except InvalidInput as refused:
        found = list(refused.problems)
    else:
        found = [*check_site(site, document), *notes(site, document)]
        assert Site.model_validate(to_document(site)) == site
    assert all(problem.where.startswith("f.yaml") and problem.what for problem in found)


def _has(parent: Any, key: Any) -> bool:
    return key in parent if isinstance(parent, dict) else isinstance(key, int) and key < len(parent)
