"""Scans of the library folder: what is new or changed is queued for import, what is gone is going.

A walk holds no more in memory than one folder, one batch of files, and a bit for each row: a library may have any size.
It can be broken off at any point: what it queued stays queued, and the next walk passes over that.
"""

import logging
import os
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import chain, islice
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from django.conf import settings
from django.db import OperationalError, connection, models, transaction
from django.db.models import Count, Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from accounts.statements import query
from library.claims import is_surely_dead, this_worker
from library.errors import OutsideLibrary
from library.marks import marks_last, note_changed
from library.models import Book, BookFile, Import, Scan
from library.walking import FoundFile, Met, below_any, found_below, is_gone, words_of

Row = TypeVar("Row")
AnyModel = TypeVar("AnyModel", bound=models.Model)

logger = logging.getLogger(__name__)

BATCH = 500  # rows for one statement and one short transaction
PAGE = 5000  # rows that are merely looked through
# A walk only lists and stats; a network share with a million files takes some minutes. After this it is broken off.
WALK_SECONDS = 1800
WALKS_LIMIT = 3
SILENCE_SECONDS = 60  # a walk on another machine that has not been heard of for so long is taken for dead
HEARD_EVERY_SECONDS = 1.0
# A folder that lost so many books at once, and everything else in it, is rather a share that is not mounted.
SUDDENLY_EMPTY = 10
NOTICES_LIMIT = 20
SIZE_BITS = 1 << 23
SCANS_KEPT_DAYS = 30


class TakenOver(Exception):
    """Another process has this scan by now."""


@dataclass(frozen=True)
class ScanReport:
    """How far a scan is; `reason` says why the scan itself failed, `notices` are sentences for a person."""

    scan: Scan
    state: str
    seen: int
    imported: int
    failed: int
    waiting: int
    started_at: datetime | None
    finished_at: datetime | None
    reason: str
    notices: list[str]
    left_out: int  # files that are no books, besides what usually lies beside books
    left_out_paths: list[str]  # the first of them

    @property
    def failures(self) -> list[tuple[str, str]]:
        """All that failed, as (path, sentence), by path. Asked for when this is read."""
        return list(failures(self.scan))


class Bits:
    """A set of small numbers, at one bit each."""

    def __init__(self) -> None:
        self._bits = bytearray()

    def add(self, number: int) -> None:
        place = number >> 3
        if place >= len(self._bits):
            self._bits.extend(bytes(place + 1 - len(self._bits) + 4096))
        self._bits[place] |= 1 << (number & 7)

    def __contains__(self, number: int) -> bool:
        place = number >> 3
        return place < len(self._bits) and bool(self._bits[place] & 1 << (number & 7))


def queue_scan(folder: str = "", *, paths: Iterable[str] = ()) -> Scan:
    """Note that the library, or one folder of it, is to be scanned. OutsideLibrary if the folder is not below it.

    With `paths`, only these files and folders are looked at, and what is known at or below them: that is how the
    watcher asks, and an empty path is the whole library. They and the folder may be given relative to the library root
    or absolute. Where a scan that does the same waits already, that is the one returned.
    """
    folder = relative_folder(folder)
    wanted = outermost(relative_folder(path) for path in paths)
    for waiting in Scan.objects.filter(state=Scan.State.QUEUED, folder=folder).order_by("id"):
        if waiting.paths == wanted or (wanted == [""] and not waiting.paths):
            return waiting
    return Scan.objects.create(folder=folder, paths=wanted)


def relative_folder(folder: str) -> str:
    """A folder as its path below the library root; it may be given relative to that root or absolute."""
    root = Path(os.path.abspath(settings.LIBRARY_DIR))
    given = Path(os.path.abspath(root / folder)) if folder else root
    for base in (root, root.resolve()):
        if given.is_relative_to(base):
            relative = given.relative_to(base).as_posix()
            return "" if relative == "." else relative
    raise OutsideLibrary(f"{folder} is not below the library folder {root}, so it cannot be scanned.")


def outermost(paths: Iterable[str]) -> list[str]:
    """These paths in their order, without those that lie below another of them."""
    kept: set[str] = set()
    for path in sorted(set(paths), key=len):
        if not below_any(path, kept):
            kept.add(path)
    return sorted(kept)


def latest_scan() -> Scan | None:
    """The scan to tell about: of those that are under way the first, else the last one that was."""
    under_way = Scan.objects.filter(state__in=(Scan.State.QUEUED, Scan.State.RUNNING))
    return under_way.order_by("id").first() or Scan.objects.order_by("-id").first()


def claim_scan(scan_id: int | None = None) -> Scan | None:
    """Take a scan to walk: this one, or the oldest that waits or whose worker was killed. None if there is none."""
    unwalked = Q(state=Scan.State.QUEUED) | Q(state=Scan.State.RUNNING, walked=False)
    scans = Scan.objects.filter(unwalked).order_by("id")
    for scan in scans if scan_id is None else scans.filter(pk=scan_id):
        now = timezone.now()
        if scan.state == Scan.State.RUNNING and not is_abandoned(scan, now):
            continue
        if scan.started_at and scan.queued_at < now - timedelta(seconds=WALKS_LIMIT * WALK_SECONDS):
            fail(scan, "The scan was broken off several times; the log of the library worker may say why.")
            continue
        # Whoever changes the row first has it.
        former = Scan.objects.filter(pk=scan.pk, state=scan.state, started_at=scan.started_at, worker=scan.worker)
        taken = {"state": Scan.State.RUNNING, "started_at": now, "heard_at": now, "worker": this_worker()}
        if former.update(**taken):
            for name, value in taken.items():
                setattr(scan, name, value)
            return scan
    return None


def is_abandoned(scan: Scan, now: datetime) -> bool:
    """Is the process that walks surely dead, or was it not heard of for a minute?"""
    heard_at = scan.heard_at or scan.started_at
    return is_surely_dead(scan.worker) or heard_at is None or heard_at < now - timedelta(seconds=SILENCE_SECONDS)


def walk(scan: Scan) -> None:
    """Compare the folder with what is known: queue what is new or changed, note what is gone or came back.

    A folder that cannot be read, or that is empty though books of it are known, changes nothing: most likely a disk is
    not mounted. If it is the one to scan, the scan then ends as failed, with a sentence.
    """
    if scan.state == Scan.State.QUEUED:
        claimed = claim_scan(scan.pk)
        if claimed is None:
            return
        for name in ("state", "started_at", "heard_at", "worker"):
            setattr(scan, name, getattr(claimed, name))
    elif scan.state != Scan.State.RUNNING or scan.walked:
        return
    try:
        compare(scan)
    except TakenOver:
        logger.warning("Scan %d was taken over by another process, so it is not walked on here.", scan.pk)
    except OperationalError:
        # The database is busy or away: that passes, so the scan waits for its next turn.
        held(scan).update(state=Scan.State.QUEUED)
        raise
    except Exception as error:
        fail(scan, f"The scan was broken off by an error ({type(error).__name__}); the log says more.")
        raise


def held(scan: Scan) -> QuerySet[Scan]:
    """The scan's row, if this process still has it."""
    return Scan.objects.filter(pk=scan.pk, state=Scan.State.RUNNING, started_at=scan.started_at, worker=scan.worker)


@dataclass
class Comparison:
    """One walk's progress, and which rows it met."""

    scan: Scan
    began_at: datetime = field(default_factory=timezone.now)
    newest: int = 0  # the last file's id when it began
    seen: int = 0
    files: Bits = field(default_factory=Bits)  # ids of the known files that are there
    imports: Bits = field(default_factory=Bits)  # ids of the imports whose files are there and not known
    # Lengths of what is queued, modulo SIZE_BITS. Where two share a bit, `finish_scans` finds out.
    sizes: Bits = field(default_factory=Bits)
    _heard: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        self.newest = BookFile.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
        self.met = Met(self.go_on)

    def go_on(self) -> None:
        """Say that this walk goes on, and how far it is, once a second."""
        if time.monotonic() - self._heard >= HEARD_EVERY_SECONDS:
            self._heard = time.monotonic()
            if not held(self.scan).update(seen=self.seen, heard_at=timezone.now()):
                raise TakenOver


def compare(scan: Scan) -> None:
    root = Path(settings.LIBRARY_DIR)
    top = root / scan.folder
    try:
        with os.scandir(top) as listing:
            is_empty = next(listing, None) is None
    except OSError as error:
        fail(scan, f"The folder {top} cannot be read: {words_of(error)}.")
        return
    going = Comparison(scan)
    files = found_below(root, scan.paths or [scan.folder], going.met)
    first = next(files, None)
    if first is None and (is_empty or not scan.paths):
        known = BookFile.objects.filter(below(scan.folder), is_present=True).count()
        if known:
            note_unreadable(going)
            fail(scan, f"No book was found in {top}, where {known} were: nothing was changed. Is its disk mounted?")
            return
    for batch in batches(files if first is None else chain([first], files)):
        take_in(going, batch)
        going.seen += len(batch)
        going.go_on()
    note_unreadable(going)
    drop_stale_imports(going)
    notices = note_gone(going)
    if not scan.paths:
        count_what_was_noticed(scan)
    met = going.met
    left_out = {"count": met.left_out, "paths": met.left_out_paths} if met.left_out else {}
    walked = {"seen": going.seen, "walked": True, "left_out": left_out, "notices": notices}
    if not held(scan).update(**walked, heard_at=timezone.now()):
        raise TakenOver
    for name, value in walked.items():
        setattr(scan, name, value)


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
    scan_id: int | None


def take_in(going: Comparison, batch: Sequence[FoundFile]) -> None:
    """Queue what is new or changed of these files, and note what came back."""
    rows = BookFile.objects.filter(path__in=[found.path for found in batch])
    files = {row[0]: KnownFile(*row[1:]) for row in rows.values_list("path", "pk", "size", "mtime_ns", "is_present")}
    others: list[FoundFile] = []
    back: list[int] = []
    for found in batch:
        if file := files.get(found.path):
            going.files.add(file.pk)
            if (file.size, file.mtime_ns) == (found.size, found.mtime_ns):
                if not file.is_present:
                    back.append(file.pk)
                continue
        others.append(found)
    queue, same = sorted_out(going, others)
    if queue or back or same:
        with transaction.atomic(), marks_last():
            queue_imports(queue, going.scan)
            if back:
                BookFile.objects.filter(pk__in=back).update(is_present=True)
                Book.objects.filter(files__in=back, is_active=False).update(is_active=True)
                note_changed(BookFile.objects.filter(pk__in=back).values_list("book_id", flat=True))
            Import.objects.filter(pk__in=same).update(scan=going.scan)


def sorted_out(going: Comparison, files: Sequence[FoundFile]) -> tuple[list[FoundFile], list[int]]:
    """Of files that are not as they are known: which to queue, and the imports to count as those of this scan."""
    if not files:
        return [], []
    rows = Import.objects.filter(path__in=[found.path for found in files])
    columns = ("path", "pk", "state", "size", "mtime_ns", "scan_id")
    imports = {row[0]: KnownImport(*row[1:]) for row in rows.values_list(*columns)}
    queue: list[FoundFile] = []
    same: list[int] = []
    for found in files:
        going.sizes.add(found.size % SIZE_BITS)
        former = imports.get(found.path)
        if former:
            going.imports.add(former.pk)
        if (
            former is None
            or (former.size, former.mtime_ns) != (found.size, found.mtime_ns)
            # Imported, yet not known here: another path took its file over since, and now it is here again.
            or former.state == Import.State.IMPORTED
        ):
            queue.append(found)
        elif former.scan_id != going.scan.pk and not going.scan.paths:
            # Waiting, being read, or failed and not changed since: not read again, but this scan reports it. One of
            # the watcher's leaves it where it is: somebody may be about to read the report of the other.
            same.append(former.pk)
    return queue, same


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
            "worker",
            "warnings",
            "started_at",
            "finished_at",
        ],
    )


def count_what_was_noticed(scan: Scan) -> None:
    """Count as this scan's what the watcher had imported since the last one like it.

    Whoever copies books into the library and has it scanned is told of all of them, however fast the watcher was.
    """
    of_paths = [pk for pk, paths in Scan.objects.filter(pk__lt=scan.pk).values_list("pk", "paths") if paths]
    for some in batches(of_paths):
        theirs = Import.objects.filter(below(scan.folder), scan__in=some, state=Import.State.IMPORTED)
        while batch := list(theirs.values_list("pk", flat=True)[:BATCH]):
            Import.objects.filter(pk__in=batch).update(scan=scan)


def note_unreadable(going: Comparison) -> None:
    """A row with the reason for each, so that a person sees it."""
    now = timezone.now()
    Import.objects.bulk_create(
        [
            Import(
                path=path or ".",
                state=Import.State.FAILED,
                reason=reason,
                scan=going.scan,
                queued_at=now,
                finished_at=now,
            )
            for path, reason in sorted(going.met.unreadable.items())
        ],
        batch_size=BATCH,
        update_conflicts=True,
        unique_fields=["path"],
        update_fields=["state", "reason", "scan", "finished_at", "size", "mtime_ns"],
    )


def drop_stale_imports(going: Comparison) -> None:
    """Forget the failures, and the queue's entries, of paths that are no more or hold again what is known."""
    unfinished = Import.objects.filter(
        state__in=(Import.State.QUEUED, Import.State.FAILED),
        queued_at__lt=going.began_at,  # not what was put in the queue again since
    )
    for page in in_area(going.scan, unfinished, "pk"):
        going.go_on()
        stale = [pk for path, pk in page if pk not in going.imports and not is_unreadable(path, going)]
        for batch in batches(stale):
            unfinished.filter(pk__in=batch).delete()


def is_unreadable(path: str, going: Comparison) -> bool:
    return below_any(path, going.met.unreadable) or (path == "." and "" in going.met.unreadable)


def note_gone(going: Comparison) -> list[str]:
    """Note the known files that were not met and are surely gone; a sentence for each folder that looks unmounted."""
    emptied = Emptied()
    # What was imported since this walk began is not taken for gone because the walk was past its folder.
    expected = BookFile.objects.filter(is_present=True, pk__lte=going.newest)
    for page in in_area(going.scan, expected, "pk", "size"):
        going.go_on()
        # A new file as long as one that is gone may be that one under another name. Its book stays as it is until the
        # new file has been read, see `finish_scans`.
        suspects = [
            pk
            for path, pk, size in page
            if pk not in going.files
            and size % SIZE_BITS not in going.sizes
            and not below_any(path, going.met.unreadable)
        ]
        for batch in batches(suspects):
            # Looked up anew: an import may have found one of them under another name while this walk went on.
            rows = BookFile.objects.filter(pk__in=batch, is_present=True).values_list("pk", "path")
            mark_gone(surely_gone(rows, emptied))
    return emptied.notices()


class Emptied:
    """The folders that are there but have lost all that was in them at once, as where a share is not mounted."""

    def __init__(self) -> None:
        self._root = Path(settings.LIBRARY_DIR)
        self._nearest: dict[str, str] = {}  # folder → the nearest one at or above it that is there
        self._lost: dict[str, int] = {}  # such a folder → how many books it should hold, if it is empty

    def holds(self, path: str) -> bool:
        """Did a file that is gone lie in such a folder?"""
        parent = path.rpartition("/")[0]
        if parent not in self._nearest:
            self._nearest[parent] = nearest = self._nearest_of(parent)
            if nearest not in self._lost:
                self._lost[nearest] = self._books_of(nearest) if self._is_empty(nearest) else 0
        return self._lost[self._nearest[parent]] >= SUDDENLY_EMPTY

    def _nearest_of(self, folder: str) -> str:
        # A link that leads nowhere is there: its share is not mounted.
        while folder and not os.path.lexists(self._root / folder):
            folder = folder.rpartition("/")[0]
        return folder

    def _is_empty(self, folder: str) -> bool:
        try:
            with os.scandir(self._root / folder) as listing:
                return next(listing, None) is None
        except OSError:
            return os.path.islink(self._root / folder)

    def _books_of(self, folder: str) -> int:
        return BookFile.objects.filter(below(folder), is_present=True).count()

    def notices(self) -> list[str]:
        """A sentence for each, at most NOTICES_LIMIT and one more."""
        lost = [(folder, count) for folder, count in sorted(self._lost.items()) if count >= SUDDENLY_EMPTY]
        sentences = [
            f"The folder {folder} is empty now, and {count} books were in it: they were left as they are. "
            "Mount its disk or share and scan again; if you removed the books, remove the empty folder too."
            for folder, count in lost[:NOTICES_LIMIT]
        ]
        more = len(lost) - NOTICES_LIMIT
        return [*sentences, f"The same holds for {more} other folders."] if more > 0 else sentences


def mark_gone(file_ids: Iterable[int]) -> None:
    """Note that these files are not there; a book of which none is left becomes inactive."""
    for batch in batches(file_ids):
        with transaction.atomic():
            BookFile.objects.filter(pk__in=batch).update(is_present=False)
            left = BookFile.objects.filter(book=OuterRef("pk"), is_present=True)
            books = Book.objects.filter(files__in=batch, is_active=True)
            Book.objects.filter(pk__in=books.values("pk")).filter(~Exists(left)).update(is_active=False)
            note_changed(BookFile.objects.filter(pk__in=batch).values_list("book_id", flat=True))


def finish_scans() -> int:
    """End the scans of which no import is left, noting first what turned out to be gone and not merely renamed.

    Returns how many ended.
    """
    ended = 0
    for scan in Scan.objects.filter(state=Scan.State.RUNNING, walked=True).order_by("id"):
        # By the index on the state, since nearly all imports of a scan are over at its end.
        if query(
            "SELECT 1 FROM library_import WHERE state IN ('queued', 'running') AND +scan_id = %s LIMIT 1", [scan.pk]
        ):
            continue
        mark_gone(gone_without_successor(scan))
        ended += Scan.objects.filter(pk=scan.pk, state=Scan.State.RUNNING).update(
            state=Scan.State.FINISHED, finished_at=timezone.now()
        )
    if ended:
        forget_old_scans()
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
    if not scan.imports.exists():
        return []
    read_now = Import.objects.filter(file=OuterRef("pk"), scan=scan, path=OuterRef("path"))
    alike = BookFile.objects.filter(~Exists(read_now), is_present=True, size__in=scan.imports.values("size"))
    emptied = Emptied()
    gone: list[int] = []
    for page in in_area(scan, alike, "pk"):
        gone += surely_gone([(pk, path) for path, pk in page], emptied)
    return gone


def surely_gone(files: Iterable[tuple[int, str]], emptied: Emptied) -> list[int]:
    """Those of these files, given as id and path, of which nothing is at their path now."""
    root = Path(settings.LIBRARY_DIR)
    return [pk for pk, path in files if is_gone(root / path) and not emptied.holds(path)]


def forget_old_scans() -> None:
    """Delete the rows of scans of single paths, of which a watched library makes many."""
    before = timezone.now() - timedelta(days=SCANS_KEPT_DAYS)
    old = Scan.objects.filter(state__in=(Scan.State.FINISHED, Scan.State.FAILED), finished_at__lt=before)
    of_paths = [pk for pk, paths in old.order_by("id").values_list("pk", "paths")[:PAGE] if paths]
    for batch in batches(of_paths):
        Scan.objects.filter(pk__in=batch).delete()


def scan_report(scan: Scan) -> ScanReport:
    """How far this scan is, read anew from the database."""
    scan.refresh_from_db()
    counts = Counter(dict(scan.imports.values_list("state").annotate(Count("pk"))))
    return ScanReport(
        scan=scan,
        state=scan.state,
        seen=scan.seen,
        imported=counts[Import.State.IMPORTED],
        failed=counts[Import.State.FAILED],
        waiting=counts[Import.State.QUEUED] + counts[Import.State.RUNNING],
        started_at=scan.started_at,
        finished_at=scan.finished_at,
        reason=scan.reason,
        notices=list(scan.notices),
        left_out=scan.left_out.get("count", 0),
        left_out_paths=list(scan.left_out.get("paths", [])),
    )


def failures(scan: Scan) -> Iterator[tuple[str, str]]:
    """The files of this scan that failed, as path and sentence, by path."""
    yield from scan.imports.filter(state=Import.State.FAILED).order_by("path").values_list("path", "reason")


def with_warnings(scan: Scan) -> int:
    """How many files of this scan came in although something in them is wrong."""
    return scan.imports.filter(state=Import.State.IMPORTED).exclude(warnings=[]).count()


def fail(scan: Scan, sentence: str) -> None:
    scan.state, scan.reason, scan.finished_at = Scan.State.FAILED, sentence[:500], timezone.now()
    scan.save(update_fields=["state", "reason", "finished_at"])
    logger.warning("Scan %d failed: %s", scan.pk, sentence)


def in_area(scan: Scan, rows: QuerySet[AnyModel], *columns: str) -> Iterator[list[tuple[Any, ...]]]:
    """The path and these columns of the rows whose paths a scan is about, in pages of at most PAGE rows.

    Each page is a query of its own, so that no transaction stays open while the caller writes.
    """
    areas = [below(scan.folder)]
    if scan.paths:
        areas = [*(Q(path__in=some) for some in batches(scan.paths)), *(below(path) for path in scan.paths)]
    for area in areas:
        after = ""
        while page := list(rows.filter(area, path__gt=after).order_by("path").values_list("path", *columns)[:PAGE]):
            yield page
            if len(page) < PAGE:
                break
            after = page[-1][0]


def below(folder: str) -> Q:
    """The condition on `path` for being below a folder, in words that an index answers."""
    if not folder:
        return Q()
    if connection.vendor == "sqlite":  # its LIKE takes no notice of case, and so takes no index
        return Q(path__gt=f"{folder}/", path__lt=f"{folder}{chr(ord('/') + 1)}")
    return Q(path__startswith=f"{folder}/")


def batches(rows: Iterable[Row]) -> Iterator[list[Row]]:
    """The rows in lists of at most BATCH."""
    rows = iter(rows)
    while batch := list(islice(rows, BATCH)):
        yield batch
