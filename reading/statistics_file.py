"""What KOReader's `statistics.sqlite3` says, as sessions.

KOReader keeps a row for each page that was looked at for long enough: when, for how many seconds, and how many pages
the book had then. Rows of one file that follow each other closely are one session. All of it is worked out from the
rows in their order, a few at a time, so that it costs no memory and can be taken up again anywhere; what is worked out
depends on nothing but the rows, so the same database gives the same sessions each time.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from library.formats.statistics import EARLIEST, LATEST, StatisticsBook, StatisticsPage
from reading.files import FileReport
from reading.models import Session
from reading.sessions import SessionReport

# After so long without a key KOReader suspends a device, unless it is told otherwise, and with that its plugin for Tome
# ends a session. A page that is read for longer than KOReader counts (120 s) leaves a hole, but not one like this.
GAP_SECONDS = 15 * 60
# The most that can be set in KOReader as the longest time on a page. A row that says more was written by a clock that
# jumped: it is a session of its own, and what follows it is not taken for its continuation.
LONGEST_PAGE_SECONDS = 7200

BEGINNING = (EARLIEST, -(2**63))  # before every row
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
PREFIX = "koreader"


@dataclass(frozen=True)
class StatisticsFile:
    """A file that KOReader read. `identity` is its partial MD5; without one, 32 hex digits for title and authors."""

    identity: str
    md5: str
    title: str
    authors: str
    series: str

    @property
    def filename(self) -> str:
        """KOReader does not keep what the file was called, but some name it must have, to be kept and linked under.

        32 hex digits are a name that says nothing, so title and authors alone decide where the hash does not. They are
        not the hash itself: that is what KOSync's documents are called.
        """
        return hashlib.sha256(self.identity.encode()).hexdigest()[:32]

    def as_report(self) -> FileReport:
        """As a device would describe it."""
        return FileReport(filename=self.filename, ko_md5=self.md5, title=self.title, authors=self.authors)


@dataclass
class PageRun:
    """Rows of one file that follow each other closely. Times in seconds since 1970, progress as fractions."""

    identity: str
    start: int
    end: int  # of what has been read so far, so that rows that overlap are counted once
    seconds: int
    pages: int
    progress_start: float | None
    progress_end: float | None
    is_alone: bool = False  # one row that can be no page, see LONGEST_PAGE_SECONDS

    @property
    def uuid(self) -> str:
        """The same whenever this is read again, also from a copy in which more follows."""
        alone = "-alone" if self.is_alone else ""
        return f"{PREFIX}-{self.identity}-{self.start}{alone}"

    @property
    def started_at(self) -> datetime:
        return instant(self.start)

    @property
    def ended_at(self) -> datetime:
        return instant(self.end)

    def take(self, page: StatisticsPage, seconds: int) -> None:
        """Let a row go on with this; rows come in the order of their starts."""
        until = page.start + seconds
        self.seconds += max(0, until - max(page.start, self.end))
        self.end = max(self.end, until)
        self.pages += 1
        if progress := progress_of(page):
            self.progress_start = progress[0] if self.progress_start is None else self.progress_start
            self.progress_end = progress[1]

    def as_report(self, file: FileReport) -> SessionReport:
        return SessionReport(
            started_at=self.started_at,
            ended_at=self.ended_at,
            duration_seconds=float(self.seconds),
            uuid=self.uuid,
            file=file,
            progress_start=self.progress_start,
            progress_end=self.progress_end,
            pages_turned=self.pages,
            source=Session.Source.IMPORT,
        )

    def as_json(self) -> list[object]:
        """Its fields in their order: `PageRun(*run.as_json())` is the same run."""
        return list(vars(self).values())


def instant(seconds: int) -> datetime:
    """So many seconds after 1970 began, kept within the calendar: a row may claim any duration."""
    return EPOCH + timedelta(seconds=min(max(seconds, EARLIEST), LATEST))


def identity_of(uuid: str) -> str:
    """The file that a session imported under this uuid is of; empty for any other uuid."""
    prefix, _, rest = uuid.partition("-")
    return rest[:32] if prefix == PREFIX else ""


def files_by_book(books: Iterable[StatisticsBook]) -> dict[int, StatisticsFile]:
    """The file of each row of `book`, by its id. Several rows are one file where they have one hash, or one name.

    Such a file is called what it was called when it was opened last.
    """
    latest: dict[str, StatisticsBook] = {}
    identities: dict[int, str] = {}
    for book in books:
        named = f"{book.title}\0{book.authors}".encode()
        identity = identities[book.id] = book.md5 or hashlib.sha256(named).hexdigest()[:32]
        former = latest.get(identity)
        if former is None or (book.last_open, -book.id) > (former.last_open, -former.id):
            latest[identity] = book
    files = {
        identity: StatisticsFile(identity, book.md5, book.title, book.authors, book.series)
        for identity, book in latest.items()
    }
    return {book_id: files[identity] for book_id, identity in identities.items()}


def progress_of(page: StatisticsPage) -> tuple[float, float] | None:
    """Where a page begins and ends in its book; None where the row does not say, as far as can be told."""
    if page.page is None or page.of_pages is None or not 1 <= page.page <= page.of_pages:
        return None
    return (page.page - 1) / page.of_pages, page.page / page.of_pages


Stretches = Mapping[str, Sequence[tuple[int, int]]]


class Runs:
    """Makes sessions of rows that come in the order of their starts.

    `settled` are stretches of time, by file, of which the reader has said something: rows that begin in one of them
    are not looked at, and part what is before them from what follows.
    """

    def __init__(self, files: Mapping[int, StatisticsFile], settled: Stretches, open_runs: Iterable[PageRun]) -> None:
        self._files = files
        self._settled = settled
        self._open = {run.identity: run for run in open_runs}
        self.unusable = 0  # rows without a duration, or of no book

    @property
    def open(self) -> list[PageRun]:
        """What may go on with the rows that are still to come."""
        return list(self._open.values())

    def take(self, page: StatisticsPage) -> Iterator[PageRun]:
        """The runs that are seen to be complete now that this row is known."""
        file = self._files.get(page.book)
        if file is None or page.seconds is None or page.seconds < 0:
            self.unusable += 1
            return
        fresh = PageRun(file.identity, page.start, page.start, 0, 0, None, None)
        former = self._open.get(file.identity)
        is_settled = self._is_settled(fresh)
        if former is not None and (is_settled or has_ended(former, page.start)):
            yield self._open.pop(file.identity)
        if is_settled:
            return
        if page.seconds > LONGEST_PAGE_SECONDS:
            fresh.is_alone = True
            fresh.take(page, page.seconds)
            yield fresh
        else:
            self._open.setdefault(file.identity, fresh).take(page, page.seconds)

    def ended_before(self, start: int) -> list[PageRun]:
        """What no row that begins at this time or later can go on, in the order of the starts."""
        ended = sorted((run for run in self._open.values() if has_ended(run, start)), key=in_time)
        for run in ended:
            del self._open[run.identity]
        return ended

    def finish(self) -> list[PageRun]:
        """What is left when no rows are left, in the order of the starts."""
        left, self._open = sorted(self._open.values(), key=in_time), {}
        return left

    def _is_settled(self, run: PageRun) -> bool:
        return any(start <= run.start < end for start, end in self._settled.get(run.identity, ()))


def has_ended(run: PageRun, start: int) -> bool:
    return start - run.end > GAP_SECONDS


def in_time(run: PageRun) -> tuple[int, str]:
    return run.start, run.identity
