"""What a reader changes about their own sessions by hand: trim, delete, take back, add.

A session that a device reported stays under its uuid whatever becomes of it, so that sending it again changes nothing;
and what was reported is kept, so that a change can be taken back.
"""

import copy
import uuid as uuids
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from accounts.models import Reader
from library.errors import LibraryError
from library.queries import visible_book
from reading.clocks import Clock
from reading.marks import mark_payload_stale
from reading.models import Session
from reading.plausibility import UNCOUNTED, flag_of, moved
from reading.sessions import (
    SHORTEST_SECONDS,
    Outcome,
    SessionReport,
    counts,
    mark_affected,
    record_sessions,
)
from reading.turns import take_turn

# Times travel in milliseconds, or in minutes on a page.
ROUNDING = timedelta(minutes=1)


class NoSuchSession(LibraryError):
    """There is none with this id among the reader's."""

    code = "no_such_session"

    def __init__(self) -> None:
        super().__init__("There is no such session. It may have been deleted already.")


class NoSuchBook(LibraryError):
    """The reader sees no book with this id."""

    code = "no_such_book"

    def __init__(self) -> None:
        super().__init__("There is no such book.")


class CannotEdit(LibraryError):
    """A session cannot be changed so, or made."""

    code = "cannot_edit_session"


def trim_session(
    reader: Reader,
    session_id: int,
    *,
    started_at: datetime | None = None,
    ended_at: datetime | None = None,
    seconds: float | None = None,
    pages: int | None = None,
    now: datetime,
) -> Session:
    """Cut a session down to a part of what was reported; what is not given stays as it is.

    NoSuchSession; CannotEdit for more than was reported, and for less than what counts as reading at all.
    """

    def trim(session: Session) -> None:
        reported = _reported(session)
        if reported["ended_at"] < reported["started_at"]:
            raise CannotEdit("This session ends before it starts, so there is nothing to trim; it can be deleted.")
        start = _within(started_at, reported, default=session.started_at)
        end = _within(ended_at, reported, default=session.ended_at)
        if pages is not None and not 0 <= pages <= reported["pages"]:
            raise CannotEdit(
                f"{reported['pages']} pages were reported, so it can have no other number than up to that."
            )
        if seconds is not None and not 0 <= seconds <= reported["seconds"] + ROUNDING.total_seconds():
            raise CannotEdit(f"Only {reported['seconds']:.0f} seconds were reported.")
        if seconds is not None:
            most = min(seconds, reported["seconds"])
        elif started_at is None and ended_at is None:
            most = session.seconds
        else:
            most = reported["seconds"]
        read = min((end - start).total_seconds(), most)
        if read < SHORTEST_SECONDS:
            raise CannotEdit(
                f"That leaves less than {SHORTEST_SECONDS:.0f} seconds. Delete the session if none of it was reading."
            )
        session.reported = session.reported or _as_json(reported)
        session.started_at, session.ended_at, session.seconds = start, end, read
        session.pages = session.pages if pages is None else pages
        session.flag = _flag(session, now)

    return _change(reader, session_id, trim)


def delete_session(reader: Reader, session_id: int) -> None:
    """Have a session count nowhere and be shown nowhere, even if a device sends it again. NoSuchSession."""

    def delete(session: Session) -> None:
        session.flag = Session.Flag.DELETED

    _change(reader, session_id, delete)


def restore_session(reader: Reader, session_id: int, *, now: datetime) -> Session:
    """Have a session be again as it was reported, deleted or trimmed as it may be. NoSuchSession."""

    def restore(session: Session) -> None:
        reported = _reported(session)
        session.reported = None
        session.started_at, session.ended_at = reported["started_at"], reported["ended_at"]
        session.seconds, session.pages = reported["seconds"], reported["pages"]
        session.flag = _flag(session, now)

    return _change(reader, session_id, restore, deleted_too=True)


def add_session(
    reader: Reader,
    book_id: int,
    *,
    started_at: datetime,
    ended_at: datetime | None = None,
    seconds: float | None = None,
    pages: int = 0,
    progress_start: float | None = None,
    progress_end: float | None = None,
    timezone: str = "",
    uuid: str = "",
    now: datetime,
) -> Session:
    """Keep a session that no device reported; the same `uuid` again is the same session.

    CannotEdit where it cannot be true. NoSuchBook.
    """
    report = SessionReport(
        started_at=started_at,
        ended_at=ended_at,
        duration_seconds=seconds,
        uuid=uuid or f"hand-{uuids.uuid4()}",
        progress_start=progress_start,
        progress_end=progress_end,
        pages_turned=pages,
        timezone=timezone,
        source=Session.Source.HAND,
    )
    with transaction.atomic():
        take_turn(reader.pk)
        book = visible_book(reader, book_id)
        if book is None:
            raise NoSuchBook
        [verdict] = record_sessions(reader, [replace(report, book_id=book.pk)], device=None, clock=Clock(now))
        if verdict.outcome == Outcome.IGNORED or verdict.session_id is None:
            raise CannotEdit(verdict.reason)
        session = Session.objects.select_related("book", "file", "device").get(pk=verdict.session_id)
        if verdict.outcome == Outcome.STORED and session.flag in UNCOUNTED:
            raise CannotEdit(_WHY_NOT[session.flag])  # nothing of it is kept
        return session


_WHY_NOT: dict[str, str] = {
    Session.Flag.BEFORE_TIME: "There were no e-readers at that time.",
    Session.Flag.FUTURE: "It ends in the future.",
    Session.Flag.ENDS_BEFORE_START: "It ends before it starts.",
    Session.Flag.TOO_LONG: "It is longer than 24 hours, or lies over more than a week.",
}


def _change(
    reader: Reader, session_id: int, change: Callable[[Session], None], *, deleted_too: bool = False
) -> Session:
    """Change a session in the reader's turn, with the marks of what it counted for before and counts for now."""
    with transaction.atomic():
        take_turn(reader.pk)
        sessions = Session.objects.select_related("book", "file", "device")
        session = sessions.filter(reader=reader, pk=session_id).first()
        if session is None or (session.flag == Session.Flag.DELETED and not deleted_too):
            raise NoSuchSession
        before = copy.copy(session)
        change(session)
        session.save(update_fields=["started_at", "ended_at", "seconds", "pages", "flag", "reported"])
        mark_affected(reader, [each for each in (before, session) if counts(each)])
        mark_payload_stale(reader.pk)
        return session


def _reported(session: Session) -> dict[str, Any]:
    """What was reported of a session: its times, its seconds and its pages."""
    if session.reported is None:
        fields = ("started_at", "ended_at", "seconds", "pages")
        return {field: getattr(session, field) for field in fields}
    times = {field: datetime.fromisoformat(session.reported[field]) for field in ("started_at", "ended_at")}
    kept: dict[str, Any] = session.reported
    return kept | times


def _as_json(reported: dict[str, Any]) -> dict[str, Any]:
    return reported | {field: reported[field].isoformat() for field in ("started_at", "ended_at")}


def _within(instant: datetime | None, reported: dict[str, Any], *, default: datetime) -> datetime:
    first: datetime = reported["started_at"]
    last: datetime = reported["ended_at"]
    if instant is None:
        return default
    if not first - ROUNDING <= instant <= last + ROUNDING:
        raise CannotEdit("A session can only be trimmed to a part of itself. What is missing can be added as another.")
    return last if instant > last else max(first, instant)


def _flag(session: Session, now: datetime) -> str:
    return flag_of(
        session.started_at,
        session.ended_at,
        session.seconds,
        pages=session.pages,
        has_moved=moved(session.progress_start, session.progress_end),
        now=now,
    )
