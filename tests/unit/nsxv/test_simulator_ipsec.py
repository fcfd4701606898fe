"""IPsec on the simulated NSX Manager."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from adapters.nsxv.simulator import NsxManager, Options
from adapters.nsxv.simulator.control import Tunnel
from tests.unit.nsxv.manager import EDGE, EDGES, dlr, esg, make, talk, value, values

CONFIG = f"{EDGE}/ipsec/config"
SHOWN = f"{CONFIG}?showSensitiveData=true"
STATISTICS = f"{EDGE}/ipsec/statistics"
KEY = "s3cret-key"


@pytest.fixture
def manager() -> NsxManager:
    return make(options=Options(limits={"ipsec.MAX_TUNNELS": 4}))


@pytest.fixture
def client(manager: NsxManager) -> Iterator[httpx.Client]:
    with talk(manager) as client:
        assert client.post(EDGES, content=esg()).status_code == 201
        yield client


def site(
    name: str = "a", *, more: str = "", key: str = KEY, peer: str = "198.51.100.7", local: str = "10.1.0.0/24"
) -> str:
    return (
        f"<site><name>{name}</name><localId>x</localId><localIp>10.0.0.1</localIp><peerId>y</peerId>"
        f"<peerIp>{peer}</peerIp><authenticationMode>psk</authenticationMode><psk>{key}</psk>"
        f"<localSubnets><subnet>{local}</subnet></localSubnets>"
        f"<peerSubnets><subnet>10.2.0.0/24</subnet><subnet>10.3.0.0/24</subnet></peerSubnets>{more}</site>"
    )


def ipsec(*sites: str, shared: str = "") -> str:
    key = f"<global><psk>{shared}</psk></global>" if shared else ""
    return f"<ipsec><enabled>true</enabled><sites>{''.join(sites)}</sites>{key}</ipsec>"


def test_a_site_comes_back_with_its_defaults_and_without_its_key(client: httpx.Client) -> None:
    assert client.put(CONFIG, content=ipsec(site(), shared=KEY)).status_code == 204
    shown = client.get(CONFIG)
    for path, expected in {
        "enabled": "true",
        "logging/logLevel": "warning",
        "sites/site/siteId": "ipsecsite-1",
        "sites/site/enabled": "true",
        "sites/site/encryptionAlgorithm": "aes",
        "sites/site/digestAlgorithm": "sha1",
        "sites/site/ikeOption": "ikev1",
        "sites/site/dhGroup": "dh14",
        "sites/site/enablePfs": "true",
        "sites/site/responderOnly": "false",
        "sites/site/psk": "******",
        "global/psk": "******",
    }.items():
        assert value(shown, path) == expected
    for path in (CONFIG, EDGE):
        assert KEY not in client.get(path).text
    assert values(client.get(SHOWN), "sites/site/psk") == [KEY]
    assert KEY not in talk(make(version="6.3.4")).get(EDGES).text


def test_keys_are_not_shown_before_the_version_that_shows_them() -> None:
    with talk(make(version="6.3.4")) as client:
        client.post(EDGES, content=esg())
        assert client.put(CONFIG, content=ipsec(site())).status_code == 204
        assert values(client.get(SHOWN), "sites/site/psk") == ["******"]


def test_a_mask_keeps_the_key_of_a_known_site_and_is_noted(client: httpx.Client, manager: NsxManager) -> None:
    client.put(CONFIG, content=ipsec(site()))
    known = "<siteId>ipsecsite-1</siteId>"
    assert client.put(CONFIG, content=ipsec(site("b", more=known))).status_code == 204
    assert manager.warnings == []
    assert client.put(CONFIG, content=ipsec(site(more=known, key="*****"))).status_code == 204
    assert values(client.get(SHOWN), "sites/site/psk") == [KEY]
    assert values(client.get(CONFIG), "sites/site/siteId") == ["ipsecsite-1"]
    assert len(manager.warnings) == 1
    assert KEY not in manager.warnings[0]


def test_what_is_deleted_is_as_delivered(client: httpx.Client, manager: NsxManager) -> None:
    before, delivered = manager.dump(), client.get(EDGE).text
    assert "<ipsec><version>1</version><enabled>false</enabled>" in delivered
    client.put(CONFIG, content=ipsec(site()))
    assert manager.dump() != before
    assert KEY not in str(manager.dump())
    assert client.delete(CONFIG).status_code == 204
    assert manager.dump() == before


@pytest.mark.parametrize(
    ("document", "status", "said"),
    [
        (ipsec(site(key="")), 400, "field sites.sites[0].psk is missing"),
        (ipsec(site(key="*****")), 400, "a masked key"),
        (ipsec(site(peer="any")), 400, "global.psk is missing"),
        (ipsec(site(), site()), 400, "not unique"),
        (ipsec(site(more="<siteId>ipsecsite-77</siteId>")), 404, "ipsecsite-77"),
        (ipsec(site(more="<ipsecSessionType>routebasedsession</ipsecSessionType>")), 400, "ipsecSessionType"),
        (ipsec(site(more="<encryptionAlgorithm>aes512</encryptionAlgorithm>")), 400, "aes512"),
        (ipsec(site(more="<dhGroup>dh1</dhGroup>")), 400, "dh1"),
        (ipsec(site(local="10.1.0.0")), 400, "15012"),
        (ipsec(site().replace("<subnet>10.1.0.0/24</subnet>", "")), 400, "localSubnets.subnet is missing"),
        (ipsec(site("a"), site("b"), site("c")), 400, "MAX_TUNNELS of 4"),
        (ipsec(site(more="<presharedKey>x</presharedKey>")), 400, "Unrecognized field"),
    ],
)
def test_what_the_product_refuses_is_refused(
    client: httpx.Client, manager: NsxManager, document: str, status: int, said: str
) -> None:
    before = manager.dump()
    answer = client.put(CONFIG, content=document)
    assert answer.status_code == status
    assert said in answer.text
    assert KEY not in answer.text
    assert manager.dump() == before


def test_a_site_without_a_peer_works_by_the_shared_key(client: httpx.Client, manager: NsxManager) -> None:
    client.put(CONFIG, content=ipsec(site(peer="ANY", key="own"), site("b"), shared="shared"))
    assert manager.keys("esg") == {"a": "shared", "b": KEY}


def test_a_router_has_no_tunnels(client: httpx.Client) -> None:
    client.post(EDGES, content=dlr())
    for path in ("config", "statistics"):
        assert client.get(f"{EDGES}/edge-2/ipsec/{path}").status_code == 400


def test_statistics_tell_what_has_come_of_each_pair(client: httpx.Client, manager: NsxManager) -> None:
    client.put(CONFIG, content=ipsec(site(), site("b")))
    manager.control.tunnels = lambda _: {"a": Tunnel(up=True), "b": Tunnel(reason="NO_PROPOSAL_CHOSEN")}
    shown = client.get(STATISTICS)
    assert values(shown, "siteStatistics/siteId") == ["ipsecsite-1", "ipsecsite-2"]
    assert values(shown, "siteStatistics/ikeStatus/channelStatus") == ["up", "down"]
    assert values(shown, "siteStatistics/tunnelStats/tunnelStatus") == ["up", "up", "down", "down"]
    assert values(shown, "siteStatistics/tunnelStats/failureMessage") == ["NO_PROPOSAL_CHOSEN"] * 2
    client.put(CONFIG, content=ipsec(site(more="<enabled>false</enabled>")))
    assert values(client.get(STATISTICS), "siteStatistics/siteId") == []


def test_the_hook_may_read_the_manager_from_another_thread(client: httpx.Client, manager: NsxManager) -> None:
    client.put(CONFIG, content=ipsec(site()))

    def tunnels(edge: str) -> dict[str, Tunnel]:
        with ThreadPoolExecutor(1) as pool:
            keys = pool.submit(manager.keys, edge).result(timeout=1)
        return {name: Tunnel(up=True) for name in keys}

    manager.control.tunnels = tunnels
    assert values(client.get(STATISTICS), "siteStatistics/ikeStatus/channelStatus") == ["up"]
