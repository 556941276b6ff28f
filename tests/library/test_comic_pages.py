"""Pages by way of the real process, and what is left of it."""

import io
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil
import pytest
from PIL import Image

from library import comic_pages, parsing
from library.comic_pages import PATIENCE_SECONDS, Busy, Comic, Images, NoSuchPage, clamped_width, find_comic
from library.errors import LibraryError, MayPass, NotAnEbook
from library.formats.child import READY
from library.parsing import PageImage, page_outcome
from tests.conftest import add_book
from tests.library.formats.making import comic
from tests.library.test_parsing import NONSENSICAL, message
from tests.waiting import wait_until

JPEG = b"\xff\xd8\xff\xe0 and so on"


def picture(width: int = 40, height: int = 60) -> bytes:
    written = io.BytesIO()
    Image.new("RGB", (width, height)).save(written, "PNG")
    return written.getvalue()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return comic(tmp_path / "a.cbz", entries={f"{n}.png": picture() for n in range(3)})


@pytest.fixture
def images() -> Iterator[Images]:
    made = Images()
    yield made
    made.close()


def page(images: Images, path: Path, number: int = 0) -> PageImage:
    return images.ask(lambda parser: parser.page(path, number, 20))


def process_of(images: Images) -> psutil.Process:
    assert images.pid is not None
    return psutil.Process(images.pid)


def is_gone(process: psutil.Process) -> bool:
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


def test_one_process_serves_many_pages_and_threads(images: Images, path: Path) -> None:
    first = page(images, path)
    pid = images.pid
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(lambda number: page(images, path, number % 4), range(40)))
    assert images.pid == pid
    assert [each.jpeg is None for each in found] == [number % 4 == 3 for number in range(40)]
    assert {each.pages for each in [first, *found]} == {3}
    assert Image.open(io.BytesIO(found[0].jpeg or b"")).size == (20, 30)


def test_the_process_ends_when_nothing_was_asked_for_in_a_while_and_another_starts(path: Path) -> None:
    images = Images(idle_seconds=0.1)
    page(images, path)
    process = process_of(images)
    wait_until(lambda: is_gone(process), what="the idle process to end")
    wait_until(lambda: images.pid is None, what="its thread to end")
    assert page(images, path).jpeg is not None
    images.close()
    assert images.pid is None


def test_the_process_outlives_the_thread_that_asked_first(images: Images, path: Path) -> None:
    asking = threading.Thread(target=lambda: page(images, path))
    asking.start()
    asking.join()
    process = process_of(images)
    assert page(images, path).jpeg is not None
    assert process_of(images) == process


def test_a_process_that_was_ended_between_two_pages_is_replaced(images: Images, path: Path) -> None:
    page(images, path)
    process = process_of(images)
    process.kill()
    wait_until(lambda: is_gone(process), what="the process to end")
    assert page(images, path).jpeg is not None


@pytest.mark.parametrize(("number", "error"), [(signal.SIGSEGV, NotAnEbook), (signal.SIGKILL, MayPass)])
def test_a_page_that_ends_its_process_is_refused_and_the_next_is_shown(
    images: Images, path: Path, tmp_path: Path, number: signal.Signals, error: type[LibraryError]
) -> None:
    page(images, path)
    endless = tmp_path / "endless.cbz"
    os.mkfifo(endless)  # never ends being opened
    process = process_of(images)
    threading.Timer(0.2, lambda: process.send_signal(number)).start()
    with pytest.raises(error, match=r"\.$"):
        page(images, endless)
    assert page(images, path).jpeg is not None


def test_a_page_that_takes_too_long_is_given_up(
    images: Images, path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    endless = tmp_path / "endless.cbz"
    os.mkfifo(endless)
    page(images, path)
    with monkeypatch.context() as patch:
        patch.setattr(parsing, "PAGE_SECONDS", 0.2)
        with pytest.raises(MayPass):
            page(images, endless)
    assert page(images, path).jpeg is not None


def test_who_finds_no_seat_is_told_to_come_again(images: Images, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(comic_pages, "SEAT_SECONDS", 0.05)
    done = threading.Event()
    with ThreadPoolExecutor(comic_pages.SEATS) as threads:
        slow = [threads.submit(images.ask, lambda parser: done.wait(30)) for _ in range(comic_pages.SEATS)]
        wait_until(lambda: images._seats._value == 0, what="all seats to be taken")
        with pytest.raises(Busy):
            page(images, path)
        done.set()
        assert [each.result() for each in slow] == [True, True]
    assert page(images, path).jpeg is not None


def test_nobody_waits_behind_a_page_that_takes_long(
    images: Images, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(comic_pages, "SEAT_SECONDS", 3600.0)
    goes_on = threading.Event()
    with ThreadPoolExecutor(comic_pages.SEATS) as threads:
        slow = [threads.submit(images.ask, lambda parser: goes_on.wait(30)) for _ in range(comic_pages.SEATS)]
        wait_until(lambda: images._seats._value == 0, what="all seats to be taken")
        wait_until(lambda: time.monotonic() - images._began_at > PATIENCE_SECONDS, what="the page to take long")
        with pytest.raises(Busy):
            page(images, path)
        goes_on.set()
        assert [each.result() for each in slow] == [True, True]


def test_a_job_that_fails_fails_for_its_asker_alone(images: Images, path: Path) -> None:
    with pytest.raises(ZeroDivisionError):
        images.ask(lambda parser: 1 / 0)
    assert page(images, path).jpeg is not None


def test_what_is_in_the_way_of_a_start_may_pass(images: Images, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(parsing, "COMMAND", ["/nowhere/python"])
        with pytest.raises(MayPass):
            page(images, path)
    assert page(images, path).jpeg is not None


# --- A process that was taken over ------------------------------------------------------------------------------------


def said(**changed: Any) -> dict[str, Any]:
    return {"pages": 3, "blobs": [len(JPEG)], "resident": 0, "worked": 0.5, **changed}


NONSENSE = {
    **NONSENSICAL,
    "an image that is no JPEG": message(said(blobs=[5]), b"<html"),
    "two pages": message(said(blobs=[len(JPEG)] * 2), JPEG * 2),
    "an image beyond the bound": message(said(blobs=[parsing.PAGE_BYTES_LIMIT + 1])),
    "no count": message(said(pages="many"), JPEG),
    "a truth for a count": message(said(pages=True), JPEG),
}


@pytest.mark.parametrize("answer", NONSENSE.values(), ids=NONSENSE.keys())
def test_an_answer_that_means_nothing_fails_that_page_alone(
    images: Images, path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: bytes
) -> None:
    (tmp_path / "answer").write_bytes(answer)
    code = (
        "import sys, struct\nout = sys.stdout.buffer\n"
        "def say(content):\n    out.write(content)\n    out.flush()\n"
        "say(bytes.fromhex(sys.argv[1]))\n"
        "head = sys.stdin.buffer.read(4)\nsys.stdin.buffer.read(struct.unpack('!I', head)[0])\n"
        "say(open(sys.argv[2], 'rb').read())"
    )
    arguments = [message(READY).hex(), str(tmp_path / "answer")]
    with monkeypatch.context() as patch:
        patch.setattr(parsing, "COMMAND", [sys.executable, "-I", "-c", code, *arguments])
        with pytest.raises(NotAnEbook, match=r"^This file could not be read: "):
            page(images, path)
    assert page(images, path).jpeg is not None


def test_an_answer_about_a_page_is_taken_as_it_is_meant() -> None:
    assert page_outcome(said(), [JPEG]) == PageImage(JPEG, 3)
    assert page_outcome(said(blobs=[]), []) == PageImage(None, 3)
    assert isinstance(page_outcome({"exhausted": True}, []), NotAnEbook)


# --- Comics of the library --------------------------------------------------------------------------------------------


@pytest.fixture
def added(db: None, settings: Any) -> Any:
    entries = {f"{n}.png": picture() for n in range(3)}
    path = comic(settings.LIBRARY_DIR / "a.cbz", entries=entries)
    yield add_book(path, settings.LIBRARY_DIR, title="A", pages=3)
    comic_pages.images.close()


def test_a_comic_of_the_library_shows_its_pages(added: Any, ada: Any) -> None:
    found = find_comic(ada, added.pk, added.files.get().pk)
    assert found.pages == 3
    assert found.page(2, 20)[:3] == b"\xff\xd8\xff"
    with pytest.raises(NoSuchPage, match="it has 3"):
        found.page(3, 20)


def test_a_comic_that_changed_or_went_has_no_pages(added: Any, ada: Any, settings: Any) -> None:
    found = find_comic(ada, added.pk, added.files.get().pk)
    path = settings.LIBRARY_DIR / "a.cbz"
    os.utime(path, ns=(time.time_ns(), time.time_ns()))
    with pytest.raises(NoSuchPage):
        found.page(0, 20)
    path.unlink()
    with pytest.raises(NoSuchPage):
        found.page(0, 20)


def spoil(**fields: Any) -> Callable[[Any], None]:
    return lambda book: book.files.update(**fields) and None


@pytest.mark.parametrize(
    "change",
    [
        spoil(is_present=False),
        spoil(format="epub"),
        spoil(path="../a.cbz"),
        spoil(path="/etc/passwd"),
        lambda book: type(book).objects.update(is_active=False),
    ],
    ids=["gone", "no comic", "a path that leads out", "an absolute path", "a book that is not there"],
)
def test_what_is_no_comic_of_the_reader_is_not_found(added: Any, ada: Any, change: Callable[[Any], Any]) -> None:
    file = added.files.get().pk
    change(added)
    with pytest.raises(NoSuchPage):
        find_comic(ada, added.pk, file)
    for book_id, file_id in ((added.pk, 999_999), (999_999, file)):
        with pytest.raises(NoSuchPage):
            find_comic(ada, book_id, file_id)


def test_a_name_that_no_system_call_takes_is_no_page(settings: Any) -> None:
    with pytest.raises(NoSuchPage):
        Comic(path="a\0.cbz", size=1, mtime_ns=1, sha256="", pages=None).page(0, 20)


@pytest.mark.parametrize(("asked", "width"), [(None, 4000), (-1, 50), (0, 50), (800, 800), (10**9, 4000)])
def test_widths_are_kept_within_reason(asked: int | None, width: int) -> None:
    assert clamped_width(asked) == width
