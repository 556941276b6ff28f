from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reading.streaks import runs_of, streak_of

TODAY = date(2026, 5, 10)


def days(*back: int) -> list[date]:
    return [TODAY - timedelta(days=n) for n in back]


@pytest.mark.parametrize(
    ("back", "current", "longest"),
    [
        ((), 0, 0),
        ((0,), 1, 1),
        ((1,), 1, 1),
        ((2,), 0, 1),
        ((0, 1, 2), 3, 3),
        ((1, 2, 3), 3, 3),
        ((0, 2, 3, 4, 5), 1, 4),
        ((-1, 0, 1), 3, 3),
        ((3, 3, 4), 0, 2),
    ],
)
def test_a_streak_is_a_run_of_days_that_reaches_today_or_yesterday(
    back: tuple[int, ...], current: int, longest: int
) -> None:
    streak = streak_of(runs_of(days(*back)), today=TODAY)
    assert (streak.current, streak.longest) == (current, longest)


def test_it_says_when_it_began() -> None:
    streak = streak_of(runs_of(days(0, 1, 2, 9)), today=TODAY)
    assert (streak.started_on, streak.last_day) == (TODAY - timedelta(days=2), TODAY)


# --- Runs ------------------------------------------------------------------------------------------------------------

DAYS = st.sets(st.integers(-12, 12))  # close together, so that there are runs


@settings(deadline=None)
@given(back=DAYS, cut=st.integers(-14, 14))
def test_the_runs_of_two_stretches_joined_are_those_of_all_their_days(back: set[int], cut: int) -> None:
    earlier, later = days(*(n for n in back if n >= cut)), days(*(n for n in back if n < cut))
    assert runs_of(earlier).joined(runs_of(later)) == runs_of(days(*back))


@settings(deadline=None)
@given(back=DAYS, cuts=st.tuples(st.integers(-14, 14), st.integers(-14, 14)))
def test_in_which_order_stretches_are_joined_makes_no_difference(back: set[int], cuts: tuple[int, int]) -> None:
    last, first = sorted(cuts)
    one = runs_of(days(*(n for n in back if n >= first)))
    two = runs_of(days(*(n for n in back if last <= n < first)))
    three = runs_of(days(*(n for n in back if n < last)))
    assert one.joined(two).joined(three) == one.joined(two.joined(three)) == runs_of(days(*back))


@settings(deadline=None)
@given(back=DAYS)
def test_the_longest_run_is_the_last_of_those_that_are_as_long(back: set[int]) -> None:
    runs = runs_of(days(*back))
    runs_by_end = {n: next(length for length in range(1, 30) if n + length not in back) for n in back}
    ends = [n for n in back if runs_by_end[n] == max(runs_by_end.values())]
    assert runs.longest_run == max(runs_by_end.values(), default=0)
    assert runs.longest_run_ended_on == (days(min(ends))[0] if ends else None)


@pytest.mark.parametrize("today", [date(2026, 1, 1), date(2024, 3, 1)])
def test_a_streak_goes_on_over_the_end_of_a_year_and_a_leap_day(today: date) -> None:
    streak = streak_of(runs_of([today - timedelta(days=n) for n in range(1, 4)]), today=today)
    assert (streak.current, streak.days[0], streak.days[-1]) == (
        3,
        today - timedelta(days=3),
        today - timedelta(days=1),
    )


def test_of_two_equally_long_runs_the_later_is_the_longest() -> None:
    streak = streak_of(runs_of(days(1, 2, 8, 9)), today=TODAY)
    assert (streak.longest, streak.longest_started_on, streak.longest_ended_on) == (2, *days(2, 1))
