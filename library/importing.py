"""Taking files into the library, one by one, from the queue of `Import` rows.

Several workers do this at once. Whoever changes a row from queued to running has it; nothing is locked while a file is
read; and what a file said is stored in one short transaction that first makes sure that the row is still its own.
"""

import logging
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from django.conf import settings
from django.db import DatabaseError, OperationalError, transaction
from django.db.models import F, Q
from django.utils import timezone

from library.covers import store_cover, to_webp
from library.errors import LibraryError
from library.formats import format_of, stem_of
from library.formats.epub import read_epub
from library.formats.metadata import Metadata, title_from_stem
from library.formats.signatures import check_content
from library.hashes import Digests, digests
from library.models import Author, Authorship, Book, BookFile, BookType, FileHash, Import, Series
from library.scanning import (
    ScanReport,
    finish_scans,
    is_gone,
    latest_scan,
    mark_gone,
    queue_scan,
    scan_report,
    walk,
    words_of,
)
from matching.names import file_name_key, title_key

__all__ = [
    "ScanReport",
    "finish_scans",
    "import_next",
    "latest_scan",
    "queue_scan",
    "scan_report",
    "walk",
]

logger = logging.getLogger(__name__)

# The hard time limit of the task that imports: a row that was begun longer ago has lost its worker.
CLAIM_SECONDS = 300
ATTEMPTS_LIMIT = 3
SLOW_SECONDS = 30
REASON_LENGTH = 500


class MayPass(LibraryError):
    """The file could not be read now; the next scan may find it readable although it has not changed."""

    code = "not_readable_now"


@dataclass(frozen=True)
class ReadFile:
    """What was read of a file, before anything is stored."""

    path: str
    format: str
    digests: Digests
    mtime_ns: int
    metadata: Metadata


def import_next() -> bool:
    """Import one queued file; False when none is left to take.

    A file that cannot be read becomes a failed row with a sentence. An OperationalError, which passes by itself, puts
    the row back into the queue and is raised.
    """
    claimed = claim()
    if claimed is None:
        return False
    began = time.monotonic()
    try:
        read = read_file(claimed.path)
        cover = to_webp(read.metadata.cover)  # before the transaction: it takes a while
        with transaction.atomic():
            book = store(claimed, read)
            if book is not None:
                keep_cover(book, cover)
    except OperationalError:
        release(claimed)
        raise
    except MayPass as error:
        refuse(claimed, error.sentence, may_pass=True)
    except LibraryError as error:
        refuse(claimed, error.sentence)
    except OSError as error:
        refuse(claimed, f"This file could not be read: {words_of(error)}.", may_pass=True)
    except Exception as error:
        # A parser met something that nobody thought of. The file fails; the others must not wait for it.
        # A task's soft time limit arrives here too.
        logger.exception("Import %d failed in an unforeseen way.", claimed.pk)
        seconds = int(time.monotonic() - began)
        slow = f" after {seconds} seconds" if seconds >= SLOW_SECONDS else ""
        refuse(claimed, f"This file could not be read: its reader stopped{slow} ({type(error).__name__}).")
    return True


def keep_cover(book: Book, cover: bytes | None) -> None:
    try:
        store_cover(book, cover)
    except OSError as error:
        logger.warning("The cover of book %d cannot be kept: %s", book.pk, error)


def claim() -> Import | None:
    """Take the oldest row that is queued, and after these one whose worker was killed; None when there is none.

    The attempt is counted and committed before the file is touched: a file that kills workers is given up after three.
    """
    while True:
        now = timezone.now()
        killed = Q(state=Import.State.RUNNING, started_at__lt=now - timedelta(seconds=CLAIM_SECONDS))
        # One after the other, so that the index gives the first of them without sorting the whole queue.
        row = Import.objects.filter(state=Import.State.QUEUED).order_by("id").first()
        row = row or Import.objects.filter(killed).order_by("id").first()
        if row is None:
            return None
        mine = Import.objects.filter(pk=row.pk, state=row.state, attempts=row.attempts, started_at=row.started_at)
        if row.attempts >= ATTEMPTS_LIMIT:
            mine.update(
                state=Import.State.FAILED,
                reason="This file stopped the importer three times, so it is left out.",
                finished_at=now,
            )
        elif mine.update(state=Import.State.RUNNING, attempts=F("attempts") + 1, started_at=now):
            row.state, row.attempts, row.started_at = Import.State.RUNNING, row.attempts + 1, now
            return row


def held(claimed: Import) -> Q:
    """Is the row still as `claim` left it? Not if a scan queued it again, or another worker took it over."""
    return Q(pk=claimed.pk, state=Import.State.RUNNING, attempts=claimed.attempts, started_at=claimed.started_at)


def release(claimed: Import) -> None:
    try:
        Import.objects.filter(held(claimed)).update(state=Import.State.QUEUED)
    except DatabaseError:
        logger.warning("Import %d cannot be put back; it is taken again in %d s.", claimed.pk, CLAIM_SECONDS)


def refuse(claimed: Import, sentence: str, *, may_pass: bool = False) -> None:
    """Note why this file is left out. What may pass without the file changing is tried again by the next scan."""
    row = Import.objects.filter(held(claimed))
    if may_pass:
        row.update(mtime_ns=0)  # no file's time, so the scan finds that it has changed
    row.update(state=Import.State.FAILED, reason=sentence[:REASON_LENGTH], attempts=0, finished_at=timezone.now())
    logger.info("Import %d failed: %s", claimed.pk, sentence)


def read_file(path: str) -> ReadFile:
    """Read a file of the library; a LibraryError or OSError if it cannot be taken in."""
    location = Path(settings.LIBRARY_DIR) / path
    format = format_of(path)
    if format is None:
        raise LibraryError("This is not a kind of file that Tome can hold.")
    if is_gone(location):
        raise MayPass("This file is no longer there.")
    before = os.stat(location)
    check_content(location, format)
    metadata = read_epub(location) if format in ("epub", "kepub.epub") else Metadata()
    found = digests(location)
    after = os.stat(location)
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns) or found.size != after.st_size:
        raise MayPass("This file changed while it was read; it is taken in by the next scan.")
    return ReadFile(path, format, found, after.st_mtime_ns, metadata)


@transaction.atomic
def store(claimed: Import, read: ReadFile) -> Book | None:
    """Bring the library's rows in line with what was read; the book if its cover may be another now.

    The bytes decide what the file is. Bytes that are known from another path came from there, unless that path still
    holds them: then this is a copy, and another file of the same book. Bytes that are not known make the file at this
    path another version of itself, or a new book where there was none.
    """
    if not Import.objects.select_for_update().filter(held(claimed)).exists():
        return None
    file = BookFile.objects.select_related("book").filter(path=read.path).first()
    is_changed = is_moved = False
    if file is None or file.sha256 != read.digests.sha256:
        twin = file_with_bytes(read.digests)
        if twin and not is_still_there(twin):
            if file:
                give_way(file, twin)
            file, is_moved = twin, True
        elif file:
            is_changed = True
        elif twin:
            file = BookFile(book=twin.book)
        else:
            file, is_changed = BookFile(book=Book.objects.create(title="", title_key="")), True
    keep_file(file, read)
    if is_changed or is_moved:  # moved too: the title may come from the file's name
        describe(file.book, read)
    file.book.is_active = True
    file.book.save(update_fields=[*DESCRIBED, "is_active"])
    Import.objects.filter(pk=claimed.pk).update(
        state=Import.State.IMPORTED,
        reason="",
        attempts=0,
        file=file,
        size=read.digests.size,
        mtime_ns=read.mtime_ns,
        finished_at=timezone.now(),
    )
    return file.book if is_changed else None


def file_with_bytes(wanted: Digests) -> BookFile | None:
    """A file that holds exactly these bytes now; one that is gone from its path first."""
    # Through the hashes, since the partial MD5 is what the index is on.
    return (
        BookFile.objects.select_related("book")
        .filter(hashes__ko_md5=wanted.ko_md5, hashes__sha256=wanted.sha256, sha256=wanted.sha256, size=wanted.size)
        .order_by("is_present", "id")
        .first()
    )


def is_still_there(file: BookFile) -> bool:
    """Is the file at its path the one that was last read there, by size and time?"""
    try:
        found = os.stat(Path(settings.LIBRARY_DIR) / file.path)
    except OSError as error:
        return not isinstance(error, (FileNotFoundError, NotADirectoryError))
    return (found.st_size, found.st_mtime_ns) == (file.size, file.mtime_ns)


def give_way(file: BookFile, mover: BookFile) -> None:
    """Have `file`, whose path `mover` took over, stand at the path that the other left.

    Two files whose names were exchanged are then both right, and of files that were renumbered one after another each
    finds its own place in turn. Where nothing is at that path, the file is gone.
    """
    left, taken = mover.path, file.path
    BookFile.objects.filter(pk=mover.pk).update(path=f"{left}\n{mover.pk}")  # no path of a file, for a moment
    BookFile.objects.filter(pk=file.pk).update(path=left, name_key=file_name_key(left))
    BookFile.objects.filter(pk=mover.pk).update(path=taken)
    if is_gone(Path(settings.LIBRARY_DIR) / left):
        mark_gone([file.pk])


def keep_file(file: BookFile, read: ReadFile) -> None:
    """Store where the file is and what its bytes are; a hash that it had before stays in `FileHash`."""
    file.path = read.path
    file.name_key = file_name_key(read.path)
    file.format = read.format
    file.size, file.mtime_ns = read.digests.size, read.mtime_ns
    file.sha256, file.ko_md5 = read.digests.sha256, read.digests.ko_md5
    file.is_present = True
    file.save()
    FileHash.objects.get_or_create(file=file, sha256=file.sha256, defaults={"ko_md5": file.ko_md5, "size": file.size})


DESCRIBED = ("title", "title_key", "language", "series", "series_index", "book_type")


def describe(book: Book, read: ReadFile) -> None:
    """Have the book's title, authors, language and series be what its file says; its caller saves it."""
    metadata = read.metadata
    book.title = metadata.title or title_from_stem(stem_of(os.path.basename(read.path)))
    book.title_key = title_key(book.title)
    book.language = metadata.language
    book.series = series_named(metadata.series) if metadata.series else None
    book.series_index = metadata.series_index if metadata.series else None
    book.book_type = BookType.COMIC if read.format in ("cbz", "cbr") else BookType.BOOK
    authors = authors_named(metadata.authors)
    if [each.author for each in book.authorships.select_related("author")] != authors:
        book.authorships.all().delete()
        Authorship.objects.bulk_create(
            Authorship(book=book, author=author, place=place) for place, author in enumerate(authors)
        )


def series_named(name: str) -> Series:
    # Ignoring the conflict, where `get_or_create` would have a failed statement spoil PostgreSQL's transaction.
    Series.objects.bulk_create([Series(name=name)], ignore_conflicts=True)
    return Series.objects.get(name=name)


def authors_named(names: Sequence[str]) -> list[Author]:
    """The authors of these names, in this order."""
    # Sorted, so that two workers with the same authors never wait for each other in a circle.
    Author.objects.bulk_create([Author(name=name) for name in sorted(names)], ignore_conflicts=True)
    by_name = {author.name: author for author in Author.objects.filter(name__in=names)}
    return [by_name[name] for name in names]
