"""Recomputing what is derived, and proving that it is what its source rows say."""

from collections.abc import Iterator
from datetime import date

import orjson

from accounts.marks import open_marks
from accounts.models import Reader
from library.models import Book
from reading.days import Totals, counted_sessions, day_totals, totals_of_days
from reading.marks import is_pending, mark_days_stale, mark_payload_stale, mark_statuses_stale
from reading.models import (
    BookDay,
    BookStatus,
    PositionWrite,
    Session,
    StaleDay,
    StalePayload,
    StaleStatus,
    StatsPayload,
    StatusFact,
    StatusState,
)
from reading.payload import compose, etag_of
from reading.refreshing import refresh
from reading.status import StatusNow, status_of

Shown = dict[tuple[date, int], tuple[float, int, int, float]]  # by day and book: seconds, sessions, carried, pages


def _readers(reader: Reader | None) -> Iterator[Reader]:
    return iter([reader]) if reader else Reader.objects.order_by("pk").iterator()


def rebuild(reader: Reader | None = None) -> int:
    """Recompute every derived row of one reader or of all; how many drifts there were before."""
    drifts = 0
    for one in _readers(reader):
        drifts += len(drift(one))
        totals = day_totals(counted_sessions(one), reader=one)
        derived = BookDay.objects.filter(reader=one).values_list("day", flat=True).distinct()
        mark_days_stale(one.pk, {day for day, _ in totals} | set(derived))
        mark_statuses_stale(one.pk, _books_with_facts(one))
        mark_payload_stale(one.pk)
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
    yield from _drift_of_statuses(reader)
    yield from _drift_of_payload(reader)


def _stored_totals(reader: Reader) -> Shown:
    rows = BookDay.objects.filter(reader=reader)
    fields = ("day", "book_id", "seconds", "sessions", "carried", "pages")
    return {
        (day, book): (seconds, sessions, carried, pages)
        for day, book, seconds, sessions, carried, pages in rows.values_list(*fields).iterator()
    }


def _as_tuples(totals: Totals) -> Shown:
    return {key: (total.seconds, total.sessions, total.carried, total.pages) for key, total in totals.items()}


def _drift_of_days(reader: Reader) -> Iterator[str]:
    stored = _stored_totals(reader)
    computed = _as_tuples(day_totals(counted_sessions(reader), reader=reader))
    suspects = {key[0] for key in stored.keys() | computed.keys() if stored.get(key) != computed.get(key)}
    for day in sorted(suspects):
        now = _as_tuples(totals_of_days(reader, day, day))
        kept = {key: value for key, value in _stored_totals(reader).items() if key[0] == day}
        if kept != now and not open_marks(StaleDay).filter(reader=reader, day=day).exists():
            yield f"Day {day} of {reader.username} holds {_shown(kept)}, and its sessions say {_shown(now)}."


def _shown(totals: Shown) -> str:
    return (
        f"{sum(total[0] for total in totals.values()):.0f} s in {sum(total[1] for total in totals.values())} sessions"
    )


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
    composed = compose(reader, today=payload.today)
    is_same = etag_of(composed) == payload.etag == etag_of(orjson.loads(payload.body))
    stored_again = StatsPayload.objects.filter(reader=reader, etag=payload.etag).exists()
    if not is_same and stored_again and not open_marks(StalePayload).filter(reader=reader).exists():
        yield f"The statistics of {reader.username} are not what the day totals say."
