"""Runs of days with reading."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta

ONE_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Runs:
    """What must be known of a stretch of days to tell its runs, and those of two stretches joined; lengths in days."""

    first_day: date | None = None  # with reading, as the next
    last_day: date | None = None
    first_run: int = 0  # that begins on the first day
    last_run: int = 0  # that ends on the last day
    longest_run: int = 0
    longest_run_ended_on: date | None = None

    def joined(self, later: "Runs") -> "Runs":
        """Those of this stretch and of a later one; of two equally long runs the later is the longest."""
        if self.first_day is None or self.last_day is None:
            return later
        if later.first_day is None or later.last_day is None:
            return self
        touch = later.first_day - self.last_day == ONE_DAY
        bridge = self.last_run + later.first_run if touch else 0
        candidates = [
            (later.longest_run, later.longest_run_ended_on),
            (bridge, later.first_day + (later.first_run - 1) * ONE_DAY),
            (self.longest_run, self.longest_run_ended_on),
        ]
        longest_run, ended_on = max(candidates, key=lambda run: run[0])
        is_one_run = self.first_run == (self.last_day - self.first_day).days + 1
        later_is_one_run = later.first_run == (later.last_day - later.first_day).days + 1
        return Runs(
            self.first_day,
            later.last_day,
            self.first_run + later.first_run if touch and is_one_run else self.first_run,
            self.last_run + later.last_run if touch and later_is_one_run else later.last_run,
            longest_run,
            ended_on,
        )


def runs_of(days: Iterable[date]) -> Runs:
    """The runs of these days with reading, in any order."""
    runs = Runs()
    first: date | None = None
    previous: date | None = None
    for day in sorted(set(days)):
        if previous is not None and first is not None and day - previous > ONE_DAY:
            runs = runs.joined(_one_run(first, previous))
            first = day
        first = first or day
        previous = day
    return runs.joined(_one_run(first, previous)) if first is not None and previous is not None else runs


def _one_run(first: date, last: date) -> Runs:
    length = (last - first).days + 1
    return Runs(first, last, length, length, length, last)


@dataclass(frozen=True)
class Streak:
    """`current` is the run that ends today or yesterday, `longest` the longest ever; both in days."""

    current: int = 0
    longest: int = 0
    started_on: date | None = None  # of the current run
    last_day: date | None = None  # the last day with reading at all
    longest_ended_on: date | None = None

    @property
    def days(self) -> list[date]:
        """The days of the current run, oldest first."""
        return [self.started_on + n * ONE_DAY for n in range(self.current)] if self.started_on else []

    @property
    def longest_started_on(self) -> date | None:
        return self.longest_ended_on - (self.longest - 1) * ONE_DAY if self.longest_ended_on else None


def streak_of(runs: Runs, *, today: date) -> Streak:
    """The streak in these runs, on the reader's `today`.

    A run that ended yesterday still counts as current: today is not over. A day after `today` is one in a zone further
    east, where the reader already was.
    """
    last, longest, ended_on = runs.last_day, runs.longest_run, runs.longest_run_ended_on
    if last is None or last < today - ONE_DAY:
        return Streak(0, longest, None, last, ended_on)
    return Streak(runs.last_run, longest, last - (runs.last_run - 1) * ONE_DAY, last, ended_on)
