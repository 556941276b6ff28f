"""Reading files in a process of its own, bounded in time, memory and output: a book's bytes are hostile.

docs/decisions/0009 says why. The process is started for the first file, kept for many, and replaced when a file has
ended it, used it up or made it grow.
"""

import json
import logging
import math
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

import psutil

from library.errors import Encrypted, LibraryError, MayPass, NotAnEbook
from library.formats.child import LENGTH, READY
from library.formats.images import Thumbnails
from library.formats.metadata import Metadata, clean
from library.formats.pages import PAGE_BYTES_LIMIT
from library.formats.statistics import NotStatistics, StatisticsBooks, StatisticsPage, books_from, pages_from
from library.formats.wire import metadata_from, text
from library.hashes import Digests

logger = logging.getLogger(__name__)

SECONDS = 30.0  # for a file of no size: a book takes milliseconds, the largest of the real ones half a second
BYTES_A_SECOND = 20_000_000  # and for reading a large one through, from a slow share
LONGEST_SECONDS = 160.0  # begun at the end of a turn, it must end before the time limit of the task that imports
# A file that keeps its reader busy works it all that time; one that works it less than this waits for its disk.
BUSY_SHARE = 0.1
ANSWER_LIMIT = 1024 * 1024  # a description has 10,000 characters at most, and nothing else is longer
BLOB_LIMIT = 4 * 1024 * 1024  # 600 by 900 pixels; WebP does not get there
PAGE_SECONDS = 10.0  # somebody waits for it, and holds one of the few threads that answer requests
SENTENCE_LENGTH = 500
GROWN_BYTES = 150 * 1024 * 1024
FILES_LIMIT = 2000  # and where its memory cannot be told: a fresh one takes a quarter of a second
STARTS_WITHIN_SECONDS = 30.0  # the machine may be busy
ENDS_WITHIN_SECONDS = 5.0  # a process that waits for a dead network share cannot even be killed
START_TRIES = 2
# What an answer that means nothing raises where it is taken apart.
NONSENSE = (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RecursionError)
# No file brings these about: somebody ended the process, or the system did because it was short of memory.
FROM_OUTSIDE = frozenset({signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP})


Meaning = TypeVar("Meaning")


@dataclass(frozen=True)
class Parsed:
    """What was read of a file."""

    metadata: Metadata  # without the cover
    thumbnails: Thumbnails | None
    digests: Digests


@dataclass(frozen=True)
class PageImage:
    """A page of a comic as a JPEG, or None where it has no such page; `pages` says how many it has."""

    jpeg: bytes | None
    pages: int


class Broken(Exception):
    """The process did not answer as it should."""


class Late(Broken):
    """It did not answer in time."""


class Parser:
    """Owner of at most one reading process; a context manager that ends it. For one thread.

    The kernel ends the process with the thread that started it, so that thread has to live as long as the owner.
    """

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._is_reading = False
        self._files = 0
        self._worked = 0.0  # seconds of its processor, until the last answer
        self._until = 0.0
        self._seconds = 0.0

    def __enter__(self) -> "Parser":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def read(self, path: Path, format: str) -> Parsed:
        """What the file at `path` holds, read as this format.

        NotAnEbook or Encrypted with a sentence if it cannot be used, also where it takes too long or too much memory;
        OSError if it cannot be opened; MayPass if no process can be started now, or it was ended from outside.
        """
        self.begin(path, format)
        return self.finish()

    def begin(self, path: Path, format: str) -> None:
        """Have the process read a file while the caller does something else; `finish` must follow."""
        self._ask({"path": str(path), "format": format}, seconds_for(path.stat().st_size))

    def finish(self) -> Parsed:
        """What was read of the file that was begun; raises as `read` does."""
        return self._answered(outcome, longest=BLOB_LIMIT)

    def page(self, path: Path, number: int, width: int) -> PageImage:
        """Page `number`, counted from 0, of the comic at `path`, at most `width` pixels wide; raises as `read` does."""
        self._ask({"path": str(path), "page": number, "width": width}, PAGE_SECONDS)
        return self._answered(page_outcome, longest=PAGE_BYTES_LIMIT)

    def image(self, path: Path, width: int) -> bytes:
        """The image at `path` as a JPEG at most `width` pixels wide; raises as `read` does."""
        self._ask({"path": str(path), "image": True, "width": width}, PAGE_SECONDS)
        jpeg = self._answered(page_outcome, longest=PAGE_BYTES_LIMIT).jpeg
        if jpeg is None:
            raise NotAnEbook("This file could not be read: it confused its reader.")
        return jpeg

    def statistics_books(self, path: Path, after: int) -> StatisticsBooks:
        """Books of KOReader's statistics with ids above `after`, none where there are no more.

        NotStatistics with a sentence if they cannot be read; raises as `read` does otherwise.
        """
        self._ask({"path": str(path), "statistics": "books", "after": after}, seconds_for(path.stat().st_size))
        return self._answered(lambda said, _: failure_of(said) or books_from(said, after), longest=0)

    def statistics_pages(self, path: Path, after: tuple[int, int]) -> tuple[StatisticsPage, ...]:
        """Pages that were looked at after the one with this start and row, none where there are no more; raises so."""
        self._ask({"path": str(path), "statistics": "pages", "after": after}, seconds_for(path.stat().st_size))
        return self._answered(lambda said, _: failure_of(said) or pages_from(said, after), longest=0)

    def _ask(self, asked: dict[str, Any], seconds: float) -> None:
        if self._is_reading:
            raise RuntimeError("A file is being read already.")
        request = packed({**asked, "seconds": seconds})
        for _ in range(START_TRIES):
            if self._process is None:
                self._start()
            if self._send(request):
                self._is_reading, self._files = True, self._files + 1
                self._seconds, self._until = seconds, time.monotonic() + seconds
                return
            # It was ended between two files, by whatever: that is not this file's fault.
            self.close()
        raise MayPass("This file was not read, because the process for it ends at once.")

    def _answered(
        self, meaning: Callable[[dict[str, Any], list[bytes]], Meaning | Exception], *, longest: int
    ) -> Meaning:
        """What the process says, none of its images being longer than so many bytes; raises as `read` does."""
        if not self._is_reading:
            raise RuntimeError("No file is being read.")
        try:
            said = self._receive()
            found = meaning(said, self._blobs(said, longest))
            resident, self._worked = whole(said["resident"]), finite(said["worked"])
        except Broken as error:
            raise self._broken(error) from None
        except NONSENSE as error:
            logger.warning("The reading process answered nonsense (%s).", type(error).__name__)
            self.close()
            raise NotAnEbook("This file could not be read: it confused its reader.") from None
        except BaseException:
            self.close()  # or its answer, which is on its way, would be taken for the next file's
            raise
        self._is_reading = False
        if resident > GROWN_BYTES or self._files >= FILES_LIMIT:
            self.close()
        if isinstance(found, Exception):
            raise found
        return found

    def close(self) -> None:
        """End the process, if there is one; the next file starts another."""
        process, self._process, self._is_reading = self._process, None, False
        if process is None:
            return
        process.kill()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()
        with suppress(subprocess.TimeoutExpired):
            process.wait(ENDS_WITHIN_SECONDS)

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    def _start(self) -> None:
        """Start a process and wait until it says that it can read; MayPass if it does not."""
        self._process, self._files, self._worked = start(), 0, 0.0
        self._seconds, self._until = STARTS_WITHIN_SECONDS, time.monotonic() + STARTS_WITHIN_SECONDS
        try:
            is_ready = self._receive() == READY
        except (Broken, *NONSENSE):
            is_ready = False
        except BaseException:
            self.close()
            raise
        if not is_ready:
            self.close()
            logger.error("The process that reads files does not start; `%s` would say why.", " ".join(COMMAND))
            raise MayPass("This file was not read, because the process for it does not start.")

    def _send(self, request: bytes) -> bool:
        """Ask for a file; False if the process is gone, or says something that it was not asked."""
        assert self._process is not None
        assert self._process.stdin is not None
        if self._has_more(0):
            return False
        try:
            self._process.stdin.write(request)
        except OSError:
            return False
        return True

    def _receive(self) -> dict[str, Any]:
        (length,) = LENGTH.unpack(self._bytes(LENGTH.size))
        if length > ANSWER_LIMIT:
            raise Broken("what it says about itself is unreasonably long")
        said = json.loads(self._bytes(length))
        if not isinstance(said, dict):
            raise TypeError("not an object")
        return said

    def _blobs(self, said: dict[str, Any], longest: int) -> list[bytes]:
        lengths = said.get("blobs", [])
        if len(lengths) > 2 or not all(isinstance(length, int) and 0 < length <= longest for length in lengths):
            raise ValueError("no lengths of images")
        return [self._bytes(length) for length in lengths]

    def _bytes(self, count: int) -> bytes:
        """The next bytes of the process's answer; Broken if they do not come in time."""
        assert self._process is not None
        assert self._process.stdout is not None
        descriptor = self._process.stdout.fileno()
        got = bytearray()
        while len(got) < count:
            # What has come already counts, however late it is fetched.
            if not self._has_more(max(self._until - time.monotonic(), 0)):
                raise Late(f"it took longer than {self._seconds:.0f} seconds")
            chunk = os.read(descriptor, count - len(got))
            if not chunk:
                raise Broken("its reader broke down over it")
            got += chunk
        return bytes(got)

    def _has_more(self, seconds: float) -> bool:
        """Does the process say something, or end, within so many seconds?"""
        assert self._process is not None
        assert self._process.stdout is not None
        return bool(select.select([self._process.stdout], [], [], seconds)[0])

    def _broken(self, error: Broken) -> LibraryError:
        """What to say of a file over which the process broke; it is ended."""
        process = self._process
        assert process is not None
        with suppress(subprocess.TimeoutExpired):  # one that closed its pipe ends soon; one that hangs does not
            process.wait(0.2)
        ended_by = -(process.returncode or 0)
        was_busy = worked_seconds(process.pid) - self._worked > self._seconds * BUSY_SHARE
        self.close()
        logger.warning("The reading process broke: %s (signal %d).", error, ended_by)
        if ended_by in FROM_OUTSIDE:
            return MayPass("This file was not read: its reader was ended, perhaps because the machine lacked memory.")
        if isinstance(error, Late) and not was_busy:
            return MayPass(f"This file was not read: it did not come from its disk within {self._seconds:.0f} seconds.")
        return NotAnEbook(f"This file could not be read: {error}.")


COMMAND = [sys.executable, "-I", "-X", "utf8", "-m", "library.formats.child"]


def start() -> "subprocess.Popen[bytes]":
    """A fresh reading process, that knows nothing of ours but where Python is."""
    environment = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH", "SYSTEMROOT") if name in os.environ}
    try:
        return subprocess.Popen(
            COMMAND,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
            cwd="/",
            env=environment,
            start_new_session=True,
        )
    except OSError as error:
        raise MayPass("This file was not read, because no process could be started for it.") from error


def seconds_for(size: int) -> float:
    """How long a file of so many bytes may take."""
    return min(SECONDS + size / BYTES_A_SECOND, LONGEST_SECONDS)


def packed(request: dict[str, Any]) -> bytes:
    content = json.dumps(request).encode()
    return LENGTH.pack(len(content)) + content


def outcome(said: dict[str, Any], blobs: list[bytes]) -> Parsed | Exception:
    """What an answer about a book means; raises one of NONSENSE where it means nothing."""
    if failure := failure_of(said):
        return failure
    sha256, ko_md5, size = said["digests"]
    if not (is_hex(sha256, 64) and is_hex(ko_md5, 32) and isinstance(size, int) and size >= 0):
        raise ValueError("no digests")
    images = Thumbnails(*blobs) if len(blobs) == 2 and all(map(is_webp, blobs)) else None
    return Parsed(metadata_from(said["metadata"]), images, Digests(sha256=sha256, ko_md5=ko_md5, size=size))


def page_outcome(said: dict[str, Any], blobs: list[bytes]) -> PageImage | Exception:
    """What an answer about a page or an image means; raises one of NONSENSE where it means nothing."""
    if failure := failure_of(said):
        return failure
    if len(blobs) > 1 or not all(map(is_jpeg, blobs)):
        raise ValueError("no page")
    return PageImage(blobs[0] if blobs else None, whole(said["pages"]))


def failure_of(said: dict[str, Any]) -> Exception | None:
    if "refused" in said:
        refusals: dict[object, type[LibraryError]] = {each.code: each for each in (Encrypted, NotStatistics)}
        refusal = refusals.get(said["code"], NotAnEbook)
        return refusal(clean(text(said["refused"]), SENTENCE_LENGTH))
    if "exhausted" in said:
        return NotAnEbook("This file could not be read: it needs more memory than a book may.")
    if "lacking" in said:
        return MayPass(f"This file was not read, because a part of Tome is missing: {word(said['lacking'])}.")
    if "failed" in said:
        name = word(said["failed"])
        return NotAnEbook(f"This file is damaged: its reader could make nothing of it ({name}).")
    if "errno" in said:
        number = int(said["errno"])
        return OSError(number, os.strerror(number))
    return None


def worked_seconds(pid: int) -> float:
    """How long a process has kept a processor busy; 0 if it is gone."""
    try:
        times = psutil.Process(pid).cpu_times()
    except psutil.Error:
        return 0.0
    return float(times.user + times.system)


def whole(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError("not a whole number")
    return value


def finite(value: object) -> float:
    if not isinstance(value, float) or not math.isfinite(value):
        raise TypeError("not a number")
    return value


def word(value: object) -> str:
    return "".join(letter for letter in text(value)[:60] if letter.isalnum() or letter in "._")


def is_hex(value: object, length: int) -> bool:
    return isinstance(value, str) and len(value) == length and set(value) <= set("0123456789abcdef")


def is_webp(blob: bytes) -> bool:
    return blob[:4] == b"RIFF" and blob[8:12] == b"WEBP"


def is_jpeg(blob: bytes) -> bool:
    return blob[:3] == b"\xff\xd8\xff"
