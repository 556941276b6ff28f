"""The Celery app. Its configuration stands in Django's settings under `CELERY_`, its schedule in `project.schedule`."""

import gc
import logging
import os
import sys
from typing import Any

from celery import Celery, current_task, signals

from project.processes import die_with_parent
from project.schedule import BEAT_SCHEDULE

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")

search_path = sys.path.copy()
app = Celery("tome")
sys.path[:] = search_path  # Celery puts the current folder first, and any `library` or `web` there would hide ours
app.config_from_object("django.conf:settings", namespace="CELERY")
app.conf.beat_schedule = BEAT_SCHEDULE
app.set_default()  # for the publisher's thread too: what is merely current is current in one thread only


class LineWithTask(logging.Formatter):
    """Puts the running task's id on each of its lines."""

    def format(self, record: logging.LogRecord) -> str:
        request = current_task.request if current_task else None
        record.task = f" [{request.id}]" if request is not None and request.id else ""
        return super().format(record)


@signals.setup_logging.connect
def keep_our_logging(**kwargs: Any) -> None:
    """Django's settings have said how to log. That something is connected here keeps Celery's own set-up out."""
    for handler in logging.getLogger().handlers:
        handler.setFormatter(LineWithTask("%(asctime)s %(levelname)s %(name)s%(task)s: %(message)s"))


@signals.worker_init.connect
def freeze_before_fork(**kwargs: Any) -> None:
    """All is loaded and the pool's processes come next: what the collector leaves alone stays shared with them."""
    gc.collect()
    gc.freeze()


@signals.worker_process_init.connect
def go_with_the_worker(**kwargs: Any) -> None:
    die_with_parent()  # a pool process outlives its killed worker otherwise
