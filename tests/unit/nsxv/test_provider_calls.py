"""Which changes go together, read as a table."""

from dataclasses import replace

import pytest

from adapters.nsxv.provider.calls import Work, calls
from adapters.nsxv.provider.markers import Markers
from hopbook.engine.change import Change
from hopbook.resources.base import Resource
from tests.contract.nsxv_lab import (
    ALLOW,
    DEFAULT,
    DENY,
    EDGE,
    INSIDE,
    LIF_IN,
    LIF_UP,
    POLICY,
    RELAY,
    ROUTE,
    ROUTER,
    SNAT,
    SWITCH,
    TRANSIT,
    UPLINK,
    create,
    delete,
    update,
)

OTHER = replace(SNAT, rule="other")
THIRD = replace(SNAT, rule="third")


def kept(resource: Resource) -> Change:
    return update(resource, resource)


CASES: list[tuple[list[Change], list[tuple[Work, int]]]] = [
    ([], []),
    ([create(EDGE), create(UPLINK), create(INSIDE), create(SNAT)], [(Work.DEPLOY, 3), (Work.APPEND, 1)]),
    ([create(EDGE), create(SNAT), create(UPLINK)], [(Work.DEPLOY, 1), (Work.APPEND, 1), (Work.SLOTS, 1)]),
    ([create(ROUTER), create(LIF_UP), create(LIF_IN)], [(Work.DEPLOY, 3)]),
    ([create(EDGE), kept(UPLINK)], [(Work.DEPLOY, 1), (Work.SLOTS, 1)]),
    ([create(SWITCH), create(TRANSIT)], [(Work.SWITCH, 1), (Work.SWITCH, 1)]),
    ([create(UPLINK), kept(INSIDE)], [(Work.SLOTS, 2)]),
    ([delete(UPLINK), delete(INSIDE)], [(Work.RESET_SLOT, 1), (Work.RESET_SLOT, 1)]),
    ([create(LIF_UP), create(LIF_IN)], [(Work.ADD_LIFS, 2)]),
    ([kept(LIF_UP), kept(LIF_IN)], [(Work.CHANGE_LIF, 1), (Work.CHANGE_LIF, 1)]),
    ([delete(LIF_UP), delete(LIF_IN)], [(Work.REMOVE_LIFS, 2)]),
    ([create(ROUTE), kept(DEFAULT), delete(ROUTE)], [(Work.ROUTES, 3)]),
    ([create(SNAT), create(OTHER), create(ALLOW), create(DENY)], [(Work.APPEND, 2), (Work.APPEND, 2)]),
    (
        [create(SNAT), create(OTHER, above=SNAT.key), create(THIRD)],
        [(Work.APPEND, 1), (Work.RULE, 1), (Work.APPEND, 1)],
    ),
    ([kept(SNAT), delete(OTHER)], [(Work.RULE, 1), (Work.RULE, 1)]),
    (
        [create(SNAT), update(OTHER, OTHER, moved=True), delete(THIRD), create(ALLOW)],
        [(Work.REWRITE, 3), (Work.APPEND, 1)],
    ),
    ([create(RELAY), create(POLICY)], [(Work.SETTING, 1), (Work.SETTING, 1)]),
    ([delete(SNAT), delete(ROUTE), delete(UPLINK), delete(EDGE)], [(Work.REMOVE, 4)]),
    ([delete(SNAT), create(ALLOW), delete(EDGE)], [(Work.APPEND, 1), (Work.REMOVE, 2)]),
    ([delete(LIF_IN), delete(EDGE)], [(Work.REMOVE_LIFS, 1), (Work.REMOVE, 1)]),
    ([kept(EDGE), kept(ROUTER)], [(Work.ADJUST, 1), (Work.ADJUST, 1)]),
]


@pytest.mark.parametrize(("batch", "expected"), CASES)
def test_what_goes_together(batch: list[Change], expected: list[tuple[Work, int]]) -> None:
    made = calls(batch)

    assert [(call.work, len(call.changes)) for call in made] == expected
    assert sorted(change.key for call in made for change in call.changes) == sorted(
        change.key for change in batch
    )


def test_a_resource_of_another_system_is_not_guessed_at() -> None:
    class Alien(Resource):
        kind = "alien"
        name = "x"

    with pytest.raises(ValueError, match="no resource of NSX-V"):
        calls([create(Alien())])


@pytest.mark.parametrize(
    "purpose", ["", "x", "two words", "[brackets]", "[hopbook:other/y]", "[hopbook:lab/z] tail"]
)
@pytest.mark.parametrize("name", ["web", "icp-esg/snat", "a]b", "ünï"])
def test_a_marker_is_read_as_it_was_written(purpose: str, name: str) -> None:
    markers = Markers("lab")

    assert markers.read(markers.write(purpose, name)) == (purpose, name)
    assert Markers("la").read(markers.write(purpose, name))[1] == ""
    assert markers.read(purpose + " tail") == (purpose.strip() + " tail" if purpose else "tail", "")


@pytest.mark.parametrize("site", ["", "a/b", "a]", "[a"])
def test_a_site_whose_markers_could_not_be_read_is_refused(site: str) -> None:
    with pytest.raises(ValueError, match="name of a site"):
        Markers(site)


def test_a_marker_of_a_longer_site_name_is_not_ours() -> None:
    assert Markers("lab").read("x [hopbook:lab-2/web]") == ("x [hopbook:lab-2/web]", "")
