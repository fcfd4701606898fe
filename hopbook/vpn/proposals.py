"""Proposals as strongSwan writes them and as an edge of NSX-V has them, and which of them both can do.

An edge has one cipher, one digest and one Diffie-Hellman group for both phases (NSX for vSphere API guide
6.4, IPsec VPN): phase 2 has the group only with PFS, and with AES-GCM phase 1 falls back to AES-128.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from hopbook.resources.nsxv import DhGroup, IpsecDigest, IpsecEncryption

ENCRYPTION: Mapping[IpsecEncryption, str] = {
    IpsecEncryption.AES: "aes128",
    IpsecEncryption.AES256: "aes256",
    IpsecEncryption.TRIPLE_DES: "3des",
    IpsecEncryption.AES_GCM: "aes128gcm16",
}
DIGEST: Mapping[IpsecDigest, str] = {IpsecDigest.SHA1: "sha1", IpsecDigest.SHA256: "sha256"}
GROUP: Mapping[DhGroup, str] = {
    DhGroup.DH2: "modp1024",
    DhGroup.DH5: "modp1536",
    DhGroup.DH14: "modp2048",
    DhGroup.DH15: "modp3072",
    DhGroup.DH16: "modp4096",
}
# What strongSwan 5.6.1 has besides (its IKEv2CipherSuites): so a misspelt word is told from a foreign one
_ONLY_STRONGSWAN = re.compile(
    r"aes(192|(128|192|256)ctr|(192|256)gcm16|(128|256)gcm8|xcbc|cmac)|camellia\d+|blowfish|chacha20poly1305|md5"
    r"|sha(384|512)|modp(768|6144|8192)|ecp\d+|x?25519|curve25519"
)
_ENCRYPTIONS = {text: word for word, text in ENCRYPTION.items()} | {"aes": IpsecEncryption.AES}
_DIGESTS = {text: word for word, text in DIGEST.items()} | {"sha": IpsecDigest.SHA1}
_GROUPS = {text: word for word, text in GROUP.items()}


class NoProposal(ValueError):
    """Two proposals that an edge cannot have; says why, in half a sentence."""


@dataclass(frozen=True, slots=True)
class Proposals:
    """What both ends propose in both phases."""

    encryption: IpsecEncryption = IpsecEncryption.AES256
    digest: IpsecDigest = IpsecDigest.SHA256
    group: DhGroup = DhGroup.DH14
    pfs: bool = True

    @property
    def ike(self) -> str:
        """Phase 1 in strongSwan's words: `aes256-sha256-modp2048`."""
        gcm = self.encryption is IpsecEncryption.AES_GCM
        cipher = ENCRYPTION[IpsecEncryption.AES if gcm else self.encryption]
        return f"{cipher}-{DIGEST[self.digest]}-{GROUP[self.group]}"

    @property
    def esp(self) -> str:
        """Phase 2 in strongSwan's words; the group only with PFS, and no digest beside GCM."""
        gcm = self.encryption is IpsecEncryption.AES_GCM
        parts = [ENCRYPTION[self.encryption], *([] if gcm else [DIGEST[self.digest]])]
        return "-".join([*parts, *([GROUP[self.group]] if self.pfs else [])])

    @classmethod
    def read(cls, ike: str, esp: str) -> "Proposals":
        """The edge's settings that equal strongSwan's `ike` and `esp`.

        Raises:
            NoProposal: a word is unknown, NSX-V cannot do it, or the phases differ where an edge has one
                setting.
        """
        cipher, digest, group = _phase("ike", ike)
        if cipher is IpsecEncryption.AES_GCM:
            message = "ike has GCM, which an edge has in phase 2 only; expected aes128 there"
            raise NoProposal(message)
        if digest is None or group is None:
            message = f"ike {ike!r} lacks a {'digest' if digest is None else 'group'}; expected {cls().ike}"
            raise NoProposal(message)
        cipher2, digest2, group2 = _phase("esp", esp)
        gcm = cipher2 is IpsecEncryption.AES_GCM
        if digest2 is None and not gcm:
            message = f"esp {esp!r} lacks a digest; expected {cls().esp}"
            raise NoProposal(message)
        alike = (
            cipher is IpsecEncryption.AES and digest2 is None
            if gcm
            else (cipher, digest) == (cipher2, digest2)
        )
        if not alike or group2 not in {None, group}:
            wanted = cls(cipher2 if gcm else cipher, digest, group, pfs=group2 is not None)
            message = (
                f"ike {ike} and esp {esp} differ, and an edge has one setting for both phases; "
                f"expected {wanted.ike} and {wanted.esp}"
            )
            raise NoProposal(message)
        return cls(cipher2, digest, group, pfs=group2 is not None)


def see_known(*texts: str) -> None:
    """See that strongSwan knows every word of proposals, where both ends are its.

    Raises:
        NoProposal: naming the word that it does not know.
    """
    known = {*_ENCRYPTIONS, *_DIGESTS, *_GROUPS}
    for text in texts:
        for word in re.split("[-,]", text.rstrip("!")):
            if word not in known and not _ONLY_STRONGSWAN.fullmatch(word):
                message = f"{text!r} has {word!r}, which strongSwan does not know"
                raise NoProposal(message)


def in_common(one: str, other: str) -> bool:
    """Whether two ends find a proposal: each writes one or, with commas between, several."""
    return bool(
        {text.rstrip("!") for text in one.split(",")} & {text.rstrip("!") for text in other.split(",")}
    )


def _phase(name: str, text: str) -> tuple[IpsecEncryption, IpsecDigest | None, DhGroup | None]:
    """Cipher, digest and group of one proposal."""
    if "," in text:
        message = (
            f"{name} has several proposals, and an edge has one; expected the one of {text!r} that is meant"
        )
        raise NoProposal(message)
    cipher: IpsecEncryption | None = None
    digest: IpsecDigest | None = None
    group: DhGroup | None = None
    for word in text.rstrip("!").split("-"):
        if word in _ENCRYPTIONS and cipher is None:
            cipher = _ENCRYPTIONS[word]
        elif word in _DIGESTS and digest is None:
            digest = _DIGESTS[word]
        elif word in _GROUPS and group is None:
            group = _GROUPS[word]
        else:
            raise NoProposal(_unusable(name, text, word))
    if cipher is None:
        message = f"{name} {text!r} names no cipher; expected one of {', '.join(ENCRYPTION.values())}"
        raise NoProposal(message)
    return cipher, digest, group


def _unusable(name: str, text: str, word: str) -> str:
    known = (*ENCRYPTION.values(), *DIGEST.values(), *GROUP.values())
    if word in known:
        return f"{name} {text!r} names {word!r} beside another of its kind; expected one each"
    whose = "strongSwan has, but NSX-V cannot do" if _ONLY_STRONGSWAN.fullmatch(word) else "neither end knows"
    return f"{name} {text!r} has {word!r}, which {whose}; expected of {', '.join(known)}"
