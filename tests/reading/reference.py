"""What the statistics of a reader must be, worked out the slow way: straight from the sessions, with exact fractions.

Written from CONTRACT.md and docs/protocol.md, and sharing no code with what it checks; of the project it knows only
the rows. Each session is cut into pieces of a quarter of an hour at most. Within one of those no clock on a wall
changes its hour and no day begins: since 2000 all clocks are put forward and back at full quarters of an hour (but
Newfoundland's, until 2011), and a day begins at a full hour. All numbers are sums over pieces; nothing is rounded.
"""

import calendar
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from fractions import Fraction
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

from accounts.models import Device, Reader
from library.models import Book
from reading.models import BookStatus, Position, Session

QUARTER = timedelta(minutes=15)
ONE_DAY = timedelta(days=1)
HOUR = 3600
SOURCES = {
    "device": "Unknown device",
    "web": "Web reader",
    "import": "KOReader's statistics",
    "hand": "Added by hand",
}


# --- Zones and days --------------------------------------------------------------------------------------------------


def zone(name: str) -> tzinfo:
    if name[:1] in ("+", "-"):
        hours, minutes = name[1:].split(":")
        offset = timedelta(hours=int(hours), minutes=int(minutes))
        return timezone(-offset if name[0] == "-" else offset)
    return ZoneInfo(name)


def beginning(day: date, where: tzinfo, rollover_hour: int) -> datetime:
    """When the clock on the wall shows the hour at which this day begins.

    An hour that comes twice counts when it comes first. One that is left out is later by as much as the clock was put
    forward, as calendars (RFC 5545) understand it.
    """
    return datetime.combine(day, time(rollover_hour), tzinfo=where).astimezone(UTC)


def day_at(instant: datetime, where: tzinfo, rollover_hour: int) -> date:
    """The last day that has begun by then."""
    shown = instant.astimezone(where).date()
    days = [shown + n * ONE_DAY for n in (-2, -1, 0, 1)]
    return max(day for day in days if beginning(day, where, rollover_hour) <= instant)


# --- What counts of a session ----------------------------------------------------------------------------------------


def seconds_of(span: timedelta) -> Fraction:
    return Fraction(span // timedelta(microseconds=1), 1_000_000)


def flag(row: Session) -> str:
    """What speaks against a session. When it was in the future, and whether it was deleted, only the row knows."""
    if row.flag in ("deleted", "future"):
        return row.flag
    if row.ended_at < row.started_at:
        return "ends_before_start"
    if row.started_at.year < 2000:
        return "before_time"
    if row.seconds > 24 * HOUR or row.ended_at - row.started_at > timedelta(days=7):
        return "too_long"
    has_moved = None not in (row.progress_start, row.progress_end) and row.progress_start != row.progress_end
    is_told = row.pages == 0 and has_moved  # the place tells what the pages do not
    if row.seconds > 6 * HOUR * (row.pages + 1) and not is_told:
        return "idle"
    if row.seconds >= 300 and row.seconds < 3 * row.pages:
        return "fast"
    return ""


@dataclass(frozen=True)
class Piece:
    """A quarter of an hour at most of a session, and what of the session lies in it."""

    session: Session
    start: datetime
    day: date
    hour: int  # by the clock on the wall
    is_covered: bool  # an earlier session keeps the time
    seconds: Fraction
    pages: Fraction
    tells_pages: bool
    progress: Fraction
    tells_progress: bool


def pieces_of(row: Session, covered_until: datetime, reader: Reader) -> tuple[datetime, list[Piece]]:
    """When a session that counts ends, as far as it counts, and its pieces."""
    end, seconds, pages = row.ended_at, Fraction(row.seconds), Fraction(row.pages)
    if flag(row) == "idle":
        seconds = Fraction(6 * HOUR * (row.pages + 1))
        end = row.started_at + timedelta(seconds=int(seconds))
    if flag(row) == "fast":
        pages = min(pages, seconds / 3)
    progress = Fraction(0)
    tells_progress = False
    if row.progress_start is not None and row.progress_end is not None and row.progress_end >= row.progress_start:
        progress = Fraction(row.progress_end) - Fraction(row.progress_start)
        tells_progress = True
    where = zone(row.timezone or reader.timezone)
    cuts = {row.started_at, end}
    if row.started_at < covered_until < end:
        cuts.add(covered_until)
    quarter = row.started_at.replace(minute=0, second=0, microsecond=0)
    while quarter < end:
        if quarter > row.started_at:
            cuts.add(quarter)
        quarter += QUARTER
    in_order = sorted(cuts)
    pieces = []
    for start, until in pairwise(in_order):
        share = seconds_of(until - start) / seconds_of(end - row.started_at)
        pieces.append(
            Piece(
                row,
                start,
                day_at(start, where, reader.rollover_hour),
                start.astimezone(where).hour,
                start < covered_until,
                seconds * share,
                pages * share,
                pages > 0,
                progress * share,
                tells_progress,
            )
        )
    return end, pieces


def all_pieces(reader: Reader) -> list[Piece]:
    rows = [
        row
        for row in Session.objects.filter(reader=reader).select_related("device")
        if row.book_id is not None and flag(row) in ("", "idle", "fast")
    ]
    covered_until = datetime(1, 1, 1, tzinfo=UTC)
    pieces: list[Piece] = []
    for row in sorted(rows, key=lambda row: (row.started_at, row.uuid)):
        end, of_row = pieces_of(row, covered_until, reader)
        pieces += of_row
        covered_until = max(covered_until, end)
    return pieces


# --- Sums ------------------------------------------------------------------------------------------------------------


@dataclass
class Pace:
    pages: Fraction
    paged_seconds: Fraction
    progress: Fraction
    progress_seconds: Fraction


def sums(pieces: Iterable[Piece]) -> dict[str, Any]:
    """Seconds, sessions and pages. A session is counted once, in however many pieces it is."""
    pieces = list(pieces)
    return {
        "seconds": sum((piece.seconds for piece in pieces), Fraction(0)),
        "sessions": len({piece.session.pk for piece in pieces}),
        "pages": sum((piece.pages for piece in pieces), Fraction(0)),
    }


def pace(pieces: Iterable[Piece]) -> Pace:
    pieces = list(pieces)
    return Pace(
        sum((piece.pages for piece in pieces if piece.tells_pages), Fraction(0)),
        sum((piece.seconds for piece in pieces if piece.tells_pages), Fraction(0)),
        sum((piece.progress for piece in pieces if piece.tells_progress), Fraction(0)),
        sum((piece.seconds for piece in pieces if piece.tells_progress), Fraction(0)),
    )


def grouped(pieces: Iterable[Piece], names: Callable[[Piece], Iterable[Any]]) -> dict[Any, list[Piece]]:
    groups = defaultdict(list)
    for piece in pieces:
        for name in names(piece):
            groups[name].append(piece)
    return groups


def hours(pieces: Iterable[Piece]) -> list[list[Fraction]]:
    rows = [[Fraction(0)] * 24 for _ in range(7)]
    for piece in pieces:
        rows[piece.day.weekday()][piece.hour] += piece.seconds
    return rows


def merged(covered: list[Piece], first: date = date.min) -> dict[str, Any]:
    """What was reported and does not count; a session is told of on the first day on which it lost something."""
    losers = grouped(covered, lambda piece: [piece.session.pk])
    return {
        "seconds": sum((piece.seconds for piece in covered if piece.day >= first), Fraction(0)),
        "sessions": sum(1 for pieces in losers.values() if min(piece.day for piece in pieces) >= first),
    }


def runs(days: Iterable[date]) -> list[list[date]]:
    """Days that follow each other, the earliest first."""
    found: list[list[date]] = []
    for day in sorted(set(days)):
        if found and day - found[-1][-1] == ONE_DAY:
            found[-1].append(day)
        else:
            found.append([day])
    return found


def longest(found: list[list[date]]) -> list[date]:
    """The longest run; of several the last."""
    return max(found, key=lambda run: (len(run), run[0]))


# --- The statistics --------------------------------------------------------------------------------------------------


@dataclass
class Shelf:
    """What is known of the books."""

    reader: Reader

    def __post_init__(self) -> None:
        books = Book.objects.select_related("series").prefetch_related("authorships__author")
        self.books = {book.pk: book for book in books}
        self.states = dict(BookStatus.objects.filter(reader=self.reader).values_list("book_id", "state"))

    def authors(self, book_id: int) -> list[str]:
        written = [each for each in self.books[book_id].authorships.all() if each.role == "aut"]
        return [each.author.name for each in sorted(written, key=lambda each: each.place)]

    def series(self, book_id: int) -> list[str]:
        series = self.books[book_id].series
        return [series.name] if series else []

    def groups(self, pieces: list[Piece]) -> dict[str, Any]:
        """What was read of each book, series, author, type and device."""
        books = grouped(pieces, lambda piece: [piece.session.book_id])
        by_book = {
            book_id: {
                "title": self.books[book_id].title,
                "authors": self.authors(book_id),
                "series": "".join(self.series(book_id)),
                "book_type": self.books[book_id].book_type,
                "status": self.states.get(book_id, "unread"),
                "first_day": min(piece.day for piece in read),
                "last_day": max(piece.day for piece in read),
                **sums(read),
            }
            for book_id, read in books.items()
        }
        names: dict[str, Callable[[int], list[str]]] = {
            "by_series": self.series,
            "by_author": self.authors,
            "by_type": lambda book_id: [self.books[book_id].book_type],
        }
        by_name = {
            group: {
                name: sums(read) | {"books": len({piece.session.book_id for piece in read})}
                for name, read in grouped(pieces, lambda piece, names=of: names(piece.session.book_id)).items()
            }
            for group, of in names.items()
        }
        by_device = {name: sums(read) for name, read in grouped(pieces, lambda piece: [device(piece)]).items()}
        return {"book_count": len(books), "by_book": by_book, **by_name, "by_device": by_device}


def device(piece: Piece) -> tuple[int | None, str]:
    of_session: Device | None = piece.session.device
    if of_session is None:
        return None, SOURCES[piece.session.source]
    return of_session.pk, of_session.name or of_session.identifier


def periods(today: date) -> dict[str, tuple[date, date]]:
    """Of each period and of what it is compared with, the first days; and the last one of the latter."""
    lengths = {"today": 1, "7d": 7, "30d": 30, "90d": 90, "365d": 365}
    return {name: (today - (length - 1) * ONE_DAY, today - length * ONE_DAY) for name, length in lengths.items()} | {
        "year": (today.replace(month=1, day=1), a_year_before(today))
    }


def a_year_before(day: date) -> date:
    return date(day.year - 1, 2, 28) if (day.month, day.day) == (2, 29) else day.replace(year=day.year - 1)


def statistics(reader: Reader, now: datetime) -> dict[str, Any]:
    """The payload as of a moment, but that numbers are exact, and groups are told apart by name."""
    home = zone(reader.timezone)
    today = day_at(now, home, reader.rollover_hour)
    every = all_pieces(reader)
    covered = [piece for piece in every if piece.is_covered]
    read = [piece for piece in every if not piece.is_covered]
    read_on = {day: sums(pieces) for day, pieces in grouped(read, lambda piece: [piece.day]).items()}
    shelf = Shelf(reader)
    finished = finished_days(reader)
    return {
        "today": today,
        "totals": totals(read, finished, today),
        "previous": previous(read, finished, today),
        "merged": merged(covered),
        "streak": streak(set(read_on), reader, now),
        "daily": read_on,
        "heatmap": heatmap(read_on, today),
        "hours": hours(read),
        **shelf.groups(read),
        "periods": {name: period(first, read, covered, shelf) for name, (first, _) in periods(today).items()},
        "pace": paces(read, today),
        "estimates": estimates(reader, read, today),
        "goals": goals(reader, read_on, finished, today),
        "years": years(read, finished),
        "flagged": sum(1 for row in Session.objects.filter(reader=reader) if flag(row) not in ("", "deleted")),
        "recent_sessions": recent_sessions(reader),
    }


def finished_days(reader: Reader) -> list[date | None]:
    home = zone(reader.timezone)
    read = BookStatus.objects.filter(reader=reader, state="read")
    return [day_at(row.finished_at, home, reader.rollover_hour) if row.finished_at else None for row in read]


def between(first: date, last: date, read: list[Piece], finished: list[date | None]) -> dict[str, Any]:
    return sums(piece for piece in read if first <= piece.day <= last) | {
        "books_finished": sum(1 for day in finished if day is not None and first <= day <= last)
    }


def totals(read: list[Piece], finished: list[date | None], today: date) -> dict[str, Any]:
    shown = {name: between(first, date.max, read, finished) for name, (first, _) in periods(today).items()}
    return shown | {"all": sums(read) | {"books_finished": len(finished)}}


def previous(read: list[Piece], finished: list[date | None], today: date) -> dict[str, Any]:
    shown = {}
    for name, (first, last_before) in periods(today).items():
        length = today - first
        first_before = date(today.year - 1, 1, 1) if name == "year" else last_before - length
        shown[name] = between(first_before, last_before, read, finished)
    return shown


def streak(days: set[date], reader: Reader, now: datetime) -> dict[str, Any]:
    """The run that reaches today or yesterday, be it here or where the reader was last."""
    counted = [row for row in Session.objects.filter(reader=reader) if flag(row) in ("", "idle", "fast")]
    latest = max(counted, key=lambda row: (row.ended_at, row.pk), default=None)
    zones = {reader.timezone, (latest.timezone if latest else "") or reader.timezone}
    today = min(day_at(now, zone(name), reader.rollover_hour) for name in zones)
    found = runs(days)
    shown: dict[str, Any] = {"current": 0, "longest": 0, "days": []}
    if found:
        most = longest(found)
        shown |= {"longest": len(most), "longest_started_on": most[0], "longest_last_day": most[-1]}
        shown["last_day"] = found[-1][-1]
        if found[-1][-1] >= today - ONE_DAY:
            shown |= {"current": len(found[-1]), "days": found[-1], "started_on": found[-1][0]}
    return shown


def heatmap(read_on: dict[date, dict[str, Any]], today: date) -> dict[date, Fraction]:
    """Of each day how many quarters of the busiest one it has."""
    shown = {day: read["seconds"] for day, read in read_on.items() if day > today - 53 * 7 * ONE_DAY}
    return {day: seconds * 4 / max(shown.values()) for day, seconds in shown.items()}


def period(first: date, read: list[Piece], covered: list[Piece], shelf: Shelf) -> dict[str, Any]:
    inside = [piece for piece in read if piece.day >= first]
    return {
        "first_day": first,
        "days": len({piece.day for piece in inside}),
        **shelf.groups(inside),
        "hours": hours(inside),
        "merged": merged(covered, first),
        "pace": pace(inside),
    }


def lately(read: list[Piece], today: date) -> list[Piece]:
    return [piece for piece in read if today - 30 * ONE_DAY < piece.day]


def paces(read: list[Piece], today: date) -> dict[str, Any]:
    months = grouped(read, lambda piece: [(piece.day.year, piece.day.month)])
    shown = {}
    year, month = today.year, today.month
    for _ in range(12):
        if (year, month) in months:
            of_month = months[year, month]
            shown[f"{year}-{month:02}"] = (sums(of_month)["seconds"], pace(of_month))
        year, month = (year, month - 1) if month > 1 else (year - 1, 12)
    return {
        "seconds_per_day": sums(lately(read, today))["seconds"] / 30,
        "ever": pace(read),
        "lately": pace(lately(read, today)),
        "trend": shown,
    }


def estimates(reader: Reader, read: list[Piece], today: date) -> dict[int, dict[str, Any]]:
    """Of each book that is being read: seconds that are left, on its fast and its slow days too, and a day's."""
    shown = {}
    for place in Position.objects.filter(reader=reader, is_cleared=False):
        status = BookStatus.objects.filter(reader=reader, book=place.book_id).first()
        of_book = [piece for piece in read if piece.session.book_id == place.book_id]
        if status is None or status.state != "reading" or place.percentage < 0.02 or not of_book:
            continue
        left = 1 - Fraction(place.percentage)
        spent, told = sums(of_book)["seconds"], pace(of_book)
        if told.progress >= Fraction(2, 100) and told.progress_seconds >= 300:
            seconds = left * told.progress_seconds / told.progress
        elif spent >= 300:
            seconds = left * spent / Fraction(place.percentage)
        else:
            continue
        low, high = seconds * Fraction(7, 10), seconds * Fraction(13, 10)
        days = grouped(of_book, lambda piece: [piece.day])
        of_days = [pace(days[day]) for day in sorted(days)]
        paces_of_days = sorted(
            each.progress / each.progress_seconds
            for each in [each for each in of_days if each.progress_seconds >= 120][-60:]
        )
        quarter = len(paces_of_days) // 4
        if len(paces_of_days) >= 4 and paces_of_days[quarter] > 0:
            low = min(seconds, left / paces_of_days[-1 - quarter])
            high = max(seconds, left / paces_of_days[quarter])
        first_day = min(piece.day for piece in of_book)
        looked_at = min(30, max(1, (today - first_day).days + 1))
        in_a_month = [piece for piece in of_book if piece.day > today - 30 * ONE_DAY]
        shown[place.book_id] = {
            "percentage": Fraction(place.percentage),
            "seconds_left": seconds,
            "seconds_left_low": low,
            "seconds_left_high": high,
            "seconds_a_day": sums(in_a_month)["seconds"] / looked_at,
        }
    return shown


def goals(
    reader: Reader, read_on: dict[date, dict[str, Any]], finished: list[date | None], today: date
) -> dict[str, Any]:
    shown: dict[str, Any] = {}
    if reader.goal_minutes_a_day:
        month = [read_on[day]["seconds"] for day in read_on if today - 30 * ONE_DAY < day]
        shown["minutes_a_day"] = {
            "seconds_today": sum((read_on[day]["seconds"] for day in read_on if day >= today), Fraction(0)),
            "seconds_of_days": month,
        }
    if reader.goal_books_a_year:
        days = 366 if calendar.isleap(today.year) else 365
        begun = (today - date(today.year, 1, 1)).days + 1
        shown["books_a_year"] = {
            "finished": sum(1 for day in finished if day is not None and day.year == today.year),
            "expected": Fraction(reader.goal_books_a_year * begun, days),
        }
    return shown


def years(read: list[Piece], finished: list[date | None]) -> dict[int, dict[str, Any]]:
    shown = {}
    for year, of_year in grouped(read, lambda piece: [piece.day.year]).items():
        days = grouped(of_year, lambda piece: [piece.day])
        most = longest(runs(days))
        shown[year] = {
            **sums(of_year),
            "books_finished": sum(1 for day in finished if day is not None and day.year == year),
            "days": len(days),
            "longest_streak": len(most),
            "longest_streak_ended_on": most[-1],
            "seconds_of_days": {day: sums(pieces)["seconds"] for day, pieces in days.items()},
            "months": [sums(piece for piece in of_year if piece.day.month == month) for month in range(1, 13)],
            "books": {
                book_id: sums(pieces)
                for book_id, pieces in grouped(of_year, lambda piece: [piece.session.book_id]).items()
            },
        }
    return shown


def recent_sessions(reader: Reader) -> list[dict[str, Any]]:
    rows = [row for row in Session.objects.filter(reader=reader) if flag(row) != "deleted"]
    rows.sort(key=lambda row: (row.ended_at, row.pk), reverse=True)
    return [
        {"id": row.pk, "book_id": row.book_id, "seconds": Fraction(row.seconds), "pages": row.pages, "flag": flag(row)}
        for row in rows[:20]
    ]
