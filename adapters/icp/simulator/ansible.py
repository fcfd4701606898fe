"""What ansible prints: plays, tasks, results by host, and the recap."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field

_STARS = "*" * 60


@dataclass(slots=True)
class Talk:
    """One run's output; it counts the results for the recap."""

    counts: dict[str, dict[str, int]] = field(default_factory=dict)

    def play(self, name: str) -> str:
        """A play begins."""
        return f"\r\nPLAY [{name}] {_STARS}\r\n"

    def task(self, name: str, hosts: Iterable[str], *, changed: bool = False) -> str:
        """A task that every host did."""
        word = "changed" if changed else "ok"
        for host in hosts:
            self._count(host, "ok")
            if changed:
                self._count(host, "changed")
        lines = [f"{word}: [{host}]" for host in hosts]
        return "\r\n".join([f"\r\nTASK [{name}] {_STARS}", *lines, ""])

    def waiting(self, name: str, left: int) -> str:
        """A task that waits for something."""
        return f"FAILED - RETRYING: {name} ({left} retries left).\r\n"

    def failed(self, task: str, host: str, said: str, *, unreachable: bool = False) -> str:
        """A task that a host failed."""
        self._count(host, "unreachable" if unreachable else "failed")
        word = "UNREACHABLE!" if unreachable else "FAILED!"
        result = json.dumps({"changed": False, "msg": said} | ({"unreachable": True} if unreachable else {}))
        return f"\r\nTASK [{task}] {_STARS}\r\nfatal: [{host}]: {word} => {result}\r\n"

    def recap(self) -> str:
        """How every host fared."""
        names = ("ok", "changed", "unreachable", "failed")
        lines = [
            f"{host:<26} : " + "  ".join(f"{name}={counts.get(name, 0):<4}" for name in names)
            for host, counts in self.counts.items()
        ]
        return "\r\n".join([f"\r\nPLAY RECAP {_STARS}", *lines, ""])

    def _count(self, host: str, what: str) -> None:
        counts = self.counts.setdefault(host, {})
        counts[what] = counts.get(what, 0) + 1
