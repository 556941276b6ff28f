from typing import Any

import pytest
from django.test import Client

from library.covers import cover_url, keep_cover
from library.describing import describe
from library.formats.images import Thumbnails
from library.models import Book


@pytest.fixture
def covered(book: Book) -> Book:
    keep_cover(book.files.get(), Thumbnails(b"RIFF large", b"RIFF small"))
    describe(book)
    return book


def test_a_cover_under_its_own_address_may_be_kept_for_a_year(covered: Book, device_client: Client) -> None:
    for size in ("large", "small"):
        answer = device_client.get(cover_url(covered, size=size))
        assert answer.status_code == 200
        assert answer.content == f"RIFF {size}".encode()
        assert answer["Content-Type"] == "image/webp"
        assert answer["Cache-Control"] == "private, max-age=31536000, immutable"
        assert answer["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("query", ["", "?v=", "?v=another", "?size=small"])
def test_a_cover_under_any_other_address_is_asked_for_again(covered: Book, device_client: Client, query: str) -> None:
    answer = device_client.get(f"/api/books/{covered.pk}/cover{query}")
    assert answer.status_code == 200
    assert answer["Cache-Control"] == "private, no-cache"
    again = device_client.get(f"/api/books/{covered.pk}/cover{query}", headers={"if-none-match": answer["ETag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_another_cover_has_another_address_and_the_former_one_is_asked_for_again(
    covered: Book, device_client: Client
) -> None:
    former = cover_url(covered, size="large")
    keep_cover(covered.files.get(), Thumbnails(b"RIFF new", b"RIFF new small"))
    describe(covered)
    assert cover_url(covered, size="large") != former
    answer = device_client.get(former)
    assert answer.content == b"RIFF new"
    assert answer["Cache-Control"] == "private, no-cache"


def test_a_cover_of_an_earlier_version_is_served_in_its_one_size(
    covered: Book, device_client: Client, settings: Any
) -> None:
    for small in settings.COVERS_DIR.rglob("*-small.webp"):
        small.unlink()
    answer = device_client.get(cover_url(covered, size="small"))
    assert (answer.status_code, answer.content) == (200, b"RIFF large")


def test_head_has_the_same_headers(covered: Book, device_client: Client) -> None:
    url = cover_url(covered, size="large")
    got, head = device_client.get(url), device_client.head(url)
    assert (head.status_code, head.content) == (200, b"")
    assert head["ETag"] == got["ETag"]
    assert head["Content-Length"] == str(len(got.content))


def test_a_login_sees_covers_too_and_nobody_else_does(covered: Book, ada: Any, client: Client) -> None:
    url = cover_url(covered, size="large")
    assert client.get(url).status_code == 401
    client.force_login(ada)
    assert client.get(url).status_code == 200


def test_there_is_no_cover_of_no_book(covered: Book, device_client: Client) -> None:
    for missing in (covered.pk + 1, 10**30):
        assert device_client.get(f"/api/books/{missing}/cover").status_code == 404
    Book.objects.update(is_active=False)
    gone = device_client.get(f"/api/books/{covered.pk}/cover")
    assert gone.status_code == 404


def test_a_book_without_a_cover_and_one_whose_image_is_lost_say_so(
    covered: Book, device_client: Client, settings: Any
) -> None:
    for image in settings.COVERS_DIR.rglob("*.webp"):
        image.unlink()
    assert device_client.get(f"/api/books/{covered.pk}/cover").json()["detail"] == "This book has no cover."
    Book.objects.update(cover="")
    assert device_client.get(f"/api/books/{covered.pk}/cover").status_code == 404


def test_a_size_that_does_not_exist_is_refused(covered: Book, device_client: Client) -> None:
    assert device_client.get(f"/api/books/{covered.pk}/cover?size=huge").status_code == 422
