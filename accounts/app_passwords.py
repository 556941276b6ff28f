"""App passwords: short ones for devices and apps that speak OPDS or KOSync, one for each of them.

They are random and typed on e-ink keyboards: 12 lower-case letters without those that look like others, 54 bits. What
is kept is a keyed digest, which is fast, since a client sends its password with every request. KOSync clients send the
MD5 of the password, so the digest is made of that: one column serves both.
"""

import hashlib
import hmac
import secrets
from datetime import datetime

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS
from django.utils import timezone

from accounts.models import AppPassword, Reader
from accounts.statements import query, utc

ALPHABET = "abcdefghjkmnpqrstuvwxyz"
LENGTH = 12

# What a request needs to know of its reader; the rest is fetched if somebody asks for it. In the order of the model's
# fields: `from_db` takes the values in that order, whatever the order of their names.
READER_FIELDS = ("id", "password", "username", "is_active", "timezone", "rollover_hour")
# One query for both kinds of password: the reader, and beside them the app password if it is one.
_FIND = (
    "SELECT p.id, p.last_used_at, "
    + ", ".join(f"r.{field}" for field in READER_FIELDS)
    + " FROM accounts_reader r LEFT JOIN accounts_apppassword p"
    " ON p.reader_id = r.id AND p.digest = %s AND p.revoked_at IS NULL"
    " WHERE r.username = %s AND r.is_active"
)


def create_app_password(reader: Reader, *, label: str = "") -> str:
    """A fresh app password, which is shown this once."""
    password = "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))
    AppPassword.objects.create(
        reader=reader, label=label[:200], digest=_digest(md5_of(password)), created_at=timezone.now()
    )
    return password


def revoke_app_password(reader: Reader, password_id: int) -> bool:
    """Make an app password invalid from the next request on; False if the reader has no such one."""
    mine = reader.app_passwords.filter(pk=password_id, revoked_at=None)
    return bool(mine.update(revoked_at=timezone.now()))


def reader_and_app_password(username: str, md5_hex: str, *, now: datetime) -> tuple[Reader | None, bool]:
    """The active reader of this name, and whether this is the MD5 of one of their app passwords.

    Its last use is kept to the minute, so most requests write nothing.
    """
    rows = query(_FIND, [_digest(md5_hex.lower()), username])
    if not rows:
        return None, False
    password_id, last_used_at, *fields = rows[0]
    if password_id is not None:
        last_used_at, minute = utc(last_used_at), now.replace(second=0, microsecond=0)
        if last_used_at is None or last_used_at < minute:
            AppPassword.objects.filter(pk=password_id).update(last_used_at=minute)
    return Reader.from_db(DEFAULT_DB_ALIAS, READER_FIELDS, fields), password_id is not None


def md5_of(password: str) -> str:
    return hashlib.md5(password.encode(errors="replace"), usedforsecurity=False).hexdigest()


def _digest(md5_hex: str) -> str:
    message = f"tome app password {md5_hex}".encode()
    return hmac.new(settings.SECRET_KEY.encode(), message, hashlib.sha256).hexdigest()
