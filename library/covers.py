"""Covers as small WebP images below the data folder. They are derived: losing them loses nothing."""

import io
import logging
import os
import secrets
import struct
import warnings
from pathlib import Path

from django.conf import settings
from django.db import transaction
from PIL import Image

from library.models import Book

logger = logging.getLogger(__name__)

LARGEST_SIZE = (600, 900)
# A cover of 4,000 by 6,000 has 24 million. Decoding 40 million takes 160 MB at worst, which a worker may have.
PIXELS_LIMIT = 40_000_000
FORMATS = ("JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF")  # no others: each decoder is a way in
QUALITY = 82


def store_cover(book: Book, image: bytes | None) -> None:
    """Keep what `to_webp` made of a book's cover and note its path; without an image the book is left without one.

    Called in the transaction that stores the book, so that a worker killed in between leaves no book without its cover.
    """
    path = ""
    if image:
        path = f"{book.pk % 256:02x}/{book.pk}-{secrets.token_hex(4)}.webp"  # a new name, so that caches may keep it
        write_whole(Path(settings.COVERS_DIR) / path, image)
    former, book.cover = book.cover, path
    if former != path:
        book.save(update_fields=["cover"])
    if former:
        location = Path(settings.COVERS_DIR) / former
        transaction.on_commit(lambda: location.unlink(missing_ok=True), robust=True)


def to_webp(data: bytes | None) -> bytes | None:
    """The image scaled down to `LARGEST_SIZE`, or None where it is none, is too large, or cannot be decoded."""
    if not data:
        return None
    try:
        with warnings.catch_warnings():
            # The limit below is ours. Pillow's, which warns first and raises at twice the size, asks the same later.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            image = Image.open(io.BytesIO(data), formats=FORMATS)
        if image.width * image.height > PIXELS_LIMIT:
            logger.info("A cover of %d by %d pixels is too large to be used.", image.width, image.height)
            return None
        image.draft("RGB", LARGEST_SIZE)  # lets a JPEG be decoded at a fraction of its size
        has_alpha = "A" in image.getbands() or "transparency" in image.info
        small = image.convert("RGBA" if has_alpha else "RGB")
        small.thumbnail(LARGEST_SIZE)
        written = io.BytesIO()
        small.save(written, "WEBP", quality=QUALITY)
        return written.getvalue()
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


def write_whole(path: Path, content: bytes) -> None:
    """Write under another name first, so that nobody ever reads half a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.part")
    partial.write_bytes(content)
    os.replace(partial, path)
