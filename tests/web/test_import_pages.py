"""The page that takes KOReader's statistics and says what became of them."""

import re
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from accounts.models import Reader
from library.models import Book, BookFile, FileHash
from reading.models import Session, StatisticsImport
from reading.statistics_import import run_import
from tests.conftest import REPOSITORY
from tests.reading.statistics_files import MD5, NEW_YEAR, make_statistics, reading

PAGE = "/stats/import"
State = StatisticsImport.State


@pytest.fixture
def page(client: Client, ada: Reader) -> Client:
    """Ada's browser."""
    client.force_login(ada)
    return client


@pytest.fixture
def statistics(tmp_path: Path) -> bytes:
    """Half an hour with Emma, and twenty minutes with a file of which nothing is known but its title."""
    books = [
        {"id": 1, "title": "Emma <i>", "authors": "Jane Austen\nAn Editor", "md5": MD5},
        {"id": 2, "title": "scan0001"},
    ]
    rows = [*reading(NEW_YEAR, 30), *reading(NEW_YEAR + 36_000, 20, book=2), (77, 1, NEW_YEAR, 60, 10)]
    return make_statistics(tmp_path / "statistics.sqlite3", books=books, rows=rows).read_bytes()


def upload(page: Client, content: bytes, name: str = "statistics.sqlite3") -> Any:
    return page.post(PAGE, {"file": SimpleUploadedFile(name, content)})


def shown(page: Client) -> str:
    answer = page.get(PAGE)
    assert answer.status_code == 200
    return words(answer)


def words(answer: Any) -> str:
    return re.sub(r"\s+", " ", unescape(answer.content.decode()))


def test_it_says_where_the_file_lies_and_that_nothing_came_yet(page: Client) -> None:
    text = shown(page)
    assert "koreader/settings/statistics.sqlite3" in text
    assert "up to 256 MiB" in text
    assert "Nothing was imported yet." in text
    assert 'data-running="false"' in text
    assert "Look again" not in text


def test_a_database_is_imported_and_its_numbers_are_shown(
    page: Client, statistics: bytes, enqueued: list[str], django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        answer = upload(page, statistics, "my statistics.sqlite3")
    assert (answer.status_code, answer["Location"]) == (302, PAGE)
    assert enqueued == ["library.import_statistics"]
    text = shown(page)
    assert "“my statistics.sqlite3” is here, and is being imported." in text
    assert "It waits for a worker." in text
    assert 'data-running="true"' in text
    assert "Look again" in text
    assert "<progress" in text

    run_import(StatisticsImport.objects.get().pk, seconds=60)

    text = shown(page)
    assert "2 sessions are new, of 2 books and 51 pages." in text
    assert "1 row of it said nothing that could be counted." in text
    assert 'data-running="false"' in text
    assert "<progress" not in text


def test_how_far_one_is_can_be_seen(page: Client, statistics: bytes) -> None:
    upload(page, statistics)
    StatisticsImport.objects.update(state=State.RUNNING, rows_total=200, rows_done=50, sessions_stored=1)
    text = shown(page)
    assert "50 of 200 pages are done, 1 session so far." in text
    assert '<progress value="25" max="100"' in text


def test_the_files_that_are_no_book_are_listed_until_they_are_one(
    page: Client, statistics: bytes, book: Book, ada: Reader
) -> None:
    upload(page, statistics)
    row = StatisticsImport.objects.get()
    run_import(row.pk, seconds=60)
    raw = page.get(PAGE).content.decode()
    assert "<i>" not in raw
    text = shown(page)
    assert "2 are no books of the library" in text
    assert 'Emma <i></span> <span class="hint">Jane Austen, An Editor' in text
    ada.device_files.filter(title__startswith="Emma").update(book=book)
    text = shown(page)
    assert "1 is no book of the library" in text
    assert "Emma" not in text


def test_the_same_again_is_said_to_be_known(page: Client, statistics: bytes, book: Book) -> None:
    file = BookFile.objects.get(book=book)
    FileHash.objects.create(file=file, sha256="0" * 64, ko_md5=MD5, size=1000)
    for _ in range(2):
        upload(page, statistics)
        run_import(StatisticsImport.objects.latest("pk").pk, seconds=60)
    text = shown(page)
    assert "0 sessions are new, 2 were known, of 2 books and 51 pages." in text
    assert Session.objects.count() == 2


def test_one_that_fails_says_why(page: Client) -> None:
    upload(page, b"SQLite format 3\0" + bytes(84))
    run_import(StatisticsImport.objects.get().pk, seconds=60)
    text = shown(page)
    assert "It could not be imported." in text
    assert StatisticsImport.objects.get().reason in text


@pytest.mark.parametrize("content", [b"no database", b"PK\3\4"])
def test_what_is_no_database_is_said_at_once(page: Client, content: bytes) -> None:
    answer = upload(page, content)
    assert answer.status_code == 400
    assert re.search(r'role="alert">[^<]+\.</p>', words(answer))
    assert not StatisticsImport.objects.exists()


def test_what_is_too_large_is_said_with_the_limit(page: Client, statistics: bytes, settings: Any) -> None:
    settings.MAX_UPLOAD_BYTES = 1024
    answer = upload(page, statistics)
    assert answer.status_code == 400
    assert "the most that is imported" in words(answer)
    assert not StatisticsImport.objects.exists()


@pytest.mark.parametrize("sent", [{}, {"file": "text, no file"}])
def test_a_form_without_a_file_is_said(page: Client, sent: dict[str, str]) -> None:
    answer = page.post(PAGE, sent)
    assert answer.status_code == 400
    assert "Choose the file first" in words(answer)


def test_nobody_else_sees_it(page: Client, statistics: bytes, bob: Reader) -> None:
    upload(page, statistics)
    stranger = Client()
    stranger.force_login(bob)
    assert "Nothing was imported yet." in shown(stranger)
    assert Client().get(PAGE)["Location"] == f"/login?next={PAGE}"


def test_another_site_can_hand_in_nothing(ada: Reader, statistics: bytes) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(ada)
    assert upload(strict, statistics).status_code == 403
    assert not StatisticsImport.objects.exists()


@pytest.mark.corpus
def test_a_real_database_comes_in(page: Client) -> None:
    path = REPOSITORY.parent / "shared" / "koreader" / "statistics.sqlite3"
    if not path.exists():
        pytest.skip("the sample of KOReader's statistics is not beside the checkout")
    upload(page, path.read_bytes())
    row = StatisticsImport.objects.get()
    while not run_import(row.pk, seconds=60):
        pass
    row.refresh_from_db()
    assert row.state == State.FINISHED
    text = shown(page)
    assert f"{row.sessions_stored} sessions are new, of {row.books_seen} books and {row.rows_total} pages." in text
    assert f"{row.books_unknown} are no books of the library" in text
