"""What clients keep, and how they are told that it is still the same.

Every feed has an ETag, made of all that decides what is written. `Last-Modified` has whole seconds, and KOReader keeps
a feed under its address and that time alone, whoever asked. So it is left out wherever two different contents could
come with the same one: where the list follows from rows that are worked out later, and while the last change is so
young that another one, or one that is not committed yet, could fall into the same second. It is the last change of the
whole library, books that are gone included, and of the reader's places in the books that are shown: a book that leaves
a page makes none of the others newer. What it does not tell is that the reader prefers other formats now, which
changes no more than the order of links, nor who asks: of two readers who share one KOReader, the second may be offered
the first one's page of a comic.
"""

import time
from datetime import datetime, timedelta
from hashlib import sha256
from importlib.metadata import version
from typing import Any

import orjson
from django.http import HttpRequest, HttpResponse, HttpResponseNotModified
from django.utils import timezone
from django.utils.http import http_date, parse_http_date_safe

from library.sending import is_current

UNSETTLED = timedelta(seconds=5)  # a change may be committed some time after the moment that it notes
A_YEAR = 365 * 24 * 3600
KEPT = f"private, max-age={A_YEAR}, immutable"
ASKED_ANEW = "private, no-cache"
VERSION = version("tome-library")  # another version may write the same feed in another way


def etag_of(*state: Any) -> str:
    return f'"{sha256(orjson.dumps([VERSION, *state], default=str)).hexdigest()[:32]}"'


def freshness(etag: str, last_modified: datetime | None) -> dict[str, str]:
    """The headers by which a client can ask whether something changed."""
    headers = {"ETag": etag, "Cache-Control": ASKED_ANEW, "Vary": "Authorization"}
    if last_modified is not None and timezone.now() - last_modified > UNSETTLED:
        headers["Last-Modified"] = http_date(last_modified.timestamp())
    return headers


def unchanged(request: HttpRequest, headers: dict[str, str]) -> HttpResponse | None:
    """304, if the asking client has what these headers describe."""
    since = request.headers.get("If-Modified-Since")
    if "If-None-Match" in request.headers:
        is_same = is_current(request, headers["ETag"])
    elif since is not None and "Last-Modified" in headers:
        had = parse_http_date_safe(since)
        is_same = had is not None and (parse_http_date_safe(headers["Last-Modified"]) or time.time()) <= had
    else:
        return None
    return HttpResponseNotModified(headers=headers) if is_same else None


def sent(request: HttpRequest, content: bytes, content_type: str, headers: dict[str, str]) -> HttpResponse:
    """The content; to HEAD, for which it was not made, its headers alone, without the length that nobody knows then."""
    answer = HttpResponse(content, content_type=content_type, headers=headers)
    if request.method == "GET":
        answer["Content-Length"] = str(len(content))
    return answer
