import json
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from accounts.models import Device, Reader
from library.models import Author, Authorship, Book, Series
from reading.clocks import Clock
from reading.edits import add_session
from reading.files import FileReport
from reading.models import StalePayload, StatsPayload, StatusState
from reading.payload import RECENT_SESSIONS, compose, etag_of, shown_time
from reading.positions import PlaceVerdict
from reading.refreshing import refresh, turn_days
from reading.reports import report_sessions
from reading.sessions import SessionReport, SessionVerdict
from reading.status import set_status
from tests.reading.conftest import KINDLE, KOBO, NOON, minutes

Read = Callable[..., SessionVerdict]
Put = Callable[..., PlaceVerdict]
TODAY = date(2026, 5, 20)
DAY = timedelta(days=1)
TODAYS_NOON = datetime(2026, 5, 20, 12, tzinfo=UTC)


def payload(reader: Reader, today: date = TODAY) -> dict[str, Any]:
    refresh()
    composed: dict[str, Any] = json.loads(compose(reader, now=TODAYS_NOON + (today - TODAY)).body)
    return composed


def sums(window: dict[str, int]) -> tuple[int, int, int]:
    return window["seconds"], window["sessions"], window["pages"]


@pytest.fixture
def other_book(db: None) -> Book:
    """A second volume of a series, by two authors, one of whom wrote the first book too."""
    book = Book.objects.create(
        title="The Sign of the Four",
        title_key="sign of the four",
        book_type="light_novel",
        series=Series.objects.create(name="Sherlock Holmes"),
        series_index=2,
    )
    for place, name in enumerate(["Arthur Conan Doyle", "A. Ghost"]):
        Authorship.objects.create(book=book, author=Author.objects.get_or_create(name=name)[0], place=place)
    return book


def test_of_one_who_never_read_it_has_every_part_and_nothing_in_it(ada: Reader) -> None:
    shown = payload(ada)
    assert shown["totals"]["all"] == {"seconds": 0, "sessions": 0, "pages": 0, "books_finished": 0}
    assert shown["streak"] == {"current": 0, "longest": 0, "days": []}
    assert shown["pace"] == {"seconds_per_day": 0, "lately": {}, "trend": []}
    for part in ("daily", "heatmap", "by_book", "by_series", "by_author", "by_type", "estimates", "recent_sessions"):
        assert shown[part] == []
    assert (shown["timezone"], shown["today"]) == ("Europe/Berlin", "2026-05-20")


# --- Totals ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("days_ago", "windows"),
    [
        (0, {"today", "7d", "30d", "90d", "365d", "year", "all"}),
        (1, {"7d", "30d", "90d", "365d", "year", "all"}),
        (6, {"7d", "30d", "90d", "365d", "year", "all"}),
        (7, {"30d", "90d", "365d", "year", "all"}),
        (29, {"30d", "90d", "365d", "year", "all"}),
        (30, {"90d", "365d", "year", "all"}),
        (89, {"90d", "365d", "year", "all"}),
        (90, {"365d", "year", "all"}),
        (139, {"365d", "year", "all"}),  # New Year's Day
        (140, {"365d", "all"}),
        (364, {"365d", "all"}),
        (365, {"all"}),
        (5000, {"all"}),
    ],
)
def test_a_window_holds_its_days_and_no_others(days_ago: int, windows: set[str], ada: Reader, read: Read) -> None:
    read("one", TODAYS_NOON - days_ago * DAY, 30, pages_turned=10)
    totals = payload(ada)["totals"]
    assert list(totals) == ["today", "7d", "30d", "90d", "365d", "year", "all"]
    assert {name for name, window in totals.items() if sums(window) == (1800, 1, 10)} == windows
    assert {name for name, window in totals.items() if sums(window) == (0, 0, 0)} == totals.keys() - windows


def test_a_session_over_midnight_counts_on_both_days_but_once_in_a_window_that_holds_both(
    ada: Reader, read: Read
) -> None:
    read("one", datetime(2026, 5, 19, 21, 45, tzinfo=UTC), 60, pages_turned=60)  # midnight in Berlin is at 22:00
    shown = payload(ada)
    assert [(day["day"], *sums(day)) for day in shown["daily"]] == [
        ("2026-05-19", 900, 1, 15),
        ("2026-05-20", 2700, 1, 45),
    ]
    assert sums(shown["totals"]["today"]) == (2700, 1, 45)
    for window in ("7d", "30d", "90d", "365d", "year", "all"):
        assert sums(shown["totals"][window]) == (3600, 1, 60)
    [book] = shown["by_book"]
    assert sums(book) == (3600, 1, 60)


def test_a_session_that_reaches_into_a_window_is_counted_in_it_once(ada: Reader, read: Read) -> None:
    # From the day before the last week into its second day.
    start = datetime(2026, 5, 13, 20, tzinfo=UTC)
    read("long", start, 60 * 30, duration_seconds=36000.0, pages_turned=300, at=TODAYS_NOON)
    totals = payload(ada)["totals"]
    assert (totals["7d"]["sessions"], totals["30d"]["sessions"]) == (1, 1)
    assert totals["30d"]["seconds"] == 36000
    assert totals["7d"]["seconds"] == 36000 - round(2 / 30 * 36000)


def test_a_day_that_has_begun_further_east_counts_as_today(ada: Reader, read: Read) -> None:
    read("tokyo", datetime(2026, 5, 20, 20, tzinfo=UTC), 30, timezone="Asia/Tokyo")
    shown = payload(ada)
    assert [day["day"] for day in shown["daily"]] == ["2026-05-21"]
    assert sums(shown["totals"]["today"]) == (1800, 1, 0)
    assert shown["streak"]["current"] == 1


def test_a_finished_book_is_in_the_windows_of_the_day_on_which_it_was_finished(
    ada: Reader, book: Book, other_book: Book, put: Put
) -> None:
    ended = datetime(2026, 5, 13, 22, 30, tzinfo=UTC)  # already the 14th in Berlin
    put(KOBO, 1.0, at=ended, read_at=ended)
    set_status(ada, other_book, StatusState.READ, now=TODAYS_NOON - 400 * DAY)
    totals = payload(ada)["totals"]
    finished = {name: window["books_finished"] for name, window in totals.items()}
    assert finished == {"today": 0, "7d": 1, "30d": 1, "90d": 1, "365d": 1, "year": 1, "all": 2}


# --- Days ------------------------------------------------------------------------------------------------------------


def test_the_streak_names_its_days(ada: Reader, read: Read) -> None:
    for days_ago in (1, 2, 3, 8, 9, 10, 11):
        read(str(days_ago), TODAYS_NOON - days_ago * DAY, 30)
    streak = payload(ada)["streak"]
    assert streak == {
        "current": 3,
        "longest": 4,
        "started_on": "2026-05-17",
        "last_day": "2026-05-19",
        "longest_started_on": "2026-05-09",
        "longest_last_day": "2026-05-12",
        "days": ["2026-05-17", "2026-05-18", "2026-05-19"],
    }
    broken = payload(ada, TODAY + DAY)["streak"]
    assert (broken["current"], broken["longest"], broken["days"]) == (0, 4, [])
    assert "started_on" not in broken


def test_daily_holds_every_day_with_reading_in_order(ada: Reader, read: Read) -> None:
    for days_ago in (400, 3, 20):
        read(str(days_ago), TODAYS_NOON - days_ago * DAY, 30)
    days = [day["day"] for day in payload(ada)["daily"]]
    assert days == [(TODAY - days_ago * DAY).isoformat() for days_ago in (400, 20, 3)]


def test_the_heatmap_has_levels_by_quarters_of_the_busiest_day_of_a_year(ada: Reader, read: Read) -> None:
    for days_ago, length in ((500, 600), (4, 10), (3, 30), (2, 60), (1, 99), (0, 100)):
        read(str(days_ago), TODAYS_NOON - days_ago * DAY - minutes(600), length)
    heatmap = payload(ada)["heatmap"]
    assert [day["level"] for day in heatmap] == [1, 2, 3, 4, 4]
    assert heatmap[0]["day"] == (TODAY - 4 * DAY).isoformat()


# --- Groups ----------------------------------------------------------------------------------------------------------


def test_books_come_with_what_was_read_of_them_the_most_read_first(
    ada: Reader, book: Book, other_book: Book, read: Read, put: Put
) -> None:
    read("one", TODAYS_NOON - 2 * DAY, 10, pages_turned=5)
    read("two", TODAYS_NOON - 1 * DAY, 20, book_id=other_book.pk, pages_turned=7)
    read("three", TODAYS_NOON, 20, book_id=other_book.pk)
    put(KOBO, 0.3, at=TODAYS_NOON, read_at=TODAYS_NOON)
    assert payload(ada)["by_book"] == [
        {
            "book_id": other_book.pk,
            "title": "The Sign of the Four",
            "authors": ["Arthur Conan Doyle", "A. Ghost"],
            "series": "Sherlock Holmes",
            "book_type": "light_novel",
            "status": "unread",
            "seconds": 2400,
            "sessions": 2,
            "pages": 7,
            "first_day": "2026-05-19",
            "last_day": "2026-05-20",
        },
        {
            "book_id": book.pk,
            "title": "A Study in Scarlet",
            "authors": ["Arthur Conan Doyle"],
            "book_type": "book",
            "status": "reading",
            "seconds": 600,
            "sessions": 1,
            "pages": 5,
            "first_day": "2026-05-18",
            "last_day": "2026-05-18",
        },
    ]


def test_series_authors_and_types_sum_their_books(ada: Reader, book: Book, other_book: Book, read: Read) -> None:
    read("one", TODAYS_NOON - 2 * DAY, 10, pages_turned=5)
    read("two", TODAYS_NOON - 1 * DAY, 20, book_id=other_book.pk, pages_turned=7)
    shown = payload(ada)
    assert shown["by_series"] == [
        {"name": "Sherlock Holmes", "books": 1, "seconds": 1200, "sessions": 1, "pages": 7},
    ]
    assert shown["by_author"] == [
        {"name": "Arthur Conan Doyle", "books": 2, "seconds": 1800, "sessions": 2, "pages": 12},
        {"name": "A. Ghost", "books": 1, "seconds": 1200, "sessions": 1, "pages": 7},
    ]
    assert shown["by_type"] == [
        {"name": "light_novel", "books": 1, "seconds": 1200, "sessions": 1, "pages": 7},
        {"name": "book", "books": 1, "seconds": 600, "sessions": 1, "pages": 5},
    ]


# --- Pace and estimates ----------------------------------------------------------------------------------------------


def test_pace_counts_pages_where_there_are_any_and_idle_days_too(ada: Reader, read: Read) -> None:
    read("pages", TODAYS_NOON - 1 * DAY, 30, pages_turned=40)
    read("no pages", TODAYS_NOON - 2 * DAY, 60)
    read("long ago", TODAYS_NOON - 30 * DAY, 60)
    assert payload(ada)["pace"] == {
        "seconds_per_day": round((1800 + 3600) / 30),
        "pages_per_hour": 80,
        "lately": {"pages_per_hour": 80},
        "trend": [
            {"month": "2026-04", "seconds": 3600},
            {"month": "2026-05", "seconds": 5400, "pages_per_hour": 80},
        ],
    }


def test_an_estimate_is_the_time_so_far_carried_on(ada: Reader, book: Book, read: Read, put: Put) -> None:
    read("one", TODAYS_NOON, 60, progress_end=0.2)
    put(KOBO, 0.25, at=TODAYS_NOON + minutes(60), read_at=TODAYS_NOON + minutes(60))
    [estimate] = payload(ada)["estimates"]
    assert (estimate["book_id"], estimate["percentage"], estimate["seconds_left"]) == (book.pk, 0.25, 3 * 3600)
    assert estimate["seconds_left_low"] < 3 * 3600 < estimate["seconds_left_high"]
    assert estimate["finish_on"] == "2026-05-23"  # an hour a day, as today
    put(KOBO, 1.0, at=TODAYS_NOON + minutes(90), read_at=TODAYS_NOON + minutes(90))
    assert payload(ada)["estimates"] == []


@pytest.mark.parametrize(("length", "percentage"), [(4, 0.5), (60, 0.019), (60, None)])
def test_from_too_little_nothing_is_estimated(
    length: int, percentage: float | None, ada: Reader, read: Read, put: Put
) -> None:
    read("one", TODAYS_NOON, length, progress_end=0.5)
    if percentage is not None:
        put(KOBO, percentage, at=TODAYS_NOON, read_at=TODAYS_NOON)
    assert payload(ada)["estimates"] == []


# --- Recent sessions -------------------------------------------------------------------------------------------------


def test_recent_sessions_are_the_newest_first_and_say_which_do_not_count(ada: Reader, book: Book, read: Read) -> None:
    counted = read("one", TODAYS_NOON, 30, pages_turned=10)
    flagged = read("two", TODAYS_NOON + 9 * DAY, 30, at=TODAYS_NOON)
    unknown = SessionReport(started_at=NOON, ended_at=NOON + minutes(5), uuid="three", file=FileReport("unknown.epub"))
    gone = SessionReport(started_at=NOON - DAY, ended_at=NOON - DAY + minutes(5), uuid="four", book_id=4711)
    verdicts = report_sessions(ada, [unknown, gone], device=KOBO, clock=Clock(TODAYS_NOON))
    recent = payload(ada)["recent_sessions"]
    assert [session["id"] for session in recent] == [
        flagged.session_id,
        counted.session_id,
        *(verdict.session_id for verdict in verdicts),
    ]
    assert recent[0]["flag"] == "future"
    assert recent[1] == {
        "id": counted.session_id,
        "book_id": book.pk,
        "title": "A Study in Scarlet",
        "started_at": "2026-05-20T12:00:00.000Z",
        "ended_at": "2026-05-20T12:30:00.000Z",
        "seconds": 1800,
        "pages": 10,
        "device": "Kobo",
    }
    assert recent[2]["title"] == "unknown.epub"
    assert not {"book_id", "title"} & recent[3].keys()


def test_recent_sessions_end_somewhere(ada: Reader, read: Read) -> None:
    for number in range(RECENT_SESSIONS + 3):
        read(str(number), TODAYS_NOON - number * DAY, 30)
    recent = payload(ada)["recent_sessions"]
    assert len(recent) == RECENT_SESSIONS
    assert recent[0]["started_at"] == shown_time(TODAYS_NOON)


# --- What is stored --------------------------------------------------------------------------------------------------


def test_the_same_content_has_the_same_etag_and_other_content_another(ada: Reader, read: Read) -> None:
    read("one", TODAYS_NOON, 30)
    refresh()
    first, again, later = (compose(ada, now=now).body for now in (TODAYS_NOON, TODAYS_NOON, TODAYS_NOON + DAY))
    assert etag_of(first) == etag_of(again) != etag_of(later)
    read("two", TODAYS_NOON + minutes(60), 30)
    refresh()
    assert etag_of(compose(ada, now=TODAYS_NOON).body) != etag_of(first)


def test_what_is_stored_is_ready_to_send(ada: Reader, read: Read) -> None:
    read("one", TODAYS_NOON, 30)
    refresh()
    stored = StatsPayload.objects.get()
    body = json.loads(bytes(stored.body))
    assert etag_of(bytes(stored.body)) == stored.etag
    assert body["today"] == stored.today.isoformat()
    assert "pending" not in body


def test_two_readers_of_one_book_have_nothing_to_do_with_each_other(
    ada: Reader, bob: Reader, book: Book, read: Read
) -> None:
    read("one", TODAYS_NOON, 30)
    shown = payload(bob)
    assert shown["daily"] == shown["by_book"] == shown["recent_sessions"] == []
    assert not StatsPayload.objects.filter(reader=bob).exists()


@pytest.mark.parametrize(
    ("zone", "rollover_hour", "now", "turned"),
    [
        ("UTC", 0, "2026-05-20T23:59:59+00:00", 0),
        ("UTC", 0, "2026-05-21T00:00:00+00:00", 1),
        ("UTC", 4, "2026-05-21T03:59:59+00:00", 0),
        ("UTC", 4, "2026-05-21T04:00:00+00:00", 1),
        ("Pacific/Kiritimati", 0, "2026-05-20T09:59:59+00:00", 0),
        ("Pacific/Kiritimati", 0, "2026-05-20T10:00:00+00:00", 1),
        ("Pacific/Pago_Pago", 0, "2026-05-21T10:59:59+00:00", 0),
        ("Pacific/Pago_Pago", 0, "2026-05-21T11:00:00+00:00", 1),
    ],
)
def test_when_a_readers_day_turns_the_payload_is_to_be_made_anew(
    zone: str, rollover_hour: int, now: str, turned: int, ada: Reader
) -> None:
    Reader.objects.update(timezone=zone, rollover_hour=rollover_hour)
    ada.refresh_from_db()
    good_until = compose(ada, now=datetime.fromisoformat(now) - timedelta(hours=3)).good_until
    StatsPayload.objects.create(
        reader=ada, body=b"{}", etag="x", generated_at=TODAYS_NOON, today=TODAY, good_until=good_until
    )
    assert turn_days(now=datetime.fromisoformat(now)) == turned
    assert StalePayload.objects.count() == turned


# --- Years, leap days and travel -------------------------------------------------------------------------------------


def test_on_a_leap_day_the_year_is_compared_with_the_last_one_up_to_the_end_of_its_february(
    ada: Reader, read: Read
) -> None:
    leap_day = date(2024, 2, 29)
    for uuid, day in (
        ("in", datetime(2023, 2, 28, 12)),
        ("out", datetime(2023, 3, 1, 12)),
        ("leap", datetime(2024, 2, 29)),
    ):
        read(uuid, day.replace(tzinfo=UTC), 30)
    shown = payload(ada, leap_day)
    assert sums(shown["previous"]["year"]) == (1800, 1, 0)
    assert sums(shown["totals"]["year"]) == (1800, 1, 0)
    assert shown["periods"]["365d"]["first_day"] == "2023-03-02"
    assert sums(shown["previous"]["365d"]) == (3600, 2, 0)


def test_a_year_in_which_only_covered_time_lies_has_no_review(ada: Reader, read: Read) -> None:
    new_year = datetime(2025, 12, 31, 22, tzinfo=UTC)  # an hour before it is one in Berlin
    read("in Tokyo", new_year - minutes(60), 120, timezone="Asia/Tokyo")
    read("at home", new_year - minutes(30), 60)
    shown = payload(ada)
    assert [year["year"] for year in shown["years"]] == [2026]
    assert shown["merged"] == {"seconds": 3600, "sessions": 1}


def test_the_streak_of_who_travels_west_can_go_on_until_the_day_ends_there(ada: Reader, read: Read) -> None:
    for days_ago in (3, 2):
        read(str(days_ago), TODAYS_NOON - days_ago * DAY, 30, timezone="America/Los_Angeles")
    refresh()
    # It is the 20th in Berlin, two days after the last reading, and still the 19th in Los Angeles until 07:00 UTC.
    before, after = (datetime(2026, 5, 20, hour, 59, tzinfo=UTC) for hour in (6, 7))
    for now, current in ((before, 2), (after, 0)):
        assert json.loads(compose(ada, now=now).body)["streak"]["current"] == current
    assert compose(ada, now=before).good_until == datetime(2026, 5, 20, 7, tzinfo=UTC)
    assert compose(ada, now=after).good_until == datetime(2026, 5, 20, 22, tzinfo=UTC)


@pytest.mark.parametrize(
    ("now", "good_until"),
    [
        ("2026-03-28T22:30", "2026-03-28T23:00"),
        ("2026-03-28T23:00", "2026-03-29T22:00"),  # a day of 23 hours
        ("2026-10-24T22:00", "2026-10-25T23:00"),  # and one of 25
        ("2026-12-31T12:00", "2026-12-31T23:00"),
    ],
)
def test_a_payload_is_good_until_the_reader_has_another_day(now: str, good_until: str, ada: Reader) -> None:
    composed = compose(ada, now=datetime.fromisoformat(now).replace(tzinfo=UTC))
    assert composed.good_until == datetime.fromisoformat(good_until).replace(tzinfo=UTC)


# --- Devices, goals, years and ranges --------------------------------------------------------------------------------


def test_devices_come_with_what_was_read_on_them_and_what_none_reported_by_where_it_came_from(
    ada: Reader, book: Book, read: Read
) -> None:
    read("kobo", TODAYS_NOON, 30, pages_turned=10)
    on_kindle = SessionReport(TODAYS_NOON - DAY, TODAYS_NOON - DAY + minutes(60), uuid="kindle", book_id=book.pk)
    report_sessions(ada, [on_kindle], device=KINDLE, clock=Clock(TODAYS_NOON))
    start = TODAYS_NOON - 2 * DAY
    add_session(ada, book.pk, started_at=start, ended_at=start + minutes(10), now=TODAYS_NOON)
    shown = payload(ada)
    ids = dict(Device.objects.values_list("name", "pk"))
    assert shown["by_device"] == [
        {"device_id": ids["Kindle"], "name": "Kindle", "seconds": 3600, "sessions": 1, "pages": 0},
        {"device_id": ids["Kobo"], "name": "Kobo", "seconds": 1800, "sessions": 1, "pages": 10},
        {"name": "Added by hand", "seconds": 600, "sessions": 1, "pages": 0},
    ]
    assert [each["name"] for each in shown["periods"]["today"]["by_device"]] == ["Kobo"]


def test_each_period_is_compared_with_as_many_days_before_it(ada: Reader, read: Read) -> None:
    for days_ago in (0, 1, 7, 13, 14):
        read(str(days_ago), TODAYS_NOON - days_ago * DAY, 30)
    previous = payload(ada)["previous"]
    assert {name: window["sessions"] for name, window in previous.items()} == {
        "today": 1,
        "7d": 2,
        "30d": 0,
        "90d": 0,
        "365d": 0,
        "year": 0,
    }


def test_what_is_merged_is_told_of_all_time_and_of_each_period(ada: Reader, read: Read) -> None:
    read("first", TODAYS_NOON - 10 * DAY, 60)
    read("again", TODAYS_NOON - 10 * DAY + minutes(30), 60, duration_seconds=1800.0)
    shown = payload(ada)
    assert shown["merged"] == shown["periods"]["30d"]["merged"] == {"seconds": 900, "sessions": 1}
    assert shown["periods"]["7d"]["merged"] == {"seconds": 0, "sessions": 0}


def test_goals_are_told_where_there_are_any_and_how_far_the_reader_is(ada: Reader, book: Book, read: Read) -> None:
    assert payload(ada)["goals"] == {}
    ada.goal_minutes_a_day, ada.goal_books_a_year = 30, 73
    ada.save()
    for days_ago, length in ((0, 10), (1, 30), (2, 29.9), (29, 60), (30, 60)):
        read(str(days_ago), TODAYS_NOON - days_ago * DAY, length)
    set_status(ada, book, StatusState.READ, now=TODAYS_NOON - DAY)
    assert payload(ada)["goals"] == {
        "minutes_a_day": {"goal": 30, "seconds_today": 600, "days_reached": 2, "days": 30},
        "books_a_year": {"goal": 73, "finished": 1, "expected": 28.0},  # 140 days of 365
    }


def test_the_last_day_of_a_leap_year_expects_the_whole_goal(ada: Reader) -> None:
    ada.goal_books_a_year = 12
    ada.save()
    assert payload(ada, date(2024, 12, 31))["goals"]["books_a_year"]["expected"] == 12


def test_a_year_in_review_has_its_best_day_its_months_and_its_longest_streak(
    ada: Reader, book: Book, read: Read
) -> None:
    for day, length in (("2024-02-28", 30), ("2024-02-29", 90), ("2024-03-01", 30), ("2024-12-31", 10)):
        read(day, datetime.fromisoformat(day + "T12:00+00:00"), length, pages_turned=length)
    read("new year", datetime(2024, 12, 31, 22, 30, tzinfo=UTC), 60, pages_turned=20)  # half of it in each year
    latest, review = payload(ada)["years"]
    assert (latest["year"], sums(latest)) == (2025, (1800, 1, 10))
    assert (review["year"], sums(review)) == (2024, (160 * 60 + 1800, 5, 170))
    assert review["best_day"] == {"day": "2024-02-29", "seconds": 5400}
    assert (review["days"], review["longest_streak"], review["longest_streak_ended_on"]) == (4, 3, "2024-03-01")
    assert [(n + 1, month["seconds"]) for n, month in enumerate(review["months"]) if month["seconds"]] == [
        (2, 7200),
        (3, 1800),
        (12, 2400),
    ]
    assert review["books"] == [{"book_id": book.pk, "title": book.title, "seconds": 11400, "pages": 170}]


def test_an_estimate_ranges_from_the_fast_days_to_the_slow_ones(ada: Reader, book: Book, read: Read, put: Put) -> None:
    # An hour on each of four days, in which a tenth, two, three and four tenths of half the book were read.
    for days_ago, (begin, end) in enumerate([(0.0, 0.05), (0.05, 0.15), (0.15, 0.3), (0.3, 0.5)]):
        start = TODAYS_NOON - days_ago * DAY
        read(str(days_ago), start, 60, progress_start=begin, progress_end=end)
    put(KOBO, 0.5, at=TODAYS_NOON + minutes(60), read_at=TODAYS_NOON + minutes(60))
    [estimate] = payload(ada)["estimates"]
    assert estimate["seconds_left"] == 4 * 3600
    assert estimate["seconds_left_low"] == round(0.5 / 0.15 * 3600)
    assert estimate["seconds_left_high"] == round(0.5 / 0.1 * 3600)
    assert (estimate["finish_on_low"], estimate["finish_on"], estimate["finish_on_high"]) == (
        "2026-05-24",
        "2026-05-24",
        "2026-05-25",
    )


def test_a_book_that_was_not_read_lately_has_no_day_on_which_it_is_finished(
    ada: Reader, book: Book, read: Read, put: Put
) -> None:
    read("long ago", TODAYS_NOON - 40 * DAY, 60, progress_start=0.0, progress_end=0.25)
    put(KOBO, 0.25, at=TODAYS_NOON, read_at=TODAYS_NOON - 40 * DAY)
    [estimate] = payload(ada)["estimates"]
    assert estimate["seconds_left"] == 3 * 3600
    assert not {"finish_on", "finish_on_low", "finish_on_high"} & estimate.keys()
