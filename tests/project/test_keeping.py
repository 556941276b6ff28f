"""How a program that dies is started again. Whole services that lose a process are in test_supervisor.py."""

import logging
import os
import signal
import sys
import time

import psutil
import pytest

from project import keeping
from project.keeping import Command, Fork, Program
from tests.waiting import wait_until


def failing() -> Command:
    return Command("the web server", [sys.executable, "-c", "raise SystemExit(3)"], os.environ)


def pause_after_death(program: Program) -> float:
    program.start()
    wait_until(lambda: not program.is_running(), what="the program to end")
    program.note_death()
    return program.due_at - time.monotonic()


def test_the_pause_grows_with_each_death_up_to_a_limit() -> None:
    program = failing()
    first, second, third = (pause_after_death(program) for _ in range(3))
    assert first == pytest.approx(keeping.FIRST_PAUSE_SECONDS, abs=0.1)
    assert second == pytest.approx(2 * first, abs=0.2)
    assert third == pytest.approx(4 * first, abs=0.4)
    program.failures = 1000
    assert pause_after_death(program) <= keeping.LONGEST_PAUSE_SECONDS


def test_who_lived_a_while_starts_again_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    program = failing()
    program.failures = 10
    monkeypatch.setattr(keeping, "STEADY_SECONDS", 0.0)
    assert pause_after_death(program) <= keeping.FIRST_PAUSE_SECONDS


def test_the_log_says_who_died_how_and_when_it_comes_back(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    program = failing()
    pause_after_death(program)
    assert "The web server (process " in caplog.text
    assert "ended with status 3; it starts again in 0.2 s." in caplog.text


def test_a_signal_that_ended_it_is_named(caplog: pytest.LogCaptureFixture) -> None:
    program = Command("beat", [sys.executable, "-c", "import time; time.sleep(600)"], os.environ)
    program.start()
    assert program.pid is not None
    os.kill(program.pid, signal.SIGKILL)
    wait_until(lambda: not program.is_running(), what="the program to end")
    program.note_death()
    assert "was ended by SIGKILL" in caplog.text


def test_what_does_not_stop_is_killed_with_all_that_it_started() -> None:
    stubborn = "import os, signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nos.fork()\ntime.sleep(600)\n"
    program = Command("the workers' parent", [sys.executable, "-c", stubborn], os.environ)
    program.start()
    parent = psutil.Process(program.pid)
    [child] = wait_until(parent.children, what="the child")
    program.ask_to_stop()
    program.end()
    assert program.pid is None
    wait_until(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE, what="the child to be gone")


@pytest.mark.parametrize(("answer", "code"), [(0, 0), (7, 7)])
def test_a_fork_ends_with_what_its_function_answers(answer: int, code: int) -> None:
    fork = Fork("a fork", lambda: answer)
    fork.start()
    wait_until(lambda: not fork.is_running(), what="the fork to end")
    assert fork.exit_code == code


def test_a_fork_whose_function_fails_ends_there_and_never_comes_back_into_its_parent() -> None:
    here = os.getpid()

    def fail() -> int:
        raise ZeroDivisionError

    fork = Fork("a fork", fail)
    fork.start()
    assert os.getpid() == here
    wait_until(lambda: not fork.is_running(), what="the fork to end")
    assert fork.exit_code == 1
