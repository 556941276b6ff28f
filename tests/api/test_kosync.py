"""What stock KOReader and other clients say, under both addresses. What becomes of it is told in tests/reading too."""

import hashlib
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.test import Client
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from accounts.app_passwords import create_app_password, md5_of, revoke_app_password
from accounts.models import Device, Reader
from library.models import Book
from reading.links import adopt_known_files
from reading.models import DeviceFile, Position, PositionWrite
from reading.positions import UNNAMED_DEVICE
from tests.api.answers import is_number, is_whole, json_of
from tests.api.conftest import XPOINTER, Send
from tests.api.test_arbitrary_json import ANYTHING, NAMES, NUMBERS, TEXT, item
from tests.conftest import add_book

BASES = ["/api/v1", "/kosync"]
UNKNOWN = "0123456789abcdef0123456789abcdef"
CFI = "epubcfi(/6/4!/4/2/1:3)"
START = datetime(2026, 5, 1, 12, tzinfo=UTC)


class Stock:
    """A stock KOReader, or another client."""

    def __init__(
        self,
        reader: Reader,
        base: str = "/api/v1",
        *,
        device: str = "Kobo_nova",
        device_id: str = "KOBO1",
        key: str = "",
    ) -> None:
        self.base = base
        self.named = {"device": device, "device_id": device_id}
        self.password_key = key or md5_of(create_app_password(reader))
        self.client = Client(
            headers={
                "x-auth-user": reader.username,
                "x-auth-key": self.password_key,
                "accept": "application/vnd.koreader.v1+json",
            },
            enforce_csrf_checks=True,
        )

    def send(self, body: Any, method: str = "PUT") -> Any:
        raw = body if isinstance(body, str | bytes) else json.dumps(body)
        return self.client.generic(method, f"{self.base}/syncs/progress", raw, content_type="application/json")

    def push(self, document: Any, percentage: Any, progress: Any = XPOINTER, **more: Any) -> Any:
        sent = {"document": document, "percentage": percentage, "progress": progress} | self.named | more
        return json_of(self.send(sent))

    def pull(self, document: str) -> Any:
        return json_of(self.client.get(f"{self.base}/syncs/progress/{document}"))


@pytest.fixture(params=BASES)
def stock(request: pytest.FixtureRequest, ada: Reader) -> Stock:
    """Ada's e-reader with no plugin."""
    return Stock(ada, request.param)


@pytest.fixture
def other(ada: Reader) -> Stock:
    """Ada's telephone."""
    return Stock(ada, "/kosync", device="Phone", device_id="PHONE1")


@pytest.fixture
def md5(book: Book) -> str:
    """What a device calls the library's file if it goes by the contents."""
    return book.files.get().ko_md5


@pytest.fixture
def name_md5(book: Book) -> str:
    """The same if it goes by names."""
    return md5_of_name(Path(book.files.get().path).name)


def md5_of_name(name: str) -> str:
    return hashlib.md5(name.encode()).hexdigest()


class Time:
    def __init__(self) -> None:
        self.now = START

    def pass_by(self, **span: float) -> None:
        self.now += timedelta(**span)


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Time:
    """The server's clock, which stands still until it is told how much time goes by."""
    held = Time()
    monkeypatch.setattr("django.utils.timezone.now", lambda: held.now)
    return held


def refused(response: Any, status: int, code: int) -> str:
    """The sentence of a refusal in the protocol's own shape."""
    body = json_of(response, status)
    assert set(body) == {"code", "message"}
    assert body["code"] == code
    message = body["message"]
    assert isinstance(message, str)
    assert message.endswith(".")
    return message


# --- Who is let in ---------------------------------------------------------------------------------------------------


def test_the_login_is_told_to_be_right(stock: Stock) -> None:
    assert json_of(stock.client.get(f"{stock.base}/users/auth")) == {"authorized": "OK"}


@pytest.mark.parametrize("base", BASES)
def test_health_needs_no_password_and_no_database(base: str, client: Client) -> None:
    assert json_of(client.get(f"{base}/healthcheck")) == {"state": "OK"}
    headed = client.head(f"{base}/healthcheck")
    assert (headed.status_code, headed.content) == (200, b"")
    assert headed.headers["Content-Length"] == str(len(b'{"state":"OK"}'))


@pytest.mark.parametrize("base", BASES)
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"x-auth-user": "ada"},
        {"x-auth-key": "{key}"},
        {"x-auth-user": "ada", "x-auth-key": ""},
        {"x-auth-user": "ada", "x-auth-key": "0" * 32},
        {"x-auth-user": "ada", "x-auth-key": "{key}0"},
        {"x-auth-user": "ada", "x-auth-key": "z" * 32},
        {"x-auth-user": "bob", "x-auth-key": "{key}"},
        {"x-auth-user": "nobody", "x-auth-key": "{key}"},
        {"x-auth-user": "a\x00da", "x-auth-key": "{key}"},
        {"x-auth-user": "x" * 5000, "x-auth-key": "{key}"},
        {"x-auth-user": "ada", "x-auth-key": md5_of("correct horse")},
    ],
)
def test_nobody_else_is_let_in(base: str, headers: dict[str, str], ada: Reader, bob: Reader, client: Client) -> None:
    key = md5_of(create_app_password(ada))
    headers = {name: value.replace("{key}", key) for name, value in headers.items()}
    for method, path in [("GET", "users/auth"), ("GET", f"syncs/progress/{UNKNOWN}"), ("PUT", "syncs/progress")]:
        response = client.generic(method, f"{base}/{path}", "{}", content_type="application/json", headers=headers)
        refused(response, 401, 2001)
    assert not PositionWrite.objects.exists()


def test_a_key_may_be_written_in_capitals(stock: Stock) -> None:
    headers = {"x-auth-key": stock.password_key.upper()}
    assert stock.client.get(f"{stock.base}/users/auth", headers=headers).status_code == 200


def test_a_name_is_read_as_the_utf_8_that_clients_send(client: Client, db: None) -> None:
    zoe = Reader.objects.create_user("zoë")
    headers = {"x-auth-user": "zoë".encode().decode("latin-1"), "x-auth-key": md5_of(create_app_password(zoe))}
    assert client.get("/kosync/users/auth", headers=headers).status_code == 200


def test_a_revoked_password_is_refused_at_once(stock: Stock, ada: Reader) -> None:
    stock.push(UNKNOWN, 0.5)
    assert revoke_app_password(ada, ada.app_passwords.get().pk)
    refused(stock.client.get(f"{stock.base}/users/auth"), 401, 2001)
    refused(stock.send({"document": UNKNOWN, "percentage": 0.6}), 401, 2001)


def test_a_reader_who_is_not_active_is_refused_at_once(stock: Stock) -> None:
    Reader.objects.update(is_active=False)
    refused(stock.client.get(f"{stock.base}/syncs/progress/{UNKNOWN}"), 401, 2001)


@pytest.mark.parametrize("base", BASES)
@pytest.mark.parametrize("body", ["", "{", '{"username": "eve", "password": "x"}', '{"username": "ada"}'])
def test_nobody_makes_an_account_here(base: str, body: str, ada: Reader) -> None:
    client = Client(enforce_csrf_checks=True)
    response = client.post(f"{base}/users/create", body, content_type="application/json")
    assert "server" in refused(response, 402, 2005)
    assert Reader.objects.count() == 1


# --- Paths, methods, bodies ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("base", BASES)
@pytest.mark.parametrize(
    "path", ["", "/", "/nothing", "/users", "/users/auth/", "/users/auth\n", "/syncs/progress/../x"]
)
@pytest.mark.parametrize("method", ["GET", "PUT", "POST", "DELETE", "OPTIONS"])
def test_an_unknown_path_is_404_as_json(base: str, path: str, method: str, client: Client, db: None) -> None:
    response = client.generic(method, base + path.replace("\n", "%0A"))
    if "progress" in path:
        assert response.status_code in (401, 405)  # it is a document
        return
    refused(response, 404, 2003)


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "users/create", "POST"),
        ("PUT", "users/auth", "GET"),
        ("GET", "syncs/progress", "PUT"),
        ("POST", "syncs/progress", "PUT"),
        ("PUT", f"syncs/progress/{UNKNOWN}", "GET"),
        ("POST", "healthcheck", "GET"),
    ],
)
def test_a_method_that_a_path_does_not_take_is_405(method: str, path: str, allowed: str, stock: Stock) -> None:
    response = stock.client.generic(method, f"{stock.base}/{path}")
    refused(response, 405, 2003)
    assert response.headers["Allow"] == allowed


def test_an_address_with_a_slash_at_its_end_works(stock: Stock) -> None:
    stock.base += "/"
    stock.push(UNKNOWN, 0.5)
    assert stock.pull(UNKNOWN)["percentage"] == 0.5


@pytest.mark.parametrize("accept", ["application/vnd.koreader.v1+json", "text/html", "image/png", "nonsense", ""])
def test_what_a_client_accepts_does_not_matter(accept: str, stock: Stock) -> None:
    response = stock.client.get(f"{stock.base}/syncs/progress/{UNKNOWN}", headers={"accept": accept})
    assert json_of(response) == {}


def test_head_is_answered_like_get_without_a_body(stock: Stock) -> None:
    stock.push(UNKNOWN, 0.5)
    for path in ("users/auth", f"syncs/progress/{UNKNOWN}"):
        got, headed = (ask(f"{stock.base}/{path}") for ask in (stock.client.get, stock.client.head))
        assert (headed.status_code, headed.content) == (got.status_code, b"")
        assert headed.headers["Content-Length"] == str(len(got.content))


@pytest.mark.parametrize(
    "body",
    [
        "",
        "{",
        "[]",
        "null",
        "7",
        '"x"',
        "\x00",
        b"\xff\xfe",
        "[" * 100000,
        "{}",
        '{"percentage": 0.5, "progress": "12"}',
        '{"document": null}',
        '{"document": ""}',
        '{"document": "  "}',
        '{"document": "\\u0000"}',
        '{"document": true}',
        '{"document": ["x"]}',
        '{"document": {"x": 1}}',
        '{"document": NaN}',
    ],
)
def test_a_push_that_names_no_document_is_403(body: str | bytes, stock: Stock) -> None:
    refused(stock.send(body), 403, 2004)
    assert not PositionWrite.objects.exists()
    assert not DeviceFile.objects.exists()


def test_a_question_for_no_document_is_403(stock: Stock) -> None:
    refused(stock.client.get(f"{stock.base}/syncs/progress/"), 403, 2004)


def test_a_body_that_is_too_large_is_413(stock: Stock, settings: Any) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 100
    refused(stock.send({"document": UNKNOWN, "progress": "x" * 200}), 413, 2003)


def test_a_database_that_is_away_is_no_reason_to_forget_a_push(stock: Stock, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*given: Any, **named: Any) -> None:
        raise OperationalError("database is locked")

    monkeypatch.setattr("api.kosync.report_document", fail)
    refused(stock.send({"document": UNKNOWN, "percentage": 0.5}), 502, 2000)


# --- Pushing and pulling ---------------------------------------------------------------------------------------------


def test_a_place_in_a_book_is_stored_and_given_back(stock: Stock, md5: str, book: Book) -> None:
    before = int(datetime.now(UTC).timestamp())
    stored = stock.push(md5, 0.25)
    assert set(stored) == {"document", "timestamp"}
    assert stored["document"] == md5
    assert is_whole(stored["timestamp"])
    assert before <= stored["timestamp"] <= before + 60
    place = stock.pull(md5)
    assert set(place) == {"document", "percentage", "progress", "device", "device_id", "timestamp"}
    assert (place["document"], place["percentage"], place["progress"]) == (md5, 0.25, XPOINTER)
    assert (place["device"], place["device_id"]) == ("Kobo_nova", "KOBO1")
    assert is_whole(place["timestamp"])
    assert before <= place["timestamp"] <= before + 60
    assert Position.objects.get().book == book


def test_the_workers_are_told_of_a_place_in_a_book(
    stock: Stock, md5: str, enqueued: list[str], django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        stock.push(UNKNOWN, 0.25)
    assert enqueued == []
    with django_capture_on_commit_callbacks(execute=True):
        stock.push(md5, 0.25)
    assert enqueued == ["reading.refresh"]


@pytest.mark.parametrize("document", [UNKNOWN, "{md5}"])
@pytest.mark.parametrize(
    ("given", "shown"), [(12, "12"), (12.0, "12"), ("12", "12"), ("12.0", "12"), (XPOINTER, XPOINTER)]
)
def test_progress_is_text_in_the_answer(document: str, given: Any, shown: str, stock: Stock, md5: str) -> None:
    document = document.format(md5=md5)
    stock.push(document, 0.5, given)
    assert stock.pull(document)["progress"] == shown


@pytest.mark.parametrize("document", [UNKNOWN, "{md5}"])
@pytest.mark.parametrize("progress", [None, "", "nonsense", CFI, True, [], {}, float("nan"), "x" * 5000])
def test_a_place_to_which_koreader_could_not_jump_is_not_given(
    document: str, progress: Any, stock: Stock, md5: str
) -> None:
    document = document.format(md5=md5)
    stock.push(document, 0.5, progress)
    assert stock.pull(document) == {}
    assert PositionWrite.objects.get().percentage == 0.5


@pytest.mark.parametrize("document", [UNKNOWN, "{md5}"])
@pytest.mark.parametrize(
    ("given", "kept"),
    [(-5, 0), (1.5, 1), (55, 1), (1e300, 1), (10**400, 1), (-(10**400), 0), ("0.25", 0.25), (0, 0), (1, 1)],
)
def test_a_percentage_is_clamped(document: str, given: Any, kept: float, stock: Stock, md5: str) -> None:
    document = document.format(md5=md5)
    stock.push(document, given)
    assert stock.pull(document)["percentage"] == kept


NO_NUMBERS = ["null", '"half"', '"nan"', '"inf"', "NaN", "Infinity", "-Infinity", "1e999", "true", "[0.5]", "{}", '""']


@pytest.mark.parametrize("document", [UNKNOWN, "{md5}"])
@pytest.mark.parametrize("given", NO_NUMBERS)
def test_a_push_without_a_percentage_keeps_the_one_that_was_there(
    document: str, given: str, stock: Stock, md5: str
) -> None:
    document = document.format(md5=md5)
    stock.push(document, 0.5, "40")
    body = json.dumps({"document": document, "progress": "41"} | stock.named)
    json_of(stock.send(body[:-1] + f', "percentage": {given}}}'))
    place = stock.pull(document)
    assert (place["percentage"], place["progress"]) == (0.5, "41")


@pytest.mark.parametrize("document", [UNKNOWN, "{md5}"])
def test_a_push_without_a_percentage_is_a_place_where_there_was_none(document: str, stock: Stock, md5: str) -> None:
    document = document.format(md5=md5)
    json_of(stock.send({"document": document, "progress": "41"}))
    place = stock.pull(document)
    assert (place["percentage"], place["progress"]) == (0, "41")


@pytest.mark.parametrize("document", [UNKNOWN, "{md5}"])
@pytest.mark.parametrize(
    "more", [{}, {"percentage": None, "progress": "nonsense"}, {"percentage": "x", "progress": []}]
)
def test_a_push_that_says_nothing_is_200_and_takes_nothing_away(
    document: str, more: dict[str, Any], stock: Stock, md5: str
) -> None:
    document = document.format(md5=md5)
    stock.push(document, 0.5)
    json_of(stock.send({"document": document} | stock.named | more))
    place = stock.pull(document)
    assert (place["percentage"], place["progress"]) == (0.5, XPOINTER)


@pytest.mark.parametrize("document", [UNKNOWN, "{md5}"])
def test_a_push_without_a_percentage_does_not_undo_what_was_read_elsewhere(
    document: str, stock: Stock, other: Stock, md5: str, time: Time
) -> None:
    document = document.format(md5=md5)
    other.push(document, 0.6, "60")
    time.pass_by(minutes=5)
    stock.push(document, None, "3")
    assert stock.pull(document)["progress"] == "60"


@pytest.mark.parametrize(
    "document",
    [
        "Foo.epub",
        "a/b/c",
        "colon:ed",
        "with space",
        "ünï",
        "x" * 200,
        "x" * 201,
        "x" * 5000,
        "\u0390" * 200,
        "..",
        "%2e",
        7,
        7.5,
        "A" * 33,
        "Foo\nBar",
    ],
)
def test_whatever_a_document_is_called_it_is_kept(document: Any, stock: Stock) -> None:
    from urllib.parse import quote

    answered = stock.push(document, 0.5)["document"]
    assert answered == str(document)
    assert stock.pull(quote(answered, safe=""))["percentage"] == 0.5


def test_two_long_documents_that_begin_alike_are_two(stock: Stock) -> None:
    for n in (1, 2):
        stock.push("x" * 500 + str(n), n / 10)
    assert [stock.pull("x" * 500 + str(n))["percentage"] for n in (1, 2)] == [0.1, 0.2]


def test_two_paths_with_one_base_name_are_two(stock: Stock) -> None:
    stock.push("one/01.epub", 0.1)
    stock.push("two/01.epub", 0.2)
    assert [stock.pull(name)["percentage"] for name in ("one/01.epub", "two/01.epub")] == [0.1, 0.2]


def test_an_md5_may_be_written_in_capitals(stock: Stock, md5: str) -> None:
    assert stock.push(md5.upper(), 0.5)["document"] == md5.upper()
    assert stock.pull(md5)["percentage"] == 0.5
    stock.push(UNKNOWN.upper(), 0.5)
    assert stock.pull(UNKNOWN)["percentage"] == 0.5
    assert DeviceFile.objects.count() == 1


@pytest.mark.parametrize("document", [UNKNOWN, "{md5}"])
@pytest.mark.parametrize(
    "named",
    [
        {"device": None, "device_id": None},
        {"device": "", "device_id": ""},
        {"device": [], "device_id": {}},
        {"device": "Kobo", "device_id": ""},
        {"device": 7, "device_id": 8},
        {"device": "K\x00obo\ud800", "device_id": "\x00"},
        {"device": "x" * 500, "device_id": "y" * 500},
    ],
)
def test_a_writer_has_a_name_and_an_id_whatever_it_calls_itself(
    document: str, named: dict[str, Any], stock: Stock, md5: str
) -> None:
    document = document.format(md5=md5)
    stock.push(document, 0.5, **named)
    place = stock.pull(document)
    assert isinstance(place["device"], str)
    assert isinstance(place["device_id"], str)
    assert place["device"]
    assert place["device_id"]


def test_a_place_whose_device_is_gone_still_has_a_writer(stock: Stock, md5: str) -> None:
    stock.push(md5, 0.5)
    Device.objects.all().delete()
    Position.objects.update(device_name="")
    place = stock.pull(md5)
    assert (place["device"], place["device_id"]) == (UNNAMED_DEVICE, UNNAMED_DEVICE)


def test_a_question_is_no_contact(stock: Stock, md5: str, time: Time) -> None:
    stock.push(md5, 0.5)
    time.pass_by(hours=1)
    stock.pull(md5)
    assert Device.objects.get().last_contact_at == START


def test_unknown_and_unread_are_an_empty_object(stock: Stock, md5: str) -> None:
    assert stock.pull(UNKNOWN) == {}
    assert stock.pull(md5) == {}
    assert not DeviceFile.objects.exists()


def test_ada_and_bob_have_places_of_their_own(stock: Stock, bob: Reader, md5: str) -> None:
    bobs = Stock(bob)
    for document in (md5, UNKNOWN, "Foo.epub"):
        stock.push(document, 0.5)
        assert bobs.pull(document) == {}
        bobs.push(document, 0.1, "3")
        assert stock.pull(document)["percentage"] == 0.5
        assert bobs.pull(document)["progress"] == "3"


def test_both_addresses_are_one_store(ada: Reader, md5: str) -> None:
    Stock(ada, "/api/v1").push(md5, 0.5)
    assert Stock(ada, "/kosync").pull(md5)["percentage"] == 0.5


# --- With Tome's plugin on another device ----------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["contents", "name"])
def test_stock_koreader_and_the_plugin_see_each_others_places(
    mode: str, stock: Stock, send: Send, device_client: Client, book: Book, md5: str, name_md5: str, time: Time
) -> None:
    document = md5 if mode == "contents" else name_md5
    stock.push(document, 0.25)
    path = f"/api/tome-sync/position/{book.pk}"
    seen = json_of(device_client.get(path, {"ko_md5": md5}))
    assert (seen["percentage"], seen["progress"], seen["device"]) == (0.25, XPOINTER, "Kobo_nova")
    time.pass_by(minutes=10)
    further = XPOINTER.replace("[9]", "[12]")
    place = {"percentage": 0.5, "progress": further, "ko_md5": md5, "device": "Kobo", "device_id": "kobo-1"}
    json_of(send("PUT", path, place | {"read_at": time.now.isoformat()}))
    pulled = stock.pull(document)
    assert (pulled["percentage"], pulled["progress"]) == (0.5, further)
    assert (pulled["device"], pulled["device_id"]) == ("Kobo", "kobo-1")
    assert pulled["timestamp"] == int(time.now.timestamp())


@pytest.mark.parametrize("mode", ["contents", "name"])
def test_a_cfi_of_the_web_reader_never_reaches_koreader(
    mode: str, stock: Stock, send: Send, book: Book, md5: str, name_md5: str
) -> None:
    document = md5 if mode == "contents" else name_md5
    json_of(send("PUT", f"/api/tome-sync/position/{book.pk}", {"percentage": 0.5, "progress": CFI, "ko_md5": md5}))
    assert stock.pull(document) == {}


def test_a_locator_of_another_file_is_not_given(stock: Stock, send: Send, book: Book, md5: str) -> None:
    place = {"percentage": 0.5, "progress": XPOINTER, "ko_md5": "b" * 32}
    json_of(send("PUT", f"/api/tome-sync/position/{book.pk}", place))
    assert stock.pull(md5) == {}


def test_the_time_is_that_of_reading(stock: Stock, send: Send, book: Book, md5: str) -> None:
    place = {"percentage": 0.5, "progress": XPOINTER, "ko_md5": md5, "read_at": "2026-01-01T00:00:00Z"}
    json_of(send("PUT", f"/api/tome-sync/position/{book.pk}", place))
    assert stock.pull(md5)["timestamp"] == int(datetime(2026, 1, 1, tzinfo=UTC).timestamp())


def test_a_place_parked_by_the_plugin_is_given_for_the_same_contents(stock: Stock, send: Send) -> None:
    item = {"file": {"filename": "odd.epub", "ko_md5": UNKNOWN}, "percentage": 0.5, "progress": XPOINTER}
    json_of(send("POST", "/api/tome-sync/sync", {"device": {"id": "kobo-1"}, "sent_at": "", "positions": [item]}), 422)
    sent_at = datetime.now(UTC).isoformat()
    json_of(send("POST", "/api/tome-sync/sync", {"device": {"id": "kobo-1"}, "sent_at": sent_at, "positions": [item]}))
    place = stock.pull(UNKNOWN)
    assert (place["percentage"], place["device_id"]) == (0.5, "kobo-1")


# --- Replayed queues -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("document", [UNKNOWN, "{md5}"])
def test_a_replayed_queue_does_not_win_over_what_was_read_elsewhere_since(
    document: str, stock: Stock, other: Stock, md5: str, time: Time
) -> None:
    document = document.format(md5=md5)
    stock.push(document, 0.1, "10")
    time.pass_by(days=2)
    other.push(document, 0.6, "60")
    time.pass_by(hours=3)
    for percentage in (0.2, 0.25, 0.3):
        stock.push(document, percentage, str(round(percentage * 100)))
        time.pass_by(seconds=2)
    place = stock.pull(document)
    assert (place["percentage"], place["progress"], place["device_id"]) == (0.6, "60", "PHONE1")
    assert PositionWrite.objects.count() == 5
    # After a pause it is the reader who turns pages, and may do so wherever they like.
    time.pass_by(seconds=25)
    stock.push(document, 0.31, "31")
    assert stock.pull(document)["percentage"] == 0.31


@pytest.mark.parametrize("document", [UNKNOWN, "{md5}"])
def test_a_replayed_queue_of_several_documents_is_one_run(
    document: str, stock: Stock, other: Stock, md5: str, time: Time
) -> None:
    document = document.format(md5=md5)
    other.push(document, 0.6, "60")
    time.pass_by(hours=3)
    for n in range(15):
        stock.push(f"{n:032}", 0.5)
        time.pass_by(seconds=2)
    stock.push(document, 0.3, "30")
    assert stock.pull(document)["percentage"] == 0.6


@pytest.mark.parametrize("document", [UNKNOWN, "{md5}"])
def test_a_queue_that_stops_and_goes_on_later_does_not_win_either(
    document: str, stock: Stock, other: Stock, md5: str, time: Time
) -> None:
    """That the device was heard of meanwhile, about another document, says nothing of this one."""
    document = document.format(md5=md5)
    stock.push(document, 0.1, "10")
    time.pass_by(days=1)
    other.push(document, 0.6, "60")
    time.pass_by(hours=3)
    stock.push("f" * 32, 0.3)
    time.pass_by(minutes=1)  # the rest had timed out
    stock.push(document, 0.3, "30")
    assert stock.pull(document)["progress"] == "60"


@pytest.mark.parametrize("document", [UNKNOWN, "{md5}"])
def test_the_same_push_again_does_not_win(document: str, stock: Stock, md5: str, time: Time) -> None:
    document = document.format(md5=md5)
    for percentage in (0.1, 0.2, 0.3, 0.1):
        stock.push(document, percentage, str(round(percentage * 100)))
        time.pass_by(minutes=1)
    assert stock.pull(document)["percentage"] == 0.3


@pytest.mark.parametrize("document", [UNKNOWN, "{md5}"])
def test_reading_back_on_ones_own_device_moves_the_place_back(
    document: str, stock: Stock, md5: str, time: Time
) -> None:
    document = document.format(md5=md5)
    stock.push(document, 0.5, "50")
    time.pass_by(seconds=3)
    stock.push(document, 0.3, "30")
    assert stock.pull(document)["progress"] == "30"


@pytest.mark.parametrize("document", [UNKNOWN, "{md5}"])
def test_two_devices_may_take_turns(document: str, stock: Stock, other: Stock, md5: str, time: Time) -> None:
    document = document.format(md5=md5)
    for n, device in enumerate((stock, other, stock, other)):
        device.push(document, (n + 1) / 10, str(n + 1))
        time.pass_by(minutes=30)
        assert stock.pull(document)["progress"] == str(n + 1)


# --- Documents that the library does not know yet --------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["contents", "name"])
def test_two_stock_koreaders_share_a_book_before_and_after_it_comes(
    mode: str, stock: Stock, other: Stock, make_epub: Callable[..., Path], settings: Any, time: Time
) -> None:
    path = make_epub("Emma.epub", title="Emma")
    from tests.books import partial_md5

    document = partial_md5(path) if mode == "contents" else md5_of_name("Emma.epub")
    stock.push(document, 0.4, XPOINTER)
    assert other.pull(document)["progress"] == XPOINTER
    time.pass_by(minutes=5)
    emma = add_book(path, settings.LIBRARY_DIR, title="Emma")
    assert adopt_known_files()[0] == 1
    assert Position.objects.get().book == emma
    place = other.pull(document)
    assert (place["percentage"], place["progress"], place["device_id"]) == (0.4, XPOINTER, "KOBO1")
    other.push(document, 0.5, "/body/DocFragment[10]")
    assert stock.pull(document)["progress"] == "/body/DocFragment[10]"
    assert adopt_known_files()[0] == 0


def test_what_the_plugin_links_is_known_to_kosync_by_contents_and_by_name(
    stock: Stock, send: Send, device_client: Client, book: Book, time: Time
) -> None:
    by_name = md5_of_name("scan.epub")
    for n, document in enumerate((UNKNOWN, by_name)):
        stock.push(document, 0.1 + n / 10, XPOINTER)
        time.pass_by(minutes=1)
    json_of(send("PUT", "/api/tome-sync/link", {"filename": "scan.epub", "ko_md5": UNKNOWN, "book_id": book.pk}))
    seen = json_of(device_client.get(f"/api/tome-sync/position/{book.pk}", {"ko_md5": UNKNOWN}))
    assert (seen["percentage"], seen["progress"]) == (0.2, XPOINTER)
    for document in (UNKNOWN, by_name):
        assert stock.pull(document)["percentage"] == 0.2
    stock.push(by_name, 0.3, "/body/DocFragment[10]")
    assert stock.pull(UNKNOWN)["progress"] == "/body/DocFragment[10]"
    json_of(send("PUT", "/api/tome-sync/link", {"filename": "scan.epub", "ko_md5": UNKNOWN}))
    assert not PositionWrite.objects.exclude(book=None).exists()
    assert stock.pull(by_name)["progress"] == "/body/DocFragment[10]"


# --- What it may cost ------------------------------------------------------------------------------------------------


def test_few_queries_are_asked(
    stock: Stock, md5: str, name_md5: str, time: Time, django_assert_max_num_queries: Any
) -> None:
    stock.push(md5, 0.1)
    stock.push(UNKNOWN, 0.1)
    for n, (document, puts, gets) in enumerate([(md5, 14, 5), (name_md5, 15, 6), (UNKNOWN, 14, 5)]):
        with django_assert_max_num_queries(puts):  # a savepoint is two of them
            stock.push(document, 0.2 + n / 10)
        with django_assert_max_num_queries(gets):
            assert stock.pull(document)


# --- At once ---------------------------------------------------------------------------------------------------------


@pytest.mark.locking
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("document", [UNKNOWN, "{md5}"])
def test_pushes_that_come_at_once_are_all_kept_and_one_of_them_holds(document: str, ada: Reader, md5: str) -> None:
    document = document.format(md5=md5)
    devices = [Stock(ada, BASES[n % 2], device=f"Device {n}", device_id=f"D{n % 3}") for n in range(6)]
    start = Barrier(len(devices))

    def push(n: int) -> int:
        start.wait()
        try:
            sent = {"document": document, "percentage": n / 10, "progress": str(n)} | devices[n].named
            return int(devices[n].send(sent).status_code)
        finally:
            connection.close()

    with ThreadPoolExecutor(len(devices)) as pool:
        assert list(pool.map(push, range(len(devices)))) == [200] * len(devices)
    assert PositionWrite.objects.count() == len(devices)
    assert Device.objects.count() == 3
    assert DeviceFile.objects.count() <= 1
    assert devices[0].pull(document)["progress"] in {str(n) for n in range(len(devices))}


# --- Whatever is sent ------------------------------------------------------------------------------------------------

ARBITRARY = examples(
    max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
PUSH = item(
    {
        "document": st.sampled_from([UNKNOWN, UNKNOWN.upper(), "Foo.epub"]) | NAMES,
        "progress": NUMBERS | NAMES | st.sampled_from([XPOINTER, "12", CFI]),
        "percentage": st.floats(0, 1) | NUMBERS | NAMES,
        "device": NAMES,
        "device_id": NAMES,
        "metadata": item({"filename": NAMES, "title": NAMES, "authors": st.lists(TEXT, max_size=3) | TEXT}),
    }
)


@pytest.fixture
def first_stock(ada: Reader, book: Book) -> Stock:
    return Stock(ada)


@ARBITRARY
@given(sent=PUSH)
def test_any_json_is_taken_or_names_no_document(sent: Any, first_stock: Stock) -> None:
    response = first_stock.send(json.dumps(sent))
    if response.status_code == 403:
        refused(response, 403, 2004)
        return
    body = json_of(response)
    assert set(body) == {"document", "timestamp"}
    assert body["document"]
    place = json_of(first_stock.client.get(_path_of(body["document"])))
    assert set(place) in (set(), {"document", "percentage", "progress", "device", "device_id", "timestamp"})
    if place:
        assert all(isinstance(place[name], str) and place[name] for name in ("progress", "device", "device_id"))
        assert is_number(place["percentage"])
        assert 0 <= place["percentage"] <= 1
        assert is_whole(place["timestamp"])
        assert not place["progress"].startswith("epubcfi")


@ARBITRARY
@given(sent=ANYTHING)
def test_anything_in_a_pushs_place_is_no_crash(sent: Any, first_stock: Stock) -> None:
    assert first_stock.send(json.dumps(sent)).status_code in (200, 403)


@ARBITRARY
@given(body=st.binary(max_size=60))
def test_bytes_that_may_not_even_be_text_name_no_document(body: bytes, first_stock: Stock) -> None:
    refused(first_stock.send(body), 403, 2004)


def _path_of(document: str) -> str:
    from urllib.parse import quote

    return f"/api/v1/syncs/progress/{quote(document, safe='')}"


@pytest.fixture(autouse=True)
def _quiet(caplog: pytest.LogCaptureFixture) -> None:
    """Each refusal is a line in the log; thousands of them would bury a failure."""
    caplog.set_level("CRITICAL")
