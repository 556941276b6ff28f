"""Books as lists on pages show them."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from accounts.models import Reader
from library.catalogue import Listed, listed_books
from library.covers import cover_url
from library.models import Book, InboxItem
from library.names import entry_title, volume_number
from library.queries import authors_of


@dataclass(frozen=True)
class ShelfBook:
    """One book of a list; `place` is its series, with the volume where it has one."""

    id: int
    title: str
    entry_title: str  # with the volume in front
    authors: str
    place: str
    cover: str  # an address, empty if there is none
    is_waiting: bool


def shelf(reader: Reader, listed: Sequence[Listed]) -> list[ShelfBook]:
    books = listed_books(reader, listed)
    waiting = waiting_books(reader, [book.pk for book in books])
    return [shelf_book(book, is_waiting=book.pk in waiting) for book in books]


def shelf_book(book: Book, *, is_waiting: bool) -> ShelfBook:
    return ShelfBook(
        id=book.pk,
        title=book.title,
        entry_title=entry_title(book),
        authors=", ".join(authors_of(book)),
        place=place_in_series(book),
        cover=cover_url(book, size="small"),
        is_waiting=is_waiting,
    )


def place_in_series(book: Book) -> str:
    if book.series is None:
        return ""
    return book.series.name if book.series_index is None else f"{book.series.name}, {volume_number(book.series_index)}"


def waiting_books(reader: Reader, book_ids: Collection[int]) -> set[int]:
    """Those of these that are on their way to the reader's device."""
    waiting = InboxItem.objects.filter(reader=reader, delivered_at=None, book__in=book_ids)
    return set(waiting.values_list("book_id", flat=True))
