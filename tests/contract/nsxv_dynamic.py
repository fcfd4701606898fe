"""BGP and IPsec: sections that are shared with others, and states that nobody sets."""

from collections.abc import Mapping
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network
from typing import TypeVar

import pytest

from adapters.nsxv import xml
from adapters.nsxv.simulator.control import Learned, Session, Tunnel
from hopbook.engine.change import Change, Observation, Outcome, Result
from hopbook.resources.base import SecretRef
from hopbook.resources.nsxv import (
    Bgp,
    BgpNeighbour,
    BgpSession,
    EdgeSize,
    FilterAction,
    PrefixFilter,
    Redistributed,
)
from hopbook.secret import Secret
from tests.contract.nsxv_lab import (
    BGP,
    DLR,
    EDGE,
    ESG,
    INSIDE,
    OPEN_PEER,
    PEER,
    PSK,
    ROUTE,
    SESSION,
    TRANSIT,
    TUNNEL,
    UP,
    UPLINK,
    VPN,
    Lab,
    adopt,
    build,
    create,
    delete,
    release,
    update,
)
from tests.contract.nsxv_order import changing

_T = TypeVar("_T")
THEIR_KEY = "their-0wn-K3y"
SITE_OF = """<site><enabled>true</enabled><name>{name}</name><description>do not touch</description>
  <localId>a</localId><localIp>203.0.113.10</localIp><peerId>b</peerId><peerIp>{peer}</peerIp>
  <encryptionAlgorithm>aes256</encryptionAlgorithm><authenticationMode>psk</authenticationMode>
  <localSubnets><subnet>10.7.0.0/24</subnet></localSubnets><peerSubnets><subnet>10.8.0.0/24</subnet></peerSubnets>
  <psk>{key}</psk><extension>passthroughSubnets=10.9.9.0/24</extension></site>"""
BGP_OF = """<routing><routingGlobalConfig><routerId>203.0.113.2</routerId><ipPrefixes><ipPrefix>
  <name>theirs</name><ipAddress>10.1.0.0/16</ipAddress><ge>17</ge><le>24</le></ipPrefix></ipPrefixes></routingGlobalConfig>
  <staticRouting/><bgp><enabled>true</enabled><localAS>65001</localAS><gracefulRestart>false</gracefulRestart>
  <bgpNeighbours><bgpNeighbour><ipAddress>203.0.113.99</ipAddress><remoteAS>65002</remoteAS>
  <password>{password}</password></bgpNeighbour></bgpNeighbours>{redistribution}</bgp></routing>"""
THEIR_RULES = """<redistribution><enabled>{on}</enabled><rules><rule><prefixName>theirs</prefixName>
  <from><connected>true</connected></from><action>permit</action></rule>{more}</rules></redistribution>"""
BASE = (TRANSIT, EDGE, UPLINK, INSIDE)


def sites(*each: str, shared: str = "") -> str:
    key = f"<global><psk>{shared}</psk></global>" if shared else ""
    return f"<ipsec><enabled>true</enabled><sites>{''.join(each)}</sites>{key}</ipsec>"


def site(name: str = "theirs", peer: str = "198.51.100.9", key: str = THEIR_KEY) -> str:
    return SITE_OF.format(name=name, peer=peer, key=key)


def ipsec_by_hand(nsx: Lab, *each: str, shared: str = "") -> None:
    nsx.by_hand("PUT", f"/api/4.0/edges/{nsx.edge_id()}/ipsec/config", sites(*each, shared=shared))


def bgp_by_hand(nsx: Lab, *, on: str = "true", more: str = "") -> None:
    rules = THEIR_RULES.format(on=on, more=more)
    document = BGP_OF.format(password=THEIR_KEY, redistribution=rules)
    nsx.by_hand("PUT", f"/api/4.0/edges/{nsx.edge_id()}/routing/config", document)


def shown(nsx: Lab, path: str) -> bytes:
    """A section with its secrets, without what counts its changes."""
    address = f"/api/4.0/edges/{nsx.edge_id()}/{path}"
    section = nsx.client.read(address, {"showSensitiveData": "true"})
    xml.drop(section, "version")
    return xml.serialize(section)


def refused(nsx: Lab, *changes: Change) -> str:
    """The reason of the first change, which is refused like all of them and changes nothing."""
    before, count = nsx.manager.dump(), len(nsx.manager.requests)
    outcomes = nsx.apply(*changes)
    assert {outcome.result for outcome in outcomes} == {Result.REFUSED}
    assert nsx.manager.dump() == before
    assert changing(nsx.since(count)) == []
    return outcomes[0].reason


def peers(count: int) -> list[BgpNeighbour]:
    return [replace(PEER, address=IPv4Address("203.0.113.100") + number) for number in range(count)]


class Control:
    """What a test says that sessions and tunnels have come to, look by look; the last one stays."""

    def __init__(self, nsx: Lab) -> None:
        self.sessions: list[Mapping[str, Session]] = [{}]
        self.tunnels: list[Mapping[str, Tunnel]] = [{}]
        nsx.manager.control.sessions = lambda _: self._next(self.sessions)
        nsx.manager.control.tunnels = lambda _: self._next(self.tunnels)

    @staticmethod
    def _next(looks: list[_T]) -> _T:
        return looks.pop(0) if len(looks) > 1 else looks[0]


class Dynamic:
    """Whole sections, secrets of others, states."""

    # One call

    def test_the_process_and_fifty_neighbours_are_one_call(self, nsx: Lab) -> None:
        build(nsx, [TRANSIT, replace(EDGE, size=EdgeSize.QUADLARGE), UPLINK, INSIDE])
        edge, before = nsx.edge_id(), len(nsx.manager.requests)

        nsx.done(create(BGP), *map(create, peers(50)))
        nsx.done(*(update(peer, replace(peer, weight=7)) for peer in peers(50)))
        nsx.done(*map(delete, peers(50)), delete(BGP))

        section = f"/api/4.0/edges/{edge}/routing/config"
        assert changing(nsx.since(before)) == [f"PUT {section}", f"PUT {section}/bgp", f"PUT {section}"]

    def test_the_service_and_its_sites_are_one_call(self, nsx: Lab) -> None:
        build(nsx, BASE)
        edge, before = nsx.edge_id(), len(nsx.manager.requests)
        others = [replace(TUNNEL, site=f"s{n}", peer=IPv4Address("198.51.100.30") + n) for n in range(20)]

        nsx.done(create(VPN), *map(create, others))

        assert changing(nsx.since(before)) == [f"PUT /api/4.0/edges/{edge}/ipsec/config"]

    def test_what_is_so_already_is_not_sent(self, nsx: Lab) -> None:
        build(nsx, [*BASE, BGP, PEER, VPN, TUNNEL])
        before = len(nsx.manager.requests)

        nsx.done(create(BGP), create(PEER), create(VPN), create(TUNNEL))
        nsx.done(delete(OPEN_PEER), delete(replace(TUNNEL, site="none")))

        assert changing(nsx.since(before)) == []

    def test_sessions_and_tunnels_cost_the_same_however_many_there_are(self, nsx: Lab) -> None:
        wide = replace(EDGE, size=EdgeSize.QUADLARGE)
        build(nsx, [TRANSIT, wide, UPLINK, INSIDE, BGP, *peers(50), VPN, TUNNEL])
        edge, before = nsx.edge_id(), len(nsx.manager.requests)

        seen = nsx.see(*(BgpSession(owner=ESG, address=peer.address).key for peer in peers(50)), UP.key)

        assert len(seen.items) == 51
        assert sorted(path.partition("?")[0] for _, path in nsx.since(before)) == [
            "/api/1.0/nsx/cli",
            "/api/4.0/edges",
            f"/api/4.0/edges/{edge}/ipsec/config",
            f"/api/4.0/edges/{edge}/ipsec/statistics",
        ]

    # Undone, exactly

    def test_what_was_made_leaves_nothing(self, nsx: Lab) -> None:
        build(nsx, BASE)
        before = nsx.manager.dump()

        nsx.done(*map(create, (BGP, PEER, OPEN_PEER, VPN, TUNNEL)))
        nsx.done(*map(delete, (TUNNEL, VPN, OPEN_PEER, PEER, BGP)))

        assert nsx.manager.dump() == before
        assert nsx.see(ESG).items[BGP.key].at_default
        assert nsx.see(ESG).items[VPN.key].at_default

    def test_a_process_of_somebody_else_is_changed_and_put_back(self, nsx: Lab) -> None:
        build(nsx, [*BASE, ROUTE])
        bgp_by_hand(nsx)
        nsx.done(create(ROUTE))
        before, shows = nsx.manager.dump(), shown(nsx, "routing/config/bgp")
        live = nsx.live(BGP.key)
        assert live == Bgp(
            owner=ESG,
            enabled=True,
            asn=65001,
            router_id=IPv4Address("203.0.113.2"),
            redistributes=(Redistributed.CONNECTED,),
            prefixes=(
                PrefixFilter(action=FilterAction.PERMIT, network=IPv4Network("10.1.0.0/16"), ge=17, le=24),
            ),
        )
        ours = replace(BGP, asn=65001)

        nsx.done(update(live, ours), create(PEER))
        assert nsx.live(BGP.key) == ours
        assert xml.text(nsx.section("routing/config/bgp"), "gracefulRestart") == "false"
        assert THEIR_KEY.encode() in shown(nsx, "routing/config/bgp")
        nsx.done(delete(PEER), update(ours, live))

        assert nsx.manager.dump() == before
        assert shown(nsx, "routing/config/bgp") == shows
        assert nsx.manager.warnings == []

    @pytest.mark.parametrize(
        ("rules", "why"),
        [
            ({"on": "false"}, "it is off and has rules"),
            ({"more": "<rule><from><static>true</static></from><action>deny</action></rule>"}, "do not all"),
        ],
    )
    def test_a_redistribution_that_could_not_be_put_back_is_left(
        self, nsx: Lab, rules: dict[str, str], why: str
    ) -> None:
        build(nsx, BASE)
        bgp_by_hand(nsx, **rules)
        live = nsx.live(BGP.key)
        assert isinstance(live, Bgp)

        reason = refused(nsx, update(live, BGP))
        nsx.done(update(live, replace(live, asn=65011)))  # what does not touch it is well

        assert "the redistribution of icp-esg cannot be taken over" in reason
        assert why in reason

    def test_a_process_is_not_ended_while_somebody_has_a_neighbour(self, nsx: Lab) -> None:
        build(nsx, BASE)
        bgp_by_hand(nsx)

        assert "neighbours that would go with it: 203.0.113.99" in refused(nsx, delete(BGP))

    # Secrets of others

    def test_the_key_of_somebody_else_survives_all_that_we_do(self, nsx: Lab) -> None:
        build(nsx, BASE)
        ipsec_by_hand(nsx, site(), site("any", "any"), shared=THEIR_KEY)
        before = shown(nsx, "ipsec/config")
        assert before.count(THEIR_KEY.encode()) == 3
        seen = nsx.see(ESG).items[replace(TUNNEL, site="theirs").key]
        assert (set(seen.unreadable), seen.handle) == ({"psk"}, "ipsecsite-1")

        nsx.done(create(TUNNEL))
        nsx.done(update(TUNNEL, replace(TUNNEL, pfs=False)))
        nsx.done(delete(TUNNEL))

        assert shown(nsx, "ipsec/config") == before
        assert nsx.manager.warnings == []

    @pytest.mark.parametrize("path", ["ipsec/config", "routing/config/bgp"])
    def test_a_secret_that_is_not_shown_is_not_sent_back(
        self, nsx: Lab, path: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        build(nsx, [*BASE, VPN])
        bgp_by_hand(nsx)
        ipsec_by_hand(nsx, site())
        read = nsx.client.read

        def blind(address: str, query: Mapping[str, str] | None = None) -> xml.Element:
            found = read(address, query)
            for one in (*found.iter("psk"), *found.iter("password")):
                one.text = "*****"
            return found

        monkeypatch.setattr(nsx.client, "read", blind)
        reason = refused(nsx, create(TUNNEL if path == "ipsec/config" else PEER))

        assert "is not shown, so it could not be sent back" in reason
        assert ("theirs" in reason) or ("203.0.113.99" in reason)

    def test_a_key_is_set_again_only_where_it_is_ours_to_set(self, nsx: Lab) -> None:
        build(nsx, [*BASE, VPN, TUNNEL])
        nsx.psk = Secret("another-K3y-of-ours")

        nsx.done(replace(update(TUNNEL, TUNNEL), fields=()))

        assert b"another-K3y-of-ours" in shown(nsx, "ipsec/config")
        assert PSK.encode() not in shown(nsx, "ipsec/config")

    def test_a_site_without_a_peer_works_by_the_key_of_all_such_sites(self, nsx: Lab) -> None:
        build(nsx, BASE)
        before = nsx.manager.dump()
        one = replace(TUNNEL, peer=None, responds_only=True)
        two = replace(one, site="iks-b", peer_id="other")

        nsx.done(create(one), create(two))
        assert nsx.manager.keys(ESG.name) == {"iks-a": PSK, "iks-b": PSK}

        nsx.psk = Secret("another-K3y-of-ours")
        assert "sites that name no peer share one key, and iks-b has another one" in refused(
            nsx, update(one, replace(one, pfs=False))
        )
        nsx.done(update(one, replace(one, pfs=False)), update(two, two))
        assert set(nsx.manager.keys(ESG.name).values()) == {"another-K3y-of-ours"}

        nsx.done(delete(one))
        assert nsx.manager.keys(ESG.name) == {"iks-b": "another-K3y-of-ours"}
        nsx.done(delete(two), delete(VPN))
        assert nsx.manager.dump() == before
        assert b"another-K3y" not in shown(nsx, "ipsec/config")

    def test_a_site_of_somebody_else_is_adopted_with_its_key_and_given_back(self, nsx: Lab) -> None:
        build(nsx, BASE)
        ipsec_by_hand(nsx, site("iks-a"))
        before, found = shown(nsx, "ipsec/config"), nsx.live(TUNNEL.key)

        assert "has another key than env:PSK" in refused(nsx, adopt(TUNNEL.key, found, TUNNEL))
        nsx.psk = Secret(THEIR_KEY)
        nsx.done(adopt(TUNNEL.key, found, TUNNEL))
        assert nsx.live(TUNNEL.key) == replace(TUNNEL, psk=SecretRef("nsxv", "masked"))
        nsx.done(release(TUNNEL, found))

        assert shown(nsx, "ipsec/config") == before

    def test_a_site_of_another_kind_is_not_overwritten(self, nsx: Lab) -> None:
        build(nsx, BASE)
        by_certificate = site("iks-a").replace(">psk<", ">x.509<")
        ipsec_by_hand(nsx, by_certificate)
        assert TUNNEL.key not in nsx.see(ESG).items

        assert "a site of that name is there" in refused(nsx, create(TUNNEL))

    # Limits and refusals

    def test_more_neighbours_than_the_edge_has_room_for_are_refused_with_the_limit(self, nsx: Lab) -> None:
        build(nsx, [*BASE, BGP])
        before = nsx.manager.dump()

        outcomes = nsx.apply(*map(create, peers(21)))

        assert {outcome.result for outcome in outcomes} == {Result.REFUSED}
        assert len({outcome.reason for outcome in outcomes}) == 1
        assert "21 exceeds the limit MAX_BGP_NEIGHBOURS of 20" in outcomes[0].reason
        assert "limits of icp-esg: " in outcomes[0].reason
        assert nsx.manager.dump() == before

    def test_a_neighbour_waits_for_its_process(self, nsx: Lab) -> None:
        build(nsx, BASE)

        assert "BGP of icp-esg is not enabled, which comes first" in refused(nsx, create(PEER))

    def test_a_process_that_is_off_holds_nothing(self, nsx: Lab) -> None:
        build(nsx, BASE)

        assert "has nothing but a router id" in refused(nsx, create(replace(BGP, enabled=False)))

    def test_as_numbers_that_nsx_does_not_take_are_refused_by_it(self, nsx: Lab) -> None:
        build(nsx, BASE)

        (outcome,) = nsx.apply(create(replace(BGP, asn=65535)))

        assert outcome.result is Result.REFUSED
        assert "localAS" in outcome.reason

    # States

    def test_what_is_not_configured_has_no_state(self, nsx: Lab) -> None:
        build(nsx, BASE)

        assert nsx.see(SESSION.key, UP.key) == Observation()
        assert nsx.see(replace(SESSION, owner=DLR).key) == Observation()

    def test_states_are_told_only_to_who_asks(self, nsx: Lab) -> None:
        build(nsx, [*BASE, BGP, PEER, VPN, TUNNEL])

        assert not {SESSION.key, UP.key} & nsx.see(ESG, PEER.key, TUNNEL.key).items.keys()
        seen = nsx.see(SESSION.key, UP.key).items
        assert seen[SESSION.key].resource.compared() == replace(SESSION, state="Idle").compared()
        assert seen[UP.key].resource.compared() == replace(UP, up=False).compared()

    def test_a_session_is_waited_for_until_it_stands(self, nsx: Lab) -> None:
        build(nsx, [*BASE, BGP, PEER, OPEN_PEER])
        control, second = Control(nsx), replace(SESSION, address=OPEN_PEER.address)
        stands = Session("Established", (Learned(IPv4Network("172.30.0.0/26"), PEER.address, 20),))
        one, two = str(PEER.address), str(OPEN_PEER.address)
        control.sessions = [{}, {one: stands, two: Session("Active")}, {one: stands, two: stands}]

        nsx.done(create(SESSION), create(second))

        assert nsx.waited == [2, 4]
        assert nsx.live(second.key) == second

    def test_a_session_that_does_not_come_is_refused_with_its_state(self, nsx: Lab) -> None:
        build(nsx, [*BASE, BGP, PEER, OPEN_PEER])
        control, second = Control(nsx), replace(SESSION, address=OPEN_PEER.address)
        control.sessions = [
            {str(PEER.address): Session("Established"), str(OPEN_PEER.address): Session("Active")}
        ]

        came, stayed, after = nsx.apply(create(SESSION), create(second), create(VPN))

        assert came.result is Result.APPLIED
        assert stayed.result is Result.REFUSED
        assert "BGP session of icp-esg with 203.0.113.61 is Active and not Established" in stayed.reason
        assert "turns tcp/179 down" in stayed.reason
        assert (after.result, after.attempted) == (Result.REFUSED, False)
        assert 300 <= sum(nsx.waited) < 330

    @pytest.mark.parametrize(
        "reason", ["AUTHENTICATION_FAILED", "NO_PROPOSAL_CHOSEN", "TS_UNACCEPTABLE", "NO_ANSWER", ""]
    )
    def test_a_tunnel_that_does_not_come_up_says_why(self, nsx: Lab, reason: str) -> None:
        build(nsx, [*BASE, VPN, TUNNEL])
        Control(nsx).tunnels = [{"iks-a": Tunnel(up=False, reason=reason)}]

        (outcome,) = nsx.apply(create(UP))

        assert outcome.result is Result.REFUSED
        assert f"tunnel iks-a of icp-esg is down ({reason or 'the edge names no reason'})" in outcome.reason

    def test_a_tunnel_is_waited_for_until_it_is_up(self, nsx: Lab) -> None:
        build(nsx, [*BASE, VPN, TUNNEL])
        Control(nsx).tunnels = [{}, {"iks-a": Tunnel(up=True)}]

        nsx.done(create(UP))

        assert nsx.waited == [2]
        assert nsx.live(UP.key) == UP

    def test_a_state_of_nothing_says_so(self, nsx: Lab) -> None:
        build(nsx, BASE)

        (outcome,) = nsx.apply(create(UP))

        assert outcome.result is Result.REFUSED
        assert "is not there: it is not configured" in outcome.reason

    def test_an_undo_leaves_states_as_they_are(self, nsx: Lab) -> None:
        build(nsx, [*BASE, BGP, PEER, VPN, TUNNEL])
        before = len(nsx.manager.requests)

        nsx.done(delete(SESSION), delete(UP))
        nsx.done(update(SESSION, replace(SESSION, state="Idle")), update(UP, replace(UP, up=False)))

        assert (nsx.since(before), nsx.waited) == ([], [])

    def test_an_edge_that_does_not_tell_is_no_edge_without_sessions(self, nsx: Lab) -> None:
        build(nsx, [*BASE, BGP, PEER])
        nsx.trouble.arm("timeout*9@/api/1.0/nsx/cli")

        (outcome,) = nsx.apply(create(SESSION))

        assert outcome.result is Result.REFUSED
        assert "central CLI" in outcome.reason

    def test_no_key_is_in_any_message(self, nsx: Lab) -> None:
        build(nsx, BASE)
        ipsec_by_hand(nsx, site())
        bgp_by_hand(nsx)
        told: list[Outcome] = []
        for fault in ("400", "401", "403", "404", "409*99", "500", "503*99", "timeout", "garbage", "lost"):
            for changes in ([create(TUNNEL)], [create(PEER)]):
                nsx.trouble.arm(fault)
                told += nsx.apply(*changes)

        text = "\n".join(f"{outcome}" for outcome in told)
        assert {outcome.result for outcome in told} >= {Result.REFUSED, Result.UNKNOWN}
        assert PSK not in text
        assert THEIR_KEY not in text
