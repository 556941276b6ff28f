"""Sessions as a reader's devices report them."""

from datetime import UTC, datetime, timedelta
from typing import Any

from accounts.devices import DeviceClue
from accounts.models import Reader
from reading.clocks import Clock
from reading.reports import report_sessions
from reading.sessions import SessionReport

KOBO = DeviceClue("kobo-1", "Kobo")
REPORTED_AT = datetime(2026, 6, 1, tzinfo=UTC)


def report_session(reader: Reader, start: datetime, minutes: float, *, device: DeviceClue = KOBO, **more: Any) -> int:
    """Have a device report one session, by REPORTED_AT at the latest; its id. `more` are fields of its report."""
    fields = {"ended_at": start + timedelta(minutes=minutes)} | more
    [verdict] = report_sessions(
        reader, [SessionReport(started_at=start, **fields)], device=device, clock=Clock(REPORTED_AT)
    )
    assert verdict.session_id is not None
    return verdict.session_id
