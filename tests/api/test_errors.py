"""One shape for every refusal under /api, whoever refuses: the endpoint, ninja, Django's URLs or its request parser."""

import json
from typing import Any

import pytest
from django.test import Client

from library.models import Book
from tests.api.answers import detail_of, json_of, wrong_fields
from tests.api.conftest import NOON, Send

BODIES = [
    ("PUT", "/api/tome-sync/link"),
    ("POST", "/api/tome-sync/session"),
    ("POST", "/api/tome-sync/sync"),
]


@pytest.mark.parametrize(
    "path",
    ["/api", "/api/", "/api/nothing", "/api/tome-sync", "/api/tome-sync/position", "/api/health/", "/api/%ff%00"],
)
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "PATCH"])
def test_an_unknown_path_is_404_as_json(method: str, path: str, client: Client) -> None:
    detail_of(client.generic(method, path), 404)


def test_outside_of_api_a_missing_page_is_no_json(client: Client) -> None:
    response = client.get("/apis")
    assert response.status_code == 404
    assert response.headers["Content-Type"].startswith("text/html")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("POST", "/api/health", {"GET"}),
        ("DELETE", "/api/tome-sync/position/1", {"GET", "PUT"}),
        ("GET", "/api/tome-sync/session", {"POST"}),
        ("PUT", "/api/tome-sync/sync", {"POST"}),
        ("PATCH", "/api/tome-sync/link", {"PUT"}),
        ("GET", "/api/books", {"POST"}),
    ],
)
def test_a_wrong_method_is_405_as_json_and_names_the_right_ones(
    method: str, path: str, allowed: set[str], client: Client
) -> None:
    response = client.generic(method, path)
    detail_of(response, 405)
    assert {name.strip() for name in response.headers["Allow"].split(",")} == allowed


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("PUT", "/api/tome-sync/position/1/"),
        ("PUT", "/api/tome-sync/link/"),
        ("POST", "/api/tome-sync/session/"),
        ("POST", "/api/tome-sync/sync/"),
        ("POST", "/api/books/"),
        ("POST", "/api/tome-sync/inbox/1/delivered/"),
        ("POST", "//api/tome-sync/sync"),
    ],
)
def test_nothing_that_writes_is_ever_redirected(method: str, path: str, send: Send) -> None:
    response = send(method, path, {})
    assert response.status_code == 404
    assert "Location" not in response.headers


@pytest.mark.parametrize(("method", "path"), BODIES)
@pytest.mark.parametrize("body", ["", "{", "no JSON", '{"a": }', b"\xff\xfe\x00", "[" * 100_000, "1" * 5000, "'"])
def test_a_body_that_is_no_json_is_422(method: str, path: str, body: str | bytes, send: Send) -> None:
    wrong_fields(send(method, path, body))


@pytest.mark.parametrize(("method", "path"), BODIES)
@pytest.mark.parametrize("body", ["null", "[]", "[[]]", '"text"', "5", "true", "NaN", "-Infinity", "{}", '{"": {}}'])
def test_json_that_is_not_the_object_that_is_meant_is_422(method: str, path: str, body: str, send: Send) -> None:
    assert wrong_fields(send(method, path, body))


def test_what_was_sent_is_not_repeated_in_the_refusal(send: Send) -> None:
    response = send("POST", "/api/tome-sync/sync", {"device": {"id": ["secret-1"]}, "sent_at": "secret-2"})
    assert wrong_fields(response) == {"id", "sent_at"}
    assert b"secret" not in response.content


def test_a_body_that_is_too_large_is_413(settings: Any, send: Send) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1000
    body = {"device": {"id": "kobo-1"}, "sent_at": NOON, "sessions": [{"device": "x" * 2000}]}
    assert "too large" in detail_of(send("POST", "/api/tome-sync/sync", body), 413)


def test_a_crash_is_500_as_json_and_tells_nothing(monkeypatch: pytest.MonkeyPatch, device_client: Client) -> None:
    def crash() -> str:
        raise RuntimeError("the innermost secret")

    monkeypatch.setattr("api.server.server_identifier", crash)
    device_client.raise_request_exception = False
    response = device_client.get("/api/tome-sync/me")
    assert "secret" not in detail_of(response, 500)


def test_a_body_may_hold_what_only_the_standard_library_reads(book: Book, send: Send) -> None:
    body = json.dumps({"percentage": 0.5, "progress": "\ud800", "device": "\udfff"})
    assert json_of(send("PUT", f"/api/tome-sync/position/{book.pk}", body))["verdict"] == "stored"
