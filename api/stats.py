"""The statistics of a reader, as a worker put them together."""

from dataclasses import dataclass
from datetime import datetime

import orjson
from django.http import HttpRequest, HttpResponse, HttpResponseNotModified
from django.utils import timezone
from ninja import Router

from accounts.models import Reader
from accounts.statements import query, utc
from api.auth import reader_of, web_or_key
from library.sending import is_current
from reading.marks import PENDING, PENDING_VALUES, ask_for_payload
from reading.payload import compose, shown_time
from workers.enqueue import enqueue
from workers.reading import refresh

router = Router(auth=web_or_key)


@dataclass(frozen=True)
class Stored:
    """What is stored of a payload without its body; `pending` says that a newer one is on its way."""

    etag: str
    generated_at: datetime
    pending: bool
    exists: bool = True


_STORED = f"SELECT etag, generated_at, good_until, {PENDING} FROM reading_statspayload WHERE reader_id = %s"


def _stored(reader: Reader, now: datetime) -> Stored:
    rows = query(_STORED, [reader.pk] * (PENDING_VALUES + 1))
    if rows:
        etag, generated_at, good_until, pending = rows[0]
        if now < utc(good_until):
            return Stored(etag, utc(generated_at), bool(pending))
    # Never put together, or made on a day that is over: streak and windows have moved since.
    ask_for_payload(reader.pk)
    enqueue(refresh)
    return Stored(rows[0][0], utc(rows[0][1]), True) if rows else Stored("none", now, True, exists=False)


@router.get("/stats")
def get_stats(request: HttpRequest) -> HttpResponse:
    """The precomputed payload; `pending` is true while something newer is being computed."""
    reader = reader_of(request)
    now = timezone.now()
    stored = _stored(reader, now)
    etag = f'"{stored.etag}{"-pending" if stored.pending else ""}"'
    headers = {"ETag": etag, "Cache-Control": "private, no-cache", "Vary": "Authorization, Cookie"}
    if is_current(request, etag):
        return HttpResponseNotModified(headers=headers)
    head = orjson.dumps({"generated_at": shown_time(stored.generated_at), "pending": stored.pending})
    if stored.exists:
        [(body,)] = query("SELECT body FROM reading_statspayload WHERE reader_id = %s", [reader.pk])
    else:
        # The first time there is nothing to send yet but the shape of it, which few short queries fill.
        body = compose(reader, now=now).body
    return HttpResponse(head[:-1] + b"," + body[1:], content_type="application/json", headers=headers)
