"""What requests cost, in CPU seconds for a thousand of them, over all processes of the service.

CPU seconds and not times of answers: they are what a small server runs out of, and they hardly depend on what else the
machine does. Still they are this machine's, so each stands beside what a view costs that does nothing.
"""

import itertools
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx

from matching.deciding import Clue
from project.slots import REQUESTS_AT_ONCE
from tests.bench.filling import BOOKS_READ
from tests.bench.inside import KINDS, spread
from tests.bench.serving import Filled, cpu_seconds, memory_mb, quantile, say
from tests.children import ends_with_us
from tests.generating.books import describe_books
from tests.nodes import REPOSITORY, free_port
from tests.waiting import wait_until

CONNECTIONS = 4
IDLE_SECONDS = 20.0
NAMES = 1000

Send = Callable[[httpx.Client, int], httpx.Response]


@dataclass(frozen=True)
class Load:
    """A kind of request; `budget` is what a thousand may cost by DESIGN.md, in CPU seconds where it was measured."""

    name: str
    send: Send
    budget: float | None
    requests: int = 1000


@dataclass(frozen=True)
class Cost:
    name: str
    cpu_seconds: float  # for a thousand, as the next one
    web_seconds: float  # of these, the web server's; the rest is what workers do afterwards, and the broker
    ms: list[float]
    budget: float | None


def measured(load: Load, root: int, web: int, url: str, headers: dict[str, str], settle: Callable[[], None]) -> Cost:
    numbers = itertools.count()
    ms: list[float] = []

    def device(requests: int) -> None:
        with httpx.Client(base_url=url, headers=headers, timeout=60) as http:
            for _ in range(requests):
                begun_at = time.perf_counter()
                answer = load.send(http, next(numbers))
                ms.append((time.perf_counter() - begun_at) * 1000)
                if answer.status_code not in (200, 201, 304, 404):
                    raise RuntimeError(f"{load.name} was answered {answer.status_code}: {answer.text[:300]}")

    def run(requests: int) -> None:
        with ThreadPoolExecutor(CONNECTIONS) as pool:
            list(pool.map(device, [requests // CONNECTIONS] * CONNECTIONS))
        settle()

    run(max(CONNECTIONS, load.requests // 20))  # the first ones load modules and open connections
    before = cpu_seconds(root), cpu_seconds(web)
    ms.clear()
    run(load.requests)
    used, used_by_web = (now - then for now, then in zip((cpu_seconds(root), cpu_seconds(web)), before, strict=True))
    share = 1000 / load.requests
    return Cost(load.name, used * share, used_by_web * share, ms, load.budget)


def loads(books: list[int]) -> Iterator[Load]:
    stamp = str(time.time_ns())
    begun = datetime.now(UTC) - timedelta(days=30)
    read = books[:BOOKS_READ]

    def now() -> str:
        return datetime.now(UTC).isoformat()

    def session(name: str, number: int) -> dict[str, Any]:
        started_at = begun + timedelta(seconds=40 * number)
        return {
            "book_id": read[number // 50 % len(read)],
            "session_uuid": f"{stamp}-{name}-{number}",
            "started_at": started_at.isoformat(),
            "ended_at": (started_at + timedelta(seconds=30)).isoformat(),
            "progress_end": 0.4,
            "pages_turned": 2,
            "device_id": "kobo",
        }

    def put_position(http: httpx.Client, number: int) -> httpx.Response:
        place = {"percentage": number % 1000 / 2000, "progress": "/body/DocFragment[3]/body/p[7]/text().0"}
        place |= {"device_id": "kobo", "read_at": now(), "sent_at": now()}
        return http.put(f"/api/tome-sync/position/{read[number % CONNECTIONS]}", json=place)  # a book for each device

    def post_session(http: httpx.Client, number: int) -> httpx.Response:
        return http.post("/api/tome-sync/session", json=session("one", number))

    def flush(http: httpx.Client, number: int) -> httpx.Response:
        sessions = [session("many", number * 50 + each) for each in range(50)]
        return http.post("/api/tome-sync/sync", json={"device": {"id": "kobo"}, "sent_at": now(), "sessions": sessions})

    def get_stats(http: httpx.Client, number: int) -> httpx.Response:
        return http.get("/api/stats")

    yield Load("PUT position", put_position, 0.8)
    yield Load("POST session", post_session, 1.2)
    yield Load("flush of 50 sessions", flush, 12, requests=100)
    yield from resolve_loads(len(books))
    yield Load("GET stats", get_stats, 0.6)


def resolve_loads(books: int) -> Iterator[Load]:
    """A request for each kind of name, asked of a library of so many books."""
    described = spread(describe_books(books), NAMES, books)

    def load(kind: str, budget: float | None) -> Load:
        asked = [query_of(KINDS[kind](book)) for book in described]

        def resolve(http: httpx.Client, number: int) -> httpx.Response:
            return http.get("/api/tome-sync/resolve", params=asked[number % len(asked)])

        return Load(f"resolve by {kind}, {books:,} books", resolve, budget)

    yield from (load(kind, 1.5 if kind in ("hash", "exact name") else None) for kind in KINDS)


def query_of(clue: Clue) -> dict[str, str | int]:
    asked: dict[str, str | int] = {"filename": clue.filename}
    if clue.ko_md5:
        asked["ko_md5"] = clue.ko_md5
    if clue.size is not None:
        asked["size"] = clue.size
    if clue.folder:
        asked["folder"] = clue.folder
    return asked


def yardstick() -> Cost:
    """What a view costs that does nothing, on the same web server."""
    port = free_port()
    command = [str(Path(sys.executable).parent / "granian"), "--interface", "wsgi", "--no-ws", "--log-level", "error"]
    command += ["--port", str(port), "--blocking-threads", str(REQUESTS_AT_ONCE), "tests.bench.nothing:application"]
    granian = subprocess.Popen(command, cwd=REPOSITORY, preexec_fn=ends_with_us())
    try:
        url = f"http://127.0.0.1:{port}"
        empty = Load("a view that does nothing", lambda http, number: http.get("/api/nothing"), 0.35)
        wait_until(lambda: answers(f"{url}/api/nothing"), what="the empty view")
        return measured(empty, granian.pid, granian.pid, url, {}, settle=lambda: None)
    finally:
        granian.terminate()
        granian.wait()


def answers(url: str) -> bool:
    try:
        return httpx.get(url).status_code == 200
    except httpx.TransportError:
        return False


def costs_of(filled: Filled, which: Iterator[Load]) -> list[Cost]:
    web = filled.tome.part("web")
    assert web is not None
    pid, url = filled.tome.pid, filled.tome.url
    return [measured(load, pid, web.pid, url, filled.headers, filled.settle) for load in which]


def report(filled: Filled) -> None:
    empty = yardstick()
    filled.settle()
    begun, used = time.monotonic(), cpu_seconds(filled.tome.pid)
    say(f"Measuring it idle for {IDLE_SECONDS:.0f} s ...")
    time.sleep(IDLE_SECONDS)
    idle = (cpu_seconds(filled.tome.pid) - used) / (time.monotonic() - begun)
    memory = memory_mb(filled.tome.pid)
    say("Measuring requests ...")
    print_costs(empty, costs_of(filled, loads(filled.books)))
    say()
    say(f"Idle: {memory:.0f} MB (PSS; may take 320), {idle * 100:.1f} % of one CPU, all processes together.")


def print_costs(empty: Cost, costs: list[Cost]) -> None:
    say()
    heads = ("CPU seconds", "of web", "x empty view", "may cost", "p50 ms", "p95 ms")
    say(f"{'a thousand of':40}" + "".join(f"{head:>13}" for head in heads))
    for cost in (empty, *costs):
        ratio = cost.cpu_seconds / empty.cpu_seconds
        budget = f"{cost.budget:.2f}" if cost.budget is not None else ""
        figures = (f"{cost.cpu_seconds:.2f}", f"{cost.web_seconds:.2f}", f"{ratio:.1f}", budget)
        times = (f"{quantile(cost.ms, share):.1f}" for share in (0.5, 0.95))
        say(f"{cost.name:40}" + "".join(f"{figure:>13}" for figure in (*figures, *times)))
