"""How many requests a web process works on at once, and with which database connections.

A thread that sends a book's file to a slow device does nothing but wait, for minutes. There are many threads for that.
Working is another matter: what a request computes and asks of the database is done by a few at a time, each with one of
a few connections that outlive the threads. So sleepy devices hold up nobody, and the database sees no more connections
than before.
"""

import queue
from collections.abc import Callable, Iterable
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connections
from django.db.backends.base.base import BaseDatabaseWrapper

REQUESTS_AT_ONCE = 4  # more would only wait for the one interpreter, and on SQLite for each other

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


def with_slots(application: Application, slots: int) -> Application:
    """The same application, at work on no more than so many requests at once; bodies are sent outside of that."""
    # The last one used first: its pages are still in the connection's cache.
    free: queue.LifoQueue[BaseDatabaseWrapper | None] = queue.LifoQueue()
    for _ in range(slots):
        free.put(None)

    def limited(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        connection = free.get()
        try:
            if connection is None:
                connection = connections.create_connection(DEFAULT_DB_ALIAS)
                connection.inc_thread_sharing()  # by one thread after another
            connections[DEFAULT_DB_ALIAS] = connection
            try:
                return application(environ, start_response)
            finally:
                # What is done in this thread from here on, sending and closing the body, finds no connection to meddle
                # with that another thread is using by then.
                del connections[DEFAULT_DB_ALIAS]
        finally:
            free.put(connection)

    return limited
