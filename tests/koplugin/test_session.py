"""Session records: what counts as reading, and for how long."""

from typing import Any

import pytest

from tests.koplugin.pure import PureLua, plain

NOON = 1_763_900_000


@pytest.fixture
def lua() -> PureLua:
    return PureLua()


class Reading:
    """A session that started at NOON on page 1; times are seconds after that."""

    def __init__(self, lua: PureLua) -> None:
        module = lua.run('return require("tomesync/session")')
        given = lua.table({"uuid": "one", "now": NOON, "page": 1, "progress": 0.01})
        self._session = module[b"start"](given)
        self._methods = module

    def turn(self, page: int, after: float) -> bool:
        return bool(self._methods[b"turn"](self._session, page, NOON + after))

    def is_paused(self, after: float) -> bool:
        return bool(self._methods[b"is_paused"](self._session, NOON + after))

    def take_back_turn(self) -> None:
        self._methods[b"take_back_turn"](self._session)

    def record(self, after: float, progress: float | None = None) -> dict[str, Any] | None:
        record = self._methods[b"record"](self._session, NOON + after, progress)
        return None if record is None else plain(record)


@pytest.fixture
def reading(lua: PureLua) -> Reading:
    return Reading(lua)


def test_time_runs_from_page_to_page(reading: Reading) -> None:
    assert reading.turn(2, 30)
    assert reading.turn(3, 50)
    assert reading.record(60, 0.03) == {
        "session_uuid": "one",
        "started_at": "2025-11-23T12:13:20Z",
        "ended_at": "2025-11-23T12:14:20Z",
        "duration_seconds": 60,
        "progress_start": 0.01,
        "progress_end": 0.03,
        "pages_turned": 2,
        "timezone": "+00:00",
    }


def test_the_same_page_again_is_no_turn_and_loses_no_time(reading: Reading) -> None:
    assert not reading.turn(1, 40)
    record = reading.record(60)
    assert record
    assert (record["pages_turned"], record["duration_seconds"]) == (0, 60)


def test_a_page_left_open_counts_two_minutes(reading: Reading) -> None:
    reading.turn(2, 1000)
    record = reading.record(1010)
    assert record
    assert record["duration_seconds"] == 130


def test_a_device_forgotten_on_a_page_ends_its_session_two_minutes_after_the_last_turn(reading: Reading) -> None:
    reading.turn(2, 60)
    record = reading.record(5000)
    assert record
    assert record["ended_at"] == "2025-11-23T12:16:20Z"
    assert record["duration_seconds"] == 180


@pytest.mark.parametrize(("seconds", "is_told"), [(9, False), (10, True)])
def test_less_than_ten_seconds_are_not_told(reading: Reading, seconds: int, is_told: bool) -> None:
    assert (reading.record(seconds) is not None) is is_told


def test_telling_changes_nothing(reading: Reading) -> None:
    reading.turn(2, 30)
    assert reading.record(60) == reading.record(60)


def test_half_an_hour_without_a_turn_is_a_pause(reading: Reading) -> None:
    assert not reading.is_paused(1800)
    assert reading.is_paused(1801)


def test_a_clock_set_back_while_reading_moves_the_start_with_it(reading: Reading) -> None:
    reading.turn(2, 60)
    reading.turn(3, -7200)
    record = reading.record(-7170)
    assert record
    assert record["duration_seconds"] == 90
    assert record["started_at"] < record["ended_at"]


def test_a_new_layout_takes_its_turn_back_but_no_turn_before_it(reading: Reading) -> None:
    reading.turn(2, 20)
    reading.turn(7, 40)
    reading.take_back_turn()
    reading.take_back_turn()
    record = reading.record(60)
    assert record
    assert (record["pages_turned"], record["duration_seconds"]) == (1, 60)
