"""Importing KOReader's own statistics: from an uploaded database to sessions, some at a time.

Each batch of sessions is stored in one transaction with the marks of their days and with where to go on. So a worker
may be killed anywhere, and the next one goes on from the last batch; and what is stored twice is stored once, since a
session's uuid follows from its file and its first page. `reading.statistics_file` says what becomes of the rows.
"""

import copy
import logging
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import DatabaseError, transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from accounts.marks import PASSING, Passing
from accounts.models import Reader
from library.claims import is_surely_dead, this_worker
from library.errors import LibraryError, MayPass
from library.pacing import Pace
from library.parsing import Parser
from library.walking import words_of
from reading.clocks import Clock, read_instant
from reading.files import FileReport, report_of
from reading.marks import mark_payload_stale
from reading.models import DeviceFile, Session, StatisticsImport
from reading.plausibility import LONGEST_SPAN, flag_of, moved
from reading.sessions import Outcome, counts, mark_affected, record_sessions
from reading.statistics_file import BEGINNING, EPOCH, PageRun, Runs, StatisticsFile, files_by_book, identity_of
from reading.statistics_uploads import OPEN, location, remove_upload
from reading.turns import take_turn

logger = logging.getLogger(__name__)

State = StatisticsImport.State
# How much is stored at once: some hundredths of a second, for which no device can store anything on SQLite.
SESSIONS_AT_ONCE = 100
FILES_AT_ONCE = 20  # finding the book of one takes milliseconds
# Whoever works on an import gives a sign of life after each batch, and reading the rows for one takes seconds at most.
CLAIM_SECONDS = 180
MOST_TRIES = 3
REASON_LENGTH = 500
FIRST_BOOK = -(2**63)

Progress = Callable[[StatisticsImport], None]


class Lost(Exception):
    """Somebody else works on this import by now, or its reader is gone."""


@dataclass
class Cursor:
    """Where an import is, as its row keeps it."""

    after: tuple[int, int] = BEGINNING
    open: list[PageRun] = field(default_factory=list)  # what the next rows may go on with
    closed: list[PageRun] = field(default_factory=list)  # what is to be stored next
    files: dict[str, int] = field(default_factory=dict)  # by identity: what waits for its book, or 0
    unusable: int = 0
    worker: str = ""
    tries: int = 0  # since the last batch

    @classmethod
    def of(cls, row: StatisticsImport) -> "Cursor":
        kept: dict[str, Any] = row.cursor
        start, line = kept.get("after", BEGINNING)
        return cls(
            after=(start, line),
            open=[PageRun(*run) for run in kept.get("open", ())],
            closed=[PageRun(*run) for run in kept.get("closed", ())],
            files=dict(kept.get("files", {})),
            unusable=kept.get("unusable", 0),
            worker=kept.get("worker", ""),
            tries=kept.get("tries", 0),
        )

    def as_json(self) -> dict[str, Any]:
        runs = {name: [run.as_json() for run in getattr(self, name)] for name in ("open", "closed")}
        return vars(self) | {"after": list(self.after)} | runs


# --- Who works on what ------------------------------------------------------------------------------------------------


def next_import() -> int | None:
    """The import that waits longest, or whose worker was killed; None where there is nothing to do."""
    for row in StatisticsImport.objects.filter(state__in=OPEN).order_by("pk"):
        if is_free(row):
            return row.pk
    return None


def is_free(row: StatisticsImport) -> bool:
    if row.state == State.RUNNING:
        is_fresh = row.worked_at is not None and row.worked_at > timezone.now() - timedelta(seconds=CLAIM_SECONDS)
        return not is_fresh or is_surely_dead(row.cursor.get("worker", ""))
    return row.state == State.QUEUED


def run_import(
    import_id: int, *, seconds: float, on_progress: Progress | None = None, passing: Passing = PASSING
) -> bool:
    """Go on with an import for about this long; False if it is not over then, and this worker could go on with it.

    `on_progress` is called after each batch. A file that cannot be read ends as a failed row with a sentence. Errors in
    `passing` are raised; the import goes on another time.
    """
    row = claim(import_id)
    if row is None:
        return True
    try:
        with Parser() as parser:
            return Work(row, parser, on_progress).go_on(until=time.monotonic() + seconds)
    except Lost:
        logger.info("Import %d of statistics is somebody else's now.", import_id)
    except passing:
        release(row)
        raise
    except FileNotFoundError:
        fail(row, "The uploaded file is not there any more. Upload it once more.")
    except (MayPass, OSError) as error:
        sentence = error.sentence if isinstance(error, MayPass) else f"This file could not be read: {words_of(error)}."
        # The claim is kept until it expires: what may pass needs some time for it.
        if row.cursor["tries"] >= MOST_TRIES:
            fail(row, sentence)
        else:
            logger.warning("Import %d of statistics is tried again later: %s", import_id, sentence)
    except LibraryError as error:
        fail(row, error.sentence)
    except Exception as error:
        logger.exception("Import %d of statistics failed in an unforeseen way.", import_id)
        fail(row, f"This file could not be imported, because of an error in Tome ({type(error).__name__}).")
    except BaseException:
        release(row)
        raise
    return True


def claim(import_id: int) -> StatisticsImport | None:
    """Take an import that nobody works on; None if there is none."""
    with transaction.atomic():
        row = StatisticsImport.objects.select_for_update().filter(pk=import_id).first()
        if row is None or not is_free(row):
            return None
        tries = row.cursor.get("tries", 0)
        row.state, row.worked_at = State.RUNNING, timezone.now()
        row.cursor = row.cursor | {"worker": this_worker(), "tries": tries + 1}
        row.save(update_fields=["state", "worked_at", "cursor"])
    if tries >= MOST_TRIES:
        fail(row, "This file stopped whoever imported it three times, so it is given up.")
        return None
    return row


def held(row: StatisticsImport) -> QuerySet[StatisticsImport]:
    """The row, if it is still as this worker left it."""
    return StatisticsImport.objects.filter(pk=row.pk, state__in=OPEN, worked_at=row.worked_at)


def release(row: StatisticsImport) -> None:
    """Let whoever comes next go on at once: this worker ended in good order, so it was no try."""
    row.cursor = row.cursor | {"tries": 0}
    try:
        held(row).update(state=State.QUEUED, cursor=row.cursor)
    except DatabaseError:
        logger.warning("Import %d of statistics cannot be put back; it is taken again later.", row.pk)


def fail(row: StatisticsImport, sentence: str) -> None:
    """End an import for good; what was stored of it stays."""
    failed = held(row).update(state=State.FAILED, reason=sentence[:REASON_LENGTH], finished_at=timezone.now())
    if failed:
        logger.info("Import %d of statistics failed: %s", row.pk, sentence)
        remove_upload(row.pk)


# --- The work ---------------------------------------------------------------------------------------------------------


class Work:
    """One worker's turn at an import."""

    def __init__(self, row: StatisticsImport, parser: Parser, on_progress: Progress | None) -> None:
        self._row = row
        self._reader = row.reader
        self._parser = parser
        self._on_progress = on_progress
        self._path = location(row.pk)
        self._cursor = Cursor.of(row)
        self._rows_done = row.rows_done
        self._pace = Pace()

    def go_on(self, *, until: float) -> bool:
        """Whether the import is over."""
        if twin := self._finished_twin():
            self._repeat(twin)
            return True
        books, total = self._read_books()
        self._files = {file.identity: file for file in books.values()}
        self._runs = Runs(books, settled_stretches(self._reader), self._cursor.open)
        self._keep(self._saved(rows_total=total))
        while pages := self._parser.statistics_pages(self._path, self._cursor.after):
            for page in pages:
                self._cursor.closed += self._runs.take(page)
                self._cursor.after = (page.start, page.row)
                self._rows_done += 1
                if len(self._cursor.closed) >= SESSIONS_AT_ONCE:
                    self._store_closed()
            self._cursor.closed += self._runs.ended_before(self._cursor.after[0])
            self._store_closed()
            if time.monotonic() > until:
                release(self._row)
                return False
        self._cursor.closed += self._runs.finish()
        self._store_closed()
        self._finish()
        return True

    def _finished_twin(self) -> StatisticsImport | None:
        """An import of the very same file that came to its end: it stored all that this one could."""
        row = self._row
        same = StatisticsImport.objects.filter(reader=row.reader_id, sha256=row.sha256, state=State.FINISHED)
        return same.order_by("pk").last() if not row.rows_done else None

    def _repeat(self, twin: StatisticsImport) -> None:
        """Say what the same file led to before, all of which is known now."""
        self._end(
            books_seen=twin.books_seen,
            books_unknown=unknown_files(twin).count(),
            rows_total=twin.rows_total,
            rows_done=twin.rows_total,
            sessions_known=twin.sessions_stored + twin.sessions_known,
            cursor=twin.cursor,
        )

    def _read_books(self) -> tuple[dict[int, StatisticsFile], int]:
        """The file of each book by the book's id, and how many rows there are in all."""
        found = self._parser.statistics_books(self._path, FIRST_BOOK)
        total, books = found.pages, list(found.books)
        while found.books:
            found = self._parser.statistics_books(self._path, books[-1].id)
            books += found.books
        return files_by_book(books), total

    def _store_closed(self) -> None:
        """Store what is complete, and where to go on; at least a sign of life."""
        while True:
            began = time.monotonic()
            batch = first_batch(self._cursor.closed)
            self._cursor.closed = self._cursor.closed[len(batch) :]
            self._store(batch)
            if self._on_progress is not None:
                self._on_progress(self._row)
            time.sleep(self._pace.seconds_to_rest(time.monotonic() - began))
            if not self._cursor.closed:
                return

    def _store(self, batch: Sequence[PageRun]) -> None:
        now = timezone.now()
        with transaction.atomic():
            take_turn(self._reader.pk)
            reports = {identity: self._described(identity) for identity in {run.identity for run in batch}}
            outcome = store_runs(self._reader, batch, reports, now=now)
            self._cursor.files |= outcome.files
            self._cursor.tries = 0
            changed = self._saved(
                sessions_stored=self._row.sessions_stored + outcome.stored,
                sessions_known=self._row.sessions_known + outcome.known,
                sessions_flagged=self._row.sessions_flagged + outcome.flagged,
                books_seen=len(self._cursor.files),
                books_unknown=sum(map(bool, self._cursor.files.values())),
            )
        self._keep(changed)

    def _described(self, identity: str) -> FileReport:
        """The file with the name that a device told of it, if one did: by that it may be found too."""
        report = self._files[identity].as_report()
        if not report.ko_md5:
            return report
        told = DeviceFile.objects.filter(reader=self._reader, ko_md5=report.ko_md5, document="")
        others = list(told.exclude(filename=report.filename)[:2])
        if len(others) != 1:  # a partial MD5 may be that of two files
            return report
        known = report_of(others[0])
        return replace(known, title=known.title or report.title, authors=known.authors or report.authors)

    def _saved(self, **values: Any) -> dict[str, Any]:
        """Store these columns with where to go on; all that was stored, for `_keep` once it is committed."""
        self._cursor.open = self._runs.open
        self._cursor.unusable += self._runs.unusable
        self._runs.unusable = 0
        return self._changed(cursor=self._cursor.as_json(), rows_done=self._rows_done, **values)

    def _finish(self) -> None:
        row, files = self._row, self._cursor.files
        unusable = self._cursor.unusable + max(0, row.rows_total - row.rows_done)
        waiting = {identity: file for identity, file in files.items() if file}
        self._end(rows_done=row.rows_total, cursor={"files": waiting, "unusable": unusable})

    def _end(self, **values: Any) -> None:
        self._keep(self._changed(state=State.FINISHED, finished_at=timezone.now(), **values))
        remove_upload(self._row.pk)
        if self._on_progress is not None:
            self._on_progress(self._row)

    def _changed(self, **values: Any) -> dict[str, Any]:
        values["worked_at"] = timezone.now()
        if not held(self._row).update(**values):
            raise Lost
        return values

    def _keep(self, changed: dict[str, Any]) -> None:
        for name, value in changed.items():
            setattr(self._row, name, value)


def first_batch(closed: Sequence[PageRun]) -> Sequence[PageRun]:
    """As many of these as are stored at once."""
    files: set[str] = set()
    for n, run in enumerate(closed):
        files.add(run.identity)
        if n == SESSIONS_AT_ONCE or len(files) > FILES_AT_ONCE:
            return closed[:n]
    return closed


# --- What is stored already -------------------------------------------------------------------------------------------


def settled_stretches(reader: Reader) -> dict[str, list[tuple[int, int]]]:
    """The stretches of which the reader said something, by file: imported sessions that they trimmed or deleted.

    Seconds since 1970. No copy of the database brings back what was in them.
    """
    said = Q(flag=Session.Flag.DELETED) | Q(reported__isnull=False)
    sessions = Session.objects.filter(said, reader=reader, source=Session.Source.IMPORT)
    found: dict[str, list[tuple[int, int]]] = {}
    for session in sessions.only("uuid", "started_at", "ended_at", "flag", "reported"):
        if is_settled(session):
            found.setdefault(identity_of(session.uuid), []).append(whole_stretch(session))
    return found


def is_settled(session: Session) -> bool:
    return session.flag == Session.Flag.DELETED or session.reported is not None


def whole_stretch(session: Session) -> tuple[int, int]:
    """When a session was, before the reader trimmed it and since."""
    times = [session.started_at, session.ended_at]
    for name in ("started_at", "ended_at"):
        with suppress(LookupError, TypeError, ValueError, AttributeError):
            times.append(read_instant((session.reported or {})[name]))
    first, last = (int((time - EPOCH).total_seconds()) for time in (min(times), max(times)))
    return first, last


@dataclass
class Stored:
    """What became of a batch; `files` as in `Cursor`."""

    stored: int = 0
    known: int = 0
    flagged: int = 0
    files: dict[str, int] = field(default_factory=dict)


def store_runs(reader: Reader, runs: Sequence[PageRun], reports: dict[str, FileReport], *, now: datetime) -> Stored:
    """Store the sessions that are new, and let those that are known go on; in the reader's turn.

    A newer copy of a database holds what an older one held, and may hold more of it: at the end, or, where KOReader
    merged the rows of other devices, anywhere. So what overlaps a session that was imported of the same file is that
    session, which grows.
    """
    outcome = Stored()
    former = imported_around(reader, runs)
    fresh: list[PageRun] = []
    known: dict[int, Session] = {}
    for run in runs:
        session = same_session(run, former.get(run.identity, ()))
        if session is None:
            fresh.append(run)
            continue
        known[session.pk] = session
        if not is_settled(session) and extend(reader, session, run, now=now):
            mark_payload_stale(reader.pk)
            outcome.stored += 1
            outcome.flagged += session.flag != Session.Flag.NONE
        else:
            outcome.known += 1
    verdicts = record_sessions(
        reader, [run.as_report(reports[run.identity]) for run in fresh], device=None, clock=Clock(now)
    )
    new = {verdict.session_id for verdict in verdicts if verdict.outcome == Outcome.STORED}
    rows = Session.objects.filter(pk__in=[each.session_id for each in verdicts if each.session_id is not None])
    for session in [*known.values(), *rows]:
        if session.pk in new:
            outcome.flagged += session.flag != Session.Flag.NONE
        outcome.files[identity_of(session.uuid)] = (session.file_id or 0) if session.book_id is None else 0
    outcome.stored += len(new)
    outcome.known += sum(verdict.outcome == Outcome.DUPLICATE for verdict in verdicts)
    return outcome


def imported_around(reader: Reader, runs: Sequence[PageRun]) -> dict[str, list[Session]]:
    """The imported sessions that these could be, by file, the earliest first."""
    imported = Session.objects.filter(reader=reader, source=Session.Source.IMPORT)
    found = {session.pk: session for session in imported.filter(uuid__in=[run.uuid for run in runs])}
    together = [run for run in runs if not run.is_alone]
    if together:
        first, last = min(run.started_at for run in together), max(run.ended_at for run in together)
        around = imported.filter(ended_at__gt=first, ended_at__lt=later(last), started_at__lt=last)
        found |= {session.pk: session for session in around}
    by_file: dict[str, list[Session]] = {}
    for session in sorted(found.values(), key=lambda session: (session.started_at, session.pk)):
        by_file.setdefault(identity_of(session.uuid), []).append(session)
    return by_file


def later(instant: datetime) -> datetime:
    """The latest end of a session that began before this and can count."""
    return min(instant, datetime(9999, 1, 1, tzinfo=UTC)) + LONGEST_SPAN


def same_session(run: PageRun, former: Sequence[Session]) -> Session | None:
    """The session that this run is, if it was imported before: the one of its uuid, or the first that it overlaps."""
    named = next((session for session in former if session.uuid == run.uuid), None)
    if named is not None or run.is_alone:
        return named
    overlapping = [
        session
        for session in former
        if session.started_at < run.ended_at and run.started_at < session.ended_at and "-alone" not in session.uuid
    ]
    return next(filter(is_settled, overlapping), overlapping[0] if overlapping else None)


def extend(reader: Reader, session: Session, run: PageRun, *, now: datetime) -> bool:
    """Let a session take in what a newer copy of the database knows of it; whether that is anything."""
    started_at, ended_at = min(session.started_at, run.started_at), max(session.ended_at, run.ended_at)
    seconds = max(session.seconds, float(run.seconds))
    if (started_at, ended_at, seconds) == (session.started_at, session.ended_at, session.seconds):
        return False
    before = copy.copy(session)
    if run.started_at <= session.started_at and run.progress_start is not None:
        session.progress_start = run.progress_start
    if run.ended_at >= session.ended_at and run.progress_end is not None:
        session.progress_end = run.progress_end
    session.started_at, session.ended_at, session.seconds = started_at, ended_at, seconds
    session.pages = max(session.pages, run.pages)
    session.flag = flag_of(
        started_at,
        ended_at,
        seconds,
        pages=session.pages,
        has_moved=moved(session.progress_start, session.progress_end),
        now=now,
    )
    session.save(update_fields=EXTENDED)
    mark_affected(reader, [each for each in (before, session) if counts(each)])
    return True


EXTENDED = ("started_at", "ended_at", "seconds", "pages", "progress_start", "progress_end", "flag")


# --- For whoever shows it ---------------------------------------------------------------------------------------------


def unknown_files(row: StatisticsImport) -> QuerySet[DeviceFile]:
    """The files of an import that are no known book yet; their sessions count as soon as they are."""
    waiting = [file for file in row.cursor.get("files", {}).values() if file]
    return DeviceFile.objects.filter(reader=row.reader_id, pk__in=waiting, book=None).order_by("title", "pk")


def unusable_rows(row: StatisticsImport) -> int:
    """How many rows of the database said nothing that could be counted: no time, no duration, or no book."""
    return int(row.cursor.get("unusable", 0))


def imports_of(reader: Reader) -> QuerySet[StatisticsImport]:
    """What a reader imported, the latest first."""
    return StatisticsImport.objects.filter(reader=reader).order_by("-pk")
