"""`tome stats import`, called as the console script calls it; once against a broker, once while a worker is faster."""

import json
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from celery import current_app
from django.utils import timezone
from redis import Redis

from tests.project.commands import Tome
from tests.reading.statistics_files import MD5, NEW_YEAR, make_statistics, reading
from tests.workers.broker import running_redis

NO_SERVICE = "No service runs on this data folder; the statistics follow when one does.\n"


@pytest.fixture
def statistics(tmp_path: Path) -> Path:
    """Half an hour with a book, twenty minutes with one whose title would confuse a terminal, and a reset clock."""
    books = [
        {"id": 1, "title": "A Study in Scarlet", "authors": "Arthur Conan Doyle"},
        {"id": 2, "title": "Emma\x1b[2J", "authors": "Jane Austen\nAn Editor", "md5": MD5},
    ]
    rows = [*reading(NEW_YEAR, 30), *reading(NEW_YEAR + 36_000, 20, book=2), *reading(1000, 20), (1, 1, "?", 5, 9)]
    return make_statistics(tmp_path / "statistics.sqlite3", books=books, rows=rows)


@pytest.fixture
def no_broker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(current_app.conf, "broker_url", "redis://127.0.0.1:1/0")


@pytest.mark.parametrize("command", ["import", "imports"])
def test_each_command_explains_itself(tome: Tome, command: str) -> None:
    ended = tome("stats", command, "--help")
    assert ended.status == 0
    assert f"Usage: tome stats {command}" in ended.out


def test_it_says_what_came_in_and_what_is_not_in_the_library(
    tome: Tome, ada: Any, book: Any, statistics: Path, no_broker: None
) -> None:
    from reading.models import DeviceFile, Session, StaleDay, StatisticsImport

    ended = tome("stats", "import", statistics, "--user", "ada")
    assert ended.status == 0
    assert ended.out.splitlines() == [
        "3 sessions new, 0 known, 1 flagged; 2 books, 1 not in the library.",
        f"Not in the library (file {DeviceFile.objects.get(ko_md5=MD5).pk}): Emma [2J by Jane Austen, An Editor",
    ]
    assert NO_SERVICE in ended.err
    assert "1 row says nothing that can be counted." in ended.err
    assert "tome link" in ended.err
    assert {session.book for session in Session.objects.all()} == {book, None}
    assert StaleDay.objects.filter(reader=ada).exists()
    assert StatisticsImport.objects.get().state == "finished"


def test_again_everything_is_known(tome: Tome, ada: Any, book: Any, statistics: Path, no_broker: None) -> None:
    for _ in range(2):
        ended = tome("stats", "import", statistics, "--user", "ada")
    assert ended.out.startswith("0 sessions new, 3 known, 0 flagged; 2 books, 1 not in the library.\n")


def test_what_was_imported_is_listed(tome: Tome, ada: Any, statistics: Path, tmp_path: Path, no_broker: None) -> None:
    assert tome("stats", "imports", "--user", "ada") == (0, "", "")
    broken = tmp_path / "broken.sqlite3"
    broken.write_bytes(statistics.read_bytes()[:5000])
    tome("stats", "import", statistics, "--user", "ada")
    tome("stats", "import", broken, "--user", "ada")
    failed, finished = tome("stats", "imports", "--user", "ada").out.splitlines()
    assert finished.endswith("statistics.sqlite3  finished: 71 of 71 rows, 3 sessions new")
    assert "broken.sqlite3  failed: This database is cut off" in failed


@pytest.mark.parametrize(
    ("content", "said"), [(b"", "This file is empty."), (b"PK", "no SQLite database"), (None, "cut off")]
)
def test_a_file_that_cannot_be_imported_ends_it_with_a_sentence(
    content: bytes | None, said: str, tome: Tome, ada: Any, statistics: Path, no_broker: None
) -> None:
    statistics.write_bytes(statistics.read_bytes()[:5000] if content is None else content)
    ended = tome("stats", "import", statistics, "--user", "ada")
    assert (ended.status, ended.out) == (1, "")
    assert said in ended.err
    assert "Traceback" not in ended.err


def test_wrong_names_are_told_with_a_sentence(tome: Tome, ada: Any, statistics: Path) -> None:
    assert "There is no account 'nobody'" in tome("stats", "import", statistics, "--user", "nobody").err
    assert tome("stats", "import", statistics.with_name("none"), "--user", "ada").status == 2
    assert tome("stats", "import", statistics).status == 2


@pytest.mark.django_db(transaction=True)
def test_an_import_that_a_worker_was_faster_to_take_up_is_watched_to_its_end(
    tome: Tome, ada: Any, statistics: Path, no_broker: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    from django.db import connection

    from project.cli import stats
    from reading.models import StatisticsImport
    from reading.statistics_import import CLAIM_SECONDS, run_import

    def faster(row: StatisticsImport) -> None:
        StatisticsImport.objects.filter(pk=row.pk).update(state="running", worked_at=timezone.now())
        worker = threading.Thread(target=work, args=[row.pk])
        worker.start()
        follow(row)
        worker.join()

    def work(import_id: int) -> None:
        # As a worker that takes up what another one left.
        long_ago = timezone.now() - timedelta(seconds=CLAIM_SECONDS + 1)
        StatisticsImport.objects.filter(pk=import_id).update(worked_at=long_ago)
        run_import(import_id, seconds=60)
        connection.close()

    follow: Callable[[Any], None] = stats.follow
    monkeypatch.setattr(stats, "follow", faster)
    ended = tome("stats", "import", statistics, "--user", "ada")
    assert ended.status == 0
    assert ended.out.startswith("3 sessions new")


def test_a_running_service_is_told_at_once(
    tome: Tome, ada: Any, statistics: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running_redis() as redis, Redis.from_url(redis.url) as broker:
        monkeypatch.setattr(current_app.conf, "broker_url", redis.url)
        ended = tome("stats", "import", statistics, "--user", "ada")
        assert ended.status == 0
        assert NO_SERVICE not in ended.err
        told = broker.lrange("sync", 0, -1)
        assert {json.loads(message)["headers"]["task"] for message in told} == {"reading.refresh"}  # type: ignore[union-attr]
