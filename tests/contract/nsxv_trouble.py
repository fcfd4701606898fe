"""When NSX refuses, is busy, or does not answer: what is told is true."""

from dataclasses import replace
from xml.sax.saxutils import escape

import pytest

from hopbook.engine.change import Change, Outcome, Result
from hopbook.errors import HopbookError, Rejected
from hopbook.resources.base import Resource
from hopbook.resources.nsxv import EdgeSetting
from hopbook.secret import Secret
from tests.contract.nsxv_lab import (
    ALLOW,
    BGP,
    CLI_PASSWORD,
    DENY,
    DNAT,
    EDGE,
    ESG,
    INSIDE,
    LOG,
    ON_ESG,
    PASSWORD,
    PEER,
    POLICY,
    PSK,
    RELAY,
    ROUTE,
    SNAT,
    SWITCH,
    TRANSIT,
    TUNNEL,
    UPLINK,
    VPN,
    ZONE_NAME,
    Lab,
    as_shown,
    build,
    create,
    delete,
    update,
)

BASE: list[Resource] = [TRANSIT, EDGE, UPLINK, SNAT, ALLOW, BGP]
NEAR = replace(ROUTE, next_hop=UPLINK.address.ip + 1)
CHANGES: list[tuple[str, Change]] = [
    ("/virtualwires", create(SWITCH)),
    ("/api/4.0/edges", create(replace(EDGE, edge="second-esg"))),
    ("/vnics", create(INSIDE)),
    ("/routing", create(NEAR)),
    ("/nat", create(DNAT)),
    ("/nat", create(DNAT, above=SNAT.key)),
    ("/nat", update(SNAT, replace(SNAT, translated="203.0.113.44"))),
    ("/nat", update(SNAT, replace(SNAT, purpose="moved"), moved=True)),
    ("/nat", delete(SNAT)),
    ("/firewall", create(DENY)),
    ("/firewall", create(replace(POLICY, enabled=False))),
    ("/defaultpolicy", create(POLICY)),
    ("/dns", create(replace(RELAY, listeners=()))),
    ("/routing/config/bgp", create(PEER)),
    ("/routing/config", update(BGP, replace(BGP, router_id=UPLINK.addresses()[1]))),
    ("/ipsec", create(VPN)),
    ("/ipsec", create(TUNNEL)),
    ("/api/4.0/edges", delete(EDGE)),
]
AFTER = LOG

every_change = pytest.mark.parametrize(
    ("path", "change"), CHANGES, ids=[f"{change.action} {path} {change.key.kind}" for path, change in CHANGES]
)


def is_so(nsx: Lab, change: Change) -> bool:
    live = nsx.see(change.key).get(change.key)
    return (
        live is None if change.after is None else live is not None and live.resource == as_shown(change.after)
    )


class Troubles:
    """Refusals, lost answers, late effects, nonsense."""

    @every_change
    def test_a_lost_answer_is_unknown_and_its_effect_can_be_seen(
        self, nsx: Lab, path: str, change: Change
    ) -> None:
        build(nsx, BASE)
        nsx.trouble.arm(f"lost@{path}")

        outcomes = nsx.apply(change, create(AFTER))

        assert [outcome.result for outcome in outcomes] == [Result.UNKNOWN, Result.REFUSED]
        assert "not attempted" in outcomes[1].reason
        assert is_so(nsx, change)
        assert not is_so(nsx, create(AFTER))

    @every_change
    @pytest.mark.parametrize("fault", ["timeout", "garbage", "500"])
    def test_no_answer_of_nsx_is_unknown_too(self, nsx: Lab, path: str, change: Change, fault: str) -> None:
        build(nsx, BASE)
        before = nsx.manager.dump()
        nsx.trouble.arm(fault)

        (outcome,) = nsx.apply(change)

        assert outcome.result is Result.UNKNOWN
        assert nsx.manager.dump() == before

    @every_change
    @pytest.mark.parametrize("status", ["400", "401", "403"])
    def test_a_refusal_changes_nothing_and_says_why(
        self, nsx: Lab, path: str, change: Change, status: str
    ) -> None:
        build(nsx, BASE)
        before = nsx.manager.dump()
        nsx.trouble.arm(status)

        outcomes = nsx.apply(change, create(AFTER))

        assert [outcome.result for outcome in outcomes] == [Result.REFUSED, Result.REFUSED]
        assert outcomes[0].reason.startswith("NSX (")
        assert "not attempted" in outcomes[1].reason
        assert nsx.manager.dump() == before

    @every_change
    @pytest.mark.parametrize("fault", ["busy*3", "503*2", "409*4"])
    def test_a_busy_edge_is_waited_for(self, nsx: Lab, path: str, change: Change, fault: str) -> None:
        build(nsx, BASE)
        nsx.trouble.arm(fault)

        nsx.done(change)

        assert is_so(nsx, change)
        assert nsx.waited == [0.5, 1, 2, 4][: int(fault[-1])]

    def test_an_edge_that_stays_busy_is_given_up(self, nsx: Lab) -> None:
        build(nsx, BASE)
        before = nsx.manager.dump()
        nsx.trouble.arm("busy*99")

        (outcome,) = nsx.apply(create(DNAT))

        assert outcome.result is Result.REFUSED
        assert "busy" in outcome.reason
        assert nsx.manager.dump() == before

    @pytest.mark.parametrize("change", [update(SNAT, SNAT, moved=True), create(NEAR)])
    def test_a_section_is_read_again_when_it_stays_refused(self, nsx: Lab, change: Change) -> None:
        build(nsx, BASE)
        nsx.trouble.arm("busy*10")

        nsx.done(change)

        assert len(nsx.waited) == 9

    def test_a_late_effect_is_pending_until_it_shows(self, nsx: Lab) -> None:
        build(nsx, BASE)
        nsx.trouble.arm("late")
        (outcome,) = nsx.apply(create(DNAT))
        assert outcome.result is Result.UNKNOWN

        lane = nsx.provider.kinds[DNAT.kind].lane(DNAT)
        seen = [nsx.see(ESG) for _ in range(3)]

        assert [pending.lane for pending in seen[0].pending] == [lane]
        assert all(pending.handle for pending in seen[0].pending)
        assert DNAT.key not in seen[0].items
        assert (seen[2].pending, DNAT.key in seen[2].items) == ((), True)

    def test_an_edge_that_is_still_being_made_is_pending(self, nsx: Lab) -> None:
        build(nsx, [TRANSIT])
        nsx.trouble.arm("late")
        nsx.apply(create(EDGE))

        seen = nsx.see(ESG)

        assert (seen.items, [pending.lane for pending in seen.pending]) == (
            {},
            [nsx.provider.kinds[EDGE.kind].lane(EDGE)],
        )

    @pytest.mark.parametrize("fault", ["timeout*2", "503*3", "409*2"])
    def test_a_reading_is_tried_again(self, nsx: Lab, fault: str) -> None:
        build(nsx, BASE)
        nsx.trouble.arm(f"{fault}@/api/4.0/edges/edge-")

        assert SNAT.key in nsx.see(ESG).items

    def test_a_reading_without_an_answer_is_no_empty_scope(self, nsx: Lab) -> None:
        build(nsx, BASE)
        for fault in ("timeout*99", "garbage", "404", "500", "401"):
            nsx.trouble.arm(f"{fault}@/api/4.0/edges")
            with pytest.raises(HopbookError):
                nsx.see(ESG)

    @pytest.mark.parametrize("fault", ["timeout*9", "garbage", "503*99"])
    def test_a_change_whose_reading_fails_was_not_made(self, nsx: Lab, fault: str) -> None:
        build(nsx, BASE)
        before = nsx.manager.dump()
        nsx.trouble.arm(f"{fault}@/api/4.0/edges?startIndex")

        (outcome,) = nsx.apply(create(DNAT))

        assert outcome.result is Result.REFUSED
        assert nsx.manager.dump() == before

    def test_a_field_that_nsx_refuses_is_named(self, nsx: Lab) -> None:
        build(nsx, BASE)
        before = nsx.manager.dump()

        (outcome,) = nsx.apply(create(replace(DNAT, original="203.0.113.300")))

        assert outcome.result is Result.REFUSED
        assert "natRules[0].originalAddress" in outcome.reason
        assert "15012" in outcome.reason
        assert nsx.manager.dump() == before

    def test_one_bad_rule_of_many_refuses_them_all_and_changes_nothing(self, nsx: Lab) -> None:
        build(nsx, BASE)
        before = nsx.manager.dump()

        outcomes = nsx.apply(create(DNAT), create(replace(DNAT, rule="bad", protocol="icmp")), create(DENY))

        assert [outcome.result for outcome in outcomes] == [Result.REFUSED] * 3
        assert nsx.manager.dump() == before

    def test_what_was_done_before_a_refusal_is_done(self, nsx: Lab) -> None:
        build(nsx, BASE)

        outcomes = nsx.apply(
            create(DNAT),
            create(replace(DENY, sources=("10.0.0.0/99",))),
            create(replace(RELAY, listeners=())),
        )

        assert [outcome.result for outcome in outcomes] == [Result.APPLIED, Result.REFUSED, Result.REFUSED]
        assert nsx.live(DNAT.key) == DNAT

    def test_a_transport_zone_that_is_not_there_is_refused_with_those_that_are(self, nsx: Lab) -> None:
        (outcome,) = nsx.apply(create(replace(SWITCH, zone="no-such-zone")))

        assert outcome.result is Result.REFUSED
        assert f"no transport zone no-such-zone, only {ZONE_NAME}" in outcome.reason

        nsx.manager.add_transport_zone(ZONE_NAME, id="vdnscope-9")
        (outcome,) = nsx.apply(create(SWITCH))
        assert outcome.result is Result.REFUSED
        assert "several transport zones" in outcome.reason

    def test_what_is_deleted_from_an_edge_that_is_gone_is_gone(self, nsx: Lab) -> None:
        gone = [one for one in ON_ESG if not isinstance(one, EdgeSetting)]

        nsx.done(*(delete(one) for one in gone if one != EDGE))
        nsx.done(*(delete(one) for one in gone))

        assert [method for method, _ in nsx.manager.requests if method != "GET"] == []

    def test_an_edge_name_that_is_taken_is_refused(self, nsx: Lab) -> None:
        build(nsx, BASE)

        (outcome,) = nsx.apply(create(EDGE))

        assert outcome.result is Result.REFUSED
        assert "already exists" in outcome.reason

    def test_a_short_password_is_refused_before_it_is_sent(self, nsx: Lab) -> None:
        build(nsx, [TRANSIT])
        before = len(nsx.manager.requests)
        nsx.cli_password = Secret("cl1-S3cret")

        (outcome,) = nsx.apply(create(EDGE))

        assert outcome.result is Result.REFUSED
        assert "12 characters" in outcome.reason
        assert "cl1-S3cret" not in outcome.reason
        assert nsx.since(before) == []

    def test_no_password_is_in_any_message(self, nsx: Lab) -> None:
        build(nsx, [TRANSIT])
        told: list[Outcome] = []
        for fault in ("400", "401", "403", "404", "409*99", "500", "503*99", "timeout", "garbage", "lost"):
            nsx.trouble.arm(fault)
            told += nsx.apply(*map(create, ON_ESG))

        text = "\n".join(outcome.reason for outcome in told)
        assert {outcome.result for outcome in told} == {Result.REFUSED, Result.UNKNOWN}
        assert CLI_PASSWORD not in text
        assert PASSWORD not in text
        assert not any(spelt in text for spelt in (PSK, escape(PSK)))

    def test_an_edge_that_two_tenants_have_is_not_guessed(self, nsx: Lab) -> None:
        build(nsx, BASE)
        nsx.done(create(replace(EDGE, tenant="another")))

        with pytest.raises(Rejected, match="several edges are named icp-esg"):
            nsx.see(ESG)
