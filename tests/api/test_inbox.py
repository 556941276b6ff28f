import pytest
from django.test import Client

from accounts.models import Reader
from library.inbox import send_to_inbox
from library.models import Book, InboxItem, Series
from tests.api.answers import detail_of, is_number, is_whole, json_of, wrong_fields
from tests.api.conftest import Send

PATH = "/api/tome-sync/inbox"


def test_an_empty_inbox_is_an_empty_list(device_client: Client) -> None:
    assert json_of(device_client.get(PATH)) == {"items": []}


def test_an_item_holds_the_book_as_a_manifest_does(ada: Reader, book: Book, device_client: Client) -> None:
    item = send_to_inbox(ada, book)
    [shown] = json_of(device_client.get(PATH))["items"]
    assert set(shown) == {"id", "book"}
    assert shown["id"] == item.pk
    held = book.files.get()
    assert shown["book"] == {
        "id": book.pk,
        "title": "A Study in Scarlet",
        "author": "Arthur Conan Doyle",
        "folder": "book",
        "filename": "A Study in Scarlet.epub",
        "file": {
            "id": held.pk,
            "format": "epub",
            "file_size": held.size,
            "sha256": held.sha256,
            "ko_md5": held.ko_md5,
        },
        "files": [{"id": held.pk, "format": "epub", "file_size": held.size}],
    }
    assert is_whole(shown["book"]["file"]["file_size"])


def test_a_volume_is_named_as_one(ada: Reader, book: Book, device_client: Client) -> None:
    book.series, book.series_index = Series.objects.create(name="Sherlock Holmes"), 2.5
    book.save()
    send_to_inbox(ada, book)
    [shown] = json_of(device_client.get(PATH))["items"]
    assert shown["book"]["series_index"] == 2.5
    assert is_number(shown["book"]["series_index"])
    assert shown["book"]["folder"] == "book/Sherlock Holmes"
    assert shown["book"]["filename"] == "Vol. 2.5 — A Study in Scarlet.epub"


def test_a_delivered_item_is_gone_and_may_be_delivered_again(
    ada: Reader, book: Book, send: Send, device_client: Client
) -> None:
    item = send_to_inbox(ada, book)
    for _ in range(2):
        assert json_of(send("POST", f"{PATH}/{item.pk}/delivered")) == {"ok": True}
    assert json_of(device_client.get(PATH)) == {"items": []}
    assert InboxItem.objects.get().delivered_at is not None


def test_a_book_that_is_not_to_be_seen_is_not_offered(ada: Reader, book: Book, device_client: Client) -> None:
    send_to_inbox(ada, book)
    Book.objects.update(is_active=False)
    assert json_of(device_client.get(PATH)) == {"items": []}


@pytest.mark.parametrize("item_id", [1, 0, -1, 2**63 - 1, 2**63, 10**30])
def test_an_item_that_is_none_is_404(item_id: int, send: Send) -> None:
    detail_of(send("POST", f"{PATH}/{item_id}/delivered"), 404)


def test_an_id_that_is_no_number_is_422(send: Send) -> None:
    assert wrong_fields(send("POST", f"{PATH}/first/delivered")) == {"item_id"}


def test_bob_sees_nothing_of_adas_inbox_and_takes_nothing_out_of_it(
    ada: Reader, book: Book, device_client: Client, strange_client: Client, send_as_bob: Send
) -> None:
    item = send_to_inbox(ada, book)
    assert json_of(strange_client.get(PATH)) == {"items": []}
    missing = detail_of(send_as_bob("POST", f"{PATH}/{item.pk + 1}/delivered"), 404)
    assert detail_of(send_as_bob("POST", f"{PATH}/{item.pk}/delivered"), 404) == missing
    assert len(json_of(device_client.get(PATH))["items"]) == 1
