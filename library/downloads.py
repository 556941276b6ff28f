"""Handing out the bytes of a book's file, and only if they are the ones that were hashed."""

import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

from accounts.models import Reader
from accounts.statements import fetch_row
from library.errors import LibraryError, OutsideLibrary
from library.manifests import name_of_file
from library.models import BookFile
from library.queries import LARGEST_ID, books_visible_to, standing_ids
from library.scanning import queue_scan

CHUNK_BYTES = 128 * 1024


class NoSuchFile(LibraryError):
    """This reader has no such book or file."""

    code = "no_such_file"


class FileIsGone(LibraryError):
    """The library has another file at this path, or none: a scan of it was queued, and its task wants a message."""

    code = "file_is_gone"


@dataclass(frozen=True)
class Download:
    """A file that is about to be sent. `open_file` gives its bytes, this only says which they are."""

    path: str  # relative to the library root
    name: str  # on the device
    format: str
    size: int
    mtime_ns: int
    sha256: str

    def opened(self) -> "OpenedFile":
        """The file, open for reading. FileIsGone if it is not there as it was when it was hashed."""
        try:
            descriptor = os.open(self.location, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        except (OSError, ValueError):
            raise self.gone() from None
        opened = OpenedFile(descriptor, self.size, self.mtime_ns)
        if not opened.is_unchanged():
            opened.close()
            raise self.gone()
        return opened

    @property
    def location(self) -> Path:
        """Where the file lies. ValueError for what is not below the library: a backup may have been changed."""
        if os.path.isabs(self.path) or ".." in self.path.split("/"):
            raise ValueError(self.path)
        return Path(settings.LIBRARY_DIR) / self.path

    def gone(self) -> FileIsGone:
        with suppress(OutsideLibrary):
            queue_scan(paths=[self.path])
        return FileIsGone("This file is not in the library folder as it was, so it is not sent; it is looked at now.")


class OpenedFile:
    """An open file that gives its bytes in pieces, each only while the file is still the one that was hashed."""

    def __init__(self, descriptor: int, size: int, mtime_ns: int) -> None:
        self._descriptor = descriptor
        self._size, self._mtime_ns = size, mtime_ns

    def is_unchanged(self) -> bool:
        found = os.fstat(self._descriptor)
        same = (found.st_size, found.st_mtime_ns) == (self._size, self._mtime_ns)
        return same and stat.S_ISREG(found.st_mode)

    def pieces(self, start: int, end: int) -> Iterator[bytes]:
        """The bytes from `start` up to but not including `end`. OSError if the file changes meanwhile.

        The device then sees a download that ends too early, and asks for the rest of what is not there any more.
        """
        while start < end:
            piece = os.pread(self._descriptor, min(CHUNK_BYTES, end - start), start)
            if not piece or not self.is_unchanged():
                raise OSError("The file changed while it was sent.")
            start += len(piece)
            yield piece

    def handed_on(self) -> "OpenedFile":
        """The same file for somebody else to close; this one is closed."""
        other = OpenedFile(self._descriptor, self._size, self._mtime_ns)
        self._descriptor = -1
        return other

    def close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def find_download(reader: Reader, book_id: int, file_id: int) -> Download:
    """A file of a book that the reader may see. NoSuchFile if there is none, FileIsGone if it went.

    The id of a book that was merged into another by hand stands for that one.
    """
    file = None
    if max(book_id, file_id) <= LARGEST_ID:
        book_id = standing_ids([book_id]).get(book_id, book_id)
        file = fetch_row(BookFile, "id = %s AND book_id = %s", [file_id, book_id])
    book = books_visible_to(reader).select_related("series").filter(pk=file.book_id).first() if file else None
    if file is None or book is None:
        raise NoSuchFile("There is no such file of such a book.")
    download = Download(
        path=file.path,
        name=name_of_file(book, file),
        format=file.format,
        size=file.size,
        mtime_ns=file.mtime_ns,
        sha256=file.sha256,
    )
    if not file.is_present:
        raise download.gone()
    return download
