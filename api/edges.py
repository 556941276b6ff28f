"""Middleware: what HTTP clients do that Django's views do not expect, and what is refused before a view sees it."""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse

from library.sending import HEADERS_ONLY

AROUND_THE_FILE = 1024 * 1024  # a multipart body is a little longer than the file in it


class ApiEdges:
    """HEAD is answered wherever GET is, with the same headers; a body that no upload may have is not read at all."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not request.path.startswith("/api/"):
            return self.get_response(request)
        length = request.META.get("CONTENT_LENGTH") or "0"
        if length.isdigit() and int(length) > settings.MAX_UPLOAD_BYTES + AROUND_THE_FILE:
            limit = settings.MAX_UPLOAD_BYTES // (1024 * 1024)
            return JsonResponse({"detail": f"This is larger than the {limit} MiB that may be uploaded."}, status=413)
        if request.method != "HEAD":
            return self.get_response(request)
        request.method = "GET"
        request.META.pop("HTTP_RANGE", None)  # ranges are of GET alone
        request.META[HEADERS_ONLY] = True
        response = self.get_response(request)
        response.headers.setdefault("Content-Length", str(len(response.content)))
        response.content = b""
        return response
