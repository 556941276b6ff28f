"""Taking files into the library, one by one, from the queue of `Import` rows.

Several workers do this at once. Whoever changes a row from queued to running has it; nothing is locked while a file is
read; and what a file said is stored in one short transaction that first makes sure that the row is still its own.
"""

import logging
import os
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import DatabaseError, OperationalError, transaction
from django.db.models import Q
from django.utils import timezone

from accounts.statements import fetch_row, insert_row, insert_rows, moment, run, take_turn_for, update_row
from library.claims import dead_workers, this_worker
from library.covers import keep_cover
from library.describing import Statement, describe, kept_statement, new_book
from library.errors import LibraryError, MayPass
from library.formats import format_of
from library.grouping import book_for, is_another_work
from library.hashes import Digests
from library.known_names import keep_path
from library.marks import marks_last
from library.models import Book, BookFile, FileHash, Identifier, Import
from library.pacing import Pace
from library.parsing import Parsed, Parser
from library.scanning import mark_gone
from library.walking import is_gone, words_of
from matching.names import file_name_key, title_key

logger = logging.getLogger(__name__)

# The hard time limit of the task that imports: a row that was begun longer ago has lost its worker, wherever that ran.
CLAIM_SECONDS = 300
ATTEMPTS_LIMIT = 3
REASON_LENGTH = 500


@dataclass(frozen=True)
class ReadFile:
    """What was read of a file, before anything is stored."""

    path: str
    format: str
    mtime_ns: int
    parsed: Parsed

    @property
    def digests(self) -> Digests:
        return self.parsed.digests


@dataclass(frozen=True)
class Begun:
    """A file that the parser is reading, claimed by this process."""

    claimed: Import
    format: str
    before: os.stat_result


def import_some(*, until: float) -> tuple[int, bool]:
    """Import queued files until `time.monotonic()` is past `until`; how many, and whether there may be more.

    While one file is stored the next one is being read.
    """
    took = 0
    pace = Pace()
    with Parser() as parser:
        begun = begin_next(parser)
        while begun is not None:
            took += 1
            following = None
            try:
                read = finish(begun, parser)
                following = begin_next(parser) if time.monotonic() <= until else None
                if read is not None:
                    held_from = time.monotonic()
                    keep(begun, read)
                    time.sleep(pace.seconds_to_rest(time.monotonic() - held_from))
            except BaseException:
                for unfinished in filter(None, (begun, following)):
                    release(unfinished.claimed)
                raise
            if following is None and time.monotonic() > until:
                return took, True
            begun = following
    return took, False


def import_next(parser: Parser) -> bool:
    """Import one queued file; False when none is left to take.

    A file that cannot be read becomes a failed row with a sentence. An OperationalError, which passes by itself, puts
    the row back into the queue and is raised.
    """
    begun = begin_next(parser)
    if begun is None:
        return False
    read = finish(begun, parser)
    if read is not None:
        keep(begun, read)
    return True


def begin_next(parser: Parser) -> Begun | None:
    """Claim a row and have its file read; None when no row is left. What cannot even be begun is refused."""
    while claimed := claim():
        with noting_failure(claimed):
            location = Path(settings.LIBRARY_DIR) / claimed.path
            format = format_of(claimed.path)
            if format is None:
                raise LibraryError("This is not a kind of file that Tome can hold.")
            if is_gone(location):
                raise MayPass("This file is no longer there.")
            before = os.stat(location)
            if not stat.S_ISREG(before.st_mode):
                raise MayPass("This is no file any more.")
            parser.begin(location, format)
            return Begun(claimed, format, before)
    return None


def finish(begun: Begun, parser: Parser) -> ReadFile | None:
    """What the parser read of the file; None where it could not be taken in, which its row then says."""
    claimed = begun.claimed
    with noting_failure(claimed):
        parsed = parser.finish()
        after = os.stat(Path(settings.LIBRARY_DIR) / claimed.path)
        if (begun.before.st_size, begun.before.st_mtime_ns) != (after.st_size, after.st_mtime_ns) or (
            parsed.digests.size != after.st_size
        ):
            raise MayPass("This file changed while it was read; it is taken in by the next scan.")
        return ReadFile(claimed.path, begun.format, after.st_mtime_ns, parsed)
    return None


def keep(begun: Begun, read: ReadFile) -> None:
    """Store what was read, or note why that failed."""
    with noting_failure(begun.claimed):
        store(begun.claimed, read)


@contextmanager
def noting_failure(claimed: Import) -> Iterator[None]:
    """Have an error within become the row's reason. What passes by itself puts the row back and is raised."""
    try:
        yield
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
        # Something that nobody thought of, or a task's time limit: not the file's fault. It fails, so that the others
        # need not wait for it, and the next scan tries again; by then it may be mended.
        logger.exception("Import %d failed in an unforeseen way.", claimed.pk)
        sentence = f"This file could not be taken in, because of an error in Tome ({type(error).__name__})."
        refuse(claimed, sentence, may_pass=True)


def claim() -> Import | None:
    """Take the oldest row that is queued, and after these one whose worker was killed; None when there is none.

    The attempt is counted and committed before the file is touched: a file that kills workers is given up after three.
    """
    while True:
        # One after the other, so that the index gives the first of them without sorting the whole queue.
        row = fetch_row(Import, OLDEST_QUEUED, []) or oldest_killed()
        if row is None:
            return None
        former = (row.state, row.attempts, row.started_at)
        if row.attempts >= ATTEMPTS_LIMIT:
            row.state, row.finished_at = Import.State.FAILED, timezone.now()
            row.reason = "This file stopped the importer three times, so it is left out."
        else:
            row.state, row.attempts = Import.State.RUNNING, row.attempts + 1
            row.started_at, row.worker = timezone.now(), this_worker()
        if change_if_still(row, former) and row.state == Import.State.RUNNING:
            return row


OLDEST_QUEUED = "state = 'queued' ORDER BY id LIMIT 1"
TAKE = """
    UPDATE library_import SET state = %s, attempts = %s, started_at = %s, worker = %s, reason = %s, finished_at = %s
    WHERE id = %s AND state = %s AND attempts = %s AND (started_at = %s OR started_at IS NULL)"""


def change_if_still(row: Import, former: tuple[str, int, datetime | None]) -> bool:
    """Store what a claim changes, if no other worker was faster."""
    state, attempts, started_at = former
    changed = [row.state, row.attempts, moment(row.started_at), row.worker, row.reason, moment(row.finished_at)]
    return run(TAKE, [*changed, row.pk, state, attempts, moment(started_at)]) == 1


def oldest_killed() -> Import | None:
    """The first row that was begun so long ago that its worker must be gone."""
    began_before = timezone.now() - timedelta(seconds=CLAIM_SECONDS)
    return Import.objects.filter(state=Import.State.RUNNING, started_at__lt=began_before).order_by("id").first()


def requeue_abandoned() -> int:
    """Put the rows whose worker surely runs no more back into the queue, without waiting for their time; how many."""
    running = Import.objects.filter(state=Import.State.RUNNING)
    dead = dead_workers(running.order_by().values_list("worker", flat=True).distinct())
    return running.filter(worker__in=dead).update(state=Import.State.QUEUED) if dead else 0


# Is the row still as `claim` left it? Not if a scan queued it again, or another worker took it over.
HELD = "id = %s AND state = 'running' AND attempts = %s AND started_at = %s"


def held_by(claimed: Import) -> list[Any]:
    return [claimed.pk, claimed.attempts, moment(claimed.started_at)]


def held(claimed: Import) -> Q:
    """The same as `HELD`, for the ORM."""
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


@transaction.atomic
@marks_last()
def store(claimed: Import, read: ReadFile) -> None:
    """Bring the library's rows in line with what was read.

    The bytes decide what the file is. Bytes that are known from another path came from there, unless that path still
    holds them: then this is a copy, and another file of the same book. Bytes that are not known make the file at this
    path another version of itself, or where there was none a file of the book that `library.grouping` finds.
    """
    if fetch_row(Import, HELD, held_by(claimed), lock=True) is None:
        return
    file = fetch_row(BookFile, "path = %s", [read.path])
    has_other_bytes = file is None or file.sha256 != read.digests.sha256
    twin = file_with_bytes(read.digests) if has_other_bytes else None
    if twin and not is_still_there(twin):
        # Where files were renumbered, another worker may be moving one of these two: each in its turn.
        take_turn_for("moving files")
        file = fetch_row(BookFile, "path = %s", [read.path])
        twin = file_with_bytes(read.digests)
    if twin and not is_still_there(twin):
        if file and file.pk != twin.pk:
            give_way(file, twin)
        file, has_other_bytes = twin, False
    elif file and has_other_bytes and not twin and was_replaced(file, read):
        step_aside(file)
        file = None
    if file is None:
        file = add_file(read, twin)
    else:
        change_file(file, read, has_other_bytes=has_other_bytes)
    claimed.state, claimed.reason, claimed.attempts = Import.State.IMPORTED, "", 0
    claimed.warnings, claimed.file_id = list(read.parsed.metadata.warnings), file.pk
    claimed.size, claimed.mtime_ns, claimed.finished_at = read.digests.size, read.mtime_ns, timezone.now()
    update_row(claimed, OUTCOME)


OUTCOME = ("state", "reason", "attempts", "warnings", "file_id", "size", "mtime_ns", "finished_at")


def add_file(read: ReadFile, twin: BookFile | None) -> BookFile:
    """Store a file at a path where none was known, in the book of its twin, in one that it fits, or in a new one."""
    file = filled(BookFile(), read)
    metadata = read.parsed.metadata
    if twin:
        file.book_id, file.reason = twin.book_id, "Its bytes are those of another file."
    else:
        stated = Statement.of(file)
        # Two workers with two formats of one new book take turns, or each would make a book of its own.
        take_turn_for(f"title {title_key(stated.title_or_name)}")
        if found := book_for(read.path, read.format, stated, metadata.identifiers):
            file.book, file.reason = found
    is_first = file.book_id is None
    if is_first:
        new_book(file, isbns={each.value for each in metadata.identifiers if each.scheme == "isbn"})
    else:
        insert_row(file)
    keep_hash(file)
    insert_rows([Identifier(file=file, scheme=scheme, value=value) for scheme, value in identifiers_of(read)])
    if read.parsed.thumbnails is not None:
        keep_cover(file, read.parsed.thumbnails)
    if not is_first:
        describe(file.book)
    elif file.cover:
        Book.objects.filter(pk=file.book_id).update(cover=file.cover)
    return file


def change_file(file: BookFile, read: ReadFile, *, has_other_bytes: bool) -> None:
    """Store where a known file is now, what its bytes are and what it says of itself."""
    # Book before file, as whoever merges books locks them; and its book as it is once that is done.
    Book.objects.select_for_update(no_key=True).filter(pk=file.book_id).first()
    former = BookFile.objects.values_list("path", "is_present").filter(pk=file.pk).first()
    filled(file, read).save(update_fields=OF_FILE)
    file.refresh_from_db(fields=["book"])
    keep_hash(file)
    keep_path(file.pk, file.path)  # also where another file gave way, and the row has this path already
    wanted = identifiers_of(read)
    if wanted != set(file.identifiers.values_list("scheme", "value")):
        file.identifiers.all().delete()
        insert_rows([Identifier(file=file, scheme=scheme, value=value) for scheme, value in wanted])
    if has_other_bytes or bool(file.cover) != (read.parsed.thumbnails is not None):
        keep_cover(file, read.parsed.thumbnails)
    describe(file.book, files_changed=has_other_bytes or former != (file.path, True))


OF_FILE = ("path", "name_key", "format", "size", "mtime_ns", "sha256", "ko_md5", "is_present", "stated")


def filled(file: BookFile, read: ReadFile) -> BookFile:
    file.path = read.path
    file.name_key = file_name_key(read.path)
    file.format = read.format
    file.size, file.mtime_ns = read.digests.size, read.mtime_ns
    file.sha256, file.ko_md5 = read.digests.sha256, read.digests.ko_md5
    file.is_present = True
    file.stated = kept_statement(read.parsed.metadata)
    return file


def identifiers_of(read: ReadFile) -> set[tuple[str, str]]:
    return {(each.scheme, each.value) for each in read.parsed.metadata.identifiers}


def keep_hash(file: BookFile) -> None:
    """Note the hash that a file has now; those that it had stay, since a device may hold the older bytes."""
    row = FileHash(file=file, sha256=file.sha256, ko_md5=file.ko_md5, size=file.size)
    insert_rows([row], tail="ON CONFLICT DO NOTHING")


# Through the hashes, since the partial MD5 is what the index is on. One that is gone from its path first.
TWIN = """
    id = (
        SELECT library_bookfile.id
        FROM library_filehash JOIN library_bookfile ON library_bookfile.id = library_filehash.file_id
        WHERE library_filehash.ko_md5 = %s AND library_filehash.sha256 = %s
            AND library_bookfile.sha256 = %s AND library_bookfile.size = %s
        ORDER BY library_bookfile.is_present, library_bookfile.id LIMIT 1
    )"""


def file_with_bytes(wanted: Digests) -> BookFile | None:
    """A file that holds exactly these bytes now."""
    return fetch_row(BookFile, TWIN, [wanted.ko_md5, wanted.sha256, wanted.sha256, wanted.size])


def is_still_there(file: BookFile) -> bool:
    """Is the file at its path the one that was last read there, by size and time?"""
    try:
        found = os.stat(Path(settings.LIBRARY_DIR) / file.path)
    except OSError as error:
        return not isinstance(error, (FileNotFoundError, NotADirectoryError))
    return (found.st_size, found.st_mtime_ns) == (file.size, file.mtime_ns)


def was_replaced(file: BookFile, read: ReadFile) -> bool:
    """Is what lies at this file's path now another work, and not this one in a new version?"""
    after = filled(BookFile(), read)
    ids = set(file.identifiers.values_list("scheme", "value"))
    return is_another_work(Statement.of(file), Statement.of(after), ids, identifiers_of(read))


def step_aside(file: BookFile) -> None:
    """Leave the path to another work. The book keeps its history, and is there again when its bytes are."""
    # No path of a file: a suffix follows, so no scan looks for it.
    BookFile.objects.filter(pk=file.pk).update(path=f"{file.path} (replaced, {file.pk})", name_key="")
    mark_gone([file.pk])


def give_way(file: BookFile, mover: BookFile) -> None:
    """Have `file`, whose path `mover` took over, stand at the path that the other left.

    Two files whose names were exchanged are then both right, and of files that were renumbered one after another each
    finds its own place in turn. Where nothing is at that path, the file is gone.
    """
    left, taken = mover.path, file.path
    BookFile.objects.filter(pk=mover.pk).update(path=f"{left}\n{mover.pk}")  # no path of a file, for a moment
    BookFile.objects.filter(pk=file.pk).update(path=left, name_key=file_name_key(left))
    BookFile.objects.filter(pk=mover.pk).update(path=taken)
    keep_path(file.pk, left)
    if is_gone(Path(settings.LIBRARY_DIR) / left):
        mark_gone([file.pk])
