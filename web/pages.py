"""The first page."""

from typing import Any

import orjson
from django.http import HttpRequest, HttpResponse

from accounts.models import Reader
from library.models import Import
from library.queries import books_visible_to
from reading.continuing import books_being_read
from reading.marks import is_pending
from reading.models import DeviceFile, StatsPayload
from web.rendering import origin_of, page, reader_of, show

SHOWN_AT_MOST = 20


@page
def home(request: HttpRequest) -> HttpResponse:
    """What there is to read, how reading goes, and what wants attention."""
    reader = reader_of(request)
    payload = StatsPayload.objects.filter(reader=reader).first()
    failed = Import.objects.filter(state=Import.State.FAILED).order_by("path")
    unknown = DeviceFile.objects.filter(reader=reader, book=None).order_by("-seen_at")
    context = {
        "book_count": books_visible_to(reader).count(),
        "reading": _books_being_read(reader),
        "stats": _stats(payload),
        "pending": is_pending(reader),
        "failed": failed[:SHOWN_AT_MOST],
        "failed_count": failed.count(),
        "unknown": unknown[:SHOWN_AT_MOST],
        "has_device": reader.devices.exists(),
        "address": origin_of(request),
    }
    return show(request, "web/home.html", context)


def _books_being_read(reader: Reader) -> list[dict[str, Any]]:
    """The books in status `reading` with their place, the one read last first."""
    reading = books_being_read(reader, entries=SHOWN_AT_MOST)
    books = books_visible_to(reader).select_related("series").in_bulk([each.book_id for each in reading])
    shown = [(books[each.book_id], each.place) for each in reading if each.book_id in books]
    return [
        {
            "id": book.pk,
            "title": book.title,
            "series": book.series.name if book.series else "",
            "percent": round(place.percentage * 100),
            "device": place.device_name,
            "read_at": place.read_at,
        }
        for book, place in shown
    ]


def _stats(payload: StatsPayload | None) -> dict[str, Any]:
    if payload is None:
        return {}
    said = orjson.loads(payload.body)
    return {
        "streak": said["streak"]["current"],
        "longest": said["streak"]["longest"],
        "minutes_today": said["totals"]["today"]["seconds"] // 60,
        "hours_30d": round(said["totals"]["30d"]["seconds"] / 3600, 1),
        "finished": said["totals"]["all"]["books_finished"],
    }
