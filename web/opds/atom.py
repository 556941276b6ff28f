"""Feeds as OPDS 1.2 writes them: Atom, its own namespace being the default, which is all that some clients read.

Written as text: a page has some hundred elements, and building a tree of them first takes five times as long.
"""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import lru_cache

from library.covers import cover_version
from library.sending import MEDIA_TYPES
from matching.own_names import NOBODY
from web.opds.access import server
from web.opds.feeds import CATALOGUE, BookEntry, Entry, Feed, page_last_read, shown_initials
from web.opds.links import (
    ACQUISITION,
    ACQUISITION_REL,
    DESCRIPTION_TYPE,
    FACET_REL,
    FEED_TYPES,
    IMAGE_REL,
    NAVIGATION,
    SEARCH_TYPE,
    STREAM_REL,
    THUMBNAIL_REL,
    Links,
)
from web.words import FORMATS

DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n'
NAMESPACES = (
    'xmlns="http://www.w3.org/2005/Atom" xmlns:opds="http://opds-spec.org/2010/catalog" '
    'xmlns:dc="http://purl.org/dc/terms/" xmlns:thr="http://purl.org/syndication/thread/1.0" '
    'xmlns:pse="http://vaemendis.net/opds-pse/ns"'
)
FACETS = "Begins with"
# What XML 1.0 cannot hold, however it is written.
_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def content_type(feed: Feed) -> str:
    return FEED_TYPES[feed.kind]


def document(feed: Feed, links: Links) -> bytes:
    """The whole feed."""
    parts = [DECLARATION, f"<feed {NAMESPACES}>", *_head(feed, links)]
    parts += [
        "".join(_book(entry, links) if isinstance(entry, BookEntry) else _entry(entry, links))
        for entry in feed.entries()
    ]
    parts.append("</feed>")
    return "".join(parts).encode()


def search_description(template: str) -> bytes:
    """How to search, for clients that ask for it in OpenSearch's own document."""
    return (
        f'{DECLARATION}<OpenSearchDescription xmlns="http://a9.com/-/spec/opensearch/1.1/">'
        f"<ShortName>{CATALOGUE}</ShortName><Description>Titles, authors and series</Description>"
        "<InputEncoding>UTF-8</InputEncoding><OutputEncoding>UTF-8</OutputEncoding>"
        f'<Url type="{FEED_TYPES[ACQUISITION]}" template="{escaped(template)}"/></OpenSearchDescription>'
    ).encode()


def escaped(text: str) -> str:
    """The text as an element's or attribute's content, without what XML cannot hold."""
    if not text.isprintable():
        text = _FORBIDDEN.sub("", text)
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")


def moment(instant: datetime) -> str:
    return instant.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="seconds") + "Z"


def urn(key: str) -> str:
    return f"urn:tome:{server()}:{key}"


def _link(rel: str, href: str, type: str) -> str:
    return f'<link rel="{rel}" href="{escaped(href)}" type="{type}"/>'


def _head(feed: Feed, links: Links) -> Iterator[str]:
    asked = "".join(f":{name}={value}" for name, value in feed.query.items())
    yield f"<id>{escaped(urn(_plain(feed.key + asked)))}</id>"
    yield f"<title>{escaped(feed.title)}</title><updated>{moment(feed.updated)}</updated>"
    yield f"<author><name>{CATALOGUE}</name></author>"
    type = content_type(feed)
    yield _link("self", links.feed(feed.address, **feed.query, after=feed.after), type)
    yield _link("start", links.feed(""), FEED_TYPES[NAVIGATION])
    if feed.address:
        yield _link("up", links.feed(feed.up), FEED_TYPES[NAVIGATION])
        yield _link("first", links.feed(feed.address, **feed.query), type)
    else:
        # On this one page only: KOReader fetches it anew, in two requests, for every page that names it.
        yield _link("search", links.feed("search.xml"), DESCRIPTION_TYPE)
    if feed.next:
        yield _link("next", links.feed(feed.address, **feed.query, after=feed.next), type)
    yield _link("search", f"{links.feed('search')}?q={{searchTerms}}", SEARCH_TYPE)
    if feed.initials:
        yield _facets(links.feed(feed.address), type, feed.query.get("initial", ""))


@lru_cache(maxsize=256)
def _facets(address: str, type: str, active: str) -> str:
    """Links to the same list from each letter on; KOReader offers them in a menu."""
    group = f'rel="{FACET_REL}" type="{type}" opds:facetGroup="{FACETS}"'
    parts = [_facet(group, address, "All", is_active=not active)]
    for initial, shown in shown_initials():
        href = f"{address}?initial={'%E2%80%A6' if initial == '…' else initial}"
        parts.append(_facet(group, href, shown, is_active=initial == active))
    return "".join(parts)


def _facet(group: str, href: str, title: str, *, is_active: bool) -> str:
    active = ' opds:activeFacet="true"' if is_active else ""
    return f'<link {group} href="{escaped(href)}" title="{title}"{active}/>'


def _entry(entry: Entry, links: Links) -> Iterator[str]:
    yield f"<entry><id>{urn(entry.key)}</id><title>{escaped(entry.title)}</title>"
    yield f'<updated>{moment(entry.changed_at)}</updated><content type="text">{escaped(entry.text)}</content>'
    count = f' thr:count="{entry.count}"' if entry.count is not None else ""
    href = escaped(links.feed(entry.address))
    yield f'<link rel="{entry.rel}" href="{href}" type="{FEED_TYPES[entry.kind]}"{count}/>'
    if entry.cover:
        yield _covers(*entry.cover, links)
    yield "</entry>"


def _book(entry: BookEntry, links: Links) -> Iterator[str]:
    book = entry.book
    yield f"<entry><id>{urn(f'book:{book.book_id}')}</id><title>{escaped(entry.title)}</title>"
    for author_id, name in book.authors:
        address = links.feed(f"authors/{author_id}")
        yield f"<author><name>{escaped(name)}</name><uri>{address}</uri></author>"
    if not book.authors:  # so that the name under which KOReader saves the file is one that we know
        yield f"<author><name>{NOBODY}</name></author>"
    yield f"<updated>{moment(book.changed_at)}</updated><published>{moment(book.added_at)}</published>"
    for element, value in (("issued", book.published), ("language", book.language), ("publisher", book.publisher)):
        if value:
            yield f"<dc:{element}>{escaped(value)}</dc:{element}>"
    for subject in book.subjects:
        term = escaped(subject)
        yield f'<category term="{term}" label="{term}"/>'
    if book.description:
        yield f'<content type="text">{escaped(book.description)}</content>'
    if book.cover:
        yield _covers(book.book_id, cover_version(book.cover), links)
    if book.series_id:
        href, title = links.feed(f"series/{book.series_id}"), escaped(book.series)
        yield f'<link rel="related" href="{href}" type="{FEED_TYPES[ACQUISITION]}" title="{title}"/>'
    for file in entry.files:
        yield (
            f'<link rel="{ACQUISITION_REL}" href="{links.download(book.book_id, file.file_id, file.format)}"'
            f' type="{MEDIA_TYPES[file.format]}" title="{FORMATS[file.format]}" length="{file.size}"/>'
        )
    yield _stream(entry, links)
    yield "</entry>"


def _covers(book_id: int, version: str, links: Links) -> str:
    large, small = links.cover(book_id, version, "large"), links.cover(book_id, version, "small")
    return _link(IMAGE_REL, large, "image/jpeg") + _link(THUMBNAIL_REL, small, "image/jpeg")


def _stream(entry: BookEntry, links: Links) -> str:
    comic = entry.comic
    if comic is None:
        return ""
    href = escaped(links.page(entry.book.book_id, comic.file_id, comic.sha256))
    read = ""
    if entry.place is not None and (page := page_last_read(entry.place, comic)):
        read = f' pse:lastRead="{page}" pse:lastReadDate="{moment(entry.place.read_at)}"'
    return f'<link rel="{STREAM_REL}" href="{href}" type="image/jpeg" pse:count="{comic.pages}"{read}/>'


def _plain(key: str) -> str:
    """A key as a part of an id, in which any character but letters and digits would have to be told apart."""
    return re.sub(r"[^A-Za-z0-9:=_-]+", lambda found: "-" + found[0].encode().hex() + "-", key)
