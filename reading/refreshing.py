"""Bringing everything that is marked stale up to date.

May run twice, at once, late or never: the result is the same.
"""

import logging
import time
from collections.abc import Callable
from datetime import datetime, timedelta

from django.db import OperationalError
from django.db.models import Exists, Max, OuterRef

from accounts.models import Reader
from reading.days import rebuild_days
from reading.marks import AnyMark, mark_payload_stale, note_failure, open_marks
from reading.models import BookDay, StaleDay, StalePayload, StaleStatus, StatsPayload
from reading.payload import rebuild_payload, today_of
from reading.status import rebuild_statuses

logger = logging.getLogger(__name__)

# Marks are rebuilt in groups of one reader: a flushed outbox marks its days next to each other, and their sessions are
# read once. A group this large is still stored in a few milliseconds, which is how long SQLite's writers wait for it.
GROUP = 32
LONGEST_STRETCH = timedelta(days=62)  # of days in one group, so that few unmarked days are read between them
EASTERNMOST = timedelta(hours=14)  # where a day begins first


# What passes by itself, or says that time is up: no fault of the mark, so it is raised and counts as no attempt.
Passing = tuple[type[Exception], ...]


def refresh(*, seconds: float = 60.0, reader: Reader | None = None, passing: Passing = (OperationalError,)) -> bool:
    """Rebuild what is marked, payloads last, for about this long; whether everything was done.

    A rebuild that raises is kept with its reason and tried again later; it holds up nothing else. Errors in `passing`
    are raised.
    """
    deadline = time.monotonic() + seconds
    days = _drain(StaleDay, rebuild_days, deadline, reader, passing)
    statuses = _drain(StaleStatus, rebuild_statuses, deadline, reader, passing)
    return _drain(StalePayload, rebuild_payload, deadline, reader, passing) and days and statuses


def _drain(
    kind: type[AnyMark],
    rebuild: Callable[[list[AnyMark]], None],
    deadline: float,
    reader: Reader | None,
    passing: Passing,
) -> bool:
    # Only what was marked when this began, and each mark once: a device that goes on sending would otherwise keep a
    # worker rebuilding the same book without a pause. What is marked meanwhile has a message of its own.
    newest = open_marks(kind).aggregate(newest=Max("pk"))["newest"]
    taken: set[int] = set()
    while newest is not None:
        group: list[AnyMark] = _next_group(kind, newest, taken, reader)
        if not group:
            break
        if time.monotonic() > deadline:
            return False
        taken |= {mark.pk for mark in group}
        try:
            rebuild(group)
        except passing:
            raise
        except Exception:
            # One session that breaks the arithmetic must not keep every reader's statistics from moving.
            logger.exception("Rebuilding %s %s failed", kind.__name__, [mark.pk for mark in group])
            _rebuild_one_by_one(group, rebuild, passing)
    return True


def _next_group(kind: type[AnyMark], newest: int, taken: set[int], reader: Reader | None) -> list[AnyMark]:
    """Some marks of one reader that were there from the beginning and were not taken yet."""
    marks = open_marks(kind).filter(pk__lte=newest).exclude(pk__in=taken)
    if reader is not None:
        marks = marks.filter(reader=reader)
    first = marks.select_related("reader").first()
    if first is None:
        return []
    beside = marks.filter(reader=first.reader)
    if isinstance(first, StaleDay):
        beside = beside.filter(day__gte=first.day, day__lt=first.day + LONGEST_STRETCH)
    group = list(beside[:GROUP])
    for each in group:
        each.reader = first.reader
    return group


def _rebuild_one_by_one(group: list[AnyMark], rebuild: Callable[[list[AnyMark]], None], passing: Passing) -> None:
    """Rebuild each mark of a group by itself, and keep why the ones that fail do."""
    for mark in group:
        try:
            rebuild([mark])
        except passing:
            raise
        except Exception as error:
            note_failure(mark, error)


def mark_renamed() -> int:
    """Mark the payloads that are older than what one of the books in them is called now; how many."""
    renamed = BookDay.objects.filter(reader=OuterRef("reader"), book__described_at__gte=OuterRef("generated_at"))
    readers = list(StatsPayload.objects.filter(Exists(renamed)).values_list("reader_id", flat=True))
    for reader_id in readers:
        mark_payload_stale(reader_id)
    return len(readers)


def turn_days(*, now: datetime) -> int:
    """Mark the payloads that were made for a day that is over in the reader's zone; how many."""
    turned = 0
    payloads = StatsPayload.objects.select_related("reader").filter(today__lt=(now + EASTERNMOST).date())
    for payload in payloads.iterator():
        if payload.today != today_of(payload.reader, now):
            mark_payload_stale(payload.reader_id)
            turned += 1
    return turned
