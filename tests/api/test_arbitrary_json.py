"""Whatever JSON a device sends, the answer has the documented shape: never a crash, never a row that is not told of."""

import json
from typing import Any

import pytest
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from library.models import Book
from reading.models import PositionWrite, Session
from tests.api.answers import detail_of, is_number, is_time, is_whole, json_of, wrong_fields
from tests.api.conftest import HALF_PAST, NOON, XPOINTER, sender

# One database and one client serve all examples of a test: rows of an earlier example may be there, as on a server.
ARBITRARY = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)

# Lone surrogates and NUL are part of it.
TEXT = st.text(st.characters(categories=["L", "N", "P", "S", "Z", "C", "Cs"]), max_size=30)
NUMBERS = st.one_of(
    st.integers(),
    st.floats(),
    st.sampled_from([0, 1, -1, 2**31, 2**63 - 1, 2**63, -(2**63), 2**64, 10**40, 1e308, 5e-324, float("nan")]),
)
ANYTHING = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)
TIMES = st.one_of(
    st.datetimes().map(lambda moment: moment.isoformat() + "Z"),
    st.sampled_from([NOON, HALF_PAST, "0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z", "2026-05-01", "20260501"]),
)
NAMES = TEXT | st.sampled_from(["", "one", "x" * 200, "x" * 201, "unknown.epub", "A Study in Scarlet.epub", "../x"])
FRACTIONS = st.floats(0, 1) | NUMBERS


def item(fields: dict[str, st.SearchStrategy[Any]]) -> st.SearchStrategy[Any]:
    """An object with some of these fields, most of them plausible, some of them anything; or no object at all."""
    mostly = {name: st.one_of(values, values, values, ANYTHING) for name, values in fields.items()}
    return st.one_of(*[st.fixed_dictionaries({}, optional=mostly)] * 4, ANYTHING)


FILE = item(
    {
        "filename": NAMES,
        "ko_md5": st.sampled_from(["a" * 32, "A" * 32, ""]) | TEXT,
        "size": NUMBERS,
        "folder": NAMES,
        "title": NAMES,
        "authors": st.lists(TEXT, max_size=3) | TEXT,
    }
)
BOOK_ID = st.integers(-1, 3) | NUMBERS
SESSION_FIELDS = {
    "book_id": BOOK_ID,
    "file": FILE,
    "started_at": TIMES,
    "ended_at": TIMES,
    "duration_seconds": NUMBERS,
    "progress_start": FRACTIONS,
    "progress_end": FRACTIONS,
    "pages_turned": NUMBERS,
    "device": NAMES,
    "device_id": NAMES,
    "session_uuid": NAMES,
    "timezone": NAMES | st.sampled_from(["Europe/Berlin", "+02:00", "-1400"]),
    "sent_at": TIMES,
}
PLACE_FIELDS = {
    "percentage": FRACTIONS,
    "progress": NUMBERS | NAMES | st.sampled_from([XPOINTER, "12", "epubcfi(/6/4!)"]),
    "device": NAMES,
    "device_id": NAMES,
    "read_at": TIMES,
    "sent_at": TIMES,
    "base_revision": st.integers(0, 9) | NUMBERS,
    "ko_md5": st.just("a" * 32) | TEXT,
}
SESSION = item(SESSION_FIELDS)
PLACE = item(PLACE_FIELDS)
PLACE_ITEM = item(PLACE_FIELDS | {"book_id": BOOK_ID, "file": FILE})
BATCH = item(
    {
        "device": item({"id": NAMES, "name": NAMES, "model": NAMES, "plugin_version": NAMES | NUMBERS}),
        "sent_at": TIMES,
        "timezone": NAMES,
        "positions": st.just({}) | st.lists(PLACE_ITEM, max_size=3),
        "sessions": st.just({}) | st.lists(SESSION, max_size=3),
    }
)


@ARBITRARY
@given(sent=SESSION)
def test_a_session(sent: Any, device_client: Client, book: Book) -> None:
    before = Session.objects.count()
    answer = sender(device_client)("POST", "/api/tome-sync/session", json.dumps(sent))
    added = Session.objects.count() - before
    if answer.status_code == 201:
        body = json_of(answer, 201)
        assert {"session_id"} <= body.keys() <= {"session_id", "book_id"}
        assert all(is_whole(number) for number in body.values())
        assert Session.objects.filter(pk=body["session_id"]).exists()
        assert added in (0, 1)
        return
    assert added == 0
    if answer.status_code == 200:
        assert set(json_of(answer)) == {"ignored"}
    elif answer.status_code == 400:
        detail_of(answer, 400)
    else:
        wrong_fields(answer)


@ARBITRARY
@given(sent=PLACE)
def test_a_place(sent: Any, device_client: Client, book: Book) -> None:
    before = PositionWrite.objects.count()
    answer = sender(device_client)("PUT", f"/api/tome-sync/position/{book.pk}", json.dumps(sent))
    if answer.status_code != 200:
        wrong_fields(answer)
        assert PositionWrite.objects.count() == before
        return
    body = json_of(answer)
    assert {"ok", "timestamp", "revision", "verdict"} <= body.keys()
    assert body["verdict"] in ("stored", "stale")
    assert is_whole(body["revision"])
    assert (body["verdict"] == "stale") == ("current" in body)
    current = json_of(device_client.get(f"/api/tome-sync/position/{book.pk}"))
    check_place(current)
    assert current["revision"] == body["revision"]


@ARBITRARY
@given(sent=BATCH)
def test_a_batch(sent: Any, device_client: Client, book: Book) -> None:
    answer = sender(device_client)("POST", "/api/tome-sync/sync", json.dumps(sent))
    if answer.status_code != 200:
        wrong_fields(answer)
        return
    body = json_of(answer)
    assert set(body) == {"server_time", "server_id", "plugin_version", "positions", "sessions"}
    assert len(body["positions"]) == len(sent.get("positions") or [])
    assert len(body["sessions"]) == len(sent.get("sessions") or [])
    for verdict in body["sessions"]:
        check_session_verdict(verdict)
    for verdict in body["positions"]:
        check_place_verdict(verdict)


@ARBITRARY
@given(sent=FILE, book_id=BOOK_ID | ANYTHING, none=st.booleans() | ANYTHING)
def test_a_link(sent: Any, book_id: Any, none: Any, device_client: Client, book: Book) -> None:
    said = sent | {"book_id": book_id, "none": none} if isinstance(sent, dict) else sent
    answer = sender(device_client)("PUT", "/api/tome-sync/link", json.dumps(said))
    if answer.status_code == 200:
        assert json_of(answer).keys() <= {"book_id"}
    elif answer.status_code == 404:
        detail_of(answer, 404)
    else:
        wrong_fields(answer)


@ARBITRARY
@given(body=st.binary(max_size=60))
def test_bytes_that_may_not_even_be_text(body: bytes, device_client: Client) -> None:
    answer = sender(device_client)("POST", "/api/tome-sync/sync", body)
    wrong_fields(answer)


def check_session_verdict(verdict: dict[str, Any]) -> None:
    assert isinstance(verdict["session_uuid"], str)
    match verdict["verdict"]:
        case "stored" | "duplicate":
            assert {"session_uuid", "verdict", "session_id"} == verdict.keys() - {"book_id"}
            assert is_whole(verdict["session_id"])
            assert is_whole(verdict.get("book_id", 0))
        case other:
            assert other in ("ignored", "refused")
            assert {"session_uuid", "verdict", "reason"} == verdict.keys()
            assert verdict["reason"]


def check_place_verdict(verdict: dict[str, Any]) -> None:
    assert is_whole(verdict.get("book_id", 0))
    match verdict["verdict"]:
        case "stored":
            assert verdict.keys() <= {"book_id", "verdict", "revision"}
        case "stale":
            assert verdict.keys() == {"book_id", "verdict", "revision", "current"}
            check_place(verdict["current"])
        case other:
            assert other == "refused"
            assert {"verdict", "reason"} == verdict.keys() - {"book_id"}
            assert verdict["reason"]


def check_place(place: dict[str, Any]) -> None:
    named = {"book_id", "percentage", "device", "updated_at", "revision", "precision", "read_at"}
    assert named == place.keys() - {"progress"}
    assert is_number(place["percentage"])
    assert 0 <= place["percentage"] <= 1
    assert place["device"]
    assert is_time(place["updated_at"])
    assert is_time(place["read_at"])
    assert place["precision"] == ("exact" if "progress" in place else "percent")
    assert isinstance(place.get("progress", ""), str)


@pytest.fixture(autouse=True)
def _quiet(caplog: pytest.LogCaptureFixture) -> None:
    """Each refusal is a line in the log; thousands of them would bury a failure."""
    caplog.set_level("CRITICAL")
