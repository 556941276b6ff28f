"""Telling the workers that there is something to do, without ever making a request wait for the broker.

The database's marks are the queue; a message only says "look now". So an edge calls `enqueue`, which notes the task's
name and returns. A thread of this process sends the noted names once nothing was added for `QUIET_SECONDS`, so that a
hundred sessions lead to one message. A broker that is down costs the requests nothing; the names are sent later, and
what this process forgets when it dies, beat's sweep finds.
"""

import contextlib
import logging
import os
import threading
import time
from typing import Any

from celery import Task
from django.db import transaction
from kombu import Producer

logger = logging.getLogger(__name__)

QUIET_SECONDS = 0.25  # a device that flushes its outbox in single requests leaves less than this between two
LONGEST_WAIT_SECONDS = 1.0  # somebody who never stops uploading still sees fresh numbers
PAUSE_AFTER_FAILURE_SECONDS = 5.0
# A refused port answers at once; a black hole never does, and kombu's own patience is 4 s a try.
PUBLISH_OPTIONS = {"socket_connect_timeout": 1.0, "socket_timeout": 1.0, "max_retries": 0}


class Publisher:
    """One daemon thread for each process, started by the first name; a forked child starts its own."""

    def __init__(self) -> None:
        self._forget()
        os.register_at_fork(after_in_child=self._forget)

    def _forget(self) -> None:
        self._condition = threading.Condition()
        self._waiting: dict[str, Task[Any, Any]] = {}
        self._first_at = self._last_at = 0.0
        self._thread: threading.Thread | None = None
        self._producer: Producer | None = None  # kept between messages: making one costs more than a request

    def add(self, task: Task[Any, Any]) -> None:
        with self._condition:
            now = time.monotonic()
            if not self._waiting:
                self._first_at = now
            self._last_at = now
            self._waiting[task.name] = task
            if self._thread is None:
                thread = threading.Thread(target=self._run, name="tome-publisher", daemon=True)
                thread.start()
                self._thread = thread
            self._condition.notify()

    def _take(self) -> dict[str, Task[Any, Any]]:
        """Wait until something is noted and it has become quiet; then hand it over."""
        with self._condition:
            while True:
                if not self._waiting:
                    self._condition.wait()
                    continue
                due = min(self._last_at + QUIET_SECONDS, self._first_at + LONGEST_WAIT_SECONDS)
                if (left := due - time.monotonic()) > 0:
                    # Not woken by each further name: the thread sleeps through and looks again.
                    self._condition.release()
                    try:
                        time.sleep(left)
                    finally:
                        self._condition.acquire()
                    continue
                taken, self._waiting = self._waiting, {}
                return taken

    def _run(self) -> None:
        while True:
            for task in self._take().values():
                try:
                    if self._producer is None:
                        self._producer = _new_producer(task)
                    task.apply_async(producer=self._producer, retry=False)
                except Exception as error:
                    # Whatever it is, the marks are on disk; say so once, wait, and try again.
                    logger.warning("No message could be sent for %s, trying again later: %s", task.name, error)
                    self._close()
                    time.sleep(PAUSE_AFTER_FAILURE_SECONDS)
                    self.add(task)

    def _close(self) -> None:
        producer, self._producer = self._producer, None
        with contextlib.suppress(Exception):  # it is broken already
            _close_connection(producer)


_publisher = Publisher()


def enqueue(task: Task[Any, Any]) -> None:
    """Have a worker run this task soon after the present transaction commits. Never raises, never waits."""
    # Robust: where no thread can be started, what was stored stays stored, and the sweep finds it.
    # (No `partial`: Django logs a hook that raised by its __qualname__, which a partial has not.)
    transaction.on_commit(lambda: _publisher.add(task), robust=True)


def _new_producer(task: Task[Any, Any]) -> Producer:
    """A producer on a connection of its own, which gives up quickly."""
    app = task.app
    options = app.conf.broker_transport_options | PUBLISH_OPTIONS
    return app.amqp.Producer(app.connection_for_write(transport_options=options))


def _close_connection(producer: Producer | None) -> None:
    if producer is not None and producer.connection is not None:
        producer.connection.close()


def publish_now(task: Task[Any, Any], *args: Any) -> None:
    """Send the message before returning; raises kombu's OperationalError when the broker cannot be reached."""
    producer = _new_producer(task)
    try:
        task.apply_async(args=args, producer=producer, retry=False)
    finally:
        _close_connection(producer)
