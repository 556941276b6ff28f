"""What a device is told about a book that it may download."""

from collections.abc import Sequence
from typing import Any

from library.formats import PREFERENCE
from library.models import Book, BookFile
from library.names import download_name, folder_name
from library.queries import authors_of, files_of


def preferred_order(formats: Sequence[str] | None) -> list[str]:
    """All formats, those that this device or reader prefers in front; unknown ones are left out."""
    first = [format for format in dict.fromkeys(formats or ()) if format in PREFERENCE]
    return [*first, *(format for format in PREFERENCE if format not in first)]


def files_in_order(book: Book, formats: Sequence[str] | None = None) -> list[BookFile]:
    order = preferred_order(formats)
    return sorted(files_of(book), key=lambda file: (order.index(file.format), file.pk))


def book_entry(book: Book, *, formats: Sequence[str] | None = None, filename: str | None = None) -> dict[str, Any]:
    """A book as a manifest has it; keys without a value are left out, `file` and `filename` where it has no file.

    `filename` is given where the folder holds another book of the same name, see `library.names.distinct_names`.
    """
    entry: dict[str, Any] = {"id": book.pk, "title": book.title}
    if book.series_id is not None and book.series_index is not None:
        entry["series_index"] = book.series_index
    if authors := authors_of(book):
        entry["author"] = ", ".join(authors)
    entry["folder"] = folder_name(book)
    files = files_in_order(book, formats)
    if files:
        best = files[0]
        entry["filename"] = filename or download_name(book, best.format)
        entry["file"] = {
            "id": best.pk,
            "format": best.format,
            "file_size": best.size,
            "sha256": best.sha256,
            "ko_md5": best.ko_md5,
        }
    entry["files"] = [{"id": file.pk, "format": file.format, "file_size": file.size} for file in files]
    return entry
