"""The library in pages: each book once, whatever its keys are, and what stands before and behind the letters."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import strategies as st

from accounts.models import Reader
from library import catalogue
from library.catalogue import (
    DESCRIPTION_SHOWN,
    INITIALS,
    Listed,
    authors_by_name,
    book_types,
    books_by_title,
    books_of_author,
    books_of_series,
    details_of,
    listed_from_ids,
    newest_books,
    search_books,
    series_by_name,
)
from library.manifests import refresh_manifests
from library.marks import mark_manifests_stale
from library.models import Author, Authorship, Book, BookFile, BookText, BookType, Series
from library.paging import InvalidCursor, Page, read_cursor
from library.queries import authors_of, files_of, with_details
from matching.names import search_words, sort_key

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


@pytest.fixture
def add(db: None) -> Callable[..., Book]:
    def one(title: str, *authors: str, **fields: Any) -> Book:
        series = fields.pop("series", "")
        if series:
            fields["series"], _ = Series.objects.get_or_create(name=series)
        book = Book.objects.create(title=title, title_key="", sort_key=sort_key(title), **fields)
        for place, name in enumerate(authors):
            author, _ = Author.objects.get_or_create(name=name, defaults={"sort_key": sort_key(name)})
            Authorship.objects.create(book=book, author=author, place=place)
        BookText.objects.create(book=book, words=search_words(title, *authors, series))
        number = book.pk
        BookFile.objects.create(
            book=book, path=f"{number}.epub", format="epub", size=number, mtime_ns=1, sha256=f"{number:064}"
        )
        return book

    return one


def all_of(ask: Callable[[str], Page[Any]]) -> list[Any]:
    """What all pages have."""
    found, after = [], ""
    while True:
        page = ask(after)
        found += page.items
        if not (after := page.next):
            return found
        assert len(page.items) == 2


def ids(listed: list[Listed]) -> list[int]:
    return [each.book_id for each in listed]


TITLES = ["Beta", "Alpha", "Alpha", "Alpha", "Ω", "10 Ways", "2 Ways", "!!!", "Zebra", "Zzz", "alpha", "日本"]


def test_each_book_comes_once_by_title_also_where_titles_are_equal(ada: Reader, add: Callable[..., Book]) -> None:
    books = {add(title).pk: title for title in TITLES}
    found = ids(all_of(lambda after: books_by_title(ada, after=after, entries=2)))
    assert sorted(found) == sorted(books)
    keys = [(sort_key(books[pk]), pk) for pk in found]
    assert keys == sorted(keys)


@pytest.mark.parametrize(
    ("initial", "titles"),
    [
        ("0", ["2 Ways", "10 Ways"]),
        ("a", ["Alpha", "Alpha", "Alpha", "alpha"]),
        ("b", ["Beta"]),
        ("c", []),
        ("z", ["Zebra", "Zzz"]),
        ("…", ["Ω", "日本"]),
    ],
)
def test_a_letter_begins_what_it_begins(ada: Reader, add: Callable[..., Book], initial: str, titles: list[str]) -> None:
    books = {add(title).pk: title for title in TITLES}
    found = all_of(lambda after: books_by_title(ada, initial=initial, after=after, entries=2))
    assert [books[pk] for pk in ids(found)] == titles


def test_all_initials_together_are_all_that_begins_with_a_letter_or_digit(
    ada: Reader, add: Callable[..., Book]
) -> None:
    for title in TITLES:
        add(title)
    found = [pk for initial in INITIALS for pk in ids(list(books_by_title(ada, initial=initial).items))]
    assert len(found) == len(set(found)) == len(TITLES) - 1  # "!!!" begins with neither


def test_those_of_a_type_are_of_it(ada: Reader, add: Callable[..., Book]) -> None:
    manga = [add(f"M {n}", book_type=BookType.MANGA).pk for n in range(3)]
    add("B")
    add("C", book_type=BookType.COMIC, is_active=False)
    assert ids(all_of(lambda after: books_by_title(ada, book_type="manga", after=after, entries=2))) == manga
    assert book_types(ada) == [BookType.BOOK, BookType.MANGA]


def test_the_newest_come_once_however_their_times_were_written(ada: Reader, add: Callable[..., Book]) -> None:
    """SQLite keeps times as texts, and a time that the database itself put there has fewer digits."""
    by_database = [add(f"D {n}").pk for n in range(5)]
    moments = [LONG_AGO, LONG_AGO, LONG_AGO + timedelta(milliseconds=5), LONG_AGO + timedelta(microseconds=1)]
    by_python = [add(f"P {n}", added_at=moment).pk for n, moment in enumerate(moments)]
    found = ids(all_of(lambda after: newest_books(ada, after=after, entries=2)))
    assert sorted(found[:5]) == by_database
    assert found[5:] == [by_python[2], by_python[3], by_python[1], by_python[0]]


def test_equal_times_of_the_databases_own_are_told_apart_by_id(ada: Reader, add: Callable[..., Book]) -> None:
    books = [add(f"Book {n}").pk for n in range(7)]
    text = "2026-01-01 00:00:00.000"
    with connection.cursor() as cursor:  # as the column's default writes it
        cursor.execute(f"UPDATE library_book SET added_at = '{text}'")
    assert ids(all_of(lambda after: newest_books(ada, after=after, entries=2))) == books[::-1]


def test_a_series_comes_by_its_index_and_what_has_none_last(ada: Reader, add: Callable[..., Book]) -> None:
    wanted = [("Third", 2.5), ("First", 1.0), ("No place", None), ("Second", 2.0), ("Another", None)]
    books = {add(title, series="S", series_index=index).pk: title for title, index in wanted}
    series = Series.objects.get()
    found = ids(all_of(lambda after: books_of_series(ada, series, after=after, entries=2)))
    assert [books[pk] for pk in found] == ["First", "Second", "Third", "Another", "No place"]


def test_an_author_has_what_they_wrote_and_not_what_they_translated(ada: Reader, add: Callable[..., Book]) -> None:
    wrote = [add(f"Book {n}", "Ann").pk for n in range(3)]
    translated = add("Other", "Bea")
    ann = Author.objects.get(name="Ann")
    Authorship.objects.create(book=translated, author=ann, role="trl", place=1)
    assert ids(all_of(lambda after: books_of_author(ada, ann, after=after, entries=2))) == wrote


def test_authors_are_those_of_books_that_are_there(ada: Reader, add: Callable[..., Book]) -> None:
    for name in ("Cid", "Ann", "Bea"):
        add("Book", name)
    add("Gone", "Dan", is_active=False)
    Authorship.objects.create(
        book=Book.objects.first(), author=Author.objects.create(name="Eve", sort_key="eve"), role="trl", place=9
    )
    names = [author.name for author in all_of(lambda after: authors_by_name(ada, after=after, entries=2))]
    assert names == ["Ann", "Bea", "Cid"]
    assert [author.name for author in authors_by_name(ada, initial="b").items] == ["Bea"]


def test_series_come_by_name_with_what_a_list_shows(ada: Reader, add: Callable[..., Book]) -> None:
    for name in ("Series 10", "Series 2", "Another"):
        for n in range(2):
            add(f"{name} {n}", "Ann", series=name, series_index=n)
    mark_manifests_stale(Series.objects.values_list("pk", flat=True))
    assert catalogue.is_series_list_stale()
    refresh_manifests()
    assert not catalogue.is_series_list_stale()
    found = all_of(lambda after: series_by_name(ada, after=after, entries=2))
    with CaptureQueriesContext(connection) as captured:
        shown = [(each.name, each.book_count, each.author, each.first_book.cover) for each in found]
    assert shown == [
        ("Another", 2, "Ann", ""),
        ("Series 2", 2, "Ann", ""),
        ("Series 10", 2, "Ann", ""),
    ]
    assert len(captured) == 0
    Book.objects.filter(title="Another 0").update(is_active=False)
    assert [each.name for each in series_by_name(ada).items] == ["Series 2", "Series 10"]


# --- Searching -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "titles"),
    [
        ("moby", ["Moby-Dick"]),
        ("MOB dic", ["Moby-Dick"]),
        ("dick melville", ["Moby-Dick"]),
        ("oby", []),  # words are found from their beginning
        ("melv", ["Moby-Dick", "Typee"]),
        ("elite", ["Élite"]),
        ("saga 2", ["Of a saga"]),
        ("本語", ["日本語の本"]),  # except in languages without spaces
        ("", []),
        ("%", []),
        ("_", []),
        ("mob%", ["Moby-Dick"]),
        ("a " * 200, ["Of a saga"]),
        ("x" * 5000, []),
    ],
)
def test_a_search_finds_the_beginnings_of_words(
    ada: Reader, add: Callable[..., Book], text: str, titles: list[str]
) -> None:
    add("Moby-Dick", "Herman Melville")
    add("Typee", "Herman Melville")
    add("Élite")
    add("Of a saga", series="Saga 2")
    add("日本語の本")
    add("Gone", "Herman Melville", is_active=False)
    books = {book.pk: book.title for book in Book.objects.all()}
    assert [books[pk] for pk in ids(list(search_books(ada, text).items))] == titles


def test_a_search_is_paged_by_title(ada: Reader, add: Callable[..., Book]) -> None:
    books = {add(title, "Same").pk: title for title in TITLES}
    found = ids(all_of(lambda after: search_books(ada, "same", after=after, entries=2)))
    assert found == ids(list(books_by_title(ada).items))
    assert sorted(found) == sorted(books)
    assert search_books(ada, "same").items[0].changed_at == Book.objects.get(pk=found[0]).changed_at


# --- Cursors ---------------------------------------------------------------------------------------------------------


@given(st.text(max_size=30) | st.from_regex(r"\A[0-9]{0,30}~.{0,30}\Z"))
def test_a_cursor_is_a_place_or_is_refused(text: str) -> None:
    try:
        key, pk = read_cursor(text)
    except InvalidCursor:
        return
    assert text == f"{text.partition('~')[0]}~{key}"
    assert 0 <= pk < 10**18


@pytest.mark.parametrize("after", ["1~x", "1~", "1~99999999999999999999"])
def test_a_time_that_there_is_not_is_refused(ada: Reader, after: str) -> None:
    with pytest.raises(InvalidCursor):
        newest_books(ada, after=after)


# --- Details ---------------------------------------------------------------------------------------------------------


def test_details_say_what_the_books_themselves_say(ada: Reader, add: Callable[..., Book]) -> None:
    first = add(
        "First", "Ann", "Bea", series="S", series_index=1.5, language="en", subjects=["a", "b"], published="2001"
    )
    second = add("Second", book_type=BookType.COMIC, pages=7)
    comic = BookFile.objects.create(
        book=second,
        path="x.cbz",
        format="cbz",
        size=9,
        mtime_ns=1,
        sha256="c" * 64,
        ko_md5="d" * 32,
        stated={"pages": 7},
    )
    BookFile.objects.create(book=second, path="y.cbr", format="cbr", size=9, mtime_ns=1, sha256="e" * 64, stated={})
    BookFile.objects.create(
        book=second, path="z.pdf", format="pdf", size=9, mtime_ns=1, sha256="f" * 64, is_present=False
    )
    gone = add("Gone", is_active=False)
    listed = [Listed(book.pk, book.changed_at) for book in (second, gone, first)]
    details = details_of(ada, listed)
    books = [with_details(Book.objects.all()).get(pk=book.pk) for book in (second, first)]
    assert [each.book_id for each in details] == [book.pk for book in books] == [second.pk, first.pk]
    for said, book in zip(details, books, strict=True):
        for name in ("title", "language", "publisher", "published", "subjects", "book_type", "pages", "cover"):
            assert getattr(said, name) == getattr(book, name)
        assert (said.added_at, said.changed_at) == (book.added_at, book.changed_at)
        assert (said.series_id, said.series_index) == (book.series_id, book.series_index)
        assert said.series == (book.series.name if book.series else "")
        assert [name for _, name in said.authors] == authors_of(book)
        assert [file.file_id for file in said.files] == [file.pk for file in files_of(book)]
    assert [(file.format, file.pages) for file in details[0].files] == [("epub", None), ("cbz", 7), ("cbr", None)]
    assert details[0].files[1] == catalogue.FileDetails(comic.pk, "cbz", 9, "c" * 64, "d" * 32, 7)
    assert details_of(ada, []) == []


def test_details_take_as_many_queries_for_many_books(
    ada: Reader, add: Callable[..., Book], django_assert_num_queries: Any
) -> None:
    listed = [Listed(book.pk, book.changed_at) for book in (add(f"Book {n}", f"Author {n}") for n in range(20))]
    with django_assert_num_queries(3):
        assert len(details_of(ada, listed)) == 20


def test_a_long_description_is_cut(ada: Reader, add: Callable[..., Book]) -> None:
    for length in (DESCRIPTION_SHOWN, DESCRIPTION_SHOWN + 1):
        book = add("Book", description="ä" * length)
        [said] = details_of(ada, [Listed(book.pk, book.changed_at)])
        assert said.description.rstrip("…") == "ä" * DESCRIPTION_SHOWN
        assert said.description.endswith("…") == (length > DESCRIPTION_SHOWN)


def test_books_that_another_list_names_keep_its_order(ada: Reader, add: Callable[..., Book]) -> None:
    books = [add(f"Book {n}") for n in range(3)]
    gone = add("Gone", is_active=False)
    wanted = [books[2].pk, gone.pk, books[0].pk]
    assert ids(listed_from_ids(ada, wanted)) == [books[2].pk, books[0].pk]


def test_the_last_change_is_also_that_of_a_book_that_went(ada: Reader, add: Callable[..., Book]) -> None:
    assert catalogue.changed_at(ada) is None
    add("Book", changed_at=LONG_AGO)
    assert catalogue.changed_at(ada) == LONG_AGO
    add("Gone", changed_at=LONG_AGO + timedelta(days=1), is_active=False)
    assert catalogue.changed_at(ada) == LONG_AGO + timedelta(days=1)
