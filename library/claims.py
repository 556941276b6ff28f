"""Who works on a row: a process that can be told apart from all others, and found dead.

A row that a killed worker held is taken up again at once where it can be seen that the worker runs no more, which is on
its own machine. Elsewhere its time has to run out.
"""

import os
import socket
from collections.abc import Iterable
from contextlib import suppress
from functools import cache
from pathlib import Path

import psutil

_UNKNOWN = "?"


def this_worker() -> str:
    """A text of at most 200 characters that names this process: `machine boot pid start`."""
    return _named(os.getpid())


def is_surely_dead(worker: str) -> bool:
    """True only where it can be known: a process of this machine that runs no more, or of an earlier boot of it."""
    try:
        machine, boot, pid, start = worker.split(" ")
        number = int(pid)
    except ValueError:
        return False
    if machine != _machine() or _UNKNOWN in (boot, _boot()):
        return False
    return boot != _boot() or _start_of(number) != start


def dead_workers(workers: Iterable[str]) -> list[str]:
    """Those of these that surely run no more."""
    return [worker for worker in workers if is_surely_dead(worker)]


@cache
def _named(pid: int) -> str:  # by the pid, so that a forked child does not go under its parent's name
    return f"{_machine()} {_boot()} {pid} {_start_of(pid)}"


@cache
def _machine() -> str:
    """The host, and on Linux the container: another one counts its processes for itself."""
    host = socket.gethostname().replace(" ", "-")[:100]
    with suppress(OSError):
        return f"{host}/{os.readlink('/proc/self/ns/pid')}"
    return host


@cache
def _boot() -> str:
    with suppress(OSError):
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    with suppress(psutil.Error, OSError):
        return str(int(psutil.boot_time()))
    return _UNKNOWN


def _start_of(pid: int) -> str:
    """When the process began, to the hundredth of a second; empty where there is none."""
    try:
        process = psutil.Process(pid)
        # A zombie waits for its parent only; it works on nothing any more.
        return "" if process.status() == psutil.STATUS_ZOMBIE else f"{process.create_time():.2f}"
    except psutil.NoSuchProcess:
        return ""
    except psutil.Error:
        return _UNKNOWN
