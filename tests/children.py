"""Child processes that do not outlive a test run that is killed."""

import ctypes
import os
import signal
import sys
from collections.abc import Callable

PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None)  # loaded here: between fork and exec is no place for it


def ends_with_us(with_signal: int = signal.SIGKILL) -> Callable[[], None]:
    """A `preexec_fn`: the kernel sends the child `with_signal` when this process goes. Linux only.

    For the kernel a parent is a thread: start such a child in one that lasts. Where a child changes its user,
    subprocess does so before it calls this; afterwards it would be undone.
    """
    parent = os.getpid()

    def set_in_child() -> None:
        if sys.platform != "linux":
            return
        _libc.prctl(PR_SET_PDEATHSIG, with_signal)
        if os.getppid() != parent:  # it went before the kernel was told
            os.kill(os.getpid(), signal.SIGKILL)

    return set_in_child
