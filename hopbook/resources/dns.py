"""DNS, as desired state: the names that the site's users ask for.

The site's names are kept by whoever owns its DNS, so a step that wants one checks it and never writes it.
"""

from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import ClassVar

from hopbook.resources.base import Resource, known


@known
@dataclass(frozen=True, kw_only=True)
class NameRecord(Resource):
    """A name and the addresses that it leads to, whatever aliases are between.

    A name that does not exist is one without addresses. Spelling (`Web.Example.COM.`) and the order of the
    addresses mean nothing in DNS, so both are put in one form here.
    """

    kind: ClassVar[str] = "dns.name"

    fqdn: str
    addresses: tuple[IPv4Address, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "fqdn", self.fqdn.lower().removesuffix("."))
        object.__setattr__(self, "addresses", tuple(sorted(set(self.addresses))))

    @property
    def name(self) -> str:
        """The name itself."""
        return self.fqdn

    def title(self) -> str:
        """For a sentence."""
        return f"DNS name {self.fqdn}"
