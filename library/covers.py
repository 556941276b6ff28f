"""Covers as small WebP images below the data folder, in two sizes. They are derived: losing them loses nothing."""

import errno
import os
import re
import secrets
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from django.conf import settings
from django.db import transaction

from library.formats.images import Thumbnails
from library.models import Book, BookFile

SUFFIX, SMALL_SUFFIX = ".webp", "-small.webp"
NAME = re.compile(r"[0-9a-f]{2}/[0-9]+-[0-9a-f]+\.webp")  # what `keep_cover` calls them; all else came from elsewhere
YOUNG_SECONDS = 24 * 3600  # what is younger may belong to a transaction that is still open


def keep_cover(file: BookFile, thumbnails: Thumbnails | None) -> None:
    """Keep what a file's cover was scaled down to and note its path; without an image the file is left without one.

    Called in the transaction that stores the file, so that a worker killed in between leaves no file without its cover.
    """
    path = ""
    if thumbnails:
        path = f"{file.pk % 256:02x}/{file.pk}-{secrets.token_hex(4)}{SUFFIX}"  # a new name, so that caches may keep it
        write_whole(location(path, is_small=False), thumbnails.large)
        write_whole(location(path, is_small=True), thumbnails.small)
    former, file.cover = file.cover, path
    if former != path:
        BookFile.objects.filter(pk=file.pk).update(cover=path)
    if former:
        transaction.on_commit(lambda: remove(former), robust=True)


def location(path: str, *, is_small: bool) -> Path:
    """Where a cover lies on disk; `path` as `BookFile.cover` and `Book.cover` have it.

    FileNotFoundError for what is no cover's name: the rows may come from a backup that somebody changed.
    """
    if not NAME.fullmatch(path):
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
    return Path(settings.COVERS_DIR) / (path.removesuffix(SUFFIX) + SMALL_SUFFIX if is_small else path)


def version_of(book: Book) -> str:
    """What changes whenever the book's cover does; empty if it has none."""
    return cover_version(book.cover)


def cover_version(cover: str) -> str:
    """The same by the cover as `Book.cover` has it."""
    return cover.rpartition("-")[2].removesuffix(SUFFIX)


def cover_url(book: Book, *, size: str) -> str:
    """The path under which the book's cover is served and may be kept for ever; empty if it has none."""
    return cover_address(book.pk, book.cover, size=size)


def cover_address(book_id: int, cover: str, *, size: str) -> str:
    """The same by the book's id and its cover as `Book.cover` has it."""
    return f"/api/books/{book_id}/cover?size={size}&v={cover_version(cover)}" if cover else ""


def read_cover(book: Book, *, is_small: bool) -> bytes | None:
    """The image as WebP; None if there is none."""
    if not book.cover:
        return None
    for small in (True, False) if is_small else (False,):  # covers of an earlier version have one size
        with suppress(FileNotFoundError):
            return location(book.cover, is_small=small).read_bytes()
    return None


def remove(path: str) -> None:
    for is_small in (False, True):
        with suppress(FileNotFoundError):
            location(path, is_small=is_small).unlink()


def remove_orphans() -> int:
    """Remove images that no file has: what a killed worker or a removed file left. How many there were."""
    removed = 0
    for folder in Path(settings.COVERS_DIR).glob("[0-9a-f][0-9a-f]"):
        old = dict(old_images(folder))
        kept = set(BookFile.objects.filter(cover__in=set(old.values())).values_list("cover", flat=True))
        kept |= set(Book.objects.filter(cover__in=set(old.values())).values_list("cover", flat=True))
        for image, path in old.items():
            if path not in kept:
                image.unlink(missing_ok=True)
                removed += 1
    return removed


def old_images(folder: Path) -> Iterator[tuple[Path, str]]:
    """The images of a folder that are not just being made, each with the path that a row would have of it."""
    for image in folder.iterdir():
        with suppress(OSError):
            if image.stat().st_mtime < time.time() - YOUNG_SECONDS:
                name = image.name.removesuffix(SMALL_SUFFIX).removesuffix(SUFFIX) + SUFFIX
                yield image, f"{folder.name}/{name}"


def write_whole(path: Path, content: bytes) -> None:
    """Write under another name first, so that nobody ever reads half a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.part")
    partial.write_bytes(content)
    os.replace(partial, path)
