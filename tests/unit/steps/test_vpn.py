"""What the runbooks of VPNs want on the example site: both ends alike, in order, and what is refused."""

import copy
from collections.abc import Sequence
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from typing import Any

import pytest

from hopbook.engine.change import Action, KindTraits, Observation, Observed
from hopbook.engine.plan import Known, Step, diff
from hopbook.errors import InvalidInput
from hopbook.network import observed
from hopbook.resources.base import Resource, SecretRef, from_document, to_document
from hopbook.resources.helm import Release
from hopbook.resources.kubernetes import Annotation, Node, NodeInterface, Service
from hopbook.resources.nsxv import FirewallRule, Ipsec, IpsecSite, IpsecTunnel, NatRule, StaticRoute
from hopbook.site.document import read_document
from hopbook.site.load import read_site
from hopbook.site.load import to_document as site_document
from hopbook.site.model import Site
from hopbook.steps import icp, icp_vpn, iks_vpn, naming
from hopbook.steps.vpn import Seen
from hopbook.vpn import chart, edge
from hopbook.vpn.mirror import differences
from hopbook.vpn.tunnel import End
from tasks import files

EXAMPLE = site_document(read_site(files.site_path("example").read_bytes(), "example.yaml"))
BY_HAND = [
    read_document(path.read_bytes(), path.name)
    for path in sorted((files.OBSERVED / "example").glob("*.yaml"))
]
VPN = {"psk": {"env": "IKS_A_VPN_PSK"}, "load_balancer": "10.95.60.131", "pods": [8080], "services": [80]}
OF_ICP = {"cluster": "iks-a", "psk": {"env": "ICP_VPN_PSK"}, "load_balancer": "10.95.60.132"}


def site(vpn: dict[str, Any] | None = None, *, overlay: str = "workload", **sections: Any) -> Site:
    data = copy.deepcopy(EXAMPLE)
    join: dict[str, Any] = {"how": "vpn", "overlay": overlay}
    data["iks"][0]["join"] = join if vpn is None else {**join, "vpn": vpn}
    data["icp"]["vpns"] = [OF_ICP]
    return Site.model_validate({**data, **sections})


def of_databases_only() -> Site:
    """The example as if its databases were all that it brings, as in the written observation."""
    data = site_document(site(VPN))
    workloads = [load for load in data["workloads"] if load["on"] == "workload/databases"]
    return Site.model_validate(
        {**data, "overlays": data["overlays"][1:], "icp": None, "workloads": workloads}
    )


def seen(*resources: Resource) -> Seen:
    return Seen(Observation(items={item.key: Observed(resource=item) for item in resources}))


WORKERS = tuple(
    Node(
        cluster="iks-a",
        node=f"iks-a-worker-{number}",
        address=IPv4Address(address),
        interfaces=(NodeInterface(label="eth0", role="private", address=IPv4Interface(f"{address}/26")),),
    )
    for number, address in enumerate(("10.95.60.4", "10.95.60.5", "10.95.61.4"), start=1)
)


def edge_steps(found: iks_vpn.Tunnelled, where: Site) -> list[Step]:
    return [make(where) for make in (found.exempt, found.routes, found.admit, found.gateway, found.tunnel)]


def wanted(steps: list[Step]) -> list[Resource]:
    return [resource for step in steps for resource in step.resources]


def unnamed(resources: Sequence[Resource]) -> set[Resource]:
    """Without what is only a name or a purpose for people."""
    return {
        replace(item, rule="", purpose="", rank=0) if isinstance(item, FirewallRule | NatRule) else item
        for item in resources
    }


def test_the_edge_is_given_what_was_written_by_hand() -> None:
    where = of_databases_only()
    written = observed.read(BY_HAND, site(VPN))
    by_hand = [item.resource for item in written.items.values()]
    wanted_now = unnamed(wanted(edge_steps(iks_vpn.Tunnelled(), where)))
    of_the_vpn = [
        item
        for item in by_hand
        if isinstance(item, IpsecSite)
        or (isinstance(item, StaticRoute) and item.purpose.endswith("by the tunnel"))
        or (isinstance(item, FirewallRule) and ("172.30.0.0/16" in (*item.sources, *item.destinations)))
        or (isinstance(item, FirewallRule) and item.rule in {"iks-a-ike", "databases-to-services"})
        or (isinstance(item, NatRule) and item.name == "workload-esg/snat-private")
    ]
    assert len(of_the_vpn) == 8
    assert unnamed(of_the_vpn) <= wanted_now
    further = wanted_now - unnamed(of_the_vpn)
    assert {type(item) for item in further} == {NatRule, Ipsec, IpsecTunnel}
    assert {item.match for item in further if isinstance(item, NatRule)} == {"161.26.0.0/16", "166.8.0.0/14"}


def ends(found: iks_vpn.Tunnelled, where: Site) -> tuple[End, End]:
    """Both ends, read back from the very resources."""
    (release,) = (item for item in found.release(where).resources if isinstance(item, Release))
    (ipsec,) = (item for item in found.gateway(where).resources if isinstance(item, IpsecSite))
    return chart.end_of(release.document(), "strongSwan", release.secret), edge.end_of(ipsec)


@pytest.mark.parametrize(
    "vpn",
    [
        VPN,
        {**VPN, "ike": "aes128-sha1-modp1024", "esp": "aes128-sha1"},
        {**VPN, "ike": "aes128-sha256-modp4096", "esp": "aes128gcm16-modp4096"},
        {**VPN, "local_id": "a", "remote_id": "b", "also_local": ["10.95.60.0/26"]},
        {"psk": {"file": "/run/psk"}, "end": "worker", "worker": "10.95.61.4"},
        {"psk": {"file": "/run/psk"}, "end": "worker"},
    ],
)
def test_both_ends_are_mirror_images_whatever_the_site_says(vpn: dict[str, Any]) -> None:
    near, far = ends(iks_vpn.Tunnelled(seen=seen(*WORKERS)), site(vpn))
    assert list(differences(near, far)) == []
    assert near.starts is (vpn.get("end") == "worker")
    assert near.starts is not far.starts


def test_the_remote_side_is_all_that_the_instance_brings() -> None:
    near, far = ends(iks_vpn.Tunnelled(), site(VPN))
    brought = {IPv4Network("192.168.12.0/24"), IPv4Network("192.168.20.0/24")}
    assert set(near.beyond) == set(far.inside) == brought


def test_a_listener_in_the_cluster_is_private_and_takes_whoever_proves_himself() -> None:
    found, where = iks_vpn.Tunnelled(), site(VPN)
    assert iks_vpn.waits(where, "")
    (release,) = found.release(where).resources
    assert isinstance(release, Release)
    values = release.document()
    assert (values["ipsec"]["auto"], values["remote"]["gateway"]) == ("add", "%any")
    assert (values["loadBalancerIP"], values["remote"]["privateIPtoPing"]) == (
        "10.95.60.131",
        "192.168.12.30",
    )
    assert "nodeSelector" not in values
    assert (release.secret, release.secret_at) == (SecretRef("env", "IKS_A_VPN_PSK"), ("preshared", "secret"))
    assert "preshared" not in values
    (annotation,) = found.private_end(where).resources
    assert isinstance(annotation, Annotation)
    assert (annotation.object, annotation.value) == ("service/default/vpn-strongswan", "private")


def test_a_starter_is_on_its_worker_and_the_edge_only_responds() -> None:
    vpn = {"psk": {"env": "PSK"}, "end": "worker", "worker": "10.95.61.4"}
    found, where = iks_vpn.Tunnelled(seen=seen(*WORKERS)), site(vpn)
    assert not iks_vpn.waits(where, "")
    (release,) = found.release(where).resources
    assert isinstance(release, Release)
    values = release.document()
    assert (values["ipsec"]["auto"], values["remote"]["gateway"]) == ("start", "10.95.40.80")
    assert values["nodeSelector"] == {"kubernetes.io/hostname": "iks-a-worker-3"}
    assert "loadBalancerIP" not in values
    assert found.private_end(where).resources == ()
    ipsec, enabled = found.gateway(where).resources
    assert isinstance(ipsec, IpsecSite)
    assert (ipsec.peer, ipsec.responds_only) == (IPv4Address("10.95.61.4"), True)
    assert isinstance(enabled, Ipsec)
    assert enabled.enabled


def test_of_any_worker_the_edge_takes_any_peer_from_the_subnets_that_they_are_on() -> None:
    found, where = iks_vpn.Tunnelled(seen=seen(*WORKERS)), site({"psk": {"env": "PSK"}, "end": "worker"})
    ipsec = found.gateway(where).resources[0]
    ike = found.admit(where).resources[0]
    assert isinstance(ipsec, IpsecSite)
    assert isinstance(ike, FirewallRule)
    assert (ipsec.peer, ipsec.responds_only) == (None, True)
    assert ike.sources == ("10.95.60.0/26", "10.95.61.0/26")
    assert iks_vpn.Tunnelled().admit(where).resources[0].compared()["sources"] == ("10.95.60.0/26",)


def test_the_address_that_the_load_balancer_got_is_the_peer() -> None:
    where = site({"psk": {"env": "PSK"}})
    service = Service(
        cluster="iks-a",
        service="vpn-strongswan",
        ports=(),
        external=(IPv4Address("198.51.100.133"), IPv4Address("10.95.60.133")),
    )
    ipsec = iks_vpn.Tunnelled(seen=seen(service)).gateway(where).resources[0]
    assert isinstance(ipsec, IpsecSite)
    assert ipsec.peer == IPv4Address("10.95.60.133")
    for make in (iks_vpn.Tunnelled().gateway, iks_vpn.Tunnelled().admit):
        with pytest.raises(InvalidInput, match=r"load balancer of vpn in iks-a gets; .*10\.95\.60\.128/29"):
            make(where)


def test_a_public_end_takes_the_public_uplink_and_needs_one() -> None:
    public = site({**VPN, "load_balancer": "198.51.100.131"}, overlay="icp")
    found = iks_vpn.Tunnelled()
    ipsec = found.gateway(public).resources[0]
    assert isinstance(ipsec, IpsecSite)
    assert ipsec.local == IPv4Address("203.0.113.18")
    assert {item.compared()["interface"] for item in found.routes(public).resources} == {naming.PUBLIC}
    assert found.private_end(public).resources == ()
    with pytest.raises(InvalidInput, match="the edge of overlay workload has no `public` address"):
        found.routes(site({**VPN, "load_balancer": "198.51.100.131"}))


def snat(match: str, **more: Any) -> NatRule:
    (rule, *_) = (
        item for item in iks_vpn.Tunnelled().exempt(site(VPN)).resources if isinstance(item, NatRule)
    )
    return replace(rule, rule="#7", match=match, **more)


@pytest.mark.parametrize("match", ["any", "172.16.0.0/12", "ipset-4"])
def test_snat_that_would_catch_the_tunnel_is_refused_by_name(match: str) -> None:
    with pytest.raises(InvalidInput, match=r"SNAT #7 on workload-esg .*narrow it .*172\.30\.0\.0/16"):
        iks_vpn.Tunnelled(seen=seen(snat(match))).exempt(site(VPN))


@pytest.mark.parametrize(
    "rule",
    [
        snat("any", enabled=False),
        snat("any", interface=naming.TRANSIT),
        snat("any", original="192.168.99.0/24"),
    ],
)
def test_snat_of_something_else_is_left_alone(rule: NatRule) -> None:
    assert len(iks_vpn.Tunnelled(seen=seen(rule)).exempt(site(VPN)).resources) == 3


def test_snat_that_somebody_narrowed_is_not_doubled_and_stays_theirs() -> None:
    made = iks_vpn.Tunnelled(seen=seen(snat("10.0.0.0/8", purpose="theirs"))).exempt(site(VPN)).resources
    assert [item.match for item in made if isinstance(item, NatRule)] == ["161.26.0.0/16", "166.8.0.0/14"]
    ours = iks_vpn.Tunnelled().exempt(site(VPN)).resources
    marked = Observation(items={item.key: Observed(resource=item, marked=True) for item in ours})
    assert iks_vpn.Tunnelled(seen=Seen(marked)).exempt(site(VPN)).resources == ours  # a second run


def test_on_icp_s_own_edge_icp_s_runbook_narrows_the_snat() -> None:
    plain = [item for item in icp.dns_and_ntp(site(VPN)).resources if isinstance(item, NatRule)]
    assert [item.match for item in plain] == ["any"]
    where = site(VPN, overlay="icp")
    narrowed = [item for item in icp.dns_and_ntp(where).resources if isinstance(item, NatRule)]
    assert [item.match for item in narrowed] == ["10.0.0.0/8", "161.26.0.0/16", "166.8.0.0/14"]
    assert narrowed[0].key == plain[0].key
    assert iks_vpn.Tunnelled(seen=seen(*narrowed)).exempt(where).resources == ()
    with pytest.raises(InvalidInput, match="SNAT snat-private on icp-esg"):
        iks_vpn.Tunnelled(seen=seen(*plain)).exempt(where)


def test_a_worker_that_is_not_there_is_refused_with_those_that_are() -> None:
    vpn = {"psk": {"env": "PSK"}, "end": "worker", "worker": "10.95.60.9"}
    with pytest.raises(
        InvalidInput, match=r"no worker of iks-a has the address 10\.95\.60\.9; there is 10\.95\.60\.4"
    ):
        iks_vpn.Tunnelled(seen=seen(*WORKERS)).release(site(vpn))


@pytest.mark.parametrize(
    ("vpn", "cluster", "why"),
    [
        (None, "", "no IKS cluster of the site has a `join` with `how: vpn` and a section `vpn`"),
        (VPN, "iks-b", "cluster 'iks-b' is none that has .*did you mean `iks-a`.*there is iks-a"),
    ],
)
def test_the_cluster_that_is_meant_has_to_be_there(
    vpn: dict[str, Any] | None, cluster: str, why: str
) -> None:
    with pytest.raises(InvalidInput, match=why):
        iks_vpn.scope(site(vpn), cluster)


def test_one_of_several_clusters_has_to_be_named() -> None:
    data = site_document(site(VPN))
    second = {**copy.deepcopy(data["iks"][0]), "name": "iks-b"}
    several = Site.model_validate({**data, "iks": [*data["iks"], second]})
    with pytest.raises(InvalidInput, match=r"several IKS clusters have .*iks-a or iks-b"):
        iks_vpn.scope(several, "")
    assert iks_vpn.scope(several, "iks-b")[0].name == "iks-b/any"


def test_icp_starts_and_iks_listens() -> None:
    found, where = icp_vpn.Tunnelled(), site(VPN)
    (listener,), (starter,) = found.listener(where).resources, found.starter(where).resources
    assert isinstance(listener, Release)
    assert isinstance(starter, Release)
    assert (listener.cluster, listener.release) == ("iks-a", "vpn-icp")
    assert (starter.cluster, starter.release) == ("icp", "vpn-iks-a")
    near = chart.end_of(listener.document(), "near", listener.secret)
    far = chart.end_of(starter.document(), "far", starter.secret)
    assert list(differences(near, far)) == []
    assert (near.starts, far.starts, far.gateway) == (False, True, IPv4Address("10.95.60.132"))
    assert far.inside == (IPv4Network("172.24.0.0/16"), IPv4Network("172.25.0.0/24"))
    assert starter.document()["privilegedVpnPod"] is True
    assert "privilegedVpnPod" not in listener.document()


def test_icp_s_edge_is_given_what_was_written_by_hand() -> None:
    where = site(VPN)
    by_hand = observed.read(BY_HAND, where)
    (rule,) = icp_vpn.Tunnelled().way_out(where).resources
    assert by_hand.items[rule.key].resource.compared() == rule.compared()


def test_icp_does_not_start_towards_an_address_that_nobody_knows() -> None:
    data = site_document(site(VPN))
    data["icp"]["vpns"] = [{"cluster": "iks-a", "psk": {"env": "PSK"}}]
    where = Site.model_validate(data)
    assert icp_vpn.Tunnelled().listener(where).resources
    for make in (icp_vpn.Tunnelled().way_out, icp_vpn.Tunnelled().starter):
        with pytest.raises(InvalidInput, match="load balancer of vpn-icp in iks-a gets"):
            make(where)


def everything() -> list[Step]:
    where, one, other = site(VPN), iks_vpn.Tunnelled(), icp_vpn.Tunnelled()
    makes = (one.release, one.private_end, other.listener, other.private_end, other.way_out, other.starter)
    return [*(make(where) for make in makes), *edge_steps(one, where)]


def test_every_resource_is_wanted_once_and_can_be_written_and_read_back() -> None:
    resources = wanted(everything())
    assert len({item.key for item in resources}) == len(resources)
    for resource in resources:
        assert from_document(to_document(resource)) == resource


def test_every_step_has_a_citation_that_is_known() -> None:
    statements = set(files.document()["statements"])
    for step in everything():
        assert set(step.citation.split(", ")) <= statements


def test_a_new_key_is_told_before_it_is_given() -> None:
    """Only where a key changes that was there: a first installation has nothing to tell."""
    step = iks_vpn.Tunnelled().gateway(site(VPN))
    kinds = {kind: KindTraits(lane=lambda _: "edge") for kind in ("nsxv.ipsec-site", "nsxv.ipsec")}
    first = diff(step, Observation(), Known({}, str), kinds, "iks-vpn")
    assert not [text for text in first.findings if "the key of tunnel" in text]
    old = [
        replace(item, psk=SecretRef("env", "OLD")) if isinstance(item, IpsecSite) else item
        for item in step.resources
    ]
    there = Observation(items={item.key: Observed(resource=item, marked=True) for item in old})
    plan = diff(step, there, Known({}, str), kinds, "iks-vpn")
    assert [change.action for change in plan.changes] == [Action.UPDATE]
    (told,) = plan.findings
    assert "strongSwan in iks-a is given it first, workload-esg last" in told
    assert "up to 150 s more" in told
    assert "after 162 minutes at the earliest" in told
