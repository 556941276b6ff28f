"""What a process that reads hostile files gives up for good: memory, files, network, other processes.

Where a system lacks one of these bounds, the others hold.
"""

import ctypes
import os
import resource
import signal
import struct
from contextlib import suppress

# Measured: 28 MB before the first file, 75 MB after files of every kind. The rest is for one file.
DATA_BYTES = 256 * 1024 * 1024
ADDRESS_BYTES = 2 * 1024 * 1024 * 1024  # libraries and mapped files count here too
OPEN_FILES = 32

CLONE_NEWUSER, CLONE_NEWNET = 0x10000000, 0x40000000
PR_SET_PDEATHSIG, PR_SET_NO_NEW_PRIVS = 1, 38
# The same numbers on every processor.
LANDLOCK_CREATE_RULESET, LANDLOCK_RESTRICT_SELF = 444, 446
LANDLOCK_VERSION_FLAG = 1
# Of linux/landlock.h, by the version of the interface that brought them: everything but reading a file or a folder.
EXECUTE, WRITE_FILE, REMOVE_AND_MAKE = 1 << 0, 1 << 1, 0b1_1111_1111 << 4
REFER, TRUNCATE = 1 << 13, 1 << 14
BIND_AND_CONNECT_TCP = 0b11
ABSTRACT_SOCKETS_AND_SIGNALS = 0b11


def bound_this_process() -> None:
    """Set every bound that this system has; the process cannot lift them again."""
    limit_resources()
    with suppress(AttributeError, OSError):
        libc = ctypes.CDLL(None, use_errno=True)
        leave_network(libc)
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)  # now: a change of credentials would undo it
        libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
        only_read(libc)


def limit_resources() -> None:
    for kind, limit in (
        ("RLIMIT_DATA", DATA_BYTES),
        ("RLIMIT_AS", ADDRESS_BYTES),
        ("RLIMIT_FSIZE", 0),
        ("RLIMIT_CORE", 0),
        ("RLIMIT_NOFILE", OPEN_FILES),
    ):
        with suppress(AttributeError, ValueError, OSError):
            resource.setrlimit(getattr(resource, kind), (limit, limit))


def leave_network(libc: ctypes.CDLL) -> None:
    """Go into a network in which there is nothing, where the system lets us."""
    libc.unshare(CLONE_NEWNET if os.geteuid() == 0 else CLONE_NEWNET | CLONE_NEWUSER)


def only_read(libc: ctypes.CDLL) -> None:
    """Have Landlock (Linux 5.13 and later) deny all that is not reading: writing, removing, running, connecting."""
    version = libc.syscall(LANDLOCK_CREATE_RULESET, None, ctypes.c_size_t(0), LANDLOCK_VERSION_FLAG)
    if version < 1:
        return
    files = EXECUTE | WRITE_FILE | REMOVE_AND_MAKE
    files |= (REFER if version >= 2 else 0) | (TRUNCATE if version >= 3 else 0)
    fields = [files]
    if version >= 4:
        fields.append(BIND_AND_CONNECT_TCP)
    if version >= 6:
        fields.append(ABSTRACT_SOCKETS_AND_SIGNALS)
    # A right that is named here and that no rule gives back is denied everywhere.
    rights = struct.pack(f"={len(fields)}Q", *fields)
    rules = libc.syscall(LANDLOCK_CREATE_RULESET, rights, ctypes.c_size_t(len(rights)), 0)
    if rules >= 0:
        libc.syscall(LANDLOCK_RESTRICT_SELF, rules, 0)
        os.close(rules)
