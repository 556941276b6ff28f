"""Request bodies without a length: Lua's HTTP client sends them in pieces, and Django takes them for empty."""

import io
import json
from collections.abc import Callable, Iterable
from typing import Any

from django.conf import settings

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]
TOO_LONG = json.dumps({"detail": "Send a body of this length with a Content-Length."}).encode()


def with_whole_bodies(application: Application) -> Application:
    """The application, given each chunked body whole and with its length; 411 for one that is longer than any JSON.

    What is longer is an upload, and a client that uploads files knows their length.
    """

    def gather(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if "chunked" in environ.get("HTTP_TRANSFER_ENCODING", "").lower() and not environ.get("CONTENT_LENGTH"):
            limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE or 0
            body = environ["wsgi.input"].read(limit + 1)
            if len(body) > limit:
                start_response("411 Length Required", [("Content-Type", "application/json")])
                return [TOO_LONG]
            environ |= {"wsgi.input": io.BytesIO(body), "CONTENT_LENGTH": str(len(body))}
        return application(environ, start_response)

    return gather
