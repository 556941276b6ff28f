"""The library as people browse it: in pages, whatever its size. Web pages and OPDS feeds ask the same questions here.

A page is found by its keys and never by counting up to it, so that the last one costs what the first does. Where it
goes on is said by a short text, the cursor, which clients hand back.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar

from django.db.models import Exists, F, OuterRef, QuerySet

from accounts.models import Reader
from library.errors import LibraryError
from library.models import AUTHOR, Author, Authorship, Book, BookType, Manifest, Series
from library.queries import books_visible_to, with_details
from matching.names import folded_words

ENTRIES = 30  # of a page
# What "all that begin with" can be asked for; digits are one of them, and all letters behind z another.
INITIALS = ("0", *"abcdefghijklmnopqrstuvwxyz", "…")
SEARCH_WORDS = 12  # the rest of a longer search is ignored

Item = TypeVar("Item")


class InvalidCursor(LibraryError):
    """Where a page is to go on cannot be read; the sentence says so."""

    code = "invalid_cursor"


@dataclass(frozen=True)
class Page(Generic[Item]):
    """Some of a long list; `next` is the cursor of what follows, empty at the end."""

    items: Sequence[Item]
    next: str


@dataclass(frozen=True)
class Listed:
    """A book of a page: enough to say whether the page is still the same. `listed_books` has the rest."""

    book_id: int
    changed_at: datetime


def books_by_title(
    reader: Reader, *, book_type: str = "", initial: str = "", after: str = "", entries: int = ENTRIES
) -> Page[Listed]:
    """All books, or those of a type, by sort title; `initial` is one of `INITIALS`."""
    books = books_visible_to(reader)
    if book_type:
        books = books.filter(book_type=book_type)
    return _by_key(_beginning(books, initial), after, entries)


def newest_books(reader: Reader, *, after: str = "", entries: int = ENTRIES) -> Page[Listed]:
    """All books, the last added first."""
    books = books_visible_to(reader).order_by("-added_at", "-pk")
    if after:
        last, pk = _cursor(after)
        try:
            added_at = datetime.fromtimestamp(int(last) / 1_000_000, UTC)
        except (ValueError, OverflowError, OSError):
            raise _unreadable(after) from None
        books = books.filter(added_at__lte=added_at).exclude(added_at=added_at, pk__gte=pk)
    rows = list(books.values_list("pk", "changed_at", "added_at")[: entries + 1])
    return _page(rows, entries, _listed, lambda row: f"{row[0]}~{_microseconds(row[2])}")


def books_of_series(reader: Reader, series: Series, *, after: str = "", entries: int = ENTRIES) -> Page[Listed]:
    """A series' books by their place in it, those without one last."""
    books = books_visible_to(reader).filter(series=series)
    return _by_count(books.order_by(F("series_index").asc(nulls_last=True), "sort_key", "pk"), after, entries)


def books_of_author(reader: Reader, author: Author, *, after: str = "", entries: int = ENTRIES) -> Page[Listed]:
    """What somebody wrote, by sort title."""
    wrote = Authorship.objects.filter(author=author, role=AUTHOR).values("book")
    return _by_count(books_visible_to(reader).filter(pk__in=wrote).order_by("sort_key", "pk"), after, entries)


def search_books(reader: Reader, text: str, *, after: str = "", entries: int = ENTRIES) -> Page[Listed]:
    """The books of whose title, authors and series each word of `text` is the beginning of a word."""
    words = folded_words(text)[:SEARCH_WORDS]
    if not words:
        return Page([], "")
    books = books_visible_to(reader)
    for word in words:
        # Languages without spaces between words are looked through at every place.
        books = books.filter(text__words__contains=f" {word}" if word.isascii() else word)
    return _by_key(books, after, entries)


def series_by_name(reader: Reader, *, initial: str = "", after: str = "", entries: int = ENTRIES) -> Page[Manifest]:
    """The series, each as its manifest has it, with its first book."""
    series = Manifest.objects.filter(first_book__in=books_visible_to(reader)).select_related("first_book")
    series = series.defer("body", "choices", "first_book__description", "first_book__edits", "first_book__subjects")
    return _by_key(_beginning(series, initial), after, entries, row_of=None)


def authors_by_name(reader: Reader, *, initial: str = "", after: str = "", entries: int = ENTRIES) -> Page[Author]:
    """Those who wrote a book that is there."""
    wrote = Authorship.objects.filter(author=OuterRef("pk"), role=AUTHOR, book__in=books_visible_to(reader))
    return _by_key(_beginning(Author.objects.filter(Exists(wrote)), initial), after, entries, row_of=None)


def book_types(reader: Reader) -> list[BookType]:
    """The types of which there is a book."""
    return [each for each in BookType if books_visible_to(reader).filter(book_type=each).exists()]


def listed_books(reader: Reader, listed: Sequence[Listed]) -> list[Book]:
    """These books with their details, in the same order; without those that went in the meantime."""
    books = with_details(books_visible_to(reader).filter(pk__in=[each.book_id for each in listed]))
    found = {book.pk: book for book in books.defer("edits")}
    return [found[each.book_id] for each in listed if each.book_id in found]


def _beginning(rows: QuerySet[Any], initial: str) -> QuerySet[Any]:
    if not initial:
        return rows
    if initial not in INITIALS:
        raise InvalidCursor(f"{initial} is no beginning; there are {', '.join(INITIALS)}.")
    if initial == INITIALS[-1]:
        return rows.filter(sort_key__gte="{")  # what follows z
    return rows.filter(sort_key__gte=initial, sort_key__lt=":" if initial == "0" else chr(ord(initial) + 1))


def _listed(row: Sequence[Any]) -> Listed:
    return Listed(row[0], row[1])


def _by_key(
    rows: QuerySet[Any],
    after: str,
    entries: int,
    row_of: Callable[[Sequence[Any]], Any] | None = _listed,
) -> Page[Any]:
    """A page in the order of `sort_key`: of `Listed` books, or of the rows themselves where `row_of` is None."""
    rows = rows.order_by("sort_key", "pk")
    if after:
        key, pk = _cursor(after)
        # So written, an index is entered at its key; an OR of the two cases would be looked for from the beginning.
        rows = rows.filter(sort_key__gte=key).exclude(sort_key=key, pk__lte=pk)
    if row_of is None:
        found = list(rows[: entries + 1])
        return _page(found, entries, lambda row: row, lambda row: f"{row.pk}~{row.sort_key}")
    values = list(rows.values_list("pk", "changed_at", "sort_key")[: entries + 1])
    return _page(values, entries, row_of, lambda row: f"{row[0]}~{row[2]}")


def _by_count(books: QuerySet[Book], after: str, entries: int) -> Page[Listed]:
    """A page of a list that is never long, found by counting."""
    start = _cursor(after)[1] if after else 0
    values = list(books.values_list("pk", "changed_at")[start : start + entries + 1])
    return _page(values, entries, _listed, lambda row: f"{start + entries}~")


def _page(rows: list[Any], entries: int, row_of: Callable[[Any], Any], cursor_of: Callable[[Any], str]) -> Page[Any]:
    shown = rows[:entries]
    return Page([row_of(row) for row in shown], cursor_of(shown[-1]) if len(rows) > entries else "")


def _cursor(text: str) -> tuple[str, int]:
    found = re.fullmatch(r"([0-9]{1,18})~(.{0,400})", text, re.DOTALL)
    if found is None or "\0" in text:
        raise _unreadable(text)
    return found[2], int(found[1])


def _unreadable(text: str) -> InvalidCursor:
    return InvalidCursor("This address of a further page cannot be read; begin at the first page.")


def _microseconds(instant: datetime) -> int:
    return int((instant - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds() * 1_000_000 + 0.5)
