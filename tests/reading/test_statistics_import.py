"""KOReader's own statistics as sessions: once, however often, from whichever copy, and whoever is killed over it."""

import os
import sqlite3
import stat
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from django.db import OperationalError
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.models import Reader
from library.errors import MayPass, TooLarge
from library.formats.statistics import NotStatistics
from library.models import Book, BookFile, FileHash
from library.parsing import Parser
from reading import statistics_import
from reading.clocks import Clock
from reading.days import day_totals, spans_of
from reading.files import FileReport, report_of
from reading.links import adopt_known_files, link_file
from reading.models import BookDay, DeviceFile, ReaderDay, Session, StaleDay, StatisticsImport
from reading.rebuilding import drift
from reading.refreshing import refresh
from reading.reports import report_sessions
from reading.sessions import SessionReport
from reading.statistics_import import CLAIM_SECONDS, next_import, run_import, store_runs, unknown_files, unusable_rows
from reading.statistics_uploads import location, queue_statistics, remove_leftovers, uploads_folder
from tests.conftest import REPOSITORY, add_book
from tests.reading.conftest import KOBO
from tests.reading.statistics_files import MD5, NEW_YEAR, OTHER_MD5, Row, make_statistics, reading
from tests.reading.test_statistics_file import EMMA, runs_of

State = StatisticsImport.State
HOUR = 3600
Import = Callable[..., StatisticsImport]

pytestmark = pytest.mark.django_db


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "statistics.sqlite3"


@pytest.fixture
def queue(ada: Reader, path: Path) -> Import:
    """Ada hands a database in: `queue(rows=..., books=...)`."""

    def hand_in(reader: Reader = ada, **holds: Any) -> StatisticsImport:
        return queue_statistics(reader, [make_statistics(path, **holds).read_bytes()], "statistics.sqlite3")

    return hand_in


@pytest.fixture
def bring(queue: Import) -> Import:
    """The same, and it is imported at once."""

    def hand_in(*rows: list[Row], **holds: Any) -> StatisticsImport:
        return done(queue(rows=[row for some in rows for row in some], **holds))

    return hand_in


def done(row: StatisticsImport) -> StatisticsImport:
    assert run_import(row.pk, seconds=60)
    row.refresh_from_db()
    return row


@pytest.fixture
def emma(book: Book) -> Book:
    """A book of the library whose file has the hash that the databases name."""
    file = BookFile.objects.get(book=book)
    FileHash.objects.create(file=file, sha256="0" * 64, ko_md5=MD5, size=1000)
    return book


def at(seconds: int) -> datetime:
    return datetime.fromtimestamp(NEW_YEAR + seconds, UTC)


def spans(reader: Reader) -> list[tuple[int, int, float]]:
    """Starts, ends and seconds of a reader's sessions, from the new year on."""
    rows = Session.objects.filter(reader=reader).order_by("started_at", "pk")
    return [
        (int(row.started_at.timestamp()) - NEW_YEAR, int(row.ended_at.timestamp()) - NEW_YEAR, row.seconds)
        for row in rows
    ]


def counted() -> float:
    """All seconds of all days, once everything is up to date and nothing derived differs from its sources."""
    assert refresh()
    assert drift() == []
    return sum(ReaderDay.objects.values_list("seconds", flat=True))


# --- What comes in ----------------------------------------------------------------------------------------------------


def test_sessions_are_stored_with_their_book_and_mark_their_days(bring: Import, ada: Reader, emma: Book) -> None:
    row = bring(reading(NEW_YEAR + 10 * HOUR, 30), reading(NEW_YEAR + 20 * HOUR, 10, first=31))
    assert (row.state, row.reason, row.rows_done, row.rows_total) == (State.FINISHED, "", 40, 40)
    assert (row.sessions_stored, row.sessions_known, row.sessions_flagged) == (2, 0, 0)
    assert (row.books_seen, row.books_unknown) == (1, 0)
    assert row.finished_at is not None
    first, second = Session.objects.order_by("started_at")
    assert (first.book, first.ko_md5, first.source, first.device, first.timezone) == (emma, MD5, "import", None, "")
    assert (first.started_at, first.ended_at) == (at(10 * HOUR), at(10 * HOUR + 1800))
    assert (first.seconds, first.pages, first.progress_start, first.progress_end) == (1800, 30, 0.0, 0.1)
    assert second.uuid == f"koreader-{MD5}-{NEW_YEAR + 20 * HOUR}"
    assert StaleDay.objects.filter(reader=ada).exists()
    assert counted() == 2400
    assert set(BookDay.objects.values_list("book", flat=True)) == {emma.pk}


def test_the_file_is_private_while_it_waits_and_gone_afterwards(queue: Import, ada: Reader) -> None:
    row = queue(rows=reading(NEW_YEAR, 20))
    assert stat.S_IMODE(location(row.pk).stat().st_mode) == 0o600
    assert stat.S_IMODE(uploads_folder().stat().st_mode) == 0o700
    done(row)
    assert list(uploads_folder().iterdir()) == []


def test_what_is_shorter_than_any_session_is_not_stored(bring: Import) -> None:
    row = bring([(1, 1, NEW_YEAR, 9, 300)])
    assert (row.state, row.sessions_stored, Session.objects.count()) == (State.FINISHED, 0, 0)


def test_a_reset_clock_is_flagged_and_not_counted(bring: Import, emma: Book) -> None:
    row = bring(reading(259_200, 20), [(1, 1, NEW_YEAR, 9 * 86_400, 300)])
    assert (row.sessions_stored, row.sessions_flagged) == (2, 2)
    assert {session.flag for session in Session.objects.all()} == {"before_time", "too_long"}
    assert counted() == 0


def test_rows_that_say_nothing_are_counted_and_hold_up_nothing(bring: Import) -> None:
    odd: list[Row] = [(1, 1, "never", 60, 300), (1, 2, NEW_YEAR, "long", 300), (77, 1, NEW_YEAR, 60, 300)]
    row = bring(odd, reading(NEW_YEAR + HOUR, 20))
    assert (row.state, row.sessions_stored, unusable_rows(row)) == (State.FINISHED, 1, 3)
    assert row.rows_done == row.rows_total == 23


def test_a_database_without_rows_is_finished_with_nothing(bring: Import) -> None:
    row = bring()
    assert (row.state, row.books_seen, row.rows_total) == (State.FINISHED, 0, 0)


def test_each_reader_has_sessions_of_their_own(queue: Import, ada: Reader, bob: Reader) -> None:
    for reader in (ada, bob):
        assert done(queue(reader, rows=reading(NEW_YEAR, 20))).sessions_stored == 1
    assert [session.reader for session in Session.objects.order_by("pk")] == [ada, bob]


# --- Books ------------------------------------------------------------------------------------------------------------


def test_without_a_hash_title_and_authors_decide(bring: Import, book: Book) -> None:
    named = {"title": "A Study in Scarlet", "authors": "Arthur Conan Doyle"}
    others = [{"id": 2, "title": "A Study in Scarlet", "authors": "Jane Austen"}, {"id": 3, "title": "A Study"}]
    row = bring(
        reading(NEW_YEAR, 20),
        reading(NEW_YEAR + 10 * HOUR, 20, book=2),
        reading(NEW_YEAR + 20 * HOUR, 20, book=3),
        books=[{"id": 1, **named}, *others],
    )
    assert [session.book for session in Session.objects.order_by("started_at")] == [book, None, None]
    assert (row.books_seen, row.books_unknown) == (3, 2)
    assert [(file.title, file.authors) for file in unknown_files(row)] == [
        ("A Study", ""),
        ("A Study in Scarlet", "Jane Austen"),
    ]


def test_an_unknown_book_is_kept_and_counted_once_it_arrives(
    bring: Import, settings: Any, make_epub: Callable[..., Path]
) -> None:
    row = bring(
        reading(NEW_YEAR, 20),
        reading(NEW_YEAR + 10 * HOUR, 20, book=2),
        books=[
            {"id": 1, "title": "Emma", "authors": "Jane Austen", "md5": MD5},
            {"id": 2, "title": "Persuasion", "authors": "Jane Austen"},
        ],
    )
    assert counted() == 0
    for title in ("Emma", "Persuasion"):
        add_book(make_epub(f"{title}.epub"), settings.LIBRARY_DIR, title=title, authors=["Jane Austen"])
    assert adopt_known_files()[0] == 2
    assert counted() == 2400
    assert list(unknown_files(row)) == []


def test_an_unknown_book_is_counted_once_the_reader_says_which_it_is(bring: Import, ada: Reader, book: Book) -> None:
    books = [{"id": 1, "title": "Scarlet?", "md5": None}, {"id": 2, "title": "Another", "md5": None}]
    row = bring(reading(NEW_YEAR, 20), reading(NEW_YEAR + 10 * HOUR, 20, book=2), books=books)
    [other, said] = unknown_files(row)
    link_file(ada, report_of(said), book)
    assert counted() == 1200
    assert list(unknown_files(row)) == [other]
    # What is said stands for later copies too, and for no other nameless file.
    bring(reading(NEW_YEAR + 30 * HOUR, 20), reading(NEW_YEAR + 40 * HOUR, 20, book=2), books=books)
    assert counted() == 2400


def test_a_file_that_a_device_told_of_stays_one_file(bring: Import, ada: Reader, book: Book) -> None:
    told = FileReport("A Study in Scarlet.epub", ko_md5=OTHER_MD5, size=5, folder="Doyle")
    DeviceFile.objects.create(
        reader=ada, name_key="a study in scarlet.epub", filename=told.filename, ko_md5=MD5, size=5, folder="Doyle"
    )
    book.files.update(name_key="something else.epub")
    row = bring(reading(NEW_YEAR, 20), books=[{"id": 1, "title": "N/A", "md5": MD5}])
    # It is known by the name that the device told, not by anything that the database says.
    assert Session.objects.get().book == book
    assert row.books_unknown == 0
    assert DeviceFile.objects.get().folder == "Doyle"


# --- Twice, and newer copies ------------------------------------------------------------------------------------------


def test_the_same_database_again_stores_nothing_and_is_not_even_read(
    bring: Import, queue: Import, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = reading(NEW_YEAR, 30)
    first = bring(rows)
    monkeypatch.setattr(Parser, "statistics_pages", None)
    again = done(queue(rows=rows))
    assert again.pk != first.pk
    assert (again.state, again.sessions_stored, again.sessions_known) == (State.FINISHED, 0, 1)
    assert (again.rows_done, again.rows_total, again.books_seen, again.books_unknown) == (30, 30, 1, 1)
    assert Session.objects.count() == 1


def test_the_same_database_while_it_waits_is_the_same_import(queue: Import) -> None:
    rows = reading(NEW_YEAR, 30)
    assert queue(rows=rows).pk == queue(rows=rows).pk
    assert len(list(uploads_folder().iterdir())) == 1


def test_a_newer_copy_adds_what_is_new_and_lets_the_last_session_go_on(bring: Import, ada: Reader, emma: Book) -> None:
    old = [*reading(NEW_YEAR, 30), *reading(NEW_YEAR + 10 * HOUR, 10, first=31)]
    bring(old)
    last = Session.objects.latest("started_at")
    counted()
    row = bring(old, reading(NEW_YEAR + 10 * HOUR + 600, 10, first=41), reading(NEW_YEAR + 20 * HOUR, 10, first=51))
    assert (row.sessions_stored, row.sessions_known) == (2, 1)  # one went on, one is new
    assert spans(ada) == [(0, 1800, 1800), (36_000, 37_200, 1200), (72_000, 72_600, 600)]
    last.refresh_from_db()
    assert (last.seconds, last.pages, round(last.progress_end or 0, 4)) == (1200, 20, round(50 / 300, 4))
    assert counted() == 3600


def test_an_older_copy_after_the_newer_one_changes_nothing(bring: Import, ada: Reader, emma: Book) -> None:
    bring(reading(NEW_YEAR, 30))
    before = spans(ada)
    assert bring(reading(NEW_YEAR, 10)).sessions_known == 1
    assert spans(ada) == before


def test_rows_of_another_device_that_come_later_with_older_times_count_no_second_twice(
    bring: Import, ada: Reader, emma: Book
) -> None:
    ours = [*reading(NEW_YEAR + 600, 10), *reading(NEW_YEAR + 2400, 10, first=30)]
    bring(ours)
    assert len(spans(ada)) == 2
    merged = [
        *reading(NEW_YEAR, 10, first=50),  # before, and without a pause
        *reading(NEW_YEAR + 1200, 20, first=60),  # between: now all of it is one session
        *reading(NEW_YEAR - HOUR, 10, first=80),  # an hour before
    ]
    row = bring(ours, merged)
    seconds = {second for _, _, start, took, _ in [*ours, *merged] for second in range(start, start + took)}
    assert counted() == len(seconds)
    assert row.state == State.FINISHED
    # And once more, from a copy that differs by nothing but one session far away.
    bring(ours, merged, reading(NEW_YEAR + 90 * HOUR, 10))
    assert counted() == len(seconds) + 600


page = st.tuples(st.integers(0, 30_000), st.integers(10, 300), st.integers(0, 2))


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(pages=st.lists(page, max_size=40))
def test_copies_that_know_more_and_more_count_each_second_once(
    pages: list[tuple[int, int, int]], ada: Reader, emma: Book
) -> None:
    """Each page is in all copies from one on, in whatever order of time: first of three, second, or only the last."""
    Session.objects.all().delete()
    for copy in range(3):
        rows = [
            (1, n + 1, NEW_YEAR + start, took, 300) for n, (start, took, since) in enumerate(pages) if since <= copy
        ]
        for _ in range(2):
            store_runs(ada, runs_of(rows), {MD5: EMMA.as_report()}, now=timezone.now())
            known = {second for _, _, start, took, _ in rows for second in range(start, start + took)}
            totals = day_totals(spans_of(Session.objects.filter(reader=ada)), reader=ada)
            assert sum(day.seconds for day in totals.days.values()) == pytest.approx(len(known), abs=0.01)


def test_what_the_reader_deleted_does_not_come_back(bring: Import, ada: Reader, emma: Book) -> None:
    rows = [*reading(NEW_YEAR, 30), *reading(NEW_YEAR + 10 * HOUR, 10)]
    bring(rows)
    Session.objects.filter(started_at=at(0)).update(flag=Session.Flag.DELETED)
    refresh_all(ada)
    # Not from the same copy, nor from one in which another device's rows reach into it, or in which it goes on.
    newer = [*reading(NEW_YEAR - 600, 10, first=90), *reading(NEW_YEAR + 1800, 5, first=31)]
    bring(rows, newer)
    visible = Session.objects.exclude(flag=Session.Flag.DELETED).order_by("started_at")
    assert [(row.started_at, row.ended_at) for row in visible] == [
        (at(-600), at(0)),
        (at(1800), at(2100)),
        (at(10 * HOUR), at(10 * HOUR + 600)),
    ]
    assert counted() == 600 + 300 + 600


def test_what_the_reader_trimmed_stays_trimmed(bring: Import, ada: Reader, emma: Book) -> None:
    rows = reading(NEW_YEAR, 30)
    bring(rows)
    reported = {"started_at": at(0).isoformat(), "ended_at": at(1800).isoformat(), "seconds": 1800.0, "pages": 30}
    Session.objects.update(ended_at=at(600), seconds=600, pages=10, reported=reported)
    refresh_all(ada)
    bring(rows, reading(NEW_YEAR + 10 * HOUR, 10))
    assert spans(ada) == [(0, 600, 600), (36_000, 36_600, 600)]
    assert counted() == 1200


def test_what_is_trimmed_while_it_is_imported_stays_trimmed_too(
    bring: Import, queue: Import, ada: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = reading(NEW_YEAR, 30)
    bring(rows)
    row = queue(rows=[*rows, *reading(NEW_YEAR + 1800, 10)])

    def trimmed_meanwhile(reader: Reader) -> dict[str, Any]:
        found = stretches(reader)
        Session.objects.update(ended_at=at(600), seconds=600, reported={"ended_at": at(1800).isoformat()})
        return found

    stretches = statistics_import.settled_stretches
    monkeypatch.setattr(statistics_import, "settled_stretches", trimmed_meanwhile)
    assert done(row).sessions_known == 1
    assert spans(ada) == [(0, 600, 600)]


def refresh_all(reader: Reader) -> None:
    """What was changed behind the models' back is computed anew."""
    from reading.rebuilding import rebuild

    rebuild(reader)


# --- Beside the plugin ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("pause", "parts", "most"), [(20 * 60, 2, 0.005), (5 * 60, 1, 5 * 60 / 3600)])
def test_history_that_the_plugin_reported_too_adds_next_to_nothing(
    pause: int, parts: int, most: float, bring: Import, ada: Reader, emma: Book
) -> None:
    """Nearly the same time, told in two ways: as whole stretches, and page by page.

    Over a short pause there are two stretches and one run of pages, so the pause is told twice over, and no more.
    """
    rows: list[Row] = []
    sessions = []
    for day in range(20):
        for begins in (NEW_YEAR + day * 86_400, NEW_YEAR + day * 86_400 + 1800 + pause):
            rows += [(1, day * 30 + n + 1, begins + n * 60, 60 - n % 3, 900) for n in range(30)]
            start, end = (datetime.fromtimestamp(time, UTC) for time in (begins - 3, begins + 1803))
            of_plugin = {"uuid": f"plugin-{begins}", "book_id": emma.pk, "pages_turned": 30, "ko_md5": MD5}
            sessions.append(SessionReport(start, end, **of_plugin))  # type: ignore[arg-type]
    report_sessions(ada, sessions, device=KOBO, clock=Clock(timezone.now()))
    before, days_before = counted(), set(ReaderDay.objects.values_list("day", flat=True))
    assert before == 20 * 2 * 1806
    assert bring(rows).sessions_stored == 20 * parts
    assert counted() == pytest.approx(before, rel=most)
    assert set(ReaderDay.objects.values_list("day", flat=True)) == days_before
    assert sum(ReaderDay.objects.values_list("pages", flat=True)) == pytest.approx(20 * 60, rel=0.1)


# --- Killed, lost, refused --------------------------------------------------------------------------------------------

MANY = [row for day in range(250) for row in reading(NEW_YEAR + day * 86_400, 20)]


def test_a_run_ends_when_its_time_is_over_and_the_next_one_goes_on(queue: Import, ada: Reader) -> None:
    row = queue(rows=MANY)
    runs, shown = 0, []
    while not run_import(row.pk, seconds=0, on_progress=lambda now: shown.append(now.rows_done)):
        runs += 1
        row.refresh_from_db()
        assert row.state == State.QUEUED
        assert next_import() == row.pk
    row.refresh_from_db()
    assert runs == 2  # 5,000 rows, of which 4,000 are read at once
    assert shown == sorted(shown)
    assert (row.state, row.rows_done, row.sessions_stored) == (State.FINISHED, 5000, 250)
    assert len(spans(ada)) == 250
    assert {seconds for _, _, seconds in spans(ada)} == {1200.0}


@pytest.mark.parametrize("breaks_at", [1, 2, 3, 4])
def test_a_worker_that_dies_after_any_batch_leaves_nothing_out_and_nothing_twice(
    breaks_at: int, queue: Import, ada: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = queue(rows=MANY)
    batches = 0

    class Killed(BaseException):
        pass

    def kill(_: StatisticsImport) -> None:
        nonlocal batches
        batches += 1
        if batches == breaks_at:
            raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(statistics_import, "release", lambda row: None)  # a killed process puts nothing back
        with pytest.raises(Killed):
            run_import(row.pk, seconds=60, on_progress=kill)
    row.refresh_from_db()
    assert row.state == State.RUNNING
    stored = row.sessions_stored
    assert run_import(row.pk, seconds=60)  # not yet: whoever has it may live
    assert next_import() is None
    StatisticsImport.objects.update(worked_at=timezone.now() - timedelta(seconds=CLAIM_SECONDS + 1))
    assert next_import() == row.pk
    assert stored == Session.objects.count() == done(row).sessions_stored - (250 - stored)
    assert (row.state, row.sessions_stored, row.sessions_known) == (State.FINISHED, 250, 0)
    assert len(spans(ada)) == len({start for start, _, _ in spans(ada)}) == 250


def test_what_a_dead_process_of_this_machine_held_is_free_at_once(queue: Import) -> None:
    row = queue(rows=reading(NEW_YEAR, 20))
    row.state, row.worked_at = State.RUNNING, timezone.now()
    machine, boot, _, start = statistics_import.this_worker().split(" ")
    row.cursor = {"worker": f"{machine} {boot} {2**22 + 1} {start}"}
    row.save()
    assert next_import() == row.pk
    assert done(row).state == State.FINISHED


def test_whoever_lost_an_import_to_another_stops_and_stores_nothing_more(queue: Import, ada: Reader) -> None:
    row = queue(rows=MANY)

    def taken_over(_: StatisticsImport) -> None:
        StatisticsImport.objects.update(worked_at=timezone.now() + timedelta(seconds=1))

    assert run_import(row.pk, seconds=60, on_progress=taken_over)
    row.refresh_from_db()
    assert (row.state, row.sessions_stored) == (State.RUNNING, Session.objects.count())
    assert row.sessions_stored < 250


def test_an_import_whose_reader_is_gone_is_nobodys(queue: Import, ada: Reader) -> None:
    row = queue(rows=MANY)
    assert run_import(row.pk, seconds=60, on_progress=lambda _: ada.delete() if ada.pk else None)
    assert not StatisticsImport.objects.exists()
    assert not Session.objects.exists()


def test_a_file_that_kills_its_workers_is_given_up_with_a_sentence(queue: Import) -> None:
    row = queue(rows=reading(NEW_YEAR, 20))
    for _ in range(3):
        assert statistics_import.claim(row.pk) is not None
        StatisticsImport.objects.update(worked_at=timezone.now() - timedelta(days=1))
    assert done(row).state == State.FAILED
    assert "three times" in row.reason
    assert next_import() is None
    assert not location(row.pk).exists()


def test_a_locked_database_passes_and_is_no_try(queue: Import, monkeypatch: pytest.MonkeyPatch) -> None:
    row = queue(rows=reading(NEW_YEAR, 20))
    for _ in range(4):
        with monkeypatch.context() as patch:
            patch.setattr(statistics_import, "record_sessions", raising(OperationalError("database is locked")))
            with pytest.raises(OperationalError):
                run_import(row.pk, seconds=60)
        row.refresh_from_db()
        assert row.state == State.QUEUED
    assert done(row).sessions_stored == 1


def test_what_may_pass_is_tried_again_later_but_not_for_ever(queue: Import, monkeypatch: pytest.MonkeyPatch) -> None:
    row = queue(rows=reading(NEW_YEAR, 20))
    monkeypatch.setattr(Parser, "statistics_books", raising(MayPass("This file was not read: its reader was ended.")))
    for expected in (State.RUNNING, State.RUNNING, State.FAILED):
        assert next_import() == row.pk
        assert done(row).state == expected
        assert next_import() is None
        StatisticsImport.objects.update(worked_at=timezone.now() - timedelta(days=1))
    assert row.reason == "This file was not read: its reader was ended."


def test_an_error_of_ours_is_a_failed_row_and_not_tried_again(
    queue: Import, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    row = queue(rows=reading(NEW_YEAR, 20))
    monkeypatch.setattr(statistics_import, "record_sessions", raising(ZeroDivisionError()))
    assert done(row).state == State.FAILED
    assert row.reason == "This file could not be imported, because of an error in Tome (ZeroDivisionError)."
    assert next_import() is None


def raising(error: Exception) -> Callable[..., None]:
    def act(*args: Any, **named: Any) -> None:
        raise error

    return act


def test_a_database_that_turns_out_to_be_damaged_fails_with_a_sentence_and_keeps_what_was_read(
    path: Path, ada: Reader
) -> None:
    whole = bytearray(make_statistics(path, rows=MANY).read_bytes())
    whole[-4096 * 3 :] = os.urandom(4096 * 3)
    row = done(queue_statistics(ada, [bytes(whole)], "statistics.sqlite3"))
    assert row.state == State.FAILED
    assert row.reason.endswith(".")
    assert "damaged" in row.reason
    assert not location(row.pk).exists()


def test_an_upload_that_is_lost_fails_with_a_sentence(queue: Import) -> None:
    row = queue(rows=reading(NEW_YEAR, 20))
    location(row.pk).unlink()
    assert done(row).state == State.FAILED
    assert "Upload it once more" in row.reason


def test_what_is_no_database_is_refused_at_once_and_leaves_nothing(ada: Reader, settings: Any) -> None:
    for chunks in ([], [b""], [b"no database"]):
        with pytest.raises(NotStatistics):
            queue_statistics(ada, chunks, "statistics.sqlite3")
    settings.MAX_UPLOAD_BYTES = 1024
    with pytest.raises(TooLarge):
        queue_statistics(ada, [b"SQLite format 3\0", b"x" * 1024], "statistics.sqlite3")
    assert not StatisticsImport.objects.exists()
    assert list(uploads_folder().iterdir()) == []


def test_leftovers_of_dying_processes_are_removed_and_nothing_that_waits(queue: Import) -> None:
    remove_leftovers()
    waiting = location(queue(rows=reading(NEW_YEAR, 20)).pk)
    over, partial, fresh = location(99), uploads_folder() / "ab.part", uploads_folder() / "cd.part"
    for path in (over, partial, fresh):
        path.write_bytes(b"x")
    for path in (waiting, over, partial):
        os.utime(path, (1, 1))
    remove_leftovers()
    assert set(uploads_folder().iterdir()) == {waiting, fresh}


# --- The sample -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def sample() -> Path:
    """The database beside the checkout, made as KOReader makes it."""
    path = REPOSITORY.parent / "shared" / "koreader" / "statistics.sqlite3"
    if not path.exists():
        pytest.skip("the sample of KOReader's statistics is not beside the checkout")
    return path


@pytest.mark.corpus
def test_the_sample_comes_in_to_the_second(
    sample: Path, ada: Reader, settings: Any, make_epub: Callable[..., Path]
) -> None:
    with closing(sqlite3.connect(f"file:{sample}?mode=ro&immutable=1", uri=True)) as database:
        books = {id: (md5, title) for id, md5, title in database.execute("SELECT id, md5, title FROM book")}
        rows = database.execute("SELECT id_book, start_time, duration FROM page_stat_data").fetchall()
    owned = {md5: title for md5, title in reversed(books.values()) if md5 and not md5.startswith(("0123", "fedc"))}
    for md5, title in owned.items():
        book = add_book(make_epub(f"{md5}.epub"), settings.LIBRARY_DIR, title=title)
        file = BookFile.objects.get(book=book)
        FileHash.objects.create(file=file, sha256=md5 * 2, ko_md5=md5, size=1)

    # Worked out from the rows without any of our code: which seconds were read, and where breaks are.
    seconds: dict[str, set[int]] = {}
    pages: dict[str, int] = {}
    for id, start, took in rows:
        md5 = books[id][0]
        seconds.setdefault(md5, set()).update(range(start, start + took))
        pages[md5] = pages.get(md5, 0) + 1
    expected: set[tuple[str, int, int]] = set()
    for md5, read in seconds.items():
        ordered = sorted(read)
        breaks = [n for n in range(1, len(ordered)) if ordered[n] - ordered[n - 1] - 1 > 15 * 60]
        bounds = [0, *breaks, len(ordered)]
        for begin, end in pairwise(bounds):
            expected.add((md5, ordered[begin], ordered[end - 1] + 1))

    row = done(queue_statistics(ada, [sample.read_bytes()], sample.name))
    assert (row.state, row.rows_total, row.rows_done, row.books_seen, row.books_unknown) == (
        State.FINISHED,
        1040,
        1040,
        9,
        2,
    )
    assert (row.sessions_stored, row.sessions_known, row.sessions_flagged) == (len(expected), 0, 1)
    assert unusable_rows(row) == 0
    stored = Session.objects.filter(reader=ada)
    assert {
        (each.ko_md5, int(each.started_at.timestamp()), int(each.ended_at.timestamp())) for each in stored
    } == expected
    for md5, read in seconds.items():
        of_book = stored.filter(ko_md5=md5)
        assert sum(of_book.values_list("seconds", flat=True)) == len(read)
        assert sum(of_book.values_list("pages", flat=True)) == pages[md5]
        assert of_book.filter(book=None).exists() is (md5 not in owned)
    # One hash, two rows of book: one file.
    assert stored.filter(ko_md5="9336eb2f430a0d0e71dd0882eb74d27c").values("book").distinct().count() == 1
    assert [file.title for file in unknown_files(row)] == ["A Book That Is Not In The Library", "Clock reset"]
    # No two books were read at once, so every second of a known book counts.
    assert counted() == sum(len(read) for md5, read in seconds.items() if md5 in owned)
    assert done(queue_statistics(ada, [sample.read_bytes()], sample.name)).sessions_known == len(expected)
    assert stored.count() == len(expected)
