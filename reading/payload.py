"""The answer of `GET /api/stats`, computed by a worker and stored ready to send.

`docs/protocol.md` describes each field. `pending` is not part of what is stored: it says whether something newer is
being computed at the moment of asking.
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import orjson
from django.db import transaction
from django.db.models import Max, Min, Sum
from django.utils import timezone

from accounts.days import local_day, zone_named
from accounts.marks import drop_marks
from accounts.models import Reader
from accounts.statements import insert_rows
from library.models import AUTHOR, Authorship, Book
from reading.models import BookDay, BookStatus, Position, Session, StalePayload, StatsPayload, StatusState
from reading.streaks import streak_of
from reading.turns import take_turn

RECENT_SESSIONS = 20
HEATMAP_DAYS = 371  # 53 whole weeks, as a calendar of a year shows them
FEWEST_SECONDS_TO_ESTIMATE = 300.0  # from less, and from less than 2 % of a book, no pace can be told
LEAST_PROGRESS_TO_ESTIMATE = 0.02


@dataclass
class Sums:
    """Totals over several days; `carried` sessions began before the first of them."""

    seconds: float = 0.0
    sessions: int = 0
    pages: float = 0.0

    def add(self, seconds: float, sessions: int, pages: float) -> None:
        self.seconds += seconds
        self.sessions += sessions
        self.pages += pages

    def shown(self) -> dict[str, int]:
        return {"seconds": round(self.seconds), "sessions": self.sessions, "pages": round(self.pages)}


@dataclass(frozen=True)
class Day:
    day: date
    seconds: float
    sessions: int
    carried: int
    pages: float


def today_of(reader: Reader, now: datetime) -> date:
    """The reader's day at this moment, in the reader's own zone."""
    return local_day(now, zone_named(reader.timezone) or UTC, reader.rollover_hour)


def shown_time(instant: datetime) -> str:
    """An instant as every answer shows it: UTC, ISO 8601, ending in Z."""
    return instant.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def compose(reader: Reader, *, today: date) -> dict[str, Any]:
    """Everything of the payload that follows from derived rows, as of the reader's day `today`."""
    rows = BookDay.objects.filter(reader=reader)
    by_day = rows.values("day").order_by("day")
    sums = by_day.annotate(s=Sum("seconds"), n=Sum("sessions"), c=Sum("carried"), p=Sum("pages"))
    days = [Day(*row) for row in sums.values_list("day", "s", "n", "c", "p")]
    finished = _finished_days(reader)
    streak = streak_of((day.day for day in days if day.seconds > 0), today=today)
    books = _books(reader)
    return {
        "timezone": reader.timezone,
        "today": today.isoformat(),
        "totals": _totals(days, finished, today),
        "streak": _without_none(
            {
                "current": streak.current,
                "longest": streak.longest,
                "started_on": streak.started_on.isoformat() if streak.started_on else None,
                "last_day": streak.last_day.isoformat() if streak.last_day else None,
                "days": [day.isoformat() for day in streak.days],
            }
        ),
        "daily": [{"day": day.day.isoformat(), **_shown(day)} for day in days],
        "heatmap": _heatmap(days, today),
        "by_book": books,
        "by_series": _grouped(books, lambda book: [book["series"]] if "series" in book else []),
        "by_author": _grouped(books, lambda book: book["authors"]),
        "by_type": _grouped(books, lambda book: [book["book_type"]]),
        "pace": _pace(days, today),
        "estimates": _estimates(reader, {book["book_id"]: book["seconds"] for book in books}),
        "recent_sessions": _recent_sessions(reader),
    }


def _without_none(fields: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in fields.items() if value is not None}


def _shown(day: Day) -> dict[str, int]:
    return {"seconds": round(day.seconds), "sessions": day.sessions, "pages": round(day.pages)}


def _finished_days(reader: Reader) -> list[date | None]:
    """The reader's day on which each read book was finished."""
    zone = zone_named(reader.timezone) or UTC
    finished = BookStatus.objects.filter(reader=reader, state=StatusState.READ).values_list("finished_at", flat=True)
    return [local_day(at, zone, reader.rollover_hour) if at else None for at in finished]


def _totals(days: list[Day], finished: list[date | None], today: date) -> dict[str, dict[str, int]]:
    starts = {
        "today": today,
        "7d": today - timedelta(days=6),
        "30d": today - timedelta(days=29),
        "90d": today - timedelta(days=89),
        "365d": today - timedelta(days=364),
        "year": date(today.year, 1, 1),
        "all": date.min,
    }
    totals = {}
    for name, start in starts.items():
        sums = Sums()
        for day in (day for day in days if day.day >= start):
            # A session over midnight counts on both days, but once in a window that holds both.
            own = day.sessions if day.day == start else day.sessions - day.carried
            sums.add(day.seconds, own, day.pages)
        ended = sum(1 for on in finished if name == "all" or (on is not None and on >= start))
        totals[name] = sums.shown() | {"books_finished": ended}
    return totals


def _heatmap(days: list[Day], today: date) -> list[dict[str, Any]]:
    """The days of the last year with a level from 1 to 4: which quarter of the busiest day they reach."""
    shown = [day for day in days if day.seconds > 0 and today - timedelta(days=HEATMAP_DAYS) < day.day]
    most = max((day.seconds for day in shown), default=0.0)
    return [{"day": day.day.isoformat(), "level": min(4, int(day.seconds * 4 / most) + 1)} for day in shown]


def _books(reader: Reader) -> list[dict[str, Any]]:
    """What was read of each book, most first."""
    sums = (
        BookDay.objects.filter(reader=reader)
        .values("book")
        .annotate(s=Sum("seconds"), n=Sum("sessions"), c=Sum("carried"), p=Sum("pages"), a=Min("day"), z=Max("day"))
        .values_list("book", "s", "n", "c", "p", "a", "z")
    )
    read = {row[0]: row[1:] for row in sums}
    names: dict[int, list[str]] = {}
    written = Authorship.objects.filter(book__in=BookDay.objects.filter(reader=reader).values("book"), role=AUTHOR)
    for book_id, name in written.order_by("place").values_list("book", "author__name"):
        names.setdefault(book_id, []).append(name)
    books = Book.objects.filter(pk__in=BookDay.objects.filter(reader=reader).values("book"))
    states = dict(BookStatus.objects.filter(reader=reader).values_list("book", "state"))
    shown = []
    for pk, title, series, kind in books.values_list("pk", "title", "series__name", "book_type"):
        seconds, sessions, carried, pages, first, last = read[pk]
        shown.append(
            _without_none(
                {
                    "book_id": pk,
                    "title": title,
                    "authors": names.get(pk, []),
                    "series": series,
                    "book_type": kind,
                    "status": states.get(pk, StatusState.UNREAD.value),
                    "seconds": round(seconds),
                    "sessions": sessions - carried,
                    "pages": round(pages),
                    "first_day": first.isoformat(),
                    "last_day": last.isoformat(),
                }
            )
        )
    return sorted(shown, key=lambda book: (-book["seconds"], book["book_id"]))


def _grouped(
    books: Iterable[dict[str, Any]], names_of: Callable[[dict[str, Any]], Iterable[str]]
) -> list[dict[str, Any]]:
    groups: dict[str, tuple[Sums, int]] = {}
    for book in books:
        for name in names_of(book):
            sums, count = groups.get(name, (Sums(), 0))
            sums.add(book["seconds"], book["sessions"], book["pages"])
            groups[name] = (sums, count + 1)
    shown = [{"name": name, "books": count, **sums.shown()} for name, (sums, count) in groups.items()]
    return sorted(shown, key=lambda group: (-group["seconds"], group["name"]))


def _pace(days: list[Day], today: date) -> dict[str, int]:
    """Pages an hour where pages were reported, and the mean seconds a day of the last 30 days, idle days included."""
    with_pages = [day for day in days if day.pages > 0]
    seconds, pages = sum(day.seconds for day in with_pages), sum(day.pages for day in with_pages)
    recent = sum(day.seconds for day in days if today - timedelta(days=30) < day.day <= today)
    pace = {"seconds_per_day": round(recent / 30)}
    if seconds > 0:
        pace["pages_per_hour"] = round(pages * 3600 / seconds)
    return pace


def _estimates(reader: Reader, seconds_of: dict[int, int]) -> list[dict[str, Any]]:
    """How long the books that are being read will still take, at the pace so far."""
    reading = BookStatus.objects.filter(reader=reader, state=StatusState.READING).values("book")
    places = Position.objects.filter(reader=reader, book__in=reading, percentage__gte=LEAST_PROGRESS_TO_ESTIMATE)
    estimates = []
    for book_id, percentage in places.order_by("book").values_list("book", "percentage"):
        seconds = seconds_of.get(book_id, 0)
        if seconds >= FEWEST_SECONDS_TO_ESTIMATE:
            left = round(seconds * (1 - percentage) / percentage)
            estimates.append({"book_id": book_id, "percentage": round(percentage, 4), "seconds_left": left})
    return estimates


def _recent_sessions(reader: Reader) -> list[dict[str, Any]]:
    sessions = Session.objects.filter(reader=reader).select_related("book", "file", "device")
    return [
        _without_none(
            {
                "id": session.pk,
                "book_id": session.book_id,
                "title": session.book.title if session.book else (session.file.filename if session.file else None),
                "started_at": shown_time(session.started_at),
                "ended_at": shown_time(session.ended_at),
                "seconds": round(session.seconds),
                "pages": session.pages,
                "device": session.device.name or None if session.device else None,
                "flag": session.flag or None,
            }
        )
        for session in sessions.order_by("-ended_at", "-pk")[:RECENT_SESSIONS]
    ]


def etag_of(composed: dict[str, Any]) -> str:
    """The same for the same content, whenever it was computed."""
    return hashlib.sha256(orjson.dumps(composed, option=orjson.OPT_SORT_KEYS)).hexdigest()[:32]


def rebuild_payload(marks: Sequence[StalePayload]) -> None:
    """Bring a reader's payload up to date and drop its mark, unless it was marked again meanwhile."""
    [mark] = marks  # a reader has one
    now = timezone.now()
    today = today_of(mark.reader, now)
    composed = compose(mark.reader, today=today)
    body, etag = orjson.dumps(composed).decode(), etag_of(composed)
    with transaction.atomic():
        take_turn(mark.reader_id)
        if not drop_marks(marks):
            return  # storing it all the same could overwrite what another worker computed later
        payload = StatsPayload(reader=mark.reader, body=body, etag=etag, generated_at=now, today=today)
        columns = ("body", "etag", "generated_at", "today")
        changes = ", ".join(f"{column} = excluded.{column}" for column in columns)
        insert_rows([payload], tail=f"ON CONFLICT (reader_id) DO UPDATE SET {changes}")
