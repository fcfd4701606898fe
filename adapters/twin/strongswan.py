"""IPsec: what each charon is told, and what it says of its tunnels.

ESP is done in user space (kernel-libipsec): what is routed into `ipsec0` leaves as UDP 4500. The routes into
it are ours, added when a tunnel is up: what a node forwards, and what it answers from an address inside,
takes them; what it sends itself does not. IKE starts at port 4500, as behind a NAT, so one port decides all.

Two concentrators carry their segment as VXLAN between addresses that only they know, inside ESP.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from ipaddress import IPv4Network
from typing import NamedTuple

from adapters.twin.nft import chain_of
from adapters.twin.relay import Extending
from adapters.twin.stations import ESP_DEVICE, Cast, Standing
from hopbook.network.encapsulation import ESP, KINDS, NAT_T_PORT, VXLAN
from hopbook.network.ipsec import Ipsec, within
from hopbook.network.nodes import Concentrator, Esg, Interface, Network, VpnGateway
from hopbook.network.packet import ip
from hopbook.trace.agreement import USERSPACE_ESP

TABLE = 220
_INNER, _OWN, _ALL = 218, 219, 220  # ranks of the rules that lead into it
_ETHERNET = 1500
_BRIDGE, _CARRIER = "b0", "x0"
_KEY = re.compile(r"(\d+)\[CHD\] .*encryption (initiator|responder) key => \d+ bytes")
_DUMP = re.compile(r"(\d+)\[CHD\] +\d+: ((?:[0-9A-F]{2} )+)")
_SPI = re.compile(r"(\d+)\[CHD\] .*SPI 0x([0-9a-f]+)")
_CHD = re.compile(r"(\d+)\[CHD\]")
_IKE_SA = re.compile(r"^(\S+): #\d+, (\w+), IKEv2, \S+_i(\*?) ")
_CHILD_SA = re.compile(r"^  (\S+): #\d+, .*INSTALLED")
_SPI_OF = re.compile(r"^    (in|out) +([0-9a-f]+)")
_SELECTOR = re.compile(r"^    (local|remote) +(\S.*)$")


@dataclass(frozen=True, slots=True)
class EspKey:
    """What opens one direction of a tunnel: AES-CBC key, and the length of the integrity check behind it."""

    cipher: bytes
    integrity: int = 16


@dataclass(frozen=True, slots=True)
class End:
    """One end of a tunnel.

    Attributes:
        label: What charon calls it.
        name: What the model calls it.
        chain: The nftables chain that holds its policies, as family, table and chain; empty: none.
        denied: The counter of what is outside the selectors.
    """

    label: str
    name: str
    initiates: bool
    local: int
    peer: int | None
    chain: str = ""
    denied: str = ""


@dataclass(frozen=True, slots=True)
class Gateway:
    """A charon.

    Attributes:
        connections: Its `swanctl.conf`.
        mtu: Of `ipsec0`.
        borrowed: Addresses that charon insists on having, one in each subnet of its side. They are not the
            node's, so once charon is content they are no longer delivered to it.
        extends: Of a concentrator: the device whose frames it carries.
        script: What is set up before it starts, for `ip -batch`.
    """

    station: str
    node: str
    ends: tuple[End, ...]
    connections: str
    mtu: int
    script: str
    borrowed: tuple[int, ...] = ()
    extends: Extending | None = None


class Association(NamedTuple):
    """An installed CHILD_SA.

    Attributes:
        here: This end initiated.
        local, remote: Its traffic selectors.
    """

    label: str
    here: bool
    spis: Mapping[str, int]  # `in` and `out`
    local: tuple[IPv4Network, ...]
    remote: tuple[IPv4Network, ...]


def gateways(
    people: Cast, knobs: Mapping[str, str], denied: Mapping[tuple[str, str], str]
) -> Iterator[Gateway]:
    """Every node with a tunnel end.

    Args:
        people: The stations.
        knobs: Readings of inferred rules, by assumption id.
        denied: By station and name of the end, the counter of what is outside its selectors.
    """
    inner = _carriers(people)
    for standing in people.standings:
        node = standing.node
        if isinstance(node, Concentrator):
            found = _concentrator(people, standing, node, inner, knobs)
            if found is not None:
                yield found
        elif isinstance(node, Esg | VpnGateway) and node.ipsec:
            yield _gateway(people.network, standing, node, denied)


def _carriers(people: Cast) -> dict[str, int]:
    """The address that each concentrator has inside the tunnel."""
    found = {}
    for standing in people.standings:
        if isinstance(standing.node, Concentrator):
            found[standing.node.name] = people.spare.take()
    return found


def _gateway(
    network: Network, standing: Standing, node: Esg | VpnGateway, denied: Mapping[tuple[str, str], str]
) -> Gateway:
    station = standing.station.name
    ends, texts, rules = [], [], []
    for number, item in enumerate(node.ipsec):
        table = "edge" if isinstance(node, Esg) else "gateway"
        ends.append(
            End(
                label=f"t{number}",
                name=item.name,
                initiates=item.initiates,
                local=item.local,
                peer=item.peer,
                chain=f"ip {table} {chain_of(number)}",
                denied=denied[station, item.name],
            )
        )
        texts.append(_connection(f"t{number}", item, item.inside, item.beyond))
        rules += [f"rule add pref {_INNER} iif lo from {net} lookup {TABLE}" for net in item.inside]
    rules += [f"rule add pref {_OWN} iif lo lookup main", f"rule add pref {_ALL} lookup {TABLE}"]
    room = min((_room(network, node.interfaces, item) for item in node.ipsec), default=_ETHERNET)
    mtu = min(KINDS[ESP].most(room), USERSPACE_ESP)
    borrowed = tuple(_borrowed(node))
    rules += [f"addr add {ip(address)}/32 dev lo" for address in borrowed]
    script = "\n".join((*rules, ""))
    return Gateway(station, node.name, tuple(ends), _file(texts, node.ipsec), mtu, script, borrowed)


def _borrowed(node: Esg | VpnGateway) -> Iterator[int]:
    nets = dict.fromkeys(net for item in node.ipsec for net in item.inside)
    for net in nets:
        if not any(within(address, (net,)) for address in node.addresses):
            yield int(net.network_address)


def given_back(gateway: Gateway) -> str:
    """What takes the borrowed addresses out of the way, for `ip -batch`."""
    return "".join(f"route del local {ip(address)} dev lo table local\n" for address in gateway.borrowed)


def _concentrator(
    people: Cast, standing: Standing, node: Concentrator, inner: Mapping[str, int], knobs: Mapping[str, str]
) -> Gateway | None:
    """A bridge of the trunk and of the tunnel to the counterpart."""
    trunk = standing.devices[node.trunk]
    segment = people.network.segments[node.interfaces[node.trunk].segment]
    outer = _room(people.network, node.interfaces, node.ipsec)
    whole = segment.carries - segment.overhead
    fragments = knobs.get("A27", "fragments") == "fragments"
    near, far = inner[node.name], inner.get(node.peer, people.spare.take())
    mtu = min(KINDS[ESP].most(outer), USERSPACE_ESP)
    most = whole if fragments else min(whole, KINDS[VXLAN].most(mtu))
    lines = [
        f"link add {_BRIDGE} type bridge stp_state 0 forward_delay 0 mcast_snooping 0",
        f"link set {_BRIDGE} mtu {whole} up",
        f"link set {trunk} master {_BRIDGE} up",
        f"addr add {ip(near)}/32 dev lo",
        f"route add unreachable {ip(far)}",
        f"rule add pref {_ALL} lookup {TABLE}",
        f"link set {_CARRIER} mtu {most} master {_BRIDGE} up",
    ]
    text = _connection("t0", node.ipsec, (_alone(near),), (_alone(far),))
    end = End("t0", node.ipsec.name, node.ipsec.initiates, node.ipsec.local, node.ipsec.peer)
    station, script = standing.station.name, "\n".join((*lines, ""))
    extends = Extending(station, _CARRIER, near, far)
    return Gateway(station, node.name, (end,), _file([text], (node.ipsec,)), mtu, script, extends=extends)


def _alone(address: int) -> IPv4Network:
    return IPv4Network((address, 32))


def _room(network: Network, interfaces: Mapping[str, Interface], end: Ipsec) -> int:
    """The largest packet that the way to the other end takes, as far as this end knows."""
    for item in interfaces.values():
        if end.local in item.addresses and item.segment:
            segment = network.segments[item.segment]
            return min(item.mtu, segment.carries - segment.overhead)
    return _ETHERNET


def _connection(
    label: str, end: Ipsec, inside: tuple[IPv4Network, ...], beyond: tuple[IPv4Network, ...]
) -> str:
    peer = "%any" if end.peer is None else ip(end.peer)
    return f"""{label} {{
version = 2
local_addrs = {ip(end.local)}
remote_addrs = {peer}
local_port = {NAT_T_PORT}
remote_port = {NAT_T_PORT}
proposals = {end.ike}
keyingtries = 1
unique = keep
mobike = no
local {{
auth = psk
id = {_quoted(end.local_id)}
}}
remote {{
auth = psk
id = {_quoted(end.peer_id)}
}}
children {{
{label} {{
local_ts = {",".join(map(str, inside))}
remote_ts = {",".join(map(str, beyond))}
esp_proposals = {end.esp}
start_action = none
}}
}}
}}"""


def _file(connections: list[str], ends: tuple[Ipsec, ...]) -> str:
    secrets = [
        f"ike-{number} {{\nid-1 = {_quoted(end.local_id)}\nid-2 = {_quoted(end.peer_id)}\n"
        f"secret = 0x{sha256(end.secret.encode()).hexdigest()}\n}}"
        for number, end in enumerate(ends)
    ]
    return "\n".join(("connections {", *connections, "}", "secrets {", *secrets, "}", ""))


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def settings(folder: str) -> str:
    """A `strongswan.conf`: what is sent and not answered is given up after half a second."""
    return f"""charon-systemd {{
load = random nonce aes sha1 sha2 md5 hmac gmp curve25519 openssl gcm kdf pem pkcs1 x509 pubkey \
kernel-libipsec kernel-netlink socket-default vici updown
install_routes = no
retransmit_timeout = 0.15
retransmit_base = 1.0
retransmit_tries = 2
retransmit_jitter = 0
half_open_timeout = 5
threads = 16
plugins {{
vici {{
socket = unix://{folder}/vici
}}
kernel-libipsec {{
load = yes
allow_peer_ts = yes
}}
}}
filelog {{
log {{
path = {folder}/log
default = 1
chd = 4
flush_line = yes
}}
}}
syslog {{
identifier = twin
daemon {{
default = -1
}}
}}
}}
"""


def associations(said: str) -> tuple[Association, ...]:
    """What `swanctl --list-sas` says is installed."""
    found: list[Association] = []
    here = False
    for line in said.splitlines():
        if match := _IKE_SA.match(line):
            here = bool(match[3])
        elif match := _CHILD_SA.match(line):
            found.append(Association(match[1], here, {}, (), ()))
        elif (match := _SPI_OF.match(line)) and found:
            found[-1] = found[-1]._replace(spis={**found[-1].spis, match[1]: int(match[2], 16)})
        elif (match := _SELECTOR.match(line)) and found:
            nets = tuple(IPv4Network(text) for text in match[2].split())
            side = {"local": nets} if match[1] == "local" else {"remote": nets}
            found[-1] = found[-1]._replace(**side)  # type: ignore[arg-type]
    return tuple(found)


def keys(log: str, held: tuple[Association, ...]) -> dict[int, EspKey]:
    """From charon's log, by SPI: the initiator's key is for what the initiator sends."""
    roles = {spi: (item.here, way) for item in held for way, spi in item.spis.items()}
    reading: dict[str, str] = {}  # by thread, whose key is being dumped
    dumped: dict[str, dict[str, bytes]] = {}
    found: dict[int, EspKey] = {}
    for line in log.splitlines():
        if match := _KEY.search(line):
            reading[match[1]] = match[2]
            dumped.setdefault(match[1], {})[match[2]] = b""
        elif (match := _DUMP.search(line)) and reading.get(match[1]):
            side = dumped[match[1]]
            side[reading[match[1]]] += bytes.fromhex(match[2])
        elif match := _SPI.search(line):
            here, way = roles.get(int(match[2], 16), (None, ""))
            mine = "initiator" if here is (way == "out") else "responder"
            if here is not None and mine in dumped.get(match[1], {}):
                found[int(match[2], 16)] = EspKey(dumped[match[1]][mine])
        elif match := _CHD.search(line):
            reading.pop(match[1], None)
    return found


def into(association: Association) -> str:
    """The routes of a tunnel that is up, for `ip -batch`."""
    return "".join(
        f"route replace {net} dev {ESP_DEVICE} scope link table {TABLE}\n" for net in association.remote
    )
