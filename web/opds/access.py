"""Who asks for a catalogue: a name and a password with every request, as HTTP Basic has it. No session, no redirect."""

import base64
import binascii
from collections.abc import Callable
from functools import cache, wraps
from typing import Concatenate, ParamSpec

import orjson
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt

from accounts.credentials import Busy, reader_with_password
from accounts.models import Reader
from accounts.server import server_identifier
from library.paging import InvalidCursor

METHODS = ("GET", "HEAD")
CHALLENGE = 'Basic realm="Tome", charset="UTF-8"'
UNKNOWN = "The name or the password is missing or wrong; an app password from the settings page will do."

Arguments = ParamSpec("Arguments")
View = Callable[Concatenate[HttpRequest, Reader, Arguments], HttpResponseBase]


class Refused(Exception):
    """What is answered in place of what was asked for: a status and one sentence."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status, self.sentence = status, sentence


def for_readers(view: View[Arguments]) -> Callable[Concatenate[HttpRequest, Arguments], HttpResponseBase]:
    """The view, for those whose name and password are right; it gets the reader and may raise `Refused`."""

    @csrf_exempt  # it changes nothing, and whoever tries another method is told so
    @wraps(view)
    def let_in(request: HttpRequest, *args: Arguments.args, **kwargs: Arguments.kwargs) -> HttpResponseBase:
        if request.method not in METHODS:
            refused = sentence(405, "A catalogue can only be read.")
            refused["Allow"] = ", ".join(METHODS)
            return refused
        try:
            reader = reader_of(request)
        except Busy:
            return sentence(503, "Other passwords are being checked at this moment; try again in a second.")
        if reader is None:
            return unknown_reader(request)
        try:
            return view(request, reader, *args, **kwargs)
        except Refused as refusal:
            return sentence(refusal.status, refusal.sentence)
        except InvalidCursor as error:
            return sentence(400, error.sentence)

    return let_in


def sentence(status: int, text: str) -> HttpResponse:
    answer = HttpResponse(text, status=status, content_type="text/plain; charset=utf-8")
    if status == 503:
        answer["Retry-After"] = "2"
    return answer


def reader_of(request: HttpRequest) -> Reader | None:
    """The active reader whose credentials the request carries; None without any, or with wrong or unreadable ones."""
    scheme, _, encoded = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        decoded = base64.b64decode(encoded.strip(), validate=True)
    except (binascii.Error, ValueError):
        return None
    try:
        credentials = decoded.decode()
    except UnicodeDecodeError:
        credentials = decoded.decode("latin-1")  # what clients sent before they were told otherwise
    username, colon, password = credentials.partition(":")
    if not colon or "\0" in credentials:
        return None
    return reader_with_password(username, password, now=timezone.now())


def unknown_reader(request: HttpRequest) -> HttpResponse:
    """401, for clients of OPDS 2.0 with the document that tells them what to ask their reader for."""
    if is_version_2(request):
        document = orjson.dumps(authentication_document())
        answer = HttpResponse(document, status=401, content_type="application/opds-authentication+json")
    else:
        answer = sentence(401, UNKNOWN)
    answer["WWW-Authenticate"] = CHALLENGE
    return answer


def is_version_2(request: HttpRequest) -> bool:
    return request.path_info == "/opds/v2" or request.path_info.startswith("/opds/v2/")


def authentication_document() -> dict[str, object]:
    """As "Authentication for OPDS" 1.0 has it."""
    labels = {"login": "User name", "password": "Password or app password"}
    return {
        "id": f"urn:uuid:{server()}",
        "title": "Tome",
        "description": UNKNOWN,
        "authentication": [{"type": "http://opds-spec.org/auth/basic", "labels": labels}],
    }


@cache
def server() -> str:
    """The server's id, asked for once: entries keep their ids for as long as there is this server."""
    return server_identifier()
