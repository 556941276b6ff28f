"""Measures what requests cost, in CPU seconds for a thousand of them, over all processes of the service.

CPU seconds and not times of answers: they are what a small server runs out of, and they hardly depend on what else the
machine does. Still they are this machine's, so each stands beside what a view costs that does nothing.
"""

import argparse
import itertools
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any

import httpx
import psutil

from project.cli.service import WEB_THREADS
from tests.bench.filling import hashes_of, title_of
from tests.children import ends_with_us
from tests.nodes import REPOSITORY, free_port
from tests.project.services import Service, service
from tests.waiting import wait_until

CONNECTIONS = 4
IDLE_SECONDS = 20.0

Send = Callable[[httpx.Client, int], httpx.Response]


@dataclass(frozen=True)
class Load:
    """A kind of request; `budget` is what a thousand may cost by DESIGN.md, in CPU seconds where it was measured."""

    name: str
    send: Send
    budget: float
    requests: int = 1000


@dataclass(frozen=True)
class Cost:
    name: str
    cpu_seconds: float  # for a thousand, as the next one
    web_seconds: float  # of these, the web server's; the rest is what workers do afterwards, and the broker
    median_ms: float
    budget: float


def say(line: str = "") -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def tree(root: int) -> list[psutil.Process]:
    top = psutil.Process(root)
    return [top, *top.children(recursive=True)]


def cpu_seconds(root: int) -> float:
    """What the processes below `root` and it itself have used; those that ended count with who reaped them."""
    total = 0.0
    for process in tree(root):
        try:
            times = process.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += times.user + times.system + times.children_user + times.children_system
    return total


def memory_mb(root: int) -> float:
    """PSS: memory that several processes share is divided among them."""
    return float(sum(process.memory_full_info().pss for process in tree(root))) / 1e6


def measured(load: Load, root: int, web: int, url: str, key: str, settle: Callable[[], None]) -> Cost:
    numbers = itertools.count()
    seconds: list[float] = []

    def device(requests: int) -> None:
        with httpx.Client(base_url=url, headers={"Authorization": f"Bearer {key}"}, timeout=60) as http:
            for _ in range(requests):
                begun_at = time.perf_counter()
                answer = load.send(http, next(numbers))
                seconds.append(time.perf_counter() - begun_at)
                if answer.status_code not in (200, 201):
                    raise RuntimeError(f"{load.name} was answered {answer.status_code}: {answer.text[:300]}")

    def run(requests: int) -> None:
        with ThreadPoolExecutor(CONNECTIONS) as pool:
            list(pool.map(device, [requests // CONNECTIONS] * CONNECTIONS))
        settle()

    run(max(CONNECTIONS, load.requests // 20))  # the first ones load modules and open connections
    before = cpu_seconds(root), cpu_seconds(web)
    seconds.clear()
    run(load.requests)
    used, used_by_web = (now - then for now, then in zip((cpu_seconds(root), cpu_seconds(web)), before, strict=True))
    share = 1000 / load.requests
    return Cost(load.name, used * share, used_by_web * share, median(seconds) * 1000, load.budget)


def loads(books: list[int], size: int) -> Iterator[Load]:
    stamp = str(time.time_ns())
    begun = datetime.now(UTC) - timedelta(days=30)

    def now() -> str:
        return datetime.now(UTC).isoformat()

    def session(name: str, number: int) -> dict[str, Any]:
        started_at = begun + timedelta(seconds=40 * number)
        return {
            "book_id": books[number // 50 % len(books)],
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
        return http.put(f"/api/tome-sync/position/{books[number % CONNECTIONS]}", json=place)  # a book for each device

    def post_session(http: httpx.Client, number: int) -> httpx.Response:
        return http.post("/api/tome-sync/session", json=session("one", number))

    def flush(http: httpx.Client, number: int) -> httpx.Response:
        sessions = [session("many", number * 50 + each) for each in range(50)]
        return http.post("/api/tome-sync/sync", json={"device": {"id": "kobo"}, "sent_at": now(), "sessions": sessions})

    def resolve(http: httpx.Client, number: int) -> httpx.Response:
        which = number * 7919 % size
        asked: dict[str, str | int] = {"filename": f"{title_of(which)}.epub", "size": 100_000 + which}
        asked["ko_md5"] = hashes_of(which)["ko_md5"]
        return http.get("/api/tome-sync/resolve", params=asked)

    def get_stats(http: httpx.Client, number: int) -> httpx.Response:
        return http.get("/api/stats")

    yield Load("PUT position", put_position, 0.8)
    yield Load("POST session", post_session, 1.2)
    yield Load("flush of 50 sessions", flush, 12, requests=100)
    yield Load(f"resolve in {size:,} books", resolve, 1.5)
    yield Load("GET stats", get_stats, 0.6)


def yardstick() -> Cost:
    """What a view costs that does nothing, on the same web server."""
    port = free_port()
    command = [str(Path(sys.executable).parent / "granian"), "--interface", "wsgi", "--no-ws", "--log-level", "error"]
    command += ["--port", str(port), "--blocking-threads", str(WEB_THREADS), "tests.bench.nothing:application"]
    granian = subprocess.Popen(command, cwd=REPOSITORY, preexec_fn=ends_with_us())
    try:
        url = f"http://127.0.0.1:{port}"
        empty = Load("a view that does nothing", lambda http, number: http.get("/api/nothing"), 0.35)
        wait_until(lambda: answers(f"{url}/api/nothing"), what="the empty view")
        return measured(empty, granian.pid, granian.pid, url, "none", settle=lambda: None)
    finally:
        granian.terminate()
        granian.wait()


def answers(url: str) -> bool:
    try:
        return httpx.get(url).status_code == 200
    except httpx.TransportError:
        return False


@contextmanager
def filled_service(books: int, sessions: int) -> Iterator[tuple[Service, str, list[int]]]:
    """A running `tome up`, the key of its reader, and the books that she reads."""
    with service() as tome:
        for arguments, stdin in ((["migrate"], ""), (["user", "create", "ada", "--password-stdin"], "correct horse\n")):
            done = tome.tome(*arguments, stdin=stdin)
            if done.returncode:
                raise RuntimeError(done.stderr)
        key = tome.tome("key", "create", "--user", "ada").stdout.strip()
        say(f"Making {books:,} books and {sessions:,} sessions ...")
        command = [sys.executable, "-m", "tests.bench.filling", str(books), str(sessions)]
        done = subprocess.run(command, env=tome.environment, cwd=REPOSITORY, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(done.stderr)
        tome.start()
        yield tome, key, json.loads(done.stdout)


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--books", type=int, default=100_000)
    parser.add_argument("--sessions", type=int, default=100_000)
    chosen = parser.parse_args()

    empty = yardstick()
    with filled_service(chosen.books, chosen.sessions) as (tome, key, books):

        def settle() -> None:
            """Wait for the workers: what they do afterwards is part of what the requests cost."""
            headers = {"Authorization": f"Bearer {key}"}
            stats = f"{tome.url}/api/stats"
            wait_until(
                lambda: not httpx.get(stats, headers=headers, timeout=60).json()["pending"],
                what="the workers to finish",
                seconds=300,
                every=1,
            )

        settle()
        begun, used = time.monotonic(), cpu_seconds(tome.pid)
        say(f"Measuring it idle for {IDLE_SECONDS:.0f} s ...")
        time.sleep(IDLE_SECONDS)
        idle = (cpu_seconds(tome.pid) - used) / (time.monotonic() - begun)
        memory = memory_mb(tome.pid)
        say("Measuring requests ...")
        web = tome.part("web")
        assert web is not None
        costs = [measured(load, tome.pid, web.pid, tome.url, key, settle) for load in loads(books, chosen.books)]

    say()
    say(f"{'a thousand of':32}{'CPU seconds':>12}{'of web':>8}{'x empty view':>14}{'may cost':>10}{'median ms':>11}")
    for cost in (empty, *costs):
        ratio = cost.cpu_seconds / empty.cpu_seconds
        say(
            f"{cost.name:32}{cost.cpu_seconds:12.2f}{cost.web_seconds:8.2f}{ratio:14.1f}{cost.budget:10.2f}{cost.median_ms:11.1f}"
        )
    say()
    say(f"Idle: {memory:.0f} MB (PSS; may take 320), {idle * 100:.1f} % of one CPU, all processes together.")


if __name__ == "__main__":
    main()
