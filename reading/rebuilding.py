"""Recomputing what is derived, and proving that it is what its source rows say."""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

from django.db.models import Max, Min

from accounts.days import days_anywhere
from accounts.marks import open_marks
from accounts.models import Reader
from library.models import Book
from reading.days import book_rows, mark_totals_stale, reader_rows, totals_of_days
from reading.marks import is_pending, mark_days_stale, mark_payload_stale, mark_statuses_stale
from reading.models import (
    BookDay,
    BookStatus,
    BookTotal,
    PositionWrite,
    ReaderDay,
    ReaderYear,
    Recount,
    Session,
    StaleDay,
    StalePayload,
    StaleStatus,
    StatsPayload,
    StatusFact,
    StatusState,
)
from reading.payload import compose, etag_of
from reading.plausibility import COUNTED
from reading.refreshing import refresh
from reading.status import StatusNow, status_of
from reading.totals import compute_books, compute_years

Rows = dict[Any, dict[str, Any]]  # what derived rows say, by what tells them apart

# Days are compared so many at a time: years of reading would not fit into the memory of a small server.
DAYS_AT_ONCE = 128
DAYS_LOOKED_AT_AGAIN = 16


def _readers(reader: Reader | None) -> Iterator[Reader]:
    return iter([reader]) if reader else Reader.objects.order_by("pk").iterator()


def rebuild(reader: Reader | None = None) -> int:
    """Recompute every derived row of one reader or of all; how many drifts there were before."""
    drifts = 0
    for one in _readers(reader):
        drifts += len(drift(one))
        for first, last in _stretches(one):
            rows = (*_stored_days(one, first, last), *_computed_days(one, first, last))
            mark_days_stale(one.pk, {day for day, *_ in rows})
        mark_totals_stale(one, _keys(one, BookTotal, "book_id"), _keys(one, ReaderYear, "year"))
        mark_statuses_stale(one.pk, _books_with_facts(one))
        mark_payload_stale(one.pk)
        Recount.objects.filter(reader=one).delete()  # all its days are marked
        while not refresh(reader=one):
            pass
    return drifts


def drift(reader: Reader | None = None) -> list[str]:
    """A sentence for each derived row that is not what its source rows say. Changes nothing.

    What is marked stale is no drift: it says of itself that it is out of date. Workers and devices go on meanwhile, so
    each difference is looked at again by itself before it is told.
    """
    return [sentence for one in _readers(reader) for sentence in _drift_of(one)]


def _drift_of(reader: Reader) -> Iterator[str]:
    yield from _drift_of_days(reader)
    yield from _drift_of_totals(reader)
    yield from _drift_of_statuses(reader)
    yield from _drift_of_payload(reader)


def _rows(rows: Any, *keys: str) -> Rows:
    """What these rows say, but for their ids and whose they are."""
    said = {}
    for row in rows:
        fields = {name: value for name, value in vars(row).items() if not name.startswith("_") and name != "id"}
        said[tuple(fields[key] for key in keys)] = fields
    return said


def _stretches(reader: Reader) -> Iterator[tuple[date, date]]:
    """The first and last days of stretches that together hold everything counted, or that should be."""
    counted = Session.objects.filter(reader=reader, book__isnull=False, flag__in=COUNTED)
    ends = counted.aggregate(first=Min("started_at"), last=Max("ended_at"))
    days = days_anywhere(ends["first"], ends["last"], reader.rollover_hour) if ends["first"] else []
    bounds = {*days[:1], *days[-1:]}
    for kind in (BookDay, ReaderDay):
        stored = kind._default_manager.filter(reader=reader).aggregate(first=Min("day"), last=Max("day"))
        bounds |= {stored["first"], stored["last"]} - {None}
    if bounds:
        yield from _split(min(bounds), max(bounds), DAYS_AT_ONCE)


def _split(first: date, last: date, most: int) -> Iterator[tuple[date, date]]:
    while first <= last:
        until = min(last, first + timedelta(days=most - 1))
        yield first, until
        first = until + timedelta(days=1)


def _stored_days(reader: Reader, first: date, last: date) -> Rows:
    of_days = {"reader": reader, "day__gte": first, "day__lte": last}
    books, days = BookDay.objects.filter(**of_days), ReaderDay.objects.filter(**of_days)
    return _rows(books.iterator(), "day", "book_id") | _rows(days.iterator(), "day")


def _computed_days(reader: Reader, first: date, last: date) -> Rows:
    totals = totals_of_days(reader, first, last)
    days = set(totals.days)
    return _rows(book_rows(reader, totals, days), "day", "book_id") | _rows(reader_rows(reader, totals, days), "day")


def _on(rows: Rows, day: date) -> Rows:
    return {key: row for key, row in rows.items() if key[0] == day}


def _differences(reader: Reader, first: date, last: date) -> dict[date, tuple[Rows, Rows]]:
    """The days on which what is stored is not what the sessions say, each with both."""
    computed, stored = _computed_days(reader, first, last), _stored_days(reader, first, last)
    days = {key[0] for key in stored.keys() | computed.keys() if stored.get(key) != computed.get(key)}
    return {day: (_on(stored, day), _on(computed, day)) for day in sorted(days)}


def _drift_of_days(reader: Reader) -> Iterator[str]:
    if Recount.objects.filter(reader=reader).exists():
        return  # some are counted by the new rules, and some not yet
    for stretch in _stretches(reader):
        suspects = set(_differences(reader, *stretch))
        for first, last in _split(min(suspects), max(suspects), DAYS_LOOKED_AT_AGAIN) if suspects else ():
            if not any(first <= day <= last for day in suspects):
                continue
            for day, (kept, now) in _differences(reader, first, last).items():
                if day in suspects and not open_marks(StaleDay).filter(reader=reader, day=day).exists():
                    yield f"Day {day} of {reader.username} holds {_shown(kept)}, and its sessions say {_shown(now)}."


def _shown(rows: Rows) -> str:
    books = [row for key, row in rows.items() if len(key) > 1]
    return f"{sum(row['seconds'] for row in books):.0f} s in {sum(row['sessions'] for row in books)} sessions"


def _drift_of_totals(reader: Reader) -> Iterator[str]:
    """Sums over many days against the days, unless they are to be brought up to date with the payload anyway."""
    if is_pending(reader):
        return
    days = ReaderDay.objects.filter(reader=reader).order_by().values_list("day", flat=True)
    of_books = BookDay.objects.filter(reader=reader).order_by().values_list("book_id", flat=True).distinct()
    books = {*of_books, *_keys(reader, BookTotal, "book_id")}
    years = {*(day.year for day in days), *_keys(reader, ReaderYear, "year")}
    of_all_books = [total for total in compute_books(reader, sorted(books)) if total.days]
    of_all_years = [year for year in compute_years(reader, sorted(years)) if year.review]
    for kind, key, name, computed in (
        (BookTotal, "book_id", "Book {} of {}", of_all_books),
        (ReaderYear, "year", "The year {} of {}", of_all_years),
    ):
        stored, said = _rows(kind._default_manager.filter(reader=reader), key), _rows(computed, key)
        for which in sorted(stored.keys() | said.keys()):
            if stored.get(which) != said.get(which) and not is_pending(reader):
                yield f"{name.format(which[0], reader.username)} is not summed up as its days say."


def _keys(reader: Reader, kind: Any, key: str) -> list[int]:
    return list(kind.objects.filter(reader=reader).values_list(key, flat=True))


def _books_with_facts(reader: Reader) -> set[int]:
    books: set[int] = set()
    for kind in (PositionWrite, Session, StatusFact, BookStatus):
        rows = kind._default_manager.filter(reader=reader, book__isnull=False)
        books |= set(rows.order_by().values_list("book_id", flat=True).distinct())
    return books


def _drift_of_statuses(reader: Reader) -> Iterator[str]:
    for book_id in sorted(_books_with_facts(reader)):
        if open_marks(StaleStatus).filter(reader=reader, book=book_id).exists():
            continue
        stored, computed = _stored_status(reader, book_id), status_of(reader.pk, book_id)
        if stored != computed and not open_marks(StaleStatus).filter(reader=reader, book=book_id).exists():
            if not Book.objects.filter(pk=book_id).exists():
                continue  # deleted while we looked
            yield f"Book {book_id} is {stored.state} for {reader.username}, and its facts say {computed.state}."


def _stored_status(reader: Reader, book_id: int) -> StatusNow:
    row = BookStatus.objects.filter(reader=reader, book=book_id).first()
    return StatusNow(row.state, row.started_at, row.finished_at) if row else StatusNow(StatusState.UNREAD)


def _drift_of_payload(reader: Reader) -> Iterator[str]:
    if is_pending(reader):
        return
    payload = StatsPayload.objects.filter(reader=reader).first()
    if payload is None:
        if BookDay.objects.filter(reader=reader).exists():
            yield f"The statistics of {reader.username} were never put together."
        return
    composed = compose(reader, now=payload.generated_at).body
    is_same = etag_of(composed) == payload.etag == etag_of(bytes(payload.body))
    stored_again = StatsPayload.objects.filter(reader=reader, etag=payload.etag).exists()
    if not is_same and stored_again and not open_marks(StalePayload).filter(reader=reader).exists():
        yield f"The statistics of {reader.username} are not what the day totals say."
