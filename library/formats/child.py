"""The process that reads files which may be made to do harm: it has no secrets, no database, and strict bounds.

Requests come on standard input, answers go to standard output: four bytes of length, then JSON; the thumbnails' bytes
follow their lengths. It ends when its input does. Run by `library.parsing`.
"""

import ctypes
import json
import os
import resource
import signal
import struct
import sys
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

from library.errors import NotAnEbook
from library.formats.images import thumbnails
from library.formats.reading import read_book
from library.formats.wire import as_json
from library.hashes import digests

LENGTH = struct.Struct("!I")
# Measured: 45 MB before the first file, 75 MB after files of every kind. The rest is for one file.
DATA_BYTES = 256 * 1024 * 1024
ADDRESS_BYTES = 2 * 1024 * 1024 * 1024  # libraries and mapped files count here too
OPEN_FILES = 32
NO_COVER = "Its cover is no image that can be used, so it has none."
CLONE_NEWUSER, CLONE_NEWNET = 0x10000000, 0x40000000


def bound_this_process() -> None:
    """Limits that this process cannot lift again; where a system lacks one, the others hold."""
    for kind, limit in (
        ("RLIMIT_DATA", DATA_BYTES),
        ("RLIMIT_AS", ADDRESS_BYTES),
        ("RLIMIT_FSIZE", 0),  # it writes no files
        ("RLIMIT_CORE", 0),
        ("RLIMIT_NOFILE", OPEN_FILES),
    ):
        with suppress(AttributeError, ValueError, OSError):
            resource.setrlimit(getattr(resource, kind), (limit, limit))
    # A network of its own, in which there is nothing: where the system lets us.
    with suppress(AttributeError, OSError):
        flags = CLONE_NEWNET if os.geteuid() == 0 else CLONE_NEWNET | CLONE_NEWUSER
        ctypes.CDLL(None, use_errno=True).unshare(flags)


def answer(request: dict[str, Any]) -> tuple[dict[str, Any], list[bytes]]:
    """What is to be said of a file: its metadata, digests and thumbnails, or why it cannot be used."""
    # An orphan ends by itself too, whatever it is doing.
    signal.setitimer(signal.ITIMER_REAL, request["seconds"] + 5)
    path = Path(request["path"])
    try:
        metadata = read_book(path, request["format"])
        images = thumbnails(metadata.cover)
        found = digests(path)
    except NotAnEbook as error:
        return {"refused": error.sentence, "code": error.code}, []
    except (MemoryError, RecursionError):
        return {"exhausted": True}, []
    except OSError as error:
        if error.errno is None:
            return {"failed": type(error).__name__}, []
        return {"errno": error.errno}, []
    except Exception as error:
        # A library met something that nobody thought of: the file's fault, as far as anybody can tell.
        return {"failed": type(error).__name__}, []
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    if metadata.cover and images is None:
        metadata = replace(metadata, warnings=(*metadata.warnings, NO_COVER))
    blobs = [images.large, images.small] if images else []
    said = {"metadata": as_json(metadata), "digests": [found.sha256, found.ko_md5, found.size]}
    return {**said, "blobs": [len(blob) for blob in blobs]}, blobs


def resident_bytes() -> int:
    """How much memory this process has now; 0 where that cannot be read."""
    with suppress(OSError, ValueError, IndexError):
        return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()
    return 0


def serve(requests: BinaryIO, answers: BinaryIO) -> None:
    while len(head := requests.read(LENGTH.size)) == LENGTH.size:
        said, blobs = answer(json.loads(requests.read(LENGTH.unpack(head)[0])))
        content = json.dumps({**said, "resident": resident_bytes()}).encode()
        answers.write(LENGTH.pack(len(content)) + content + b"".join(blobs))
        answers.flush()


def main() -> None:
    requests, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints is no answer
    bound_this_process()
    serve(requests, answers)


if __name__ == "__main__":
    main()
