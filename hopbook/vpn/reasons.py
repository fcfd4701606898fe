"""Why an IPsec tunnel does not come up: the five reasons, in the words of IKE where it has any (RFC 7296)."""

from collections.abc import Mapping
from enum import StrEnum


class Reason(StrEnum):
    """What the trace says, what the simulated edge answers, and what a person may look up."""

    NOT_STARTED = "NOT_STARTED"
    NO_ANSWER = "NO_ANSWER"
    AUTHENTICATION_FAILED = "AUTHENTICATION_FAILED"
    NO_PROPOSAL_CHOSEN = "NO_PROPOSAL_CHOSEN"
    TS_UNACCEPTABLE = "TS_UNACCEPTABLE"

    @property
    def meaning(self) -> str:
        """What it says of the two ends."""
        return _MEANING[self]

    @property
    def remedy(self) -> str:
        """What to look at, in which order."""
        return _REMEDY[self]

    def said(self, why: str = "") -> str:
        """The reason with what is known of this very tunnel: `NO_ANSWER: IKE to 10.95.60.131: …`."""
        return f"{self}: {why or self.meaning}"


_MEANING: Mapping[Reason, str] = {
    Reason.NOT_STARTED: "neither end starts the negotiation",
    Reason.NO_ANSWER: "IKE goes unanswered: UDP 500 or 4500 does not get there or back, or nobody is there",
    Reason.AUTHENTICATION_FAILED: "the pre-shared keys or the identities do not match",
    Reason.NO_PROPOSAL_CHOSEN: "the ends have no encryption, digest or Diffie-Hellman group in common",
    Reason.TS_UNACCEPTABLE: "the ends have no subnets in common: what one calls local the other calls remote",
}
_REMEDY: Mapping[Reason, str] = {
    Reason.NOT_STARTED: "let one end start: `auto: start` with a gateway, or an edge that names its peer",
    Reason.NO_ANSWER: "the trace names the node and the rule that drop it; else see what holds the address",
    Reason.AUTHENTICATION_FAILED: "compare identities crosswise, then give both ends the one key again",
    Reason.NO_PROPOSAL_CHOSEN: "give both ends the same `ike` and `esp`, of what NSX-V can do",
    Reason.TS_UNACCEPTABLE: "give both ends the same subnets, crosswise",
}
