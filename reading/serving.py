"""Handing out a stored payload: what of it is current, and what to do where there is none yet."""

from dataclasses import dataclass
from datetime import datetime

from accounts.models import Reader
from accounts.statements import query, utc
from reading.marks import PENDING, PENDING_VALUES, ask_for_payload
from reading.payload import compose

NONE_YET = "none"  # in the place of an ETag
_STORED = f"SELECT etag, generated_at, good_until, {PENDING} FROM reading_statspayload WHERE reader_id = %s"


@dataclass(frozen=True)
class Stored:
    """What is stored of a payload without its body.

    `pending` says that a newer one is on its way; `is_asked_for` that it was asked for just now, so that the edge that
    called tells a worker.
    """

    etag: str
    generated_at: datetime
    pending: bool
    is_asked_for: bool = False

    @property
    def entity_tag(self) -> str:
        """The ETag of an answer that says this."""
        return f'"{self.etag}{"-pending" if self.pending else ""}"'


def stored_payload(reader: Reader, *, now: datetime) -> Stored:
    """What is stored for a reader; one row, whatever they have read."""
    rows = query(_STORED, [reader.pk] * (PENDING_VALUES + 1))
    if rows:
        etag, generated_at, good_until, pending = rows[0]
        if now < utc(good_until):
            return Stored(etag, utc(generated_at), bool(pending))
    # Never put together, or made on a day that is over: streak and windows have moved since.
    ask_for_payload(reader.pk)
    if rows:
        return Stored(rows[0][0], utc(rows[0][1]), pending=True, is_asked_for=True)
    return Stored(NONE_YET, now, pending=True, is_asked_for=True)


def body_of(reader: Reader, stored: Stored, *, now: datetime) -> bytes:
    """The payload as JSON. The first time there is nothing to send yet but what few short queries fill."""
    if stored.etag == NONE_YET:
        return compose(reader, now=now).body
    [(body,)] = query("SELECT body FROM reading_statspayload WHERE reader_id = %s", [reader.pk])
    return bytes(body)
