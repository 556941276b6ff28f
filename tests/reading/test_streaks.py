from datetime import date, timedelta

import pytest

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
