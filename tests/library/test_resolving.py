import random
import shutil
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from library.models import Author, Authorship, Book, BookFile, BookKey, FileLink, Identifier, Series
from library.resolving import BOOKS_OF_A_KEY, BOOKS_OF_A_START, OFFERS_LIMIT, ROWS_LIMIT, Resolution, resolve
from matching.deciding import Clue
from matching.keys import keys_of_book
from matching.names import file_name_key, title_key
from tests.library.taking_in import scan_all
from tests.matching.examples import BOOKS, Row
from tests.matching.test_examples import DUNES_ISBN, EXAMPLES

pytestmark = pytest.mark.django_db


@pytest.fixture
def library(make_epub: Callable[..., Path]) -> None:
    """Four files, taken in as they are in service."""
    make_epub("dune.epub", title="Dune", authors=["Frank Herbert"], series="Dune", series_index=1)
    make_epub("messiah.epub", title="Dune Messiah", authors=["Frank Herbert"], series="Dune", series_index=2)
    make_epub("asimov.epub", title="Foundation", authors=["Isaac Asimov"], series="Foundation", series_index=1)
    make_epub("lackey.epub", title="Foundation", authors=["Mercedes Lackey"], series="Collegium", series_index=1.5)
    scan_all()


def stock(rows: Iterable[Row], isbns: dict[int, str] | None = None) -> dict[int, int]:
    """Store books of these rows (id, title, series, index, authors), in that order; the ids they got, by theirs."""
    ids = {}
    for number, title, series, index, authors in rows:
        isbn = (isbns or {}).get(number, "")
        book = Book.objects.create(
            title=title,
            title_key=title_key(title),
            series=Series.objects.get_or_create(name=series)[0] if series else None,
            series_index=index,
        )
        for place, name in enumerate(authors):
            author, _ = Author.objects.get_or_create(name=name)
            Authorship.objects.create(book=book, author=author, place=place)
        if isbn:
            Identifier.objects.create(file=add_file(book, f"{number}.bin"), scheme="isbn", value=isbn)
        keep_keys(book, authors, (isbn,) if isbn else ())
        ids[number] = book.pk
    return ids


def keep_keys(book: Book, authors: Sequence[str] = (), isbns: Sequence[str] = ()) -> None:
    keys = keys_of_book(
        title=book.title,
        authors=authors,
        series=book.series.name if book.series else "",
        series_index=book.series_index,
        isbns=isbns,
    )
    BookKey.objects.bulk_create(BookKey(book=book, key=key) for key in keys)


def add_file(book: Book, path: str, format: str = "epub") -> BookFile:
    return BookFile.objects.create(
        book=book, path=path, name_key=file_name_key(path), format=format, size=1, mtime_ns=1, sha256="", ko_md5=""
    )


def stock_many(count: int, title: str, **described: Any) -> None:
    """Store so many books of one title; those of a series have volumes from 1."""
    made = Book.objects.bulk_create(
        Book(title=title.format(n), title_key=title_key(title.format(n)), series_index=n, **described)
        for n in range(1, count + 1)
    )
    for book in made:
        keep_keys(book)


def titled(title: str) -> Book:
    return Book.objects.get(title=title)


def link(reader: Any, name: str, book: Book | None, ko_md5: str = "", size: int | None = None) -> None:
    FileLink.objects.create(
        reader=reader, filename=name, name_key=file_name_key(name), book=book, ko_md5=ko_md5, size=size
    )


def outcome(found: Resolution, ids: dict[int, int]) -> str:
    """`7`, `none`, or `amb{7,8}`, in the numbers of the specification's library."""
    numbers = {pk: number for number, pk in ids.items()}
    if found.book is not None:
        return str(numbers[found.book.pk])
    offered = sorted(numbers[each.book_id] for each in found.candidates)
    return f"amb{{{','.join(map(str, offered))}}}" if offered else "none"


# --- By the specification's examples


@pytest.mark.parametrize("seed", [None, 1, 2, 3])
def test_the_examples_have_their_outcomes_in_whatever_order_the_books_came(ada: Any, seed: int | None) -> None:
    rows = list(BOOKS)
    if seed is not None:
        random.Random(seed).shuffle(rows)
    ids = stock(rows, DUNES_ISBN)
    found = {name: outcome(resolve(ada, Clue(name)), ids) for name, _ in EXAMPLES}
    assert found == dict(EXAMPLES)


def test_books_that_are_not_to_be_seen_change_no_outcome(ada: Any) -> None:
    twins = stock(BOOKS)
    Book.objects.update(is_active=False)
    ids = stock(BOOKS, DUNES_ISBN)
    assert not twins.keys() - ids.keys()
    assert {name: outcome(resolve(ada, Clue(name)), ids) for name, _ in EXAMPLES} == dict(EXAMPLES)


def test_an_isbn_finds_the_one_book_that_has_it(ada: Any) -> None:
    ids = stock(BOOKS, DUNES_ISBN | {38: "9780261102217"})
    for name in ("9780441013593.epub", "978-0-441-01359-3.epub", "0441013597.azw3"):
        found = resolve(ada, Clue(name))
        assert found.book is not None, name
        assert (found.book.pk, found.method) == (ids[1], "isbn")
    assert resolve(ada, Clue("9780441172719.epub")).book is None
    other = resolve(ada, Clue("Dune 9780261102217.epub"))  # the Hobbit's
    assert other.book is None


def test_an_isbn_that_two_books_have_decides_nothing(ada: Any) -> None:
    stock(BOOKS, {1: "9780441013593", 6: "9780441013593"})
    found = resolve(ada, Clue("9780441013593.epub"))
    assert found.book is None


# --- Step by step


def test_a_hash_finds_its_book_in_two_queries(
    ada: Any, library: None, django_assert_num_queries: Callable[[int], Any]
) -> None:
    file = BookFile.objects.get(path="messiah.epub")
    with django_assert_num_queries(2):
        found = resolve(ada, Clue("anything.epub", file.ko_md5, file.size))
        assert found.book is not None
        assert (found.book.title, found.method, found.candidates) == ("Dune Messiah", "hash", [])
        assert found.book.series is not None
        assert found.book.series.name == "Dune"  # without another query


@pytest.mark.parametrize(
    ("clue", "queries", "title"),
    [
        (Clue("messiah.epub", "f" * 32, 5), 4, "Dune Messiah"),  # links, hash, base name, others of this own name
        (Clue("messiah.epub"), 3, "Dune Messiah"),
        (Clue("Dune Messiah.pdf", "f" * 32, 5), 5, "Dune Messiah"),  # and keys, authors
        (Clue("Frank Herbert - Dune (Retail).pdf"), 4, "Dune"),
        (Clue("Hyperion.pdf"), 4, None),  # links, base name, keys, offers
        (Clue("Dune.epub.part"), 0, None),
    ],
)
def test_each_step_is_asked_only_where_none_before_it_decided(
    clue: Clue,
    queries: int,
    title: str | None,
    ada: Any,
    library: None,
    django_assert_num_queries: Callable[[int], Any],
) -> None:
    with django_assert_num_queries(queries):
        found = resolve(ada, clue)
    assert (found.book.title if found.book else None) == title


def test_what_is_only_offered_costs_one_lookup_more(
    ada: Any, library: None, django_assert_max_num_queries: Callable[[int], Any]
) -> None:
    with django_assert_max_num_queries(6):
        found = resolve(ada, Clue("Foundation.pdf", "c" * 32, 3))
    assert len(found.candidates) == 2


def test_every_lookup_uses_an_index(ada: Any, library: None) -> None:
    """The queries must not come to cost more as the library grows."""
    stock_many(ROWS_LIMIT + 1, "Foundation")
    with CaptureQueriesContext(connection) as captured:
        resolve(ada, Clue("Foundation 9780441013593.pdf", "c" * 32, 3))
    asked = [query["sql"] for query in captured.captured_queries]
    assert any("library_bookkey" in sql for sql in asked)
    if connection.vendor != "sqlite":
        return  # on so few rows PostgreSQL prefers to read them all, and rightly
    with connection.cursor() as cursor:
        for sql in asked:
            cursor.execute(f"EXPLAIN QUERY PLAN {sql}")
            plan = [row[3] for row in cursor.fetchall()]
            read_whole = [step for step in plan if step.startswith("SCAN") and "library_" in step]
            assert not read_whole, (sql, plan)


# --- By hash, base name and title


def test_a_former_hash_finds_its_book_too(ada: Any, library: None, make_epub: Callable[..., Path]) -> None:
    former = BookFile.objects.get(path="dune.epub")
    make_epub("dune.epub", title="Dune", chapters=9)
    scan_all()
    present = BookFile.objects.get(path="dune.epub")
    assert present.ko_md5 != former.ko_md5
    for file in (former, present):
        found = resolve(ada, Clue("x.epub", file.ko_md5, file.size))
        assert found.book is not None
        assert (found.book.pk, found.method) == (former.book_id, "hash")


def test_the_exact_name_of_a_file_finds_its_book(ada: Any, library: None) -> None:
    found = resolve(ada, Clue("MESSIAH.epub", "f" * 32, 5))
    assert found.book == titled("Dune Messiah")
    assert found.method == "filename"


def test_the_name_of_a_file_that_tome_gives_to_another_book_too_is_neithers(ada: Any) -> None:
    ids = stock([(1, "Foundation", "", None, ("Isaac Asimov",)), (2, "Foundation", "", None, ("Mercedes Lackey",))])
    add_file(Book.objects.get(pk=ids[1]), "old/Foundation.epub")
    add_file(Book.objects.get(pk=ids[2]), "new/Lackey, Foundation.epub")
    assert outcome(resolve(ada, Clue("Foundation.epub")), ids) == "amb{1,2}"
    assert outcome(resolve(ada, Clue("Foundation.epub", authors=("Mercedes Lackey",))), ids) == "2"
    assert outcome(resolve(ada, Clue("Lackey, Foundation.epub")), ids) == "2"
    Book.objects.filter(pk=ids[2]).update(is_active=False)
    assert outcome(resolve(ada, Clue("Foundation.epub")), ids) == "1"


def test_of_equal_titles_the_name_that_tome_gives_is_the_one_of_that_format(ada: Any) -> None:
    ids = stock([(1, "Foundation", "", None, ("Isaac Asimov",)), (2, "Foundation", "", None, ("Mercedes Lackey",))])
    add_file(Book.objects.get(pk=ids[1]), "asimov.epub", "kepub.epub")
    add_file(Book.objects.get(pk=ids[2]), "lackey.pdf", "pdf")
    assert outcome(resolve(ada, Clue("Foundation.epub")), ids) == "1"
    assert outcome(resolve(ada, Clue("Foundation.pdf")), ids) == "2"
    assert outcome(resolve(ada, Clue("Foundation.mobi")), ids) == "amb{1,2}"
    assert outcome(resolve(ada, Clue("Foundation")), ids) == "amb{1,2}"


def test_an_equal_title_finds_its_book_and_authors_decide_between_two(ada: Any, library: None) -> None:
    assert resolve(ada, Clue("Dune_Messiah.pdf")).book == titled("Dune Messiah")
    found = resolve(ada, Clue("Foundation.pdf", authors=("Lackey, Mercedes",)))
    assert (found.book, found.method) == (Book.objects.get(files__path="lackey.epub"), "title_author")


def test_who_translated_or_drew_a_book_is_none_of_its_authors(ada: Any) -> None:
    ids = stock([(1, "Foundation", "", None, ("Isaac Asimov",)), (2, "Foundation", "", None, ("Mercedes Lackey",))])
    Authorship.objects.create(book_id=ids[1], author=Author.objects.create(name="Uwe Anton"), role="trl", place=1)
    found = resolve(ada, Clue("Foundation.pdf", authors=("Uwe Anton",)))
    assert found.book is None
    assert {each.author for each in found.candidates} == {"Isaac Asimov", "Mercedes Lackey"}


def test_the_year_of_publication_decides_between_equal_titles(ada: Any) -> None:
    ids = stock([(1, "Dune", "", None, ("Frank Herbert",)), (2, "Dune", "", None, ("Norman Prouty",))])
    Book.objects.filter(pk=ids[1]).update(published="1965")
    Book.objects.filter(pk=ids[2]).update(published="2018-07-04")
    assert outcome(resolve(ada, Clue("Dune (2018).epub")), ids) == "2"
    assert outcome(resolve(ada, Clue("Dune (Retail).epub")), ids) == "amb{1,2}"


def test_a_book_that_an_unsure_hash_brings_up_is_not_the_only_one_asked_about_by_name_and_title(
    ada: Any, library: None, make_epub: Callable[..., Path]
) -> None:
    make_epub("else/asimov.epub", title="Nemesis", authors=["Isaac Asimov"])
    scan_all()
    file = BookFile.objects.get(path="asimov.epub")
    titled = resolve(ada, Clue("Foundation.pdf", file.ko_md5, file.size + 1))  # not these bytes after all
    assert titled.book is None
    assert {each.author for each in titled.candidates} == {"Isaac Asimov", "Mercedes Lackey"}
    named = resolve(ada, Clue("asimov.epub", file.ko_md5, file.size + 1))
    assert named.book is None
    by_another = resolve(ada, Clue("Foundation.pdf", file.ko_md5, file.size + 1, authors=("Mercedes Lackey",)))
    assert by_another.book == Book.objects.get(files__path="lackey.epub")


def test_equal_titles_are_offered_with_all_that_tells_them_apart(ada: Any, library: None) -> None:
    found = resolve(ada, Clue("Foundation.pdf"))
    assert (found.book, found.method) == (None, "none")
    described = [(each.title, each.author, each.series, each.series_index) for each in found.candidates]
    assert sorted(described, key=str) == [
        ("Foundation", "Isaac Asimov", "Foundation", 1),
        ("Foundation", "Mercedes Lackey", "Collegium", 1.5),
    ]
    assert all(each.reason for each in found.candidates)


def test_a_file_that_nothing_fits_has_no_candidates(ada: Any, library: None) -> None:
    found = resolve(ada, Clue("Dune Part Two.epub", "e" * 32, 77))
    assert (found.book, found.candidates) == (None, [])


# --- What the reader said, and what is away


def test_what_a_reader_said_goes_first_and_holds_for_that_reader_only(ada: Any, bob: Any, library: None) -> None:
    file = BookFile.objects.get(path="dune.epub")
    link(ada, "dune.epub", titled("Dune Messiah"), file.ko_md5, file.size)
    found = resolve(ada, Clue("renamed.epub", file.ko_md5, file.size))
    assert (found.book, found.method, found.confidence) == (titled("Dune Messiah"), "link", 1.0)
    assert resolve(bob, Clue("renamed.epub", file.ko_md5, file.size)).book == titled("Dune")


def test_none_of_these_is_an_answer_without_candidates(ada: Any, library: None) -> None:
    file = BookFile.objects.get(path="dune.epub")
    link(ada, "dune.epub", None, file.ko_md5)
    found = resolve(ada, Clue("dune.epub", file.ko_md5, file.size))
    assert (found.book, found.method, found.candidates) == (None, "link", [])


def test_a_link_by_name_holds_where_no_hash_is_known(ada: Any, library: None) -> None:
    link(ada, "My Dune.epub", titled("Dune"))
    assert resolve(ada, Clue("my dune.EPUB", "d" * 32, 9)).book == titled("Dune")


def test_a_link_to_a_book_that_was_merged_counts_for_the_one_where_it_ended_up(ada: Any) -> None:
    ids = stock(BOOKS)
    link(ada, "scan0001.epub", Book.objects.get(pk=ids[4]))
    Book.objects.filter(pk=ids[4]).update(is_active=False, merged_into=ids[5])
    Book.objects.filter(pk=ids[5]).update(is_active=False, merged_into=ids[6])
    found = resolve(ada, Clue("scan0001.epub"))
    assert found.book is not None
    assert (found.book.pk, found.method) == (ids[6], "link")
    assert resolve(ada, Clue("It.epub")).book is None  # a merged book is found by nothing else


def test_an_inactive_book_is_found_by_nothing(ada: Any, library: None) -> None:
    file = BookFile.objects.get(path="messiah.epub")
    Book.objects.filter(pk=file.book_id).update(is_active=False)
    link(ada, "linked.epub", file.book)
    for clue in (
        Clue("x.epub", file.ko_md5, file.size),
        Clue("messiah.epub"),
        Clue("Dune Messiah.epub"),
        Clue("linked.epub"),
    ):
        found = resolve(ada, clue)
        assert found.book is None
        assert file.book_id not in {each.book_id for each in found.candidates}


# --- Crowded keys


@pytest.mark.parametrize("count", [BOOKS_OF_A_KEY + 1, ROWS_LIMIT + 1])
def test_of_books_that_too_many_share_a_title_with_none_is_taken_and_some_are_offered(
    count: int, ada: Any, django_assert_max_num_queries: Callable[[int], Any]
) -> None:
    ids = stock([(1, "Untitled", "", None, ("Ada Marlowe",))])
    stock_many(count, "Untitled")
    with django_assert_max_num_queries(8):
        found = resolve(ada, Clue("Untitled.pdf", "c" * 32, 3))
    assert found.book is None
    assert len(found.candidates) == OFFERS_LIMIT
    assert resolve(ada, Clue("Ada Marlowe - Untitled.pdf")).book is None
    Book.objects.exclude(pk=ids[1]).update(is_active=False)
    assert resolve(ada, Clue("Ada Marlowe - Untitled.pdf")).book == Book.objects.get(pk=ids[1])


def test_a_volume_of_a_series_of_hundreds_is_found_although_all_their_titles_begin_alike(ada: Any) -> None:
    series = Series.objects.create(name="The Beginning After the Long Winter")
    stock_many(ROWS_LIMIT + 50, "The Beginning After the Long Winter {}", series=series)
    for volume in (1, 37, BOOKS_OF_A_START + 1, ROWS_LIMIT + 50):
        found = resolve(ada, Clue(f"The Beginning After the Long Winter v{volume:03}.epub"))
        assert found.book is not None, volume
        assert found.book.series_index == volume
    assert resolve(ada, Clue("The Beginning After the Long Winter.epub")).book is None
    assert resolve(ada, Clue("The Beginning After the Long Winter v999.epub")).book is None


def test_books_that_crowd_a_key_out_of_sight_crowd_nothing(ada: Any) -> None:
    stock_many(ROWS_LIMIT + 1, "Untitled")
    Book.objects.update(is_active=False)
    ids = stock([(1, "Untitled", "", None, ())])
    assert outcome(resolve(ada, Clue("Untitled.pdf")), ids) == "1"


@pytest.mark.corpus
def test_two_real_books_that_share_a_hash_are_told_apart(ada: Any, shared_books: Path, settings: Any) -> None:
    for name in ("golden-harpoon.epub", "calibre-series-in-epub2.epub"):
        shutil.copy(shared_books / name, settings.LIBRARY_DIR)
    scan_all()
    harpoon, accel = (BookFile.objects.get(path__startswith=start) for start in ("golden", "calibre"))
    assert harpoon.ko_md5 == accel.ko_md5
    for file in (harpoon, accel):
        found = resolve(ada, Clue("whatever.epub", file.ko_md5, file.size))
        assert found.book is not None
        assert found.book.pk == file.book_id
    unsure = resolve(ada, Clue("whatever.epub", harpoon.ko_md5))
    assert unsure.book is None
    assert {each.book_id for each in unsure.candidates} == {harpoon.book_id, accel.book_id}
    named = resolve(ada, Clue("golden-harpoon.epub", harpoon.ko_md5))
    assert named.book is not None
    assert named.book.pk == harpoon.book_id
