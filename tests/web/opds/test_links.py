"""Where links lead: everywhere in the catalogue, from both forms of its address, behind a proxy with a prefix."""

from collections import deque
from typing import Any
from urllib.parse import quote, urljoin

import pytest
from django.test import RequestFactory
from lxml import etree

from accounts.models import Reader
from library.models import Book
from tests.web.opds.browsing import (
    ACQUISITION,
    OPENSEARCH,
    STREAM,
    AtomFeed,
    Browser,
    Publications,
    basic,
    content_of,
    json_link,
)
from web.opds.links import Links


def hrefs_in(shown: Any) -> list[str]:
    """All addresses of a feed, templates with something put in."""
    if isinstance(shown, AtomFeed):
        found = [each.get("href") for each in shown.root.iter("{*}link")]
        found += [each.text for each in shown.root.iter("{*}uri")]
    else:
        found = []
        waiting: deque[Any] = deque([shown.root])
        while waiting:
            said = waiting.popleft()
            if isinstance(said, dict):
                found += [said["href"]] if "href" in said else []
                waiting += said.values()
            elif isinstance(said, list):
                waiting += said
    filled = {"{searchTerms}": "watch", "{?query}": "?query=watch", "{pageNumber}": "0", "{maxWidth}": "90"}
    for template, value in filled.items():
        found = [href.replace(template, value) for href in found]
    assert not any("{" in href for href in found)
    return found


@pytest.mark.parametrize("site", ["http://testserver", "https://books.example/at/home"])
@pytest.mark.parametrize("path", ["/opds", "/opds/", "/opds/v2", "/opds/v2/"])
def test_every_link_of_the_catalogue_leads_somewhere_in_it(
    ada: Reader, library: dict[str, Book], site: str, path: str
) -> None:
    browser = Browser(basic("ada", "correct horse"), site)
    waiting, seen, kinds = deque([site + path]), {site + path}, set()
    while waiting:
        address = waiting.popleft()
        assert address.startswith(f"{site}/opds"), address
        answer = browser.ask(address)
        assert answer.status_code == 200, address
        kind = answer["Content-Type"]
        kinds.add(kind)
        content_of(answer)
        if "opds" not in kind:
            continue
        shown: Any = (Publications if "json" in kind else AtomFeed)(browser, address, answer)
        for href in hrefs_in(shown):
            assert not href.startswith(("/", "http")), href
            if (found := urljoin(address, href)) not in seen:
                seen.add(found)
                waiting.append(found)
    is_atom = "v2" not in path
    assert {"image/jpeg", "application/epub+zip", "application/kepub+zip"} <= kinds
    assert {"application/vnd.comicbook+zip", "application/vnd.comicbook-rar"} <= kinds
    assert ("application/opensearchdescription+xml" in kinds) == is_atom
    assert ("application/opds+json" in kinds) != is_atom
    assert len(seen) > 100


@pytest.mark.parametrize(
    ("path", "files", "feeds"),
    [
        ("/opds", "opds/", "opds/"),
        ("/opds/", "", ""),
        ("/opds/books", "", ""),
        ("/opds/series/12", "../", "../"),
        ("/opds/v2", "", "v2/"),
        ("/opds/v2/", "../", "../v2/"),
        ("/opds/v2/series/12", "../../", "../../v2/"),
        ("/opds/v2x", "", ""),
    ],
)
def test_addresses_are_relative_to_the_one_that_was_asked_for(path: str, files: str, feeds: str) -> None:
    assert Links.of(RequestFactory().get(path)) == Links(files, feeds)


@pytest.mark.parametrize("path", ["/opds", "/opds/", "/opds/books", "/opds/series/{series}"])
def test_a_search_template_is_found_on_every_feed(browser: Browser, library: dict[str, Book], path: str) -> None:
    shown = browser.open(path.format(series=library["scarlet"].series_id))
    [template] = [link for link in shown.links if link.rel == "search" and link.type == "application/atom+xml"]
    assert "{searchTerms}" in template.href
    assert shown.browser.open(shown.resolved(template.href.replace("{searchTerms}", "watch"))).titles == ["Watch"]


@pytest.mark.parametrize("path", ["/opds", "/opds/"])
def test_the_described_search_is_found_whatever_its_template_is_resolved_against(
    browser: Browser, library: dict[str, Book], path: str
) -> None:
    root = browser.open(path)
    [link] = [link for link in root.links if link.type == "application/opensearchdescription+xml"]
    described = root.resolved(link.href)
    answer = browser.ask(described)
    assert answer["Content-Type"] == "application/opensearchdescription+xml"
    [url] = etree.fromstring(answer.content).iterchildren(f"{OPENSEARCH}Url")
    assert "application/atom+xml" in url.get("type")
    assert url.get("template")[0].isalpha()  # KOReader drops what else the value of an attribute begins with
    template = url.get("template").replace("{searchTerms}", quote("the watch"[4:]))
    for base in (described, root.address):
        assert browser.open(urljoin(base, template)).titles == ["Watch"]


def test_pages_beyond_the_root_do_not_name_the_description(browser: Browser, library: dict[str, Book]) -> None:
    """KOReader would fetch it again, in two requests, for each of them."""
    types = {link.type for link in browser.open("/opds/books").links}
    assert "application/opensearchdescription+xml" not in types


@pytest.mark.parametrize("path", ["/opds/v2", "/opds/v2/", "/opds/v2/books"])
def test_a_search_of_version_2_is_a_template(browser: Browser, library: dict[str, Book], path: str) -> None:
    shown = browser.open(path)
    link = shown.link("search")
    assert link is not None
    assert link.element["templated"] is True
    assert link.href.endswith("search{?query}")
    # As KOReader fills it in.
    address = shown.resolved(link.href.replace("{?query}", "?query=watch"))
    assert browser.open(address).titles == ["Watch"]


@pytest.mark.parametrize("feed", ["books", "series", "authors", "types/book"])
def test_facets_lead_to_what_begins_with_a_letter(browser: Browser, library: dict[str, Book], feed: str) -> None:
    first = browser.open(f"/opds/{feed}")
    facets = {link.title: link for link in first.links if link.rel == "http://opds-spec.org/facet"}
    assert len(facets) == 29
    active = "{http://opds-spec.org/2010/catalog}activeFacet"
    assert [title for title, link in facets.items() if link.element.get(active)] == ["All"]
    assert {link.element.get("{http://opds-spec.org/2010/catalog}facetGroup") for link in facets.values()} == {
        "Begins with"
    }
    chosen = browser.open(first.resolved(facets["A"].href))
    assert all(title.lower().startswith("a") for title in chosen.titles)
    assert [
        link.title for link in chosen.links if link.rel == "http://opds-spec.org/facet" and link.element.get(active)
    ] == ["A"]
    second: Any = browser.open(f"/opds/v2/{feed}")
    [group] = second.root["facets"]
    assert [each["title"] for each in group["links"]] == list(facets)
    [facet] = [json_link(each) for each in group["links"] if each["title"] == "A"]
    assert browser.open(second.resolved(facet.href)).titles == chosen.titles


def test_addresses_of_files_are_the_same_in_both_versions_and_end_in_their_suffix(
    browser: Browser, library: dict[str, Book]
) -> None:
    title = "Vol. 1 — A Study in Scarlet"
    found = []
    for path in ("/opds/books", "/opds/v2/books"):
        shown = browser.open(path)
        links = [link for link in shown.entry_links(title) if link.rel == ACQUISITION]
        found.append([shown.resolved(link.href) for link in links])
    assert found[0] == found[1]
    assert [href.rpartition("/")[2].partition(".")[2] for href in found[0]] == ["epub", "kepub.epub"]


def test_pages_are_streamed_by_a_template(browser: Browser, library: dict[str, Book]) -> None:
    for title in ("Watch", "Zorro"):
        [link] = [link for link in browser.open("/opds/books").entry_links(title) if link.rel == STREAM]
        assert link.type == "image/jpeg"
        assert link.href.count("{pageNumber}") == link.href.count("{maxWidth}") == 1
    assert STREAM not in {link.rel for link in browser.open("/opds/books").entry_links("Alice")}
