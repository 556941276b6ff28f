"""What a reader says about a file: that it is a certain book, or none, or that they take it back.

Everything that came to a book through the file goes along: what waited under it, what was sent of it since, and what a
device sent with a book's id while it read this file. Nothing is deleted: what is no book's waits under the file.
"""

from collections.abc import Callable, Collection

from django.db import transaction
from django.db.models import F, Max, Q, QuerySet
from django.utils import timezone

from accounts.models import Reader
from library.models import Book, BookFile, FileHash, FileLink, FileNameDigest
from library.queries import standing_book
from library.resolving import resolve
from matching.names import file_name_key
from reading.documents import book_of_report, hash_of_contents, name_md5s
from reading.files import FileReport, document_key, remember_file, report_of
from reading.marks import mark_payload_stale, mark_statuses_stale
from reading.models import DeviceFile, PositionWrite, Session
from reading.positions import adopt_parked_positions, park_writes, rebuild_position, settle_parked
from reading.sessions import move_sessions
from reading.turns import take_turn

# Looking one up takes some milliseconds, for which the statistics' worker does nothing else.
LOOKED_UP_AT_ONCE = 200
HELD_AT_ONCE = 1000  # those seen last; far more are ambiguous for ever, and need their reader's word

# What a kept file is, once the reader has spoken.
Answer = Callable[[FileReport], Book | None]


@transaction.atomic
def link_file(reader: Reader, file: FileReport, book: Book) -> None:
    """Say that this file is that book. What was kept of the file until now belongs to the book from here on."""
    take_turn(reader.pk)
    book = standing_book(book)
    _say(reader, file, book)
    _settle(reader, file, _said(reader, book), from_books=None)


@transaction.atomic
def link_to_none(reader: Reader, file: FileReport) -> None:
    """Say that this file is none of the books, so that none is offered again."""
    take_turn(reader.pk)
    _say(reader, file, None)
    _settle(reader, file, _said(reader, None), from_books=None)


@transaction.atomic
def unlink_file(reader: Reader, file: FileReport) -> None:
    """Take back all that was said of this file, by its contents or by its name."""
    take_turn(reader.pk)
    links = _links_of(reader, file)
    books = {link.book_id for link in links if link.book_id is not None}
    FileLink.objects.filter(pk__in=[link.pk for link in links]).delete()
    _settle(reader, file, lambda kept: book_of_report(reader, kept), from_books=books)
    if not _kept_files(reader, file).exists() and book_of_report(reader, file) is None:
        remember_file(reader, file)  # to be asked about again


def _say(reader: Reader, file: FileReport, book: Book | None) -> None:
    FileLink.objects.update_or_create(
        reader=reader,
        name_key=file_name_key(file.filename)[:1000],
        ko_md5=file.ko_md5,
        defaults={"filename": file.filename[:1000], "size": file.size, "book": book},
    )


def _said(reader: Reader, book: Book | None) -> Answer:
    """What was said, but for a file about which something else was said."""

    def answer(kept: FileReport) -> Book | None:
        found = resolve(reader, kept.as_clue())
        return found.book if found.method == "link" else book

    return answer


def _links_of(reader: Reader, file: FileReport) -> list[FileLink]:
    """What was said that speaks of this file: of its hash, whatever the file was called then, and of its name alone."""
    speaks = Q(ko_md5="", name_key=file_name_key(file.filename)[:1000])
    if file.ko_md5:
        speaks |= Q(ko_md5=file.ko_md5) & _same_size(file)
    return list(FileLink.objects.filter(speaks, reader=reader))


def _same_size(file: FileReport) -> Q:
    """Two files can share a hash; those whose sizes are known to differ are not the same."""
    return Q(size=file.size) | Q(size=None) if file.size is not None else Q()


def _kept_files(reader: Reader, file: FileReport) -> QuerySet[DeviceFile]:
    """The rows that describe the file of a link: of its hash, or of its name where one of them has no hash.

    And those of documents that are the MD5 of its name, or are called so.
    """
    name_key = file_name_key(file.filename)[:1000]
    same = Q(name_key=name_key, ko_md5=file.ko_md5) | Q(name_key=name_key, ko_md5="")
    same |= Q(document__in=name_md5s(file.filename))
    is_called_so = ~Q(document="") & Q(filename=file.filename)
    if file.ko_md5:
        same |= Q(ko_md5=file.ko_md5) & _same_size(file)
        same |= is_called_so & Q(ko_md5="")
    else:
        same |= Q(name_key=name_key) | is_called_so
    if file.document:
        same |= Q(name_key=document_key(file.document), ko_md5=file.ko_md5)
    return DeviceFile.objects.filter(same, reader=reader).order_by("pk")


def _settle(reader: Reader, file: FileReport, answer: Answer, *, from_books: Collection[int] | None) -> None:
    """Bring all that was reported of a file to the book that it is now; in the reader's turn.

    It is taken from `from_books`, or from any book where that is None.
    """
    taken = Q(book__isnull=False) if from_books is None else Q(book__in=from_books)
    kept_files = list(_kept_files(reader, file))
    for kept in kept_files:
        _move(reader, taken & Q(file=kept), kept, answer(report_of(kept)))
    if not file.ko_md5:
        return
    # What was sent with a book's id names the file by its hash alone.
    book = answer(file)
    by_hash = Q(file=None, ko_md5=file.ko_md5)
    away = taken & by_hash & ~Q(book=book)
    if from_books is None:
        away &= ~Q(book__in=_books_of_twins(file))
    if any(kind.objects.filter(away, reader=reader).exists() for kind in (Session, PositionWrite)):
        named = [kept for kept in kept_files if kept.ko_md5 == file.ko_md5]
        _move(reader, away, named[0] if named else remember_file(reader, file), book)
    if book is not None:
        move_sessions(reader, Session.objects.filter(by_hash, reader=reader, book=None), to=book.pk)


def _books_of_twins(file: FileReport) -> QuerySet[FileHash, int]:
    """The books that hold another file with the same hash: a hash alone may speak of either."""
    twins = FileHash.objects.filter(ko_md5=file.ko_md5)
    twins = twins.exclude(size=file.size) if file.size is not None else twins.none()
    return twins.values_list("file__book", flat=True)


def _move(reader: Reader, taken: Q, kept: DeviceFile, book: Book | None) -> None:
    """Have these sessions and places be of this book, or wait under the file where it is none."""
    if book is not None:
        taken &= ~Q(book=book)
    writes = PositionWrite.objects.filter(taken, reader=reader)
    left = set(writes.order_by().values_list("book_id", flat=True).distinct())
    move_sessions(reader, Session.objects.filter(taken, reader=reader), to=None, file=kept, claimed_book_id=None)
    park_writes(writes, kept)
    if book is None:
        settle_parked(kept)
    for each in Book.objects.filter(pk__in=left).order_by("pk"):
        rebuild_position(reader, each)
        mark_statuses_stale(reader.pk, [each.pk])
        mark_payload_stale(reader.pk)
    if book is not None:
        hand_over(reader, kept, book)
    elif not kept.sessions.exclude(book=None).exists() and not kept.position_writes.exclude(book=None).exists():
        DeviceFile.objects.filter(pk=kept.pk).update(book=None)


@transaction.atomic
def adopt(file: DeviceFile, book: Book) -> None:
    """Hand everything that was kept under a file over to the book that it turned out to be."""
    take_turn(file.reader_id)
    hand_over(file.reader, file, standing_book(book))


def hand_over(reader: Reader, file: DeviceFile, book: Book) -> None:
    """Hand everything that was kept under a file over to a book; in the reader's turn."""
    ko_md5 = hash_of_contents(reader, report_of(file), book) if file.document else ""
    DeviceFile.objects.filter(pk=file.pk).update(book=book)
    move_sessions(reader, Session.objects.filter(reader=reader, file=file, book=None), to=book.pk)
    adopt_parked_positions(reader, file, book, ko_md5=ko_md5)


def adopt_known_files(limit: int = LOOKED_UP_AT_ONCE) -> tuple[int, bool]:
    """Find the books of files that were unknown when devices reported them; how many, and whether more wait.

    Called after an import. Files whose hash or base name, or the MD5 of that, the library now holds are always looked
    up; the others by what their names say, if a book was described since the last time, no more than `limit` of them.
    """
    unknown = DeviceFile.objects.filter(book=None).select_related("reader").order_by("-seen_at", "-pk")
    held = Q(ko_md5__in=FileHash.objects.values("ko_md5")) | Q(name_key__in=BookFile.objects.values("name_key"))
    held |= Q(name_digest__in=FileNameDigest.objects.values("digest"))
    newest = Book.objects.aggregate(newest=Max("described_at"))["newest"]
    behind = unknown.filter(Q(looked_up_at=None) | Q(looked_up_at__lte=newest)) if newest else unknown.none()
    by_name = list(behind.order_by(F("looked_up_at").asc(nulls_first=True), "pk")[: limit + 1])
    files = {file.pk: file for file in [*unknown.filter(held)[:HELD_AT_ONCE], *by_name[:limit]]}
    now = timezone.now()  # before looking: a book that is described meanwhile is looked for again
    found = 0
    for _, file in sorted(files.items()):
        book = book_of_report(file.reader, report_of(file))
        if book is not None:
            adopt(file, book)
            found += 1
    DeviceFile.objects.filter(pk__in=files).update(looked_up_at=now)
    return found, len(by_name) > limit
