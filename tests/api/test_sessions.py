from typing import Any

import pytest

from accounts.models import Device, Reader
from library.models import Book
from reading.models import BookDay, Session, StaleDay
from reading.refreshing import refresh
from tests.api.answers import detail_of, is_whole, json_of, wrong_fields
from tests.api.conftest import HALF_PAST, NOON, Send, now

PATH = "/api/tome-sync/session"


@pytest.fixture
def session(book: Book) -> dict[str, Any]:
    """Half an hour of Ada's reading, as an older plugin sends it."""
    return {
        "book_id": book.pk,
        "started_at": NOON,
        "ended_at": HALF_PAST,
        "duration_seconds": 1800,
        "progress_start": 0.1,
        "progress_end": 0.2,
        "pages_turned": 12,
        "device": "KOReader",
        "session_uuid": f"{book.pk}-1777636800-KOReader",
    }


def test_a_session_is_stored_with_its_id(send: Send, session: dict[str, Any], book: Book) -> None:
    body = json_of(send("POST", PATH, session), 201)
    assert set(body) == {"session_id", "book_id"}
    assert is_whole(body["session_id"])
    stored = Session.objects.get(pk=body["session_id"])
    assert body["book_id"] == stored.book_id == book.pk
    assert (stored.uuid, stored.seconds, stored.pages) == (session["session_uuid"], 1800, 12)
    assert (stored.progress_start, stored.progress_end) == (0.1, 0.2)
    assert stored.device is not None
    assert stored.device.name == "KOReader"


def test_the_workers_are_told(
    send: Send, session: dict[str, Any], enqueued: list[str], django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        send("POST", PATH, session)
    assert enqueued == ["reading.refresh"]


def test_the_same_session_again_is_201_with_the_first_id(send: Send, session: dict[str, Any]) -> None:
    first = json_of(send("POST", PATH, session), 201)
    for changed in ({}, {"ended_at": "2026-05-01T13:00:00Z"}, {"duration_seconds": 2}, {"book_id": 4711}):
        assert json_of(send("POST", PATH, session | changed), 201) == first
    assert Session.objects.get().seconds == 1800


def test_a_session_without_a_name_is_known_again_too(send: Send, session: dict[str, Any]) -> None:
    for name in (None, ""):
        session["session_uuid"] = name
        json_of(send("POST", PATH, session), 201)
    assert Session.objects.count() == 1


@pytest.mark.parametrize(
    ("changed", "seconds"),
    [
        ({"ended_at": None}, 1800),
        ({"duration_seconds": None}, 1800),
        ({"duration_seconds": 60.5}, 60.5),
        ({"duration_seconds": 10}, 10),
        ({"started_at": "2026-05-01T14:00:00+02:00", "ended_at": "2026-05-01T08:30:00-04:00"}, 1800),
    ],
)
def test_end_and_duration_make_up_for_each_other(
    changed: dict[str, Any], seconds: float, send: Send, session: dict[str, Any]
) -> None:
    json_of(send("POST", PATH, session | changed), 201)
    assert Session.objects.get().seconds == seconds


@pytest.mark.parametrize(
    "changed",
    [
        {"duration_seconds": 9.9},
        {"duration_seconds": 0},
        {"ended_at": NOON, "duration_seconds": None},
        {"ended_at": None, "duration_seconds": None},
    ],
)
def test_what_is_too_short_is_200_and_ignored(changed: dict[str, Any], send: Send, session: dict[str, Any]) -> None:
    body = json_of(send("POST", PATH, session | changed), 200)
    assert set(body) == {"ignored"}
    assert body["ignored"].endswith(".")
    assert not Session.objects.exists()


@pytest.mark.parametrize("field", ["started_at", "ended_at", "sent_at"])
@pytest.mark.parametrize(
    "text", ["yesterday", "", "2026-05-32T00:00:00Z", "1763860000", "0001-01-01T00:00:00+14:00", "\ud800", "\u0000"]
)
def test_a_date_that_cannot_be_read_is_400(field: str, text: str, send: Send, session: dict[str, Any]) -> None:
    assert field in detail_of(send("POST", PATH, session | {field: text}), 400)
    assert not Session.objects.exists()


@pytest.mark.parametrize(
    ("changed", "flag"),
    [
        ({"started_at": "1970-01-01T00:10:00Z", "ended_at": "1970-01-01T00:40:00Z"}, "before_time"),
        ({"started_at": "2077-01-01T00:10:00Z", "ended_at": "2077-01-01T00:40:00Z"}, "future"),
        ({"started_at": HALF_PAST, "ended_at": NOON}, "ends_before_start"),
        ({"duration_seconds": -600}, "ends_before_start"),
        ({"started_at": "2001-01-01T00:00:00Z", "ended_at": "2026-01-01T00:00:00Z"}, "too_long"),
        ({"started_at": "1976-01-01T00:00:00Z", "ended_at": None, "duration_seconds": 50 * 365 * 86400}, "before_time"),
        ({"started_at": "0001-01-01T00:00:00Z", "ended_at": "9999-12-31T23:59:59Z"}, "before_time"),
        ({"ended_at": None, "duration_seconds": 1e308}, "future"),
        ({"ended_at": None, "duration_seconds": -1e308}, "ends_before_start"),
    ],
)
def test_an_implausible_session_is_201_and_not_counted(
    changed: dict[str, Any], flag: str, send: Send, session: dict[str, Any]
) -> None:
    json_of(send("POST", PATH, session | {"duration_seconds": None} | changed), 201)
    assert Session.objects.get().flag == flag
    assert refresh()
    assert not BookDay.objects.exists()


@pytest.mark.parametrize("book_id", [4711, 0, -1, 2**63 - 1, -(2**63) + 1])
def test_a_session_of_a_book_that_is_gone_is_201_without_a_book(
    book_id: int, send: Send, session: dict[str, Any]
) -> None:
    body = json_of(send("POST", PATH, session | {"book_id": book_id}), 201)
    assert set(body) == {"session_id"}
    stored = Session.objects.get()
    assert (stored.book, stored.claimed_book_id) == (None, book_id)
    assert not StaleDay.objects.exists()


def test_a_book_that_is_not_to_be_seen_is_as_good_as_gone(send: Send, session: dict[str, Any]) -> None:
    Book.objects.update(is_active=False)
    assert set(json_of(send("POST", PATH, session), 201)) == {"session_id"}


def test_a_file_stands_in_for_the_id(send: Send, session: dict[str, Any], book: Book) -> None:
    del session["book_id"]
    file = book.files.get()
    session["file"] = {"filename": "other.epub", "ko_md5": file.ko_md5, "size": file.size, "authors": ["A", "B"]}
    assert json_of(send("POST", PATH, session), 201)["book_id"] == book.pk


def test_a_deleted_books_session_waits_under_its_file(send: Send, session: dict[str, Any]) -> None:
    session |= {"book_id": 4711, "file": {"filename": "gone.epub", "ko_md5": None, "size": None, "folder": "x"}}
    assert set(json_of(send("POST", PATH, session), 201)) == {"session_id"}
    stored = Session.objects.get()
    assert stored.file is not None
    assert (stored.file.filename, stored.claimed_book_id) == ("gone.epub", 4711)


@pytest.mark.parametrize(
    ("changed", "wrong"),
    [
        ({"book_id": None}, "book_id"),
        ({"book_id": None, "file": None}, "book_id"),
        ({"book_id": "one"}, "book_id"),
        ({"book_id": 1.5}, "book_id"),
        ({"book_id": True}, "book_id"),
        ({"book_id": 2**63}, "book_id"),
        ({"book_id": 10**30}, "book_id"),
        ({"book_id": [1]}, "book_id"),
        ({"file": {}}, "filename"),
        ({"file": {"filename": None}}, "filename"),
        ({"file": "gone.epub"}, "file"),
        ({"started_at": None}, "started_at"),
        ({"started_at": 1763860000}, "started_at"),
        ({"ended_at": 1763860000}, "ended_at"),
        ({"duration_seconds": "long"}, "duration_seconds"),
        ({"duration_seconds": True}, "duration_seconds"),
        ({"duration_seconds": float("nan")}, "duration_seconds"),
        ({"progress_start": float("inf")}, "progress_start"),
        ({"progress_end": "x"}, "progress_end"),
        ({"pages_turned": "many"}, "pages_turned"),
        ({"pages_turned": float("nan")}, "pages_turned"),
        ({"pages_turned": {}}, "pages_turned"),
        ({"device": 5}, "device"),
        ({"device_id": "x" * 201}, "device_id"),
        ({"session_uuid": 5}, "session_uuid"),
        ({"session_uuid": "x" * 201}, "session_uuid"),
        ({"timezone": 1}, "timezone"),
    ],
)
def test_a_session_that_makes_no_sense_is_422(
    changed: dict[str, Any], wrong: str, send: Send, session: dict[str, Any]
) -> None:
    assert wrong in wrong_fields(send("POST", PATH, session | changed))
    assert not Session.objects.exists()


@pytest.mark.parametrize("uuid", ["x" * 200, "12-1763860000-KOReader", "ü" * 200, "  ", "'; DROP TABLE", "\U0001f600"])
def test_any_name_up_to_200_characters_will_do(uuid: str, send: Send, session: dict[str, Any]) -> None:
    ids = {json_of(send("POST", PATH, session | {"session_uuid": uuid}), 201)["session_id"] for _ in range(2)}
    assert len(ids) == 1
    assert Session.objects.get().uuid == uuid


@pytest.mark.parametrize(
    "changed",
    [
        {"pages_turned": 2**62},
        {"pages_turned": -5},
        {"pages_turned": 3.7},
        {"progress_start": -1e300, "progress_end": 1e300},
        {"device": "x" * 5000},
        {"device": "\ud800\u0000"},
        {"device_id": ""},
        {"timezone": "Mars/Olympus"},
        {"timezone": "../../etc/passwd"},
        {"timezone": "+99:99"},
        {"timezone": "x" * 500},
        {"session_uuid": "a\u0000b\ud800"},
        {"file": {"filename": "\u0000", "title": "\ud800", "authors": {}}},
        {"unknown": {"deep": [None] * 9}},
        {"sent_at": "1970-01-01T00:00:00Z"},
        {"sent_at": "3000-12-31T23:59:59Z"},
    ],
)
def test_what_is_odd_in_the_smaller_fields_loses_no_session(
    changed: dict[str, Any], send: Send, session: dict[str, Any]
) -> None:
    json_of(send("POST", PATH, session | changed), 201)
    assert refresh()


def test_null_fields_are_as_good_as_none_at_all(send: Send, session: dict[str, Any], book: Book) -> None:
    fields = {"file", "duration_seconds", "progress_start", "progress_end", "pages_turned", "device", "device_id"}
    nothing = dict.fromkeys(fields | {"timezone", "sent_at"})
    assert json_of(send("POST", PATH, session | nothing), 201)["book_id"] == book.pk


def test_a_device_is_known_by_its_id_and_named_by_its_name(send: Send, session: dict[str, Any], ada: Reader) -> None:
    for number, name in enumerate(("Kobo", "Ada's Kobo")):
        session |= {"session_uuid": str(number), "device_id": "kobo-1", "device": name}
        json_of(send("POST", PATH, session), 201)
    assert Device.objects.get().name == "Ada's Kobo"


def test_a_session_sent_now_by_a_clock_that_is_wrong_is_put_right(send: Send, session: dict[str, Any]) -> None:
    session |= {"started_at": "1970-01-01T01:00:00Z", "ended_at": "1970-01-01T01:30:00Z"}
    session["sent_at"] = "1970-01-01T01:31:00Z"
    json_of(send("POST", PATH, session), 201)
    stored = Session.objects.get()
    assert stored.flag == ""
    assert stored.started_at.isoformat()[:4] == now()[:4]


def test_bobs_sessions_are_his_though_they_have_the_same_name(
    send: Send, send_as_bob: Send, session: dict[str, Any], ada: Reader, bob: Reader
) -> None:
    adas = json_of(send("POST", PATH, session), 201)
    bobs = json_of(send_as_bob("POST", PATH, session | {"pages_turned": 1}), 201)
    assert adas["session_id"] != bobs["session_id"]
    assert Session.objects.get(reader=ada).pages == 12
    assert Session.objects.get(reader=bob).pages == 1
