from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from accounts.devices import DeviceClue
from accounts.models import Reader
from library.models import Book
from reading.clocks import Clock
from reading.positions import PlaceReport, PlaceVerdict
from reading.reports import report_position, report_sessions
from reading.sessions import SessionReport, SessionVerdict

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
KOBO = DeviceClue("kobo-1", "Kobo")
KINDLE = DeviceClue("kindle-1", "Kindle")


def minutes(n: float) -> timedelta:
    return timedelta(minutes=n)


@pytest.fixture
def put(ada: Reader, book: Book) -> Callable[..., PlaceVerdict]:
    """Ada's device reports a place at a moment: `put(KOBO, 0.4, at=NOON, read_at=..., ...)`."""

    def write(device: DeviceClue, percentage: float, *, at: datetime, sent_at: Any = None, **more: Any) -> PlaceVerdict:
        place = PlaceReport(percentage=percentage, **more)
        verdict = report_position(ada, book.pk, place, device=device, clock=Clock(at, sent_at))
        assert verdict is not None
        return verdict

    return write


@pytest.fixture
def read(ada: Reader, book: Book) -> Callable[..., SessionVerdict]:
    """Ada reads her book: `read("uuid", NOON, 30)` is half an hour from noon on, reported a day later."""

    def report(uuid: str, start: datetime, length: float, *, at: datetime | None = None, **more: Any) -> SessionVerdict:
        fields = {"ended_at": start + minutes(length), "book_id": book.pk} | more
        session = SessionReport(started_at=start, uuid=uuid, **fields)
        [verdict] = report_sessions(ada, [session], device=KOBO, clock=Clock(at or start + timedelta(days=1)))
        return verdict

    return report
