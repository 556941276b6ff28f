"""The demo's year, planned for moments of all kinds: it always ends with them and always holds what it promises."""

from collections import Counter, defaultdict
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from project.demo.works import BY_SLUG, WORKS
from project.demo.year import HOME, PlannedSession, plan

# In the morning and at night, on weekdays and weekends, after both changes of the clock, on a leap day and at New Year.
MOMENTS = [
    datetime(2026, 3, 29, 1, 30, tzinfo=UTC),
    datetime(2026, 10, 25, 0, 59, tzinfo=UTC),
    datetime(2026, 11, 25, 9, 0, tzinfo=UTC),
    datetime(2026, 12, 31, 23, 30, tzinfo=UTC),
    datetime(2027, 5, 15, 5, 36, tzinfo=UTC),
    datetime(2028, 2, 29, 12, 0, 0, 123456, tzinfo=UTC),
    *(datetime(2027, 6, 6 + day, 3 * day, 0, tzinfo=UTC) for day in range(7)),
]


@pytest.fixture(params=MOMENTS, ids=str)
def moment(request: pytest.FixtureRequest) -> datetime:
    now: datetime = request.param
    return now


@pytest.fixture
def sessions(moment: datetime) -> list[PlannedSession]:
    return plan(moment)


def true_ones(sessions: list[PlannedSession]) -> list[PlannedSession]:
    return [session for session in sessions if session.started_at.year > 1970]


def days_of(sessions: list[PlannedSession]) -> list[date]:
    """The local days that some part of a session lies on."""
    days = set()
    for session in true_ones(sessions):
        zone = ZoneInfo(session.timezone)
        last = session.ended_at - timedelta(microseconds=1)
        days |= {session.started_at.astimezone(zone).date(), last.astimezone(zone).date()}
    return sorted(days)


def runs(days: list[date]) -> list[int]:
    lengths = [1]
    for one, next_one in pairwise(days):
        if next_one - one == timedelta(days=1):
            lengths[-1] += 1
        else:
            lengths.append(1)
    return lengths


def test_it_is_the_same_for_the_same_moment(moment: datetime, sessions: list[PlannedSession]) -> None:
    assert plan(moment) == sessions


def test_it_ends_with_its_moment_and_is_a_year_long(moment: datetime, sessions: list[PlannedSession]) -> None:
    today = moment.astimezone(ZoneInfo(HOME)).date()
    days = days_of(sessions)
    assert days[0] > today - timedelta(days=365)
    assert today - timedelta(days=1) in days
    assert days[-1] <= today
    assert all(session.ended_at < session.reported_at <= moment for session in sessions)
    assert [session.reported_at for session in sessions] == sorted(session.reported_at for session in sessions)


def test_there_is_something_from_this_morning_once_that_is_over() -> None:
    morning = datetime(2026, 11, 25, 6, 0, tzinfo=UTC)
    assert days_of(plan(morning))[-1] == date(2026, 11, 24)
    assert days_of(plan(morning + timedelta(hours=2)))[-1] == date(2026, 11, 25)


def test_the_streaks_are_those_promised(sessions: list[PlannedSession]) -> None:
    lengths = runs(days_of(sessions))
    assert lengths[-1] in (12, 13)
    assert 40 <= max(lengths) <= 60
    assert sorted(lengths)[-2] < 30
    assert len(days_of(sessions)) < 330  # some days have no reading


def test_25_books_are_finished_once_each_and_a_few_are_under_way(sessions: list[PlannedSession]) -> None:
    ends = Counter(session.work.slug for session in sessions if session.progress_end == 1)
    assert len(ends) == 25
    assert set(ends.values()) == {1}
    under_way = {session.work.slug for session in sessions} - ends.keys()
    assert under_way == {"middlemarch", "walden", "lanterns-3", "nemo-3"}
    latest = {slug: max(s.progress_end or 0 for s in sessions if s.work.slug == slug) for slug in under_way}
    assert latest["middlemarch"] == pytest.approx(0.2, abs=0.01)
    assert all(0.1 < progress < 0.9 for progress in latest.values())
    assert len(WORKS) > len(ends) + len(under_way)  # and some are still to be read


def test_each_book_is_read_from_its_start_without_a_gap(sessions: list[PlannedSession]) -> None:
    pages: dict[str, int] = defaultdict(int)
    for session in sessions:
        if session.progress_start is None or session.progress_end is None:
            continue
        read = session.work.pages
        assert session.progress_start == round(pages[session.work.slug] / read, 4)
        pages[session.work.slug] += session.pages
        assert session.progress_end == round(pages[session.work.slug] / read, 4)


def test_its_hours_and_its_pace_are_plausible(sessions: list[PlannedSession]) -> None:
    hours = {session: (session.ended_at - session.started_at) / timedelta(hours=1) for session in true_ones(sessions)}
    read = [session for session in hours if session.pages]
    assert 200 <= sum(hours[session] for session in read) <= 300
    assert 35 <= sum(session.pages for session in read) / sum(hours[session] for session in read) <= 60
    assert all(30 < session.pages / hours[session] < 125 for session in read if session.pages > 10)
    assert all(timedelta(seconds=10) < session.ended_at - session.started_at for session in sessions)


def test_some_sessions_of_two_devices_overlap_and_none_of_one(sessions: list[PlannedSession]) -> None:
    in_order = sorted(true_ones(sessions), key=lambda session: session.started_at)
    overlapping = [(one, other) for one, other in pairwise(in_order) if other.started_at < one.ended_at]
    overnight = [session for session in in_order if not session.pages]
    of_two = [(one, other) for one, other in overlapping if one not in overnight]
    assert 3 <= len(of_two) <= 30
    assert all(one.device != other.device for one, other in of_two)


def test_two_sessions_are_implausible(sessions: list[PlannedSession]) -> None:
    [lost] = [session for session in sessions if session.started_at.year == 1970]
    assert lost.reported_at.year > 1970
    [left_open] = [session for session in sessions if not session.pages]
    assert left_open.ended_at - left_open.started_at == timedelta(hours=9)
    assert left_open.progress_start == left_open.progress_end


def test_there_was_a_holiday_in_another_zone(sessions: list[PlannedSession]) -> None:
    away = [session for session in sessions if session.timezone != HOME]
    assert len({session.timezone for session in away}) == 1
    assert len(days_of(away)) == 14
    at_home = set(days_of([session for session in sessions if session.timezone == HOME]))
    assert at_home.isdisjoint(days_of(away))


def test_all_that_it_names_is_in_the_library(sessions: list[PlannedSession]) -> None:
    assert {session.work for session in sessions} <= set(BY_SLUG.values())
    assert len({work.path for work in WORKS}) == len(BY_SLUG) == len(WORKS)
