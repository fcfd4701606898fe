"""strongSwan's chart: what a release is given, and what an end reads like that a person changed by values.

Keys and defaults are those of IBM's chart 2.2.9. A value that equals the chart's default is written all the
same where the other end depends on it: a newer chart may have another.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import AddressValueError, IPv4Address, IPv4Network, NetmaskValueError
from typing import Any

from hopbook.resources.base import SecretRef
from hopbook.resources.helm import Release, leaves
from hopbook.site.model import Chart
from hopbook.vpn.tunnel import End, Tunnel

SECRET_AT = ("preshared", "secret")
PRIVATE = {"service.kubernetes.io/ibm-load-balancer-cloud-provider-ip-type": "private"}
HOSTNAME = "kubernetes.io/hostname"  # the label by which a node selector picks one worker
_ANY = "%any"
_DEFAULTS: Mapping[tuple[str, str], str] = {
    ("ipsec", "auto"): "add",
    ("ipsec", "ike"): "aes128-sha1-modp2048,3des-sha1-modp1536",  # what blank means to the chart
    ("ipsec", "esp"): "aes128-sha1,3des-sha1",
    ("local", "id"): "ibm-cloud",
    ("local", "subnet"): "172.30.0.0/16,172.21.0.0/16",
    ("remote", "id"): "on-prem",
    ("remote", "gateway"): _ANY,
    ("remote", "subnet"): "192.168.0.0/24",
}


class Misread(ValueError):
    """A value of the chart that is not what its key needs; says which, in half a sentence."""


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a release is and what of it is not the tunnel's.

    Attributes:
        load_balancer: The address that its service is to ask for.
        node: The only worker that its pod may run on, by name.
        privileged: Its pod needs every privilege (ICP).
        ping: A machine on the other side, for the chart's own tests.
        more: What a person wrote besides; it counts before ours.
    """

    cluster: str
    release: str
    namespace: str
    chart: Chart
    load_balancer: IPv4Address | None = None
    node: str = ""
    privileged: bool = False
    ping: IPv4Address | None = None
    more: Mapping[str, Any] = field(default_factory=dict)


def release(tunnel: Tunnel, end: End, place: Place) -> Release:
    """The release that is one end of a tunnel."""
    return Release(
        cluster=place.cluster,
        release=place.release,
        namespace=place.namespace,
        chart=place.chart.name,
        chart_version=place.chart.version,
        values=leaves(values(tunnel, end, place)),
        secret=tunnel.psk,
        secret_at=SECRET_AT,
    )


def values(tunnel: Tunnel, end: End, place: Place) -> dict[str, Any]:
    """The values of that release, without the key."""
    ours: dict[str, Any] = {
        "ipsec": {
            "keyexchange": "ikev2",
            "auto": "start" if end.starts else "add",
            "ike": end.ike,
            "esp": end.esp,
            "ikelifetime": _span(tunnel.lifetimes.ike),
            "lifetime": _span(tunnel.lifetimes.esp),
            "margintime": _span(tunnel.lifetimes.margin),
        },
        "local": {"id": end.id, "subnet": _joined(end.inside)},
        "remote": {
            "id": end.peer_id,
            "subnet": _joined(end.beyond),
            # who waits takes whoever proves to be the other end: NAT may stand between
            "gateway": str(end.gateway) if end.starts and end.gateway is not None else _ANY,
        },
    }
    if place.ping is not None:
        ours["remote"]["privateIPtoPing"] = str(place.ping)
    if place.load_balancer is not None:
        ours["loadBalancerIP"] = str(place.load_balancer)
    if place.node:
        ours["nodeSelector"] = {HOSTNAME: place.node}
    if place.privileged:
        ours["privilegedVpnPod"] = True
    return _over(ours, place.more)


def end_of(found: Mapping[str, Any], name: str, psk: SecretRef | None) -> End:
    """The end that values make, whoever wrote them; what they do not say is the chart's own.

    Raises:
        Misread: a value is not of its key's kind.
    """
    gateway = _text(found, "remote", "gateway")
    return End(
        name=name,
        id=_text(found, "local", "id"),
        peer_id=_text(found, "remote", "id"),
        inside=_networks(found, "local", "subnet"),
        beyond=_networks(found, "remote", "subnet"),
        ike=_text(found, "ipsec", "ike"),
        esp=_text(found, "ipsec", "esp"),
        psk=psk,
        gateway=None if gateway == _ANY else _address(gateway),
        starts=_text(found, "ipsec", "auto") == "start",
    )


def holds_key(found: Mapping[str, Any]) -> bool:
    """Whether values have a pre-shared key in them, by either of the chart's ways."""
    section = found.get(SECRET_AT[0])
    inside = isinstance(section, Mapping) and bool(section.get(SECRET_AT[1]))
    return inside or bool(found.get("overRideIpsecSecrets"))


def service(release: str) -> str:
    """The name of the load balancer service that a release makes."""
    return f"{release}-strongswan"


def _span(seconds: int) -> str:
    """As strongSwan writes it: `3h`, `9m`."""
    for unit, size in (("h", 3600), ("m", 60)):
        if seconds % size == 0:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


def _joined(networks: tuple[IPv4Network, ...]) -> str:
    return ",".join(map(str, networks))


def _over(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> dict[str, Any]:
    """Theirs laid over ours, section by section."""
    merged = dict(ours)
    for key, value in theirs.items():
        mine = merged.get(key)
        both = isinstance(mine, Mapping) and isinstance(value, Mapping)
        merged[key] = _over(mine, value) if both and mine is not None else value
    return merged


def _text(found: Mapping[str, Any], section: str, key: str) -> str:
    inner = found.get(section, {})
    value = inner.get(key) if isinstance(inner, Mapping) else None
    if value is not None and not isinstance(value, str):
        message = f"{section}.{key} is {type(value).__name__}; expected text"
        raise Misread(message)
    return (value or "").strip() or _DEFAULTS[section, key]


def _networks(found: Mapping[str, Any], section: str, key: str) -> tuple[IPv4Network, ...]:
    text = _text(found, section, key)
    try:
        return tuple(IPv4Network(item.strip()) for item in text.split(","))
    except (AddressValueError, NetmaskValueError, ValueError) as error:
        message = f"{section}.{key} is {text!r}; expected networks with commas between, like 192.168.12.0/24"
        raise Misread(message) from error


def _address(text: str) -> IPv4Address:
    try:
        return IPv4Address(text)
    except AddressValueError as error:
        message = f"remote.gateway is {text!r}; expected an IPv4 address, or {_ANY}"
        raise Misread(message) from error
