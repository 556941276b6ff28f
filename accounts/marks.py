"""Stale marks: what is derived and out of date.

They are written in the transaction that made something stale, so they are as durable as the cause. A rebuild reads a
mark's version, computes without holding any lock, and stores its result in one transaction with dropping the mark *of
that version*. If something was marked again meanwhile the version differs, nothing is stored, and the rebuild starts
over: no lost update, and no lock held while computing, which on SQLite would hold up every device.
"""

import logging
import secrets
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

from django.db import OperationalError, models
from django.db.models import F, Max, QuerySet
from django.utils import timezone

from accounts.statements import ROWS_A_STATEMENT, insert_rows, query

logger = logging.getLogger(__name__)

# A rebuild that raises is tried this often; after that the mark stays, visibly failed, and holds up nothing else.
MOST_ATTEMPTS = 5

# What passes by itself, or says that time is up: no fault of the mark, so it is raised and counts as no attempt.
Passing = tuple[type[Exception], ...]
PASSING: Passing = (OperationalError,)


class Mark(models.Model):
    """Says that something derived is out of date. Written in the transaction that made it so; the only durable queue.

    `version` changes with each marking: a rebuild drops the mark only if it is still the one it began with.
    """

    version = models.BigIntegerField()
    marked_at = models.DateTimeField()
    attempts = models.PositiveSmallIntegerField(default=0)  # failed rebuilds since the last marking
    failure = models.CharField(max_length=500, blank=True)

    class Meta:
        abstract = True


AnyMark = TypeVar("AnyMark", bound=Mark)
_CHANGES = ", ".join(f"{column} = excluded.{column}" for column in ("version", "marked_at", "attempts", "failure"))


def put_marks(kind: type[AnyMark], what: Iterable[dict[str, Any]], *, unique: str) -> None:
    """Say that these things are out of date; call it inside the transaction that made them so.

    `what` are the columns that say which thing, in one order for all callers; `unique` names them for SQL.
    """
    # Updating a mark that exists also locks its row, so no rebuild drops it before our rows are committed. In one
    # order, so that two transactions never wait for each other's.
    fresh = {"marked_at": timezone.now(), "attempts": 0, "failure": ""}
    rows = [kind(version=secrets.randbits(62), **fresh, **columns) for columns in what]
    for begin in range(0, len(rows), ROWS_A_STATEMENT):
        tail = f"ON CONFLICT ({unique}) DO UPDATE SET {_CHANGES}"
        insert_rows(rows[begin : begin + ROWS_A_STATEMENT], tail=tail)


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


def marks_that_failed(kind: type[AnyMark]) -> list[AnyMark]:
    """The marks whose rebuild failed for good, for `tome doctor`."""
    return list(kind._default_manager.filter(attempts__gte=MOST_ATTEMPTS))


def drain(
    kind: type[AnyMark],
    rebuild: Callable[[list[AnyMark]], None],
    *,
    deadline: float,
    next_group: Callable[[QuerySet[AnyMark]], list[AnyMark]],
    passing: Passing = PASSING,
) -> bool:
    """Rebuild what is marked until `time.monotonic()` is past `deadline`; whether everything was done.

    `next_group` picks what to rebuild together from the marks that are left. A rebuild that raises is kept with its
    reason and tried again later; it holds up nothing else. Errors in `passing` are raised.
    """
    # Only what was marked when this began, and each mark once: a device that goes on sending would otherwise keep a
    # worker rebuilding the same thing without a pause. What is marked meanwhile has a message of its own.
    newest = open_marks(kind).aggregate(newest=Max("pk"))["newest"]
    taken: set[int] = set()
    while newest is not None:
        group = next_group(open_marks(kind).filter(pk__lte=newest).exclude(pk__in=taken))
        if not group:
            break
        if time.monotonic() > deadline:
            return False
        try:
            rebuild(group)
        except passing:
            raise
        except Exception:
            # One that breaks must not keep all the others from moving.
            logger.exception("Rebuilding %s %s failed", kind.__name__, [mark.pk for mark in group])
            _rebuild_one_by_one(group, rebuild, passing)
        # Those that are left: marked again, or failed. To name all that were taken would make each look longer than the
        # last, and some day too long for SQLite.
        left = kind._default_manager.filter(pk__in=[mark.pk for mark in group])
        taken |= set(left.values_list("pk", flat=True))
    return True


def _rebuild_one_by_one(group: list[AnyMark], rebuild: Callable[[list[AnyMark]], None], passing: Passing) -> None:
    """Rebuild each mark of a group by itself, and keep why the ones that fail do."""
    for mark in group:
        try:
            rebuild([mark])
        except passing:
            raise
        except Exception as error:
            note_failure(mark, error)
