"""What the downloads of books are called; the names themselves are made in `matching.own_names`."""

from collections.abc import Iterable

from library.models import Book
from matching import own_names
from matching.own_names import NAME_BYTES, cut, safe_name, volume_number

__all__ = (
    "NAME_BYTES",
    "cut",
    "distinct_names",
    "download_name",
    "entry_title",
    "folder_name",
    "safe_name",
    "volume_number",
)


def entry_title(book: Book) -> str:
    """The title as a list shows it: with the volume in front where the book has a place in a series."""
    return own_names.entry_title(title=book.title, series=series_name(book), series_index=book.series_index)


def folder_name(book: Book) -> str:
    """`<book_type>/<Series Name>`, or the type alone for a book in no series; no slash at either end."""
    return f"{book.book_type}/{safe_name(book.series.name)}" if book.series else str(book.book_type)


def download_name(book: Book, format: str) -> str:
    """The name of one of the book's files, for a folder in which no other book has the same; see `distinct_names`."""
    return own_names.download_name(
        title=book.title, series=series_name(book), series_index=book.series_index, suffix=f".{format}"
    )


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
            name = own_names.distinct_download_name(
                book_id=book.pk,
                title=book.title,
                series=series_name(book),
                series_index=book.series_index,
                suffix=f".{format}",
            )
        taken.add(name.casefold())
        names[book.pk] = name
    return names


def series_name(book: Book) -> str:
    return book.series.name if book.series_id is not None and book.series else ""
