import os
from hashlib import sha256
from typing import Any
from urllib.parse import unquote

import pytest
from django.http import StreamingHttpResponse
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from library.models import Book, BookFile, Scan
from library.sending import content_disposition
from tests.api.answers import detail_of

PATH = "/api/tome-sync/download/{}/{}"


@pytest.fixture
def file(ada: Any, book: Book) -> BookFile:
    return book.files.get()


@pytest.fixture
def content(file: BookFile, settings: Any) -> bytes:
    held: bytes = (settings.LIBRARY_DIR / file.path).read_bytes()
    return held


def path_of(file: BookFile) -> str:
    return PATH.format(file.book_id, file.pk)


def body_of(response: Any) -> bytes:
    held: bytes = response.getvalue() if response.streaming else response.content
    return held


def test_the_whole_file_is_what_was_hashed(file: BookFile, content: bytes, device_client: Client) -> None:
    response = device_client.get(path_of(file))
    assert response.status_code == 200
    assert isinstance(response, StreamingHttpResponse)
    body = body_of(response)
    assert body == content
    assert sha256(body).hexdigest() == file.sha256
    assert response.headers["ETag"] == f'"{file.sha256}"'
    assert response.headers["Content-Length"] == str(len(content))
    assert response.headers["Accept-Ranges"] == "bytes"
    assert response.headers["Content-Type"] == "application/epub+zip"
    assert response.headers["Content-Disposition"] == (
        "attachment; filename=\"A Study in Scarlet.epub\"; filename*=UTF-8''A%20Study%20in%20Scarlet.epub"
    )


RANGES = [("bytes=0-0", 0, 1), ("bytes=5-", 5, None), ("bytes=-7", -7, None), ("bytes=3-9", 3, 10)]


@pytest.mark.parametrize(("asked", "start", "end"), [*RANGES, ("bytes=1-999999999", 1, None), ("BYTES= 2 - 4 ", 2, 5)])
def test_a_range_is_sent_alone(
    file: BookFile, content: bytes, device_client: Client, asked: str, start: int, end: int | None
) -> None:
    response = device_client.get(path_of(file), headers={"range": asked})
    wanted = content[start:end]
    assert response.status_code == 206
    assert body_of(response) == wanted
    first = content.index(wanted) if start < 0 else start
    assert response.headers["Content-Range"] == f"bytes {first}-{first + len(wanted) - 1}/{len(content)}"
    assert response.headers["Content-Length"] == str(len(wanted))


@pytest.mark.parametrize(
    "asked", ["bytes=0-1,3-4", "bytes=9-3", "bytes=-", "bytes=a-b", "lines=1-2", "bytes", "bytes=--1"]
)
def test_what_is_no_single_range_is_answered_with_the_whole(
    file: BookFile, content: bytes, device_client: Client, asked: str
) -> None:
    response = device_client.get(path_of(file), headers={"range": asked})
    assert response.status_code == 200
    assert body_of(response) == content


@pytest.mark.parametrize("asked", ["bytes={size}-", "bytes=9999999999999-", "bytes=-0"])
def test_a_range_behind_the_end_is_416(file: BookFile, device_client: Client, asked: str) -> None:
    response = device_client.get(path_of(file), headers={"range": asked.format(size=file.size)})
    assert response.status_code == 416
    assert response.headers["Content-Range"] == f"bytes */{file.size}"


def test_a_download_goes_on_only_with_the_same_file(file: BookFile, content: bytes, device_client: Client) -> None:
    etag = f'"{file.sha256}"'
    going_on = {"range": "bytes=10-", "if-range": etag}
    resumed = device_client.get(path_of(file), headers=going_on)
    assert (resumed.status_code, body_of(resumed)) == (206, content[10:])
    for other in ('"another"', f"W/{etag}", "Wed, 21 Oct 2015 07:28:00 GMT"):
        whole = device_client.get(path_of(file), headers=going_on | {"if-range": other})
        assert (whole.status_code, body_of(whole)) == (200, content)


def test_who_has_it_is_told_that_it_is_unchanged(file: BookFile, device_client: Client) -> None:
    for known in (f'"{file.sha256}"', f'"x", W/"{file.sha256}"', "*"):
        unchanged = device_client.get(path_of(file), headers={"if-none-match": known})
        assert (unchanged.status_code, unchanged.content) == (304, b"")


def test_head_says_the_same_without_the_bytes(file: BookFile, content: bytes, device_client: Client) -> None:
    whole, head = device_client.get(path_of(file)), device_client.head(path_of(file))
    assert (head.status_code, head.content) == (200, b"")
    body_of(whole)
    for name in ("Content-Length", "ETag", "Accept-Ranges", "Content-Type", "Content-Disposition"):
        assert head.headers[name] == whole.headers[name]
    ranged = device_client.head(path_of(file), headers={"range": "bytes=0-3"})
    assert (ranged.status_code, ranged.headers["Content-Length"]) == (200, str(len(content)))


def test_a_file_that_vanished_is_a_sentence_and_looked_for(
    file: BookFile, settings: Any, device_client: Client, django_capture_on_commit_callbacks: Any, enqueued: list[str]
) -> None:
    (settings.LIBRARY_DIR / file.path).unlink()
    with django_capture_on_commit_callbacks(execute=True):
        assert "not in the library folder" in detail_of(device_client.get(path_of(file)), 404)
    assert list(Scan.objects.values_list("paths", flat=True)) == [[file.path]]
    assert enqueued == ["library.scan"]
    assert device_client.head(path_of(file)).status_code == 404
    assert Scan.objects.count() == 1  # one that waits is enough


@pytest.mark.parametrize("change", ["grown", "rewritten"])
def test_bytes_that_were_never_hashed_are_not_sent(
    file: BookFile, settings: Any, device_client: Client, change: str
) -> None:
    location = settings.LIBRARY_DIR / file.path
    if change == "grown":
        with location.open("ab") as opened:
            opened.write(b"more")
        os.utime(location, ns=(file.mtime_ns, file.mtime_ns))
    else:
        location.write_bytes(b"x" * file.size)
        os.utime(location, ns=(file.mtime_ns + 1, file.mtime_ns + 1))
    detail_of(device_client.get(path_of(file)), 404)


def test_a_file_that_changes_while_it_is_sent_ends_too_early(
    file: BookFile, content: bytes, settings: Any, device_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("library.downloads.CHUNK_BYTES", 16)
    response = device_client.get(path_of(file))
    assert isinstance(response, StreamingHttpResponse)
    pieces = iter(response)
    assert next(pieces) == content[:16]
    (settings.LIBRARY_DIR / file.path).write_bytes(b"y" * file.size)
    with pytest.raises(OSError, match="changed while it was sent"):
        next(pieces)


@pytest.mark.parametrize("path", ["/etc/passwd", "../secret.key", "a/../../secret.key"])
def test_a_row_that_points_out_of_the_library_sends_nothing(
    file: BookFile, settings: Any, device_client: Client, path: str
) -> None:
    (settings.DATA_DIR / "secret.key").write_bytes(b"s")
    BookFile.objects.update(path=path)
    detail_of(device_client.get(path_of(file)), 404)


def test_a_folder_or_pipe_in_its_place_is_not_waited_for(file: BookFile, settings: Any, device_client: Client) -> None:
    location = settings.LIBRARY_DIR / file.path
    location.unlink()
    os.mkfifo(location)
    detail_of(device_client.get(path_of(file)), 404)


def test_only_the_files_of_this_book(file: BookFile, device_client: Client) -> None:
    other = Book.objects.create(title="Another", title_key="another")
    missing = detail_of(device_client.get(PATH.format(other.pk, file.pk)), 404)
    assert missing == detail_of(device_client.get(PATH.format(file.book_id, file.pk + 100)), 404)
    assert missing == detail_of(device_client.get(PATH.format(10**30, 10**30)), 404)
    Book.objects.update(is_active=False)
    assert missing == detail_of(device_client.get(path_of(file)), 404)


def test_a_merged_books_id_goes_on_naming_its_file(file: BookFile, content: bytes, device_client: Client) -> None:
    into = Book.objects.create(title="Into", title_key="into")
    Book.objects.filter(pk=file.book_id).update(merged_into=into, is_active=False)
    BookFile.objects.update(book=into)
    assert body_of(device_client.get(path_of(file))) == content


def test_without_a_key_or_a_login_nothing_is_sent(ada: Any, file: BookFile, content: bytes, client: Client) -> None:
    detail_of(client.get(path_of(file)), 401)
    client.force_login(ada)
    assert body_of(client.get(path_of(file))) == content


def test_a_proxy_may_send_the_file(file: BookFile, settings: Any, device_client: Client) -> None:
    settings.SENDFILE, settings.SENDFILE_PREFIX = "x-accel-redirect", "/inner/"
    response = device_client.get(path_of(file))
    assert response.headers["X-Accel-Redirect"] == "/inner/A%20Study%20in%20Scarlet.epub"
    assert response.content == b""
    assert "ETag" not in response.headers
    assert response.headers["Content-Type"] == "application/epub+zip"
    settings.SENDFILE = "x-sendfile"
    response = device_client.get(path_of(file))
    assert unquote(response.headers["X-Sendfile"]) == str(settings.LIBRARY_DIR / file.path)
    (settings.LIBRARY_DIR / file.path).unlink()
    detail_of(device_client.get(path_of(file)), 404)


@given(st.text(min_size=1, max_size=60).filter(lambda text: not set(text) & set("\r\n") and text.isprintable()))
def test_any_name_is_told_in_a_header_that_older_plugins_read(name: str) -> None:
    header = content_disposition(name)
    assert header.isascii()
    plain = header.partition('filename="')[2].partition('"')[0]
    assert unquote(plain) == name
    assert unquote(header.rpartition("UTF-8''")[2]) == name
