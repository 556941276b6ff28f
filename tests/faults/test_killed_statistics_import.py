"""Whoever is killed while statistics are imported: in the end each session is there once, and none is missing."""

import subprocess
from pathlib import Path

import psutil
import pytest

from tests.children import ends_with_us
from tests.nodes import Cluster, WorkerNode, tome
from tests.reading.statistics_files import NEW_YEAR, make_statistics
from tests.waiting import wait_until

pytestmark = pytest.mark.faults

SESSIONS = 20_000  # one an hour, each a page long: so many that whoever imports them can be killed meanwhile
# After a kill, one round of beat's sweep; and every batch rests while others write.
SETTLES_WITHIN_SECONDS = 180


@pytest.fixture(scope="module")
def worker(cluster: Cluster) -> WorkerNode:
    """The worker that imports."""
    node: WorkerNode = cluster.add(WorkerNode("library", cluster.folder, cluster.environment))
    return node


@pytest.fixture
def statistics(cluster: Cluster) -> Path:
    rows = [(1, 1 + n % 300, NEW_YEAR - (SESSIONS - n) * 3600, 60, 300) for n in range(SESSIONS)]
    return make_statistics(cluster.folder / "statistics.sqlite3", rows=rows)


def stored(cluster: Cluster) -> list[str]:
    uuids: list[str] = cluster.ask("sessions_of", "ada")
    return uuids


def wait_for_sessions(cluster: Cluster, count: int) -> None:
    wait_until(lambda: len(stored(cluster)) >= count, what=f"{count} sessions", seconds=SETTLES_WITHIN_SECONDS)
    assert len(stored(cluster)) < SESSIONS, "it was killed after its work"


@pytest.mark.locking
def test_a_killed_command_and_a_killed_worker_leave_nothing_out_and_nothing_twice(
    cluster: Cluster, worker: WorkerNode, statistics: Path
) -> None:
    cluster.ask("make_reader", "ada")
    command = tome("stats", "import", str(statistics), "--user", "ada")
    importing = subprocess.Popen(
        command,
        env=cluster.environment,
        cwd=cluster.folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        preexec_fn=ends_with_us(),
    )
    wait_for_sessions(cluster, 1)
    readers = psutil.Process(importing.pid).children(recursive=True)
    importing.kill()
    importing.wait()
    before = len(stored(cluster))
    assert before < SESSIONS, "it was killed after its work"

    # Nobody asked for it: beat's sweep finds that whoever had it is dead.
    wait_for_sessions(cluster, before + 1)
    killed = worker.pool_process()
    readers += killed.children()
    killed.kill()
    wait_until(lambda: worker.pool_process().pid != killed.pid, what="another pool process")

    def listed() -> str:
        done = cluster.tome("stats", "imports", "--user", "ada")
        assert done.returncode == 0, done.stderr
        return done.stdout

    wait_until(lambda: "finished" in listed() or "failed" in listed(), what="the end", seconds=SETTLES_WITHIN_SECONDS)
    assert f"finished: {SESSIONS} of {SESSIONS} rows, {SESSIONS} sessions new" in listed()
    uuids = stored(cluster)
    assert len(uuids) == len(set(uuids)) == SESSIONS
    assert not any(map(is_alive, readers))
    assert list((Path(cluster.environment["TOME_DATA_DIR"]) / "statistics").iterdir()) == []
    assert cluster.ask("drift") == []


def is_alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
