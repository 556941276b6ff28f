"""Bringing everything that is marked stale up to date.

May run twice, at once, late or never: the result is the same.
"""

import time
from collections.abc import Callable
from datetime import datetime, timedelta

from django.db.models import Exists, OuterRef, QuerySet

from accounts.marks import PASSING, Passing, drain
from accounts.models import Reader
from reading.days import rebuild_days
from reading.marks import AnyReadersMark, mark_payload_stale
from reading.models import BookDay, StaleDay, StalePayload, StaleStatus, StatsPayload
from reading.payload import rebuild_payload
from reading.status import rebuild_statuses
from reading.zones import open_recounts, recount_some

# Marks are rebuilt in groups of one reader: a flushed outbox marks its days next to each other, and their sessions are
# read once. A group this large is still stored in a few milliseconds, which is how long SQLite's writers wait for it.
GROUP = 32
LONGEST_STRETCH = timedelta(days=62)  # of days in one group, so that few unmarked days are read between them


def refresh(*, seconds: float = 60.0, reader: Reader | None = None, passing: Passing = PASSING) -> bool:
    """Rebuild what is marked, payloads last, for about this long; whether everything was done.

    A rebuild that raises is kept with its reason and tried again later; it holds up nothing else. Errors in `passing`
    are raised.
    """
    deadline = time.monotonic() + seconds
    days = _drain(StaleDay, rebuild_days, deadline, reader, passing)
    statuses = _drain(StaleStatus, rebuild_statuses, deadline, reader, passing)
    return _drain(StalePayload, rebuild_payload, deadline, reader, passing) and days and statuses


def _drain(
    kind: type[AnyReadersMark],
    rebuild: Callable[[list[AnyReadersMark]], None],
    deadline: float,
    reader: Reader | None,
    passing: Passing,
) -> bool:
    def next_group(marks: QuerySet[AnyReadersMark]) -> list[AnyReadersMark]:
        return _next_group(marks if reader is None else marks.filter(reader=reader))

    return drain(kind, rebuild, deadline=deadline, next_group=next_group, passing=passing)


def _next_group(marks: QuerySet[AnyReadersMark]) -> list[AnyReadersMark]:
    """Some of these marks, of one reader."""
    # Those that never failed, in the order of their ids: of a hundred thousand marks the first is found at once.
    fresh = marks.filter(attempts=0).order_by("pk").select_related("reader")
    first = fresh.first() or marks.select_related("reader").first()
    if first is None:
        return []
    beside = marks.filter(reader=first.reader)
    if isinstance(first, StaleDay):
        beside = beside.filter(day__gte=first.day, day__lt=first.day + LONGEST_STRETCH)
    group = list(beside[:GROUP])
    for each in group:
        each.reader = first.reader
    return group


def recount(*, seconds: float, passing: Passing = PASSING) -> bool:
    """Count days anew for readers who changed when their days begin, for about this long; whether all is done.

    Some days of each in turn, and in between whatever else was marked: nobody waits for another reader's years.
    """
    deadline = time.monotonic() + seconds
    while readers := open_recounts():
        for reader_id in readers:
            if time.monotonic() > deadline:
                return False
            # Once before, too: what was reported during the last turn does not wait for this one.
            refresh(seconds=max(0.0, deadline - time.monotonic()), passing=passing)
            recount_some(reader_id)
            refresh(seconds=max(0.0, deadline - time.monotonic()), passing=passing)
    return True


def mark_renamed() -> int:
    """Mark the payloads that are older than what one of the books in them is called now; how many."""
    renamed = BookDay.objects.filter(reader=OuterRef("reader"), book__described_at__gte=OuterRef("generated_at"))
    readers = list(StatsPayload.objects.filter(Exists(renamed)).values_list("reader_id", flat=True))
    for reader_id in readers:
        mark_payload_stale(reader_id)
    return len(readers)


def turn_days(*, now: datetime) -> int:
    """Mark the payloads since whose making a new day began for their reader; how many."""
    readers = list(StatsPayload.objects.filter(good_until__lte=now).values_list("reader_id", flat=True))
    for reader_id in readers:
        mark_payload_stale(reader_id)
    return len(readers)
