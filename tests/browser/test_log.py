"""The session log, the import and the reader's day in a browser: what is changed there is in the statistics."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.accounts import Account
from tests.browser.chromium import WIDTHS, Width
from tests.browser.conftest import OpenPage
from tests.reading.statistics_files import NEW_YEAR, make_statistics, reading
from tests.waiting import wait_until


def total_of(reader: Account) -> int | None:
    """Seconds of all time, once nothing newer is being computed."""
    payload = reader.call("GET", "/api/stats").json()
    return None if payload["pending"] else payload["totals"]["all"]["seconds"]


def wait_for_total(reader: Account, seconds: int) -> None:
    wait_until(lambda: total_of(reader) == seconds, what=f"{seconds} s to be counted")


def read_all_day(reader: Account, book_id: int) -> None:
    """Two hours, and a book that was left open for nine."""
    now = datetime.now(UTC).replace(second=0, microsecond=0)
    reader.post_session(book_id, now - timedelta(days=1), minutes=120, pages=80)
    reader.post_session(book_id, now - timedelta(days=3), minutes=9 * 60)
    wait_for_total(reader, 8 * 3600)


@pytest.mark.parametrize("width", WIDTHS)
def test_a_flagged_session_is_trimmed_by_its_suggestion_and_taken_back(
    open_page: OpenPage, new_account: Callable[[], Account], library: dict[str, int], width: Width
) -> None:
    reader = new_account()
    read_all_day(reader, library["Emma"])
    page = open_page(reader, width=width)
    page.goto("/stats")
    expect(page.locator("#stats")).to_contain_text("8 h 00 min")

    page.goto("/stats/sessions?flagged=1")
    page.get_by_role("button", name=re.compile("^Trim to 6 h")).click()
    expect(page.get_by_role("status").first).to_contain_text("The session is 6 h 00 min now.")
    expect(page.get_by_text("There are no such sessions.")).to_be_visible()

    page.goto("/stats/sessions")
    page.get_by_role("link", name=re.compile("^Change")).last.click()
    page.get_by_label("End").fill(shown_end(page, minus=timedelta(hours=5)))
    page.get_by_role("button", name="Trim", exact=True).click()
    expect(page.get_by_role("status").first).to_contain_text("The session is 1 h 00 min now.")
    wait_for_total(reader, 3 * 3600)
    page.goto("/stats")
    expect(page.locator("#stats")).to_contain_text("3 h 00 min")

    page.go_back()
    page.get_by_role("button", name=re.compile("^Take back")).click()
    wait_for_total(reader, 8 * 3600)


def shown_end(page: Page, *, minus: timedelta) -> str:
    end = datetime.fromisoformat(page.get_by_label("End").input_value())
    return (end - minus).isoformat(timespec="minutes")


def test_a_session_is_deleted_and_another_added_by_hand(
    open_page: OpenPage, new_account: Callable[[], Account], library: dict[str, int]
) -> None:
    reader = new_account()
    read_all_day(reader, library["Emma"])
    page = open_page(reader)
    page.goto("/stats/sessions")
    page.get_by_role("link", name=re.compile("^Change")).last.click()
    page.get_by_role("link", name="Delete").click()
    page.get_by_role("button", name="Delete it").click()
    wait_for_total(reader, 2 * 3600)

    page.get_by_role("link", name="Add a session").click()
    page.get_by_role("searchbox").fill("scarlet")
    page.get_by_role("button", name="Search").click()
    page.get_by_role("link", name="A Study in Scarlet").click()
    page.get_by_label("Day").fill("2024-05-01")
    page.get_by_label("From").fill("20:15")
    page.get_by_label("Minutes").fill("45")
    page.get_by_role("button", name="Add").click()
    expect(page.get_by_role("status").first).to_contain_text("45 min with “A Study in Scarlet” are added.")
    wait_for_total(reader, 2 * 3600 + 45 * 60)


def test_an_import_is_seen_to_finish_without_a_reload(
    open_page: OpenPage, new_account: Callable[[], Account], library: dict[str, int], tmp_path: Path
) -> None:
    books = [{"id": 1, "title": "Emma", "authors": "Jane Austen"}, {"id": 2, "title": "Persuasion"}]
    rows = [*reading(NEW_YEAR, 30), *reading(NEW_YEAR + 36_000, 20, book=2)]
    file = make_statistics(tmp_path / "statistics.sqlite3", books=books, rows=rows)
    reader = new_account()
    page = open_page(reader)
    page.goto("/stats/import")
    page.get_by_label("The file").set_input_files(file)
    page.get_by_role("button", name="Import").click()
    page.evaluate("document.body.dataset.opened = 'once'")

    expect(page.locator("#imports")).to_contain_text("2 sessions are new, of 2 books and 50 pages.", timeout=30_000)
    expect(page.locator("#imports")).to_contain_text("Persuasion")
    assert page.evaluate("document.body.dataset.opened") == "once"
    wait_for_total(reader, 1800)


def test_a_file_that_is_no_database_is_said(open_page: OpenPage, account: Account, tmp_path: Path) -> None:
    file = tmp_path / "statistics.sqlite3"
    file.write_bytes(b"SQLite format 3\0" + bytes(84))
    page = open_page(account)
    page.goto("/stats/import")
    page.get_by_label("The file").set_input_files(file)
    page.get_by_role("button", name="Import").click()
    expect(page.locator("#imports")).to_contain_text("It could not be imported.", timeout=30_000)


def test_the_devices_own_zone_is_taken_with_one_button(
    open_page: OpenPage, new_account: Callable[[], Account], library: dict[str, int]
) -> None:
    reader = new_account()
    started_at = (datetime.now(UTC) - timedelta(days=2)).replace(hour=23, minute=0, second=0, microsecond=0)
    reader.post_session(library["Emma"], started_at, minutes=30)
    wait_for_total(reader, 1800)
    page = open_page(reader)
    page.goto("/settings")
    expect(page.get_by_label("Time zone")).to_have_value("UTC")
    page.get_by_role("button", name="Use this device’s zone: Europe/Berlin").click()
    expect(page.get_by_label("Time zone")).to_have_value("Europe/Berlin")
    expect(page.get_by_role("button", name="Use this device’s zone")).to_be_hidden()

    def is_counted_anew() -> bool:
        payload = reader.call("GET", "/api/stats").json()
        return [day["day"] for day in payload["daily"]] == [str((started_at + timedelta(days=1)).date())]

    wait_until(is_counted_anew, what="the day to be the one in Berlin")
    expect(page.locator("#recount[data-running=true]")).to_have_count(0)


def test_pages_of_the_log_and_the_settings_fit_a_phone(
    open_page: OpenPage, new_account: Callable[[], Account], library: dict[str, int]
) -> None:
    reader = new_account()
    read_all_day(reader, library["Emma"])
    page = open_page(reader, width="narrow")
    session_id = reader.call("GET", "/api/stats/sessions").json()["items"][0]["id"]
    places = ("/stats/sessions?flagged=1", f"/stats/sessions/{session_id}", "/stats/sessions/add", "/stats/import")
    for place in (*places, "/settings"):
        page.goto(place)
        assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"), place
