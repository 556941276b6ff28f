"""Reading KOReader's database in the process for hostile files, and making sessions of its rows."""

import os
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, suppress
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from library.errors import MayPass
from library.formats.statistics import (
    MOST_BOOKS,
    PAGES_AT_ONCE,
    NotStatistics,
    StatisticsBook,
    StatisticsPage,
    books_from,
    pages_from,
)
from library.parsing import Parser
from reading.statistics_file import (
    BEGINNING,
    GAP_SECONDS,
    LONGEST_PAGE_SECONDS,
    PageRun,
    Runs,
    StatisticsFile,
    files_by_book,
    identity_of,
)
from tests.matching.examples import BOOKS, outcome
from tests.matching.examples import library as library_of
from tests.reading.statistics_files import BOOK, INDEX, MD5, NEW_YEAR, OTHER_MD5, PAGES, VIEW, make_statistics, reading

FIRST = -(2**63)


@pytest.fixture(scope="module")
def parser() -> Iterator[Parser]:
    with Parser() as made:
        yield made


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "statistics.sqlite3"


def all_pages(parser: Parser, path: Path) -> list[StatisticsPage]:
    found, after = [], BEGINNING
    while pages := parser.statistics_pages(path, after):
        found += pages
        after = (pages[-1].start, pages[-1].row)
    return found


def all_books(parser: Parser, path: Path) -> list[StatisticsBook]:
    found: list[StatisticsBook] = []
    while books := parser.statistics_books(path, found[-1].id if found else FIRST).books:
        found += books
    return found


def refusal(parser: Parser, path: Path) -> str:
    with pytest.raises(NotStatistics) as raised:
        parser.statistics_books(path, FIRST)
    assert raised.value.sentence.endswith(".")
    return raised.value.sentence


# --- What the database says -------------------------------------------------------------------------------------------


def test_books_come_with_what_they_state_and_without_what_is_not_available(parser: Parser, path: Path) -> None:
    named = {
        "title": "Dune\0",
        "authors": "Frank Herbert\nN/A\n Brian  Herbert ",
        "series": "Dune #1",
        "md5": MD5.upper(),
    }
    make_statistics(path, books=[{"id": 7, **named}, {"id": 3, "title": None, "md5": "N/A", "last_open": "soon"}])
    assert all_books(parser, path) == [
        StatisticsBook(3, "", "", "", "", 0),
        StatisticsBook(7, "Dune", "Frank Herbert\nBrian Herbert", "Dune #1", MD5, NEW_YEAR),
    ]


def test_pages_come_in_the_order_of_their_starts_however_many_there_are(parser: Parser, path: Path) -> None:
    rows = [(1, n, NEW_YEAR + n // 3, 5, 20_000) for n in range(2 * PAGES_AT_ONCE + 7)]
    make_statistics(path, rows=reversed(rows))
    pages = all_pages(parser, path)
    assert [page.start for page in pages] == sorted(row[2] for row in rows)
    assert {page.page for page in pages} == set(range(len(rows)))
    assert parser.statistics_books(path, FIRST).pages == len(rows)


def test_long_titles_fill_several_answers(parser: Parser, path: Path) -> None:
    make_statistics(
        path, books=[{"title": "名" * 5000, "authors": "作" * 5000, "md5": f"{n:032x}"} for n in range(300)]
    )
    books = all_books(parser, path)
    assert len({book.md5 for book in books}) == 300
    assert {(len(book.title), len(book.authors)) for book in books} == {(1000, 1000)}


def test_values_of_any_type_are_taken_for_what_they_can_be(parser: Parser, path: Path) -> None:
    odd = [
        (1, 1, NEW_YEAR, 60, 300),
        (1, "two", NEW_YEAR + 1, "long", None),
        (1, b"\xff", NEW_YEAR + 2, 61.7, 2**60),
        (1, 4, "a year ago", 60, 300),
        (1, 5, None, 60, 300),
        (1, 6, 1.5, 60, 300),
        (1, 7, 2**62, 60, 300),
        (1, 8, f"{NEW_YEAR + 3}", "60", "300"),  # text that is a number becomes one in such a column
        (None, 9, NEW_YEAR + 4, 60, 300),
        ("x", 10, NEW_YEAR + 5, 60, 300),
        (1, 11, -5, 60, 300),
    ]
    loose = PAGES.replace(" NOT NULL", "")
    make_statistics(path, rows=odd, schema=[BOOK, loose, INDEX])
    assert [(page.page, page.start, page.seconds, page.of_pages) for page in all_pages(parser, path)] == [
        (11, -5, 60, 300),
        (1, NEW_YEAR, 60, 300),
        (None, NEW_YEAR + 1, None, None),
        (None, NEW_YEAR + 2, 61, None),
        (8, NEW_YEAR + 3, 60, 300),
    ]
    assert parser.statistics_books(path, FIRST).pages == len(odd)


def test_text_that_is_no_unicode_is_read(parser: Parser, path: Path) -> None:
    make_statistics(path, books=[])
    with closing(sqlite3.connect(path)) as database:
        database.execute("INSERT INTO book (title, md5) VALUES (CAST(x'41ff42' AS TEXT), ?)", [MD5])
        database.commit()
    assert all_books(parser, path)[0].title == "A\N{REPLACEMENT CHARACTER}B"


def test_a_copy_in_wal_mode_opens_without_its_log_and_nothing_is_written(parser: Parser, path: Path) -> None:
    make_statistics(path, rows=reading(NEW_YEAR, 3), in_wal_mode=True)
    before = path.read_bytes()
    assert before[18:20] == b"\2\2"
    assert len(all_pages(parser, path)) == 3
    assert path.read_bytes() == before
    assert [each.name for each in path.parent.glob("statistics*")] == [path.name]


def test_a_database_without_its_indexes_is_read_too(parser: Parser, path: Path) -> None:
    plain = PAGES.replace("UNIQUE (id_book, page, start_time),", "")
    make_statistics(path, rows=reading(NEW_YEAR, PAGES_AT_ONCE + 5), schema=[BOOK, plain])
    assert len(all_pages(parser, path)) == PAGES_AT_ONCE + 5


# --- What is no such database -----------------------------------------------------------------------------------------


def test_what_is_no_database_is_refused_with_a_sentence(parser: Parser, path: Path) -> None:
    for content, said in (
        (b"", "empty"),
        (b"PK\3\4 a zip", "no SQLite database"),
        (os.urandom(8192), "encrypted"),
        (b"SQLite format 3\0", "cut off"),
        (b"SQLite format 3\0" + os.urandom(4096), ""),
    ):
        path.write_bytes(content)
        assert said in refusal(parser, path)


def test_one_that_is_cut_off_says_so(parser: Parser, path: Path) -> None:
    whole = make_statistics(path, rows=reading(NEW_YEAR, 500)).read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    assert f"of its {len(whole)} bytes {len(whole) // 2} are there" in refusal(parser, path)


OLD = "CREATE TABLE page_stat (id_book integer, page integer, start_time integer, period integer)"
COMPUTED = PAGES.replace("integer NOT NULL DEFAULT 0, total", "integer AS (page * 60), total")
FAKE = "CREATE VIEW book AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i FROM n) SELECT i AS id FROM n"


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        (["CREATE TABLE x (y)"], "no table book"),
        ([BOOK], "no table page_stat_data"),
        ([FAKE, PAGES], "no table book"),
        (["CREATE VIRTUAL TABLE book USING fts5(title)", PAGES], "no plain table"),
        (
            [BOOK, PAGES.replace("integer NOT NULL DEFAULT 0, total", "GENERATED ALWAYS AS (page * 60), total")],
            "computes",
        ),
        ([BOOK.replace("md5 text", "hash text"), PAGES], "book lacks md5"),
        ([BOOK, PAGES.replace("total_pages", "pages")], "page_stat_data lacks total_pages"),
        (
            [BOOK, "CREATE TABLE page_stat (id_book integer, page integer, start_time integer, period integer)"],
            "before 2020",
        ),
        ([BOOK, PAGES.replace("id))", "id)) WITHOUT ROWID").replace("UNIQUE", "PRIMARY KEY")], "damaged"),
    ],
)
def test_another_schema_is_refused_with_a_sentence(schema: list[str], said: str, parser: Parser, path: Path) -> None:
    make_statistics(path, books=[], schema=schema)
    with pytest.raises(NotStatistics, match=said):
        parser.statistics_pages(path, BEGINNING)


def test_triggers_and_views_beside_the_tables_are_left_alone(parser: Parser, path: Path) -> None:
    endless = FAKE.replace("VIEW book", "VIEW other")
    make_statistics(path, rows=reading(NEW_YEAR, 2), schema=[BOOK, PAGES, INDEX, VIEW, endless])
    assert len(all_pages(parser, path)) == 2


def test_more_books_than_anybody_has_are_refused(parser: Parser, path: Path) -> None:
    make_statistics(path, books=[])
    with closing(sqlite3.connect(path)) as database:
        numbers = f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i <= {MOST_BOOKS})"
        database.execute(f"INSERT INTO book (title) {numbers} SELECT 'Book ' || i FROM n")
        database.commit()
    assert f"{MOST_BOOKS + 1} books" in refusal(parser, path)


def test_damage_inside_is_told_when_it_is_met(parser: Parser, path: Path) -> None:
    whole = bytearray(make_statistics(path, rows=reading(NEW_YEAR, 3000)).read_bytes())
    for start in range(4 * 4096, len(whole), 4096):
        whole[start : start + 512] = os.urandom(512)
    path.write_bytes(whole)
    with pytest.raises(NotStatistics, match="damaged"):
        all_pages(parser, path)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changes=st.lists(st.tuples(st.integers(0, 2**20), st.binary(min_size=1, max_size=64)), min_size=1, max_size=12))
def test_a_database_with_any_bytes_changed_never_crashes_or_hangs_its_reader(
    changes: list[tuple[int, bytes]], parser: Parser, path: Path
) -> None:
    if not path.exists():
        make_statistics(path, rows=reading(NEW_YEAR, 400))
    content = bytearray(path.read_bytes())
    for place, new in changes:
        start = place % len(content)
        content[start : start + len(new)] = new
    mutated = path.with_name("mutated.sqlite3")
    mutated.write_bytes(content)
    for ask in (all_books, all_pages):
        # Anything else would say that its reader was ended or lost its way.
        with suppress(NotStatistics):
            ask(parser, mutated)  # type: ignore[operator]


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"rows": "many"},
        {"rows": [[1, 1, 1, 5, 1]]},
        {"rows": [[1, 1, 1, True, 1, 1]]},
        {"rows": [[1, 1, 1, 10**30, 1, 1]]},
        {"rows": [[1, 1, 1, 5, 1, 1], [1, 1, 1, 5, 1, 1]]},
        {"rows": [[2, 1, 1, 5, 1, 1], [1, 1, 1, 5, 1, 1]]},
        {"rows": [[1, 1, 1, 5, 1, 1]] * (PAGES_AT_ONCE + 1)},
    ],
)
def test_an_answer_that_goes_nowhere_is_not_believed(said: dict[str, Any]) -> None:
    with pytest.raises((LookupError, TypeError, ValueError)):
        pages_from(said, BEGINNING)
    with pytest.raises((LookupError, TypeError, ValueError)):
        books_from(said, FIRST)


def test_a_reader_that_is_ended_from_outside_is_not_the_files_fault(path: Path) -> None:
    import psutil

    make_statistics(path)
    with Parser() as parser:
        parser.statistics_books(path, FIRST)
        assert parser.pid is not None
        child = psutil.Process(parser.pid)
        child.suspend()
        parser._ask({"path": str(path), "statistics": "books", "after": 0}, 30.0)
        child.kill()
        with pytest.raises(MayPass):
            parser._answered(lambda said, _: books_from(said, 0), longest=0)


# --- Sessions ---------------------------------------------------------------------------------------------------------

EMMA = StatisticsFile(MD5, MD5, "Emma", "Jane Austen", "")
DUNE = StatisticsFile(OTHER_MD5, OTHER_MD5, "Dune", "Frank Herbert", "")
FILES = {1: EMMA, 2: DUNE, 3: EMMA}


def pages_of(rows: Iterable[tuple[Any, ...]]) -> list[StatisticsPage]:
    ordered = sorted(enumerate(rows), key=lambda each: (each[1][2], each[0]))
    return [StatisticsPage(n, book, page, start, took, of) for n, (book, page, start, took, of) in ordered]


def runs_of(rows: Iterable[tuple[Any, ...]], settled: Any = None) -> list[PageRun]:
    runs = Runs(FILES, settled or {}, [])
    found = [run for page in pages_of(rows) for run in runs.take(page)]
    return sorted([*found, *runs.finish()], key=lambda run: (run.start, run.identity))


def test_pages_without_a_pause_are_one_session() -> None:
    [run] = runs_of(reading(NEW_YEAR, 30, first=31))
    assert (run.start, run.end, run.seconds, run.pages) == (NEW_YEAR, NEW_YEAR + 1800, 1800, 30)
    assert (run.progress_start, run.progress_end) == (0.1, 0.2)
    assert run.uuid == f"koreader-{MD5}-{NEW_YEAR}"
    assert identity_of(run.uuid) == MD5


@pytest.mark.parametrize(("pause", "sessions"), [(GAP_SECONDS, 1), (GAP_SECONDS + 1, 2)])
def test_a_pause_that_suspends_the_device_parts_two_sessions(pause: int, sessions: int) -> None:
    rows = [*reading(NEW_YEAR, 5), *reading(NEW_YEAR + 300 + pause, 5, first=6)]
    runs = runs_of(rows)
    assert len(runs) == sessions
    assert sum(run.seconds for run in runs) == 600  # the pause is nobody's reading time


def test_rows_that_overlap_count_once_and_two_rows_of_book_are_one_file() -> None:
    rows = [(1, 1, NEW_YEAR, 100, 300), (3, 2, NEW_YEAR + 50, 100, 300), (1, 3, NEW_YEAR + 60, 10, 300)]
    [run] = runs_of(rows)
    assert (run.seconds, run.pages, run.end - run.start) == (150, 3, 150)


def test_books_read_in_turns_are_sessions_of_their_own() -> None:
    rows = [(1 + n % 2, n, NEW_YEAR + 60 * n, 60, 300) for n in range(10)]
    runs = runs_of(rows)
    assert [(run.identity, run.seconds, run.pages) for run in runs] == [(MD5, 300, 5), (OTHER_MD5, 300, 5)]


def test_progress_follows_each_rows_own_count_of_pages_and_leaves_out_what_cannot_be() -> None:
    rows = [
        (1, 0, NEW_YEAR, 60, 0),
        (1, 11, NEW_YEAR + 60, 60, 100),
        (1, 23, NEW_YEAR + 120, 60, 200),
        (1, 400, NEW_YEAR + 180, 60, 200),
        (1, None, NEW_YEAR + 240, 60, None),
    ]
    [run] = runs_of(rows)
    assert (run.progress_start, run.progress_end, run.pages) == (0.1, 0.115, 5)


def test_a_row_that_no_page_can_take_swallows_nothing() -> None:
    rows = [*reading(NEW_YEAR, 5), (1, 6, NEW_YEAR + 300, 10**9, 300), *reading(NEW_YEAR + 400, 5, first=7)]
    bogus, real = sorted(runs_of(rows), key=lambda run: -run.seconds)
    assert (bogus.is_alone, bogus.seconds) == (True, 10**9)
    assert (real.start, real.pages, real.seconds) == (NEW_YEAR, 10, 600)
    assert bogus.uuid != real.uuid
    assert not runs_of([(1, 1, NEW_YEAR, LONGEST_PAGE_SECONDS, 300)])[0].is_alone


def test_times_beyond_the_calendar_stay_in_it() -> None:
    [run] = runs_of([(1, 1, NEW_YEAR, 2**52, 300)])
    assert run.ended_at.year == 9999


def test_rows_without_a_duration_or_a_book_are_counted_as_unusable() -> None:
    runs = Runs(FILES, {}, [])
    for page in pages_of([(1, 1, NEW_YEAR, None, 9), (1, 2, NEW_YEAR, -60, 9), (99, 1, NEW_YEAR, 60, 9)]):
        assert list(runs.take(page)) == []
    assert (runs.unusable, runs.finish()) == (3, [])


def test_what_the_reader_settled_is_left_out_and_parts_what_is_around_it() -> None:
    rows = reading(NEW_YEAR, 30)
    settled = {MD5: [(NEW_YEAR + 600, NEW_YEAR + 1200)]}
    assert [(run.start - NEW_YEAR, run.end - NEW_YEAR) for run in runs_of(rows, settled)] == [(0, 600), (1200, 1800)]
    assert len(runs_of(reading(NEW_YEAR, 30, book=2), settled)) == 1


row = st.tuples(
    st.sampled_from([1, 2, 3]), st.integers(0, 20), st.integers(0, 20_000), st.integers(0, 9000), st.integers(0, 20)
)


@given(rows=st.lists(row, max_size=60), cuts=st.sets(st.integers(0, 60)))
def test_sessions_hold_each_second_once_and_do_not_depend_on_where_the_work_was_taken_up(
    rows: list[tuple[int, int, int, int, int]], cuts: set[int]
) -> None:
    found: list[PageRun] = []
    runs = Runs(FILES, {}, [])
    for n, page in enumerate(pages_of(rows)):
        if n in cuts:
            found += runs.ended_before(page.start)
            runs = Runs(FILES, {}, [PageRun(*run.as_json()) for run in runs.open])  # type: ignore[arg-type]
        found += runs.take(page)
    found += runs.finish()
    assert sorted(found, key=lambda run: (run.start, run.uuid)) == sorted(
        runs_of(rows), key=lambda run: (run.start, run.uuid)
    )
    for identity, books in ((MD5, (1, 3)), (OTHER_MD5, (2,))):
        usual = [each for each in rows if each[0] in books and each[3] <= LONGEST_PAGE_SECONDS]
        seconds = {second for _, _, start, took, _ in usual for second in range(start, start + took)}
        ours = [run for run in found if run.identity == identity and not run.is_alone]
        assert sum(run.seconds for run in ours) == len(seconds)
        assert sum(run.pages for run in ours) == len(usual)
        ours.sort(key=lambda run: run.start)
        for before, after in pairwise(ours):
            assert after.start - before.end > GAP_SECONDS


# --- Files ------------------------------------------------------------------------------------------------------------


def book(id: int, title: str, authors: str = "", md5: str = "", last_open: int = 0) -> StatisticsBook:
    return StatisticsBook(id, title, authors, "", md5, last_open)


def test_rows_of_book_with_one_hash_are_one_file_called_as_when_it_was_opened_last() -> None:
    files = files_by_book([book(1, "Emma", md5=MD5, last_open=5), book(2, "Emma (1815)", md5=MD5, last_open=9)])
    assert files[1] == files[2]
    assert files[1].title == "Emma (1815)"


def test_without_a_hash_title_and_authors_tell_files_apart() -> None:
    files = files_by_book([book(1, "Poems", "A"), book(2, "Poems", "B"), book(3, "Poems", "A"), book(4, "", "")])
    assert len({file.identity for file in files.values()}) == 3
    assert files[1] == files[3]
    assert len({file.as_report().filename for file in files.values()}) == 3
    assert all(len(file.identity) == 32 and file.md5 == "" for file in files.values())


@pytest.mark.parametrize("row", BOOKS, ids=lambda row: str(row[0]))
def test_a_file_is_known_by_title_and_authors_and_never_by_the_name_that_it_has_to_have(row: Any) -> None:
    number, title, _series, _index, authors = row
    found = library_of(BOOKS)
    [file] = files_by_book([book(1, title, "\n".join(authors))]).values()
    clue = file.as_report().as_clue()
    assert outcome(clue, found) == outcome(replace(clue, filename=""), found)
    # A title of nothing but digits, or one that several books have, may be any: then it is asked for.
    if (title != "1984" and sum(each[1] == title for each in BOOKS) == 1) or outcome(clue, found).isdecimal():
        assert outcome(clue, found) == str(number)
    if authors and title.isascii():
        assert not outcome(replace(clue, authors=("Somebody Else",)), found).isdecimal()
