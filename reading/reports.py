"""What one request of a device reports, stored in one transaction with the contact itself."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace

from django.db import DataError, transaction

from accounts.devices import DeviceClue, known_device, note_contact
from accounts.models import Device, Reader
from library.models import Book
from library.queries import visible_book
from reading.clocks import Clock
from reading.documents import find_document, remember_document
from reading.files import FileReport, book_of_file
from reading.links import hand_over
from reading.locators import read_locator
from reading.marks import mark_payload_stale
from reading.models import DeviceFile
from reading.positions import PlaceReport, PlaceVerdict, park_position, record_position
from reading.sessions import SessionReport, SessionVerdict, record_sessions
from reading.turns import take_turn

logger = logging.getLogger(__name__)

# What a database refuses about one row, whatever the rest of the batch says. A lock or a lost connection is not among
# them: that passes, and the device is to try again.
_UNSTORABLE = (DataError, OverflowError, ValueError)
CANNOT_BE_STORED = "It holds a value that cannot be stored."


@dataclass(frozen=True)
class PositionItem:
    """A place in a batch, of a book by its id or of a file."""

    place: PlaceReport
    book_id: int | None = None
    file: FileReport | None = None

    @property
    def place_in_file(self) -> PlaceReport:
        """The place with the hash of the file that it is in."""
        if self.file is None or self.place.ko_md5:
            return self.place
        return replace(self.place, ko_md5=self.file.ko_md5)


@dataclass(frozen=True)
class Refusal:
    """An item that is not stored and never will be; the reason is a sentence."""

    reason: str


@dataclass(frozen=True)
class PositionOutcome:
    verdict: PlaceVerdict
    book_id: int | None


@transaction.atomic
def report_position(
    reader: Reader, book_id: int, place: PlaceReport, *, device: DeviceClue, clock: Clock
) -> PlaceVerdict | None:
    """Store one place that a device reports; None if the reader sees no such book."""
    take_turn(reader.pk)
    # Looked up in the reader's turn: a book that is being merged into another takes nothing any more.
    book = visible_book(reader, book_id)
    if book is None:
        return None
    known = known_device(reader, device)
    claimed = book_id if book_id != book.pk else None
    verdict = record_position(reader, book, place, device=known, clock=clock, claimed_book_id=claimed)
    _note_contact(known, device, clock)
    return verdict


@transaction.atomic
def report_document(
    reader: Reader, document: FileReport, place: PlaceReport, *, device: DeviceClue, clock: Clock
) -> int | None:
    """Store one place in a document of KOSync, in its book or until its book is known; the id of that book.

    A place that says neither how far it is nor where is not stored.
    """
    take_turn(reader.pk)
    known = known_device(reader, device)
    found = find_document(reader, document)
    file = None
    if found.kept is not None and found.kept.book_id is None and found.book is not None:
        hand_over(reader, found.kept, found.book)
    if found.book is None or found.is_traced:
        file = remember_document(reader, document, found)
    if place.percentage is not None or read_locator(place.progress).kind:
        if found.book is not None:
            record_position(
                reader, found.book, replace(place, ko_md5=found.ko_md5), device=known, clock=clock, file=file
            )
        elif file is not None:
            park_position(reader, file, place, device=known, clock=clock)
    _note_contact(known, device, clock)
    return found.book.pk if found.book else None


@transaction.atomic
def report_sessions(
    reader: Reader, sessions: Sequence[SessionReport], *, device: DeviceClue, clock: Clock
) -> list[SessionVerdict]:
    """Store the sessions that a device reports."""
    take_turn(reader.pk)
    known = known_device(reader, device)
    verdicts = record_sessions(reader, sessions, device=known, clock=clock)
    _note_contact(known, device, clock)
    return verdicts


@transaction.atomic
def report_batch(
    reader: Reader,
    positions: Sequence[PositionItem],
    sessions: Sequence[SessionReport],
    *,
    device: DeviceClue,
    clock: Clock,
) -> tuple[list[PositionOutcome | Refusal], list[SessionVerdict | Refusal]]:
    """Store an outbox in one commit: an outcome for each item, in order. One bad item does not spoil the others."""
    take_turn(reader.pk)
    known = known_device(reader, device)
    places = [_store_place(reader, item, device=known, clock=clock) for item in positions]
    verdicts = _store_sessions(reader, sessions, device=known, clock=clock)
    _note_contact(known, device, clock)
    return places, verdicts


def _note_contact(known: Device, device: DeviceClue, clock: Clock) -> None:
    if note_contact(known, device, now=clock.now):
        mark_payload_stale(known.reader_id)  # the statistics name the device of each recent session


def _store_place(reader: Reader, item: PositionItem, *, device: Device, clock: Clock) -> PositionOutcome | Refusal:
    named = visible_book(reader, item.book_id) if item.book_id is not None else None
    if named is None and item.file is None:
        return Refusal("There is no such book.")
    place = item.place_in_file
    book: Book | None = None
    file: DeviceFile | None = None
    claimed: int | None = None
    try:
        with transaction.atomic():
            if item.file is not None:
                # A device that names both knows the book from when it last asked; the file may tell something newer.
                book, file = book_of_file(reader, item.file)
            if book is None and named is not None:
                book, file = named, None
                claimed = item.book_id if named.pk != item.book_id else None
            if book is not None:
                verdict = record_position(
                    reader, book, place, device=device, clock=clock, file=file, claimed_book_id=claimed
                )
                return PositionOutcome(verdict, book.pk)
            if file is not None:
                return PositionOutcome(park_position(reader, file, place, device=device, clock=clock), None)
            return Refusal("There is no such book.")
    except _UNSTORABLE:
        logger.warning("A position of reader %s could not be stored", reader.pk, exc_info=True)
        return Refusal(CANNOT_BE_STORED)


def _store_sessions(
    reader: Reader, sessions: Sequence[SessionReport], *, device: Device, clock: Clock
) -> list[SessionVerdict | Refusal]:
    try:
        with transaction.atomic():
            return list(record_sessions(reader, sessions, device=device, clock=clock))
    except _UNSTORABLE:
        if len(sessions) == 1:
            logger.warning("A session of reader %s could not be stored", reader.pk, exc_info=True)
            return [Refusal(CANNOT_BE_STORED)]
    # One of them broke the whole: find it by storing each by itself.
    return [
        verdict for session in sessions for verdict in _store_sessions(reader, [session], device=device, clock=clock)
    ]
