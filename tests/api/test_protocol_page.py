"""The blocks of JSON in docs/protocol.md have the keys and types that the real answers have."""

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from accounts.models import Reader
from library.editing import edit_book
from library.manifests import refresh_manifests
from library.models import Book
from reading.refreshing import refresh
from tests.api.answers import json_of
from tests.api.conftest import XPOINTER, Send, now

PAGE = (Path(__file__).parent.parent.parent / "docs" / "protocol.md").read_text()
BLOCKS = [json.loads(block) for block in re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)]


@pytest.fixture
def answers(send: Send, device_client: Client, book: Book) -> list[Any]:
    """What the server answers to the calls of the page, in its order."""

    def get(path: str, **query: Any) -> Any:
        return json_of(device_client.get(f"/api{path}", query))

    place = {"percentage": 0.25, "progress": XPOINTER, "device": "Kobo"}
    end = datetime.now(UTC)
    session = {
        "book_id": book.pk,
        "started_at": (end - timedelta(minutes=30)).isoformat(),
        "ended_at": end.isoformat(),
        "pages_turned": 12,
        "timezone": "UTC",
        "device": "Kobo",
    }
    outbox = {
        "device": {"id": "kobo-1", "name": "Kobo"},
        "sent_at": now(),
        "positions": [{"book_id": book.pk, "percentage": 0.26, "read_at": now()}],
        "sessions": [session | {"session_uuid": "one"}],
    }
    told = [
        get("/health"),
        get("/tome-sync/me"),
        get("/tome-sync/resolve", filename="A Study in Scarlet.epub"),
        json_of(send("PUT", f"/api/tome-sync/position/{book.pk}", place)),
        get(f"/tome-sync/position/{book.pk}"),
        json_of(send("POST", "/api/tome-sync/session", session), 201),
        json_of(send("POST", "/api/tome-sync/sync", outbox)),
    ]
    edit_book(book, {"series": "Sherlock Holmes", "series_index": 1})
    refresh_manifests()
    told += [get("/tome-sync/series"), get(f"/tome-sync/series/{book.pk}"), get("/library/scan")]
    Reader.objects.update(goal_minutes_a_day=30, goal_books_a_year=24)
    refresh()
    get("/stats")
    refresh()
    stats = get("/stats")
    stats["periods"] = {"7d": stats["periods"]["7d"]}  # the page shows one of the six
    idle = session | {
        "started_at": (end - timedelta(days=1, hours=9)).isoformat(),
        "ended_at": (end - timedelta(days=1)).isoformat(),
        "pages_turned": 0,
        "progress_start": 0.25,
        "progress_end": 0.25,
    }
    for n in range(2):
        json_of(send("POST", "/api/tome-sync/session", idle | {"session_uuid": f"idle {n}"}), 201)
    log = get("/stats/sessions", flagged="true", limit=1)
    flagged = log["items"][0]
    trimmed = send("PATCH", f"/api/stats/sessions/{flagged['id']}", {"ended_at": flagged["suggestion"]["ended_at"]})
    return [*told, stats, log, json_of(trimmed)]


def test_the_page_shows_what_is_answered(answers: list[Any]) -> None:
    for block, answer in zip(BLOCKS, answers, strict=True):
        assert shape(block) == shape(answer)


def test_the_page_names_every_flag_and_method() -> None:
    from reading.models import Session

    for flag in filter(None, Session.Flag.values):
        assert f"`{flag}`" in PAGE


def shape(value: Any) -> Any:
    """The same with types in the place of values, and of a list its first item only."""
    if isinstance(value, dict):
        return {key: shape(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [shape(inner) for inner in value[:1]]
    # A whole number and a fraction are one type in JSON.
    return "number" if isinstance(value, int | float) and not isinstance(value, bool) else type(value).__name__
