"""Thumbnails of covers. An image is hostile too: it may claim any size and be of any kind."""

import io
import logging
import struct
import warnings
from dataclasses import dataclass

from PIL import Image

logger = logging.getLogger(__name__)

LARGE, SMALL = (600, 900), (240, 360)
# A cover of 4,000 by 5,000 has 20 million. Decoding 25 million in colour takes 75 MB, and as much again to convert.
PIXELS_LIMIT = 25_000_000
FORMATS = ("JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF")  # no others: each decoder is a way in
QUALITY = 82
METHOD = 2  # of 6: half the time of the usual 4 for files that are 4 % larger


@dataclass(frozen=True)
class Thumbnails:
    """One image in two sizes, as WebP: `large` fits into 600 by 900 pixels, `small` into 240 by 360."""

    large: bytes
    small: bytes


def thumbnails(data: bytes | None) -> Thumbnails | None:
    """The image scaled down, or None where it is none, is too large, or cannot be decoded."""
    if not data:
        return None
    try:
        with warnings.catch_warnings():
            # The limit below is ours. Pillow's, which warns first and raises at twice the size, asks the same later.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            image = Image.open(io.BytesIO(data), formats=FORMATS)
        if image.width * image.height > PIXELS_LIMIT:
            # A JPEG alone can be decoded at a fraction of its size.
            image.draft("RGB", LARGE)
            if image.width * image.height > PIXELS_LIMIT:
                logger.info("A cover of %d by %d pixels is too large to be used.", image.width, image.height)
                return None
        image.draft("RGB", LARGE)
        return scaled(image)
    except (
        OSError,
        ValueError,
        SyntaxError,
        struct.error,
        EOFError,
        OverflowError,
        Image.DecompressionBombError,
    ) as error:
        logger.info("A cover cannot be decoded: %s", error)
        return None


def scaled(image: Image.Image) -> Thumbnails:
    has_alpha = "A" in image.getbands() or "transparency" in image.info
    whole = image.convert("RGBA" if has_alpha else "RGB")
    whole.thumbnail(LARGE)
    large = as_webp(whole)
    whole.thumbnail(SMALL)
    return Thumbnails(large=large, small=as_webp(whole))


def as_webp(image: Image.Image) -> bytes:
    written = io.BytesIO()
    image.save(written, "WEBP", quality=QUALITY, method=METHOD)
    return written.getvalue()
