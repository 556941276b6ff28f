"""A disk that was not mounted for a while: what was read meanwhile counts once the files are there again."""

import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

from accounts.devices import DeviceClue
from accounts.models import Reader
from library.models import Book
from library.scanning import queue_scan
from reading.clocks import Clock
from reading.files import FileReport
from reading.models import Session
from reading.positions import PlaceReport, current_place
from reading.reports import PositionItem, report_batch
from reading.sessions import SessionReport
from tests.books import partial_md5
from tests.reading.conftest import NOON
from workers.library import import_queued, scan
from workers.reading import adopt


def test_what_was_read_while_the_files_were_away_is_adopted_when_they_come_back(
    ada: Reader,
    make_epub: Callable[..., Path],
    tmp_path: Path,
    enqueued: list[str],
    django_capture_on_commit_callbacks: Any,
) -> None:
    path = make_epub("Dune.epub", title="Dune")
    make_epub("Emma.epub", title="Emma")

    def look() -> None:
        with django_capture_on_commit_callbacks(execute=True):
            scan(queue_scan().pk)
            import_queued()

    look()
    away = tmp_path / "away.epub"
    os.rename(path, away)
    look()
    assert not Book.objects.get(title="Dune").is_active
    file = FileReport("renamed.epub", ko_md5=partial_md5(away), size=away.stat().st_size)
    report_batch(
        ada,
        [PositionItem(PlaceReport(0.4, read_at=NOON), file=file)],
        [SessionReport(started_at=NOON - timedelta(minutes=30), ended_at=NOON, uuid="one", file=file)],
        device=DeviceClue("kobo-1", "Kobo"),
        clock=Clock(NOON),
    )
    assert Session.objects.get().book is None
    os.rename(away, path)
    enqueued.clear()
    look()
    assert "reading.adopt" in enqueued
    adopt()
    dune = Book.objects.get(title="Dune")
    assert Session.objects.get().book == dune
    place = current_place(ada, dune)
    assert place is not None
    assert place.percentage == 0.4
