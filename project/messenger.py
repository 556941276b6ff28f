"""A Celery app that only sends: without Django and without the tasks' modules, which takes half the memory and time."""

from celery import Celery

from project import broker
from project.schedule import BEAT_SCHEDULE


def messenger() -> Celery:
    app = Celery("tome", fixups=[], broker=broker.broker_url())
    app.conf.update(
        beat_schedule=BEAT_SCHEDULE,
        task_routes=broker.TASK_ROUTES,
        task_default_queue="sync",
        task_ignore_result=True,
        timezone="UTC",
        # A send that fails is due again next time; waiting for a dead broker would hold up the rest of the schedule.
        task_publish_retry=False,
        broker_transport_options={
            "visibility_timeout": broker.VISIBILITY_TIMEOUT_SECONDS,
            "socket_connect_timeout": 2.0,
            "socket_timeout": 2.0,
        },
    )
    return app


def worker_answers(name: str, *, within_seconds: float) -> bool:
    """Whether the worker of that node name, such as `sync@host`, answers a ping."""
    return bool(messenger().control.ping(destination=[name], timeout=within_seconds))
