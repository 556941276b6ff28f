"""When a server that does not answer is left alone, and when it is tried again."""

import pytest

from tests.koplugin.pure import PureLua

NOON = 1_763_900_000
PAUSE = 600
LUA = PureLua()


class Breaker:
    def __init__(self) -> None:
        self.now: float = NOON
        self.it = LUA.module("breaker")[b"new"](lambda: self.now)

    def fail(self, times: int = 1) -> None:
        for _ in range(times):
            LUA.call(self.it, "note", True)

    def succeed(self) -> None:
        LUA.call(self.it, "note", False)

    def reset(self) -> None:
        LUA.call(self.it, "reset")

    def is_open(self) -> bool:
        return LUA.call(self.it, "is_open")


@pytest.fixture
def breaker() -> Breaker:
    return Breaker()


@pytest.mark.parametrize(("failures", "is_open"), [(0, False), (1, False), (2, False), (3, True), (9, True)])
def test_three_failures_are_enough(breaker: Breaker, failures: int, is_open: bool) -> None:
    breaker.fail(failures)
    assert breaker.is_open() is is_open


def test_an_answer_in_between_starts_the_count_anew(breaker: Breaker) -> None:
    breaker.fail(2)
    breaker.succeed()
    breaker.fail(2)
    assert not breaker.is_open()
    breaker.fail()
    assert breaker.is_open()


def test_an_answer_ends_the_pause(breaker: Breaker) -> None:
    breaker.fail(3)
    breaker.succeed()
    assert not breaker.is_open()


@pytest.mark.parametrize(("seconds", "is_open"), [(0, True), (PAUSE - 1, True), (PAUSE, False), (10 * PAUSE, False)])
def test_ten_minutes_later_it_is_tried_again(breaker: Breaker, seconds: int, is_open: bool) -> None:
    breaker.fail(3)
    breaker.now += seconds
    assert breaker.is_open() is is_open


def test_the_ten_minutes_run_from_the_last_failure(breaker: Breaker) -> None:
    breaker.fail(2)
    breaker.now += PAUSE - 1
    breaker.fail()
    breaker.now += PAUSE - 1
    assert breaker.is_open()


def test_after_the_pause_one_failure_more_is_enough(breaker: Breaker) -> None:
    breaker.fail(3)
    breaker.now += PAUSE
    assert not breaker.is_open()
    breaker.fail()
    assert breaker.is_open()
    breaker.now += PAUSE
    assert not breaker.is_open()


@pytest.mark.parametrize("failures", [3, 7])
def test_when_things_have_changed_three_failures_are_needed_again(breaker: Breaker, failures: int) -> None:
    breaker.fail(failures)
    breaker.reset()
    assert not breaker.is_open()
    breaker.fail(2)
    assert not breaker.is_open()
    breaker.fail()
    assert breaker.is_open()


def test_a_clock_set_back_does_not_pause_for_years(breaker: Breaker) -> None:
    breaker.fail(3)
    breaker.now -= 86400
    assert not breaker.is_open()
    breaker.fail()
    assert breaker.is_open()


def test_looking_changes_nothing(breaker: Breaker) -> None:
    breaker.fail(2)
    assert [breaker.is_open() for _ in range(5)] == [False] * 5
    breaker.fail()
    assert [breaker.is_open() for _ in range(5)] == [True] * 5
