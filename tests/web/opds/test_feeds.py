"""What the feeds show, the same in both versions."""

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import pytest

from accounts.devices import DeviceClue
from accounts.models import Reader
from library.catalogue import ENTRIES
from library.manifests import refresh_manifests
from library.models import Author, Book, Series
from reading.clocks import Clock
from reading.positions import PlaceReport
from reading.refreshing import refresh
from reading.reports import report_position
from tests.web.opds.browsing import Browser
from tests.web.opds.conftest import HOSTILE_TITLE, VERSIONS

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)


def read_some(reader: Reader, book: Book, *, at: datetime = NOW, percentage: float = 0.4) -> None:
    report_position(reader, book.pk, PlaceReport(percentage), device=DeviceClue("kobo-1", "Kobo"), clock=Clock(at))
    refresh()


def test_the_root_leads_to_every_list(browser: Browser, start: str, library: dict[str, Book]) -> None:
    root = browser.open(start)
    assert root.titles == [
        "Continue reading",
        "Recently added",
        "All books",
        "Series",
        "Authors",
        "Kinds of books",
    ]
    for title in root.titles:
        assert root.enter(title).root is not None


def test_all_books_come_by_title(browser: Browser, start: str, library: dict[str, Book]) -> None:
    shown = browser.open(start).enter("All books")
    assert shown.titles == [
        "20,000 Leagues",
        "Alice",
        "Vol. 2.5 — The Sign of the Four",
        "Vol. 1 — A Study in Scarlet",
        HOSTILE_TITLE,
        "Watch",
        "Zorro",
        "Οδύσσεια",
    ]


def test_the_newest_come_first(browser: Browser, start: str, add: Callable[..., Book]) -> None:
    books = [add(f"Book {n}") for n in range(3)]
    for days, book in enumerate(books):
        Book.objects.filter(pk=book.pk).update(added_at=NOW + timedelta(days=days))
    assert browser.open(start).enter("Recently added").titles == ["Book 2", "Book 1", "Book 0"]


def test_a_series_comes_in_its_order_and_is_left_for_the_list(
    browser: Browser, start: str, library: dict[str, Book]
) -> None:
    listed = browser.open(start).enter("Series")
    assert listed.titles == ["Sherlock Holmes"]
    series = listed.enter("Sherlock Holmes")
    assert series.titles == ["Vol. 1 — A Study in Scarlet", "Vol. 2.5 — The Sign of the Four"]
    assert series.follow("up").titles == listed.titles
    assert series.follow("start").titles == browser.open(start).titles


def test_an_author_has_the_books_that_they_wrote(browser: Browser, start: str, library: dict[str, Book]) -> None:
    authors = browser.open(start).enter("Authors")
    assert set(authors.titles) >= {"Arthur Conan Doyle", "John H. Watson", "Lewis Carroll", "Jules Verne", "Όμηρος"}
    assert sorted(authors.enter("Arthur Conan Doyle").titles) == [
        "Vol. 1 — A Study in Scarlet",
        "Vol. 2.5 — The Sign of the Four",
    ]
    assert authors.enter("Lewis Carroll").titles == ["Alice"]


def test_kinds_are_those_of_which_there_is_a_book(browser: Browser, start: str, library: dict[str, Book]) -> None:
    kinds = browser.open(start).enter("Kinds of books")
    assert kinds.titles == ["Books", "Comics"]
    assert kinds.enter("Comics").titles == ["Watch", "Zorro"]


@pytest.mark.parametrize("feed", ["books", "new", "types/book", "series/{series}", "authors/{author}", "search?q=book"])
def test_paging_to_the_end_shows_each_book_once(
    browser: Browser, start: str, add: Callable[..., Book], feed: str
) -> None:
    books = [add(f"Book {n % 40}", ("Ann",), series="Long", series_index=n) for n in range(2 * ENTRIES + 5)]
    ids = {"series": Series.objects.get().pk, "author": Author.objects.get().pk}
    pages = browser.open(f"{start}/{feed.format(**ids)}").pages()
    assert [len(page.titles) for page in pages] == [ENTRIES, ENTRIES, 5]
    shown = Counter(ident(entry) for page in pages for entry in page.entries)
    assert len(shown) == len(books)
    assert set(shown.values()) == {1}
    assert [page.follow("first").titles for page in pages[1:]] == [pages[0].titles] * 2


def ident(entry: Any) -> str:
    return str(entry["metadata"]["identifier"] if isinstance(entry, dict) else entry.findtext("{*}id"))


@pytest.mark.parametrize(("feed", "wanted"), [("series", "Series 0"), ("authors", "Author 0")])
def test_lists_of_series_and_authors_are_paged(
    browser: Browser, start: str, add: Callable[..., Book], feed: str, wanted: str
) -> None:
    for n in range(ENTRIES + 3):
        add("A book", (f"Author {n}",), series=f"Series {n}", series_index=1.0)
    refresh_manifests()
    pages = browser.open(f"{start}/{feed}").pages()
    titles = [title for page in pages for title in page.titles]
    assert [len(page.titles) for page in pages] == [ENTRIES, 3]
    assert len(set(titles)) == ENTRIES + 3
    assert titles[0] == wanted
    assert titles[2] == wanted.replace("0", "2")  # by value: 10 does not come before it


@pytest.mark.parametrize(
    ("initial", "titles"), [("a", ["Alice"]), ("0", ["20,000 Leagues"]), ("…", ["Οδύσσεια"]), ("q", [])]
)
def test_a_list_can_begin_with_a_letter(
    browser: Browser, start: str, library: dict[str, Book], initial: str, titles: list[str]
) -> None:
    assert browser.open(f"{start}/books?initial={quote(initial)}").titles == titles


def test_a_search_finds_words_of_titles_authors_and_series(
    browser: Browser, start: str, library: dict[str, Book]
) -> None:
    def found(text: str) -> list[str]:
        return sorted(browser.open(f"{start}/search?{'query' if 'v2' in start else 'q'}={quote(text)}").titles)

    assert found("holmes") == ["Vol. 1 — A Study in Scarlet", "Vol. 2.5 — The Sign of the Four"]
    assert found("DOYLE stud") == ["Vol. 1 — A Study in Scarlet"]
    assert found("Οδύσ") == ["Οδύσσεια"]
    assert found("carroll 20") == []
    assert found("") == found("   ") == found("%") == found("\0") == []


def test_a_page_of_a_search_is_one_of_the_same_search(browser: Browser, start: str, add: Callable[..., Book]) -> None:
    for n in range(ENTRIES + 1):
        add(f"Red & white {n}")
    add("Other")
    pages = browser.open(f"{start}/search?q={quote('red & white')}").pages()
    assert [len(page.titles) for page in pages] == [ENTRIES, 1]


def test_reading_is_continued_with_what_was_read_last_by_the_reader_alone(
    browser: Browser, bobs_browser: Browser, ada: Reader, bob: Reader, start: str, library: dict[str, Book]
) -> None:
    read_some(ada, library["alice"])
    read_some(ada, library["cbz"], at=NOW + timedelta(hours=1))
    read_some(bob, library["number"])
    assert browser.open(f"{start}/reading").titles == ["Watch", "Alice"]
    assert bobs_browser.open(f"{start}/reading").titles == ["20,000 Leagues"]
    read_some(ada, library["alice"], at=NOW + timedelta(hours=2), percentage=1.0)
    assert browser.open(f"{start}/reading").titles == ["Watch"]


def test_what_is_being_read_is_paged(browser: Browser, ada: Reader, start: str, add: Callable[..., Book]) -> None:
    for n in range(ENTRIES + 2):
        book = add(f"Book {n}")
        report_position(ada, book.pk, PlaceReport(0.3), device=DeviceClue("kobo-1", "Kobo"), clock=Clock(NOW))
    refresh()
    pages = browser.open(f"{start}/reading").pages()
    assert [len(page.titles) for page in pages] == [ENTRIES, 2]
    assert len({title for page in pages for title in page.titles}) == ENTRIES + 2


def test_bob_sees_the_same_library(
    browser: Browser, bobs_browser: Browser, start: str, library: dict[str, Book]
) -> None:
    for feed in ("books", "series", "authors", "types"):
        assert bobs_browser.open(f"{start}/{feed}").titles == browser.open(f"{start}/{feed}").titles


def test_a_book_that_is_gone_is_in_no_list(browser: Browser, start: str, library: dict[str, Book]) -> None:
    for name in ("scarlet", "sign", "cbz", "cbr"):
        Book.objects.filter(pk=library[name].pk).update(is_active=False)
    assert not {"Watch", "Zorro"} & set(browser.open(f"{start}/books").titles)
    assert not {"Watch", "Zorro"} & set(browser.open(f"{start}/new").titles)
    assert browser.open(f"{start}/series").titles == []
    assert "Arthur Conan Doyle" not in browser.open(f"{start}/authors").titles
    assert browser.open(f"{start}/types").titles == ["Books"]
    assert browser.open(f"{start}/search?q=watch").titles == []
    assert browser.get(f"{start}/series/{library['sign'].series_id}").status_code == 404


def test_what_does_not_exist_is_said_in_a_sentence(browser: Browser, start: str, library: dict[str, Book]) -> None:
    unknown = (
        "series/999999",
        "authors/999999",
        f"authors/{10**17}",
        "types/cookbook",
        "series/x",
        "series/" + "9" * 30,
    )
    for address in unknown:
        answer = browser.get(f"{start}/{address}")
        assert (answer.status_code, answer["Content-Type"]) == (404, "text/plain; charset=utf-8"), address
        assert answer.content.decode().endswith(".")


@pytest.mark.parametrize(
    "address", ["books", "new", "series", "authors", "types/book", "search?q=a", "reading", "series/{series}"]
)
@pytest.mark.parametrize("cursor", ["x", "1", "-1~", "1~\0", "9" * 30 + "~a", "~", "1~" + "a" * 500])
def test_a_cursor_that_cannot_be_read_is_a_400(
    browser: Browser, library: dict[str, Book], address: str, cursor: str
) -> None:
    if (address, cursor) == ("reading", "1"):
        return
    address = address.format(series=library["scarlet"].series_id)
    joined = f"/opds/{address}{'&' if '?' in address else '?'}after={quote(cursor)}"
    answer = browser.get(joined)
    assert (answer.status_code, answer["Content-Type"]) == (400, "text/plain; charset=utf-8")
    assert answer.content.decode().endswith(".")
    assert browser.get(joined.replace("/opds/", "/opds/v2/")).status_code == 400


def test_a_beginning_that_there_is_not_is_a_400(browser: Browser, start: str, library: dict[str, Book]) -> None:
    assert browser.get(f"{start}/books?initial=zz").status_code == 400


def test_an_empty_library_has_empty_lists(browser: Browser, start: str) -> None:
    for feed in ("books", "new", "series", "authors", "types", "reading", "search?q=x"):
        assert browser.open(f"{start}/{feed}").titles == []
    assert len(browser.open(start).titles) == 6


def test_both_versions_show_the_same(browser: Browser, library: dict[str, Book]) -> None:
    first, second = VERSIONS
    for feed in ("", "/books", "/new", "/series", "/authors", "/types", "/types/book", "/search?q=a"):
        one, other = browser.open(first + feed), browser.open(second + feed)
        # XML has no way to hold some characters, which JSON has.
        assert one.titles == [title.replace("\x0b", "") for title in other.titles]
