from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.keys import create_key
from library.manifests import refresh_manifests
from library.models import Book, Series
from tests.api.answers import detail_of, is_number, is_whole, json_of
from tests.books import make_epub
from tests.conftest import add_book

LIST = "/api/tome-sync/series"


@pytest.fixture
def dune(ada: Any, settings: Any) -> list[Book]:
    """Two volumes, built."""
    library = settings.LIBRARY_DIR
    books = [
        add_book(
            make_epub(library / f"{index}.epub", title=f"{index}"),
            library,
            title=f"Volume {index}",
            authors=["Frank Herbert"],
            series="Dune",
            series_index=index,
        )
        for index in (1, 2.5)
    ]
    refresh_manifests()
    return books


def test_the_list_opens_each_series_by_its_first_book(dune: list[Book], device_client: Client) -> None:
    response = device_client.get(LIST)
    [shown] = json_of(response)
    assert shown == {
        "name": "Dune",
        "book_count": 2,
        "author": "Frank Herbert",
        "first_book_id": dune[0].pk,
        "book_type": "book",
    }
    assert is_whole(shown["book_count"])
    opened = json_of(device_client.get(f"{LIST}/{shown['first_book_id']}"))
    assert [entry["id"] for entry in opened["books"]] == [book.pk for book in dune]


def test_an_empty_library_has_an_empty_list(device_client: Client) -> None:
    assert json_of(device_client.get(LIST)) == []


def test_a_manifest_is_as_promised(dune: list[Book], device_client: Client) -> None:
    response = device_client.get(f"{LIST}/{dune[1].pk}")
    said = json_of(response)
    assert response.headers["ETag"] == f'"{said["etag"]}"'
    file = dune[1].files.get()
    assert said["series_name"] == "Dune"
    assert said["books"][1] == {
        "id": dune[1].pk,
        "title": "Volume 2.5",
        "series_index": 2.5,
        "author": "Frank Herbert",
        "folder": "book/Dune",
        "filename": "Vol. 2.5 — Volume 2.5.epub",
        "file": {
            "id": file.pk,
            "format": "epub",
            "file_size": file.size,
            "sha256": file.sha256,
            "ko_md5": file.ko_md5,
        },
        "files": [{"id": file.pk, "format": "epub", "file_size": file.size}],
    }
    assert is_number(said["books"][0]["series_index"])


@pytest.mark.parametrize("path", [LIST, f"{LIST}/{{book}}", f"{LIST}/{{book}}?formats=pdf"])
def test_who_has_it_is_told_that_it_is_unchanged(dune: list[Book], device_client: Client, path: str) -> None:
    path = path.format(book=dune[0].pk)
    etag = device_client.get(path).headers["ETag"]
    for known in (etag, f"W/{etag}"):
        unchanged = device_client.get(path, headers={"if-none-match": known})
        assert (unchanged.status_code, unchanged.content) == (304, b"")
        assert unchanged.headers["ETag"] == etag
    json_of(device_client.get(path, headers={"if-none-match": '"another"'}))
    head = device_client.head(path)
    assert (head.status_code, head.content, head.headers["ETag"]) == (200, b"", etag)


@pytest.mark.parametrize("path", [LIST, f"{LIST}/{{book}}", f"{LIST}/{{book}}?formats=pdf"])
def test_it_costs_one_query_besides_the_keys(dune: list[Book], device_client: Client, path: str) -> None:
    path = path.format(book=dune[0].pk)
    device_client.get(path)  # notes when the key was last used
    for headers in ({}, {"if-none-match": device_client.get(path).headers["ETag"]}):
        with CaptureQueriesContext(
            connection,
        ) as queries:
            device_client.get(path, headers=headers)
        assert len(queries) == 2


def test_a_book_without_a_series_and_one_that_does_not_exist_are_answered_alike(
    book: Book, device_client: Client
) -> None:
    alone = detail_of(device_client.get(f"{LIST}/{book.pk}"), 404)
    assert alone == detail_of(device_client.get(f"{LIST}/{book.pk + 1000}"), 404)
    Book.objects.update(series=Series.objects.create(name="Gone"), is_active=False)
    assert alone == detail_of(device_client.get(f"{LIST}/{book.pk}"), 404)
    detail_of(device_client.get(f"{LIST}/{10**30}"), 404)


def test_an_id_that_is_no_number_is_refused(device_client: Client) -> None:
    assert device_client.get(f"{LIST}/first").status_code in (404, 422)


def test_without_a_key_nothing_is_told(dune: list[Book], client: Client) -> None:
    detail_of(client.get(LIST), 401)
    detail_of(client.get(f"{LIST}/{dune[0].pk}"), 401)


def test_bobs_preference_is_not_adas(dune: list[Book], bob: Any, device_client: Client) -> None:
    bob.formats = ["pdf"]
    bob.save()
    bobs = Client(headers={"authorization": f"Bearer {create_key(bob)}"})
    path = f"{LIST}/{dune[0].pk}"
    assert json_of(device_client.get(path))["etag"] != json_of(bobs.get(path))["etag"]
