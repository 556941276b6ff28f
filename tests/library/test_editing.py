import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from library.editing import edit_book, reset_edits
from library.errors import InvalidEdit
from library.models import Book, BookType
from library.queries import authors_of
from tests.books import make_epub
from tests.library.taking_in import scan_all

pytestmark = pytest.mark.django_db

SAME = "urn:uuid:8b3ebb46-da57-11e2-ab84-32f5fd9156e7"  # the file of the same work, in another version


@pytest.fixture
def scanned(make_epub: Callable[..., Path]) -> Book:
    described = {"title": "Stated", "authors": ["Stated Author"], "series": "Stated Series", "series_index": 2}
    make_epub("a.epub", **described, identifier=SAME)
    scan_all()
    return Book.objects.get()


def change_file(settings: Any, **described: Any) -> None:
    path = settings.LIBRARY_DIR / "a.epub"
    later = path.stat().st_mtime_ns + 1_000_000_000
    make_epub(path, **described, identifier=SAME)
    os.utime(path, ns=(later, later))


def test_an_edit_stands_before_what_the_file_states_and_the_file_stays_untouched(scanned: Book, settings: Any) -> None:
    before = (settings.LIBRARY_DIR / "a.epub").read_bytes()
    edit_book(
        scanned,
        {
            "title": "  Set by \n hand ",
            "authors": ["One", "Two", "One"],
            "series": "Set Series",
            "series_index": "2,5",
            "book_type": "light_novel",
            "published": "2011-05",
        },
    )
    book = Book.objects.get()
    assert (book.title, authors_of(book), book.book_type) == ("Set by hand", ["One", "Two"], BookType.LIGHT_NOVEL)
    assert book.series is not None
    assert (book.series.name, book.series_index, book.published) == ("Set Series", 2.5, "2011-05")
    assert (settings.LIBRARY_DIR / "a.epub").read_bytes() == before


def test_a_rescan_of_the_changed_file_keeps_the_edit_and_takes_the_rest(scanned: Book, settings: Any) -> None:
    edit_book(scanned, {"title": "Set by hand", "book_type": "manga"})
    change_file(settings, title="Stated anew", authors=["Another"], series="Another Series", series_index=9)
    scan_all()
    book = Book.objects.get()
    assert (book.title, book.book_type, authors_of(book)) == ("Set by hand", "manga", ["Another"])
    assert book.series is not None
    assert (book.series.name, book.series_index) == ("Another Series", 9)


def test_a_field_that_is_reset_shows_what_the_file_states_by_now(scanned: Book, settings: Any) -> None:
    edit_book(scanned, {"title": "Set by hand"})
    change_file(settings, title="Stated anew")
    scan_all()
    reset_edits(scanned, ["title"])
    assert Book.objects.get().title == "Stated anew"


def test_a_series_that_is_edited_to_nothing_stays_away(scanned: Book) -> None:
    edit_book(scanned, {"series": ""})
    scan_all()
    assert Book.objects.get().series is None
    assert Book.objects.get().series_index is None


def test_an_index_can_be_edited_alone_and_to_none(scanned: Book) -> None:
    edit_book(scanned, {"series_index": 7})
    assert Book.objects.get().series_index == 7
    edit_book(scanned, {"series_index": None})
    book = Book.objects.get()
    assert book.series_index is None
    assert book.series is not None


def test_the_index_of_another_series_is_not_kept(scanned: Book) -> None:
    edit_book(scanned, {"series": "Another"})
    assert Book.objects.get().series_index is None


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"title": "   "}, "needs a title"),
        ({"title": "x" * 1001}, "longer than 1000"),
        ({"title": 3}, "must be a text"),
        ({"authors": "Not a list"}, "must be a list"),
        ({"authors": [3]}, "must be a text"),
        ({"book_type": "novella"}, "manga"),
        ({"series_index": "NaN"}, "no place in a series"),
        ({"series_index": "1e9"}, "no place in a series"),
        ({"series_index": True}, "no place in a series"),
        ({"published": "2011-02-30"}, "no date"),
        ({"reading_direction": "up"}, "ltr"),
        ({"colour": "red"}, "no field colour"),
    ],
)
def test_a_bad_value_is_refused_in_a_sentence_and_changes_nothing(
    scanned: Book, changes: dict[str, Any], words: str
) -> None:
    before = Book.objects.values().get()
    with pytest.raises(InvalidEdit, match=words):
        edit_book(scanned, {"publisher": "A good value beside it", **changes})
    assert Book.objects.values().get() == before


def test_a_field_that_does_not_exist_cannot_be_reset(scanned: Book) -> None:
    with pytest.raises(InvalidEdit, match="no field colour"):
        reset_edits(scanned, ["colour"])
