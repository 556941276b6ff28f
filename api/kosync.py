"""KOSync, the protocol of KOReader's own progress sync and of other clients, under /api/v1 and /kosync.

Its statuses and its shape of errors are its own, `{"code": 2001, "message": "a sentence"}`, and clients are old and
many: so these are plain views, and a push is read as kindly as it can be. A client's queue stops at anything but 200.
"""

import json
import logging
import math
import re
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

import orjson
from django.core.exceptions import RequestDataTooBig
from django.db import OperationalError
from django.http import HttpRequest, HttpResponse
from django.urls import re_path
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from pydantic import TypeAdapter, ValidationError

from accounts.app_passwords import reader_and_app_password
from accounts.devices import DeviceClue
from accounts.models import Reader
from api.fields import Authors, Text
from reading.clocks import Clock
from reading.documents import document_report, place_of_document
from reading.files import FileReport
from reading.positions import UNNAMED_DEVICE, Place, PlaceReport
from reading.reports import report_document
from workers.enqueue import enqueue
from workers.reading import refresh

logger = logging.getLogger(__name__)

_TEXT: TypeAdapter[str] = TypeAdapter(Text)
_AUTHORS: TypeAdapter[str] = TypeAdapter(Authors)

_KEY = re.compile(r"[0-9a-fA-F]{32}")
LARGEST_NUMBER = 10**18  # of a page or an id; Python refuses to write out numbers of thousands of digits
LONGEST_NAME = 1000  # characters of what newer clients tell of a file
NAMED_WITHOUT_ID = "name:"  # what the identifier of a device begins with that sends nothing but a name

# The protocol's own numbers.
TROUBLE, NOT_LET_IN, INVALID, NO_DOCUMENT, NO_REGISTRATION = 2000, 2001, 2003, 2004, 2005


class Refusal(Exception):
    """What is answered in place of what was asked for."""

    def __init__(self, status: int, code: int, message: str, **headers: str) -> None:
        super().__init__(message)
        self.answer = _json({"code": code, "message": message}, status)
        for name, value in headers.items():
            self.answer[name] = value


def _json(content: dict[str, Any], status: int = 200) -> HttpResponse:
    return HttpResponse(orjson.dumps(content), status=status, content_type="application/json")


View = Callable[..., HttpResponse]


def _served(**views: View) -> View:
    """One path's view for all methods; whatever goes wrong is answered in the protocol's shape."""

    @csrf_exempt  # who is asking is said in headers that no other site can make a browser send
    def view(request: HttpRequest, **named: str) -> HttpResponse:
        try:
            response = _answer(views, request, named)
        except Refusal as refusal:
            response = refusal.answer
        if request.method == "HEAD":
            response["Content-Length"] = str(len(response.content))
            response.content = b""
        return response

    return view


def _answer(views: dict[str, View], request: HttpRequest, named: dict[str, str]) -> HttpResponse:
    method = "GET" if request.method == "HEAD" else request.method or ""
    if method not in views:
        sentence = "This path does not take that method."
        raise Refusal(HTTPStatus.METHOD_NOT_ALLOWED, INVALID, sentence, Allow=", ".join(views))
    try:
        return views[method](request, **named)
    except RequestDataTooBig:
        raise Refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, INVALID, "The request is too large.") from None
    except OperationalError:
        # A queue that is told so keeps what it holds, and tries again later.
        logger.exception("A request of KOSync could not be carried out")
        sentence = "The server cannot reach its database at the moment."
        raise Refusal(HTTPStatus.BAD_GATEWAY, TROUBLE, sentence) from None


def _reader_of(request: HttpRequest) -> Reader:
    """The reader to whom the name and app password in the headers belong."""
    name, key = _header(request, "x-auth-user"), _header(request, "x-auth-key")
    if name and "\x00" not in name and _KEY.fullmatch(key):
        reader, is_app_password = reader_and_app_password(name, key, now=timezone.now())
        if reader is not None and is_app_password:
            return reader
    sentence = "The user name or the app password is wrong. App passwords are made on Tome's settings page."
    raise Refusal(HTTPStatus.UNAUTHORIZED, NOT_LET_IN, sentence)


def _header(request: HttpRequest, name: str) -> str:
    """A header as text: it arrives byte by byte, and clients send UTF-8."""
    value: str = request.headers.get(name, "").strip()
    try:
        return value.encode("latin-1").decode()
    except UnicodeError:
        return value


def create_user(request: HttpRequest) -> HttpResponse:
    sentence = "Accounts are made on the server. Log in with your user name there and an app password."
    raise Refusal(HTTPStatus.PAYMENT_REQUIRED, NO_REGISTRATION, sentence)


def check_login(request: HttpRequest) -> HttpResponse:
    _reader_of(request)
    return _json({"authorized": "OK"})


def check_health(request: HttpRequest) -> HttpResponse:
    """That this process answers; needs no password and no database."""
    return _json({"state": "OK"})


def nothing_here(request: HttpRequest) -> HttpResponse:
    raise Refusal(HTTPStatus.NOT_FOUND, INVALID, "There is nothing under this path.")


def put_progress(request: HttpRequest) -> HttpResponse:
    """Store a place. Whether it won is not said: the protocol has no word for it."""
    reader = _reader_of(request)
    push = _body(request)
    name, document = _pushed_document(push)
    clock = Clock(timezone.now())
    device = DeviceClue(identifier=_text(push.get("device_id")), name=_text(push.get("device")))
    book_id = report_document(reader, document, _pushed_place(push), device=device, clock=clock)
    if book_id is not None:
        enqueue(refresh)
    return _json({"document": name, "timestamp": int(clock.now.timestamp())})


def get_progress(request: HttpRequest, document: str) -> HttpResponse:
    """The reader's place in a document, or nothing: a client jumps to whatever it gets, and takes a 404 for a fault."""
    reader = _reader_of(request)
    name = _text(document)
    if not name:
        raise _no_document()
    place = place_of_document(reader, document_report(name))
    if place is None or not place.progress:
        return _json({})
    return _json(
        {
            "document": name,
            "percentage": place.percentage,
            "progress": place.progress,
            "device": place.device,
            "device_id": _identifier_shown(place),
            "timestamp": max(int(place.read_at.timestamp()), 0),
        }
    )


def _identifier_shown(place: Place) -> str:
    """The writer's own identifier, by which a device knows what it wrote itself; never empty."""
    return place.device_identifier.removeprefix(NAMED_WITHOUT_ID) or place.device or UNNAMED_DEVICE


def _no_document() -> Refusal:
    return Refusal(HTTPStatus.FORBIDDEN, NO_DOCUMENT, "The request names no document.")


def _body(request: HttpRequest) -> dict[str, Any]:
    """The JSON object that was sent; empty for anything else, which names no document either."""
    try:
        try:
            sent = orjson.loads(request.body)
        except orjson.JSONDecodeError:
            sent = json.loads(request.body)  # takes NaN and lone surrogates
    except (ValueError, RecursionError):
        return {}
    return sent if isinstance(sent, dict) else {}


def _pushed_document(push: dict[str, Any]) -> tuple[str, FileReport]:
    """What the push is about: as it was named, and with what newer clients tell of the file."""
    name = _text(push.get("document"))
    if not name:
        raise _no_document()
    told = push.get("metadata")
    if not isinstance(told, dict):
        told = {}
    return name, document_report(
        name,
        filename=_text(told.get("filename"))[:LONGEST_NAME],
        title=_text(told.get("title"))[:LONGEST_NAME],
        authors=_read(_AUTHORS, told.get("authors"))[:LONGEST_NAME],
    )


def _pushed_place(push: dict[str, Any]) -> PlaceReport:
    return PlaceReport(
        percentage=_fraction(push.get("percentage")),
        progress=_text(push.get("progress")),
        is_answered=False,
    )


def _text(value: Any) -> str:
    """Text, or a number as text; empty for anything else."""
    if isinstance(value, float) and math.isfinite(value):
        value = int(value) if value.is_integer() else str(value)
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(min(max(value, -LARGEST_NUMBER), LARGEST_NUMBER))
    return _read(_TEXT, value).strip()


def _read(kind: TypeAdapter[str], value: Any) -> str:
    try:
        return kind.validate_python(value)
    except ValidationError:
        return ""


def _fraction(value: Any) -> float | None:
    """A number, or one written as text, between 0 and 1; None for what is no number at all."""
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not _is_finite(value):
        return None
    return float(min(max(value, 0), 1))


def _is_finite(value: int | float) -> bool:
    return isinstance(value, int) or math.isfinite(value)


# The address is whatever somebody typed, so a slash at its end may stand before these paths.
urlpatterns = [
    re_path(r"^/+users/create\Z", _served(POST=create_user)),
    re_path(r"^/+users/auth\Z", _served(GET=check_login)),
    re_path(r"^/+syncs/progress\Z", _served(PUT=put_progress)),
    re_path(r"^/+syncs/progress/(?P<document>[\s\S]*)\Z", _served(GET=get_progress)),
    re_path(r"^/+healthcheck\Z", _served(GET=check_health)),
    re_path(r"", _served(**dict.fromkeys(("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"), nothing_here))),
]
