"""Books merged and split by hand, with all that readers have of them.

First the books themselves are changed, in one transaction: from then on whoever names the book that was merged away is
answered for the other one. After that each reader's rows move, in that reader's turn. All readers are visited, since a
device may be reporting at this moment for a reader who had nothing of the book before. What a killed process left
undone is found by `finish_regroupings`, and doing the same once more finishes it too.
"""

import logging
from collections.abc import Callable, Iterable
from datetime import datetime
from functools import partial

from django.db import OperationalError, models, transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from accounts.models import Reader
from accounts.statements import take_turn_for
from library.describing import describe
from library.errors import LibraryError
from library.marks import marks_last, note_changed
from library.models import Book, BookFile, FileHash, FileLink, InboxItem
from reading.marks import mark_payload_stale, mark_statuses_stale
from reading.models import (
    BookDay,
    BookStatus,
    DeviceFile,
    Position,
    PositionWrite,
    RegroupedRow,
    Regrouping,
    Session,
    StatusFact,
)
from reading.positions import rebuild_position
from reading.sessions import move_sessions
from reading.turns import take_turn

logger = logging.getLogger(__name__)

TRIES = 3
MERGED = "Merged into this book by hand."
SPLIT_OFF = "Split off by hand."

Kind = RegroupedRow.Kind
# What a reader has of a book, beside sessions, places and what is derived from them.
_OF_READERS: dict[str, type[models.Model]] = {
    Kind.LINK: FileLink,
    Kind.DEVICE_FILE: DeviceFile,
    Kind.INBOX_ITEM: InboxItem,
    Kind.STATUS_FACT: StatusFact,
}
# Those that name a file, and when they came.
_SAID_AT: dict[str, str] = {Kind.LINK: "said_at", Kind.DEVICE_FILE: "seen_at"}


class CannotRegroup(LibraryError):
    """These books cannot be merged, or this file cannot be split off."""

    code = "cannot_regroup"


def merge_books(into: Book, other: Book) -> Book:
    """Make `other` one book with `into`, for all readers; `into` as it is then.

    What a person set of `into` stays, and describes both. `other` keeps its row, out of sight: devices go on naming it.
    """
    _finish(_retried(partial(_begin_merge, into.pk, other.pk)))
    return Book.objects.get(pk=into.pk)


def split_file(file: BookFile) -> Book:
    """Have a file be a book of its own, with what was read of it; that book.

    A file that came by a merge takes that merge back: its former book returns with its id and all that it had.
    """
    split = _retried(partial(_begin_split, file.pk))
    _finish(split)
    return Book.objects.get(pk=split.target_id)


def finish_regroupings() -> int:
    """Finish what killed processes left undone, and what came to merged books since; how much there was."""
    late = Book.objects.filter(merged_into__isnull=False).filter(Q(is_active=True) | Q(files__isnull=False)).distinct()
    for other in late.select_related("merged_into"):
        if other.merged_into is not None:
            _begin_merge(other.merged_into.pk, other.pk)
    waiting = list(Regrouping.objects.filter(finished_at=None).order_by("pk"))
    for each in waiting:
        _finish(each)
    return len(waiting)


def _retried(begin: Callable[[], Regrouping]) -> Regrouping:
    """A scan locks files first and then books: where the two wait for each other, the database ends one of them."""
    for _ in range(TRIES - 1):
        try:
            return begin()
        except OperationalError as error:
            logger.info("A merge or split begins anew: %s", error)
    return begin()


# One of them at a time, and each book once it is decided: the files are the library's, not a reader's.


def _locked_books(*ids: int) -> dict[int, Book]:
    take_turn_for("merging and splitting books")
    # Not FOR UPDATE: a device whose session refers to one of these books may be waited for, and wait in turn.
    books = Book.objects.select_for_update(no_key=True).filter(pk__in=ids).order_by("pk")
    return {book.pk: book for book in books}


@transaction.atomic
@marks_last()
def _begin_merge(into_id: int, other_id: int) -> Regrouping:
    books = _locked_books(into_id, other_id)
    if len({into_id, other_id}) < 2:
        raise CannotRegroup("A book cannot be merged into itself.")
    if len(books) < 2:
        raise CannotRegroup("One of these books does not exist any more.")
    into, other = books[into_id], books[other_id]
    merges = Regrouping.objects.filter(kind=Regrouping.Kind.MERGE, source=other, target=into, undone_by=None)
    merge = merges.order_by("-pk").first() if other.merged_into_id == into.pk else None
    if merge is None:
        for book in (into, other):
            if book.merged_into_id is not None:
                raise CannotRegroup(f"Book {book.pk} is merged into book {book.merged_into_id} already.")
        merge = Regrouping.objects.create(kind=Regrouping.Kind.MERGE, source=other, target=into)
    files = BookFile.objects.filter(book=other)
    _remember(merge, Kind.FILE, files.values_list("pk", flat=True))
    files.update(book=into, reason=MERGED)
    other.merged_into, other.is_active = into, False
    other.save(update_fields=["merged_into", "is_active"])
    note_changed([other.pk])
    other.keys.all().delete()
    describe(into)
    Regrouping.objects.filter(pk=merge.pk).update(finished_at=None)
    merge.finished_at = None
    return merge


@transaction.atomic
@marks_last()
def _begin_split(file_id: int) -> Regrouping:
    book_id = BookFile.objects.values_list("book", flat=True).filter(pk=file_id).first()
    if book_id is None:
        raise CannotRegroup("There is no such file.")
    merge = _merge_that_brought(file_id, book_id)
    books = _locked_books(book_id, *([merge.source_id] if merge else []))
    source = books[book_id]
    if merge is None:
        going = BookFile.objects.filter(pk=file_id, book=source)
    else:
        brought = merge.rows.filter(kind=Kind.FILE).values("row_id")
        going = BookFile.objects.filter(pk__in=brought, book=source)
    ids = list(going.values_list("pk", flat=True))
    if file_id not in ids or not source.files.exclude(pk__in=ids).exists():
        raise CannotRegroup("This is the only file of its book, so there is nothing to split it from.")
    target = books[merge.source_id] if merge else Book.objects.create(title="", title_key="")
    BookFile.objects.filter(pk__in=ids).update(book=target, reason=SPLIT_OFF)
    target.merged_into = None
    target.save(update_fields=["merged_into"])
    describe(target)
    describe(source)
    return Regrouping.objects.create(kind=Regrouping.Kind.SPLIT, source=source, target=target, undoes=merge)


def _merge_that_brought(file_id: int, book_id: int) -> Regrouping | None:
    """The merge that brought a file to this book, unless it was taken back."""
    merges = Regrouping.objects.filter(
        kind=Regrouping.Kind.MERGE, target=book_id, source__merged_into=book_id, undone_by=None
    )
    return merges.filter(rows__kind=Kind.FILE, rows__row_id=file_id).order_by("-pk").first()


def _finish(regrouping: Regrouping) -> None:
    source, target = regrouping.source, regrouping.target
    is_merge = regrouping.kind == Regrouping.Kind.MERGE
    share = None if is_merge else _Share(regrouping)
    # Unless somebody did the opposite in the meantime.
    still_holds = Book.objects.filter(pk=source.pk, merged_into=target) if is_merge else _unmerged(target)
    for reader in Reader.objects.order_by("pk").iterator():
        with transaction.atomic():
            take_turn(reader.pk)
            if not still_holds.exists():
                break
            for book in (source, target):
                _mark_if_read(reader, book)
            if share is None:
                _move_all(reader, source, target, merge=regrouping)
            else:
                _move_share(reader, source, target, share)
    Regrouping.objects.filter(pk=regrouping.pk).update(finished_at=timezone.now())


def _unmerged(book: Book) -> QuerySet[Book]:
    return Book.objects.filter(pk=book.pk, merged_into=None)


def _remember(merge: Regrouping, kind: str, ids: Iterable[int]) -> None:
    rows = [RegroupedRow(merge=merge, kind=kind, row_id=row_id) for row_id in ids]
    RegroupedRow.objects.bulk_create(rows, ignore_conflicts=True, batch_size=500)


def _move_all(reader: Reader, source: Book, target: Book, *, merge: Regrouping) -> None:
    """Move what a reader has of a merged book; in the reader's turn."""
    before = _places(reader, source)
    nested = _merged_into(source)  # what came from these goes on saying so
    for kind in (Session, PositionWrite):
        read = kind._default_manager.filter(reader=reader, book=source)
        read.exclude(claimed_book_id__in=nested).update(claimed_book_id=source.pk)
    move_sessions(reader, Session.objects.filter(reader=reader, book=source), to=target.pk)
    moved = PositionWrite.objects.filter(reader=reader, book=source).update(book=target)
    for name, model in _OF_READERS.items():
        rows = model._default_manager.filter(reader=reader, book=source)
        if model is InboxItem and InboxItem.objects.filter(reader=reader, book=target, delivered_at=None).exists():
            continue  # one of the two is enough, and this one would be missing after a split
        ids = list(rows.values_list("pk", flat=True))
        _remember(merge, name, ids)
        moved += rows.filter(pk__in=ids).update(book=target)
    if moved or before:
        rebuild_position(reader, target, told=before)
        Position.objects.filter(pk__in=[place.pk for place in before]).delete()
        _mark(reader, source, target)


class _Share:
    """What of a book's rows goes with the files that are split off."""

    def __init__(self, split: Regrouping) -> None:
        stays, goes = BookFile.objects.filter(book=split.source), BookFile.objects.filter(book=split.target)
        # A hash or name that a file that stays has too tells nothing.
        self.hashes = _hashes(goes) - _hashes(stays)
        self.names = set(goes.values_list("name_key", flat=True)) - set(stays.values_list("name_key", flat=True))
        self.merge = split.undoes
        # What the other book had when they were merged was not this one's, whatever file it names.
        self.since: datetime | None = self.merge.begun_at if self.merge else None
        self.claims = {split.target_id, *_merged_into(split.target)} if self.merge else set()
        self.claims_of_others = _merged_into(split.source)
        self.rows: dict[str, set[int]] = {}
        if self.merge is not None:
            for kind, row_id in self.merge.rows.values_list("kind", "row_id"):
                self.rows.setdefault(kind, set()).add(row_id)

    def arrived(self, field: str) -> Q:
        return Q(**{f"{field}__gte": self.since}) if self.since is not None else Q()

    def of_readings(self, files: list[int]) -> Q:
        """Sessions and writes: those that were the other book's, and those that name one of its files."""
        named = (Q(ko_md5__in=self.hashes) | Q(file__in=files)) & self.arrived("received_at")
        return Q(claimed_book_id__in=self.claims) | named & ~Q(claimed_book_id__in=self.claims_of_others)

    def of_rows(self, kind: str) -> Q:
        given_back = Q(pk__in=self.rows.get(kind, ()))
        if kind not in _SAID_AT:
            return given_back
        of_file = Q(ko_md5__in=self.hashes) | Q(ko_md5="", name_key__in=self.names)
        return given_back | of_file & self.arrived(_SAID_AT[kind])


def _hashes(files: QuerySet[BookFile]) -> set[str]:
    return set(FileHash.objects.filter(file__in=files).values_list("ko_md5", flat=True))


def _move_share(reader: Reader, source: Book, target: Book, share: _Share) -> None:
    """Move what goes with the split-off files of what a reader has; in the reader's turn."""
    before = _places(reader, source)
    files = DeviceFile.objects.filter(share.of_rows(Kind.DEVICE_FILE), reader=reader, book=source)
    going = share.of_readings(list(files.values_list("pk", flat=True)))
    move_sessions(reader, Session.objects.filter(going, reader=reader, book=source), to=target.pk)
    moved = PositionWrite.objects.filter(going, reader=reader, book=source).update(book=target)
    for kind in (Session, PositionWrite):
        kind._default_manager.filter(reader=reader, book=target, claimed_book_id=target.pk).update(claimed_book_id=None)
    for name, model in _OF_READERS.items():
        moved += model._default_manager.filter(share.of_rows(name), reader=reader, book=source).update(book=target)
    if moved:
        rebuild_position(reader, source)
        rebuild_position(reader, target, told=before)
        _mark(reader, source, target)


def _places(reader: Reader, book: Book) -> list[Position]:
    return list(Position.objects.select_for_update().filter(reader=reader, book=book))


def _mark(reader: Reader, source: Book, target: Book) -> None:
    mark_statuses_stale(reader.pk, [source.pk, target.pk])
    mark_payload_stale(reader.pk)


def _mark_if_read(reader: Reader, book: Book) -> None:
    """The statistics name the books that were read, and one of them may be called otherwise now."""
    if any(kind._default_manager.filter(reader=reader, book=book).exists() for kind in (BookDay, BookStatus)):
        mark_payload_stale(reader.pk)


def _merged_into(book: Book) -> set[int]:
    """The books that were merged into this one, and into those."""
    found: set[int] = set()
    step = {book.pk}
    while step:
        step = set(Book.objects.filter(merged_into__in=step).values_list("pk", flat=True)) - found - {book.pk}
        found |= step
    return found
