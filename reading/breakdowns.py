"""What the days of a stretch say beside their sums: hours, devices, what was merged, and how fast the reading went."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from reading.days import HOURS
from reading.models import ReaderDay
from reading.periods import Sums, whole

WEEKDAYS = 7


@dataclass
class Pace:
    """How fast reading went, where sessions told of pages or of places."""

    pages: float = 0.0
    paged_seconds: float = 0.0
    progress: float = 0.0  # sum of fractions of books
    progress_seconds: float = 0.0

    def add(self, other: Any) -> None:
        """Add a day total or another pace."""
        # A day's pages are all of sessions that told of pages.
        self.pages += other.pages
        self.paged_seconds += other.paged_seconds
        self.progress += other.progress
        self.progress_seconds += other.progress_seconds

    def shown(self) -> dict[str, float]:
        """Pages and percent an hour; what nothing tells is left out."""
        shown: dict[str, float] = {}
        if self.paged_seconds > 0:
            shown["pages_per_hour"] = whole(self.pages * 3600 / self.paged_seconds)
        if self.progress_seconds > 0:
            shown["percent_per_hour"] = round(self.progress * 100 * 3600 / self.progress_seconds, 1)
        return shown


@dataclass
class Breakdown:
    """Made of days in their order; the first day of the stretch also holds sessions that began before it."""

    first_of_stretch: date = date.min
    days: int = 0  # with any reading
    hours: list[list[float]] = field(default_factory=lambda: [[0.0] * HOURS for _ in range(WEEKDAYS)])
    devices: dict[str, Sums] = field(default_factory=dict)
    covered_seconds: float = 0.0
    covered_sessions: int = 0
    pace: Pace = field(default_factory=Pace)

    def add_day(self, day: ReaderDay) -> None:
        self.days += day.seconds > 0
        hours = self.hours[day.day.weekday()]
        for hour, seconds in enumerate(day.hours):
            if seconds:
                hours[hour] += seconds
        for device, (seconds, sessions, carried, pages) in day.devices.items():
            own = sessions if day.day == self.first_of_stretch else sessions - carried
            self.devices.setdefault(device, Sums()).add(seconds, own, pages)
        self.covered_seconds += day.covered_seconds
        self.covered_sessions += day.covered_sessions
        self.pace.add(day)

    def shown_hours(self) -> list[list[int]]:
        """Seconds, in seven rows from Monday on."""
        return [[whole(seconds) for seconds in row] for row in self.hours]

    def merged(self) -> dict[str, int]:
        """What was reported and not counted, since another session covers the time."""
        return {"seconds": whole(self.covered_seconds), "sessions": self.covered_sessions}


def breakdown_of(days: Iterable[ReaderDay], *, first: date = date.min) -> Breakdown:
    breakdown = Breakdown(first)
    for day in days:
        breakdown.add_day(day)
    return breakdown
