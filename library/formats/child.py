"""The process that reads files which may be made to do harm: it has no secrets, no database, and strict bounds.

Requests come on standard input, answers go to standard output: four bytes of length, then JSON; the images' bytes
follow their lengths. What is asked for is a book's description, a `page` of a comic, an `image` as a JPEG, or rows of
KOReader's `statistics`. The first answer, to no request, says that it is ready. It ends when its input does. Run by
`library.parsing`.
"""

import errno
import json
import os
import resource
import signal
import struct
import sys
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

from library.errors import NotAnEbook
from library.formats.bounds import bound_this_process
from library.formats.images import thumbnails
from library.formats.pages import PAGE_BYTES_LIMIT, Comics, as_jpeg
from library.formats.reading import read_book
from library.formats.statistics import QUESTIONS, NotStatistics
from library.formats.wire import as_json
from library.hashes import digests

LENGTH = struct.Struct("!I")
READY: dict[str, Any] = {"ready": True}
NO_COVER = "Its cover is no image that can be used, so it has none."
# What a file can bring about, with places that it names itself; all others are the disk's word.
BROUGHT_ABOUT = frozenset({errno.EINVAL, errno.EFBIG, errno.EMFILE, errno.EOVERFLOW, errno.ENAMETOOLONG, errno.ENOSYS})


comics = Comics()


def answer(request: dict[str, Any]) -> tuple[dict[str, Any], list[bytes]]:
    """What is to be said of a file, with the bytes of images that belong to it; or why it cannot be used."""
    # An orphan ends by itself too, whatever it is doing.
    signal.setitimer(signal.ITIMER_REAL, request["seconds"] + 5)
    path = Path(request["path"])
    try:
        if "page" in request:
            return page_of(path, request["page"], request["width"])
        if "image" in request:
            return image_of(path, request["width"])
        if "statistics" in request:
            # A little less time than it is waited for: what takes too long is told with a sentence.
            return QUESTIONS[request["statistics"]](path, request["after"], request["seconds"] * 0.8), []
        return book_of(path, request["format"])
    except (NotAnEbook, NotStatistics) as error:
        return {"refused": error.sentence, "code": error.code}, []
    except (MemoryError, RecursionError):
        return {"exhausted": True}, []
    except OSError as error:
        return of_system(error), []
    except ImportError as error:
        return {"lacking": error.name or type(error).__name__}, []
    except Exception as error:
        # A library met something that nobody thought of: the file's fault, as far as anybody can tell.
        return {"failed": type(error).__name__}, []
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def book_of(path: Path, format: str) -> tuple[dict[str, Any], list[bytes]]:
    """A book's metadata, digests and thumbnails."""
    metadata = read_book(path, format)
    images = thumbnails(metadata.cover)
    found = digests(path)
    if metadata.cover and images is None:
        metadata = replace(metadata, warnings=(*metadata.warnings, NO_COVER))
    blobs = [images.large, images.small] if images else []
    said = {"metadata": as_json(metadata), "digests": [found.sha256, found.ko_md5, found.size]}
    return {**said, "blobs": [len(blob) for blob in blobs]}, blobs


def page_of(path: Path, number: int, width: int) -> tuple[dict[str, Any], list[bytes]]:
    """How many pages a comic has and, unless it ends before, page `number` of it."""
    page, count = comics.page(path, number, width)
    return {"pages": count, "blobs": [len(page)] if page else []}, [page] if page else []


def image_of(path: Path, width: int) -> tuple[dict[str, Any], list[bytes]]:
    with path.open("rb") as file:
        jpeg = as_jpeg(file.read(PAGE_BYTES_LIMIT), width)
    return {"pages": 1, "blobs": [len(jpeg)]}, [jpeg]


def of_system(error: OSError) -> dict[str, Any]:
    """Whose fault an error of the system is: the file's, or the disk's, which may pass."""
    if error.errno == errno.ENOMEM:
        return {"exhausted": True}
    if error.errno is None or error.errno in BROUGHT_ABOUT:
        return {"failed": type(error).__name__}
    return {"errno": error.errno}


def resident_bytes() -> int:
    """How much memory this process has now; 0 where that cannot be read."""
    with suppress(OSError, ValueError, IndexError):
        return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()
    return 0


def serve(requests: BinaryIO, answers: BinaryIO) -> None:
    send(answers, READY)
    while len(head := requests.read(LENGTH.size)) == LENGTH.size:
        said, blobs = answer(json.loads(requests.read(LENGTH.unpack(head)[0])))
        send(answers, {**said, "resident": resident_bytes(), "worked": time.process_time()}, blobs)


def send(answers: BinaryIO, said: dict[str, Any], blobs: list[bytes] | None = None) -> None:
    content = json.dumps(said).encode()
    answers.write(LENGTH.pack(len(content)) + content + b"".join(blobs or []))
    answers.flush()


def main() -> None:
    requests, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints is no answer
    bound_this_process()
    serve(requests, answers)


if __name__ == "__main__":
    main()
