"""What a reader says about a file: that it is a certain book, or none, or that they take it back."""

from collections.abc import Iterable

from django.db import transaction
from django.db.models import Q

from accounts.models import Reader
from library.models import Book, BookFile, FileHash, FileLink
from library.resolving import resolve
from matching.names import file_name_key
from reading.files import FileReport, remember_file
from reading.marks import mark_payload_stale
from reading.models import DeviceFile, Session
from reading.positions import adopt_parked_positions
from reading.sessions import counts, mark_affected
from reading.turns import take_turn


@transaction.atomic
def link_file(reader: Reader, file: FileReport, book: Book) -> None:
    """Say that this file is that book. What was kept of the file until now belongs to the book from here on."""
    take_turn(reader.pk)
    _say(reader, file, book)
    for kept in _kept_files(reader, file):
        adopt(kept, book)


@transaction.atomic
def link_to_none(reader: Reader, file: FileReport) -> None:
    """Say that this file is none of the books, so that none is offered again."""
    take_turn(reader.pk)
    _say(reader, file, None)


@transaction.atomic
def unlink_file(reader: Reader, file: FileReport) -> None:
    """Take back what was said of this file."""
    take_turn(reader.pk)
    FileLink.objects.filter(reader=reader, name_key=file_name_key(file.filename)[:1000], ko_md5=file.ko_md5).delete()
    remember_file(reader, file)


def _say(reader: Reader, file: FileReport, book: Book | None) -> None:
    FileLink.objects.update_or_create(
        reader=reader,
        name_key=file_name_key(file.filename)[:1000],
        ko_md5=file.ko_md5,
        defaults={"filename": file.filename[:1000], "size": file.size, "book": book},
    )


def _kept_files(reader: Reader, file: FileReport) -> Iterable[DeviceFile]:
    """The rows that describe the file of a link: of its hash, or of its name where one of them has no hash."""
    name_key = file_name_key(file.filename)[:1000]
    same = Q(name_key=name_key, ko_md5=file.ko_md5) | Q(name_key=name_key, ko_md5="")
    if file.ko_md5:
        same |= Q(ko_md5=file.ko_md5) & (Q(size=file.size) | Q(size=None) if file.size is not None else Q())
    else:
        same |= Q(name_key=name_key)
    return DeviceFile.objects.filter(same, reader=reader).order_by("pk")


@transaction.atomic
def adopt(file: DeviceFile, book: Book) -> None:
    """Hand everything that was kept under a file over to the book that it turned out to be."""
    reader = file.reader
    take_turn(reader.pk)
    DeviceFile.objects.filter(pk=file.pk).update(book=book)
    sessions = list(Session.objects.select_for_update().filter(reader=reader, file=file, book=None).order_by("pk"))
    for session in sessions:
        session.book = book
    Session.objects.bulk_update(sessions, ["book"])
    mark_affected(reader, [session for session in sessions if counts(session)])
    if sessions:
        mark_payload_stale(reader.pk)
    adopt_parked_positions(reader, file, book)


def adopt_known_files() -> int:
    """Find the books of the files that were unknown when devices reported them; how many were found.

    Called after an import. Only files whose hash or base name the library now holds are looked at.
    """
    unknown = DeviceFile.objects.filter(book=None).select_related("reader")
    candidates = unknown.filter(
        Q(ko_md5__in=FileHash.objects.values("ko_md5")) | Q(name_key__in=BookFile.objects.values("name_key"))
    )
    found = 0
    for file in candidates.order_by("pk").iterator():
        report = FileReport(file.filename, file.ko_md5, file.size, file.folder, file.title, file.authors)
        book = resolve(file.reader, report.as_clue()).book
        if book is not None:
            adopt(file, book)
            found += 1
    return found
