"""Pages of comics and covers as JPEGs, for clients that show one at a time.

They are unpacked and decoded in the process for hostile files (`library.parsing`). A process that answers requests
keeps one of these, from the first page on until none was asked for in a while.
"""

import math
import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

from django.conf import settings

from accounts.models import Reader
from accounts.statements import fetch_row
from library.covers import location
from library.errors import LibraryError, MayPass
from library.models import Book, BookFile
from library.parsing import Parser
from library.queries import visible_book

FORMATS = ("cbz", "cbr")
NARROWEST, WIDEST = 50, 4000  # pixels; the widest e-readers have less than 3,000
IDLE_SECONDS = 60.0  # turning a page takes a minute at most; starting a process takes a quarter of a second
# Of the few threads that answer requests, how many may be busy with images; the others wait so long for a seat. A cover
# takes milliseconds, a hostile page its full time, and devices that sync are not to wait for it.
SEATS = 2
SEAT_SECONDS = 0.5
# Covers take milliseconds and pages a tenth of a second: behind one that takes longer nobody waits.
PATIENCE_SECONDS = 0.3
OF_COMICS = ("id", "book_id", "path", "format", "size", "mtime_ns", "sha256", "is_present", "stated")

Wanted = TypeVar("Wanted")


class NoSuchPage(LibraryError):
    """The comic, or this page of it, does not exist, or this reader may not see it."""

    code = "no_such_page"


class Busy(MayPass):
    code = "busy"


@dataclass(frozen=True)
class Comic:
    """A file whose pages can be shown; `pages` is None where the file was taken in without them being counted."""

    path: str  # relative to the library root
    size: int
    mtime_ns: int
    sha256: str
    pages: int | None

    def page(self, number: int, width: int) -> bytes:
        """Page `number`, counted from 0, as a JPEG of at most `width` pixels.

        NoSuchPage where there is none; NotAnEbook with a sentence for one that cannot be shown; MayPass if another try
        may succeed.
        """
        place = Path(settings.LIBRARY_DIR) / self.path
        try:
            found = os.stat(place)
            if (found.st_size, found.st_mtime_ns) != (self.size, self.mtime_ns):
                raise NoSuchPage("This comic is not in the library folder as it was.")
            image = images.ask(lambda parser: parser.page(place, number, width))
        except (OSError, ValueError):
            raise NoSuchPage("This comic is not in the library folder any more.") from None
        if image.jpeg is None:
            raise NoSuchPage(f"This comic has no such page: it has {image.pages}.")
        return image.jpeg


def find_comic(reader: Reader, book_id: int, file_id: int) -> Comic:
    """A file of a book that the reader may see; NoSuchPage if there is none, or it is no comic."""
    file = fetch_row(BookFile, "id = %s", [file_id], only=OF_COMICS)
    book = visible_book(reader, book_id) if file and file.is_present and file.format in FORMATS else None
    # The ids may be those of a book that was merged into this one by hand.
    if file is None or book is None or file.book_id != book.pk:
        raise NoSuchPage("There is no such comic.")
    if os.path.isabs(file.path) or ".." in file.path.split("/"):  # a backup that somebody changed
        raise NoSuchPage("There is no such comic.")
    return Comic(file.path, file.size, file.mtime_ns, file.sha256, pages_of(file.stated))


def pages_of(stated: dict[str, Any]) -> int | None:
    """How many pages a comic's file states; None if that is not known."""
    pages = stated.get("pages")
    return pages if isinstance(pages, int) and pages > 0 else None


def clamped_width(width: int | None) -> int:
    return WIDEST if width is None else min(max(width, NARROWEST), WIDEST)


def cover_as_jpeg(book: Book, *, is_small: bool) -> bytes | None:
    """A book's cover for clients that do not know WebP; None if there is none. Raises as `Comic.page` does."""
    try:
        place = location(book.cover, is_small=is_small)
        if not place.exists():  # covers of an earlier version have one size
            place = location(book.cover, is_small=False)
        return images.ask(lambda parser: parser.image(place, WIDEST))
    except FileNotFoundError:
        return None


class Images:
    """Owner of one reading process for all threads that answer requests.

    A thread of its own speaks with it: the kernel ends that process with the thread that started it, and those that
    answer requests come and go. Both end when nothing was asked for in a while.
    """

    def __init__(self, idle_seconds: float = IDLE_SECONDS) -> None:
        self._idle_seconds = idle_seconds
        self._seats = threading.BoundedSemaphore(SEATS)
        self._lock = threading.Lock()
        self._jobs: SimpleQueue[tuple[Callable[[Parser], Any], Future[Any]] | None] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._parser: Parser | None = None
        self._began_at = math.inf  # the job that goes on now, by time.monotonic

    def ask(self, job: Callable[[Parser], Wanted]) -> Wanted:
        """What `job` gets from the reading process; raises what it raises, and Busy where too many wait already."""
        is_slow = time.monotonic() - self._began_at > PATIENCE_SECONDS
        if not self._seats.acquire(timeout=0 if is_slow else SEAT_SECONDS):
            raise Busy("The server is busy with other pages; try again in a moment.")
        try:
            answer: Future[Wanted] = Future()
            with self._lock:
                self._jobs.put((job, answer))
                if self._thread is None:
                    self._thread = threading.Thread(target=self._work, name="images", daemon=True)
                    self._thread.start()
            return answer.result()  # the parser bounds every job in time
        finally:
            self._seats.release()

    def close(self) -> None:
        """End the process and its thread now; the next page starts others."""
        with self._lock:
            thread = self._thread
            if thread is not None:
                self._jobs.put(None)
        if thread is not None:
            thread.join()

    @property
    def pid(self) -> int | None:
        parser = self._parser
        return parser.pid if parser else None

    def _work(self) -> None:
        with Parser() as parser:
            self._parser = parser
            while (next_job := self._next_job()) is not None:
                job, answer = next_job
                self._began_at = time.monotonic()
                try:
                    answer.set_result(job(parser))
                except BaseException as error:
                    answer.set_exception(error)
                finally:
                    self._began_at = math.inf
                del next_job, job, answer  # or the last page would stay in memory until the next one

    def _next_job(self) -> tuple[Callable[[Parser], Any], "Future[Any]"] | None:
        """The next one, or None when this thread is to end: from then on another is started for whatever comes."""
        try:
            job = self._jobs.get(timeout=self._idle_seconds)
        except Empty:
            job = None
        if job is None:
            with self._lock:
                if self._jobs.empty():
                    self._thread = self._parser = None
                    return None
            return self._next_job()
        return job


images = Images()
