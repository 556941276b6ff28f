from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.apps import apps
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.devices import DeviceClue
from accounts.models import Reader
from library.models import Book
from reading.clocks import Clock
from reading.marks import mark_days_stale, mark_payload_stale, mark_statuses_stale
from reading.models import (
    BookDay,
    BookStatus,
    BookTotal,
    ReaderDay,
    ReaderYear,
    Session,
    StaleDay,
    StatsPayload,
    StatusState,
)
from reading.positions import PlaceReport
from reading.rebuilding import drift, rebuild
from reading.refreshing import refresh
from reading.reports import report_position, report_sessions
from reading.sessions import SessionReport
from reading.status import set_status
from tests.reading.conftest import KINDLE, KOBO, NOON, minutes


@pytest.fixture
def story(read: Any, put: Any, ada: Reader) -> None:
    """Ada read on three days, once over midnight, and is in the middle of her book."""
    read("one", NOON, 30, pages_turned=10, progress_end=0.2)
    read("two", NOON + timedelta(days=1, hours=9, minutes=30), 60, pages_turned=25)
    read("overlapping", NOON + timedelta(days=1, hours=10), 60)
    put(KOBO, 0.4, at=NOON + timedelta(days=2), read_at=NOON + timedelta(days=2))
    assert refresh()


def test_after_a_refresh_there_is_no_drift(story: None) -> None:
    assert BookDay.objects.count() == 3
    assert BookStatus.objects.count() == 1
    assert StatsPayload.objects.count() == 1
    assert drift() == []


def test_of_a_reader_who_never_read_there_is_nothing_to_tell(ada: Reader) -> None:
    assert drift() == []
    assert drift(ada) == []


TAMPERING: list[tuple[str, Callable[[Book], Any]]] = [
    ("a day with other seconds", lambda book: BookDay.objects.filter(day="2026-05-01").update(seconds=5)),
    ("a day with other pages", lambda book: BookDay.objects.filter(day="2026-05-01").update(pages=5)),
    ("a day with other sessions", lambda book: BookDay.objects.filter(day="2026-05-01").update(sessions=7)),
    ("a day with other carried ones", lambda book: BookDay.objects.filter(day="2026-05-03").update(carried=0)),
    ("a day without a reader's total", lambda book: ReaderDay.objects.filter(day="2026-05-01").delete()),
    ("a day with other hours", lambda book: ReaderDay.objects.filter(day="2026-05-01").update(hours=[0.0] * 24)),
    ("a book with another sum", lambda book: BookTotal.objects.update(pages=1)),
    ("a book without a sum", lambda book: BookTotal.objects.all().delete()),
    ("a year with another sum", lambda book: ReaderYear.objects.update(seconds=1)),
    ("a year that was not", lambda book: ReaderYear.objects.update(year=1999)),
    ("a day that is gone", lambda book: BookDay.objects.filter(day="2026-05-01").delete()),
    ("a day too many", lambda book: _copy_of_a_day(date(2026, 6, 1))),
    ("another status", lambda book: BookStatus.objects.update(state=StatusState.READ)),
    ("a status that began earlier", lambda book: BookStatus.objects.update(started_at=NOON - timedelta(days=9))),
    ("a status that is gone", lambda book: BookStatus.objects.all().delete()),
    ("a payload that says something else", lambda book: StatsPayload.objects.update(etag="0" * 32)),
    ("a payload in other words", lambda book: StatsPayload.objects.update(body=b'{"totals": {}}')),
    ("a payload that is gone", lambda book: StatsPayload.objects.all().delete()),
    ("a session that came in by another door", lambda book: Session.objects.filter(uuid="one").update(seconds=60)),
    ("a session that went out by another door", lambda book: Session.objects.filter(uuid="one").delete()),
]


def _copy_of_a_day(day: date) -> None:
    row = BookDay.objects.order_by("pk")[0]
    row.pk, row.day = None, day
    row.save(force_insert=True)


@pytest.mark.parametrize("tamper", [tamper for _, tamper in TAMPERING], ids=[name for name, _ in TAMPERING])
def test_it_tells_what_was_tampered_with_and_repairs_it(
    tamper: Callable[[Book], Any], story: None, book: Book, ada: Reader
) -> None:
    tamper(book)
    told = drift()
    assert told
    assert all("ada" in sentence and sentence.endswith(".") for sentence in told)
    assert drift() == told  # looking changes nothing
    assert rebuild() == len(told)
    assert drift() == []
    assert rebuild() == 0


@pytest.mark.parametrize("what", ["days", "status", "payload"])
def test_what_is_marked_is_no_drift(what: str, story: None, ada: Reader, book: Book) -> None:
    if what == "days":
        BookDay.objects.update(seconds=5)
        mark_days_stale(ada.pk, BookDay.objects.values_list("day", flat=True))
    elif what == "status":
        BookStatus.objects.all().delete()
        mark_statuses_stale(ada.pk, [book.pk])
    else:
        StatsPayload.objects.update(etag="0" * 32)
        mark_payload_stale(ada.pk)
    assert drift() == []
    assert refresh()
    assert drift() == []
    assert sum(day.seconds for day in BookDay.objects.all()) == 1800 + 5400


def test_a_rebuild_of_one_reader_leaves_the_others_alone(story: None, ada: Reader, bob: Reader, book: Book) -> None:
    session = SessionReport(started_at=NOON, ended_at=NOON + minutes(5), uuid="one", book_id=book.pk)
    report_sessions(bob, [session], device=KINDLE, clock=Clock(NOON + minutes(9)))
    refresh()
    BookDay.objects.update(seconds=1)
    told = drift(ada)
    assert told
    assert all("ada" in sentence for sentence in told)
    assert rebuild(ada) == len(told)
    assert drift(ada) == []
    assert drift() == drift(bob) != []
    assert BookDay.objects.get(reader=bob).seconds == 1


def test_a_place_that_moves_in_a_book_that_is_being_read_moves_its_estimate(story: None, put: Any) -> None:
    put(KOBO, 0.6, at=NOON + timedelta(days=3), read_at=NOON + timedelta(days=3))
    refresh()
    assert drift() == []


def test_a_device_that_takes_another_name_leaves_no_drift(story: None, put: Any) -> None:
    put(DeviceClue("kobo-1", "Ada's Kobo"), 0.3, at=NOON + timedelta(days=3), read_at=NOON)
    refresh()
    assert drift() == []


EVENTS = st.lists(
    st.tuples(
        st.sampled_from(["session", "session", "place", "status", "refresh"]),
        st.integers(0, 80),  # when it began: in hours since the first of May
        st.integers(0, 30 * 60),  # for how many minutes it lasted
        st.integers(0, 100),  # how far it came, in percent
        st.sampled_from(["", "Asia/Tokyo", "-09:30"]),
    ),
    max_size=12,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(events=EVENTS)
def test_whatever_happens_in_whatever_order_leaves_no_drift_and_a_rebuild_changes_nothing(
    events: list[tuple[str, int, int, int, str]], ada: Reader, book: Book
) -> None:
    start = datetime(2026, 5, 1, tzinfo=UTC)
    for kind in apps.get_app_config("reading").get_models():  # what an earlier example left
        kind._default_manager.all().delete()
    for number, (what, hours, length, percent, zone) in enumerate(events):
        began = start + timedelta(hours=hours)
        ended = began + minutes(length)
        clock = Clock(start + timedelta(days=10, minutes=number))
        if what == "session":
            session = SessionReport(
                started_at=began, ended_at=ended, uuid=str(number), book_id=book.pk, pages_turned=3, timezone=zone
            )
            report_sessions(ada, [session], device=KOBO, clock=clock)
        elif what == "place":
            report_position(ada, book.pk, PlaceReport(percent / 100, read_at=ended), device=KOBO, clock=clock)
        elif what == "status":
            set_status(ada, book, [StatusState.UNREAD, StatusState.READING, StatusState.READ][percent % 3], now=ended)
        else:
            refresh()
    mark_payload_stale(ada.pk)
    assert refresh()
    assert drift() == []
    kept = derived_rows()
    assert rebuild() == 0
    assert derived_rows() == kept


def derived_rows() -> list[list[tuple[Any, ...]]]:
    return [
        list(BookDay.objects.order_by("day").values_list("day", "seconds", "sessions", "carried", "pages")),
        list(BookStatus.objects.values_list("state", "started_at", "finished_at")),
        list(StatsPayload.objects.values_list("etag", "body")),
    ]


def test_a_day_whose_rebuild_failed_for_good_is_drift(ada: Reader, read: Any) -> None:
    read("one", NOON, 30)
    StaleDay.objects.update(attempts=5, failure="ZeroDivisionError: division by zero")
    assert [sentence for sentence in drift(ada) if sentence.startswith("Day 2026-05-01")]
