"""The log: its pages, its filters, and that what it says is counted is what the days count."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.models import Reader
from library.models import Book
from library.paging import InvalidCursor
from reading.clocks import Clock
from reading.edits import delete_session
from reading.files import FileReport
from reading.log import LogFilter, between_days, exported, log_page, session_of
from reading.models import ReaderDay, Session
from reading.refreshing import refresh
from reading.reports import report_sessions
from reading.sessions import SessionReport, SessionVerdict
from tests.reading.conftest import KINDLE, KOBO, NOON, minutes
from tests.web.shelves import put_book

Read = Callable[..., SessionVerdict]


def uuids(reader: Reader, *args: Any, **options: Any) -> list[str]:
    return [logged.session.uuid for logged in log_page(reader, *args, **options).items]


def test_the_one_that_ended_last_comes_first(ada: Reader, read: Read) -> None:
    read("long", NOON, 120)
    read("short", NOON + minutes(10), 20)
    read("next", NOON + minutes(300), 20)
    assert uuids(ada) == ["next", "long", "short"]


def test_pages_hold_each_session_once_while_others_come_in(ada: Reader, read: Read) -> None:
    for n in range(6):
        read(f"{n}", NOON + minutes(60 * n), 30)
    first = log_page(ada, entries=2)
    read("latest", NOON + minutes(600), 30)  # above what is shown
    read("between", NOON + minutes(125), 31)  # ends a minute after the one of two o'clock
    second = log_page(ada, after=first.next, entries=3)
    rest = log_page(ada, after=second.next, entries=3)
    seen = [logged.session.uuid for page in (first, second, rest) for logged in page.items]
    assert seen == ["5", "4", "3", "between", "2", "1", "0"]
    assert rest.next == ""


def test_sessions_that_end_together_are_paged_by_their_ids(ada: Reader, read: Read) -> None:
    for n in range(5):
        read(f"{n}", NOON - minutes(n), 30 + n)
    seen, after = [], ""
    while True:
        page = log_page(ada, after=after, entries=1)
        seen += [logged.session.uuid for logged in page.items]
        if not (after := page.next):
            break
    assert seen == ["4", "3", "2", "1", "0"]


def test_a_cursor_of_a_session_that_is_gone_goes_on_where_it_was(ada: Reader, read: Read) -> None:
    for n in range(4):
        read(f"{n}", NOON + minutes(60 * n), 30)
    first = log_page(ada, entries=2)
    delete_session(ada, first.items[-1].session.pk)
    assert uuids(ada, after=first.next) == ["1", "0"]
    with pytest.raises(InvalidCursor):
        log_page(ada, after="x")


def test_filters_narrow_one_by_one_and_together(ada: Reader, read: Read, book: Book) -> None:
    emma = put_book("Emma")
    read("plain", NOON, 30)
    read("emma", NOON + minutes(60), 30, book_id=emma.pk)
    read("waiting", NOON + minutes(120), 30, book_id=None, file=FileReport("scan0001.epub", title="Emma, perhaps"))
    read("idle", NOON + minutes(180), 9 * 60)
    gone = read("gone", NOON - minutes(60), 9 * 60)
    delete_session(ada, gone.session_id or 0)
    report = SessionReport(started_at=NOON - minutes(120), ended_at=NOON - minutes(90), uuid="kindle", book_id=book.pk)
    report_sessions(ada, [report], device=KINDLE, clock=Clock(NOON))
    kindle = ada.devices.get(name="Kindle").pk

    def kept(**which: Any) -> list[str]:
        return uuids(ada, LogFilter(**which))

    assert kept() == ["idle", "waiting", "emma", "plain", "kindle"]
    assert kept(book_id=emma.pk) == ["emma"]
    assert kept(text="EMM") == ["waiting", "emma"]
    assert kept(text="doyle stu") == ["idle", "plain", "kindle"]
    assert kept(text="scan0001") == ["waiting"]
    assert kept(text="_") == []
    assert kept(device_id=kindle) == ["kindle"]
    assert kept(source="import") == []
    assert kept(flagged=True) == ["idle"]
    assert kept(without_book=True) == ["waiting"]
    assert kept(deleted=True) == ["gone"]
    assert kept(since=NOON, until=NOON + minutes(60)) == ["plain"]
    assert kept(since=NOON + minutes(15), until=NOON + minutes(61)) == ["emma", "plain"]
    assert kept(text="emma", without_book=True) == ["waiting"]
    assert kept(book_id=emma.pk, flagged=True) == []


def test_a_filter_by_days_keeps_to_the_readers(ada: Reader) -> None:
    ada.rollover_hour = 4
    since, until = between_days(ada, date(2026, 3, 29), date(2026, 3, 29))
    assert (since, until) == (datetime(2026, 3, 29, 2, tzinfo=UTC), datetime(2026, 3, 30, 2, tzinfo=UTC))
    assert between_days(ada, None, None) == (None, None)
    assert between_days(ada, date.min, date.max) != (None, None)


def test_what_a_file_knows_of_other_readers_is_in_no_search(ada: Reader, bob: Reader, read: Read) -> None:
    read("waiting", NOON, 30, book_id=None, file=FileReport("scan0001.epub", title="Emma"))
    assert uuids(bob, LogFilter(text="emma")) == []
    assert uuids(bob) == []
    assert session_of(bob, Session.objects.get().pk) is None


def test_an_export_is_the_whole_log(ada: Reader, read: Read, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reading.log.EXPORTED_AT_ONCE", 2)
    for n in range(5):
        read(f"{n}", NOON + minutes(20 * n), 30)
    assert [(each.session.uuid, each.counted_seconds) for each in exported(ada, LogFilter())] == [
        *((str(n), 1200.0) for n in (4, 3, 2, 1)),
        ("0", 1800.0),
    ]


def test_a_page_costs_as_many_queries_as_one_session(
    ada: Reader, read: Read, django_assert_num_queries: Callable[..., Any]
) -> None:
    read("one", NOON, 30)
    with django_assert_num_queries(2):
        log_page(ada)
    for n in range(60):
        read(f"{n}", NOON + timedelta(hours=20 * n), 30)
    with django_assert_num_queries(2):
        log_page(ada, entries=50)


def test_around_sessions_far_from_each_other_it_is_looked_by_itself(
    ada: Reader, read: Read, django_assert_num_queries: Callable[..., Any]
) -> None:
    for n in range(10):
        read(f"{n}", NOON + timedelta(days=20 * n), 30)
    with django_assert_num_queries(1 + 10):
        log_page(ada)


# --- What counts ------------------------------------------------------------------------------------------------------

STARTS = st.integers(0, 3 * 24 * 60)
LENGTHS = st.one_of(st.integers(1, 90), st.integers(300, 1500), st.just(10_000))
READING = st.tuples(STARTS, LENGTHS, st.sampled_from([0, 0, 5, 3000]), st.floats(0.2, 1), st.booleans(), st.booleans())
# A device that was put away for weeks has its sessions far from all others.
HISTORIES = st.lists(st.tuples(READING, st.sampled_from([0, 0, 0, 10, 40])), max_size=12)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(history=HISTORIES)
def test_what_counts_of_sessions_is_together_what_the_days_count(ada: Reader, book: Book, history: list[Any]) -> None:
    for rows in (Session.objects.filter(reader=ada), ReaderDay.objects.filter(reader=ada)):
        rows.delete()
    reports = [
        SessionReport(
            started_at=NOON + timedelta(days=weeks, minutes=start),
            ended_at=NOON + timedelta(days=weeks, minutes=start + length),
            duration_seconds=length * 60 * share,
            uuid=f"{n}",
            pages_turned=pages,
            book_id=book.pk if has_book else None,
            file=None if has_book else FileReport("scan.epub"),
        )
        for n, ((start, length, pages, share, has_book, _), weeks) in enumerate(history)
    ]
    report_sessions(ada, reports, device=KOBO, clock=Clock(NOON + timedelta(days=100)))
    for n, ((*_, is_deleted), _) in enumerate(history):
        if is_deleted and (session := Session.objects.filter(reader=ada, uuid=f"{n}").first()):
            delete_session(ada, session.pk)
    assert refresh()
    in_days = sum(ReaderDay.objects.filter(reader=ada).values_list("seconds", flat=True))
    for entries in (1, 4, 50):
        counted, after = 0.0, ""
        while True:
            page = log_page(ada, after=after, entries=entries)
            counted += sum(logged.counted_seconds for logged in page.items)
            if not (after := page.next):
                break
        assert counted == pytest.approx(in_days, abs=0.1)
