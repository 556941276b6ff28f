"""What downloads are called: names that every file system takes, that are short enough, and that never collide."""

import re
import unicodedata
from collections.abc import Iterable

from library.models import Book

# What FAT refuses, and control characters with them.
_REFUSED = re.compile(r'[\\/:*?"<>|\x00-\x1f\x7f-\x9f]')
# Names that Windows keeps for itself, whatever their suffix.
_RESERVED = re.compile(r"^(con|prn|aux|nul|com[0-9]|lpt[0-9])(\.|$)", re.IGNORECASE)
# Names end at 255 bytes on ext4 and 255 UTF-16 units on FAT. KOReader adds ".sdr" and, while it downloads, more.
NAME_BYTES = 240


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


def cut(text: str, limit: int) -> str:
    """At most `limit` bytes of UTF-8, ending between two characters."""
    return text.encode()[:limit].decode(errors="ignore").rstrip(" .")


def volume_number(index: float) -> str:
    """`3`, `12` or `2.5`; never `3.0` and never an exponent."""
    return f"{index:.4f}".rstrip("0").rstrip(".")


def entry_title(book: Book) -> str:
    """The title as a list shows it: with the volume in front where the book has a place in a series."""
    if book.series_id is None or book.series_index is None:
        return book.title
    return f"Vol. {volume_number(book.series_index)} — {book.title}"


def folder_name(book: Book) -> str:
    """`<book_type>/<Series Name>`, or the type alone for a book in no series; no slash at either end."""
    return f"{book.book_type}/{safe_name(book.series.name)}" if book.series else str(book.book_type)


def download_name(book: Book, format: str) -> str:
    """The name of one of the book's files, for a folder in which no other book has the same; see `distinct_names`."""
    return safe_name(entry_title(book), suffix=f".{format}")


def distinct_names(books: Iterable[tuple[Book, str]]) -> dict[int, str]:
    """The names of these books' files, by book id, for one folder: no two are equal, also where case does not count.

    Of books with equal names the oldest keeps it and the others get their id into theirs, so that a device that has
    the oldest still finds it under its name when another comes.
    """
    names: dict[int, str] = {}
    taken: set[str] = set()
    for book, format in sorted(books, key=lambda pair: pair[0].pk):
        name = download_name(book, format)
        if name.casefold() in taken:
            name = safe_name(entry_title(book), suffix=f" [{book.pk}].{format}")
        taken.add(name.casefold())
        names[book.pk] = name
    return names
