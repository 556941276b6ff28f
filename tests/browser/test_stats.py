"""The open page of statistics follows what is read, draws its charts, and asks nothing while nobody looks."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from playwright.sync_api import Page, Request, expect

from tests.browser.accounts import Account, session
from tests.browser.chromium import SCHEMES, WIDTHS, Scheme, Width
from tests.browser.conftest import OpenPage
from tests.waiting import wait_until

NewAccount = Callable[[], Account]
# Whether anything was drawn: not all of one of a chart's canvases is one colour.
IS_DRAWN = """(chart) => [...chart.querySelectorAll("canvas")].some((canvas) => {
  const pixels = new Uint32Array(canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data.buffer);
  return pixels.some((pixel) => pixel !== pixels[0]);
})"""


def is_drawn(page: Page, name: str) -> bool:
    drawn: bool = page.locator(f'[data-chart="{name}"]').evaluate(IS_DRAWN)
    return drawn


def ago(**since: float) -> datetime:
    return datetime.now(UTC) - timedelta(**since)


@pytest.fixture
def reader(new_account: NewAccount, library: dict[str, int]) -> Account:
    """Somebody who read on ten days, on two devices."""
    made = new_account()
    emma = library["Emma"]
    sessions = [session(emma, ago(days=n, hours=1), 30 + n, pages=20, progress_start=n / 20) for n in range(1, 11)]
    for n, each in enumerate(sessions, 1):
        each["progress_end"] = (n + 1) / 20
    made.post_sessions(sessions)
    wait_until(lambda: not made.call("GET", "/api/stats").json()["pending"], what="the statistics")
    return made


def test_a_session_that_is_posted_appears_on_the_open_page(
    open_page: OpenPage, new_account: NewAccount, library: dict[str, int]
) -> None:
    account = new_account()
    page = open_page(account)
    page.goto("/stats")
    expect(page.get_by_role("heading", name="There is no session yet")).to_be_visible()
    page.evaluate("window.isStillTheSame = true")
    expect(page.locator("#stats")).to_have_attribute("data-pending", "false", timeout=15_000)

    account.post_session(library["Emma"], ago(minutes=40), minutes=25, pages=12)
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")  # as when the reader comes back to it

    totals = page.locator(".numbers").first
    expect(totals).to_contain_text("25 min", timeout=15_000)
    expect(totals).to_contain_text("12 pages")
    expect(page.get_by_role("status").filter(has_text="brought up to date")).to_be_attached(timeout=15_000)
    assert page.evaluate("window.isStillTheSame") is True


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("width", WIDTHS)
def test_its_charts_are_drawn_and_nothing_is_wider_than_the_page(
    open_page: OpenPage, reader: Account, width: Width, scheme: Scheme
) -> None:
    page = open_page(reader, width=width, scheme=scheme)
    page.goto("/stats")
    for name in ("daily", "calendar", "hours"):
        chart = page.locator(f'[data-chart="{name}"]')
        expect(chart).to_be_visible()
        wait_until(partial(is_drawn, page, name), what=f"the chart {name}")
        chart.hover()  # a tooltip that broke the page's policy would fail this test
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


def test_without_scripts_it_has_the_same_numbers(open_page: OpenPage, reader: Account) -> None:
    page = open_page(reader, java_script_enabled=False)
    page.goto("/stats")
    expect(page.locator(".numbers").first).to_contain_text("10 sessions")
    expect(page.locator("[data-chart]").first).to_be_hidden()
    days = page.locator("details[data-keep=daily]")
    days.locator("summary").click()
    expect(days.get_by_role("row")).to_have_count(31)


def test_the_period_is_chosen_by_keyboard(open_page: OpenPage, reader: Account) -> None:
    page = open_page(reader)
    page.goto("/stats")
    page.get_by_role("link", name="All time").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name="All time")).to_have_attribute("aria-current", "page")
    expect(page.get_by_role("heading", level=2).first).to_have_text("All time")


def test_what_was_opened_and_where_the_focus_is_stays(open_page: OpenPage, reader: Account, library: Any) -> None:
    page = open_page(reader)
    page.goto("/stats")
    summary = page.locator("details[data-keep=hours] > summary")
    summary.focus()
    page.keyboard.press("Enter")
    before = page.locator("#stats").get_attribute("data-etag")
    reader.post_session(library["Emma"], ago(hours=3), minutes=20)
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    expect(page.locator("#stats")).not_to_have_attribute("data-etag", before or "", timeout=15_000)
    expect(page.locator("details[data-keep=hours]")).to_have_attribute("open", "")
    expect(summary).to_be_focused()


def test_it_asks_nothing_while_it_is_hidden_and_at_once_when_it_is_seen_again(
    open_page: OpenPage, reader: Account
) -> None:
    page = open_page(reader)
    page.clock.install()
    page.goto("/stats")
    asked: list[Request] = []
    # Chromium asks for the page's icon whenever it likes.
    page.on("request", lambda request: asked.append(request) if "/static/" not in request.url else None)

    def show(is_hidden: bool) -> None:
        page.evaluate(
            "hidden => { Object.defineProperty(document, 'hidden', {value: hidden, configurable: true});"
            " document.dispatchEvent(new Event('visibilitychange')) }",
            is_hidden,
        )

    show(True)
    page.clock.run_for(10 * 60_000)
    assert asked == []
    with page.expect_response("**/api/stats") as answer:
        show(False)
    assert answer.value.status == 304
    # Nothing has changed, so nothing of the page is fetched; and the next question comes a minute later.
    assert [each.url.rpartition("/")[2] for each in asked] == ["stats"]
    with page.expect_response("**/api/stats"):
        page.clock.run_for(61_000)
    assert len(asked) == 2


def test_a_server_that_is_away_is_said_quietly(open_page: OpenPage, reader: Account, problems: list[str]) -> None:
    page = open_page(reader)
    page.goto("/stats")
    page.route("**/api/stats", lambda route: route.abort())
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    expect(page.locator("#stats-trouble")).to_have_text("The server cannot be reached, so these numbers may be old.")
    page.unroute("**/api/stats")
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    expect(page.locator("#stats-trouble")).to_be_hidden()
    assert all("ERR_FAILED" in problem for problem in problems)
    problems.clear()


def test_a_books_page_draws_its_progress(open_page: OpenPage, reader: Account, library: Any) -> None:
    opened = open_page(reader, width="narrow", scheme="dark")
    opened.goto(f"/stats/books/{library['Emma']}")
    for name in ("daily", "progress", "pace"):
        wait_until(partial(is_drawn, opened, name), what=f"the chart {name}")
    assert opened.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


def look_again(page: Page, reader: Account, book_id: int, **since: float) -> None:
    """Post a session, wait until it is counted, and only then have the page ask: it never sees that it was pending."""
    before = page.locator("#stats").get_attribute("data-etag") or ""
    reader.post_session(book_id, ago(**since), minutes=10)
    wait_until(lambda: not reader.call("GET", "/api/stats").json()["pending"], what="the statistics")
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    expect(page.locator("#stats")).not_to_have_attribute("data-etag", before)


def test_each_change_is_told_to_those_who_listen(open_page: OpenPage, reader: Account, library: Any) -> None:
    page = open_page(reader)
    page.goto("/stats")
    news = page.locator("#stats-news")
    expect(news).to_have_text("")
    look_again(page, reader, library["Emma"], hours=5)
    expect(news).to_contain_text("brought up to date")
    page.evaluate("document.querySelector('#stats-news').textContent = ''")
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    look_again(page, reader, library["Emma"], hours=4)
    expect(news).to_contain_text("brought up to date")


def test_the_focus_stays_on_the_same_session_when_another_comes_before_it(
    open_page: OpenPage, reader: Account, library: Any
) -> None:
    page = open_page(reader)
    page.goto("/stats")
    latest = page.locator("#stats a[href^='/stats/sessions/']").first
    latest.focus()
    address = latest.get_attribute("href")
    look_again(page, reader, library["Emma"], minutes=15)
    expect(page.locator(f"#stats a[href='{address}']")).to_be_focused()


def test_a_table_that_was_scrolled_stays_where_it_was(open_page: OpenPage, reader: Account, library: Any) -> None:
    page = open_page(reader)
    page.goto("/stats")
    page.locator("details[data-keep=daily] > summary").click()
    days = page.get_by_role("region", name="Days", exact=True)
    days.evaluate("box => { box.scrollTop = 60 }")
    look_again(page, reader, library["Emma"], hours=6)
    assert days.evaluate("box => box.scrollTop") == 60


def test_a_chart_goes_on_in_its_canvas(open_page: OpenPage, reader: Account, library: Any) -> None:
    page = open_page(reader)
    page.goto("/stats")
    canvas = page.locator('[data-chart="daily"] canvas')
    expect(canvas).to_be_visible()
    canvas.evaluate("canvas => { canvas.isTheSame = true }")
    picture = canvas.evaluate("canvas => canvas.toDataURL()")
    look_again(page, reader, library["Emma"], hours=7)
    assert canvas.evaluate("canvas => canvas.isTheSame") is True
    wait_until(lambda: canvas.evaluate("canvas => canvas.toDataURL()") != picture, what="the chart of what is new")
