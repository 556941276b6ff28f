from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.db import OperationalError
from hypothesis import given, settings
from hypothesis import strategies as st

from accounts.models import Reader
from library.models import Book
from reading.days import SessionSpan, day_totals, rebuild_days
from reading.marks import mark_days_stale
from reading.models import BookDay, ReaderDay, Session, StaleDay, StalePayload
from reading.rebuilding import drift
from reading.refreshing import refresh
from reading.sessions import SessionVerdict
from tests.reading.conftest import NOON, minutes

Read = Callable[..., SessionVerdict]


def shown() -> list[tuple[str, float, int, int, float]]:
    rows = BookDay.objects.order_by("day", "book")
    return [(row.day.isoformat(), row.seconds, row.sessions, row.carried, row.pages) for row in rows]


def test_a_session_counts_on_the_readers_local_day(read: Read) -> None:
    read("one", datetime(2026, 5, 1, 22, 30, tzinfo=UTC), 20, pages_turned=10)  # half past midnight in Berlin
    refresh()
    assert shown() == [("2026-05-02", 1200, 1, 0, 10)]
    assert not StaleDay.objects.exists()


def test_the_sessions_own_zone_comes_first(read: Read) -> None:
    read("one", datetime(2026, 5, 1, 22, 30, tzinfo=UTC), 20, timezone="America/New_York")
    refresh()
    assert shown() == [("2026-05-01", 1200, 1, 0, 0)]


def test_the_day_begins_at_the_readers_rollover_hour(ada: Reader, read: Read) -> None:
    Reader.objects.update(rollover_hour=4)
    ada.refresh_from_db()
    read("one", datetime(2026, 5, 2, 1, 30, tzinfo=UTC), 20)  # half past three in Berlin
    refresh()
    assert shown() == [("2026-05-01", 1200, 1, 0, 0)]


def test_a_session_over_midnight_is_split_in_proportion(read: Read) -> None:
    read("one", datetime(2026, 5, 1, 21, 45, tzinfo=UTC), 60, duration_seconds=1800.0, pages_turned=40)
    refresh()
    assert shown() == [("2026-05-01", 450, 1, 0, 10), ("2026-05-02", 1350, 1, 1, 30)]


def test_where_sessions_overlap_the_later_counts_what_is_uncovered(read: Read) -> None:
    read("first", NOON, 60)
    read("inside", NOON + minutes(10), 20, pages_turned=9)
    read("later", NOON + minutes(30), 60, duration_seconds=1800.0, pages_turned=20)
    refresh()
    assert shown() == [("2026-05-01", 3600 + 900, 2, 0, 10)]


def test_an_earlier_session_that_arrives_late_takes_its_time_back(read: Read) -> None:
    read("later", NOON + minutes(30), 60, timezone="Pacific/Kiritimati")  # the day is the 2nd there
    refresh()
    assert shown() == [("2026-05-02", 3600, 1, 0, 0)]
    read("earlier", NOON, 60)
    refresh()
    assert shown() == [("2026-05-01", 3600, 1, 0, 0), ("2026-05-02", 1800, 1, 0, 0)]


def test_a_mark_that_was_renewed_meanwhile_is_not_dropped(ada: Reader, read: Read) -> None:
    read("one", NOON, 30)
    mark = StaleDay.objects.select_related("reader").get(day=NOON.date())
    mark_days_stale(ada.pk, [mark.day])
    rebuild_days([mark])
    assert StaleDay.objects.filter(day=mark.day).exists()
    assert not BookDay.objects.exists()


def test_a_rebuild_that_fails_is_kept_with_its_reason_and_holds_up_nothing(
    read: Read, monkeypatch: pytest.MonkeyPatch
) -> None:
    read("poison", NOON, 30)
    read("good", NOON + timedelta(days=1), 30)
    import reading.days

    def fail_on_the_first(reader: Reader, first: date, last: date) -> Any:
        if first <= NOON.date() <= last:
            raise ZeroDivisionError("division by zero")
        return totals(reader, first, last)

    totals = reading.days.totals_of_days
    monkeypatch.setattr(reading.days, "totals_of_days", fail_on_the_first)
    for _ in range(7):
        refresh()
    assert [row[0] for row in shown()] == ["2026-05-02"]
    mark = StaleDay.objects.get()
    assert (mark.attempts, mark.failure) == (5, "ZeroDivisionError: division by zero")
    assert not StalePayload.objects.exists()


BASE = datetime(2026, 3, 28, tzinfo=UTC)  # summer time begins in Europe on the 29th
SPANS = st.builds(
    lambda start, length, part, pages, zone, book: SessionSpan(
        book, BASE + minutes(start), BASE + minutes(start + length), length * 60 * part, pages, zone
    ),
    start=st.integers(0, 3 * 1440),
    length=st.integers(1, 2000),
    part=st.sampled_from([0.25, 0.5, 1.0]),
    pages=st.integers(0, 300),
    zone=st.sampled_from(["", "America/New_York", "Asia/Kolkata", "+14:00"]),
    book=st.integers(1, 3),
)


@settings(deadline=None)
@given(spans=st.lists(SPANS, max_size=12), rollover=st.integers(0, 23))
def test_no_second_is_counted_twice_and_no_total_exceeds_the_union(spans: list[SessionSpan], rollover: int) -> None:
    reader = Reader(timezone="Europe/Berlin", rollover_hour=rollover)
    ordered = sorted(spans, key=lambda span: span.started_at)
    full = [
        SessionSpan(s.book_id, s.started_at, s.ended_at, (s.ended_at - s.started_at).total_seconds(), 0, s.timezone)
        for s in ordered
    ]
    union, until = 0.0, BASE
    for span in full:
        union += max(0.0, (span.ended_at - max(until, span.started_at)).total_seconds())
        until = max(until, span.ended_at)
    assert sum(total.seconds for total in day_totals(full, reader=reader).books.values()) == pytest.approx(
        union, abs=0.1
    )
    assert sum(t.seconds for t in day_totals(ordered, reader=reader).books.values()) <= union + 0.1


@pytest.mark.django_db
@settings(deadline=None)
@given(spans=st.lists(SPANS, max_size=8), rollover=st.integers(0, 23))
def test_days_rebuilt_one_by_one_are_those_of_the_whole(spans: list[SessionSpan], rollover: int) -> None:
    from django.db import transaction

    from reading.days import spans_of, totals_of_days

    with transaction.atomic():
        reader = Reader.objects.create(username="hypothesis", timezone="Europe/Berlin", rollover_hour=rollover)
        books = {n: Book.objects.create(title=str(n), title_key=str(n)).pk for n in (1, 2, 3)}
        Session.objects.bulk_create(
            Session(
                reader=reader,
                uuid=str(n),
                book_id=books[span.book_id],
                started_at=span.started_at,
                ended_at=span.ended_at,
                seconds=span.seconds,
                pages=span.pages,
                timezone=span.timezone,
                received_at=NOON,
            )
            for n, span in enumerate(spans)
        )
        whole = day_totals(spans_of(Session.objects.filter(reader=reader)), reader=reader)
        for day in whole.days:
            alone = totals_of_days(reader, day, day)
            assert alone.books == {key: counts for key, counts in whole.books.items() if key[0] == day}
            assert alone.days == {day: whole.days[day]}
        transaction.set_rollback(True)


def test_a_session_that_ends_at_midnight_and_comes_late_takes_its_time_back(read: Read) -> None:
    midnight = datetime(2026, 5, 1, 22, tzinfo=UTC)  # in Berlin
    read("over midnight", midnight - minutes(60), 180)
    refresh()
    read("until midnight", midnight - minutes(120), 120)
    refresh()
    assert shown() == [("2026-05-01", 7200, 1, 0, 0), ("2026-05-02", 7200, 1, 0, 0)]


def test_what_passes_by_itself_is_no_attempt_of_the_mark(read: Read, monkeypatch: pytest.MonkeyPatch) -> None:
    import reading.days

    def locked(*_: Any) -> Any:
        raise OperationalError("database is locked")

    read("one", NOON, 30)
    with monkeypatch.context() as patch:
        patch.setattr(reading.days, "totals_of_days", locked)
        for _ in range(7):
            with pytest.raises(OperationalError):
                refresh()
    assert set(StaleDay.objects.values_list("attempts", flat=True)) == {0}
    refresh()
    assert [row[0] for row in shown()] == ["2026-05-01"]


def test_where_a_clock_is_set_back_over_midnight_no_day_begins_twice(ada: Reader, read: Read) -> None:
    # In Newfoundland, at a minute past midnight of the 7th of November 2010, it was 23:01 of the 6th once more.
    Reader.objects.update(timezone="America/St_Johns")
    read("before", datetime(2010, 11, 7, 2, 0, tzinfo=UTC), 30)
    read("after", datetime(2010, 11, 7, 3, 0, tzinfo=UTC), 20)
    refresh()
    assert shown() == [("2010-11-06", 1800, 1, 0, 0), ("2010-11-07", 1200, 1, 0, 0)]


def test_the_hours_follow_a_clock_that_is_set_at_another_minute_than_the_first(ada: Reader, read: Read) -> None:
    Reader.objects.update(timezone="America/St_Johns")
    read("one", datetime(2010, 11, 7, 2, 0, tzinfo=UTC), 120)  # from 23:30 on; from 00:01 on it is 23:01 again
    refresh()
    earlier, later = ReaderDay.objects.order_by("day")
    assert {hour: seconds for hour, seconds in enumerate(earlier.hours) if seconds} == {23: 1800}
    assert {hour: seconds for hour, seconds in enumerate(later.hours) if seconds} == {0: 31 * 60, 23: 59 * 60}


def test_on_which_day_an_instant_is_does_not_depend_on_when_a_session_began(ada: Reader, read: Read) -> None:
    # Samoa had no 30th of December 2011: with the 29th at 24:00 the 31st began.
    Reader.objects.update(timezone="Pacific/Apia", rollover_hour=4)
    ada.refresh_from_db()
    read("until two", datetime(2011, 12, 30, 8, tzinfo=UTC), 240)
    read("from two on", datetime(2011, 12, 30, 12, tzinfo=UTC), 60)
    refresh()
    assert shown() == [("2011-12-29", 5 * 3600, 2, 0, 0)]


def test_a_session_that_another_covers_up_to_midnight_begins_to_count_on_the_day_after(ada: Reader, read: Read) -> None:
    Reader.objects.update(timezone="Pacific/Kiritimati")  # nowhere does a day begin earlier
    midnight = datetime(2026, 5, 1, 10, tzinfo=UTC)
    read("until midnight", midnight - minutes(120), 120)
    read("over midnight", midnight - minutes(60), 120)
    refresh()
    assert shown() == [("2026-05-01", 7200, 1, 0, 0), ("2026-05-02", 3600, 1, 0, 0)]


@pytest.mark.parametrize(
    ("zone", "start", "parts"),
    [
        # In Newfoundland it was a minute past midnight, and 23:01 of the evening before once more.
        ("America/St_Johns", datetime(2010, 11, 7, 2, 45, tzinfo=UTC), [("2010-11-07", 1800)]),
        ("America/St_Johns", datetime(2010, 11, 7, 2, 15, tzinfo=UTC), [("2010-11-06", 900), ("2010-11-07", 900)]),
        # In Havana midnight comes twice, and counts when it comes first.
        ("America/Havana", datetime(2025, 11, 2, 4, 45, tzinfo=UTC), [("2025-11-02", 1800)]),
        ("America/Havana", datetime(2025, 11, 2, 3, 45, tzinfo=UTC), [("2025-11-01", 900), ("2025-11-02", 900)]),
        # In Santiago there is no midnight in September, and the last hour of a day in April comes twice.
        ("America/Santiago", datetime(2026, 9, 6, 3, 45, tzinfo=UTC), [("2026-09-05", 900), ("2026-09-06", 900)]),
        ("America/Santiago", datetime(2026, 4, 5, 2, 45, tzinfo=UTC), [("2026-04-04", 1800)]),
        # On Lord Howe Island clocks move by half an hour.
        ("Australia/Lord_Howe", datetime(2026, 4, 4, 12, 45, tzinfo=UTC), [("2026-04-04", 900), ("2026-04-05", 900)]),
        # Samoa went without the 30th of December.
        ("Pacific/Apia", datetime(2011, 12, 30, 9, 45, tzinfo=UTC), [("2011-12-29", 900), ("2011-12-31", 900)]),
    ],
)
def test_half_an_hour_counts_once_where_clocks_change_around_midnight(
    zone: str, start: datetime, parts: list[tuple[str, int]], read: Read
) -> None:
    read("one", start, 30, timezone=zone)
    refresh()
    days = ReaderDay.objects.filter(seconds__gt=0).order_by("day")
    assert [(day.day.isoformat(), day.seconds) for day in days] == parts


def test_an_hour_of_the_clock_that_comes_twice_has_the_reading_of_both(read: Read) -> None:
    read("one", datetime(2025, 10, 26, 0, tzinfo=UTC), 120)  # from two to three and again from two to three
    refresh()
    [day] = ReaderDay.objects.all()
    assert {hour: seconds for hour, seconds in enumerate(day.hours) if seconds} == {2: 7200}


def test_an_hour_that_the_clock_leaves_out_has_none(read: Read) -> None:
    read("one", datetime(2026, 3, 29, 0, 30, tzinfo=UTC), 60)
    refresh()
    [day] = ReaderDay.objects.all()
    assert {hour: seconds for hour, seconds in enumerate(day.hours) if seconds} == {1: 1800, 3: 1800}


def test_of_two_that_start_together_the_one_whose_name_comes_first_keeps_its_part(read: Read) -> None:
    read("b", NOON, 30, pages_turned=30)
    read("a", NOON, 20, pages_turned=2)
    refresh()
    assert shown() == [("2026-05-01", 1800, 2, 0, 12)]


def test_what_is_covered_is_told_on_each_day_and_its_session_on_the_first(read: Read) -> None:
    midnight = datetime(2026, 5, 1, 22, tzinfo=UTC)  # in Berlin
    read("first", midnight - minutes(120), 180)
    read("again", midnight - minutes(60), 90, duration_seconds=2700.0)
    refresh()
    told = ReaderDay.objects.order_by("day").values_list("covered_seconds", "covered_sessions")
    assert list(told) == [(1800, 1), (900, 0)]


def test_an_earlier_session_that_ends_as_a_day_begins_makes_the_next_begin_there(ada: Reader, read: Read) -> None:
    midnight = datetime(2026, 5, 1, 10, tzinfo=UTC)  # on Kiritimati
    read("over midnight", midnight - minutes(60), 120, timezone="Pacific/Kiritimati")
    refresh()
    assert [row[3] for row in shown()] == [0, 1]
    read("until midnight", midnight - minutes(120), 120, timezone="Pacific/Kiritimati")
    refresh()
    assert [row[3] for row in shown()] == [0, 0]
    assert drift(ada) == []
