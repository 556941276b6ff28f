"""Feeds as OPDS 2.0 writes them: JSON, with a book as a publication of Readium's."""

import re
from typing import Any

import orjson

from library.covers import cover_version
from library.sending import MEDIA_TYPES
from matching.own_names import NOBODY
from web.opds.atom import FACETS, moment, urn
from web.opds.feeds import ENTRIES, BookEntry, Entry, Feed, shown_initials
from web.opds.links import (
    ACQUISITION_REL,
    FEED_2_TYPE,
    IMAGE_REL,
    THUMBNAIL_REL,
    Links,
)
from web.words import FORMATS

# A language, with script, region and variants, as BCP 47 has them; files state anything.
_LANGUAGE = re.compile(
    "[A-Za-z]{2,3}(-[A-Za-z]{4})?(-([A-Za-z]{2}|[0-9]{3}))?(-([A-Za-z0-9]{5,8}|[0-9][A-Za-z0-9]{3}))*"
)
_DAY = re.compile("[0-9]{4}-[0-9]{2}-[0-9]{2}")


def content_type(feed: Feed) -> str:
    return FEED_2_TYPE


def document(feed: Feed, links: Links) -> bytes:
    """The whole feed."""
    entries = feed.entries()
    books = [_publication(entry, links) for entry in entries if isinstance(entry, BookEntry) and entry.files]
    others = [_navigation(entry, links) for entry in entries if isinstance(entry, Entry)]
    said: dict[str, Any] = {
        "metadata": {"title": feed.title, "modified": moment(feed.updated), "itemsPerPage": ENTRIES},
        "links": _links(feed, links),
    }
    if books:
        said["publications"] = books
    elif others:
        said["navigation"] = others
    else:
        said["groups"] = []  # a feed must have one of the three, and neither of the others may be empty
    if feed.initials:
        said["facets"] = [{"metadata": {"title": FACETS}, "links": _facets(feed, links)}]
    return orjson.dumps(said)


def _link(href: str, *, rel: str = "", title: str = "", **more: Any) -> dict[str, Any]:
    said: dict[str, Any] = {"href": href, "type": FEED_2_TYPE, **more}
    if rel:
        said["rel"] = rel
    if title:
        said["title"] = title
    return said


def _links(feed: Feed, links: Links) -> list[dict[str, Any]]:
    query = _query(feed)
    found = [
        _link(links.feed(feed.address, **query, after=feed.after), rel="self"),
        _link(links.feed(""), rel="start"),
        _link(links.feed("search") + "{?query}", rel="search", templated=True),
    ]
    if feed.address:
        found.append(_link(links.feed(feed.up), rel="up"))
        found.append(_link(links.feed(feed.address, **query), rel="first"))
    if feed.next:
        found.append(_link(links.feed(feed.address, **query, after=feed.next), rel="next"))
    return found


def _query(feed: Feed) -> dict[str, str]:
    """The parameters by the names that they have in OPDS 2.0."""
    return {"query" if name == "q" else name: value for name, value in feed.query.items()}


def _facets(feed: Feed, links: Links) -> list[dict[str, Any]]:
    active = feed.query.get("initial", "")
    return [
        _link(links.feed(feed.address, initial=initial), title=shown, **({"rel": "self"} if initial == active else {}))
        for initial, shown in (("", "All"), *shown_initials())
    ]


def _navigation(entry: Entry, links: Links) -> dict[str, Any]:
    count = {"properties": {"numberOfItems": entry.count}} if entry.count is not None else {}
    return _link(links.feed(entry.address), rel=entry.rel, title=entry.title, **count)


def _publication(entry: BookEntry, links: Links) -> dict[str, Any]:
    book = entry.book
    said: dict[str, Any] = {"metadata": _metadata(entry, links), "links": []}
    for file in entry.files:
        acquisition = {
            "rel": ACQUISITION_REL,
            "href": links.download(book.book_id, file.file_id, file.format),
            "type": MEDIA_TYPES[file.format],
            "title": FORMATS[file.format],
        }
        said["links"].append({**acquisition, "size": file.size} if file.size else acquisition)
    if book.cover:
        version = cover_version(book.cover)
        said["images"] = [
            {"href": links.cover(book.book_id, version, size), "type": "image/jpeg", "rel": rel}
            for size, rel in (("large", IMAGE_REL), ("small", THUMBNAIL_REL))
        ]
    return said


def _metadata(entry: BookEntry, links: Links) -> dict[str, Any]:
    book = entry.book
    said: dict[str, Any] = {
        "@type": "http://schema.org/Book",
        "identifier": urn(f"book:{book.book_id}"),
        "title": entry.title,
        "modified": moment(book.changed_at),
    }
    said["author"] = [
        {"name": name, "links": [_link(links.feed(f"authors/{author_id}"))]} for author_id, name in book.authors
    ] or [{"name": NOBODY}]  # so that the name under which KOReader saves the file is one that we know
    if _LANGUAGE.fullmatch(book.language):
        said["language"] = book.language
    if _DAY.fullmatch(book.published):
        said["published"] = book.published
    for name, value in (("publisher", book.publisher), ("description", book.description), ("subject", book.subjects)):
        if value:
            said[name] = value
    if book.pages:
        said["numberOfPages"] = book.pages
    if book.series_id:
        series: dict[str, Any] = {"name": book.series, "links": [_link(links.feed(f"series/{book.series_id}"))]}
        if book.series_index is not None:
            series["position"] = book.series_index
        said["belongsTo"] = {"series": series}
    return said
