import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from accounts.models import Reader
from library.models import Book
from library.scanning import queue_scan, walk
from reading.clocks import Clock
from reading.files import FileReport
from reading.models import BookDay, Session, StaleDay, StalePayload, StatsPayload
from reading.rebuilding import drift
from reading.reports import report_sessions
from reading.sessions import SessionReport
from tests.library.taking_in import import_all
from tests.reading.conftest import KOBO
from workers import reading as tasks

Capture = Any
NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


@pytest.fixture
def report(ada: Reader) -> Callable[..., None]:
    """Ada's device reports half an hour: `report("one", book_id=1)`."""

    def post(uuid: str, **of: Any) -> None:
        session = SessionReport(started_at=NOON, ended_at=NOON + timedelta(minutes=30), uuid=uuid, **of)
        report_sessions(ada, [session], device=KOBO, clock=Clock(NOON + timedelta(hours=1)))

    return post


def imported() -> None:
    """Bring in whatever lies in the library folder."""
    walk(queue_scan())
    import_all()


def test_refresh_brings_everything_up_to_date(report: Callable[..., None], book: Book) -> None:
    report("one", book_id=book.pk)
    tasks.refresh()
    assert BookDay.objects.get().seconds == 1800
    assert not StaleDay.objects.exists()
    assert drift() == []


def test_refresh_asks_for_another_turn_where_time_runs_out(
    report: Callable[..., None],
    book: Book,
    monkeypatch: pytest.MonkeyPatch,
    enqueued: list[str],
    django_capture_on_commit_callbacks: Capture,
) -> None:
    report("one", book_id=book.pk)
    monkeypatch.setattr(tasks, "SECONDS_A_RUN", -1.0)
    with django_capture_on_commit_callbacks(execute=True):
        tasks.refresh()
    assert enqueued == ["reading.refresh"]
    assert StaleDay.objects.exists()


def test_a_day_that_turned_has_the_payload_made_anew(
    report: Callable[..., None], book: Book, enqueued: list[str], django_capture_on_commit_callbacks: Capture
) -> None:
    report("one", book_id=book.pk)
    tasks.refresh()
    with django_capture_on_commit_callbacks(execute=True):
        tasks.turn_day()
        assert not StalePayload.objects.exists()
        StatsPayload.objects.update(good_until=timezone.now())
        tasks.turn_day()
    assert enqueued == ["reading.refresh"]
    assert StalePayload.objects.exists()


def test_after_an_import_what_waited_for_the_file_is_counted(
    report: Callable[..., None],
    make_epub: Callable[..., Path],
    enqueued: list[str],
    django_capture_on_commit_callbacks: Capture,
) -> None:
    report("one", file=FileReport("Emma.epub"))
    make_epub("Emma.epub", title="Emma", authors=["Jane Austen"])
    imported()
    with django_capture_on_commit_callbacks(execute=True):
        tasks.adopt()
    assert enqueued == ["reading.refresh"]
    assert Session.objects.get().book == Book.objects.get()
    tasks.refresh()
    assert BookDay.objects.get().seconds == 1800


def test_a_title_that_was_put_right_is_put_right_in_the_statistics(
    report: Callable[..., None],
    make_epub: Callable[..., Path],
    enqueued: list[str],
    django_capture_on_commit_callbacks: Capture,
) -> None:
    make_epub("Emma.epub", title="Ema", authors=["Jane Austen"], identifier="urn:isbn:9780141439587")
    imported()
    report("one", book_id=Book.objects.get().pk)
    tasks.refresh()
    with django_capture_on_commit_callbacks(execute=True):
        tasks.adopt()
    assert enqueued == []
    title = "Emma, with a longer title"
    make_epub("Emma.epub", title=title, authors=["Jane Austen"], identifier="urn:isbn:9780141439587")
    imported()
    with django_capture_on_commit_callbacks(execute=True):
        tasks.adopt()
    assert enqueued == ["reading.refresh"]
    tasks.refresh()
    assert b"Emma, with a longer title" in bytes(StatsPayload.objects.get().body)
    assert drift() == []


def test_drift_is_told_as_errors(report: Callable[..., None], book: Book, caplog: pytest.LogCaptureFixture) -> None:
    report("one", book_id=book.pk)
    tasks.refresh()
    with caplog.at_level(logging.ERROR, logger="workers.reading"):
        tasks.check_drift()
        assert caplog.records == []
        BookDay.objects.update(seconds=5)
        tasks.check_drift()
    assert [record.getMessage()[:6] for record in caplog.records] == ["Drift:"] * 4  # the day, and its sums
