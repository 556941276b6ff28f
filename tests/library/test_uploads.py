import errno
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from library.errors import NotAnEbook, TooLarge
from library.models import Book, Import
from library.uploads import LEFTOVER_SECONDS, PARTIAL_PREFIX, accept_upload
from tests.library.taking_in import import_all

pytestmark = pytest.mark.django_db


@pytest.fixture
def epub(make_epub: Callable[..., Path], tmp_path: Path) -> bytes:
    return make_epub(tmp_path / "sent.epub", title="Sent In").read_bytes()


def names(settings: Any) -> list[str]:
    return sorted(path.name for path in settings.LIBRARY_DIR.iterdir())


def test_an_upload_is_stored_and_queued_and_then_imported(epub: bytes, settings: Any) -> None:
    row = accept_upload("Sent In.epub", [epub[:100], epub[100:]])
    assert (row.state, row.path, row.size, row.scan) == ("queued", "Sent In.epub", len(epub), None)
    assert (settings.LIBRARY_DIR / "Sent In.epub").read_bytes() == epub
    assert import_all() == 1
    row.refresh_from_db()
    assert row.state == "imported"
    assert Book.objects.get().title == "Sent In"


def test_a_file_that_is_there_is_never_replaced(epub: bytes, settings: Any) -> None:
    (settings.LIBRARY_DIR / "a.kepub.epub").write_bytes(b"mine")
    rows = [accept_upload("a.kepub.epub", [epub]) for _ in range(2)]
    assert [row.path for row in rows] == ["a (2).kepub.epub", "a (3).kepub.epub"]
    assert (settings.LIBRARY_DIR / "a.kepub.epub").read_bytes() == b"mine"
    assert names(settings) == ["a (2).kepub.epub", "a (3).kepub.epub", "a.kepub.epub"]


def test_a_disk_without_hard_links_is_as_safe(epub: bytes, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def link(*_: Any) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr("library.uploads.os.link", link)
    assert [accept_upload("a.epub", [epub]).path for _ in range(2)] == ["a.epub", "a (2).epub"]
    assert all((settings.LIBRARY_DIR / name).read_bytes() == epub for name in names(settings))


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        ("../../etc/passwd.epub", "passwd.epub"),
        ("C:\\Users\\Ada\\b.epub", "b.epub"),
        ("/absolute/c.EPUB", "c.epub"),
        ('what: is "this"?.epub', "what_ is _this__.epub"),
        (".hidden.epub", "hidden.epub"),
        ("....epub", "Untitled.epub"),
        ("nul.epub", "_nul.epub"),
        ("new\nline\x00.epub", "new_line_.epub"),
    ],
)
def test_a_name_leads_nowhere_else_and_suits_any_disk(epub: bytes, settings: Any, given: str, stored: str) -> None:
    assert accept_upload(given, [epub]).path == stored
    assert names(settings) == [stored]


def test_a_very_long_name_is_cut_and_still_numbered(epub: bytes, settings: Any) -> None:
    rows = [accept_upload("語" * 300 + ".epub", [epub]) for _ in range(2)]
    assert all(len(row.path.encode()) <= 240 and row.path.endswith(".epub") for row in rows)
    assert rows[1].path.endswith(" (2).epub")


@pytest.mark.parametrize("name", ["notes.txt", "epub", "book.epub.exe", "", "book"])
def test_a_name_that_no_book_has_is_refused(name: str, settings: Any, epub: bytes) -> None:
    with pytest.raises(NotAnEbook) as refused:
        accept_upload(name, [epub])
    assert refused.value.sentence.endswith("EPUB, MOBI, PDF.")
    assert names(settings) == []


def test_content_that_is_no_book_is_refused_and_leaves_nothing(settings: Any) -> None:
    with pytest.raises(NotAnEbook, match="web page"):
        accept_upload("a.epub", [b"<html>404"])
    assert names(settings) == []
    assert not Import.objects.exists()


def test_a_file_that_is_too_large_is_refused_before_all_of_it_is_stored(settings: Any) -> None:
    settings.MAX_UPLOAD_BYTES = 1024 * 1024
    sent = 0

    def endless() -> Iterator[bytes]:
        nonlocal sent
        while True:
            sent += 65536
            yield bytes(65536)

    with pytest.raises(TooLarge, match="larger than 1 MiB"):
        accept_upload("a.epub", endless())
    assert sent <= settings.MAX_UPLOAD_BYTES + 65536
    assert names(settings) == []


def test_an_upload_that_breaks_off_leaves_nothing(settings: Any, epub: bytes) -> None:
    def broken() -> Iterator[bytes]:
        yield epub[:50]
        raise ConnectionError("the sender is gone")

    with pytest.raises(ConnectionError):
        accept_upload("a.epub", broken())
    assert names(settings) == []


def test_what_a_killed_process_left_is_removed_once_it_is_old(settings: Any, epub: bytes) -> None:
    old, young, foreign = (
        settings.LIBRARY_DIR / name for name in (f"{PARTIAL_PREFIX}1.part", f"{PARTIAL_PREFIX}2.part", "other.part")
    )
    for path in (old, young, foreign):
        path.write_bytes(b"half")
    long_ago = time.time() - LEFTOVER_SECONDS - 60
    os.utime(old, (long_ago, long_ago))
    os.utime(foreign, (long_ago, long_ago))
    accept_upload("a.epub", [epub])
    assert (old.exists(), young.exists(), foreign.exists()) == (False, True, True)


@pytest.mark.locking
@pytest.mark.django_db(transaction=True)
def test_uploads_of_one_name_at_once_each_get_a_name_of_their_own(epub: bytes, settings: Any) -> None:
    paths: list[str] = []
    start = threading.Barrier(4)

    def send() -> None:
        try:
            start.wait()
            paths.append(accept_upload("a.epub", [epub]).path)
        finally:
            connection.close()

    senders = [threading.Thread(target=send) for _ in range(4)]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
    assert sorted(paths) == ["a (2).epub", "a (3).epub", "a (4).epub", "a.epub"] == names(settings)
