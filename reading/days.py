"""What was read on each day: derived from the sessions, rebuilt rather than added to.

A session counts min(duration, span) seconds, spread evenly over its span. Where sessions of one reader overlap, the
one that started earlier keeps its part and the later counts only its uncovered span, in proportion.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from django.db import transaction
from django.db.models import QuerySet

from accounts.days import day_start, local_day, widest_window, zone_named
from accounts.models import Reader
from reading.marks import drop_mark, mark_payload_stale
from reading.models import BookDay, Session, StaleDay
from reading.sessions import LONGEST_SPAN


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


def _sessions_around(reader: Reader, start: datetime, end: datetime) -> Iterator[SessionSpan]:
    return _spans(
        Session.objects.filter(
            reader=reader, started_at__gt=start - LONGEST_SPAN, started_at__lt=end, ended_at__gt=start
        )
    )


def _spans(sessions: QuerySet[Session]) -> Iterator[SessionSpan]:
    rows = sessions.filter(book__isnull=False, flag="").order_by("started_at", "uuid").values_list(*_FIELDS)
    return (SessionSpan(*row) for row in rows.iterator(chunk_size=2000))


def day_totals(sessions: Iterable[SessionSpan], *, reader: Reader) -> Totals:
    """Totals by day and book of sessions that come in the order of their starts."""
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
            total = totals.setdefault((day, session.book_id), DayTotal())
            total.seconds += seconds * session.seconds / span
            total.pages += seconds * session.pages / span
            total.sessions += 1
            total.carried += is_carried
            is_carried = 1
    for total in totals.values():
        total.seconds, total.pages = round(total.seconds, 3), round(total.pages, 3)
    return totals


def _split(start: datetime, session: SessionSpan, reader: Reader) -> Iterator[tuple[date, float]]:
    """The days from `start` to the session's end, each with the seconds of that span that lie in it."""
    zone = zone_named(session.timezone or reader.timezone) or UTC
    day = local_day(start, zone, reader.rollover_hour)
    while start < session.ended_at:
        next_day = day + timedelta(days=1)
        end = min(session.ended_at, day_start(next_day, zone, reader.rollover_hour))
        yield day, (end - start).total_seconds()
        start, day = end, next_day


def totals_of_day(reader: Reader, day: date) -> dict[int, DayTotal]:
    """One day's totals by book, from the sessions that could touch it in any zone."""
    totals = day_totals(_sessions_around(reader, *widest_window(day)), reader=reader)
    return {book_id: total for (of_day, book_id), total in totals.items() if of_day == day}


def as_rows(reader: Reader, day: date, totals: dict[int, DayTotal]) -> list[BookDay]:
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
        for book_id, total in sorted(totals.items())
    ]


def rebuild_day(mark: StaleDay) -> bool:
    """Bring a marked day up to date and drop its mark; False if it was marked again meanwhile."""
    totals = totals_of_day(mark.reader, mark.day)
    with transaction.atomic():
        if not drop_mark(mark):
            return False
        BookDay.objects.filter(reader=mark.reader, day=mark.day).delete()
        BookDay.objects.bulk_create(as_rows(mark.reader, mark.day, totals))
        mark_payload_stale(mark.reader_id)
    return True
