"""Changing the zone or the rollover hour: all days are counted anew, some at a time, while everything else goes on."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import OperationalError

from accounts.models import Reader
from accounts.preferences import InvalidPreference
from library.models import Book
from reading import refreshing, zones
from reading.clocks import Clock
from reading.marks import is_pending
from reading.models import ReaderDay, Recount, StaleDay, StatsPayload
from reading.rebuilding import drift
from reading.refreshing import recount, refresh
from reading.reports import report_sessions
from reading.sessions import SessionReport, SessionVerdict
from reading.zones import RecountProgress, change_day, open_recounts, recount_progress, recount_some, zone_names
from tests.reading.conftest import KOBO, NOON, minutes

Read = Callable[..., SessionVerdict]
LATE = datetime(2026, 5, 1, 21, tzinfo=UTC)  # eleven at night in Berlin, the next day in India


@pytest.fixture
def a_month(read: Read) -> None:
    """Half an hour on each of thirty nights."""
    for n in range(30):
        read(f"{n}", LATE + timedelta(days=n), 30)
    refresh()


def days(reader: Reader) -> dict[str, float]:
    return {str(row.day): row.seconds for row in ReaderDay.objects.filter(reader=reader).order_by("day")}


def payload(reader: Reader) -> Any:
    return json.loads(StatsPayload.objects.get(reader=reader).body)


def finish(reader: Reader) -> None:
    """Have workers do all that is to be done, and prove that it was done well."""
    assert refresh()
    assert recount(seconds=60)
    assert refresh()
    assert recount_progress(reader) is None
    assert not is_pending(reader)
    assert drift() == []


def test_days_move_with_the_zone(ada: Reader, a_month: None) -> None:
    assert next(iter(days(ada))) == "2026-05-01"
    assert change_day(ada, timezone="Asia/Kolkata", now=NOON)
    assert ada.timezone == "Asia/Kolkata"
    assert is_pending(ada)
    finish(ada)
    assert list(days(ada)) == [str((LATE + timedelta(days=n + 1)).date()) for n in range(30)]
    assert payload(ada)["timezone"] == "Asia/Kolkata"
    assert payload(ada)["totals"]["all"]["seconds"] == 30 * 1800


def test_days_move_with_the_rollover_hour(ada: Reader, read: Read) -> None:
    read("night", LATE + minutes(150), 60)  # from half past one in Berlin
    refresh()
    assert days(ada) == {"2026-05-02": 3600}
    assert change_day(ada, rollover_hour=2, now=NOON)
    finish(ada)
    assert days(ada) == {"2026-05-01": 1800, "2026-05-02": 1800}
    assert change_day(ada, timezone="Pacific/Honolulu", rollover_hour=23, now=NOON)
    finish(ada)
    assert days(ada) == {"2026-04-30": 3600}


def test_a_session_with_a_zone_of_its_own_stays_on_its_day(ada: Reader, read: Read) -> None:
    read("one", LATE, 30, timezone="Europe/Berlin")
    refresh()
    change_day(ada, timezone="Asia/Kolkata", now=NOON)
    finish(ada)
    assert days(ada) == {"2026-05-01": 1800}


def test_the_same_again_changes_nothing(ada: Reader, a_month: None) -> None:
    assert not change_day(ada, timezone="Europe/Berlin", rollover_hour=0, now=NOON)
    assert not change_day(ada, now=NOON)
    assert not is_pending(ada)


@pytest.mark.parametrize(
    "to",
    [
        {"timezone": "Europe/Atlantis"},
        {"timezone": ""},
        {"timezone": "+02:00"},
        {"rollover_hour": 24},
        {"rollover_hour": -1},
    ],
)
def test_what_is_no_zone_or_hour_is_refused_and_nothing_changes(ada: Reader, to: dict[str, Any]) -> None:
    with pytest.raises(InvalidPreference) as refused:
        change_day(ada, **to, now=NOON)
    assert refused.value.sentence.endswith(".")
    ada.refresh_from_db()
    assert (ada.timezone, ada.rollover_hour) == ("Europe/Berlin", 0)
    assert recount_progress(ada) is None


def test_progress_is_told(ada: Reader, a_month: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zones, "DAYS_AT_ONCE", 12)
    change_day(ada, timezone="Asia/Kolkata", now=NOON)
    told = [recount_progress(ada)]
    while recount_some(ada.pk):
        told.append(recount_progress(ada))
    assert told == [*(RecountProgress(done, 30) for done in (0, 12, 24, 30)), None]
    assert RecountProgress(12, 30).percent == 40
    assert RecountProgress(0, 0).percent == 0
    assert not recount_some(ada.pk)


def test_one_that_is_interrupted_goes_on_where_it_was(
    ada: Reader, a_month: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(zones, "DAYS_AT_ONCE", 8)
    change_day(ada, timezone="Asia/Kolkata", now=NOON)
    marked: list[int] = []
    rebuild = refreshing.rebuild_days

    def killed(marks: Any) -> None:
        marked.append(len(marks))
        if len(marked) == 2:
            raise OperationalError("The database went away.")
        rebuild(marks)

    monkeypatch.setattr(refreshing, "rebuild_days", killed)
    with pytest.raises(OperationalError):
        recount(seconds=60)
    progress = recount_progress(ada)
    assert progress is not None
    assert 0 < progress.done < 30
    assert is_pending(ada)
    finish(ada)
    assert next(iter(days(ada))) == "2026-05-02"


def test_time_that_is_up_leaves_the_rest_for_the_next(ada: Reader, a_month: None) -> None:
    change_day(ada, timezone="Asia/Kolkata", now=NOON)
    assert not recount(seconds=-1)
    assert open_recounts() == [ada.pk]
    finish(ada)


def test_another_change_in_between_begins_anew(ada: Reader, a_month: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zones, "DAYS_AT_ONCE", 8)
    before = days(ada)
    change_day(ada, timezone="Asia/Kolkata", now=NOON)
    recount_some(ada.pk)
    refresh()
    recount_some(ada.pk)
    change_day(ada, timezone="Europe/Berlin", now=NOON + minutes(1))
    assert Recount.objects.get().done == 0
    finish(ada)
    assert days(ada) == before


def test_sessions_that_come_meanwhile_are_counted_in_the_new_zone(
    ada: Reader, a_month: None, read: Read, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(zones, "DAYS_AT_ONCE", 8)
    change_day(ada, timezone="Asia/Kolkata", now=NOON)
    recount_some(ada.pk)
    read("old", LATE - timedelta(days=100), 30)
    read("among them", LATE + timedelta(days=28, minutes=60), 30)
    refresh()
    read("at the end", LATE + timedelta(days=50), 30)
    finish(ada)
    counted = days(ada)
    assert counted[str((LATE - timedelta(days=99)).date())] == 1800
    assert counted[str((LATE + timedelta(days=29)).date())] == 3600
    assert counted[str((LATE + timedelta(days=51)).date())] == 1800
    assert sum(counted.values()) == 33 * 1800


def test_other_readers_are_served_in_between(
    ada: Reader, bob: Reader, a_month: None, book: Book, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(zones, "DAYS_AT_ONCE", 8)
    change_day(ada, timezone="Asia/Kolkata", now=NOON)
    seen: list[tuple[bool, bool]] = []
    step = zones.recount_some

    def watched(reader_id: int) -> bool:
        if not seen:
            report = SessionReport(started_at=NOON, ended_at=NOON + minutes(30), uuid="bob's", book_id=book.pk)
            report_sessions(bob, [report], device=KOBO, clock=Clock(NOON + minutes(60)))
        seen.append((is_pending(bob), recount_progress(ada) is not None))
        return step(reader_id)

    monkeypatch.setattr(refreshing, "recount_some", watched)
    assert recount(seconds=60)
    assert seen[:2] == [(True, True), (False, True)]
    assert days(bob) == {"2026-05-01": 1800}
    finish(ada)


def test_a_recount_touches_no_day_of_another_reader(ada: Reader, bob: Reader, a_month: None) -> None:
    change_day(ada, timezone="Asia/Kolkata", now=NOON)
    recount_some(ada.pk)
    assert set(StaleDay.objects.values_list("reader", flat=True)) == {ada.pk}
    assert recount_progress(bob) is None


def test_zones_are_those_of_places() -> None:
    names = zone_names()
    assert {"UTC", "Europe/Berlin", "Asia/Kolkata", "America/Argentina/Buenos_Aires"} <= set(names)
    assert names == sorted(names)
    assert "localtime" not in names


def test_what_was_not_counted_yet_when_the_hour_changes_is_not_lost(ada: Reader, read: Callable[..., Any]) -> None:
    change_day(ada, timezone="UTC", rollover_hour=0, now=NOON)
    refresh()
    recount(seconds=60)
    read("one", NOON, 60)
    change_day(ada, rollover_hour=23, now=NOON)
    refresh()
    recount(seconds=60)
    assert [row.seconds for row in ReaderDay.objects.filter(reader=ada)] == [3600]
    assert drift(ada) == []
