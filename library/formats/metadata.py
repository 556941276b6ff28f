import math
import re
import unicodedata
from dataclasses import dataclass, field

# Overrides and isolates of writing direction: in a title they would turn the page around it upside down.
_DIRECTION_CONTROLS = re.compile("[\u202a-\u202e\u2066-\u2069]")
_NUMBER = re.compile(r"[+-]?\d{1,9}([.,]\d{1,9})?")

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
