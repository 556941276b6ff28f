"""The statistics of a reader, as a worker put them together."""

import orjson
from django.http import HttpRequest, HttpResponse, HttpResponseNotModified
from django.utils import timezone
from ninja import Router

from api.auth import reader_of, web_or_key
from library.sending import is_current
from reading.payload import shown_time
from reading.serving import body_of, stored_payload
from workers.enqueue import enqueue
from workers.reading import refresh

router = Router(auth=web_or_key)


@router.get("/stats")
def get_stats(request: HttpRequest) -> HttpResponse:
    """The precomputed payload; `pending` is true while something newer is being computed."""
    reader = reader_of(request)
    now = timezone.now()
    stored = stored_payload(reader, now=now)
    if stored.is_asked_for:
        enqueue(refresh)
    etag = stored.entity_tag
    headers = {"ETag": etag, "Cache-Control": "private, no-cache", "Vary": "Authorization, Cookie"}
    if is_current(request, etag):
        return HttpResponseNotModified(headers=headers)
    head = orjson.dumps({"generated_at": shown_time(stored.generated_at), "pending": stored.pending})
    body = body_of(reader, stored, now=now)
    # Put together in one go: each copy of half a megabyte costs as much as all the rest of the answer.
    whole = b"".join((head[:-1], b",", memoryview(body)[1:]))
    return HttpResponse(whole, content_type="application/json", headers=headers)
