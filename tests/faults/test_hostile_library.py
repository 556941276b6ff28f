"""One scan of a real service over all real books and all hostile files, held against their two manifests."""

import json
import shutil
import socket
import sqlite3
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from library.formats import format_of, stem_of
from library.formats.metadata import TITLE_LENGTH, title_from_stem
from tests.faults.devices import client
from tests.project.services import Service, service
from tests.waiting import wait_until

pytestmark = [pytest.mark.corpus, pytest.mark.faults]

MEMORY_LIMIT = 400 * 1024 * 1024
SAMPLE_SECONDS = 0.05
FILE_TAKES_SECONDS = 10.0  # the largest real PDF takes one; the machine may be busy
READER = "library.formats.child"
DISCARD_PORT = 9  # where the hostile files have a server looked for
ESCAPED = "ebook-escape-*"
# They share a sentence on warnings with others whose index is none; theirs are finite numbers, and kept.
WITH_AN_INDEX = {"hostile/series-index-negative.epub", "hostile/series-index-comma.epub"}

FILES = """
    SELECT file.path, file.stated, file.cover, book.id AS book_id, book.title, series.name AS series, book.series_index
    FROM library_bookfile file
    JOIN library_book book ON book.id = file.book_id
    LEFT JOIN library_series series ON series.id = book.series_id
"""
AUTHORS = """
    SELECT authorship.book_id, author.name
    FROM library_authorship authorship JOIN library_author author ON author.id = authorship.author_id
    WHERE authorship.role = 'aut' ORDER BY authorship.book_id, authorship.place
"""
IMPORTS = """
    SELECT path, state, reason, attempts, warnings, mtime_ns,
        (julianday(finished_at) - julianday(started_at)) * 86400 AS seconds
    FROM library_import
"""


@dataclass
class Story:
    """What one scan, and a second one, made of the two folders."""

    shared: Path
    library: Path
    covers: Path
    hashes: dict[str, str]  # of each file of the library before the scans, by path
    escaped: set[Path]  # what lay where the hostile files would write before the scans
    output: str = ""
    notes: str = ""
    again: str = ""  # what the second scan said
    finished: dict[str, str] = field(default_factory=dict)  # when each file was done, after the first scan
    finished_again: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    peak_bytes: int = 0
    pool_before: set[int] = field(default_factory=set)
    pool_after: set[int] = field(default_factory=set)
    log: str = ""
    connections: int = 0
    refused_uploads: dict[str, httpx.Response] = field(default_factory=dict)
    imports: dict[str, dict[str, Any]] = field(default_factory=dict)
    files: dict[str, dict[str, Any]] = field(default_factory=dict)
    authors: dict[int, list[str]] = field(default_factory=dict)
    dump: str = ""

    @property
    def good(self) -> list[dict[str, Any]]:
        described: list[dict[str, Any]] = json.loads((self.shared / "MANIFEST.json").read_text())["files"]
        return described

    @property
    def hostile(self) -> list[dict[str, Any]]:
        described = json.loads((self.shared / "hostile" / "MANIFEST.json").read_text())["files"]
        return [file | {"path": f"hostile/{file['path']}"} for file in described]

    def outcome(self, path: str) -> str:
        """`accept` or `reject`, as the manifest calls them; empty where no import was tried."""
        row = self.imports.get(path)
        return {"imported": "accept", "failed": "reject"}[row["state"]] if row else ""


@pytest.fixture(scope="module")
def story(shared_books: Path) -> Iterator[Story]:
    with service(variables={"TOME_WATCH": "off"}) as running, listening() as reached:
        told = Story(
            shared_books,
            library=running.data_dir / "library",
            covers=running.data_dir / "covers",
            hashes={},
            escaped=set(),
        )
        shutil.copytree(shared_books, told.library)
        told.hashes, told.escaped = hashes_below(told.library), escaped()
        running.start()
        key = reader_and_key(running)
        told.pool_before = pool_of(running)
        with watched_memory(running) as memory:
            began = time.monotonic()
            scan = running.tome("scan", "--wait")
            told.seconds = time.monotonic() - began
        told.output, told.notes, told.peak_bytes = scan.stdout, scan.stderr, memory.peak_bytes
        wait_until(lambda: not readers_of(running), what="the reading process to end with the queue")
        told.pool_after = pool_of(running)
        told.finished = finished_at(running)
        told.again = running.tome("scan", "--wait").stdout
        told.finished_again = finished_at(running)
        with client(running.url, key) as http:
            told.refused_uploads = {
                file["path"]: http.post("/api/books", files={"file": (Path(file["path"]).name, content)})
                for file in told.hostile
                if format_of(file["path"]) is None
                for content in [(told.library / file["path"]).read_bytes()]
            }
        look_into_database(running, told)
        told.log, told.connections = running.log(), len(reached)
        counts = told.output.splitlines()[0]
        sys.stdout.write(f"{counts} {told.seconds:.1f} s, at most {told.peak_bytes // 2**20} MiB.\n")
        yield told


@pytest.fixture(autouse=True)
def _shown_where_it_fails(story: Story) -> Iterator[None]:
    """In the place of this folder's own fixture, whose cluster is not wanted here."""
    yield
    sys.stdout.write(story.output + story.log)


def reader_and_key(running: Service) -> str:
    made = running.tome("user", "create", "ada", "--password-stdin", stdin="a long enough password\n")
    assert made.returncode == 0, made.stderr
    return running.tome("key", "create", "--user", "ada", "--label", "a script").stdout.strip()


def hashes_below(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


def escaped() -> set[Path]:
    """Everything with the name that the hostile files write under, in all places outside that they could mean."""
    return {path for folder in (Path("/"), Path("/tmp"), Path.home(), Path.cwd()) for path in folder.glob(ESCAPED)}


@contextmanager
def listening() -> Iterator[list[Any]]:
    """Who connects to the port that the hostile files name; nobody is heard where we may not listen there."""
    reached: list[Any] = []
    with socket.socket() as server:
        with suppress(PermissionError):
            server.bind(("127.0.0.1", DISCARD_PORT))
            server.listen()
        listener = threading.Thread(target=accept_all, args=(server, reached))
        listener.start()
        try:
            yield reached
        finally:
            with suppress(OSError):
                server.shutdown(socket.SHUT_RDWR)
            listener.join()


def accept_all(server: socket.socket, reached: list[Any]) -> None:
    with suppress(OSError):
        while True:
            connection, address = server.accept()
            reached.append(address)
            connection.close()


def descendants(running: Service) -> list[psutil.Process]:
    """The library's worker, its pool, and whatever that has started."""
    worker = running.part("library")
    with suppress(psutil.NoSuchProcess):
        return [worker, *worker.children(recursive=True)] if worker else []
    return []


def readers_of(running: Service) -> list[psutil.Process]:
    readers = []
    for process in descendants(running):
        with suppress(psutil.NoSuchProcess):
            if READER in process.cmdline():
                readers.append(process)
    return readers


def pool_of(running: Service) -> set[int]:
    def pool() -> set[int]:
        return {process.pid for process in descendants(running)[1:]} - {each.pid for each in readers_of(running)}

    return wait_until(pool, what="the library worker's pool")


class Memory(threading.Thread):
    """Adds up what these processes have of memory, shared parts as often as they are shared, until it is stopped."""

    def __init__(self, running: Service) -> None:
        super().__init__()
        self.peak_bytes = 0
        self.saw_reader = False
        self._running = running
        self._stopping = threading.Event()

    def run(self) -> None:
        while not self._stopping.wait(SAMPLE_SECONDS):
            resident = 0
            for process in descendants(self._running):
                with suppress(psutil.NoSuchProcess):
                    resident += process.memory_info().rss
                    self.saw_reader |= READER in process.cmdline()
            self.peak_bytes = max(self.peak_bytes, resident)

    def stop(self) -> None:
        self._stopping.set()
        self.join()


@contextmanager
def watched_memory(running: Service) -> Iterator[Memory]:
    memory = Memory(running)
    memory.start()
    try:
        yield memory
    finally:
        memory.stop()
    assert memory.saw_reader


def database_of(running: Service) -> "closing[sqlite3.Connection]":
    return closing(sqlite3.connect(f"file:{running.data_dir}/tome.sqlite3?mode=ro", uri=True))


def finished_at(running: Service) -> dict[str, str]:
    with database_of(running) as database:
        return dict(database.execute("SELECT path, finished_at FROM library_import"))


def look_into_database(running: Service, told: Story) -> None:
    with database_of(running) as database:
        database.row_factory = sqlite3.Row
        told.imports = {row["path"]: dict(row) for row in database.execute(IMPORTS)}
        told.files = {row["path"]: dict(row) for row in database.execute(FILES)}
        for row in database.execute(AUTHORS):
            told.authors.setdefault(row["book_id"], []).append(row["name"])
        told.dump = "\n".join(database.iterdump())


# --- The good files ---------------------------------------------------------------------------------------------------


def test_each_good_file_is_in_with_all_that_it_states(story: Story) -> None:
    assert len(story.good) == 28
    for described in story.good:
        path = described["path"]
        assert story.outcome(path) == "accept", story.imports.get(path)
        stated = json.loads(story.files[path]["stated"])
        known: dict[str, Any] = {
            "title": stated.get("title"),
            "authors": [name for name, role, _ in stated.get("contributors", []) if role == "aut"],
            "language": stated.get("language"),
            "series": stated.get("series"),
            "series_index": stated.get("series_index"),
            "pages": stated.get("pages") if "pages" in described else None,
        }
        assert known == {name: described.get(name) for name in known}, path


def test_each_good_file_is_part_of_a_book_of_that_title_authors_and_series(story: Story) -> None:
    for described in story.good:
        file = story.files[described["path"]]
        assert file["title"] == (described["title"] or title_from_stem(stem_of(described["path"]))), described["path"]
        assert story.authors.get(file["book_id"], []) == described["authors"], described["path"]
        if described["series"]:
            assert (file["series"], file["series_index"]) == (described["series"], described["series_index"])


def test_formats_of_one_work_are_one_book_and_a_shared_identifier_alone_makes_none(story: Story) -> None:
    def books_of(*names: str) -> int:
        return len({story.files[name]["book_id"] for name in names})

    hound = "se-hound-of-the-baskervilles"
    assert books_of(f"{hound}.epub", f"{hound}-advanced.epub", f"{hound}.kepub.epub", f"{hound}.azw3") == 1
    assert books_of("pg42324-frankenstein.epub", "pg42324-frankenstein.mobi") == 1
    assert books_of("pg11-alice.epub", "pg11-alice-2020.epub", "pg11-alice.mobi") == 1
    assert books_of("golden-harpoon.epub", "calibre-series-in-epub2.epub") == 2


# --- The hostile files ------------------------------------------------------------------------------------------------


def test_each_hostile_book_ends_as_its_manifest_says(story: Story) -> None:
    assert len(story.hostile) == 86
    for described in story.hostile:
        if format_of(described["path"]):
            wished = described["expected"]["outcome"]
            got = story.outcome(described["path"])
            assert got, described["path"]
            assert wished in (got, "either"), (described["path"], story.imports[described["path"]]["reason"])


def test_each_refused_file_is_named_with_one_sentence(story: Story) -> None:
    printed = story.output.splitlines()[1:]
    failed = {path: row["reason"] for path, row in story.imports.items() if row["state"] == "failed"}
    assert failed
    assert sorted(printed) == sorted(f"{path}: {reason}" for path, reason in failed.items())
    for path, reason in failed.items():
        assert reason.endswith("."), path
        assert "\n" not in reason, path
        assert "Error" not in reason, path  # the name of an exception tells a reader nothing
    assert story.output.splitlines()[0] == f"108 seen, {108 - len(failed)} imported, {len(failed)} failed."


def test_what_is_named_wrongly_is_told_what_it_is(story: Story) -> None:
    reasons = {Path(path).name: row["reason"] for path, row in story.imports.items()}
    assert "a PDF" in reasons["pdf-named.epub"]
    assert "an EPUB" in reasons["epub-named.pdf"]
    assert "encrypted" in reasons["drm-like.epub"]
    assert "password" in reasons["zip-password.epub"]
    assert "password" in reasons["rar4-encrypted.cbr"]


def test_what_is_no_book_is_left_out_by_name_and_refused_as_an_upload(story: Story) -> None:
    others = [file["path"] for file in story.hostile if format_of(file["path"]) is None]
    assert len(others) == 6
    assert set(story.refused_uploads) == set(others)
    for path in others:
        assert path not in story.imports
        assert path not in story.files
        assert path in story.notes
        answer = story.refused_uploads[path]
        assert answer.status_code == 415
        assert answer.json()["detail"].endswith(".")


def test_what_comes_in_although_something_is_wrong_has_a_warning(story: Story) -> None:
    for described in story.hostile:
        path, must = described["path"], described["expected"]["must"]
        promised = "with a warning" in must or "as a warning" in must
        if promised and path not in WITH_AN_INDEX and story.outcome(path) == "accept":
            assert json.loads(story.imports[path]["warnings"]), path


def test_what_is_stated_wrongly_has_a_fallback(story: Story) -> None:
    by_name = {Path(path).name: file for path, file in story.files.items()}
    for name in ("no-title-no-author.epub", "blank-title.epub"):
        assert by_name[name]["title"] == title_from_stem(stem_of(name))
        assert by_name[name]["book_id"] not in story.authors
    assert by_name["opf-utf16.epub"]["title"] == "UTF-16 package"
    for name, index in (("nan", None), ("inf", None), ("words", None), ("negative", -1.0), ("comma", 1.5)):
        assert by_name[f"series-index-{name}.epub"]["series_index"] == index, name
    for name in ("huge-cover-png", "large-cover-under-error-limit", "cover-dimension-lie", "cover-is-text"):
        assert by_name[f"{name}.epub"]["cover"] == ""
    ordered = by_name["w3c-pkg-creator-order.epub"]
    people = ["Dave Cramer", "Wendy Reid", "Dan Lazin", "Ivan Herman", "Brady Duga"]
    assert story.authors[ordered["book_id"]] == people


# --- What none of them may do -----------------------------------------------------------------------------------------


def test_texts_are_bounded_and_numbers_finite(story: Story) -> None:
    for path, file in story.files.items():
        assert 0 < len(file["title"]) <= TITLE_LENGTH, path
        stated = json.loads(file["stated"], parse_constant=not_finite)
        assert len(stated.get("title", "")) <= TITLE_LENGTH
        assert len(file["stated"]) < 60_000
        index = file["series_index"]
        assert index is None or abs(index) < 1e9


def not_finite(text: str) -> Any:
    raise AssertionError(f"{text} was stored")


def test_nothing_of_the_servers_files_is_stored(story: Story) -> None:
    disclosed = Path("/etc/passwd").read_text().splitlines()[0]
    assert disclosed.startswith("root:")
    assert disclosed not in story.dump
    for cover in story.covers.rglob("*"):
        assert not cover.is_symlink()
        if cover.is_file():
            content = cover.read_bytes()
            assert content[:4] + content[8:12] == b"RIFFWEBP", cover
            assert disclosed.encode() not in content


def test_nothing_is_written_outside_and_the_files_are_as_they_were(story: Story) -> None:
    assert hashes_below(story.library) == story.hashes
    assert not any(path.is_symlink() for path in story.library.rglob("*"))
    assert not any(path.name.startswith(".") for path in story.library.rglob("*"))
    assert escaped() == story.escaped
    assert list(story.library.parent.parent.rglob(ESCAPED)) == []


def test_nobody_is_called_over_the_network(story: Story) -> None:
    assert story.connections == 0


def test_nothing_is_tried_again(story: Story) -> None:
    first, second = story.output.splitlines(), story.again.splitlines()
    assert second[0].startswith("108 seen, 0 imported, ")
    assert second[1:] == first[1:]  # named again, but not read again
    assert story.finished_again == story.finished
    for path, row in story.imports.items():
        assert (row["attempts"], bool(row["mtime_ns"])) == (0, True), path


def test_no_file_takes_long_and_no_worker_is_lost(story: Story) -> None:
    for path, row in story.imports.items():
        assert row["seconds"] < FILE_TAKES_SECONDS, path
    assert story.pool_after == story.pool_before
    for sign in ("WorkerLostError", "time limit", "Traceback", "exited with"):
        assert sign not in story.log


def test_memory_of_the_worker_stays_below_its_limit(story: Story) -> None:
    assert 0 < story.peak_bytes < MEMORY_LIMIT
