"""Forked processes, and power that fails, for the KOReader double.

A process is a real fork, so what it changes is lost with it and what it writes to a file stays. Its time is the
test's: whenever it lets time pass (it waits for an answer, it sleeps), it stands still until its parent's clock has
come as far. So the two run side by side as on a device, and one that is ended early has done just what it had come to.
"""

import contextlib
import json
import mmap
import os
import pickle
import select
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn, Protocol

REAL_LIMIT_SECONDS = 30.0
ORPHAN_LIMIT_SECONDS = 120.0
START_SECONDS = 0.02  # until a new process does anything
PIPE_BYTES = 65536
POWER_CUT = 75
NEVER = float("inf")
# The system writes by itself what was written so long ago.
WRITE_BACK_SECONDS = 30.0


class Parent(Protocol):
    """What a process asks of the device that it runs on."""

    now: float
    awake_seconds: float

    def heard(self, process: "Process", kind: str, *values: Any) -> None: ...
    def weather(self) -> Any: ...


def quiet_fork() -> int:
    with warnings.catch_warnings():
        # Newer Pythons warn of threads; the test's server runs in one, and no child touches it.
        warnings.simplefilter("ignore", DeprecationWarning)
        return os.fork()


def _write(fd: int, message: Any) -> None:
    content = pickle.dumps(message)
    content = len(content).to_bytes(8, "big") + content
    while content:
        content = content[os.write(fd, content) :]


def _read_exactly(fd: int, count: int, seconds: float) -> bytes:
    pieces = b""
    end = time.monotonic() + seconds
    while len(pieces) < count:
        if not select.select([fd], [], [], max(0.0, end - time.monotonic()))[0]:
            raise TimeoutError("a process was silent for too long")
        piece = os.read(fd, count - len(pieces))
        if not piece:
            raise EOFError
        pieces += piece
    return pieces


def _read(fd: int, seconds: float) -> Any:
    return pickle.loads(_read_exactly(fd, int.from_bytes(_read_exactly(fd, 8, seconds), "big"), seconds))


@dataclass
class Process:
    """What the parent knows of one. `until` is the time at which it goes on."""

    pid: int
    fd: int | None
    from_child: int
    to_child: int
    event: str
    until: float = NEVER
    reachable_at: float = 0.0
    is_ended: bool = False
    is_killed: bool = False
    is_collected: bool = False
    has_closed: bool = False
    waits_for_reader: bool = False
    unread: bytearray = field(default_factory=bytearray)
    requests: dict[int, int] = field(default_factory=dict)


class Processes:
    """The processes of one device."""

    def __init__(self, parent: Parent) -> None:
        self._parent = parent
        self._by_pid: dict[int, Process] = {}
        self._by_fd: dict[int, Process] = {}
        self._next_fd = 1000

    def start(self, has_pipe: bool, event: str) -> "tuple[Process | None, Upstream | None]":
        """A fork: the process in the parent, the way up in the child."""
        from_child, up = os.pipe()
        down, to_child = os.pipe()
        pid = quiet_fork()
        if pid == 0:
            os.close(from_child)
            os.close(to_child)
            self._forget()
            return None, Upstream(up, down)
        os.close(up)
        os.close(down)
        fd = None
        if has_pipe:
            self._next_fd += 1
            fd = self._next_fd
        reachable_at = self._parent.awake_seconds + START_SECONDS
        process = Process(pid, fd, from_child, to_child, event, reachable_at=reachable_at)
        self._by_pid[pid] = process
        if fd is not None:
            self._by_fd[fd] = process
        self._follow(process)
        return process, None

    def _forget(self) -> None:
        """In a child: its parent's other children are none of its business."""
        for process in self._by_pid.values():
            if not process.is_ended:
                os.close(process.from_child)
                os.close(process.to_child)
        self._by_pid, self._by_fd = {}, {}

    def _follow(self, process: Process) -> None:
        """Hear what it does until it lets time pass, waits for its reader, or ends."""
        process.until = NEVER
        while True:
            try:
                kind, *values = _read(process.from_child, REAL_LIMIT_SECONDS)
            except EOFError:
                self._bury(process)
                meter.follow_a_cut()
                return
            except TimeoutError:
                self._kill(process)
                raise AssertionError("a process did not end") from None
            if kind == "pass":
                process.until = values[0]
                return
            if kind == "write":
                process.unread += values[0]
            elif kind == "full":
                process.waits_for_reader = True
                return
            elif kind == "closed":
                process.has_closed = True
            else:
                self._parent.heard(process, kind, *values)

    def _go_on(self, process: Process) -> None:
        with contextlib.suppress(BrokenPipeError):
            _write(process.to_child, (self._parent.now, self._parent.awake_seconds, self._parent.weather()))
        self._follow(process)

    def _bury(self, process: Process) -> None:
        os.close(process.from_child)
        os.close(process.to_child)
        os.waitpid(process.pid, 0)
        process.is_ended = True

    def _kill(self, process: Process) -> None:
        os.kill(process.pid, signal.SIGKILL)
        self._bury(process)
        process.is_killed = True
        self._parent.heard(process, "killed")

    def advance(self, awake_seconds: float) -> None:
        """Let all of them come as far as that, in order, and the parent's clock with them."""
        while True:
            due = [process for process in self.running if process.until <= awake_seconds]
            if not due:
                return
            self._advance_one(min(due, key=lambda process: process.until))

    def _advance_one(self, process: Process) -> None:
        passed = max(0.0, process.until - self._parent.awake_seconds)
        self._parent.now += passed
        self._parent.awake_seconds += passed
        self._go_on(process)

    @property
    def running(self) -> list[Process]:
        return [process for process in self._by_pid.values() if not process.is_ended]

    @property
    def uncollected(self) -> list[int]:
        return [process.pid for process in self._by_pid.values() if not process.is_collected]

    @property
    def open_pipes(self) -> list[int]:
        return list(self._by_fd)

    def is_done(self, pid: int, waits: bool) -> bool:
        process = self._by_pid.get(pid)
        if not process:
            return True
        while waits and not process.is_ended:
            assert process.until != NEVER, "it would wait for ever: the process waits for its reader"
            self.advance(process.until)
        process.is_collected = process.is_collected or process.is_ended
        return process.is_ended

    def terminate(self, pid: int) -> None:
        # KOReader ends a process by its group, which it makes first thing; until then nothing is hit.
        if not self.is_done(pid, False) and self._parent.awake_seconds >= self._by_pid[pid].reachable_at:
            self._kill(self._by_pid[pid])

    def readable(self, fd: int) -> int:
        return min(len(self._by_fd[fd].unread), PIPE_BYTES)

    def read_all(self, fd: int) -> bytes:
        """All that it writes until it closes its end, which blocks for as long as that takes."""
        process = self._by_fd.pop(fd)
        content = b""
        while True:
            content += bytes(process.unread)
            process.unread.clear()
            if process.is_ended or process.has_closed:
                return content
            if process.waits_for_reader:
                process.waits_for_reader = False
                self._go_on(process)
            else:
                self.advance(process.until)

    def let_them_end(self) -> None:
        """What becomes of processes whose parent has gone: they go on and end by themselves."""
        for process in self.running:
            while not process.is_ended:
                if process.waits_for_reader:
                    self._kill(process)
                else:
                    self._advance_one(process)

    def kill_all(self) -> None:
        for process in self.running:
            os.kill(process.pid, signal.SIGKILL)
            self._bury(process)


class Upstream:
    """A child's way to its parent."""

    def __init__(self, up: int, down: int) -> None:
        self._up, self._down = up, down
        self._unread = 0

    def tell(self, kind: str, *values: Any) -> None:
        try:
            _write(self._up, (kind, *values))
        except BrokenPipeError:
            os._exit(1)

    def _wait(self) -> Any:
        try:
            return _read(self._down, ORPHAN_LIMIT_SECONDS)
        except (EOFError, TimeoutError):
            os._exit(1)

    def stand_still_until(self, awake_seconds: float) -> Any:
        self.tell("pass", awake_seconds)
        return self._wait()

    def write(self, content: bytes) -> Any | None:
        """A pipe takes so much and no more until somebody reads."""
        self.tell("write", content)
        self._unread += len(content)
        if self._unread <= PIPE_BYTES:
            return None
        self._unread = 0
        self.tell("full")
        return self._wait()

    def end(self) -> NoReturn:
        os._exit(0)


# Power


@dataclass(frozen=True)
class PowerRun:
    """What became of a run: whether the power was cut, after how many steps, and before what."""

    is_cut: bool
    steps: int
    at: str


class Meter:
    """Counts the steps at which the power may fail, in one process after the other, and cuts it at one of them."""

    def __init__(self) -> None:
        self._last_step = 0
        self._shared: mmap.mmap | None = None
        self._journal: Path | None = None
        self._devices: list[Processes] = []

    def begin(self, last_step: int, shared: mmap.mmap, journal: Path) -> None:
        self._last_step, self._shared, self._journal = last_step, shared, journal
        self._devices = []

    @property
    def is_running(self) -> bool:
        return self._shared is not None

    def watch(self, processes: Processes) -> None:
        if self._shared:
            self._devices.append(processes)

    def step(self, what: str, at: float) -> None:
        """One more step is about to be made, at that time."""
        if not self._shared:
            return
        steps = int.from_bytes(self._shared[:8], "big") + 1
        self._shared[:8] = steps.to_bytes(8, "big")
        if steps == self._last_step:
            text = what.encode()[:4000]
            self._shared[8] = 1
            self._shared[16 : 16 + len(text)] = text
            self.note("cut", at, "")
            self._cut()

    def follow_a_cut(self) -> None:
        """A process that ended may have been the one in which the power failed."""
        if self._shared and self._shared[8]:
            self._cut()

    def _cut(self) -> NoReturn:
        for processes in self._devices:
            processes.kill_all()
        os._exit(POWER_CUT)

    def note(self, kind: str, at: float, *values: Any) -> None:
        """For the journal of files that are not on the disk yet."""
        if self._journal:
            with self._journal.open("a") as journal:
                journal.write(json.dumps([kind, at, *values]) + "\n")


meter = Meter()


def run_until_power_cut(scenario: Callable[[], None], step: int) -> PowerRun:
    """Run `scenario`, which makes its own KOReader, in a process whose power fails just before that step (from 1).

    Steps are: a file opened for writing, a write, an fsync, a close, a rename, a removal, a new folder, an event, and
    the moments before a request and after its answer. What was written in the last half minute and not synced is lost.
    An error in `scenario` is raised here.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    with tempfile.TemporaryDirectory() as folder, mmap.mmap(-1, 8192) as shared:
        journal, trouble = Path(folder) / "journal", Path(folder) / "trouble"
        journal.touch()
        pid = quiet_fork()
        if pid == 0:
            _run_scenario(scenario, step, shared, journal, trouble)
        code = os.waitstatus_to_exitcode(_waited_for(pid))
        if code == POWER_CUT:
            _lose_what_was_not_synced(journal)
        elif code != 0:
            raise AssertionError(trouble.read_text() if trouble.exists() else f"the scenario ended with {code}")
        text = shared[16:4016].rstrip(b"\0").decode(errors="replace")
        return PowerRun(code == POWER_CUT, int.from_bytes(shared[:8], "big"), text)


def power_cuts(scenario: Callable[[], None], *, every: int = 1) -> Iterator[PowerRun]:
    """One run for each step of `scenario`, until it gets through; that run comes last. `scenario` starts afresh."""
    step = 1
    while True:
        run = run_until_power_cut(scenario, step)
        yield run
        if not run.is_cut:
            return
        step += every


def _run_scenario(scenario: Callable[[], None], step: int, shared: mmap.mmap, journal: Path, trouble: Path) -> NoReturn:
    try:
        meter.begin(step, shared, journal)
        scenario()
        code = 0
    except BaseException:
        trouble.write_text(traceback.format_exc())
        code = 1
    os._exit(code)


def _waited_for(pid: int) -> int:
    handle = os.pidfd_open(pid)
    try:
        if not select.select([handle], [], [], 4 * REAL_LIMIT_SECONDS)[0]:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            raise AssertionError("the scenario did not end")
    finally:
        os.close(handle)
    return os.waitpid(pid, 0)[1]


def _lose_what_was_not_synced(journal: Path) -> None:
    unsafe: dict[str, tuple[float, int]] = {}
    at = 0.0
    for line in journal.read_text().splitlines():
        kind, at, path, *values = json.loads(line)
        if kind == "dirty":
            unsafe[path] = (at, min(values[0], unsafe[path][1]) if path in unsafe else values[0])
        elif kind in ("safe", "gone"):
            unsafe.pop(path, None)
        elif kind == "moved":
            unsafe.pop(values[0], None)
            if path in unsafe:
                unsafe[values[0]] = unsafe.pop(path)
    for path, (written_at, safe_size) in unsafe.items():
        if at - written_at < WRITE_BACK_SECONDS and Path(path).is_file():
            os.truncate(path, min(safe_size, Path(path).stat().st_size))
