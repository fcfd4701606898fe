"""What the changes of one batch share: the host, its jobs, and where secrets come from."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from adapters.ssh.client import SshClient
from adapters.ssh.errors import garbled
from adapters.ssh.scripts import FACTS
from adapters.ssh.supervisor import Supervisor
from hopbook.errors import InvalidInput
from hopbook.hosts.facts import Facts, Question, arguments, parse
from hopbook.resources.base import Key, SecretRef
from hopbook.secret import Secret

Listener = Callable[[Key, str], None]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Session:
    """One host, while changes of its lane are made.

    Attributes:
        base: The directory on the host that everything of ours lies in.
        listener: Told what jobs write, as they write it, by the key of the change.
    """

    client: SshClient
    supervisor: Supervisor
    base: str
    resolve: Callable[[SecretRef], Secret]
    listener: Listener

    @property
    def host(self) -> str:
        """Its name."""
        return self.client.login.name

    def ask(self, questions: Sequence[Question]) -> Facts:
        """The answers to questions, in one round trip.

        Raises:
            SystemTrouble: the host did not answer, or something else did.
        """
        told = self.client.run(FACTS, self.base, *arguments(questions))
        return self.understood(lambda: parse(told, questions))

    def understood(self, read: Callable[[], T]) -> T:
        """What can be made of a host's answers.

        Raises:
            Garbled: nothing; they are not our script's.
        """
        try:
            return read()
        except InvalidInput:
            raise
        except ValueError as error:
            raise garbled(f"{self.host}, facts", self.client.address, str(error)) from error
