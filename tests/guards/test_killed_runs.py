"""A test run that is killed leaves no process behind, and its folders go with the next one."""

import subprocess
import sys
from pathlib import Path

import psutil

from tests.conftest import REPOSITORY
from tests.folders import owned_folder
from tests.waiting import wait_until

START_AND_WAIT = """
from tests.folders import owned_folder
from tests.postgres import postgres_server
with owned_folder("tome-killed-") as folder, postgres_server() as server:
    print(folder, server.folder, server.pid, flush=True)
    input()
"""


def test_nothing_is_left_of_a_run_that_is_killed() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", START_AND_WAIT], cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as run:
        assert run.stdout is not None
        folder, server_folder, pid = run.stdout.readline().split()
        server = psutil.Process(int(pid))
        run.kill()

    wait_until(lambda: not server.is_running() or server.status() == psutil.STATUS_ZOMBIE, what="PostgreSQL to end")
    assert Path(folder).exists(), "a process that is killed removes nothing itself"
    with owned_folder("tome-killed-"), owned_folder(Path(server_folder).name):
        assert not Path(folder).exists()
        assert not Path(server_folder).exists()


def test_a_folder_in_use_is_left_alone() -> None:
    with owned_folder("tome-used-") as first, owned_folder("tome-used-") as second:
        assert first.is_dir()
        assert first != second
