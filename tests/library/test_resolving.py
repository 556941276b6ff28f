from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from library.importing import finish_scans, import_next, queue_scan, walk
from library.models import Book, BookFile, FileLink
from library.resolving import CANDIDATES_LIMIT, OFFERS_LIMIT, resolve
from matching.deciding import Clue
from matching.names import file_name_key, title_key

pytestmark = pytest.mark.django_db


@pytest.fixture
def library(make_epub: Callable[..., Path]) -> None:
    make_epub("dune.epub", title="Dune", authors=["Frank Herbert"], series="Dune", series_index=1)
    make_epub("messiah.epub", title="Dune Messiah", authors=["Frank Herbert"], series="Dune", series_index=2)
    make_epub("asimov.epub", title="Foundation", authors=["Isaac Asimov"])
    make_epub("lackey.epub", title="Foundation", authors=["Mercedes Lackey"], series="Collegium", series_index=1.5)
    scan()


def scan() -> None:
    walk(queue_scan())
    while import_next():
        pass
    finish_scans()


def titled(title: str) -> Book:
    return Book.objects.get(title=title)


def link(reader: Any, name: str, book: Book | None, ko_md5: str = "", size: int | None = None) -> None:
    FileLink.objects.create(
        reader=reader, filename=name, name_key=file_name_key(name), book=book, ko_md5=ko_md5, size=size
    )


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


def test_a_former_hash_finds_its_book_too(ada: Any, library: None, make_epub: Callable[..., Path]) -> None:
    former = BookFile.objects.get(path="dune.epub")
    make_epub("dune.epub", title="Dune", chapters=9)
    scan()
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


def test_an_equal_title_finds_its_book_and_authors_decide_between_two(ada: Any, library: None) -> None:
    assert resolve(ada, Clue("Dune_Messiah.pdf")).book == titled("Dune Messiah")
    found = resolve(ada, Clue("Foundation.pdf", authors=("Lackey, Mercedes",)))
    assert (found.book, found.method) == (Book.objects.get(files__path="lackey.epub"), "title_author")


def test_a_book_that_an_unsure_hash_brings_up_is_not_the_only_one_asked_about_by_name_and_title(
    ada: Any, library: None, make_epub: Callable[..., Path]
) -> None:
    make_epub("else/asimov.epub", title="Nemesis", authors=["Isaac Asimov"])
    scan()
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
    assert described == [
        ("Foundation", "Isaac Asimov", None, None),
        ("Foundation", "Mercedes Lackey", "Collegium", 1.5),
    ]
    assert all(each.reason for each in found.candidates)


def test_a_file_that_nothing_fits_has_no_candidates(ada: Any, library: None) -> None:
    found = resolve(ada, Clue("Dune Part Two.epub", "e" * 32, 77))
    assert (found.book, found.candidates) == (None, [])


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
        assert (found.book, found.candidates) == (None, [])


def test_a_thousand_books_of_one_name_stay_a_short_list_and_few_queries(
    ada: Any, library: None, django_assert_max_num_queries: Callable[[int], Any]
) -> None:
    Book.objects.bulk_create(Book(title="Untitled", title_key=title_key("Untitled")) for _ in range(200))
    with django_assert_max_num_queries(5):
        found = resolve(ada, Clue("Untitled.pdf", "c" * 32, 3))
    assert found.book is None
    assert len(found.candidates) == OFFERS_LIMIT < CANDIDATES_LIMIT


def test_every_lookup_uses_an_index(ada: Any, library: None) -> None:
    """The queries must not come to cost more as the library grows."""
    from django.test.utils import CaptureQueriesContext

    with CaptureQueriesContext(connection) as captured:
        resolve(ada, Clue("Foundation.pdf", "c" * 32, 3))
    assert captured.captured_queries
    if connection.vendor != "sqlite":
        return  # on so few rows PostgreSQL prefers to read them all, and rightly
    with connection.cursor() as cursor:
        for query in captured.captured_queries:
            cursor.execute(f"EXPLAIN QUERY PLAN {query['sql']}")
            plan = [row[3] for row in cursor.fetchall()]
            assert not [step for step in plan if step.startswith("SCAN")], (query["sql"], plan)


@pytest.mark.corpus
def test_two_real_books_that_share_a_hash_are_told_apart(ada: Any, shared_books: Path, settings: Any) -> None:
    import shutil

    for name in ("golden-harpoon.epub", "calibre-series-in-epub2.epub"):
        shutil.copy(shared_books / name, settings.LIBRARY_DIR)
    scan()
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
