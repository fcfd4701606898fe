"""HCX, as far as packets depend on it: pairs of L2 concentrators, and the networks that they extend.

Observed only. HCX deploys both concentrators of a pair and sets up the tunnel between them, so a pair is one
resource and its ends always agree; its API has no state of an extension but jobs and a list, so the states
are ours (`reference/hcx.md` 3.3).
"""

from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Address
from typing import ClassVar

from hopbook.resources.base import Key, Resource, SecretRef, known


class ExtensionState(StrEnum):
    """How far an extension is. The tunnel's state is none of it: the extension stays while that is down."""

    WORKING = "working"  # a job makes it, or takes it away
    EXTENDED = "extended"
    FAILED = "failed"  # the job did; something half-made may be listed


@known
@dataclass(frozen=True, kw_only=True)
class ConcentratorPair(Resource):
    """Two concentrators and the tunnel between their uplinks.

    Attributes:
        enterprise, cloud: The addresses of their uplinks.
        psk: Where the tunnel's key is.
        ike, esp: Proposals as strongSwan writes them.
    """

    kind: ClassVar[str] = "hcx.concentrator"

    pair: str
    enterprise: IPv4Address
    cloud: IPv4Address
    psk: SecretRef
    ike: str = "aes256-sha256-modp2048"
    esp: str = "aes256-sha256-modp2048"

    @property
    def name(self) -> str:
        """The pair's name."""
        return self.pair

    def title(self) -> str:
        """For a sentence."""
        return f"the concentrators {self.pair}"


@known
@dataclass(frozen=True, kw_only=True)
class Extension(Resource):
    """A network that a pair of concentrators extends.

    Attributes:
        network: Its name as the site has it.
        switch: The logical switch that HCX made for it.
    """

    kind: ClassVar[str] = "hcx.extension"

    network: str
    switch: str
    concentrator: Key | None = None
    state: ExtensionState = ExtensionState.EXTENDED

    @property
    def name(self) -> str:
        """The network's name."""
        return self.network

    def title(self) -> str:
        """For a sentence."""
        return f"the extension of {self.network}"
