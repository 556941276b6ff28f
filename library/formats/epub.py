"""What an EPUB or KEPUB says about itself. Its bytes are hostile, see `library.formats.archives`."""

import logging
import os
import posixpath
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, BinaryIO
from urllib.parse import unquote

from ebooklib import epub

from library.errors import Encrypted, NotAnEbook
from library.formats.archives import Archive, TooLong, open_archive, shown
from library.formats.markup import bare, defines_entities, find_all, local_name, parse_and_check, parse_xml
from library.formats.metadata import (
    CONTRIBUTORS_LIMIT,
    LANGUAGE_LENGTH,
    NAME_LENGTH,
    SUBJECTS_LIMIT,
    TITLE_LENGTH,
    Contributor,
    Identifier,
    Metadata,
    clean,
    clean_text,
    identifier_from,
    published_from,
    series_index_from,
)

logger = logging.getLogger(__name__)

CONTAINER = "META-INF/container.xml"
ENCRYPTION = "META-INF/encryption.xml"
OPF = epub.NAMESPACES["OPF"]
DC = epub.NAMESPACES["DC"]

PACKAGE_LIMIT = 16 * 1024 * 1024  # a fixed layout of 5,000 pages states them in 2 MB
CONTAINER_LIMIT = 1024 * 1024
COVER_LIMIT = 32 * 1024 * 1024
# A novel's chapters unpack to about 1 MB in 5 ms; what is beyond this is a work of reference or a trap.
TEXT_LIMIT = 8 * 1024 * 1024
IDENTIFIERS_LIMIT = 20
FILE_MAKER = "bkp"  # MARC: book producer, which is what conversion programs enter themselves as
COVER_PAGE_CHARACTERS = 40  # beside the image: "Cover", the title of the page
ENCODING = re.compile(rb"\s*<\?xml[^>]*encoding\s*=\s*[\"']([A-Za-z0-9._-]+)")
LANGUAGE_TAG = re.compile(r"[A-Za-z]{2,8}([-_][A-Za-z0-9]{1,8})*")
MARKUP = re.compile(rb"<[^<>]*>")
FILE_URL = re.compile(rb"""(?:src|data)\s*=\s*["']\s*file:""", re.IGNORECASE)
# JPEG, PNG, GIF, BMP, WebP, TIFF, AVIF and their like, JPEG XL.
IMAGE = re.compile(
    rb"\xff\xd8\xff|\x89PNG|GIF8|BM|RIFF....WEBP|II\*\0|MM\0\*|....ftyp|\xff\x0a|\0\0\0\x0cJXL", re.DOTALL
)
IMAGES_LIMIT = 2000
TYPES = {
    "light_novel": frozenset({"light novel", "light novels", "ranobe", "ライトノベル"}),
    "manga": frozenset({"manga", "mangas", "manhwa", "manhua", "漫画", "マンガ"}),
    "comic": frozenset(
        {"comic", "comics", "comic books", "graphic novel", "graphic novels", "comics & graphic novels"}
    ),
}
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
    is_remote: bool = False
    fallback: str = ""


def entry_name(folder: str, reference: str) -> str:
    """The archive's entry that a reference from a document in this folder means. Never a path outside."""
    name = unquote(reference.partition("#")[0].partition("?")[0])
    return posixpath.normpath(posixpath.join(folder, name))


def read_epub(path: str | os.PathLike[str]) -> Metadata:
    """The metadata and cover of an EPUB; NotAnEbook, with a sentence, if it cannot be used."""
    with open_archive(path) as archive:
        if CONTAINER not in archive.names:
            raise NotAnEbook("This file is not an EPUB: it is a ZIP archive without META-INF/container.xml.")
        refuse_encrypted(archive)
        package_name = name_of_package(archive)
        content = archive.read(package_name, PACKAGE_LIMIT)
        legible = in_stated_encoding(content)
        root, is_whole = parse_and_check(legible)
        if root is None:
            raise NotAnEbook("This EPUB is damaged: its package document is not readable XML.")
        items = list(items_of(root, posixpath.dirname(package_name)))
        package = Package(archive, root, items, posixpath.dirname(package_name))
        statements = statements_by_ebooklib(path, archive, items, package_name) if legible is content else []
        metadata = interpret(statements or list(statements_of(root)))
        found = [
            (legible is not content, "Its text is not in the encoding it states."),
            (not is_whole, "Its package document is damaged; it was read as far as that goes."),
            (
                defines_entities(content) or defines_entities(archive.read(CONTAINER, CONTAINER_LIMIT)),
                "Its description of itself uses entities, which were left out.",
            ),
        ]
        metadata = replace(metadata, warnings=(*metadata.warnings, *(sentence for holds, sentence in found if holds)))
        return replace(
            metadata,
            reading_direction=package.reading_direction,
            book_type=metadata.book_type or package.book_type(metadata.language),
            pages=package.pages,
            characters=package.characters,
            warnings=(*package.warnings(), *metadata.warnings),
            cover=cover_of(package, statements or list(statements_of(root))),
        )


def in_stated_encoding(content: bytes) -> bytes:
    """A package document in UTF-8 or UTF-16, as the format wants it; one that says so and is not is read as Latin-1."""
    if content.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0" in content[:64]:
        return content
    declared = ENCODING.match(content)
    if declared and declared[1].lower() not in (b"utf-8", b"utf8"):
        return content
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return content.decode("cp1252", errors="replace").encode()
    return content


def parse(content: bytes) -> Any:
    root = parse_xml(content)
    if root is None:
        raise NotAnEbook("This EPUB is damaged: its package document is not readable XML.")
    return root


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
    return {bare(name): value for name, value in attributes.items()}


def items_of(package: Any, folder: str) -> Iterator[Item]:
    for element in find_all(package, "item"):
        if element.get("href"):
            yield Item(
                id=element.get("id", ""),
                name=entry_name(folder, element.get("href")),
                media_type=element.get("media-type", ""),
                properties=frozenset(element.get("properties", "").split()),
                is_remote="://" in element.get("href") or element.get("href").startswith("data:"),
                fallback=element.get("fallback", ""),
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


def interpret(statements: list[Statement]) -> Metadata:
    """What the statements of a package document say of a book."""
    refinements = Refinements(statements)
    series, index = series_of(statements, refinements)
    series_index = series_index_from(index)
    warnings = []
    if index and index.strip() and series_index is None:
        warnings.append(f"Its place in the series is no number ({clean(index, 40)}), so it was left out.")
    dates = [statement for statement in statements if statement.tag == "date"]
    published = date_of(dates)
    if dates and not published and any(clean(date.text) for date in dates if not is_of_file(date)):
        warnings.append("Its date of publication does not exist, so it was left out.")
    languages = [clean(text, LANGUAGE_LENGTH) for text in texts_of(statements, "language")]
    if languages and not any(map(LANGUAGE_TAG.fullmatch, languages)):
        warnings.append("Its language is stated in no way that is understood, so it was left out.")
    subjects = subjects_of(statements)
    title = title_of(statements, refinements)
    if title and len(title.text) > TITLE_LENGTH and len(clean(title.text, len(title.text))) > TITLE_LENGTH:
        warnings.append("Its title is unreasonably long, so it was cut.")
    return Metadata(
        title=clean(title.text) if title else "",
        sort_title=sort_title_of(statements, refinements, title),
        contributors=contributors_of(statements, refinements),
        language=next(filter(LANGUAGE_TAG.fullmatch, languages), ""),
        description=next(filter(None, map(clean_text, texts_of(statements, "description"))), ""),
        publisher=clean(next(texts_of(statements, "publisher"), ""), NAME_LENGTH),
        published=published,
        identifiers=identifiers_of(statements, refinements),
        subjects=subjects,
        series=series,
        series_index=series_index,
        book_type=type_by_subjects(subjects),
        warnings=tuple(warnings),
    )


def texts_of(statements: Iterable[Statement], tag: str) -> Iterator[str]:
    return (statement.text for statement in statements if statement.tag == tag and clean(statement.text))


def title_of(statements: list[Statement], refinements: Refinements) -> Statement | None:
    """The one marked as main title, else the first that is not empty."""
    titles = [statement for statement in statements if statement.tag == "title" and clean(statement.text)]
    main = [title for title in titles if "main" in refinements.of(title, "title-type")]
    return next(iter(main or titles), None)


def sort_title_of(statements: list[Statement], refinements: Refinements, title: Statement | None) -> str:
    filed = refinements.of(title, "file-as") if title else []
    stated = [*filed, title.attributes.get("file-as", "") if title else ""]
    return clean(next(filter(None, stated), "") or named_metas(statements).get("calibre:title_sort"))


def contributors_of(statements: list[Statement], refinements: Refinements) -> tuple[Contributor, ...]:
    """Creators and contributors with a role each, in their order; a creator without one is an author.

    Where every creator is said to be something else, they are the authors all the same: a book has some. Whoever
    only made the file (`bkp`) is none of them.
    """

    def roles(statement: Statement) -> list[str]:
        stated = [statement.attributes.get("role", ""), *refinements.of(statement, "role")]
        return [role.strip().lower() for role in stated if role.strip()]

    def role(statement: Statement) -> str:
        # One person can have several: Standard Ebooks states "aut" and "dto" of one.
        stated = roles(statement)
        if statement.tag == "creator":
            return "aut" if not stated or "aut" in stated else stated[0][:10]
        return stated[0][:10] if stated else "ctb"

    people = [statement for statement in statements if statement.tag in ("creator", "contributor")]
    has_author = any(role(statement) == "aut" for statement in people if statement.tag == "creator")
    found: dict[tuple[str, str], Contributor] = {}
    for statement in people:
        name = clean(statement.text, NAME_LENGTH)
        part = role(statement) if has_author or statement.tag == "contributor" else "aut"
        filed = (statement.attributes.get("file-as"), *refinements.of(statement, "file-as"))
        if name and part != FILE_MAKER:
            sort_name = clean(next(filter(None, filed), ""), NAME_LENGTH)
            found.setdefault((name, part), Contributor(name, part, sort_name))
    return tuple(found.values())[:CONTRIBUTORS_LIMIT]


def date_of(dates: list[Statement]) -> str:
    """The day of publication: the one that is said to be it, else the first that is not of the file itself."""
    said = [date for date in dates if "publication" in date.attributes.get("event", "")]
    others = [date for date in dates if not is_of_file(date)]
    return next(filter(None, (published_from(date.text) for date in [*said, *others])), "")


def is_of_file(date: Statement) -> bool:
    return date.attributes.get("event", "") in ("modification", "conversion", "creation", "ops-publication")


def identifiers_of(statements: list[Statement], refinements: Refinements) -> tuple[Identifier, ...]:
    found: dict[Identifier, None] = {}
    for statement in statements:
        if statement.tag != "identifier" and not (statement.tag == "source" and "isbn" in statement.text.lower()):
            continue
        kinds = refinements.of(statement, "identifier-type")
        # ONIX code list 5 numbers them: 02 and 15 are ISBN-10 and ISBN-13, 06 is DOI.
        scheme = {"02": "isbn", "15": "isbn", "06": "doi"}.get(kinds[0], "") if kinds else ""
        scheme = scheme or statement.attributes.get("scheme", "")
        if statement.tag == "source" and identifier_from("isbn", statement.text) is None:
            continue
        if identifier := identifier_from(scheme, statement.text):
            found.setdefault(identifier)
    return tuple(found)[:IDENTIFIERS_LIMIT]


def subjects_of(statements: list[Statement]) -> tuple[str, ...]:
    found = (clean(text, NAME_LENGTH) for text in texts_of(statements, "subject"))
    return tuple(dict.fromkeys(filter(None, found)))[:SUBJECTS_LIMIT]


def type_by_subjects(subjects: Iterable[str]) -> str:
    """`manga`, `light_novel` or `comic` where a subject says so in as many words."""
    words = {subject.casefold().strip() for subject in subjects}
    words |= {part.strip() for word in words for part in re.split(r"[/,;]|--", word)}
    for kind, names in TYPES.items():
        if words & names:
            return kind
    return ""


def named_metas(statements: Iterable[Statement]) -> dict[str, str]:
    """The contents of `<meta name="…" content="…"/>`; the first of a name counts."""
    found: dict[str, str] = {}
    for statement in statements:
        if statement.tag == "meta" and "name" in statement.attributes:
            found.setdefault(statement.attributes["name"], statement.attributes.get("content", ""))
    return found


def series_of(statements: list[Statement], refinements: Refinements) -> tuple[str, str | None]:
    """Calibre's series, else the first collection that is a series, and the index as stated; a set is no series."""
    named = named_metas(statements)
    if series := clean(named.get("calibre:series"), NAME_LENGTH):
        return series, named.get("calibre:series_index")
    for statement in statements:
        if statement.attributes.get("property") == "belongs-to-collection" and statement.tag == "meta":
            series = clean(statement.text, NAME_LENGTH)
            if series and "series" in refinements.of(statement, "collection-type"):
                return series, next(iter(refinements.of(statement, "group-position")), None)
    return "", None


class Package:
    """A package document beside what the archive really holds."""

    def __init__(self, archive: Archive, root: Any, items: list[Item], folder: str) -> None:
        self.archive = archive
        self.root = root
        self.items = items
        self.folder = folder
        self.by_id = {item.id: item for item in reversed(items) if item.id}

    @cached_property
    def spine(self) -> list[str]:
        """The ids that the spine names, in the order of reading."""
        return [element.get("idref", "") for element in find_all(self.root, "itemref")]

    @property
    def reading_direction(self) -> str:
        spine = next(find_all(self.root, "spine"), None)
        stated = spine.get("page-progression-direction", "") if spine is not None else ""
        return stated if stated in ("ltr", "rtl") else ""

    @cached_property
    def is_fixed(self) -> bool:
        """Are its pages laid out beforehand, as those of comics are?"""
        return any(
            element.get("property") == "rendition:layout" and (element.text or "").strip() == "pre-paginated"
            for element in find_all(self.root, "meta")
        )

    def book_type(self, language: str) -> str:
        """Fixed pages that turn from right to left in Japanese are manga; nothing else is that sure."""
        is_manga = self.is_fixed and self.reading_direction == "rtl" and language[:2].lower() == "ja"
        return "manga" if is_manga else ""

    @property
    def pages(self) -> int | None:
        return len(self.spine) or None if self.is_fixed else None

    @property
    def texts(self) -> Iterator[str]:
        """The entries of the spine, each once, that are there."""
        names = (self.by_id[idref].name for idref in self.spine if idref in self.by_id)
        return (name for name in dict.fromkeys(names) if name in self.archive.names)

    @property
    def characters(self) -> int | None:
        """How much text there is to read, without markup; None where it is too much to look at or damaged."""
        return self._text_and_flaws[0]

    @cached_property
    def _text_and_flaws(self) -> tuple[int | None, tuple[str, ...]]:
        """The number of characters, and what is wrong with the text: sentences."""
        left, counted = TEXT_LIMIT, 0
        flaws: dict[str, str] = {}
        for name in self.texts:
            if not left:
                break
            try:
                content = self.archive.read(name, left)
            except Encrypted:
                raise
            except TooLong:
                left = 0
                continue
            except NotAnEbook:
                flaws.setdefault("damaged", f"A part of its text is damaged, {shown(name)}.")
                continue
            left -= len(content)
            counted += characters_in(content)
            if defines_entities(content):
                flaws.setdefault("entities", f"A part of its text uses entities, which are left out, {shown(name)}.")
            if b"file:" in content and FILE_URL.search(content):
                flaws.setdefault("files", f"A part of its text shows files of another computer, {shown(name)}.")
        is_counted = left and counted and "damaged" not in flaws
        return counted if is_counted else None, tuple(flaws.values())

    @property
    def blank_images(self) -> list[str]:
        """Images that are none, by their first bytes."""
        pictures = [item.name for item in self.items if is_drawable(item) and item.name in self.archive.names]
        starts = ((name, self.archive.start_of(name, 12)) for name in pictures[:IMAGES_LIMIT])
        return [name for name, start in starts if not IMAGE.match(start)]

    def warnings(self) -> Iterator[str]:
        """What is wrong with the book although it can be read: sentences."""
        if "mimetype" not in self.archive.names:
            yield "It lacks the entry that says that it is an EPUB."
        elif self.archive.start_of("mimetype").strip() != b"application/epub+zip":
            yield "Its entry for the kind of file does not say EPUB."
        if self.archive.has_twins:
            yield "Several entries of its archive have the same name, as some systems see it; the last of them counts."
        if missing := [item for item in self.items if not item.is_remote and item.name not in self.archive.names]:
            yield f"{len(missing)} of the files that it lists are missing, {shown(missing[0].name)} for one."
        if not self.spine:
            yield "It does not say in which order to read it."
        elif lost := [idref for idref in self.spine if idref not in self.by_id]:
            yield f"{len(lost)} parts of its reading order are not in its list of files."
        if not any("nav" in item.properties or item.media_type.endswith("dtbncx+xml") for item in self.items):
            yield "It has no table of contents."
        elif self.lost_in_contents:
            yield f"Its table of contents leads to a file that is missing, {shown(self.lost_in_contents)}."
        if self.has_circular_fallbacks:
            yield "Files in it stand in for each other in a circle."
        if odd := self.archive.odd_names:
            yield f"Names in its archive are not as they should be, {shown(odd[0])} for one."
        if blank := self.blank_images:
            yield f"{len(blank)} of its images cannot be shown, {shown(blank[0])} for one."
        yield from self._text_and_flaws[1]

    @cached_property
    def lost_in_contents(self) -> str:
        """An entry to which the table of contents of an EPUB 2 leads, and that is not there; empty if there is none."""
        for item in self.items:
            if item.media_type.endswith("dtbncx+xml") and item.name in self.archive.names:
                try:
                    root = parse(self.archive.read(item.name, PACKAGE_LIMIT))
                except NotAnEbook:
                    return item.name
                folder = posixpath.dirname(item.name)
                for content in find_all(root, "content"):
                    name = entry_name(folder, content.get("src", ""))
                    if content.get("src") and name not in self.archive.names:
                        return name
        return ""

    @property
    def has_circular_fallbacks(self) -> bool:
        following = {item.id: item.fallback for item in self.items if item.id and item.fallback}
        safe: set[str] = set()  # from here on, chains are known to end
        for current in following:
            chain: set[str] = set()
            while current in following and current not in safe:
                if current in chain:
                    return True
                chain.add(current)
                current = following[current]
            safe |= chain
        return False

    def guide_cover(self) -> str:
        """The entry that the guide of an EPUB 2 calls the cover page."""
        for reference in find_all(self.root, "reference"):
            if "cover" in reference.get("type", "") and reference.get("href"):
                return entry_name(self.folder, reference.get("href"))
        return ""


def characters_in(content: bytes) -> int:
    """Characters of a chapter's text, each run of white space counted as one."""
    body = content[max(0, content.find(b"<body")) :]
    text = MARKUP.sub(b"", body).decode("utf-8", errors="ignore")
    return len(" ".join(text.split()))


def cover_of(package: Package, statements: list[Statement]) -> bytes | None:
    """The image that the book calls its cover, or that its first page consists of; None where there is none."""
    named = [
        statement.attributes.get("content", "")
        for statement in statements
        if statement.tag == "meta" and statement.attributes.get("name") == "cover"
    ]
    declared = [item for item in package.items if "cover-image" in item.properties]
    declared += [item for item in package.items if item.id and item.id in named]
    declared += [item for item in package.items if item.name in named]  # some write the file's name there
    for item in declared:
        if is_drawable(item) and (image := image_at(package, item.name)):
            return image
    first_page = next(package.texts, "")
    for page in filter(None, dict.fromkeys((package.guide_cover(), first_page))):
        if image := image_at(package, only_image_of(package, page)):
            return image
    return None


def is_drawable(item: Item) -> bool:
    return item.media_type.startswith("image/") and not item.media_type.startswith("image/svg")


def image_at(package: Package, name: str) -> bytes | None:
    if name not in package.archive.names:
        return None
    try:
        return package.archive.read(name, COVER_LIMIT)
    except NotAnEbook as error:
        logger.info("A cover cannot be read: %s", error)
        return None


def only_image_of(package: Package, page: str) -> str:
    """The entry of the one image that a page shows, if it shows no more than that; empty otherwise."""
    drawable = {item.name for item in package.items if is_drawable(item)}
    if page in drawable:
        return page
    if page not in package.archive.names:
        return ""
    try:
        content = package.archive.read(page, CONTAINER_LIMIT)
        if characters_in(content) > COVER_PAGE_CHARACTERS:
            return ""
        root = parse(content)
    except NotAnEbook:
        return ""
    folder = posixpath.dirname(page)
    references = [
        value
        for element in root.iter()
        if local_name(element) in ("img", "image")
        for name, value in element.attrib.items()
        if bare(name) in ("src", "href")
    ]
    shown_images = {entry_name(folder, reference) for reference in references} & drawable
    return shown_images.pop() if len(shown_images) == 1 else ""
