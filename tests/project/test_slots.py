import threading
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import DEFAULT_DB_ALIAS, connections

from project.slots import with_slots


class Application:
    """Notes how many are in it at once and which connection each has; a body says which its thread has then."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.inside = self.most = 0
        self.seen: set[Any] = set()

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        with self._lock:
            self.inside += 1
            self.most = max(self.most, self.inside)
            connection = connections[DEFAULT_DB_ALIAS]
            connection.validate_thread_sharing()
            self.seen.add(connection)
        time.sleep(0.02)
        with self._lock:
            self.inside -= 1
        if "fails" in environ:
            raise ZeroDivisionError

        def body() -> Iterable[bytes]:
            yield str([each for each in connections.all(initialized_only=True) if each in self.seen]).encode()

        return body()


def test_a_few_work_at_once_each_with_a_connection_of_its_own() -> None:
    inner = Application()
    application = with_slots(inner, 3)
    with ThreadPoolExecutor(12) as pool:
        bodies = list(pool.map(lambda _: list(application({}, None)), range(36)))
    assert inner.most == 3
    assert len(inner.seen) == 3
    assert bodies == [[b"[]"]] * 36  # sending happens without any


def test_one_that_fails_gives_its_slot_back() -> None:
    inner = Application()
    application = with_slots(inner, 1)

    def fail() -> None:
        with pytest.raises(ZeroDivisionError):
            application({"fails": True}, None)

    with ThreadPoolExecutor(1) as pool:
        pool.submit(fail).result()
        assert pool.submit(lambda: list(application({}, None))).result() == [b"[]"]
    assert len(inner.seen) == 1
