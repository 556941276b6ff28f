"""The log of a reader's sessions, the latest first, each with what of it counts."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.db.models import Q, QuerySet

from accounts.days import day_start, zone_or_utc
from accounts.models import Reader
from library.catalogue import SEARCH_WORDS
from library.models import BookText
from library.paging import Page, latest_first, moment_cursor, page_of
from matching.names import folded_words
from reading.clocks import shift
from reading.days import part_between, spans_of, uncovered
from reading.models import DeviceFile, Session
from reading.plausibility import LONGEST_SPAN, Suggestion, deleted, flagged, suggestion_for
from reading.sessions import counts

ENTRIES = 50  # of a page
MOST_ENTRIES = 200
EXPORTED_AT_ONCE = 500
CLOSE = timedelta(days=1)  # sessions with less between them are looked around together
FIRST_DAY, LAST_DAY = date(1900, 1, 1), date(9000, 1, 1)  # beyond these no zone has to be reckoned with


@dataclass(frozen=True)
class LogFilter:
    """Which sessions a log shows; what is None or False narrows nothing. `until` is not among them any more."""

    book_id: int | None = None
    text: str = ""  # each word of it is in the book's title, authors and series, or it is in a file's title or name
    device_id: int | None = None
    source: str | None = None
    since: datetime | None = None  # those that end after this
    until: datetime | None = None  # and begin before this; those of more than a week only among flagged or deleted ones
    flagged: bool = False
    without_book: bool = False
    deleted: bool = False  # only those that the reader deleted


@dataclass(frozen=True)
class LoggedSession:
    """A session as the log shows it; `counted_seconds` is what no earlier one covers of it."""

    session: Session
    counted_seconds: float
    suggestion: Suggestion | None

    @property
    def device_name(self) -> str:
        return str(self.session.device) if self.session.device is not None else ""


def log_page(
    reader: Reader, which: LogFilter = LogFilter(), *, after: str = "", entries: int = ENTRIES
) -> Page[LoggedSession]:
    """A page of the log; InvalidCursor for an `after` that no page gave."""
    sessions = latest_first(log_of(reader, which), "ended_at", after=after)
    page = page_of(
        list(sessions[: entries + 1]), entries, lambda row: row, lambda row: moment_cursor(row.pk, row.ended_at)
    )
    return Page(with_counted(reader, page.items), page.next)


def log_of(reader: Reader, which: LogFilter) -> QuerySet[Session]:
    """The sessions that a filter lets through."""
    sessions = Session.objects.filter(reader=reader).select_related("book", "file", "device")
    if which.deleted:
        sessions = deleted(sessions)
    elif which.flagged:
        sessions = flagged(sessions)
    else:
        sessions = sessions.exclude(flag=Session.Flag.DELETED)
    if which.book_id is not None:
        sessions = sessions.filter(book=which.book_id)
    if which.text:
        sessions = sessions.filter(_said_in(which.text, reader))
    if which.without_book:
        sessions = sessions.filter(book=None)
    if which.device_id is not None:
        sessions = sessions.filter(device=which.device_id)
    if which.source is not None:
        sessions = sessions.filter(source=which.source)
    if which.since is not None:
        sessions = sessions.filter(ended_at__gt=which.since)
    if which.until is not None:
        sessions = sessions.filter(started_at__lt=which.until)
        if not (which.flagged or which.deleted):
            # Said by their ends too, which the index has: all but those that are flagged last less than that.
            sessions = sessions.filter(ended_at__lt=shift(which.until, LONGEST_SPAN))
    return sessions


def _said_in(text: str, reader: Reader) -> Q:
    books = BookText.objects.all()
    for word in folded_words(text)[:SEARCH_WORDS]:
        books = books.filter(words__contains=f" {word}" if word.isascii() else word)
    files = DeviceFile.objects.filter(Q(title__icontains=text) | Q(filename__icontains=text), reader=reader)
    is_of_book = Q(book__in=books.values("book")) if folded_words(text) else Q(pk__in=[])
    return is_of_book | Q(book=None, file__in=files.values("pk"))


def between_days(reader: Reader, first: date | None, last: date | None) -> tuple[datetime | None, datetime | None]:
    """`since` and `until` of a filter for the sessions that touch the reader's days from the first to the last."""
    zone = zone_or_utc(reader.timezone)

    def start_of(day: date) -> datetime:
        return day_start(min(max(day, FIRST_DAY), LAST_DAY), zone, reader.rollover_hour)

    since = start_of(first) if first is not None else None
    until = start_of(min(last, LAST_DAY) + timedelta(days=1)) if last is not None else None
    return since, until


def session_of(reader: Reader, session_id: int) -> LoggedSession | None:
    """One of a reader's sessions by its id, a deleted one too; None where they have no such session."""
    sessions = Session.objects.filter(reader=reader, pk=session_id).select_related("book", "file", "device")
    session = sessions.first()
    return logged_session(reader, session) if session is not None else None


def logged_session(reader: Reader, session: Session) -> LoggedSession:
    """One session of a reader as the log shows it."""
    [logged] = with_counted(reader, [session])
    return logged


def with_counted(reader: Reader, sessions: Sequence[Session]) -> list[LoggedSession]:
    """These sessions with what counts of each, for which those are looked at that lie around them."""
    counted: dict[int, float] = {}
    # What does not count may lie anywhere, at the end of the calendar too; there is nothing to look for around it.
    if counting := [session for session in sessions if counts(session)]:
        # Each asked for by itself: of one query with fifty alternatives SQLite looks through every session there is.
        for start, end in _stretches(counting):
            around = Session.objects.filter(part_between(start, end), reader=reader)
            for span, uncovered_from in uncovered(spans_of(around)):
                left = (span.ended_at - uncovered_from).total_seconds()
                counted[span.session_id] = max(0.0, left) * span.seconds / span.span_seconds
    return [LoggedSession(session, counted.get(session.pk, 0.0), suggestion_for(session)) for session in sessions]


def _stretches(sessions: Iterable[Session]) -> list[tuple[datetime, datetime]]:
    """The stretches of time that these sessions take up.

    Those with little time between them are put together: a query for each of hundreds of sessions would read the same
    rows hundreds of times.
    """
    stretches: list[tuple[datetime, datetime]] = []
    for start, end in sorted((session.started_at, session.ended_at) for session in sessions):
        if stretches and start <= stretches[-1][1] + CLOSE:
            stretches[-1] = (stretches[-1][0], max(end, stretches[-1][1]))
        else:
            stretches.append((start, end))
    return stretches


def exported(reader: Reader, which: LogFilter) -> Iterator[LoggedSession]:
    """All sessions that a filter lets through, the latest first, read some at a time."""
    after = ""
    while True:
        page = log_page(reader, which, after=after, entries=EXPORTED_AT_ONCE)
        yield from page.items
        if not (after := page.next):
            return
