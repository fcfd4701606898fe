"""XML of the manager: read without trust, written without string formatting.

The parser expands no entity, loads nothing, takes no huge text, and a document with a DOCTYPE is refused
altogether: NSX never sends one, and what does is not NSX.
"""

from typing import TypeAlias

from lxml import etree

from hopbook.errors import InvalidInput

Element: TypeAlias = etree._Element  # noqa: SLF001 - lxml gives its elements no public name

Content: TypeAlias = "Element | str | int | bool | None"


class NotXml(ValueError):
    """The bytes are not a document that NSX would send."""


def parse(body: bytes) -> Element:
    """The root of a document from outside.

    Raises:
        NotXml: it is not well-formed, too large or deep, has a DOCTYPE, or is a web page.
    """
    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        attribute_defaults=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )
    try:
        root = etree.fromstring(body, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise NotXml(f"not XML: {error}") from error
    if root.getroottree().docinfo.doctype:
        raise NotXml("a document with a DOCTYPE")
    if str(root.tag).lower() == "html":
        raise NotXml("a web page")
    return root


def serialize(root: Element) -> bytes:
    """A document as NSX reads it."""
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8")


def make(tag: str, *content: Content) -> Element:
    """An element with children, or with one value as its text; None stands for nothing.

    Raises:
        InvalidInput: the value has a character that XML cannot hold.
    """
    element = etree.Element(tag)
    for part in content:
        if isinstance(part, etree._Element):  # noqa: SLF001 - see Element
            element.append(part)
        elif part is not None:
            _set_text(element, part)
    return element


def put(parent: Element, tag: str, value: Content) -> None:
    """Make a child say this value, in its place if it is there; None removes it."""
    present = parent.find(tag)
    if isinstance(value, etree._Element):  # noqa: SLF001 - see Element
        if present is None:
            parent.append(value)
        else:
            parent.replace(present, value)
    elif value is None:
        drop(parent, tag)
    elif present is None:
        parent.append(make(tag, value))
    else:
        for child in list(present):
            present.remove(child)
        _set_text(present, value)


def drop(parent: Element, *tags: str) -> None:
    """Remove every child of these names."""
    for tag in tags:
        for child in parent.findall(tag):
            parent.remove(child)


def text(parent: Element, path: str, default: str = "") -> str:
    """The text at a path, stripped; the default where it is absent or empty."""
    return (parent.findtext(path) or "").strip() or default


def texts(parent: Element, path: str) -> tuple[str, ...]:
    """Every text at a path that is not empty."""
    return tuple(value for found in parent.findall(path) if (value := (found.text or "").strip()))


def flag(parent: Element, path: str, *, default: bool) -> bool:
    """A boolean in any case; the default where it is absent or empty."""
    return text(parent, path, str(default)).lower() == "true"


def number(parent: Element, path: str, default: int) -> int:
    """A whole number; the default where it is absent or something else."""
    found = text(parent, path)
    return int(found) if found.isascii() and found.isdigit() else default


def _set_text(element: Element, value: str | int) -> None:
    written = str(value).lower() if isinstance(value, bool) else str(value)
    try:
        element.text = written
    except ValueError:
        # The value itself may be a password
        raise InvalidInput(f"the {element.tag!s} has a character that XML cannot hold") from None
