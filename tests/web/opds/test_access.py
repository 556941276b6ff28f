import json
from typing import Any

import pytest
from django.conf import settings
from django.test import Client

from accounts.app_passwords import create_app_password, revoke_app_password
from accounts.models import Reader
from library.models import Book
from tests.web.opds.browsing import Browser, basic

# One of each kind; `?` stands for whatever there may be.
ADDRESSES = [
    *(root + end for root in ("/opds", "/opds/v2") for end in ("", "/")),
    *(
        f"{root}/{feed}"
        for root in ("/opds", "/opds/v2")
        for feed in ("reading", "new", "books", "series", "series/1", "authors", "authors/1", "types", "types/book")
    ),
    *("/opds/search?q=x", "/opds/v2/search?query=x", "/opds/search.xml"),
    *("/opds/download/1/1.epub", "/opds/covers/1/abc/large.jpg", "/opds/pages/1/1/abc/0?width=100"),
    *("/opds/nothing", "/opds/v2/nothing", "/opds/series/"),
]


@pytest.mark.parametrize("address", ADDRESSES)
def test_nothing_is_shown_to_a_stranger_and_nobody_is_redirected(db: None, address: str) -> None:
    for method in ("GET", "HEAD"):
        answer = Client().generic(method, address)
        assert answer.status_code == 401
        assert answer["WWW-Authenticate"] == 'Basic realm="Tome", charset="UTF-8"'
        assert not answer.cookies


@pytest.mark.parametrize(
    "authorization",
    [
        "",
        "Basic",
        "Basic ",
        "Basic !!!!",
        "Basic YQ",  # cut
        "Basic YWRh",  # no colon
        "Bearer tk_0123456789",
        basic("ada", "wrong"),
        basic("ada", ""),
        basic("", "correct horse"),
        basic("nobody", "correct horse"),
        basic("bob", "correct horse"),
        basic("ada\0", "correct horse"),
        basic("ada", "correct horse\0"),
        "Digest username=ada",
    ],
)
def test_what_cannot_be_read_or_is_wrong_lets_nobody_in(ada: Reader, bob: Reader, authorization: str) -> None:
    answer = Client(headers={"authorization": authorization}).get("/opds")
    assert answer.status_code == 401
    assert "app password" in answer.content.decode()


def test_the_accounts_password_and_an_app_password_let_in(ada: Reader) -> None:
    password = create_app_password(ada, label="Kobo")
    for given in ("correct horse", password, password.upper(), f"{password[:4]} {password[4:]}"):
        assert Browser(basic("ada", given)).get("/opds").status_code == 200
    assert (
        Client(headers={"authorization": basic("ada", password).replace("Basic", "bASIC ")}).get("/opds").status_code
        == 200
    )


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
def test_a_password_with_accents_is_read_in_the_new_and_in_the_old_encoding(db: None, encoding: str) -> None:
    Reader.objects.create_user("zoë", password="crème:brûlée")
    assert Browser(basic("zoë", "crème:brûlée", encoding)).get("/opds").status_code == 200


def test_a_changed_password_is_dropped_with_the_next_request(ada: Reader, browser: Browser) -> None:
    assert browser.get("/opds").status_code == 200
    ada.set_password("another horse")
    ada.save()
    assert browser.get("/opds").status_code == 401
    assert Browser(basic("ada", "another horse")).get("/opds").status_code == 200


def test_a_revoked_app_password_and_an_inactive_reader_stay_outside(ada: Reader) -> None:
    password = create_app_password(ada)
    with_app_password, with_account = Browser(basic("ada", password)), Browser(basic("ada", "correct horse"))
    assert with_app_password.get("/opds").status_code == 200
    assert revoke_app_password(ada, ada.app_passwords.get().pk)
    assert with_app_password.get("/opds").status_code == 401
    assert with_account.get("/opds").status_code == 200
    Reader.objects.filter(pk=ada.pk).update(is_active=False)
    assert with_account.get("/opds").status_code == 401


def test_a_web_login_does_not_open_the_catalogue(ada: Reader, client: Client) -> None:
    client.force_login(ada)
    assert client.get("/opds").status_code == 401


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_a_catalogue_can_only_be_read(browser: Browser, method: str) -> None:
    client = Client(enforce_csrf_checks=True, headers={"authorization": browser.authorization})
    for address in ("/opds", "/opds/v2", "/opds/books", "/opds/search.xml", "/opds/download/1/1.epub"):
        answer = client.generic(method, address)
        assert answer.status_code == 405
        assert answer["Allow"] == "GET, HEAD"


@pytest.mark.parametrize("address", ["/opds", "/opds/", "/opds/v2", "/opds/v2/", "/opds/books"])
def test_no_session_begins(browser: Browser, book: Book, address: str) -> None:
    answer = browser.get(address)
    assert answer.status_code == 200
    assert not answer.cookies
    assert "Location" not in answer
    assert settings.SESSION_COOKIE_NAME not in str(answer.headers)


def test_clients_of_version_2_are_told_what_to_ask_for(db: None) -> None:
    answer = Client().get("/opds/v2")
    assert answer["Content-Type"] == "application/opds-authentication+json"
    said: dict[str, Any] = json.loads(answer.content)
    assert said["id"].startswith("urn:uuid:")
    assert [flow["type"] for flow in said["authentication"]] == ["http://opds-spec.org/auth/basic"]
    assert Client().get("/opds")["Content-Type"].startswith("text/plain")


def test_an_unknown_address_is_a_plain_404(browser: Browser) -> None:
    for address in ("/opds/nothing", "/opds/v2/nothing/at/all", "/opds/series/", "/opds/a%0Ab", "/opds/v2/search.xml"):
        answer = browser.get(address)
        assert (answer.status_code, answer["Content-Type"]) == (404, "text/plain; charset=utf-8")
