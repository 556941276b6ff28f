"""Books as lists on pages show them."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from accounts.models import Reader
from library.catalogue import BookDetails, Listed, details_of
from library.covers import cover_address
from library.models import InboxItem
from matching.own_names import entry_title, volume_number


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
    """These books in their order, without those that went in the meantime."""
    books = details_of(reader, listed)
    waiting = waiting_books(reader, [book.book_id for book in books])
    return [_shelf_book(book, is_waiting=book.book_id in waiting) for book in books]


def _shelf_book(book: BookDetails, *, is_waiting: bool) -> ShelfBook:
    return ShelfBook(
        id=book.book_id,
        title=book.title,
        entry_title=entry_title(title=book.title, series=book.series, series_index=book.series_index),
        authors=", ".join(name for _, name in book.authors),
        place=place_in_series(book.series, book.series_index),
        cover=cover_address(book.book_id, book.cover, size="small"),
        is_waiting=is_waiting,
    )


def place_in_series(series: str, series_index: float | None) -> str:
    if not series or series_index is None:
        return series
    return f"{series}, {volume_number(series_index)}"


def waiting_books(reader: Reader, book_ids: Collection[int]) -> set[int]:
    """Those of these that are on their way to the reader's device."""
    waiting = InboxItem.objects.filter(reader=reader, delivered_at=None, book__in=book_ids)
    return set(waiting.values_list("book_id", flat=True))
