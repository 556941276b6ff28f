"""Which sessions can be true, and how much of one counts that can only partly be.

What cannot be true at all (a clock of 1970, an end before the start) does not count. What is true but for its length or
its pages is counted up to a cap, and shown to the reader with what could be made of it.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.db.models import QuerySet

from reading.clocks import CLOCK_TOLERANCE
from reading.models import FINISHED_FROM, Session

Flag = Session.Flag
LONGEST_SECONDS = 24 * 3600.0
LONGEST_SPAN = timedelta(days=7)  # a book left open in a drawer: few seconds over many days
BEFORE_EREADERS = datetime(2000, 1, 1, tzinfo=UTC)  # devices that lost their clock start in 1970
# Nobody reads one page for so long. A session with n page turns holds a stretch as long as that without one as soon as
# it is longer than n + 1 times this.
IDLE_AFTER_SECONDS = 6 * 3600.0
# Whoever turns pages faster looks for something; for a few minutes that is no reason to ask.
FASTEST_SECONDS_A_PAGE = 3.0
FAST_FOR_SECONDS = 300.0

UNCOUNTED = (Flag.BEFORE_TIME, Flag.FUTURE, Flag.ENDS_BEFORE_START, Flag.TOO_LONG, Flag.DELETED)
COUNTED = (Flag.NONE, Flag.IDLE, Flag.FAST)


# As the conditions of the indexes have it: SQLite takes such an index only where a query says the very same, in its own
# words and not by a value that is bound later.
_IS_FLAGGED = """NOT ("reading_session"."flag" = '')"""
_IS_AT_THE_END = f'"reading_session"."progress_end" >= {FINISHED_FROM}'


def flagged(sessions: QuerySet[Session]) -> QuerySet[Session]:
    """Those that something speaks against, but for deleted ones; found without looking at the rest."""
    return sessions.extra(where=[_IS_FLAGGED]).exclude(flag=Flag.DELETED)


def deleted(sessions: QuerySet[Session]) -> QuerySet[Session]:
    """Those that the reader deleted, found without looking at the rest."""
    return sessions.extra(where=[_IS_FLAGGED]).filter(flag=Flag.DELETED)


def at_the_end(sessions: QuerySet[Session]) -> QuerySet[Session]:
    """Those that ended where a book is finished, found without looking at the rest."""
    return sessions.extra(where=[_IS_AT_THE_END])


@dataclass(frozen=True)
class Counted:
    """The part of a session that counts: `seconds` spread evenly from its start to `ended_at`."""

    ended_at: datetime
    seconds: float
    pages: float


@dataclass(frozen=True)
class Suggestion:
    """What a session could be trimmed to; `deleted` where nothing of it can be true."""

    ended_at: datetime | None = None
    pages: int | None = None
    deleted: bool = False


def flag_of(
    started_at: datetime, ended_at: datetime, seconds: float, *, pages: int, has_moved: bool, now: datetime
) -> str:
    """What speaks against a session, or an empty text; `has_moved`: it began and ended at two places."""
    if ended_at < started_at or seconds < 0:
        return Flag.ENDS_BEFORE_START
    if started_at < BEFORE_EREADERS:
        return Flag.BEFORE_TIME
    if ended_at > now + CLOCK_TOLERANCE:
        return Flag.FUTURE
    if seconds > LONGEST_SECONDS or ended_at - started_at > LONGEST_SPAN:
        return Flag.TOO_LONG
    if seconds > _most_seconds(pages) and (pages > 0 or not has_moved):
        return Flag.IDLE
    if seconds >= FAST_FOR_SECONDS and seconds < pages * FASTEST_SECONDS_A_PAGE:
        return Flag.FAST
    return Flag.NONE


def moved(progress_start: float | None, progress_end: float | None) -> bool:
    return progress_start is not None and progress_end is not None and progress_start != progress_end


def counted_part(flag: str, started_at: datetime, ended_at: datetime, seconds: float, pages: int) -> Counted:
    """How much of a session counts whose flag is one of `COUNTED`."""
    if flag == Flag.IDLE:
        # As if it had been trimmed: what was read elsewhere in the hours after that is not covered by it.
        most = min(seconds, _most_seconds(pages))
        return Counted(started_at + timedelta(seconds=most), most, pages)
    if flag == Flag.FAST:
        return Counted(ended_at, seconds, min(pages, seconds / FASTEST_SECONDS_A_PAGE))
    return Counted(ended_at, seconds, pages)


def suggestion_for(session: Session) -> Suggestion | None:
    """What a flagged session could be made of; None where nothing speaks against it."""
    if session.flag == Flag.IDLE:
        return Suggestion(ended_at=session.started_at + timedelta(seconds=_most_seconds(session.pages)))
    if session.flag == Flag.FAST:
        return Suggestion(pages=int(session.seconds / FASTEST_SECONDS_A_PAGE))
    if session.flag == Flag.TOO_LONG:
        most = min(_most_seconds(session.pages), LONGEST_SECONDS)
        return Suggestion(ended_at=min(session.ended_at, session.started_at + timedelta(seconds=most)))
    if session.flag == Flag.FUTURE and session.started_at < session.received_at:
        return Suggestion(ended_at=session.received_at)
    return Suggestion(deleted=True) if session.flag else None


def _most_seconds(pages: int) -> float:
    return IDLE_AFTER_SECONDS * (pages + 1)
