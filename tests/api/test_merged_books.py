"""Devices go on naming a book that was merged into another: each call answers for the one that stayed."""

from typing import Any

import pytest
from django.test import Client

from library.models import Book
from matching.names import title_key
from reading.merging import merge_books
from reading.models import PositionWrite, Session
from tests.api.answers import json_of
from tests.api.conftest import HALF_PAST, NOON, Send, now


@pytest.fixture
def gone(book: Book) -> int:
    """The id of a book that is another one now."""
    other = Book.objects.create(title="Study in Scarlet", title_key=title_key("Study in Scarlet"))
    merge_books(book, other)
    return other.pk


def test_a_place_is_stored_and_read_under_either_id(send: Send, device_client: Client, book: Book, gone: int) -> None:
    assert json_of(send("PUT", f"/api/tome-sync/position/{gone}", {"percentage": 0.5}))["revision"] == 1
    for book_id in (gone, book.pk):
        place = json_of(device_client.get(f"/api/tome-sync/position/{book_id}"))
        assert (place["book_id"], place["percentage"]) == (book.pk, 0.5)
    assert PositionWrite.objects.get().claimed_book_id == gone


def test_sessions_are_those_of_the_book_that_stayed(send: Send, book: Book, gone: int) -> None:
    session = {"book_id": gone, "started_at": NOON, "ended_at": HALF_PAST, "session_uuid": "one"}
    assert json_of(send("POST", "/api/tome-sync/session", session), 201)["book_id"] == book.pk
    outbox = {
        "device": {"id": "kobo-1"},
        "sent_at": now(),
        "positions": [{"book_id": gone, "percentage": 0.5}],
        "sessions": [session, session | {"session_uuid": "two", "ko_md5": "A" * 32}],
    }
    body = json_of(send("POST", "/api/tome-sync/sync", outbox))
    assert [item["book_id"] for item in body["positions"] + body["sessions"]] == [book.pk] * 3
    assert [item["verdict"] for item in body["sessions"]] == ["duplicate", "stored"]
    stored = Session.objects.values_list("uuid", "book", "claimed_book_id", "ko_md5")
    assert sorted(stored) == [("one", book.pk, gone, ""), ("two", book.pk, gone, "a" * 32)]


def test_a_file_that_is_linked_to_the_old_id_is_the_book_that_stayed(
    send: Send, device_client: Client, book: Book, gone: int
) -> None:
    link = {"filename": "scan.epub", "ko_md5": "c" * 32, "book_id": gone}
    assert json_of(send("PUT", "/api/tome-sync/link", link)) == {"book_id": book.pk}
    query = {"filename": "scan.epub", "ko_md5": "c" * 32}
    assert json_of(device_client.get("/api/tome-sync/resolve", query))["book_id"] == book.pk


def test_what_the_old_id_stands_for_may_be_away_too(send: Send, book: Book, gone: int) -> None:
    Book.objects.filter(pk=book.pk).update(is_active=False)
    answers: list[Any] = [
        send("PUT", f"/api/tome-sync/position/{gone}", {"percentage": 0.5}),
        send("GET", f"/api/tome-sync/position/{gone}"),
        send("PUT", "/api/tome-sync/link", {"filename": "scan.epub", "book_id": gone}),
    ]
    assert [answer.status_code for answer in answers] == [404, 404, 404]
