"""Is a file what its suffix says? A glance at its first bytes and its directory; nothing is unpacked."""

import os
import struct
from pathlib import PurePosixPath

from library.errors import Encrypted, NotAnEbook
from library.formats.archives import open_archive

HEAD_BYTES = 4096
IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".gif", ".webp", ".avif", ".jxl", ".bmp", ".tif", ".tiff"})

PALM_KIND_AT = 60  # offset of type and creator in a PalmDB header
PALM_COUNT_AT = 76  # of the number of records, whose table follows with eight bytes for each
RAR4, RAR5 = b"Rar!\x1a\x07\x00", b"Rar!\x1a\x07\x01\x00"
RAR4_FLAGS_AT = 10  # of the main header, which follows the signature and a checksum
RAR4_ENCRYPTED_HEADERS = 0x0080

NAMES = {"epub": "an EPUB", "kepub.epub": "a KEPUB", "cbz": "a CBZ", "cbr": "a CBR", "pdf": "a PDF"}
NAMES |= {"mobi": "a MOBI", "azw3": "an AZW3"}


def check_content(path: str | os.PathLike[str], format: str) -> None:
    """NotAnEbook if the file cannot be of this format, naming what it is instead where that is plain."""
    with open(path, "rb") as file:
        head = file.read(HEAD_BYTES)
        size = os.fstat(file.fileno()).st_size
    if not head:
        raise NotAnEbook("This file is empty.")
    found = kind_of(head)
    if found not in kinds_for(format):
        raise NotAnEbook(f"This file is not {NAMES[format]}: it is {found}.")
    if format == "cbz" and found == "a ZIP archive":
        refuse_without_images(path)
    if found == "a RAR archive":
        refuse_encrypted_rar(head)
    if found == "a Kindle book":
        refuse_cut_palm_database(head, size)


def kind_of(head: bytes) -> str:
    """What the first bytes show, in words with an article."""
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        # An EPUB should begin with this entry, stored; many do not, so its absence says nothing.
        return "an EPUB" if head[30:58] == b"mimetypeapplication/epub+zip" else "a ZIP archive"
    if head.startswith((RAR4, RAR5)):
        return "a RAR archive"
    if b"%PDF-" in head[:1024]:
        return "a PDF"
    if head[PALM_KIND_AT : PALM_KIND_AT + 8] in (b"BOOKMOBI", b"TEXtREAd"):
        return "a Kindle book"
    if head.lstrip()[:15].lower().startswith((b"<!doctype html", b"<html")):
        return "a web page"
    if head.startswith((b"\xff\xd8\xff", b"\x89PNG", b"GIF8")):
        return "an image"
    return "something else"


def kinds_for(format: str) -> tuple[str, ...]:
    """Comics are often named for the other archive that they were packed with, and every reader opens them so."""
    return {
        "epub": ("an EPUB", "a ZIP archive"),
        "kepub.epub": ("an EPUB", "a ZIP archive"),
        "cbz": ("a ZIP archive", "a RAR archive"),
        "cbr": ("a RAR archive", "a ZIP archive"),
        "pdf": ("a PDF",),
        "mobi": ("a Kindle book",),
        "azw3": ("a Kindle book",),
    }[format]


def refuse_without_images(path: str | os.PathLike[str]) -> None:
    with open_archive(path) as archive:
        if not any(PurePosixPath(name).suffix.lower() in IMAGE_SUFFIXES for name in archive.names):
            raise NotAnEbook("This file is not a CBZ: there is no image in it.")


def refuse_encrypted_rar(head: bytes) -> None:
    if head.startswith(RAR4) and len(head) >= RAR4_FLAGS_AT + 2:
        (flags,) = struct.unpack_from("<H", head, RAR4_FLAGS_AT)
        if flags & RAR4_ENCRYPTED_HEADERS:
            raise Encrypted("This file is protected with a password.")


def refuse_cut_palm_database(head: bytes, size: int) -> None:
    (records,) = struct.unpack_from(">H", head.ljust(PALM_COUNT_AT + 2, b"\0"), PALM_COUNT_AT)
    if size < PALM_COUNT_AT + 2 + 8 * records:
        raise NotAnEbook("This file is incomplete: it ends within its own list of contents.")
