from collections.abc import Callable
from typing import Any

import pytest
import yaml

from hopbook.errors import InvalidInput
from hopbook.icp import config
from hopbook.icp.config_keys import Config
from hopbook.icp.egress import Proxying, proxying
from hopbook.icp.inventory import Groups
from hopbook.icp.sizes import Node
from hopbook.resources.base import SecretRef
from hopbook.site.model import Icp, Site


def rendered(site: Site, groups: Groups, proxy: Proxying | None = None) -> dict[str, Any]:
    assert site.icp is not None
    text = config.render(config.wanted(site.icp, proxy, groups), groups)
    data = yaml.safe_load(text)
    assert isinstance(data, dict)
    return data


def test_the_example_is_told_by_its_published_addresses(site: Site, groups: Groups) -> None:
    found = rendered(site, groups)
    assert found["cluster_vip"] == "192.168.20.10"
    assert found["cluster_lb_address"] == "10.95.40.71"
    assert found["proxy_lb_address"] == "10.95.40.72"
    assert found["cluster_CA_domain"] == "icp.example.com"
    assert found["network_cidr"] == "172.24.0.0/16"
    assert found["service_cluster_ip_range"] == "172.25.0.1/24"
    assert found["calico_tunnel_mtu"] == 1430
    assert found["management_services"]["vulnerability-advisor"] == "enabled"
    assert "docker_env" not in found


def test_every_network_key_of_the_document_is_known() -> None:
    keys = {
        *("network_type", "network_cidr", "service_cluster_ip_range", "cluster_name", "cluster_CA_domain"),
        *("cluster_domain", "vip_manager", "vip_iface", "cluster_vip", "proxy_vip_iface", "proxy_vip"),
        *("cluster_lb_address", "proxy_lb_address", "calico_ipip_enabled", "calico_tunnel_mtu"),
        *("calico_ip_autodetection_method", "ipsec_mesh", "firewall_enabled", "loopback_dns"),
        *("kube_apiserver_secure_port", "kube_apiserver_insecure_port", "router_http_port"),
        *("router_https_port", "ingress_http_port", "ingress_https_port", "docker_env"),
        *("tiller_http_proxy", "tiller_https_proxy", "install_docker", "docker_version", "wait_for_timeout"),
    }
    assert keys <= set(Config.model_fields)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (
            {"advertise": "name"},
            {"cluster_lb_address": "icp.example.com", "proxy_lb_address": "apps.example.com"},
        ),
        ({"advertise": "virtual"}, {"cluster_lb_address": None, "proxy_lb_address": None}),
        ({"service_range": "network"}, {"service_cluster_ip_range": "172.25.0.0/24"}),
        ({"interface": "ens192"}, {"vip_iface": "ens192", "proxy_vip_iface": "ens192"}),
        ({"vip_manager": "keepalived"}, {"vip_manager": "keepalived"}),
        ({"management_services": {"istio": "enabled"}}, {}),
    ],
)
def test_the_other_side_of_a_contradiction_can_be_chosen(
    values: dict[str, Any],
    expected: dict[str, Any],
    variant: Callable[..., Site],
    groups: Groups,
) -> None:
    site: Site = variant(**{f"icp__install__settings__{key}": value for key, value in values.items()})
    found = rendered(site, groups)
    assert {key: found.get(key) for key in expected} == expected


def test_a_name_that_is_not_published_cannot_be_told(variant: Callable[..., Site], groups: Groups) -> None:
    site: Site = variant(icp__install__settings__advertise="name", icp__published__proxy_name=None)
    with pytest.raises(InvalidInput, match="there is no proxy_name"):
        rendered(site, groups)


def test_without_a_published_name_certificates_have_the_clusters(
    variant: Callable[..., Site], groups: Groups
) -> None:
    site: Site = variant(icp__published__master_name=None)
    assert rendered(site, groups)["cluster_CA_domain"] == "mycluster.icp"


def test_behind_a_proxy_the_clusters_own_addresses_are_exceptions(
    proxied: Site, groups: Groups, proxy: Proxying
) -> None:
    found = rendered(proxied, groups, proxy)
    http, https, no_proxy = found["docker_env"]
    assert (http, https) == ("HTTP_PROXY=http://10.95.8.40:3128", "HTTPS_PROXY=http://10.95.8.40:3128")
    listed = no_proxy.removeprefix("NO_PROXY=").split(",")
    assert {"icp.example.com", "192.168.20.10", "192.168.20.20", "192.168.20.53", "172.24.0.0/16"} <= set(
        listed
    )
    assert {"172.25.0.0/24", ".svc", ".cluster.local", "localhost", "10.95.40.71"} <= set(listed)
    assert found["tiller_https_proxy"] == "http://10.95.8.40:3128"


@pytest.mark.parametrize("hard", ["it's: \"#&*{}[]\\ |>%@`, ok", "  spaces ", "- a", "!x", "~", "12", "é"])
def test_any_password_can_be_put_into_its_slot(hard: str, icp: Icp, groups: Groups) -> None:
    text = config.render(config.wanted(icp, None, groups), groups)
    (slot,) = config.slots(icp)
    assert slot.secret == SecretRef("env", "ICP_ADMIN_PASSWORD")
    assert text.count(slot.mark) == 1
    before, after = yaml.safe_load(text), yaml.safe_load(text.replace(slot.mark, hard))
    assert after.pop("default_admin_password") == hard
    assert before.pop("default_admin_password") == slot.mark
    assert after == before


def test_another_user_becomes_root(variant: Callable[..., Site], groups: Groups) -> None:
    site: Site = variant(icp__install__user="icpadmin")
    found = rendered(site, groups)
    assert (found["ansible_user"], found["ansible_become"]) == ("icpadmin", True)


def test_a_registry_of_ones_own(variant: Callable[..., Site], groups: Groups) -> None:
    registry = {"server": "registry.example.com", "username": "icp", "password": {"file": "/run/secrets/reg"}}
    site = variant(icp__install__settings__registry=registry)
    found = rendered(site, groups)
    assert found["private_registry_enabled"] is True
    assert site.icp is not None
    slots = {slot.mark: str(slot.secret) for slot in config.slots(site.icp)}
    assert slots[found["docker_password"]] == "file:/run/secrets/reg"


@pytest.mark.parametrize(
    ("changes", "where", "told"),
    [
        ({"network_cdir": "172.24.0.0/16"}, "network_cdir", "did you mean `network_cidr`"),
        ({"network_cidr": "172.24.0.1"}, "network_cidr", "no prefix length"),
        ({"calico_tunnel_mtu": "big"}, "calico_tunnel_mtu", "expected a number"),
        ({"calico_tunnel_mtu": 1500}, "calico_tunnel_mtu", "at most 1480"),
        ({"service_cluster_ip_range": "172.24.9.1/24"}, "service_cluster_ip_range", "overlap the pods'"),
        ({"network_cidr": "192.168.0.0/16"}, "network_cidr", "contains 192.168.20.11, a node of [master]"),
        ({"service_cluster_ip_range": "192.168.20.1/24"}, "service_cluster_ip_range", "a node of [master]"),
        ({"cluster_vip": "192.168.20.12"}, "cluster_vip", "192.168.20.12 is a node of [master]"),
        ({"proxy_vip": "192.168.20.10"}, "proxy_vip", "is cluster_vip already"),
        ({"cluster_domain": "icp.local"}, "cluster_domain", "expected cluster.local"),
        ({"network_type": "nsx-t"}, "calico_tunnel_mtu", "belongs to calico"),
        ({"nsx_t": {"managers": "10.0.0.1"}}, "nsx_t", "belongs to network_type nsx-t"),
        (
            {"docker_env": ["NO_PROXY=localhost"]},
            "docker_env",
            "NO_PROXY lacks icp.example.com, 192.168.20.10",
        ),
        ({"default_admin_password": "hunter2"}, "default_admin_password", "a password is written out"),
        ({"vip_manager": "magic"}, "vip_manager", "keepalived"),
        ({"management_services": {"istio": "on"}}, "management_services.istio", "enabled"),
        ({"cluster_vip": "127.0.1.1", "cluster_lb_address": None}, "cluster_vip", "3 nodes of [master] need"),
    ],
)
def test_what_the_document_warns_of_is_refused_with_its_line(
    changes: dict[str, Any], where: str, told: str, icp: Icp, groups: Groups
) -> None:
    keys = {**config.wanted(icp, None, groups), **changes}
    with pytest.raises(InvalidInput) as caught:
        config.render({key: value for key, value in keys.items() if value is not None}, groups)
    fitting = [problem for problem in caught.value.problems if problem.where.split(" ")[-1] == where]
    assert fitting, str(caught.value)
    assert told in " ".join(problem.what for problem in fitting)
    assert all(problem.where.startswith("config.yaml:") for problem in caught.value.problems)
    assert "hunter2" not in str(caught.value)


def test_an_unset_password_is_icps_own_and_refused(icp: Icp, groups: Groups) -> None:
    keys = {key: value for key, value in config.wanted(icp, None, groups).items() if "password" not in key}
    with pytest.raises(InvalidInput, match="known to everybody"):
        config.render(keys, groups)


def test_a_key_can_be_let_through() -> None:
    found, document = config.parse("network_cidr: 172.24.0.0/16\nfuture_key: 1\n", further=("future_key",))
    assert str(found.network_cidr) == "172.24.0.0/16"
    assert document.has(("future_key",))
    with pytest.raises(InvalidInput, match="future_key"):
        config.parse("future_key: 1\n")


def test_with_snat_there_is_no_proxy(site: Site, icp: Icp, nodes: tuple[Node, ...]) -> None:
    assert proxying(site, icp, nodes, "x") is None
