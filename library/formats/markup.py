"""XML from inside a book: no entity is expanded, nothing is fetched, and damage is read as far as it goes."""

from collections.abc import Iterator
from typing import Any

from lxml import etree


def parse_xml(content: bytes) -> Any | None:
    """The root element; None where there is none."""
    return parse_and_check(content)[0]


def parse_and_check(content: bytes) -> tuple[Any | None, bool]:
    """The root element, None where there is none; and whether the document was found without a flaw."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, recover=True, huge_tree=False)
    try:
        root = etree.fromstring(content, parser)
    except (etree.XMLSyntaxError, ValueError):
        return None, False
    return root, root is not None and not parser.error_log


def defines_entities(content: bytes) -> bool:
    """Does a document give names to texts, or to files elsewhere, which are then left out wherever they are named?"""
    return b"<!ENTITY" in content or "<!ENTITY".encode("utf-16-le") in content


def local_name(element: Any) -> str:
    """An element's name without namespace; empty for comments and their like."""
    return bare(element.tag) if isinstance(element.tag, str) else ""


def bare(name: str) -> str:
    """A name without its namespace. A prefix that was never declared is left in the name, and goes too."""
    return name.rpartition("}")[2].rpartition(":")[2]


def find_all(root: Any, name: str) -> Iterator[Any]:
    """All elements of that name whatever their namespace: it is often missing or wrong."""
    return (element for element in root.iter() if local_name(element) == name)
