import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from library.errors import Encrypted, NotAnEbook
from library.formats import pages
from library.formats.images import PIXELS_LIMIT
from library.formats.pages import HEIGHT_LIMIT, Comics, as_jpeg
from tests.library.formats.making import comic, rar5


def encoded(image: Image.Image, format: str = "PNG", **options: Any) -> bytes:
    written = io.BytesIO()
    image.save(written, format, **options)
    return written.getvalue()


def picture(width: int = 40, height: int = 60, colour: Any = 0, *, mode: str = "L", format: str = "PNG") -> bytes:
    return encoded(Image.new(mode, (width, height), colour), format)


def opened(jpeg: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(jpeg))
    assert image.format == "JPEG"
    image.load()
    return image


# --- Images ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("width", "size"), [(20, (20, 30)), (39, (39, 58)), (40, (40, 60)), (4000, (40, 60))])
def test_an_image_becomes_no_wider_than_asked_and_no_larger_than_it_is(width: int, size: tuple[int, int]) -> None:
    shown = opened(as_jpeg(picture(), width)).size
    assert abs(shown[0] - size[0]) <= 1
    assert abs(shown[1] - size[1]) <= 1


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_a_jpeg_that_fits_stays_as_it_is(mode: str) -> None:
    jpeg = picture(mode=mode, format="JPEG")
    assert as_jpeg(jpeg, 40) is jpeg
    assert opened(as_jpeg(jpeg, 20)).width == 20


@pytest.mark.parametrize(
    ("mode", "colour", "format", "shown"),
    [
        ("1", 1, "PNG", 255),
        ("L", 200, "PNG", 200),
        ("LA", (0, 0), "PNG", 255),
        ("RGBA", (10, 10, 10, 0), "PNG", (255, 255, 255)),
        ("RGBA", (10, 10, 10, 255), "WEBP", (10, 10, 10)),
        ("P", 0, "GIF", (0, 0, 0)),
        ("I;16", 51_400, "PNG", 200),
        ("CMYK", (0, 0, 0, 0), "JPEG", (255, 255, 255)),
        ("RGB", (9, 9, 9), "BMP", (9, 9, 9)),
        ("RGB", (9, 9, 9), "TIFF", (9, 9, 9)),
    ],
)
def test_every_kind_of_colours_is_shown_on_white(mode: str, colour: Any, format: str, shown: Any) -> None:
    pixel = opened(as_jpeg(picture(8, 8, colour, mode=mode, format=format), 100)).getpixel((4, 4))
    levels = (pixel, shown) if isinstance(shown, int) else (pixel[0], shown[0])  # type: ignore[index]
    assert abs(levels[0] - levels[1]) <= 3, pixel


def test_a_picture_taken_sideways_is_turned() -> None:
    exif = Image.Exif()
    exif[pages.ORIENTATION] = 6
    sideways = encoded(Image.new("RGB", (60, 40)), "JPEG", exif=exif)
    assert opened(as_jpeg(sideways, 400)).size == (40, 60)
    assert opened(as_jpeg(sideways, 20)).size == (20, 30)


def test_a_strip_is_no_higher_than_a_jpeg_can_be() -> None:
    strip = picture(20, HEIGHT_LIMIT + 1000)
    assert opened(as_jpeg(strip, 4000)).height <= HEIGHT_LIMIT


def test_what_holds_too_many_pixels_is_refused_unless_it_can_be_decoded_smaller(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pages, "PIXELS_LIMIT", 3000)
    with pytest.raises(NotAnEbook, match="too large"):
        as_jpeg(picture(80, 80), 40)
    assert opened(as_jpeg(picture(80, 80, format="JPEG"), 40)).size == (40, 40)
    with pytest.raises(NotAnEbook, match="too large"):
        as_jpeg(picture(80, 80, format="JPEG", mode="CMYK"), 80)
    assert PIXELS_LIMIT > 3000


@pytest.mark.parametrize(
    "content", [b"", b"text", b"<svg xmlns='http://www.w3.org/2000/svg'/>", picture()[:40], b"\xff\xd8\xff\xe0"]
)
def test_what_is_no_image_is_refused(content: bytes) -> None:
    with pytest.raises(NotAnEbook, match="no image"):
        as_jpeg(content, 100)


# --- Comics ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def comics() -> Iterator[Comics]:
    made = Comics()
    yield made
    made.close()


def grey(jpeg: bytes | None) -> int:
    assert jpeg is not None
    level = opened(jpeg).getpixel((2, 2))
    assert isinstance(level, int)
    return level


def entries(levels: dict[str, int]) -> dict[str, bytes]:
    return {name: picture(8, 8, level) for name, level in levels.items()}


NAMED = {"c/p10.png": 200, "c/p2.png": 100, "c/p1.png": 0, "__MACOSX/._p0.png": 255, "ComicInfo.xml": 0}


@pytest.mark.parametrize("suffix", ["cbz", "cbr"])
def test_pages_are_those_that_a_book_counts_in_their_order(comics: Comics, tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    if suffix == "cbr":
        path.write_bytes(rar5(entries(NAMED)))
    else:
        comic(path, entries=entries(NAMED))
    found = [comics.page(path, number, 100) for number in range(3)]
    assert [abs(grey(page) - level) < 4 for (page, _), level in zip(found, (0, 100, 200), strict=True)] == [True] * 3
    assert {count for _, count in found} == {3}
    assert comics.page(path, 3, 100) == (None, 3)
    assert comics.page(path, 10**17, 100) == (None, 3)


def test_a_comic_stays_open_until_another_is_asked_for(
    comics: Comics, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened_paths = []
    really = pages.open_contents
    monkeypatch.setattr(pages, "open_contents", lambda path: opened_paths.append(path) or really(path))  # type: ignore[func-returns-value]
    first, second = (comic(tmp_path / name, entries=entries(NAMED)) for name in ("a.cbz", "b.cbz"))
    for path, number in ((first, 0), (first, 1), (first, 9), (second, 0), (first, 0)):
        comics.page(path, number, 100)
    assert opened_paths == [first, second, first]


def test_a_comic_that_was_replaced_is_opened_again(comics: Comics, tmp_path: Path) -> None:
    path = comic(tmp_path / "a.cbz", entries=entries({"1.png": 0}))
    comics.page(path, 0, 100)
    other = comic(tmp_path / "b.cbz", entries=entries({"1.png": 200, "2.png": 0}))
    os.replace(other, path)
    page, count = comics.page(path, 0, 100)
    assert (abs(grey(page) - 200) < 4, count) == (True, 2)


def test_a_file_that_is_no_comic_is_refused_and_the_next_is_shown(comics: Comics, tmp_path: Path) -> None:
    for content, sentence in ((b"", "ZIP archive"), (b"text", "ZIP archive")):
        path = tmp_path / "bad.cbz"
        path.write_bytes(content)
        with pytest.raises(NotAnEbook, match=sentence):
            comics.page(path, 0, 100)
    with pytest.raises(NotAnEbook, match="no image"):
        comics.page(comic(tmp_path / "none.cbz", entries={"a.txt": b""}), 0, 100)
    with pytest.raises(FileNotFoundError):
        comics.page(tmp_path / "missing.cbz", 0, 100)
    assert comics.page(comic(tmp_path / "good.cbz", entries=entries(NAMED)), 0, 100)[1] == 3


def test_an_encrypted_comic_is_refused_in_plain_words(comics: Comics, tmp_path: Path) -> None:
    path = tmp_path / "a.cbr"
    path.write_bytes(rar5(entries(NAMED), is_encrypted=True))
    with pytest.raises(Encrypted, match="password"):
        comics.page(path, 0, 100)


def test_a_page_that_unpacks_beyond_all_bounds_is_refused(
    comics: Comics, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "PAGE_BYTES_LIMIT", 50)
    with pytest.raises(NotAnEbook, match="unreasonably large"):
        comics.page(comic(tmp_path / "a.cbz", entries=entries(NAMED)), 0, 100)


@pytest.mark.corpus
def test_real_comics_show_their_pages(comics: Comics, shared_books: Path) -> None:
    for name in ("komga-rar4.cbr", "nested-macos.cbz", "science-comics-001-comicinfo.cbz"):
        page, count = comics.page(shared_books / name, 0, 300)
        assert page is not None
        assert opened(page).width <= 300
        assert count > 1
