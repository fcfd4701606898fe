"""From what a person writes about a site to how its hosts are reached."""

from collections.abc import Mapping
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

from adapters.ssh.client import Login, Resolve, Timeouts
from adapters.ssh.fleet import Fleet
from adapters.ssh.trust import HostKeys
from hopbook.errors import InvalidInput, Problem
from hopbook.site.model import SshEndpoint

JUMP = "jump"
"""What the jump host is called, also among the host keys."""


def fleet_of(
    endpoint: SshEndpoint, hosts: Mapping[str, IPv4Address], resolve: Resolve, **options: Any
) -> Fleet:
    """The clients of a site's hosts.

    Args:
        endpoint: `endpoints.ssh` of the site file.
        hosts: Each host's name and own address.
        resolve: Where secrets come from.
        options: Further arguments of `Fleet`: another way to dial.

    Raises:
        InvalidInput: the known_hosts cannot be read, or a key in it is none.
    """
    timeouts = Timeouts(connect=endpoint.connect_timeout, command=endpoint.timeout, idle=endpoint.timeout)
    return Fleet(
        logins(endpoint, hosts),
        host_keys(endpoint),
        resolve,
        **{"timeouts": timeouts, "limit": endpoint.side_by_side, **options},
    )


def logins(endpoint: SshEndpoint, hosts: Mapping[str, IPv4Address]) -> tuple[Login, ...]:
    """How each host is reached, the jump host among them."""
    jump = endpoint.jump
    found = [
        Login(
            name=name,
            address=str(endpoint.addresses.get(name, address)),
            port=endpoint.port,
            user=endpoint.user,
            password=endpoint.password,
            key=endpoint.key,
            passphrase=endpoint.passphrase,
            jump=JUMP if jump is not None else "",
        )
        for name, address in hosts.items()
    ]
    if jump is None:
        return tuple(found)
    own = endpoint if jump.password is None and jump.key is None else jump
    way = Login(
        name=JUMP,
        address=jump.host,
        port=jump.port,
        user=jump.user,
        password=own.password,
        key=own.key,
        passphrase=own.passphrase,
    )
    return way, *found


def host_keys(endpoint: SshEndpoint) -> HostKeys:
    """The keys that are known.

    Raises:
        InvalidInput: the file cannot be read, or a key in it is none.
    """
    if endpoint.known_hosts is None:
        return HostKeys.read("", endpoint.host_keys)
    path = Path(endpoint.known_hosts).expanduser()
    try:
        text = path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is no text"
        what = f"{path} cannot be read ({why}); expected a known_hosts as OpenSSH keeps it"
        raise InvalidInput(Problem(what=what, where="endpoints.ssh.known_hosts")) from error
    return HostKeys.read(text, endpoint.host_keys, where=str(path))
