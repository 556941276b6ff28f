from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts.days import day_start, days_anywhere, local_day, widest_window, zone_named

ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Pacific/Kiritimati", "Etc/GMT+12", "Asia/Kolkata", "+05:45"]


@pytest.mark.parametrize("name", ["", "Nowhere/Atall", "../etc/passwd", "Europe", "+15:00", "+02:75", "x" * 65, "\x00"])
def test_what_is_no_zone_is_none(name: str) -> None:
    assert zone_named(name) is None


@pytest.mark.parametrize(("name", "hours"), [("+02:00", 2), ("-0930", -9.5), ("Asia/Kolkata", 5.5)])
def test_names_and_offsets_are_zones(name: str, hours: float) -> None:
    zone = zone_named(name)
    assert zone is not None
    assert datetime(2026, 1, 1, tzinfo=zone).utcoffset() == timedelta(hours=hours)


def test_a_day_begins_at_the_rollover_hour_by_the_clock_on_the_wall() -> None:
    berlin = zone_named("Europe/Berlin")
    assert berlin is not None
    assert local_day(datetime(2026, 7, 2, 1, 59, tzinfo=UTC), berlin, 4) == date(2026, 7, 1)
    assert local_day(datetime(2026, 7, 2, 2, 0, tzinfo=UTC), berlin, 4) == date(2026, 7, 2)


@pytest.mark.parametrize(("day", "hours"), [(date(2026, 3, 29), 23), (date(2026, 10, 25), 25)])
def test_a_day_lasts_as_long_as_summer_time_makes_it(day: date, hours: int) -> None:
    berlin = zone_named("Europe/Berlin")
    assert berlin is not None
    assert day_start(day + timedelta(days=1), berlin, 0) - day_start(day, berlin, 0) == timedelta(hours=hours)


@given(
    instant=st.datetimes(datetime(2001, 1, 1), datetime(2099, 1, 1), timezones=st.just(UTC)),
    name=st.sampled_from(ZONES),
    rollover=st.integers(0, 23),
)
def test_an_instant_lies_between_the_start_of_its_day_and_the_next(instant: datetime, name: str, rollover: int) -> None:
    zone = zone_named(name)
    assert zone is not None
    day = local_day(instant, zone, rollover)
    assert day_start(day, zone, rollover) <= instant < day_start(day + timedelta(days=1), zone, rollover)
    earliest, latest = widest_window(day)
    assert earliest <= instant < latest


@given(
    start=st.datetimes(datetime(2001, 1, 1), datetime(2099, 1, 1), timezones=st.just(UTC)),
    minutes=st.integers(1, 5000),
    name=st.sampled_from(ZONES),
    rollover=st.integers(0, 23),
)
def test_the_days_anywhere_hold_the_days_of_each_zone(start: datetime, minutes: int, name: str, rollover: int) -> None:
    zone = zone_named(name)
    assert zone is not None
    end = start + timedelta(minutes=minutes)
    anywhere = days_anywhere(start, end, rollover)
    for instant in (start, start + (end - start) / 2, end - timedelta(microseconds=1)):
        assert local_day(instant, zone, rollover) in anywhere
    assert len(anywhere) <= minutes // 1440 + 4


@pytest.mark.parametrize(
    ("zone", "instant", "rollover_hour", "day"),
    [
        # Newfoundland's clock was set back at a minute past midnight: the evening before was on the wall once more.
        ("America/St_Johns", "2010-11-07T02:31:30+00:00", 0, date(2010, 11, 7)),
        ("America/St_Johns", "2010-11-07T03:15:00+00:00", 0, date(2010, 11, 7)),
        # Samoa leapt over the 30th of December.
        ("Pacific/Apia", "2011-12-30T09:59:00+00:00", 0, date(2011, 12, 29)),
        ("Pacific/Apia", "2011-12-30T10:01:00+00:00", 0, date(2011, 12, 31)),
    ],
)
def test_a_day_is_the_one_that_has_begun_last(zone: str, instant: str, rollover_hour: int, day: date) -> None:
    where = zone_named(zone)
    assert where is not None
    assert local_day(datetime.fromisoformat(instant), where, rollover_hour) == day
