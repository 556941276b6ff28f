"""Runs of days with reading."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta


@dataclass(frozen=True)
class Streak:
    """`current` is the run that ends today or yesterday, `longest` the longest ever; both in days."""

    current: int = 0
    longest: int = 0
    started_on: date | None = None  # of the current run
    last_day: date | None = None  # the last day with reading at all

    @property
    def days(self) -> list[date]:
        """The days of the current run, oldest first."""
        return [self.started_on + timedelta(days=n) for n in range(self.current)] if self.started_on else []


def streak_of(days: Iterable[date], *, today: date) -> Streak:
    """The streak in these days with counted reading, on the reader's `today`.

    A run that ended yesterday still counts as current: today is not over. A day after `today` is one in a zone further
    east, where the reader already was.
    """
    ordered = sorted(set(days))
    if not ordered:
        return Streak()
    longest = run = 0
    previous: date | None = None
    for day in ordered:
        run = run + 1 if previous is not None and day - previous == timedelta(days=1) else 1
        longest = max(longest, run)
        previous = day
    last = ordered[-1]
    if last < today - timedelta(days=1):
        return Streak(0, longest, None, last)
    return Streak(run, longest, last - timedelta(days=run - 1), last)
