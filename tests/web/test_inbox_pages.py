import re

import pytest
from django.test import Client

from accounts.models import Reader
from library.inbox import mark_delivered, open_items
from library.models import Book, InboxItem
from tests.web.shelves import put_book, put_volumes

WAITING = "Waiting for your device"


@pytest.fixture
def page(client: Client, ada: Reader) -> Client:
    """Ada's browser."""
    client.force_login(ada)
    return client


def shown(page: Client, address: str) -> str:
    answer = page.get(address)
    assert answer.status_code == 200
    return answer.content.decode()


def test_a_book_that_is_sent_waits_and_the_page_says_so(page: Client, ada: Reader, book: Book) -> None:
    assert WAITING not in shown(page, "/books")
    answer = page.post("/inbox/send", {"book": book.pk, "back": "/books?order=newest"})
    assert (answer.status_code, answer["Location"]) == (302, f"/books?order=newest#book-{book.pk}")
    text = shown(page, "/books?order=newest")
    assert f'id="book-{book.pk}"' in text
    assert "“A Study in Scarlet” is waiting for your device." in text
    assert WAITING in text
    assert WAITING in shown(page, f"/books/{book.pk}")
    assert [item["book"]["id"] for item in open_items(ada)] == [book.pk]


def test_sending_it_twice_is_sending_it_once(page: Client, book: Book) -> None:
    for _ in range(2):
        assert page.post("/inbox/send", {"book": book.pk}).status_code == 302
    assert InboxItem.objects.count() == 1


def test_what_was_delivered_can_be_sent_again(page: Client, ada: Reader, book: Book) -> None:
    page.post("/inbox/send", {"book": book.pk})
    mark_delivered(ada, InboxItem.objects.get().pk)
    assert "Send to device" in shown(page, f"/books/{book.pk}")
    page.post("/inbox/send", {"book": book.pk})
    assert len(open_items(ada)) == 1


def test_all_of_a_series_is_sent_in_its_order_and_nothing_twice(page: Client, ada: Reader) -> None:
    volumes = put_volumes(3)
    put_book("Emma")
    page.post("/inbox/send", {"book": volumes[1].pk})
    for _ in range(2):
        answer = page.post("/inbox/send", {"series": volumes[0].series_id})
        assert answer["Location"] == f"/series/{volumes[0].series_id}"
    assert "“Clover”: 3 books are waiting for your device." in shown(page, "/inbox")
    waiting = [item["book"]["title"] for item in open_items(ada)]
    assert waiting == ["Clover 02", "Clover 01", "Clover 03"]
    assert shown(page, f"/series/{volumes[0].series_id}").count(WAITING) == 3


@pytest.mark.parametrize(
    "sent",
    [
        {"book": "999999"},
        {"book": "9" * 19},
        {"book": "9" * 30},
        {"book": "x"},
        {"book": "²"},
        {"series": "999999"},
        {"series": ""},
        {"series": str(2**63)},
        {},
    ],
)
def test_what_there_is_not_is_not_sent(page: Client, book: Book, sent: dict[str, str]) -> None:
    answer = page.post("/inbox/send", sent)
    assert answer.status_code == 404
    assert "There is no such" in answer.content.decode()
    assert not InboxItem.objects.exists()


@pytest.mark.parametrize(
    "back",
    [
        "https://example.org/",
        "//example.org/",
        "/\\example.org",
        "javascript:alert(1)",
        "",
        "\n/books",
        "books",
        "/\n/x",
    ],
)
def test_no_form_leads_away_from_the_site(page: Client, book: Book, back: str) -> None:
    place = page.post("/inbox/send", {"book": book.pk, "back": back})["Location"]
    assert place == f"/books/{book.pk}#book-{book.pk}"


def test_the_oldest_stands_first_and_can_be_removed(page: Client, ada: Reader, book: Book) -> None:
    emma = put_book("Emma")
    for each in (book, emma):
        page.post("/inbox/send", {"book": each.pk})
    text = shown(page, "/inbox")
    assert re.findall(r'class="title" [^>]*>([^<]+)', text) == ["A Study in Scarlet", "Emma"]
    assert '2<span class="unseen"> waiting' in text
    answer = page.post("/inbox/remove", {"item": InboxItem.objects.earliest("pk").pk})
    assert answer["Location"] == "/inbox"
    assert "“A Study in Scarlet” does not wait any longer." in shown(page, "/inbox")
    assert [item["book"]["title"] for item in open_items(ada)] == ["Emma"]


def test_a_book_whose_files_are_away_waits_on(page: Client, ada: Reader, book: Book) -> None:
    page.post("/inbox/send", {"book": book.pk})
    Book.objects.update(is_active=False)
    assert "It waits until they are back." in shown(page, "/inbox")


def test_the_page_says_how_books_get_onto_a_device(page: Client, ada: Reader, kobo: object) -> None:
    text = shown(page, "/inbox")
    assert "http://testserver/opds" in text
    assert "plugin" in text
    assert "Nothing waits." in text


def test_a_stranger_sees_and_removes_nothing_of_it(page: Client, ada: Reader, bob: Reader, book: Book) -> None:
    page.post("/inbox/send", {"book": book.pk})
    stranger = Client()
    stranger.force_login(bob)
    for address in ("/inbox", "/books", f"/books/{book.pk}"):
        text = shown(stranger, address)
        assert WAITING not in text
        assert " waiting</span>" not in text
    assert "Nothing waits." in shown(stranger, "/inbox")
    answer = stranger.post("/inbox/remove", {"item": InboxItem.objects.get().pk})
    assert answer.status_code == 404
    assert "That is not among the books for your device." in answer.content.decode()
    assert len(open_items(ada)) == 1


@pytest.mark.parametrize("address", ["/inbox/send", "/inbox/remove"])
def test_another_site_can_send_and_remove_nothing(ada: Reader, book: Book, address: str) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(ada)
    answer = strict.post(address, {"book": book.pk, "item": "1"})
    assert answer.status_code == 403
    assert "This was not accepted" in answer.content.decode()
    assert not InboxItem.objects.exists()


@pytest.mark.parametrize("address", ["/inbox/send", "/inbox/remove"])
def test_who_logs_in_again_in_between_is_led_to_the_inbox(page: Client, address: str) -> None:
    assert page.get(address)["Location"] == "/inbox"
    assert Client().post(address)["Location"] == f"/login?next={address}"


def test_a_form_that_a_page_shows_is_accepted(ada: Reader, book: Book) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(ada)
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', shown(strict, "/books"))
    assert token is not None
    answer = strict.post("/inbox/send", {"book": book.pk, "csrfmiddlewaretoken": token[1]})
    assert answer.status_code == 302
    assert InboxItem.objects.count() == 1
