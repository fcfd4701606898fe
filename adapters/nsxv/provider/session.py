"""One batch of changes at work: what was sent so far, and what was read to send it."""

from collections.abc import Callable, Sequence

from adapters.nsxv.client import NsxClient, Query
from adapters.nsxv.errors import SYSTEM, Busy
from adapters.nsxv.provider.directory import EDGES, Directory
from adapters.nsxv.provider.markers import Markers
from adapters.nsxv.provider.rules import Feature
from adapters.nsxv.xml import Element
from hopbook.errors import AnswerLost, Missing, Rejected, SystemTrouble
from hopbook.resources.base import Key, SecretRef
from hopbook.secret import Secret

_READINGS = 2  # of a section before a change of it is given up as busy


class Session:
    """What the calls of one batch share.

    Attributes:
        directory: Names and ids as of this batch.
        unanswered: A change was sent and nothing is known of it. No call makes more than one, so what comes
            before or after an unanswered one is certain.
    """

    def __init__(self, client: NsxClient, markers: Markers, resolve: Callable[[SecretRef], Secret]) -> None:
        self.client = client
        self.markers = markers
        self.secret = resolve
        self.directory = Directory(client, markers)
        self.unanswered = False
        self._configs: dict[tuple[str, str], Element] = {}

    def edge(self, owner: Key) -> str:
        """The address of an edge or router.

        Raises:
            Missing: there is none of that name, or it is of the other type.
        """
        found = self.directory.edge(owner.name)
        if found is None or found.key != owner:
            other = f"; the edge {found.id} of that name is of another type" if found else ""
            raise Missing(f"there is no {owner}{other}", system=SYSTEM, address=self.client.address)
        return f"{EDGES}/{found.id}"

    def read(self, path: str) -> Element:
        """Read a section."""
        return self.client.read(path)

    def send(
        self,
        method: str,
        path: str,
        body: Element | None = None,
        *,
        query: Query | None = None,
        timeout: float | None = None,
        secrets: Sequence[Secret] = (),
    ) -> str:
        """Make a change; returns the id of what was made."""
        self.unanswered = True
        try:
            made = self.client.change(method, path, body, query=query, timeout=timeout, secrets=secrets)
        except SystemTrouble as error:
            self.unanswered = isinstance(error, AnswerLost)
            raise
        self.unanswered = False
        return made

    def rewrite(self, path: str, edit: Callable[[Element], bool]) -> None:
        """Read a section, edit it and write it back; nothing is sent where `edit` says that nothing changed.

        The version that was read goes back with it. Where NSX minds it, somebody else's change in between is
        noticed, and the section is read and edited once more.
        """

        def attempt() -> None:
            section = self.read(path)
            if edit(section):
                self.send("PUT", path, section)

        self.again(attempt)

    def again(self, attempt: Callable[[], None]) -> None:
        """Read, edit and write as `attempt` does, and all of it once more where NSX stays busy."""
        for reading in range(_READINGS):
            try:
                attempt()
            except Busy:
                if reading + 1 == _READINGS:
                    raise
            else:
                return

    def config(self, owner: Key, feature: Feature) -> Element:
        """The rules of an edge: read once, then kept as our own changes leave them."""
        place = (owner.name, feature.name)
        if place not in self._configs:
            self._configs[place] = self.read(f"{self.edge(owner)}/{feature.config}")
        return self._configs[place]

    def forget(self, owner: Key, feature: Feature) -> None:
        """Read the rules of an edge again when they are needed next."""
        self._configs.pop((owner.name, feature.name), None)

    def refuse(self, what: str, *, hint: str = "") -> Rejected:
        """A refusal of our own, before anything is sent."""
        return Rejected(what, system=SYSTEM, address=self.client.address, hint=hint)

    def gone(self, what: str) -> Missing:
        """What should be changed is not there any more."""
        return Missing(f"{what} is not there", system=SYSTEM, address=self.client.address)
