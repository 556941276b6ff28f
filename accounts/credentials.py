"""Names and passwords that come with every single request, as HTTP Basic has it.

An account's password is stored under a slow hash on purpose. That it was right, or wrong, is remembered for some
minutes: in this process only, as a digest under a key that dies with it, and for the stored password it was checked
against, so that it is forgotten with the first request after a change.
"""

import hashlib
import hmac
import secrets
import threading
import time
from collections import OrderedDict
from concurrent.futures import Future
from datetime import datetime

from accounts.app_passwords import md5_of, reader_and_app_password
from accounts.models import Reader

REMEMBERED_SECONDS = 300.0
REMEMBERED_MOST = 1000


class Memory:
    """Which credentials were right and which were wrong, for a while."""

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)
        self._lock = threading.Lock()
        self._known: OrderedDict[bytes, tuple[float, bool]] = OrderedDict()

    def digest(self, *parts: str) -> bytes:
        joined = b"\0".join(hashlib.sha256(part.encode(errors="replace")).digest() for part in parts)
        return hmac.new(self._key, joined, hashlib.sha256).digest()

    def recall(self, digest: bytes) -> bool | None:
        with self._lock:
            until, was_right = self._known.get(digest, (0.0, False))
            return was_right if time.monotonic() < until else None

    def remember(self, digest: bytes, was_right: bool) -> None:
        with self._lock:
            self._known[digest] = time.monotonic() + REMEMBERED_SECONDS, was_right
            self._known.move_to_end(digest)
            while len(self._known) > REMEMBERED_MOST:
                self._known.popitem(last=False)

    def forget(self) -> None:
        with self._lock:
            self._known.clear()


memory = Memory()
# One slow check at a time, one other password that waits for its turn, and any number of requests with the very same
# one, as an app sends that opens with a dozen covers: who guesses passwords is not to keep everybody else waiting.
_checking = threading.Lock()
_under_way: dict[bytes, Future[bool]] = {}
_under_way_lock = threading.Lock()
UNDER_WAY_AT_MOST = 2


class Busy(Exception):
    """Other passwords are being checked at this moment; this one may be tried again in a second."""


def reader_with_password(username: str, password: str, *, now: datetime) -> Reader | None:
    """The active reader to whom this name and account or app password belong.

    An app password may be typed with capitals and spaces, as keyboards of e-readers like to put them. Busy if it cannot
    be checked now, which only an account's password can meet that was not used for a while.
    """
    typed = "".join(password.split()).lower()
    reader, is_app_password = reader_and_app_password(username, md5_of(typed), now=now)
    if is_app_password:
        return reader
    stored = reader.password if reader else ""
    digest = memory.digest(username, password, stored)
    is_right = memory.recall(digest)
    if is_right is None:
        is_right = _checked_slowly(reader, password, digest)
    elif is_right:
        memory.remember(digest, is_right)  # for as long as it is in use
    return reader if is_right else None


def _checked_slowly(reader: Reader | None, password: str, digest: bytes) -> bool:
    with _under_way_lock:
        if (known := memory.recall(digest)) is not None:  # somebody was faster
            return known
        check = _under_way.get(digest)
        is_ours = check is None
        if check is None:
            if len(_under_way) >= UNDER_WAY_AT_MOST:
                raise Busy
            check = _under_way[digest] = Future()
    if not is_ours:
        return check.result()
    try:
        with _checking:
            is_right = _is_password_of(reader, password)
        memory.remember(digest, is_right)
        check.set_result(is_right)
        return is_right
    except BaseException as error:
        check.set_exception(error)
        raise
    finally:
        with _under_way_lock:
            del _under_way[digest]


def _is_password_of(reader: Reader | None, password: str) -> bool:
    if reader is None:
        Reader().set_password(password)  # as slow as for a name that exists, so that names cannot be found out
        return False
    return reader.check_password(password)
