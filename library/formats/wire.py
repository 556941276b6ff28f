"""What was read of a file as JSON, between the process that reads files and the one that stores what they say.

The reading process is not trusted: a file may have taken it over. Whatever it sends is checked here as if it came from
the file itself.
"""

import math
from dataclasses import asdict
from typing import Any

from library.formats.metadata import (
    CONTRIBUTORS_LIMIT,
    DESCRIPTION_LENGTH,
    LANGUAGE_LENGTH,
    NAME_LENGTH,
    SUBJECTS_LIMIT,
    TITLE_LENGTH,
    Contributor,
    Identifier,
    Metadata,
    clean,
    clean_text,
    published_from,
)

IDENTIFIERS_LIMIT = 20
WARNINGS_LIMIT = 20
COUNT_LIMIT = 2**31 - 1
INDEX_LIMIT = 1e9
TYPES = ("manga", "comic", "light_novel")


def as_json(metadata: Metadata) -> dict[str, Any]:
    """The metadata without the cover."""
    plain = asdict(metadata)
    del plain["cover"]
    return plain


def metadata_from(plain: object) -> Metadata:
    """The metadata that `as_json` wrote; ValueError, TypeError or KeyError for anything that cannot be it."""
    if not isinstance(plain, dict):
        raise TypeError("not an object")
    kind, direction = plain["book_type"], plain["reading_direction"]
    return Metadata(
        title=clean(text(plain["title"]), TITLE_LENGTH),
        sort_title=clean(text(plain["sort_title"]), TITLE_LENGTH),
        contributors=tuple(
            Contributor(clean(text(each["name"]), NAME_LENGTH), role(each["role"]), clean(text(each["sort_name"])))
            for each in plain["contributors"][:CONTRIBUTORS_LIMIT]
            if clean(text(each["name"]))
        ),
        language=clean(text(plain["language"]), LANGUAGE_LENGTH),
        description=clean_text(text(plain["description"]), DESCRIPTION_LENGTH),
        publisher=clean(text(plain["publisher"]), NAME_LENGTH),
        published=published_from(text(plain["published"])),
        identifiers=tuple(
            Identifier(clean(text(each["scheme"]), LANGUAGE_LENGTH), clean(text(each["value"]), NAME_LENGTH))
            for each in plain["identifiers"][:IDENTIFIERS_LIMIT]
            if clean(text(each["value"]))
        ),
        subjects=tuple(clean(text(each), NAME_LENGTH) for each in plain["subjects"][:SUBJECTS_LIMIT]),
        series=clean(text(plain["series"]), NAME_LENGTH),
        series_index=number(plain["series_index"]),
        book_type=kind if kind in TYPES else "",
        reading_direction=direction if direction in ("ltr", "rtl") else "",
        pages=count(plain["pages"]),
        characters=count(plain["characters"]),
        warnings=tuple(clean(text(each), NAME_LENGTH) for each in plain["warnings"][:WARNINGS_LIMIT]),
    )


def text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("not a text")
    return value


def role(value: object) -> str:
    return "".join(letter for letter in text(value)[:10] if letter.isalnum()) or "ctb"


def number(value: object) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise ValueError("not a number")
    return float(value) if abs(value) < INDEX_LIMIT else None


def count(value: object) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ValueError("not a count")
    return min(value, COUNT_LIMIT)
