"""API keys: `tk_` and 40 hex digits, kept as digests.

The key in a reader's plugin is derived from the server's secret, so that building the plugin again gives the same one
until it is revoked.
"""

import hashlib
import hmac
import re
import secrets
from datetime import datetime

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, IntegrityError, transaction
from django.db.models import Max
from django.utils import timezone

from accounts.models import ApiKey, Reader
from accounts.statements import query, utc

_SHAPE = re.compile(r"tk_[0-9a-f]{40}")
PLUGIN_LABEL = "KOReader plugin"

# What a device's request needs to know of its reader; the rest is fetched if somebody asks for it.
_READER_FIELDS = ("id", "username", "is_active", "timezone", "rollover_hour")
_FIND = (
    "SELECT k.id, k.last_used_at, "
    + ", ".join(f"r.{field}" for field in _READER_FIELDS)
    + " FROM accounts_apikey k JOIN accounts_reader r ON r.id = k.reader_id"
    " WHERE k.digest = %s AND k.revoked_at IS NULL AND r.is_active"
)


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


def _store(reader: Reader, key: str, *, label: str, generation: int | None) -> ApiKey:
    return ApiKey.objects.create(
        reader=reader,
        label=label[:200],
        digest=_digest(key),
        preview=f"{key[:7]}…{key[-4:]}",
        generation=generation,
        created_at=timezone.now(),
    )


def create_key(reader: Reader, *, label: str = "") -> str:
    """A fresh key, which is shown this once."""
    key = "tk_" + secrets.token_hex(20)
    _store(reader, key, label=label, generation=None)
    return key


def _derived_key(reader: Reader, generation: int) -> str:
    message = f"tome plugin key {reader.pk} {generation}".encode()
    return "tk_" + hmac.new(settings.SECRET_KEY.encode(), message, hashlib.sha256).hexdigest()[:40]


def plugin_key(reader: Reader) -> str:
    """The key of this reader's plugin: the same at every call until it is revoked, then another."""
    newest = reader.api_keys.filter(generation__isnull=False).order_by("-generation").first()
    if newest is not None and newest.revoked_at is None:
        key = _derived_key(reader, newest.generation or 0)
        if hmac.compare_digest(_digest(key), newest.digest):
            return key
        # The server's secret changed: the key of this generation cannot be derived any more. It stays valid.
    generation = (reader.api_keys.aggregate(last=Max("generation"))["last"] or 0) + 1
    key = _derived_key(reader, generation)
    try:
        with transaction.atomic():
            _store(reader, key, label=PLUGIN_LABEL, generation=generation)
    except IntegrityError:
        return plugin_key(reader)  # another request made this generation at the same moment
    return key


def revoke_key(reader: Reader, key_id: int) -> bool:
    """Make a key invalid from the next request on; False if the reader has no such key."""
    changed = reader.api_keys.filter(pk=key_id, revoked_at=None).update(revoked_at=timezone.now())
    return bool(changed)


def authenticate(key: str, *, now: datetime) -> Reader | None:
    """The active reader to whom a valid key belongs.

    Its last use is kept to the minute, so most requests write nothing.
    """
    if not _SHAPE.fullmatch(key):
        return None
    rows = query(_FIND, [_digest(key)])
    if not rows:
        return None
    key_id, last_used_at, *reader = rows[0]
    last_used_at = utc(last_used_at)
    minute = now.replace(second=0, microsecond=0)
    if last_used_at is None or last_used_at < minute:
        ApiKey.objects.filter(pk=key_id).update(last_used_at=minute)
    return Reader.from_db(DEFAULT_DB_ALIAS, _READER_FIELDS, reader)
