"""The library of the specification's examples, and how an expected outcome is written."""

from collections.abc import Iterable, Sequence

from matching.deciding import Candidate, Clue, Verdict, decide
from matching.keys import keys_of_book, keys_of_clue

Row = tuple[int, str, str, float | None, tuple[str, ...]]

HERBERT, BUTCHER = ("Frank Herbert",), ("Kim Harrison",)
MIURA, ODA, KAWAHARA = ("Kentaro Miura",), ("Eiichiro Oda",), ("Reki Kawahara",)
TOLSTOY = ("Лев Толстой",)
LONG_TITLE = (
    "The Curious and Entirely True History of the Lighthouse Keeper Who Counted the Stars, Together with an Account of"
    " the Voyages He Made, the Ships That He Saved, the Letters That He Never Sent and the Songs That the Fishermen"
    " Still Sing of Him along the Northern Coast"
)

BOOKS: tuple[Row, ...] = (
    (1, "Dune", "Dune", 1, HERBERT),
    (2, "Dune Messiah", "Dune", 2, HERBERT),
    (3, "Children of Dune", "Dune", 3, HERBERT),
    (4, "It", "", None, ("Stephen King",)),
    (5, "The Italian Job", "", None, ()),
    (6, "1984", "", None, ("George Orwell",)),
    (7, "Berserk, Volume 1", "Berserk", 1, MIURA),
    (8, "Berserk, Volume 2", "Berserk", 2, MIURA),
    (9, "Berserk, Volume 10", "Berserk", 10, MIURA),
    (10, "Romance Dawn", "One Piece", 1, ODA),
    (11, "Buggy the Clown", "One Piece", 2, ODA),
    (12, "Luffy's Dream", "One Piece", 105, ODA),
    (13, "Sword Art Online", "Sword Art Online", 1, KAWAHARA),
    (14, "Sword Art Online", "Sword Art Online", 2, KAWAHARA),
    (15, "Dates from Hell", "The Hollows", 2.5, BUTCHER),
    (16, "Every Which Way but Dead", "The Hollows", 3, BUTCHER),
    (17, "Shield of Sparrows", "Shield of Sparrows", 1, ("Devney Perry",)),
    (18, "The Gathering", "Shield of Sparrows", 2, ("Devney Perry",)),
    (19, "Le Petit Prince", "", None, ("Antoine de Saint-Exupéry",)),
    (20, "Fantine", "Les Misérables", 1, ("Victor Hugo",)),
    (21, "Cosette", "Les Misérables", 2, ("Victor Hugo",)),
    (22, "Война и мир, том 1", "Война и мир", 1, TOLSTOY),
    (23, "Война и мир, том 2", "Война и мир", 2, TOLSTOY),
    (24, "三体", "三体", 1, ("刘慈欣",)),
    (25, "黑暗森林", "三体", 2, ("刘慈欣",)),
    (26, "転生したらスライムだった件 1", "転生したらスライムだった件", 1, ("伏瀬",)),
    (27, "Fahrenheit 451", "", None, ("Ray Bradbury",)),
    (28, "Catch-22", "", None, ("Joseph Heller",)),
    (29, "Fate/Zero 1", "Fate/Zero", 1, ("Gen Urobuchi",)),
    (30, "Fate/Zero 2", "Fate/Zero", 2, ("Gen Urobuchi",)),
    (31, "Batman #50", "Batman (2011)", 50, ("Scott Snyder",)),
    (32, "Batman #50", "Batman (2016)", 50, ("Tom King",)),
    (33, "Foundation", "Foundation", 1, ("Isaac Asimov",)),
    (34, "Foundation", "Collegium Chronicles", 1, ("Mercedes Lackey",)),
    (35, "Good Omens", "", None, ("Terry Pratchett", "Neil Gaiman")),
    (36, "Defiance of the Fall 7", "Defiance of the Fall", 7, ("TheFirstDefier",)),
    (37, "Defiance of the Fall 17", "Defiance of the Fall", 17, ("TheFirstDefier",)),
    (38, "The Hobbit", "", None, ("J.R.R. Tolkien",)),
    (39, "The Final Empire", "Mistborn", 1, ("Brandon Sanderson",)),
    (40, "Akira 1", "Akira", 1, ("Katsuhiro Otomo",)),
    (41, "Akira", "", None, ("Jonathan Green",)),
    (42, LONG_TITLE, "", None, ("Ada Marlowe",)),
)


def library(rows: Iterable[Row], isbns: dict[int, str] | None = None) -> list[Candidate]:
    """Candidates of these rows: id, title, series, index, authors."""
    return [
        Candidate(
            book_id=book_id,
            title=title,
            authors=authors,
            series=series,
            series_index=None if index is None else float(index),
            isbns=(isbns[book_id],) if isbns and book_id in isbns else (),
        )
        for book_id, title, series, index, authors in rows
    ]


def found_by_keys(clue: Clue, books: Iterable[Candidate]) -> list[Candidate]:
    """The books of a library that have one of the clue's keys, as an index would find them."""
    keys = keys_of_clue(clue)
    wanted = {*keys.deciding, *keys.offering}
    return [book for book in books if not wanted.isdisjoint(keys_of(book))]


def keys_of(book: Candidate) -> frozenset[str]:
    return keys_of_book(
        title=book.title,
        authors=book.authors,
        series=book.series,
        series_index=book.series_index,
        isbns=book.isbns,
    )


def outcome(clue: Clue, books: Sequence[Candidate]) -> str:
    """`7`, `none`, or `amb{7,8}`: with which books are offered."""
    verdict = decide(clue, found_by_keys(clue, books))
    if verdict.book_id is not None:
        return str(verdict.book_id)
    return f"amb{{{','.join(map(str, sorted(offered(verdict))))}}}" if verdict.offers else "none"


def offered(verdict: Verdict) -> list[int]:
    return [offer.candidate.book_id for offer in verdict.offers]
