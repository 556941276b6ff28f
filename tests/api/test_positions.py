from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from library.models import Book
from reading.models import Position, PositionWrite
from tests.api.answers import detail_of, is_number, is_time, is_whole, json_of, wrong_fields
from tests.api.conftest import NOON, XPOINTER, Send, now


@pytest.fixture
def path(book: Book) -> str:
    return f"/api/tome-sync/position/{book.pk}"


def test_a_place_is_stored_and_given_back(path: str, send: Send, device_client: Client, book: Book) -> None:
    stored = json_of(send("PUT", path, {"percentage": 0.25, "progress": XPOINTER, "device": "Kobo"}))
    assert set(stored) == {"ok", "timestamp", "revision", "verdict"}
    assert (stored["ok"], stored["revision"], stored["verdict"]) == (True, 1, "stored")
    assert is_time(stored["timestamp"])
    place = json_of(device_client.get(path))
    assert set(place) == {
        "book_id",
        "progress",
        "percentage",
        "device",
        "updated_at",
        "revision",
        "precision",
        "read_at",
    }
    assert (place["book_id"], place["progress"], place["percentage"]) == (book.pk, XPOINTER, 0.25)
    assert (place["device"], place["revision"], place["precision"]) == ("Kobo", 1, "exact")
    assert is_time(place["updated_at"])
    assert is_time(place["read_at"])
    assert is_whole(place["book_id"])
    assert is_number(place["percentage"])


def test_the_workers_are_told(
    path: str, send: Send, enqueued: list[str], django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        send("PUT", path, {"percentage": 0.25})
    assert enqueued == ["reading.refresh"]


@pytest.mark.parametrize(("given", "shown"), [(12, "12"), (12.0, "12"), ("12", "12"), ("12.0", "12"), (0, "0")])
def test_a_page_number_is_text_in_the_answer(
    given: Any, shown: str, path: str, send: Send, device_client: Client
) -> None:
    json_of(send("PUT", path, {"percentage": 0.5, "progress": given}))
    assert json_of(device_client.get(path))["progress"] == shown


@pytest.mark.parametrize("progress", [None, "", "nonsense", "epubcfi(/6/4!/4/2/1:3)"])
def test_a_locator_that_koreader_cannot_use_is_left_out(
    progress: str | None, path: str, send: Send, device_client: Client
) -> None:
    json_of(send("PUT", path, {"percentage": 0.5, "progress": progress}))
    place = json_of(device_client.get(path))
    assert "progress" not in place
    assert place["precision"] == "percent"


@pytest.mark.parametrize(
    ("sent", "wanted", "is_given"),
    [
        ("epubcfi(/6/4!/4/2/1:3)", "cfi", True),
        ("epubcfi(/6/4!/4/2/1:3)", "xpointer", False),
        (XPOINTER, "xpointer", True),
        (XPOINTER, "page", False),
        ("7", "page", True),
        ("7", "", True),
    ],
)
def test_who_asks_for_one_kind_of_locator_gets_no_other(
    sent: str, wanted: str, is_given: bool, path: str, send: Send, device_client: Client
) -> None:
    json_of(send("PUT", path, {"percentage": 0.5, "progress": sent}))
    assert ("progress" in json_of(device_client.get(path, {"locator": wanted}))) is is_given


def test_a_locator_is_for_the_file_that_it_belongs_to(path: str, send: Send, device_client: Client) -> None:
    json_of(send("PUT", path, {"percentage": 0.5, "progress": XPOINTER, "ko_md5": "A" * 32}))
    assert "progress" in json_of(device_client.get(path, {"ko_md5": "a" * 32}))
    assert "progress" not in json_of(device_client.get(path, {"ko_md5": "b" * 32, "device_id": "other"}))


def test_a_stale_write_is_told_so_with_the_current_place(path: str, send: Send, book: Book) -> None:
    json_of(send("PUT", path, {"percentage": 0.5, "device": "Kobo", "read_at": "2026-05-01T12:00:00Z"}))
    late = {"percentage": 0.9, "device": "Kindle", "device_id": "kindle-1", "read_at": "2026-05-01T11:00:00+00:00"}
    answer = json_of(send("PUT", path, late))
    assert set(answer) == {"ok", "timestamp", "revision", "verdict", "current"}
    assert (answer["verdict"], answer["revision"]) == ("stale", 1)
    current = answer["current"]
    assert set(current) == {"book_id", "percentage", "device", "updated_at", "revision", "precision", "read_at"}
    assert (current["percentage"], current["device"], current["read_at"]) == (0.5, "Kobo", "2026-05-01T12:00:00.000Z")
    assert Position.objects.get().percentage == 0.5
    assert list(PositionWrite.objects.order_by("pk").values_list("verdict", flat=True)) == ["stored", "stale"]


def test_a_clock_three_hours_wrong_does_not_matter(path: str, send: Send, device_client: Client) -> None:
    moment = timezone.now()
    wrong = timedelta(hours=-3)
    json_of(send("PUT", path, {"percentage": 0.5, "read_at": (moment - timedelta(hours=1)).isoformat()}))
    late = {
        "percentage": 0.6,
        "device_id": "kindle-1",
        "read_at": (moment - timedelta(minutes=5) + wrong).isoformat(),
        "sent_at": (moment + wrong).isoformat(),
    }
    assert json_of(send("PUT", path, late))["verdict"] == "stored"
    read_at = Position.objects.get().read_at
    assert abs(read_at - (moment - timedelta(minutes=5))) < timedelta(seconds=30)


@pytest.mark.parametrize(("given", "kept"), [(-5, 0), (1.5, 1), (55, 1), (1e300, 1), ("0.25", 0.25), (0, 0), (1, 1)])
def test_a_percentage_is_clamped(given: Any, kept: float, path: str, send: Send, device_client: Client) -> None:
    json_of(send("PUT", path, {"percentage": given}))
    assert json_of(device_client.get(path))["percentage"] == kept


@pytest.mark.parametrize(
    ("body", "wrong"),
    [
        ({}, "percentage"),
        ({"percentage": None}, "percentage"),
        ({"percentage": "half"}, "percentage"),
        ({"percentage": "nan"}, "percentage"),
        ({"percentage": True}, "percentage"),
        ({"percentage": [0.5]}, "percentage"),
        ('{"percentage": NaN}', "percentage"),
        ('{"percentage": Infinity}', "percentage"),
        ('{"percentage": -Infinity}', "percentage"),
        ('{"percentage": 1e999}', "percentage"),
        ({"percentage": 0.5, "progress": 12.5}, "progress"),
        ({"percentage": 0.5, "progress": True}, "progress"),
        ({"percentage": 0.5, "progress": {}}, "progress"),
        ({"percentage": 0.5, "progress": "x" * 4001}, "progress"),
        ({"percentage": 0.5, "device": 7}, "device"),
        ({"percentage": 0.5, "device_id": "x" * 201}, "device_id"),
        ({"percentage": 0.5, "read_at": "yesterday"}, "read_at"),
        ({"percentage": 0.5, "read_at": 1763860000}, "read_at"),
        ({"percentage": 0.5, "sent_at": "2026-13-01T00:00:00Z"}, "sent_at"),
        ({"percentage": 0.5, "sent_at": "0001-01-01T00:00:00+14:00"}, "sent_at"),
        ({"percentage": 0.5, "base_revision": -1}, "base_revision"),
        ({"percentage": 0.5, "base_revision": 2**31}, "base_revision"),
        ({"percentage": 0.5, "base_revision": "new"}, "base_revision"),
        ({"percentage": 0.5, "ko_md5": "a" * 33}, "ko_md5"),
    ],
)
def test_a_place_that_makes_no_sense_is_422_and_stored_nowhere(body: Any, wrong: str, path: str, send: Send) -> None:
    assert wrong_fields(send("PUT", path, body)) == {wrong}
    assert not PositionWrite.objects.exists()


def test_null_fields_are_as_good_as_none_at_all(path: str, send: Send) -> None:
    fields = ["progress", "device", "device_id", "read_at", "sent_at", "base_revision", "ko_md5"]
    body = {"percentage": 0.5} | dict.fromkeys(fields)
    assert json_of(send("PUT", path, body))["verdict"] == "stored"


@pytest.mark.parametrize("year", ["0001-01-01T00:00:00Z", "1970-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z"])
@pytest.mark.parametrize("field", ["read_at", "sent_at"])
def test_any_year_is_taken(field: str, year: str, path: str, send: Send, device_client: Client) -> None:
    body = {"percentage": 0.5, "read_at": NOON, "sent_at": now()} | {field: year}
    assert json_of(send("PUT", path, body))["verdict"] == "stored"
    json_of(device_client.get(path))


def test_text_that_no_database_takes_is_taken(path: str, send: Send, device_client: Client) -> None:
    body = '{"percentage": 0.5, "progress": "a\\u0000\\ud800b", "device": "K\\u0000obo\\udfff", "device_id": "\\u0000"}'
    json_of(send("PUT", path, body))
    assert json_of(device_client.get(path))["device"] == "Kobo?"


def test_a_device_without_a_name_is_called_something(path: str, send: Send, device_client: Client) -> None:
    json_of(send("PUT", path, {"percentage": 0.5}))
    assert json_of(device_client.get(path))["device"] == "unknown"


def test_a_book_without_a_place_and_no_book_are_both_404(
    path: str, send: Send, device_client: Client, book: Book
) -> None:
    detail_of(device_client.get(path), 404)
    missing = [f"/api/tome-sync/position/{book_id}" for book_id in (book.pk + 1, 0, -1, 2**63 - 1, 2**63, 10**30)]
    for other in missing:
        assert detail_of(device_client.get(other), 404) == "There is no such book."
        assert detail_of(send("PUT", other, {"percentage": 0.5}), 404) == "There is no such book."
    json_of(send("PUT", path, {"percentage": 0.5}))
    Book.objects.update(is_active=False)
    assert detail_of(device_client.get(path), 404) == "There is no such book."
    assert detail_of(send("PUT", path, {"percentage": 0.6}), 404) == "There is no such book."


@pytest.mark.parametrize("book_id", ["one", "1.5", "%00", "1;2"])
def test_an_id_that_is_no_number_is_422(book_id: str, send: Send, device_client: Client) -> None:
    assert wrong_fields(device_client.get(f"/api/tome-sync/position/{book_id}")) == {"book_id"}
    assert wrong_fields(send("PUT", f"/api/tome-sync/position/{book_id}", {"percentage": 0.5})) == {"book_id"}


@pytest.mark.parametrize("query", [{"locator": "paragraph"}, {"ko_md5": "a" * 33}])
def test_an_asker_that_makes_no_sense_is_422(query: dict[str, str], path: str, device_client: Client) -> None:
    assert wrong_fields(device_client.get(path, query)) == set(query)


def test_ada_and_bob_have_places_of_their_own_in_one_book(
    path: str, send: Send, send_as_bob: Send, device_client: Client, strange_client: Client
) -> None:
    json_of(send("PUT", path, {"percentage": 0.5, "progress": XPOINTER, "device_id": "kobo-1", "device": "Kobo"}))
    detail_of(strange_client.get(path, {"device_id": "kobo-1"}), 404)
    bobs = json_of(send_as_bob("PUT", path, {"percentage": 0.1, "device_id": "kobo-1", "base_revision": 0}))
    assert (bobs["verdict"], bobs["revision"]) == ("stored", 1)
    adas = json_of(device_client.get(path))
    assert (adas["percentage"], adas["device"]) == (0.5, "Kobo")
