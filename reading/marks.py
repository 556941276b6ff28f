"""What of a reader is derived and out of date: their days, statuses and stats payload. See `accounts.marks`."""

from collections.abc import Iterable
from datetime import date
from typing import TypeVar

from accounts.marks import MOST_ATTEMPTS, marks_that_failed, open_marks, put_marks
from accounts.models import Reader
from accounts.statements import query
from reading.models import Recount, StaleDay, StaleMark, StalePayload, StaleStatus

AnyReadersMark = TypeVar("AnyReadersMark", StaleDay, StaleStatus, StalePayload)

# An SQL condition on the reader, given so many times: whether anything of theirs is marked, or being counted anew. What
# failed for good is not waited for.
PENDING = " OR ".join(
    [
        *(
            f'EXISTS (SELECT 1 FROM "{kind._meta.db_table}" WHERE reader_id = %s AND attempts < {MOST_ATTEMPTS})'
            for kind in (StalePayload, StaleDay, StaleStatus)
        ),
        f'EXISTS (SELECT 1 FROM "{Recount._meta.db_table}" WHERE reader_id = %s)',
    ]
)
PENDING_VALUES = PENDING.count("%s")


def mark_days_stale(reader_id: int, days: Iterable[date]) -> None:
    """Say that these days are out of date; call it inside the transaction that made them so."""
    which = [{"reader_id": reader_id, "day": day} for day in sorted(set(days))]
    put_marks(StaleDay, which, unique="reader_id, day")


def mark_statuses_stale(reader_id: int, book_ids: Iterable[int]) -> None:
    """Say that the reader's status of these books is out of date; inside the transaction that made it so."""
    which = [{"reader_id": reader_id, "book_id": book_id} for book_id in sorted(set(book_ids))]
    put_marks(StaleStatus, which, unique="reader_id, book_id")


def mark_payload_stale(reader_id: int) -> None:
    """Say that the reader's stats payload is out of date; inside the transaction that made it so."""
    put_marks(StalePayload, [{"reader_id": reader_id}], unique="reader_id")


def ask_for_payload(reader_id: int) -> None:
    """Have the payload put together unless it is asked for already: a new mark would void the rebuild that runs now."""
    if not open_marks(StalePayload).filter(reader=reader_id).exists():
        mark_payload_stale(reader_id)


def is_pending(reader: Reader) -> bool:
    """Whether something newer than the reader's stats payload is still to be computed."""
    return bool(query(f"SELECT {PENDING}", [reader.pk] * PENDING_VALUES)[0][0])


def failed_marks() -> list[StaleMark]:
    """The marks whose rebuild failed for good, for `tome doctor`."""
    return [*marks_that_failed(StaleDay), *marks_that_failed(StaleStatus), *marks_that_failed(StalePayload)]
