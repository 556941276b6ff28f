"""The watcher on a real folder, with the system telling it of changes, and as a part of the service."""

import logging
import os
import shutil
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from kombu.exceptions import OperationalError as BrokerError

from library import watching as watching_module
from project import watcher
from project.watcher import Mode, Watcher
from tests.books import make_epub
from tests.project.services import Service, service
from tests.waiting import wait_until

WHOLE_LIBRARY = [""]


class Asked:
    """Stands where scans are queued; keeps what was asked for, and may refuse for a while."""

    def __init__(self) -> None:
        self.scans: list[list[str]] = []
        self.refusals = 0

    def __call__(self, paths: Sequence[str]) -> bool:
        if self.refusals:
            self.refusals -= 1
            return False
        self.scans.append(list(paths))
        return True

    def paths(self) -> set[str]:
        return {path for scan in self.scans for path in scan}

    def wait_for(self, *paths: str) -> None:
        wait_until(lambda: set(paths) <= self.paths(), what=f"a scan of {', '.join(paths)}")


@pytest.fixture
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the watcher look more often, so that no test has to wait for seconds."""
    monkeypatch.setattr(watching_module, "STABLE_SECONDS", 0.3)
    monkeypatch.setattr(watcher, "LOOK_EVERY_MILLISECONDS", 60)
    monkeypatch.setattr(watcher, "QUIET_MILLISECONDS", 30)
    monkeypatch.setattr(watcher, "RETRY_SECONDS", 0.05)
    monkeypatch.setattr(watcher, "POLL_MILLISECONDS", 100)


@pytest.fixture
def asked(_impatient: None) -> Asked:
    return Asked()


@pytest.fixture
def library(tmp_path: Path) -> Path:
    (tmp_path / "library").mkdir()
    return tmp_path / "library"


@contextmanager
def watching(folder: Path, asked: Asked, mode: Mode = "auto") -> Iterator[None]:
    """A watcher in a thread; it watches when this begins, if the folder is there."""
    stop = threading.Event()
    thread = threading.Thread(target=Watcher(folder, mode, asked).run, args=[stop])
    before = len(asked.scans)
    thread.start()
    try:
        if folder.is_dir() and mode != "off":
            wait_until(lambda: len(asked.scans) > before, what="the watcher to begin")
        yield
    finally:
        stop.set()
        thread.join(15)
        assert not thread.is_alive()


def test_it_begins_with_the_whole_library_and_goes_on_with_what_is_new(library: Path, asked: Asked) -> None:
    (library / "old.epub").write_bytes(b"x")
    with watching(library, asked):
        assert asked.scans == [WHOLE_LIBRARY]
        (library / "new.epub").write_bytes(b"x")
        (library / "cover.jpg").write_bytes(b"x")
        asked.wait_for("new.epub")
    assert asked.scans == [WHOLE_LIBRARY, ["new.epub"]]


def test_files_in_new_folders_and_paths_that_are_left_are_noticed(library: Path, asked: Asked, tmp_path: Path) -> None:
    for name in ("gone.epub", "before.epub"):
        (library / name).write_bytes(b"x")
    prepared = tmp_path / "prepared"
    (prepared / "deep").mkdir(parents=True)
    (prepared / "deep" / "moved in.epub").write_bytes(b"x")
    with watching(library, asked):
        (library / "gone.epub").unlink()
        (library / "before.epub").rename(library / "after.epub")
        prepared.rename(library / "folder")
        (library / "made").mkdir()
        (library / "made" / "at once.epub").write_bytes(b"x")
        asked.wait_for("gone.epub", "before.epub", "after.epub", "folder/deep/moved in.epub", "made/at once.epub")
        shutil.rmtree(library / "folder")
        wait_until(lambda: any(path.startswith("folder") for path in asked.scans[-1]), what="the folder to be missed")


def test_a_file_that_is_written_in_pieces_is_left_alone_until_it_is_complete(
    library: Path, asked: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching_module, "STABLE_SECONDS", 1.0)
    looks: list[int] = []
    real = watcher.Changes.take_ready

    def take_ready(changes: Any) -> list[str]:
        looks.append(len(changes))
        return real(changes)

    monkeypatch.setattr(watcher.Changes, "take_ready", take_ready)
    with watching(library, asked), (library / "large.epub").open("wb") as file:
        for _ in range(30):  # each piece comes after another look, so for longer than a file has to be still
            file.write(b"a piece of a book" * 100)
            file.flush()
            before = len(looks)
            wait_until(lambda: len(looks) > before and looks[-1] == 1, what="the watcher to look")  # noqa: B023
            assert asked.scans == [WHOLE_LIBRARY]
        asked.wait_for("large.epub")


def test_a_scan_that_could_not_be_queued_is_asked_for_again(library: Path, asked: Asked) -> None:
    asked.refusals = 2
    with watching(library, asked):
        asked.refusals = 1
        (library / "a.epub").write_bytes(b"x")
        asked.wait_for("a.epub")
    assert (asked.scans, asked.refusals) == ([WHOLE_LIBRARY, ["a.epub"]], 0)


def test_a_folder_that_is_missing_is_waited_for(
    library: Path, asked: Asked, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    library.rmdir()
    with watching(library, asked):
        wait_until(lambda: "is not there" in caplog.text, what="it to be said")
        assert asked.scans == []
        library.mkdir()
        wait_until(lambda: asked.scans == [WHOLE_LIBRARY], what="the library to be scanned")
        (library / "a.epub").write_bytes(b"x")
        asked.wait_for("a.epub")
    assert caplog.text.count("is not there") == 1


def test_another_folder_in_its_place_is_watched_in_turn(
    library: Path, asked: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    with watching(library, asked):
        library.rename(library.with_name("elsewhere"))
        library.mkdir()  # as a disk that is mounted over it
        wait_until(lambda: asked.scans.count(WHOLE_LIBRARY) == 2, what="the library to be scanned again")
        (library / "a.epub").write_bytes(b"x")
        asked.wait_for("a.epub")


def test_where_the_system_cannot_watch_the_folder_is_looked_through_and_that_is_said_once(
    library: Path, asked: Asked, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    real = watcher.watch

    def limited(*paths: Path, **options: Any) -> Any:
        if not options["force_polling"]:
            raise OSError("OS file watch limit reached.")
        return real(*paths, **options)

    monkeypatch.setattr(watcher, "watch", limited)
    with watching(library, asked), caplog.at_level(logging.WARNING):
        (library / "a.epub").write_bytes(b"x")
        asked.wait_for("a.epub")
    assert caplog.text.count("fs.inotify.max_user_watches") == 1


@pytest.mark.parametrize(
    ("error", "polls"), [("OS file watch limit reached.", True), ("something that passes by itself", False)]
)
def test_what_goes_wrong_later_makes_it_begin_again(
    library: Path, asked: Asked, monkeypatch: pytest.MonkeyPatch, error: str, polls: bool
) -> None:
    real = watcher.watch
    polled: list[bool] = []

    def breaking(*paths: Path, **options: Any) -> Any:
        polled.append(bool(options["force_polling"]))
        changes = real(*paths, **options)
        yield next(changes)
        if len(polled) == 1:
            raise RuntimeError(error)
        yield from changes

    monkeypatch.setattr(watcher, "watch", breaking)
    with watching(library, asked):
        wait_until(lambda: len(asked.scans) == 2, what="the watcher to begin again")
        (library / "a.epub").write_bytes(b"x")
        asked.wait_for("a.epub")
    assert polled == [False, polls]
    assert asked.scans == [WHOLE_LIBRARY, WHOLE_LIBRARY, ["a.epub"]]


def test_a_folder_can_be_looked_through_from_the_start(
    library: Path, asked: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    (library / "deep").mkdir()
    with watching(library, asked, "poll"):
        (library / "deep" / "a.epub").write_bytes(b"x")
        asked.wait_for("deep/a.epub")


def test_switched_off_it_stands_by(library: Path, asked: Asked) -> None:
    with watching(library, asked, "off"):
        (library / "a.epub").write_bytes(b"x")
    assert asked.scans == []


def test_a_scan_is_queued_though_no_worker_can_be_told(
    db: None, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from library.models import Scan

    def fail(*arguments: object) -> None:
        raise BrokerError("Connection refused")

    monkeypatch.setattr(watcher, "publish_now", fail)
    monkeypatch.setattr(watcher.connection, "close", lambda: None)  # the test's own transaction
    assert watcher.ask_for_scan(["a.epub"])
    assert watcher.ask_for_scan(watcher.WHOLE_LIBRARY)
    assert [scan.paths for scan in Scan.objects.order_by("id")] == [["a.epub"], [""]]


def test_a_sign_of_life_is_given_every_minute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOME_DATA_DIR", str(tmp_path))
    file = watcher.sign_of_life()
    watcher.show_life()
    assert file.exists()
    os.utime(file, (1, 1))
    watcher.show_life()
    first = file.stat().st_mtime_ns
    assert first > 1e18
    watcher.show_life()
    assert file.stat().st_mtime_ns == first


# As a part of the service


@pytest.fixture(scope="module")
def running() -> Iterator[Service]:
    with service() as made:
        made.start()
        wait_until(lambda: made.part("watcher"), what="the watcher to run")
        yield made


def seen_by(running: Service) -> Callable[[], dict[str, Any]]:
    running.tome("user", "create", "ada")
    key = running.tome("key", "create", "--user", "ada").stdout.strip()

    def resolved() -> dict[str, Any]:
        answer = httpx.get(
            f"{running.url}/api/tome-sync/resolve?filename=The Moonstone.epub",
            headers={"authorization": f"Bearer {key}"},
        )
        return dict(answer.json()) if answer.status_code == 200 else {}

    return resolved


@pytest.mark.faults
def test_a_book_that_arrives_in_pieces_is_in_the_library_seconds_after_the_last_one(
    running: Service, tmp_path: Path
) -> None:
    resolved = seen_by(running)
    content = make_epub(tmp_path / "made.epub", title="The Moonstone").read_bytes()
    with (running.data_dir / "library" / "The Moonstone.epub").open("wb") as file:
        file.write(content[:500])
        file.flush()
        assert resolved() == {}
        file.write(content[500:])
    assert wait_until(resolved, what="the book to be found")["title"] == "The Moonstone"
    scans = [running.tome("scan", "--wait").stdout for _ in range(2)]
    assert scans == ["1 seen, 1 imported, 0 failed.\n", "1 seen, 0 imported, 0 failed.\n"]


@pytest.mark.faults
def test_whoever_serves_readers_comes_before_the_import_and_the_watcher_stops_with_the_rest(running: Service) -> None:
    library = wait_until(lambda: running.part("library"), what="the worker for library")
    sync = wait_until(lambda: running.part("sync"), what="the worker for sync")
    assert isinstance(library, psutil.Process)
    assert library.nice() - sync.nice() == 10
    for child in library.children():
        assert child.nice() == library.nice()
