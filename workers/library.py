"""Scanning the library folder and importing what is found. The queue is in the database; a message says "look now".

Tasks acknowledge late, yet what a killed worker left is not taken up by redelivery, which takes an hour, but by the
rows: they say what was begun, when and by whom, and beat's sweeps look every ten seconds.
"""

import time
from functools import partial

from celery import shared_task
from celery.exceptions import SoftTimeLimitExceeded
from django.db import OperationalError

import library.manifests
from library.covers import remove_orphans
from library.importing import import_some, requeue_abandoned
from library.scanning import WALK_SECONDS, claim_scan, finish_scans, walk
from reading.statistics_import import next_import, run_import
from reading.statistics_uploads import remove_leftovers
from workers.enqueue import enqueue
from workers.reading import adopt, refresh, retried_task

# A task that ends soon lets others have the worker, and lets it stop in an orderly way.
TURN_SECONDS = 60.0
# A book takes milliseconds, one of a gigabyte on a slow share a minute. The soft limit ends a file that never ends,
# with time left to say so in its row; the hard one kills, and `library.importing.CLAIM_SECONDS` equals it.
SOFT_SECONDS, HARD_SECONDS = 240, 300
long_task = partial(retried_task, acks_late=True)


@long_task(name="library.scan", soft_time_limit=WALK_SECONDS - 30, time_limit=WALK_SECONDS)
def scan(scan_id: int | None = None) -> None:
    """Walk what a queued scan is to look at, then have its files imported. One that another worker has is left to it.

    Without an id it is the one that waits longest, or whose walker was killed: its own message was lost.
    """
    claimed = claim_scan(scan_id)
    if claimed is not None:
        walk(claimed)
        enqueue(import_queued)


@long_task(name="library.import_queued", soft_time_limit=SOFT_SECONDS, time_limit=HARD_SECONDS)
def import_queued() -> None:
    """Import what is queued for about a minute; what is left then is the next message's."""
    requeue_abandoned()
    took, is_more_left = import_some(until=time.monotonic() + TURN_SECONDS)
    ended = finish_scans()
    if is_more_left:
        enqueue(import_queued)
    if took or ended:
        enqueue(refresh_manifests)
        enqueue(adopt)  # devices may have reported reading of these files before they came, or came back


@long_task(name="library.refresh_manifests", soft_time_limit=SOFT_SECONDS, time_limit=HARD_SECONDS)
def refresh_manifests() -> None:
    """Bring the manifests of series that changed up to date, for about a minute; the next message goes on."""
    _, is_done = library.manifests.refresh_manifests(
        seconds=TURN_SECONDS, passing=(OperationalError, SoftTimeLimitExceeded)
    )
    if not is_done:
        enqueue(refresh_manifests)


@long_task(name="library.import_statistics", soft_time_limit=SOFT_SECONDS, time_limit=HARD_SECONDS)
def import_statistics() -> None:
    """Import KOReader's statistics that readers handed in, for about a minute; the next message goes on.

    Here and not among the tasks of reading, since it takes minutes: no session of a device waits for it.
    """
    remove_leftovers()
    until = time.monotonic() + TURN_SECONDS
    while (import_id := next_import()) is not None:
        left = until - time.monotonic()
        is_over = left > 0 and run_import(
            import_id,
            seconds=left,
            on_progress=lambda _: enqueue(refresh),
            passing=(OperationalError, SoftTimeLimitExceeded),
        )
        if not is_over:
            enqueue(import_statistics)
            return


@shared_task(name="library.remove_orphaned_covers")
def remove_orphaned_covers() -> None:
    """Remove the images of covers that no file has any more."""
    remove_orphans()
