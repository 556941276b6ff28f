"""Reading sessions: each stored once, however often it comes; counted if it is plausible and its book is known."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from accounts.days import days_anywhere, zone_named
from accounts.models import Device, Reader
from accounts.statements import insert_rows, query
from library.queries import ReadableBook, readable_books
from reading.clocks import Clock, shift
from reading.files import FileReport, book_of_file
from reading.marks import mark_days_stale, mark_payload_stale, mark_statuses_stale
from reading.models import DeviceFile, Session
from reading.plausibility import COUNTED, flag_of, moved

SHORTEST_SECONDS = 10.0  # opening a book to look something up is no reading; older plugins drop the same
LONGEST_UUID = 200
MOST_PAGES = 1_000_000
AN_INSTANT = timedelta(microseconds=1)  # the shortest that is told apart
FULL = 1.01  # a progress above this is no fraction (perhaps a percentage): better no progress than a finished book


class Outcome(StrEnum):
    STORED = "stored"
    DUPLICATE = "duplicate"
    IGNORED = "ignored"


@dataclass(frozen=True)
class SessionReport:
    """A session as a device reports it. Of `ended_at` and `duration_seconds` one may be missing."""

    started_at: datetime
    ended_at: datetime | None = None
    duration_seconds: float | None = None
    uuid: str = ""
    book_id: int | None = None
    file: FileReport | None = None
    progress_start: float | None = None
    progress_end: float | None = None
    pages_turned: int = 0
    timezone: str = ""
    ko_md5: str = ""  # of the file that was read
    source: str = Session.Source.DEVICE

    @property
    def file_md5(self) -> str:
        return self.ko_md5 or (self.file.ko_md5 if self.file else "")


@dataclass(frozen=True)
class SessionVerdict:
    outcome: Outcome
    session_id: int | None = None
    book_id: int | None = None
    reason: str = ""


@dataclass(frozen=True)
class Timing:
    """When a session was, by the server's clock; `seconds` is min(duration, span). A flag speaks against it."""

    started_at: datetime
    ended_at: datetime
    seconds: float
    flag: str = Session.Flag.NONE


@dataclass
class _Batch:
    """What one request's sessions refer to, each looked up once."""

    reader: Reader
    away: set[int] = field(default_factory=set)
    books: dict[int, ReadableBook] = field(default_factory=dict)
    files: dict[FileReport, tuple[int | None, DeviceFile | None]] = field(default_factory=dict)

    def load_books(self, ids: set[int]) -> None:
        self.books = readable_books(self.reader, ids)
        self.away = {book.book_id for book in self.books.values() if not book.is_there}

    def shown(self, book_id: int | None) -> int | None:
        """The book as an answer may name it: one that is not there now is answered like one that does not exist."""
        return book_id if book_id not in self.away else None

    def place_of(self, report: SessionReport) -> tuple[int | None, DeviceFile | None, int | None]:
        """The book, the file that says so, and the book's id by which the device named it if that is another one.

        A device that names both knows the book from when it last asked; what is said of the file may be newer.
        """
        named = self.books.get(report.book_id) if report.book_id is not None else None
        if report.file is not None:
            if report.file not in self.files:
                book, kept = book_of_file(self.reader, report.file)
                self.files[report.file] = (book.pk if book else None, kept)
            book_id, file = self.files[report.file]
            if book_id is not None:
                return book_id, file, None
            if named is None:
                return None, file, report.book_id
        if named is None:
            return None, None, report.book_id
        return named.book_id, None, report.book_id if report.book_id != named.book_id else None


def timing_of(report: SessionReport, clock: Clock) -> Timing | str:
    """When a session was, or the sentence that says why it is ignored."""
    if report.ended_at is None and report.duration_seconds is None:
        return "It has neither an end nor a duration."
    started_at = clock.of_session(report.started_at)
    if report.ended_at is not None:
        ended_at = clock.of_session(report.ended_at)
    else:
        ended_at = shift(started_at, _span_of_seconds(report.duration_seconds or 0.0))
    span = (ended_at - started_at).total_seconds()
    seconds = span if report.duration_seconds is None else min(report.duration_seconds, span)
    if 0 <= min(span, seconds) < SHORTEST_SECONDS:
        return f"It is shorter than {SHORTEST_SECONDS:.0f} seconds."
    has_moved = moved(_fraction(report.progress_start), _fraction(report.progress_end))
    pages = _pages(report.pages_turned)
    flag = flag_of(started_at, ended_at, seconds, pages=pages, has_moved=has_moved, now=clock.now)
    return Timing(started_at, ended_at, seconds if flag != Session.Flag.ENDS_BEFORE_START else 0.0, flag)


def _span_of_seconds(seconds: float) -> timedelta:
    try:
        return timedelta(seconds=seconds)
    except OverflowError:
        return timedelta.max if seconds > 0 else timedelta.min


def _uuid_of(report: SessionReport, device: Device | None) -> str:
    """The session's own name, or one made from what it says, so that its repetition is known too."""
    if report.uuid:
        return report.uuid
    said = (
        device.identifier if device else "",
        report.book_id,
        report.file,
        report.started_at,
        report.ended_at,
        report.duration_seconds,
    )
    return "unnamed-" + hashlib.sha256(repr(said).encode()).hexdigest()


def _fraction(progress: float | None) -> float | None:
    return None if progress is None or progress > FULL else min(max(progress, 0.0), 1.0)


def _pages(pages_turned: int) -> int:
    return min(max(pages_turned, 0), MOST_PAGES)


@transaction.atomic(savepoint=False)
def record_sessions(
    reader: Reader, reports: Sequence[SessionReport], *, device: Device | None, clock: Clock
) -> list[SessionVerdict]:
    """Store the sessions that are new, one verdict for each report, in their order.

    Devices resend until they see a 2xx, so a session that is stored already is `duplicate`, not an error. One of a book
    that is gone or unknown is kept without a book, and counted once its file is linked to one.
    """
    if not reports:
        return []
    uuids = [_uuid_of(report, device) for report in reports]
    batch = _Batch(reader)
    batch.load_books({report.book_id for report in reports if report.book_id is not None})
    ignored: dict[str, str] = {}
    fresh: dict[str, Session] = {}
    for uuid, report in zip(uuids, reports, strict=True):
        if uuid in fresh:
            continue
        timing = timing_of(report, clock)
        if isinstance(timing, str):
            ignored[uuid] = timing
            continue
        book_id, file, claimed_book_id = batch.place_of(report)
        fresh[uuid] = Session(
            reader=reader,
            uuid=uuid,
            book_id=book_id,
            claimed_book_id=claimed_book_id,
            ko_md5=report.file_md5,
            file=file,
            device=device,
            source=report.source,
            started_at=timing.started_at,
            ended_at=timing.ended_at,
            seconds=timing.seconds,
            flag=timing.flag,
            pages=_pages(report.pages_turned),
            progress_start=_fraction(report.progress_start),
            progress_end=_fraction(report.progress_end),
            timezone=report.timezone if zone_named(report.timezone) else "",
            received_at=clock.now,
        )
    new = _insert_new(fresh)
    stored = {uuid: (pk, batch.shown(fresh[uuid].book_id)) for uuid, pk in new.items()}
    known = [uuid for uuid in uuids if uuid not in stored]
    if known:
        rows = Session.objects.filter(reader=reader, uuid__in=known).values_list("uuid", "pk", "book_id")
        stored |= {uuid: (pk, batch.shown(book_id)) for uuid, pk, book_id in rows}
    if new:
        mark_affected(reader, [session for uuid, session in fresh.items() if uuid in new and counts(session)])
        mark_payload_stale(reader.pk)
    return list(_verdicts(uuids, stored, set(new), ignored))


def _insert_new(sessions: dict[str, Session]) -> dict[str, int]:
    """Insert the sessions that are new; the id of each, by its uuid.

    Another request may bring the same ones at this moment: the first to commit wins, the others find theirs known.
    """
    tail = "ON CONFLICT (reader_id, uuid) DO NOTHING RETURNING uuid, id"
    # In one order, so that two requests with the same sessions never wait for each other.
    ordered = [sessions[uuid] for uuid in sorted(sessions)]
    return dict(insert_rows(ordered, tail=tail))


def _verdicts(
    uuids: list[str], stored: dict[str, tuple[int, int | None]], new: set[str], ignored: dict[str, str]
) -> Iterator[SessionVerdict]:
    for uuid in uuids:
        if uuid in stored:
            session_id, book_id = stored[uuid]
            yield SessionVerdict(Outcome.STORED if uuid in new else Outcome.DUPLICATE, session_id, book_id)
            new.discard(uuid)  # the same one a second time in this batch
        else:
            yield SessionVerdict(Outcome.IGNORED, reason=ignored[uuid])


def counts(session: Session) -> bool:
    """Whether a session counts, be it up to a cap: its book is known and its flag does not forbid it."""
    return session.book_id is not None and session.flag in COUNTED


def mark_affected(reader: Reader, sessions: Sequence[Session]) -> None:
    """Mark the days and statuses that these counted sessions change; inside the transaction that changed them.

    A session takes time away from later ones that it overlaps. Those have days in zones of their own, so every day that
    these hours are anywhere is marked: rebuilding one too many is cheaper than asking which zones there are.
    """
    if not sessions:
        return
    mark_days_stale(reader.pk, _days_touched(reader, sessions))
    mark_statuses_stale(reader.pk, {session.book_id for session in sessions if session.book_id is not None})


def move_sessions(reader: Reader, moved: QuerySet[Session], *, to: int | None, **changes: Any) -> int:
    """Have these sessions of a reader be of another book, or of none; how many. In the reader's turn."""
    sessions = list(moved)
    if not sessions:
        return 0
    plausible = [session for session in sessions if session.flag in COUNTED]
    books = {to, *(session.book_id for session in plausible)}
    mark_days_stale(reader.pk, _days_touched(reader, plausible))
    mark_statuses_stale(reader.pk, {book_id for book_id in books if book_id is not None})
    mark_payload_stale(reader.pk)
    moved.update(book=to, **changes)
    return len(sessions)


def _days_touched(reader: Reader, sessions: Sequence[Session]) -> set[date]:
    # Asked for in the reader's turn: who reports may have been let in before it was changed.
    [(rollover_hour,)] = query("SELECT rollover_hour FROM accounts_reader WHERE id = %s", [reader.pk])
    return {
        day
        for session in sessions
        # With the day that begins as it ends: whatever it covers of another session makes that one begin there.
        for day in days_anywhere(session.started_at, session.ended_at + AN_INSTANT, rollover_hour)
    }
