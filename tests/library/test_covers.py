import io
import struct
import zlib
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from library import covers
from library.covers import LARGEST_SIZE, store_cover, to_webp
from library.models import Book


def image(size: tuple[int, int], kind: str = "JPEG", mode: str = "RGB") -> bytes:
    written = io.BytesIO()
    Image.new(mode, size, 0x336699 if mode == "RGB" else 0).save(written, kind)
    return written.getvalue()


def png_claiming(width: int, height: int) -> bytes:
    """A PNG's head with that size, and a few bytes of content."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    head = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    body = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(bytes(100))) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "WEBP", "BMP"])
def test_a_cover_of_any_common_kind_becomes_a_webp_that_fits(kind: str) -> None:
    converted = to_webp(image((1200, 2400), kind))
    assert converted is not None
    with Image.open(io.BytesIO(converted)) as small:
        assert small.format == "WEBP"
        assert small.size == (450, 900)


def test_a_small_cover_is_not_blown_up() -> None:
    converted = to_webp(image((30, 40)))
    assert converted is not None
    with Image.open(io.BytesIO(converted)) as small:
        assert small.size == (30, 40)
    assert LARGEST_SIZE == (600, 900)


def test_covers_in_unusual_colours_are_converted() -> None:
    for mode, kind in (("CMYK", "JPEG"), ("P", "PNG"), ("L", "JPEG"), ("LA", "PNG"), ("1", "PNG"), ("I;16", "PNG")):
        assert to_webp(image((10, 10), kind, mode)), mode


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"this is text",
        b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>',
        image((600, 900))[:300],
        png_claiming(65_000, 65_000),
        png_claiming(30_000, 30_000),
        png_claiming(13_000, 13_000),
    ],
    ids=["nothing", "text", "svg", "cut", "lie", "900 megapixels", "169 megapixels"],
)
def test_what_is_no_sound_image_of_a_sane_size_is_no_cover(content: bytes) -> None:
    assert to_webp(content) is None


def test_an_image_beyond_the_limit_is_not_decoded_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    content = image((20, 20), "PNG")
    assert to_webp(content)
    monkeypatch.setattr(covers, "PIXELS_LIMIT", 399)

    def decode(*_: Any) -> None:
        raise AssertionError("it was decoded")

    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", decode)
    assert to_webp(content) is None


@pytest.mark.django_db
def test_a_new_cover_replaces_the_former_and_none_removes_it(
    settings: Any, django_capture_on_commit_callbacks: Any
) -> None:
    book = Book.objects.create(title="T", title_key="t")

    def kept() -> list[Path]:
        return [path for path in settings.COVERS_DIR.rglob("*") if path.is_file()]

    def keep(data: bytes) -> str:
        with django_capture_on_commit_callbacks(execute=True):
            store_cover(book, to_webp(data))
        return Book.objects.get().cover

    first = keep(image((60, 90)))
    assert kept() == [settings.COVERS_DIR / first]
    second = keep(image((90, 60)))
    assert second != first
    assert kept() == [settings.COVERS_DIR / second]
    assert keep(b"no image") == ""
    assert kept() == []
