"""Remembering every name that a device may have one of our files under, by its digest."""

import os
import unicodedata
from collections.abc import Iterable, Sequence

from accounts.statements import insert_rows
from library.hashes import name_digest
from library.models import Book, BookFile, FileNameDigest
from matching.own_names import own_names

# What devices call files of these formats instead: some readers know no KEPUB, and KOReader no suffix of AZW3 but this.
OTHER_SUFFIXES = {"kepub.epub": (".epub",), "azw3": (".azw", ".azw3.azw")}


def keep_names(book: Book, files: Iterable[BookFile], *, authors: Sequence[str], series: str) -> None:
    """Note what these files of a book are called now; what they were called before stays known."""
    rows = [
        FileNameDigest(digest=digest, file=file)
        for file in files
        for digest in sorted({name_digest(name) for name in names_of(book, file, authors=authors, series=series)})
    ]
    insert_rows(rows, tail="ON CONFLICT DO NOTHING")


def keep_path(file_id: int, path: str) -> None:
    """Note that a file is at this path now, whatever its book is called."""
    rows = [
        FileNameDigest(digest=digest, file_id=file_id) for digest in sorted({name_digest(n) for n in path_names(path)})
    ]
    insert_rows(rows, tail="ON CONFLICT DO NOTHING")


def path_names(path: str) -> set[str]:
    """The base name as it is, and as systems write it that compose letters or take them apart, as a Mac does."""
    own = os.path.basename(path)
    return {own, *(unicodedata.normalize(form, own) for form in ("NFC", "NFD"))}


def names_of(book: Book, file: BookFile, *, authors: Sequence[str], series: str) -> set[str]:
    """The base names of a file: its own, what Tome calls it, and what KOReader makes of a catalogue's entry."""
    names = path_names(file.path)
    suffixes = {f".{file.format}", *OTHER_SUFFIXES.get(file.format, ())}
    for suffix in suffixes:
        made = own_names(
            book_id=book.pk,
            title=book.title,
            authors=authors,
            series=series,
            series_index=book.series_index,
            suffix=suffix,
        )
        names |= made.plain | made.marked
    return names
