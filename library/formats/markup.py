"""XML from inside a book: no entity is expanded, nothing is fetched, and damage is read as far as it goes."""

from collections.abc import Iterator
from typing import Any

from lxml import etree


def parse_xml(content: bytes) -> Any | None:
    """The root element; None where there is none."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, recover=True, huge_tree=False)
    try:
        return etree.fromstring(content, parser)
    except (etree.XMLSyntaxError, ValueError):
        return None


def local_name(element: Any) -> str:
    """An element's name without namespace; empty for comments and their like."""
    return etree.QName(element).localname if isinstance(element.tag, str) else ""


def find_all(root: Any, name: str) -> Iterator[Any]:
    """All elements of that name whatever their namespace: it is often missing or wrong."""
    return (element for element in root.iter() if local_name(element) == name)
