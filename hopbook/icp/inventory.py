"""The installer's `hosts`: which address has which role.

An ansible inventory in which ICP takes IP addresses only: with names the installer's check of Calico's MTU
fails late and says something else (ICP 3.1.0, installation; issues 124 and 164 of deploy-ibm-cloud-private).
So names are refused here, with the line.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from ipaddress import IPv4Address

from hopbook.errors import InvalidInput, Problem
from hopbook.icp.sizes import Node, members
from hopbook.site.words import near, shown

MANDATORY = ("master", "worker", "proxy")
OPTIONAL = ("management", "va", "etcd")
GROUPS = (*MANDATORY, *OPTIONAL)
_ORDER = ("master", "worker", "proxy", "management", "va", "etcd")
_SECTION = re.compile(r"\[([^\]]*)\]")
_HOST_GROUP = re.compile(r"hostgroup-[A-Za-z0-9][A-Za-z0-9-]*")
_OUR_NAME = "hosts"

Groups = Mapping[str, tuple[IPv4Address, ...]]


def groups_of(nodes: tuple[Node, ...]) -> Groups:
    """The groups of a cluster's nodes, in the order of the documents; a boot node of its own is in none."""
    found: dict[str, list[IPv4Address]] = {}
    for node in members(nodes):
        found.setdefault(node.role, []).append(node.address)
    return {group: tuple(found[group]) for group in _ORDER if group in found}


def render(groups: Groups) -> str:
    """The text of `hosts`; `parse` reads it back equal.

    Raises:
        InvalidInput: the groups are not ones that the installer takes.
    """
    _raise(list(_problems(groups, _OUR_NAME)))
    sections = ("\n".join([f"[{group}]", *map(str, addresses)]) for group, addresses in groups.items())
    return "\n\n".join(sections) + "\n"


def parse(text: str, name: str = _OUR_NAME) -> Groups:
    """The groups of a `hosts` file.

    Raises:
        InvalidInput: with every problem: a name for an address, an unknown group, one that is missing.
    """
    groups: dict[str, list[IPv4Address]] = {}
    problems: list[Problem] = []
    group = ""
    for number, line in enumerate(text.splitlines(), start=1):
        entry = line.partition("#")[0].strip()
        if not entry or entry.startswith(";"):
            continue
        where = f"{name}:{number}"
        if section := _SECTION.fullmatch(entry):
            group = section[1].strip()
            if group in groups:
                problems.append(Problem(what=f"[{group}] is written twice", where=where))
            groups.setdefault(group, [])
        elif not group:
            problems.append(Problem(what="an address before the first [group]", where=where))
        else:
            found = _address(entry, where, problems)
            groups[group] += [found] if found else []
    read = {group: tuple(addresses) for group, addresses in groups.items()}
    problems += _problems(read, name, empty_told=bool(problems))
    _raise(problems)
    return read


def _address(entry: str, where: str, problems: list[Problem]) -> IPv4Address | None:
    try:
        return IPv4Address(entry)
    except ValueError:
        host, _, rest = entry.partition(" ")
        if rest and "=" in rest:
            what = (
                f"{shown(host)} has variables behind it; expected the address alone, variables in config.yaml"
            )
        else:
            what = f"{shown(entry)} is no IPv4 address; the installer takes addresses only, never names"
        problems.append(Problem(what=what, where=where))
        return None


def _problems(groups: Groups, name: str, *, empty_told: bool = False) -> Iterator[Problem]:
    for group in groups:
        if group not in GROUPS and not _HOST_GROUP.fullmatch(group):
            hint = near(group, GROUPS) or f"; expected {', '.join(GROUPS)} or hostgroup-NAME"
            yield Problem(what=f"the installer knows no group {shown(group)}{hint}", where=name)
    for group in MANDATORY:
        if not groups.get(group) and not empty_told:
            yield Problem(what=f"[{group}] has no address; the installer needs one or more", where=name)
    masters = len(groups.get("master", ()))
    if masters and masters % 2 == 0:
        yield Problem(what=f"found {masters} masters; expected an odd number: 1, 3 or 5", where=name)
    for group, addresses in groups.items():
        yield from (
            Problem(what=f"{address} is in [{group}] twice", where=name)
            for address in dict.fromkeys(addresses)
            if addresses.count(address) > 1
        )


def _raise(problems: Sequence[Problem]) -> None:
    if problems:
        raise InvalidInput(*problems)
