"""Whatever goes wrong below /api, the answer is JSON with a `detail`."""

import json
from typing import Any

import pytest
from django.test import Client

pytestmark = pytest.mark.django_db


def assert_error(answer: Any, status: int) -> Any:
    assert answer.status_code == status
    assert answer.headers["Content-Type"].startswith("application/json")
    detail = json.loads(answer.content)["detail"]
    assert detail
    return detail


@pytest.mark.parametrize("method", ["get", "put", "post", "delete", "patch"])
@pytest.mark.parametrize("path", ["/api/nothing", "/api/tome-sync/nothing/at/all", "/api/tome-sync/", "/api/stats/"])
def test_an_unknown_path_is_404(device_client: Client, method: str, path: str) -> None:
    assert isinstance(assert_error(getattr(device_client, method)(path), 404), str)


@pytest.mark.parametrize("path", ["/api", "/api/"])
def test_the_root_is_404(client: Client, path: str) -> None:
    assert isinstance(assert_error(client.get(path), 404), str)


def operations() -> list[tuple[str, str]]:
    """Each endpoint below /api as method and path, with 1 for whatever the path leaves open."""
    from api.urls import api

    found = []
    for path, methods in api.get_openapi_schema()["paths"].items():
        parts = ["1" if part.startswith("{") else part for part in path.split("/")]
        found += [(method, "/".join(parts)) for method in methods]
    return sorted(found)


def without_key() -> list[tuple[str, str]]:
    """The endpoints that CONTRACT.md gives to everybody."""
    return [("get", "/api/health"), ("get", "/api/ready"), ("get", "/api/plugin/version")]


@pytest.mark.parametrize(("method", "path"), operations())
def test_each_endpoint_that_needs_a_key_says_so(client: Client, method: str, path: str) -> None:
    answer = getattr(client, method)(path)
    if (method, path) in without_key():
        assert answer.status_code in (200, 503)
        return
    assert isinstance(assert_error(answer, 401), str)
    wrong = {"authorization": "Bearer tk_" + "0" * 40}
    assert_error(getattr(client, method)(path, headers=wrong), 401)


@pytest.mark.parametrize("path", sorted({path for _, path in operations()}))
def test_a_method_that_an_endpoint_does_not_know_is_405(device_client: Client, path: str) -> None:
    known = {method for method, known_path in operations() if known_path == path}
    for method in {"get", "put", "post", "delete", "patch"} - known:
        answer = getattr(device_client, method)(path)
        assert isinstance(assert_error(answer, 405), str)
        assert answer.headers["Allow"]


@pytest.mark.parametrize("body", ["", "{", "[]", '{"percentage": "much"}', '{"percentage": NaN}', "\x00"])
def test_a_body_that_is_no_request_is_422(device_client: Client, book: Any, body: str) -> None:
    path = f"/api/tome-sync/position/{book.pk}"
    answer = device_client.put(path, body, content_type="application/json")
    if body in ("", "{", "\x00"):
        assert answer.status_code in (400, 422)
        assert json.loads(answer.content)["detail"]
        return
    detail = assert_error(answer, 422)
    assert {"loc", "msg", "type"} <= detail[0].keys()
