"""The statistics of a reader, and those of one of their books: what workers put together, as pages."""

import calendar
from datetime import date, datetime, timedelta
from typing import Any

import orjson
from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone

from accounts.models import Reader
from library.errors import LibraryError
from library.models import BookType
from reading.book_stats import book_statistics
from reading.log import LogFilter, log_page
from reading.periods import ALL, LENGTHS, YEAR
from reading.serving import Stored, body_of, stored_payload
from reading.zones import recount_progress
from web.library_pages import NO_SUCH_BOOK
from web.rendering import origin_of, page, reader_of, show
from web.templatetags.statistics import whole_minutes
from web.words import KINDS
from workers.enqueue import enqueue
from workers.reading import refresh

# The name of each period, and what it is compared with.
NAMES = {
    "today": ("Today", "yesterday"),
    "7d": ("7 days", "the 7 days before"),
    "30d": ("30 days", "the 30 days before"),
    "90d": ("90 days", "the 90 days before"),
    "365d": ("365 days", "the 365 days before"),
    YEAR: ("This year", "last year up to this day"),
    ALL: ("All time", ""),
}
USUAL = "30d"
WEEKDAYS = tuple(calendar.day_name)
MONTHS = tuple(calendar.month_name)[1:]
FEWEST_DAYS_SHOWN = 7  # of a chart: one bar says nothing
MONTHS_FROM_DAYS = 100  # a table of more days than this is one of months
BOOKS_SHOWN = 20
SESSIONS_OF_A_BOOK = 30


@page
def stats(request: HttpRequest) -> HttpResponse:
    """All statistics of a period; with `part` only what changes with them, for the page that is open already."""
    reader, now = reader_of(request), timezone.now()
    period = request.GET.get("period", USUAL)
    if period not in NAMES:
        raise LibraryError(f"There is no period {period!r}; there are {', '.join(NAMES)}.")
    stored, said = _payload(reader, now)
    context = {
        **said,
        **_of_period(said, period),
        "period": period,
        "period_name": NAMES[period][0],
        "compared_with": NAMES[period][1],
        "periods_shown": [(name, shown) for name, (shown, _) in NAMES.items()],
        "etag": stored.entity_tag,
        "numbers": stored.etag,
        "pending": stored.pending,
        "generated_at": stored.generated_at,
        "recount": recount_progress(reader),
        "address": origin_of(request),
    }
    return show(request, "web/_stats.html" if "part" in request.GET else "web/stats.html", context)


@page
def book(request: HttpRequest, book_id: int) -> HttpResponse:
    """What was read of one book, when and how fast."""
    reader = reader_of(request)
    said = book_statistics(reader, book_id)
    if said is None:
        raise Http404(NO_SUCH_BOOK)
    _, payload = _payload(reader, timezone.now())
    sessions = log_page(reader, LogFilter(book_id=said.book.pk), entries=SESSIONS_OF_A_BOOK)
    days = list(reversed(said.days))
    charts = {
        "daily": [[day.day.isoformat(), whole_minutes(day.seconds)] for day in days],
        "progress": [[day.day.isoformat(), round(day.place * 100, 1)] for day in days if day.place is not None],
        "pace": [[day.day.isoformat(), day.pace["pages_per_hour"]] for day in days if "pages_per_hour" in day.pace],
    }
    context = {
        "said": said,
        "book": said.book,
        # As the page of all statistics says it, date and range.
        "estimate": next((each for each in payload["estimates"] if each["book_id"] == said.book.pk), None),
        "kind": KINDS[BookType(said.book.book_type)],
        "sessions": sessions.items,
        "has_more": bool(sessions.next),
        "charts": charts,
    }
    return show(request, "web/book_stats.html", context)


def _payload(reader: Reader, now: datetime) -> tuple[Stored, dict[str, Any]]:
    """What is stored of a reader's payload, and what it says; a worker is told where a newer one is wanted."""
    stored = stored_payload(reader, now=now)
    if stored.is_asked_for:
        enqueue(refresh)
    return stored, orjson.loads(body_of(reader, stored, now=now))


def _of_period(said: dict[str, Any], period: str) -> dict[str, Any]:
    """What of the payload a period's page shows, numbers with what they are compared with."""
    today = date.fromisoformat(said["today"])
    totals = said["totals"][period]
    part = said if period == ALL else said["periods"][period]
    days = _days(said, period, today)
    by_month = len(days) > MONTHS_FROM_DAYS or period == ALL
    rows = _months(said) if period == ALL else _months_of(days) if by_month else days
    return {
        "totals_shown": _compared(totals, said["previous"].get(period)),
        "part": {
            **{key: part[key] for key in ("by_series", "by_author", "by_device", "merged", "hours", "pace")},
            "by_book": part["by_book"][:BOOKS_SHOWN],
            "by_type": [each | {"name": KINDS.get(each["name"], each["name"])} for each in part["by_type"]],
            "book_count": part["book_count"],
            "days": part.get("days", len(said["daily"])),
        },
        "series_shown": rows,
        "is_by_month": by_month,
        "weekdays": WEEKDAYS,
        "hours_by_hour": [
            (f"{hour}:00", [whole_minutes(row[hour]) for row in part["hours"]]) for hour in range(len(part["hours"][0]))
        ],
        "recent_shown": [
            each | {"started": datetime.fromisoformat(each["started_at"])} for each in said["recent_sessions"]
        ],
        "years": [
            year
            | {
                "months_shown": [
                    {"name": name, **month}
                    for number, (name, month) in enumerate(zip(MONTHS, year["months"], strict=True), 1)
                    if month["seconds"] or (year["year"], number) <= (today.year, today.month)
                ]
            }
            for year in said["years"]
        ],
        "has_reading": bool(said["daily"] or said["recent_sessions"]),
        "charts": {
            "daily": [[row["key"], whole_minutes(row["seconds"])] for row in rows],
            "calendar": _calendar(said, today),
            "hours": [
                [hour, weekday, whole_minutes(seconds)]
                for weekday, row in enumerate(part["hours"])
                for hour, seconds in enumerate(row)
                if seconds
            ],
            "trend": [
                [each["month"], each.get("pages_per_hour"), each.get("percent_per_hour")]
                for each in said["pace"]["trend"]
            ],
        },
    }


def _compared(totals: dict[str, int], before: dict[str, int] | None) -> list[dict[str, Any]]:
    """The four numbers of a period, each with how much more or less it is than before."""
    shown = []
    for name, label in (("seconds", "read"), ("sessions", "session"), ("pages", "page"), ("books_finished", "book")):
        value = totals[name]
        then = before[name] if before is not None else None
        shown.append(
            {
                "name": name,
                "label": label,
                "value": value,
                "before": then,
                "more": max(0, value - then) if then is not None else 0,
                "less": max(0, then - value) if then is not None else 0,
            }
        )
    return shown


def _days(said: dict[str, Any], period: str, today: date) -> list[dict[str, Any]]:
    """Every day of a period, those without reading too; at least a week, so that there is something to compare."""
    if period == ALL:
        return []
    first = date(today.year, 1, 1) if period == YEAR else today - timedelta(days=LENGTHS[period] - 1)
    first = min(first, today - timedelta(days=FEWEST_DAYS_SHOWN - 1))
    read = {day["day"]: day for day in said["daily"] if day["day"] >= first.isoformat()}
    last = max(today, *(date.fromisoformat(day) for day in read)) if read else today
    nothing = {"seconds": 0, "sessions": 0, "pages": 0}
    days = (first + timedelta(days=n) for n in range((last - first).days + 1))
    return [{"key": day.isoformat(), **(read.get(day.isoformat()) or nothing)} for day in days]


def _months_of(days: list[dict[str, Any]]) -> list[dict[str, Any]]:
    months: dict[str, dict[str, Any]] = {}
    for day in days:
        month = months.setdefault(day["key"][:7], {"key": day["key"][:7], "seconds": 0, "pages": 0})
        month["seconds"] += day["seconds"]
        month["pages"] += day["pages"]
    return list(months.values())


def _months(said: dict[str, Any]) -> list[dict[str, Any]]:
    """All months from the first with reading to the last."""
    months = [
        {"key": f"{year['year']}-{number:02}", **month}
        for year in reversed(said["years"])
        for number, month in enumerate(year["months"], 1)
    ]
    read = [n for n, month in enumerate(months) if month["seconds"]]
    return months[read[0] : read[-1] + 1] if read else []


def _calendar(said: dict[str, Any], today: date) -> dict[str, Any]:
    """The days of the last 53 weeks with their minutes, and between which days a calendar shows them."""
    first = today - timedelta(days=370)
    days = [[day["day"], whole_minutes(day["seconds"])] for day in said["daily"] if day["day"] >= first.isoformat()]
    return {"first": first.isoformat(), "last": max([today.isoformat(), *(day for day, _ in days)]), "days": days}
