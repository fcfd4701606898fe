"""A site file, read."""

from typing import Any

from hopbook.site.document import Document, merge, read_document
from hopbook.site.model import Site
from hopbook.site.validate import validated


def read_site_document(text: bytes | str, name: str, overlay: tuple[bytes, str] | None = None) -> Document:
    """The data of a site file with its places, an overlay (text and name) laid over it.

    Raises:
        InvalidInput: Where one of the two is not YAML of our kind.
    """
    document = read_document(text, name)
    return document if overlay is None else merge(document, read_document(*overlay))


def read_site(text: bytes | str, name: str, overlay: tuple[bytes, str] | None = None) -> Site:
    """Read a site file.

    Args:
        text: The file as it is on the disk.
        name: What problems call it: `example.yaml`.
        overlay: Text and name of a file to lay over it, such as the endpoints that `hopbook simulate` prints.

    Raises:
        InvalidInput: With every problem of the file, each at the file and line that its value came from.
    """
    return site_of(read_site_document(text, name, overlay))


def site_of(document: Document) -> Site:
    """The site that a document describes.

    Raises:
        InvalidInput: With every problem of the document.
    """
    return validated(document, Site)


def to_document(site: Site) -> dict[str, Any]:
    """A site as plain JSON data, with defaults and references to secrets; `Site.model_validate` reads it."""
    return site.model_dump(mode="json")
