"""Moments in the device's zone and in UTC."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.koplugin.pure import PureLua

WINTER = 1_763_900_000  # 2025-11-23T12:13:20Z
SUMMER = 1_752_580_800  # 2025-07-15T12:00:00Z
BERLIN = "CET-1CEST,M3.5.0,M10.5.0/3"
NEWFOUNDLAND = "NST3:30NDT,M3.2.0,M11.1.0"
TIMES = PureLua().module("times")
# Summer time that is the standard, half an hour of it, a day left out, a quarter of an hour, and none at all.
ZONES = [
    "UTC",
    "Europe/Berlin",
    "Europe/Dublin",
    "Africa/Casablanca",
    "Pacific/Apia",
    "Australia/Lord_Howe",
    "America/St_Johns",
    "Asia/Kathmandu",
    "Pacific/Kiritimati",
]
SECONDS = st.integers(0, 2**31 - 1)  # all that the oldest devices can hold


@contextmanager
def zone_of(zone: str) -> Iterator[None]:
    before = os.environ.get("TZ")
    os.environ["TZ"] = zone
    time.tzset()
    try:
        yield
    finally:
        if before is None:
            del os.environ["TZ"]
        else:
            os.environ["TZ"] = before
        time.tzset()


@pytest.fixture
def in_zone() -> Iterator[Callable[[str], None]]:
    with zone_of("UTC"):

        def move(zone: str) -> None:
            os.environ["TZ"] = zone
            time.tzset()

        yield move


@pytest.mark.parametrize(
    ("zone", "moment", "offset"),
    [
        ("UTC", WINTER, "+00:00"),
        (BERLIN, WINTER, "+01:00"),
        (BERLIN, SUMMER, "+02:00"),
        (NEWFOUNDLAND, WINTER, "-03:30"),
        (NEWFOUNDLAND, SUMMER, "-02:30"),
        ("IST-5:30", SUMMER, "+05:30"),
        ("LINT-14", WINTER, "+14:00"),
        ("AOE12", WINTER, "-12:00"),
    ],
)
def test_the_offset_is_the_one_of_that_moment(in_zone: Any, zone: str, moment: int, offset: str) -> None:
    in_zone(zone)
    assert TIMES[b"offset"](moment) == offset.encode()


# On 26 October 2025 at 01:00 UTC Berlin's clocks went from 3 back to 2, on 30 March from 2 on to 3.
@pytest.mark.parametrize(
    ("moment", "offset"),
    [
        (1_761_440_399, b"+02:00"),
        (1_761_440_400, b"+01:00"),
        (1_761_444_000, b"+01:00"),
        (1_743_296_399, b"+01:00"),
        (1_743_296_400, b"+02:00"),
    ],
)
def test_the_hour_that_comes_twice_is_told_apart(in_zone: Any, moment: int, offset: bytes) -> None:
    in_zone(BERLIN)
    assert TIMES[b"offset"](moment) == offset


@given(st.sampled_from(ZONES), SECONDS)
def test_the_offset_is_right_in_every_zone_at_any_time(zone: str, moment: int) -> None:
    distance = datetime.fromtimestamp(moment, ZoneInfo(zone)).utcoffset()
    assert distance is not None
    seconds = distance.total_seconds()
    minutes = int(abs(seconds) / 60 + 0.5)
    with zone_of(zone):
        told = TIMES[b"offset"](moment).decode()
    assert told == f"{'-' if seconds < 0 else '+'}{minutes // 60:02}:{minutes % 60:02}"


@given(st.sampled_from(ZONES), SECONDS)
def test_what_is_told_of_a_moment_leads_back_to_it_wherever_the_device_is(zone: str, moment: int) -> None:
    with zone_of(zone):
        iso = TIMES[b"iso"](moment).decode()
        assert TIMES[b"seconds"](iso.encode()) == moment
    assert iso == datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@given(
    st.datetimes(datetime(1970, 1, 1), datetime(2100, 12, 31, 23, 59, 59), timezones=st.just(UTC)),
    st.sampled_from(["seconds", "milliseconds", "microseconds"]),
)
def test_a_servers_time_is_read_as_python_reads_it(moment: datetime, precision: str) -> None:
    iso = moment.isoformat(timespec=precision).replace("+00:00", "Z")
    assert TIMES[b"seconds"](iso.encode()) == int(moment.replace(microsecond=0).timestamp())


@pytest.mark.parametrize(
    ("iso", "seconds"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("1999-12-31T23:59:59.999Z", 946_684_799),
        ("2000-02-29T00:00:00Z", 951_782_400),
        ("2024-02-29T12:00:00Z", 1_709_208_000),
        ("2024-03-01T00:00:00Z", 1_709_251_200),
        ("2100-02-28T23:59:59Z", 4_107_542_399),
        ("2100-03-01T00:00:00Z", 4_107_542_400),
    ],
)
def test_leap_years_are_known(iso: str, seconds: int) -> None:
    assert TIMES[b"seconds"](iso.encode()) == seconds


@pytest.mark.parametrize("seconds", [WINTER + 0.5, float(WINTER)])
def test_parts_of_a_second_are_left_out(in_zone: Any, seconds: float) -> None:
    in_zone(BERLIN)
    assert TIMES[b"iso"](seconds) == b"2025-11-23T12:13:20Z"
    assert TIMES[b"offset"](seconds) == b"+01:00"


@pytest.mark.parametrize(
    ("iso", "shown"),
    [
        ("2025-11-23T12:13:20Z", b"2025-11-23 13:13"),
        ("2025-07-15T12:00:00.123456Z", b"2025-07-15 14:00"),
        ("2025-12-31T23:30:00Z", b"2026-01-01 00:30"),
    ],
)
def test_a_servers_moment_is_shown_in_the_devices_zone(in_zone: Any, iso: str, shown: bytes) -> None:
    in_zone(BERLIN)
    assert TIMES[b"to_show"](iso.encode()) == shown


@pytest.mark.parametrize(
    "junk",
    [
        b"",
        b"yesterday",
        None,
        12,
        True,
        {},
        b"2025-11-23",
        b"2025-11-23T12:13:20",
        b"2025-11-23T12:13:20+01:00",
        b"2025-11-23 12:13:20Z",
        b"2025-11-23T12:13:20Z and more",
        b"2025-11-23T12:13:20.1.2Z",
        b"2025-00-23T12:13:20Z",
        b"2025-13-23T12:13:20Z",
        b"2025-11-00T12:13:20Z",
        b"2025-11-32T12:13:20Z",
        b"2025-11-23T24:13:20Z",
        b"2025-11-23T12:60:20Z",
        b"2025-99-99T99:99:99Z",
    ],
)
def test_what_is_no_moment_is_none(junk: object) -> None:
    value = TIMES if junk == {} else junk
    assert TIMES[b"seconds"](value) is None
    assert TIMES[b"to_show"](value) is None
