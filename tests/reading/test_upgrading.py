"""Statistics of an earlier version, which kept no sums over days and let every plausible session count in full."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import orjson
import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from reading.models import StaleDay, StatsPayload
from reading.rebuilding import drift
from reading.refreshing import refresh

BEFORE = [("reading", "0003_documents"), ("accounts", "0002_app_passwords_and_formats")]
EVENING = datetime(2026, 5, 1, 18, tzinfo=UTC)


@pytest.fixture
def earlier(transactional_db: None) -> Iterator[Any]:
    """The models as they were; in the end all is as it is now."""
    executor = MigrationExecutor(connection)
    executor.migrate(BEFORE)
    yield executor.loader.project_state(BEFORE).apps
    upgrade()


def upgrade() -> None:
    executor = MigrationExecutor(connection)
    executor.migrate(executor.loader.graph.leaf_nodes())


def test_all_is_counted_anew_by_the_rules_of_now(earlier: Any) -> None:
    reader = earlier.get_model("accounts", "Reader").objects.create(username="ada", timezone="UTC")
    book = earlier.get_model("library", "Book").objects.create(title="Emma", title_key="emma")
    sessions = earlier.get_model("reading", "Session").objects
    for n, (hours, pages, moved) in enumerate([(1, 30, False), (9, 0, False), (9, 0, True), (1, 3000, False)]):
        sessions.create(
            reader=reader,
            uuid=str(n),
            book=book,
            started_at=EVENING + timedelta(days=n),
            ended_at=EVENING + timedelta(days=n, hours=hours),
            seconds=hours * 3600,
            pages=pages,
            progress_start=0.1 if moved else None,
            progress_end=0.2 if moved else None,
            received_at=EVENING + timedelta(days=9),
        )
    days = earlier.get_model("reading", "BookDay").objects
    for n in range(5):
        day = date(2026, 5, 1) + timedelta(days=n)
        days.create(reader=reader, day=day, book=book, seconds=3600, sessions=1, carried=0, pages=30)
    begun = EVENING + timedelta(days=2, hours=9)
    earlier.get_model("reading", "BookStatus").objects.create(
        reader=reader, book=book, state="reading", started_at=begun
    )
    payloads = earlier.get_model("reading", "StatsPayload").objects
    payloads.create(reader=reader, body="{}", etag="x", generated_at=EVENING, today=date(2026, 5, 1))

    upgrade()

    assert StaleDay.objects.count() == 5
    assert not StatsPayload.objects.exists()
    refresh()
    payload = orjson.loads(bytes(StatsPayload.objects.get().body))
    assert payload["totals"]["all"]["seconds"] == (1 + 6 + 9 + 1) * 3600
    assert payload["totals"]["all"]["pages"] == 30 + 1200
    assert payload["flagged"] == 2
    assert drift() == []
