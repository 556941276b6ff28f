import html
import math
import re
import unicodedata
from calendar import monthrange
from dataclasses import dataclass, field

# Overrides and isolates of writing direction: in a title they would turn the page around it upside down.
_DIRECTION_CONTROLS = re.compile("[\u202a-\u202e\u2066-\u2069]")
_NUMBER = re.compile(r"[+-]?\d{1,9}([.,]\d{1,9})?")
_DATE = re.compile(r"\s*([0-9]{4})(?:[-/.]?([0-9]{2})(?:[-/.]?([0-9]{2})(?![0-9])|(?![0-9]))|(?![0-9]))")
_TAG = re.compile(r"<(?=[a-zA-Z/!?])(/?)([a-zA-Z][a-zA-Z0-9]*)?[^<>]*>")
_SILENT = re.compile(r"<(script|style)\b.*?(?:</\1\s*>|$)", re.DOTALL | re.IGNORECASE)
_BLOCKS = frozenset({"p", "div", "br", "li", "ul", "ol", "h1", "h2", "h3", "h4", "h5", "h6", "blockquote", "tr", "hr"})
_URN = re.compile(r"^(?:urn:)?([a-z][a-z0-9.-]{1,30}):(.+)$", re.IGNORECASE | re.DOTALL)
_UUID = re.compile(r"[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}", re.IGNORECASE)
_ASIN = re.compile(r"B[0-9A-Z]{9}")

TITLE_LENGTH = 1000
NAME_LENGTH = 500
LANGUAGE_LENGTH = 50
DESCRIPTION_LENGTH = 10_000
SUBJECTS_LIMIT = 50
CONTRIBUTORS_LIMIT = 50  # anthologies name dozens; more is a mistake


@dataclass(frozen=True)
class Contributor:
    """A person or body that made the book. `role` is a MARC relator code in lower case; `aut` where none is stated."""

    name: str
    role: str = "aut"
    sort_name: str = ""  # as a catalogue files it: "Doyle, Arthur Conan"


@dataclass(frozen=True)
class Identifier:
    """`scheme` in lower case: `isbn` (13 digits, checked), `uuid`, `asin`, `doi`, `gtin`, … `uri` for what is none."""

    scheme: str
    value: str


@dataclass(frozen=True)
class Metadata:
    """What a file says about itself; empty where it says nothing."""

    title: str = ""
    sort_title: str = ""
    contributors: tuple[Contributor, ...] = ()  # in the order of the title page, authors and others
    language: str = ""
    description: str = ""  # plain text, paragraphs separated by a line end
    publisher: str = ""
    published: str = ""  # `2011`, `2011-05` or `2011-05-27`: a date that exists
    identifiers: tuple[Identifier, ...] = ()
    subjects: tuple[str, ...] = ()
    series: str = ""
    series_index: float | None = None
    book_type: str = ""  # `manga`, `comic` or `light_novel` where the file itself says so
    reading_direction: str = ""  # `ltr` or `rtl`
    pages: int | None = None
    characters: int | None = None  # of the text, without markup
    warnings: tuple[str, ...] = ()  # sentences: what was left out or replaced, for the person who looks at the import
    cover: bytes | None = field(default=None, repr=False)  # as it lies in the file: not yet known to be an image

    @property
    def authors(self) -> tuple[str, ...]:
        return tuple(person.name for person in self.contributors if person.role == "aut")


def clean(text: str | None, limit: int = TITLE_LENGTH) -> str:
    """One line of at most `limit` characters, without control characters."""
    text = _DIRECTION_CONTROLS.sub("", text or "")
    text = "".join(" " if unicodedata.category(character) in ("Cc", "Cs") else character for character in text)
    return " ".join(text.split())[:limit].rstrip()


def series_index_from(text: str | None) -> float | None:
    """A place in a series: `3`, `2.5`, `2,5`. None for words, dotted numbers and what is no finite number."""
    text = (text or "").strip()
    if not _NUMBER.fullmatch(text):
        return None
    number = float(text.replace(",", "."))
    return number if math.isfinite(number) else None


def title_from_stem(stem: str) -> str:
    """A title for a file that states none, from its name without the suffix."""
    return clean(stem.replace("_", " ")) or clean(stem) or "Untitled"


def clean_text(text: str | None, limit: int = DESCRIPTION_LENGTH) -> str:
    """A text of several lines, from plain text or HTML: no markup, one line for each paragraph."""
    text = (text or "")[: limit * 10]
    if "<" in text:
        text = _SILENT.sub(" ", text)
        text = _TAG.sub(lambda tag: "\n" if (tag[2] or "").lower() in _BLOCKS else "", text)
    lines = (clean(line, limit) for line in html.unescape(text).splitlines())
    return "\n".join(filter(None, lines))[:limit].rstrip()


def published_from(text: str | None) -> str:
    """A date as `2011`, `2011-05` or `2011-05-27`, from whatever begins so; empty where there is no such date."""
    found = _DATE.match(text or "")
    if not found:
        return ""
    year, month, day = (int(part) if part else 0 for part in found.groups())
    if not 101 < year < 3000:  # calibre writes the year 101 where it knows none
        return ""
    if not 1 <= month <= 12:
        return f"{year:04d}" if not found[2] else ""
    if not day:
        return f"{year:04d}-{month:02d}" if not found[3] else ""
    return f"{year:04d}-{month:02d}-{day:02d}" if day <= monthrange(year, month)[1] else ""


def isbn_from(text: str) -> str:
    """An ISBN as 13 digits; empty where the text is none or its check digit is wrong."""
    digits = re.sub(r"[\s\u2010-\u2015-]", "", text).upper().removeprefix("ISBN").lstrip(":")
    if not digits.isascii():
        return ""
    if re.fullmatch(r"[0-9]{9}[0-9X]", digits):
        weighted = sum((10 - place) * (10 if digit == "X" else int(digit)) for place, digit in enumerate(digits))
        return f"978{digits[:9]}{_check_digit('978' + digits[:9])}" if weighted % 11 == 0 else ""
    if re.fullmatch(r"97[89][0-9]{10}", digits):
        return digits if _check_digit(digits[:12]) == digits[12] else ""
    return ""


def _check_digit(digits: str) -> str:
    return str(-sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(digits)) % 10)


def identifier_from(scheme: str | None, value: str | None) -> Identifier | None:
    """What a value states under a scheme (`ISBN`, `urn:uuid:…`, `MOBI-ASIN`, none at all); None where it says nothing.

    An ISBN is one whatever it is called, if its check digit is right; a scheme that says ISBN of anything else is not
    believed.
    """
    value = clean(value, NAME_LENGTH)
    scheme = clean(scheme, LANGUAGE_LENGTH).lower()
    if found := _URN.match(value):
        prefix = found[1].lower()
        if prefix == "urn":
            return identifier_from(scheme, found[2])
        if prefix in ("isbn", "uuid", "doi", "asin", "amazon", "mobi-asin", "gtin", "calibre", "goodreads", "google"):
            scheme, value = prefix, found[2].strip()
    for prefix in ("uri:", "url:"):
        if value.lower().startswith(prefix):
            value = value[len(prefix) :].strip()
    if not value:
        return None
    if isbn := isbn_from(value):
        return Identifier("isbn", isbn)
    if scheme in ("isbn", "gtin", "ean"):
        return None
    if scheme == "calibre":
        return Identifier("calibre", value.lower())
    if _UUID.fullmatch(value):
        return Identifier("uuid", value.lower())
    if scheme in ("asin", "mobi-asin", "amazon") or scheme.startswith("amazon"):
        return Identifier("asin", value.upper()) if _ASIN.fullmatch(value.upper()) else None
    if scheme in ("doi", "goodreads", "google"):
        return Identifier(scheme, value.lower() if scheme == "doi" else value)
    if value.startswith(("http://", "https://", "urn:", "tag:")) or not scheme or scheme in ("uri", "url", "id"):
        return Identifier("uri", value)
    return Identifier(scheme, value)
