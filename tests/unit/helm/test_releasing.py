"""When helm and kubeconfigs are looked for."""

import re

import pytest

from adapters import releasing
from adapters.helm import binary
from hopbook.errors import InvalidInput
from hopbook.resources.base import SecretRef
from hopbook.secret import Secret
from hopbook.site.load import read_site
from hopbook.site.model import Site
from tasks import files

KUBECONFIG = b"""
endpoints:
  kubernetes:
    iks-a: {kubeconfig: {env: KUBECONFIG_A}}
"""
TEXT = """
current-context: lab
contexts: [{name: lab, context: {cluster: lab, user: lab}}]
clusters: [{name: lab, cluster: {server: "https://127.0.0.1:1"}}]
users: [{name: lab, user: {token: canary}}]
"""


def joined(more: bytes = b"") -> Site:
    text = files.site_path("example").read_bytes()
    text = re.sub(rb"how: vlan-bgp .*", b"how: vpn\n      vpn: {psk: {env: PSK}}", text)
    return read_site(text + more, "example.yaml")


def nobody(ref: SecretRef) -> Secret:
    raise AssertionError(ref)


def test_nothing_is_looked_for_before_helm_is_run() -> None:
    helms = releasing.binaries(joined(KUBECONFIG), nobody)

    assert set(helms) == {"iks-a"}
    with pytest.raises(AssertionError, match="KUBECONFIG_A"):
        helms["iks-a"](["list"], "", 1.0)


def test_then_what_is_missing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InvalidInput, match="helm needs a kubeconfig"):
        releasing.binaries(joined(), nobody)["iks-a"](["list"], "", 1.0)
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(binary, "BROUGHT", files.ROOT / "nowhere")
    helms = releasing.binaries(joined(KUBECONFIG), lambda _: Secret(TEXT))
    with pytest.raises(InvalidInput, match="there is none on PATH"):
        helms["iks-a"](["list"], "", 1.0)
