import struct
import zipfile
from pathlib import Path

import pytest

from library.errors import Encrypted, NotAnEbook
from library.formats import format_of, stem_of
from library.formats.signatures import check_content


@pytest.mark.parametrize(
    ("name", "format", "stem"),
    [
        ("a.epub", "epub", "a"),
        ("A.EPUB", "epub", "A"),
        ("a.b.kepub.epub", "kepub.epub", "a.b"),
        ("a.KEPUB.EPUB", "kepub.epub", "a"),
        ("a.cbz", "cbz", "a"),
        ("a.cbr", "cbr", "a"),
        ("a.pdf", "pdf", "a"),
        ("a.mobi", "mobi", "a"),
        ("a.azw3", "azw3", "a"),
        ("a.txt", None, "a.txt"),
        ("epub", None, "epub"),
        (".epub", None, ".epub"),
        ("a.epub.part", None, "a.epub.part"),
    ],
)
def test_the_format_is_what_the_name_ends_in(name: str, format: str | None, stem: str) -> None:
    assert format_of(name) == format
    assert stem_of(name) == stem


def archive_with(path: Path, name: str) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(name, b"content")
    return path


def palm_database(records: int, size: int) -> bytes:
    header = b"Title".ljust(60, b"\0") + b"BOOKMOBI" + bytes(8) + struct.pack(">H", records)
    return header.ljust(size, b"\0")


@pytest.mark.parametrize(
    ("content", "format", "sentence"),
    [
        (b"", "epub", "This file is empty."),
        (b"%PDF-1.7", "epub", "This file is not an EPUB: it is a PDF."),
        (b"PK\x03\x04" + bytes(26) + b"mimetypeapplication/epub+zip", "pdf", "This file is not a PDF: it is an EPUB."),
        (b"<!DOCTYPE html><title>404", "epub", "This file is not an EPUB: it is a web page."),
        (b"\x89PNG\r\n", "cbz", "This file is not a CBZ: it is an image."),
        (b"no book", "mobi", "This file is not a MOBI: it is something else."),
        (palm_database(65535, 78), "azw3", "This file is incomplete: it ends within its own list of contents."),
    ],
)
def test_what_is_not_what_its_name_says_is_refused_and_named(
    tmp_path: Path, content: bytes, format: str, sentence: str
) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    with pytest.raises(NotAnEbook) as refused:
        check_content(path, format)
    assert refused.value.sentence == sentence


def test_a_comic_without_an_image_is_none(tmp_path: Path) -> None:
    with pytest.raises(NotAnEbook, match="no image"):
        check_content(archive_with(tmp_path / "a.cbz", "readme.txt"), "cbz")
    check_content(archive_with(tmp_path / "b.cbz", "deep/in/Page 1.JPG"), "cbz")


def test_a_comic_packed_with_the_other_archiver_is_taken(tmp_path: Path) -> None:
    check_content(archive_with(tmp_path / "a.cbr", "1.png"), "cbr")
    rar = tmp_path / "a.cbz"
    rar.write_bytes(b"Rar!\x1a\x07\x00" + bytes(40))
    check_content(rar, "cbz")


def test_a_comic_with_a_password_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.cbr"
    path.write_bytes(b"Rar!\x1a\x07\x00" + bytes.fromhex("ce9973 8000 0d00") + bytes(40))
    with pytest.raises(Encrypted):
        check_content(path, "cbr")


def test_a_whole_kindle_book_is_taken(tmp_path: Path) -> None:
    path = tmp_path / "a.mobi"
    path.write_bytes(palm_database(3, 500))
    check_content(path, "mobi")
