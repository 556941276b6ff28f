from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from accounts.models import Reader
from library.models import Book, FileLink, Series
from reading.models import Session
from tests.api.answers import detail_of, is_number, is_whole, json_of, wrong_fields
from tests.api.conftest import HALF_PAST, NOON, Send
from tests.conftest import add_book

NAME = "A Study in Scarlet.epub"


def resolve(client: Client, **query: Any) -> Any:
    return client.get("/api/tome-sync/resolve", query)


def test_a_known_file_is_its_book_with_how_that_is_known(device_client: Client, book: Book) -> None:
    body = json_of(resolve(device_client, filename=NAME))
    assert set(body) == {"book_id", "title", "method", "confidence"}
    assert (body["book_id"], body["title"]) == (book.pk, "A Study in Scarlet")
    assert is_whole(body["book_id"])
    assert is_number(body["confidence"])
    assert 0 < body["confidence"] <= 1
    assert body["method"] == "filename"


def test_all_that_a_device_knows_of_a_file_may_be_told(device_client: Client, book: Book) -> None:
    file = book.files.get()
    told = {"ko_md5": file.ko_md5.upper(), "size": file.size, "folder": "Doyle", "title": "x", "authors": "A\nB"}
    body = json_of(resolve(device_client, filename="other.epub", **told))
    assert (body["book_id"], body["method"], body["confidence"]) == (book.pk, "hash", 1)


@pytest.mark.parametrize("authors", ["Arthur Conan Doyle", "Doyle, Arthur Conan", "Somebody\nArthur Conan Doyle"])
def test_a_title_is_enough_with_an_author_of_the_book(authors: str, device_client: Client, book: Book) -> None:
    body = json_of(resolve(device_client, filename="x.epub", title="A Study in Scarlet", authors=authors))
    assert (body["book_id"], body["method"]) == (book.pk, "title_author")


def test_a_title_is_not_enough_with_another_author(device_client: Client, book: Book) -> None:
    body = json_of(resolve(device_client, filename="x.epub", title="A Study in Scarlet", authors="Jane Austen"), 404)
    assert [candidate["book_id"] for candidate in body["candidates"]] == [book.pk]


def test_a_series_and_an_index_are_told_where_there_are_any(device_client: Client, book: Book) -> None:
    book.series = Series.objects.create(name="Sherlock Holmes")
    book.series_index = 1.0
    book.save()
    body = json_of(resolve(device_client, filename=NAME))
    assert (body["series"], body["series_index"]) == ("Sherlock Holmes", 1)
    assert is_number(body["series_index"])
    Book.objects.update(series_index=None)
    assert "series_index" not in json_of(resolve(device_client, filename=NAME))


def test_a_file_that_nobody_knows_is_404_with_no_candidates(device_client: Client, book: Book) -> None:
    body = json_of(resolve(device_client, filename="The Moonstone.epub"), 404)
    assert set(body) == {"detail", "candidates"}
    assert body["candidates"] == []
    assert body["detail"].endswith(".")


def test_a_file_that_could_be_several_books_is_404_with_these(
    device_client: Client, book: Book, make_epub: Callable[..., Path], settings: Any
) -> None:
    other = add_book(make_epub("else/other.epub"), settings.LIBRARY_DIR, title="A Study in Scarlet")
    book.files.update(name_key="another.epub")
    body = json_of(resolve(device_client, filename=NAME), 404)
    by_id = {candidate["book_id"]: candidate for candidate in body["candidates"]}
    assert set(by_id) == {book.pk, other.pk}
    assert set(by_id[book.pk]) == {"book_id", "title", "author", "reason"}
    assert set(by_id[other.pk]) == {"book_id", "title", "reason"}
    assert by_id[book.pk]["author"] == "Arthur Conan Doyle"


def test_a_book_whose_files_are_gone_is_not_found(device_client: Client, book: Book) -> None:
    Book.objects.update(is_active=False)
    json_of(resolve(device_client, filename=NAME), 404)


@pytest.mark.parametrize(
    ("query", "wrong"),
    [
        ({}, "filename"),
        ({"filename": ""}, "filename"),
        ({"filename": "\x00"}, "filename"),
        ({"filename": "x" * 1001}, "filename"),
        ({"filename": "x.epub", "size": "large"}, "size"),
        ({"filename": "x.epub", "size": str(2**70)}, "size"),
        ({"filename": "x.epub", "size": "nan"}, "size"),
        ({"filename": "x.epub", "ko_md5": "a" * 33}, "ko_md5"),
        ({"filename": "x.epub", "title": "x" * 1001}, "title"),
    ],
)
def test_a_question_that_makes_no_sense_is_422(query: dict[str, str], wrong: str, device_client: Client) -> None:
    assert wrong_fields(resolve(device_client, **query)) == {wrong}


@pytest.mark.parametrize("name", ["\U0001f600.epub", "%00", "a/b\\c", "'\"--;", "." * 900])
def test_any_name_is_answered(name: str, device_client: Client) -> None:
    json_of(resolve(device_client, filename=name, ko_md5="zz", size=-1, folder="/", title="\x00", authors="\n"), 404)


def test_bytes_that_are_no_text_are_answered_too(device_client: Client) -> None:
    json_of(device_client.get("/api/tome-sync/resolve?filename=%ff%fe%00.epub"), 404)


# --- Link ------------------------------------------------------------------------------------------------------------


def test_a_link_makes_the_file_that_book(send: Send, device_client: Client, book: Book) -> None:
    answer = send("PUT", "/api/tome-sync/link", {"filename": "scan0001.epub", "book_id": book.pk})
    assert json_of(answer) == {"book_id": book.pk}
    body = json_of(resolve(device_client, filename="scan0001.epub"))
    assert (body["book_id"], body["method"]) == (book.pk, "link")


def test_a_link_by_hash_holds_whatever_the_file_is_called(send: Send, device_client: Client, book: Book) -> None:
    link = {"filename": "scan0001.epub", "ko_md5": "C" * 32, "size": 77, "book_id": book.pk}
    json_of(send("PUT", "/api/tome-sync/link", link))
    assert json_of(resolve(device_client, filename="renamed.epub", ko_md5="c" * 32, size=77))["book_id"] == book.pk


def test_none_keeps_the_file_from_being_offered_again(send: Send, device_client: Client, book: Book) -> None:
    assert json_of(send("PUT", "/api/tome-sync/link", {"filename": NAME, "none": True})) == {}
    body = json_of(resolve(device_client, filename=NAME), 404)
    assert body["candidates"] == []


def test_what_was_said_can_be_taken_back(send: Send, device_client: Client, book: Book) -> None:
    json_of(send("PUT", "/api/tome-sync/link", {"filename": NAME, "none": True}))
    assert json_of(send("PUT", "/api/tome-sync/link", {"filename": NAME})) == {}
    assert json_of(resolve(device_client, filename=NAME))["method"] == "filename"
    assert not FileLink.objects.exists()


def test_saying_it_again_changes_nothing_and_saying_otherwise_does(send: Send, book: Book) -> None:
    for _ in range(2):
        json_of(send("PUT", "/api/tome-sync/link", {"filename": NAME, "book_id": book.pk}))
    assert FileLink.objects.get().book == book
    json_of(send("PUT", "/api/tome-sync/link", {"filename": NAME, "none": True}))
    assert FileLink.objects.get().book is None


@pytest.mark.parametrize("is_there", [False, True])
def test_a_link_to_a_book_that_is_missing_or_not_to_be_seen_is_404(is_there: bool, send: Send, book: Book) -> None:
    Book.objects.update(is_active=False)
    book_id = book.pk if is_there else 2**62
    answer = send("PUT", "/api/tome-sync/link", {"filename": NAME, "book_id": book_id})
    assert detail_of(answer, 404) == "There is no such book."
    assert not FileLink.objects.exists()


@pytest.mark.parametrize(
    ("link", "wrong"),
    [
        ({}, "filename"),
        ({"filename": None}, "filename"),
        ({"filename": ""}, "filename"),
        ({"filename": ["x"]}, "filename"),
        ({"filename": "\u0000"}, "filename"),
        ({"filename": "x", "book_id": "one"}, "book_id"),
        ({"filename": "x", "book_id": 2**64}, "book_id"),
        ({"filename": "x", "book_id": 1.5}, "book_id"),
        ({"filename": "x", "book_id": True}, "book_id"),
        ({"filename": "x", "none": "perhaps"}, "none"),
        ({"filename": "x", "size": {}}, "size"),
    ],
)
def test_a_link_that_makes_no_sense_is_422(link: dict[str, Any], wrong: str, send: Send, ada: Reader) -> None:
    assert wrong_fields(send("PUT", "/api/tome-sync/link", link)) == {wrong}


def test_null_fields_are_as_good_as_none_at_all(send: Send, book: Book) -> None:
    link = {"filename": NAME, "ko_md5": None, "size": None, "folder": None, "title": None, "authors": None}
    assert json_of(send("PUT", "/api/tome-sync/link", link | {"book_id": book.pk})) == {"book_id": book.pk}


def test_a_link_has_the_sessions_of_that_file_counted(
    send: Send, book: Book, enqueued: list[str], django_capture_on_commit_callbacks: Any
) -> None:
    session = {"file": {"filename": "scan.epub"}, "started_at": NOON, "ended_at": HALF_PAST, "session_uuid": "one"}
    assert "book_id" not in json_of(send("POST", "/api/tome-sync/session", session), 201)
    with django_capture_on_commit_callbacks(execute=True):
        send("PUT", "/api/tome-sync/link", {"filename": "scan.epub", "book_id": book.pk})
    assert Session.objects.get().book == book
    assert enqueued == ["reading.refresh"]


def test_what_ada_says_of_a_file_is_nothing_to_bob(
    send: Send, send_as_bob: Send, strange_client: Client, book: Book
) -> None:
    json_of(send("PUT", "/api/tome-sync/link", {"filename": "mine.epub", "book_id": book.pk}))
    json_of(resolve(strange_client, filename="mine.epub"), 404)
    json_of(send_as_bob("PUT", "/api/tome-sync/link", {"filename": "mine.epub", "none": True}))
    json_of(send_as_bob("PUT", "/api/tome-sync/link", {"filename": "mine.epub"}))
    assert FileLink.objects.get().book == book
