import pytest
from django.template.loader import render_to_string
from django.test import Client

from accounts.models import Reader


def test_an_unknown_address_has_a_page_for_everybody(client: Client, ada: Reader) -> None:
    for _ in range(2):
        answer = client.get("/nothing/here")
        assert answer.status_code == 404
        assert "No page has this address." in answer.content.decode()
        assert "default-src 'none'" in answer["Content-Security-Policy"]
        client.force_login(ada)


def test_under_the_interface_of_devices_it_stays_json(client: Client, ada: Reader) -> None:
    assert client.get("/api/nothing").json() == {"detail": "There is nothing under this path."}


def test_a_login_without_its_token_says_what_to_do(db: None) -> None:
    answer = Client(enforce_csrf_checks=True).post("/login", {"username": "ada", "password": "x"})
    assert answer.status_code == 403
    assert "load that page again" in answer.content.decode()


@pytest.mark.parametrize("name", ["400.html", "403.html", "500.html"])
def test_a_page_for_what_went_wrong_needs_nothing_to_be_shown(name: str) -> None:
    assert "Home</a>" in render_to_string(name)
