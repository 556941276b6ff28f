"""The addresses of the catalogue: feeds in both versions, and what their links lead to."""

import re
from collections.abc import Callable
from typing import Any, TypeVar

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

from accounts.models import Reader
from accounts.statements import fetch_row
from library.comic_pages import Comic, NoSuchPage, clamped_width, cover_as_jpeg, find_comic
from library.covers import version_of
from library.errors import LibraryError, MayPass, NotAnEbook
from library.models import BookFile
from library.queries import visible_book
from web.downloads import file_response
from web.opds import atom, feeds, publications
from web.opds.access import Refused, for_readers, is_version_2
from web.opds.answers import ASKED_ANEW, KEPT, etag_of, freshness, sent, unchanged
from web.opds.feeds import Asked, Feed
from web.opds.links import DESCRIPTION_TYPE, Links, page_version

JPEG = "image/jpeg"
SIZES = ("large", "small")

Found = TypeVar("Found")


def feed_view(make: Callable[..., Feed]) -> Callable[..., HttpResponseBase]:
    """The view of a feed, in the version that its address says; `make` gets what was asked and the address's parts."""

    @for_readers
    def view(request: HttpRequest, reader: Reader, **parts: Any) -> HttpResponse:
        given = request.GET
        text = given.get("q") or given.get("query") or ""
        asked = Asked(reader, given.get("after", ""), given.get("initial", ""), text.replace("\0", ""))
        return answer(request, make(asked, **parts), asked)

    return view


def answer(request: HttpRequest, feed: Feed, asked: Asked) -> HttpResponse:
    writer = publications if is_version_2(request) else atom
    etag = etag_of(request.path_info, asked.reader.pk, feed.key, feed.query, feed.after, feed.state)
    headers = freshness(etag, feed.last_modified)
    if same := unchanged(request, headers):
        return same
    # KOReader asks HEAD before every GET: the details of the books are left for the GET.
    content = writer.document(feed, Links.of(request)) if request.method == "GET" else b""
    return sent(request, content, writer.content_type(feed), headers)


def root_or_search(asked: Asked) -> Feed:
    """The root; what the description of the search leads to is found here, too."""
    return feeds.found_books(asked) if asked.text else feeds.root(asked)


def search_description(request: HttpRequest, reader: Reader) -> HttpResponse:
    """Where to search.

    Clients resolve the template against the address of this document, of the feed that names it or of the catalogue,
    with a slash at its end and without, and by each of these the search is found. It begins with a letter, since
    KOReader drops what else an attribute begins with.
    """
    content = atom.search_description("opds?q={searchTerms}")
    headers = {"Cache-Control": ASKED_ANEW, "ETag": etag_of("search")}
    return unchanged(request, headers) or sent(request, content, DESCRIPTION_TYPE, headers)


_search = feed_view(feeds.found_books)
_description = for_readers(search_description)


def search_description_or_search(request: HttpRequest) -> HttpResponseBase:
    return _search(request) if request.GET.get("q") else _description(request)


search_description_or_search.csrf_exempt = True  # type: ignore[attr-defined]


@for_readers
def download(request: HttpRequest, reader: Reader, book_id: int, file_id: int, format: str) -> HttpResponseBase:
    """A file, under an address that ends in its suffix."""
    file = fetch_row(BookFile, "id = %s", [file_id], only=("id", "format"))
    if file is None or file.format != format:
        raise Refused(404, "There is no such file of such a book.")
    return file_response(request, reader, book_id, file_id)


@for_readers
def cover(request: HttpRequest, reader: Reader, book_id: int, version: str, size: str) -> HttpResponse:
    """A book's cover as JPEG; under an address of its present version it may be kept for ever."""
    book = visible_book(reader, book_id)
    if book is None or not book.cover or size not in SIZES:
        raise Refused(404, "There is no such cover.")
    present = version_of(book)
    is_named = version == present and book.pk == book_id
    headers = {"ETag": f'"{present}-{size}"', "Cache-Control": KEPT if is_named else ASKED_ANEW}
    if same := unchanged(request, headers):
        return same
    jpeg = b""
    if request.method == "GET":
        found = _shown(lambda: cover_as_jpeg(book, is_small=size == "small"))
        if found is None:
            raise Refused(404, "This book's cover is not there any more.")
        jpeg = found
    return sent(request, jpeg, JPEG, headers)


@for_readers
def page(request: HttpRequest, reader: Reader, book_id: int, file_id: int, version: str, number: int) -> HttpResponse:
    """A page of a comic, counted from 0, no wider than `width`; of its present file it may be kept for ever."""
    comic = _shown(lambda: find_comic(reader, book_id, file_id))
    if comic.pages is not None and number >= comic.pages:
        raise Refused(404, f"This comic has no such page: it has {comic.pages}.")
    width = _width(request.GET.get("width", ""))
    is_named = version == page_version(comic.sha256)
    etag = f'"{comic.sha256[:32]}-{number}-{width}"'
    headers = {"ETag": etag, "Cache-Control": KEPT if is_named else ASKED_ANEW}
    if same := unchanged(request, headers):
        return same
    jpeg = _page(comic, number, width) if request.method == "GET" else b""
    return sent(request, jpeg, JPEG, headers)


def _page(comic: Comic, number: int, width: int) -> bytes:
    return _shown(lambda: comic.page(number, width))


def _width(asked: str) -> int:
    """Pixels; without a number, as where a client leaves the template's own word, as many as there may be."""
    return clamped_width(int(asked) if re.fullmatch("[0-9]{1,9}", asked) else None)


def _shown(look: Callable[[], Found]) -> Found:
    """What is found, with what stands against it as an answer."""
    try:
        return look()
    except NoSuchPage as error:
        raise Refused(404, error.sentence) from None
    except NotAnEbook as error:
        raise Refused(422, error.sentence) from None
    except MayPass as error:
        raise Refused(503, error.sentence) from None
    except LibraryError as error:
        raise Refused(404, error.sentence) from None


@for_readers
def nothing(request: HttpRequest, reader: Reader, rest: str = "") -> HttpResponse:
    raise Refused(404, "There is nothing under this address of the catalogue.")
