"""What statistics cost a reader with a million sessions, beside one with a hundred.

One reader has all the sessions, another a hundred, and two hundred have none yet. How long a new session takes is told
from the answer of its POST to the payload that holds it, with nothing pending.
"""

import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import psutil

from tests.bench.filling_statistics import SESSIONS_OF_FEW, UNREAD
from tests.bench.requests import Load, measured, print_costs, yardstick
from tests.bench.serving import cpu_seconds, memory_mb, program, quantile, reader_key, say, timed
from tests.nodes import tome as tome_command
from tests.project.services import Service, python, service
from tests.waiting import wait_until

READERS, SESSIONS_EACH = 200, 50
CONNECTIONS = 8
NEW_SESSIONS = 60
LOOK_EVERY_SECONDS = 0.01
SETTLED_WITHIN_SECONDS = 1800.0
MIDDLE_HOUR = 2  # of the day, when nobody read: what comes in there is covered by nothing


@dataclass(frozen=True)
class Statistics:
    """A running `tome up` with the keys of its readers."""

    tome: Service
    books: list[int]
    keys: dict[str, str]
    rare_device: int
    sessions: int
    days: int

    def headers(self, reader: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.keys[reader]}"}

    def client(self, reader: str) -> httpx.Client:
        return httpx.Client(base_url=self.tome.url, headers=self.headers(reader), timeout=120)

    def settle(self, reader: str = "ada") -> None:
        with self.client(reader) as http:
            wait_until(
                lambda: not http.get("/api/stats").json()["pending"],
                what=f"the statistics of {reader}",
                seconds=SETTLED_WITHIN_SECONDS,
                every=0.2,
            )

    def pid_of(self, role: str) -> int:
        part = self.tome.part(role)
        assert part is not None
        return part.pid


@contextmanager
def filled_statistics(sessions: int, days: int, kept_in: Path | None) -> Iterator[Statistics]:
    """The service, counted and started. `kept_in`: a folder that is filled once and copied from then on."""
    with service() as tome:
        kept = kept_in / f"{sessions}-{days}" if kept_in else None
        if kept is not None and kept.exists():
            shutil.copytree(kept, tome.data_dir)
            report_rebuild(tome, {"tome stats rebuild --check": CHECK})
        else:
            say(f"Making {sessions:,} sessions on {days:,} days, and counting them ...")
            reader_key(tome)
            printed = program("filling_statistics", sessions, days, READERS, environment=tome.environment)
            (tome.data_dir / "filled.json").write_text(printed)
            report_rebuild(tome, {"tome stats rebuild": ["rebuild"], "tome stats rebuild --check": CHECK})
            if kept is not None:
                shutil.copytree(tome.data_dir, kept)
        described = json.loads((tome.data_dir / "filled.json").read_text())
        tome.start()
        yield Statistics(tome, sessions=sessions, days=days, **described)


# --- Counting everything ----------------------------------------------------------------------------------------------

CHECK = ["rebuild", "--check"]


def report_rebuild(tome: Service, commands: dict[str, list[str]]) -> None:
    say()
    say(f"{'counting everything':40}{'seconds':>13}{'most MB':>13}")
    for name, arguments in commands.items():
        seconds, most_mb = run_and_watch(tome, "stats", *arguments)
        say(f"{name:40}{seconds:13.1f}{most_mb:13.0f}")


def run_and_watch(tome: Service, *arguments: str) -> tuple[float, float]:
    """The seconds that a command takes, and the most memory that it has at once, in MB."""
    began_at = time.monotonic()
    with (tome.folder / "command").open("wb") as out:
        process = subprocess.Popen(
            tome_command(*arguments), env=tome.environment, cwd=tome.folder, stdout=out, stderr=subprocess.STDOUT
        )
        watched, most = psutil.Process(process.pid), 0
        while process.poll() is None:
            with suppress(psutil.NoSuchProcess):
                most = max(most, watched.memory_info().rss)
            time.sleep(0.05)
    if process.returncode:
        raise RuntimeError(f"{' '.join(arguments)}: {(tome.folder / 'command').read_text()[:2000]}")
    return time.monotonic() - began_at, most / 1e6


# --- Reading ----------------------------------------------------------------------------------------------------------


def reading_loads(filled: Statistics) -> Iterator[Load]:
    def get(name: str, path: str, *, budget: float | None = None, reader: str = "ada", **headers: str) -> Load:
        said = filled.headers(reader) | headers
        requests = 1000 if budget is not None else 100
        return Load(name, lambda http, number: http.get(path, headers=said), budget, requests)

    for reader, sessions in (("bob", SESSIONS_OF_FEW), ("ada", filled.sessions)):
        with filled.client(reader) as http:
            etag = http.get("/api/stats").headers["ETag"]
        of = f"of {sessions:,} sessions"
        yield get(f"GET stats {of}", "/api/stats", budget=0.6, reader=reader)
        yield get(f"unchanged: 304, {of}", "/api/stats", budget=0.6, reader=reader, **{"If-None-Match": etag})
    log = "/api/stats/sessions"
    middle = (datetime.now(UTC) - timedelta(days=filled.days / 2)).date()
    yield get("log, first page", log)
    yield get("log, a page in the middle", f"{log}?to={middle}")
    yield get("log, of a rare device", f"{log}?device_id={filled.rare_device}")
    yield get("log, flagged", f"{log}?flagged=true")
    yield get("log, of a book", f"{log}?book_id={filled.books[0]}")
    cookie = python(
        "from django.test import Client\nfrom accounts.models import Reader\nclient = Client()\n"
        "client.force_login(Reader.objects.get(username='ada'))\nprint(client.cookies['sessionid'].value)",
        environment=filled.tome.environment,
    )
    yield Load(
        "the page /stats", lambda http, number: http.get("/stats", headers={"Cookie": f"sessionid={cookie}"}), None, 100
    )


def alone(load: Load, url: str) -> list[float]:
    """Milliseconds of each answer, one client asking again and again."""
    with httpx.Client(base_url=url, timeout=60) as http:
        load.send(http, 0)
        return [timed(partial(load.send, http, number)) for number in range(min(300, load.requests))]


def report_reading(filled: Statistics) -> None:
    empty = yardstick()
    web, url = filled.pid_of("web"), filled.tome.url
    costs, waits = [], []
    for load in reading_loads(filled):
        costs.append(measured(load, filled.tome.pid, web, url, filled.headers("ada"), settle=lambda: None))
        waits.append((load.name, alone(load, url)))
    print_costs(empty, costs)
    say()
    say(f"{'one client alone':40}{'p50 ms':>13}{'p95 ms':>13}")
    for name, ms in waits:
        say(f"{name:40}{quantile(ms, 0.5):13.1f}{quantile(ms, 0.95):13.1f}")


# --- A new session ----------------------------------------------------------------------------------------------------

Made = Callable[[int], dict[str, Any]]


@dataclass(frozen=True)
class Freshness:
    name: str
    ms: list[float]
    cpu_ms: float  # of the workers, for one session


def told(http: httpx.Client, etag: str, total: str, before: int) -> tuple[str, int]:
    """Wait for a payload in which a total is another one and nothing is pending; its ETag, and that total."""
    while True:
        answer = http.get("/api/stats", headers={"If-None-Match": etag})
        if answer.status_code == 200:
            said, etag = answer.json(), answer.headers["ETag"]
            if not said["pending"] and said["totals"]["all"][total] != before:
                return etag, said["totals"]["all"][total]
        time.sleep(LOOK_EVERY_SECONDS)


def freshness(
    filled: Statistics, name: str, reader: str, made: Made, *, total: str = "sessions", until: Callable[[int], bool]
) -> Freshness:
    """Post one session after another, each as soon as the one before is in the payload, until there are enough."""
    filled.settle(reader)
    ms: list[float] = []
    workers = filled.pid_of("workers")
    with filled.client(reader) as http:
        answer = http.get("/api/stats")
        etag, value = answer.headers["ETag"], answer.json()["totals"]["all"][total]
        used = cpu_seconds(workers)
        for number in count():
            if until(number):
                break
            posted = http.post("/api/tome-sync/session", json=made(number))
            posted_at = time.perf_counter()
            if posted.status_code != 201:
                raise RuntimeError(f"{name} was answered {posted.status_code}: {posted.text[:300]}")
            etag, value = told(http, etag, total, value)
            ms.append((time.perf_counter() - posted_at) * 1000)
    return Freshness(name, ms, (cpu_seconds(workers) - used) * 1000 / max(1, len(ms)))


def session_at(started_at: datetime, book_id: int, **more: Any) -> dict[str, Any]:
    return {
        "book_id": book_id,
        "session_uuid": f"new-{time.time_ns()}",
        "started_at": started_at.isoformat(),
        "ended_at": (started_at + timedelta(seconds=30)).isoformat(),
        "pages_turned": 2,
        "device_id": "kobo",
        **more,
    }


def kinds_of_sessions(filled: Statistics) -> Iterator[tuple[str, str, Made, str]]:
    """What it is, whose, and which total it changes."""
    now = datetime.now(UTC) - timedelta(hours=1)

    def latest(number: int) -> dict[str, Any]:
        return session_at(now + timedelta(minutes=number * 50 / NEW_SESSIONS), filled.books[0])

    def in_the_middle(number: int) -> dict[str, Any]:
        day = now - timedelta(days=filled.days // 2 + number)
        return session_at(day.replace(hour=MIDDLE_HOUR), filled.books[number % 100])

    def finishing(number: int) -> dict[str, Any]:
        begun = now - timedelta(days=1)
        at = begun.replace(hour=MIDDLE_HOUR) + timedelta(minutes=number)
        return session_at(at, filled.books[-1 - number % UNREAD], progress_start=0.9, progress_end=1.0)

    for reader, sessions in (("bob", SESSIONS_OF_FEW), ("ada", filled.sessions)):
        yield f"the latest, after {sessions:,}", reader, latest, "sessions"
    for reader, sessions in (("bob", SESSIONS_OF_FEW), ("ada", filled.sessions)):
        yield f"in the middle of {sessions:,}", reader, in_the_middle, "sessions"
    for reader, sessions in (("bob", SESSIONS_OF_FEW), ("ada", filled.sessions)):
        yield f"finishing a book, after {sessions:,}", reader, finishing, "books_finished"


def report_freshness(filled: Statistics) -> None:
    found = [
        freshness(filled, name, reader, made, total=total, until=lambda number: number == NEW_SESSIONS)
        for name, reader, made, total in kinds_of_sessions(filled)
    ]
    print_freshness(found)


def print_freshness(found: list[Freshness]) -> None:
    say()
    heads = ("p50 ms", "p95 ms", "workers' CPU", "sessions")
    say(f"{'a new session until it is shown':40}" + "".join(f"{head:>13}" for head in heads))
    for each in found:
        times = f"{quantile(each.ms, 0.5):13.0f}{quantile(each.ms, 0.95):13.0f}" if each.ms else f"{'':26}"
        say(f"{each.name:40}{times}{each.cpu_ms:10.0f} ms{len(each.ms):13}")


# --- Many readers -----------------------------------------------------------------------------------------------------


def report_flush(filled: Statistics) -> None:
    """Every other reader sends what they read on fifty days, all at once."""
    now = datetime.now(UTC)
    readers = [f"reader-{n}" for n in range(READERS)]

    def flush(number: int) -> None:
        sessions = [
            session_at(now - timedelta(days=each // 2, hours=1 + 6 * (each % 2)), filled.books[number + each // 10])
            | {"session_uuid": f"flushed-{each}", "progress_end": 0.5}
            for each in range(SESSIONS_EACH)
        ]
        body = {"device": {"id": "kobo"}, "sent_at": now.isoformat(), "sessions": sessions}
        with filled.client(readers[number]) as http:
            answer = http.post("/api/tome-sync/sync", json=body)
        if [item["verdict"] for item in answer.json()["sessions"]] != ["stored"] * SESSIONS_EACH:
            raise RuntimeError(answer.text[:300])

    def is_current(reader: str) -> bool:
        with filled.client(reader) as http:
            said = http.get("/api/stats").json()
        return not said["pending"] and said["totals"]["all"]["sessions"] == SESSIONS_EACH

    filled.settle()
    used, began_at = cpu_seconds(filled.tome.pid), time.monotonic()
    with ThreadPoolExecutor(CONNECTIONS) as pool:
        list(pool.map(flush, range(READERS)))
        sent_at = time.monotonic()
        for reader in readers:
            while not is_current(reader):
                time.sleep(0.1)
    seconds = time.monotonic() - began_at
    say()
    say(
        f"{READERS} readers sent {SESSIONS_EACH} sessions each in {sent_at - began_at:.1f} s; {seconds:.1f} s after the"
        f" first began (may take 30) all payloads were current, for {cpu_seconds(filled.tome.pid) - used:.1f} s of CPU."
    )
    report_rebuild(filled.tome, {"--check after the flush": CHECK})


# --- Another day ------------------------------------------------------------------------------------------------------


def report_recount(filled: Statistics) -> None:
    """Ada's day begins at another hour; what Bob reads meanwhile."""
    filled.settle()
    begun = datetime.now(UTC) - timedelta(days=2)
    with filled.client("ada") as http:
        seconds, began_at = 0.0, time.monotonic()

        def is_done(number: int) -> bool:
            nonlocal seconds
            seconds = time.monotonic() - began_at
            return not http.get("/api/stats").json()["pending"]

        python(
            "from django.utils import timezone\nfrom accounts.models import Reader\n"
            "from reading.zones import change_day\nfrom workers.enqueue import publish_now\n"
            "from workers.reading import refresh\n"
            "change_day(Reader.objects.get(username='ada'), rollover_hour=4, now=timezone.now())\npublish_now(refresh)",
            environment=filled.tome.environment,
        )
        meanwhile = freshness(
            filled,
            "of another reader, meanwhile",
            "bob",
            lambda number: session_at(begun + timedelta(minutes=number), filled.books[0]),
            until=is_done,
        )
    say()
    say(f"Counting {filled.sessions:,} sessions anew after a change of the rollover hour took {seconds:.0f} s.")
    print_freshness([meanwhile])


def report(sessions: int, days: int, kept_in: Path | None) -> None:
    with filled_statistics(sessions, days, kept_in) as filled:
        filled.settle()
        sync = filled.pid_of("sync")
        say(f"The worker of sync begins with {memory_mb(sync):.0f} MB; the load is {os.getloadavg()[0]:.1f}.")
        report_reading(filled)
        report_freshness(filled)
        report_flush(filled)
        report_recount(filled)
        say()
        say(f"The worker of sync ends with {memory_mb(sync):.0f} MB; the load is {os.getloadavg()[0]:.1f}.")
