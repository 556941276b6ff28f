"""Questions about the library that more than one place asks."""

from collections.abc import Collection
from dataclasses import dataclass

from django.db.models import Prefetch, QuerySet

from accounts.models import Reader
from accounts.statements import fetch_row, query
from library.models import AUTHOR, Authorship, Book, BookFile

LARGEST_ID = 2**63 - 1  # that a row can have; what a request names may be larger, and a database refuses it

# What a reader may see: of everybody the same for now, and in one place for the day when it is not.
IS_VISIBLE = "library_book.is_active"


def books_visible_to(reader: Reader) -> QuerySet[Book]:
    """The books that this reader may see and that are there. Whatever answers a reader about books starts here."""
    # In step with IS_VISIBLE. That it is asked for each reader is what every caller relies on.
    return Book.objects.filter(is_active=True)


# What devices' requests look at of a book; its description alone may be longer than all of their answers.
OF_DEVICES = ("id", "title", "series_id", "series_index", "book_type", "cover", "is_active", "merged_into_id")


def visible_book(reader: Reader, book_id: int) -> Book | None:
    """One of the books of `books_visible_to`, or None: what every request of a device about a book begins with.

    The id of a book that was merged into another by hand, which older devices go on sending, stands for that one.
    """
    book = fetch_row(Book, f"id = %s AND {IS_VISIBLE}", [book_id], only=OF_DEVICES)
    if book is None and (stands_for := standing_ids([book_id])):
        book = fetch_row(Book, f"id = %s AND {IS_VISIBLE}", [stands_for[book_id]], only=OF_DEVICES)
    return book


def standing_ids(ids: Collection[int]) -> dict[int, int]:
    """For each of these ids whose book was merged into another by hand: the id of the one where it ended up."""
    into: dict[int, int] = {}
    unknown = set(ids)
    while unknown:
        places = ", ".join(["%s"] * len(unknown))
        found = f"SELECT id, merged_into_id FROM library_book WHERE merged_into_id IS NOT NULL AND id IN ({places})"
        step = dict(query(found, [*unknown]))
        into |= step
        unknown = set(step.values()) - into.keys()
    return {book_id: _end_of(into, book_id) for book_id in ids if book_id in into}


def standing_book(book: Book) -> Book:
    """The book, or the one that it was merged into since it was looked up; asked in the reader's turn."""
    stands_for = standing_ids([book.pk])
    return Book.objects.get(pk=stands_for[book.pk]) if stands_for else book


def _end_of(into: dict[int, int], book_id: int) -> int:
    seen = set()
    while book_id in into and book_id not in seen:
        seen.add(book_id)
        book_id = into[book_id]
    return book_id


@dataclass(frozen=True)
class ReadableBook:
    """The book that an id stands for, and whether it is there now."""

    book_id: int
    is_there: bool


def readable_books(reader: Reader, ids: Collection[int]) -> dict[int, ReadableBook]:
    """By id, those of these that are books which the reader may see when they are there.

    What was read of a book counts although its disk is not mounted when the device reports it. An id of a book that was
    merged into another by hand stands for that one.
    """
    if not ids:
        return {}
    rows = _states(ids)
    books = {pk: ReadableBook(pk, bool(is_there)) for pk, is_there, _ in rows}
    if merged := [pk for pk, _, into in rows if into is not None]:
        stands_for = standing_ids(merged)
        ends = {pk: ReadableBook(pk, bool(is_there)) for pk, is_there, _ in _states(set(stands_for.values()))}
        books |= {pk: ends[end] for pk, end in stands_for.items()}
    return books


def _states(ids: Collection[int]) -> list[tuple[int, bool, int | None]]:
    places = ", ".join(["%s"] * len(ids))
    sql = f"SELECT id, {IS_VISIBLE}, merged_into_id FROM library_book WHERE id IN ({places})"
    return [(pk, is_there, into) for pk, is_there, into in query(sql, [*ids])]


def with_details(books: QuerySet[Book]) -> QuerySet[Book]:
    """The same books, with all that `authors_of`, `files_of` and a manifest look at: three queries in all."""
    return books.select_related("series").prefetch_related(
        Prefetch("authorships", Authorship.objects.select_related("author").order_by("place")),
        Prefetch("files", BookFile.objects.filter(is_present=True).order_by("id"), to_attr="present_files"),
    )


def authors_of(book: Book) -> list[str]:
    """The authors' names in their order on the title page, without translators and others who had a part in it."""
    in_order = sorted(book.authorships.all(), key=lambda each: each.place)
    return [authorship.author.name for authorship in in_order if authorship.role == AUTHOR]


def files_of(book: Book) -> list[BookFile]:
    """The files that are there, the oldest first."""
    if hasattr(book, "present_files"):
        return list(book.present_files)
    return list(book.files.filter(is_present=True).order_by("id"))
