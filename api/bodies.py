"""Request bodies, taken in before anything is computed.

Two reasons: Lua's HTTP client sends them in pieces without a length, which Django takes for an empty body; and a device
on a slow line may need a minute for one, in which nobody else should wait. So this stands outside of `project.slots`.
"""

import json
import threading
from collections.abc import Callable, Iterable
from tempfile import SpooledTemporaryFile
from typing import IO, Any

from django.conf import settings

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]
TOO_LONG = json.dumps({"detail": "Send a body of this length with a Content-Length."}).encode()
IN_MEMORY = 256 * 1024  # bytes of a body; the rest of a longer one waits on disk
PIECE = 64 * 1024
# What is longer than any JSON is an upload, and is read by the view, which knows who is asking. Of those so many may
# keep a slot busy; others wait outside.
UPLOADS_AT_ONCE = 2


def with_whole_bodies(application: Application) -> Application:
    """The application, given each body whole and with its length; 411 for a chunked one that is longer than any JSON.

    What is longer is an upload, and a client that uploads files knows their length.
    """
    uploading = threading.BoundedSemaphore(UPLOADS_AT_ONCE)

    def gather(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE or 0
        stated = environ.get("CONTENT_LENGTH") or ""
        is_chunked = "chunked" in environ.get("HTTP_TRANSFER_ENCODING", "").lower() and not stated
        length = int(stated) if stated.isascii() and stated.isdigit() else 0
        if not is_chunked and length > limit:
            with uploading:
                return application(environ, start_response)
        if not is_chunked and not length:
            return application(environ, start_response)
        with SpooledTemporaryFile(IN_MEMORY) as body:
            taken = _take(environ["wsgi.input"], body, limit + 1 if is_chunked else length)
            if taken > limit:
                start_response("411 Length Required", [("Content-Type", "application/json")])
                return [TOO_LONG]
            body.seek(0)
            return application(environ | {"wsgi.input": body, "CONTENT_LENGTH": str(taken)}, start_response)

    return gather


def _take(source: IO[bytes], body: IO[bytes], most: int) -> int:
    """Copy a body, up to so many bytes of it; how many there were."""
    taken = 0
    while taken < most and (piece := source.read(min(PIECE, most - taken))):
        body.write(piece)
        taken += len(piece)
    return taken
