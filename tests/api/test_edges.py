import io
import json
from typing import Any

import pytest
from django.test import Client

from api.bodies import with_whole_bodies
from library.models import Book


@pytest.mark.parametrize("path", ["/api/health", "/api/tome-sync/me", "/api/stats"])
def test_head_is_answered_like_get_without_a_body(path: str, device_client: Client) -> None:
    got, headed = device_client.get(path), device_client.head(path)
    assert (headed.status_code, headed["Content-Type"]) == (got.status_code, got["Content-Type"])
    assert (headed.content, headed["Content-Length"]) == (b"", str(len(got.content)))


@pytest.mark.parametrize("header", [{}, {"authorization": "Bearer tk_" + "0" * 40}])
def test_an_upload_without_a_valid_key_is_401(header: dict[str, str], db: None) -> None:
    client = Client(headers=header, enforce_csrf_checks=True)
    assert client.post("/api/books", {"file": io.BytesIO(b"x")}).status_code == 401


def test_a_body_that_is_too_large_is_refused_before_it_is_read(device_client: Client, settings: Any) -> None:
    settings.MAX_UPLOAD_BYTES = 1024 * 1024
    claimed = device_client.generic("POST", "/api/books", b"", CONTENT_LENGTH=str(3 * 1024 * 1024))
    assert claimed.status_code == 413
    assert "1 MiB" in claimed.json()["detail"]


def test_an_empty_size_is_no_size(device_client: Client, book: Book) -> None:
    name = book.files.get().path
    found = device_client.get("/api/tome-sync/resolve", {"filename": name, "size": ""})
    assert found.json()["book_id"] == book.pk


def run(body: bytes, **environ: str) -> tuple[str, bytes]:
    """What a WSGI application that answers its own body is given."""
    said: list[str] = []

    def echo(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        start_response("200 OK", [])
        return [environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))]

    request = {"wsgi.input": io.BytesIO(body)} | environ
    answer = with_whole_bodies(echo)(request, lambda status, headers: said.append(status))
    return said[0], b"".join(answer)


def test_a_body_in_pieces_is_given_whole() -> None:
    assert run(b"{}", HTTP_TRANSFER_ENCODING="chunked") == ("200 OK", b"{}")
    assert run(b"{}", CONTENT_LENGTH="2") == ("200 OK", b"{}")


def test_a_long_body_in_pieces_wants_a_length(settings: Any) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 10
    status, answer = run(b"x" * 11, HTTP_TRANSFER_ENCODING="chunked")
    assert status.startswith("411")
    assert json.loads(answer)["detail"].endswith(".")
