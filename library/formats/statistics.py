"""Reads KOReader's `statistics.sqlite3`: the books, and the pages that were looked at, some at a time.

The file comes from anywhere, so this runs in the process for hostile files, and nothing that its schema holds is ever
run: no view, no trigger, no virtual table, no generated column. What it says is checked once more by `books_from` and
`pages_from`, on the other side, as `library.formats.wire` does for books.
"""

import json
import os
import struct
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from library.errors import LibraryError
from library.formats.metadata import clean
from library.formats.wire import text

if TYPE_CHECKING:
    import sqlite3

MAGIC = b"SQLite format 3\0"
MOST_BOOKS = 20_000  # nobody has opened more; whoever imports keeps them all in memory
PAGES_AT_ONCE = 4000  # rows of six numbers: less than half of what an answer may hold
BOOKS_AT_ONCE = 500
BOOKS_TEXT_LIMIT = 300_000  # characters of JSON; a few long titles fill an answer
TEXT_LENGTH = 1000
AUTHORS_LIMIT = 50
NUMBER_LIMIT = 2**53
# Seconds since 1970, in the years 1 to 9999: what lies outside is no time. Milliseconds are none either.
EARLIEST, LATEST = -62_135_500_000, 253_402_000_000
STEPS_BETWEEN_LOOKS = 20_000  # of SQLite's machine: about a millisecond
BOOK_COLUMNS = frozenset({"id", "title", "authors", "series", "md5", "last_open"})
PAGE_COLUMNS = frozenset({"id_book", "page", "start_time", "duration", "total_pages"})
SQLITE_MASTER = "SELECT type, rootpage, sql FROM sqlite_master WHERE name = ? COLLATE NOCASE"
MISSING = ("", "N/A")
DAMAGED = "This database is damaged. Copy it once more while KOReader does not run."


class NotStatistics(LibraryError):
    """The file is no database of KOReader's statistics, or is too damaged to be read."""

    code = "not_statistics"


@dataclass(frozen=True)
class StatisticsBook:
    """A row of `book`; what is missing is empty. `authors` one a line."""

    id: int
    title: str
    authors: str
    series: str
    md5: str  # 32 hex digits in lower case
    last_open: int


@dataclass(frozen=True)
class StatisticsBooks:
    """Some books in the order of their ids; `pages` is how many rows the other table has in all."""

    books: tuple[StatisticsBook, ...]
    pages: int


@dataclass(frozen=True)
class StatisticsPage:
    """A row of `page_stat_data`. A number that is none, or is beyond all measure, is None."""

    row: int
    book: int
    page: int | None
    start: int  # seconds since 1970
    seconds: int | None
    of_pages: int | None


# --- In the process for hostile files ---------------------------------------------------------------------------------


def books_of(path: Path, after: int, seconds: float) -> dict[str, Any]:
    """Books with an id above `after`, as JSON; none where there are no more."""
    with opened(path, seconds) as database:
        [(count,)] = database.execute("SELECT count(*) FROM book").fetchall()
        if count > MOST_BOOKS:
            raise NotStatistics(f"This database lists {count} books; no more than {MOST_BOOKS} can be imported.")
        [(pages,)] = database.execute("SELECT count(*) FROM page_stat_data").fetchall()
        rows = database.execute(
            "SELECT id, title, authors, series, md5, last_open FROM book"
            " WHERE typeof(id) = 'integer' AND id > ? ORDER BY id LIMIT ?",
            [after, BOOKS_AT_ONCE],
        )
        books: list[list[Any]] = []
        length = 0
        for id, *texts, last_open in rows:
            book = [
                id,
                *(each[: 2 * TEXT_LENGTH] if isinstance(each, str) else "" for each in texts),
                number(last_open),
            ]
            length += len(json.dumps(book))
            if books and length > BOOKS_TEXT_LIMIT:
                break
            books.append(book)
        ensure_order([(book[0],) for book in books], (after,))
        return {"books": books, "pages": pages}


def pages_of(path: Path, after: tuple[int, int], seconds: float) -> dict[str, Any]:
    """Pages after the one with this start and row, in the order of these; none where there are no more.

    What has no time, or belongs to no book, is left out.
    """
    start, row = after
    with opened(path, seconds) as database:
        rows = database.execute(
            "SELECT rowid, id_book, page, start_time, duration, total_pages FROM page_stat_data"
            " WHERE start_time >= ? AND start_time <= ? AND (start_time > ? OR rowid > ?)"
            " AND typeof(start_time) = 'integer' AND typeof(id_book) = 'integer'"
            " ORDER BY start_time, rowid LIMIT ?",
            [start, LATEST, start, row, PAGES_AT_ONCE],
        )
        found = [[pk, book, number(page), at, number(took), number(of)] for pk, book, page, at, took, of in rows]
        ensure_order([(at, pk) for pk, _, _, at, _, _ in found], after)
        return {"rows": found}


def ensure_order(keys: Iterable[tuple[int, ...]], after: Sequence[int]) -> None:
    """A damaged index gives rows in any order, some of them twice: whoever went on after the last would never end."""
    last = tuple(after)
    for key in keys:
        if key <= last:
            raise NotStatistics(DAMAGED)
        last = key


def number(value: object) -> int | None:
    """A whole number, from a database that keeps anything in any column."""
    if isinstance(value, float) and -NUMBER_LIMIT < value < NUMBER_LIMIT:
        return int(value)
    return value if isinstance(value, int) and -NUMBER_LIMIT < value < NUMBER_LIMIT else None


@contextmanager
def opened(path: Path, seconds: float) -> "Iterator[sqlite3.Connection]":
    """The database, looked over and ready to be asked; NotStatistics for whatever is wrong with it."""
    import sqlite3

    check_header(path)
    # Immutable: without a lock, a journal or a WAL beside it. A file that was copied out of WAL mode opens so too.
    database = sqlite3.connect(f"file:{quote(os.fspath(path))}?mode=ro&immutable=1", uri=True, isolation_level=None)
    try:
        guard(database, time.monotonic() + seconds)
        check_tables(database)
        yield database
    except sqlite3.Error as error:
        raise NotStatistics(sentence_for(error)) from None
    except UnicodeError:  # in the name of a column
        raise NotStatistics(DAMAGED) from None
    finally:
        database.close()


def check_header(path: Path) -> None:
    """What the first hundred bytes tell without SQLite."""
    with path.open("rb") as file:
        head = file.read(100)
        size = os.fstat(file.fileno()).st_size
    check_beginning(head)
    if len(head) < 100:
        raise NotStatistics("This database is cut off: not even its beginning is complete.")
    page_size = struct.unpack(">H", head[16:18])[0]
    changes, pages, valid_for = struct.unpack(">I", head[24:28])[0], *struct.unpack(">I60xI", head[28:96])
    whole = (65536 if page_size == 1 else page_size) * pages
    if changes == valid_for and size < whole:
        raise NotStatistics(f"This database is cut off: of its {whole} bytes {size} are there. Copy it once more.")


def check_beginning(head: bytes) -> None:
    """NotStatistics if a file that begins so is no SQLite database; parses nothing."""
    if not head:
        raise NotStatistics("This file is empty.")
    if not head.startswith(MAGIC):
        raise NotStatistics("This is no SQLite database, or an encrypted one; KOReader's is called statistics.sqlite3.")


def guard(database: "sqlite3.Connection", until: float) -> None:
    """Have SQLite take nothing in the file for granted, use little memory, and end at a certain time."""
    import sqlite3

    for limit, value in (
        (sqlite3.SQLITE_LIMIT_LENGTH, 1_000_000),
        (sqlite3.SQLITE_LIMIT_SQL_LENGTH, 100_000),
        (sqlite3.SQLITE_LIMIT_COLUMN, 100),
        (sqlite3.SQLITE_LIMIT_EXPR_DEPTH, 50),
        (sqlite3.SQLITE_LIMIT_ATTACHED, 0),
        (sqlite3.SQLITE_LIMIT_TRIGGER_DEPTH, 1),
        (sqlite3.SQLITE_LIMIT_WORKER_THREADS, 0),
    ):
        database.setlimit(limit, value)
    for pragma in (
        *("trusted_schema = OFF", "cell_size_check = ON", "query_only = ON", "temp_store = MEMORY", "mmap_size = 0"),
        "cache_size = -4000",
    ):
        database.execute(f"PRAGMA {pragma}")
    database.text_factory = lambda raw: raw.decode("utf-8", "replace")
    database.set_progress_handler(lambda: time.monotonic() > until, STEPS_BETWEEN_LOOKS)


def check_tables(database: "sqlite3.Connection") -> None:
    """Are the two tables real ones, with the columns that they should have, each of them stored and not computed?"""
    if is_old(database):
        raise NotStatistics(
            "This database was written by a KOReader from before 2020: open its statistics once in a newer one, which"
            " converts it, and copy it then."
        )
    for table, wanted in (("book", BOOK_COLUMNS), ("page_stat_data", PAGE_COLUMNS)):
        kinds = database.execute(SQLITE_MASTER, [table]).fetchall()
        if not any(kind == "table" for kind, _, _ in kinds):
            raise NotStatistics(f"This database is not KOReader's statistics: it has no table {table}.")
        if any(kind != "table" or not root or "VIRTUAL" in (sql or "").upper() for kind, root, sql in kinds):
            raise NotStatistics(f"This database is not KOReader's statistics: its {table} is no plain table.")
        columns = database.execute(f"PRAGMA table_xinfo({table})").fetchall()
        if any(hidden for *_, hidden in columns):
            raise NotStatistics(f"This database is not KOReader's statistics: its {table} computes columns.")
        if missing := sorted(wanted - {name.lower() for _, name, *_ in columns}):
            raise NotStatistics(f"This database is not KOReader's statistics: {table} lacks {', '.join(missing)}.")


def is_old(database: "sqlite3.Connection") -> bool:
    """Does it keep its pages without the count of pages, as KOReader did before it had `page_stat_data`?"""
    old = any(kind == "table" for kind, _, _ in database.execute(SQLITE_MASTER, ["page_stat"]))
    return old and not database.execute(SQLITE_MASTER, ["page_stat_data"]).fetchall()


def sentence_for(error: "sqlite3.Error") -> str:
    said = str(error).lower()
    if "interrupted" in said:
        return "This database takes too long to be read."
    if "not a database" in said:
        return "This is no SQLite database, or an encrypted one; KOReader's is called statistics.sqlite3."
    return DAMAGED


# --- On the other side ------------------------------------------------------------------------------------------------


def books_from(said: dict[str, Any], after: int) -> StatisticsBooks:
    """What `books_of` said; ValueError, TypeError or LookupError for anything that cannot be it.

    Or that does not go on after `after`.
    """
    found = StatisticsBooks(
        tuple(
            StatisticsBook(
                id=whole(id),
                title=present(clean(text(title), TEXT_LENGTH)),
                authors=authors_from(text(authors)),
                series=present(clean(text(series), TEXT_LENGTH)),
                md5=md5_from(text(md5)),
                last_open=0 if last_open is None else whole(last_open),
            )
            for id, title, authors, series, md5, last_open in listed(said["books"], BOOKS_AT_ONCE)
        ),
        pages=whole(said["pages"]),
    )
    for book in found.books:
        if book.id <= after:
            raise ValueError("books out of their order")
        after = book.id
    return found


def pages_from(said: dict[str, Any], after: tuple[int, int]) -> tuple[StatisticsPage, ...]:
    """What `pages_of` said; raises as `books_from` does."""
    pages = tuple(
        StatisticsPage(whole(row), whole(book), maybe(page), whole(start), maybe(seconds), maybe(of_pages))
        for row, book, page, start, seconds, of_pages in listed(said["rows"], PAGES_AT_ONCE)
    )
    for page in pages:
        if (page.start, page.row) <= after or not EARLIEST <= page.start <= LATEST:
            raise ValueError("pages out of their order")
        after = (page.start, page.row)
    return pages


def authors_from(names: str) -> str:
    lines = (present(clean(line, TEXT_LENGTH)) for line in names.splitlines()[:AUTHORS_LIMIT])
    return "\n".join(filter(None, lines))[:TEXT_LENGTH]


def md5_from(said: str) -> str:
    said = said.strip("\0 ").lower()
    return said if len(said) == 32 and set(said) <= set("0123456789abcdef") else ""


def present(said: str) -> str:
    return "" if said.upper() in MISSING else said


def listed(value: object, limit: int) -> list[Any]:
    if not isinstance(value, list) or len(value) > limit:
        raise TypeError("no list, or too long a one")
    return value


def maybe(value: object) -> int | None:
    return None if value is None else whole(value)


def whole(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not -(2**63) <= value < 2**63:
        raise TypeError("not a whole number")
    return value


QUESTIONS: dict[str, Callable[[Path, Any, float], dict[str, Any]]] = {"books": books_of, "pages": pages_of}
