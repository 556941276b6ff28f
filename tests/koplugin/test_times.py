"""Moments in the device's zone and in UTC."""

import time
from collections.abc import Iterator

import pytest

from tests.koplugin.pure import PureLua

WINTER = 1_763_900_000  # 2025-11-23T12:13:20Z
SUMMER = 1_752_580_800  # 2025-07-15T12:00:00Z


@pytest.fixture
def in_zone(monkeypatch: pytest.MonkeyPatch) -> Iterator[object]:
    def move(zone: str) -> PureLua:
        monkeypatch.setenv("TZ", zone)
        time.tzset()
        return PureLua()

    yield move
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    ("zone", "moment", "offset"),
    [
        ("UTC", WINTER, "+00:00"),
        ("CET-1CEST,M3.5.0,M10.5.0/3", WINTER, "+01:00"),
        ("CET-1CEST,M3.5.0,M10.5.0/3", SUMMER, "+02:00"),
        ("NST3:30NDT,M3.2.0,M11.1.0", WINTER, "-03:30"),
        ("NST3:30NDT,M3.2.0,M11.1.0", SUMMER, "-02:30"),
        ("IST-5:30", SUMMER, "+05:30"),
        ("LINT-14", WINTER, "+14:00"),
    ],
)
def test_the_offset_is_the_one_of_that_moment(in_zone, zone: str, moment: int, offset: str) -> None:
    assert in_zone(zone).run('return require("tomesync/times").offset(...)', moment) == offset.encode()


def test_moments_are_told_in_utc_wherever_the_device_is(in_zone) -> None:
    lua = in_zone("CET-1CEST,M3.5.0,M10.5.0/3")
    assert lua.run('return require("tomesync/times").iso(...)', WINTER) == b"2025-11-23T12:13:20Z"


@pytest.mark.parametrize(
    ("iso", "shown"),
    [("2025-11-23T12:13:20Z", b"2025-11-23 13:13"), ("2025-07-15T12:00:00.123456Z", b"2025-07-15 14:00")],
)
def test_a_servers_moment_is_shown_in_the_devices_zone(in_zone, iso: str, shown: bytes) -> None:
    lua = in_zone("CET-1CEST,M3.5.0,M10.5.0/3")
    assert lua.run('return require("tomesync/times").to_show(...)', iso.encode()) == shown


@pytest.mark.parametrize("junk", ["", "yesterday", None, 12, "2025-99-99T99:99:99Z"])
def test_junk_for_a_moment_never_raises(in_zone, junk: object) -> None:
    lua = in_zone("UTC")
    shown = lua.run('return require("tomesync/times").to_show(...)', lua.table(junk))
    assert shown is None or isinstance(shown, bytes)
