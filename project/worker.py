"""The Celery workers: for each queue a worker with processes of its own, so that no queue waits for another."""

import gc
import os
import sys
import time
from collections.abc import Sequence
from functools import partial
from importlib import import_module
from typing import Any

import psutil
from django.conf import settings
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created

from project import beat
from project.broker import worker_name
from project.celery import app
from project.env import read
from project.keeping import Fork, Keeper
from project.processes import set_name

# A process that has grown by this much in a task is replaced after it, so that what a book took does not stay taken.
GROWTH_KIB = {"library": 16 * 1024, "sync": 64 * 1024}
STOP_WITHIN_SECONDS = 3600.0  # Celery's own time limits end a task; who started this process may kill sooner


def load_tasks() -> None:
    os.environ["CELERY_SKIP_CHECKS"] = "1"  # Django's, which `tome migrate` and `tome doctor` make
    for module in settings.CELERY_IMPORTS:
        import_module(module)  # Celery would look for it in the working directory first


def run_worker(queue: str, *, concurrency: int) -> int:
    """Serve one queue until SIGTERM; the exit code."""
    set_name(f"tome-{queue}")
    if queue == "library":
        give_way()
        connection_created.connect(commit_lazily)
    worker = app.Worker(
        hostname=worker_name(queue),
        queues=[queue],
        concurrency=concurrency,
        pool_cls="prefork",  # the only one that can end a task that never ends
        loglevel=read("TOME_LOG_LEVEL"),
        max_memory_per_child=psutil.Process().memory_info().rss // 1024 + GROWTH_KIB[queue],
        # Workers here need not know of each other, and these three would have them talk all day.
        without_mingle=True,
        without_gossip=True,
        without_heartbeat=True,
        quiet=True,
    )
    worker.start()
    return worker.exitcode or 0


def give_way() -> None:
    """Have this process and its children take what others leave: readers wait for requests, nobody for an import."""
    os.nice(10)
    if hasattr(psutil.Process, "ionice") and sys.platform == "linux":
        psutil.Process().ionice(psutil.IOPRIO_CLASS_BE, value=7)  # the last among the ordinary ones


def commit_lazily(connection: BaseDatabaseWrapper, **_: Any) -> None:
    """Have commits of this process not wait for the disk: after a power cut the next scan does the same work again.

    What others commit later is on disk together with all that was committed before it; nothing comes out of order.
    """
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA synchronous=NORMAL" if connection.vendor == "sqlite" else "SET synchronous_commit=off")


def run_beat() -> int:
    set_name("tome-beat")
    beat.run(beat.schedule_file(), read("TOME_LOG_LEVEL"))
    return 0


def run_watcher() -> int:
    from project import watcher

    return watcher.run()


def keep_workers(queues: Sequence[str], *, concurrency: int, with_beat: bool) -> None:
    """Serve these queues, each by a fork of this process, until SIGTERM. A fork that dies comes back.

    Beat, of which there is one, brings the watcher along.
    """
    # All that the forks need is loaded before the first of them, and what the collector leaves alone stays shared.
    for module in ("celery.apps.worker", "celery.concurrency.prefork", "kombu.transport.redis", "project.watcher"):
        import_module(module)
    app.finalize()
    gc.collect()
    gc.freeze()
    keeper = Keeper()
    for queue in queues:
        keeper.add(Fork(f"the worker for {queue}", partial(run_worker, queue, concurrency=concurrency)))
    if with_beat:
        keeper.add(Fork("beat", run_beat))
        if read("TOME_WATCH") != "off":
            keeper.add(Fork("the watcher", run_watcher))
    while not keeper.stopping:
        keeper.sleep(keeper.seconds_until_due())
        keeper.look_after_programs()
    keeper.stop(keeper.programs, until=time.monotonic() + STOP_WITHIN_SECONDS)
