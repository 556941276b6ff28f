import math
import re
import unicodedata
from dataclasses import dataclass

# Overrides and isolates of writing direction: in a title they would turn the page around it upside down.
_DIRECTION_CONTROLS = re.compile("[\u202a-\u202e\u2066-\u2069]")
_NUMBER = re.compile(r"[+-]?\d{1,9}([.,]\d{1,9})?")

TITLE_LENGTH = 1000
NAME_LENGTH = 500
LANGUAGE_LENGTH = 50


@dataclass(frozen=True)
class Metadata:
    """What a file says about itself; empty where it says nothing."""

    title: str = ""
    authors: tuple[str, ...] = ()
    language: str = ""
    series: str = ""
    series_index: float | None = None
    cover: bytes | None = None  # as it lies in the file: not yet known to be an image


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
