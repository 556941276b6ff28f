"""What a MOBI or AZW3 says about itself.

Both are a Palm database: a list of records, of which the first holds the PalmDOC and MOBI headers and after them EXTH,
a list of numbered statements. A file that holds two editions (MOBI 6 and KF8) describes both in its first header. The
layout is as the MobileRead wiki describes it (pages PDB, MOBI and KF8).
"""

import html
import os
from collections.abc import Iterator
from typing import BinaryIO

from library.errors import Encrypted, NotAnEbook
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
)

HEADER_BYTES = 78
PALM_COUNT_AT = 76
FIRST_RECORD_LIMIT = 4 * 1024 * 1024  # headers, EXTH with a long description, and free space: 10 kB as a rule
COVER_LIMIT = 32 * 1024 * 1024
STATEMENTS_LIMIT = 10_000

# Of the first record; the MOBI header begins at 16.
ENCRYPTION_AT, MOBI_AT, MOBI_LENGTH_AT, ENCODING_AT, NAME_AT = 12, 16, 20, 28, 84
LOCALE_AT, FIRST_IMAGE_AT, EXTH_FLAGS_AT = 92, 108, 128
HAS_EXTH = 0x40
NONE = 0xFFFFFFFF

AUTHOR, PUBLISHER, DESCRIPTION, ISBN, SUBJECT, PUBLISHED, SOURCE, ASIN = 100, 101, 103, 104, 105, 106, 112, 113
FIXED_LAYOUT, BOOK_TYPE, COVER_URI, COVER_OFFSET, THUMB_OFFSET = 122, 123, 129, 201, 202
TITLE, ASIN_TOO, SORT_TITLE, LANGUAGE, WRITING_MODE, PAGE_PROGRESSION = 503, 504, 508, 524, 525, 527

# The lower ten bits of a Windows locale, which is what the header states where EXTH has no language.
LANGUAGES = {
    **{1: "ar", 2: "bg", 3: "ca", 4: "zh", 5: "cs", 6: "da", 7: "de", 8: "el", 9: "en", 10: "es", 11: "fi", 12: "fr"},
    **{13: "he", 14: "hu", 15: "is", 16: "it", 17: "ja", 18: "ko", 19: "nl", 20: "nb", 21: "pl", 22: "pt", 24: "ro"},
    **{25: "ru", 26: "hr", 27: "sk", 29: "sv", 30: "th", 31: "tr", 33: "id", 34: "uk", 36: "sl", 37: "et", 38: "lv"},
    **{39: "lt", 41: "fa", 42: "vi", 45: "eu", 54: "af", 57: "hi"},
}
IMAGES = (b"\xff\xd8\xff", b"\x89PNG", b"GIF8", b"BM")


def read_kindle(path: str | os.PathLike[str]) -> Metadata:
    """The metadata and cover of a MOBI or AZW3; NotAnEbook, with a sentence, if it cannot be used."""
    with open(path, "rb") as file:
        database = PalmDatabase(file)
        first = database.record(0, FIRST_RECORD_LIMIT)
        if len(first) < MOBI_AT:
            raise NotAnEbook("This file is damaged: its first record is too short to be that of a Kindle book.")
        if number_at(first, ENCRYPTION_AT, size=2):
            raise Encrypted("This book is encrypted with copy protection (DRM), so it cannot be read here.")
        if first[MOBI_AT : MOBI_AT + 4] != b"MOBI":
            return Metadata()  # an old PalmDOC text, which states nothing of itself
        return interpret(database, Header(first))


class PalmDatabase:
    """A file's records, each within the bounds of the file."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        size = os.fstat(file.fileno()).st_size
        count = number_at(file.read(HEADER_BYTES), PALM_COUNT_AT, size=2)
        table = file.read(8 * count)
        if not count or len(table) < 8 * count:
            raise NotAnEbook("This file is incomplete: it ends within its own list of contents.")
        self._bounds = [number_at(table, at) for at in range(0, len(table), 8)] + [size]
        if self._bounds[-2] >= size:
            raise NotAnEbook("This file is incomplete: its last parts are missing.")
        if self._bounds[0] < HEADER_BYTES + len(table) or any(
            start > end for start, end in zip(self._bounds, self._bounds[1:], strict=False)
        ):
            raise NotAnEbook("This file is damaged: its list of contents contradicts itself.")

    def __len__(self) -> int:
        return len(self._bounds) - 1

    def record(self, number: int, limit: int) -> bytes:
        start, end = self._bounds[number], self._bounds[number + 1]
        self._file.seek(start)
        return self._file.read(min(end - start, limit))


class Header:
    """The first record of a MOBI: fixed fields, and the statements of EXTH by their number."""

    def __init__(self, record: bytes) -> None:
        self._record = record
        utf8 = number_at(record, ENCODING_AT) == 65001
        self._encoding = "utf-8" if utf8 else "cp1252"
        self.first_image = number_at(record, FIRST_IMAGE_AT, missing=NONE)
        self._statements: dict[int, list[bytes]] = {}
        if number_at(record, EXTH_FLAGS_AT) & HAS_EXTH:
            for kind, value in self._exth():
                self._statements.setdefault(kind, []).append(value)

    def _exth(self) -> Iterator[tuple[int, bytes]]:
        at = MOBI_AT + number_at(self._record, MOBI_LENGTH_AT)
        if self._record[at : at + 4] != b"EXTH":
            return
        count = number_at(self._record, at + 8)
        at += 12
        for _ in range(min(count, STATEMENTS_LIMIT)):
            kind, length = number_at(self._record, at), number_at(self._record, at + 4)
            if length < 8 or at + length > len(self._record):
                return
            yield kind, self._record[at + 8 : at + length]
            at += length

    def texts(self, *kinds: int) -> list[str]:
        """What is stated under these numbers, in their order; without what is empty."""
        values = (value for kind in kinds for value in self._statements.get(kind, []))
        return [text for value in values if (text := self._decoded(value).strip("\0 \r\n\t"))]

    def text(self, *kinds: int) -> str:
        return next(iter(self.texts(*kinds)), "")

    def number(self, kind: int) -> int | None:
        value = next(iter(self._statements.get(kind, [])), b"")
        number = int.from_bytes(value, "big") if 0 < len(value) <= 4 else NONE
        return None if number == NONE else number

    def full_name(self) -> str:
        start, length = number_at(self._record, NAME_AT), number_at(self._record, NAME_AT + 4)
        return self._decoded(self._record[start : start + length])

    def language(self) -> str:
        return self.text(LANGUAGE) or LANGUAGES.get(number_at(self._record, LOCALE_AT) & 0x3FF, "")

    def _decoded(self, value: bytes) -> str:
        return value.decode(self._encoding, errors="replace")


def number_at(content: bytes, at: int, *, size: int = 4, missing: int = 0) -> int:
    """A number, most significant byte first; `missing` where the content ends before it."""
    return int.from_bytes(content[at : at + size], "big") if at + size <= len(content) else missing


def interpret(database: PalmDatabase, header: Header) -> Metadata:
    direction = direction_of(header)
    language = clean(header.language(), LANGUAGE_LENGTH)
    subjects = (clean(part, NAME_LENGTH) for text in header.texts(SUBJECT) for part in html.unescape(text).split(";"))
    return Metadata(
        title=plain(header.text(TITLE) or header.full_name()),
        sort_title=plain(header.text(SORT_TITLE)),
        contributors=authors_of(header),
        language=language,
        description=clean_text(header.text(DESCRIPTION)),
        publisher=plain(header.text(PUBLISHER))[:NAME_LENGTH],
        published=published_from(header.text(PUBLISHED)),
        identifiers=identifiers_of(header),
        subjects=tuple(dict.fromkeys(filter(None, subjects)))[:SUBJECTS_LIMIT],
        book_type=book_type_of(header, direction, language),
        reading_direction=direction,
        cover=cover_of(database, header),
    )


def plain(text: str) -> str:
    """A name as it is read: some programs write it as HTML."""
    return clean(html.unescape(text))


def authors_of(header: Header) -> tuple[Contributor, ...]:
    """One record for each, or several in one with `;` or ` & ` between them. "Doyle, Arthur Conan" stays as it is."""
    stated = (html.unescape(text) for text in header.texts(AUTHOR))
    names = (clean(name, NAME_LENGTH) for text in stated for name in text.replace(" & ", ";").split(";"))
    return tuple(Contributor(name) for name in dict.fromkeys(filter(None, names)))[:CONTRIBUTORS_LIMIT]


def identifiers_of(header: Header) -> tuple[Identifier, ...]:
    found = [identifier_from("isbn", text) for text in header.texts(ISBN)]
    found += [identifier_from("", text) for text in header.texts(SOURCE)]
    # A shop's number; calibre writes a UUID in its place, which is then told apart as one.
    found += [identifier_from("asin", text) for text in header.texts(ASIN, ASIN_TOO)]
    return tuple(dict.fromkeys(identifier for identifier in found if identifier))


def direction_of(header: Header) -> str:
    stated = header.text(PAGE_PROGRESSION).lower()
    if stated in ("ltr", "rtl"):
        return stated
    return "rtl" if header.text(WRITING_MODE).lower().endswith("-rl") else ""


def book_type_of(header: Header, direction: str, language: str) -> str:
    """A comic where it says so; of those, the ones in Japanese that turn from right to left are manga."""
    is_comic = header.text(BOOK_TYPE).lower() == "comic"
    is_fixed = header.text(FIXED_LAYOUT).lower() == "true"
    if (is_comic or is_fixed) and direction == "rtl" and language[:2].lower() == "ja":
        return "manga"
    return "comic" if is_comic else ""


def cover_of(database: PalmDatabase, header: Header) -> bytes | None:
    """The image that is named as the cover, else the thumbnail of it."""
    for offset in (cover_by_uri(header), header.number(COVER_OFFSET), header.number(THUMB_OFFSET)):
        if offset is None or header.first_image + offset >= len(database):
            continue
        image = database.record(header.first_image + offset, COVER_LIMIT)
        if image.startswith(IMAGES):
            return image
    return None


def cover_by_uri(header: Header) -> int | None:
    """`kindle:embed:000A` counts images from one, in base 32."""
    _, found, number = header.text(COVER_URI).partition("kindle:embed:")
    try:
        return max(int(number.partition("?")[0], 32) - 1, 0) if found else None
    except ValueError:
        return None
