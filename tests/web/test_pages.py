from datetime import UTC, datetime

from django.test import Client

from accounts.devices import DeviceClue
from accounts.models import Reader
from library.models import Book, Import
from reading.clocks import Clock
from reading.files import FileReport, remember_file
from reading.positions import PlaceReport
from reading.refreshing import refresh
from reading.reports import report_position

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)


def test_a_visitor_is_asked_to_log_in(db: None) -> None:
    answer = Client().get("/")
    assert (answer.status_code, answer["Location"]) == (302, "/login?next=/")
    assert Client().get("/login").status_code == 200


def test_logging_in_leads_home_and_a_wrong_password_is_said(ada: Reader) -> None:
    client = Client()
    wrong = client.post("/login", {"username": "ada", "password": "wrong"})
    assert b"do not belong together" in wrong.content
    right = client.post("/login", {"username": "ada", "password": "correct horse"})
    assert (right.status_code, right["Location"]) == (302, "/")
    assert b"Hello, ada" in client.get("/").content


def test_home_shows_what_is_being_read_and_what_failed(client: Client, ada: Reader, book: Book) -> None:
    report_position(ada, book.pk, PlaceReport(0.42), device=DeviceClue("kobo-1", "Kobo"), clock=Clock(NOW))
    Import.objects.create(path="broken/<b>.epub", state=Import.State.FAILED, reason="This file is no EPUB.")
    remember_file(ada, FileReport("Sideloaded.epub"))
    refresh()
    client.force_login(ada)
    shown = client.get("/").content.decode()
    for words in (
        book.title,
        "42 %, on Kobo, 1 May 2026, 14:00",
        "broken/&lt;b&gt;.epub",
        "This file is no EPUB.",
        "Sideloaded.epub",
    ):
        assert words in shown


def test_home_shows_a_stranger_nothing_of_it(client: Client, ada: Reader, bob: Reader, book: Book) -> None:
    report_position(ada, book.pk, PlaceReport(0.42), device=DeviceClue("kobo-1", "Kobo"), clock=Clock(NOW))
    remember_file(ada, FileReport("Sideloaded.epub"))
    refresh()
    client.force_login(bob)
    shown = client.get("/").content.decode()
    assert "42 %" not in shown
    assert "Sideloaded.epub" not in shown


def test_a_page_may_load_nothing_from_elsewhere(db: None) -> None:
    assert "default-src 'none'" in Client().get("/login")["Content-Security-Policy"]
