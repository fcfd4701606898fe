"""The stand-in by hand, held against the real `helm template`."""

from typing import Any

import pytest

from adapters.helm.binary import BROUGHT, Binary
from adapters.helm.client import STAND_IN, Chart, HelmClient
from adapters.helm.simulator.objects import Object
from adapters.helm.simulator.rendering import by_binary, by_hand
from hopbook.errors import Rejected


def by_place(items: Any) -> dict[tuple[str, str], Object]:
    return {(item["kind"], item["metadata"]["name"]): item for item in items}


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"ipsec": {"auto": "start"}, "remote": {"gateway": "10.95.40.80"}, "loadBalancerIP": "10.95.60.131"},
        {"ipsec": {"ike": "aes256-sha256-modp2048", "closeaction": "hold", "auto": "start"}},
        {"enableRBAC": False, "privilegedVpnPod": True, "enableServiceSourceIP": True},
        {"nodeSelector": {"dedicated": "edge"}, "tolerations": [{"key": "dedicated", "operator": "Exists"}]},
        {"helmTestsToRun": "ping", "validate": "off", "enablePodSNAT": False},
        {"connectUsingLoadBalancerIP": True, "loadBalancerIP": "10.95.60.131"},
        {"connectUsingLoadBalancerIP": "false", "preshared": {"secret": "quotes \" and ' and $x"}},
        {"overRideIpsecConf": "conn x", "overRideIpsecSecrets": "a b : PSK c", "strongswanLogging": "ike 3"},
        {"monitoring": None},
    ],
)
def test_both_make_the_same_objects(values: dict[str, Any]) -> None:
    by_helm = by_binary(BROUGHT)("vpn", "edge", STAND_IN, values)
    assert by_place(by_hand("vpn", "edge", STAND_IN, values)) == by_place(by_helm)


def test_the_names_are_the_release_s() -> None:
    names = {name for _, name in by_place(by_hand("other", "default", STAND_IN, {}))}
    assert all(name.startswith("other-strongswan") for name in names)


def test_the_chart_is_a_good_one() -> None:
    finished = Binary(BROUGHT)(("lint", str(STAND_IN), "--strict"), "", 30.0)
    assert "1 chart(s) linted, 0 chart(s) failed" in finished.stdout
    assert HelmClient(Binary(BROUGHT)).chart(Chart("strongswan", "2.2.9")) == ("strongswan", "2.2.9")


def test_values_that_break_a_template_are_refused_with_helm_s_words() -> None:
    with pytest.raises(Rejected, match=r"helm: template vpn: .*strongswan/templates") as caught:
        HelmClient(Binary(BROUGHT)).template("vpn", Chart("strongswan", "2.2.9"), {"ipsec": "nonsense"})
    assert caught.value.code == "chart"
