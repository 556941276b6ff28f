"""What readers change about their sessions by hand, and that everything derived follows."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from accounts.models import Reader
from library.models import Book
from reading.clocks import Clock
from reading.edits import (
    CannotEdit,
    NoSuchBook,
    NoSuchSession,
    add_session,
    delete_session,
    restore_session,
    trim_session,
)
from reading.models import BookStatus, ReaderDay, Session, StaleDay, StalePayload, StatsPayload
from reading.rebuilding import drift
from reading.refreshing import refresh
from reading.reports import report_sessions
from reading.sessions import Outcome, SessionReport, SessionVerdict
from tests.reading.conftest import KOBO, NOON, minutes

Read = Callable[..., SessionVerdict]
LATER = NOON + timedelta(days=30)


def the_session() -> Session:
    return Session.objects.get()


def totals() -> tuple[int, int, int]:
    """Seconds, sessions and pages of all time as the payload has them, once nothing is stale."""
    assert refresh()
    assert not StaleDay.objects.exists()
    assert not StalePayload.objects.exists()
    assert drift() == []
    total = json.loads(StatsPayload.objects.get().body)["totals"]["all"]
    return total["seconds"], total["sessions"], total["pages"]


def trim(reader: Reader, **to: Any) -> Session:
    return trim_session(reader, Session.objects.latest("pk").pk, now=LATER, **to)


# --- Trimming ---------------------------------------------------------------------------------------------------------


def test_what_is_trimmed_counts_no_more_and_what_was_reported_is_kept(ada: Reader, read: Read) -> None:
    read("one", NOON, 60, pages_turned=30)
    assert totals() == (3600, 1, 30)
    trim(ada, started_at=NOON + minutes(10), ended_at=NOON + minutes(40), pages=12)
    session = the_session()
    assert (session.started_at, session.ended_at) == (NOON + minutes(10), NOON + minutes(40))
    assert (session.seconds, session.pages) == (1800, 12)
    assert session.reported == {
        "started_at": NOON.isoformat(),
        "ended_at": (NOON + minutes(60)).isoformat(),
        "seconds": 3600.0,
        "pages": 30,
    }
    assert totals() == (1800, 1, 12)


def test_it_can_be_made_wider_again_but_never_wider_than_was_reported(ada: Reader, read: Read) -> None:
    read("one", NOON, 60, duration_seconds=3000.0, pages_turned=30)
    trim(ada, ended_at=NOON + minutes(20), pages=3)
    assert the_session().seconds == 1200
    trim(ada, ended_at=NOON + minutes(50), pages=30)
    assert (the_session().seconds, the_session().pages) == (3000, 30)
    trim(ada, ended_at=NOON + minutes(60))
    assert the_session().seconds == 3000
    with pytest.raises(CannotEdit):
        trim(ada, ended_at=NOON + minutes(62))


@pytest.mark.parametrize(
    "to",
    [
        {"started_at": NOON - minutes(2)},
        {"ended_at": NOON + minutes(62)},
        {"started_at": NOON + minutes(60)},
        {"ended_at": NOON},
        {"started_at": NOON + minutes(40), "ended_at": NOON + minutes(20)},
        {"seconds": 5.0},
        {"seconds": 3661.0},
        {"seconds": -1.0},
        {"pages": 31},
        {"pages": -1},
    ],
)
def test_more_than_was_reported_and_less_than_is_reading_are_refused(
    ada: Reader, read: Read, to: dict[str, Any]
) -> None:
    read("one", NOON, 60, pages_turned=30)
    refresh()
    with pytest.raises(CannotEdit) as refused:
        trim(ada, **to)
    assert refused.value.sentence.endswith(".")
    session = the_session()
    assert (session.started_at, session.seconds, session.pages, session.reported) == (NOON, 3600, 30, None)
    assert not StalePayload.objects.exists()


def test_what_is_rounded_to_minutes_is_taken_for_what_was_reported(ada: Reader, read: Read) -> None:
    read("one", NOON + timedelta(seconds=30), 59, pages_turned=30)
    trim(ada, started_at=NOON, ended_at=NOON + minutes(60), seconds=3600.0)
    session = the_session()
    assert (session.started_at, session.ended_at) == (NOON + timedelta(seconds=30), NOON + timedelta(minutes=59.5))
    assert session.seconds == 59 * 60


def test_seconds_that_were_trimmed_stay_so_when_only_pages_are_trimmed(ada: Reader, read: Read) -> None:
    read("one", NOON, 60, pages_turned=30)
    trim(ada, seconds=600.0)
    trim(ada, pages=5)
    assert (the_session().seconds, the_session().pages) == (600, 5)
    trim(ada, ended_at=NOON + minutes(20))
    assert the_session().seconds == 1200


def test_flags_follow_what_is_left(ada: Reader, read: Read) -> None:
    read("idle", NOON, 9 * 60)
    assert the_session().flag == "idle"
    assert totals()[0] == 6 * 3600
    trim(ada, ended_at=NOON + minutes(6 * 60))
    assert the_session().flag == ""
    trim(ada, ended_at=NOON + minutes(8 * 60))
    assert the_session().flag == "idle"
    trim(ada, ended_at=NOON + minutes(60))
    assert totals() == (3600, 1, 0)


def test_one_that_was_too_long_to_count_counts_once_it_is_trimmed(ada: Reader, read: Read) -> None:
    read("drawer", NOON, 30 * 60, pages_turned=100, at=LATER)
    assert the_session().flag == "too_long"
    assert totals() == (0, 0, 0)
    trim(ada, ended_at=NOON + minutes(90))
    assert totals() == (5400, 1, 100)


def test_a_later_session_gets_the_time_back_that_was_covered(ada: Reader, read: Read) -> None:
    later = read("later", NOON + minutes(30), 60, timezone="Pacific/Kiritimati")
    earlier = read("earlier", NOON, 60)
    assert totals()[0] == 90 * 60
    trim_session(ada, earlier.session_id or 0, ended_at=NOON + minutes(15), now=LATER)
    assert totals()[0] == 75 * 60
    assert {str(row.day): row.seconds for row in ReaderDay.objects.all()} == {"2026-05-01": 900, "2026-05-02": 3600}
    delete_session(ada, later.session_id or 0)
    assert totals() == (900, 1, 0)


def test_one_that_ends_before_it_starts_can_only_be_deleted(ada: Reader, read: Read) -> None:
    read("backwards", NOON, -30)
    with pytest.raises(CannotEdit, match="it can be deleted"):
        trim(ada, pages=0)
    delete_session(ada, the_session().pk)


# --- Deleting and taking back -----------------------------------------------------------------------------------------


def test_what_was_deleted_stays_so_when_a_device_sends_it_again(ada: Reader, read: Read, book: Book) -> None:
    verdict = read("one", NOON, 30, progress_start=0.5, progress_end=1.0)
    assert totals()[0] == 1800
    assert BookStatus.objects.get().state == "read"
    delete_session(ada, verdict.session_id or 0)
    assert totals() == (0, 0, 0)
    assert not ReaderDay.objects.exists()
    assert not BookStatus.objects.exists()
    again = read("one", NOON, 30)
    assert (again.outcome, again.session_id) == (Outcome.DUPLICATE, verdict.session_id)
    assert totals() == (0, 0, 0)


def test_what_was_trimmed_stays_so_when_a_device_sends_it_again(ada: Reader, read: Read) -> None:
    read("one", NOON, 60)
    trim(ada, ended_at=NOON + minutes(20))
    assert read("one", NOON, 60).outcome == Outcome.DUPLICATE
    assert totals()[0] == 1200


def test_deleting_twice_is_said(ada: Reader, read: Read) -> None:
    session_id = read("one", NOON, 30).session_id or 0
    delete_session(ada, session_id)
    for change in (delete_session, lambda *which: trim_session(*which, pages=0, now=LATER)):
        with pytest.raises(NoSuchSession):
            change(ada, session_id)


def test_what_was_trimmed_and_deleted_is_taken_back_as_it_was_reported(ada: Reader, read: Read) -> None:
    session_id = read("one", NOON, 60, duration_seconds=3000.0, pages_turned=30).session_id or 0
    trim(ada, ended_at=NOON + minutes(10), pages=2)
    delete_session(ada, session_id)
    assert totals() == (0, 0, 0)
    restore_session(ada, session_id, now=LATER)
    session = the_session()
    assert (session.started_at, session.ended_at, session.reported) == (NOON, NOON + minutes(60), None)
    assert totals() == (3000, 1, 30)
    restore_session(ada, session_id, now=LATER)
    assert totals() == (3000, 1, 30)


def test_what_was_taken_back_is_flagged_as_it_was(ada: Reader, read: Read) -> None:
    session_id = read("idle", NOON, 9 * 60).session_id or 0
    delete_session(ada, session_id)
    assert restore_session(ada, session_id, now=LATER).flag == "idle"


# --- By hand ----------------------------------------------------------------------------------------------------------


def test_a_session_added_by_hand_is_the_same_with_the_same_uuid(ada: Reader, book: Book) -> None:
    def add(**more: Any) -> Session:
        usual = {"started_at": NOON, "seconds": 1800.0, "pages": 20, "uuid": "by hand", "now": LATER}
        return add_session(ada, book.pk, **usual | more)

    first = add(timezone="Asia/Tokyo")
    assert add(seconds=60.0) == first
    assert (first.source, first.device, first.timezone, first.seconds) == ("hand", None, "Asia/Tokyo", 1800)
    assert totals() == (1800, 1, 20)
    assert add(uuid="") != add(uuid="")


def test_a_device_that_uses_the_uuid_of_one_added_by_hand_adds_nothing(ada: Reader, read: Read, book: Book) -> None:
    added = add_session(ada, book.pk, started_at=NOON, seconds=600.0, uuid="one", now=LATER)
    assert read("one", NOON, 60).session_id == added.pk
    assert totals()[0] == 600


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ({}, "neither an end nor a duration"),
        ({"seconds": 5.0}, "shorter than 10 seconds"),
        ({"ended_at": NOON - minutes(5)}, "ends before it starts"),
        ({"ended_at": LATER + minutes(10)}, "ends in the future"),
        ({"seconds": 25 * 3600.0}, "longer than 24 hours"),
        ({"started_at": datetime(1970, 1, 1, tzinfo=UTC), "seconds": 600.0}, "no e-readers"),
    ],
)
def test_what_cannot_be_true_is_not_added(ada: Reader, book: Book, more: dict[str, Any], sentence: str) -> None:
    with pytest.raises(CannotEdit, match=sentence):
        add_session(ada, book.pk, **{"started_at": NOON, "now": LATER} | more)
    assert not Session.objects.exists()
    assert not StalePayload.objects.exists()


def test_of_a_book_that_is_not_there_nothing_is_added(ada: Reader) -> None:
    with pytest.raises(NoSuchBook):
        add_session(ada, 999_999, started_at=NOON, seconds=600.0, now=LATER)


# --- Strangers --------------------------------------------------------------------------------------------------------


def test_a_session_of_another_reader_is_none_at_all(read: Read, bob: Reader) -> None:
    session_id = read("one", NOON, 60, pages_turned=30).session_id or 0
    for change in (
        lambda: trim_session(bob, session_id, pages=1, now=LATER),
        lambda: delete_session(bob, session_id),
        lambda: restore_session(bob, session_id, now=LATER),
    ):
        with pytest.raises(NoSuchSession):
            change()
    assert (the_session().pages, the_session().flag) == (30, "")


def test_readers_have_uuids_of_their_own(ada: Reader, bob: Reader, book: Book) -> None:
    report = SessionReport(started_at=NOON, ended_at=NOON + minutes(30), uuid="one", book_id=book.pk)
    report_sessions(bob, [report], device=KOBO, clock=Clock(LATER))
    added = add_session(ada, book.pk, started_at=NOON, seconds=600.0, uuid="one", now=LATER)
    assert added.reader == ada
    assert Session.objects.count() == 2
