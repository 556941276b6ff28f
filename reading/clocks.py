"""Telling when something happened by the server's clock, from what a device's clock said."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

# `sent_at` is in whole seconds and travels over slow Wi-Fi: a difference below this is no wrong clock, and correcting
# by it would move every session a little. (A position is corrected exactly: there only the order counts.)
USUAL_DELAY = timedelta(seconds=30)

# What lies further ahead than this is no inaccuracy of clocks any more.
CLOCK_TOLERANCE = timedelta(minutes=5)

EARLIEST = datetime(1, 1, 2, tzinfo=UTC)
LATEST = datetime(9999, 12, 30, tzinfo=UTC)


def read_instant(text: str) -> datetime:
    """An ISO 8601 time with `Z` or an offset, in UTC. One without either is taken as UTC.

    Raises ValueError for anything else.
    """
    instant = datetime.fromisoformat(text.strip())
    if instant.tzinfo is None:
        instant = instant.replace(tzinfo=UTC)
    try:
        return instant.astimezone(UTC)
    except OverflowError:
        raise ValueError("a time beyond the calendar") from None


def shift(instant: datetime, by: timedelta) -> datetime:
    """`instant + by`, kept within the calendar: a device may claim any year and any duration."""
    try:
        return min(max(instant + by, EARLIEST), LATEST)
    except OverflowError:
        return LATEST if by > timedelta() else EARLIEST


@dataclass(frozen=True)
class Clock:
    """The server's time at which a request came, and the device's time at which it was sent."""

    now: datetime
    sent_at: datetime | None = None

    @property
    def difference(self) -> timedelta:
        return self.now - self.sent_at if self.sent_at else timedelta()

    def of_position(self, read_at: datetime | None) -> datetime:
        """When a page was read: on arrival if the device does not say, and never later than now."""
        return min(shift(read_at, self.difference), self.now) if read_at else self.now

    def of_session(self, instant: datetime) -> datetime:
        """A session's start or end, moved only if the device's clock is really wrong."""
        return shift(instant, self.difference) if abs(self.difference) > USUAL_DELAY else instant
