"""The IPsec VPN of an ESG as NSX writes it: one section that is replaced whole.

NSX-V API guide 6.4, "Working with IPsec VPN". Pre-shared keys are stars unless they are asked for. A site
that names no peer (`any`) works by the section's own key, which all such sites share.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv4Network

from adapters.nsxv import xml
from adapters.nsxv.xml import Element, make
from hopbook.engine.change import Observed
from hopbook.resources.base import Key, SecretRef
from hopbook.resources.nsxv import DhGroup, IkeVersion, Ipsec, IpsecDigest, IpsecEncryption, IpsecSite

SITES = "sites/site"
_GLOBAL_KEY = "global/psk"
_ANY, _POLICY_BASED, _BY_KEY = "any", "policybasedsession", "psk"
MASKED = SecretRef("nsxv", "masked")
"""What stands for a key that NSX does not show; it is never resolved."""
_UNREADABLE = frozenset({"psk"})


def observed(owner: Key, section: Element) -> Iterator[tuple[Key, Observed]]:
    """The service and its sites under their keys; sites of kinds that we do not make are left out."""
    setting = Ipsec(owner=owner, enabled=xml.flag(section, "enabled", default=False))
    yield setting.key, Observed(resource=setting, at_default=not setting.enabled)
    for element in section.iterfind(SITES):
        site = read(owner, element)
        if site is not None:
            handle = xml.text(element, "siteId")
            yield site.key, Observed(resource=site, unreadable=_UNREADABLE, handle=handle)


def named(element: Element) -> str:
    """How a site is called here: a name is not obligatory."""
    return xml.text(element, "name") or f"#{xml.text(element, 'siteId')}"


def read(owner: Key, element: Element) -> IpsecSite | None:
    """A site; None for one that is route-based, has a certificate or a suite, or speaks of IPv6."""
    subnets = {side: xml.texts(element, f"{side}Subnets/subnet") for side in ("local", "peer")}
    peer = xml.text(element, "peerIp").lower()
    kind = xml.text(element, "ipsecSessionType", _POLICY_BASED).lower()
    suite = xml.text(element, "complianceSuite", "none").lower()
    mode = xml.text(element, "authenticationMode", _BY_KEY).lower()
    addresses = "".join((*subnets["local"], *subnets["peer"], peer, xml.text(element, "localIp")))
    if (kind, suite, mode) != (_POLICY_BASED, "none", _BY_KEY) or ":" in addresses:
        return None
    return IpsecSite(
        owner=owner,
        site=named(element),
        local=IPv4Address(xml.text(element, "localIp")),
        local_id=xml.text(element, "localId"),
        local_subnets=tuple(IPv4Network(subnet, strict=False) for subnet in subnets["local"]),
        peer=None if peer == _ANY else IPv4Address(peer),
        peer_id=xml.text(element, "peerId"),
        peer_subnets=tuple(IPv4Network(subnet, strict=False) for subnet in subnets["peer"]),
        psk=MASKED,
        encryption=IpsecEncryption(xml.text(element, "encryptionAlgorithm", IpsecEncryption.AES).lower()),
        digest=IpsecDigest(xml.text(element, "digestAlgorithm", IpsecDigest.SHA1).lower()),
        dh_group=DhGroup(xml.text(element, "dhGroup", DhGroup.DH14).lower()),
        ike=IkeVersion(xml.text(element, "ikeOption", IkeVersion.V1).lower()),
        pfs=xml.flag(element, "enablePfs", default=True),
        responds_only=xml.flag(element, "responderOnly", default=False),
        enabled=xml.flag(element, "enabled", default=True),
    )


def find(section: Element, wanted: IpsecSite) -> Element | None:
    """The element of a site."""
    return next((one for one in section.iterfind(SITES) if named(one) == wanted.site), None)


def is_masked(key: str) -> bool:
    """Whether a key is only the stars that stand for it."""
    return bool(key) and not key.strip("*")


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys that a section shows: of each site by name, and the one of all sites without a peer."""

    sites: dict[str, str]
    shared: str

    @classmethod
    def of(cls, section: Element) -> "Keys":
        """As the section has them."""
        sites = {named(one): xml.text(one, "psk") for one in section.iterfind(SITES)}
        return cls(sites, xml.text(section, _GLOBAL_KEY))

    def masked(self) -> list[str]:
        """Whose keys are not shown."""
        found = sorted(f"site {name}" for name, key in self.sites.items() if is_masked(key))
        return [*found, *(["all peers"] if is_masked(self.shared) else [])]

    def shown(self) -> set[str]:
        """Every key that can be read."""
        return {key for key in (*self.sites.values(), self.shared) if key and not is_masked(key)}


def write(section: Element, after: IpsecSite, key: str | None) -> None:
    """Put a site in its place; what we do not know of a live one stays.

    Args:
        section: The live section.
        after: The site.
        key: Its pre-shared key; None: the one that it has.

    Raises:
        ValueError: the place is taken by a site of another kind.
    """
    found = find(section, after)
    if found is None:
        found = make("site", make("name", after.site))
        _sites(section).append(found)
    elif (live := read(after.owner, found)) is None:
        raise ValueError(
            f"{after.title()}: a site of that name is there, which is not policy-based with a key"
        )
    elif live == replace(after, psk=MASKED) and key in {None, xml.text(found, "psk")}:
        return
    _fill(found, after)
    if key is not None:
        xml.put(found, "psk", key)
        if after.peer is None:
            everyone = section.find("global")
            if everyone is None:
                everyone = make("global")
                section.append(everyone)
            xml.put(everyone, "psk", key)


def check_shared(section: Element, before: Keys) -> None:
    """Refuse a section in which a site without a peer would work by another key than its own.

    Raises:
        ValueError: it names the sites.
    """
    shared = xml.text(section, _GLOBAL_KEY)
    others = [named(one) for one in _peerless(section) if xml.text(one, "psk") != shared]
    if others and shared != before.shared:
        raise ValueError(f"sites that name no peer share one key, and {', '.join(others)} has another one")


def _sites(section: Element) -> Element:
    sites = section.find("sites")
    if sites is None:
        sites = make("sites")
        section.append(sites)
    return sites


def _fill(element: Element, site: IpsecSite) -> None:
    values: dict[str, xml.Content] = {
        "enabled": site.enabled,
        "localId": site.local_id,
        "localIp": str(site.local),
        "peerId": site.peer_id,
        "peerIp": _ANY if site.peer is None else str(site.peer),
        "encryptionAlgorithm": site.encryption.value,
        "authenticationMode": _BY_KEY,
        "enablePfs": site.pfs,
        "dhGroup": site.dh_group.value,
        "localSubnets": _subnets("localSubnets", site.local_subnets),
        "peerSubnets": _subnets("peerSubnets", site.peer_subnets),
        "ikeOption": site.ike.value,
        "digestAlgorithm": site.digest.value,
        "responderOnly": site.responds_only,
    }
    for tag, value in values.items():
        xml.put(element, tag, value)


def _subnets(tag: str, networks: tuple[IPv4Network, ...]) -> Element:
    return make(tag, *(make("subnet", str(network)) for network in networks))


def _peerless(section: Element) -> list[Element]:
    return [one for one in section.iterfind(SITES) if xml.text(one, "peerIp").lower() == _ANY]


def remove(section: Element, gone: IpsecSite) -> None:
    """Take a site away, and the shared key with the last one that names no peer."""
    found, sites = find(section, gone), section.find("sites")
    if found is None or sites is None:
        return
    sites.remove(found)
    everyone = section.find("global")
    own = xml.text(found, "psk")
    if (
        everyone is not None
        and gone.peer is None
        and not _peerless(section)
        and own == xml.text(everyone, "psk")
    ):
        xml.drop(everyone, "psk")
