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
# One slow check at a time: an app that opens with a dozen requests for covers costs one, and guessing passwords leaves
# the other threads to those who read.
_checking = threading.Lock()


def reader_with_password(username: str, password: str, *, now: datetime) -> Reader | None:
    """The active reader to whom this name and account or app password belong.

    An app password may be typed with capitals and spaces, as keyboards of e-readers like to put them.
    """
    typed = "".join(password.split()).lower()
    reader, is_app_password = reader_and_app_password(username, md5_of(typed), now=now)
    if is_app_password:
        return reader
    stored = reader.password if reader else ""
    digest = memory.digest(username, password, stored)
    is_right = memory.recall(digest)
    if is_right is None:
        with _checking:
            is_right = memory.recall(digest)
            if is_right is None:
                is_right = _is_password_of(reader, password)
                memory.remember(digest, is_right)
    return reader if is_right else None


def _is_password_of(reader: Reader | None, password: str) -> bool:
    if reader is None:
        Reader().set_password(password)  # as slow as for a name that exists, so that names cannot be found out
        return False
    return reader.check_password(password)
