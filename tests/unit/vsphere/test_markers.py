"""Our marker in an annotation that people write into, too."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.vsphere.markers import Markers

MARKERS = Markers("lab")
purposes = st.text("aé<&> ]\n/:-", max_size=20)


@given(purpose=purposes.map(str.strip), name=st.text("ab-9", min_size=1, max_size=12))
def test_it_is_read_back(purpose: str, name: str) -> None:
    assert MARKERS.read(MARKERS.write(purpose, name)) == (purpose, name)


@pytest.mark.parametrize(
    ("annotation", "meant"),
    [
        ("", ("", "")),
        ("just words", ("just words", "")),
        ("[hopbook:lab/vm-a]", ("", "vm-a")),
        ("before\n[hopbook:lab/vm-a]\nafter", ("before\nafter", "vm-a")),
        ("ICP master [hopbook:lab/vm-a]", ("ICP master", "vm-a")),
        ("[hopbook:another/vm-a]", ("[hopbook:another/vm-a]", "")),
        ("[hopbook:lab/]", ("[hopbook:lab/]", "")),
        ("[hopbook:lab/vm-a", ("[hopbook:lab/vm-a", "")),
    ],
)
def test_what_people_write_around_it_is_theirs(annotation: str, meant: tuple[str, str]) -> None:
    assert MARKERS.read(annotation) == meant


@pytest.mark.parametrize("site", ["", "a/b", "a]", "[a"])
def test_a_site_whose_markers_could_not_be_read_is_refused(site: str) -> None:
    with pytest.raises(ValueError, match="cannot be the name of a site"):
        Markers(site)
