"""Our marker: a line of a VM's annotation that says which of our resources it is.

A clone has no token that would make its repetition safe, so after a lost answer only what was written into
the machine by the same call tells whether it was made. People write into annotations, too, so the marker
may stand anywhere in one, and the rest is theirs.
"""

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Markers:
    """The markers of one site: `[hopbook:SITE/NAME]` on a line of its own."""

    site: str

    def __post_init__(self) -> None:
        """Refuse a site whose markers could not be read back."""
        if not self.site or {"/", "[", "]"} & set(self.site):
            raise ValueError(f"{self.site!r} cannot be the name of a site: it has no /, [ or ]")

    def write(self, purpose: str, name: str) -> str:
        """The annotation of a machine of ours."""
        return f"{purpose}\n[hopbook:{self.site}/{name}]".strip()

    def read(self, annotation: str) -> tuple[str, str]:
        """The purpose, and the name of the resource; empty for a machine that is not ours."""
        found = re.search(rf"\n?\[hopbook:{re.escape(self.site)}/([^\]\n]+)\]", annotation)
        if found is None:
            return annotation.strip(), ""
        return (annotation[: found.start()] + annotation[found.end() :]).strip(), found[1]
