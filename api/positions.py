"""The current place in a book."""

from typing import Annotated, Literal

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from ninja import Query, Router, Schema
from ninja.errors import HttpError
from pydantic import BaseModel, Field

from accounts.devices import DeviceClue, find_device
from accounts.models import Reader
from api.auth import reader_of
from api.errors import NO_SUCH_BOOK, answer
from api.fields import FileMd5, Finite, Instant, Progress, Text
from library.models import Book
from library.queries import LARGEST_ID, visible_book
from reading.clocks import Clock
from reading.payload import shown_time
from reading.positions import Place, PlaceReport, current_place
from reading.reports import report_position
from workers.enqueue import enqueue
from workers.reading import refresh

router = Router()


class PlaceIn(BaseModel):
    """A place as a device reports it."""

    percentage: Finite
    progress: Progress | None = None
    device: Text | None = None
    device_id: Annotated[Text, Field(max_length=200)] | None = None
    read_at: Instant | None = None
    sent_at: Instant | None = None
    base_revision: Annotated[int, Field(ge=0, lt=2**31)] | None = None
    ko_md5: FileMd5 | None = None

    def as_report(self) -> PlaceReport:
        return PlaceReport(
            percentage=self.percentage,
            progress=self.progress,
            read_at=self.read_at,
            base_revision=self.base_revision,
            ko_md5=self.ko_md5 or "",
        )

    def device_clue(self) -> DeviceClue:
        return DeviceClue(identifier=self.device_id or "", name=self.device or "")


class PlaceOut(BaseModel):
    book_id: int
    progress: str | None = None
    percentage: float
    device: str
    updated_at: str
    revision: int
    precision: str
    read_at: str

    @classmethod
    def of(cls, place: Place) -> "PlaceOut":
        return cls(
            book_id=place.book_id,
            progress=place.progress or None,
            percentage=place.percentage,
            device=place.device,
            updated_at=shown_time(place.updated_at),
            revision=place.revision,
            precision=place.precision,
            read_at=shown_time(place.read_at),
        )


class PlaceStored(BaseModel):
    ok: bool = True
    timestamp: str
    revision: int | None = None
    verdict: str
    current: PlaceOut | None = None


class AskingClient(Schema):
    """Which file and device ask, and which kind of locator they take."""

    ko_md5: FileMd5 = ""
    device_id: Text = ""
    locator: Literal["xpointer", "page", "cfi", ""] = ""


def book_or_404(reader: Reader, book_id: int) -> Book:
    """A book that the reader may see; a stranger's and a missing one are answered alike."""
    book = visible_book(reader, book_id) if abs(book_id) <= LARGEST_ID else None
    if book is None:
        raise HttpError(404, NO_SUCH_BOOK)
    return book


@router.get("/tome-sync/position/{book_id}", response=PlaceOut)
def get_position(request: HttpRequest, book_id: int, client: Query[AskingClient]) -> HttpResponse:
    """The reader's place in a book, with a locator where the asking file can use it."""
    reader = reader_of(request)
    book = book_or_404(reader, book_id)
    device = find_device(reader, client.device_id) if client.device_id else None
    place = current_place(reader, book, device=device, ko_md5=client.ko_md5, wanted=client.locator)
    if place is None:
        raise HttpError(404, "This book has no place yet.")
    return answer(PlaceOut.of(place))


@router.put("/tome-sync/position/{book_id}", response=PlaceStored)
def put_position(request: HttpRequest, book_id: int, place: PlaceIn) -> HttpResponse:
    """Store a place; the answer says whether it won."""
    reader = reader_of(request)
    clock = Clock(timezone.now(), place.sent_at)
    verdict = None
    if abs(book_id) <= LARGEST_ID:
        verdict = report_position(reader, book_id, place.as_report(), device=place.device_clue(), clock=clock)
    if verdict is None:
        raise HttpError(404, NO_SUCH_BOOK)
    enqueue(refresh)
    stored = PlaceStored(
        timestamp=shown_time(clock.now),
        revision=verdict.revision,
        verdict=verdict.verdict,
        current=PlaceOut.of(verdict.current) if verdict.current else None,
    )
    return answer(stored)
