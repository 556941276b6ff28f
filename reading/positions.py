"""One current place for a reader and a book, and its history.

A write wins by when the page was read, not by when it arrived. The rules stand in docs/protocol.md; each is a function
below.
"""

from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import QuerySet

from accounts.models import Device, Reader
from accounts.statements import fetch_row, insert_rows, update_row
from library.models import Book, BookFile
from reading.clocks import Clock
from reading.locators import read_locator
from reading.marks import mark_statuses_stale
from reading.models import DeviceFile, LocatorKind, Position, PositionWrite

Verdict = PositionWrite.Verdict
UNNAMED_DEVICE = "unknown"


@dataclass(frozen=True)
class PlaceReport:
    """A place as a device reports it: `percentage` is a fraction 0..1, times are by the device's own clock."""

    percentage: float
    progress: str | None = None
    read_at: datetime | None = None
    base_revision: int | None = None
    ko_md5: str = ""


@dataclass(frozen=True)
class Place:
    """A place as one client may use it: `progress` is empty where that client could not."""

    book_id: int
    percentage: float
    progress: str
    device: str
    device_identifier: str
    updated_at: datetime
    read_at: datetime
    revision: int
    precision: str


@dataclass(frozen=True)
class PlaceVerdict:
    """What became of a write. `current` is the place that won, where this one lost."""

    verdict: str
    revision: int | None = None
    current: Place | None = None


@transaction.atomic(savepoint=False)
def record_position(reader: Reader, book: Book, report: PlaceReport, *, device: Device, clock: Clock) -> PlaceVerdict:
    """Store a place if it wins; keep it in the history in any case.

    `device.last_contact_at` must be from before this request.
    """
    locator = read_locator(report.progress)
    percentage = min(max(report.percentage, 0.0), 1.0)
    read_at = clock.of_position(report.read_at)
    write = PositionWrite(
        reader=reader,
        book=book,
        device=device,
        percentage=percentage,
        progress=locator.progress,
        kind=locator.kind,
        ko_md5=report.ko_md5,
        read_at=read_at,
        claimed_read_at=report.read_at,
        received_at=clock.now,
        base_revision=report.base_revision,
    )
    current, is_first = _locked(write)
    if not is_first:
        if _repeats_current(write, current):
            return PlaceVerdict(Verdict.STORED, current.revision)
        if _loses(write, current):
            write.verdict = Verdict.STALE
            if not _is_in_history(write):
                insert_rows([write])
            return PlaceVerdict(
                Verdict.STALE, current.revision, place_for(current, device=device, ko_md5=report.ko_md5)
            )
        current.revision += 1
        _move(current, write)
    write.verdict = Verdict.STORED
    write.revision = current.revision
    insert_rows([write])
    mark_statuses_stale(reader.pk, [book.pk])
    return PlaceVerdict(Verdict.STORED, current.revision)


def _locked(write: PositionWrite) -> tuple[Position, bool]:
    """The current place, locked until the transaction ends; and whether this write just made it."""
    reader_id, book_id = write.reader_id, write.book_id
    assert book_id is not None  # a parked write has its book before it takes part
    current = fetch_row(Position, "reader_id = %s AND book_id = %s", [reader_id, book_id], lock=True)
    if current is not None:
        return current, False
    places = Position.objects.select_for_update()
    defaults = _moved_to(write) | {"revision": 1}
    return places.get_or_create(reader_id=reader_id, book_id=book_id, defaults=defaults)


def _moved_to(write: PositionWrite) -> dict[str, object]:
    return {
        "percentage": write.percentage,
        "progress": write.progress,
        "kind": write.kind,
        "ko_md5": write.ko_md5,
        "device": write.device,
        "device_name": write.device.name if write.device else "",
        "read_at": write.read_at,
        "claimed_read_at": write.claimed_read_at,
        "updated_at": write.received_at,
        "is_cleared": False,
    }


def _move(current: Position, write: PositionWrite) -> None:
    moved = _moved_to(write)
    for field, value in moved.items():
        setattr(current, field, value)
    update_row(current, [*moved, "revision"])


def _repeats_current(write: PositionWrite, current: Position) -> bool:
    """Whether this is the current write once more: its answer was lost on the way."""
    return (
        write.claimed_read_at is not None
        and not current.is_cleared
        and write.device_id == current.device_id
        and (write.claimed_read_at, write.percentage, write.progress, write.kind)
        == (current.claimed_read_at, current.percentage, current.progress, current.kind)
    )


def _is_in_history(write: PositionWrite) -> bool:
    return (
        write.claimed_read_at is not None
        and _writes_of_device(write).filter(claimed_read_at=write.claimed_read_at, verdict=Verdict.STALE).exists()
    )


def _loses(write: PositionWrite, current: Position) -> bool:
    if _builds_on_an_older_revision(write, current):
        return True
    if write.claimed_read_at is None:
        return _repeats_an_earlier_write(write, current) or _would_undo_reading_elsewhere(write, current)
    return write.read_at < current.read_at


def _builds_on_an_older_revision(write: PositionWrite, current: Position) -> bool:
    """The device did not know the present place, and another device wrote it."""
    if write.base_revision is None or write.base_revision >= current.revision:
        return False
    return (
        PositionWrite.objects.filter(reader=write.reader, book=write.book_id, revision__gt=write.base_revision)
        .exclude(device=write.device)
        .exists()
    )


def _writes_of_device(write: PositionWrite) -> QuerySet[PositionWrite]:
    return PositionWrite.objects.filter(
        reader=write.reader,
        book=write.book_id,
        device=write.device,
        percentage=write.percentage,
        progress=write.progress,
    )


def _repeats_an_earlier_write(write: PositionWrite, current: Position) -> bool:
    """Older plugins push the same place on every resume, and KOSync clients replay a queue without its times."""
    earlier = _writes_of_device(write)
    if current.is_cleared:  # what was read before the reader set the book unread says nothing about now
        earlier = earlier.filter(received_at__gt=current.read_at)
    return earlier.exists()


def _would_undo_reading_elsewhere(write: PositionWrite, current: Position) -> bool:
    """It lies behind a place that was read on another device after this one was last heard of."""
    if current.is_cleared or write.percentage >= current.percentage or current.device_id == write.device_id:
        return False
    last_contact = write.device.last_contact_at if write.device else None
    return last_contact is None or current.read_at > last_contact


def park_position(
    reader: Reader, file: DeviceFile, report: PlaceReport, *, device: Device, clock: Clock
) -> PlaceVerdict:
    """Keep a place in a file that is no known book yet, until somebody says which book it is."""
    locator = read_locator(report.progress)
    said = {
        "reader": reader,
        "file": file,
        "device": device,
        "percentage": min(max(report.percentage, 0.0), 1.0),
        "progress": locator.progress,
        "kind": locator.kind,
        "ko_md5": report.ko_md5 or file.ko_md5,
        "claimed_read_at": report.read_at,
        "verdict": Verdict.PARKED,
    }
    is_repeated = report.read_at is not None and PositionWrite.objects.filter(**said).exists()
    if not is_repeated:
        PositionWrite.objects.create(
            **said,
            read_at=clock.of_position(report.read_at),
            received_at=clock.now,
            base_revision=report.base_revision,
        )
    return PlaceVerdict(Verdict.STORED)


def adopt_parked_positions(reader: Reader, file: DeviceFile, book: Book) -> None:
    """Let the places parked under a file take part, in the order in which they were read: its book is known now."""
    parked = PositionWrite.objects.filter(reader=reader, file=file, verdict=Verdict.PARKED).select_related("device")
    for write in parked.order_by("read_at", "pk"):
        write.book = book
        current, is_first = _locked(write)
        if not is_first and write.read_at < current.read_at:
            write.verdict = Verdict.STALE
        else:
            if not is_first:
                current.revision += 1
                _move(current, write)
            write.verdict = Verdict.STORED
            write.revision = current.revision
        write.save(update_fields=["book", "verdict", "revision"])
    mark_statuses_stale(reader.pk, [book.pk])


def current_place(
    reader: Reader, book: Book, *, device: Device | None = None, ko_md5: str = "", wanted: str = ""
) -> Place | None:
    """The reader's place in a book, as the asking device and file can use it; None where there is none."""
    current = fetch_row(Position, "reader_id = %s AND book_id = %s", [reader.pk, book.pk])
    return place_for(current, device=device, ko_md5=ko_md5, wanted=wanted) if current else None


def place_for(current: Position, *, device: Device | None, ko_md5: str = "", wanted: str = "") -> Place | None:
    """A stored place for one client. `wanted` is the only kind of locator that it takes; who asks for none gets no CFI.

    The locator is left out unless the client's file is the one that it belongs to: elsewhere it would lead anywhere.
    """
    if current.is_cleared:
        return None
    kinds = {wanted} if wanted else {LocatorKind.XPOINTER, LocatorKind.PAGE}
    usable = current.kind in kinds and current.progress != "" and _is_same_file(current, device, ko_md5)
    return Place(
        book_id=current.book_id,
        percentage=current.percentage,
        progress=current.progress if usable else "",
        device=current.device_name or UNNAMED_DEVICE,
        device_identifier=current.device.identifier if current.device else "",
        updated_at=current.updated_at,
        read_at=current.read_at,
        revision=current.revision,
        precision="exact" if usable else "percent",
    )


def _is_same_file(current: Position, device: Device | None, ko_md5: str) -> bool:
    """Whether the asking client has the file in which the place was written.

    A client that names no file is taken to have the one that its device last wrote of, and failing that the writer's.
    """
    asking = ko_md5 or (last_file(current.reader_id, current.book_id, device) if device else "")
    if not asking:
        return True
    if device is not None and current.device_id == device.pk and not current.ko_md5:
        return True
    return asking == (current.ko_md5 or _only_file(current.book_id))


def last_file(reader_id: int, book_id: int, device: Device) -> str:
    """The partial MD5 of the file that a device last named with a place in this book; empty if it never did."""
    writes = PositionWrite.objects.filter(reader_id=reader_id, book_id=book_id, device=device).exclude(ko_md5="")
    return writes.order_by("-pk").values_list("ko_md5", flat=True).first() or ""


def _only_file(book_id: int) -> str:
    """The partial MD5 of a book's file if it has just one: older plugins do not say which file they read."""
    hashes = list(BookFile.objects.filter(book_id=book_id, is_present=True).values_list("ko_md5", flat=True)[:2])
    return hashes[0] if len(hashes) == 1 else ""


@transaction.atomic
def clear_place(reader: Reader, book: Book, *, now: datetime) -> None:
    """Forget the place in a book: what was read before this moment brings it back no more."""
    current = Position.objects.select_for_update().filter(reader=reader, book=book).first()
    if current is None or current.is_cleared:
        return
    current.percentage, current.progress, current.kind = 0.0, "", LocatorKind.NONE
    current.is_cleared, current.read_at, current.updated_at = True, now, now
    current.claimed_read_at = None
    current.revision += 1
    current.save(force_update=True)
