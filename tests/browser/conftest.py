"""A running service, readers of it, and their browsers.

Playwright keeps an event loop in the thread of the tests, where Django then refuses its database: all that a test here
knows of the service comes from its pages, its API and its commands, which is what a browser's user has too.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from typing import Any, Protocol

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, WebError

from tests.books import make_epub
from tests.browser.accounts import Account, make_account
from tests.browser.chromium import Scheme, Width, executable, log_in, new_context, running_chromium
from tests.project.services import Service
from tests.project.services import service as new_service

# Said in the page itself, for those violations that Chromium's console would put in other words or not at all.
TELL_VIOLATIONS = """
addEventListener("securitypolicyviolation", (event) => {
  console.error(`Content-Security-Policy: ${event.violatedDirective} forbids ${event.blockedURI} ${event.sample}`);
});
"""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = [item for item in items if item.path.is_relative_to(Path(__file__).parent)]
    for item in here:
        item.add_marker("browser")
        if executable() is None:
            reason = "Chromium is not installed (Debian: chromium), so no page was opened in a browser."
            item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(scope="package")
def service() -> Iterator[Service]:
    """`tome up` on a data folder of its own, with nothing in it, shared by the tests of this folder."""
    with new_service() as running:
        running.start()
        yield running


@pytest.fixture(autouse=True)
def _shown_where_it_fails(service: Service) -> Iterator[None]:
    """pytest shows what was printed only for a test that failed: then the service's log is wanted."""
    yield
    print(*service.log().splitlines()[-40:], sep="\n")  # noqa: T201


_numbers = count(1)


@pytest.fixture
def new_account(service: Service) -> Callable[[], Account]:
    """Makes a reader who has not read anything yet."""
    return lambda: make_account(service, f"reader{next(_numbers)}")


@pytest.fixture(scope="package")
def account(service: Service) -> Account:
    """Ada, shared by the tests of this folder. A test that counts what was read makes an account of its own."""
    return make_account(service, "ada")


@pytest.fixture(scope="package")
def library(service: Service, account: Account) -> dict[str, int]:
    """The ids of the books in the service's library, by their titles."""
    folder = service.data_dir / "library"
    books = {"A Study in Scarlet": "Arthur Conan Doyle", "Emma": "Jane Austen"}
    for title, author in books.items():
        make_epub(folder / f"{title}.epub", title=title, authors=[author])
    scanned = service.tome("scan", "--wait")
    assert scanned.returncode == 0, scanned.stderr
    return {title: account.book_named(f"{title}.epub") for title in books}


@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    with running_chromium() as browser:
        yield browser


@pytest.fixture
def problems() -> Iterator[list[str]]:
    """What the pages of a test complained of: errors in the console, in scripts, and against their content policy.

    A test that is about such a thing takes it out; whatever is left at the end fails it.
    """
    seen: list[str] = []
    yield seen
    assert seen == []


class OpenPage(Protocol):
    def __call__(
        self, account: Account | None, *, width: Width = "wide", scheme: Scheme = "light", **options: Any
    ) -> Page: ...


@pytest.fixture(scope="package")
def _logins() -> dict[str, Any]:
    """The cookies of those who logged in already, by their names."""
    return {}


@pytest.fixture
def open_page(chromium: Browser, service: Service, problems: list[str], _logins: dict[str, Any]) -> Iterator[OpenPage]:
    """Opens an empty page in a browser of its own, logged in for `account`; `page.goto("/stats")` goes on from there.

    Logins are kept for the tests that follow, so one that logs out makes an account of its own. `options` are those of
    Playwright's `new_context`.
    """

    def note(message: ConsoleMessage) -> None:
        if message.type == "error":
            problems.append(f"{message.page.url if message.page else '?'}: {message.text}")

    def note_error(error: WebError) -> None:
        problems.append(f"{error.page.url if error.page else '?'}: {error.error}")

    with ExitStack() as contexts:

        def opened(account: Account | None, *, width: Width = "wide", scheme: Scheme = "light", **options: Any) -> Page:
            state = _logins.get(account.name) if account else None
            context = new_context(chromium, service.url, width=width, scheme=scheme, storage_state=state, **options)
            contexts.callback(context.close)
            context.on("console", note)
            context.on("weberror", note_error)
            context.add_init_script(TELL_VIOLATIONS)
            page = context.new_page()
            if account and state is None:
                log_in(page, account.name, account.password)
                _logins[account.name] = context.storage_state()
            return page

        yield opened


@pytest.fixture
def page(open_page: OpenPage, account: Account) -> Page:
    """Ada's browser: wide, light, logged in."""
    return open_page(account)
