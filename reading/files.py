"""Files on devices: which book one is, and what waits under it while that is not known."""

import unicodedata
from dataclasses import dataclass
from typing import Any

from django.utils import timezone

from accounts.models import Reader
from library.hashes import digest_number
from library.models import Book
from library.resolving import resolve
from matching.deciding import Clue
from matching.names import base_name, file_name_key
from reading.models import DeviceFile


@dataclass(frozen=True)
class FileReport:
    """A file as a device describes it; `authors` as KOReader has them, one a line.

    `document` is what KOSync calls it, see `reading.documents`; empty if the plugin tells of it.
    """

    filename: str
    ko_md5: str = ""
    size: int | None = None
    folder: str = ""
    title: str = ""
    authors: str = ""
    document: str = ""

    def as_clue(self) -> Clue:
        return Clue(
            filename=self.filename,
            ko_md5=self.ko_md5,
            size=self.size,
            folder=self.folder,
            title=self.title,
            authors=tuple(self.authors.splitlines()),
        )


def book_of_file(reader: Reader, file: FileReport) -> tuple[Book | None, DeviceFile | None]:
    """The book that a file is, and the row under which to keep what is said of it; without a book there is one always.

    With a book there is one where nothing else would tell later what came through this file: it has no hash, or it is
    known by what the reader said of it, perhaps of its name alone, and may take back.
    """
    found = resolve(reader, file.as_clue())
    if found.book is None:
        return None, remember_file(reader, file)
    is_told_by_hash = file.ko_md5 != "" and found.method != "link"
    return found.book, None if is_told_by_hash else _traced_file(reader, file, found.book)


def remember_file(reader: Reader, file: FileReport, *, book: Book | None = None) -> DeviceFile:
    """Keep a file that is no known book, so that the reader can be asked, and an import can find it.

    Whatever it was taken for before, it is `book` now.
    """
    kept, _ = DeviceFile.objects.update_or_create(**_key(reader, file), defaults=_described(file) | {"book": book})
    return kept


def document_key(document: str) -> str:
    """What a document is kept under: as a file name where it could be one, since some clients send just that."""
    if base_name(document) == document:
        return file_name_key(document)
    return unicodedata.normalize("NFC", document.casefold())


def _traced_file(reader: Reader, file: FileReport, book: Book) -> DeviceFile:
    kept, is_new = DeviceFile.objects.get_or_create(**_key(reader, file), defaults=_described(file) | {"book": book})
    # One without a book may have something waiting under it: that is `reading.links.adopt`'s to hand over.
    if not is_new and kept.book_id not in (None, book.pk):
        kept.book = book
        kept.save(update_fields=["book"])
    return kept


def _key(reader: Reader, file: FileReport) -> dict[str, Any]:
    key = document_key(file.document) if file.document else file_name_key(file.filename)
    return {"reader": reader, "name_key": key[:1000], "ko_md5": file.ko_md5}


def document_fields(file: FileReport) -> dict[str, Any]:
    """What is kept of a document beside what is kept of every file."""
    return {"document": file.document, "name_digest": digest_number(file.ko_md5) if file.ko_md5 else None}


def _described(file: FileReport) -> dict[str, Any]:
    # A file that KOSync told of may be told of by the plugin too, and stays a document.
    return (document_fields(file) if file.document else {}) | {
        "filename": file.filename[:1000],
        "size": file.size,
        "folder": file.folder[:1000],
        "title": file.title[:1000],
        "authors": file.authors[:1000],
        "seen_at": timezone.now(),
    }


def report_of(kept: DeviceFile) -> FileReport:
    """A kept file as its device described it."""
    return FileReport(
        kept.filename, kept.ko_md5, kept.size, kept.folder, kept.title, kept.authors, document=kept.document
    )
