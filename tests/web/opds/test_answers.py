"""When a feed is still the same, and when a client must not believe that it is."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone
from django.utils.http import http_date, parse_http_date

from accounts.devices import DeviceClue
from accounts.models import Reader
from library.manifests import refresh_manifests
from library.marks import mark_manifests_stale, note_changed
from library.models import Book
from library.scanning import mark_gone
from reading.clocks import Clock
from reading.models import Position
from reading.positions import PlaceReport
from reading.refreshing import refresh
from reading.reports import report_position
from tests.web.opds.browsing import Browser

FEEDS = ["", "/books", "/new", "/series", "/series/{series}", "/authors", "/authors/{author}", "/types", "/types/comic"]
FEEDS += ["/search?q=watch", "/reading"]
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def settled(library: dict[str, Book]) -> dict[str, Book]:
    """The library as it is some time after its last change."""
    Book.objects.update(changed_at=LONG_AGO)
    return library


def address(start: str, feed: str, library: dict[str, Book]) -> str:
    book = library["scarlet"]
    return start + feed.format(series=book.series_id, author=book.authors.get(name="Arthur Conan Doyle").pk)


@pytest.mark.parametrize("feed", FEEDS)
def test_who_has_the_feed_is_told_so(browser: Browser, start: str, settled: dict[str, Book], feed: str) -> None:
    path = address(start, feed, settled)
    answer = browser.get(path)
    assert answer["ETag"].startswith('"')
    assert answer["Cache-Control"] == "private, no-cache"
    for tags in (answer["ETag"], f'"x", W/{answer["ETag"]}', "*"):
        same = browser.get(path, if_none_match=tags)
        assert (same.status_code, same.content, same["ETag"]) == (304, b"", answer["ETag"])
    assert browser.head(path, if_none_match=answer["ETag"]).status_code == 304
    assert browser.get(path, if_none_match='"x"').status_code == 200


@pytest.mark.parametrize("feed", FEEDS)
def test_head_has_the_headers_of_get_and_nothing_else(
    browser: Browser, start: str, settled: dict[str, Book], feed: str
) -> None:
    path = address(start, feed, settled)
    head, get = browser.head(path), browser.get(path)
    assert head.content == b""
    # The length is not known without making the content.
    headers = dict(get.headers)
    assert headers.pop("Content-Length") == str(len(get.content))
    assert dict(head.headers) == headers


@pytest.mark.parametrize("feed", FEEDS[:-1])
def test_last_modified_is_the_last_change_of_the_library(
    browser: Browser, start: str, settled: dict[str, Book], feed: str
) -> None:
    path = address(start, feed, settled)
    answer = browser.get(path)
    assert answer["Last-Modified"] == http_date(LONG_AGO.timestamp())
    assert browser.get(path, if_modified_since=answer["Last-Modified"]).status_code == 304
    assert browser.get(path, if_modified_since=http_date(LONG_AGO.timestamp() - 1)).status_code == 200
    assert browser.get(path, if_modified_since="yesterday").status_code == 200
    # The ETag decides where both are sent.
    assert browser.get(path, if_modified_since=answer["Last-Modified"], if_none_match='"x"').status_code == 200


def test_what_is_being_read_has_no_last_modified(browser: Browser, start: str, settled: dict[str, Book]) -> None:
    assert "Last-Modified" not in browser.get(f"{start}/reading")


def later(seconds: float) -> Callable[[], datetime]:
    moment = timezone.now() + timedelta(seconds=seconds)
    return lambda: moment


@pytest.mark.parametrize("feed", FEEDS[:-1])
def test_a_change_of_this_moment_is_not_dated_yet(
    browser: Browser, start: str, settled: dict[str, Book], feed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = address(start, feed, settled)
    note_changed([settled["alice"].pk])
    refresh_manifests()
    assert "Last-Modified" not in browser.get(path)
    monkeypatch.setattr("web.opds.answers.timezone.now", later(6))
    assert parse_http_date(browser.get(path)["Last-Modified"]) > LONG_AGO.timestamp()


@pytest.mark.parametrize("feed", ["/books", "/new", "/search?q=watch", "/types/comic"])
def test_a_book_that_went_changes_a_page_although_the_others_are_as_old_as_they_were(
    browser: Browser, start: str, settled: dict[str, Book], feed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = browser.get(start + feed)
    mark_gone([settled["cbz"].files.get().pk])
    monkeypatch.setattr("web.opds.answers.timezone.now", later(6))
    after = browser.get(start + feed)
    assert before["ETag"] != after["ETag"]
    assert before["Last-Modified"] != after["Last-Modified"]


def test_a_list_of_series_that_is_behind_is_not_dated(browser: Browser, start: str, settled: dict[str, Book]) -> None:
    mark_manifests_stale([settled["scarlet"].series_id])
    assert "Last-Modified" not in browser.get(f"{start}/series")
    refresh_manifests()
    assert "Last-Modified" in browser.get(f"{start}/series")


def test_a_place_in_a_comic_changes_the_feed_that_tells_it(
    browser: Browser, bobs_browser: Browser, ada: Reader, start: str, settled: dict[str, Book]
) -> None:
    before, bobs = browser.get(f"{start}/books"), bobs_browser.get(f"{start}/books")
    place = PlaceReport(0.5, progress="6")
    report_position(ada, settled["cbz"].pk, place, device=DeviceClue("k", "K"), clock=Clock(timezone.now()))
    refresh()
    Position.objects.update(updated_at=LONG_AGO + timedelta(hours=1))
    after = browser.get(f"{start}/books")
    assert before["ETag"] != after["ETag"]
    assert after["Last-Modified"] == http_date((LONG_AGO + timedelta(hours=1)).timestamp())
    same = bobs_browser.get(f"{start}/books")
    assert (same["ETag"], same["Last-Modified"]) == (bobs["ETag"], bobs["Last-Modified"])


def test_other_preferences_are_another_feed(
    browser: Browser, ada: Reader, start: str, settled: dict[str, Book]
) -> None:
    before = browser.get(f"{start}/books")["ETag"]
    ada.formats = ["kepub.epub"]
    ada.save()
    assert browser.get(f"{start}/books")["ETag"] != before


def test_two_readers_pages_and_versions_have_tags_of_their_own(
    browser: Browser, bobs_browser: Browser, settled: dict[str, Book]
) -> None:
    paths = ["/opds", "/opds/", "/opds/v2", "/opds/v2/", "/opds/books", "/opds/v2/books", "/opds/books?initial=a"]
    paths += ["/opds/books?initial=s", "/opds/search?q=x", "/opds/search?q=y", "/opds/types/book", "/opds/types/manga"]
    tags: list[Any] = [asking.get(path)["ETag"] for asking in (browser, bobs_browser) for path in paths]
    assert len(set(tags)) == 2 * len(paths)


def test_a_place_that_is_cleared_is_a_change_as_well(
    browser: Browser, ada: Reader, start: str, settled: dict[str, Book]
) -> None:
    place = PlaceReport(0.5, progress="6")
    report_position(ada, settled["cbz"].pk, place, device=DeviceClue("k", "K"), clock=Clock(timezone.now()))
    Position.objects.update(updated_at=LONG_AGO + timedelta(hours=1))
    before = browser.get(f"{start}/books")
    Position.objects.update(is_cleared=True, updated_at=LONG_AGO + timedelta(hours=2))
    after = browser.get(f"{start}/books")
    assert before["ETag"] != after["ETag"]
    assert after["Last-Modified"] == http_date((LONG_AGO + timedelta(hours=2)).timestamp())
