"""Random histories, made as devices and readers make them, against `tests.reading.reference`."""

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.devices import DeviceClue
from accounts.models import Reader
from library.models import Author, Authorship, Book, Series
from reading.clocks import Clock
from reading.edits import CannotEdit, NoSuchSession, add_session, delete_session, restore_session, trim_session
from reading.models import (
    BookDay,
    BookStatus,
    BookTotal,
    ReaderDay,
    ReaderYear,
    Session,
    StatsPayload,
    StatusState,
)
from reading.payload import compose
from reading.positions import PlaceReport
from reading.rebuilding import drift, rebuild
from reading.refreshing import recount, refresh
from reading.reports import report_position, report_sessions
from reading.sessions import SessionReport
from reading.status import set_status
from reading.zones import change_day
from tests.reading import reference

# --- Histories -------------------------------------------------------------------------------------------------------


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


# Where something happens to the days of somebody who lives there.
EDGES = [
    ("Europe/Berlin", at("2026-03-29T01:00")),
    ("Europe/Berlin", at("2025-10-26T01:00")),
    ("America/New_York", at("2026-03-08T07:00")),
    ("America/New_York", at("2025-11-02T06:00")),
    ("Australia/Lord_Howe", at("2026-04-04T15:00")),  # by half an hour
    ("Australia/Lord_Howe", at("2025-10-04T15:30")),
    ("America/St_Johns", at("2026-03-08T05:30")),
    ("America/St_Johns", at("2025-11-02T04:30")),
    ("America/Havana", at("2026-03-08T05:00")),  # the day begins at one o'clock
    ("America/Havana", at("2025-11-02T05:00")),  # midnight comes twice
    ("America/Santiago", at("2026-04-05T03:00")),  # it is 23:00 again, of the day before
    ("Asia/Kolkata", at("2025-12-31T18:30")),  # a new year
    ("Asia/Kathmandu", at("2024-02-28T18:15")),  # a leap day
    ("Europe/Berlin", at("2024-02-29T23:00")),  # its end
    ("Pacific/Apia", at("2025-12-31T11:00")),
    ("Pacific/Apia", at("2021-04-03T14:00")),  # its last summer time ends
    ("Pacific/Kiritimati", at("2025-12-31T10:00")),
    ("America/New_York", at("2024-12-31T05:00")),  # the last day of a leap year
    ("Asia/Tokyo", at("2026-01-31T15:00")),
]
ZONES = sorted({zone for zone, _ in EDGES})
ELSEWHERE = ["", "", "", "+02:00", "-09:30", "+05:45", "Etc/GMT+12", *ZONES]
DEVICES = [DeviceClue("kobo-1", "Kobo"), DeviceClue("kindle-1", "Kindle"), DeviceClue("phone-1")]
BOOKS = 4
DAYS_AGO = [*[0] * 12, -1, 1, 2, 3, -2, -3, 5, 6, 7, 8, 13, 14, 28, 29, 30, 31, 59, 60, 90, 180, 364, 365, 366, 730]


@dataclass(frozen=True)
class Told:
    """A session as somebody tells of it, by what lies between it and the edge."""

    uuid: str
    begins: int  # in minutes after the edge, on a day so many days ago
    days_ago: int
    seconds: int
    read_quarters: int  # how much of it was reading
    pages: int
    progress: tuple[int, int] | None  # in 64ths of the book
    book: int
    zone: str
    device: int
    source: str
    unlikely: str

    def report(self, edge: datetime, books: list[Book]) -> SessionReport:
        start = edge + timedelta(minutes=self.begins) - timedelta(days=self.days_ago)
        end = start + timedelta(seconds=self.seconds)
        duration = self.seconds * self.read_quarters / 4
        if self.unlikely == "before time":
            start, end = start.replace(year=1970, day=2), end.replace(year=1970, day=2) + timedelta(days=2)
        elif self.unlikely == "future":
            start, end = start + timedelta(days=4000), end + timedelta(days=4000)
        elif self.unlikely == "backwards":
            start, end = end, start
        elif self.unlikely == "a day and more":
            end, duration = start + timedelta(hours=26), 25.5 * 3600
        elif self.unlikely == "drawer":
            end = start + timedelta(days=3)
        begins, ends = self.progress if self.progress else (None, None)
        return SessionReport(
            started_at=start,
            ended_at=end,
            duration_seconds=duration,
            uuid=self.uuid,
            book_id=books[self.book].pk,
            progress_start=None if begins is None else begins / 64,
            progress_end=None if ends is None else ends / 64,
            pages_turned=self.pages,
            timezone=self.zone,
            source=self.source,
        )


UNLIKELY = ["before time", "future", "backwards", "a day and more", "drawer"]


@st.composite
def sessions(draw: st.DrawFn, zone: str) -> Told:
    seconds = draw(
        st.one_of(
            st.integers(1, 8).map(lambda n: n * 900),
            st.integers(10, 6000),
            st.sampled_from([6 * 3600, 6 * 3600 + 1, 7 * 3600, 13 * 3600, 20 * 3600, 24 * 3600, 26 * 3600]),
        )
    )
    return Told(
        uuid=draw(st.sampled_from("abcdefghijklmnopqrstuvwxyzABCDEFGH_-")) + draw(st.sampled_from("0123")),
        begins=draw(st.one_of(st.integers(-180, 180), st.integers(-24, 24).map(lambda n: n * 60))),
        days_ago=draw(st.sampled_from(DAYS_AGO)),
        seconds=seconds,
        read_quarters=draw(st.sampled_from([1, 2, 3, 4, 4, 4, 6])),
        pages=draw(st.one_of(st.integers(0, 60), st.sampled_from([0, 0, 1, 2, 700]))),
        progress=draw(st.none() | st.tuples(st.integers(0, 64), st.integers(0, 64))),
        book=draw(st.integers(0, BOOKS - 1)),
        zone=draw(st.sampled_from([*ELSEWHERE, zone, zone, zone])),
        device=draw(st.integers(0, len(DEVICES) - 1)),
        source=draw(st.sampled_from(["device", "device", "device", "web", "import"])),
        unlikely=draw(st.sampled_from([*[""] * 30, *UNLIKELY])),
    )


Event = tuple[Any, ...]


@dataclass(frozen=True)
class History:
    zone: str
    rollover_hour: int
    edge: datetime
    events: list[Event]
    goals: tuple[int | None, int | None]
    looked_at: timedelta  # after the last that happened


def events(zone: str) -> st.SearchStrategy[Event]:
    which, hours = st.integers(0, 9), st.sampled_from([0, 0, 1, 2, 3, 4, 12, 23])
    batch = st.tuples(st.just("report"), st.lists(sessions(zone), min_size=1, max_size=4))
    return st.one_of(
        batch,
        batch,
        batch,
        st.tuples(st.just("again"), which, st.integers(0, len(DEVICES) - 1)),
        st.tuples(st.just("trim"), which, st.integers(0, 3), st.integers(1, 4), st.integers(0, 20)),
        st.tuples(st.just("delete"), which),
        st.tuples(st.just("restore"), which),
        st.tuples(st.just("add"), sessions(zone)),
        st.tuples(st.just("zone"), st.sampled_from([zone, *ZONES]), hours),
        st.tuples(st.just("recount")),
        st.tuples(st.just("refresh")),
        st.tuples(st.just("status"), st.integers(0, BOOKS - 1), st.sampled_from(StatusState.values), which),
        st.tuples(st.just("place"), st.integers(0, BOOKS - 1), st.integers(0, 64), which),
    )


@st.composite
def histories(draw: st.DrawFn) -> History:
    zone, edge = draw(st.sampled_from(EDGES))
    return History(
        zone=draw(st.sampled_from([zone, zone, zone, *ZONES])),
        rollover_hour=draw(st.sampled_from([0, 0, 0, 1, 2, 3, 4, 5, 12, 23])),
        edge=edge,
        events=draw(st.lists(events(zone), min_size=1, max_size=9)),
        goals=(draw(st.sampled_from([None, 1, 20])), draw(st.sampled_from([None, 12]))),
        looked_at=timedelta(
            minutes=draw(st.one_of(st.integers(0, 3 * 1440), st.sampled_from([10, 31, 366]).map(_days)))
        ),
    )


def _days(days: int) -> int:
    return days * 1440


@dataclass
class Life:
    """A reader to whom a history happens. Each thing happens a minute after the one before."""

    history: History
    books: list[Book]
    reported: list[SessionReport] = field(default_factory=list)

    def __post_init__(self) -> None:
        minutes_a_day, books_a_year = self.history.goals
        self.reader = Reader.objects.create(
            username="somebody",
            timezone=self.history.zone,
            rollover_hour=self.history.rollover_hour,
            goal_minutes_a_day=minutes_a_day,
            goal_books_a_year=books_a_year,
        )
        self.now = self.history.edge + timedelta(days=6)

    def live(self) -> None:
        for what, *how in self.history.events:
            self.now += timedelta(minutes=1)
            getattr(self, what)(*how)
        assert recount(seconds=60)
        assert refresh()
        self.now += self.history.looked_at

    def report(self, batch: list[Told]) -> None:
        reports = [told.report(self.history.edge, self.books) for told in batch]
        self.reported += reports
        report_sessions(self.reader, reports, device=DEVICES[batch[0].device], clock=Clock(self.now))

    def again(self, which: int, device: int) -> None:
        if self.reported:
            said = self.reported[which % len(self.reported) :]
            report_sessions(self.reader, said, device=DEVICES[device], clock=Clock(self.now))

    def _session(self, which: int) -> Session | None:
        stored = list(Session.objects.filter(reader=self.reader).order_by("pk"))
        return stored[which % len(stored)] if stored else None

    def trim(self, which: int, begins: int, ends: int, pages: int) -> None:
        if session := self._session(which):
            eighth = timedelta(seconds=(session.ended_at - session.started_at).total_seconds() // 8)
            start, end = session.started_at + begins * eighth, session.ended_at - (4 - ends) * eighth
            try:
                trim_session(
                    self.reader,
                    session.pk,
                    started_at=start,
                    ended_at=end,
                    pages=min(pages, session.pages),
                    now=self.now,
                )
            except (CannotEdit, NoSuchSession):
                return

    def delete(self, which: int) -> None:
        if (session := self._session(which)) and session.flag != Session.Flag.DELETED:
            delete_session(self.reader, session.pk)

    def restore(self, which: int) -> None:
        if session := self._session(which):
            restore_session(self.reader, session.pk, now=self.now)

    def add(self, told: Told) -> None:
        said = told.report(self.history.edge, self.books)
        try:
            add_session(
                self.reader,
                self.books[told.book].pk,
                started_at=said.started_at,
                ended_at=said.ended_at,
                pages=said.pages_turned,
                progress_start=said.progress_start,
                progress_end=said.progress_end,
                timezone=said.timezone,
                now=self.now,
            )
        except CannotEdit:
            return

    def zone(self, zone: str, hour: int) -> None:
        change_day(self.reader, timezone=zone, rollover_hour=hour, now=self.now)

    def recount(self) -> None:
        recount(seconds=60)

    def refresh(self) -> None:
        refresh()

    def status(self, book: int, state: str, days_ago: int) -> None:
        set_status(self.reader, self.books[book], state, now=self.now - timedelta(days=days_ago, hours=3))

    def place(self, book: int, percent: int, days_ago: int) -> None:
        read_at = self.history.edge + timedelta(minutes=percent) - timedelta(days=days_ago)
        place = PlaceReport(percent / 64, read_at=read_at)
        report_position(self.reader, self.books[book].pk, place, device=DEVICES[0], clock=Clock(self.now))


# --- Comparing -------------------------------------------------------------------------------------------------------

# Days are stored in milliseconds and thousandths of a page, so a sum of them may be off by so much; what is shown is
# the nearest whole number.
OFF = Fraction(1, 50)
HALF = Fraction(1, 2)


def is_near(shown: float, exact: Fraction, off: Fraction = HALF + OFF) -> bool:
    return abs(Fraction(shown) - exact) <= off


def agree_on_sums(shown: dict[str, Any], exact: dict[str, Any], where: str) -> None:
    assert is_near(shown["seconds"], exact["seconds"]), where
    assert is_near(shown["pages"], exact["pages"]), where
    for counted in ("sessions", "books_finished"):
        assert shown.get(counted) == exact.get(counted), (where, counted)


def agree_on_groups(shown: dict[str, Any], exact: dict[str, Any], where: str) -> None:
    assert shown["book_count"] == exact["book_count"], where
    books = {book["book_id"]: book for book in shown["by_book"]}
    assert books.keys() == exact["by_book"].keys(), where
    for book_id, of_book in exact["by_book"].items():
        agree_on_sums(books[book_id], of_book, f"{where} book {book_id}")
        for said in ("title", "status"):
            assert books[book_id][said] == of_book[said]
    for group in ("by_series", "by_author", "by_type"):
        names = {each["name"]: each for each in shown[group]}
        assert names.keys() == exact[group].keys(), (where, group)
        for name, of_name in exact[group].items():
            agree_on_sums(names[name], of_name, f"{where} {group} {name}")
            assert names[name]["books"] == of_name["books"], (where, group, name)
    devices = {(each.get("device_id"), each["name"]): each for each in shown["by_device"]}
    assert devices.keys() == exact["by_device"].keys(), where
    for device, of_device in exact["by_device"].items():
        agree_on_sums(devices[device], of_device, f"{where} {device}")
    for group in ("by_book", "by_series", "by_author", "by_type", "by_device"):
        seconds = [each["seconds"] for each in shown[group]]
        assert seconds == sorted(seconds, reverse=True), (where, group)


def agree_on_pace(shown: dict[str, Any], exact: reference.Pace, where: str) -> None:
    """A pace is a quotient: of a second of reading, it may be off by as much as that second's pages are rounded."""
    for name, much, seconds, places in (
        ("pages_per_hour", exact.pages, exact.paged_seconds, 0),
        ("percent_per_hour", exact.progress * 100, exact.progress_seconds, 1),
    ):
        assert (name in shown) == (seconds > 0), (where, name)
        if seconds > OFF:
            rounding = HALF / 10**places + Fraction(1, 10**6)
            least, most = (much - OFF) * 3600 / (seconds + OFF), (much + OFF) * 3600 / (seconds - OFF)
            assert least - rounding <= Fraction(shown[name]) <= most + rounding, (where, name)


def agree_on_hours(shown: list[list[int]], exact: list[list[Fraction]], where: str) -> None:
    assert [len(row) for row in shown] == [24] * 7
    for weekday in range(7):
        for hour in range(24):
            assert is_near(shown[weekday][hour], exact[weekday][hour]), (where, weekday, hour)


def agree_on_merged(shown: dict[str, Any], exact: dict[str, Any], where: str) -> None:
    assert is_near(shown["seconds"], exact["seconds"]), where
    assert shown["sessions"] == exact["sessions"], where


def agree_on_estimates(shown: list[dict[str, Any]], exact: dict[int, dict[str, Any]], today: Any) -> None:
    by_book = {each["book_id"]: each for each in shown}
    assert by_book.keys() == exact.keys()
    for book_id, estimate in exact.items():
        said = by_book[book_id]
        assert is_near(said["percentage"], estimate["percentage"], Fraction(1, 10000))
        for name, day in (
            ("seconds_left", "finish_on"),
            ("seconds_left_low", "finish_on_low"),
            ("seconds_left_high", "finish_on_high"),
        ):
            off = HALF + estimate[name] / 500
            assert is_near(said[name], estimate[name], off), name
            if not estimate["seconds_a_day"]:
                assert day not in said
                continue
            ahead = [-(-(estimate[name] + few) // estimate["seconds_a_day"]) for few in (-off, off)]
            if day in said:
                days = (datetime.fromisoformat(said[day]).date() - today).days
                assert ahead[0] <= days <= ahead[1], day
            else:
                assert ahead[1] > 3650


def agree(shown: dict[str, Any], exact: dict[str, Any], reader: Reader) -> None:
    """Fail where the payload does not say what the reference has worked out."""
    assert shown["today"] == exact["today"].isoformat()
    assert shown["totals"].keys() == exact["totals"].keys()
    for when in ("totals", "previous"):
        for name, window in exact[when].items():
            agree_on_sums(shown[when][name], window, f"{when} {name}")
    agree_on_merged(shown["merged"], exact["merged"], "all")
    streak = {
        key: [day.isoformat() for day in value] if key == "days" else getattr(value, "isoformat", lambda v=value: v)()
        for key, value in exact["streak"].items()
    }
    assert shown["streak"] == streak
    assert [day["day"] for day in shown["daily"]] == [day.isoformat() for day in sorted(exact["daily"])]
    for day in shown["daily"]:
        of_day = exact["daily"][datetime.fromisoformat(day["day"]).date()]
        agree_on_sums(day, of_day, day["day"])
    assert [day["day"] for day in shown["heatmap"]] == [day.isoformat() for day in sorted(exact["heatmap"])]
    for day in shown["heatmap"]:
        quarters = exact["heatmap"][datetime.fromisoformat(day["day"]).date()]
        levels = {min(4, int(quarters + few) + 1) for few in (Fraction(-1, 10**5), 0, Fraction(1, 10**5))}
        assert day["level"] in levels, day["day"]
    agree_on_hours(shown["hours"], exact["hours"], "all")
    agree_on_groups(shown, exact, "all")
    for book in shown["by_book"]:
        of_book = exact["by_book"][book["book_id"]]
        assert (book["first_day"], book["last_day"]) == (
            of_book["first_day"].isoformat(),
            of_book["last_day"].isoformat(),
        )
        assert (book["authors"], book.get("series", "")) == (of_book["authors"], of_book["series"])
        assert book["book_type"] == of_book["book_type"]
    assert shown["periods"].keys() == exact["periods"].keys()
    for name, of_period in exact["periods"].items():
        said = shown["periods"][name]
        assert (said["first_day"], said["days"]) == (of_period["first_day"].isoformat(), of_period["days"])
        agree_on_groups(said, of_period, name)
        agree_on_hours(said["hours"], of_period["hours"], name)
        agree_on_merged(said["merged"], of_period["merged"], name)
        agree_on_pace(said["pace"], of_period["pace"], name)
    pace, exact_pace = shown["pace"], exact["pace"]
    assert is_near(pace["seconds_per_day"], exact_pace["seconds_per_day"])
    agree_on_pace(pace, exact_pace["ever"], "ever")
    agree_on_pace(pace["lately"], exact_pace["lately"], "lately")
    months = {month["month"]: month for month in pace["trend"]}
    assert [month["month"] for month in pace["trend"]] == sorted(exact_pace["trend"])
    for month, (seconds, of_month) in exact_pace["trend"].items():
        assert is_near(months[month]["seconds"], seconds)
        agree_on_pace(months[month], of_month, month)
    agree_on_estimates(shown["estimates"], exact["estimates"], exact["today"])
    agree_on_goals(shown["goals"], exact["goals"], reader)
    agree_on_years(shown["years"], exact["years"])
    assert shown["flagged"] == exact["flagged"]
    recent = [
        (each["id"], each.get("book_id"), each["pages"], each.get("flag", "")) for each in shown["recent_sessions"]
    ]
    assert recent == [(each["id"], each["book_id"], each["pages"], each["flag"]) for each in exact["recent_sessions"]]
    for said, session in zip(shown["recent_sessions"], exact["recent_sessions"], strict=True):
        assert is_near(said["seconds"], session["seconds"])


def agree_on_goals(shown: dict[str, Any], exact: dict[str, Any], reader: Reader) -> None:
    assert shown.keys() == exact.keys()
    if "minutes_a_day" in exact:
        said, goal = shown["minutes_a_day"], exact["minutes_a_day"]
        assert (said["goal"], said["days"]) == (reader.goal_minutes_a_day, 30)
        assert is_near(said["seconds_today"], goal["seconds_today"])
        wanted = said["goal"] * 60 - HALF  # what is shown is rounded, and what is shown as reached is reached
        surely = sum(1 for seconds in goal["seconds_of_days"] if seconds >= wanted + OFF)
        perhaps = sum(1 for seconds in goal["seconds_of_days"] if seconds >= wanted - OFF)
        assert surely <= said["days_reached"] <= perhaps
    if "books_a_year" in exact:
        said, goal = shown["books_a_year"], exact["books_a_year"]
        assert (said["goal"], said["finished"]) == (reader.goal_books_a_year, goal["finished"])
        assert is_near(said["expected"], goal["expected"], Fraction(6, 100))


def agree_on_years(shown: list[dict[str, Any]], exact: dict[int, dict[str, Any]]) -> None:
    assert [year["year"] for year in shown] == sorted(exact, reverse=True)
    for said in shown:
        of_year = exact[said["year"]]
        agree_on_sums(said, of_year, f"year {said['year']}")
        assert said["days"] == of_year["days"]
        assert said["longest_streak"] == of_year["longest_streak"]
        assert said["longest_streak_ended_on"] == of_year["longest_streak_ended_on"].isoformat()
        best = of_year["seconds_of_days"][datetime.fromisoformat(said["best_day"]["day"]).date()]
        assert is_near(said["best_day"]["seconds"], best)
        assert is_near(float(best), max(of_year["seconds_of_days"].values()), OFF)
        for month, exact_month in zip(said["months"], of_year["months"], strict=True):
            assert is_near(month["seconds"], exact_month["seconds"])
            assert is_near(month["pages"], exact_month["pages"])
        assert said["book_count"] == len(of_year["books"])
        assert {book["book_id"] for book in said["books"]} == of_year["books"].keys()
        for book in said["books"]:
            assert is_near(book["seconds"], of_year["books"][book["book_id"]]["seconds"])
            assert is_near(book["pages"], of_year["books"][book["book_id"]]["pages"])


# --- The tests -------------------------------------------------------------------------------------------------------


@pytest.fixture
def shelf(db: None) -> list[Book]:
    """Books of two series, of authors who wrote together and apart, and one of neither."""
    holmes, moon = (Series.objects.create(name=name) for name in ("Sherlock Holmes", "Moon"))
    doyle, ghost, verne = (Author.objects.create(name=name) for name in ("A. C. Doyle", "A. Ghost", "J. Verne"))
    books = []
    for title, series, kind, authors in (
        ("A Study in Scarlet", holmes, "book", [doyle]),
        ("The Sign of the Four", holmes, "light_novel", [ghost, doyle]),
        ("From the Earth to the Moon", moon, "book", [verne]),
        ("Untitled", None, "comic", []),
    ):
        book = Book.objects.create(title=title, title_key=title.lower(), series=series, book_type=kind)
        for place, author in enumerate(authors):
            Authorship.objects.create(book=book, author=author, place=place)
        translator = Authorship(book=book, author=verne, role="trl", place=len(authors))
        if verne not in authors:
            translator.save()
        books.append(book)
    return books


def check(history: History, books: list[Book]) -> None:
    with transaction.atomic():
        life = Life(history, books)
        life.live()
        composed = compose(life.reader, now=life.now)
        agree(json.loads(composed.body), reference.statistics(life.reader, life.now), life.reader)
        assert drift(life.reader) == []
        transaction.set_rollback(True)


def check_and_forget(history: History, books: list[Book]) -> None:
    """After everything that is derived is lost, it is rebuilt, and says the same in the same words."""
    with transaction.atomic():
        life = Life(history, books)
        life.live()
        said = compose(life.reader, now=life.now).body
        agree(json.loads(said), reference.statistics(life.reader, life.now), life.reader)
        for derived in (BookDay, ReaderDay, BookTotal, ReaderYear, BookStatus, StatsPayload):
            derived._default_manager.filter(reader=life.reader).delete()
        rebuild(life.reader)
        assert compose(life.reader, now=life.now).body == said
        assert drift(life.reader) == []
        transaction.set_rollback(True)


# A thousand in all, in tests of about the same length, so that those who run them in parallel share the work.
OF_A_KIND = settings(
    max_examples=350,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)


@OF_A_KIND
@given(history=histories())
def test_of_any_history_the_payload_says_what_its_sessions_say(history: History, shelf: list[Book]) -> None:
    check(history, shelf)


@OF_A_KIND
@given(history=histories())
def test_of_any_other_history_too(history: History, shelf: list[Book]) -> None:
    check(history, shelf)


@settings(OF_A_KIND, max_examples=300)
@given(history=histories())
def test_what_is_rebuilt_from_nothing_says_the_same_in_the_same_words(history: History, shelf: list[Book]) -> None:
    check_and_forget(history, shelf)
