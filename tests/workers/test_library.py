from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from library.importing import CLAIM_SECONDS
from library.manifests import series_list
from library.models import Book, Import, Manifest
from library.scanning import queue_scan, scan_report
from workers import library as tasks

pytestmark = pytest.mark.django_db


def test_a_scan_walks_and_asks_for_the_import(
    make_epub: Callable[..., Path], enqueued: list[str], django_capture_on_commit_callbacks: Any
) -> None:
    make_epub("a.epub")
    scan = queue_scan()
    with django_capture_on_commit_callbacks(execute=True):
        tasks.scan(scan.pk)
    assert scan_report(scan).waiting == 1
    assert enqueued == ["library.import_queued"]


def test_importing_ends_the_scan_and_has_parked_reading_adopted(
    make_epub: Callable[..., Path], enqueued: list[str], django_capture_on_commit_callbacks: Any
) -> None:
    make_epub("a.epub", title="A")
    make_epub("b.epub", title="B")
    scan = queue_scan()
    tasks.scan(scan.pk)
    with django_capture_on_commit_callbacks(execute=True):
        tasks.import_queued()
    assert Book.objects.count() == 2
    assert scan_report(scan).state == "finished"
    assert enqueued == ["library.refresh_manifests", "reading.adopt"]


def test_manifests_are_brought_up_to_date_and_a_turn_that_lasts_too_long_leaves_the_rest(
    make_epub: Callable[..., Path],
    enqueued: list[str],
    monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: Any,
) -> None:
    for series in ("Dune", "Emma"):
        make_epub(f"{series}.epub", title=series, series=series, series_index=1)
    tasks.scan(queue_scan().pk)
    tasks.import_queued()
    monkeypatch.setattr(tasks, "TURN_SECONDS", -1.0)
    with django_capture_on_commit_callbacks(execute=True):
        tasks.refresh_manifests()
    assert enqueued[-1] == "library.refresh_manifests"
    assert not Manifest.objects.exists()
    monkeypatch.setattr(tasks, "TURN_SECONDS", 60.0)
    tasks.refresh_manifests()
    assert list(Manifest.objects.order_by("name").values_list("name", flat=True)) == ["Dune", "Emma"]
    assert b"Emma" in (series_list().body or b"")


def test_with_nothing_to_import_nothing_is_asked_for(
    enqueued: list[str], django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        tasks.import_queued()
    assert enqueued == []


def test_a_turn_that_lasts_too_long_leaves_the_rest_to_the_next(
    make_epub: Callable[..., Path],
    enqueued: list[str],
    monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: Any,
) -> None:
    for number in range(3):
        make_epub(f"{number}.epub", title=f"Book {number}")
    tasks.scan((scan := queue_scan()).pk)
    monkeypatch.setattr(tasks, "TURN_SECONDS", 0.0)
    for imported in (1, 2, 3):
        enqueued.clear()
        with django_capture_on_commit_callbacks(execute=True):
            tasks.import_queued()
        assert Book.objects.count() == imported
        assert "library.import_queued" in enqueued
    assert scan_report(scan).state == "finished"


def test_a_scan_whose_message_was_lost_is_walked_by_the_sweep(make_epub: Callable[..., Path]) -> None:
    make_epub("a.epub")
    scan = queue_scan()
    tasks.scan()
    tasks.import_queued()
    assert scan_report(scan).state == "finished"
    assert Book.objects.count() == 1


def test_a_sweep_that_finds_no_scan_asks_for_nothing(
    db: None, enqueued: list[str], django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        tasks.scan()
    assert enqueued == []


def test_a_second_message_for_a_scan_changes_nothing(make_epub: Callable[..., Path]) -> None:
    make_epub("a.epub")
    scan = queue_scan()
    tasks.scan(scan.pk)
    tasks.import_queued()
    before = list(Import.objects.values())
    tasks.scan(scan.pk)
    tasks.scan(scan.pk + 1)  # a scan that is gone
    assert list(Import.objects.values()) == before


def test_what_a_worker_holds_is_given_up_only_when_its_task_cannot_live_any_more() -> None:
    assert tasks.import_queued.time_limit == tasks.HARD_SECONDS == CLAIM_SECONDS
    for task in (tasks.scan, tasks.import_queued):
        assert task.acks_late
        assert task.soft_time_limit < task.time_limit
