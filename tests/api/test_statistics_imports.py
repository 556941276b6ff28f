from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from accounts.models import Reader
from reading.models import StatisticsImport
from reading.statistics_import import run_import
from tests.api.answers import detail_of, is_time, is_whole, json_of, wrong_fields
from tests.reading.statistics_files import MD5, NEW_YEAR, make_statistics, reading

ALWAYS = {
    *("id", "filename", "state", "books_seen", "books_unknown", "rows_total", "rows_done"),
    *("sessions_stored", "sessions_known", "sessions_flagged", "created_at"),
}


@pytest.fixture
def statistics(tmp_path: Path) -> bytes:
    """Half an hour with Emma, and twenty minutes with a file of which nothing is known but its name."""
    books = [
        {"id": 1, "title": "Emma", "authors": "Jane Austen\nAn Editor", "md5": MD5},
        {"id": 2, "title": "scan0001"},
    ]
    rows = [*reading(NEW_YEAR, 30), *reading(NEW_YEAR + 36_000, 20, book=2)]
    return make_statistics(tmp_path / "statistics.sqlite3", books=books, rows=rows).read_bytes()


def upload(client: Client, content: bytes, name: str = "statistics.sqlite3") -> Any:
    return client.post("/api/stats/imports", {"file": SimpleUploadedFile(name, content)})


@pytest.fixture
def uploaded(device_client: Client, statistics: bytes) -> int:
    import_id: int = json_of(upload(device_client, statistics), 202)["id"]
    return import_id


def test_uploaded_statistics_are_queued_imported_and_told_of(
    device_client: Client, statistics: bytes, enqueued: list[str], django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        body = json_of(upload(device_client, statistics, "../my statistics.sqlite3"), 202)
    assert set(body) == {"id"}
    assert is_whole(body["id"])
    assert enqueued == ["library.import_statistics"]
    waiting = json_of(device_client.get(f"/api/stats/imports/{body['id']}"))
    assert set(waiting) == ALWAYS
    assert (waiting["state"], waiting["filename"], waiting["rows_done"]) == ("queued", "my statistics.sqlite3", 0)

    run_import(body["id"], seconds=60)

    done = json_of(device_client.get(f"/api/stats/imports/{body['id']}"))
    assert set(done) == ALWAYS | {"finished_at"}
    assert is_time(done["created_at"])
    assert is_time(done["finished_at"])
    assert (done["state"], done["rows_total"], done["rows_done"]) == ("finished", 50, 50)
    assert (done["books_seen"], done["books_unknown"]) == (2, 2)
    assert (done["sessions_stored"], done["sessions_known"], done["sessions_flagged"]) == (2, 0, 0)
    assert json_of(device_client.get("/api/stats/imports")) == [done]


def test_the_files_that_are_no_known_book_are_listed(uploaded: int, device_client: Client) -> None:
    assert json_of(device_client.get(f"/api/stats/imports/{uploaded}/unknown")) == []
    run_import(uploaded, seconds=60)
    emma, scan = json_of(device_client.get(f"/api/stats/imports/{uploaded}/unknown"))
    assert is_whole(emma.pop("id"))
    assert is_whole(scan.pop("id"))
    assert emma == {"title": "Emma", "authors": ["Jane Austen", "An Editor"], "ko_md5": MD5}
    assert scan == {"title": "scan0001"}


def test_imports_are_listed_with_the_latest_first(uploaded: int, device_client: Client, tmp_path: Path) -> None:
    other = make_statistics(tmp_path / "other.sqlite3").read_bytes()
    later = json_of(upload(device_client, other), 202)["id"]
    assert [row["id"] for row in json_of(device_client.get("/api/stats/imports"))] == [later, uploaded]


def test_one_that_fails_says_why(device_client: Client) -> None:
    import_id = json_of(upload(device_client, b"SQLite format 3\0" + bytes(84)), 202)["id"]
    run_import(import_id, seconds=60)
    failed = json_of(device_client.get(f"/api/stats/imports/{import_id}"))
    assert set(failed) == ALWAYS | {"finished_at", "reason"}
    assert failed["state"] == "failed"
    assert failed["reason"].endswith(".")


def test_a_logged_in_reader_may_upload_too(ada: Reader, client: Client, statistics: bytes) -> None:
    client.force_login(ada)
    json_of(upload(client, statistics), 202)
    assert len(json_of(client.get("/api/stats/imports"))) == 1


def test_another_site_cannot_upload_in_a_readers_name(ada: Reader, statistics: bytes) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(ada)
    assert upload(client, statistics).status_code in (401, 403)
    assert not StatisticsImport.objects.exists()


@pytest.mark.parametrize("path", ["", "/1", "/1/unknown"])
def test_nobody_else_may_ask(path: str, client: Client, db: None) -> None:
    detail_of(client.get(f"/api/stats/imports{path}"), 401)
    detail_of(upload(client, b"SQLite format 3\0"), 401)


def test_an_import_of_another_reader_is_answered_as_one_that_does_not_exist(
    uploaded: int, strange_client: Client
) -> None:
    for path in (f"{uploaded}", f"{uploaded}/unknown", "999999", "999999/unknown"):
        detail_of(strange_client.get(f"/api/stats/imports/{path}"), 404)
    assert json_of(strange_client.get("/api/stats/imports")) == []


@pytest.mark.parametrize("content", [b"", b"no database", b"PK\3\4"])
def test_what_is_no_database_is_415_with_a_sentence_and_leaves_nothing(
    content: bytes, device_client: Client, settings: Any
) -> None:
    detail_of(upload(device_client, content), 415)
    assert not StatisticsImport.objects.exists()
    assert list((settings.DATA_DIR / "statistics").iterdir()) == []


def test_what_is_too_large_is_413_with_a_sentence(device_client: Client, statistics: bytes, settings: Any) -> None:
    settings.MAX_UPLOAD_BYTES = len(statistics) - 1
    detail_of(upload(device_client, statistics), 413)
    assert not StatisticsImport.objects.exists()


@pytest.mark.parametrize("body", [{}, {"other": "x"}, {"file": "text, no file"}])
def test_a_form_without_a_file_is_422(body: dict[str, str], device_client: Client) -> None:
    assert wrong_fields(device_client.post("/api/stats/imports", body)) == {"file"}


def test_listing_costs_few_queries(
    uploaded: int, device_client: Client, django_assert_max_num_queries: Callable[..., Any]
) -> None:
    device_client.get("/api/stats/imports")
    with django_assert_max_num_queries(3):
        device_client.get("/api/stats/imports")
