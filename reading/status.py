"""How far a reader is with a book: unread, reading or read.

Derived from three kinds of facts: the positions that were stored, the sessions that count, and what the reader set by
hand. Completion is sticky: reopening a book does not un-finish it. A status set by hand holds from its moment on; only
what was read later changes it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import Min, Q

from accounts.marks import drop_marks
from accounts.models import Reader
from library.models import Book
from library.queries import standing_book
from reading.marks import mark_payload_stale, mark_statuses_stale
from reading.models import FINISHED_FROM, BookStatus, PositionWrite, Session, StaleStatus, StatusFact, StatusState
from reading.plausibility import COUNTED, at_the_end
from reading.positions import clear_place
from reading.turns import take_turn


@dataclass(frozen=True)
class StatusNow:
    state: str
    started_at: datetime | None = None
    finished_at: datetime | None = None


def status_of(reader_id: int, book_id: int) -> StatusNow:
    """A reader's status of a book, worked out from the facts."""
    fact = StatusFact.objects.filter(reader=reader_id, book=book_id).order_by("-set_at", "-pk").first()
    started_at, finished_at = _firsts(reader_id, book_id, after=fact.set_at if fact else None)
    if fact is not None and fact.state == StatusState.READ:
        return StatusNow(StatusState.READ, finished_at=fact.set_at)
    if finished_at is not None:
        return StatusNow(StatusState.READ, started_at, finished_at)
    if fact is not None and fact.state == StatusState.READING:
        return StatusNow(StatusState.READING, started_at=fact.set_at)
    if started_at is not None:
        return StatusNow(StatusState.READING, started_at)
    return StatusNow(StatusState.UNREAD)


def _firsts(reader_id: int, book_id: int, *, after: datetime | None) -> tuple[datetime | None, datetime | None]:
    """When the reader was first beyond the start, and first at the end, in what was read after a moment."""
    places = PositionWrite.objects.filter(
        reader=reader_id, book=book_id, verdict=PositionWrite.Verdict.STORED, percentage__gt=0
    )
    sessions = Session.objects.filter(reader=reader_id, book=book_id, flag__in=COUNTED)
    if after is not None:
        places, sessions = places.filter(read_at__gt=after), sessions.filter(ended_at__gt=after)
    by_place = places.aggregate(
        started=Min("read_at"), finished=Min("read_at", filter=Q(percentage__gte=FINISHED_FROM))
    )
    # The first of an index each: the book may have thousands of sessions.
    ends = sessions.order_by("ended_at").values_list("ended_at", flat=True)
    ends_at_the_end = at_the_end(sessions).order_by("ended_at").values_list("ended_at", flat=True)
    return (
        _earlier(by_place["started"], ends.filter(progress_end__gt=0).first()),
        _earlier(by_place["finished"], ends_at_the_end.first()),
    )


def _earlier(one: datetime | None, other: datetime | None) -> datetime | None:
    return min((instant for instant in (one, other) if instant is not None), default=None)


@transaction.atomic
def set_status(reader: Reader, book: Book, state: str, *, now: datetime) -> None:
    """Keep what the reader says about a book. Setting it unread clears the place."""
    take_turn(reader.pk)
    book = standing_book(book)
    StatusFact.objects.create(reader=reader, book=book, state=state, set_at=now)
    if state == StatusState.UNREAD:
        clear_place(reader, book, now=now)
    mark_statuses_stale(reader.pk, [book.pk])


def rebuild_statuses(marks: Sequence[StaleStatus]) -> None:
    """Bring marked statuses of one reader up to date and drop their marks, but for those marked again meanwhile."""
    reader_id = marks[0].reader_id
    statuses = {mark.book_id: status_of(reader_id, mark.book_id) for mark in marks}
    with transaction.atomic():
        take_turn(reader_id)
        changed = [store_status(reader_id, mark.book_id, statuses[mark.book_id]) for mark in drop_marks(marks)]
        # A book that is being read has an estimate, which moves with its place though the status stays.
        if any(changed) or any(status.state == StatusState.READING for status in statuses.values()):
            mark_payload_stale(reader_id)


def store_status(reader_id: int, book_id: int, status: StatusNow) -> bool:
    """Make the derived row say this; whether it said something else before."""
    rows = BookStatus.objects.filter(reader_id=reader_id, book_id=book_id)
    if status.state == StatusState.UNREAD:
        return bool(rows.delete()[0])
    said = rows.values_list("state", "started_at", "finished_at").first()
    if said == (status.state, status.started_at, status.finished_at):
        return False
    fields = {"state": status.state, "started_at": status.started_at, "finished_at": status.finished_at}
    BookStatus.objects.update_or_create(reader_id=reader_id, book_id=book_id, defaults=fields)
    return True
