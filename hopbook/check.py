"""Whether a site file can be used: its address plan, its names, its VPNs."""

from hopbook.errors import Problem
from hopbook.site.check import by_place, check_site
from hopbook.site.document import Document
from hopbook.site.model import Site
from hopbook.vpn.checks import check_vpns
from hopbook.vpn.keys import KeyTable


def problems_of(site: Site, document: Document, keys: KeyTable) -> list[Problem]:
    """Everything that is wrong with a site, by place; `keys` is what the chart of VPNs may be given."""
    return by_place([*check_site(site, document), *check_vpns(site, document, keys)], document)
