"""One shape for every error under /api: `{"detail": "a sentence"}`, and for bad input a list of what is wrong where."""

import json
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

import orjson
from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse, JsonResponse
from ninja import NinjaAPI
from ninja.errors import AuthenticationError, HttpError, ValidationError
from ninja.parser import Parser
from ninja.renderers import BaseRenderer
from ninja.responses import NinjaJSONEncoder
from pydantic import BaseModel

NO_SUCH_BOOK = "There is no such book."
_SENTENCES = {
    HTTPStatus.BAD_REQUEST: "The request cannot be read.",
    HTTPStatus.FORBIDDEN: "The request is not allowed; reload the page and try again.",
    HTTPStatus.NOT_FOUND: "There is nothing under this path.",
    HTTPStatus.METHOD_NOT_ALLOWED: "This path does not take that method.",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "The request is too large.",
    HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE: "The file ends before the part that is asked for.",
    HTTPStatus.SERVICE_UNAVAILABLE: "Too much is going on at this moment; try again in a minute.",
    HTTPStatus.INTERNAL_SERVER_ERROR: "Something went wrong on the server; its log says what.",
}


class LuaTolerantParser(Parser):
    """Reads bodies fast, and takes NaN and lone surrogates as the standard library does.

    A batch that holds one such number is not refused as a whole: the item that holds it is.
    """

    def parse_body(self, request: HttpRequest) -> Any:
        try:
            return orjson.loads(request.body)
        except orjson.JSONDecodeError:
            return json.loads(request.body)


class Renderer(BaseRenderer):
    media_type = "application/json"

    def render(self, request: HttpRequest, data: Any, *, response_status: int) -> bytes:
        return orjson.dumps(data, default=NinjaJSONEncoder().default)


def answer(content: BaseModel, status: int = 200) -> HttpResponse:
    """A schema as it is sent, keys without a value left out.

    For what devices ask all the time: ninja would validate it once more and take it apart in Python.
    """
    body = content.model_dump_json(exclude_none=True)
    return HttpResponse(body, status=status, content_type="application/json; charset=utf-8")


def problems(errors: list[Any]) -> list[dict[str, Any]]:
    """What pydantic found, without the values: they may be a password or not be JSON."""
    return [
        {"loc": list(error.get("loc", [])), "msg": str(error.get("msg", "")), "type": str(error.get("type", ""))}
        for error in errors
    ]


def add_handlers(api: NinjaAPI) -> None:
    @api.exception_handler(ValidationError)
    def bad_input(request: HttpRequest, error: ValidationError) -> HttpResponse:
        return api.create_response(request, {"detail": problems(error.errors)}, status=422)

    @api.exception_handler(AuthenticationError)
    def not_let_in(request: HttpRequest, error: AuthenticationError) -> HttpResponse:
        return api.create_response(
            request, {"detail": "The API key is missing, wrong or revoked, and nobody is logged in."}, status=401
        )

    @api.exception_handler(RequestDataTooBig)
    def too_large(request: HttpRequest, error: RequestDataTooBig) -> HttpResponse:
        sentence = _SENTENCES[HTTPStatus.REQUEST_ENTITY_TOO_LARGE]
        return api.create_response(request, {"detail": sentence}, status=413)

    @api.exception_handler(HttpError)
    def refused(request: HttpRequest, error: HttpError) -> HttpResponse:
        if error.status_code == 403:  # ninja's own words for a missing CSRF token
            return api.create_response(request, {"detail": _SENTENCES[HTTPStatus.FORBIDDEN]}, status=403)
        if error.status_code == 400 and str(error).startswith("Cannot parse request body"):
            problem = {"loc": ["body"], "msg": "The body is not JSON.", "type": "json_invalid"}
            return api.create_response(request, {"detail": [problem]}, status=422)
        return api.create_response(request, {"detail": str(error)}, status=error.status_code)


class JsonErrors:
    """Middleware: whatever error Django itself answers under /api is JSON too (unknown path, method, CSRF, crash)."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if (
            response.status_code >= 400
            and (request.path == "/api" or request.path.startswith("/api/"))
            and not response.get("Content-Type", "").startswith("application/json")
        ):
            status = HTTPStatus(response.status_code)
            shaped = JsonResponse({"detail": _SENTENCES.get(status, f"{status.phrase}.")}, status=status)
            for name in ("Allow", "Content-Range", "Retry-After"):
                if name in response:
                    shaped[name] = response[name]
            return shaped
        return response
