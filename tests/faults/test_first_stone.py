"""From nothing to a book that goes on on a second device: `tome up`, its commands, and the built plugin in LuaJIT."""

import json
import shutil
import signal
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.books import make_epub
from tests.faults.devices import client
from tests.koplugin.koreader import KOReader, default_xpointers
from tests.project.services import Service, service

pytestmark = pytest.mark.faults

HOUND = "se-hound-of-the-baskervilles.epub"
PAGES_READ = 120
SECONDS_EACH = 30.0
LOOK_SECONDS = 2.0  # at the first page, before the reading begins
SENDING_SECONDS = 5.0  # for what is sent beside KOReader once the book is closed
SETTLES_WITHIN_SECONDS = 2.0
STOPS_WITHIN_SECONDS = 10.0
POLL_SECONDS = 0.02

AUTHORS_OF_FILES = """
    SELECT file.path, author.name
    FROM library_bookfile file
    JOIN library_authorship authorship ON authorship.book_id = file.book_id
    JOIN library_author author ON author.id = authorship.author_id
    WHERE authorship.role = 'aut'
    ORDER BY file.path, authorship.place
"""


@dataclass(frozen=True)
class Library:
    """Files to import, what is to be known of each (title, authors, series, series_index), and the Hound's pages."""

    folder: Path
    described: list[dict[str, Any]]
    xpointers: list[str]  # where each page of the Hound begins

    @property
    def epubs(self) -> list[dict[str, Any]]:
        return [file for file in self.described if file["path"].endswith(".epub")]


@dataclass(frozen=True)
class Stats:
    etag: str
    body: dict[str, Any]


def real_books(shared_books: Path) -> Library:
    xpointers = json.loads((shared_books.parent / f"koreader/xpointers/{Path(HOUND).stem}.json").read_text())
    return Library(
        shared_books,
        json.loads((shared_books / "MANIFEST.json").read_text())["files"],
        [place["xpointer"] for place in xpointers["positions"]],
    )


def small_books(folder: Path) -> Library:
    holmes: dict[str, Any] = {"authors": ["Arthur Conan Doyle"], "series": "Sherlock Holmes"}
    alone: dict[str, Any] = {"series": None, "series_index": None}
    described: list[dict[str, Any]] = [
        {"path": HOUND, "title": "The Hound of the Baskervilles", "series_index": 5.0, **holmes},
        {"path": "The Sign of the Four.epub", "title": "The Sign of the Four", "series_index": 2.0, **holmes},
        {"path": "A Pair.epub", "title": "Two Wrote This", "authors": ["Zoë Adams", "Abel Zorn"], **alone},
        {"path": "Nobody.epub", "title": "Nobody Wrote This", "authors": [], **alone},
    ]
    for file in described:
        make_epub(folder / file["path"], **{key: value for key, value in file.items() if key != "path"})
    return Library(folder, described, [xpointer.decode() for xpointer in default_xpointers(282)])


@pytest.fixture(params=[pytest.param("real books", marks=pytest.mark.corpus), "small books"])
def library(request: pytest.FixtureRequest, tmp_path: Path) -> Library:
    if request.param == "real books":
        return real_books(request.getfixturevalue("shared_books"))
    return small_books(tmp_path / "books")


@pytest.fixture
def running() -> Iterator[Service]:
    with service() as made:
        made.start()
        yield made


@pytest.fixture(autouse=True)
def _shown_where_it_fails(running: Service) -> Iterator[None]:
    """In the place of this folder's own fixture, whose cluster is not wanted here."""
    yield
    sys.stdout.write(running.log())


def test_a_real_device_syncs_a_book_of_a_fresh_service(running: Service, library: Library, tmp_path: Path) -> None:
    key = reader_and_key(running)
    import_books(running, library)
    plugin = build_plugin_zip(running)
    with client(running.url, key) as http:
        assert_known_as_described(running, http, library)
        before = stats_once(http, lambda stats: not stats.body["pending"], within=30)
        kobo = KOReader(plugin, tmp_path / "kobo", device_id="kobo-1", now=time.time() - reading_seconds())
        began, ended = read_the_hound(kobo, running, library)
        after = stats_once(
            http, lambda stats: stats.etag != before.etag and not stats.body["pending"], within=SETTLES_WITHIN_SECONDS
        )
        assert_shows_the_session(after.body, began, ended)
    assert_goes_on_elsewhere(KOReader(plugin, tmp_path / "other", device_id="other-1", now=ended), running, library)
    check = running.tome("stats", "rebuild", "--check")
    assert check.returncode == 0, check.stdout + check.stderr
    assert_ends_in_time(running)


def reader_and_key(running: Service) -> str:
    made = running.tome("user", "create", "ada", "--password-stdin", stdin="a long enough password\n")
    assert made.returncode == 0, made.stderr
    key = running.tome("key", "create", "--user", "ada", "--label", "a script")
    assert key.returncode == 0, key.stderr
    return key.stdout.strip()


def import_books(running: Service, library: Library) -> None:
    for file in library.described:
        shutil.copy(library.folder / file["path"], running.data_dir / "library")
    count = len(library.described)
    scan = running.tome("scan", "--wait")
    assert scan.returncode == 0, scan.stderr
    assert scan.stdout == f"{count} seen, {count} imported, 0 failed.\n"


def build_plugin_zip(running: Service) -> bytes:
    out = running.folder / "plugin.zip"
    built = running.tome("plugin", "build", "--user", "ada", "--server-url", running.url, "--out", str(out))
    assert built.returncode == 0, built.stderr
    return out.read_bytes()


def assert_known_as_described(running: Service, http: httpx.Client, library: Library) -> None:
    """By each EPUB's name alone, as a device asks; no answer tells authors, so they are read where they are stored."""
    authors: dict[str, list[str]] = {}
    with closing(sqlite3.connect(f"file:{running.data_dir}/tome.sqlite3?mode=ro", uri=True)) as database:
        for path, name in database.execute(AUTHORS_OF_FILES):
            authors.setdefault(path, []).append(name)
    for file in library.epubs:
        answer = http.get("/api/tome-sync/resolve", params={"filename": file["path"]})
        assert answer.status_code == 200, f"{file['path']}: {answer.text}"
        known = {name: answer.json().get(name) for name in ("title", "series", "series_index")}
        described = {name: file[name] for name in ("title", "series", "series_index", "authors")}
        assert {**known, "authors": authors.get(file["path"], [])} == described, file["path"]


def reading_seconds() -> float:
    return LOOK_SECONDS + PAGES_READ * SECONDS_EACH


def read_the_hound(kobo: KOReader, running: Service, library: Library) -> tuple[float, float]:
    """When the session began and ended, by the device's clock, which is right in the end."""
    began = kobo.now
    kobo.open(running.data_dir / "library" / HOUND, xpointers=library.xpointers, look_seconds=LOOK_SECONDS)
    kobo.turn_pages(PAGES_READ, seconds_each=SECONDS_EACH)
    ended = kobo.now
    kobo.close()
    kobo.wait(SENDING_SECONDS)
    assert (kobo.waiting(), kobo.warnings) == ([], [])
    return began, ended


def stats_once(http: httpx.Client, is_wanted: Callable[[Stats], bool], *, within: float) -> Stats:
    """The first payload that is wanted, in so many seconds from now; fails with the last one that was seen."""
    began = time.monotonic()
    while True:
        answer = http.get("/api/stats")
        took = time.monotonic() - began
        assert answer.status_code == 200, answer.text
        stats = Stats(answer.headers["etag"], answer.json())
        assert took < within, f"After {took:.2f} s the statistics were still {stats}"
        if is_wanted(stats):
            return stats
        time.sleep(POLL_SECONDS)


def assert_shows_the_session(stats: dict[str, Any], began: float, ended: float) -> None:
    # An hour that ends now began yesterday if this runs soon after midnight: then the session is part of both days.
    days = sorted({day_of(began), day_of(ended)})
    daily = stats["daily"]
    assert [(day["day"], day["sessions"]) for day in daily] == [(day.isoformat(), 1) for day in days]
    assert sum(day["pages"] for day in daily) == pytest.approx(PAGES_READ, abs=len(days) - 1)
    assert sum(day["seconds"] for day in daily) == pytest.approx(reading_seconds(), abs=60)
    assert stats["totals"]["all"]["sessions"] == 1
    assert stats["streak"]["current"] == len(days)
    [book] = stats["by_book"]
    assert (book["title"], book["status"], book["sessions"]) == ("The Hound of the Baskervilles", "reading", 1)


def day_of(instant: float) -> date:
    """In the device's zone, which is this process's and in which the plugin says that it was read."""
    return datetime.fromtimestamp(instant).date()


def assert_goes_on_elsewhere(device: KOReader, running: Service, library: Library) -> None:
    device.open(running.data_dir / "library" / HOUND, xpointers=library.xpointers)
    percent = round(100 * (PAGES_READ + 1) / len(library.xpointers))
    device.wait(SENDING_SECONDS)
    [notice] = [window.text for window in device.shown if window.kind == "Notification"]
    assert f" → {percent} %: " in notice
    assert device.progress == library.xpointers[PAGES_READ]
    device.close()
    assert device.warnings == []


def assert_ends_in_time(running: Service) -> None:
    running.send(signal.SIGTERM)
    assert running.wait(STOPS_WITHIN_SECONDS) == 0
    assert running.processes() == []
