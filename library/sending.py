"""A book's file as the answer to an HTTP request: for devices' downloads, catalogues and pages alike.

Ranges as RFC 9110 has them, one at a time: whoever asks for several gets the whole file, which is allowed. Nothing is
read into memory but the piece that is being sent.
"""

import re
import threading
from collections.abc import Iterator
from contextlib import closing
from urllib.parse import quote

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseNotModified, StreamingHttpResponse
from django.http.response import HttpResponseBase

from accounts.models import Reader
from library.downloads import Download, OpenedFile, find_download

# As registered, where it is; KEPUB's and CBR's are what devices and catalogues use.
MEDIA_TYPES = {
    "epub": "application/epub+zip",
    "kepub.epub": "application/kepub+zip",
    "cbz": "application/vnd.comicbook+zip",
    "cbr": "application/vnd.comicbook-rar",
    "pdf": "application/pdf",
    "mobi": "application/x-mobipocket-ebook",
    "azw3": "application/vnd.amazon.mobi8-ebook",
}
HEADERS_ONLY = "tome.headers_only"  # in a request's META: a HEAD that is answered by what answers GET
_RANGE = re.compile(r"bytes\s*=\s*(?:([0-9]{1,19})\s*-\s*([0-9]{0,19})|-\s*([0-9]{1,19}))\s*", re.IGNORECASE)


# Of the threads that send (project.cli.service.WEB_THREADS), how many may be sending files: the others are for what is
# answered at once, however many devices fall asleep over their downloads.
SENDING_AT_MOST = 48
_sending = threading.BoundedSemaphore(SENDING_AT_MOST)


class Pieces:
    """What the server iterates over; it closes the file in any case, also when the device hangs up."""

    def __init__(self, file: OpenedFile, start: int, end: int) -> None:
        self._file = file
        self._pieces: Iterator[bytes] = file.pieces(start, end)
        self._is_counted = True

    def __iter__(self) -> Iterator[bytes]:
        return self._pieces

    def close(self) -> None:
        self._file.close()
        if self._is_counted:
            self._is_counted = False
            _sending.release()

    def __del__(self) -> None:
        self.close()  # of an answer that was never sent


def file_response(request: HttpRequest, reader: Reader, book_id: int, file_id: int) -> HttpResponseBase:
    """The file, part of it, or that the asker has it: 200, 206, 304 or 416; 503 if too many are sent; GET and HEAD.

    NoSuchFile and FileIsGone are raised as they are; after the latter the edge sends the scan's message.
    """
    download = find_download(reader, book_id, file_id)
    etag = f'"{download.sha256}"'
    headers = {
        "ETag": etag,
        "Accept-Ranges": "bytes",
        "Content-Disposition": content_disposition(download.name),
        "Cache-Control": "private, no-cache",
        "X-Content-Type-Options": "nosniff",
    }
    media_type = MEDIA_TYPES[download.format]
    with closing(download.opened()) as file:
        if is_current(request, etag):
            return HttpResponseNotModified(headers=headers)
        # What a proxy sends has the proxy's tag; a device goes on with a download by the hash that it knows.
        if settings.SENDFILE != "off" and "Range" not in request.headers:
            return _handed_over(download, media_type, headers)
        wanted = _wanted_range(request, etag, download.size) if request.method == "GET" else None
        if wanted is not None and wanted[0] >= wanted[1]:
            headers["Content-Range"] = f"bytes */{download.size}"
            return HttpResponse(status=416, headers=headers, content_type="text/plain")
        start, end = wanted or (0, download.size)
        headers["Content-Length"] = str(end - start)
        if wanted:
            headers["Content-Range"] = f"bytes {start}-{end - 1}/{download.size}"
        status = 206 if wanted else 200
        if request.method == "HEAD" or HEADERS_ONLY in request.META:
            return HttpResponse(status=status, headers=headers, content_type=media_type)
        if not _sending.acquire(blocking=False):
            busy = "Too many files are being sent at this moment; try again in a minute."
            return HttpResponse(busy, status=503, headers={"Retry-After": "60"}, content_type="text/plain")
        pieces = Pieces(file.handed_on(), start, end)
        return StreamingHttpResponse(pieces, status=status, headers=headers, content_type=media_type)


def content_disposition(name: str) -> str:
    """Older plugins and KOReader read `filename` up to the closing quote and decode percent signs; others `filename*`.

    So the plain one is ASCII, with all else percent-encoded, and no quote or backslash can stand in it.
    """
    plain = "".join(c if c.isascii() and c.isprintable() and c not in '"\\%' else quote(c, safe="") for c in name)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"


def is_current(request: HttpRequest, etag: str) -> bool:
    """Whether the asking client says that it has what this ETag, quotes included, names."""
    tags = {tag.strip().removeprefix("W/") for tag in request.headers.get("If-None-Match", "").split(",")}
    return etag in tags or "*" in tags


def _wanted_range(request: HttpRequest, etag: str, size: int) -> tuple[int, int] | None:
    """The bytes that are asked for as (first, behind the last), which are none if they lie behind the end.

    None for the whole file: no range, one that cannot be read, several, or one of a file that is not this any more.
    """
    condition = request.headers.get("If-Range", "").strip()
    if condition and condition != etag:
        return None
    found = _RANGE.fullmatch(request.headers.get("Range", "").strip())
    if found is None:
        return None
    first, last, of_end = found.groups()
    if of_end is not None:
        return max(0, size - int(of_end)), size
    if last and int(last) < int(first):
        return None
    return int(first), min(size, int(last) + 1) if last else size


def _handed_over(download: Download, media_type: str, headers: dict[str, str]) -> HttpResponse:
    """Have the proxy in front send the file; ranges are its work, and so are the tags that go with them."""
    kept = {name: headers[name] for name in ("Content-Disposition", "Cache-Control", "X-Content-Type-Options")}
    path = quote(download.path)
    if settings.SENDFILE == "x-accel-redirect":
        kept["X-Accel-Redirect"] = f"{settings.SENDFILE_PREFIX.rstrip('/')}/{path}"
    else:
        kept["X-Sendfile"] = quote(str(download.location))
    return HttpResponse(headers=kept, content_type=media_type)
