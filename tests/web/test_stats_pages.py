"""The pages of statistics: what a worker put together, in words and tables; nobody else's."""

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.devices import DeviceClue
from accounts.models import Reader
from library.models import Book
from reading.clocks import Clock
from reading.models import StatsPayload
from reading.positions import PlaceReport
from reading.refreshing import refresh
from reading.reports import report_position, report_sessions
from reading.sessions import SessionReport
from web.stats_pages import NAMES
from web.templatetags.statistics import day as shown_day
from web.templatetags.statistics import duration

Read = Callable[..., None]


@pytest.fixture
def web(client: Client, ada: Reader) -> Client:
    client.force_login(ada)
    return client


@pytest.fixture
def read(ada: Reader, book: Book) -> Read:
    """Ada reads: `read(days_ago=2, minutes=30)`."""

    def report(days_ago: float = 1.0, minutes: float = 30.0, *, reader: Reader = ada, **more: Any) -> None:
        now = datetime.now(UTC)
        start = now - timedelta(days=days_ago)
        fields = {"ended_at": start + timedelta(minutes=minutes), "book_id": book.pk, "pages_turned": 12} | more
        session = SessionReport(started_at=start, uuid=f"{days_ago}", **fields)
        report_sessions(reader, [session], device=DeviceClue("kobo", "Kobo"), clock=Clock(now))

    return report


def words(response: Any) -> str:
    """What a page says, without its markup and scripts."""
    text = re.sub(r"<script.*?</script>|<[^>]+>", " ", response.content.decode(), flags=re.DOTALL)
    return " ".join(unescape(text).split())


def charts(response: Any, name: str = "stats-charts") -> dict[str, Any]:
    found = re.search(
        rf'<script id="{name}" type="application/json">(.*?)</script>', response.content.decode(), re.DOTALL
    )
    assert found
    numbers: dict[str, Any] = json.loads(found[1])
    return numbers


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0, "0 min"), (40, "40 s"), (90, "1 min"), (3600, "1 h 00 min"), (3_700_020, "1,027 h 47 min")],
)
def test_durations_are_said_in_words(seconds: int, said: str) -> None:
    assert duration(seconds) == said


def test_who_is_not_logged_in_is_asked_to(client: Client, db: None) -> None:
    for path in ("/stats", "/stats/books/1"):
        assert client.get(path).status_code == 302


def test_without_a_session_it_says_how_to_get_the_first(web: Client) -> None:
    said = words(web.get("/stats"))
    assert "There is no session yet" in said
    assert "tome plugin build --user ada" in said
    assert "Import its statistics" in said
    assert "Day by day" not in said


@pytest.mark.parametrize("period", NAMES)
def test_each_period_shows_the_numbers_of_the_payload(period: str, web: Client, read: Read) -> None:
    for days_ago, minutes in ((0.02, 20), (5, 30), (20, 45), (80, 60), (300, 70), (500, 80)):
        read(days_ago, minutes)
    refresh()
    payload = json.loads(bytes(StatsPayload.objects.get().body))
    response = web.get("/stats", {"period": period})
    said = words(response)
    totals = payload["totals"][period]
    assert f"{duration(totals['seconds'])} read" in said
    assert f"{totals['sessions']} session" in said
    assert f"{totals['pages']} page" in said
    if period != "all":
        before = payload["previous"][period]["seconds"]
        change = totals["seconds"] - before
        assert (f"{duration(abs(change))} {'more' if change > 0 else 'less'} than" if change else "As many as") in said
    shown = charts(response)
    minutes = sum(value for _, value in shown["daily"])
    read_then = [row for row in shown["daily"] if row[1]]
    assert len(read_then) >= 1
    if period not in ("today",):
        assert abs(minutes - totals["seconds"] / 60) <= len(read_then)


def test_an_unknown_period_is_refused_with_the_ones_there_are(web: Client) -> None:
    response = web.get("/stats", {"period": "fortnight"})
    assert response.status_code == 400
    assert "there are today, 7d, 30d" in words(response)


def test_a_part_of_it_can_be_asked_for(web: Client, read: Read) -> None:
    read()
    refresh()
    part = web.get("/stats", {"part": "1"}).content.decode()
    assert part.lstrip().startswith('<div id="stats"')
    assert "<html" not in part
    assert part.strip() in web.get("/stats").content.decode()


def test_it_has_the_etag_that_the_api_has(web: Client, read: Read) -> None:
    read()
    refresh()
    etag = web.get("/api/stats")["ETag"]
    assert f'data-etag="{etag}"'.replace('""', '"') in unescape(web.get("/stats").content.decode()).replace('""', '"')


def test_what_was_merged_and_what_cannot_be_true_is_said(web: Client, read: Read) -> None:
    read(1.0, 30)
    read(0.99, 30)
    read(3, 60 * 9, pages_turned=0)
    refresh()
    said = words(web.get("/stats"))
    assert "of 1 session overlapped with others, and was counted once" in said
    assert "1 session cannot be true as it stands" in said


def test_goals_are_shown_once_there_are_any(web: Client, read: Read, ada: Reader) -> None:
    read(0.03, 15)
    refresh()
    assert "You have set none" in words(web.get("/stats"))
    Reader.objects.update(goal_minutes_a_day=30, goal_books_a_year=12)
    read(2)
    refresh()
    said = words(web.get("/stats"))
    assert "of 30 minutes today" in said
    assert "0 of 12 books this year" in said


def test_a_readers_statistics_are_nobody_elses(client: Client, bob: Reader, read: Read, book: Book) -> None:
    read()
    refresh()
    client.force_login(bob)
    assert "There is no session yet" in words(client.get("/stats"))
    said = words(client.get(f"/stats/books/{book.pk}"))
    assert "0 sessions on 0 days" in said
    assert "Nothing was counted of it yet" in said


def test_the_queries_do_not_grow_with_what_was_read(web: Client, read: Read, book: Book) -> None:
    read(2)
    refresh()
    web.get("/stats")

    def queries(path: str) -> int:
        with CaptureQueriesContext(
            connection,
        ) as seen:
            assert web.get(path).status_code == 200
        return len(seen)

    few = {path: queries(path) for path in ("/stats", "/stats?period=all", f"/stats/books/{book.pk}")}
    for days_ago in range(3, 60):
        read(days_ago)
    refresh()
    assert {path: queries(path) for path in few} == few
    assert few["/stats"] < 12


# --- One book --------------------------------------------------------------------------------------------------------


def test_a_books_page_tells_its_days_places_and_sessions(web: Client, read: Read, book: Book) -> None:
    read(3, 60, progress_start=0.1, progress_end=0.2)
    read(2, 30, progress_start=0.2, progress_end=0.26, pages_turned=20)
    refresh()
    response = web.get(f"/stats/books/{book.pk}")
    said = words(response)
    assert "1 h 30 min read" in said
    assert "2 sessions on 2 days" in said
    assert "32 pages turned" in said
    assert "Being read since" in said
    shown = charts(response, "book-charts")
    assert [minutes for _, minutes in shown["daily"]] == [60, 30]
    assert [place for _, place in shown["progress"]] == [20.0, 26.0]
    assert [pace for _, pace in shown["pace"]] == [12, 40]
    assert said.count("Kobo") >= 2


def test_a_book_that_was_not_read_says_how_to_begin(web: Client, book: Book) -> None:
    assert "Nothing was counted of it yet" in words(web.get(f"/stats/books/{book.pk}"))


def test_a_book_that_there_is_not_is_a_404(web: Client) -> None:
    assert web.get("/stats/books/4711").status_code == 404


def rows_below(response: Any, summary: str) -> dict[str, list[str]]:
    """The cells of the first table after this heading, by what heads each row."""
    table = re.search(rf"<h2>{summary}</h2>.*?<tbody>(.*?)</tbody>", response.content.decode(), re.DOTALL)
    assert table
    found: dict[str, list[str]] = {}
    for row in re.findall(r"<tr>(.*?)</tr>", table[1], re.DOTALL):
        head, *cells = (re.sub(r"<[^>]+>", "", cell).strip() for cell in re.findall(r"<t[hd].*?</t[hd]>", row))
        found[head] = cells
    return found


def test_a_day_has_the_same_minutes_in_each_table_and_chart(web: Client, read: Read) -> None:
    read(2, 29.9)  # not thirty minutes
    refresh()
    response = web.get("/stats")
    [day] = json.loads(bytes(StatsPayload.objects.get().body))["daily"]
    date_of_it = datetime.fromisoformat(day["day"])
    assert rows_below(response, "Day by day")[f"{date_of_it:%a} {date_of_it.day} {date_of_it:%b}"][0] == "29 min"
    assert rows_below(response, "A year of days")[f"{date_of_it.day} {date_of_it:%B %Y}"] == ["29"]
    shown = charts(response)
    assert [minutes for _, minutes in shown["daily"] if minutes] == [29]
    assert [minutes for _, minutes in shown["calendar"]["days"]] == [29]


def test_a_books_page_has_the_estimate_of_the_page_of_all(web: Client, read: Read, ada: Reader, book: Book) -> None:
    for days_ago, begin in ((4, 0.1), (3, 0.2), (2, 0.3)):
        read(days_ago, 60, progress_start=begin, progress_end=begin + 0.1)
    place = PlaceReport(0.4)
    report_position(ada, book.pk, place, device=DeviceClue("kobo", "Kobo"), clock=Clock(datetime.now(UTC)))
    refresh()
    [estimate] = json.loads(bytes(StatsPayload.objects.get().body))["estimates"]
    said = words(web.get(f"/stats/books/{book.pk}"))
    assert f"{duration(estimate['seconds_left'])} left at your pace in it" in said
    assert f"Finished about {shown_day(estimate['finish_on'])}" in said
    assert f"between {shown_day(estimate['finish_on_low'])} and {shown_day(estimate['finish_on_high'])}" in said
