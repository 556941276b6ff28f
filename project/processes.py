"""Facts about processes that the supervisor and its children share."""

import ctypes
import os
import signal
import sys
from collections.abc import Iterable

import psutil

PR_SET_PDEATHSIG = 1
PR_SET_NAME = 15
SERVICE_VARIABLE = "TOME_SERVICE"  # names the data folder in the environment of all that a supervisor starts
_libc = ctypes.CDLL(None, use_errno=True)  # loaded here: between fork and exec is no place for it


def die_with_parent(parent: int | None = None) -> None:
    """Have the kernel kill this process when its parent goes. Linux only; elsewhere the next start clears up.

    `parent` is the process id that the parent should have, for a caller that learnt it before the fork.
    """
    if sys.platform != "linux":
        return
    if parent is None:
        parent = os.getppid()
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it went before the kernel was told
        os.kill(os.getpid(), signal.SIGKILL)


def set_name(name: str) -> None:
    """What `top` and `ps -o comm` call this process; 15 bytes of it. Linux only."""
    if sys.platform == "linux":
        _libc.prctl(PR_SET_NAME, name.encode())


def processes_of(service: str) -> list[psutil.Process]:
    """This user's processes, other than this one, that a supervisor of that data folder started."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.pid != os.getpid() and process.environ().get(SERVICE_VARIABLE) == service:
                found.append(process)
        except (psutil.Error, OSError):  # another user's, or gone meanwhile
            continue
    return found


def end(processes: Iterable[psutil.Process], *, patience_seconds: float) -> None:
    """Ask them to stop; kill what is still there after `patience_seconds`. Returns when all are gone."""
    processes = list(processes)
    for process in processes:
        try:
            process.terminate()
        except psutil.NoSuchProcess:
            continue
    _, alive = psutil.wait_procs(processes, timeout=patience_seconds)
    for process in alive:
        try:
            process.kill()
        except psutil.NoSuchProcess:
            continue
    psutil.wait_procs(alive, timeout=5)
