"""The log of a reader's sessions: shown in pages, exported, and changed by hand."""

import csv
import io
from collections.abc import Iterable, Iterator
from datetime import date, datetime
from typing import Annotated, Any, Literal

import orjson
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils import timezone as clock
from ninja import Query, Router, Schema, Status
from ninja.errors import HttpError, ValidationError
from pydantic import AfterValidator, BaseModel, BeforeValidator, Field

from accounts.models import Reader
from api.auth import reader_of, web_or_key
from api.fields import Count, Finite, Identifier, Instant, Text
from library.errors import LibraryError
from library.sending import HEADERS_ONLY
from reading.clocks import read_instant
from reading.edits import (
    NoSuchBook,
    NoSuchSession,
    add_session,
    delete_session,
    restore_session,
    trim_session,
)
from reading.log import (
    ENTRIES,
    MOST_ENTRIES,
    LogFilter,
    LoggedSession,
    between_days,
    exported,
    log_page,
    logged_session,
)
from reading.models import Session
from reading.payload import shown_time, today_of
from reading.sessions import LONGEST_UUID
from workers.enqueue import enqueue
from workers.reading import refresh

router = Router(auth=web_or_key)

EXPORTED_LINES_AT_ONCE = 500
# Spreadsheets take a cell that begins so for a formula and run it; the title of a book is anybody's to choose.
FORMULA_BEGINS = ("=", "+", "-", "@", "\t", "\r", "\n")
COLUMNS = (
    *("id", "started_at", "ended_at", "seconds", "counted_seconds", "pages", "progress_start", "progress_end"),
    *("book_id", "title", "device", "source", "timezone", "flag", "trimmed"),
)


# --- What is shown ----------------------------------------------------------------------------------------------------


class SuggestionOut(BaseModel):
    ended_at: str | None = None
    pages: int | None = None
    deleted: bool | None = None  # nothing of it can be true


class SessionOut(BaseModel):
    id: int
    book_id: int | None = None
    title: str | None = None
    started_at: str
    ended_at: str
    seconds: int
    counted_seconds: int
    pages: int
    progress_start: float | None = None
    progress_end: float | None = None
    device: str | None = None
    source: str
    timezone: str | None = None
    flag: str | None = None
    suggestion: SuggestionOut | None = None
    trimmed: bool


class LogOut(Schema):
    items: list[SessionOut]
    next: str | None = None


def shown(logged: LoggedSession) -> SessionOut:
    session, suggestion = logged.session, None
    if said := logged.suggestion:
        ended_at = shown_time(said.ended_at) if said.ended_at else None
        suggestion = SuggestionOut(ended_at=ended_at, pages=said.pages, deleted=said.deleted or None)
    return SessionOut(
        id=session.pk,
        book_id=session.book_id,
        title=session.title or None,
        started_at=shown_time(session.started_at),
        ended_at=shown_time(session.ended_at),
        seconds=round(session.seconds),
        counted_seconds=round(logged.counted_seconds),
        pages=session.pages,
        progress_start=session.progress_start,
        progress_end=session.progress_end,
        device=logged.device_name or None,
        source=session.source,
        timezone=session.timezone or None,
        flag=session.flag or None,
        suggestion=suggestion,
        trimmed=session.reported is not None,
    )


# --- Which ------------------------------------------------------------------------------------------------------------


def _nothing(value: Any) -> Any:
    return None if value == "" else value


def _readable(value: str | None) -> str | None:
    _day_or_instant(value)
    return value


def _day_or_instant(text: str | None) -> date | datetime | None:
    try:
        if text is None:
            return None
        return date.fromisoformat(text) if len(text) == len("2026-05-01") else read_instant(text)
    except ValueError:
        raise ValueError("a day like 2026-05-01, or a time in ISO 8601 with Z or an offset") from None


Flag = Annotated[bool, BeforeValidator(lambda value: False if value == "" else value)]
Id = Annotated[Identifier | None, BeforeValidator(_nothing)]
Moment = Annotated[Text | None, BeforeValidator(_nothing), AfterValidator(_readable)]
Source = Annotated[Literal["device", "web", "import", "hand"] | None, BeforeValidator(_nothing)]


class Which(Schema):
    """Which sessions are asked for; an empty value is as good as none."""

    q: Annotated[Text, Field(max_length=200)] = ""
    book_id: Id = None
    device_id: Id = None
    source: Source = None
    since: Moment = Field(None, alias="from")
    until: Moment = Field(None, alias="to")
    flagged: Flag = False
    without_book: Flag = False
    deleted: Flag = False

    def as_filter(self, reader: Reader) -> LogFilter:
        first, last = _day_or_instant(self.since), _day_or_instant(self.until)
        since, until = between_days(reader, _day(first), _day(last))
        return LogFilter(
            book_id=self.book_id,
            text=self.q.strip(),
            device_id=self.device_id,
            source=self.source,
            since=since if first is None or since else _instant(first),
            until=until if last is None or until else _instant(last),
            flagged=self.flagged,
            without_book=self.without_book,
            deleted=self.deleted,
        )


def _day(said: date | datetime | None) -> date | None:
    return said if not isinstance(said, datetime) else None


def _instant(said: date | datetime) -> datetime | None:
    return said if isinstance(said, datetime) else None


class WhichPage(Which):
    cursor: Annotated[Text, Field(max_length=500)] = ""
    limit: Annotated[Count, Field(ge=1, le=MOST_ENTRIES), BeforeValidator(lambda value: value or ENTRIES)] = ENTRIES


@router.get("/stats/sessions", response=LogOut, exclude_none=True)
def get_sessions(request: HttpRequest, which: Query[WhichPage]) -> LogOut:
    """The sessions, the one that ended last first; `next` is the cursor of those before them."""
    reader = reader_of(request)
    try:
        page = log_page(reader, which.as_filter(reader), after=which.cursor, entries=which.limit)
    except LibraryError as error:
        raise HttpError(400, error.sentence) from None
    return LogOut(items=[shown(logged) for logged in page.items], next=page.next or None)


# --- Exports ----------------------------------------------------------------------------------------------------------


class WhichExport(Which):
    format: Literal["csv", "json"] = "csv"


@router.get("/stats/sessions/export")
def export_sessions(request: HttpRequest, which: Query[WhichExport]) -> HttpResponseBase:
    """All sessions that are asked for, as a file; sent while they are read, so that no number of them fills memory."""
    reader = reader_of(request)
    media_type = "text/csv" if which.format == "csv" else "application/json"
    name = f"tome-sessions-{today_of(reader, clock.now())}.{which.format}"
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "private, no-store"}
    kind = f"{media_type}; charset=utf-8"
    if HEADERS_ONLY in request.META:
        return HttpResponse(content_type=kind, headers=headers)
    sessions = (shown(logged) for logged in exported(reader, which.as_filter(reader)))
    pieces = _as_csv(sessions) if which.format == "csv" else _as_json(sessions)
    return StreamingHttpResponse(_together(pieces), content_type=kind, headers=headers)


def _as_csv(sessions: Iterable[SessionOut]) -> Iterator[bytes]:
    line = io.StringIO()
    writer = csv.writer(line)
    writer.writerow(COLUMNS)
    for session in sessions:
        writer.writerow(_cell(getattr(session, name)) for name in COLUMNS)
        yield line.getvalue().encode()
        line.seek(0)
        line.truncate()
    yield line.getvalue().encode()  # where there is none, the header alone


def _cell(value: Any) -> Any:
    if isinstance(value, str):
        return f"'{value}" if value.startswith(FORMULA_BEGINS) else value
    return str(value).lower() if isinstance(value, bool) else value


def _as_json(sessions: Iterable[SessionOut]) -> Iterator[bytes]:
    before = b"[\n"
    for session in sessions:
        yield before + orjson.dumps(session.model_dump(exclude_none=True))
        before = b",\n"
    yield b"\n]\n" if before == b",\n" else b"[]\n"


def _together(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Hundreds of lines in one piece: each piece costs the server as much as all its lines."""
    some: list[bytes] = []
    for piece in pieces:
        some.append(piece)
        if len(some) == EXPORTED_LINES_AT_ONCE:
            yield b"".join(some)
            some.clear()
    yield b"".join(some)


# --- Changes ----------------------------------------------------------------------------------------------------------


class ChangeIn(BaseModel):
    started_at: Instant | None = None
    ended_at: Instant | None = None
    duration_seconds: Finite | None = None
    pages_turned: Count | None = None
    restore: bool | None = None


class SessionIn(BaseModel):
    """A session that no device reported."""

    book_id: Identifier
    started_at: Instant
    ended_at: Instant | None = None
    duration_seconds: Finite | None = None
    pages_turned: Count | None = None
    progress_start: Finite | None = None
    progress_end: Finite | None = None
    timezone: Annotated[Text, Field(max_length=64)] | None = None
    session_uuid: Annotated[Text, Field(max_length=LONGEST_UUID)] | None = None


def _answer(reader: Reader, session: Session) -> SessionOut:
    enqueue(refresh)
    return shown(logged_session(reader, session))


@router.patch("/stats/sessions/{int:session_id}", response=SessionOut, exclude_none=True)
def patch_session(request: HttpRequest, session_id: int, change: ChangeIn) -> SessionOut:
    """Cut a session down to a part of what was reported, or have it be again as it was reported."""
    reader, now = reader_of(request), clock.now()
    said = change.model_dump(exclude_none=True)
    if not said or (change.restore and len(said) > 1) or change.restore is False:
        sentence = "Say what to trim, or `restore: true` and nothing else."
        raise ValidationError([{"loc": ["body", "change"], "msg": sentence, "type": "value_error"}])
    try:
        if change.restore:
            return _answer(reader, restore_session(reader, session_id, now=now))
        session = trim_session(
            reader,
            session_id,
            started_at=change.started_at,
            ended_at=change.ended_at,
            seconds=change.duration_seconds,
            pages=change.pages_turned,
            now=now,
        )
    except NoSuchSession as error:
        raise HttpError(404, error.sentence) from None
    except LibraryError as error:
        raise HttpError(409, error.sentence) from None
    return _answer(reader, session)


@router.delete("/stats/sessions/{int:session_id}", response={204: None})
def delete(request: HttpRequest, session_id: int) -> Status[None]:
    """Have a session count nowhere, even if a device sends it again."""
    try:
        delete_session(reader_of(request), session_id)
    except NoSuchSession as error:
        raise HttpError(404, error.sentence) from None
    enqueue(refresh)
    return Status(204, None)


@router.post("/stats/sessions", response={201: SessionOut}, exclude_none=True)
def post_session(request: HttpRequest, report: SessionIn) -> Status[SessionOut]:
    """Add a session by hand; the same `session_uuid` again changes nothing."""
    reader = reader_of(request)
    try:
        session = add_session(
            reader,
            report.book_id,
            started_at=report.started_at,
            ended_at=report.ended_at,
            seconds=report.duration_seconds,
            pages=report.pages_turned or 0,
            progress_start=report.progress_start,
            progress_end=report.progress_end,
            timezone=report.timezone or "",
            uuid=report.session_uuid or "",
            now=clock.now(),
        )
    except NoSuchBook as error:
        raise HttpError(404, error.sentence) from None
    except LibraryError as error:
        raise HttpError(409, error.sentence) from None
    return Status(201, _answer(reader, session))
