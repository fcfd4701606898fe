from collections import Counter
from ipaddress import IPv4Network
from itertools import combinations, combinations_with_replacement
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hopbook.site.load import read_site_document, site_of
from hopbook.site.plan import Range, address_plan, clashes, overlaps, rows, taken_ranges
from hopbook.site.rules import FREE, PAIRS, RULES, SERVICE_NETWORKS, TAKEN, Use

EXAMPLE = (Path(__file__).parents[3] / "runbooks/sites/example.yaml").read_bytes()

# What may overlap what, once more and by hand, a cell a pair of uses. x: never, =: only as the very
# same prefix, s: only where stretched, e: only where both, .: always.
ORDER = [
    Use.PRIMARY, Use.PORTABLE, Use.ASSIGNED, Use.IKS_PODS, Use.IKS_SERVICES, Use.ICP_NODES, Use.ICP_PODS,
    Use.ICP_SERVICES, Use.VMS, Use.TRANSIT, Use.DOCKER, Use.ON_PREMISES, Use.STRETCHED, Use.RESERVED,
]  # fmt: skip
MATRIX = """
    PRIMARY       =
    PORTABLE      x x
    ASSIGNED      . . .
    IKS_PODS      x x x =
    IKS_SERVICES  x x x x =
    ICP_NODES     x x x x x x
    ICP_PODS      x x x x x x .
    ICP_SERVICES  x x x x x x x .
    VMS           x x x x x x x x x
    TRANSIT       x x x x x x x x x x
    DOCKER        x x x x x x x x x x .
    ON_PREMISES   x x x x x s x x s x x .
    STRETCHED     x x x x x e x x e x x . x
    RESERVED      . . . x x x x x x x x . . .
"""
CELLS = {
    frozenset({one, other}): cell
    for one, row in zip(ORDER, MATRIX.strip().splitlines(), strict=True)
    for other, cell in zip(ORDER, row.split()[1:], strict=False)
}

networks = st.builds(
    lambda address, length: (
        IPv4Network((address << 24, length), strict=False).supernet(new_prefix=length)
        if length < 8
        else IPv4Network((address << 24 | (length * 37 % 4) << 22, length), strict=False)
    ),
    st.integers(11, 13),
    st.integers(6, 12),
)


@st.composite
def plans(draw: st.DrawFn) -> list[Range]:
    drawn = draw(st.lists(st.tuples(st.sampled_from(ORDER), networks, st.booleans()), min_size=2, max_size=8))
    return [
        Range(
            name=f"thing-{number}",
            network=network,
            use=use,
            owner=f"owner-{number}",
            where=f"f:{number}",
            stretched=stretched and use in {Use.VMS, Use.ICP_NODES},
        )
        for number, (use, network, stretched) in enumerate(drawn)
    ]


def may(one: Range, other: Range) -> bool:
    same, stretched = one.network == other.network, one.stretched or other.stretched
    cell = CELLS[frozenset({one.use, other.use})]
    return {"x": False, ".": True, "=": same, "s": stretched, "e": stretched and same}[cell]


@given(plans())
def test_each_forbidden_overlap_is_one_problem_that_names_both(plan: list[Range]) -> None:
    found = [problem.what for problem in clashes(plan)]
    forbidden = [
        (one, other)
        for one, other in combinations(plan, 2)
        if one.network.overlaps(other.network) and not may(one, other)
    ]
    assert len(found) == len(forbidden)
    for one, other in forbidden:
        naming = [
            what
            for what in found
            if all(f", {each.name}" in what and str(each.network) in what for each in (one, other))
        ]
        assert len(naming) == 1


@given(plans().flatmap(lambda plan: st.tuples(st.just(plan), st.permutations(plan))))
def test_order_is_no_matter(both: tuple[list[Range], list[Range]]) -> None:
    plan, other = both
    assert Counter(clashes([*plan, *taken_ranges(plan)])) == Counter(clashes([*taken_ranges(plan), *other]))


@given(plans())
def test_overlaps_are_all_overlaps(plan: list[Range]) -> None:
    found = Counter(frozenset({one.name, other.name}) for one, other in overlaps(plan))
    brute = Counter(
        frozenset({one.name, other.name})
        for one, other in combinations(plan, 2)
        if one.network.overlaps(other.network)
    )
    assert found == brute


@given(st.sampled_from(TAKEN), st.sampled_from(ORDER), st.integers(0, 3))
def test_what_is_taken_binds_all_but_those_it_is_taken_for(taken: object, use: Use, longer: int) -> None:
    row = next(each for each in TAKEN if each is taken)
    network = next(row.network.subnets(prefixlen_diff=longer))
    mine = Range(name="mine", network=network, use=use, owner="o", where="f:1")
    others = taken_ranges([mine, Range(name="n", network=network, use=Use.ICP_NODES, owner="o")])
    found = clashes([mine, *others])
    brought = use not in {Use.PRIMARY, Use.PORTABLE, Use.ASSIGNED, Use.RESERVED}
    corporate = use in {Use.ON_PREMISES, Use.STRETCHED}
    bound = brought and use not in row.for_ and (row.direct_link or not corporate)
    assert len(found) == bound
    if found:
        assert str(network) in found[0].what
        assert f"{row.network}: {row.by}" in found[0].what


def test_every_pair_of_uses_is_judged_or_free() -> None:
    for one, other in combinations_with_replacement(Use, 2):
        judged = any(
            (one in pair.mine and other in pair.theirs) or (other in pair.mine and one in pair.theirs)
            for pair in PAIRS
        )
        free = any(
            (one in each.one and other in each.other) or (other in each.one and one in each.other)
            for each in FREE
        )
        assert judged != free, (one, other)


def test_data_is_in_order() -> None:
    assert {pair.rule for pair in PAIRS} <= set(RULES)
    assert all(rule.text and rule.source for rule in RULES.values())
    assert all(each.by and each.source for each in TAKEN)
    assert len({each.network for each in TAKEN}) == len(TAKEN)
    services = [network for networks_ in SERVICE_NETWORKS.values() for network in networks_]
    assert all(any(network.subnet_of(each.network) for each in TAKEN) for network in services)
    assert not any(one.overlaps(other) for one, other in combinations(services, 2))


def test_plan_of_the_example() -> None:
    document = read_site_document(EXAMPLE, "example.yaml")
    plan = address_plan(site_of(document), document)
    assert {each.statement for each in plan} >= {f"S{number}" for number in range(22, 35)} | {"S18", "S2"}
    table = rows(plan)
    assert table[0].network == "10.64.0.0/16"
    pods = next(row for row in table if row.network == "172.30.0.0/16")
    assert (pods.name, pods.use, pods.statement) == ("the pods of iks-a", "IKS pods, the default", "S18")
    assert pods.where.startswith("example.yaml:100 ")


@pytest.mark.parametrize("count", [20_000])
def test_many_ranges(count: int) -> None:
    plan = [
        Range(name=f"n{n}", network=IPv4Network((n << 12, 24)), use=Use.VMS, owner="o", where=f"f:{n}")
        for n in range(count)
    ]
    assert clashes(plan) == []
