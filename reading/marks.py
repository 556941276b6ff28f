"""Stale marks: what is derived and out of date.

They are written in the transaction that made something stale, so they are as durable as the cause. A rebuild reads a
mark's version, computes without holding any lock, and stores its result in one transaction with dropping the mark *of
that version*. If something was marked again meanwhile the version differs, nothing is stored, and the rebuild starts
over: no lost update, and no lock held while computing, which on SQLite would hold up every device.
"""

import secrets
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import TypeVar

from django.db.models import F, QuerySet
from django.utils import timezone

from accounts.models import Reader
from accounts.statements import insert_rows, query
from reading.models import StaleDay, StaleMark, StalePayload, StaleStatus

AnyMark = TypeVar("AnyMark", StaleDay, StaleStatus, StalePayload)
# A rebuild that raises is tried this often; after that the mark stays, visibly failed, and holds up nothing else.
MOST_ATTEMPTS = 5

# An SQL condition on the reader, given three times: whether anything of theirs is marked. What failed for good is not
# waited for.
PENDING = " OR ".join(
    f'EXISTS (SELECT 1 FROM "{kind._meta.db_table}" WHERE reader_id = %s AND attempts < {MOST_ATTEMPTS})'
    for kind in (StalePayload, StaleDay, StaleStatus)
)


def _fresh(now: datetime) -> dict[str, object]:
    return {"version": secrets.randbits(62), "marked_at": now, "attempts": 0, "failure": ""}


def _again(unique: str) -> str:
    changes = ", ".join(f"{column} = excluded.{column}" for column in ("version", "marked_at", "attempts", "failure"))
    return f"ON CONFLICT ({unique}) DO UPDATE SET {changes}"


def mark_days_stale(reader_id: int, days: Iterable[date]) -> None:
    """Say that these days are out of date; call it inside the transaction that made them so."""
    now = timezone.now()
    # Updating a mark that exists also locks its row, so no rebuild drops it before our rows are committed. Sorted, so
    # that two uploads lock in one order.
    rows = [StaleDay(reader_id=reader_id, day=day, **_fresh(now)) for day in sorted(set(days))]
    insert_rows(rows, tail=_again("reader_id, day"))


def mark_statuses_stale(reader_id: int, book_ids: Iterable[int]) -> None:
    """Say that the reader's status of these books is out of date; inside the transaction that made it so."""
    now = timezone.now()
    rows = [StaleStatus(reader_id=reader_id, book_id=book_id, **_fresh(now)) for book_id in sorted(set(book_ids))]
    insert_rows(rows, tail=_again("reader_id, book_id"))


def mark_payload_stale(reader_id: int) -> None:
    """Say that the reader's stats payload is out of date; inside the transaction that made it so."""
    insert_rows([StalePayload(reader_id=reader_id, **_fresh(timezone.now()))], tail=_again("reader_id"))


def ask_for_payload(reader_id: int) -> None:
    """Have the payload put together unless it is asked for already: a new mark would void the rebuild that runs now."""
    if not open_marks(StalePayload).filter(reader=reader_id).exists():
        mark_payload_stale(reader_id)


def drop_marks(marks: Sequence[AnyMark]) -> list[AnyMark]:
    """Drop the marks that are still the ones that were read; inside the transaction that stores what was rebuilt.

    Returns those that were dropped: of the others, what was computed is out of date already.
    """
    if not marks:
        return []
    same = " OR ".join(["(id = %s AND version = %s)"] * len(marks))
    values = [value for mark in marks for value in (mark.pk, mark.version)]
    dropped = {pk for (pk,) in query(f'DELETE FROM "{marks[0]._meta.db_table}" WHERE {same} RETURNING id', values)}
    return [mark for mark in marks if mark.pk in dropped]


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
    return bool(query(f"SELECT {PENDING}", [reader.pk] * 3)[0][0])


def failed_marks() -> list[StaleMark]:
    """The marks whose rebuild failed for good, for `tome doctor`."""
    kinds: tuple[type[StaleMark], ...] = (StaleDay, StaleStatus, StalePayload)
    return [mark for kind in kinds for mark in kind._default_manager.filter(attempts__gte=MOST_ATTEMPTS)]
