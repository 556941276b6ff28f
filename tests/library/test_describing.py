from typing import Any

import pytest

from library.describing import describe
from library.models import Book, BookFile, Identifier
from library.queries import authors_of

pytestmark = pytest.mark.django_db


def make_book(**stated_of_path: dict[str, Any]) -> Book:
    """A book with one file for each keyword: `epub={…}` states that and is named `book.epub`."""
    book = Book.objects.create(title="", title_key="")
    for format, stated in stated_of_path.items():
        add(book, f"book.{format}", stated)
    describe(book)
    return book


def add(book: Book, path: str, stated: dict[str, Any], **fields: Any) -> BookFile:
    format = "kepub.epub" if path.endswith(".kepub.epub") else path.rpartition(".")[2]
    return BookFile.objects.create(
        book=book, path=path, name_key=path, format=format, size=1, mtime_ns=1, stated=stated, **fields
    )


def authors(book: Book) -> list[tuple[str, str]]:
    return list(book.authorships.order_by("place").values_list("author__name", "role"))


def test_each_field_comes_from_the_best_file_that_states_it() -> None:
    book = make_book(
        pdf={"title": "From the PDF", "publisher": "PDF House", "pages": 320},
        epub={"title": "From the EPUB", "language": "en", "characters": 12345},
    )
    assert (book.title, book.publisher, book.language) == ("From the EPUB", "PDF House", "en")
    assert (book.pages, book.characters) == (320, 12345)


def test_a_file_that_is_away_speaks_only_where_the_others_are_silent() -> None:
    book = Book.objects.create(title="", title_key="")
    add(book, "a.epub", {"title": "Away", "publisher": "Known"}, is_present=False)
    add(book, "b.pdf", {"title": "Here"})
    describe(book)
    assert (book.title, book.publisher, book.is_active) == ("Here", "Known", True)


def test_series_and_index_are_never_mixed_from_two_files() -> None:
    book = make_book(epub={"series": "Without an index"}, pdf={"series": "Another", "series_index": 3.0})
    assert book.series is not None
    assert (book.series.name, book.series_index) == ("Without an index", None)


def test_authors_come_first_and_the_others_keep_their_roles() -> None:
    book = make_book(epub={"contributors": [["A. Translator", "trl", ""], ["An Author", "aut", "Author, An"]]})
    assert authors(book) == [("An Author", "aut"), ("A. Translator", "trl")]


def test_a_title_that_no_file_states_is_the_files_name() -> None:
    book = Book.objects.create(title="", title_key="")
    add(book, "shelf/the_name_of_it.kepub.epub", {})
    describe(book)
    assert book.title == "the name of it"


@pytest.mark.parametrize(
    ("title", "language", "sorted_as"),
    [
        ("The Hobbit", "en", "Hobbit, The"),
        ("The Hobbit", "", "Hobbit, The"),
        ("Die Verwandlung", "de-AT", "Verwandlung, Die"),
        ("Die Hard", "en", "Die Hard"),
        ("A", "en", "A"),
    ],
)
def test_a_title_is_sorted_without_the_article_of_its_language(title: str, language: str, sorted_as: str) -> None:
    assert make_book(epub={"title": title, "language": language}).sort_title == sorted_as


def test_a_stated_sort_title_stands_until_the_title_is_edited() -> None:
    book = make_book(epub={"title": "1984", "sort_title": "Nineteen Eighty-Four"})
    assert book.sort_title == "Nineteen Eighty-Four"
    Book.objects.update(edits={"title": "The Last Man in Europe"})
    describe(book)
    assert book.sort_title == "Last Man in Europe, The"


@pytest.mark.parametrize(
    ("path", "stated", "expected"),
    [
        ("x.epub", {}, "book"),
        ("x.cbz", {}, "comic"),
        ("Manga/x.cbz", {}, "manga"),
        ("Manga/Novels/x.cbz", {}, "book"),
        ("Light Novels/Series/x.epub", {}, "light_novel"),
        ("light_novels/x.epub", {}, "light_novel"),
        ("Comics/x.cbz", {"book_type": "manga"}, "manga"),
        ("Manga/x.cbz", {"book_type": "comic"}, "manga"),
        ("Mangalore/x.epub", {}, "book"),
    ],
)
def test_the_type_is_stated_or_hinted_at_by_folders_or_that_of_the_format(
    path: str, stated: dict[str, Any], expected: str
) -> None:
    book = Book.objects.create(title="", title_key="")
    add(book, path, stated)
    describe(book)
    assert book.book_type == expected


def test_describing_twice_changes_nothing_and_does_not_count_as_a_change() -> None:
    book = make_book(epub={"title": "Dune", "contributors": [["Frank Herbert", "aut", ""]], "series": "Dune"})
    before = Book.objects.values().get(pk=book.pk)
    keys = set(book.keys.values_list("pk", "key"))
    describe(book, files_changed=False)
    assert Book.objects.values().get(pk=book.pk) == before
    assert set(book.keys.values_list("pk", "key")) == keys


def test_a_new_title_brings_new_keys_and_the_time_of_the_change() -> None:
    book = make_book(epub={"title": "Dune"})
    before, keys = book.described_at, set(book.keys.values_list("key", flat=True))
    file = book.files.get()
    Identifier.objects.create(file=file, scheme="isbn", value="9780441013593")
    file.stated = {"title": "Dune Messiah"}
    file.save()
    describe(book)
    assert before is not None
    assert book.described_at is not None
    assert book.described_at > before
    now = set(book.keys.values_list("key", flat=True))
    assert now.isdisjoint(keys)
    assert any("9780441013593" in key for key in now)


def test_a_book_is_active_while_one_of_its_files_is_there() -> None:
    book = make_book(epub={"title": "Dune"}, pdf={})
    book.files.update(is_present=False)
    describe(book)
    assert not book.is_active
    book.files.filter(format="pdf").update(is_present=True)
    describe(book)
    assert book.is_active


def test_only_authors_are_named_as_such() -> None:
    book = make_book(epub={"contributors": [["An Author", "aut", ""], ["A. Translator", "trl", ""]]})
    assert authors_of(book) == ["An Author"]
