from typing import Any

import pytest

from library.inbox import mark_delivered, open_items, send_to_inbox
from library.manifests import book_entry, preferred_order
from library.models import Book, BookFile, BookType, InboxItem, Series

pytestmark = pytest.mark.django_db


def other_file(book: Book, format: str, **changed: Any) -> BookFile:
    return BookFile.objects.create(
        book=book, path=f"x.{format}", name_key="", format=format, size=7, mtime_ns=0, sha256="s", ko_md5="k", **changed
    )


def test_an_entry_has_all_that_a_device_needs_to_download_the_book(book: Book) -> None:
    book.series, book.series_index = Series.objects.create(name="Sherlock Holmes"), 1
    book.book_type = BookType.BOOK
    book.save()
    file = book.files.get()
    pdf = other_file(book, "pdf")
    assert book_entry(book) == {
        "id": book.pk,
        "title": "A Study in Scarlet",
        "series_index": 1,
        "author": "Arthur Conan Doyle",
        "folder": "book/Sherlock Holmes",
        "filename": "Vol. 1 — A Study in Scarlet.epub",
        "file": {
            "id": file.pk,
            "format": "epub",
            "file_size": file.size,
            "sha256": file.sha256,
            "ko_md5": file.ko_md5,
        },
        "files": [
            {"id": file.pk, "format": "epub", "file_size": file.size},
            {"id": pdf.pk, "format": "pdf", "file_size": 7},
        ],
    }


def test_what_has_no_value_is_left_out() -> None:
    bare = Book.objects.create(title="Bare", title_key="bare")
    assert book_entry(bare) == {"id": bare.pk, "title": "Bare", "folder": "book", "files": []}


def test_files_that_are_gone_are_not_offered(book: Book) -> None:
    other_file(book, "pdf", is_present=False)
    assert [file["format"] for file in book_entry(book)["files"]] == ["epub"]


def test_the_device_may_prefer_another_format(book: Book) -> None:
    other_file(book, "cbz")
    assert book_entry(book)["file"]["format"] == "epub"
    preferring = book_entry(book, formats=["azw3", "cbz", "unheard-of"])
    assert preferring["file"]["format"] == "cbz"
    assert preferring["filename"].endswith(".cbz")


def test_formats_are_preferred_in_the_promised_order() -> None:
    assert preferred_order(None) == ["epub", "kepub.epub", "cbz", "pdf", "mobi", "azw3", "cbr"]
    assert preferred_order(["pdf", "pdf", "x"])[:2] == ["pdf", "epub"]


# --- The inbox -------------------------------------------------------------------------------------------------------


def test_a_book_waits_in_the_inbox_until_it_is_delivered(ada: Any, book: Book) -> None:
    item = send_to_inbox(ada, book)
    assert open_items(ada) == [{"id": item.pk, "book": book_entry(book)}]
    assert mark_delivered(ada, item.pk)
    assert open_items(ada) == []
    assert mark_delivered(ada, item.pk)  # a device may say it again


def test_sending_a_book_that_waits_changes_nothing_and_one_that_was_delivered_sends_it_again(
    ada: Any, book: Book
) -> None:
    first = send_to_inbox(ada, book)
    assert send_to_inbox(ada, book).pk == first.pk
    mark_delivered(ada, first.pk)
    assert send_to_inbox(ada, book).pk != first.pk
    assert len(open_items(ada)) == 1


def test_an_inbox_is_its_readers_alone(ada: Any, bob: Any, book: Book) -> None:
    item = send_to_inbox(ada, book)
    assert open_items(bob) == []
    assert not mark_delivered(bob, item.pk)
    assert InboxItem.objects.get().delivered_at is None
    assert not mark_delivered(ada, item.pk + 1)


def test_a_book_that_is_not_there_now_waits_on(ada: Any, book: Book) -> None:
    send_to_inbox(ada, book)
    Book.objects.update(is_active=False)
    assert open_items(ada) == []
    Book.objects.update(is_active=True)
    assert len(open_items(ada)) == 1


def test_an_inbox_costs_the_same_queries_however_full_it_is(
    ada: Any, book: Book, django_assert_max_num_queries: Any
) -> None:
    for number in range(5):
        another = Book.objects.create(title=f"B{number}", title_key="b", series=Series.objects.create(name=f"{number}"))
        BookFile.objects.create(
            book=another, path=f"{number}", name_key="", format="epub", size=1, mtime_ns=0, sha256="", ko_md5=""
        )
        send_to_inbox(ada, another)
    with django_assert_max_num_queries(4):
        assert len(open_items(ada)) == 5
