"""What was read on each day: derived from the sessions, rebuilt rather than added to.

A session counts min(duration, span) seconds, spread evenly over its span. Where sessions of one reader overlap, the
one that started earlier keeps its part and the later counts only its uncovered span, in proportion. What is covered is
told too, so that a page can say what was merged.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Any

from django.db import transaction
from django.db.models import Q, QuerySet

from accounts.days import day_start, local_day, widest_window, zone_or_utc
from accounts.marks import drop_marks
from accounts.models import Reader
from accounts.statements import ROWS_A_STATEMENT, insert_rows, query
from reading.marks import mark_payload_stale
from reading.models import BookDay, BookTotal, DayCounts, ReaderDay, ReaderYear, Session, StaleDay
from reading.plausibility import COUNTED, LONGEST_SPAN, counted_part
from reading.sessions import AN_INSTANT
from reading.turns import take_turn

HOURS = 24
HOUR_SECONDS = 3600.0
MINUTE_SECONDS = 60.0
SECONDS_DIGITS = 3  # what is stored of a day: milliseconds, and thousandths of a page
PROGRESS_DIGITS = 9


@dataclass
class Counts:
    """What was counted on one day; `carried` of the sessions began counting on an earlier day."""

    seconds: float = 0.0
    sessions: int = 0
    carried: int = 0
    pages: float = 0.0
    paged_seconds: float = 0.0
    progress: float = 0.0
    progress_seconds: float = 0.0

    def add(self, session: "SessionSpan", seconds: float, *, carried: bool) -> None:
        """Add a part of a session: so many seconds of its span, of which a share was reading."""
        share = seconds / session.span_seconds
        counted = session.seconds * share
        self.seconds += counted
        self.sessions += 1
        self.carried += carried
        self.pages += session.pages * share
        if session.pages:
            self.paged_seconds += counted
        if session.progress is not None:
            self.progress += session.progress * share
            self.progress_seconds += counted

    def round(self) -> None:
        """So that a day is the same however often it is computed, and sums of days are the same in any order."""
        self.seconds, self.pages = round(self.seconds, SECONDS_DIGITS), round(self.pages, SECONDS_DIGITS)
        self.paged_seconds = round(self.paged_seconds, SECONDS_DIGITS)
        self.progress_seconds = round(self.progress_seconds, SECONDS_DIGITS)
        self.progress = round(self.progress, PROGRESS_DIGITS)


@dataclass
class DayOfReader(Counts):
    """All that was read on one day; see `ReaderDay`."""

    hours: list[float] = field(default_factory=lambda: [0.0] * HOURS)
    devices: dict[str, list[float]] = field(default_factory=dict)
    covered_seconds: float = 0.0
    covered_sessions: int = 0

    def add_device(self, session: "SessionSpan", seconds: float, *, carried: bool) -> None:
        share = seconds / session.span_seconds
        sums = self.devices.setdefault(session.device, [0.0, 0, 0, 0.0])
        for n, more in enumerate((session.seconds * share, 1, int(carried), session.pages * share)):
            sums[n] += more

    def round(self) -> None:
        super().round()
        self.covered_seconds = round(self.covered_seconds, SECONDS_DIGITS)
        self.hours = [round(seconds, SECONDS_DIGITS) for seconds in self.hours]
        for sums in self.devices.values():
            sums[0], sums[3] = round(sums[0], SECONDS_DIGITS), round(sums[3], SECONDS_DIGITS)


@dataclass
class DayTotals:
    """Totals by day and book, and by day alone."""

    books: dict[tuple[date, int], Counts] = field(default_factory=dict)
    days: dict[date, DayOfReader] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SessionSpan:
    """The part of a session that counts. `device` is the key by which `ReaderDay.devices` names it."""

    book_id: int
    started_at: datetime
    ended_at: datetime
    seconds: float
    pages: float
    timezone: str
    device: str = Session.Source.DEVICE
    progress: float | None = None  # how far it went on, where it is known and not backwards
    session_id: int = 0

    @property
    def span_seconds(self) -> float:
        return (self.ended_at - self.started_at).total_seconds()


_FIELDS = (
    *("book_id", "started_at", "ended_at", "seconds", "pages", "timezone"),
    *("device_id", "source", "progress_start", "progress_end", "flag", "pk"),
)


def part_between(start: datetime, end: datetime) -> Q:
    """The sessions that have a part between two instants."""
    # Said by their ends as far as it goes, which the index has; none lasts longer than that and counts.
    return Q(ended_at__gt=start, ended_at__lt=end + LONGEST_SPAN, started_at__lt=end)


def spans_of(sessions: QuerySet[Session]) -> Iterator[SessionSpan]:
    """What counts of these sessions, in the order in which they cover each other."""
    rows = sessions.filter(book__isnull=False, flag__in=COUNTED).order_by("started_at", "uuid").values_list(*_FIELDS)
    return (_span(*row) for row in rows.iterator(chunk_size=2000))


def _span(
    book_id: int,
    started_at: datetime,
    ended_at: datetime,
    seconds: float,
    pages: int,
    timezone: str,
    device_id: int | None,
    source: str,
    progress_start: float | None,
    progress_end: float | None,
    flag: str,
    session_id: int,
) -> SessionSpan:
    part = counted_part(flag, started_at, ended_at, seconds, pages)
    progress = None
    if progress_start is not None and progress_end is not None and progress_end >= progress_start:
        progress = progress_end - progress_start
    device = str(device_id) if device_id is not None else source
    return SessionSpan(
        book_id, started_at, part.ended_at, part.seconds, part.pages, timezone, device, progress, session_id
    )


def uncovered(sessions: Iterable[SessionSpan]) -> Iterator[tuple[SessionSpan, datetime]]:
    """Sessions in the order of their starts, each with the instant from which no earlier one covers it.

    That instant is the session's end, or later, where it is covered wholly.
    """
    covered_until = datetime.min.replace(tzinfo=UTC)
    for session in sessions:
        # All earlier ones started before this one, so what they cover of it is one stretch at its beginning.
        yield session, max(session.started_at, covered_until)
        covered_until = max(covered_until, session.ended_at)


def day_totals(
    sessions: Iterable[SessionSpan], *, reader: Reader, first: date = date.min, last: date = date.max
) -> DayTotals:
    """Totals of sessions in the order of their starts, for the days from `first` to `last`."""
    totals = DayTotals()
    for session, uncovered_from in uncovered(sessions):
        if uncovered_from > session.started_at:
            _note_covered(totals, session, min(uncovered_from, session.ended_at), reader, first, last)
        if uncovered_from >= session.ended_at:
            continue
        is_carried = False
        for day, start, end in _split(uncovered_from, session.ended_at, session, reader):
            if first <= day <= last:
                seconds = (end - start).total_seconds()
                of_day = totals.days.setdefault(day, DayOfReader())
                for counts in (totals.books.setdefault((day, session.book_id), Counts()), of_day):
                    counts.add(session, seconds, carried=is_carried)
                of_day.add_device(session, seconds, carried=is_carried)
                _add_hours(of_day.hours, start, end, session, reader)
            is_carried = True
    for each in (*totals.books.values(), *totals.days.values()):
        each.round()
    return totals


def _note_covered(
    totals: DayTotals, session: SessionSpan, until: datetime, reader: Reader, first: date, last: date
) -> None:
    is_first = 1
    for day, start, end in _split(session.started_at, until, session, reader):
        if first <= day <= last:
            of_day = totals.days.setdefault(day, DayOfReader())
            of_day.covered_seconds += (end - start).total_seconds() * session.seconds / session.span_seconds
            of_day.covered_sessions += is_first
        is_first = 0


def _add_hours(hours: list[float], start: datetime, end: datetime, session: SessionSpan, reader: Reader) -> None:
    """Spread a part of a session over the hours of the clock on its wall."""
    zone = _zone(session, reader)
    share = session.seconds / session.span_seconds
    while start < end:
        local = start.astimezone(zone)
        left = HOUR_SECONDS - local.minute * 60 - local.second - local.microsecond / 1e6
        until = min(end, start + timedelta(seconds=left))
        if (until - AN_INSTANT).astimezone(zone).utcoffset() != local.utcoffset():
            # The clock is set within this hour, as Newfoundland's was at a minute past midnight.
            until = min(until, start + timedelta(seconds=left % MINUTE_SECONDS or MINUTE_SECONDS))
        hours[local.hour] += (until - start).total_seconds() * share
        start = until


def _zone(session: SessionSpan, reader: Reader) -> Any:
    return zone_or_utc(session.timezone or reader.timezone)


@lru_cache(maxsize=4096)
def _day_around(hour: datetime, zone: str, rollover_hour: int) -> tuple[date, datetime, datetime] | None:
    """The day that holds all of this hour in UTC, with its start and end; None if a day begins within the hour.

    Most sessions of a reader lie on few days: what costs here is working out local time again and again.
    """
    where = zone_or_utc(zone)
    day = local_day(hour, where, rollover_hour)
    start, end = day_start(day, where, rollover_hour), day_start(day + timedelta(days=1), where, rollover_hour)
    return (day, start, end) if start <= hour and hour + timedelta(hours=1) <= end else None


def _split(
    start: datetime, end: datetime, session: SessionSpan, reader: Reader
) -> Iterator[tuple[date, datetime, datetime]]:
    """The days that a part of a session lies on, each with the start and end of what lies on it."""
    hour = start.replace(minute=0, second=0, microsecond=0)
    known = _day_around(hour, session.timezone or reader.timezone, reader.rollover_hour)
    if known is not None and end <= known[2]:
        yield known[0], start, end
        return
    zone = _zone(session, reader)
    day = local_day(start, zone, reader.rollover_hour)
    while start < end:
        next_day = day + timedelta(days=1)
        until = min(end, day_start(next_day, zone, reader.rollover_hour))
        yield day, start, until
        start, day = until, next_day


def totals_of_days(reader: Reader, first: date, last: date) -> DayTotals:
    """The totals of the days from `first` to `last`, from the sessions that could touch them in any zone."""
    begins, ends = widest_window(first)[0], widest_window(last)[1]
    # With the one that ends just as a day begins: what it covers of another makes that one begin to count on this day.
    around = Session.objects.filter(part_between(begins - AN_INSTANT, ends), reader=reader)
    return day_totals(spans_of(around), reader=reader, first=first, last=last)


def book_rows(reader: Reader, totals: DayTotals, days: set[date]) -> list[BookDay]:
    return [
        BookDay(reader=reader, day=day, book_id=book_id, **vars(counts))
        for (day, book_id), counts in sorted(totals.books.items())
        if day in days
    ]


def reader_rows(reader: Reader, totals: DayTotals, days: set[date]) -> list[ReaderDay]:
    return [ReaderDay(reader=reader, day=day, **vars(each)) for day, each in sorted(totals.days.items()) if day in days]


def rebuild_days(marks: Sequence[StaleDay]) -> None:
    """Bring marked days of one reader up to date and drop their marks, but for those marked again meanwhile."""
    reader = marks[0].reader
    totals = totals_of_days(reader, min(mark.day for mark in marks), max(mark.day for mark in marks))
    with transaction.atomic():
        take_turn(reader.pk)
        days = {mark.day for mark in drop_marks(marks)}
        if days:
            _store(reader, totals, days)


def _store(reader: Reader, totals: DayTotals, days: set[date]) -> None:
    """Have these days say what the totals say, and everything that is summed up from them be stale."""
    gone = _delete(BookDay, "day, book_id", reader, days)
    emptied = _delete(ReaderDay, "day, id", reader, days)
    of_books, of_days = book_rows(reader, totals, days), reader_rows(reader, totals, days)
    for rows in (of_books, of_days):
        for begin in range(0, len(rows), ROWS_A_STATEMENT):
            insert_rows(rows[begin : begin + ROWS_A_STATEMENT])
    books = {book_id for _, book_id in gone} | {row.book_id for row in of_books}
    years = {int(str(day)[:4]) for day, _ in emptied} | {row.day.year for row in of_days}
    mark_totals_stale(reader, books, years)
    mark_payload_stale(reader.pk)


def _delete(kind: type[DayCounts], returned: str, reader: Reader, days: set[date]) -> list[tuple[Any, ...]]:
    which = ", ".join(["%s"] * len(days))
    sql = f'DELETE FROM "{kind._meta.db_table}" WHERE reader_id = %s AND day IN ({which}) RETURNING {returned}'
    return query(sql, [reader.pk, *(day.isoformat() for day in sorted(days))])


def mark_totals_stale(reader: Reader, books: Iterable[int], years: Iterable[int]) -> None:
    """Say that these sums are out of date; in the transaction that made them so, which marks the payload too.

    They are computed and stored together with the payload, whose mark tells whether anything changed meanwhile.
    """
    stale = "DO UPDATE SET is_current = excluded.is_current"
    of_books = [BookTotal(reader=reader, book_id=book_id, is_current=False) for book_id in sorted(books)]
    insert_rows(of_books, tail=f"ON CONFLICT (reader_id, book_id) {stale}")
    of_years = [ReaderYear(reader=reader, year=year, is_current=False) for year in sorted(years)]
    insert_rows(of_years, tail=f"ON CONFLICT (reader_id, year) {stale}")
