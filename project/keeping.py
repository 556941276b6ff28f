"""Keeping programs running: start them, see them die, start them again after a growing pause, stop them in order."""

import logging
import os
import select
import signal
import socket
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from types import FrameType

from project import processes

logger = logging.getLogger(__name__)

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
FIRST_PAUSE_SECONDS = 0.2
LONGEST_PAUSE_SECONDS = 30.0
STEADY_SECONDS = 30.0  # who lived this long is not failing to start: its next pause is short again


class Program(ABC):
    """A program that is to run, and how it is faring. `pid` is None while it does not run."""

    def __init__(self, name: str) -> None:
        self.name = name  # as in the middle of a sentence: "the web server"
        self.pid: int | None = None
        self.exit_code: int | None = None  # of the last run; minus the signal's number if one ended it
        self.failures = 0  # in a row
        self.due_at = 0.0  # when to start it again, by the monotonic clock
        self._started_at = 0.0

    @abstractmethod
    def _launch(self) -> int:
        """Start it; its process id."""

    @abstractmethod
    def _reap(self) -> int | None:
        """Its exit code once it has ended, None while it runs."""

    @abstractmethod
    def _kill(self) -> None:
        """Kill it and, as far as the system lets us find them, what it has started."""

    def start(self) -> None:
        self.pid = self._launch()
        self._started_at = time.monotonic()
        logger.info("Started %s (process %d).", self.name, self.pid)

    def is_running(self) -> bool:
        if self.pid is None:
            return False
        self.exit_code = self._reap()
        return self.exit_code is None

    def ask_to_stop(self) -> None:
        if self.is_running():
            assert self.pid is not None
            os.kill(self.pid, signal.SIGTERM)

    def end(self) -> None:
        """Make sure that nothing is left of it."""
        if self.pid is None:
            return
        if self.is_running():
            logger.warning("%s did not stop in time and is killed.", self._capitalised())
        self._kill()
        while self.is_running():
            time.sleep(0.005)
        self.pid = None

    def note_death(self) -> None:
        """Say why it ended and when it comes back."""
        assert self.exit_code is not None
        lived = time.monotonic() - self._started_at
        self.failures = 1 if lived >= STEADY_SECONDS else self.failures + 1
        pause = min(FIRST_PAUSE_SECONDS * 2.0 ** (self.failures - 1), LONGEST_PAUSE_SECONDS)
        how = (
            f"was ended by {signal.Signals(-self.exit_code).name}"
            if self.exit_code < 0
            else f"ended with status {self.exit_code}"
        )
        logger.warning("%s (process %d) %s; it starts again in %.1f s.", self._capitalised(), self.pid, how, pause)
        self._kill()  # what it started has no master any more
        self.pid = None
        self.due_at = time.monotonic() + pause

    def _capitalised(self) -> str:
        return self.name[0].upper() + self.name[1:]


class Command(Program):
    """A program of its own, in a process group of its own."""

    def __init__(self, name: str, command: Sequence[str], environment: Mapping[str, str]) -> None:
        super().__init__(name)
        self._command = command
        self._environment = environment
        self._process: subprocess.Popen[bytes] | None = None

    def _launch(self) -> int:
        self._process = subprocess.Popen(
            self._command,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=sys.stderr,  # this process's own stdout is for what the operator asked for
            process_group=0,  # Ctrl-C in a terminal is for this process alone, which stops the rest in order
            preexec_fn=partial(processes.die_with_parent, os.getpid()),
        )
        return self._process.pid

    def _reap(self) -> int | None:
        assert self._process is not None
        return self._process.poll()

    def _kill(self) -> None:
        assert self.pid is not None
        with suppress(ProcessLookupError, PermissionError):  # macOS answers so for a group of which nobody lives
            os.killpg(self.pid, signal.SIGKILL)


class Fork(Program):
    """A copy of this process that runs `target` and shares the memory of all that is loaded here."""

    def __init__(self, name: str, target: Callable[[], int]) -> None:
        super().__init__(name)
        self._target = target

    def _launch(self) -> int:
        parent = os.getpid()
        if pid := os.fork():
            return pid
        code = 1
        try:
            processes.die_with_parent(parent)
            signal.set_wakeup_fd(-1)
            for number in (*STOP_SIGNALS, signal.SIGCHLD):
                signal.signal(number, signal.SIG_DFL)
            code = self._target()
        except SystemExit as error:
            code = error.code if isinstance(error.code, int) else int(error.code is not None)
        except BaseException:
            logger.exception("%s failed.", self._capitalised())
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)  # never back into what the parent was doing

    def _reap(self) -> int | None:
        if self.exit_code is not None:
            return self.exit_code
        assert self.pid is not None
        pid, status = os.waitpid(self.pid, os.WNOHANG)
        return os.waitstatus_to_exitcode(status) if pid else None

    def _kill(self) -> None:
        if self.exit_code is None:
            assert self.pid is not None
            os.kill(self.pid, signal.SIGKILL)

    def start(self) -> None:
        self.exit_code = None
        super().start()


class Keeper:
    """Keeps programs running until a signal says stop. One for each process: signal handlers are the process's."""

    def __init__(self) -> None:
        self.programs: list[Program] = []
        self.stopping = False
        self._woken, self._waker = socket.socketpair()
        self._woken.setblocking(False)
        self._waker.setblocking(False)
        signal.set_wakeup_fd(self._waker.fileno(), warn_on_full_buffer=False)
        for number in STOP_SIGNALS:
            signal.signal(number, self._note_stop)
        signal.signal(signal.SIGCHLD, lambda number, frame: None)  # by default it would wake nobody

    def _note_stop(self, number: int, frame: FrameType | None) -> None:
        if not self.stopping:
            logger.info("Stopping, because of %s.", signal.Signals(number).name)
        self.stopping = True

    def add(self, program: Program) -> None:
        self.programs.append(program)
        program.start()

    def sleep(self, seconds: float) -> None:
        """Until a program dies or a signal comes, but no longer than this."""
        select.select([self._woken], [], [], seconds)
        with suppress(BlockingIOError):
            while self._woken.recv(1024):
                pass

    def seconds_until_due(self) -> float:
        """Until a program has to be started again; at most a minute."""
        waits = [program.due_at - time.monotonic() for program in self.programs if program.pid is None]
        return max(0.0, min([60.0, *waits]))

    def look_after_programs(self) -> None:
        """Note who died, and start again whose pause is over."""
        for program in self.programs:
            if program.pid is not None and not program.is_running() and not self.stopping:
                program.note_death()
            if program.pid is None and time.monotonic() >= program.due_at and not self.stopping:
                program.start()

    def stop(self, programs: Sequence[Program], *, until: float) -> None:
        """Ask these to stop and wait, at most until that moment of the monotonic clock; then kill."""
        self.stopping = True
        for program in programs:
            program.ask_to_stop()
        while any(program.is_running() for program in programs) and (left := until - time.monotonic()) > 0:
            self.sleep(min(left, 0.5))
        for program in programs:
            program.end()
