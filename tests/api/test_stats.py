import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from accounts.models import Reader
from library.models import Book
from reading.models import StaleDay, StalePayload
from reading.refreshing import refresh
from tests.api.answers import is_time, is_whole, json_of
from tests.api.conftest import Send

PATH = "/api/stats"
Report = Callable[..., None]


@pytest.fixture
def report(send: Send, book: Book) -> Report:
    """Ada's device reports half an hour that ended a moment ago: `report("one", hours_ago=1)`."""

    def post(uuid: str, *, hours_ago: float = 1.0, sender: Send = send, **more: Any) -> None:
        end = datetime.now(UTC) - timedelta(hours=hours_ago)
        body = {
            "book_id": book.pk,
            "session_uuid": uuid,
            "started_at": (end - timedelta(minutes=30)).isoformat(),
            "ended_at": end.isoformat(),
            "pages_turned": 12,
        }
        json_of(sender("POST", "/api/tome-sync/session", body | more), 201)

    return post


def test_the_first_answer_has_the_whole_shape_and_is_pending(
    device_client: Client, enqueued: list[str], django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        body = json_of(device_client.get(PATH))
    assert body["pending"] is True
    assert is_time(body["generated_at"])
    assert body["timezone"] == "Europe/Berlin"
    assert enqueued == ["reading.refresh"]
    assert refresh()
    later = json_of(device_client.get(PATH))
    assert later["pending"] is False
    assert later.keys() == body.keys()


def test_it_holds_what_the_contract_names(device_client: Client, report: Report) -> None:
    report("one")
    refresh()
    body = json_of(device_client.get(PATH))
    promised = {"generated_at", "pending", "timezone", "totals", "streak", "daily", "heatmap", "by_book"}
    promised |= {"by_series", "by_author", "by_type", "pace", "estimates", "recent_sessions"}
    assert promised <= body.keys()
    assert list(body["totals"]) == ["today", "7d", "30d", "90d", "365d", "year", "all"]
    for window in body["totals"].values():
        assert set(window) == {"seconds", "sessions", "pages", "books_finished"}
        assert all(is_whole(number) for number in window.values())
    assert {"current", "longest", "days"} <= body["streak"].keys()
    assert body["totals"]["all"] == {"seconds": 1800, "sessions": 1, "pages": 12, "books_finished": 0}
    assert sum(day["seconds"] for day in body["daily"]) == 1800
    assert set(body["daily"][0]) == {"day", "seconds", "sessions", "pages"}


def test_what_is_reported_makes_it_pending_and_then_is_in_it(device_client: Client, report: Report) -> None:
    refresh()
    device_client.get(PATH)
    refresh()
    before = device_client.get(PATH)
    report("one")
    pending = device_client.get(PATH)
    assert json_of(pending)["pending"] is True
    assert json_of(pending)["totals"]["all"]["seconds"] == 0
    assert refresh()
    after = device_client.get(PATH)
    assert json_of(after)["pending"] is False
    assert json_of(after)["totals"]["all"]["seconds"] == 1800
    assert len({answer.headers["ETag"] for answer in (before, pending, after)}) == 3


def test_an_unchanged_payload_is_304_without_a_body(device_client: Client, report: Report) -> None:
    report("one")
    refresh()
    first = device_client.get(PATH)
    etag = first.headers["ETag"]
    for known in (etag, f"W/{etag}", f'"other", {etag}', "*"):
        again = device_client.get(PATH, headers={"if-none-match": known})
        assert (again.status_code, again.content, again.headers["ETag"]) == (304, b"", etag)
    assert device_client.get(PATH, headers={"if-none-match": '"other"'}).status_code == 200
    report("two", hours_ago=3)
    assert device_client.get(PATH, headers={"if-none-match": etag}).status_code == 200


def test_computing_the_same_again_changes_no_etag(device_client: Client, report: Report, ada: Reader) -> None:
    from reading.marks import mark_payload_stale

    report("one")
    refresh()
    etag = device_client.get(PATH).headers["ETag"]
    mark_payload_stale(ada.pk)
    assert device_client.get(PATH).headers["ETag"] != etag
    refresh()
    assert device_client.get(PATH).headers["ETag"] == etag


def test_no_cache_between_keeps_it_for_another_reader(device_client: Client) -> None:
    headers = device_client.get(PATH).headers
    assert "private" in headers["Cache-Control"]
    assert {name.strip() for name in headers["Vary"].split(",")} >= {"Authorization", "Cookie"}


def test_a_page_that_polls_does_not_start_the_computing_anew(device_client: Client) -> None:
    device_client.get(PATH)
    version = StalePayload.objects.get().version
    for _ in range(3):
        assert json_of(device_client.get(PATH))["pending"] is True
    # Another version would make the rebuild that runs at this moment throw its result away.
    assert StalePayload.objects.get().version == version


def test_a_payload_of_yesterday_is_made_anew(
    device_client: Client, report: Report, ada: Reader, enqueued: list[str], django_capture_on_commit_callbacks: Any
) -> None:
    from reading.models import StatsPayload

    report("one", hours_ago=30)
    refresh()
    assert json_of(device_client.get(PATH))["pending"] is False
    StatsPayload.objects.update(good_until=datetime.now(UTC))
    with django_capture_on_commit_callbacks(execute=True):
        assert json_of(device_client.get(PATH))["pending"] is True
    assert enqueued == ["reading.refresh"]
    refresh()
    assert json_of(device_client.get(PATH))["pending"] is False


def test_what_failed_for_good_is_not_waited_for(
    device_client: Client, report: Report, monkeypatch: pytest.MonkeyPatch
) -> None:
    report("one")
    refresh()
    report("two", hours_ago=3)

    def fail(*args: Any, **kwargs: Any) -> None:
        raise ZeroDivisionError

    with monkeypatch.context() as patch:
        patch.setattr("reading.days.day_totals", fail)
        for _ in range(10):
            refresh()
    assert StaleDay.objects.exists()
    assert json_of(device_client.get(PATH))["pending"] is False


def test_a_logged_in_reader_sees_the_same_as_their_device(
    ada: Reader, client: Client, device_client: Client, report: Report
) -> None:
    report("one")
    refresh()
    client.force_login(ada)
    assert client.get(PATH).content == device_client.get(PATH).content


def test_it_costs_few_queries_however_much_was_read(
    device_client: Client, report: Report, django_assert_max_num_queries: Any
) -> None:
    for number in range(5):
        report(str(number), hours_ago=1 + number)
    refresh()
    device_client.get(PATH)
    with django_assert_max_num_queries(4):
        device_client.get(PATH)


def test_bob_sees_nothing_of_what_ada_read(
    strange_client: Client, send_as_bob: Send, report: Report, book: Book
) -> None:
    report("one")
    report("bobs", hours_ago=5, sender=send_as_bob, pages_turned=3)
    refresh()
    bobs = json_of(strange_client.get(PATH))
    assert bobs["totals"]["all"] == {"seconds": 1800, "sessions": 1, "pages": 3, "books_finished": 0}
    assert len(bobs["recent_sessions"]) == 1
    assert "Kobo" not in json.dumps(bobs)
