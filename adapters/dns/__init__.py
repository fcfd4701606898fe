"""DNS: asking a site's resolver what a name leads to."""

from adapters.dns.client import DnsClient
from adapters.dns.exchange import Exchange, Transport
from adapters.dns.provider import DnsProvider

__all__ = ["DnsClient", "DnsProvider", "Exchange", "Transport"]
