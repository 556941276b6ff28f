from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from accounts.models import Reader
from library.models import Book
from reading.clocks import Clock
from reading.files import FileReport
from reading.models import BookDay, DeviceFile, Session, StaleDay, StaleStatus
from reading.refreshing import refresh
from reading.reports import report_sessions
from reading.sessions import SessionReport, SessionVerdict
from tests.reading.conftest import KINDLE, KOBO, NOON, minutes

Read = Callable[..., SessionVerdict]


def test_a_session_is_stored_and_marks_its_day_and_its_book(read: Read, book: Book) -> None:
    verdict = read("one", NOON, 30, pages_turned=12)
    stored = Session.objects.get()
    assert (verdict.outcome, verdict.session_id, verdict.book_id) == ("stored", stored.pk, book.pk)
    assert (stored.seconds, stored.pages) == (1800, 12)
    # In Kiritimati it was the next day already, and a session there might overlap.
    assert {mark.day for mark in StaleDay.objects.all()} == {NOON.date(), NOON.date() + timedelta(days=1)}
    assert [mark.book for mark in StaleStatus.objects.all()] == [book]


def test_the_same_session_again_is_a_duplicate_with_the_first_id(read: Read) -> None:
    first = read("one", NOON, 30)
    again = read("one", NOON, 45)
    assert (again.outcome, again.session_id) == ("duplicate", first.session_id)
    assert Session.objects.get().seconds == 1800


def test_the_same_session_twice_in_one_batch_is_stored_once(ada: Reader, book: Book) -> None:
    session = SessionReport(started_at=NOON, ended_at=NOON + minutes(5), uuid="one", book_id=book.pk)
    verdicts = report_sessions(ada, [session, session], device=KOBO, clock=Clock(NOON + minutes(9)))
    assert [verdict.outcome for verdict in verdicts] == ["stored", "duplicate"]
    assert verdicts[0].session_id == verdicts[1].session_id == Session.objects.get().pk


def test_two_readers_may_use_the_same_uuid(read: Read, bob: Reader, book: Book) -> None:
    read("one", NOON, 30)
    session = SessionReport(started_at=NOON, ended_at=NOON + minutes(5), uuid="one", book_id=book.pk)
    [verdict] = report_sessions(bob, [session], device=KINDLE, clock=Clock(NOON + minutes(9)))
    assert verdict.outcome == "stored"
    assert Session.objects.count() == 2


def test_a_session_without_a_uuid_is_known_again_by_what_it_says(read: Read) -> None:
    assert [read("", NOON, 30).outcome, read("", NOON, 30).outcome] == ["stored", "duplicate"]
    assert read("", NOON + minutes(60), 30).outcome == "stored"


@pytest.mark.parametrize(
    ("fields", "seconds"),
    [
        ({"ended_at": None, "duration_seconds": 600.0}, 600),
        ({"duration_seconds": 600.0}, 600),
        ({"duration_seconds": 9000.0}, 1800),
        ({}, 1800),
    ],
)
def test_it_counts_the_shorter_of_duration_and_span(fields: dict[str, Any], seconds: int, read: Read) -> None:
    read("one", NOON, 30, **fields)
    assert Session.objects.get().seconds == seconds


@pytest.mark.parametrize(
    "fields",
    [
        {"ended_at": NOON + timedelta(seconds=9)},
        {"duration_seconds": 0.0},
        {"ended_at": None, "duration_seconds": 9.5},
        {"ended_at": None},
    ],
)
def test_what_is_too_short_or_has_no_length_is_ignored_with_a_reason(fields: dict[str, Any], read: Read) -> None:
    verdict = read("one", NOON, 30, **fields)
    assert verdict.outcome == "ignored"
    assert verdict.reason.endswith(".")
    assert not Session.objects.exists()


@pytest.mark.parametrize(
    ("start", "fields", "flag"),
    [
        (datetime(1970, 1, 1, 0, 10, tzinfo=UTC), {}, "before_time"),
        (NOON + timedelta(days=2), {}, "future"),
        (NOON, {"ended_at": NOON - minutes(5)}, "ends_before_start"),
        (NOON, {"ended_at": None, "duration_seconds": -50.0}, "ends_before_start"),
        (NOON - timedelta(days=50 * 365 // 2), {"ended_at": NOON}, "too_long"),
        (NOON - timedelta(days=3), {"ended_at": None, "duration_seconds": 2 * 86400.0}, "too_long"),
        (NOON, {"ended_at": None, "duration_seconds": 1e300}, "future"),
    ],
)
def test_an_implausible_session_is_stored_flagged_and_not_counted(
    start: datetime, fields: dict[str, Any], flag: str, read: Read
) -> None:
    verdict = read("one", start, 30, at=NOON + minutes(60), **fields)
    assert verdict.outcome == "stored"
    assert Session.objects.get().flag == flag
    assert not StaleDay.objects.exists()
    refresh()
    assert not BookDay.objects.exists()


def test_a_book_left_open_for_days_counts_what_was_read(read: Read) -> None:
    read("one", NOON, 30, ended_at=NOON + timedelta(days=3), duration_seconds=3600.0, at=NOON + timedelta(days=4))
    assert Session.objects.get().flag == ""


def test_a_wrong_clock_is_put_right_and_a_slow_network_is_not_taken_for_one(ada: Reader, book: Book) -> None:
    def send(uuid: str, wrong_by: timedelta) -> Session:
        session = SessionReport(
            started_at=NOON + wrong_by, ended_at=NOON + minutes(5) + wrong_by, uuid=uuid, book_id=book.pk
        )
        now = NOON + minutes(6)
        report_sessions(ada, [session], device=KOBO, clock=Clock(now, now + wrong_by))
        return Session.objects.get(uuid=uuid)

    assert send("ahead", timedelta(hours=3)).started_at == NOON
    assert send("behind", timedelta(days=-365)).started_at == NOON
    assert send("slow", timedelta(seconds=-20)).started_at == NOON - timedelta(seconds=20)


def test_a_session_of_a_book_that_is_gone_is_kept_and_not_counted(ada: Reader) -> None:
    session = SessionReport(started_at=NOON, ended_at=NOON + minutes(5), uuid="one", book_id=4711)
    [verdict] = report_sessions(ada, [session], device=KOBO, clock=Clock(NOON + minutes(9)))
    assert (verdict.outcome, verdict.book_id) == ("stored", None)
    assert Session.objects.get().claimed_book_id == 4711
    assert not StaleDay.objects.exists()


def test_a_session_of_an_unknown_file_is_kept_under_the_file(ada: Reader) -> None:
    file = FileReport("Unknown.epub", ko_md5="c" * 32, size=5, authors="A\nB")
    sessions = [
        SessionReport(started_at=NOON, ended_at=NOON + minutes(5), uuid=uuid, file=file) for uuid in ("one", "two")
    ]
    verdicts = report_sessions(ada, sessions, device=KOBO, clock=Clock(NOON + minutes(9)))
    assert [(verdict.outcome, verdict.book_id) for verdict in verdicts] == [("stored", None)] * 2
    kept = DeviceFile.objects.get()
    assert (kept.filename, kept.size) == ("Unknown.epub", 5)
    assert set(Session.objects.values_list("file", flat=True)) == {kept.pk}


def test_a_session_of_a_file_is_one_of_its_book(ada: Reader, book: Book) -> None:
    held = book.files.get()
    file = FileReport("renamed on the device.epub", ko_md5=held.ko_md5, size=held.size)
    session = SessionReport(started_at=NOON, ended_at=NOON + minutes(5), uuid="one", file=file)
    [verdict] = report_sessions(ada, [session], device=KOBO, clock=Clock(NOON + minutes(9)))
    assert verdict.book_id == book.pk
    assert not DeviceFile.objects.exists()


@pytest.mark.parametrize(("given", "kept"), [(0.5, 0.5), (-1.0, 0.0), (1.005, 1.0), (55.0, None)])
def test_a_progress_that_is_no_fraction_is_not_taken_for_one(given: float, kept: float | None, read: Read) -> None:
    read("one", NOON, 30, progress_end=given)
    assert Session.objects.get().progress_end == kept


def test_a_zone_that_nobody_knows_is_left_out(read: Read) -> None:
    read("one", NOON, 30, timezone="Mars/Olympus")
    read("two", NOON, 30, timezone="+0530")
    assert list(Session.objects.order_by("pk").values_list("timezone", flat=True)) == ["", "+0530"]


def test_a_batch_costs_as_many_queries_as_one_session(
    ada: Reader, book: Book, django_assert_max_num_queries: Any
) -> None:
    sessions = [
        SessionReport(
            started_at=NOON + minutes(20 * n), ended_at=NOON + minutes(20 * n + 10), uuid=str(n), book_id=book.pk
        )
        for n in range(50)
    ]
    with django_assert_max_num_queries(16):
        report_sessions(ada, sessions, device=KOBO, clock=Clock(NOON + timedelta(days=2)))
    assert Session.objects.count() == 50


def test_what_is_read_of_a_book_whose_files_are_away_counts(read: Read, book: Book) -> None:
    Book.objects.update(is_active=False)
    assert read("one", NOON, 30).book_id is None  # answered as if there were no such book
    refresh()
    assert BookDay.objects.get().seconds == 1800
