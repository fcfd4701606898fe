"""A name as desired state: equality is meaning."""

from ipaddress import IPv4Address

from hopbook.resources.base import from_document, to_document
from hopbook.resources.dns import NameRecord

ONE, TWO = IPv4Address("10.0.0.1"), IPv4Address("10.0.0.2")


def test_spelling_and_order_mean_nothing() -> None:
    one = NameRecord(fqdn="Web.Example.COM.", addresses=(TWO, ONE, TWO))
    assert one == NameRecord(fqdn="web.example.com", addresses=(ONE, TWO))
    assert str(one.key) == "dns.name:web.example.com"
    assert one.title() == "DNS name web.example.com"


def test_addresses_are_sorted_as_numbers() -> None:
    many = [IPv4Address(f"10.0.0.{last}") for last in (100, 9, 21, 3, 200, 1)]
    record = NameRecord(fqdn="web.example.com", addresses=tuple(many))
    assert [int(address) & 255 for address in record.addresses] == [1, 3, 9, 21, 100, 200]


def test_it_is_read_back_as_it_was_written() -> None:
    record = NameRecord(fqdn="web.example.com", addresses=(ONE, TWO))
    assert from_document(to_document(record)) == record
