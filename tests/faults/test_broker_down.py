"""The broker is away, in both ways that one can be: requests take their normal time, and nothing is lost."""

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from statistics import median, quantiles
from typing import Any

import httpx
import pytest

from tests.faults.devices import client, report_all, sessions_of_months, settled_stats
from tests.nodes import Cluster, WebNode, free_port

pytestmark = pytest.mark.faults

ROUNDS = 40
# A request that waited for the broker would take a second or more, which is hundreds of times its normal time. A busy
# machine is never that far off, so these bounds mean the one and not the other.
AT_MOST_TIMES_SLOWER = 4
AT_MOST_TIMES_SLOWER_NINE_IN_TEN = 12


@contextmanager
def refused_port() -> Iterator[str]:
    """Where nobody listens."""
    yield f"redis://127.0.0.1:{free_port()}/0"


@contextmanager
def black_hole() -> Iterator[str]:
    """Where connections are taken and nothing is ever said."""
    with socket.create_server(("127.0.0.1", 0), backlog=128) as silent:
        yield f"redis://127.0.0.1:{silent.getsockname()[1]}/0"


@pytest.fixture(scope="module", params=[refused_port, black_hole])
def web_without_broker(request: pytest.FixtureRequest, cluster: Cluster) -> Iterator[WebNode]:
    """A second web server on the cluster's database, whose broker is away."""
    with ExitStack() as stack:
        url = stack.enter_context(request.param())
        name = request.param.__name__
        web = cluster.add(WebNode(cluster.folder, cluster.environment | {"TOME_REDIS_URL": url}, name=name))
        yield web
        web.teardown()


def put_position(http: httpx.Client, book: int, number: int) -> httpx.Response:
    place = {"percentage": number / 10_000, "device_id": "kobo", "read_at": datetime.now(UTC).isoformat()}
    return http.put(f"/api/tome-sync/position/{book}", json=place)


def post_session(http: httpx.Client, book: int, number: int) -> httpx.Response:
    return http.post("/api/tome-sync/session", json=session(book, number))


def post_batch(http: httpx.Client, book: int, number: int) -> httpx.Response:
    sessions = [session(book, number * 10 + one) for one in range(10)]
    batch = {"device": {"id": "kobo"}, "sent_at": datetime.now(UTC).isoformat(), "sessions": sessions}
    return http.post("/api/tome-sync/sync", json=batch)


def get_resolve(http: httpx.Client, book: int, number: int) -> httpx.Response:
    return http.get("/api/tome-sync/resolve", params={"filename": f"Unknown {number}.epub"})


def session(book: int, number: int) -> dict[str, Any]:
    started_at = datetime.now(UTC) - timedelta(days=400, minutes=-2 * number)
    return {
        "book_id": book,
        "session_uuid": f"{http_stamp()}-{number}",
        "started_at": started_at.isoformat(),
        "duration_seconds": 60,
        "device_id": "kobo",
    }


def http_stamp() -> str:
    """Makes the sessions of each measured request new ones."""
    return str(time.monotonic_ns())


def took(send: Callable[[], httpx.Response]) -> float:
    """Seconds until the answer, which must not be a failure of the server."""
    begun_at = time.perf_counter()
    answer = send()
    seconds = time.perf_counter() - begun_at
    assert answer.status_code in (200, 201, 404), answer.text
    return seconds


@pytest.mark.parametrize("request_of", [put_position, post_session, post_batch, get_resolve])
def test_a_request_takes_its_normal_time(
    cluster: Cluster, web_without_broker: WebNode, request_of: Callable[[httpx.Client, int, int], httpx.Response]
) -> None:
    reader = f"{web_without_broker.name()}-{request_of.__name__}"
    key, book = cluster.ask("make_reader", reader), cluster.ask("make_book", "The Hound of the Baskervilles")
    up: list[float] = []
    down: list[float] = []
    with client(cluster.web.url, key) as normal, client(web_without_broker.url, key) as cut_off:
        for number in range(ROUNDS):
            # By turns, so that both meet the same machine; the first ones warm up.
            seconds = [
                took(lambda: request_of(normal, book, number)),  # noqa: B023 (called at once)
                took(lambda: request_of(cut_off, book, number)),  # noqa: B023
            ]
            if number >= 5:
                up.append(seconds[0])
                down.append(seconds[1])

    assert median(down) < AT_MOST_TIMES_SLOWER * median(up)
    assert quantiles(down, n=10)[-1] < AT_MOST_TIMES_SLOWER_NINE_IN_TEN * quantiles(up, n=10)[-1]


def test_it_says_that_it_is_healthy_and_that_it_is_not_ready(web_without_broker: WebNode) -> None:
    assert httpx.get(f"{web_without_broker.url}/api/health").status_code == 200
    ready = httpx.get(f"{web_without_broker.url}/api/ready", timeout=30)
    assert ready.status_code == 503
    assert "broker" in ready.json()["detail"]


def test_the_sweep_finds_what_no_message_told_of(cluster: Cluster, web_without_broker: WebNode) -> None:
    key = cluster.ask("make_reader", f"{web_without_broker.name()}-swept")
    book = cluster.ask("make_book", "The Return of Sherlock Holmes")

    report_all(web_without_broker.url, key, sessions_of_months(book, 100))

    stats = settled_stats(cluster, key, sessions=100)
    assert stats["totals"]["all"]["seconds"] == 100 * 60
    assert cluster.ask("drift") == []


def test_a_service_started_before_its_broker_catches_up_when_it_comes(cluster: Cluster) -> None:
    key, book = cluster.ask("make_reader", "early"), cluster.ask("make_book", "The Adventures of Sherlock Holmes")
    cluster.redis.kill()
    report_all(cluster.web.url, key, sessions_of_months(book, 100))
    with client(cluster.web.url, key) as http:
        assert http.get("/api/stats").json()["pending"] is True
        assert http.get("/api/ready").status_code == 503

    cluster.redis.start()
    cluster.redis.ready()

    assert settled_stats(cluster, key, sessions=100)["totals"]["all"]["sessions"] == 100
    with client(cluster.web.url, key) as http:
        assert http.get("/api/ready").status_code == 200
