"""What an EPUB or KEPUB says about itself. Its bytes are hostile, see `library.formats.archives`."""

import logging
import os
import posixpath
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, BinaryIO
from urllib.parse import unquote

from ebooklib import epub
from lxml import etree

from library.errors import Encrypted, NotAnEbook
from library.formats.archives import Archive, open_archive
from library.formats.metadata import LANGUAGE_LENGTH, NAME_LENGTH, Metadata, clean, series_index_from

logger = logging.getLogger(__name__)

CONTAINER = "META-INF/container.xml"
ENCRYPTION = "META-INF/encryption.xml"
OPF = epub.NAMESPACES["OPF"]
DC = epub.NAMESPACES["DC"]

PACKAGE_LIMIT = 16 * 1024 * 1024  # a fixed layout of 5,000 pages states them in 2 MB
CONTAINER_LIMIT = 1024 * 1024
COVER_LIMIT = 32 * 1024 * 1024
AUTHORS_LIMIT = 50  # anthologies name dozens; more is a mistake
# Fonts scrambled so that they cannot be lifted out are no copy protection of the book.
FONT_OBFUSCATION = ("http://www.idpf.org/2008/embedding", "http://ns.adobe.com/pdf/enc#RC")


@dataclass(frozen=True)
class Statement:
    """One element of a package document's metadata, without its namespaces."""

    tag: str
    text: str
    attributes: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Item:
    """One element of a package document's manifest; `name` is the entry in the archive."""

    id: str
    name: str
    media_type: str
    properties: frozenset[str]


def read_epub(path: str | os.PathLike[str]) -> Metadata:
    """The metadata and cover of an EPUB; NotAnEbook, with a sentence, if it cannot be used."""
    with open_archive(path) as archive:
        if CONTAINER not in archive.names:
            raise NotAnEbook("This file is not an EPUB: it is a ZIP archive without META-INF/container.xml.")
        refuse_encrypted(archive)
        package_name = name_of_package(archive)
        package = parse(archive.read(package_name, PACKAGE_LIMIT))
        items = list(items_of(package, posixpath.dirname(package_name)))
        statements = statements_by_ebooklib(path, archive, items, package_name) or list(statements_of(package))
        return interpret(statements, cover=cover_of(archive, statements, items))


def parse(content: bytes) -> Any:
    """The root element; entities stay unexpanded, nothing is fetched, and damaged XML is read as far as it goes."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, recover=True, huge_tree=False)
    try:
        root = etree.fromstring(content, parser)
    except etree.XMLSyntaxError:
        root = None
    if root is None:
        raise NotAnEbook("This EPUB is damaged: its package document is not readable XML.")
    return root


def local_name(element: Any) -> str:
    """An element's name without namespace; empty for comments and their like."""
    return etree.QName(element).localname if isinstance(element.tag, str) else ""


def find_all(root: Any, name: str) -> Iterator[Any]:
    """All elements of that name whatever their namespace: it is often missing or wrong."""
    return (element for element in root.iter() if local_name(element) == name)


def refuse_encrypted(archive: Archive) -> None:
    if ENCRYPTION not in archive.names:
        return
    for method in find_all(parse(archive.read(ENCRYPTION, PACKAGE_LIMIT)), "EncryptionMethod"):
        if method.get("Algorithm") not in FONT_OBFUSCATION:
            raise Encrypted("This book is encrypted with copy protection (DRM), so it cannot be read here.")


def name_of_package(archive: Archive) -> str:
    for rootfile in find_all(parse(archive.read(CONTAINER, CONTAINER_LIMIT)), "rootfile"):
        if rootfile.get("full-path"):
            return posixpath.normpath(str(rootfile.get("full-path")))
    raise NotAnEbook("This EPUB is damaged: it does not say where its package document is.")


class PackageReader(epub.EpubReader):
    """EbookLib's reader, that unpacks the package document and the table of contents and nothing else.

    As it comes it would hold the whole book in memory, unpacked: chapters, images, fonts.
    """

    def __init__(self, file: BinaryIO, archive: Archive, wanted: Iterable[str]) -> None:
        super().__init__(file, {"ignore_ncx": True})
        self._bounded = archive
        self._wanted = frozenset(wanted)

    def read_file(self, name: str) -> bytes:
        name = posixpath.normpath(name)
        if name not in self._bounded.names:
            raise KeyError(name)
        return self._bounded.read(name, PACKAGE_LIMIT) if name in self._wanted else b""


def statements_by_ebooklib(
    path: str | os.PathLike[str], archive: Archive, items: list[Item], package_name: str
) -> list[Statement]:
    """The metadata as EbookLib reads it; empty where EbookLib cannot read the book, which others still can."""
    contents = (item.name for item in items if "nav" in item.properties or item.media_type.endswith("dtbncx+xml"))
    with open(path, "rb") as file:  # not the path: where EbookLib raises, it leaves open what it opened
        try:
            book = PackageReader(file, archive, {CONTAINER, package_name, *contents}).load()
        except Exception as error:
            # Whatever it is: one image that is missing, a heading without text. The package document is still there.
            logger.info("EbookLib cannot read a file (%s); reading its package document instead.", type(error).__name__)
            return []
    return [
        Statement(tag, text or "", plain_attributes(attributes))
        for namespace in (DC, OPF)
        for tag, values in book.metadata.get(namespace, {}).items()
        for text, attributes in values
    ]


def statements_of(package: Any) -> Iterator[Statement]:
    metadata = next(find_all(package, "metadata"), None)
    if metadata is None:
        return
    for element in metadata.iter():
        if (name := local_name(element)) and element is not metadata:
            yield Statement(name, element.text or "", plain_attributes(element.attrib))


def plain_attributes(attributes: Any) -> dict[str, str]:
    return {etree.QName(name).localname: value for name, value in attributes.items()}


def items_of(package: Any, folder: str) -> Iterator[Item]:
    for element in find_all(package, "item"):
        if element.get("href"):
            yield Item(
                id=element.get("id", ""),
                name=posixpath.normpath(posixpath.join(folder, unquote(element.get("href")))),
                media_type=element.get("media-type", ""),
                properties=frozenset(element.get("properties", "").split()),
            )


class Refinements:
    """What `<meta refines="#id" property="…">` says about other elements; the `#` is missing in the wild."""

    def __init__(self, statements: Iterable[Statement]) -> None:
        self._values: dict[tuple[str, str], list[str]] = {}
        for statement in statements:
            if statement.tag == "meta" and (refined := statement.attributes.get("refines")):
                key = (refined.removeprefix("#"), statement.attributes.get("property", ""))
                self._values.setdefault(key, []).append(statement.text.strip())

    def of(self, statement: Statement, name: str) -> list[str]:
        identifier = statement.attributes.get("id")
        return self._values.get((identifier, name), []) if identifier else []


def interpret(statements: list[Statement], *, cover: bytes | None = None) -> Metadata:
    refinements = Refinements(statements)
    series, series_index = series_of(statements, refinements)
    languages = (clean(statement.text, LANGUAGE_LENGTH) for statement in statements if statement.tag == "language")
    return Metadata(
        title=title_of(statements, refinements),
        authors=authors_of(statements, refinements),
        language=next(filter(None, languages), ""),
        series=series,
        series_index=series_index,
        cover=cover,
    )


def title_of(statements: list[Statement], refinements: Refinements) -> str:
    """The one marked as main title, else the first that is not empty."""
    titles = [statement for statement in statements if statement.tag == "title" and clean(statement.text)]
    main = [title for title in titles if "main" in refinements.of(title, "title-type")]
    return clean((main or titles)[0].text) if titles else ""


def authors_of(statements: list[Statement], refinements: Refinements) -> tuple[str, ...]:
    """The creators who are authors or are given no role; where there is none of them, all creators."""
    creators = [statement for statement in statements if statement.tag == "creator"]

    def roles(creator: Statement) -> list[str]:
        stated = [creator.attributes.get("role", ""), *refinements.of(creator, "role")]
        return [role.lower() for role in stated if role]

    # A creator can have several: Standard Ebooks states "aut" and "dto" of one person.
    authors = [creator for creator in creators if not roles(creator) or "aut" in roles(creator)]
    names = (clean(creator.text, NAME_LENGTH) for creator in authors or creators)
    return tuple(dict.fromkeys(filter(None, names)))[:AUTHORS_LIMIT]


def series_of(statements: list[Statement], refinements: Refinements) -> tuple[str, float | None]:
    """Calibre's series, else the first collection that is a series; a set of books is none."""
    named = {
        statement.attributes["name"]: statement.attributes.get("content", "")
        for statement in reversed(statements)  # so that the first of a name wins
        if statement.tag == "meta" and "name" in statement.attributes
    }
    if series := clean(named.get("calibre:series"), NAME_LENGTH):
        return series, series_index_from(named.get("calibre:series_index"))
    for statement in statements:
        if statement.attributes.get("property") == "belongs-to-collection" and statement.tag == "meta":
            series = clean(statement.text, NAME_LENGTH)
            if series and "series" in refinements.of(statement, "collection-type"):
                return series, series_index_from(next(iter(refinements.of(statement, "group-position")), None))
    return "", None


def cover_of(archive: Archive, statements: list[Statement], items: list[Item]) -> bytes | None:
    """The bytes that the book calls its cover, if they are there: a book without one is still a book."""
    named = [
        statement.attributes.get("content", "")
        for statement in statements
        if statement.tag == "meta" and statement.attributes.get("name") == "cover"
    ]
    declared = [item for item in items if "cover-image" in item.properties]
    declared += [item for item in items if item.id and item.id in named]
    declared += [item for item in items if item.name in named]  # some write the file's name there
    for item in declared:
        if not item.media_type.startswith("image/") or item.name not in archive.names:
            continue
        try:
            return archive.read(item.name, COVER_LIMIT)
        except NotAnEbook as error:
            logger.info("A cover cannot be read: %s", error)
    return None
