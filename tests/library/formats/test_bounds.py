"""What a process may do after it has bounded itself, asked in a process of its own."""

import ctypes
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from library.formats.bounds import DATA_BYTES, LANDLOCK_CREATE_RULESET, LANDLOCK_VERSION_FLAG

PRELUDE = """
import os, signal, socket, subprocess, sys
from library.formats.bounds import bound_this_process
bound_this_process()
victim, port = sys.argv[1], int(sys.argv[2])
try:
"""
EPILOGUE = """
except Exception as error:
    print(type(error).__name__)
else:
    print("allowed")
"""
LANDLOCK = {  # what only Landlock denies, by the version of it that does
    "os.unlink(victim)": 1,
    "os.rename(victim, victim + '2')": 1,
    "os.mkdir(victim + '2')": 1,
    "os.symlink('/etc/passwd', victim + '2')": 1,
    "open(victim, 'r+')": 1,
    "open(victim + '2', 'w')": 1,
    "subprocess.run(['/bin/true'])": 1,
    "os.truncate(victim, 0)": 3,
    "socket.create_connection(('127.0.0.1', port), 5)": 4,
    "socket.create_server(('127.0.0.1', 0))": 4,
    "os.kill(os.getppid(), 0)": 6,
}


@pytest.fixture
def victim(tmp_path: Path) -> Path:
    path = tmp_path / "place" / "victim"
    path.parent.mkdir()
    path.write_bytes(b"unharmed")
    return path


def attempt(statement: str, victim: Path, environment: Mapping[str, str] | None = None) -> str:
    """`allowed`, or the error, when a bounded process does this; a listener waits on `port`."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = str(listener.getsockname()[1])
        done = subprocess.run(
            [sys.executable, "-I", "-c", f"{PRELUDE}    {statement}{EPILOGUE}", str(victim), port],
            capture_output=True,
            text=True,
            env=environment,
        )
        listener.settimeout(0)
        with pytest.raises(BlockingIOError):  # nobody came
            listener.accept()
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def landlock_version() -> int:
    """0 where this system has none."""
    version = ctypes.CDLL(None).syscall(LANDLOCK_CREATE_RULESET, None, ctypes.c_size_t(0), LANDLOCK_VERSION_FLAG)
    return max(0, version)


def test_reading_is_allowed(victim: Path) -> None:
    assert attempt("open(victim).read(); os.listdir(os.path.dirname(victim))", victim) == "allowed"


@pytest.mark.parametrize("statement", LANDLOCK)
def test_nothing_else_is(statement: str, victim: Path) -> None:
    if landlock_version() < LANDLOCK[statement]:
        pytest.skip(f"this system's Landlock does not deny {statement}")
    assert attempt(statement, victim) == "PermissionError"
    assert victim.read_bytes() == b"unharmed"
    assert [path.name for path in victim.parent.iterdir()] == ["victim"]


def test_memory_ends_at_the_bound(victim: Path) -> None:
    assert attempt(f"bytearray({DATA_BYTES} - 64 * 2**20)", victim) == "allowed"
    assert attempt(f"bytearray({DATA_BYTES})", victim) == "MemoryError"


def test_few_files_can_be_open(victim: Path) -> None:
    assert attempt("[open(victim) for _ in range(20)]", victim) == "allowed"
    assert attempt("[open(victim) for _ in range(40)]", victim) == "OSError"


def test_the_bounds_cannot_be_lifted(victim: Path) -> None:
    lift = "import resource; resource.setrlimit(resource.{}, (-1, -1))"
    for kind in ("RLIMIT_DATA", "RLIMIT_AS", "RLIMIT_FSIZE", "RLIMIT_NOFILE"):
        assert attempt(lift.format(kind), victim) in ("ValueError", "PermissionError")
