"""Feeds of every kind held against the published schemas."""

import copy
import json
import re
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from jsonschema import Draft7Validator
from lxml import etree
from referencing import Registry, Resource

from accounts.devices import DeviceClue
from accounts.models import Reader
from library.models import Book
from reading.clocks import Clock
from reading.positions import PlaceReport
from reading.refreshing import refresh
from reading.reports import report_position
from tests.web.opds.browsing import AtomFeed, Browser
from tests.web.opds.test_entries import NOW

pytestmark = pytest.mark.corpus

FEEDS = ["", "/books", "/books?initial=q", "/new", "/series", "/series/{series}", "/authors", "/authors/{author}"]
FEEDS += ["/types", "/types/comic", "/reading", "/search?q=watch", "/search?q=", "/series?initial=z"]
FEED = "https://drafts.opds.io/schema/feed.schema.json"
AUTHENTICATION = "https://drafts.opds.io/schema/authentication.schema.json"


@pytest.fixture(scope="session")
def schemas(shared_books: Path) -> Path:
    return shared_books.parent / "schemas"


@pytest.fixture(scope="session")
def atom_schema(schemas: Path, tmp_path_factory: pytest.TempPathFactory) -> etree.RelaxNG:
    """The published one, in which the escapes of a carriage return and a tab lost their backslash.

    As it is, no address may have an `r` or a `t` in it.
    """
    folder = tmp_path_factory.mktemp("schemas")
    for path in schemas.glob("*.rng"):
        text = path.read_text()
        (folder / path.name).write_text(text.replace(r"\nrt]", r"\n\r\t]"))
    return etree.RelaxNG(etree.parse(folder / "opds-1.2.rng"))


@pytest.fixture(scope="session")
def publication_schemas(schemas: Path) -> Registry[Any]:
    """All of them by their ids, with the named groups of their patterns as Python writes these."""
    found = []
    for path in [*(schemas / "opds-2.0").glob("*.json"), *(schemas / "webpub").rglob("*.json")]:
        text = path.read_text()
        said = json.loads(re.sub(r"\(\?<(?=[A-Za-z])", "(?P<", text))
        found.append((said["$id"], Resource.from_contents(said)))
    assert len(found) > 20
    return Registry().with_resources(found)


def address(start: str, feed: str, library: dict[str, Book]) -> str:
    book = library["scarlet"]
    return start + feed.format(series=book.series_id, author=book.authors.get(name="Arthur Conan Doyle").pk)


@pytest.fixture
def read(ada: Reader, library: dict[str, Book]) -> None:
    for book in (library["cbz"], library["alice"]):
        report_position(ada, book.pk, PlaceReport(0.4), device=DeviceClue("k", "K"), clock=Clock(NOW))
    refresh()


def without_templates(feed: Any) -> tuple[Any, int]:
    """What the schema knows nothing of: addresses with `{`, which clients fill in. And how many there were."""
    feed = copy.deepcopy(feed)
    templates = [link for link in feed.iter("{*}link") if "{" in link.get("href")]
    for link in templates:
        link.getparent().remove(link)
    return feed, len(templates)


@pytest.mark.parametrize("feed", FEEDS)
@pytest.mark.parametrize("root", ["/opds", "/opds/"])
def test_atom_feeds_are_as_opds_1_2_has_them(
    browser: Browser, library: dict[str, Book], read: None, atom_schema: etree.RelaxNG, root: str, feed: str
) -> None:
    path = address("/opds", feed, library) if feed else root
    shown = browser.open(path)
    assert isinstance(shown, AtomFeed)
    checked, templates = without_templates(shown.root)
    assert atom_schema.validate(checked), atom_schema.error_log
    comics = sum(title in ("Watch", "Zorro") for title in shown.titles)
    assert templates == 1 + comics  # the search, and each comic's pages


@pytest.mark.parametrize("feed", FEEDS)
def test_feeds_in_json_are_as_opds_2_0_has_them(
    browser: Browser, library: dict[str, Book], read: None, publication_schemas: Registry[Any], feed: str
) -> None:
    said = json.loads(browser.get(address("/opds/v2", feed, library)).content)
    check(said, FEED, publication_schemas)


def test_an_empty_library_is_so_too(
    browser: Browser, atom_schema: etree.RelaxNG, publication_schemas: Registry[Any]
) -> None:
    for feed in ("", "/books", "/new", "/series", "/authors", "/types", "/reading", "/search?q=x"):
        checked, _ = without_templates(etree.fromstring(browser.get(f"/opds{feed}").content))
        assert atom_schema.validate(checked), atom_schema.error_log
        check(json.loads(browser.get(f"/opds/v2{feed}").content), FEED, publication_schemas)


def test_the_authentication_document_is_so_too(db: None, publication_schemas: Registry[Any]) -> None:
    check(json.loads(Client().get("/opds/v2").content), AUTHENTICATION, publication_schemas)


def check(said: Any, schema: str, registry: Registry[Any]) -> None:
    validator = Draft7Validator({"$ref": schema}, registry=registry, format_checker=Draft7Validator.FORMAT_CHECKER)
    problems = [f"{list(error.absolute_path)}: {error.message[:300]}" for error in validator.iter_errors(said)]
    assert problems == []


def test_what_is_wrong_is_found(
    browser: Browser, db: None, atom_schema: etree.RelaxNG, publication_schemas: Registry[Any]
) -> None:
    feed, _ = without_templates(etree.fromstring(browser.get("/opds").content))
    feed.remove(feed.find("{*}updated"))
    assert not atom_schema.validate(feed)
    said = json.loads(browser.get("/opds/v2").content)
    del said["links"]
    with pytest.raises(AssertionError):
        check(said, FEED, publication_schemas)
    with pytest.raises(AssertionError):
        check({"title": "x"}, AUTHENTICATION, publication_schemas)
