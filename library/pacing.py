"""Leaving the database to others between two imports.

SQLite has one writer at a time and no queue for it: who finds it taken asks again after 1, 2, 5, 10 ms and so on. A
worker that takes it anew at once keeps devices waiting for a tenth of a second. So while others write too, it rests
after each file for three times as long as it held the database. Alone, it does not rest.
"""

import time

from django.db import connection

from accounts.statements import query

RESTS = 3.0  # times as long as the database was held: three quarters of the time are then left to others
LONGEST_SECONDS = 0.05
OTHERS_FOR_SECONDS = 5.0  # whoever wrote a moment ago may write again


class Pace:
    """How long to rest after a file; for one worker's turn."""

    def __init__(self) -> None:
        self._version: int | None = None
        self._others_until = 0.0

    def seconds_to_rest(self, held_seconds: float) -> float:
        """The pause after a transaction that took this long; none where nobody else wrote lately."""
        if connection.vendor != "sqlite":
            return 0.0
        [(version,)] = query("PRAGMA data_version", [])  # another one after each commit of another connection
        now = time.monotonic()
        if self._version not in (None, version):
            self._others_until = now + OTHERS_FOR_SECONDS
        self._version = version
        return min(RESTS * held_seconds, LONGEST_SECONDS) if now < self._others_until else 0.0
