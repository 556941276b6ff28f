"""Makes databases as KOReader's statistics plugin keeps them, and such as it never would."""

import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import Any

# What Tome reads of KOReader's tables, with the rest of their columns.
BOOK = """CREATE TABLE book (id integer PRIMARY KEY autoincrement, title text, authors text, notes integer,
    last_open integer, highlights integer, pages integer, series text, language text, md5 text,
    total_read_time integer, total_read_pages integer)"""
PAGES = """CREATE TABLE page_stat_data (id_book integer, page integer NOT NULL DEFAULT 0,
    start_time integer NOT NULL DEFAULT 0, duration integer NOT NULL DEFAULT 0, total_pages integer NOT NULL DEFAULT 0,
    UNIQUE (id_book, page, start_time), FOREIGN KEY(id_book) REFERENCES book(id))"""
INDEX = "CREATE INDEX page_stat_data_start_time ON page_stat_data(start_time)"
VIEW = "CREATE VIEW page_stat AS SELECT id_book, page, start_time, duration FROM page_stat_data"
SCHEMA = (BOOK, PAGES, INDEX, VIEW)

MD5 = "9336eb2f430a0d0e71dd0882eb74d27c"
OTHER_MD5 = "02d007c77416879977dce44c4dc3c2ac"
NEW_YEAR = 1_704_067_200  # 2024-01-01, midnight UTC

Row = tuple[Any, Any, Any, Any, Any]  # book, page, start, seconds, pages in all


def make_statistics(
    path: Path,
    *,
    books: Iterable[dict[str, Any]] = ({"id": 1, "title": "Emma", "authors": "Jane Austen", "md5": MD5},),
    rows: Iterable[Row] = (),
    schema: Iterable[str] = SCHEMA,
    in_wal_mode: bool = False,
) -> Path:
    """A database with these books and pages; what a book does not say is N/A, as KOReader writes it."""
    path.unlink(missing_ok=True)
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        if in_wal_mode:
            database.execute("PRAGMA journal_mode=WAL")
        for statement in schema:
            database.execute(statement)
        database.execute("BEGIN")
        for book in books:
            stated = {"authors": "N/A", "series": "N/A", "md5": None, "last_open": NEW_YEAR} | book
            marks = ", ".join("?" * len(stated))
            database.execute(f"INSERT INTO book ({', '.join(stated)}) VALUES ({marks})", [*stated.values()])
        for row in rows:
            database.execute("INSERT INTO page_stat_data VALUES (?, ?, ?, ?, ?)", row)
        database.execute("COMMIT")
    return path


def reading(
    start: int, pages: int, *, seconds: int = 60, book: int = 1, first: int = 1, of_pages: int = 300
) -> list[Row]:
    """So many pages read one after the other without a pause."""
    return [(book, first + n, start + n * seconds, seconds, of_pages) for n in range(pages)]
