"""Who is asking: a device with an API key, or a reader who is logged in to the web pages."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.utils import timezone
from ninja.security import HttpBearer, SessionAuth

from accounts.keys import authenticate
from accounts.models import Reader


class KeyAuth(HttpBearer):
    def authenticate(self, request: HttpRequest, token: str) -> Reader | None:
        return authenticate(token, now=timezone.now())


class WebAuth(SessionAuth):
    """A web login, protected against other sites. Who brings no session is simply not logged in."""

    def __call__(self, request: HttpRequest) -> Any | None:
        if settings.SESSION_COOKIE_NAME not in request.COOKIES:
            return None
        return super().__call__(request)


key_auth = KeyAuth()
# The key first: a device has no cookie, and asking for one would need the session's table.
web_or_key: list[Any] = [key_auth, WebAuth()]


def reader_of(request: HttpRequest) -> Reader:
    """The reader whom the endpoint's `auth` let in."""
    reader: Reader = request.auth  # type: ignore[attr-defined]
    return reader
