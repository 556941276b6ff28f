import pytest

from matching.deciding import Candidate, Clue
from matching.people import author_keys, has_other_authors, shares_author

HOBBIT = Candidate(1, "The Hobbit", ("J.R.R. Tolkien",))
OMENS = Candidate(2, "Good Omens", ("Terry Pratchett", "Neil Gaiman"))
WOOD = Candidate(3, "ノルウェイの森", ("村上春樹",))


@pytest.mark.parametrize(
    ("author", "book"),
    [
        ("J. R. R. Tolkien", HOBBIT),
        ("Tolkien, J.R.R.", HOBBIT),
        ("John Ronald Reuel Tolkien", HOBBIT),
        ("Neil Gaiman & Terry Pratchett", OMENS),
        ("Pratchett, Terry; Gaiman, Neil", OMENS),
        ("Neil Gaiman\nTerry Pratchett", OMENS),
        ("T. Pratchett", OMENS),
    ],
)
def test_an_author_is_the_same_in_any_order_and_with_initials(author: str, book: Candidate) -> None:
    assert shares_author(Clue("x.epub", authors=(author,)), book)
    assert not has_other_authors(Clue("x.epub", authors=(author,)), book)


@pytest.mark.parametrize("author", ["Christopher Tolkien", "Tolkien", "J. R. R.", "Reuel Somebody"])
def test_another_person_or_a_surname_alone_is_another_author(author: str) -> None:
    assert has_other_authors(Clue("x.epub", authors=(author,)), HOBBIT)


@pytest.mark.parametrize("author", ["", "Unknown", "Various Authors", "unbekannt"])
def test_nobody_is_no_other_author(author: str) -> None:
    assert not author_keys([author])
    assert not has_other_authors(Clue("x.epub", authors=(author,)), HOBBIT)


def test_names_in_two_scripts_cannot_be_compared() -> None:
    assert not has_other_authors(Clue("x.epub", authors=("Haruki Murakami",)), WOOD)
    assert not shares_author(Clue("x.epub", authors=("Haruki Murakami",)), WOOD)
    assert has_other_authors(Clue("x.epub", authors=("谷川流",)), WOOD)
