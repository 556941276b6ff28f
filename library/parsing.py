"""Reading files in a process of its own, bounded in time, memory and output: a book's bytes are hostile.

docs/decisions/0009 says why. The process is started for the first file, kept for many, and replaced when a file has
ended it, used it up or made it grow.
"""

import json
import logging
import os
import select
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from library.errors import Encrypted, MayPass, NotAnEbook
from library.formats.child import LENGTH
from library.formats.images import Thumbnails
from library.formats.metadata import Metadata
from library.formats.wire import metadata_from
from library.hashes import Digests

logger = logging.getLogger(__name__)

SECONDS = 30.0  # for a file of no size: a book takes milliseconds, the largest of the real ones half a second
BYTES_A_SECOND = 20_000_000  # and for reading a large one through, from a slow share
LONGEST_SECONDS = 200.0  # below the time limit of the task that imports
ANSWER_LIMIT = 1024 * 1024  # a description has 10,000 characters at most, and nothing else is longer
BLOB_LIMIT = 4 * 1024 * 1024  # 600 by 900 pixels; WebP does not get there
GROWN_BYTES = 150 * 1024 * 1024
START_TRIES = 2


@dataclass(frozen=True)
class Parsed:
    """What was read of a file."""

    metadata: Metadata  # without the cover
    thumbnails: Thumbnails | None
    digests: Digests


class Broken(Exception):
    """The process did not answer as it should."""


class Parser:
    """Owner of at most one reading process; a context manager that ends it. For one thread."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._asked: tuple[Path, str] | None = None
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
        OSError if it cannot be opened; MayPass if no process can be started now.
        """
        self.begin(path, format)
        return self.finish()

    def begin(self, path: Path, format: str) -> None:
        """Have the process read a file while the caller does something else; `finish` must follow."""
        if self._asked is not None:
            raise RuntimeError("A file is being read already.")
        self._asked = (path, format)
        for attempt in range(START_TRIES):
            if self._process is None:
                self._process = start()
            try:
                self._send(path, format)
            except Broken:
                # It was ended between two files, by whatever: that is not this file's fault.
                self.close()
                if attempt == START_TRIES - 1:
                    self._asked = None
                    raise MayPass("This file was not read, because the process for it ends at once.") from None
            else:
                return

    def finish(self) -> Parsed:
        """What was read of the file that was begun; raises as `read` does."""
        if self._asked is None:
            raise RuntimeError("No file is being read.")
        self._asked = None
        try:
            said = self._receive()
            found, resident = outcome(said, self._blobs(said)), said.get("resident", 0)
        except Broken as error:
            self.close()
            raise NotAnEbook(f"This file could not be read: {error}.") from None
        except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
            logger.warning("The reading process answered nonsense (%s).", type(error).__name__)
            self.close()
            raise NotAnEbook("This file could not be read: it confused its reader.") from None
        if not isinstance(resident, int) or resident > GROWN_BYTES:
            self.close()
        if isinstance(found, Exception):
            raise found
        return found

    def close(self) -> None:
        """End the process, if there is one; the next file starts another."""
        process, self._process, self._asked = self._process, None, None
        if process is None:
            return
        process.kill()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()
        process.wait()

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    def _send(self, path: Path, format: str) -> None:
        size = path.stat().st_size if path.exists() else 0
        self._seconds = min(SECONDS + size / BYTES_A_SECOND, LONGEST_SECONDS)
        self._until = time.monotonic() + self._seconds
        content = json.dumps({"path": str(path), "format": format, "seconds": self._seconds}).encode()
        assert self._process is not None
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(LENGTH.pack(len(content)) + content)
            self._process.stdin.flush()
        except OSError as error:
            raise Broken("its reader is gone") from error

    def _receive(self) -> dict[str, Any]:
        (length,) = LENGTH.unpack(self._bytes(LENGTH.size))
        if length > ANSWER_LIMIT:
            raise Broken("what it says about itself is unreasonably long")
        said = json.loads(self._bytes(length))
        if not isinstance(said, dict):
            raise TypeError("not an object")
        return said

    def _blobs(self, said: dict[str, Any]) -> list[bytes]:
        lengths = said.get("blobs", [])
        if len(lengths) > 2 or not all(isinstance(length, int) and 0 < length <= BLOB_LIMIT for length in lengths):
            raise ValueError("no lengths of thumbnails")
        return [self._bytes(length) for length in lengths]

    def _bytes(self, count: int) -> bytes:
        """The next bytes of the process's answer; Broken if they do not come in time."""
        assert self._process is not None
        assert self._process.stdout is not None
        descriptor = self._process.stdout.fileno()
        got = bytearray()
        while len(got) < count:
            left = self._until - time.monotonic()
            if left <= 0 or not select.select([descriptor], [], [], left)[0]:
                raise Broken(f"it took longer than {self._seconds:.0f} seconds")
            chunk = os.read(descriptor, count - len(got))
            if not chunk:
                raise Broken("its reader broke down over it")
            got += chunk
        return bytes(got)


def start() -> "subprocess.Popen[bytes]":
    """A fresh reading process, that knows nothing of ours but where Python is."""
    environment = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH", "SYSTEMROOT") if name in os.environ}
    try:
        return subprocess.Popen(
            [sys.executable, "-I", "-X", "utf8", "-m", "library.formats.child"],
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


def outcome(said: dict[str, Any], blobs: list[bytes]) -> Parsed | Exception:
    """What an answer means; raises KeyError, TypeError or ValueError where it means nothing."""
    if "refused" in said:
        refusal = Encrypted if said["code"] == Encrypted.code else NotAnEbook
        return refusal(str(said["refused"])[:500])
    if "exhausted" in said:
        return NotAnEbook("This file could not be read: it needs more memory than a book may.")
    if "failed" in said:
        name = "".join(letter for letter in str(said["failed"])[:60] if letter.isalnum())
        return NotAnEbook(f"This file is damaged: its reader could make nothing of it ({name}).")
    if "errno" in said:
        number = int(said["errno"])
        return OSError(number, os.strerror(number))
    sha256, ko_md5, size = said["digests"]
    if not (is_hex(sha256, 64) and is_hex(ko_md5, 32) and isinstance(size, int) and size >= 0):
        raise ValueError("no digests")
    images = Thumbnails(*blobs) if len(blobs) == 2 and all(map(is_webp, blobs)) else None
    return Parsed(metadata_from(said["metadata"]), images, Digests(sha256=sha256, ko_md5=ko_md5, size=size))


def is_hex(value: object, length: int) -> bool:
    return isinstance(value, str) and len(value) == length and set(value) <= set("0123456789abcdef")


def is_webp(blob: bytes) -> bool:
    return blob[:4] == b"RIFF" and blob[8:12] == b"WEBP"
