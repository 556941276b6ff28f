"""What a PDF says about itself: its document information and XMP by pypdf, pages and cover by pdfium.

pdfium reads what pypdf cannot: what is encrypted without a password for reading, and much that is damaged.
"""

import io
import logging
import math
import os
import re
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import PurePosixPath
from typing import Any, BinaryIO

import pypdf
import pypdfium2
import pypdfium2.raw
from pypdf.generic import PdfObject, StreamObject

from library.errors import Encrypted, NotAnEbook
from library.formats.languages import language_of, language_of_title
from library.formats.markup import find_all, local_name, parse_xml
from library.formats.metadata import (
    CONTRIBUTORS_LIMIT,
    LANGUAGE_LENGTH,
    NAME_LENGTH,
    SUBJECTS_LIMIT,
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
logging.getLogger("pypdf").setLevel(logging.CRITICAL)  # it tells of every flaw in every file

XMP_LIMIT = 4 * 1024 * 1024
COVER_SIZE = (600, 900)
# pdfium decodes an image whole, whatever size it is to be drawn at.
IMAGE_PIXELS_LIMIT = 25_000_000
COVER_QUALITY = 88
TEXT_PAGES = 8
TEXT_CHARACTERS = 2000  # of each of these pages

RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
DC = "{http://purl.org/dc/elements/1.1/}"
XMP = "{http://ns.adobe.com/xap/1.0/}"
CALIBRE = "{http://calibre-ebook.com/xmp-namespace}"

# What programs put where a title should be.
NO_TITLE = re.compile(
    r"(untitled|unknown|no title|title|document|presentation|powerpoint presentation|slide|print)?[\W\d_]*",
    re.IGNORECASE,
)
PROGRAM_TITLE = re.compile(r"(microsoft (word|excel|powerpoint)|file:|[a-z]:\\)", re.IGNORECASE)
SOURCE_SUFFIXES = frozenset(
    {
        *(".pdf", ".doc", ".docx", ".rtf", ".odt", ".txt", ".md", ".tex", ".dvi", ".ps", ".eps", ".html", ".htm"),
        *(".xls", ".xlsx", ".ppt", ".pptx", ".pub", ".indd", ".qxd", ".qxp", ".fm", ".book", ".p65", ".pmd"),
        *(".wpd", ".ai", ".cdr", ".epub", ".mobi", ".tif", ".tiff", ".jpg", ".djvu"),
    }
)


def read_pdf(path: str | os.PathLike[str]) -> Metadata:
    """The metadata of a PDF and its first page as an image; NotAnEbook, with a sentence, if it cannot be used."""
    with open(path, "rb") as file, opened(file) as document:
        information, catalog, xmp = stated_in(file)
        information = document.get_metadata_dict(skip_empty=True) | information
        cover, warnings = cover_of(document)
        return interpret(
            Statements(information, xmp),
            language=language_stated(catalog, xmp),
            direction="rtl" if direction_of(catalog) == "/R2L" else "",
            pages=len(document),
            warnings=warnings,
            cover=cover,
        )


@contextmanager
def opened(file: BinaryIO) -> Iterator[pypdfium2.PdfDocument]:
    """pdfium's view of a file; not by its path, which may have characters that pdfium does not take."""
    try:
        document = pypdfium2.PdfDocument(file)
    except pypdfium2.PdfiumError as error:
        if error.err_code == pypdfium2.raw.FPDF_ERR_PASSWORD:
            raise Encrypted("This file is protected with a password.") from error
        if error.err_code == pypdfium2.raw.FPDF_ERR_SECURITY:
            raise Encrypted("This book is encrypted with copy protection (DRM), so it cannot be read here.") from error
        raise NotAnEbook("This file is damaged or incomplete: it is not a readable PDF.") from error
    with closing(document):
        if not len(document):
            raise NotAnEbook("This file is damaged or incomplete: there is no page in it.")
        yield document


# --- What pypdf reads ------------------------------------------------------------------------------------------------


def stated_in(file: BinaryIO) -> tuple[dict[str, str], dict[str, Any], Any | None]:
    """Document information without slashes, the catalog, and the root of the XMP; empty what cannot be read."""
    try:
        reader = pypdf.PdfReader(file)
        if reader.is_encrypted:
            return {}, {}, None  # with a password for writing only; pdfium knows the document information
        catalog = dict(reader.root_object)
        return texts_of(reader.metadata or {}), resolved(catalog), xmp_of(catalog)
    except MemoryError:
        raise
    except Exception as error:
        # pypdf meets damage with many kinds of exceptions. pdfium has opened the file, so it is a book all the same.
        logger.info("pypdf cannot read a file: %s.", type(error).__name__)
        return {}, {}, None


def texts_of(information: dict[str, Any]) -> dict[str, str]:
    """What is stated as a text. Some programs, those of macOS among them, keep each text as an object of its own."""
    found = ((name, value.get_object()) for name, value in information.items())
    return {str(name).removeprefix("/"): str(value) for name, value in found if isinstance(value, str)}


def resolved(catalog: dict[str, Any]) -> dict[str, Any]:
    return {name: plain(catalog.get(name)) for name in ("/Lang", "/ViewerPreferences")}


def plain(value: Any) -> Any:
    value = value.get_object() if isinstance(value, PdfObject) else value
    return {str(name): str(plain(part)) for name, part in value.items()} if isinstance(value, dict) else value


def xmp_of(catalog: dict[str, Any]) -> Any | None:
    stream = catalog.get("/Metadata")
    stream = stream.get_object() if stream is not None else None
    if not isinstance(stream, StreamObject):
        return None
    content = stream.get_data()
    return parse_xml(content) if len(content) <= XMP_LIMIT else None


def direction_of(catalog: dict[str, Any]) -> str:
    preferences = catalog.get("/ViewerPreferences")
    return str(preferences.get("/Direction", "")) if isinstance(preferences, dict) else ""


def language_stated(catalog: dict[str, Any], xmp: Any | None) -> str:
    """XMP's language, else the catalog's without its region: office programs enter the region of their own settings."""
    if stated := next(values_of(xmp, f"{DC}language"), ""):
        return clean(stated, LANGUAGE_LENGTH)
    language = catalog.get("/Lang")
    parts = clean(language if isinstance(language, str) else "", LANGUAGE_LENGTH).replace("_", "-").split("-")
    # Chinese is written, and Portuguese spelled, in one way or the other.
    return "-".join(parts) if parts[0].lower() in ("zh", "pt") else parts[0]


def values_of(xmp: Any | None, name: str) -> Iterator[str]:
    """The texts of a property, whether it is one, a list of them, or one in several languages."""
    for element in xmp.iter(name) if xmp is not None else ():
        listed = [each for each in element.iter() if local_name(each) in ("li", "value")]
        for each in listed or [element]:
            if text := (each.text or "").strip():
                yield text


class Statements:
    """The document information and the XMP of one file; XMP is the newer of the two and believed first."""

    def __init__(self, information: dict[str, str], xmp: Any | None) -> None:
        self._information = {name.lower(): value for name, value in information.items()}
        self.xmp = xmp

    def information(self, name: str) -> str:
        return self._information.get(name.lower(), "")

    def values(self, name: str) -> Iterator[str]:
        return values_of(self.xmp, name)

    def named(self, *names: str) -> Iterator[str]:
        """Texts of XMP properties by their name alone: `isbn` is of several vocabularies."""
        for element in self.xmp.iter() if self.xmp is not None else ():
            if local_name(element).lower() in names and (text := (element.text or "").strip()):
                yield text
            for name, value in element.attrib.items() if isinstance(element.tag, str) else ():
                if name.rpartition("}")[2].lower() in names:
                    yield value


# --- What it means ---------------------------------------------------------------------------------------------------


def interpret(
    stated: Statements, *, language: str, direction: str, pages: int, warnings: tuple[str, ...], cover: bytes | None
) -> Metadata:
    series, series_index = series_of(stated)
    titles = (clean(text) for text in (*stated.values(f"{DC}title"), stated.information("Title")))
    descriptions = (*stated.values(f"{DC}description"), stated.information("Subject"))
    dates = (*stated.named("publicationdate", "coverdate"), *stated.values(f"{DC}date"))
    return Metadata(
        title=next((title for title in titles if is_title(title)), ""),
        sort_title=clean(next(stated.values(f"{CALIBRE}title_sort"), "")),
        contributors=authors_of(stated),
        language=language,
        description=next(filter(None, map(clean_text, descriptions)), ""),
        publisher=clean(next(stated.values(f"{DC}publisher"), stated.information("Publisher")), NAME_LENGTH),
        published=next(filter(None, map(published_from, dates)), ""),
        identifiers=identifiers_of(stated),
        subjects=subjects_of(stated),
        series=series,
        series_index=series_index,
        reading_direction=direction,
        pages=pages,
        warnings=warnings,
        cover=cover,
    )


def is_title(text: str) -> bool:
    """Not what a program made up: the name of the file it was made from, `untitled`, a number."""
    if NO_TITLE.fullmatch(text) or PROGRAM_TITLE.match(text):
        return False
    return PurePosixPath(text).suffix.lower() not in SOURCE_SUFFIXES


def authors_of(stated: Statements) -> tuple[Contributor, ...]:
    """One name for each entry of XMP; else those in the one line of the document information."""
    names = list(stated.values(f"{DC}creator")) or [stated.information("Author")]
    parts = (clean(part, NAME_LENGTH) for name in names for part in name.replace(" & ", ";").split(";"))
    return tuple(Contributor(name) for name in dict.fromkeys(filter(None, parts)))[:CONTRIBUTORS_LIMIT]


def subjects_of(stated: Statements) -> tuple[str, ...]:
    listed = list(stated.values(f"{DC}subject")) or re.split("[;,]", stated.information("Keywords"))
    found = (clean(text, NAME_LENGTH) for text in listed)
    return tuple(dict.fromkeys(filter(None, found)))[:SUBJECTS_LIMIT]


def identifiers_of(stated: Statements) -> tuple[Identifier, ...]:
    """Those with a scheme that says what they are; most PDFs hold some number of the program's, too."""
    found = [identifier_from("isbn", text) for text in (*stated.named("isbn"), stated.information("ISBN"))]
    found += [identifier_from("doi", text) for text in (*stated.named("doi"), stated.information("doi")) if text]
    found += [identifier_from("", text) for text in stated.values(f"{DC}identifier")]
    for scheme, value in schemed_identifiers(stated.xmp):
        found.append(identifier_from(scheme, value))
    return tuple(dict.fromkeys(each for each in found if each and each.scheme != "uri"))


def schemed_identifiers(xmp: Any | None) -> Iterator[tuple[str, str]]:
    """`xmp:Identifier`, a list of values that each name their scheme, as calibre writes them."""
    for element in xmp.iter(f"{XMP}Identifier") if xmp is not None else ():
        for item in element.iter(f"{RDF}li"):
            scheme = next(find_all(item, "Scheme"), None)
            value = next(find_all(item, "value"), None)
            if scheme is not None and value is not None:
                yield scheme.text or "", value.text or ""


def series_of(stated: Statements) -> tuple[str, float | None]:
    """Calibre's, the only one that programs write."""
    for element in stated.xmp.iter(f"{CALIBRE}series") if stated.xmp is not None else ():
        value = next(find_all(element, "value"), element)
        index = next(find_all(element, "series_index"), None)
        if series := clean(value.text, NAME_LENGTH):
            return series, series_index_from(index.text if index is not None else None)
    return "", None


# --- What pdfium draws -----------------------------------------------------------------------------------------------


def cover_of(document: pypdfium2.PdfDocument) -> tuple[bytes | None, tuple[str, ...]]:
    """The first page as a JPEG that fits `COVER_SIZE`, or none and why."""
    try:
        page = document[0]
        width, height = page.get_size()
        if not (math.isfinite(width) and math.isfinite(height) and width >= 1 and height >= 1):
            return None, ("Its first page has no size, so it has no cover.",)
        if largest_image(page) > IMAGE_PIXELS_LIMIT:
            return None, ("The image on its first page is too large to be drawn, so it has no cover.",)
        drawn = page.render(scale=min(COVER_SIZE[0] / width, COVER_SIZE[1] / height)).to_pil()
    except (pypdfium2.PdfiumError, ValueError) as error:
        logger.info("A first page cannot be drawn: %s.", type(error).__name__)
        return None, ("Its first page cannot be drawn, so it has no cover.",)
    written = io.BytesIO()
    drawn.convert("RGB").save(written, "JPEG", quality=COVER_QUALITY)
    return written.getvalue(), ()


def largest_image(page: pypdfium2.PdfPage) -> int:
    """The pixels of the largest image on a page, as it lies in the file."""
    images = page.get_objects(filter=[pypdfium2.raw.FPDF_PAGEOBJ_IMAGE], max_depth=4)
    sizes = (image.get_px_size() for image in images if isinstance(image, pypdfium2.PdfImage))
    return max((width * height for width, height in sizes), default=0)


def language_shown(path: str | os.PathLike[str], title: str) -> str:
    """The language that a PDF is in, as far as its title and text show it: few PDFs state one."""
    if language := language_of_title(title):
        return language
    with open(path, "rb") as file, opened(file) as document:
        return language_of(text_of(document))


def text_of(document: pypdfium2.PdfDocument) -> str:
    """Some of the text, from pages all over the book: the first ones may be a licence in another language."""
    parts = []
    for number in sorted({len(document) * place // TEXT_PAGES for place in range(TEXT_PAGES)}):
        try:
            text = document[number].get_textpage()
            parts.append(text.get_text_range(0, min(TEXT_CHARACTERS, text.count_chars())))
        except pypdfium2.PdfiumError:
            continue
    return " ".join(parts)
