"""Reading the API's answers strictly: what CONTRACT.md promises of every one of them is asserted here."""

import json
import re
from typing import Any

from django.http import HttpResponse

_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z")


def json_of(response: Any, status: int = 200) -> Any:
    """The body of an answer with this status: JSON, and nowhere a null, which is truthy in Lua."""
    assert response.status_code == status, response.content
    assert response.headers["Content-Type"].split(";")[0] == "application/json"
    body = json.loads(response.content)
    assert not list(_nulls(body)), body
    return body


def detail_of(response: HttpResponse, status: int) -> str:
    """The sentence of a refusal that has nothing but a sentence."""
    body = json_of(response, status)
    assert list(body) == ["detail"]
    detail = body["detail"]
    assert isinstance(detail, str)
    assert detail.endswith((".", "?"))
    return detail


def wrong_fields(response: HttpResponse) -> set[str]:
    """The last part of where each problem of a 422 lies; the shape is `{"detail": [{loc, msg, type}]}`."""
    body = json_of(response, 422)
    assert list(body) == ["detail"]
    assert body["detail"]
    for problem in body["detail"]:
        assert set(problem) == {"loc", "msg", "type"}
        assert isinstance(problem["loc"], list)
        assert isinstance(problem["msg"], str)
        assert isinstance(problem["type"], str)
    return {str(problem["loc"][-1]) for problem in body["detail"]}


def is_time(value: object) -> bool:
    """Whether it is an instant as every answer shows it: UTC, ISO 8601, ending in Z."""
    return isinstance(value, str) and _TIME.fullmatch(value) is not None


def is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _nulls(value: Any) -> Any:
    if value is None:
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from _nulls(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _nulls(inner)
