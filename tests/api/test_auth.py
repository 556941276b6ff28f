"""Every endpoint that knows a reader lets in nobody without a valid key, and says so in one way."""

import re

import pytest
from django.test import Client

from accounts.keys import create_key, revoke_key
from accounts.models import ApiKey, Reader
from tests.api.answers import detail_of, json_of

WITH_KEY = [
    ("GET", "/api/tome-sync/me"),
    ("GET", "/api/tome-sync/resolve?filename=x.epub"),
    ("PUT", "/api/tome-sync/link"),
    ("GET", "/api/tome-sync/position/1"),
    ("PUT", "/api/tome-sync/position/1"),
    ("POST", "/api/tome-sync/session"),
    ("POST", "/api/tome-sync/sync"),
    ("GET", "/api/tome-sync/inbox"),
    ("POST", "/api/tome-sync/inbox/1/delivered"),
    ("GET", "/api/tome-sync/plugin"),
]
WITH_KEY_OR_LOGIN = [
    ("GET", "/api/tome-sync/series"),
    ("GET", "/api/tome-sync/series/1"),
    ("GET", "/api/tome-sync/download/1/1"),
    ("POST", "/api/books"),
    ("GET", "/api/books/1/cover"),
    ("GET", "/api/library/scan"),
    ("GET", "/api/stats"),
    ("GET", "/api/stats/recount"),
    ("GET", "/api/stats/sessions"),
    ("POST", "/api/stats/sessions"),
    ("GET", "/api/stats/sessions/export"),
    ("PATCH", "/api/stats/sessions/1"),
    ("DELETE", "/api/stats/sessions/1"),
    ("GET", "/api/stats/imports"),
    ("POST", "/api/stats/imports"),
    ("GET", "/api/stats/imports/1"),
    ("GET", "/api/stats/imports/1/unknown"),
]
OPEN = ["/api/health", "/api/plugin/version"]


def test_the_list_above_names_every_endpoint() -> None:
    from api.urls import api

    listed = {(method, path.split("?")[0].replace("/1", "/{}")) for method, path in WITH_KEY + WITH_KEY_OR_LOGIN}
    listed |= {("GET", path) for path in [*OPEN, "/api/ready"]}
    served = set()
    for path, methods in api.get_openapi_schema()["paths"].items():
        plain = re.sub(r"\{\w+\}", "{}", path)
        served |= {(method.upper(), plain) for method in methods}
    assert listed == served


@pytest.mark.django_db
@pytest.mark.parametrize(("method", "path"), WITH_KEY + WITH_KEY_OR_LOGIN)
@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "Bearer",
        "Bearer ",
        "Bearer tk_short",
        "Bearer tk_" + "0" * 40,
        "Bearer TK_" + "A" * 40,
        "Basic YWRhOnNlY3JldA==",
        "tk_" + "0" * 40,
        "Bearer tk_" + "0" * 40 + "\x00",
        "Bearer " + "é" * 43,
    ],
)
def test_without_a_valid_key_it_is_401(method: str, path: str, header: str | None, client: Client) -> None:
    headers = {} if header is None else {"authorization": header}
    response = client.generic(method, path, "{}", content_type="application/json", headers=headers)
    assert "key" in detail_of(response, 401)


@pytest.mark.parametrize(("method", "path"), WITH_KEY + WITH_KEY_OR_LOGIN)
def test_a_revoked_key_is_401_at_once(method: str, path: str, ada: Reader, client: Client) -> None:
    headers = {"authorization": f"Bearer {create_key(ada)}"}
    assert client.get("/api/tome-sync/me", headers=headers).status_code == 200
    assert revoke_key(ada, ApiKey.objects.get().pk)
    response = client.generic(method, path, "{}", content_type="application/json", headers=headers)
    detail_of(response, 401)


@pytest.mark.parametrize(("method", "path"), WITH_KEY + WITH_KEY_OR_LOGIN)
def test_an_inactive_reader_is_401(method: str, path: str, ada: Reader, device_client: Client) -> None:
    Reader.objects.filter(pk=ada.pk).update(is_active=False)
    response = device_client.generic(method, path, "{}", content_type="application/json")
    detail_of(response, 401)


@pytest.mark.parametrize("path", OPEN)
def test_an_open_endpoint_needs_no_key_and_minds_no_wrong_one(path: str, client: Client) -> None:
    assert client.get(path).status_code == 200
    assert client.get(path, headers={"authorization": "Bearer tk_wrong"}).status_code == 200


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_the_word_bearer_may_be_written_in_any_case(scheme: str, ada: Reader, ada_key: str, client: Client) -> None:
    response = client.get("/api/tome-sync/me", headers={"authorization": f"{scheme} {ada_key}"})
    assert json_of(response)["username"] == "ada"


@pytest.mark.parametrize(("method", "path"), WITH_KEY)
def test_a_web_login_does_not_stand_in_for_a_devices_key(method: str, path: str, ada: Reader, client: Client) -> None:
    client.force_login(ada)
    detail_of(client.generic(method, path, "{}", content_type="application/json"), 401)


@pytest.mark.parametrize("path", ["/api/library/scan", "/api/stats"])
def test_where_pages_ask_too_a_web_login_is_enough(path: str, ada: Reader, client: Client) -> None:
    client.force_login(ada)
    assert client.get(path).status_code == 200


def test_a_web_login_cannot_upload_from_another_site(ada: Reader) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(ada)
    detail_of(client.post("/api/books"), 403)
