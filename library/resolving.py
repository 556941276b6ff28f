"""Which of the books that a reader may see is this file? `matching` decides; this module brings it the candidates.

A device asks whenever it opens a book, so the queries are written out: see `accounts.statements`. They go from what
decides most surely to what decides least, each only where nothing before it did: links and hash, the base name, the
keys of the name and of the document's title, and at last the keys under which books are only offered.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from django.db import DEFAULT_DB_ALIAS

from accounts.models import Reader
from accounts.statements import query
from library.models import Book, Series
from library.queries import IS_VISIBLE, standing_ids
from matching.deciding import (
    NOTHING,
    RULES_BEFORE_NAMES,
    RULES_BEFORE_TITLES,
    Candidate,
    Clue,
    FileEvidence,
    Link,
    Verdict,
    decide,
)
from matching.keys import keys_of_clue, keys_of_own_titles
from matching.names import is_book_name

# Indexed lookups, but a hostile or sloppy library may hold a thousand books called "Untitled": more than this many of
# one name cannot be told apart by any rule, and nobody chooses from a longer list.
CANDIDATES_LIMIT = 50
OFFERS_LIMIT = 20
# A key that more books have is crowded. Of many dozen books with one title none is found by it; of a long series, many
# of whose titles begin alike, each is found by its volume.
BOOKS_OF_A_KEY = 60
BOOKS_OF_A_START = 20
# Rows for all keys of a file together. A usual file finds fewer than thirty; deciding takes as long as they are many.
ROWS_LIMIT = 400
OFFERED_OF_A_KEY = 20
OFFERED_ROWS = 60  # for all keys: from these the likeliest are offered


class BookRow(NamedTuple):
    """A book as these queries fetch it: its columns, and its series' name or None."""

    id: int
    title: str
    title_key: str
    language: str
    published: str
    series_id: int | None
    series_index: float | None
    book_type: str
    cover: str
    is_active: bool
    series_name: str | None


BOOK_FIELDS = BookRow._fields[:-1]
WIDTH = len(BookRow._fields)
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
BY_ID = f"SELECT {_BOOK} FROM library_book {_WITH_SERIES} WHERE library_book.id IN ({{}}) {_LAST}"
# In no order, so that the database stops at the limit whatever the library holds.
BY_KEY = f"""
    SELECT {_BOOK}, library_bookkey.key
    FROM library_bookkey
    JOIN library_book ON library_book.id = library_bookkey.book_id {_WITH_SERIES}
    WHERE library_bookkey.key IN ({{}}) AND {IS_VISIBLE} LIMIT {ROWS_LIMIT + 1}"""
# How many books have each key, counted no further than to the first that is too many.
BOOKS_COUNTED = f"""
    WITH wanted(key) AS (VALUES {{}})
    SELECT wanted.key, (
        SELECT COUNT(*) FROM (
            SELECT 1 FROM library_bookkey
            JOIN library_book ON library_book.id = library_bookkey.book_id
            WHERE library_bookkey.key = wanted.key AND {IS_VISIBLE} LIMIT {ROWS_LIMIT + 1}
        ) AS counted
    )
    FROM wanted"""
# The first books of each key.
TO_OFFER = f"""
    SELECT {_BOOK}, ranked.key FROM (
        SELECT book_id, key, ROW_NUMBER() OVER (PARTITION BY key ORDER BY book_id) AS place
        FROM library_bookkey
        WHERE library_bookkey.key IN ({{}})
    ) AS ranked
    JOIN library_book ON library_book.id = ranked.book_id {_WITH_SERIES}
    WHERE ranked.place <= {OFFERED_OF_A_KEY} AND {IS_VISIBLE}
    ORDER BY ranked.place, library_book.id LIMIT {OFFERED_ROWS}"""
_LINKS = "SELECT book_id, name_key, ko_md5, size FROM library_filelink WHERE reader_id = %s"
LINKS_OF_NAME = f"{_LINKS} AND name_key = %s AND ko_md5 = ''"
LINKS_OF_HASH = f"{_LINKS} AND ko_md5 = %s"
# Authors in their order, and formats; of files that are gone too, since a device may hold them.
DETAILS = """
    SELECT library_authorship.book_id, library_author.name, '', library_authorship.place, library_authorship.id
    FROM library_authorship
    JOIN library_author ON library_author.id = library_authorship.author_id
    WHERE library_authorship.book_id IN ({0}) AND library_authorship.role = 'aut'
    UNION ALL
    SELECT book_id, '', format, 0, id FROM library_bookfile WHERE book_id IN ({0})
    ORDER BY 4, 5"""
ISBNS = """
    SELECT DISTINCT library_bookfile.book_id, library_identifier.value
    FROM library_bookfile
    JOIN library_identifier ON library_identifier.file_id = library_bookfile.id
    WHERE library_bookfile.book_id IN ({}) AND library_identifier.scheme = 'isbn'
    ORDER BY library_bookfile.book_id, library_identifier.value"""


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
        return answer(decide(clue, ()), Found())
    found = Found()
    if clue.ko_md5:
        for row in query(BY_HASH, [clue.ko_md5]):
            name_key, size = row[WIDTH:]
            found.add(row, FileEvidence(name_key, clue.ko_md5, size))
    links = standing_links(links_of(reader, clue), found)
    verdict = decide(clue, found.candidates(), links, rules=RULES_BEFORE_NAMES) if found.rows or links else NOTHING
    if verdict.method == "none":
        for row in query(BY_NAME, [clue.name_key]):
            found.add(row, FileEvidence(clue.name_key, "", 0))
        if found.rows:
            verdict = by_file_name(clue, found, links)
    if verdict.method == "none":
        verdict = by_keys(clue, found, links)
    return answer(verdict, found)


def by_file_name(clue: Clue, found: "Found", links: Sequence[Link]) -> Verdict:
    """The verdict on the books that have a file of this name, beside those to whose files Tome gives it."""
    verdict = decide(clue, found.candidates(), links, rules=RULES_BEFORE_TITLES)
    if verdict.method == "filename" and (keys := keys_of_own_titles(clue.filename)):
        found.add_keyed(query(listing(BY_KEY, keys), keys))
        if len(found.rows) > 1:
            found.add_details(with_isbns=False)
            verdict = decide(clue, found.candidates(), links, rules=RULES_BEFORE_TITLES)
    return verdict


def by_keys(clue: Clue, found: "Found", links: Sequence[Link]) -> Verdict:
    """The verdict by all rules, on the books that have one of the keys of what the file says of itself."""
    lookups = keys_of_clue(clue)
    rows, crowded = books_of_keys(lookups.deciding)
    found.add_keyed(rows)
    # Without an ISBN in the name, nobody asks for those of the books.
    with_isbns = any(key.startswith("i:") for key in lookups.deciding)
    found.add_details(with_isbns=with_isbns)
    verdict = decide(clue, found.candidates(), links, crowded=crowded)
    offering = [*lookups.offering, *sorted(crowded)]
    if verdict.method == "none" and offering and (rows := query(listing(TO_OFFER, offering), offering)):
        found.add_keyed(rows)
        found.add_details(with_isbns=with_isbns)
        # More books never change what is decided, only what is offered.
        verdict = decide(clue, found.candidates(), links, crowded=crowded, rules=())
    return verdict


def books_of_keys(keys: Sequence[str]) -> tuple[list[tuple[Any, ...]], frozenset[str]]:
    """All books that have one of these keys, but for keys that are crowded: these are told, and not looked up.

    Which keys are crowded depends neither on the order of the books nor on which of them are not to be seen.
    """
    if not keys:
        return [], frozenset()
    rows = query(listing(BY_KEY, keys), keys)
    if len(rows) <= BOOKS_OF_A_START:
        return rows, frozenset()  # too few for any key to be crowded
    if len(rows) <= ROWS_LIMIT:
        counts = Counter(row[-1] for row in rows)
        chosen = chosen_keys(keys, counts)
        return [row for row in rows if row[-1] in chosen], frozenset(keys) - chosen
    counts = Counter(dict(query(BOOKS_COUNTED.format(", ".join(["(%s)"] * len(keys))), keys)))
    chosen = chosen_keys(keys, counts)
    rows = query(listing(BY_KEY, chosen), [*chosen]) if chosen else []
    return rows, frozenset(keys) - chosen


def chosen_keys(keys: Sequence[str], counts: Counter[str]) -> frozenset[str]:
    """The keys, of which the likeliest come first, that are not crowded: for so many rows as may be looked at."""
    chosen, left = set(), ROWS_LIMIT
    for key in keys:
        limit = BOOKS_OF_A_START if key.startswith("p:") else BOOKS_OF_A_KEY
        if counts[key] <= min(left, limit):
            chosen.add(key)
            left -= counts[key]
    return frozenset(chosen)


def listing(sql: str, values: Collection[Any]) -> str:
    """The statement with a place for each value of its list."""
    return sql.format(", ".join(["%s"] * len(values)))


def links_of(reader: Reader, clue: Clue) -> list[Link]:
    sql, values = LINKS_OF_NAME, [reader.pk, clue.name_key]
    if clue.ko_md5:
        sql, values = f"{sql} UNION ALL {LINKS_OF_HASH}", [*values, reader.pk, clue.ko_md5]
    return [Link(book_id, name_key, ko_md5, size) for book_id, name_key, ko_md5, size in query(sql, values)]


def standing_links(links: Sequence[Link], found: "Found") -> list[Link]:
    """The links, with the books that they name looked up; one to a book that was merged counts for where that went."""
    linked = {link.book_id for link in links if link.book_id is not None}
    found.look_up(linked)
    if away := linked - found.rows.keys():
        stands_for = standing_ids(away)
        found.look_up(set(stands_for.values()))
        links = [replace(link, book_id=stands_for.get(link.book_id or 0, link.book_id)) for link in links]
    return list(links)


class Found:
    """The books that were looked up so far, with what speaks for each."""

    def __init__(self) -> None:
        self.rows: dict[int, BookRow] = {}
        self._files: dict[int, list[FileEvidence]] = {}
        self._authors: dict[int, list[str]] = {}
        self._formats: dict[int, set[str]] = {}
        self._isbns: dict[int, list[str]] = {}
        self._keys: dict[int, set[str]] = {}
        self._detailed: set[int] = set()

    def add(self, row: Sequence[Any], *evidence: FileEvidence) -> None:
        """Take in a row that begins with the columns of a BookRow."""
        pk = row[0]
        if pk not in self.rows:
            self.rows[pk] = BookRow._make(row[:WIDTH])
        if evidence:
            self._files.setdefault(pk, []).extend(evidence)

    def add_keyed(self, rows: Iterable[Sequence[Any]]) -> None:
        """Take in rows that end with the key that found the book."""
        for row in rows:
            self.add(row)
            self._keys.setdefault(row[0], set()).add(row[-1])

    def look_up(self, ids: Collection[int]) -> None:
        if missing := sorted(set(ids) - self.rows.keys()):
            for row in query(listing(BY_ID, missing), missing):
                self.add(row)

    def add_details(self, *, with_isbns: bool) -> None:
        """The authors and formats, and if need be the ISBNs, of the books of which they were not looked up yet."""
        ids = sorted(self.rows.keys() - self._detailed)
        if not ids:
            return
        self._detailed.update(ids)
        for book_id, author, format, _, _ in query(listing(DETAILS, ids), [*ids, *ids]):
            if author:
                self._authors.setdefault(book_id, []).append(author)
            else:
                self._formats.setdefault(book_id, set()).add(format)
        if with_isbns:
            for book_id, isbn in query(listing(ISBNS, ids), ids):
                self._isbns.setdefault(book_id, []).append(isbn)

    def candidates(self) -> list[Candidate]:
        return [
            Candidate(
                book_id=pk,
                title=row.title,
                authors=tuple(self._authors.get(pk, ())),
                series=row.series_name or "",
                series_index=row.series_index,
                files=tuple(self._files.get(pk, ())),
                isbns=tuple(self._isbns.get(pk, ())),
                year=year_of(row.published),
                keys=frozenset(self._keys.get(pk, ())),
                formats=frozenset(self._formats.get(pk, ())),
            )
            for pk, row in self.rows.items()
        ]

    def book(self, pk: int) -> Book:
        """With its series, without another query."""
        row = self.rows[pk]
        book = Book.from_db(DEFAULT_DB_ALIAS, BOOK_FIELDS, row[:-1])
        book.series = Series(pk=row.series_id, name=row.series_name or "") if row.series_id is not None else None
        return book


def year_of(published: str) -> int | None:
    """Of a date as `Book.published` holds it: `2011`, `2011-05`, `2011-05-27`, or empty."""
    return int(published[:4]) if published[:4].isdecimal() else None


def answer(verdict: Verdict, found: Found) -> Resolution:
    return Resolution(
        book=found.book(verdict.book_id) if verdict.book_id is not None else None,
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
