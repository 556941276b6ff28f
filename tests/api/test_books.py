from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from accounts.models import Reader
from library.models import Book, Import, Scan
from library.scanning import queue_scan
from tests.api.answers import detail_of, is_time, is_whole, json_of, wrong_fields
from tests.library.taking_in import import_all

MakeEpub = Callable[..., Path]


@pytest.fixture
def epub(make_epub: MakeEpub, tmp_path: Path) -> bytes:
    path = make_epub(tmp_path / "elsewhere" / "book.epub", title="The Moonstone", authors=["Wilkie Collins"])
    return path.read_bytes()


def upload(client: Client, content: bytes, name: str = "The Moonstone.epub") -> Any:
    return client.post("/api/books", {"file": SimpleUploadedFile(name, content)})


def test_an_uploaded_book_is_queued_and_then_one_of_the_library(
    device_client: Client, epub: bytes, enqueued: list[str], django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        body = json_of(upload(device_client, epub), 202)
    assert set(body) == {"id"}
    row = Import.objects.get(pk=body["id"])
    assert row.state == Import.State.QUEUED
    assert enqueued == ["library.import_queued"]
    assert import_all() == 1
    assert Book.objects.get().title == "The Moonstone"


def test_a_logged_in_reader_may_upload_too(ada: Reader, client: Client, epub: bytes) -> None:
    client.force_login(ada)
    assert is_whole(json_of(upload(client, epub), 202)["id"])


def test_a_second_book_of_that_name_replaces_nothing(device_client: Client, epub: bytes, settings: Any) -> None:
    ids = {json_of(upload(device_client, epub), 202)["id"] for _ in range(2)}
    assert len(ids) == 2
    assert len(list(settings.LIBRARY_DIR.glob("*.epub"))) == 2


@pytest.mark.parametrize(("name", "content"), [("notes.docx", b"PK"), ("fake.epub", b"no archive"), ("x", b"")])
def test_what_is_no_book_is_415_with_a_sentence_and_leaves_nothing(
    name: str, content: bytes, device_client: Client, settings: Any
) -> None:
    detail_of(upload(device_client, content, name), 415)
    assert list(settings.LIBRARY_DIR.iterdir()) == []
    assert not Import.objects.exists()


def test_what_is_too_large_is_413_with_a_sentence_and_leaves_nothing(
    device_client: Client, epub: bytes, settings: Any
) -> None:
    settings.MAX_UPLOAD_BYTES = len(epub) - 1
    detail_of(upload(device_client, epub), 413)
    assert list(settings.LIBRARY_DIR.iterdir()) == []
    assert not Import.objects.exists()


def test_a_name_leads_nowhere_else(device_client: Client, epub: bytes, settings: Any) -> None:
    json_of(upload(device_client, epub, "../../../outside.epub"), 202)
    assert [path.name for path in settings.LIBRARY_DIR.iterdir()] == ["outside.epub"]


@pytest.mark.parametrize("body", [{}, {"other": "x"}, {"file": "text, no file"}])
def test_a_form_without_a_file_is_422(body: dict[str, str], device_client: Client) -> None:
    assert wrong_fields(device_client.post("/api/books", body)) == {"file"}


def test_json_in_place_of_a_form_is_422(device_client: Client) -> None:
    assert wrong_fields(device_client.post("/api/books", {"file": "x"}, content_type="application/json")) == {"file"}


def test_a_broken_form_is_a_refusal_in_json(device_client: Client) -> None:
    response = device_client.generic("POST", "/api/books", b"--x\r\nbroken", content_type="multipart/form-data")
    detail_of(response, 400)


# --- Scan ------------------------------------------------------------------------------------------------------------


def test_before_any_scan_there_is_nothing_to_tell(device_client: Client) -> None:
    body = json_of(device_client.get("/api/library/scan"))
    assert body == {"state": "idle", "seen": 0, "imported": 0, "failed": 0}


def test_a_scan_tells_how_far_it_is(device_client: Client, make_epub: MakeEpub, settings: Any) -> None:
    from workers.library import import_queued, scan

    make_epub("One.epub")
    (settings.LIBRARY_DIR / "Two.epub").write_bytes(b"broken")
    queued = queue_scan()
    body = json_of(device_client.get("/api/library/scan"))
    assert body["state"] == "queued"
    assert "started_at" not in body
    scan(queued.pk)
    body = json_of(device_client.get("/api/library/scan"))
    assert (body["state"], body["seen"], body["waiting"]) == ("running", 2, 2)
    import_queued()
    body = json_of(device_client.get("/api/library/scan"))
    assert set(body) == {"state", "seen", "imported", "failed", "started_at", "finished_at"}
    assert (body["state"], body["seen"], body["imported"], body["failed"]) == ("finished", 2, 1, 1)
    assert is_time(body["started_at"])
    assert is_time(body["finished_at"])
    assert Scan.objects.get() == queued


def test_a_scan_tells_what_a_person_should_look_at(device_client: Client) -> None:
    sentence = "The folder share is empty now, and 12 books were in it: they were left as they are."
    Scan.objects.create(state="finished", seen=3, notices=[sentence])
    assert json_of(device_client.get("/api/library/scan"))["notices"] == [sentence]


def test_a_scan_that_is_under_way_is_told_of_before_a_later_one(device_client: Client) -> None:
    Scan.objects.create(state="running", seen=100_000)
    Scan.objects.create(paths=["a.epub"])
    assert json_of(device_client.get("/api/library/scan"))["seen"] == 100_000


def test_bob_is_a_reader_of_the_same_library_but_a_stranger_is_not(strange_client: Client, client: Client) -> None:
    json_of(strange_client.get("/api/library/scan"))
    detail_of(client.get("/api/library/scan"), 401)
