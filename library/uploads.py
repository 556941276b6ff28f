"""Books that readers send in: stored under a name of their own in the library folder, then queued like any other."""

import os
import secrets
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from django.conf import settings
from django.db import transaction

from library.errors import NotAnEbook, TooLarge
from library.formats import FORMATS, format_of, stem_of
from library.formats.signatures import check_content
from library.models import Import
from library.names import safe_name
from library.scanning import queue_imports
from library.walking import FoundFile
from matching.names import base_name

PARTIAL_PREFIX = ".tome-upload-"  # hidden, and not a suffix of a book: no scan takes it
LEFTOVER_SECONDS = 24 * 3600


def accept_upload(name: str, chunks: Iterable[bytes]) -> Import:
    """Put an uploaded file into the library folder and queue its import; the row that tells what becomes of it.

    `name` is what the sender calls the file, `chunks` its bytes. Raises NotAnEbook where the name or the first bytes
    show no book, and TooLarge beyond MAX_UPLOAD_BYTES. A file that is there is never replaced: this one gets a number.
    """
    name = base_name(name)
    format = format_of(name)
    if format is None:
        known = ", ".join(sorted(format.upper() for format in FORMATS if "." not in format))
        raise NotAnEbook(f"This file's name does not end like a book's. Tome takes {known}.")
    root = Path(settings.LIBRARY_DIR)
    root.mkdir(parents=True, exist_ok=True)
    remove_leftovers(root)
    partial = root / f"{PARTIAL_PREFIX}{secrets.token_hex(8)}.part"
    try:
        write_bounded(partial, chunks)
        check_content(partial, format)
        stored = move_without_replacing(partial, root, safe_name(stem_of(name)), f".{format}")
    finally:
        partial.unlink(missing_ok=True)
    found = stored.stat()
    with transaction.atomic():
        queue_imports([FoundFile(stored.name, found.st_size, found.st_mtime_ns)], scan=None)
        return Import.objects.get(path=stored.name)


def write_bounded(path: Path, chunks: Iterable[bytes]) -> None:
    written = 0
    with open(path, "xb") as file:
        for chunk in chunks:
            written += len(chunk)
            if written > settings.MAX_UPLOAD_BYTES:
                limit = settings.MAX_UPLOAD_BYTES // (1024 * 1024)
                raise TooLarge(f"This file is larger than {limit} MiB, the most that this server takes.")
            file.write(chunk)
        file.flush()
        os.fsync(file.fileno())


def move_without_replacing(partial: Path, root: Path, stem: str, suffix: str) -> Path:
    """Give the file its name, or that with ` (2)`, ` (3)` … where it is taken, also by an upload at this instant."""
    number = 1
    while True:
        # Cut once more with the number, which must not fall off a long name.
        ending = suffix if number == 1 else f" ({number}){suffix}"
        target = root / safe_name(stem, suffix=ending)
        number += 1
        try:
            os.link(partial, target)
        except FileExistsError:
            continue
        except OSError:
            # A file system without hard links: an empty file of that name keeps the place instead.
            try:
                os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644))
            except FileExistsError:
                continue
            os.replace(partial, target)
        return target


def remove_leftovers(root: Path) -> None:
    """Remove our own partial files of uploads that were broken off by a dying process."""
    for partial in root.glob(f"{PARTIAL_PREFIX}*.part"):
        with suppress(OSError):
            if partial.stat().st_mtime < time.time() - LEFTOVER_SECONDS:
                partial.unlink()
