import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Page, expect

from tests.browser.accounts import Account
from tests.browser.chromium import SCHEMES, WIDTHS, Scheme, Width, log_in
from tests.browser.conftest import OpenPage
from tests.waiting import wait_until


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("width", WIDTHS)
def test_logging_in_through_the_form_shows_the_first_page(
    open_page: OpenPage, account: Account, width: Width, scheme: Scheme
) -> None:
    page = open_page(None, width=width, scheme=scheme)
    page.goto("/")
    expect(page).to_have_url(re.compile(r"/login\?next=/$"))

    log_in(page, account.name, account.password)
    expect(page.get_by_role("heading", level=1)).to_have_text(f"Hello, {account.name}")


def test_a_wrong_password_is_refused_with_a_word(open_page: OpenPage, account: Account) -> None:
    page = open_page(None)
    page.goto("/login")
    page.get_by_label("Name").fill(account.name)
    page.get_by_label("Password").fill("something else")
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("alert")).to_have_text("That name and password do not belong together.")


def test_who_logs_out_is_asked_again(open_page: OpenPage, new_account: Callable[[], Account]) -> None:
    page = open_page(new_account())
    page.get_by_role("button", name="Log out").click()
    page.goto("/books")
    expect(page.get_by_role("heading", level=1)).to_have_text("Log in")


def test_a_session_that_a_device_posts_is_counted_on_the_first_page(
    open_page: OpenPage, new_account: Callable[[], Account], library: dict[str, int]
) -> None:
    reader = new_account()
    started_at = datetime.now(UTC) - timedelta(days=1)
    reader.post_session(library["Emma"], started_at, minutes=30, pages=12)

    page = open_page(reader)
    numbers = page.get_by_role("region", name="In numbers")

    def is_counted() -> bool:
        page.goto("/")
        return "0.5 hours in 30 days" in " ".join(numbers.inner_text().split())

    wait_until(is_counted, what="the workers to count the session")


def test_a_page_that_breaks_its_content_policy_is_noticed(page: Page, problems: list[str]) -> None:
    page.goto("/")
    page.evaluate("document.body.setAttribute('style', 'color: red')")
    with page.context.expect_event("weberror"):
        page.evaluate("setTimeout(() => { throw new Error('a script went wrong') })")

    assert any("style-src" in problem for problem in problems)
    assert any("a script went wrong" in problem for problem in problems)
    problems.clear()
