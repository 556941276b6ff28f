"""The reader's day: which local day an instant belongs to, and when that day begins.

A day is local to a zone and begins at the reader's rollover hour by the clock on the wall, so it lasts 23 or 25 hours
where summer time begins or ends.
"""

import re
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo

_OFFSET = re.compile(r"([+-])(\d{2}):?(\d{2})")

# The widest offsets in use. With a rollover hour of up to 23 a day may begin this long before or after midnight UTC of
# its date.
WESTERNMOST, EASTERNMOST = timezone(timedelta(hours=-12)), timezone(timedelta(hours=14))
EARLIEST_START = timedelta(hours=-14)
LATEST_START = timedelta(hours=12 + 23)
ONE_DAY = timedelta(days=1)


@lru_cache(maxsize=512)
def zone_named(name: str) -> tzinfo | None:
    """The zone of an IANA name or an offset like `+02:00` or `+0200`; None for anything else."""
    if match := _OFFSET.fullmatch(name):
        sign, hours, minutes = match.groups()
        offset = timedelta(hours=int(hours), minutes=int(minutes))
        if offset > timedelta(hours=14) or int(minutes) > 59:
            return None
        return timezone(-offset if sign == "-" else offset)
    if not name or len(name) > 64:
        return None
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, LookupError):
        # Names that are no key at all (`../x`), folders of the database (`Europe`), unknown ones.
        return None


def zone_or_utc(name: str) -> tzinfo:
    """The zone of a name, and UTC for what is none."""
    return zone_named(name) or UTC


def day_start(day: date, zone: tzinfo, rollover_hour: int) -> datetime:
    """When this day begins, in UTC."""
    return datetime.combine(day, time(rollover_hour), tzinfo=zone).astimezone(UTC)


def local_day(instant: datetime, zone: tzinfo, rollover_hour: int) -> date:
    """The day to which an instant belongs: the one that has begun last.

    The date on the wall does not always say it: a clock that is set back over the hour at which a day began shows the
    date before once more, and one that leaps over a whole day (Samoa's, in 2011) one that never began.
    """
    day = instant.astimezone(zone).date()
    while day_start(day, zone, rollover_hour) > instant:
        day -= ONE_DAY
    while day_start(day + ONE_DAY, zone, rollover_hour) <= instant:
        day += ONE_DAY
    return day


def days_anywhere(start: datetime, end: datetime, rollover_hour: int) -> list[date]:
    """Every day that some part of the span is in some zone: two for most sessions, never less than in any one zone."""
    first = local_day(start, WESTERNMOST, rollover_hour)
    last = local_day(max(start, end - timedelta(microseconds=1)), EASTERNMOST, rollover_hour)
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]


def widest_window(day: date) -> tuple[datetime, datetime]:
    """The span in UTC outside of which no zone and no rollover hour puts any part of this day."""
    midnight = datetime.combine(day, time(), tzinfo=UTC)
    return midnight + EARLIEST_START, midnight + timedelta(days=1) + LATEST_START
