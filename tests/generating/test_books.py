"""The made-up library is as it says: measurements on another one would mean nothing."""

from pathlib import Path

import pytest

from library.formats.reading import read_book
from tests.generating.books import describe_books
from tests.generating.files import content_of, write_library

BOOKS = 1500


def test_the_same_seed_makes_the_same_library_and_another_another() -> None:
    assert list(describe_books(300)) == list(describe_books(300, 2026))
    assert list(describe_books(300)) == list(describe_books(BOOKS))[:300]
    assert list(describe_books(300)) != list(describe_books(300, 7))


def test_no_two_books_are_the_same_work_and_no_two_files_have_one_path() -> None:
    books = list(describe_books(BOOKS))
    assert len(books) == len({book.work for book in books}) == BOOKS
    paths = [file.path.casefold() for book in books for file in book.files]
    assert len(paths) == len(set(paths)) > BOOKS
    assert max(len(part.encode()) for path in paths for part in path.split("/")) <= 255


def test_the_mixture_holds_what_libraries_hold() -> None:
    books = list(describe_books(20_000))
    in_series = sum(bool(book.series) for book in books)
    assert 0.5 < in_series / len(books) < 0.75
    assert {file.format for book in books for file in book.files} == {"epub", "kepub.epub", "cbz", "pdf"}
    by_title: dict[str, set[tuple[str, ...]]] = {}
    for book in books:
        by_title.setdefault(book.title, set()).add(book.authors)
    assert any(len(authors) > 1 for authors in by_title.values())
    assert any(len(title.encode()) > 240 for title in by_title)
    assert any(len(title) <= 3 for title in by_title)
    assert any(title.isdecimal() for title in by_title)
    for sign in ":/?":
        assert any(sign in title for title in by_title), sign


@pytest.mark.parametrize("format", ["epub", "kepub.epub", "cbz", "pdf"])
def test_files_state_what_their_description_says(format: str, tmp_path: Path) -> None:
    path = tmp_path / f"book.{format}"
    for book in list(describe_books(BOOKS))[::50]:
        path.write_bytes(content_of(book, format))
        read = read_book(path, format)
        assert read.warnings == (), book
        assert read.title == book.title
        if format == "pdf":
            continue
        assert (read.authors, read.series, read.series_index) == (book.authors, book.series, book.series_index)
        assert read.published == (book.published if format != "cbz" else book.published[:4])
        assert path.stat().st_size < 5000


def test_all_files_are_written(tmp_path: Path) -> None:
    books = list(describe_books(200))
    assert write_library(tmp_path, books) == sum(len(book.files) for book in books)
    for book in books:
        for file in book.files:
            assert (tmp_path / file.path).read_bytes() == content_of(book, file.format)
