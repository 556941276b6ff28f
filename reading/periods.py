"""The stretches of days over which statistics are shown, and what counts in them."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Protocol

# Of the last so many days, today among them.
LENGTHS = {"today": 1, "7d": 7, "30d": 30, "90d": 90, "365d": 365}
YEAR, ALL = "year", "all"
PERIODS = (*LENGTHS, YEAR)  # all of them begin on a day that moves with today; `all` has none


@dataclass(frozen=True)
class Period:
    """The days from `first` on, up to and with `last` where there is one."""

    name: str
    first: date
    last: date = date.max

    def holds(self, day: date) -> bool:
        return self.first <= day <= self.last


def periods(today: date) -> list[Period]:
    """The periods as of a day; none ends, since a day after today is one that the reader has in a zone further east."""
    first_of_year = Period(YEAR, date(today.year, 1, 1))
    return [*(Period(name, today - timedelta(days=length - 1)) for name, length in LENGTHS.items()), first_of_year]


def periods_before(today: date) -> list[Period]:
    """What each period is compared with: as many days before it; the year with the last one up to the same day."""
    before = [
        Period(name, today - timedelta(days=2 * length - 1), today - timedelta(days=length))
        for name, length in LENGTHS.items()
    ]
    return [*before, Period(YEAR, date(today.year - 1, 1, 1), same_day_last_year(today))]


def same_day_last_year(day: date) -> date:
    try:
        return day.replace(year=day.year - 1)
    except ValueError:
        return date(day.year - 1, 2, 28)


def earliest_needed(today: date) -> date:
    """The first day of all these periods."""
    return min(period.first for period in periods_before(today))


class CountedDay(Protocol):
    """A day total, of a reader or of one of their books."""

    day: date
    seconds: float
    sessions: int
    carried: int
    pages: float


@dataclass
class Sums:
    """Totals over several days."""

    seconds: float = 0.0
    sessions: int = 0
    pages: float = 0.0

    def add(self, seconds: float, sessions: int, pages: float) -> None:
        self.seconds += seconds
        self.sessions += sessions
        self.pages += pages

    def shown(self) -> dict[str, int]:
        return {"seconds": whole(self.seconds), "sessions": self.sessions, "pages": whole(self.pages)}


def whole(value: float) -> int:
    """A sum of days as it is shown; halves go up, and the order in which days were added makes no difference."""
    return int((round(value * 1000) + 500) // 1000)


def sums_of(days: Iterable[CountedDay], period: Period) -> Sums:
    """A session over midnight counts on both days, but once in a period that holds both."""
    sums = Sums()
    for day in days:
        if period.holds(day.day):
            own = day.sessions if day.day == period.first else day.sessions - day.carried
            sums.add(day.seconds, own, day.pages)
    return sums
