import os
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction

from library.covers import YOUNG_SECONDS, cover_url, keep_cover, read_cover, remove_orphans
from library.describing import describe
from library.formats.images import Thumbnails
from library.models import Book

pytestmark = pytest.mark.django_db

FIRST, SECOND = Thumbnails(b"large one", b"small one"), Thumbnails(b"large two", b"small two")


def kept(settings: Any) -> list[bytes]:
    return sorted(path.read_bytes() for path in settings.COVERS_DIR.rglob("*") if path.is_file())


def test_a_new_cover_replaces_the_former_and_none_removes_it(
    book: Book, settings: Any, django_capture_on_commit_callbacks: Any
) -> None:
    file = book.files.get()

    def keep(images: Thumbnails | None) -> str:
        with django_capture_on_commit_callbacks(execute=True):
            keep_cover(file, images)
        return book.files.get().cover

    first = keep(FIRST)
    assert kept(settings) == [b"large one", b"small one"]
    assert keep(SECOND) != first
    assert kept(settings) == [b"large two", b"small two"]
    assert keep(None) == ""
    assert kept(settings) == []


def test_a_book_shows_the_cover_of_its_best_file_in_two_sizes(book: Book) -> None:
    assert read_cover(book, is_small=False) is None
    assert cover_url(book, size="large") == ""
    keep_cover(book.files.get(), FIRST)
    describe(book)
    assert read_cover(book, is_small=False) == b"large one"
    assert read_cover(book, is_small=True) == b"small one"
    assert cover_url(book, size="small").startswith(f"/api/books/{book.pk}/cover?size=small&v=")


def test_a_cover_of_one_size_is_served_for_both(book: Book, settings: Any) -> None:
    keep_cover(book.files.get(), FIRST)
    describe(book)
    for small in settings.COVERS_DIR.rglob("*-small.webp"):
        small.unlink()
    assert read_cover(book, is_small=True) == b"large one"


def test_images_that_no_file_has_are_removed_once_they_are_old(book: Book, settings: Any) -> None:
    keep_cover(book.files.get(), FIRST)
    describe(book)
    orphans = [settings.COVERS_DIR / "0a" / name for name in ("9-aa.webp", "9-aa-small.webp", "9-bb.webp")]
    orphans[0].parent.mkdir(exist_ok=True)
    for orphan in orphans:
        orphan.write_bytes(b"orphan")
    everything = [path for path in settings.COVERS_DIR.rglob("*") if path.is_file()]
    assert remove_orphans() == 0
    for path in everything:
        grow_old(path)
    assert remove_orphans() == 3
    assert kept(settings) == [b"large one", b"small one"]


@pytest.mark.parametrize("path", ["../secret.key", "/etc/passwd", "00/../../secret.key", "00/1-ab.webp/../../x", "00"])
def test_a_row_that_names_another_file_than_a_cover_shows_and_removes_nothing(
    book: Book, settings: Any, path: str, django_capture_on_commit_callbacks: Any
) -> None:
    secret = settings.DATA_DIR / "secret.key"
    secret.write_bytes(b"secret")
    book.files.update(cover=path)
    book.cover = path
    for is_small in (False, True):
        assert read_cover(book, is_small=is_small) is None
    with django_capture_on_commit_callbacks(execute=True):
        keep_cover(book.files.get(), None)
    assert book.files.get().cover == ""
    assert secret.read_bytes() == b"secret"


def test_a_transaction_that_is_undone_leaves_the_former_cover(book: Book, settings: Any) -> None:
    file = book.files.get()
    keep_cover(file, FIRST)
    describe(book)
    with transaction.atomic():
        keep_cover(book.files.get(), SECOND)
        transaction.set_rollback(True)
    book.refresh_from_db()
    assert read_cover(book, is_small=False) == b"large one"
    for path in settings.COVERS_DIR.rglob("*.webp"):
        grow_old(path)
    assert remove_orphans() == 2
    assert kept(settings) == [b"large one", b"small one"]


def grow_old(path: Path) -> None:
    then = path.stat().st_mtime - YOUNG_SECONDS - 60
    os.utime(path, (then, then))
