"""Who is asking: a device with an API key, or a reader who is logged in to the web pages."""

from typing import Any

from django.http import HttpRequest
from django.utils import timezone
from ninja.security import HttpBearer, SessionAuth

from accounts.keys import authenticate
from accounts.models import Reader


class KeyAuth(HttpBearer):
    def authenticate(self, request: HttpRequest, token: str) -> Reader | None:
        return authenticate(token, now=timezone.now())


key_auth = KeyAuth()
# The key first: a device has no cookie, and asking for one would need the session's table.
web_or_key: list[Any] = [key_auth, SessionAuth()]


def reader_of(request: HttpRequest) -> Reader:
    """The reader whom the endpoint's `auth` let in."""
    reader: Reader = request.auth  # type: ignore[attr-defined]
    return reader
