"""Every name that Tome gives a file, or that KOReader makes of what Tome tells it: so that each finds its book again.

Pure text: `library.names` calls these with the rows of books.
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

# What FAT refuses, and control characters with them.
_REFUSED = re.compile(r'[\\/:*?"<>|\x00-\x1f\x7f-\x9f]')
# Names that Windows keeps for itself, whatever their suffix.
_RESERVED = re.compile(r"^(con|prn|aux|nul|com[0-9]|lpt[0-9])(\.|$)", re.IGNORECASE)
# Names end at 255 bytes on ext4 and 255 UTF-16 units on FAT. KOReader adds ".sdr" and, while it downloads, more.
NAME_BYTES = 240
LONGEST_MARK = 40  # bytes of a mark and a suffix, with room to spare
FOLDER_KEY_LENGTH = 300  # a name's 240 bytes, folded

# What KOReader replaces where it saves from a catalogue; older ones replace commas on FAT as well.
_KOREADER_REFUSED = re.compile(r'[\\/:*?"<>|]')
_KOREADER_REFUSED_EARLIER = re.compile(r'[\\/:*?"<>|,]')
NOBODY = "Unknown Author"  # who wrote a book without authors, as catalogues say it and KOReader's files are called
KOREADER_BYTES = 240  # of the name without its suffix; newer ones count the suffix too


def safe_name(text: str, *, suffix: str = "", fallback: str = "Untitled") -> str:
    """A file or folder name: refused characters become `_`, and it is cut so that it fits together with `suffix`."""
    text = unicodedata.normalize("NFC", text)
    text = "".join("_" if unicodedata.category(character) in ("Cs", "Cf") else character for character in text)
    text = " ".join(_REFUSED.sub("_", text).split())
    text = cut(text, NAME_BYTES - len(suffix.encode()))
    text = text.strip(" .")  # FAT drops them at the end; in front a dot hides the file
    if _RESERVED.match(text):
        text = "_" + text
    return (text or fallback) + suffix


def folder_key(series: str) -> str:
    """Equal for series whose folders a device could not tell apart."""
    return unicodedata.normalize("NFC", safe_name(series).casefold())[:FOLDER_KEY_LENGTH]


def name_key(title: str) -> str:
    """Equal for titles whose downloads may get one name; for some that do not, too."""
    safe = cut(safe_name(title), NAME_BYTES - LONGEST_MARK).casefold()
    return unicodedata.normalize("NFC", safe.removesuffix(".kepub"))[:FOLDER_KEY_LENGTH]


def cut(text: str, limit: int) -> str:
    """At most `limit` bytes of UTF-8, ending between two characters."""
    return text.encode()[:limit].decode(errors="ignore").rstrip(" .")


def volume_number(index: float) -> str:
    """`3`, `12` or `2.5`; never `3.0` and never an exponent."""
    return f"{index:.4f}".rstrip("0").rstrip(".")


def entry_title(*, title: str, series: str, series_index: float | None) -> str:
    """The title as a list shows it: with the volume in front where the book has a place in a series."""
    if not series or series_index is None:
        return title
    return f"Vol. {volume_number(series_index)} — {title}"


def download_name(*, title: str, series: str, series_index: float | None, suffix: str, mark: str = "") -> str:
    """The name of a file that is downloaded; `suffix` with its dot, `mark` what tells it from another of this name."""
    return safe_name(entry_title(title=title, series=series, series_index=series_index), suffix=mark + suffix)


def id_mark(book_id: int) -> str:
    """What a name gets in a folder in which an older book has the plain one."""
    return f" [{book_id}]"


@dataclass(frozen=True)
class OwnNames:
    """What a book's files may be called; `plain`: with nothing but the title, which anybody may have written."""

    plain: frozenset[str]
    marked: frozenset[str]  # with an author, a volume or an id


def own_names(
    *, book_id: int, title: str, authors: Sequence[str], series: str, series_index: float | None, suffix: str
) -> OwnNames:
    """All names that a file of this book and suffix (`.epub`) can have got from Tome."""
    shown = entry_title(title=title, series=series, series_index=series_index)
    nobody = () if authors else catalogue_names(f"{NOBODY} - {shown}", suffix=suffix)
    unmarked = frozenset((safe_name(shown, suffix=suffix), *catalogue_names(shown, suffix=suffix), *nobody))
    # KOReader takes one of several authors, the last in OPDS 1.2, earlier versions the first, or all of them.
    stated = [*authors, *([", ".join(authors)] if len(authors) > 1 else [])]
    marked = frozenset(
        (
            safe_name(shown, suffix=id_mark(book_id) + suffix),
            *(name for author in stated for name in catalogue_names(f"{author} - {shown}", suffix=suffix)),
        )
    )
    if shown is title:
        return OwnNames(plain=unmarked, marked=marked)
    return OwnNames(plain=frozenset(), marked=unmarked | marked)


def catalogue_names(name: str, *, suffix: str) -> Iterator[str]:
    """What KOReader makes of `Author - Title` or a title alone, replaced and cut as its versions do it."""
    for refused in (_KOREADER_REFUSED, _KOREADER_REFUSED_EARLIER):
        safe = refused.sub("_", storable(name))
        for limit in (KOREADER_BYTES, KOREADER_BYTES - len(suffix.encode())):
            whole = safe.encode()[:limit].decode(errors="ignore")
            yield whole + suffix
            yield whole.rstrip(" .") + suffix


def storable(text: str) -> str:
    """The text without what no UTF-8 can hold."""
    return text.encode(errors="replace").decode()
