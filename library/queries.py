"""Questions about the library that more than one place asks."""

from collections.abc import Collection

from django.db.models import Prefetch, QuerySet

from accounts.models import Reader
from accounts.statements import fetch_row, query
from library.models import Authorship, Book, BookFile

# What a reader may see: of everybody the same for now, and in one place for the day when it is not.
IS_VISIBLE = "library_book.is_active"


def books_visible_to(reader: Reader) -> QuerySet[Book]:
    """The books that this reader may see and that are there. Whatever answers a reader about books starts here."""
    # In step with IS_VISIBLE. That it is asked for each reader is what every caller relies on.
    return Book.objects.filter(is_active=True)


def visible_book(reader: Reader, book_id: int) -> Book | None:
    """One of the books of `books_visible_to`, or None: what every request of a device about a book begins with."""
    return fetch_row(Book, f"id = %s AND {IS_VISIBLE}", [book_id])


def readable_books(reader: Reader, ids: Collection[int]) -> dict[int, bool]:
    """Which of these ids are books that the reader may see when they are there, and whether each is there now.

    What was read of a book counts although its disk is not mounted when the device reports it.
    """
    if not ids:
        return {}
    places = ", ".join(["%s"] * len(ids))
    rows = query(f"SELECT id, {IS_VISIBLE} FROM library_book WHERE id IN ({places})", list(ids))
    return {pk: bool(is_there) for pk, is_there in rows}


def with_details(books: QuerySet[Book]) -> QuerySet[Book]:
    """The same books, with all that `authors_of`, `files_of` and a manifest look at: three queries in all."""
    return books.select_related("series").prefetch_related(
        Prefetch("authorships", Authorship.objects.select_related("author").order_by("place")),
        Prefetch("files", BookFile.objects.filter(is_present=True).order_by("id"), to_attr="present_files"),
    )


def authors_of(book: Book) -> list[str]:
    """The names in their order on the title page."""
    return [authorship.author.name for authorship in sorted(book.authorships.all(), key=lambda each: each.place)]


def files_of(book: Book) -> list[BookFile]:
    """The files that are there, the oldest first."""
    if hasattr(book, "present_files"):
        return list(book.present_files)
    return list(book.files.filter(is_present=True).order_by("id"))
