"""A page of a comic, or any other image, as a JPEG no wider than a screen. Runs in the process for hostile files."""

import io
import os
import struct
import warnings
from contextlib import ExitStack
from pathlib import Path

from PIL import Image, ImageOps

from library.errors import NotAnEbook
from library.formats.comics import Contents, open_contents, page_names
from library.formats.images import FORMATS, PIXELS_LIMIT

PAGE_BYTES_LIMIT = 32 * 1024 * 1024  # of a page as it lies in its archive, and as it is answered
HEIGHT_LIMIT = 65_000  # a JPEG can be no higher; strips of web comics come near
QUALITY = 85
TOO_LARGE = "This page is too large to be shown."
ORIENTATION = 0x0112  # of EXIF: 1 is upright


class Comics:
    """Gives pages of comics; the one that was asked for last stays open, since the next page mostly is of it, too."""

    def __init__(self) -> None:
        self._key: tuple[str, int, int, int] | None = None
        self._opened = ExitStack()
        self._contents: Contents | None = None
        self._pages: list[str] = []

    def page(self, path: Path, number: int, width: int) -> tuple[bytes | None, int]:
        """Page `number`, counted from 0, at most `width` pixels wide, and how many there are; None beyond the last.

        NotAnEbook if the file is no comic, or this page cannot be shown; OSError if the file cannot be opened.
        """
        contents = self._open(path)
        if number >= len(self._pages):
            return None, len(self._pages)
        return as_jpeg(contents.read(self._pages[number], PAGE_BYTES_LIMIT), width), len(self._pages)

    def close(self) -> None:
        self._key, self._contents, self._pages = None, None, []
        self._opened.close()

    def _open(self, path: Path) -> Contents:
        found = os.stat(path)
        key = (os.fspath(path), found.st_ino, found.st_size, found.st_mtime_ns)
        if self._contents is None or key != self._key:
            self.close()
            contents = self._opened.enter_context(open_contents(path))
            try:
                self._pages = page_names(contents)
            except BaseException:
                self.close()
                raise
            self._key, self._contents = key, contents
        return self._contents


def as_jpeg(image: bytes, width: int) -> bytes:
    """The image as a JPEG, scaled down where it is wider; never up. NotAnEbook if it is none, or is too large.

    What is such a JPEG already stays as it is.
    """
    try:
        with warnings.catch_warnings():
            # The limit below is ours, see library.formats.images.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            opened = Image.open(io.BytesIO(image), formats=FORMATS)
        orientation = opened.getexif().get(ORIENTATION, 1)
        is_small = opened.width <= width and opened.height <= HEIGHT_LIMIT
        is_small = is_small and opened.width * opened.height <= PIXELS_LIMIT
        if is_small and orientation == 1 and opened.format == "JPEG" and opened.mode in ("L", "RGB"):
            return image
        if opened.width * opened.height > PIXELS_LIMIT:
            # A JPEG alone can be decoded at a fraction of its size: to no less than is shown, whichever way it lies.
            part = width / min(opened.size)
            opened.draft(None, (max(1, int(opened.width * part)), max(1, int(opened.height * part))))
        if opened.width * opened.height > PIXELS_LIMIT:
            raise NotAnEbook(TOO_LARGE)
        return written(opened if orientation == 1 else ImageOps.exif_transpose(opened), width)
    except Image.DecompressionBombError as error:
        raise NotAnEbook(TOO_LARGE) from error
    except (OSError, ValueError, SyntaxError, struct.error, EOFError, OverflowError) as error:
        raise NotAnEbook("This page is no image that can be shown.") from error


def written(image: Image.Image, width: int) -> bytes:
    shown = with_plain_colours(image)
    shown.thumbnail((width, HEIGHT_LIMIT))
    jpeg = io.BytesIO()
    on_white(shown).save(jpeg, "JPEG", quality=QUALITY)
    return jpeg.getvalue()


def with_plain_colours(image: Image.Image) -> Image.Image:
    """The same in grey or in colours, which can be scaled well, transparent where it was."""
    if image.mode in ("L", "LA", "RGB", "RGBA"):
        return image
    if "A" in image.getbands() or "transparency" in image.info:
        return image.convert("RGBA")
    if image.mode.startswith("I;16"):
        return image.point(lambda level: level / 256).convert("L")
    return image.convert("L" if image.mode in ("1", "I", "F") else "RGB")


def on_white(image: Image.Image) -> Image.Image:
    if image.mode not in ("LA", "RGBA"):
        return image
    white = Image.new("L" if image.mode == "LA" else "RGB", image.size, "white")
    white.paste(image.convert(white.mode), mask=image.getchannel("A"))
    return white
