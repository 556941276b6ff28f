"""Sums over many days, kept so that a new session costs as much after ten years as after ten days.

`BookTotal` holds all of a book, `ReaderYear` a year of a reader. A day that changes makes those that it belongs to
stale, in its own transaction. Whoever puts the payload together computes the stale ones anew and stores them with it:
its mark changes with every day, so if it is still the same one then, no day has changed since.
"""

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any, TypeVar

import orjson
from django.db.models import Count, Max, Min, Sum

from accounts.models import Reader
from accounts.statements import ROWS_A_STATEMENT, insert_rows
from reading.breakdowns import Pace, breakdown_of
from reading.days import PROGRESS_DIGITS, SECONDS_DIGITS
from reading.models import BookDay, BookTotal, ReaderDay, ReaderYear, Total
from reading.periods import Period, sums_of, whole
from reading.streaks import Runs, runs_of

AnyTotal = TypeVar("AnyTotal", bound=Total)

BOOKS_OF_A_YEAR = 10  # that its review names
MONTHS = 12
# How fast the slow and the fast days of a book were is told by so many days at most, the latest ones.
DAYS_OF_A_PACE = 60
FEWEST_DAYS_OF_A_PACE = 4
FEWEST_SECONDS_OF_A_DAY = 120.0  # of a day that says something about a pace


def book_totals(reader: Reader, *, fresh: Iterable[BookTotal] = ()) -> list[BookTotal]:
    """All totals of a reader's books that are current, with `fresh` ones that are not stored yet."""
    stored = BookTotal.objects.filter(reader=reader, is_current=True)
    return [*stored, *(total for total in fresh if total.days)]


def stale_books(reader: Reader) -> list[int]:
    return list(BookTotal.objects.filter(reader=reader, is_current=False).values_list("book", flat=True))


def compute_books(reader: Reader, books: Sequence[int]) -> list[BookTotal]:
    """The totals of these books, from their days; one without days has none."""
    computed = {book_id: BookTotal(reader=reader, book_id=book_id, is_current=True) for book_id in books}
    for begin in range(0, len(books), ROWS_A_STATEMENT):
        rows = BookDay.objects.filter(book__in=books[begin : begin + ROWS_A_STATEMENT], reader=reader)
        sums: Any = (
            rows.order_by()
            .values("book")
            .annotate(
                *(Sum(name) for name in ("seconds", "sessions", "carried", "pages")),
                *(Sum(name) for name in ("paged_seconds", "progress", "progress_seconds")),
                days=Count("day"),
                first=Min("day"),
                last=Max("day"),
            )
        )
        for row in sums:
            total = computed[row["book"]]
            total.days, total.first_day, total.last_day = row["days"], row["first"], row["last"]
            total.sessions = row["sessions__sum"] - row["carried__sum"]
            for name in ("seconds", "pages", "paged_seconds", "progress", "progress_seconds"):
                setattr(total, name, _exact(name, row[f"{name}__sum"]))
    for total in computed.values():
        if total.progress_seconds:
            total.slow_progress_an_hour, total.fast_progress_an_hour = _spread(total)
    return list(computed.values())


def _exact(name: str, value: float) -> float:
    """A sum of stored values, the same in whatever order they were added."""
    return round(value, PROGRESS_DIGITS if name == "progress" else SECONDS_DIGITS)


def _spread(total: BookTotal) -> tuple[float | None, float | None]:
    """The pace on a slow and on a fast day of a book: the quartiles of its latest days."""
    days = BookDay.objects.filter(
        book=total.book_id, reader=total.reader_id, progress_seconds__gte=FEWEST_SECONDS_OF_A_DAY
    )
    latest = days.order_by("-day").values_list("progress", "progress_seconds")[:DAYS_OF_A_PACE]
    paces = sorted(progress * 3600 / seconds for progress, seconds in latest)
    if len(paces) < FEWEST_DAYS_OF_A_PACE:
        return None, None
    quarter = len(paces) // 4
    return paces[quarter], paces[-1 - quarter]


def reader_years(reader: Reader, *, fresh: Iterable[ReaderYear] = ()) -> list[ReaderYear]:
    """All years of a reader that are current, with `fresh` ones that are not stored yet, in their order."""
    stored = ReaderYear.objects.filter(reader=reader, is_current=True)
    return sorted([*stored, *(year for year in fresh if year.review)], key=lambda year: year.year)


def stale_years(reader: Reader) -> list[int]:
    return list(ReaderYear.objects.filter(reader=reader, is_current=False).values_list("year", flat=True))


def compute_years(reader: Reader, years: Sequence[int]) -> list[ReaderYear]:
    """These years, from their days; one without any has no `review`."""
    return [_year(reader, year) for year in years]


def _year(reader: Reader, year: int) -> ReaderYear:
    whole_year = Period(str(year), date(year, 1, 1), date(year, 12, 31))
    of_year = {"reader": reader, "day__gte": whole_year.first, "day__lte": whole_year.last}
    days = list(ReaderDay.objects.filter(**of_year).order_by("day"))
    computed = ReaderYear(reader=reader, year=year, is_current=True)
    if not days:
        return computed
    sums, parts = sums_of(days, whole_year), breakdown_of(days)
    runs = runs_of(day.day for day in days if day.seconds > 0)
    carried = days[0].carried if days[0].day == whole_year.first else 0
    computed.days, computed.first_day, computed.last_day = parts.days, runs.first_day, runs.last_day
    computed.seconds, computed.pages = round(sums.seconds, SECONDS_DIGITS), round(sums.pages, SECONDS_DIGITS)
    computed.sessions, computed.carried = sums.sessions - carried, carried
    computed.paged_seconds = _exact("paged_seconds", parts.pace.paged_seconds)
    computed.progress = _exact("progress", parts.pace.progress)
    computed.progress_seconds = _exact("progress_seconds", parts.pace.progress_seconds)
    computed.hours = [[round(seconds, SECONDS_DIGITS) for seconds in row] for row in parts.hours]
    computed.devices = {
        device: [round(sums.seconds, SECONDS_DIGITS), sums.sessions, round(sums.pages, SECONDS_DIGITS)]
        for device, sums in sorted(parts.devices.items())
    }
    computed.covered_seconds = round(parts.covered_seconds, SECONDS_DIGITS)
    computed.covered_sessions = parts.covered_sessions
    computed.first_run, computed.last_run, computed.longest_run = runs.first_run, runs.last_run, runs.longest_run
    computed.longest_run_ended_on = runs.longest_run_ended_on
    computed.review = _review(days, of_year)
    computed.daily = ",".join(orjson.dumps(shown_day(day)).decode() for day in days if day.seconds > 0)
    return computed


def shown_day(day: ReaderDay) -> dict[str, Any]:
    """A day as the payload lists it."""
    return {
        "day": day.day.isoformat(),
        "seconds": whole(day.seconds),
        "sessions": day.sessions,
        "pages": whole(day.pages),
    }


def _review(days: Sequence[ReaderDay], of_year: dict[str, Any]) -> dict[str, Any]:
    """What a year in review tells: its best day, its months, and the books most read in it.

    `months` are [seconds, pages, seconds with pages, progress, seconds with progress], twelve of them; `books` are
    [a book's id, seconds, pages], and `book_count` counts all that were read.
    """
    months = [Pace() for _ in range(MONTHS)]
    seconds = [0.0] * MONTHS
    for day in days:
        months[day.day.month - 1].add(day)
        seconds[day.day.month - 1] += day.seconds
    best = max(days, key=lambda day: (day.seconds, day.day))
    books = (
        BookDay.objects.filter(**of_year)
        .order_by()
        .values_list("book")
        .annotate(spent=Sum("seconds"), turned=Sum("pages"))
    )
    most = books.order_by("-spent", "book")[:BOOKS_OF_A_YEAR]
    return {
        "best_day": [best.day.isoformat(), best.seconds],
        "months": [
            [
                round(spent, SECONDS_DIGITS),
                round(pace.pages, SECONDS_DIGITS),
                round(pace.paged_seconds, SECONDS_DIGITS),
                round(pace.progress, PROGRESS_DIGITS),
                round(pace.progress_seconds, SECONDS_DIGITS),
            ]
            for spent, pace in zip(seconds, months, strict=True)
        ],
        "books": [[book, round(spent, SECONDS_DIGITS), round(pages, SECONDS_DIGITS)] for book, spent, pages in most],
        "book_count": BookDay.objects.filter(**of_year).aggregate(n=Count("book", distinct=True))["n"],
    }


def runs_of_years(years: Iterable[ReaderYear]) -> Runs:
    """The runs of all years, in their order."""
    runs = Runs()
    for year in years:
        runs = runs.joined(
            Runs(
                year.first_day,
                year.last_day,
                year.first_run,
                year.last_run,
                year.longest_run,
                year.longest_run_ended_on,
            )
        )
    return runs


def store_totals(books: Sequence[BookTotal], years: Sequence[ReaderYear]) -> None:
    """Store what was computed, in the transaction that dropped the payload's mark; what has no days goes."""
    _store(BookTotal, "reader_id, book_id", [total for total in books if total.days])
    _store(ReaderYear, "reader_id, year", [year for year in years if year.review])
    for total in books:
        if not total.days:
            BookTotal.objects.filter(reader=total.reader_id, book=total.book_id).delete()
    for year in years:
        if not year.review:
            ReaderYear.objects.filter(reader=year.reader_id, year=year.year).delete()


def _store(kind: type[AnyTotal], unique: str, rows: Sequence[AnyTotal]) -> None:
    columns = [field.column for field in kind._meta.concrete_fields if not field.primary_key]
    changes = ", ".join(f'"{column}" = excluded."{column}"' for column in columns if column not in unique.split(", "))
    for begin in range(0, len(rows), ROWS_A_STATEMENT):
        tail = f"ON CONFLICT ({unique}) DO UPDATE SET {changes}"
        insert_rows(rows[begin : begin + ROWS_A_STATEMENT], tail=tail)
