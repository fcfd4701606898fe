"""Proposals in strongSwan's words and in an edge's."""

import re
from itertools import product

import pytest

from hopbook.resources.nsxv import DhGroup, IpsecDigest, IpsecEncryption
from hopbook.vpn.proposals import NoProposal, Proposals, in_common


@pytest.mark.parametrize("pfs", [True, False])
def test_whatever_an_edge_can_do_has_one_spelling_and_reads_back(pfs: bool) -> None:
    spelt = set()
    for encryption, digest, group in product(IpsecEncryption, IpsecDigest, DhGroup):
        found = Proposals(encryption, digest, group, pfs)
        assert Proposals.read(found.ike, found.esp) == found
        spelt.add((found.ike, found.esp))
    assert len(spelt) == len(IpsecEncryption) * len(IpsecDigest) * len(DhGroup)


def test_the_table_of_the_documents() -> None:
    found = Proposals.read("aes256-sha256-modp2048", "aes256-sha256-modp2048")
    assert found == Proposals(IpsecEncryption.AES256, IpsecDigest.SHA256, DhGroup.DH14, pfs=True)
    assert not Proposals.read("aes256-sha256-modp2048", "aes256-sha256").pfs
    assert Proposals(IpsecEncryption.AES_GCM).ike == "aes128-sha256-modp2048"
    assert Proposals(IpsecEncryption.AES_GCM).esp == "aes128gcm16-modp2048"


@pytest.mark.parametrize(
    ("ike", "esp", "why"),
    [
        ("aes256-sha512-modp2048", "aes256-sha256", "'sha512', which strongSwan has, but NSX-V cannot do"),
        ("aes256-sha256-ecp256", "aes256-sha256", "'ecp256', which strongSwan has, but NSX-V cannot do"),
        ("aes256-sha256-modp2O48", "aes256-sha256", "'modp2O48', which neither end knows"),
        ("aes256-sha256", "aes256-sha256", "ike 'aes256-sha256' lacks a group"),
        ("aes256-modp2048", "aes256-sha256", "ike 'aes256-modp2048' lacks a digest"),
        ("sha256-modp2048", "aes256-sha256", "ike 'sha256-modp2048' names no cipher"),
        ("aes256-sha256-modp2048", "aes256", "esp 'aes256' lacks a digest"),
        ("aes256-sha256-modp2048", "aes128-sha1", "expected aes256-sha256-modp2048 and aes256-sha256"),
        ("aes256-sha256-modp2048", "aes256-sha256-modp1024", "an edge has one setting for both phases"),
        ("aes256-sha256-modp2048", "aes128gcm16", "expected aes128-sha256-modp2048 and aes128gcm16"),
        ("aes128gcm16-sha256-modp2048", "aes128gcm16", "GCM, which an edge has in phase 2 only"),
        ("aes128-sha1-modp2048,3des-sha1-modp1536", "aes128-sha1", "ike has several proposals"),
        ("aes128-aes256-sha1-modp2048", "aes128-sha1", "names 'aes256' beside another of its kind"),
    ],
)
def test_what_one_of_the_ends_cannot_do_is_refused(ike: str, esp: str, why: str) -> None:
    with pytest.raises(NoProposal, match=re.escape(why)):
        Proposals.read(ike, esp)


def test_ends_agree_on_any_proposal_that_both_write() -> None:
    assert in_common("aes128-sha1,aes256-sha256!", "aes256-sha256")
    assert not in_common("aes128-sha1", "aes256-sha1")
