"""What was read on each day: derived from the sessions, rebuilt rather than added to.

A session counts min(duration, span) seconds, spread evenly over its span. Where sessions of one reader overlap, the
one that started earlier keeps its part and the later counts only its uncovered span, in proportion.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache

from django.db import transaction
from django.db.models import QuerySet

from accounts.days import day_start, local_day, widest_window, zone_named
from accounts.marks import drop_marks
from accounts.models import Reader
from accounts.statements import insert_rows
from reading.marks import mark_payload_stale
from reading.models import BookDay, Session, StaleDay
from reading.sessions import LONGEST_SPAN
from reading.turns import take_turn


@dataclass
class DayTotal:
    """What was read of one book on one day; `carried` of the sessions began counting on an earlier day."""

    seconds: float = 0.0
    sessions: int = 0
    carried: int = 0
    pages: float = 0.0


@dataclass(frozen=True)
class SessionSpan:
    """The part of a session that day totals are made of."""

    book_id: int
    started_at: datetime
    ended_at: datetime
    seconds: float
    pages: int
    timezone: str


Totals = dict[tuple[date, int], DayTotal]
_FIELDS = ("book_id", "started_at", "ended_at", "seconds", "pages", "timezone")


def counted_sessions(reader: Reader) -> Iterator[SessionSpan]:
    """All counted sessions of a reader, in the order in which they cover each other."""
    return _spans(Session.objects.filter(reader=reader))


def _sessions_around(reader: Reader, first: date, last: date) -> Iterator[SessionSpan]:
    """The counted sessions that could touch one of the days from `first` to `last` in any zone."""
    start, end = widest_window(first)[0], widest_window(last)[1]
    return _spans(
        Session.objects.filter(reader=reader, ended_at__gt=start, ended_at__lt=end + LONGEST_SPAN, started_at__lt=end)
    )


def _spans(sessions: QuerySet[Session]) -> Iterator[SessionSpan]:
    rows = sessions.filter(book__isnull=False, flag="").order_by("started_at", "uuid").values_list(*_FIELDS)
    return (SessionSpan(*row) for row in rows.iterator(chunk_size=2000))


def day_totals(
    sessions: Iterable[SessionSpan], *, reader: Reader, first: date = date.min, last: date = date.max
) -> Totals:
    """Totals by day and book of sessions in the order of their starts, for the days from `first` to `last`."""
    totals: Totals = {}
    covered_until = datetime.min.replace(tzinfo=UTC)
    for session in sessions:
        # All earlier ones started before this one, so what they cover of it is one stretch at its beginning.
        uncovered_from = max(session.started_at, covered_until)
        covered_until = max(covered_until, session.ended_at)
        if uncovered_from >= session.ended_at:
            continue
        span = (session.ended_at - session.started_at).total_seconds()
        is_carried = 0
        for day, seconds in _split(uncovered_from, session, reader):
            if first <= day <= last:
                total = totals.setdefault((day, session.book_id), DayTotal())
                total.seconds += seconds * session.seconds / span
                total.pages += seconds * session.pages / span
                total.sessions += 1
                total.carried += is_carried
            is_carried = 1
    for total in totals.values():
        total.seconds, total.pages = round(total.seconds, 3), round(total.pages, 3)
    return totals


@lru_cache(maxsize=4096)
def _day_around(hour: datetime, zone: str, rollover_hour: int) -> tuple[date, datetime, datetime] | None:
    """The day that holds all of this hour in UTC, with its start and end; None if a day begins within the hour.

    Most sessions of a reader lie on few days: what costs here is working out local time again and again.
    """
    where = zone_named(zone) or UTC
    day = local_day(hour, where, rollover_hour)
    start, end = day_start(day, where, rollover_hour), day_start(day + timedelta(days=1), where, rollover_hour)
    return (day, start, end) if start <= hour and hour + timedelta(hours=1) <= end else None


def _split(start: datetime, session: SessionSpan, reader: Reader) -> Iterator[tuple[date, float]]:
    """The days from `start` to the session's end, each with the seconds of that span that lie in it."""
    zone_name = session.timezone or reader.timezone
    hour = start.replace(minute=0, second=0, microsecond=0)
    known = _day_around(hour, zone_name, reader.rollover_hour)
    if known is not None and session.ended_at <= known[2]:
        yield known[0], (session.ended_at - start).total_seconds()
        return
    zone = zone_named(zone_name) or UTC
    day = local_day(start, zone, reader.rollover_hour)
    while start < session.ended_at:
        next_day = day + timedelta(days=1)
        end = min(session.ended_at, day_start(next_day, zone, reader.rollover_hour))
        yield day, (end - start).total_seconds()
        start, day = end, next_day


def totals_of_days(reader: Reader, first: date, last: date) -> Totals:
    """The totals of the days from `first` to `last`, from the sessions that could touch them."""
    return day_totals(_sessions_around(reader, first, last), reader=reader, first=first, last=last)


def as_rows(reader: Reader, totals: Totals) -> list[BookDay]:
    return [
        BookDay(
            reader=reader,
            day=day,
            book_id=book_id,
            seconds=total.seconds,
            sessions=total.sessions,
            carried=total.carried,
            pages=total.pages,
        )
        for (day, book_id), total in sorted(totals.items())
    ]


def rebuild_days(marks: Sequence[StaleDay]) -> None:
    """Bring marked days of one reader up to date and drop their marks, but for those marked again meanwhile."""
    reader = marks[0].reader
    totals = totals_of_days(reader, min(mark.day for mark in marks), max(mark.day for mark in marks))
    with transaction.atomic():
        take_turn(reader.pk)
        done = drop_marks(marks)
        days = {mark.day for mark in done}
        if not days:
            return
        BookDay.objects.filter(reader=reader, day__in=days).delete()
        insert_rows(as_rows(reader, {key: total for key, total in totals.items() if key[0] in days}))
        mark_payload_stale(reader.pk)
