"""A library of real small files is scanned for the first time, and again with nothing changed, while devices sync.

Shown are the rate, the memory of the worker that imports and of its reading process, and how long requests took that
came at a slow steady pace: while nothing went on, during the first scan, and during scans that found nothing new.
"""

import itertools
import subprocess
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import psutil

from tests.bench.messing import exact_clue
from tests.bench.requests import query_of
from tests.bench.serving import quantile, reader_key, say
from tests.books import make_epub
from tests.generating.books import describe_books
from tests.nodes import REPOSITORY
from tests.project.services import Service, python, service

A_SECOND = 10  # requests
IDLE_SECONDS = 30.0
SAMPLE_SECONDS = 2.0
SHOWN_SAMPLES = 10
RESCANS = 3
READING_PROCESS = "library.formats.child"


@dataclass
class Memory:
    """Samples in MB, by second: (seconds, PSS of the worker, RSS of the worker, PSS of its reading process)."""

    samples: list[tuple[float, float, float, float]] = field(default_factory=list)


@contextmanager
def sampled(root: int) -> Iterator[Memory]:
    """Look at the worker's memory again and again until the block ends."""
    memory, stop, began_at = Memory(), threading.Event(), time.monotonic()

    def look() -> None:
        while not stop.wait(SAMPLE_SECONDS):
            memory.samples.append((time.monotonic() - began_at, *memory_of(root)))

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield memory
    finally:
        stop.set()
        thread.join()


def memory_of(root: int) -> tuple[float, float, float]:
    worker_pss = worker_rss = reading_pss = 0.0
    top = psutil.Process(root)
    for process in [top, *top.children(recursive=True)]:
        try:
            found, is_reading = process.memory_full_info(), READING_PROCESS in " ".join(process.cmdline())
        except psutil.NoSuchProcess:
            continue
        if is_reading:
            reading_pss += found.pss / 1e6
        else:
            worker_pss += found.pss / 1e6
            worker_rss += found.rss / 1e6
    return worker_pss, worker_rss, reading_pss


class Devices:
    """Sends requests at a steady pace, each of a kind in turn, and notes how long each takes, by phase and kind."""

    def __init__(self, url: str, key: str, books: int) -> None:
        self.http = httpx.Client(base_url=url, headers={"Authorization": f"Bearer {key}"}, timeout=60)
        self.asked = [query_of(exact_clue(book)) for book in describe_books(min(books, 500))]
        self.book_id = self.http.get("/api/tome-sync/resolve", params={"filename": SEED_NAME}).json()["book_id"]
        self.phase = ""
        self.ms: dict[tuple[str, str], list[float]] = defaultdict(list)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._send_all, daemon=True)
        self._thread.start()

    def _send_all(self) -> None:
        kinds: tuple[Callable[[int], httpx.Response], ...] = (self.put_position, self.post_session, self.resolve)
        due = time.monotonic()
        for number in itertools.count():
            due += 1 / A_SECOND
            if self._stop.wait(max(0.0, due - time.monotonic())):
                return
            kind, phase = kinds[number % len(kinds)], self.phase
            began_at = time.perf_counter()
            answer = kind(number)
            self.ms[phase, kind.__name__].append((time.perf_counter() - began_at) * 1000)
            if answer.status_code >= 500:
                say(f"{kind.__name__} was answered {answer.status_code}: {answer.text[:200]}")

    def put_position(self, number: int) -> httpx.Response:
        now = datetime.now(UTC).isoformat()
        place = {"percentage": number % 1000 / 2000, "progress": "/body/DocFragment[1]", "device_id": "kobo"}
        return self.http.put(f"/api/tome-sync/position/{self.book_id}", json=place | {"read_at": now, "sent_at": now})

    def post_session(self, number: int) -> httpx.Response:
        began_at = datetime.now(UTC) - timedelta(days=30) + timedelta(seconds=40 * number)
        return self.http.post(
            "/api/tome-sync/session",
            json={
                "book_id": self.book_id,
                "session_uuid": f"scan-{time.time_ns()}",
                "started_at": began_at.isoformat(),
                "ended_at": (began_at + timedelta(seconds=30)).isoformat(),
                "device_id": "kobo",
            },
        )

    def resolve(self, number: int) -> httpx.Response:
        return self.http.get("/api/tome-sync/resolve", params=self.asked[number % len(self.asked)])

    def close(self) -> None:
        self._stop.set()
        self._thread.join()
        self.http.close()


SEED_NAME = "A Book That Was There Before.epub"


def report(books: int) -> None:
    with service() as tome:
        key = reader_key(tome)
        made = tome.folder / "made"
        say(f"Writing files of {books:,} books ...")
        generated = [sys.executable, "-m", "tests.generating", str(made), "--books", str(books)]
        say(subprocess.run(generated, cwd=REPOSITORY, check=True, capture_output=True, text=True).stdout.strip())
        library = tome.data_dir / "library"
        make_epub(library / SEED_NAME, title="A Book That Was There Before")
        tome.start()
        scan(tome)
        devices = Devices(tome.url, key, books)
        try:
            measure(tome, devices, made, library)
        finally:
            devices.close()
        print_latencies(devices)


def measure(tome: Service, devices: Devices, made: Path, library: Path) -> None:
    worker = tome.part("library")
    assert worker is not None
    time.sleep(2)  # the first requests load modules
    devices.phase = "idle, few books"
    time.sleep(IDLE_SECONDS)
    for entry in sorted(made.iterdir()):
        entry.rename(library / entry.name)
    devices.phase = "first scan"
    with sampled(worker.pid) as memory:
        seconds, said = scan(tome)
    files = int(said.split()[0])
    say(f"First scan: {said} {seconds:.0f} s, {files / seconds:.0f} files/s.")
    print_memory(memory)
    devices.phase = "idle, all books"
    time.sleep(IDLE_SECONDS)
    devices.phase = "scan, nothing new"
    with sampled(worker.pid) as memory:
        again = [scan(tome) for _ in range(RESCANS)]
    devices.phase = ""
    for seconds, said in again:
        say(f"Nothing changed: {said} {seconds:.1f} s, {seconds / files * 100_000:.1f} s for 100,000 files.")
    print_memory(memory)
    counts = python(COUNTS, environment=tome.environment)
    say(f"Then there are {counts}.")


COUNTS = """
from library.models import Book, BookFile, Import, Series, Author
counts = {model.__name__: model.objects.count() for model in (Book, BookFile, Series, Author)}
print(counts, "failed:", Import.objects.filter(state="failed").count())
"""


def scan(tome: Service) -> tuple[float, str]:
    """Scan the library and wait for its end; how long that took from when it was asked for, and the counts."""
    done = tome.tome("scan", "--wait")
    if done.returncode:
        raise RuntimeError(done.stderr)
    return float(python(SECONDS, environment=tome.environment)), done.stdout.splitlines()[0]


SECONDS = """
from library.models import Scan
scan = Scan.objects.filter(state="finished").latest("finished_at")
print((scan.finished_at - scan.queued_at).total_seconds())
"""


def print_memory(memory: Memory) -> None:
    if not memory.samples:
        return
    step = max(1, len(memory.samples) // SHOWN_SAMPLES)
    say(f"{'after s':>10}{'worker PSS MB':>16}{'worker RSS MB':>16}{'reading PSS MB':>17}")
    for at, *figures in memory.samples[::step]:
        say(f"{at:10.0f}{figures[0]:16.0f}{figures[1]:16.0f}{figures[2]:17.0f}")
    peak = [max(sample[n] for sample in memory.samples) for n in (1, 2, 3)]
    say(f"{'peak':>10}{peak[0]:16.0f}{peak[1]:16.0f}{peak[2]:17.0f}")


def print_latencies(devices: Devices) -> None:
    say()
    say(f"{'ms for':24}{'':16}{'requests':>10}{'p50':>8}{'p95':>8}{'max':>8}{'p50 x idle':>12}{'p95 x idle':>12}")
    idle = "idle, all books"
    for (phase, kind), ms in sorted(devices.ms.items(), key=lambda pair: (pair[0][1], pair[0][0])):
        if not phase:
            continue
        at_rest = devices.ms.get((idle, kind)) or ms
        figures = [quantile(ms, 0.5), quantile(ms, 0.95), max(ms)]
        ratios = [figures[n] / quantile(at_rest, share) for n, share in enumerate((0.5, 0.95))]
        say(
            f"{phase:24}{kind:16}{len(ms):>10}"
            + "".join(f"{figure:8.1f}" for figure in figures)
            + "".join(f"{ratio:12.1f}" for ratio in ratios)
        )
