from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings

from accounts.models import Reader
from project.broker import TASK_ROUTES
from project.celery import app
from reading.models import Session, StatisticsImport
from reading.statistics_uploads import queue_statistics
from tests.reading.statistics_files import NEW_YEAR, make_statistics, reading
from workers import library as tasks

DAY = 86_400


@pytest.fixture
def hand_in(ada: Reader, tmp_path: Path) -> Any:
    """Ada hands in a database with so many days of reading, none of them in another one."""

    def queue(days: int, *, first: int = 0) -> StatisticsImport:
        rows = [row for day in range(first, first + days) for row in reading(NEW_YEAR + day * DAY, 20)]
        content = make_statistics(tmp_path / "statistics.sqlite3", rows=rows).read_bytes()
        return queue_statistics(ada, [content], "statistics.sqlite3")

    return queue


def states() -> list[str]:
    return list(StatisticsImport.objects.order_by("pk").values_list("state", flat=True))


def test_everything_that_waits_is_imported_and_the_statistics_follow(
    hand_in: Any, enqueued: list[str], django_capture_on_commit_callbacks: Any
) -> None:
    hand_in(3)
    hand_in(2, first=10)
    with django_capture_on_commit_callbacks(execute=True):
        tasks.import_statistics()
    assert states() == ["finished", "finished"]
    assert Session.objects.count() == 5
    assert set(enqueued) == {"reading.refresh"}


def test_a_turn_that_lasts_too_long_leaves_the_rest_to_the_next_message(
    hand_in: Any, enqueued: list[str], monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Any
) -> None:
    hand_in(250)
    monkeypatch.setattr(tasks, "TURN_SECONDS", 0.001)
    with django_capture_on_commit_callbacks(execute=True):
        tasks.import_statistics()
    assert states() == ["queued"]
    assert enqueued[-1] == "library.import_statistics"
    monkeypatch.setattr(tasks, "TURN_SECONDS", 60.0)
    tasks.import_statistics()
    assert states() == ["finished"]
    assert Session.objects.count() == 250


def test_one_that_fails_holds_up_nothing(hand_in: Any, ada: Reader) -> None:
    queue_statistics(ada, [b"SQLite format 3\0" + bytes(84)], "broken.sqlite3")
    hand_in(1)
    tasks.import_statistics()
    assert states() == ["failed", "finished"]


def test_without_anything_to_do_nothing_is_asked_for(
    db: None, enqueued: list[str], django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        tasks.import_statistics()
    assert enqueued == []


def test_it_is_the_library_workers_and_not_that_of_what_devices_send() -> None:
    assert app.amqp.router.route({}, tasks.import_statistics.name)["queue"].name == "library"
    assert TASK_ROUTES["library.*"] == {"queue": "library"}
    assert tasks.import_statistics.time_limit > tasks.import_statistics.soft_time_limit > tasks.TURN_SECONDS
    assert "workers.library" in django_settings.CELERY_IMPORTS
