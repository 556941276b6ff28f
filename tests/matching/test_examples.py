import unicodedata

import pytest

from matching.deciding import Clue
from tests.matching.examples import BOOKS, LONG_TITLE, library, outcome

DUNES_ISBN = {1: "9780441013593"}
CUT = LONG_TITLE.encode()[:236].decode(errors="ignore")

EXAMPLES = [
    ("Frank Herbert - Dune.epub", "1"),
    ("Vol. 2 — Dune Messiah.epub", "2"),
    ("Dune Messiah.epub", "2"),
    ("Dune Part Two.epub", "none"),
    ("Dune_Messiah_-_Frank_Herbert.azw3", "2"),
    ("Dune (1965) (Retail).epub", "1"),
    ("Dune Messiah - Copy.epub", "2"),
    ("It.epub", "4"),
    ("Stephen King - It (2011).epub", "4"),
    ("1984.epub", "6"),
    ("Orwell - 1984 - Animal Farm.epub", "none"),
    ("Berserk v03.cbz", "none"),
    ("Berserk Deluxe Edition Volume 1.cbz", "amb{7}"),
    ("Berserk 364.cbz", "none"),
    ("One Piece - T02 - Buggy the Clown.cbz", "11"),
    ("One Piece Band 2.epub", "11"),
    ("One Piece 1050.cbz", "none"),
    ("Vol. 1 — Sword Art Online.epub", "13"),
    ("Sword Art Online Vol 10 - Alicization Running [Yen Press] {r2}.epub", "none"),
    ("The Hollows 02.epub", "none"),
    ("Shield of Sparrows - 01 - Shield of Sparrows.epub", "17"),
    (unicodedata.normalize("NFD", "Le Petit Prince.epub"), "19"),
    ("Les Miserables.epub", "amb{20,21}"),
    ("三体 II 黑暗森林.epub", "25"),
    ("転生したらスライムだった件　第01巻.cbz", "26"),
    ("Fahrenheit 451.epub", "27"),
    ("Fate_Zero 2.epub", "30"),
    ("Batman 050 (2016) (Digital).cbz", "32"),
    ("Isaac Asimov - Foundation.epub", "33"),
    ("Good Omens The Nice and Accurate Prophecies of Agnes Nutter, Witch.epub", "35"),
    ("The Hobbit, or There and Back Again - J. R. R. Tolkien.kepub.epub", "38"),
    ("The Hobbit - J.R.R. Tolkien (Z-Library).epub", "38"),
    ("Mistborn_ The Final Empire (Mistborn Book 1) - Sanderson, Brandon.epub", "39"),
    ("The Final Empire.sdr", "none"),
    ("9780441013593.epub", "1"),
    ("9780441172719.epub", "none"),
    (f"{CUT}.epub", "42"),
    ("Le Petit Prince - Antoine de Saint-Exupéry.epub".encode().decode("latin-1"), "19"),
    ("Dune Messiah.epub.part", "none"),
    ("Dune - Graphic Novel, Book 1.cbz", "amb{1}"),
]


@pytest.mark.parametrize(("name", "expected"), EXAMPLES)
def test_the_specifications_example_has_its_outcome(name: str, expected: str) -> None:
    assert outcome(Clue(name), library(BOOKS, DUNES_ISBN)) == expected


# Of the other books the specification names no author.
STATED_AUTHORS = {1, 4, 6, 15, 19, 33, 34, 35, 38, 39, 41, 42}
BARE_BOOKS = [row if row[0] in STATED_AUTHORS else (*row[:4], ()) for row in BOOKS]


@pytest.mark.parametrize(("name", "expected"), EXAMPLES)
def test_the_outcome_is_the_same_where_few_authors_are_on_record(name: str, expected: str) -> None:
    assert outcome(Clue(name), library(BARE_BOOKS, DUNES_ISBN)) == expected


def test_an_isbn_that_is_not_on_record_says_nothing() -> None:
    assert outcome(Clue("9780441013593.epub"), library(BOOKS)) == "none"
