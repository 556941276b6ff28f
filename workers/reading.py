"""Tasks of the queue `sync`: they bring up to date what sessions and positions made stale.

They acknowledge their message before they run: the marks in the database are the real queue, and beat's sweep finds
whatever a killed worker left. They carry no arguments, so a hundred sessions need no more than one message.
"""

import logging
from functools import partial

from celery import shared_task
from celery.exceptions import SoftTimeLimitExceeded
from django.db import OperationalError
from django.utils import timezone

from reading.links import adopt_known_files
from reading.merging import finish_regroupings
from reading.rebuilding import drift
from reading.refreshing import mark_renamed, recount, turn_days
from reading.refreshing import refresh as refresh_marks
from workers.enqueue import enqueue

logger = logging.getLogger(__name__)

# A locked or restarting database passes by itself; anything else is a bug, and is to be seen.
retried_task = partial(shared_task, autoretry_for=(OperationalError,), retry_backoff=True, max_retries=5)
PASSING = (OperationalError, SoftTimeLimitExceeded)
SECONDS_A_RUN = 60.0  # far below the hard limit of a task; what is left then is taken by the next message


@retried_task(name="reading.refresh")
def refresh() -> None:
    """Rebuild the days, statuses and payloads that are marked stale."""
    is_done = refresh_marks(seconds=SECONDS_A_RUN, passing=PASSING)
    if not (is_done and recount(seconds=SECONDS_A_RUN, passing=PASSING)):
        enqueue(refresh)


@retried_task(name="reading.turn_day")
def turn_day() -> None:
    """Have the payloads rebuilt whose reader began a new day: streak and windows move without any reading."""
    if turn_days(now=timezone.now()):
        enqueue(refresh)


@retried_task(name="reading.adopt")
def adopt() -> None:
    """After an import: count what devices reported of the files before, and name books as they are named now."""
    renamed = mark_renamed()
    adopted, is_more_waiting = adopt_known_files()
    if adopted or renamed:
        enqueue(refresh)
    if is_more_waiting:
        enqueue(adopt)


@retried_task(name="reading.finish_regroupings")
def finish_merges_and_splits() -> None:
    """Finish the merges and splits by hand that a killed process left half done."""
    if finish_regroupings():
        enqueue(refresh)


@retried_task(name="reading.check_drift", soft_time_limit=1500, time_limit=1800)
def check_drift() -> None:
    """Prove that the derived rows are what their source rows say, and say where they are not."""
    for sentence in drift():
        logger.error("Drift: %s", sentence)
