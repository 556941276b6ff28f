"""A year of somebody's reading: evenings, commutes, a holiday, and what goes wrong on devices."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from accounts.devices import DeviceClue
from accounts.models import Reader
from library.models import BookFile
from project.demo.books import BOOKS, DemoBook
from reading.clocks import Clock
from reading.positions import PlaceReport
from reading.reports import report_position, report_sessions
from reading.sessions import SessionReport

SEED = 1859
SCREENS_A_PAGE = 1.45  # a small screen shows less than a page of paper
DAYS = 365
HOME, AWAY = "Europe/Berlin", "America/New_York"
KOBO, PALMA = DeviceClue("demo-kobo", "Kobo Libra"), DeviceClue("demo-palma", "Boox Palma")
# Days ago, counted from today.
STREAK = range(0, 12)
PAUSE_BEFORE_IT = (12, 13)
LONGEST_STREAK = range(150, 198)
HOLIDAY = range(90, 104)
IDLE_NIGHT, OVERLAPS = 40, (5, 21, 33, 60, 77)
ABANDONED, ABANDONED_AT = "Walden", 0.2
LAST_READ = ("Middlemarch", "Moby Dick")  # not finished within the year
SESSIONS_AT_ONCE = 200
MORNING_HOUR, EVENING_HOUR = 7, 20


@dataclass
class InProgress:
    """A book on the pile, and how far it is."""

    book: DemoBook
    book_id: int
    seconds_a_page: float
    page: float = 0.0

    @property
    def pages(self) -> float:
        return self.book.pages * (1.0 if self.book.is_comic else SCREENS_A_PAGE)

    @property
    def place(self) -> float:
        return min(1.0, self.page / self.pages)

    @property
    def end(self) -> float:
        return ABANDONED_AT if self.book.title == ABANDONED else 1.0


def read_for_a_year(reader: Reader, *, now: datetime) -> Iterator[int]:
    """Report a year of sessions and the places that they lead to; how many days of it are reported, after each part.

    Reporting it once more on the same day changes nothing.
    """
    sessions, pile = a_year(reader, now=now)
    for device in (KOBO, PALMA):
        of_device = [session for which, session in sessions if which == device]
        for begin in range(0, len(of_device), SESSIONS_AT_ONCE):
            part = of_device[begin : begin + SESSIONS_AT_ONCE]
            report_sessions(reader, part, device=device, clock=Clock(now))
            yield len(part)
    for each in pile:
        if each.page > 0:
            place = PlaceReport(percentage=each.place, progress=str(round(each.page)), read_at=now)
            report_position(reader, each.book_id, place, device=KOBO, clock=Clock(now))


def books_of_the_library() -> dict[str, int]:
    """The ids of the demo's books by their paths, as far as they are in the library."""
    paths = [book.path for book in BOOKS]
    return dict(BookFile.objects.filter(path__in=paths).values_list("path", "book_id"))


def a_year(reader: Reader, *, now: datetime) -> tuple[list[tuple[DeviceClue, SessionReport]], list[InProgress]]:
    """The sessions, each with the device that reports it, and the books as they are in the end."""
    chance = random.Random(SEED)
    ids = books_of_the_library()
    books = [book for book in BOOKS if book.path in ids]
    pile = [InProgress(book, ids[book.path], chance.uniform(60, 100)) for book in _in_order(books)]
    waiting = list(pile)
    sessions: list[tuple[DeviceClue, SessionReport]] = []
    today = now.astimezone(ZoneInfo(HOME)).date()
    for ago in range(DAYS, -1, -1):
        if not _reads(ago, chance):
            continue
        for device, start, minutes, zone in _stretches(today - timedelta(days=ago), ago, chance):
            waiting = [each for each in waiting if each.place < each.end]
            if waiting and start + timedelta(minutes=minutes) < now:
                # Now and then in the second of the pile, so that more than one is in progress.
                chosen = waiting[1] if len(waiting) > 1 and chance.random() < 0.12 else waiting[0]
                sessions.append((device, _session(chosen, start, minutes, zone, chance)))
                if ago in OVERLAPS and device == KOBO:
                    sessions.append((PALMA, _again_elsewhere(sessions[-1][1])))
    sessions += _mishaps(pile[0], today)
    return sessions, pile


def _in_order(books: Sequence[DemoBook]) -> list[DemoBook]:
    """The order in which they are read: mixed, volumes of a series in theirs, the two long ones last."""
    chance = random.Random(SEED)
    shuffled = sorted(books, key=lambda book: (book.title in LAST_READ, chance.random()))
    of_series = {
        name: iter(sorted((b for b in books if b.series == name), key=lambda b: b.index))
        for name in {book.series for book in books if book.series}
    }
    return [next(of_series[book.series]) if book.series else book for book in shuffled]


def _reads(ago: int, chance: random.Random) -> bool:
    luck = chance.random()
    if ago in PAUSE_BEFORE_IT or ago in (LONGEST_STREAK.start - 1, LONGEST_STREAK.stop):
        return False
    return ago in STREAK or ago in LONGEST_STREAK or luck < 0.72


def _stretches(day: date, ago: int, chance: random.Random) -> Iterator[tuple[DeviceClue, datetime, float, str]]:
    """When something is read on a day: device, start, minutes, and the zone where that is not home."""
    is_away, is_weekend = ago in HOLIDAY, day.weekday() >= 5
    zone = ZoneInfo(AWAY if is_away else HOME)
    said = AWAY if is_away else ""
    if not is_away and not is_weekend and chance.random() < 0.55:
        start = datetime.combine(day, time(MORNING_HOUR, chance.randint(20, 50)), zone)
        yield PALMA, start, chance.uniform(12, 26), said
    if (is_weekend or is_away) and chance.random() < 0.6:
        start = datetime.combine(day, time(chance.randint(10, 16), chance.randint(0, 59)), zone)
        yield KOBO, start, chance.uniform(25, 80), said
    start = datetime.combine(day, time(chance.choice((EVENING_HOUR, 21, 21, 22)), chance.randint(0, 59)), zone)
    yield KOBO, start, chance.uniform(18, 55) * (1.3 if is_weekend else 1.0), said


def _session(read: InProgress, start: datetime, minutes: float, zone: str, chance: random.Random) -> SessionReport:
    seconds = round(minutes * 60)
    begun_at = read.place
    pages = min(seconds / (read.seconds_a_page * chance.uniform(0.85, 1.2)), read.end * read.pages - read.page)
    read.page += pages
    if read.end * read.pages - read.page < 1:
        read.page = read.end * read.pages
    return SessionReport(
        started_at=start,
        ended_at=start + timedelta(seconds=seconds),
        uuid=f"demo-{start.isoformat()}",
        book_id=read.book_id,
        progress_start=begun_at,
        progress_end=read.place,
        pages_turned=round(pages),
        timezone=zone,
    )


def _again_elsewhere(session: SessionReport) -> SessionReport:
    """The same book open on a second device for the end of a session, as when somebody changes over."""
    assert session.ended_at is not None
    start = session.ended_at - timedelta(minutes=7)
    return SessionReport(
        started_at=start,
        ended_at=session.ended_at + timedelta(minutes=3),
        uuid=f"{session.uuid}-again",
        book_id=session.book_id,
        progress_start=session.progress_end,
        progress_end=session.progress_end,
        pages_turned=3,
        timezone=session.timezone,
    )


def _mishaps(read: InProgress, today: date) -> Iterator[tuple[DeviceClue, SessionReport]]:
    """A device that lay open all night, and one whose clock had begun anew."""
    night = datetime.combine(today - timedelta(days=IDLE_NIGHT), time(0, 20), ZoneInfo(HOME))
    for device, start, hours, name in (
        (KOBO, night, 9, "demo-night"),
        (PALMA, datetime(1970, 1, 1, 2, tzinfo=ZoneInfo("UTC")), 1, "demo-1970"),
    ):
        end = start + timedelta(hours=hours)
        yield device, SessionReport(started_at=start, ended_at=end, uuid=name, book_id=read.book_id)
