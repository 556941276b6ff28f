"""Reading sessions, one at a time, as older plugins send them."""

from datetime import datetime
from typing import Annotated

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from ninja import Router
from ninja.errors import HttpError, ValidationError
from pydantic import BaseModel, Field

from accounts.devices import DeviceClue
from api.auth import reader_of
from api.errors import answer
from api.fields import Count, FileIn, FileMd5, Finite, Identifier, Text
from reading.clocks import Clock, read_instant
from reading.reports import report_sessions
from reading.sessions import LONGEST_UUID, Outcome, SessionReport
from workers.enqueue import enqueue
from workers.reading import refresh

router = Router()


class UnreadableDate(ValueError):
    """A date of a session is no date; the message is a sentence."""


def _instant(text: str | None, field: str) -> datetime | None:
    try:
        return read_instant(text) if text is not None else None
    except ValueError:
        raise UnreadableDate(f"{field} is no ISO 8601 time with Z or an offset.") from None


class SessionIn(BaseModel):
    """A session as a device reports it; dates stay text here, because an unreadable one is answered 400."""

    book_id: Identifier | None = None
    file: FileIn | None = None
    ko_md5: FileMd5 | None = None
    started_at: Text
    ended_at: Text | None = None
    duration_seconds: Finite | None = None
    progress_start: Finite | None = None
    progress_end: Finite | None = None
    pages_turned: Count | None = None
    device: Text | None = None
    device_id: Annotated[Text, Field(max_length=200)] | None = None
    session_uuid: Annotated[Text, Field(max_length=LONGEST_UUID)] | None = None
    timezone: Text | None = None
    sent_at: Text | None = None

    def as_report(self, *, timezone: str | None = None) -> SessionReport:
        """What the core takes; `timezone` is the batch's, for a session that brings none. Raises UnreadableDate."""
        started_at = _instant(self.started_at, "started_at")
        if started_at is None:
            raise UnreadableDate("started_at is missing.")
        return SessionReport(
            started_at=started_at,
            ended_at=_instant(self.ended_at, "ended_at"),
            duration_seconds=self.duration_seconds,
            uuid=self.session_uuid or "",
            book_id=self.book_id,
            file=self.file.as_report() if self.file and self.file.filename else None,
            progress_start=self.progress_start,
            progress_end=self.progress_end,
            pages_turned=self.pages_turned or 0,
            timezone=self.timezone or timezone or "",
            ko_md5=self.ko_md5 or "",
        )


class SessionStored(BaseModel):
    session_id: int
    book_id: int | None = None


class SessionIgnored(BaseModel):
    ignored: str


@router.post("/tome-sync/session", response={200: SessionIgnored, 201: SessionStored})
def post_session(request: HttpRequest, session: SessionIn) -> HttpResponse:
    """Store one reading session; sending it again changes nothing."""
    reader = reader_of(request)
    if session.book_id is None and session.file is None:
        problem = {"loc": ["body", "session", "book_id"], "msg": "Give book_id or file.", "type": "missing"}
        raise ValidationError([problem])
    try:
        report = session.as_report()
        clock = Clock(timezone.now(), _instant(session.sent_at, "sent_at"))
    except UnreadableDate as error:
        raise HttpError(400, str(error)) from None
    device = DeviceClue(identifier=session.device_id or "", name=session.device or "")
    [verdict] = report_sessions(reader, [report], device=device, clock=clock)
    if verdict.outcome == Outcome.IGNORED or verdict.session_id is None:
        return answer(SessionIgnored(ignored=verdict.reason))
    enqueue(refresh)
    return answer(SessionStored(session_id=verdict.session_id, book_id=verdict.book_id), 201)
