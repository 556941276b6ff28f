"""Files on devices: which book one is, and what waits under it while that is not known."""

from dataclasses import dataclass

from django.utils import timezone

from accounts.models import Reader
from library.models import Book
from library.resolving import resolve
from matching.deciding import Clue
from matching.names import file_name_key
from reading.models import DeviceFile


@dataclass(frozen=True)
class FileReport:
    """A file as a device describes it; `authors` as KOReader has them, one a line."""

    filename: str
    ko_md5: str = ""
    size: int | None = None
    folder: str = ""
    title: str = ""
    authors: str = ""

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
    """The book that a file is; where that is not known, the row under which to keep what is said of it."""
    book = resolve(reader, file.as_clue()).book
    return (book, None) if book is not None else (None, remember_file(reader, file))


def remember_file(reader: Reader, file: FileReport) -> DeviceFile:
    """Keep a file that is no known book, so that the reader can be asked, and an import can find it."""
    described = {
        "filename": file.filename[:1000],
        "size": file.size,
        "folder": file.folder[:1000],
        "title": file.title[:1000],
        "authors": file.authors[:1000],
        "seen_at": timezone.now(),
        "book": None,  # whatever it was taken for before
    }
    kept, _ = DeviceFile.objects.update_or_create(
        reader=reader, name_key=file_name_key(file.filename)[:1000], ko_md5=file.ko_md5, defaults=described
    )
    return kept
