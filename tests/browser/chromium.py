"""Debian's Chromium, driven by Playwright, as a reader sees Tome: on a desk or on a phone, by day or by night."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

Width = Literal["wide", "narrow"]
Scheme = Literal["light", "dark"]
WIDTHS: dict[Width, dict[str, Any]] = {
    "wide": {"viewport": {"width": 1280, "height": 900}},
    "narrow": {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True},
}
SCHEMES: tuple[Scheme, ...] = ("light", "dark")


def executable() -> str | None:
    """Where Chromium is; None where it is not installed. Playwright's own cannot be had everywhere."""
    return shutil.which("chromium")


@contextmanager
def running_chromium() -> Iterator[Browser]:
    """Ends with this process, even if that is killed: Playwright's driver notices, and takes Chromium along."""
    with sync_playwright() as playwright:
        # No page of Tome has any business elsewhere, and Chromium asks for things of its own.
        nowhere = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"
        browser = playwright.chromium.launch(executable_path=executable(), args=[nowhere, "--disable-dev-shm-usage"])
        try:
            yield browser
        finally:
            browser.close()


def new_context(browser: Browser, url: str, *, width: Width, scheme: Scheme, **options: Any) -> BrowserContext:
    """A browser of its own, without a login, in which addresses are relative to `url`."""
    return browser.new_context(
        base_url=url,
        color_scheme=scheme,
        locale="en-GB",
        timezone_id="Europe/Berlin",
        **WIDTHS[width],
        **options,
    )


def log_in(page: Page, name: str, password: str) -> None:
    """Through the form, as everybody does; ends at the first page."""
    page.goto("/login")
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url("**/")
