"""Covers of books."""

from hashlib import sha256
from typing import Literal

from django.http import HttpRequest, HttpResponse
from django.utils.cache import get_conditional_response
from ninja import Router
from ninja.errors import HttpError

from api.auth import reader_of, web_or_key
from api.positions import book_or_404
from library.covers import read_cover, version_of

router = Router(auth=web_or_key)

A_YEAR = 365 * 24 * 3600


@router.get("/books/{int:book_id}/cover")
def get_cover(
    request: HttpRequest, book_id: int, size: Literal["large", "small"] = "large", v: str = ""
) -> HttpResponse:
    """A book's cover as WebP, `large` within 600 by 900 pixels or `small` within 240 by 360.

    With its present version in `v`, as `library.covers.cover_url` has it, it may be kept for a year.
    """
    book = book_or_404(reader_of(request), book_id)
    image = read_cover(book, is_small=size == "small")
    if image is None:
        raise HttpError(404, "This book has no cover.")
    response = HttpResponse(image, content_type="image/webp")
    is_named = bool(v) and v == version_of(book)
    response["Cache-Control"] = f"private, max-age={A_YEAR}, immutable" if is_named else "private, no-cache"
    response["ETag"] = etag = f'"{sha256(image).hexdigest()[:32]}"'
    return get_conditional_response(request, etag=etag, response=response) or response
