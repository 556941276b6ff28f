"""Stale marks: what is derived and out of date.

They are written in the transaction that made something stale, so they are as durable as the cause. A rebuild reads a
mark's version, computes without holding any lock, and stores its result in one transaction with dropping the mark *of
that version*. If something was marked again meanwhile the version differs, nothing is stored, and the rebuild starts
over: no lost update, and no lock held while computing, which on SQLite would hold up every device.
"""

import secrets
from collections.abc import Iterable
from datetime import date, datetime
from typing import TypeVar

from django.db.models import F, QuerySet
from django.utils import timezone

from accounts.models import Reader
from reading.models import StaleDay, StaleMark, StalePayload, StaleStatus

AnyMark = TypeVar("AnyMark", StaleDay, StaleStatus, StalePayload)
_REMARKED = ["version", "marked_at", "attempts", "failure"]
# A rebuild that raises is tried this often; after that the mark stays, visibly failed, and holds up nothing else.
MOST_ATTEMPTS = 5


def _fresh(now: datetime) -> dict[str, object]:
    return {"version": secrets.randbits(62), "marked_at": now, "attempts": 0, "failure": ""}


def mark_days_stale(reader_id: int, days: Iterable[date]) -> None:
    """Say that these days are out of date; call it inside the transaction that made them so."""
    now = timezone.now()
    # Updating a mark that exists also locks its row, so no rebuild drops it before our rows are committed. Sorted, so
    # that two uploads lock in one order.
    StaleDay.objects.bulk_create(
        [StaleDay(reader_id=reader_id, day=day, **_fresh(now)) for day in sorted(set(days))],
        update_conflicts=True,
        unique_fields=["reader", "day"],
        update_fields=_REMARKED,
    )


def mark_statuses_stale(reader_id: int, book_ids: Iterable[int]) -> None:
    """Say that the reader's status of these books is out of date; inside the transaction that made it so."""
    now = timezone.now()
    StaleStatus.objects.bulk_create(
        [StaleStatus(reader_id=reader_id, book_id=book_id, **_fresh(now)) for book_id in sorted(set(book_ids))],
        update_conflicts=True,
        unique_fields=["reader", "book"],
        update_fields=_REMARKED,
    )


def mark_payload_stale(reader_id: int) -> None:
    """Say that the reader's stats payload is out of date; inside the transaction that made it so."""
    StalePayload.objects.bulk_create(
        [StalePayload(reader_id=reader_id, **_fresh(timezone.now()))],
        update_conflicts=True,
        unique_fields=["reader"],
        update_fields=_REMARKED,
    )


def drop_mark(mark: AnyMark) -> bool:
    """Drop a mark if it is still the one that was read; inside the transaction that stores what was rebuilt."""
    deleted, _ = type(mark)._default_manager.filter(pk=mark.pk, version=mark.version).delete()
    return bool(deleted)


def note_failure(mark: AnyMark, error: Exception) -> None:
    """Keep why a rebuild failed; unless it was marked again meanwhile, when it deserves a fresh try."""
    type(mark)._default_manager.filter(pk=mark.pk, version=mark.version).update(
        attempts=F("attempts") + 1, failure=f"{type(error).__name__}: {error}"[:500]
    )


def open_marks(kind: type[AnyMark]) -> QuerySet[AnyMark]:
    """Marks that a rebuild should take, oldest first."""
    return kind._default_manager.filter(attempts__lt=MOST_ATTEMPTS).order_by("attempts", "pk")


def is_pending(reader: Reader) -> bool:
    """Whether something newer than the reader's stats payload is still to be computed."""
    return any(kind._default_manager.filter(reader=reader).exists() for kind in (StalePayload, StaleDay, StaleStatus))


def failed_marks() -> list[StaleMark]:
    """The marks whose rebuild failed for good, for `tome doctor`."""
    kinds: tuple[type[StaleMark], ...] = (StaleDay, StaleStatus, StalePayload)
    return [mark for kind in kinds for mark in kind._default_manager.filter(attempts__gte=MOST_ATTEMPTS)]
