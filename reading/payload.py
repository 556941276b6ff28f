"""The answer of `GET /api/stats`, computed by a worker and stored ready to send.

`docs/protocol.md` describes each field. `pending` is not part of what is stored: it says whether something newer is
being computed at the moment of asking.

What it is made of are years, totals of books and the days of the last two years. So it costs the same after ten years
as after two, and a year that has passed is only copied.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Any

import orjson
from django.db import transaction
from django.utils import timezone

from accounts.days import day_start, local_day, zone_named, zone_or_utc
from accounts.marks import drop_marks
from accounts.models import Device, Reader
from accounts.statements import insert_rows, query
from library.models import AUTHOR, Authorship, Book
from reading.breakdowns import Breakdown, Pace, breakdown_of
from reading.estimates import estimates
from reading.goals import goals
from reading.models import (
    BookStatus,
    BookTotal,
    ReaderDay,
    ReaderYear,
    Session,
    StalePayload,
    StatsPayload,
    StatusState,
)
from reading.periods import ALL, PERIODS, Period, Sums, earliest_needed, periods, periods_before, sums_of, whole
from reading.plausibility import COUNTED, flagged
from reading.streaks import streak_of
from reading.totals import (
    MONTHS,
    book_totals,
    compute_books,
    compute_years,
    reader_years,
    runs_of_years,
    stale_books,
    stale_years,
    store_totals,
)
from reading.turns import take_turn

RECENT_SESSIONS = 20
HEATMAP_DAYS = 371  # 53 whole weeks, as a calendar of a year shows them
# Lists end where nobody reads on, so that no payload grows without bounds; `book_count` says how many there are.
MOST_BOOKS = 1000
MOST_OF_A_PERIOD = 20
SOURCES: dict[str, str] = {
    Session.Source.DEVICE: "Unknown device",
    Session.Source.WEB: "Web reader",
    Session.Source.IMPORT: "KOReader's statistics",
    Session.Source.HAND: "Added by hand",
}


@dataclass
class Composed:
    """A payload, and the sums that were computed for it and are to be stored with it."""

    content: dict[str, Any]
    good_until: datetime
    books: list[BookTotal] = field(default_factory=list)
    years: list[ReaderYear] = field(default_factory=list)

    @property
    def body(self) -> bytes:
        return orjson.dumps(self.content)


def zone_of(reader: Reader) -> tzinfo:
    return zone_or_utc(reader.timezone)


def today_of(reader: Reader, now: datetime) -> date:
    """The reader's day at this moment, in the reader's own zone."""
    return local_day(now, zone_of(reader), reader.rollover_hour)


def shown_time(instant: datetime) -> str:
    """An instant as every answer shows it: UTC, ISO 8601, ending in Z."""
    return instant.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def compose(reader: Reader, *, now: datetime) -> Composed:
    """Everything of the payload that follows from derived rows and the sessions reported last, as of a moment."""
    today = today_of(reader, now)
    fresh_books = compute_books(reader, stale_books(reader))
    fresh_years = compute_years(reader, stale_years(reader))
    totals = book_totals(reader, fresh=fresh_books)
    years = reader_years(reader, fresh=fresh_years)
    days = list(ReaderDay.objects.filter(reader=reader, day__gte=earliest_needed(today)).order_by("day"))
    finished = _finished_days(reader)
    shelf = _Shelf(reader, totals)
    devices = _device_names(reader)
    read_in = _read_in_periods(reader, today)
    all_time = _all_time(years)
    recent, last_zone = _recent_sessions(reader)
    streak_day = _day_of_streak(reader, now, last_zone)
    content: dict[str, Any] = {
        "timezone": reader.timezone,
        "rollover_hour": reader.rollover_hour,
        "today": today.isoformat(),
        "totals": {
            **{period.name: _total(days, finished, period) for period in periods(today)},
            ALL: _sums_of_years(years).shown() | {"books_finished": len(finished)},
        },
        "previous": {period.name: _total(days, finished, period) for period in periods_before(today)},
        "merged": all_time.merged(),
        "streak": _streak(years, streak_day),
        "daily": orjson.Fragment(b"[" + ",".join(year.daily for year in years if year.daily).encode() + b"]"),
        "heatmap": _heatmap(days, today),
        "hours": all_time.shown_hours(),
        "book_count": len(shelf.all_time),
        "by_book": shelf.shown(shelf.all_time)[:MOST_BOOKS],
        **shelf.groups(shelf.all_time, most=MOST_BOOKS),
        "by_device": _by_device(all_time, devices),
        "periods": {
            period.name: _period(period, days, shelf, read_in[period.name], devices) for period in periods(today)
        },
        "pace": _pace(days, years, all_time.pace, today),
        "estimates": estimates(
            reader,
            {total.book_id: total for total in totals},
            today=today,
            seconds_lately={book_id: sums.seconds for book_id, sums in read_in["30d"].items()},
        ),
        "goals": goals(reader, days, finished, today=today),
        "years": [_review(year, finished, shelf) for year in reversed(years) if year.days],
        "flagged": flagged(Session.objects.filter(reader=reader)).count(),
        "recent_sessions": recent,
    }
    return Composed(content, _good_until(reader, now, last_zone), fresh_books, fresh_years)


def _without_none(fields: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in fields.items() if value is not None}


def _iso(day: date | None) -> str | None:
    return day.isoformat() if day else None


# --- Totals ----------------------------------------------------------------------------------------------------------


def _finished_days(reader: Reader) -> list[date | None]:
    """The reader's day on which each read book was finished; None where nobody knows."""
    zone = zone_of(reader)
    finished = BookStatus.objects.filter(reader=reader, state=StatusState.READ).values_list("finished_at", flat=True)
    return [local_day(at, zone, reader.rollover_hour) if at else None for at in finished]


def _total(days: Iterable[ReaderDay], finished: Iterable[date | None], period: Period) -> dict[str, int]:
    ended = sum(1 for day in finished if day is not None and period.holds(day))
    return sums_of(days, period).shown() | {"books_finished": ended}


def _sums_of_years(years: Iterable[ReaderYear]) -> Sums:
    sums = Sums()
    for year in years:
        sums.add(year.seconds, year.sessions, year.pages)
    return sums


def _all_time(years: Iterable[ReaderYear]) -> Breakdown:
    every = Breakdown()
    for year in years:
        every.days += year.days
        for row, of_year in zip(every.hours, year.hours, strict=True):
            for hour, seconds in enumerate(of_year):
                row[hour] += seconds
        for device, (seconds, sessions, pages) in year.devices.items():
            every.devices.setdefault(device, Sums()).add(seconds, sessions, pages)
        every.covered_seconds += year.covered_seconds
        every.covered_sessions += year.covered_sessions
        every.pace.add(year)
    return every


# --- Days ------------------------------------------------------------------------------------------------------------


def _day_of_streak(reader: Reader, now: datetime, last_zone: tzinfo) -> date:
    """The day that a streak has to reach: who is west of home still has the rest of yesterday to go on with it."""
    return min(local_day(now, zone, reader.rollover_hour) for zone in (zone_of(reader), last_zone))


def _good_until(reader: Reader, now: datetime, last_zone: tzinfo) -> datetime:
    """When the next day begins for the reader, be it at home or where they read last."""
    begins = []
    for zone in (zone_of(reader), last_zone):
        tomorrow = local_day(now, zone, reader.rollover_hour) + timedelta(days=1)
        begins.append(day_start(tomorrow, zone, reader.rollover_hour))
    return min(begins)


def _streak(years: Iterable[ReaderYear], today: date) -> dict[str, Any]:
    streak = streak_of(runs_of_years(years), today=today)
    return _without_none(
        {
            "current": streak.current,
            "longest": streak.longest,
            "started_on": _iso(streak.started_on),
            "last_day": _iso(streak.last_day),
            "longest_started_on": _iso(streak.longest_started_on),
            "longest_last_day": _iso(streak.longest_ended_on),
            "days": [day.isoformat() for day in streak.days],
        }
    )


def _heatmap(days: Iterable[ReaderDay], today: date) -> list[dict[str, Any]]:
    """The days of the last year with a level from 1 to 4: which quarter of the busiest day they reach."""
    shown = [day for day in days if day.seconds > 0 and today - timedelta(days=HEATMAP_DAYS) < day.day]
    most = max((day.seconds for day in shown), default=0.0)
    return [{"day": day.day.isoformat(), "level": min(4, int(day.seconds * 4 / most) + 1)} for day in shown]


# --- Groups ----------------------------------------------------------------------------------------------------------


class _Shelf:
    """The books that were read, and what was read of them in a stretch of time, the most read first."""

    def __init__(self, reader: Reader, totals: Sequence[BookTotal]) -> None:
        read = {total.book_id: total for total in totals}
        names: dict[int, list[str]] = {}
        of_reader = BookTotal.objects.filter(reader=reader).values("book")
        written = Authorship.objects.filter(book__in=of_reader, role=AUTHOR)
        for book_id, name in written.order_by("place").values_list("book", "author__name"):
            names.setdefault(book_id, []).append(name)
        states = dict(BookStatus.objects.filter(reader=reader).values_list("book", "state"))
        described = Book.objects.filter(pk__in=of_reader).values_list("pk", "title", "series__name", "book_type")
        self._books = {
            pk: _without_none(
                {
                    "book_id": pk,
                    "title": title,
                    "authors": names.get(pk, []),
                    "series": series,
                    "book_type": kind,
                    "status": states.get(pk, StatusState.UNREAD.value),
                    "first_day": _iso(total.first_day),
                    "last_day": _iso(total.last_day),
                }
            )
            for pk, title, series, kind in described
            if (total := read.get(pk)) is not None
        }
        self.all_time = {
            pk: Sums(total.seconds, total.sessions, total.pages) for pk, total in read.items() if pk in self._books
        }

    def shown(self, read: dict[int, Sums]) -> list[dict[str, Any]]:
        """These books with what was read of them."""
        shown = [self._books[book_id] | sums.shown() for book_id, sums in read.items() if book_id in self._books]
        return sorted(shown, key=lambda book: (-book["seconds"], book["book_id"]))

    def groups(self, read: dict[int, Sums], *, most: int) -> dict[str, list[dict[str, Any]]]:
        """What was read of these books by series, author and type, so many of each at most."""
        groups: dict[str, dict[str, list[Sums]]] = {"by_series": {}, "by_author": {}, "by_type": {}}
        for book_id, sums in read.items():
            if (book := self._books.get(book_id)) is None:
                continue
            for group, names in (
                ("by_series", [book["series"]] if "series" in book else []),
                ("by_author", book["authors"]),
                ("by_type", [book["book_type"]]),
            ):
                for name in names:
                    groups[group].setdefault(name, []).append(sums)
        return {group: _most_read(sums_of_names)[:most] for group, sums_of_names in groups.items()}

    def title_of(self, book_id: int) -> str | None:
        book = self._books.get(book_id)
        return book["title"] if book else None


def _most_read(sums_of_names: dict[str, list[Sums]]) -> list[dict[str, Any]]:
    shown = []
    for name, of_books in sums_of_names.items():
        total = Sums()
        for sums in of_books:  # as they were counted, not as they are shown: a minute may be many halves of seconds
            total.add(sums.seconds, sums.sessions, sums.pages)
        shown.append({"name": name, "books": len(of_books), **total.shown()})
    return sorted(shown, key=lambda group: (-group["seconds"], group["name"]))


def _device_names(reader: Reader) -> dict[str, str]:
    devices = Device.objects.filter(reader=reader).values_list("pk", "name", "identifier")
    return {str(pk): name or identifier for pk, name, identifier in devices}


def _by_device(breakdown: Breakdown, names: dict[str, str]) -> list[dict[str, Any]]:
    shown = []
    for device, sums in breakdown.devices.items():
        if sums.seconds > 0:
            named = {"device_id": int(device)} if device in names else {}
            name = names.get(device) or SOURCES.get(device, SOURCES[Session.Source.DEVICE])
            shown.append({**named, "name": name, **sums.shown()})
    return sorted(shown, key=lambda each: (-each["seconds"], each["name"]))


# --- Periods ---------------------------------------------------------------------------------------------------------

_OF_A_PERIOD = (
    "SUM(CASE WHEN day >= %s THEN seconds ELSE 0 END), "
    "SUM(CASE WHEN day > %s THEN sessions - carried WHEN day = %s THEN sessions ELSE 0 END), "
    "SUM(CASE WHEN day >= %s THEN pages ELSE 0 END)"
)
_READ_IN_PERIODS = (
    f"SELECT book_id, {', '.join([_OF_A_PERIOD] * len(PERIODS))} FROM reading_bookday "
    "WHERE reader_id = %s AND day >= %s GROUP BY book_id"
)


def _read_in_periods(reader: Reader, today: date) -> dict[str, dict[int, Sums]]:
    """What was read of each book in each period, by the period's name; one pass over the days of a year."""
    shown = periods(today)
    firsts = [period.first.isoformat() for period in shown]
    values = [first for first in firsts for _ in range(4)]
    read: dict[str, dict[int, Sums]] = {period.name: {} for period in shown}
    for book_id, *sums in query(_READ_IN_PERIODS, [*values, reader.pk, min(firsts)]):
        for n, period in enumerate(shown):
            seconds, sessions, pages = sums[3 * n : 3 * n + 3]
            if seconds > 0:
                read[period.name][book_id] = Sums(seconds, int(sessions), pages)
    return read


def _period(
    period: Period, days: Iterable[ReaderDay], shelf: _Shelf, read: dict[int, Sums], devices: dict[str, str]
) -> dict[str, Any]:
    parts = breakdown_of((day for day in days if period.holds(day.day)), first=period.first)
    books = shelf.shown(read)
    return {
        "first_day": period.first.isoformat(),
        "days": parts.days,
        "book_count": len(books),
        "by_book": [
            {key: book[key] for key in ("book_id", "title", "status", "seconds", "sessions", "pages")}
            for book in books[:MOST_OF_A_PERIOD]
        ],
        **shelf.groups(read, most=MOST_OF_A_PERIOD),
        "by_device": _by_device(parts, devices),
        "hours": parts.shown_hours(),
        "merged": parts.merged(),
        "pace": parts.pace.shown(),
    }


def _pace(days: Iterable[ReaderDay], years: Sequence[ReaderYear], pace: Pace, today: date) -> dict[str, Any]:
    """How fast reading goes, ever and lately, and how that changed in the last twelve months."""
    lately = [day for day in days if today - timedelta(days=30) < day.day]
    return {
        "seconds_per_day": whole(sum(day.seconds for day in lately) / 30),
        **pace.shown(),
        "lately": breakdown_of(lately).pace.shown(),
        "trend": _trend(years, today),
    }


def _trend(years: Sequence[ReaderYear], today: date) -> list[dict[str, Any]]:
    """The last twelve months with any reading in them, in their order."""
    by_year = {year.year: year for year in years}
    trend = []
    for ago in range(MONTHS - 1, -1, -1):
        year, month = divmod(today.year * MONTHS + today.month - 1 - ago, MONTHS)
        if (of_year := by_year.get(year)) is None:
            continue
        seconds, *pace = of_year.review["months"][month]
        if seconds > 0:
            trend.append({"month": f"{year}-{month + 1:02}", "seconds": whole(seconds), **Pace(*pace).shown()})
    return trend


def _review(year: ReaderYear, finished: Iterable[date | None], shelf: _Shelf) -> dict[str, Any]:
    """A year as its review tells of it."""
    best_day, best_seconds = year.review["best_day"]
    return _without_none(
        {
            "year": year.year,
            "seconds": whole(year.seconds),
            "sessions": year.sessions + year.carried,
            "pages": whole(year.pages),
            "books_finished": sum(1 for day in finished if day is not None and day.year == year.year),
            "days": year.days,
            "longest_streak": year.longest_run,
            "longest_streak_ended_on": _iso(year.longest_run_ended_on),
            "best_day": {"day": best_day, "seconds": whole(best_seconds)} if best_seconds > 0 else None,
            "months": [{"seconds": whole(month[0]), "pages": whole(month[1])} for month in year.review["months"]],
            "book_count": year.review["book_count"],
            "books": [
                {"book_id": book_id, "title": title, "seconds": whole(seconds), "pages": whole(pages)}
                for book_id, seconds, pages in year.review["books"]
                if (title := shelf.title_of(book_id)) is not None
            ],
        }
    )


# --- Sessions --------------------------------------------------------------------------------------------------------


def _recent_sessions(reader: Reader) -> tuple[list[dict[str, Any]], tzinfo]:
    """The sessions that ended last, and the zone of the latest one that counts; the reader's own without any."""
    sessions = Session.objects.filter(reader=reader).exclude(flag=Session.Flag.DELETED)
    latest = list(sessions.select_related("book", "file", "device").order_by("-ended_at", "-pk")[:RECENT_SESSIONS])
    shown = [
        _without_none(
            {
                "id": session.pk,
                "book_id": session.book_id,
                "title": session.title or None,
                "started_at": shown_time(session.started_at),
                "ended_at": shown_time(session.ended_at),
                "seconds": round(session.seconds),
                "pages": session.pages,
                "device": session.device.name or None if session.device else None,
                "flag": session.flag or None,
            }
        )
        for session in latest
    ]
    zones = (session.timezone for session in latest if session.flag in COUNTED)
    return shown, zone_named(next(zones, "")) or zone_of(reader)


# --- Storing ---------------------------------------------------------------------------------------------------------


def etag_of(body: bytes) -> str:
    """The same for the same content, whenever it was computed."""
    return hashlib.sha256(body).hexdigest()[:32]


def rebuild_payload(marks: Sequence[StalePayload]) -> None:
    """Bring a reader's payload up to date and drop its mark, unless it was marked again meanwhile."""
    [mark] = marks  # a reader has one
    now = timezone.now()
    composed = compose(mark.reader, now=now)
    body = composed.body
    payload = StatsPayload(
        reader=mark.reader,
        body=body,
        etag=etag_of(body),
        generated_at=now,
        today=today_of(mark.reader, now),
        good_until=composed.good_until,
    )
    columns = ("body", "etag", "generated_at", "today", "good_until")
    changes = ", ".join(f"{column} = excluded.{column}" for column in columns)
    with transaction.atomic():
        take_turn(mark.reader_id)
        if not drop_marks(marks):
            return  # storing it all the same could overwrite what another worker computed later
        store_totals(composed.books, composed.years)
        insert_rows([payload], tail=f"ON CONFLICT (reader_id) DO UPDATE SET {changes}")
