"""One walk over the library folder: what is new or changed is queued for import, what is gone is noted.

Nothing in the library folder is ever written, renamed or removed here.
"""

import logging
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import chain, islice
from pathlib import Path
from typing import NamedTuple, TypeVar

from django.conf import settings
from django.db import OperationalError, transaction
from django.db.models import Count, Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from library.errors import OutsideLibrary
from library.formats import format_of
from library.models import Book, BookFile, Import, Scan

Row = TypeVar("Row")

logger = logging.getLogger(__name__)

BATCH = 500  # rows for one statement and one short transaction
# A walk only lists and stats; a network share with 100,000 files takes some minutes. After this, its worker was killed.
WALK_SECONDS = 600
WALKS_LIMIT = 3
PATH_BYTES = 2600  # PostgreSQL indexes no more than 2,704 bytes

SKIPPED_FOLDERS = frozenset(
    {"@eadir", "#recycle", "$recycle.bin", "lost+found", "system volume information", "__macosx"}
)
SKIPPED_SUFFIXES = (".part", ".partial", ".crdownload", ".tmp", ".download")


class FoundFile(NamedTuple):
    """A book file in the library folder; `path` is relative to its root, with forward slashes."""

    path: str
    size: int
    mtime_ns: int


@dataclass
class Walk:
    """What a walk came upon besides book files."""

    unreadable: dict[str, str] = field(default_factory=dict)  # folder or file → the reason as a sentence


@dataclass(frozen=True)
class ScanReport:
    """How far a scan is. `failures` are (path, sentence), by path; `reason` says why the scan itself failed."""

    state: str
    seen: int
    imported: int
    failed: int
    waiting: int
    started_at: datetime | None
    finished_at: datetime | None
    reason: str
    failures: list[tuple[str, str]]


def queue_scan(folder: str = "") -> Scan:
    """Note that the library, or one folder of it, is to be scanned. OutsideLibrary if the folder is not below it."""
    return Scan.objects.create(folder=relative_folder(folder))


def relative_folder(folder: str) -> str:
    """A folder as its path below the library root; it may be given relative to that root or absolute."""
    root = Path(os.path.abspath(settings.LIBRARY_DIR))
    given = Path(os.path.abspath(root / folder)) if folder else root
    for base in (root, root.resolve()):
        if given.is_relative_to(base):
            relative = given.relative_to(base).as_posix()
            return "" if relative == "." else relative
    raise OutsideLibrary(f"{folder} is not below the library folder {root}, so it cannot be scanned.")


def latest_scan() -> Scan | None:
    return Scan.objects.order_by("-id").first()


def claim_scan(scan_id: int | None = None) -> Scan | None:
    """Take a scan to walk: this one, or the oldest that waits or whose worker was killed. None if there is none."""
    killed = Q(state=Scan.State.RUNNING, walked=False, started_at__lt=timezone.now() - timedelta(seconds=WALK_SECONDS))
    waiting = Scan.objects.filter(Q(state=Scan.State.QUEUED) | killed).order_by("id")
    if scan_id is not None:
        waiting = waiting.filter(pk=scan_id)
    for scan in waiting:
        now = timezone.now()
        if scan.started_at and scan.queued_at < now - timedelta(seconds=WALKS_LIMIT * WALK_SECONDS):
            fail(scan, "The scan was broken off several times; the log of the library worker may say why.")
            continue
        # Whoever changes the row first has it; `started_at` tells a second taking of a killed worker's scan.
        mine = Scan.objects.filter(pk=scan.pk, state=scan.state, started_at=scan.started_at)
        if mine.update(state=Scan.State.RUNNING, started_at=now):
            scan.state, scan.started_at = Scan.State.RUNNING, now
            return scan
    return None


def walk(scan: Scan) -> None:
    """Compare the folder with what is known: queue what is new or changed, note what is gone or came back.

    A folder that cannot be read, or that is empty though books of it are known, changes nothing: most likely a disk is
    not mounted. The scan then ends as failed, with a sentence.
    """
    if scan.state == Scan.State.QUEUED:
        claimed = claim_scan(scan.pk)
        if claimed is None:
            return
        scan.state, scan.started_at = claimed.state, claimed.started_at
    elif scan.state != Scan.State.RUNNING or scan.walked:
        return
    try:
        compare(scan)
    except OperationalError:
        # The database is busy or away: that passes, so the scan waits for its next turn.
        Scan.objects.filter(pk=scan.pk, state=Scan.State.RUNNING).update(state=Scan.State.QUEUED)
        raise
    except Exception as error:
        fail(scan, f"The scan was broken off by an error ({type(error).__name__}); the log says more.")
        raise


def compare(scan: Scan) -> None:
    began_at = timezone.now()
    top = Path(settings.LIBRARY_DIR) / scan.folder
    try:
        with os.scandir(top):
            pass
    except OSError as error:
        fail(scan, f"The folder {top} cannot be read: {words_of(error)}.")
        return
    # Loaded before the folder is read: what is imported meanwhile is not taken for gone.
    known = Known.below(scan.folder)
    noted = Walk()
    files = iter(found_below(top, scan.folder, noted))
    first = next(files, None)
    if first is None and known.present:
        fail(scan, f"No book was found in {top}, where {known.present} were: nothing was changed. Is its disk mounted?")
        return
    gone = dict(known.files)
    queued_sizes: set[int] = set()
    seen = 0
    for batch in batches(files if first is None else chain([first], files)):
        queued_sizes |= take_in(scan, batch, known)
        for found in batch:
            gone.pop(found.path, None)
            known.imports.pop(found.path, None)
        seen += len(batch)
        Scan.objects.filter(pk=scan.pk).update(seen=seen)
    note_unreadable(scan, noted)
    drop_stale_imports(known, noted, began_at)
    # A new file as long as one that is gone may be that one under another name. Its book stays as it is until the new
    # file has been read, see `finish_scans`.
    suspects = [
        file.pk
        for path, file in gone.items()
        if file.is_present and file.size not in queued_sizes and not below_any(path, noted.unreadable)
    ]
    for batch_of_suspects in batches(suspects):
        # Looked up anew: an import may have found one of them under another name while this walk went on.
        mark_gone(surely_gone(BookFile.objects.filter(pk__in=batch_of_suspects, is_present=True)))
    scan.seen, scan.walked = seen, True
    Scan.objects.filter(pk=scan.pk).update(seen=seen, walked=True)


class KnownFile(NamedTuple):
    pk: int
    size: int
    mtime_ns: int
    is_present: bool


class KnownImport(NamedTuple):
    pk: int
    state: str
    size: int
    mtime_ns: int


@dataclass
class Known:
    """What the database holds of a folder, by path."""

    files: dict[str, KnownFile]
    imports: dict[str, KnownImport]

    @classmethod
    def below(cls, folder: str) -> "Known":
        inside = Q(path__startswith=f"{folder}/") if folder else Q()
        files = BookFile.objects.filter(inside).values_list("path", "pk", "size", "mtime_ns", "is_present")
        imports = Import.objects.filter(inside).values_list("path", "pk", "state", "size", "mtime_ns")
        return cls(
            {row[0]: KnownFile(*row[1:]) for row in files.iterator(BATCH)},
            {row[0]: KnownImport(*row[1:]) for row in imports.iterator(BATCH)},
        )

    @property
    def present(self) -> int:
        return sum(file.is_present for file in self.files.values())


def found_below(top: Path, folder: str, noted: Walk) -> Iterator[FoundFile]:
    """The book files below a folder, in no order. What cannot be read goes into `noted` instead."""
    waiting = [(str(top), folder)]
    visited: set[tuple[int, int]] = set()  # a link may lead back up
    while waiting:
        path, relative = waiting.pop()
        try:
            here = os.stat(path)
            if (here.st_dev, here.st_ino) in visited:
                continue
            visited.add((here.st_dev, here.st_ino))
            with os.scandir(path) as listing:
                entries = sorted(listing, key=lambda entry: entry.name)
        except OSError as error:
            noted.unreadable[printable(relative)] = f"This folder cannot be read: {words_of(error)}."
            continue
        for entry in entries:
            if entry.name.startswith("."):
                continue
            inner = f"{relative}/{entry.name}" if relative else entry.name
            try:
                if entry.is_dir():
                    if not is_skipped_folder(entry.name):
                        waiting.append((entry.path, inner))
                    continue
                if is_skipped_file(entry.name) or not entry.is_file():
                    continue
                found = entry.stat()
            except OSError as error:
                if format_of(entry.name) and not isinstance(error, FileNotFoundError):
                    noted.unreadable[printable(inner)] = f"This file cannot be read: {words_of(error)}."
                continue
            if printable(inner) != inner:
                noted.unreadable[printable(inner)] = "This file's name is not in UTF-8; rename it to have it imported."
            elif len(inner.encode()) > PATH_BYTES:
                noted.unreadable[f"…{inner[-500:]}"] = "The path of this file is too long; move it further up."
            else:
                yield FoundFile(inner, found.st_size, found.st_mtime_ns)


def is_skipped_folder(name: str) -> bool:
    return name.lower().endswith(".sdr") or name.lower() in SKIPPED_FOLDERS


def is_skipped_file(name: str) -> bool:
    return name.lower().endswith(SKIPPED_SUFFIXES) or format_of(name) is None


def take_in(scan: Scan, batch: Sequence[FoundFile], known: Known) -> set[int]:
    """Queue what is new or changed of these files, and note what came back; the sizes of what is in the queue."""
    queue: list[FoundFile] = []
    back: list[int] = []
    same: list[int] = []
    sizes: set[int] = set()
    for found in batch:
        file, former = known.files.get(found.path), known.imports.get(found.path)
        if file and (file.size, file.mtime_ns) == (found.size, found.mtime_ns):
            if not file.is_present:
                back.append(file.pk)
        elif former and (former.size, former.mtime_ns) == (found.size, found.mtime_ns):
            if former.state == Import.State.IMPORTED:
                queue.append(found)  # another path took its file over since, and now it is here again
            else:
                # Waiting, being read, or failed and not changed since: not read again, but this scan reports it.
                same.append(former.pk)
                sizes.add(found.size)
        else:
            queue.append(found)
    with transaction.atomic():
        queue_imports(queue, scan)
        if back:
            BookFile.objects.filter(pk__in=back).update(is_present=True)
            Book.objects.filter(files__in=back, is_active=False).update(is_active=True)
        Import.objects.filter(pk__in=same).update(scan=scan)
    return sizes | {found.size for found in queue}


def queue_imports(files: Iterable[FoundFile], scan: Scan | None) -> None:
    """Put these paths into the queue, whatever became of them before."""
    now = timezone.now()
    Import.objects.bulk_create(
        [
            Import(path=file.path, size=file.size, mtime_ns=file.mtime_ns, scan=scan, queued_at=now)
            for file in sorted(files)  # in one order, so that two scans never wait for each other's rows
        ],
        update_conflicts=True,
        unique_fields=["path"],
        update_fields=[
            "size",
            "mtime_ns",
            "scan",
            "queued_at",
            "state",
            "reason",
            "attempts",
            "started_at",
            "finished_at",
        ],
    )


def note_unreadable(scan: Scan, noted: Walk) -> None:
    """A row with the reason for each, so that a person sees it."""
    now = timezone.now()
    Import.objects.bulk_create(
        [
            Import(
                path=path or ".", state=Import.State.FAILED, reason=reason, scan=scan, queued_at=now, finished_at=now
            )
            for path, reason in sorted(noted.unreadable.items())
        ],
        batch_size=BATCH,
        update_conflicts=True,
        unique_fields=["path"],
        update_fields=["state", "reason", "scan", "finished_at", "size", "mtime_ns"],
    )


def drop_stale_imports(known: Known, noted: Walk, began_at: datetime) -> None:
    """Forget the failures, and the queue's entries, of paths that are no more."""
    stale = [
        former.pk
        for path, former in known.imports.items()
        if former.state in (Import.State.QUEUED, Import.State.FAILED) and not below_any(path, noted.unreadable)
    ]
    for batch in batches(stale):
        unfinished = Import.objects.filter(pk__in=batch, state__in=(Import.State.QUEUED, Import.State.FAILED))
        unfinished.filter(queued_at__lt=began_at).delete()  # not what was put in the queue again since


def mark_gone(file_ids: Iterable[int]) -> None:
    """Note that these files are not there; a book of which none is left becomes inactive."""
    for batch in batches(file_ids):
        with transaction.atomic():
            BookFile.objects.filter(pk__in=batch).update(is_present=False)
            left = BookFile.objects.filter(book=OuterRef("pk"), is_present=True)
            books = Book.objects.filter(files__in=batch, is_active=True)
            Book.objects.filter(pk__in=books.values("pk")).filter(~Exists(left)).update(is_active=False)


def finish_scans() -> int:
    """End the scans of which no import is left, noting first what turned out to be gone and not merely renamed.

    Returns how many ended.
    """
    ended = 0
    left = Import.objects.filter(scan=OuterRef("pk"), state__in=(Import.State.QUEUED, Import.State.RUNNING))
    for scan in Scan.objects.filter(~Exists(left), state=Scan.State.RUNNING, walked=True).order_by("id"):
        mark_gone(gone_without_successor(scan))
        ended += Scan.objects.filter(pk=scan.pk, state=Scan.State.RUNNING).update(
            state=Scan.State.FINISHED, finished_at=timezone.now()
        )
    return ended


def gone_without_successor(scan: Scan) -> list[int]:
    """Files that `walk` left alone because a new one of the same length might have been them, and that are gone."""
    root = Path(settings.LIBRARY_DIR)
    try:
        with os.scandir(root) as listing:
            if next(listing, None) is None:
                return []
    except OSError:
        return []
    inside = Q(path__startswith=f"{scan.folder}/") if scan.folder else Q()
    return surely_gone(BookFile.objects.filter(inside, is_present=True, size__in=scan.imports.values("size")))


def surely_gone(files: QuerySet[BookFile]) -> list[int]:
    """Those of these files of which nothing is at their path now."""
    root = Path(settings.LIBRARY_DIR)
    return [pk for pk, path in files.values_list("pk", "path").iterator(BATCH) if is_gone(root / path)]


def is_gone(path: Path) -> bool:
    """Is there surely no such file? A folder that may not be read is no answer."""
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False
    return False


def scan_report(scan: Scan) -> ScanReport:
    """How far this scan is, read anew from the database."""
    scan.refresh_from_db()
    counts = Counter(dict(scan.imports.values_list("state").annotate(Count("pk"))))
    failed = scan.imports.filter(state=Import.State.FAILED).order_by("path")
    return ScanReport(
        state=scan.state,
        seen=scan.seen,
        imported=counts[Import.State.IMPORTED],
        failed=counts[Import.State.FAILED],
        waiting=counts[Import.State.QUEUED] + counts[Import.State.RUNNING],
        started_at=scan.started_at,
        finished_at=scan.finished_at,
        reason=scan.reason,
        failures=list(failed.values_list("path", "reason")),
    )


def fail(scan: Scan, sentence: str) -> None:
    scan.state, scan.reason, scan.finished_at = Scan.State.FAILED, sentence[:500], timezone.now()
    scan.save(update_fields=["state", "reason", "finished_at"])
    logger.warning("Scan %d failed: %s", scan.pk, sentence)


def words_of(error: OSError) -> str:
    return (error.strerror or "unknown error").lower()


def printable(path: str) -> str:
    """The path as text that a database takes; a name that is not in UTF-8 gets replacement characters."""
    return path.encode(errors="surrogateescape").decode(errors="replace")


def below_any(path: str, folders: Iterable[str]) -> bool:
    return any(not folder or path == folder or path.startswith(f"{folder}/") for folder in folders)


def batches(rows: Iterable[Row]) -> Iterator[list[Row]]:
    """The rows in lists of at most BATCH."""
    rows = iter(rows)
    while batch := list(islice(rows, BATCH)):
        yield batch
