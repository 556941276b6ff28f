import json
from typing import Any
from uuid import UUID

import pytest

from accounts.models import Device, Reader
from koplugin.version import PLUGIN_VERSION
from library.models import Book
from reading.models import BookDay, DeviceFile, Position, PositionWrite, Session
from reading.refreshing import refresh
from tests.api.answers import is_time, is_whole, json_of, wrong_fields
from tests.api.conftest import HALF_PAST, NOON, XPOINTER, Send, now

PATH = "/api/tome-sync/sync"
Item = dict[str, Any]


def batch(**parts: Any) -> Item:
    return {"device": {"id": "kobo-1", "name": "Kobo"}, "sent_at": now(), "timezone": "Europe/Berlin"} | parts


def session(uuid: str, **parts: Any) -> Item:
    return {"session_uuid": uuid, "started_at": NOON, "ended_at": HALF_PAST, "pages_turned": 12} | parts


def place(percentage: float, **parts: Any) -> Item:
    return {"percentage": percentage, "progress": XPOINTER, "read_at": NOON} | parts


def test_a_batch_of_nothing_says_who_the_server_is(send: Send) -> None:
    body = json_of(send("POST", PATH, batch()))
    assert set(body) == {"server_time", "server_id", "plugin_version", "positions", "sessions"}
    assert is_time(body["server_time"])
    assert str(UUID(body["server_id"])) == body["server_id"]
    assert (body["plugin_version"], body["positions"], body["sessions"]) == (PLUGIN_VERSION, [], [])


@pytest.mark.parametrize("nothing", [{}, [], None])
def test_an_empty_lua_table_is_an_empty_list(nothing: Any, send: Send) -> None:
    body = json_of(send("POST", PATH, batch(positions=nothing, sessions=nothing)))
    assert (body["positions"], body["sessions"]) == ([], [])


def test_a_whole_outbox_is_stored_in_one_request(
    send: Send, book: Book, enqueued: list[str], django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        answer = send(
            "POST",
            PATH,
            batch(
                positions=[place(0.5, book_id=book.pk)],
                sessions=[session("one", book_id=book.pk), session("two", file={"filename": "unknown.epub"})],
            ),
        )
    body = json_of(answer)
    assert body["positions"] == [{"book_id": book.pk, "verdict": "stored", "revision": 1}]
    one, two = body["sessions"]
    ids = {stored.uuid: stored.pk for stored in Session.objects.all()}
    assert one == {"session_uuid": "one", "verdict": "stored", "session_id": ids["one"], "book_id": book.pk}
    assert two == {"session_uuid": "two", "verdict": "stored", "session_id": ids["two"]}
    assert is_whole(one["session_id"])
    assert set(enqueued) == {"reading.refresh"}


def test_the_same_batch_again_is_all_duplicates_and_changes_nothing(send: Send, book: Book) -> None:
    outbox = batch(
        positions=[place(0.5, book_id=book.pk), place(0.2, file={"filename": "unknown.epub"})],
        sessions=[session("one", book_id=book.pk)],
    )
    first, again = json_of(send("POST", PATH, outbox)), json_of(send("POST", PATH, outbox))
    assert again["positions"] == first["positions"]
    assert [item["verdict"] for item in again["sessions"]] == ["duplicate"]
    assert again["sessions"][0]["session_id"] == first["sessions"][0]["session_id"]
    assert Session.objects.count() == 1
    assert PositionWrite.objects.count() == 2
    assert Position.objects.get().revision == 1


def test_a_stale_place_comes_with_the_current_one(send: Send, book: Book) -> None:
    json_of(send("POST", PATH, batch(positions=[place(0.5, book_id=book.pk)])))
    late = place(0.9, book_id=book.pk, read_at="2026-05-01T11:00:00Z")
    body = json_of(send("POST", PATH, batch(device={"id": "kindle-1"}, positions=[late])))
    [verdict] = body["positions"]
    assert set(verdict) == {"book_id", "verdict", "revision", "current"}
    assert (verdict["verdict"], verdict["revision"]) == ("stale", 1)
    assert verdict["current"]["percentage"] == 0.5
    assert verdict["current"]["device"] == "Kobo"
    assert is_time(verdict["current"]["read_at"])


def test_a_place_of_a_file_is_one_of_its_book_or_waits(send: Send, book: Book) -> None:
    file = book.files.get()
    known = {"filename": "renamed.epub", "ko_md5": file.ko_md5, "size": file.size}
    body = json_of(
        send("POST", PATH, batch(positions=[place(0.5, file=known), place(0.1, file={"filename": "unknown.epub"})]))
    )
    assert body["positions"] == [{"book_id": book.pk, "verdict": "stored", "revision": 1}, {"verdict": "stored"}]
    assert Position.objects.get().ko_md5 == file.ko_md5
    assert DeviceFile.objects.get().filename == "unknown.epub"


NAN = float("nan")
BAD_SESSIONS: list[Any] = [
    None,
    5,
    "text",
    [],
    {},
    {"session_uuid": "bad"},
    session("bad"),
    session("bad", book_id=1, started_at="yesterday"),
    session("bad", book_id=1, ended_at="yesterday"),
    session("bad", book_id=1, started_at=None),
    session("bad", book_id="one"),
    session("bad", book_id=2**64),
    session("bad", book_id=10**40),
    session("bad", book_id=1, duration_seconds=NAN),
    session("bad", book_id=1, progress_end=float("inf")),
    session("bad", book_id=1, pages_turned=NAN),
    session("bad", file={}),
    session("bad", file="x"),
    session("x" * 201, book_id=1),
    session("bad\ud800", book_id="one"),
    {"session_uuid": 7, "book_id": 1, "started_at": NOON, "ended_at": HALF_PAST},
]
BAD_PLACES: list[Any] = [
    None,
    5,
    "text",
    [],
    {},
    {"percentage": 0.5},
    place(NAN, book_id=1),
    place(float("-inf"), book_id=1),
    place(0.5, book_id=4711),
    place(0.5, book_id=-1),
    place(0.5, book_id="one"),
    place(0.5, book_id=2**64),
    place(0.5, book_id=10**40),
    place(0.5, book_id=[1]),
    place(0.5, book_id=1, read_at="yesterday"),
    place(0.5, book_id=1, progress=[1]),
    place(0.5, file={}),
    place(0.5, file={"filename": "\ud800", "size": "large"}),
]


def test_of_an_item_with_both_the_file_decides_where_it_is_known(send: Send, book: Book, ada: Reader) -> None:
    kept = book.files.get()
    other = Book.objects.create(title="The Sign of the Four", title_key="the sign of the four")
    known = {"filename": kept.path, "ko_md5": kept.ko_md5}
    unknown = {"filename": "Nothing of the kind.epub", "ko_md5": "0" * 32}
    body = json_of(
        send(
            "POST",
            PATH,
            batch(
                positions=[place(0.5, book_id=other.pk, file=known), place(0.6, book_id=book.pk, file=unknown)],
                sessions=[
                    session("one", book_id=other.pk, file=known),
                    session("two", book_id=book.pk, file=unknown),
                    session("three", book_id=2**40, file=known),
                    session("four", book_id=2**40, file=unknown),
                ],
            ),
        )
    )
    assert [item["book_id"] for item in body["positions"]] == [book.pk, book.pk]
    assert [item.get("book_id") for item in body["sessions"]] == [book.pk, book.pk, book.pk, None]


@pytest.mark.parametrize("bad", BAD_SESSIONS, ids=str)
def test_one_bad_session_is_refused_and_the_others_are_stored(bad: Any, send: Send, book: Book) -> None:
    good = [session("one", book_id=book.pk), session("two", book_id=book.pk)]
    body = json_of(send("POST", PATH, batch(sessions=[good[0], bad, good[1]])))
    assert [item["verdict"] for item in body["sessions"]] == ["stored", "refused", "stored"]
    refused = body["sessions"][1]
    assert set(refused) == {"session_uuid", "verdict", "reason"}
    assert refused["reason"].endswith(".")
    assert set(Session.objects.values_list("uuid", flat=True)) == {"one", "two"}


@pytest.mark.parametrize("bad", BAD_PLACES, ids=str)
def test_one_bad_place_is_refused_and_the_others_are_stored(bad: Any, send: Send, book: Book) -> None:
    positions = [place(0.4, book_id=book.pk), bad, place(0.5, book_id=book.pk, read_at=HALF_PAST)]
    body = json_of(send("POST", PATH, batch(positions=positions, sessions=[session("one", book_id=book.pk)])))
    assert [item["verdict"] for item in body["positions"]] == ["stored", "refused", "stored"]
    refused = body["positions"][1]
    assert set(refused) - {"book_id"} == {"verdict", "reason"}
    assert is_whole(refused.get("book_id", 0))
    assert refused["reason"].endswith(".")
    assert Position.objects.get().percentage == 0.5
    assert body["sessions"][0]["verdict"] == "stored"


def test_verdicts_come_in_the_order_of_the_request(send: Send, book: Book) -> None:
    short = {"ended_at": None, "duration_seconds": 5}
    sessions = [
        session("c", book_id=book.pk, **short),
        session("a", book_id=4711),
        session("b", book_id=book.pk, started_at="1970-01-01T00:00:00Z", ended_at="1970-01-01T01:00:00Z"),
        session("a", book_id=book.pk),
        {},
        session("d", book_id=book.pk),
    ]
    body = json_of(send("POST", PATH, batch(sessions=sessions)))
    assert [(item["session_uuid"], item["verdict"]) for item in body["sessions"]] == [
        ("c", "ignored"),
        ("a", "stored"),
        ("b", "stored"),
        ("a", "duplicate"),
        ("", "refused"),
        ("d", "stored"),
    ]
    assert body["sessions"][0] == {
        "session_uuid": "c",
        "verdict": "ignored",
        "reason": body["sessions"][0]["reason"],
    }
    assert refresh()
    assert BookDay.objects.get().sessions == 1


def test_a_name_that_came_with_a_session_too_short_may_come_again_with_a_longer_one(send: Send, book: Book) -> None:
    sessions = [session("one", book_id=book.pk, duration_seconds=5), session("one", book_id=book.pk)]
    body = json_of(send("POST", PATH, batch(sessions=sessions)))
    assert "stored" in [item["verdict"] for item in body["sessions"]]
    assert {item["session_id"] for item in body["sessions"]} == {Session.objects.get().pk}


def test_a_name_that_cannot_be_stored_as_it_is_can_still_be_told_from_the_others(send: Send, book: Book) -> None:
    body = json_of(send("POST", PATH, batch(sessions=[session("a\u0000b\ud800", book_id=book.pk)])))
    [verdict] = body["sessions"]
    assert verdict["verdict"] == "stored"
    assert isinstance(verdict["session_uuid"], str)


def test_an_id_that_no_answer_can_hold_is_not_repeated(send: Send, ada: Reader) -> None:
    # A number that is none makes the whole body be read by the standard library, which knows integers of any size.
    body = json.dumps(batch(positions=[place(0.5, book_id=10**40)], sessions=[NAN]))
    [verdict] = json_of(send("POST", PATH, body))["positions"]
    assert set(verdict) == {"verdict", "reason"}


def test_a_batch_of_500_is_taken_and_one_more_is_not(send: Send, book: Book) -> None:
    sessions = [session(str(number), book_id=book.pk, started_at=NOON, ended_at=HALF_PAST) for number in range(501)]
    assert wrong_fields(send("POST", PATH, batch(sessions=sessions))) == {"sessions"}
    assert not Session.objects.exists()
    body = json_of(send("POST", PATH, batch(sessions=sessions[:500])))
    assert {item["verdict"] for item in body["sessions"]} == {"stored"}
    assert Session.objects.count() == 500


def test_a_batch_costs_a_fixed_number_of_queries(send: Send, book: Book, django_assert_max_num_queries: Any) -> None:
    sessions = [session(str(number), book_id=book.pk) for number in range(100)]
    send("POST", PATH, batch())
    with django_assert_max_num_queries(25):
        json_of(send("POST", PATH, batch(sessions=sessions)))


@pytest.mark.parametrize(
    ("parts", "wrong"),
    [
        ({"device": None}, "device"),
        ({"device": {}}, "id"),
        ({"device": {"id": None}}, "id"),
        ({"device": {"id": 5}}, "id"),
        ({"device": {"id": "x" * 201}}, "id"),
        ({"device": "kobo-1"}, "device"),
        ({"device": {"id": "x", "name": []}}, "name"),
        ({"sent_at": None}, "sent_at"),
        ({"sent_at": "now"}, "sent_at"),
        ({"sent_at": 1763860000}, "sent_at"),
        ({"timezone": 2}, "timezone"),
        ({"positions": "none"}, "positions"),
        ({"positions": {"1": {}}}, "positions"),
        ({"sessions": 5}, "sessions"),
        ({"sessions": [{}] * 501}, "sessions"),
        ({"positions": [{}] * 501}, "positions"),
    ],
)
def test_an_envelope_that_makes_no_sense_is_422(parts: Item, wrong: str, send: Send, ada: Reader) -> None:
    assert wrong in wrong_fields(send("POST", PATH, batch(**parts)))


def test_the_device_is_kept_with_what_it_says_of_itself(send: Send) -> None:
    device = {"id": "kobo-1", "name": "Ada's Kobo", "model": "Kobo_nova", "plugin_version": 7}
    json_of(send("POST", PATH, batch(device=device)))
    kept = Device.objects.get()
    assert (kept.identifier, kept.name, kept.model, kept.plugin_version) == ("kobo-1", "Ada's Kobo", "Kobo_nova", "7")
    json_of(send("POST", PATH, batch(device={"id": "kobo-1", "name": None, "model": None, "plugin_version": None})))
    assert Device.objects.get().name == "Ada's Kobo"


def test_a_session_without_a_zone_has_the_batchs(send: Send, book: Book) -> None:
    sessions = [session("one", book_id=book.pk), session("two", book_id=book.pk, timezone="+09:00")]
    json_of(send("POST", PATH, batch(sessions=sessions)))
    assert dict(Session.objects.values_list("uuid", "timezone")) == {"one": "Europe/Berlin", "two": "+09:00"}


def test_a_clock_that_is_wrong_is_put_right_for_all_items(send: Send, book: Book) -> None:
    wrong = {
        "sent_at": "1970-01-02T00:00:00Z",
        "sessions": [
            session("one", book_id=book.pk, started_at="1970-01-01T10:00:00Z", ended_at="1970-01-01T10:30:00Z")
        ],
        "positions": [place(0.5, book_id=book.pk, read_at="1970-01-01T10:30:00Z")],
    }
    json_of(send("POST", PATH, batch(**wrong)))
    stored = Session.objects.get()
    assert stored.flag == ""
    assert Position.objects.get().read_at == stored.ended_at


def test_a_body_with_numbers_that_are_none_is_read(send: Send, book: Book) -> None:
    body = json.dumps(batch(sessions=[session("one", book_id=book.pk), NAN, float("inf")]))
    assert "NaN" in body
    verdicts = json_of(send("POST", PATH, body))["sessions"]
    assert [item["verdict"] for item in verdicts] == ["stored", "refused", "refused"]


def test_bobs_batch_moves_nothing_of_adas(send: Send, send_as_bob: Send, book: Book, ada: Reader, bob: Reader) -> None:
    outbox = batch(
        positions=[place(0.5, book_id=book.pk), place(0.4, file={"filename": "unknown.epub"})],
        sessions=[session("one", book_id=book.pk)],
    )
    adas = json_of(send("POST", PATH, outbox))
    bobs = json_of(send_as_bob("POST", PATH, outbox | {"positions": [place(0.9, book_id=book.pk)]}))
    assert bobs["sessions"][0]["verdict"] == "stored"
    assert bobs["sessions"][0]["session_id"] != adas["sessions"][0]["session_id"]
    assert bobs["positions"][0]["revision"] == 1
    assert Position.objects.get(reader=ada).percentage == 0.5
    assert set(Device.objects.values_list("reader", flat=True)) == {ada.pk, bob.pk}
    assert not DeviceFile.objects.filter(reader=bob).exists()
