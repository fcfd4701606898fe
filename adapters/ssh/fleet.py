"""All hosts of a site, each with its client, side by side up to a limit."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from adapters.ssh.client import Dial, Login, Resolve, SshClient, Timeouts, dial
from adapters.ssh.trust import Trust
from hopbook.errors import InvalidInput, Problem

T = TypeVar("T")
SIDE_BY_SIDE = 20


class Fleet:
    """The hosts that can be reached, by name. Safe to share between threads.

    Args:
        logins: How to reach each; a jump host is one of them.
        keys: The host keys that are known.
        resolve: Where secrets come from.
        limit: How many hosts are asked at the same time.

    Raises:
        InvalidInput: a jump leads nowhere or in a circle.
    """

    def __init__(
        self,
        logins: Sequence[Login],
        keys: Trust,
        resolve: Resolve,
        *,
        timeouts: Timeouts | None = None,
        dial: Dial = dial,
        limit: int = SIDE_BY_SIDE,
    ) -> None:
        self._logins = {login.name: login for login in logins}
        self._clients: dict[str, SshClient] = {}
        self._limit = limit
        for login in logins:
            self._add(login.name, (), keys, resolve, timeouts, dial)

    @property
    def clients(self) -> Mapping[str, SshClient]:
        """By the host's name."""
        return self._clients

    def client(self, host: str) -> SshClient:
        """The client of a host.

        Raises:
            InvalidInput: the site knows no such host.
        """
        if host not in self._clients:
            known = ", ".join(sorted(self._clients)) or "none"
            what = f"no login is known for host {host!r}; known: {known}"
            raise InvalidInput(Problem(what=what, where="endpoints.ssh"))
        return self._clients[host]

    def each(self, hosts: Iterable[str], ask: Callable[[str], T]) -> dict[str, T]:
        """Ask something of several hosts, side by side.

        Every host is asked to its end; then the first trouble, in the hosts' order, is raised.
        """
        names = list(dict.fromkeys(hosts))
        if len(names) <= 1:
            return {name: ask(name) for name in names}
        workers = min(self._limit, len(names))
        with ThreadPoolExecutor(max_workers=workers, thread_name_prefix="ssh") as pool:
            waiting = {name: pool.submit(ask, name) for name in names}
        return {name: future.result() for name, future in waiting.items()}

    def close(self) -> None:
        """Let go of every connection, those through others first."""
        for client in reversed(self._clients.values()):
            client.close()

    def _add(
        self,
        name: str,
        through: tuple[str, ...],
        keys: Trust,
        resolve: Resolve,
        timeouts: Timeouts | None,
        dial: Dial,
    ) -> SshClient:
        if name in self._clients:
            return self._clients[name]
        if name in through or name not in self._logins:
            way = " through ".join([*through, name])
            raise InvalidInput(Problem(what=f"{way}: that leads to no host", where="endpoints.ssh"))
        login = self._logins[name]
        jump = None
        if login.jump:
            jump = self._add(login.jump, (*through, name), keys, resolve, timeouts, dial)
        client = SshClient(login, keys, resolve, timeouts=timeouts, dial=dial, jump=jump)
        self._clients[name] = client
        return client
