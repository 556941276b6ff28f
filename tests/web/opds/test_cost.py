"""What a feed costs does not depend on how much there is."""

from collections.abc import Callable

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.app_passwords import create_app_password
from accounts.models import Reader
from library.catalogue import ENTRIES
from library.manifests import refresh_manifests
from library.models import Author, Book, Series
from tests.web.opds.browsing import Browser, basic

# Of a page of books: who asks and with what preference, the list, places, the last change; books, authors, files.
MOST = 8


@pytest.fixture
def asking(ada: Reader) -> Browser:
    return Browser(basic("ada", create_app_password(ada)))


def queries(browser: Browser, path: str, method: str = "GET") -> int:
    browser.ask(browser.site + path, method)  # notes the password's use, which the next ones need not
    with CaptureQueriesContext(connection) as captured:
        assert browser.ask(browser.site + path, method).status_code == 200
    return len(captured)


def fill(add: Callable[..., Book], count: int) -> None:
    for n in range(count):
        add(f"Book {n}", (f"Author {n % 3}", "Ann"), series="Long" if n % 2 else f"Series {n}", series_index=n)
    refresh_manifests()


@pytest.mark.parametrize(
    "feed", ["", "books", "new", "series", "authors", "types", "types/book", "reading", "search?q=b"]
)
def test_a_feed_takes_as_many_queries_in_a_larger_library(
    asking: Browser, start: str, add: Callable[..., Book], feed: str
) -> None:
    fill(add, 4)
    few = queries(asking, f"{start}/{feed}")
    assert few <= MOST
    fill(add, 2 * ENTRIES)
    assert queries(asking, f"{start}/{feed}") == few


def test_one_series_and_one_author_take_as_many_queries_with_more_books(
    asking: Browser, start: str, add: Callable[..., Book]
) -> None:
    fill(add, 4)
    paths = [
        f"{start}/series/{Series.objects.get(name='Long').pk}",
        f"{start}/authors/{Author.objects.get(name='Ann').pk}",
    ]
    few = [queries(asking, path) for path in paths]
    assert max(few) <= MOST + 1
    fill(add, 2 * ENTRIES)
    assert [queries(asking, path) for path in paths] == few


@pytest.mark.parametrize("feed", ["books", "new", "search?q=b"])
def test_head_leaves_out_the_details(asking: Browser, start: str, add: Callable[..., Book], feed: str) -> None:
    fill(add, 4)
    assert queries(asking, f"{start}/{feed}", "HEAD") == queries(asking, f"{start}/{feed}") - 3


def test_a_page_of_books_is_no_longer_in_a_larger_library(
    asking: Browser, start: str, add: Callable[..., Book]
) -> None:
    fill(add, ENTRIES + 1)
    size = len(asking.get(f"{start}/books").content)
    fill(add, ENTRIES)
    assert abs(len(asking.get(f"{start}/books").content) - size) < size / 10
