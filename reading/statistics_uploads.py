"""The databases that readers hand in, kept until they are imported: one file for each open row, and no other."""

import hashlib
import os
import secrets
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.db import transaction

from accounts.models import Reader
from library.errors import TooLarge
from library.formats.metadata import clean
from library.formats.statistics import check_beginning
from matching.names import base_name
from reading.models import StatisticsImport

# Twenty years of a page a minute, four hours a day, take half of it.
LARGEST_BYTES = 256 * 1024 * 1024
NAME_LENGTH = 200
LEFTOVER_SECONDS = 3600
OPEN = (StatisticsImport.State.QUEUED, StatisticsImport.State.RUNNING)


def queue_statistics(reader: Reader, chunks: Iterable[bytes], filename: str) -> StatisticsImport:
    """Keep a `statistics.sqlite3` that a reader hands in and queue its import; the row that tells what becomes of it.

    The same bytes while an import of them is open are that import. Raises TooLarge, or NotStatistics where the first
    bytes show no SQLite database.
    """
    folder = uploads_folder()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    partial = folder / f"{secrets.token_hex(8)}.part"
    try:
        received = receive(partial, chunks)
        with transaction.atomic():
            same = StatisticsImport.objects.filter(reader=reader, sha256=received.sha256, state__in=OPEN).first()
            if same is not None and location(same.pk).exists():
                return same
            row = StatisticsImport.objects.create(
                reader=reader,
                filename=clean(base_name(filename), NAME_LENGTH) or "statistics.sqlite3",
                sha256=received.sha256,
                size=received.size,
            )
            # Before the commit: whoever finds the row finds the whole file.
            os.replace(partial, location(row.pk))
            sync_folder(folder)
        return row
    finally:
        partial.unlink(missing_ok=True)


@dataclass(frozen=True)
class Received:
    sha256: str
    size: int


def receive(path: Path, chunks: Iterable[bytes]) -> Received:
    digest, size = hashlib.sha256(), 0
    limit = min(LARGEST_BYTES, settings.MAX_UPLOAD_BYTES)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        for chunk in chunks:
            if size == 0:
                check_beginning(chunk[:100])
            size += len(chunk)
            if size > limit:
                raise TooLarge(f"This file is larger than {limit // (1024 * 1024)} MiB, the most that is imported.")
            digest.update(chunk)
            file.write(chunk)
        if size == 0:
            check_beginning(b"")
        file.flush()
        os.fsync(file.fileno())
    return Received(digest.hexdigest(), size)


def sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def uploads_folder() -> Path:
    return Path(settings.DATA_DIR) / "statistics"


def location(import_id: int) -> Path:
    return uploads_folder() / f"{import_id}.sqlite3"


def remove_upload(import_id: int) -> None:
    with suppress(OSError):  # what cannot be removed now is found by `remove_leftovers`
        location(import_id).unlink(missing_ok=True)


def remove_leftovers() -> None:
    """Remove what dying processes left: uploads that were broken off, and files of imports that are over."""
    folder = uploads_folder()
    if not folder.is_dir():
        return
    old = [path for path in folder.iterdir() if is_older(path, LEFTOVER_SECONDS)]
    wanted = {location(pk) for pk in StatisticsImport.objects.filter(state__in=OPEN).values_list("pk", flat=True)}
    for path in old:
        if path not in wanted:
            with suppress(OSError):
                path.unlink()


def is_older(path: Path, seconds: float) -> bool:
    with suppress(OSError):
        return path.stat().st_mtime < time.time() - seconds
    return False
