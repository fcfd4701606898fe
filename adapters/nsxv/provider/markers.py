"""Our marker: the end of a description that says which of our resources an object is.

NSX allows two switches or rules of the same name and gives clients no token of their own, so after a lost
answer only what we wrote into the object tells whether it was made (`nsxv.md` section 4).
"""

from dataclasses import dataclass

_OPENS, _CLOSES = "[hopbook:", "]"


@dataclass(frozen=True, slots=True)
class Markers:
    """The markers of one site: `purpose [hopbook:SITE/NAME]`."""

    site: str

    def __post_init__(self) -> None:
        """Refuse a site whose markers could not be read back."""
        if not self.site or {"/", "[", "]"} & set(self.site):
            raise ValueError(f"{self.site!r} cannot be the name of a site: it has no /, [ or ]")

    def write(self, purpose: str, name: str) -> str:
        """The description of an object of ours."""
        return f"{purpose} {_OPENS}{self.site}/{name}{_CLOSES}".strip()

    def read(self, description: str) -> tuple[str, str]:
        """The purpose, and the name of the resource; empty for an object that is not ours."""
        purpose, opened, rest = description.strip().rpartition(f"{_OPENS}{self.site}/")
        if not opened or not rest.endswith(_CLOSES):
            return description.strip(), ""
        return purpose.removesuffix(" "), rest.removesuffix(_CLOSES)
