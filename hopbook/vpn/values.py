"""Values for strongSwan's chart, judged before Helm sees them.

The chart ignores a key that it does not have, and refuses a combination only in its container's log, so a
slip shows as a tunnel that never comes up (reference/ibm.md 3.2).
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network
from itertools import product
from typing import Any

from hopbook.errors import Problem
from hopbook.vpn.keys import KeyTable, networks, release_of, split

LONGEST_RELEASE = 35  # characters; longer ones make names of objects that Kubernetes refuses
_LEAST_LOGGING = 2
_LOGGED = re.compile(r"\bike\s+(-?[0-9]+)")
_RELEASE = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?")

Finding = tuple[str, str]
"""A key, and what is wrong with it and was expected."""


@dataclass(frozen=True, slots=True)
class Effective:
    """Values with the chart's defaults under them. Give it only values that fit their kinds."""

    table: KeyTable
    given: Mapping[str, Any]

    def get(self, path: str) -> Any:
        """What holds at a path."""
        value = self.given.get(path)
        return self.table.default(path) if value is None else value

    def word(self, path: str) -> str:
        """The same as text; empty where there is nothing."""
        value = self.get(path)
        return str(value).lower() if isinstance(value, bool) else str(value or "").strip()

    def networks(self, path: str) -> tuple[IPv4Network, ...]:
        """The networks at a path."""
        return networks(self.word(path))


def lint(
    values: Mapping[str, Any], version: str, table: KeyTable, *, release: str = "", secret: bool = True
) -> list[Problem]:
    """What is wrong with values for a version of the chart; nothing for good ones.

    Args:
        values: As Helm reads them, without the secret.
        version: The chart's: `2.2.9`.
        table: Its keys.
        release: The release's name; empty: it is not judged.
        secret: Whether a secret goes with them.
    """
    if not table.covers(version):
        known = f"expected {table.oldest} to {table.newest}"
        return [Problem(what=f"nothing is known of {table.chart} {version}; {known}", source=table.source)]
    given = dict(table.entries(values))
    found = [*_names(release), *_keys(given, version, table), *_secret(given, table, secret=secret)]
    wrong = {path for path, _ in found}
    effective = Effective(table, {path: value for path, value in given.items() if path not in wrong})
    for needs, rule in _RULES:
        if wrong.isdisjoint(needs):
            found += rule(effective)
    return [Problem(what=what, where=path, source=table.source) for path, what in found]


def _names(release: str) -> Iterator[Finding]:
    if len(release) > LONGEST_RELEASE:
        yield "release", f"its name has {len(release)} characters; expected at most {LONGEST_RELEASE}"
    if release and _RELEASE.fullmatch(release) is None:
        yield "release", f"{release!r} is no name; expected lower case letters, digits and dashes"


def _keys(given: Mapping[str, Any], version: str, table: KeyTable) -> Iterator[Finding]:
    for path, value in given.items():
        key = table.find(path)
        if key is None:
            near = table.nearest(path)
            yield path, f"{table.chart} {version} has no such key" + (f"; is {near} meant?" if near else "")
        elif key.since is not None and release_of(version) < release_of(key.since):
            yield path, f"{table.chart} {version} has no such key; expected version {key.since} or later"
        elif path != table.secret_at and (expected := key.misfit(value)):
            yield path, f"it is {value!r}; expected {expected}"


def _secret(given: Mapping[str, Any], table: KeyTable, *, secret: bool) -> Iterator[Finding]:
    """It never stands among the values, which are written down."""
    if given.get(table.secret_at):
        yield table.secret_at, "a secret stands among the values; expected a reference to one instead"
    elif not secret and not given.get("overRideIpsecSecrets"):
        yield table.secret_at, "it is missing; expected a reference to the secret that the other end has, too"


def _ikev1(values: Effective) -> Iterator[Finding]:
    if values.word("ipsec.keyexchange") != "ikev1":
        return
    for path in ("ipsec.ike", "ipsec.esp"):
        if not values.word(path):
            yield path, "it is empty; expected a proposal such as aes256-sha256-modp2048, as with every ikev1"
    for path in ("local.subnet", "remote.subnet"):
        if (count := len(values.networks(path))) != 1:
            yield path, f"it holds {count} networks; expected exactly one with ikev1"


def _gateway(values: Effective) -> Iterator[Finding]:
    if values.word("ipsec.auto") == "start" and values.word("remote.gateway") in {"", "%any"}:
        yield "remote.gateway", "it is %any; expected the other end's address, as ipsec.auto is start"


def _service_source(values: Effective) -> Iterator[Finding]:
    if not values.get("enableServiceSourceIP"):
        return
    wanted = {"ipsec.keyexchange": "ikev1", "ipsec.auto": "start"}
    for path, word in wanted.items():
        if values.word(path) != word:
            yield "enableServiceSourceIP", f"{path} is {values.word(path)}; expected {word} with it"
    if not values.word("loadBalancerIP"):
        yield "enableServiceSourceIP", "loadBalancerIP is empty; expected an address with it"


def _single_source(values: Effective) -> Iterator[Finding]:
    if not values.get("enableSingleSourceIP"):
        return
    local = values.networks("local.subnet")
    if len(local) != 1 or local[0].prefixlen != local[0].max_prefixlen:
        yield "local.subnet", "expected exactly one /32, as enableSingleSourceIP is set"
    if values.word("localSubnetNAT"):
        yield "localSubnetNAT", "expected nothing, as enableSingleSourceIP is set"
    if values.word("enablePodSNAT") == "false":
        yield "enablePodSNAT", "it is false; expected auto or true, as enableSingleSourceIP is set"


def _remote_nat(values: Effective) -> Iterator[Finding]:
    beyond = values.networks("remote.subnet")
    for item in split(values.word("remoteSubnetNAT")):
        left = IPv4Network(item.partition("=")[0].strip())
        if left not in beyond:
            there = ", ".join(map(str, beyond)) or "nothing"
            yield "remoteSubnetNAT", f"{left} is not in remote.subnet ({there}); expected an entry of it"


def _logging(values: Effective) -> Iterator[Finding]:
    """The chart's container finds its routes in its own log."""
    given = values.word("strongswanLogging")
    if not given:
        return
    level = _LOGGED.search(given)
    if level is None or int(level[1]) < _LEAST_LOGGING:
        why = "the container reads its routes from that log"
        yield "strongswanLogging", f"it is {given!r}; expected `ike {_LEAST_LOGGING}` or more: {why}"


def _overlap(values: Effective) -> Iterator[Finding]:
    if values.word("localSubnetNAT") or values.word("remoteSubnetNAT"):
        return
    for inside, beyond in product(values.networks("local.subnet"), values.networks("remote.subnet")):
        if inside.overlaps(beyond):
            expected = "expected ranges apart, or localSubnetNAT or remoteSubnetNAT"
            yield "remote.subnet", f"{beyond} overlaps {inside} of local.subnet; {expected}"


_RULES: tuple[tuple[frozenset[str], Callable[[Effective], Iterator[Finding]]], ...] = (
    (frozenset({"ipsec.keyexchange", "ipsec.ike", "ipsec.esp", "local.subnet", "remote.subnet"}), _ikev1),
    (frozenset({"ipsec.auto", "remote.gateway"}), _gateway),
    (
        frozenset({"enableServiceSourceIP", "ipsec.keyexchange", "ipsec.auto", "loadBalancerIP"}),
        _service_source,
    ),
    (
        frozenset({"enableSingleSourceIP", "local.subnet", "localSubnetNAT", "enablePodSNAT"}),
        _single_source,
    ),
    (frozenset({"remoteSubnetNAT", "remote.subnet"}), _remote_nat),
    (frozenset({"strongswanLogging"}), _logging),
    (frozenset({"local.subnet", "remote.subnet", "localSubnetNAT", "remoteSubnetNAT"}), _overlap),
)
"""Each rule with the keys that it reads: one of them that does not fit its kind is not judged twice."""
