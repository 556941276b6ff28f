from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest
from django.db import transaction

from accounts.marks import MOST_ATTEMPTS, marks_that_failed
from library import manifests
from library.describing import describe
from library.downloads import find_download
from library.editing import edit_book
from library.inbox import mark_delivered, open_items, send_to_inbox
from library.manifests import (
    Answer,
    book_entry,
    entries_of,
    preferred_order,
    refresh_manifests,
    series_list,
    series_manifest,
)
from library.marks import mark_manifests_stale, marks_last
from library.models import Book, BookFile, BookType, InboxItem, Manifest, Series, StaleManifest
from library.scanning import mark_gone
from reading.merging import merge_books
from tests.books import make_epub
from tests.conftest import add_book, add_file
from tests.library.taking_in import scan_all

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
        series = Series.objects.create(name=f"{number}")
        another = Book.objects.create(title=f"B{number}", title_key="b", series=series)
        BookFile.objects.create(
            book=another, path=f"{number}", name_key="", format="epub", size=1, mtime_ns=0, sha256="", ko_md5=""
        )
        mark_manifests_stale([series.pk])
        send_to_inbox(ada, another)
    refresh_manifests()
    with django_assert_max_num_queries(6):
        assert len(open_items(ada)) == 5


# --- Whole series ----------------------------------------------------------------------------------------------------


def volume(folder: Path, number: float | None, *, series: str = "Dune", format: str = "epub", **stated: Any) -> Book:
    """A volume whose file says so, as an import leaves it."""
    title = stated.pop("title", f"Volume {number}")
    path = make_epub(folder / f"{series} {title}.{format}", title=f"{series} {title} {number}")
    found: Book = add_book(
        path, folder, title=title, authors=["Frank Herbert"], series=series, series_index=number, **stated
    )
    return found


def manifest(reader: Any, book: Book, *formats: str) -> dict[str, Any]:
    answer = series_manifest(reader, book.pk, formats=formats)
    assert answer is not None
    assert answer.body is not None
    said: dict[str, Any] = orjson.loads(answer.body)
    assert said["etag"] == answer.etag
    return said


def listed() -> list[dict[str, Any]]:
    answer = series_list()
    assert answer.body is not None
    said: list[dict[str, Any]] = orjson.loads(answer.body)
    return said


def test_a_manifest_has_the_volumes_by_index_and_those_without_one_last(ada: Any, settings: Any) -> None:
    library = settings.LIBRARY_DIR
    books = [volume(library, index) for index in (10, None, 2, 1.5)]
    refresh_manifests()
    said = manifest(ada, books[1])
    assert list(said) == ["series_name", "book_type", "etag", "books"]
    assert (said["series_name"], said["book_type"]) == ("Dune", "book")
    assert [entry["id"] for entry in said["books"]] == [books[3].pk, books[2].pk, books[0].pk, books[1].pk]
    assert [entry["filename"] for entry in said["books"]] == [
        "Vol. 1.5 — Volume 1.5.epub",
        "Vol. 2 — Volume 2.epub",
        "Vol. 10 — Volume 10.epub",
        "Volume None.epub",
    ]
    assert {entry["folder"] for entry in said["books"]} == {"book/Dune"}
    assert listed() == [
        {
            "name": "Dune",
            "book_count": 4,
            "author": "Frank Herbert",
            "first_book_id": books[3].pk,
            "book_type": "book",
        }
    ]


def test_a_series_that_was_never_built_is_answered_as_it_is(ada: Any, settings: Any) -> None:
    book = volume(settings.LIBRARY_DIR, 1)
    assert Manifest.objects.count() == 0
    unstored = series_manifest(ada, book.pk)
    refresh_manifests()
    assert unstored == series_manifest(ada, book.pk)


def test_while_it_is_rebuilt_the_last_whole_state_is_served(ada: Any, settings: Any) -> None:
    first = volume(settings.LIBRARY_DIR, 1)
    refresh_manifests()
    before = manifest(ada, first)
    volume(settings.LIBRARY_DIR, 2)
    assert manifest(ada, first) == before
    assert listed()[0]["book_count"] == 1
    refresh_manifests()
    assert len(manifest(ada, first)["books"]) == 2
    assert listed()[0]["book_count"] == 2


def test_one_more_volume_rebuilds_exactly_one_manifest(ada: Any, settings: Any) -> None:
    for series in ("Dune", "Emma", "Ubik"):
        volume(settings.LIBRARY_DIR, 1, series=series)
    assert len(refresh_manifests()[0]) == 3
    before = {row["series_id"]: row for row in Manifest.objects.values()}
    added = volume(settings.LIBRARY_DIR, 2, series="Emma")
    assert refresh_manifests() == ([added.series_id], True)
    assert refresh_manifests() == ([], True)
    after = {row["series_id"]: row for row in Manifest.objects.values()}
    assert [pk for pk, row in after.items() if row != before[pk]] == [added.series_id]


CHANGES: dict[str, Callable[[Book], None]] = {
    "title": lambda book: edit_book(book, {"title": "Another title"}),
    "authors": lambda book: edit_book(book, {"authors": ["Somebody else"]}),
    "index": lambda book: edit_book(book, {"series_index": 7}),
    "type": lambda book: edit_book(book, {"book_type": "manga"}),
    "file gone": lambda book: mark_gone([book.files.get().pk]),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_what_a_manifest_shows_has_it_rebuilt(ada: Any, settings: Any, change: Callable[[Book], None]) -> None:
    other, book = volume(settings.LIBRARY_DIR, 1), volume(settings.LIBRARY_DIR, 2)
    refresh_manifests()
    before = series_manifest(ada, other.pk)
    change(book)
    assert refresh_manifests()[0] == [other.series_id]
    after = series_manifest(ada, other.pk)
    assert before is not None
    assert after is not None
    assert after.etag != before.etag


def test_what_it_does_not_show_rebuilds_nothing(settings: Any) -> None:
    book = volume(settings.LIBRARY_DIR, 1)
    refresh_manifests()
    edit_book(book, {"description": "Sand.", "publisher": "Ace"})
    describe(book, files_changed=False)
    assert refresh_manifests() == ([], True)


def test_a_book_that_changes_its_series_is_told_of_in_both(ada: Any, settings: Any) -> None:
    stays, moves = volume(settings.LIBRARY_DIR, 1), volume(settings.LIBRARY_DIR, 2)
    refresh_manifests()
    edit_book(moves, {"series": "Emma"})
    assert set(refresh_manifests()[0]) == {stays.series_id, moves.series_id}
    assert [entry["id"] for entry in manifest(ada, stays)["books"]] == [stays.pk]
    assert [entry["id"] for entry in manifest(ada, moves)["books"]] == [moves.pk]
    assert [each["name"] for each in listed()] == ["Dune", "Emma"]


def test_a_series_whose_books_are_gone_is_gone_and_comes_back(ada: Any, settings: Any) -> None:
    book = volume(settings.LIBRARY_DIR, 1)
    refresh_manifests()
    mark_gone([book.files.get().pk])
    assert series_manifest(ada, book.pk) is None
    refresh_manifests()
    assert listed() == []
    scan_all()
    refresh_manifests()
    assert manifest(ada, book)["books"][0]["id"] == book.pk
    assert len(listed()) == 1


def test_a_merged_book_leaves_its_series_and_its_id_stands_for_the_other(ada: Any, settings: Any) -> None:
    into, other = volume(settings.LIBRARY_DIR, 1), volume(settings.LIBRARY_DIR, 1, series="Emma")
    refresh_manifests()
    merge_books(into, other)
    assert set(refresh_manifests()[0]) == {into.series_id, other.series_id}
    assert [each["name"] for each in listed()] == ["Dune"]
    assert manifest(ada, other) == manifest(ada, into)


def test_a_device_and_a_reader_may_prefer_other_formats(ada: Any, settings: Any) -> None:
    library = settings.LIBRARY_DIR
    book = volume(library, 1)
    pdf = add_file(book, make_epub(library / "dune.pdf", title="other bytes"), library)
    describe(book)
    refresh_manifests()
    usual = manifest(ada, book)
    assert usual["books"][0]["file"]["format"] == "epub"
    assert [file["format"] for file in usual["books"][0]["files"]] == ["epub", "pdf"]
    in_pdf = manifest(ada, book, "unheard-of", "pdf")
    assert in_pdf["books"][0]["filename"] == "Vol. 1 — Volume 1.pdf"
    assert in_pdf["books"][0]["file"]["id"] == pdf.pk
    assert [file["format"] for file in in_pdf["books"][0]["files"]] == ["pdf", "epub"]
    assert in_pdf["etag"] != usual["etag"]
    ada.formats = ["pdf"]
    ada.save()
    assert manifest(ada, book) == in_pdf
    assert manifest(ada, book, "epub")["books"] == usual["books"]  # the device's own wish stands before


def test_who_has_it_is_not_sent_it_again(ada: Any, settings: Any) -> None:
    book = volume(settings.LIBRARY_DIR, 1)
    refresh_manifests()
    for formats in ((), ("pdf",)):
        answer = series_manifest(ada, book.pk, formats=formats)
        assert answer is not None
        assert series_manifest(ada, book.pk, formats=formats, known=answer.etag) == Answer(answer.etag, None)
    # Known in another order is not known in this one.
    usual, in_pdf = series_manifest(ada, book.pk), series_manifest(ada, book.pk, formats=["pdf"])
    assert usual is not None
    assert in_pdf is not None
    assert series_manifest(ada, book.pk, known=in_pdf.etag) == usual
    assert series_manifest(ada, book.pk, formats=["pdf"], known=usual.etag) == in_pdf


def test_a_new_volume_changes_no_name_of_the_others(ada: Any, settings: Any) -> None:
    first = volume(settings.LIBRARY_DIR, 1, title="Dune")
    second = volume(settings.LIBRARY_DIR, 1, title="Dune: ", format="kepub.epub")
    refresh_manifests()
    before = {entry["id"]: entry["filename"] for entry in manifest(ada, first)["books"]}
    third = volume(settings.LIBRARY_DIR, 1, title="DUNE", format="cbz")
    refresh_manifests()
    after = {entry["id"]: entry["filename"] for entry in manifest(ada, first)["books"]}
    assert {pk: after[pk] for pk in before} == before
    assert before[first.pk] == "Vol. 1 — Dune.epub"
    assert after[third.pk] == f"Vol. 1 — DUNE [{third.pk}].cbz"
    # While the disk of the first is away its name stays its own.
    mark_gone([first.files.get().pk])
    refresh_manifests()
    assert {entry["id"]: entry["filename"] for entry in manifest(ada, second)["books"]} == {
        pk: name for pk, name in after.items() if pk != first.pk
    }


def test_two_series_never_share_a_folder(ada: Any, settings: Any) -> None:
    older = volume(settings.LIBRARY_DIR, 1, series="Fate_Zero")
    newer = volume(settings.LIBRARY_DIR, 1, series="fate:zero")
    refresh_manifests()
    assert manifest(ada, older)["books"][0]["folder"] == "book/Fate_Zero"
    assert manifest(ada, newer)["books"][0]["folder"] == f"book/fate_zero [{newer.series_id}]"


def test_a_book_has_one_name_whichever_way_it_gets_to_the_device(ada: Any, settings: Any) -> None:
    twins = [volume(settings.LIBRARY_DIR, 1, title="Dune"), volume(settings.LIBRARY_DIR, 1, title="Dune ")]
    poems = [
        add_book(make_epub(settings.LIBRARY_DIR / f"{n}.epub", title=str(n)), settings.LIBRARY_DIR, title="Poems")
        for n in (1, 2)
    ]
    refresh_manifests()
    for each in (*twins, *poems):
        send_to_inbox(ada, each)
    waiting = [item["book"] for item in open_items(ada)]
    assert waiting[:2] == manifest(ada, twins[0])["books"]
    assert [entry["filename"] for entry in waiting[2:]] == ["Poems.epub", f"Poems [{poems[1].pk}].epub"]
    names = [find_download(ada, each.pk, each.files.get().pk).name for each in (*twins, *poems)]
    assert names == [entry["filename"] for entry in waiting]


def test_a_manifest_that_cannot_be_built_holds_up_no_other(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    broken, whole = volume(settings.LIBRARY_DIR, 1, series="A"), volume(settings.LIBRARY_DIR, 1, series="B")
    real = manifests.build_manifest

    def build(series: Series) -> Any:
        if series.pk == broken.series_id:
            raise ZeroDivisionError("a volume without a number")
        return real(series)

    monkeypatch.setattr(manifests, "build_manifest", build)
    for _ in range(MOST_ATTEMPTS + 1):
        refresh_manifests()
    assert [each["name"] for each in listed()] == [whole.series.name]
    [failed] = marks_that_failed(StaleManifest)
    assert (failed.series_id, failed.failure) == (broken.series_id, "ZeroDivisionError: a volume without a number")
    monkeypatch.undo()
    edit_book(broken, {"title": "Mended"})
    refresh_manifests()
    assert [each["name"] for each in listed()] == ["A", "B"]


def test_a_change_while_it_is_built_is_not_lost(ada: Any, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    book = volume(settings.LIBRARY_DIR, 1)
    real = manifests.build_manifest

    def build(series: Series) -> Any:
        built = real(series)
        edit_book(book, {"title": "Changed meanwhile"})
        return built

    monkeypatch.setattr(manifests, "build_manifest", build)
    assert refresh_manifests()[0] == []
    monkeypatch.undo()
    refresh_manifests()
    assert manifest(ada, book)["books"][0]["title"] == "Changed meanwhile"


def test_the_order_of_volumes_without_a_number_follows_their_sort_titles(ada: Any, settings: Any) -> None:
    first, second = (volume(settings.LIBRARY_DIR, None, title=title) for title in ("A", "B"))
    refresh_manifests()
    edit_book(first, {"sort_title": "Z"})
    refresh_manifests()
    assert [entry["id"] for entry in manifest(ada, first)["books"]] == [second.pk, first.pk]
    assert listed()[0]["first_book_id"] == second.pk


def test_who_prefers_another_format_is_told_that_its_bytes_changed(ada: Any, settings: Any) -> None:
    library = settings.LIBRARY_DIR
    book = volume(library, 1)
    pdf = add_file(book, make_epub(library / "dune.pdf", title="other bytes"), library)
    describe(book)
    refresh_manifests()
    before = series_manifest(ada, book.pk, formats=["pdf"])
    assert before is not None
    BookFile.objects.filter(pk=pdf.pk).update(sha256="f" * 64, ko_md5="f" * 32)  # of the same length as before
    describe(book)
    refresh_manifests()
    after = series_manifest(ada, book.pk, formats=["pdf"], known=before.etag)
    assert after is not None
    assert after.body is not None
    assert b"f" * 64 in after.body


ALIKE = [("...", "Untitled"), ("x" * 300 + "a", "x" * 300 + "b"), ("Ma\u00adrie", "Ma_rie"), ("漢" * 90, "漢" * 95)]


@pytest.mark.parametrize(("first", "second"), ALIKE)
def test_books_in_no_series_have_names_of_their_own_whoever_else_is_asked_for(
    ada: Any, settings: Any, first: str, second: str
) -> None:
    library = settings.LIBRARY_DIR
    books = [
        add_book(make_epub(library / f"{n}.epub", title=f"{n}"), library, title=title)
        for n, title in enumerate((first, second))
    ]
    together = {pk: entry["filename"] for pk, entry in entries_of(ada, [book.pk for book in books]).items()}
    alone = {book.pk: entries_of(ada, [book.pk])[book.pk]["filename"] for book in books}
    assert alone == together
    assert len(set(alone.values())) == 2


def test_marks_are_put_after_all_that_a_transaction_locks(settings: Any) -> None:
    book = volume(settings.LIBRARY_DIR, 1)
    refresh_manifests()
    with transaction.atomic(), marks_last():
        edit_book(book, {"title": "Another"})
        assert not StaleManifest.objects.exists()
    assert StaleManifest.objects.get().series_id == book.series_id


def test_a_transaction_that_fails_leaves_no_mark(settings: Any) -> None:
    book = volume(settings.LIBRARY_DIR, 1)
    refresh_manifests()

    @transaction.atomic
    @marks_last()
    def change_and_fail() -> None:
        edit_book(book, {"title": "Another"})
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        change_and_fail()
    assert not StaleManifest.objects.exists()
    edit_book(book, {"title": "Another"})
    assert StaleManifest.objects.exists()
