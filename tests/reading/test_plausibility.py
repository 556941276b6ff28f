from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from accounts.models import Reader
from reading.models import ReaderDay, Session
from reading.plausibility import Suggestion, counted_part, flag_of, suggestion_for
from reading.refreshing import refresh
from reading.sessions import SessionVerdict
from tests.reading.conftest import NOON, minutes

Read = Callable[..., SessionVerdict]
HOUR = 3600.0
LATER = NOON + timedelta(days=30)


def flagged(
    seconds: float,
    *,
    span: float | None = None,
    pages: int = 0,
    has_moved: bool = False,
    start: datetime = NOON,
    now: datetime = LATER,
) -> str:
    end = start + timedelta(seconds=seconds if span is None else span)
    return flag_of(start, end, seconds, pages=pages, has_moved=has_moved, now=now)


@pytest.mark.parametrize(
    ("seconds", "pages", "has_moved", "flag"),
    [
        (6 * HOUR, 0, False, ""),
        (6 * HOUR + 1, 0, False, "idle"),
        (6 * HOUR + 1, 0, True, ""),  # no pages were told, but it went on
        (6 * HOUR + 1, 1, False, ""),
        (12 * HOUR, 1, False, ""),
        (12 * HOUR + 1, 1, False, "idle"),
        (12 * HOUR + 1, 1, True, "idle"),  # where pages were told, they tell
        (24 * HOUR, 3, False, ""),
        (24 * HOUR, 2, False, "idle"),
        (24 * HOUR + 1, 500, False, "too_long"),
    ],
)
def test_a_session_is_idle_from_six_hours_without_a_page_turn_on(
    seconds: float, pages: int, has_moved: bool, flag: str
) -> None:
    assert flagged(seconds, pages=pages, has_moved=has_moved) == flag


@pytest.mark.parametrize(
    ("seconds", "pages", "flag"),
    [(300, 101, "fast"), (300, 100, ""), (299, 5000, ""), (3600, 1201, "fast"), (3600, 1200, "")],
)
def test_a_session_is_fast_from_five_minutes_below_three_seconds_a_page_on(
    seconds: float, pages: int, flag: str
) -> None:
    assert flagged(seconds, pages=pages) == flag


def test_what_cannot_be_true_comes_before_what_can_be_in_part() -> None:
    assert flagged(7 * HOUR, start=datetime(1999, 12, 31, tzinfo=UTC)) == "before_time"
    assert flagged(7 * HOUR, now=NOON) == "future"
    assert flagged(7 * HOUR, span=-1) == "ends_before_start"
    assert flagged(600, span=7 * 24 * HOUR) == ""
    assert flagged(600, span=7 * 24 * HOUR + 1) == "too_long"


def test_of_an_idle_session_the_first_hours_count_as_if_it_had_been_trimmed() -> None:
    part = counted_part("idle", NOON, NOON + timedelta(days=2), 13 * HOUR, 1)
    assert (part.ended_at, part.seconds, part.pages) == (NOON + timedelta(hours=12), 12 * HOUR, 1)


def test_of_a_fast_session_all_the_time_counts_and_a_page_for_every_three_seconds() -> None:
    part = counted_part("fast", NOON, NOON + minutes(10), 600, 5000)
    assert (part.ended_at, part.seconds, part.pages) == (NOON + minutes(10), 600, 200)


def test_what_is_read_elsewhere_after_the_hours_of_an_idle_session_counts(ada: Reader, read: Read) -> None:
    read("left open", NOON - timedelta(hours=12), 10 * 60)  # until ten o'clock, of which six hours count
    read("on another device", NOON - timedelta(hours=5), 60)
    refresh()
    assert Session.objects.get(uuid="left open").flag == "idle"
    [day] = ReaderDay.objects.all()
    assert (day.seconds, day.sessions, day.covered_seconds) == (7 * HOUR, 2, 0)


def test_what_is_suggested_for_a_session_is_what_counts_of_it(ada: Reader, read: Read) -> None:
    read("idle", NOON, 13 * 60, pages_turned=1)
    read("fast", NOON + timedelta(days=2), 10, pages_turned=5000)
    idle, fast = Session.objects.order_by("started_at")
    suggested = suggestion_for(idle)
    assert suggested is not None
    assert suggested.ended_at == NOON + timedelta(hours=12)
    suggested = suggestion_for(fast)
    assert suggested is not None
    assert suggested.pages == 200


HOURS = timedelta(hours=1)


@pytest.mark.parametrize(
    ("flag", "hours", "pages", "suggested"),
    [
        ("", 1.0, 5, None),
        ("idle", 20.0, 0, Suggestion(ended_at=NOON + 6 * HOURS)),
        ("idle", 20.0, 1, Suggestion(ended_at=NOON + 12 * HOURS)),
        ("fast", 0.5, 1000, Suggestion(pages=600)),
        ("too_long", 40.0, 0, Suggestion(ended_at=NOON + 6 * HOURS)),
        ("too_long", 40.0, 300, Suggestion(ended_at=NOON + 24 * HOURS)),
        ("before_time", 1.0, 0, Suggestion(deleted=True)),
        ("ends_before_start", -1.0, 0, Suggestion(deleted=True)),
    ],
)
def test_what_a_flagged_session_could_be_made_of(
    flag: str, hours: float, pages: int, suggested: Suggestion | None
) -> None:
    session = Session(
        started_at=NOON,
        ended_at=NOON + hours * HOURS,
        seconds=hours * HOUR,
        pages=pages,
        flag=flag,
        received_at=NOON + timedelta(days=3),
    )
    assert suggestion_for(session) == suggested


@pytest.mark.parametrize(
    ("received_after", "suggested"),
    [(2, Suggestion(ended_at=NOON + 2 * HOURS)), (-1, Suggestion(deleted=True))],
)
def test_one_that_ends_in_the_future_could_end_when_it_was_heard_of(received_after: int, suggested: Suggestion) -> None:
    session = Session(
        started_at=NOON,
        ended_at=NOON + 5 * HOURS,
        seconds=5 * HOUR,
        flag="future",
        received_at=NOON + received_after * HOURS,
    )
    assert suggestion_for(session) == suggested


@pytest.mark.parametrize(("flag", "hours", "pages"), [("idle", 20.0, 1), ("fast", 0.5, 1000), ("too_long", 40.0, 300)])
def test_what_is_suggested_has_nothing_to_be_said_against_it(flag: str, hours: float, pages: int) -> None:
    end = NOON + hours * HOURS
    session = Session(started_at=NOON, ended_at=end, seconds=hours * HOUR, pages=pages, flag=flag, received_at=LATER)
    suggested = suggestion_for(session)
    assert suggested is not None
    ended_at, turned = suggested.ended_at or end, pages if suggested.pages is None else suggested.pages
    seconds = min(session.seconds, (ended_at - NOON).total_seconds())
    assert flag_of(NOON, ended_at, seconds, pages=turned, has_moved=False, now=LATER) == ""
