"""Bringing the demo into a library and a database, step by step: what is there already is left as it is.

Whatever interrupts it, the next run goes on: a book's file is whole or not there, each session is stored together with
its place and under a name of its own, and the moment for which the year was planned is the one at which the account
was made.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.db import transaction

from accounts.devices import find_device, known_device
from accounts.models import Reader
from library.importing import import_some, requeue_abandoned
from library.manifests import refresh_manifests
from library.models import Book, BookFile, Scan
from library.queries import authors_of
from library.scanning import ScanReport, finish_scans, queue_scan, scan_report, walk
from matching.names import author_key, title_key
from matching.people import same_person
from project.demo.making import make_file
from project.demo.prose import CHAPTERS, PARAGRAPHS
from project.demo.works import FOLDER, WORKS, Work
from project.demo.year import HOME, KOBO, PALMA, WEB, PlannedSession, plan
from reading.clocks import Clock
from reading.models import Session, StaleDay
from reading.positions import PlaceReport
from reading.refreshing import refresh
from reading.reports import PositionItem, report_batch
from reading.sessions import SessionReport

NAME = "demo"
GOAL_MINUTES_A_DAY, GOAL_BOOKS_A_YEAR = 30, 24
IMPORT_SECONDS = 1.0  # between two looks at how far it is
WAIT_SECONDS = 0.1  # for a worker that was faster to take a file
REFRESH_SECONDS = 0.5
LAST = "demo-last"  # the name of the last session: where it is, all are


@dataclass(frozen=True)
class Copy:
    """A work as the library has it, and the partial MD5 of the file that the devices read."""

    book_id: int
    ko_md5: str


def demo_account() -> Reader | None:
    return Reader.objects.filter(username=NAME).first()


def is_ours(reader: Reader) -> bool:
    """Whether this account was made here, and is not somebody's who is called so."""
    return find_device(reader, KOBO.key) is not None


@transaction.atomic
def make_account(reader: Reader) -> None:
    """Store a new account with its devices, by which it is known again."""
    reader.timezone = HOME
    reader.goal_minutes_a_day, reader.goal_books_a_year = GOAL_MINUTES_A_DAY, GOAL_BOOKS_A_YEAR
    reader.save()
    for device in (KOBO, PALMA, WEB):
        known_device(reader, device)


# --- Books -----------------------------------------------------------------------------------------------------------


def copies() -> dict[str, Copy]:
    """The works that the library has, by their slugs: the demo's own files, and works that were there without them."""
    of_paths = BookFile.objects.filter(path__in=[work.path for work in WORKS], is_present=True)
    by_path = {path: Copy(book_id, md5) for path, book_id, md5 in of_paths.values_list("path", "book_id", "ko_md5")}
    found = {}
    for work in WORKS:
        copy = by_path.get(work.path) or _copy_of_others(work)
        if copy is not None:
            found[work.slug] = copy
    return found


def _copy_of_others(work: Work) -> Copy | None:
    """A book of this title and author that is not the demo's: a second file would become one book with it."""
    for book in Book.objects.filter(title_key=title_key(work.title), is_active=True).order_by("pk"):
        others = book.files.filter(is_present=True).exclude(path__startswith=f"{FOLDER}/")
        file = others.order_by("pk").first()
        if file and any(same_person(author_key(work.author), author_key(name)) for name in authors_of(book)):
            return Copy(book.pk, file.ko_md5)
    return None


def missing_works() -> list[Work]:
    known = copies()
    return [work for work in WORKS if work.slug not in known]


def make_files(works: list[Work]) -> Iterator[Work]:
    """Write the files of these works, where they are not there yet."""
    library = Path(settings.LIBRARY_DIR)
    for work in works:
        if not (library / work.path).exists():
            make_file(work, library)
        yield work


def import_files() -> Iterator[ScanReport]:
    """Have the demo's folder scanned and imported, here or by whoever is faster; the last report is of its end."""
    scan = queue_scan(FOLDER)
    walk(scan)
    while (report := scan_report(scan)).state not in (Scan.State.FINISHED, Scan.State.FAILED):
        yield report
        took, _ = import_some(until=time.monotonic() + IMPORT_SECONDS)
        requeue_abandoned()
        if not (finish_scans() or took):
            time.sleep(WAIT_SECONDS)
    while not refresh_manifests()[1]:
        pass
    yield report


# --- Reading ---------------------------------------------------------------------------------------------------------


def missing_sessions(reader: Reader) -> list[tuple[str, PlannedSession]]:
    """The sessions that are not stored yet, by their names, in the order in which they came."""
    stored = set(Session.objects.filter(reader=reader, uuid__startswith=f"{NAME}-").values_list("uuid", flat=True))
    if LAST in stored:
        return []
    sessions = plan(reader.date_joined)
    names = [*(f"{NAME}-{number}" for number in range(1, len(sessions))), LAST]
    return [(name, session) for name, session in zip(names, sessions, strict=True) if name not in stored]


def report_reading(reader: Reader, sessions: list[tuple[str, PlannedSession]]) -> Iterator[PlannedSession]:
    """Store these sessions as their devices would have reported them, each with its place in the book."""
    known = copies()
    for name, session in sessions:
        copy = known[session.work.slug]
        source = Session.Source.WEB if session.device == WEB else Session.Source.DEVICE
        report = SessionReport(
            uuid=name,
            book_id=copy.book_id,
            ko_md5=copy.ko_md5,
            started_at=session.started_at,
            ended_at=session.ended_at,
            progress_start=session.progress_start,
            progress_end=session.progress_end,
            pages_turned=session.pages,
            timezone=session.timezone,
            source=source,
        )
        positions = []
        if session.progress_end is not None:
            place = PlaceReport(
                percentage=session.progress_end,
                progress=_locator(session.work, session.progress_end),
                read_at=session.ended_at,
                ko_md5=copy.ko_md5,
            )
            positions = [PositionItem(place=place, book_id=copy.book_id)]
        report_batch(reader, positions, [report], device=session.device, clock=Clock(now=session.reported_at))
        yield session


def _locator(work: Work, progress: float) -> str:
    """Where in its file a device would say that this is: a page of a comic, else a paragraph as KOReader names it."""
    if work.is_comic:
        return str(max(1, round(progress * work.pages)))
    paragraph = min(int(progress * CHAPTERS * PARAGRAPHS), CHAPTERS * PARAGRAPHS - 1)
    return f"/body/DocFragment[{paragraph // PARAGRAPHS + 1}]/body/p[{paragraph % PARAGRAPHS + 1}]/text().0"


def derive(reader: Reader) -> Iterator[int]:
    """Compute everything that follows from the sessions: days, statuses, statistics. Yields how many days are left."""
    while not refresh(seconds=REFRESH_SECONDS, reader=reader):
        yield StaleDay.objects.filter(reader=reader).count()
