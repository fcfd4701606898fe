"""What the lists of one cluster gave."""

from dataclasses import dataclass, field

from adapters.kubernetes.access import Access
from adapters.kubernetes.api import Api
from adapters.kubernetes.client import Object


@dataclass(frozen=True, slots=True)
class Found:
    """What one cluster holds: objects by kind. A kind that the server does not know has none."""

    cluster: str
    access: Access
    lists: dict[Api, list[Object]] = field(repr=False)

    def of(self, kind: Api) -> list[Object]:
        """The objects of a kind."""
        return self.lists.get(kind, [])
