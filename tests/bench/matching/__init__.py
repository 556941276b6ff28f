"""How well files are recognised by name: a collection of messy names against a library, both beside this module.

Titles and names are facts of the world; the outcomes were written down before the rules were tried on them.
"""

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from matching.deciding import Candidate, Clue, decide
from matching.keys import keys_of_book, keys_of_clue

FOLDER = Path(__file__).parent
WRONG_COSTS = 10  # misses: a wrong match writes one book's progress onto another, a miss costs a tap


@dataclass(frozen=True)
class Case:
    """A name, and the book that it means; None where it means none of the library's."""

    category: str
    clue: Clue
    expected: int | None


@dataclass(frozen=True)
class Error:
    """A name whose outcome was another than expected."""

    case: Case
    answered: int | None
    reason: str

    @property
    def is_wrong(self) -> bool:
        return self.answered is not None


@dataclass(frozen=True)
class Score:
    """`weighted` is 1 for no error, and counts a wrong match as ten misses; it can fall below 0."""

    names: int
    matches: int  # names that mean a book
    right: int  # matches made that were meant
    wrong: tuple[Error, ...]
    missed: tuple[Error, ...]

    @property
    def precision(self) -> float:
        made = self.right + len(self.wrong)
        return self.right / made if made else 1.0

    @property
    def recall(self) -> float:
        return self.right / self.matches if self.matches else 1.0

    @property
    def weighted(self) -> float:
        return 1 - (WRONG_COSTS * len(self.wrong) + len(self.missed)) / self.names


def report() -> Score:
    """The score over all names, each decided among the books that its keys find."""
    books = library()
    return score(cases(), books)


def score(named: Sequence[Case], books: Sequence[Candidate]) -> Score:
    index = Index(books)
    right, wrong, missed = 0, [], []
    for case in named:
        verdict = decide(case.clue, index.find(case.clue))
        if verdict.book_id == case.expected:
            right += case.expected is not None
            continue
        error = Error(case, verdict.book_id, verdict.reason)
        (wrong if error.is_wrong else missed).append(error)
    matches = sum(case.expected is not None for case in named)
    return Score(len(named), matches, right, tuple(wrong), tuple(missed))


class Index:
    """Finds books by their keys, as the library's table does."""

    def __init__(self, books: Iterable[Candidate]) -> None:
        self._by_key: dict[str, dict[int, Candidate]] = {}
        for book in books:
            for key in keys_of_book(
                title=book.title,
                authors=book.authors,
                series=book.series,
                series_index=book.series_index,
                isbns=book.isbns,
            ):
                self._by_key.setdefault(key, {})[book.book_id] = book

    def find(self, clue: Clue) -> list[Candidate]:
        keys = keys_of_clue(clue)
        found: dict[int, Candidate] = {}
        for key in (*keys.deciding, *keys.offering):
            found.update(self._by_key.get(key, {}))
        return list(found.values())


def rows(name: str) -> list[dict[str, str]]:
    with (FOLDER / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE, restval=""))


def library() -> list[Candidate]:
    return [
        Candidate(
            book_id=int(row["id"]),
            title=row["title"],
            authors=tuple(filter(None, row["authors"].split("; "))),
            series=row["series"],
            series_index=float(row["index"]) if row["index"] else None,
            isbns=tuple(filter(None, [row["isbn"]])),
            year=int(row["year"]) if row["year"] else None,
        )
        for row in rows("library.tsv")
    ]


def cases() -> list[Case]:
    return [
        Case(
            category=row["category"],
            clue=Clue(
                row["name"],
                folder=row["folder"],
                title=row["title"],
                authors=tuple(filter(None, row["authors"].split("; "))),
            ),
            expected=None if row["expected"] == "none" else int(row["expected"]),
        )
        for row in rows("names.tsv")
    ]
