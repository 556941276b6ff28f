"""Devices that report to a cluster over HTTP, several at once, and do not give up."""

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from tests.nodes import Cluster
from tests.waiting import wait_until

SECONDS = 60
GIVES_UP_AFTER_SECONDS = 60


def client(url: str, key: str, timeout: float = 30) -> httpx.Client:
    """One device's connection."""
    return httpx.Client(base_url=url, headers={"Authorization": f"Bearer {key}"}, timeout=timeout, trust_env=False)


def sessions_of_months(book_id: int, count: int, *, hours_apart: int = 7) -> list[dict[str, Any]]:
    """Sessions of a minute each, none of which overlaps another, spread over many days."""
    newest = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=1)
    return [
        {
            "book_id": book_id,
            "session_uuid": f"session-{number}",
            "started_at": (newest - timedelta(hours=hours_apart * number)).isoformat(),
            "duration_seconds": SECONDS,
            "pages_turned": 1,
            "device_id": f"device-{number % 4}",
        }
        for number in range(count)
    ]


def report_all(
    url: str,
    key: str,
    sessions: Sequence[dict[str, Any]],
    *,
    connections: int = 8,
    meanwhile: Callable[[], None] | None = None,
) -> list[int]:
    """Send each session until it is acknowledged, as devices do; the ids in the answers, in no order.

    `meanwhile` is called once, while sessions arrive: after a quarter of them. It is called in this thread: a process
    that it starts is to end with this process, and for the kernel that means with the thread that started it.
    """
    waiting = list(sessions)[::-1]
    ids: list[int] = []
    lock = threading.Lock()

    def device() -> None:
        with client(url, key) as http:
            while True:
                with lock:
                    if not waiting:
                        return
                    session = waiting.pop()
                answer = send_until_acknowledged(http, session)
                with lock:
                    ids.append(answer)

    with ThreadPoolExecutor(connections) as pool:
        devices = [pool.submit(device) for _ in range(connections)]
        if meanwhile is not None:
            wait_until(lambda: len(ids) >= len(sessions) // 4, what="a quarter of the sessions", every=0.001)
            assert waiting, "all was sent before anything could happen meanwhile"
            meanwhile()
        for running in devices:
            running.result()
    return ids


def send_until_acknowledged(http: httpx.Client, session: dict[str, Any]) -> int:
    """The session's id. A lost connection says nothing, so the same is sent again; any other answer fails."""
    end = time.monotonic() + GIVES_UP_AFTER_SECONDS
    while True:
        try:
            answer = http.post("/api/tome-sync/session", json=session)
        except httpx.TransportError:
            assert time.monotonic() < end, "the server did not come back"
            time.sleep(0.05)
            continue
        assert answer.status_code == 201, answer.text
        session_id: int = answer.json()["session_id"]
        return session_id


def settled_stats(cluster: Cluster, key: str, *, sessions: int, within: float = 60) -> dict[str, Any]:
    """The stats payload once nothing is pending and it has caught up with that many sessions."""
    with client(cluster.web.url, key) as http:

        def settled() -> dict[str, Any] | None:
            answer = http.get("/api/stats")
            stats: dict[str, Any] = answer.json() if answer.status_code == 200 else {"pending": True}
            return stats if not stats["pending"] and stats["totals"]["all"]["sessions"] >= sessions else None

        found = wait_until(settled, what=f"{sessions} sessions in the statistics", seconds=within, every=0.1)
    assert found is not None
    return found
