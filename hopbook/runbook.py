"""A runbook's data: title, citation, needs and the traffic that it ends by verifying. Its order is a flow."""

from pydantic import Field

from hopbook.site.document import read_document
from hopbook.site.model import Name, Part
from hopbook.site.validate import validated


class Runbook(Part):
    """One file of `runbooks/`."""

    runbook: Name
    title: str
    description: str
    of: Name | None = Field(
        default=None, description="the runbook whose objects it works on, as if it were one of its runs"
    )
    cites: tuple[str, ...] = Field(min_length=1, description="statements of the source document: S3")
    needs: tuple[str, ...] = Field(default=(), description="sections that the site file has to have")
    verify: tuple[Name, ...] = Field(default=(), description="traffics of runbooks/traffic, in order")


def read_runbook(text: bytes | str, name: str) -> Runbook:
    """Read a runbook file.

    Raises:
        InvalidInput: with every problem of the file.
    """
    return validated(read_document(text, name), Runbook)
