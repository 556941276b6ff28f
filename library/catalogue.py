"""The library as people browse it, in pages. Web pages and OPDS feeds ask the same questions here."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import DEFAULT_DB_ALIAS
from django.db.models import Exists, F, OuterRef, QuerySet

from accounts.models import Reader
from accounts.statements import query, utc
from library.models import AUTHOR, Author, Authorship, Book, BookType, Manifest, Series, StaleManifest
from library.paging import InvalidCursor, Page, latest_first, moment_cursor, page_of, read_cursor
from library.queries import IS_VISIBLE, books_visible_to
from matching.names import folded_words

ENTRIES = 30  # of a page
# What "all that begin with" can be asked for; digits are one of them, and all letters behind z another.
INITIALS = ("0", *"abcdefghijklmnopqrstuvwxyz", "…")
BEHIND_Z = "z" * 30  # sorts behind all Latin words and before those of other scripts, by bytes and in any language
SEARCH_WORDS = 12  # the rest of a longer search is ignored
DESCRIPTION_SHOWN = 2000  # characters of a description that a list has; thirty whole ones would be a book themselves


@dataclass(frozen=True)
class Listed:
    """A book of a page: enough to say whether the page is still the same. `details_of` has the rest."""

    book_id: int
    changed_at: datetime


@dataclass(slots=True)
class FileDetails:
    """A file that is there; `pages` only of a comic whose file states them."""

    file_id: int
    format: str
    size: int  # in bytes
    sha256: str
    ko_md5: str
    pages: int | None


@dataclass(slots=True)
class BookDetails:
    """What a catalogue's entry says of a book; its description may be cut. Authors are (id, name), in their order."""

    book_id: int
    title: str
    language: str
    description: str
    publisher: str
    published: str
    subjects: list[str]
    book_type: str
    pages: int | None
    cover: str
    added_at: datetime
    changed_at: datetime
    series_id: int | None
    series: str
    series_index: float | None
    authors: list[tuple[int, str]] = field(default_factory=list)
    files: list[FileDetails] = field(default_factory=list)


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
    books = latest_first(books_visible_to(reader), "added_at", after=after)
    rows = list(books.values_list("pk", "changed_at", "added_at")[: entries + 1])
    return page_of(rows, entries, _listed, lambda row: moment_cursor(row[0], row[2]))


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
    # Languages without spaces between words are looked through at every place. No word has a character of LIKE's own.
    values: list[Any] = [f"% {word}%" if word.isascii() else f"%{word}%" for word in words]
    sql = _FIND + " AND words LIKE %s" * len(words)
    if after:
        sql, values = sql + _BEHIND.format(table="library_book"), [*values, *_behind(after)]
    rows = query(f"{sql} ORDER BY library_book.sort_key, library_book.id LIMIT %s", [*values, entries + 1])
    return page_of(rows, entries, lambda row: Listed(row[0], utc(row[1])), lambda row: f"{row[0]}~{row[2]}")


# The words first and the books of those found: SQLite, asked with the ORM's JOIN, looks up the words of each book in
# the order of titles, which takes six times as long where few are found. A CROSS JOIN it takes in the order written.
_FIND = (
    "SELECT library_book.id, library_book.changed_at, library_book.sort_key"
    " FROM library_booktext CROSS JOIN library_book"
    f" WHERE library_book.id = library_booktext.book_id AND {IS_VISIBLE}"
)


def series_by_name(reader: Reader, *, initial: str = "", after: str = "", entries: int = ENTRIES) -> Page[Manifest]:
    """The series, each as its manifest has it, with the cover of its first book."""
    sql: str = _SERIES
    values: list[Any] = []
    if initial:
        start, end = _span(initial)
        sql, values = f"{sql} AND library_manifest.sort_key >= %s", [start]
        if end:
            sql, values = f"{sql} AND library_manifest.sort_key < %s", [start, end]
    if after:
        sql, values = sql + _BEHIND.format(table="library_manifest"), [*values, *_behind(after)]
    rows = query(f"{sql} ORDER BY library_manifest.sort_key, library_manifest.id LIMIT %s", [*values, entries + 1])
    return page_of([_manifest(row) for row in rows], entries, lambda row: row, lambda row: f"{row.pk}~{row.sort_key}")


# Both rows' text made once: put together anew, it takes longer than the database.
_OF_SERIES = ("id", "series_id", "name", "sort_key", "author", "book_type", "book_count", "first_book_id", "changed_at")
_SERIES = (
    f"SELECT {', '.join(f'library_manifest.{name}' for name in _OF_SERIES)}, library_book.cover"
    " FROM library_manifest CROSS JOIN library_book"
    f" WHERE library_book.id = library_manifest.first_book_id AND {IS_VISIBLE}"
)


def _manifest(row: Sequence[Any]) -> Manifest:
    manifest = Manifest.from_db(DEFAULT_DB_ALIAS, _OF_SERIES, [*row[:-2], utc(row[-2])])
    manifest.first_book = Book.from_db(DEFAULT_DB_ALIAS, ("id", "cover"), [manifest.first_book_id, row[-1]])
    return manifest


def authors_by_name(reader: Reader, *, initial: str = "", after: str = "", entries: int = ENTRIES) -> Page[Author]:
    """Those who wrote a book that is there."""
    # One book after another, and not `book__in`: SQLite would first list all that the reader may see.
    there = Exists(books_visible_to(reader).filter(pk=OuterRef("book")))
    wrote = Authorship.objects.filter(there, author=OuterRef("pk"), role=AUTHOR)
    return _by_key(_beginning(Author.objects.filter(Exists(wrote)), initial), after, entries, row_of=None)


def book_types(reader: Reader) -> list[BookType]:
    """The types of which there is a book."""
    # Ordered as the index is, so that it is used whatever the database believes of how rare a type is.
    first = f"(SELECT id FROM library_book WHERE {IS_VISIBLE} AND book_type = %s ORDER BY sort_key, id LIMIT 1)"
    [found] = query(f"SELECT {', '.join([first] * len(BookType))}", list(BookType.values))
    return [each for each, book_id in zip(BookType, found, strict=True) if book_id is not None]


def changed_at(reader: Reader) -> datetime | None:
    """When anything that a catalogue shows of any book last changed; None in a library that never had one.

    Of those that are gone, too: that a book left is a change of the lists it was in.
    """
    rows = query("SELECT changed_at FROM library_book ORDER BY changed_at DESC LIMIT 1", [])
    return utc(rows[0][0]) if rows else None


def is_series_list_stale() -> bool:
    """Are there series whose manifests, which `series_by_name` reads, are still behind their books?"""
    return bool(query(f"SELECT 1 FROM {StaleManifest._meta.db_table} LIMIT 1", []))


def listed_from_ids(reader: Reader, ids: Sequence[int]) -> list[Listed]:
    """Books that another list names, in its order; without those that the reader may not see."""
    found = dict(books_visible_to(reader).filter(pk__in=ids).values_list("pk", "changed_at"))
    return [Listed(book_id, found[book_id]) for book_id in ids if book_id in found]


def details_of(reader: Reader, listed: Sequence[Listed]) -> list[BookDetails]:
    """These books as entries of a catalogue, in the same order; without those that went in the meantime.

    In three statements whose text is made once: the same through models costs five times as much.
    """
    if not listed:
        return []
    ids = [each.book_id for each in listed]
    places = ", ".join(["%s"] * len(ids))
    books = {row[0]: _details(row) for row in query(_BOOKS.format(places=places), ids)}
    for book_id, author_id, name in query(_AUTHORS.format(places=places), [*ids, AUTHOR]):
        if book_id in books:
            books[book_id].authors.append((author_id, name))
    for book_id, file_id, format, size, sha256, ko_md5, stated in query(_FILES.format(places=places), ids):
        if book_id in books:
            pages = json.loads(stated).get("pages") if stated else None
            books[book_id].files.append(FileDetails(file_id, format, size, sha256, ko_md5, pages or None))
    return [books[book_id] for book_id in ids if book_id in books]


_BOOKS = (
    "SELECT library_book.id, title, language, SUBSTR(description, 1, "
    f"{DESCRIPTION_SHOWN + 1}), publisher, published, subjects, book_type, pages, cover, added_at, changed_at,"
    " series_id, COALESCE(library_series.name, ''), series_index"
    " FROM library_book LEFT JOIN library_series ON library_series.id = series_id"
    f" WHERE library_book.id IN ({{places}}) AND {IS_VISIBLE}"
)
_AUTHORS = (
    "SELECT book_id, author_id, name FROM library_authorship JOIN library_author ON library_author.id = author_id"
    " WHERE book_id IN ({places}) AND role = %s ORDER BY place"
)
_FILES = (
    "SELECT book_id, id, format, size, sha256, ko_md5, CASE WHEN format IN ('cbz', 'cbr') THEN stated END"
    " FROM library_bookfile WHERE book_id IN ({places}) AND is_present ORDER BY id"
)


def _details(row: Sequence[Any]) -> BookDetails:
    book = BookDetails(*row)
    if len(book.description) > DESCRIPTION_SHOWN:
        book.description = book.description[:DESCRIPTION_SHOWN] + "…"
    book.subjects = json.loads(row[6])
    book.added_at, book.changed_at = utc(book.added_at), utc(book.changed_at)
    return book


def _beginning(rows: QuerySet[Any], initial: str) -> QuerySet[Any]:
    if not initial:
        return rows
    start, end = _span(initial)
    rows = rows.filter(sort_key__gte=start)
    return rows.filter(sort_key__lt=end) if end else rows


def _span(initial: str) -> tuple[str, str]:
    """Where the keys of an initial begin and, if anywhere, end; InvalidCursor for one that there is not."""
    if initial not in INITIALS:
        raise InvalidCursor(f"{initial} is no beginning; there are {', '.join(INITIALS)}.")
    # Whatever a database's collation puts between digits, letters and other scripts, keys have no such characters.
    if initial == INITIALS[-1]:
        return BEHIND_Z, ""
    return initial, {"0": "a", "z": BEHIND_Z}.get(initial) or chr(ord(initial) + 1)


# So written, an index is entered at its key; an OR of the two cases would be looked for from the beginning.
_BEHIND = " AND {table}.sort_key >= %s AND NOT ({table}.sort_key = %s AND {table}.id <= %s)"


def _behind(after: str) -> list[Any]:
    """The values of `_BEHIND`."""
    key, pk = read_cursor(after)
    return [key, key, pk]


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
        key, pk = read_cursor(after)
        rows = rows.filter(sort_key__gte=key).exclude(sort_key=key, pk__lte=pk)
    if row_of is None:
        found = list(rows[: entries + 1])
        return page_of(found, entries, lambda row: row, lambda row: f"{row.pk}~{row.sort_key}")
    values = list(rows.values_list("pk", "changed_at", "sort_key")[: entries + 1])
    return page_of(values, entries, row_of, lambda row: f"{row[0]}~{row[2]}")


def _by_count(books: QuerySet[Book], after: str, entries: int) -> Page[Listed]:
    """A page of a list that is never long, found by counting."""
    start = read_cursor(after)[1] if after else 0
    values = list(books.values_list("pk", "changed_at")[start : start + entries + 1])
    return page_of(values, entries, _listed, lambda row: f"{start + entries}~")
