"""Whole series for a device: which there are, and all that is needed to fetch one."""

from django.http import HttpRequest, HttpResponse, HttpResponseNotModified
from ninja import Router
from ninja.errors import HttpError

from api.auth import reader_of, web_or_key
from library.manifests import Answer, series_list, series_manifest

router = Router(auth=web_or_key)


@router.get("/tome-sync/series")
def get_series(request: HttpRequest) -> HttpResponse:
    """All series by name. The list is made when something in it changes, not here."""
    return _answered(series_list(known=_known(request)))


@router.get("/tome-sync/series/{int:book_id}")
def get_manifest(request: HttpRequest, book_id: int, formats: str = "") -> HttpResponse:
    """The manifest of the series of a book; `formats` is what this device prefers, separated by commas."""
    wanted = [format.strip().lower() for format in formats.split(",")]
    manifest = series_manifest(reader_of(request), book_id, formats=wanted, known=_known(request))
    if manifest is None:
        raise HttpError(404, "There is no such book, or it is in no series.")
    return _answered(manifest)


def _known(request: HttpRequest) -> str:
    """The one ETag that the device has; several, which no device sends, are as good as none."""
    return request.headers.get("If-None-Match", "").strip().removeprefix("W/").strip('"')


def _answered(answer: Answer) -> HttpResponse:
    headers = {"ETag": f'"{answer.etag}"', "Cache-Control": "private, no-cache"}
    if answer.body is None:
        return HttpResponseNotModified(headers=headers)
    return HttpResponse(answer.body, content_type="application/json; charset=utf-8", headers=headers)
