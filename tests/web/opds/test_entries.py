"""What an entry says of a book, in the one form and in the other."""

from datetime import UTC, datetime
from typing import Any

import pytest

from accounts.devices import DeviceClue
from accounts.models import Reader
from accounts.server import server_identifier
from library.describing import describe
from library.models import Book, BookFile
from reading.clocks import Clock
from reading.positions import PlaceReport
from reading.reports import report_position
from tests.web.opds.browsing import ACQUISITION, ATOM, DC, PSE, STREAM, AtomFeed, Browser, Publications
from tests.web.opds.conftest import HOSTILE_TITLE, PAGES

SCARLET = "Vol. 1 — A Study in Scarlet"
NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)


def atom(browser: Browser, path: str = "/opds/books") -> AtomFeed:
    shown = browser.open(path)
    assert isinstance(shown, AtomFeed)
    return shown


def publications(browser: Browser, path: str = "/opds/v2/books") -> Publications:
    shown = browser.open(path)
    assert isinstance(shown, Publications)
    return shown


def test_an_atom_entry_says_all_of_a_book(browser: Browser, library: dict[str, Book]) -> None:
    book = library["scarlet"]
    shown = atom(browser)
    entry = shown.entry(SCARLET)
    assert entry.findtext(f"{ATOM}id") == f"urn:tome:{server_identifier()}:book:{book.pk}"
    assert [each.text for each in entry.iter(f"{ATOM}name")] == ["Arthur Conan Doyle", "John H. Watson"]
    assert entry.findtext(f"{ATOM}updated") == book.changed_at.strftime("%Y-%m-%dT%H:%M:%SZ")
    assert entry.findtext(f"{ATOM}published") == book.added_at.strftime("%Y-%m-%dT%H:%M:%SZ")
    assert [entry.findtext(f"{DC}{name}") for name in ("issued", "language", "publisher")] == [
        "1887-11",
        "en-GB",
        "Ward & Lock",
    ]
    assert [each.get("term") for each in entry.iter(f"{ATOM}category")] == ["Crime & Detection"]
    content = entry.find(f"{ATOM}content")
    assert content.get("type") == "text"
    assert content.text == "In the year 1878 I took my degree.\n\nA <second> paragraph & more."
    links = {(link.rel, link.type): link for link in shown.entry_links(SCARLET)}
    assert ("http://opds-spec.org/image", "image/jpeg") in links
    assert ("http://opds-spec.org/image/thumbnail", "image/jpeg") in links
    epub, kepub = links[ACQUISITION, "application/epub+zip"], links[ACQUISITION, "application/kepub+zip"]
    assert (epub.title, kepub.title) == ("EPUB", "KEPUB")
    assert epub.element.get("length") == str(book.files.get(format="epub").size)


def test_a_publication_says_all_of_a_book(browser: Browser, library: dict[str, Book]) -> None:
    book = library["scarlet"]
    entry = publications(browser).entry(SCARLET)
    metadata = entry["metadata"]
    assert metadata["identifier"] == f"urn:tome:{server_identifier()}:book:{book.pk}"
    assert [each["name"] for each in metadata["author"]] == ["Arthur Conan Doyle", "John H. Watson"]
    assert (metadata["language"], metadata["publisher"]) == ("en-GB", "Ward & Lock")
    assert metadata["subject"] == ["Crime & Detection"]
    assert metadata["belongsTo"]["series"]["name"] == "Sherlock Holmes"
    assert metadata["belongsTo"]["series"]["position"] == 1
    assert "published" not in metadata  # a month is no date of JSON's
    assert [(link["type"], link["size"]) for link in entry["links"]] == [
        ("application/epub+zip", book.files.get(format="epub").size),
        ("application/kepub+zip", book.files.get(format="kepub.epub").size),
    ]
    assert {image["type"] for image in entry["images"]} == {"image/jpeg"}
    alice = publications(browser).entry("Alice")["metadata"]
    assert alice["published"] == "1865-11-26"
    assert "language" not in alice


def test_atom_is_the_default_namespace_and_nothing_stands_between_elements(
    browser: Browser, library: dict[str, Book]
) -> None:
    text = browser.get("/opds/books").content.decode()
    assert text.startswith('<?xml version="1.0" encoding="UTF-8"?>\n<feed xmlns="http://www.w3.org/2005/Atom"')
    assert "<entry><id>" in text
    assert "<atom:" not in text


@pytest.mark.parametrize("path", ["/opds/books", "/opds/new", "/opds/authors", "/opds/search?q=script"])
def test_a_hostile_title_stays_text(browser: Browser, library: dict[str, Book], path: str) -> None:
    shown = atom(browser, path)
    assert not list(shown.root.iter("{*}script", "{*}b", "{*}x"))
    if path == "/opds/authors":
        assert '</name>"&' in shown.titles
        return
    entry = shown.entry(HOSTILE_TITLE)
    assert entry.findtext(f"{ATOM}author/{ATOM}name") == '</name>"&'
    assert entry.findtext(f"{ATOM}content") == "]]>"
    assert entry.find(f"{ATOM}category").get("term") == '"><x/>'


@pytest.mark.parametrize("start", ["/opds", "/opds/v2"])
def test_a_hostile_search_stays_text(browser: Browser, db: None, start: str) -> None:
    answer = browser.get(f"{start}/search?q=%3C/title%3E%3Cscript%3E%22&query=%3Cscript%3E")
    assert answer.status_code == 200
    if start == "/opds":
        assert b"<script>" not in answer.content


def test_a_format_has_one_link_that_of_its_first_file(browser: Browser, library: dict[str, Book]) -> None:
    book = library["scarlet"]
    first = book.files.get(format="epub")
    BookFile.objects.create(
        book=book, path="other.epub", name_key="", format="epub", size=1, mtime_ns=1, sha256="a" * 64
    )
    links = [link for link in atom(browser).entry_links(SCARLET) if link.type == "application/epub+zip"]
    assert [f"/{first.pk}.epub" in link.href for link in links] == [True]


@pytest.mark.parametrize("start", ["/opds", "/opds/v2"])
def test_formats_come_as_the_reader_prefers_them(
    browser: Browser, bobs_browser: Browser, ada: Reader, library: dict[str, Book], start: str
) -> None:
    ada.formats = ["nonsense", "kepub.epub"]
    ada.save()

    def formats(asking: Browser) -> list[str]:
        links = asking.open(f"{start}/books").entry_links(SCARLET)
        return [link.title for link in links if link.rel == ACQUISITION]

    assert formats(browser) == ["KEPUB", "EPUB"]
    assert formats(bobs_browser) == ["EPUB", "KEPUB"]


def test_a_file_that_is_gone_has_no_link(browser: Browser, library: dict[str, Book]) -> None:
    library["scarlet"].files.filter(format="kepub.epub").update(is_present=False)
    assert [link.title for link in atom(browser).entry_links(SCARLET) if link.rel == ACQUISITION] == ["EPUB"]


def test_a_long_description_is_cut(browser: Browser, library: dict[str, Book]) -> None:
    Book.objects.filter(pk=library["alice"].pk).update(description="word " * 2000)
    content = atom(browser).entry("Alice").findtext(f"{ATOM}content")
    assert len(content) < 2100
    assert content.endswith("…")


def test_a_list_of_series_says_how_many_books_and_shows_a_cover(browser: Browser, library: dict[str, Book]) -> None:
    shown = atom(browser, "/opds/series")
    assert shown.entry("Sherlock Holmes").findtext(f"{ATOM}content") == "2 books by Arthur Conan Doyle, John H. Watson"
    rels = [link.rel for link in shown.entry_links("Sherlock Holmes")]
    assert rels == ["subsection", "http://opds-spec.org/image", "http://opds-spec.org/image/thumbnail"]
    entry = publications(browser, "/opds/v2/series").entry("Sherlock Holmes")
    assert entry["properties"] == {"numberOfItems": 2}


# --- Where a comic was left ------------------------------------------------------------------------------------------


def stream(browser: Browser, title: str = "Watch") -> Any:
    [link] = [link for link in atom(browser).entry_links(title) if link.rel == STREAM]
    return link.element


def read(reader: Reader, book: Book, place: PlaceReport) -> None:
    report_position(reader, book.pk, place, device=DeviceClue("kobo-1", "Kobo"), clock=Clock(NOW))


def test_a_comic_says_how_many_pages_it_has_and_nothing_of_a_place_that_is_not(
    browser: Browser, ada: Reader, library: dict[str, Book]
) -> None:
    assert stream(browser).get(f"{PSE}count") == str(PAGES)
    assert stream(browser).get(f"{PSE}lastRead") is None
    read(ada, library["cbz"], PlaceReport(0.0))
    assert stream(browser).get(f"{PSE}lastRead") is None


@pytest.mark.parametrize(
    ("place", "page"),
    [
        (PlaceReport(0.5, progress="7"), "7"),
        (PlaceReport(0.5, progress="700"), str(PAGES)),
        (PlaceReport(0.5), "6"),
        (PlaceReport(1.0), str(PAGES)),
        (PlaceReport(0.5, progress="7", ko_md5="f" * 32), "6"),  # a page of another file
        (PlaceReport(0.25, progress="/body/DocFragment[2].0"), "3"),
    ],
)
def test_the_page_that_was_read_last_is_the_readers_own(
    browser: Browser, bobs_browser: Browser, ada: Reader, library: dict[str, Book], place: PlaceReport, page: str
) -> None:
    read(ada, library["cbz"], place)
    found = stream(browser)
    assert (found.get(f"{PSE}lastRead"), found.get(f"{PSE}lastReadDate")) == (page, "2026-05-01T12:00:00Z")
    assert stream(bobs_browser).get(f"{PSE}lastRead") is None


def test_a_comic_whose_pages_were_not_counted_is_not_streamed(browser: Browser, library: dict[str, Book]) -> None:
    file = library["cbz"].files.get()
    file.stated = {key: value for key, value in file.stated.items() if key != "pages"}
    file.save()
    describe(library["cbz"])
    assert STREAM not in {link.rel for link in atom(browser).entry_links("Watch")}
