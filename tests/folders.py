"""Folders in the system's temporary directory that go away, if not with their owner, then with the next one."""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

LOCK = "owner.lock"


@contextmanager
def owned_folder(prefix: str) -> Iterator[Path]:
    """A new folder, removed on leaving; what killed runs left under the same prefix is removed on entering.

    The owner holds a lock that the kernel drops with the process, so that a folder whose lock can be had belongs to
    nobody. The name stays short: a socket's path ends at 107 bytes.
    """
    for left in Path(tempfile.gettempdir()).glob(f"{prefix}*"):
        _remove_if_left(left)
    folder = Path(tempfile.mkdtemp(prefix=prefix))
    # Locked before it has its name: a sweep that runs meanwhile skips a folder without a lock file.
    descriptor = os.open(folder / f".{LOCK}", os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        (folder / f".{LOCK}").rename(folder / LOCK)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(descriptor)


def _remove_if_left(folder: Path) -> None:
    try:
        descriptor = os.open(folder / LOCK, os.O_RDWR)
    except OSError:
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return
    else:
        shutil.rmtree(folder, ignore_errors=True)
    finally:
        os.close(descriptor)
