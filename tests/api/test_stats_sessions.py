"""The session log through the API: pages, filters, changes, exports."""

import csv
import io
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from accounts.devices import DeviceClue
from accounts.models import Reader
from library.models import Book
from reading.files import FileReport
from reading.models import Session, StatsPayload
from reading.refreshing import refresh
from tests.api.answers import detail_of, is_time, is_whole, json_of, wrong_fields
from tests.api.conftest import Send
from tests.reported import report_session

LOG = "/api/stats/sessions"
NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
KOBO, KINDLE = DeviceClue("kobo-1", "Kobo"), DeviceClue("kindle-1", "Kindle")
ALWAYS = {"id", "started_at", "ended_at", "seconds", "counted_seconds", "pages", "source", "trimmed"}
Read = Callable[..., int]


@pytest.fixture
def read(ada: Reader, book: Book) -> Read:
    """Ada's device reports a session: `read(NOON, 30)` is half an hour from noon on; gives its id."""

    def report(start: datetime, length: float, *, device: DeviceClue = KOBO, reader: Reader = ada, **more: Any) -> int:
        return report_session(reader, start, length, device=device, **({"book_id": book.pk} | more))

    return report


def ids(client: Client, **query: Any) -> list[int]:
    return [item["id"] for item in json_of(client.get(LOG, query))["items"]]


def stated(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def lines(answer: Any) -> bytes:
    assert answer.status_code == 200
    return b"".join(answer.streaming_content)


# --- What is shown ----------------------------------------------------------------------------------------------------


def test_a_session_is_shown_with_what_counts_of_it(read: Read, device_client: Client, book: Book) -> None:
    read(NOON, 30, uuid="a", pages_turned=12, progress_start=0.1, progress_end=0.2, timezone="+02:00")
    read(NOON + timedelta(minutes=20), 20, uuid="b", device=KINDLE)
    later, earlier = json_of(device_client.get(LOG))["items"]
    assert set(later) == ALWAYS | {"book_id", "title", "device"}
    assert (later["seconds"], later["counted_seconds"], later["device"]) == (1200, 600, "Kindle")
    assert set(earlier) == ALWAYS | {"book_id", "title", "device", "progress_start", "progress_end", "timezone"}
    assert is_whole(earlier["id"])
    assert is_time(earlier["started_at"])
    assert is_time(earlier["ended_at"])
    assert (earlier["book_id"], earlier["title"], earlier["timezone"]) == (book.pk, book.title, "+02:00")
    assert (earlier["counted_seconds"], earlier["pages"], earlier["source"]) == (1800, 12, "device")
    assert earlier["trimmed"] is False


def test_what_speaks_against_a_session_comes_with_what_could_be_made_of_it(read: Read, device_client: Client) -> None:
    read(NOON, 9 * 60, uuid="idle")
    read(NOON - timedelta(days=1), 10, uuid="fast", pages_turned=1000)
    read(datetime(1970, 1, 2, tzinfo=UTC), 10, uuid="old")
    items = json_of(device_client.get(LOG, {"flagged": "true"}))["items"]
    assert [item["flag"] for item in items] == ["idle", "fast", "before_time"]
    suggestions = [item["suggestion"] for item in items]
    assert suggestions == [{"ended_at": stated(NOON + timedelta(hours=6))}, {"pages": 200}, {"deleted": True}]
    assert [item["counted_seconds"] for item in items] == [6 * 3600, 600, 0]


def test_one_at_the_end_of_the_calendar_is_shown_too(read: Read, device_client: Client) -> None:
    read(datetime(9999, 12, 31, 1, tzinfo=UTC), 30)
    [item] = json_of(device_client.get(LOG))["items"]
    assert (item["flag"], item["counted_seconds"]) == ("future", 0)


def test_pages_go_on_by_their_cursor(read: Read, device_client: Client) -> None:
    made = [read(NOON + timedelta(hours=n), 10) for n in range(5)]
    first = json_of(device_client.get(LOG, {"limit": 2}))
    assert [item["id"] for item in first["items"]] == [made[4], made[3]]
    second = json_of(device_client.get(LOG, {"limit": 2, "cursor": first["next"]}))
    third = json_of(device_client.get(LOG, {"limit": 2, "cursor": second["next"]}))
    assert [item["id"] for item in second["items"] + third["items"]] == [made[2], made[1], made[0]]
    assert set(third) == {"items"}


def test_each_filter_narrows(read: Read, device_client: Client, ada: Reader, book: Book) -> None:
    plain = read(NOON, 30)
    other = read(NOON + timedelta(days=1), 30, device=KINDLE)
    waiting = read(NOON + timedelta(days=2), 30, book_id=None, file=FileReport("scan0001.epub", title="Emma"))
    idle = read(NOON + timedelta(days=3), 9 * 60)
    deleted = read(NOON + timedelta(days=5), 30)
    device_client.delete(f"{LOG}/{deleted}")
    kindle = ada.devices.get(name="Kindle")
    assert ids(device_client) == [idle, waiting, other, plain]
    assert ids(device_client, book_id=book.pk) == [idle, other, plain]
    assert ids(device_client, q="study scarlet") == [idle, other, plain]
    assert ids(device_client, q="emma") == [waiting]
    assert ids(device_client, q="%") == []
    assert ids(device_client, device_id=kindle.pk) == [other]
    assert ids(device_client, source="import") == []
    assert ids(device_client, source="device") == [idle, waiting, other, plain]
    assert ids(device_client, flagged="true") == [idle]
    assert ids(device_client, without_book="1") == [waiting]
    assert ids(device_client, deleted="true") == [deleted]
    empty = dict.fromkeys(["q", "book_id", "device_id", "source", "from", "to", "flagged", "without_book", "limit"], "")
    assert ids(device_client, **empty) == [idle, waiting, other, plain]


def test_days_are_the_readers_and_instants_are_taken_as_they_are(
    read: Read, device_client: Client, ada: Reader
) -> None:
    Reader.objects.filter(pk=ada.pk).update(rollover_hour=4)
    second_of_may = datetime(2026, 5, 2, 2, tzinfo=UTC)  # at four in Berlin, when Ada's day begins
    before, after = read(second_of_may - timedelta(hours=1), 30), read(second_of_may, 30)
    assert ids(device_client, **{"from": "2026-05-02", "to": "2026-05-02"}) == [after]
    assert ids(device_client, to="2026-05-01") == [before]
    assert ids(device_client, **{"from": "2026-05-02T02:10:00Z"}) == [after]
    assert ids(device_client, to="2026-05-02T04:00:00+02:00") == [before]
    assert ids(device_client, **{"from": "0001-01-01", "to": "9999-12-31"}) == [after, before]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"from": "yesterday"}, "from"),
        ({"to": "2026-02-30"}, "to"),
        ({"limit": "0.5"}, "limit"),
        ({"limit": "201"}, "limit"),
        ({"source": "kindle"}, "source"),
        ({"book_id": "x"}, "book_id"),
        ({"device_id": "9" * 30}, "device_id"),
        ({"flagged": "perhaps"}, "flagged"),
        ({"q": "a" * 201}, "q"),
    ],
)
def test_a_filter_that_cannot_be_is_422(query: dict[str, str], field: str, device_client: Client) -> None:
    assert wrong_fields(device_client.get(LOG, query)) == {field}


@pytest.mark.parametrize("cursor", ["x", "1~x", "1~" + "9" * 400, "\0"])
def test_a_cursor_that_no_page_gave_is_400(cursor: str, device_client: Client) -> None:
    if cursor == "\0":
        json_of(device_client.get(LOG, {"cursor": cursor}))  # nothing is left of it
        return
    detail_of(device_client.get(LOG, {"cursor": cursor}), 400)


def test_a_page_costs_as_many_queries_as_one_session(
    read: Read, device_client: Client, django_assert_num_queries: Callable[..., Any]
) -> None:
    for n in range(40):
        read(NOON + timedelta(days=n % 28, minutes=n), 30)
    device_client.get(LOG)
    with django_assert_num_queries(3):  # the key, the sessions, and what lies around them
        device_client.get(LOG)


# --- Changes ----------------------------------------------------------------------------------------------------------


def test_trimming_is_answered_with_the_session_as_it_is_now(
    read: Read, send: Send, enqueued: list[str], django_capture_on_commit_callbacks: Any
) -> None:
    session_id = read(NOON, 9 * 60)
    enqueued.clear()
    with django_capture_on_commit_callbacks(execute=True):
        item = json_of(send("PATCH", f"{LOG}/{session_id}", {"ended_at": "2026-05-01T18:00:00Z"}))
    assert enqueued == ["reading.refresh"]
    assert (item["id"], item["seconds"], item["counted_seconds"], item["trimmed"]) == (session_id, 21600, 21600, True)
    assert "flag" not in item
    again = json_of(send("PATCH", f"{LOG}/{session_id}", {"pages_turned": None, "duration_seconds": 600}))
    assert again["seconds"] == 600
    back = json_of(send("PATCH", f"{LOG}/{session_id}", {"restore": True}))
    assert (back["seconds"], back["trimmed"], back["flag"]) == (9 * 3600, False, "idle")


@pytest.mark.parametrize(
    "change",
    [
        {"ended_at": "2026-05-01T13:00:00Z"},
        {"started_at": "2026-05-01T11:00:00Z"},
        {"duration_seconds": 5},
        {"duration_seconds": 5000},
        {"pages_turned": 13},
        {"pages_turned": -1},
    ],
)
def test_more_than_was_reported_or_nothing_at_all_is_409(change: dict[str, Any], read: Read, send: Send) -> None:
    session_id = read(NOON, 30, pages_turned=12)
    detail_of(send("PATCH", f"{LOG}/{session_id}", change), 409)
    assert Session.objects.get().reported is None


@pytest.mark.parametrize("change", [{}, {"restore": False}, {"restore": True, "pages_turned": 1}, {"page": 1}])
def test_a_change_that_says_nothing_or_two_things_is_422(change: dict[str, Any], read: Read, send: Send) -> None:
    assert wrong_fields(send("PATCH", f"{LOG}/{read(NOON, 30)}", change)) == {"change"}


def test_what_is_deleted_is_gone_until_it_is_taken_back(read: Read, send: Send) -> None:
    session_id = read(NOON, 30)
    assert send("DELETE", f"{LOG}/{session_id}").status_code == 204
    detail_of(send("DELETE", f"{LOG}/{session_id}"), 404)
    detail_of(send("PATCH", f"{LOG}/{session_id}", {"pages_turned": 0}), 404)
    refresh()
    assert json.loads(StatsPayload.objects.get().body)["totals"]["all"]["seconds"] == 0
    item = json_of(send("PATCH", f"{LOG}/{session_id}", {"restore": True}))
    assert item["counted_seconds"] == 1800


def test_a_session_is_added_once_however_often_it_is_sent(send: Send, device_client: Client, book: Book) -> None:
    said = {
        "book_id": book.pk,
        "started_at": "2026-05-01T12:00:00Z",
        "duration_seconds": 1800,
        "pages_turned": 20,
        "progress_start": 0.1,
        "progress_end": 0.2,
        "timezone": "Europe/Berlin",
        "session_uuid": "by hand",
    }
    first = json_of(send("POST", LOG, said), 201)
    assert json_of(send("POST", LOG, said | {"pages_turned": 3}), 201) == first
    assert (first["source"], first["seconds"], first["pages"], first["title"]) == ("hand", 1800, 20, book.title)
    assert ids(device_client, source="hand") == [first["id"]]


@pytest.mark.parametrize(
    ("said", "status"),
    [
        ({"book_id": 999_999}, 404),
        ({"ended_at": None}, 409),
        ({"ended_at": "2026-05-01T12:00:05Z"}, 409),
        ({"ended_at": "2026-05-01T11:00:00Z"}, 409),
        ({"ended_at": "2999-05-01T11:00:00Z"}, 409),
        ({"started_at": "1970-01-01T00:00:00Z"}, 409),
    ],
)
def test_what_cannot_be_is_not_added(said: dict[str, Any], status: int, send: Send, book: Book) -> None:
    usual = {"book_id": book.pk, "started_at": "2026-05-01T12:00:00Z", "ended_at": "2026-05-01T12:30:00Z"}
    detail_of(send("POST", LOG, usual | said), status)
    assert not Session.objects.exists()


def test_a_session_without_its_book_or_start_is_422(send: Send, db: None) -> None:
    assert wrong_fields(send("POST", LOG, {"ended_at": "noon"})) == {"book_id", "started_at", "ended_at"}


# --- Exports ----------------------------------------------------------------------------------------------------------


def test_the_log_can_be_had_as_csv(read: Read, device_client: Client, book: Book) -> None:
    Book.objects.update(title="=HYPERLINK(“x”), “Näheres”\n")
    session_id = read(NOON, 30, timezone="-04:00")
    read(NOON - timedelta(days=1), 30, book_id=None, file=FileReport("scan.epub", title="\tEmma"))
    answer = device_client.get(f"{LOG}/export")
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert answer.headers["Content-Disposition"].startswith('attachment; filename="tome-sessions-')
    assert answer.headers["Content-Disposition"].endswith('.csv"')
    first, second = csv.DictReader(io.StringIO(lines(answer).decode("utf-8")))
    assert (first["id"], first["started_at"]) == (str(session_id), "2026-05-01T12:00:00.000Z")
    assert first["title"] == "'=HYPERLINK(“x”), “Näheres”\n"
    assert (first["timezone"], first["device"], first["flag"], first["trimmed"]) == ("'-04:00", "Kobo", "", "false")
    assert (first["seconds"], first["counted_seconds"], first["progress_start"]) == ("1800", "1800", "")
    assert (second["title"].strip("'\t"), second["book_id"]) == ("Emma", "")


def test_the_log_can_be_had_as_json(read: Read, device_client: Client) -> None:
    for n in range(3):
        read(NOON + timedelta(days=n), 30)
    answer = device_client.get(f"{LOG}/export", {"format": "json"})
    assert answer.headers["Content-Type"] == "application/json; charset=utf-8"
    assert json.loads(lines(answer)) == json_of(device_client.get(LOG))["items"]


def test_an_export_keeps_to_the_filter_and_one_of_nothing_is_whole(read: Read, device_client: Client) -> None:
    read(NOON, 30)
    kept = read(NOON, 9 * 60, uuid="idle")
    flagged = json.loads(lines(device_client.get(f"{LOG}/export", {"format": "json", "flagged": "true"})))
    assert [item["id"] for item in flagged] == [kept]
    assert json.loads(lines(device_client.get(f"{LOG}/export", {"format": "json", "source": "hand"}))) == []
    header = lines(device_client.get(f"{LOG}/export", {"source": "hand"})).decode()
    assert header.startswith("id,started_at,")
    assert header.count("\r\n") == 1


def test_an_export_goes_on_over_more_than_is_read_at_once(
    read: Read, device_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reading.log.EXPORTED_AT_ONCE", 3)
    monkeypatch.setattr("api.stats_sessions.EXPORTED_LINES_AT_ONCE", 2)
    made = [read(NOON + timedelta(hours=n), 10) for n in range(10)]
    rows = csv.DictReader(io.StringIO(lines(device_client.get(f"{LOG}/export")).decode()))
    assert [int(row["id"]) for row in rows] == made[::-1]


def test_asking_for_an_exports_headers_reads_nothing(read: Read, device_client: Client) -> None:
    read(NOON, 30)
    answer = device_client.head(f"{LOG}/export")
    assert (answer.status_code, answer.content) == (200, b"")
    assert "attachment" in answer.headers["Content-Disposition"]


def test_an_unknown_format_is_422(device_client: Client) -> None:
    assert wrong_fields(device_client.get(f"{LOG}/export", {"format": "xlsx"})) == {"format"}


# --- Strangers --------------------------------------------------------------------------------------------------------


def test_a_stranger_neither_sees_nor_changes_a_session(read: Read, send_as_bob: Send, strange_client: Client) -> None:
    session_id = read(NOON, 30)
    for path in (f"{LOG}/{session_id}", f"{LOG}/999999", f"{LOG}/{10**30}"):
        detail_of(send_as_bob("PATCH", path, {"pages_turned": 0}), 404)
        detail_of(send_as_bob("PATCH", path, {"restore": True}), 404)
        detail_of(send_as_bob("DELETE", path), 404)
    assert ids(strange_client) == []
    assert json.loads(lines(strange_client.get(f"{LOG}/export", {"format": "json"}))) == []
    assert Session.objects.get().flag == ""


def test_what_lies_around_a_session_is_its_readers_alone(
    read: Read, bob: Reader, strange_client: Client, book: Book
) -> None:
    read(NOON, 60)
    read(NOON + timedelta(minutes=30), 60, reader=bob)
    [item] = json_of(strange_client.get(LOG))["items"]
    assert item["counted_seconds"] == 3600


def test_a_logged_in_reader_may_ask_and_change_but_no_other_site(ada: Reader, read: Read) -> None:
    session_id = read(NOON, 30)
    client = Client(enforce_csrf_checks=True)
    client.force_login(ada)
    assert ids(client) == [session_id]
    assert client.delete(f"{LOG}/{session_id}").status_code in (401, 403)
    assert Session.objects.get().flag == ""
