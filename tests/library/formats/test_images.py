import io
import struct
import zlib
from typing import Any

import pytest
from PIL import Image

from library.formats import images
from library.formats.images import thumbnails


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
    made = thumbnails(image((1200, 2400), kind))
    assert made is not None
    for content, size in ((made.large, (450, 900)), (made.small, (180, 360))):
        with Image.open(io.BytesIO(content)) as scaled:
            assert scaled.format == "WEBP"
            assert scaled.size == size


def test_a_small_cover_is_not_blown_up() -> None:
    made = thumbnails(image((30, 40)))
    assert made is not None
    for content in (made.large, made.small):
        with Image.open(io.BytesIO(content)) as scaled:
            assert scaled.size == (30, 40)


def test_a_large_photograph_is_decoded_at_a_fraction_of_its_size() -> None:
    content = image((6000, 9000))
    assert images.PIXELS_LIMIT < 6000 * 9000
    assert thumbnails(content) is not None
    assert thumbnails(image((6000, 9000), "PNG", "1")) is None


def test_covers_in_unusual_colours_are_converted() -> None:
    for mode, kind in (("CMYK", "JPEG"), ("P", "PNG"), ("L", "JPEG"), ("LA", "PNG"), ("1", "PNG"), ("I;16", "PNG")):
        assert thumbnails(image((10, 10), kind, mode)), mode


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
    assert thumbnails(content) is None


def test_an_image_beyond_the_limit_is_not_decoded_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    content = image((20, 20), "PNG")
    assert thumbnails(content)
    monkeypatch.setattr(images, "PIXELS_LIMIT", 399)

    def decode(*_: Any) -> None:
        raise AssertionError("it was decoded")

    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", decode)
    assert thumbnails(content) is None
