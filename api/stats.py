"""The statistics of a reader, as a worker put them together."""

import orjson
from django.http import HttpRequest, HttpResponse, HttpResponseNotModified
from django.utils import timezone
from ninja import Router

from accounts.models import Reader
from api.auth import reader_of, web_or_key
from api.plugin import is_current
from reading.marks import is_pending, mark_payload_stale
from reading.models import StatsPayload
from reading.payload import compose, shown_time, today_of
from workers.enqueue import enqueue
from workers.reading import refresh

router = Router(auth=web_or_key)


def _stored(reader: Reader) -> tuple[StatsPayload | None, bool]:
    """The payload, and whether a newer one is on its way."""
    payload = StatsPayload.objects.filter(reader=reader).first()
    now = timezone.now()
    if payload is None or payload.today != today_of(reader, now):
        # Never put together, or made on a day that is over: streak and windows have moved since.
        mark_payload_stale(reader.pk)
        enqueue(refresh)
        return payload, True
    return payload, is_pending(reader)


@router.get("/stats")
def get_stats(request: HttpRequest) -> HttpResponse:
    """The precomputed payload; `pending` is true while something newer is being computed."""
    reader = reader_of(request)
    payload, pending = _stored(reader)
    etag = f'"{payload.etag if payload else "none"}{"-pending" if pending else ""}"'
    headers = {"ETag": etag, "Cache-Control": "private, no-cache", "Vary": "Authorization, Cookie"}
    if is_current(request, etag):
        return HttpResponseNotModified(headers=headers)
    generated_at = shown_time(payload.generated_at if payload else timezone.now())
    head = orjson.dumps({"generated_at": generated_at, "pending": pending})
    # The first time there is nothing to send yet; its shape without any day costs three short queries.
    body = payload.body.encode() if payload else orjson.dumps(compose(reader, today=today_of(reader, timezone.now())))
    return HttpResponse(head[:-1] + b"," + body[1:], content_type="application/json", headers=headers)
