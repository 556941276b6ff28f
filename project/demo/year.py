"""A year of plausible reading, planned: which sessions there were, of which book, on which device.

The plan follows from the moment for which it is made and from nothing else, so that an interrupted run goes on with the
same sessions. Days are counted backwards from that moment's, so that the year always ends with it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from random import Random
from zoneinfo import ZoneInfo

from accounts.devices import DeviceClue
from project.demo.works import BY_SLUG, Work

HOME, AWAY = "Europe/Berlin", "Asia/Tokyo"
KOBO = DeviceClue(identifier="demo-kobo-libra", name="Kobo Libra", model="Kobo Libra 2")
PALMA = DeviceClue(identifier="demo-boox-palma", name="Boox Palma", model="Boox Palma")
WEB = DeviceClue(identifier="demo-web-reader", name="Web reader")

SEED = 1818
# What happens on which day, as days before today.
FIRST_DAY = 364  # with today a year of days
CURRENT_STREAK = range(1, 13)
LONGEST_STREAK = range(150, 198)
HOLIDAY = range(77, 91)
WITHOUT_READING = (13, 76, 91, 149, 198)  # what these streaks and the holiday begin and end with
LEFT_OPEN = 41  # in the evening a book was left open, until the next morning
CLOCK_LOST = 120
ABANDONING = range(293, 303)
BEGINNING = (2, 3, 5)
SUNDAYS_BEGIN = 200
CERTAIN = {0, *CURRENT_STREAK, *LONGEST_STREAK, *HOLIDAY, *ABANDONING, LEFT_OPEN, LEFT_OPEN - 1, CLOCK_LOST}
READING_DAYS = 0.7  # of the others
OTHER_STREAKS = 16  # days at most, about

# Read one after the other, and whole but for the last.
READ_THROUGH = (
    *("holmes-1", "anne-1", "frankenstein", "tea-1", "anne-2", "holmes-2", "lanterns-1", "pride", "tea-2", "anne-3"),
    *("verwandlung", "holmes-3", "nemo-1", "candide", "anne-4", "tea-3", "worlds", "lanterns-2", "dracula", "holmes-4"),
    *("anne-5", "nemo-2", "tea-4", "holmes-5", "anne-6", "nemo-3"),
)
READ_OF_LAST = 0.5  # about: it takes up what one year has more or less of than another
BESIDES = {"abandoned": ("middlemarch", 0.2), "sundays": ("walden", 0.9), "begun": ("lanterns-3", 0.9)}
NEARLY_ALL = 0.9
FASTER_BY = 0.14  # over the year: who reads much gets faster
PUT_AWAY_BY = time(23, 50)  # or a day without reading would have some after midnight
SWITCHED_BY = time(23)
CHANGE_OF_BOOKS = 3.0  # minutes
NOT_WORTH_IT = 8.0
ELSEWHERE_MINUTES = (22.0, 32.0)
ELSEWHERE_PAGES = 60  # more than are read in that time: a book is not finished on both devices


@dataclass(frozen=True)
class PlannedSession:
    """A session as its device reports it, a moment after its end; times are in UTC.

    Progress is a fraction of the book; None where the device said nothing of it.
    """

    work: Work
    device: DeviceClue
    started_at: datetime
    ended_at: datetime
    reported_at: datetime
    pages: int
    timezone: str
    progress_start: float | None = None
    progress_end: float | None = None


@dataclass(frozen=True)
class Slot:
    """Time to read, which begins at a local time. A fixed one is as long as it is, whatever the year needs."""

    start: datetime
    minutes: float
    device: DeviceClue
    pile: str = "main"
    is_fixed: bool = False
    goes_on_elsewhere: bool = False  # before one device was put away, the other was at hand

    def length(self, factor: float) -> float:
        if self.is_fixed or self.pile != "main":
            return self.minutes
        latest = datetime.combine(self.start.date(), PUT_AWAY_BY, self.start.tzinfo)
        return min(self.minutes * factor, (latest - self.start).total_seconds() / 60)


@dataclass
class Pile:
    """Books that are read one after the other, each up to a page, and the page at which the reader is."""

    books: list[tuple[Work, int]]
    page: int = 0

    @property
    def pages_left(self) -> int:
        """Of the book that is read now."""
        return self.books[0][1] - self.page

    def read(self, minutes: float, pace: float) -> tuple[Work, int, int, float]:
        """Read for so long: the work, the pages from and to, and the minutes, fewer where the book was over."""
        work, last = self.books[0]
        an_hour = work.pages_an_hour * pace
        first, self.page = self.page, min(last, self.page + max(1, round(minutes * an_hour / 60)))
        page = self.page
        if page == last:
            self.books.pop(0)
            self.page = 0
            minutes = min(minutes, max(1.0, (page - first) * 60 / an_hour))
        return work, first, page, minutes


def plan(now: datetime) -> list[PlannedSession]:
    """The sessions of the year before a moment, in the order in which the devices reported them."""
    chance = Random(SEED)
    today = now.astimezone(ZoneInfo(HOME)).date()
    reading_days = _reading_days(chance)
    slots = {days_ago: list(_slots(days_ago, today, reading_days, chance)) for days_ago in reading_days}
    factor = _factor([slot for of_day in slots.values() for slot in of_day if slot.pile == "main"])
    piles = _piles()
    sessions: list[PlannedSession] = []
    for days_ago, of_day in slots.items():
        pace = 1 + FASTER_BY * (0.5 - days_ago / FIRST_DAY)
        for slot in sorted(of_day, key=lambda slot: slot.start):
            sessions += _sessions(slot, factor, piles, pace, chance)
        if days_ago == LEFT_OPEN:
            sessions.append(_left_open(piles["main"], _day(today, days_ago)))
        if days_ago == CLOCK_LOST:
            sessions.append(_with_lost_clock(sessions[-1]))
    return sorted((each for each in sessions if each.reported_at <= now), key=lambda each: each.reported_at)


def _day(today: date, days_ago: int) -> date:
    return today - timedelta(days=days_ago)


def _factor(slots: list[Slot]) -> float:
    """How much longer than they are the slots must be for the books to be read through in them."""
    works = [BY_SLUG[slug] for slug in READ_THROUGH]
    minutes = [work.pages * 60 / work.pages_an_hour for work in works]
    needed = sum(minutes[:-1]) + minutes[-1] * READ_OF_LAST
    fixed = sum(slot.minutes for slot in slots if slot.is_fixed)
    fixed += sum(slot.goes_on_elsewhere for slot in slots) * sum(ELSEWHERE_MINUTES) / 2
    return (needed - fixed) / sum(slot.minutes for slot in slots if not slot.is_fixed)


def _piles() -> dict[str, Pile]:
    through = [(BY_SLUG[slug], BY_SLUG[slug].pages) for slug in READ_THROUGH]
    last = BY_SLUG[READ_THROUGH[-1]]
    piles = {"main": Pile([*through[:-1], (last, round(last.pages * NEARLY_ALL))])}
    for pile, (slug, share) in BESIDES.items():
        piles[pile] = Pile([(BY_SLUG[slug], round(BY_SLUG[slug].pages * share))])
    return piles


def _reading_days(chance: Random) -> list[int]:
    """The days with reading, as days before today, the first one first."""
    days: list[int] = []
    in_a_row = 0
    for days_ago in range(FIRST_DAY, -1, -1):
        likely = chance.random() < READING_DAYS and in_a_row < OTHER_STREAKS
        reads = days_ago in CERTAIN or (likely and days_ago not in WITHOUT_READING)
        in_a_row = in_a_row + 1 if reads else 0
        days += [days_ago] if reads else []
    return days


def _slots(days_ago: int, today: date, reading_days: list[int], chance: Random) -> Iterator[Slot]:
    """The times to read of one day."""
    day = _day(today, days_ago)
    if days_ago == 0:
        yield Slot(_at(day, 7, 36), 22, PALMA, is_fixed=True)
        return
    if days_ago in HOLIDAY:
        yield from _holiday(day, chance)
        return
    is_weekend = day.weekday() >= 5
    evening = chance.random() < 0.66
    if is_weekend:
        if day.weekday() == 6 and days_ago <= SUNDAYS_BEGIN and chance.random() < 0.55:
            yield Slot(_at(day, 10, chance.randint(5, 45)), chance.uniform(18, 34), WEB, "sundays")
        if chance.random() < 0.45:
            yield Slot(_at(day, chance.randint(13, 16), chance.randint(0, 59)), chance.uniform(35, 80), KOBO)
        else:
            evening = True
    elif chance.random() < 0.44 and days_ago != LEFT_OPEN - 1:  # the reader overslept
        yield Slot(_at(day, 7, chance.randint(28, 46)), chance.uniform(16, 27), PALMA)
        if chance.random() < 0.3:
            yield Slot(_at(day, 17, chance.randint(30, 50)), chance.uniform(14, 25), PALMA)
    else:
        evening = True
    if days_ago in BEGINNING:
        yield Slot(_at(day, 12, 40), chance.uniform(12, 17), PALMA, "begun")
    if days_ago in ABANDONING:
        yield Slot(_at(day, 20, 30), 58, KOBO, "abandoned")
    elif days_ago == LEFT_OPEN:
        yield Slot(_at(day, 20, 20), 45, KOBO)
    elif evening and chance.random() < 0.05 and days_ago - 1 in reading_days:
        yield Slot(_at(day, 23, chance.randint(5, 20)), chance.uniform(60, 80), KOBO, is_fixed=True)
    elif evening:
        minutes = chance.uniform(32, 78) if is_weekend else chance.uniform(22, 56)
        switches = chance.random() < 0.09
        yield Slot(_at(day, 20, chance.randint(15, 100)), minutes, KOBO, goes_on_elsewhere=switches)


def _holiday(day: date, chance: Random) -> Iterator[Slot]:
    if chance.random() < 0.7:
        yield Slot(_at(day, 9, chance.randint(0, 40), AWAY), chance.uniform(25, 50), KOBO)
    yield Slot(_at(day, 15, chance.randint(0, 90), AWAY), chance.uniform(45, 100), KOBO)
    if chance.random() < 0.6:
        yield Slot(_at(day, 21, chance.randint(0, 45), AWAY), chance.uniform(20, 45), PALMA)


def _at(day: date, hour: int, minute: int, zone: str = HOME) -> datetime:
    return datetime.combine(day, time(hour + minute // 60, minute % 60), ZoneInfo(zone))


def _sessions(
    slot: Slot, factor: float, piles: dict[str, Pile], pace: float, chance: Random
) -> Iterator[PlannedSession]:
    """What comes of a slot: mostly one session, and another where a book was over or the other device at hand."""
    left = slot.length(factor)
    start = slot.start
    while left >= NOT_WORTH_IT:
        pile = piles[slot.pile] if piles[slot.pile].books else piles["main"]
        # A minute and some seconds, since nobody opens a book on the minute.
        start += timedelta(seconds=chance.randint(0, 50))
        session, minutes = _session(pile, slot.device, start, left, pace * chance.uniform(0.88, 1.12))
        yield session
        left -= minutes + CHANGE_OF_BOOKS
        start += timedelta(minutes=minutes + CHANGE_OF_BOOKS)
        if left < NOT_WORTH_IT and slot.goes_on_elsewhere:
            begins = session.ended_at.astimezone(start.tzinfo) - timedelta(seconds=chance.randint(360, 840))
            is_worth_it = minutes > 2 * NOT_WORTH_IT and piles["main"].pages_left > ELSEWHERE_PAGES
            if is_worth_it and begins.time() < SWITCHED_BY:
                yield _session(piles["main"], PALMA, begins, chance.uniform(*ELSEWHERE_MINUTES), pace)[0]


def _session(
    pile: Pile, device: DeviceClue, start: datetime, minutes: float, pace: float
) -> tuple[PlannedSession, float]:
    work, first, page, minutes = pile.read(minutes, pace)
    started_at = start.astimezone(UTC)
    ended_at = started_at + timedelta(seconds=round(minutes * 60))
    session = PlannedSession(
        work=work,
        device=device,
        started_at=started_at,
        ended_at=ended_at,
        reported_at=ended_at + timedelta(seconds=20),
        pages=page - first,
        timezone=str(start.tzinfo),
        progress_start=round(first / work.pages, 4),
        progress_end=round(page / work.pages, 4),
    )
    return session, minutes


def _left_open(pile: Pile, day: date) -> PlannedSession:
    """The reader fell asleep over the first page: nine hours without a page turn."""
    work, _ = pile.books[0]
    place = round(pile.page / work.pages, 4)
    started_at = _at(day, 23, 5).astimezone(UTC)
    ended_at = started_at + timedelta(hours=9)
    return PlannedSession(
        work=work,
        device=KOBO,
        started_at=started_at,
        ended_at=ended_at,
        reported_at=ended_at + timedelta(seconds=20),
        pages=0,
        timezone=HOME,
        progress_start=place,
        progress_end=place,
    )


def _with_lost_clock(before: PlannedSession) -> PlannedSession:
    """The battery was empty, and the device took itself for one of 1970."""
    started_at = datetime(1970, 1, 1, 0, 6, 40, tzinfo=UTC)
    return PlannedSession(
        work=before.work,
        device=KOBO,
        started_at=started_at,
        ended_at=started_at + timedelta(minutes=24),
        reported_at=before.reported_at + timedelta(minutes=25),
        pages=18,
        timezone=HOME,
    )
