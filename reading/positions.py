"""One current place for a reader and a book, and its history.

A write wins by when the page was read, not by when it arrived. The rules stand in docs/protocol.md; each is a function
below.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from django.db import transaction
from django.db.models import Max, QuerySet
from django.utils import timezone

from accounts.devices import contact_before_run
from accounts.models import Device, Reader
from accounts.statements import fetch_row, insert_rows, update_row
from library.models import Book, BookFile
from reading.clocks import EARLIEST, Clock
from reading.locators import read_locator
from reading.marks import mark_statuses_stale
from reading.models import DeviceFile, LocatorKind, Position, PositionWrite, StatusFact, StatusState

Verdict = PositionWrite.Verdict
UNNAMED_DEVICE = "unknown"


@dataclass(frozen=True)
class PlaceReport:
    """A place as a device reports it: `percentage` is a fraction 0..1, times are by the device's own clock.

    Without a percentage it is as far as the place that it takes over from. `is_answered` is whether the device is told
    of the current place; if not, what it sends next may have been waiting as long as this.
    """

    percentage: float | None
    progress: str | None = None
    read_at: datetime | None = None
    base_revision: int | None = None
    ko_md5: str = ""
    is_answered: bool = True


@dataclass(frozen=True)
class Place:
    """A place as one client may use it: `progress` is empty where that client could not.

    One that is parked has no book, and 0 for a revision.
    """

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
def record_position(
    reader: Reader,
    book: Book,
    report: PlaceReport,
    *,
    device: Device,
    clock: Clock,
    file: DeviceFile | None = None,
    claimed_book_id: int | None = None,
) -> PlaceVerdict:
    """Store a place if it wins; keep it in the history in any case.

    `device` must be as it was before this request. `file` and `claimed_book_id` say how the device named the
    book, where that may have to be taken back.
    """
    locator = read_locator(report.progress)
    read_at = clock.of_position(report.read_at)
    write = PositionWrite(
        reader=reader,
        book=book,
        claimed_book_id=claimed_book_id,
        file=file,
        device=device,
        percentage=_fraction(report),
        progress=locator.progress,
        kind=locator.kind,
        ko_md5=report.ko_md5,
        read_at=read_at,
        claimed_read_at=report.read_at,
        received_at=clock.now,
        base_revision=report.base_revision,
    )
    write.contact_before_at = _contact_before(write, report, clock)
    current, is_first = _locked(write)
    if not is_first:
        if _repeats_current(write, current):
            return PlaceVerdict(Verdict.STORED, current.revision)
        if _loses(write, current, _StoredHistory()):
            write.verdict = Verdict.STALE
            if not _is_in_history(write):
                insert_rows([write])
            return PlaceVerdict(
                Verdict.STALE, current.revision, place_for(current, device=device, ko_md5=report.ko_md5)
            )
        if report.percentage is None:
            write.percentage = current.percentage
        current.revision += 1
        _move(current, write)
    write.verdict = Verdict.STORED
    write.revision = current.revision
    insert_rows([write])
    mark_statuses_stale(reader.pk, [book.pk])
    return PlaceVerdict(Verdict.STORED, current.revision)


def _fraction(report: PlaceReport) -> float:
    """The percentage; the start where it is not known, which is behind any other place and takes over from none."""
    return min(max(report.percentage or 0.0, 0.0), 1.0)


def _contact_before(write: PositionWrite, report: PlaceReport, clock: Clock) -> datetime | None:
    """When a device that does not say when a page was read was last heard of, or told what it would overwrite.

    One that is not told of the current place may be sending a queue, and stop and go on with it later. What counts is
    when it last wrote of this very book or file, in a run of requests before the present one.
    """
    device = write.device
    if report.read_at is not None or device is None:
        return None
    if report.is_answered:
        return device.last_contact_at or EARLIEST
    before = contact_before_run(device, now=clock.now)
    if before is None:
        return EARLIEST
    earlier = _of_device(write).filter(received_at__lte=before)
    last: datetime | None = earlier.aggregate(last=Max("received_at"))["last"]
    return last or EARLIEST


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


class _History(Protocol):
    """What was written of a book before a write."""

    def went_on_elsewhere(self, write: PositionWrite) -> bool:
        """Whether another device made a revision after the one that this write builds on."""

    def has_same(self, write: PositionWrite, *, after: datetime | None) -> bool:
        """Whether this device wrote the same before, and the server heard it after that moment."""

    def last_contact(self, write: PositionWrite) -> datetime | None:
        """When the server last heard of this write's device before."""


class _StoredHistory:
    """The history of a write that is not in it yet."""

    def went_on_elsewhere(self, write: PositionWrite) -> bool:
        since = PositionWrite.objects.filter(
            reader=write.reader_id, book=write.book_id, revision__gt=write.base_revision
        )
        return since.exclude(device=write.device_id).exists()

    def has_same(self, write: PositionWrite, *, after: datetime | None) -> bool:
        earlier = _writes_of_device(write)
        return (earlier if after is None else earlier.filter(received_at__gt=after)).exists()

    def last_contact(self, write: PositionWrite) -> datetime | None:
        return write.contact_before_at


class _ReplayedHistory:
    """The history of a write that arrived some time ago, told write by write.

    Of an old write it is not known whether its device was heard of before without writing, which makes it lose at most.
    """

    def __init__(self) -> None:
        self.revision = 0
        self._revisions: dict[int | None, int] = {}
        self._contacts: dict[int | None, datetime] = {}
        self._same: dict[tuple[int | None, float, str], datetime] = {}

    def add(self, write: PositionWrite) -> None:
        device = write.device_id
        made = write.revision or 0
        self.revision = max(self.revision, made)
        self._revisions[device] = max(self._revisions.get(device, 0), made)
        self._contacts[device] = write.received_at
        self._same[device, write.percentage, write.progress] = write.received_at

    def went_on_elsewhere(self, write: PositionWrite) -> bool:
        base = write.base_revision or 0
        return any(made > base for device, made in self._revisions.items() if device != write.device_id)

    def has_same(self, write: PositionWrite, *, after: datetime | None) -> bool:
        heard_at = self._same.get((write.device_id, write.percentage, write.progress))
        return heard_at is not None and (after is None or heard_at > after)

    def last_contact(self, write: PositionWrite) -> datetime | None:
        return write.contact_before_at or self._contacts.get(write.device_id)


def _loses(write: PositionWrite, current: Position, history: _History) -> bool:
    if _builds_on_an_older_revision(write, current, history):
        return True
    if write.claimed_read_at is None:
        return _repeats_an_earlier_write(write, current, history) or _would_undo_reading_elsewhere(
            write, current, history
        )
    return write.read_at < current.read_at


def _builds_on_an_older_revision(write: PositionWrite, current: Position, history: _History) -> bool:
    """The device did not know the present place, and another device wrote it."""
    if write.base_revision is None or write.base_revision >= current.revision:
        return False
    return history.went_on_elsewhere(write)


def _writes_of_device(write: PositionWrite) -> QuerySet[PositionWrite]:
    """The same as this write from its device, in the book or under the file that it is of."""
    return _of_device(write).filter(percentage=write.percentage, progress=write.progress)


def _of_device(write: PositionWrite) -> QuerySet[PositionWrite]:
    """What its device wrote of the book, or of the file without one, that this write is of."""
    same = PositionWrite.objects.filter(reader=write.reader, book=write.book_id, device=write.device)
    return same if write.file is None or write.book_id is not None else same.filter(file__in=_same_files(write.file))


def _repeats_an_earlier_write(write: PositionWrite, current: Position, history: _History) -> bool:
    """Older plugins push the same place on every resume, and KOSync clients replay a queue without its times."""
    # What was read before the reader set the book unread says nothing about now.
    return history.has_same(write, after=current.read_at if current.is_cleared else None)


def _would_undo_reading_elsewhere(write: PositionWrite, current: Position, history: _History) -> bool:
    """It lies behind a place that was read on another device after this one was last heard of."""
    if current.is_cleared or write.percentage >= current.percentage or current.device_id == write.device_id:
        return False
    last_contact = history.last_contact(write)
    return last_contact is None or current.read_at > last_contact


def park_position(
    reader: Reader, file: DeviceFile, report: PlaceReport, *, device: Device, clock: Clock
) -> PlaceVerdict:
    """Keep a place in a file that is no known book yet, until somebody says which book it is.

    It is judged among those of its file only, and `stored` in any case: there is no place of a book that it lost to.
    """
    locator = read_locator(report.progress)
    said = {
        "reader": reader,
        "file": file,
        "device": device,
        "percentage": _fraction(report),
        "progress": locator.progress,
        "kind": locator.kind,
        # What a document's MD5 is of will be known once its book is.
        "ko_md5": report.ko_md5 or ("" if file.document else file.ko_md5),
        "claimed_read_at": report.read_at,
    }
    if report.read_at is not None and PositionWrite.objects.filter(**said, book=None).exists():
        return PlaceVerdict(Verdict.STORED)
    write = PositionWrite(
        **said,
        verdict=Verdict.PARKED,
        read_at=clock.of_position(report.read_at),
        received_at=clock.now,
        base_revision=report.base_revision,
    )
    write.contact_before_at = _contact_before(write, report, clock)
    current = _parked_position(_same_files(file)) if report.read_at is None else None
    if current is not None:
        if _loses(write, current, _StoredHistory()):
            write.verdict = Verdict.STALE
        elif report.percentage is None:
            write.percentage = current.percentage
    insert_rows([write])
    return PlaceVerdict(Verdict.STORED)


def _same_files(file: DeviceFile) -> QuerySet[DeviceFile]:
    """The rows under which what is kept of a file may be: KOSync and the plugin describe the same one differently."""
    if not file.ko_md5:
        return DeviceFile.objects.filter(pk=file.pk)
    return DeviceFile.objects.filter(reader=file.reader_id, ko_md5=file.ko_md5)


def _parked_position(files: QuerySet[DeviceFile] | Iterable[int]) -> Position | None:
    """The place that holds among those parked under these files of one reader."""
    parked = PositionWrite.objects.filter(file__in=files, book=None, verdict=Verdict.PARKED)
    latest = parked.select_related("device").order_by("-read_at", "-pk").first()
    return Position(reader_id=latest.reader_id, revision=0, **_moved_to(latest)) if latest else None


def parked_place(files: Iterable[int]) -> Place | None:
    """The place that is kept of a file that is no known book, for a client that has this file."""
    current = _parked_position(files)
    return place_for(current, device=None) if current else None


def adopt_parked_positions(reader: Reader, file: DeviceFile, book: Book, *, ko_md5: str = "") -> None:
    """Let the places parked under a file take part, in the order in which they were read: its book is known now.

    `ko_md5` is the hash of the file's contents, where that was not known until now.
    """
    waiting = PositionWrite.objects.filter(reader=reader, file=file, book=None)
    if ko_md5:
        waiting.filter(ko_md5="").update(ko_md5=ko_md5)
    # What had lost already where it came from is looked at last, against what won here.
    lost = waiting.filter(verdict=Verdict.STALE).update(book=book)
    parked = PositionWrite.objects.filter(reader=reader, file=file, verdict=Verdict.PARKED).select_related("device")
    for write in parked.order_by("read_at", "pk"):
        write.book = book
        current, is_first = _locked(write)
        if not is_first and (write.read_at < current.read_at or _loses_without_time(write, current)):
            write.verdict = Verdict.STALE
        else:
            if not is_first:
                current.revision += 1
                _move(current, write)
            write.verdict = Verdict.STORED
            write.revision = current.revision
        write.save(update_fields=["book", "verdict", "revision"])
    if lost:
        rebuild_position(reader, book)
    mark_statuses_stale(reader.pk, [book.pk])


def _loses_without_time(write: PositionWrite, current: Position) -> bool:
    """Whether a parked write that counts as read on arrival loses to what its book had by then."""
    history = _StoredHistory()
    return write.claimed_read_at is None and (
        _repeats_an_earlier_write(write, current, history) or _would_undo_reading_elsewhere(write, current, history)
    )


def settle_parked(file: DeviceFile) -> None:
    """Judge what is parked under a file once more, after writes joined it that had lost elsewhere."""
    parked = PositionWrite.objects.filter(file__in=_same_files(file), book=None).select_related("device")
    _, risen = _replay(list(parked.order_by("pk")), ())
    PositionWrite.objects.filter(pk__in=[write.pk for write in risen]).update(verdict=Verdict.PARKED)


def park_writes(writes: QuerySet[PositionWrite], file: DeviceFile) -> None:
    """Take these writes of one reader from their books and park them under a file. The caller rebuilds the books."""
    kept = {"book": None, "file": file, "claimed_book_id": None, "revision": None}
    writes.filter(verdict=Verdict.STORED).update(**kept, verdict=Verdict.PARKED)
    writes.filter(verdict=Verdict.STALE).update(**kept)


# What makes one place another one for who was told of it.
_SHOWN = ("percentage", "progress", "kind", "ko_md5", "device_id", "read_at", "claimed_read_at", "is_cleared")


def rebuild_position(reader: Reader, book: Book, *, told: Iterable[Position] = ()) -> None:
    """Make the current place what the book's history says, after writes joined or left it; in the reader's turn.

    Of the stored writes the one that was read last holds. One that lost on arrival, and was read later than those that
    remain, is judged once more by the rules of arrival: what it lost to may have left. `told` are places that devices
    know as this book's under another id. The revision never goes back, and is new unless all of them were this place.
    """
    current = Position.objects.select_for_update().filter(reader=reader, book=book).first()
    history = PositionWrite.objects.filter(reader=reader, book=book).select_related("device")
    writes = list(history.exclude(verdict=Verdict.PARKED).order_by("pk"))
    facts = StatusFact.objects.filter(reader=reader, book=book, state=StatusState.UNREAD)
    cleared_at = list(facts.order_by("set_at").values_list("set_at", flat=True))
    place, risen = _replay(writes, cleared_at)
    known = [each for each in (current, *told) if each is not None]
    if place is None:
        if current is None:
            return
        # The row stays, for its revision; whatever is read from now on comes after it.
        place = _no_place(read_at=cleared_at[-1] if cleared_at else EARLIEST)
    is_news = bool(risen) or any(_shown(each) != _shown(place) for each in known)
    reached = max((each.revision for each in known), default=0)
    highest = max([reached, *(write.revision or 0 for write in writes)])
    place.revision = highest + 1 if is_news or highest > reached > 0 else max(highest, 1)
    for write in risen:
        write.verdict, write.revision = Verdict.STORED, place.revision
        write.save(update_fields=["verdict", "revision"])
    if current is not None and not is_news and current.revision == place.revision:
        return
    place.pk, place.reader, place.book = current.pk if current else None, reader, book
    place.save()
    mark_statuses_stale(reader.pk, [book.pk])


def _shown(place: Position) -> tuple[object, ...]:
    return tuple(getattr(place, name) for name in _SHOWN)


def _no_place(*, read_at: datetime) -> Position:
    return Position(percentage=0.0, is_cleared=True, read_at=read_at, updated_at=timezone.now())


_WON = (Verdict.STORED, Verdict.PARKED)


def _replay(
    writes: Sequence[PositionWrite], cleared_at: Sequence[datetime]
) -> tuple[Position | None, list[PositionWrite]]:
    """The place that a history in the order of arrival leads to, and the writes in it that had lost and win now."""
    current: Position | None = None
    risen: list[PositionWrite] = []
    history = _ReplayedHistory()
    clearings = list(cleared_at)
    latest = max((write.read_at for write in writes if write.verdict in _WON), default=EARLIEST)
    for write in writes:
        while clearings and clearings[0] < write.received_at:
            _clear(current, now=clearings.pop(0))
        if write.verdict in _WON:
            wins = current is None or write.read_at >= current.read_at
        elif write.read_at < latest:
            wins = False
        elif current is not None:
            current.revision = history.revision
            wins = not _loses(write, current, history)
        else:
            wins = True
        if wins:
            current = Position(**_moved_to(write))
            if write.verdict == Verdict.STALE:
                risen.append(write)
        history.add(write)
    for now in clearings:
        _clear(current, now=now)
    return current, risen


def _clear(current: Position | None, *, now: datetime) -> None:
    """Make a place none; its file and device stay, as those who wrote it last."""
    if current is None or current.is_cleared:
        return
    current.percentage, current.progress, current.kind = 0.0, "", LocatorKind.NONE
    current.is_cleared, current.read_at, current.updated_at = True, now, now
    current.claimed_read_at = None


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
    _clear(current, now=now)
    current.revision += 1
    current.save(force_update=True)
