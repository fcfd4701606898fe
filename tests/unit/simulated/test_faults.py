"""Faults: the notation, what each hits, and a storm that comes back the same."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.simulated.faults import SYSTEMS, Fault, FaultKind, Faults, parse_fault, storm


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "nsxv:409*3@overlay",
            Fault(system="nsxv", kind=FaultKind.STATUS, status=409, count=3, where="overlay"),
        ),
        ("nsxv:lost@/nat/config", Fault(system="nsxv", kind=FaultKind.LOST, where="/nat/config")),
        ("nsxv:timeout", Fault(system="nsxv", kind=FaultKind.TIMEOUT)),
        ("nsxv:late@/edges", Fault(system="nsxv", kind=FaultKind.LATE, where="/edges")),
        ("hcx:401", Fault(system="hcx", kind=FaultKind.STATUS, status=401)),
        ("kubernetes:503*2", Fault(system="kubernetes", kind=FaultKind.STATUS, status=503, count=2)),
        ("nsxv:garbage", Fault(system="nsxv", kind=FaultKind.GARBAGE)),
        (" nsxv:busy ", Fault(system="nsxv", kind=FaultKind.BUSY)),
    ],
)
def test_the_notation_is_read(text: str, expected: Fault) -> None:
    assert parse_fault(text) == expected


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "names no system and fault"),
        ("nsxv", "names no system and fault"),
        ("nsxv:", "names no system and fault"),
        ("nsx:409", "no system 'nsx'"),
        ("nsxv:explode", "'explode' is neither"),
        ("nsxv:status", "'status' is neither"),
        ("nsxv:200", "'200' is neither"),
        ("nsxv:600", "'600' is neither"),
        ("nsxv:409*", "the count ''"),
        ("nsxv:409*0", "the count '0'"),
        ("nsxv:409*-1", "the count '-1'"),
        ("nsxv:409*many", "the count 'many'"),
        ("nsxv:409*" + "9" * 5000, "the count"),
        ("nsxv:409@", "nothing follows the @"),
    ],
)
def test_a_wrong_notation_says_what_is_wrong_and_what_was_expected(text: str, problem: str) -> None:
    with pytest.raises(ValueError, match="expected SYSTEM:WHAT") as caught:
        parse_fault(text)
    assert problem in str(caught.value)


_faults = st.builds(
    Fault,
    system=st.sampled_from(sorted(SYSTEMS)),
    kind=st.sampled_from([kind for kind in FaultKind if kind is not FaultKind.STATUS]),
    count=st.integers(1, 999_999),
    where=st.from_regex(r"(/?[a-z][a-z0-9/-]*)?", fullmatch=True),
) | st.builds(
    Fault,
    system=st.sampled_from(sorted(SYSTEMS)),
    kind=st.just(FaultKind.STATUS),
    status=st.integers(400, 599),
)


@given(_faults)
def test_what_is_written_is_read_back(fault: Fault) -> None:
    assert parse_fault(str(fault)) == fault


@given(st.text())
def test_any_other_text_is_refused_and_nothing_worse(text: str) -> None:
    with suppress(ValueError):
        assert parse_fault(text).system in SYSTEMS


def test_a_fault_is_used_up_by_what_it_hits() -> None:
    faults = Faults([parse_fault("nsxv:503*2")])
    hits = [faults.take("nsxv", "POST", "/api/4.0/edges") for _ in range(3)]
    assert [hit is not None for hit in hits] == [True, True, False]
    assert faults.left() == ()


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
def test_without_a_path_only_changes_are_hit(method: str) -> None:
    faults = Faults([parse_fault("nsxv:503")])
    assert faults.take("nsxv", method, "/api/4.0/edges") is None
    assert faults.take("nsxv", "DELETE", "/api/4.0/edges") is not None


@pytest.mark.parametrize(
    ("what", "hits_reads"),
    [("503", True), ("timeout", True), ("garbage", True), ("busy", False), ("lost", False), ("late", False)],
)
def test_with_a_path_what_can_happen_to_a_read_hits_reads_too(what: str, hits_reads: bool) -> None:
    faults = Faults([parse_fault(f"nsxv:{what}@/nat/config")])
    assert faults.take("nsxv", "PUT", "/api/4.0/edges/edge-1/firewall/config") is None
    assert (faults.take("nsxv", "GET", "/api/4.0/edges/edge-1/nat/config") is not None) is hits_reads
    assert (faults.take("nsxv", "PUT", "/api/4.0/edges/edge-1/nat/config") is None) is hits_reads


def test_a_path_may_aim_at_the_query() -> None:
    faults = Faults([parse_fault("nsxv:503@/rules?aboveRuleId")])
    assert faults.take("nsxv", "POST", "/api/4.0/edges/edge-1/nat/config/rules") is None
    assert faults.take("nsxv", "POST", "/api/4.0/edges/edge-1/nat/config/rules?aboveRuleId=1") is not None


def test_another_system_is_left_alone() -> None:
    faults = Faults([parse_fault("hcx:503")])
    assert faults.take("nsxv", "POST", "/") is None


def test_a_fault_of_a_step_waits_for_it() -> None:
    faults = Faults([parse_fault("nsxv:409@overlay")])
    assert faults.take("nsxv", "POST", "/") is None
    faults.step = "overlay"
    assert faults.take("nsxv", "GET", "/") is None
    assert faults.take("nsxv", "POST", "/") is not None


def test_the_first_that_was_asked_for_wins() -> None:
    faults = Faults([parse_fault("nsxv:409"), parse_fault("nsxv:timeout")])
    taken = [faults.take("nsxv", "POST", "/") for _ in range(2)]
    assert [fault.kind for fault in taken if fault] == [FaultKind.STATUS, FaultKind.TIMEOUT]


def test_what_has_not_hit_yet_is_known() -> None:
    aimed_at_nothing = parse_fault("nsxv:409@no-such-step")
    faults = Faults([parse_fault("nsxv:503"), aimed_at_nothing])
    faults.take("nsxv", "POST", "/")
    assert faults.left() == (aimed_at_nothing,)


def test_threads_share_a_count() -> None:
    faults = Faults([parse_fault("nsxv:503*50")])
    with ThreadPoolExecutor(8) as pool:
        hits = list(pool.map(lambda _: faults.take("nsxv", "POST", "/"), range(200)))
    assert sum(hit is not None for hit in hits) == 50


def test_a_fault_may_let_some_requests_pass_first() -> None:
    faults = Faults([Fault(system="nsxv", kind=FaultKind.BUSY, after=2)])
    hits = [faults.take("nsxv", "POST", "/") is not None for _ in range(4)]
    assert hits == [False, False, True, False]


def _run(faults: Faults) -> list[str]:
    methods = ["POST", "GET", "PUT", "DELETE"] * 100
    return [str(faults.take(system, method, "/x")) for method in methods for system in ("nsxv", "hcx")]


def test_a_storm_is_the_same_for_the_same_seed_and_another_for_another() -> None:
    assert _run(storm(7, ["nsxv", "hcx"], 20)) == _run(storm(7, ["nsxv", "hcx"], 20))
    assert _run(storm(7, ["nsxv", "hcx"], 20)) != _run(storm(8, ["nsxv", "hcx"], 20))


def test_a_storm_has_as_many_faults_as_asked_for_and_all_of_them_hit() -> None:
    faults = storm(7, ["nsxv", "hcx"], 20)
    assert len(faults.left()) == 20
    assert sum(line != "None" for line in _run(faults)) == 20
    assert faults.left() == ()
