"""Which files become files of one book. Decided from statements, so no file is needed here."""

from itertools import count
from typing import Any

import pytest

from library.describing import Statement, describe
from library.formats.metadata import Contributor
from library.formats.metadata import Identifier as StatedIdentifier
from library.grouping import book_for
from library.models import Book, BookFile, Identifier

pytestmark = pytest.mark.django_db

numbers = count()
HOUND = {
    "title": "The Hound of the Baskervilles",
    "contributors": [["Arthur Conan Doyle", "aut", ""]],
    "language": "en-GB",
    "series": "Sherlock Holmes",
    "series_index": 5.0,
}


def book_with(stated: dict[str, Any], *, path: str = "", identifiers: tuple[tuple[str, str], ...] = ()) -> Book:
    path = path or f"shelf/{next(numbers)}.epub"
    book = Book.objects.create(title="", title_key="")
    file = BookFile.objects.create(
        book=book, path=path, name_key=path, format=path.rpartition(".")[2], size=1, mtime_ns=1, stated=stated
    )
    Identifier.objects.bulk_create(Identifier(file=file, scheme=scheme, value=value) for scheme, value in identifiers)
    describe(book)
    return book


def found_for(
    stated: dict[str, Any], *, path: str = "elsewhere/new.azw3", identifiers: tuple[tuple[str, str], ...] = ()
) -> Book | None:
    statement = Statement.of(BookFile(path=path, stated=stated))
    found = book_for(path, path.rpartition(".")[2], statement, [StatedIdentifier(*each) for each in identifiers])
    if found is None:
        return None
    book, reason = found
    assert reason.endswith(".")
    return book


def without(stated: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in stated.items() if name not in names}


def test_the_same_title_author_series_and_index_is_the_same_book() -> None:
    book = book_with(HOUND)
    assert found_for(HOUND) == book


@pytest.mark.parametrize(
    "spelling",
    [
        {"title": "Hound of the Baskervilles, The"},
        {"title": "THE HOUND OF THE BASKERVILLES"},
        {"contributors": [["Doyle, Arthur Conan", "aut", ""]]},
        {"contributors": [["A. C. Doyle", "aut", ""]]},
        {"contributors": [["Arthur Conan Doyle", "aut", ""], ["Somebody", "trl", ""]]},
        {"series": "sherlock holmes"},
        {"language": "en"},
        {"language": ""},
    ],
)
def test_spelling_does_not_make_another_book(spelling: dict[str, Any]) -> None:
    book = book_with(HOUND)
    assert found_for(HOUND | spelling) == book


@pytest.mark.parametrize(
    "difference",
    [
        {"title": "The Hound"},
        {"contributors": [["Conan O'Brien", "aut", ""]]},
        {"contributors": [["Arthur Conan Doyle", "aut", ""], ["A Second", "aut", ""]]},
        {"contributors": []},
        {"series": "Another Series"},
        {"series": ""},
        {"series_index": 6.0},
        {"series_index": None},
        {"language": "de"},
    ],
)
def test_any_difference_makes_another_book(difference: dict[str, Any]) -> None:
    book_with(HOUND)
    assert found_for(HOUND | difference) is None


def test_a_book_in_no_series_needs_an_author_to_be_recognised() -> None:
    book_with({"title": "Untitled"})
    assert found_for({"title": "Untitled"}) is None


def test_a_comic_without_authors_is_recognised_by_its_series_and_index() -> None:
    stated = {"title": "Batman #50", "series": "Batman (2016)", "series_index": 50.0}
    book = book_with(stated, path="comics/a.cbz")
    assert found_for(stated, path="comics/b.cbr") == book
    assert found_for(stated | {"series": "Batman (2011)"}, path="comics/b.cbr") is None


def test_the_comic_of_a_novel_is_another_book() -> None:
    book_with(HOUND)
    assert found_for(HOUND, path="comics/hound.cbz") is None


ISBN = (("isbn", "9780441013593"),)


def test_the_same_identifier_is_the_same_book_where_something_is_not_stated() -> None:
    book = book_with(HOUND, identifiers=ISBN)
    assert found_for(without(HOUND, "series", "series_index"), identifiers=ISBN) == book
    assert found_for(without(HOUND, "contributors"), identifiers=ISBN) == book


@pytest.mark.parametrize(
    "difference",
    [
        {"title": "Another Title"},
        {"title": ""},  # then it is called as its file is
        {"contributors": [["Another Author", "aut", ""]]},
        {"series": "Another Series"},
        {"series_index": 6.0},
        {"language": "fr"},
    ],
)
def test_the_same_identifier_alone_never_makes_one_book(difference: dict[str, Any]) -> None:
    book_with(HOUND, identifiers=ISBN)
    assert found_for(HOUND | difference, identifiers=ISBN) is None


def test_an_identifier_of_another_scheme_or_without_meaning_says_nothing() -> None:
    book_with(HOUND, identifiers=(("asin", "9780441013593"), ("uri", "none")))
    bare = without(HOUND, "series", "series_index")
    assert found_for(bare, identifiers=ISBN) is None
    assert found_for(bare, identifiers=(("uri", "none"),)) is None


def test_a_file_beside_another_of_the_same_name_needs_no_author() -> None:
    book = book_with(without(HOUND, "series", "series_index"), path="Doyle/The Hound of the Baskervilles.epub")
    assert found_for({}, path="Doyle/The Hound of the Baskervilles.pdf") == book
    assert found_for({}, path="Other/The Hound of the Baskervilles.pdf") is None
    assert found_for({"title": "Scan 12"}, path="Doyle/The Hound of the Baskervilles.pdf") is None


def test_the_book_that_is_described_alike_goes_before_the_one_beside() -> None:
    bare = without(HOUND, "series", "series_index")
    beside = book_with(bare, path="Doyle/The Hound.azw3")
    alike = book_with(HOUND, path="Doyle/The Hound (advanced).epub")
    assert found_for(HOUND, path="Doyle/The Hound.epub") == alike
    assert found_for(bare, path="Doyle/The Hound.epub") == beside


def test_a_book_whose_files_are_away_is_found_and_one_that_was_merged_is_not() -> None:
    away = book_with(HOUND)
    away.files.update(is_present=False)
    describe(away)
    assert found_for(HOUND) == away
    other = book_with({"title": "Other"})
    Book.objects.filter(pk=away.pk).update(merged_into=other)
    assert found_for(HOUND) is None


def test_of_two_books_that_fit_the_older_is_taken() -> None:
    older = book_with(HOUND)
    book_with(HOUND)
    assert found_for(HOUND) == older


def test_contributors_are_kept_as_they_are_stated() -> None:
    statement = Statement.of(BookFile(path="x.epub", stated={"contributors": [["A B", "aut", "B, A"]]}))
    assert statement.contributors == (Contributor("A B", "aut", "B, A"),)
    assert statement.authors == ("A B",)
