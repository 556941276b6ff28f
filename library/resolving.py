"""Which of the books that a reader may see is this file? `matching` decides; this module brings it the candidates.

A device asks whenever it opens a book, so the queries are written out: see `accounts.statements`.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import DEFAULT_DB_ALIAS

from accounts.models import Reader
from accounts.statements import query
from library.models import Book, Series
from library.queries import IS_VISIBLE
from matching.deciding import (
    RULES_BEFORE_NAMES,
    RULES_BEFORE_TITLES,
    Candidate,
    Clue,
    FileEvidence,
    Link,
    Verdict,
    decide,
)
from matching.names import is_book_name

# Indexed lookups, but a hostile or sloppy library may hold a thousand books called "Untitled": more than this many of
# one name cannot be told apart by any rule, and nobody chooses from a longer list.
CANDIDATES_LIMIT = 50
OFFERS_LIMIT = 20

BOOK_FIELDS = ("id", "title", "title_key", "language", "series_id", "series_index", "book_type", "cover", "is_active")
_BOOK = ", ".join(f"library_book.{name}" for name in BOOK_FIELDS) + ", library_series.name"
_WITH_SERIES = "LEFT JOIN library_series ON library_series.id = library_book.series_id"
_LAST = f"AND {IS_VISIBLE} ORDER BY library_book.id LIMIT {CANDIDATES_LIMIT}"

BY_HASH = f"""
    SELECT {_BOOK}, library_bookfile.name_key, library_filehash.size
    FROM library_filehash
    JOIN library_bookfile ON library_bookfile.id = library_filehash.file_id
    JOIN library_book ON library_book.id = library_bookfile.book_id {_WITH_SERIES}
    WHERE library_filehash.ko_md5 = %s {_LAST}"""
BY_NAME = f"""
    SELECT {_BOOK}
    FROM library_bookfile
    JOIN library_book ON library_book.id = library_bookfile.book_id {_WITH_SERIES}
    WHERE library_bookfile.name_key = %s {_LAST}"""
BY_TITLE = f"SELECT {_BOOK} FROM library_book {_WITH_SERIES} WHERE library_book.title_key IN ({{}}) {_LAST}"
BY_ID = f"SELECT {_BOOK} FROM library_book {_WITH_SERIES} WHERE library_book.id IN ({{}}) {_LAST}"
_LINKS = "SELECT book_id, name_key, ko_md5, size FROM library_filelink WHERE reader_id = %s"
LINKS_OF_NAME = f"{_LINKS} AND name_key = %s AND ko_md5 = ''"
LINKS_OF_HASH = f"{_LINKS} AND ko_md5 = %s"
AUTHORS = """
    SELECT library_authorship.book_id, library_author.name
    FROM library_authorship
    JOIN library_author ON library_author.id = library_authorship.author_id
    WHERE library_authorship.book_id IN ({}) ORDER BY library_authorship.place"""


@dataclass(frozen=True)
class CandidateAnswer:
    """A book offered to choose from; what it lacks is None."""

    book_id: int
    title: str
    author: str | None
    series: str | None
    series_index: float | None
    reason: str


@dataclass(frozen=True)
class Resolution:
    """One book with the method and a confidence from 0 to 1, or none with candidates, the likeliest first."""

    book: Book | None
    method: str
    confidence: float
    reason: str
    candidates: list[CandidateAnswer]


def resolve(reader: Reader, clue: Clue) -> Resolution:
    """The book that this file is, by the rules of `matching.deciding`; two queries where the hash decides."""
    if not is_book_name(clue.filename):
        return answer(decide(clue, ()), {})
    found = Found()
    links = links_of(reader, clue)
    if clue.ko_md5:
        for *row, name_key, size in query(BY_HASH, [clue.ko_md5]):
            found.add(row, FileEvidence(name_key, clue.ko_md5, size))
    if linked := {link.book_id for link in links if link.book_id is not None} - found.books.keys():
        found.add_all(query(listing(BY_ID, linked), [*linked]))
    verdict = decide(clue, found.candidates(), links, rules=RULES_BEFORE_NAMES)
    # Each lookup only where nothing better decided, and authors only for those among whom they may decide.
    if verdict.method == "none":
        for named in query(BY_NAME, [clue.name_key]):
            found.add(named, FileEvidence(clue.name_key, "", 0))
        verdict = decide(clue, found.candidates(), links, rules=RULES_BEFORE_TITLES)
    if verdict.method == "none":
        if keys := sorted(clue.title_keys):
            found.add_all(query(listing(BY_TITLE, keys), keys))
        if found.books:
            found.add_authors()
            verdict = decide(clue, found.candidates(), links)
    return answer(verdict, found.books)


def listing(sql: str, values: Collection[Any]) -> str:
    """The statement with a place for each value of its list."""
    return sql.format(", ".join(["%s"] * len(values)))


def links_of(reader: Reader, clue: Clue) -> list[Link]:
    sql, values = LINKS_OF_NAME, [reader.pk, clue.name_key]
    if clue.ko_md5:
        sql, values = f"{sql} UNION ALL {LINKS_OF_HASH}", [*values, reader.pk, clue.ko_md5]
    return [Link(book_id, name_key, ko_md5, size) for book_id, name_key, ko_md5, size in query(sql, values)]


class Found:
    """The books that were looked up so far, with what speaks for each."""

    def __init__(self) -> None:
        self.books: dict[int, Book] = {}
        self._files: dict[int, list[FileEvidence]] = {}
        self._authors: dict[int, list[str]] = {}

    def add(self, row: Sequence[Any], *evidence: FileEvidence) -> None:
        """Take in a row of BOOK_FIELDS and the series' name."""
        *values, series_name = row
        pk = values[0]
        if pk not in self.books:
            self.books[pk] = book = Book.from_db(DEFAULT_DB_ALIAS, BOOK_FIELDS, values)
            book.series = Series(pk=book.series_id, name=series_name) if book.series_id is not None else None
        self._files.setdefault(pk, []).extend(evidence)

    def add_all(self, rows: Iterable[Sequence[Any]]) -> None:
        for row in rows:
            self.add(row)

    def add_authors(self) -> None:
        for book_id, name in query(listing(AUTHORS, self.books), [*self.books]):
            self._authors.setdefault(book_id, []).append(name)

    def candidates(self) -> list[Candidate]:
        return [
            Candidate(
                book_id=pk,
                title=book.title,
                authors=tuple(self._authors.get(pk, ())),
                series=book.series.name if book.series else "",
                series_index=book.series_index,
                files=tuple(self._files[pk]),
            )
            for pk, book in self.books.items()
        ]


def answer(verdict: Verdict, books: dict[int, Book]) -> Resolution:
    return Resolution(
        book=books[verdict.book_id] if verdict.book_id is not None else None,
        method=verdict.method,
        confidence=verdict.confidence,
        reason=verdict.reason,
        candidates=[
            CandidateAnswer(
                book_id=offer.candidate.book_id,
                title=offer.candidate.title,
                author=", ".join(offer.candidate.authors) or None,
                series=offer.candidate.series or None,
                series_index=offer.candidate.series_index,
                reason=offer.reason,
            )
            for offer in verdict.offers[:OFFERS_LIMIT]
        ],
    )
