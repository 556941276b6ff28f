"""Bringing everything that is marked stale up to date.

May run twice, at once, late or never: the result is the same.
"""

import logging
import time
from collections.abc import Callable
from datetime import datetime, timedelta

from accounts.models import Reader
from reading.days import rebuild_day
from reading.marks import AnyMark, mark_payload_stale, note_failure, open_marks
from reading.models import StaleDay, StalePayload, StaleStatus, StatsPayload
from reading.payload import rebuild_payload, today_of
from reading.status import rebuild_status

logger = logging.getLogger(__name__)

BATCH = 100
EASTERNMOST = timedelta(hours=14)  # where a day begins first


def refresh(*, seconds: float = 60.0, reader: Reader | None = None) -> bool:
    """Rebuild what is marked, payloads last, for about this long; whether everything was done.

    A rebuild that raises is kept with its reason and tried again later; it holds up nothing else.
    """
    deadline = time.monotonic() + seconds
    days = _drain(StaleDay, rebuild_day, deadline, reader)
    statuses = _drain(StaleStatus, rebuild_status, deadline, reader)
    return _drain(StalePayload, rebuild_payload, deadline, reader) and days and statuses


def _drain(kind: type[AnyMark], rebuild: Callable[[AnyMark], bool], deadline: float, reader: Reader | None) -> bool:
    tried: set[int] = set()
    while True:
        marks = open_marks(kind).select_related("reader").exclude(pk__in=tried)
        batch = list(marks.filter(reader=reader)[:BATCH] if reader else marks[:BATCH])
        if not batch:
            return True
        for mark in batch:
            if time.monotonic() > deadline:
                return False
            try:
                rebuild(mark)
            except Exception as error:
                # One session that breaks the arithmetic must not keep every reader's statistics from moving.
                logger.exception("Rebuilding %s %s of reader %s failed", kind.__name__, mark.pk, mark.reader_id)
                note_failure(mark, error)
                tried.add(mark.pk)


def turn_days(*, now: datetime) -> int:
    """Mark the payloads that were made for a day that is over in the reader's zone; how many."""
    turned = 0
    payloads = StatsPayload.objects.select_related("reader").filter(today__lt=(now + EASTERNMOST).date())
    for payload in payloads.iterator():
        if payload.today != today_of(payload.reader, now):
            mark_payload_stale(payload.reader_id)
            turned += 1
    return turned
