"""A device's whole outbox in one request, and what the device may want to know of the server."""

from typing import Annotated, Any, TypeVar

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from ninja import Router
from pydantic import BaseModel, Field, ValidationError

from accounts.server import server_identifier
from api.auth import reader_of
from api.errors import answer
from api.fields import DeviceIn, FileIn, Identifier, Instant, LuaList, Text
from api.positions import PlaceIn, PlaceOut
from api.sessions import SessionIn, UnreadableDate
from koplugin.packer import plugin_version
from library.queries import LARGEST_ID
from reading.clocks import Clock
from reading.payload import shown_time
from reading.reports import PositionItem, PositionOutcome, Refusal, report_batch
from reading.sessions import SessionReport, SessionVerdict
from workers.enqueue import enqueue
from workers.reading import refresh

router = Router()

MOST_SESSIONS = 500
MOST_POSITIONS = 500


class PositionItemIn(PlaceIn):
    """A place in a batch: of a book by its id, or of a file."""

    book_id: Identifier | None = None
    file: FileIn | None = None

    def as_item(self) -> PositionItem:
        file = self.file.as_report() if self.file and self.file.filename else None
        return PositionItem(place=self.as_report(), book_id=self.book_id, file=file)


class BatchIn(BaseModel):
    """Items stay unread here: each is read by itself, so that a bad one does not spoil the others."""

    device: DeviceIn
    sent_at: Instant
    timezone: Text | None = None
    positions: Annotated[LuaList[Any], Field(max_length=MOST_POSITIONS)] = []
    sessions: Annotated[LuaList[Any], Field(max_length=MOST_SESSIONS)] = []


class PositionOut(BaseModel):
    book_id: int | None = None
    verdict: str
    revision: int | None = None
    current: PlaceOut | None = None
    reason: str | None = None


class SessionOut(BaseModel):
    session_uuid: str
    verdict: str
    session_id: int | None = None
    book_id: int | None = None
    reason: str | None = None


class BatchOut(BaseModel):
    server_time: str
    server_id: str
    plugin_version: str
    positions: list[PositionOut]
    sessions: list[SessionOut]


Core = TypeVar("Core")


def _why(error: ValidationError) -> str:
    """The first thing that is wrong with an item, as a sentence."""
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    where = ".".join(str(part) for part in first["loc"]) or "The item"
    return f"{where}: {first['msg']}."


def _read_position(item: Any) -> PositionItem | Refusal:
    try:
        position = PositionItemIn.model_validate(item)
    except ValidationError as error:
        return Refusal(_why(error))
    if position.book_id is None and (position.file is None or not position.file.filename):
        return Refusal("It names neither a book nor a file.")
    return position.as_item()


def _read_session(item: Any, timezone_of_batch: str | None) -> SessionReport | Refusal:
    try:
        session = SessionIn.model_validate(item)
        if session.book_id is None and (session.file is None or not session.file.filename):
            return Refusal("It names neither a book nor a file.")
        return session.as_report(timezone=timezone_of_batch)
    except ValidationError as error:
        return Refusal(_why(error))
    except UnreadableDate as error:
        return Refusal(str(error))


def _uuid_of(item: Any) -> str:
    uuid = item.get("session_uuid") if isinstance(item, dict) else None
    # As it was sent, so that the device knows it again; but a lone surrogate cannot be sent back.
    return uuid.encode("utf-8", "replace").decode() if isinstance(uuid, str) else ""


def _position_out(item: Any, outcome: PositionOutcome | Refusal) -> PositionOut:
    if isinstance(outcome, Refusal):
        claimed = item.get("book_id") if isinstance(item, dict) else None
        is_id = isinstance(claimed, int) and not isinstance(claimed, bool) and abs(claimed) <= LARGEST_ID
        book_id = claimed if is_id else None
        return PositionOut(book_id=book_id, verdict="refused", reason=outcome.reason)
    verdict = outcome.verdict
    return PositionOut(
        book_id=outcome.book_id,
        verdict=verdict.verdict,
        revision=verdict.revision,
        current=PlaceOut.of(verdict.current) if verdict.current else None,
    )


def _session_out(item: Any, verdict: SessionVerdict | Refusal) -> SessionOut:
    if isinstance(verdict, Refusal):
        return SessionOut(session_uuid=_uuid_of(item), verdict="refused", reason=verdict.reason)
    return SessionOut(
        session_uuid=_uuid_of(item),
        verdict=verdict.outcome.value,
        session_id=verdict.session_id,
        book_id=verdict.book_id,
        reason=verdict.reason or None,
    )


def _in_request_order(read: list[Core | Refusal], outcomes: list[Any]) -> list[Any]:
    """The outcomes of the items that could be read, with the refusals put back in their places."""
    rest = iter(outcomes)
    return [item if isinstance(item, Refusal) else next(rest) for item in read]


@router.post("/tome-sync/sync", response=BatchOut)
def post_sync(request: HttpRequest, batch: BatchIn) -> HttpResponse:
    """Store an outbox: one round trip, a verdict for each item in its order."""
    reader = reader_of(request)
    clock = Clock(timezone.now(), batch.sent_at)
    positions = [_read_position(item) for item in batch.positions]
    sessions = [_read_session(item, batch.timezone) for item in batch.sessions]
    places, verdicts = report_batch(
        reader,
        [item for item in positions if not isinstance(item, Refusal)],
        [item for item in sessions if not isinstance(item, Refusal)],
        device=batch.device.as_clue(),
        clock=clock,
    )
    enqueue(refresh)
    all_places = _in_request_order(positions, places)
    all_verdicts = _in_request_order(sessions, verdicts)
    out = BatchOut(
        server_time=shown_time(clock.now),
        server_id=server_identifier(),
        plugin_version=plugin_version(),
        positions=[_position_out(*pair) for pair in zip(batch.positions, all_places, strict=True)],
        sessions=[_session_out(*pair) for pair in zip(batch.sessions, all_verdicts, strict=True)],
    )
    return answer(out)
