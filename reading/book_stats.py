"""What was read of one book: in all, day by day, and how far it went."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from accounts.days import local_day, zone_or_utc
from accounts.models import Reader
from library.models import Book
from library.queries import authors_of, books_visible_to, standing_ids
from reading.breakdowns import Pace
from reading.models import BookDay, BookStatus, BookTotal, Position, Session
from reading.plausibility import COUNTED
from reading.totals import compute_books

DAYS_SHOWN = 400  # with reading, the latest; what was read before is in the totals
SESSIONS_LOOKED_AT = 2000  # of the latest, for how far the book was at the end of each day


@dataclass(frozen=True)
class DayOfBook:
    """A day on which the book was read; `place` is where it ended, a fraction, where a session told."""

    day: date
    seconds: float
    pages: float
    pace: dict[str, float]
    place: float | None


@dataclass(frozen=True)
class BookStatistics:
    book: Book
    authors: Sequence[str]
    total: BookTotal
    pace: dict[str, float]
    status: BookStatus | None
    place: float | None  # a fraction
    days: Sequence[DayOfBook]  # the latest first


def book_statistics(reader: Reader, book_id: int) -> BookStatistics | None:
    """What a reader read of a book; None for one that they cannot see and did not read."""
    book_id = standing_ids([book_id]).get(book_id, book_id)
    read = BookDay.objects.filter(reader=reader, book=book_id)
    book = books_visible_to(reader).filter(pk=book_id).first()
    if book is None and read.exists():
        book = Book.objects.filter(pk=book_id).first()  # its files are away; what was read stays
    if book is None:
        return None
    total = BookTotal.objects.filter(reader=reader, book=book, is_current=True).first()
    if total is None:
        [total] = compute_books(reader, [book.pk])
    status = BookStatus.objects.filter(reader=reader, book=book).first()
    places = Position.objects.filter(reader=reader, book=book, is_cleared=False)
    place = places.values_list("percentage", flat=True).first()
    pace = Pace(total.pages, total.paged_seconds, total.progress, total.progress_seconds)
    return BookStatistics(
        book=book,
        authors=authors_of(book),
        total=total,
        pace=pace.shown(),
        status=status,
        place=place,
        days=_days(reader, book, list(read.order_by("-day")[:DAYS_SHOWN])),
    )


def _days(reader: Reader, book: Book, rows: Sequence[BookDay]) -> list[DayOfBook]:
    places = _places(reader, book)
    days = []
    for row in rows:
        pace = Pace(row.pages, row.paged_seconds, row.progress, row.progress_seconds)
        days.append(DayOfBook(row.day, row.seconds, row.pages, pace.shown(), places.get(row.day)))
    return days


def _places(reader: Reader, book: Book) -> dict[date, float]:
    """Where the last session of each day ended."""
    sessions = Session.objects.filter(reader=reader, book=book, flag__in=COUNTED, progress_end__isnull=False)
    latest = sessions.order_by("-ended_at", "-pk").values_list("started_at", "timezone", "progress_end")
    places: dict[date, float] = {}
    for started_at, zone, place in latest[:SESSIONS_LOOKED_AT]:
        where = zone_or_utc(zone or reader.timezone)
        if place is not None:
            places.setdefault(local_day(started_at, where, reader.rollover_hour), place)
    return places
