"""XML, in and out.

The manager's own data is never XML text: a body becomes a tree of `Node` at this seam, and a reply is built
as one. What comes in is hostile, so the parser expands no entity, loads nothing and refuses every document
type; see `parse`.
"""

from dataclasses import dataclass
from xml.sax.saxutils import escape

from lxml import etree

from adapters.nsxv.simulator.errors import ApiError, invalid


@dataclass(frozen=True, slots=True)
class Node:
    """An XML element: its name, its text if it has no children, its children in order."""

    tag: str
    text: str = ""
    children: tuple["Node", ...] = ()

    def child(self, tag: str) -> "Node | None":
        """The first child of that name."""
        return next((child for child in self.children if child.tag == tag), None)

    def all(self, tag: str) -> tuple["Node", ...]:
        """Every child of that name, in order."""
        return tuple(child for child in self.children if child.tag == tag)


def node(tag: str, *content: "Node | str | int | None") -> Node:
    """An element of children or of one value; None stands for nothing, a bool is written in lower case."""
    children = tuple(part for part in content if isinstance(part, Node))
    values = [_as_text(part) for part in content if part is not None and not isinstance(part, Node)]
    return Node(tag, "".join(values), children)


def _as_text(value: str | int) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def serialize(root: Node) -> bytes:
    """The document with this root, in UTF-8."""
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{_markup(root)}'.encode()


def _markup(element: Node) -> str:
    inner = "".join(_markup(child) for child in element.children) or escape(element.text)
    return f"<{element.tag}>{inner}</{element.tag}>" if inner else f"<{element.tag}/>"


def parse(body: bytes) -> Node:
    """The root of a document that a client sent.

    The encoding is ours to say, not the document's: a declared one could hide a document type from the
    check (UTF-7), and NSX documents are UTF-8.

    Raises:
        ApiError: 400; the body is empty, not well-formed, not UTF-8, too deep, or has a document type.
    """
    if not body.strip():
        # NSX-V API guide 6.4, appendix: 400 since 6.3.5 (500 before)
        raise invalid("The request body is missing.")
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise _malformed("not UTF-8") from None
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise _malformed("a document type is not allowed")
    parser = etree.XMLParser(
        encoding="utf-8",
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )
    try:
        root = etree.fromstring(text.encode(), parser)
    except etree.XMLSyntaxError as error:
        raise _malformed(str(error)) from None
    return _tree(root)


def _malformed(why: str) -> ApiError:
    return invalid(f"The request body is not a valid XML document: {why}.")


def _tree(element: "etree._Element") -> Node:
    children = tuple(_tree(child) for child in element)
    return Node(str(element.tag), "" if children else (element.text or "").strip(), children)
