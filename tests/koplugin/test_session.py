"""Session records: what counts as reading, and for how long."""

from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.koplugin.pure import PureLua, plain

NOON = 1_763_900_000  # 2025-11-23T12:13:20Z
CAP = 180
LUA = PureLua()


class Reading:
    """A session that started at NOON on page 1; times are seconds after that."""

    def __init__(self, **changes: Any) -> None:
        given = {"uuid": "one", "now": NOON, "page": 1, "progress": 0.01, "cap_seconds": CAP} | changes
        self.it = LUA.module("session")[b"start"](LUA.table(given))

    def turn(self, page: Any, after: float) -> bool:
        return LUA.call(self.it, "turn", page, NOON + after)

    def is_paused(self, after: float) -> bool:
        return LUA.call(self.it, "is_paused", NOON + after)

    def take_back_turn(self) -> None:
        LUA.call(self.it, "take_back_turn")

    def last_turn(self) -> float | None:
        turned_at = self.it[b"turned_at"]
        return None if turned_at is None else turned_at - NOON

    def record(self, after: float, progress: float | None = None) -> dict[str, Any] | None:
        record = LUA.call(self.it, "record", NOON + after, progress)
        return None if record is None else plain(record)

    def seconds(self, after: float) -> float:
        record = self.record(after)
        return record["duration_seconds"] if record else 0


@pytest.fixture
def reading() -> Reading:
    return Reading()


def moment(text: str) -> float:
    return datetime.fromisoformat(text).timestamp() - NOON


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


def test_a_place_that_is_not_known_is_left_out() -> None:
    record = Reading(progress=None).record(60)
    assert record
    assert "progress_start" not in record
    assert "progress_end" not in record


def test_the_same_page_again_is_no_turn_and_loses_no_time(reading: Reading) -> None:
    assert not reading.turn(1, 40)
    record = reading.record(60)
    assert record
    assert (record["pages_turned"], record["duration_seconds"]) == (0, 60)
    assert reading.last_turn() is None


def test_turning_back_is_turning_a_page(reading: Reading) -> None:
    assert reading.turn(2, 20)
    assert reading.turn(1, 40)
    record = reading.record(60)
    assert record
    assert record["pages_turned"] == 2


@pytest.mark.parametrize("cap", [60, 180, 1800])
def test_a_page_left_open_counts_up_to_the_cap(cap: int) -> None:
    reading = Reading(cap_seconds=cap)
    reading.turn(2, cap)
    assert reading.seconds(cap) == cap
    reading.turn(3, 2 * cap + 700)
    assert reading.seconds(2 * cap + 710) == 2 * cap + 10


def test_a_device_forgotten_on_a_page_ends_its_session_at_the_cap_after_the_last_turn(reading: Reading) -> None:
    reading.turn(2, 60)
    record = reading.record(5000)
    assert record
    assert moment(record["ended_at"]) == 60 + CAP
    assert record["duration_seconds"] == 60 + CAP


def test_a_single_page_counts_up_to_the_cap(reading: Reading) -> None:
    assert reading.seconds(CAP - 1) == CAP - 1
    assert reading.seconds(CAP + 1) == CAP


@pytest.mark.parametrize(("seconds", "is_told"), [(0, False), (9, False), (9.99, False), (10, True), (11, True)])
def test_less_than_ten_seconds_are_not_told(reading: Reading, seconds: float, is_told: bool) -> None:
    assert (reading.record(seconds) is not None) is is_told


def test_short_pages_count_together(reading: Reading) -> None:
    for number in range(1, 5):
        reading.turn(1 + number, 2 * number)
    assert reading.record(9) is None
    assert reading.seconds(10) == 10


def test_telling_changes_nothing(reading: Reading) -> None:
    reading.turn(2, 30)
    first = reading.record(60)
    assert reading.record(6000) is not None
    assert reading.record(60) == first


def test_half_an_hour_without_a_turn_is_a_pause(reading: Reading) -> None:
    assert not reading.is_paused(1800)
    assert reading.is_paused(1801)
    reading.turn(2, 1000)
    assert not reading.is_paused(2800)
    assert reading.is_paused(2801)


def test_a_clock_set_back_is_no_pause(reading: Reading) -> None:
    assert not reading.is_paused(-86400)


def test_a_clock_set_back_while_reading_moves_the_start_with_it(reading: Reading) -> None:
    reading.turn(2, 60)
    reading.turn(3, -7200)
    record = reading.record(-7170)
    assert record
    assert record["duration_seconds"] == 90
    assert moment(record["started_at"]) == -7260
    assert moment(record["ended_at"]) == -7170


def test_a_clock_set_back_on_the_last_page_loses_that_page_alone(reading: Reading) -> None:
    reading.turn(2, 60)
    record = reading.record(-7200)
    assert record
    assert record["duration_seconds"] == 60
    assert moment(record["ended_at"]) == 60


def test_a_clock_set_forward_counts_no_more_than_the_cap(reading: Reading) -> None:
    reading.turn(2, 20)
    reading.turn(3, 50 * 365 * 86400)
    assert reading.seconds(50 * 365 * 86400 + 10) == 20 + CAP + 10


def test_a_new_layout_takes_its_turn_back_but_no_turn_before_it(reading: Reading) -> None:
    reading.turn(2, 20)
    reading.turn(7, 40)
    reading.take_back_turn()
    reading.take_back_turn()
    record = reading.record(60)
    assert record
    assert (record["pages_turned"], record["duration_seconds"]) == (1, 60)
    # A place's time is that of the last page turn, which a new layout is not.
    assert reading.last_turn() == 20


def test_without_any_turn_there_is_none_to_take_back(reading: Reading) -> None:
    reading.take_back_turn()
    reading.turn(5, 20)
    reading.take_back_turn()
    record = reading.record(60)
    assert record
    assert record["pages_turned"] == 0
    assert reading.last_turn() is None


def test_a_page_is_whatever_changes_with_it() -> None:
    reading = Reading(page="/body/p[1]")
    assert not reading.turn("/body/p[1]", 10)
    assert reading.turn("/body/p[2]", 20)


def test_parts_of_a_second_count_and_moments_are_still_told(reading: Reading) -> None:
    reading.turn(2, 10.25)
    record = reading.record(20.5)
    assert record
    assert record["duration_seconds"] == 20.5
    assert (record["started_at"], record["ended_at"]) == ("2025-11-23T12:13:20Z", "2025-11-23T12:13:40Z")


def test_a_page_of_half_a_second_moves_no_start() -> None:
    reading = Reading(now=NOON + 0.6)
    reading.turn(2, 1.1)
    record = reading.record(20)
    assert record
    assert record["started_at"] == "2025-11-23T12:13:20Z"


TURNS = st.lists(st.tuples(st.integers(1, 5), st.integers(-100_000, 100_000)), max_size=20)


@given(TURNS, st.integers(-100_000, 100_000), st.integers(60, 1800))
def test_whatever_the_clock_does_a_session_ends_after_it_began_and_counts_no_more_than_lies_between(
    turns: list[tuple[int, int]], pause: int, cap: int
) -> None:
    reading = Reading(cap_seconds=cap)
    now, page, pages, most = 0, 1, 0, 0
    for page_after, seconds in turns:
        now += seconds
        if page_after != page:
            pages, page = pages + 1, page_after
        reading.turn(page_after, now)
        most += cap
    record = reading.record(now + pause)
    if record is None:
        return
    assert 10 <= record["duration_seconds"] <= most + cap
    assert record["duration_seconds"] <= moment(record["ended_at"]) - moment(record["started_at"])
    assert record["pages_turned"] == pages
