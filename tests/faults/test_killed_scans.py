"""Whatever is killed while a library is taken in: in the end each file is there exactly once, and none is missing."""

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from library.scanning import BATCH
from tests.books import make_epub
from tests.faults.devices import client
from tests.nodes import Cluster, WorkerNode
from tests.waiting import wait_until

pytestmark = pytest.mark.faults

BOOKS = 300
LINKS = 12_000  # so many that a walk is still among them when it is killed
SETTLES_WITHIN_SECONDS = 180  # two kills, and after each of them at most one round of beat's sweep


@pytest.fixture(scope="module")
def worker(cluster: Cluster) -> WorkerNode:
    """The worker that scans and imports."""
    node: WorkerNode = cluster.add(WorkerNode("library", cluster.folder, cluster.environment))
    return node


@pytest.fixture(scope="module")
def http(cluster: Cluster) -> Iterator[httpx.Client]:
    with client(cluster.web.url, cluster.ask("make_reader", "ada")) as http:
        yield http


def library(cluster: Cluster) -> Path:
    return Path(cluster.environment["TOME_DATA_DIR"]) / "library"


def make_books(cluster: Cluster, folder: str, count: int = BOOKS) -> dict[str, str]:
    """Books in many folders below one; their titles by the paths of their files."""
    titles = {f"{folder}/{number // 10:02}/case {number}.epub": f"{folder} case {number}" for number in range(count)}
    for path, title in titles.items():
        make_epub(library(cluster) / path, title=title, chapters=1, with_cover=True)
    return titles


def make_links(folder: Path, target: str) -> None:
    """Links to a folder that a scan finds anyway; hard links of one, so that they are made and removed quickly."""
    folder.mkdir(parents=True)
    link = folder / "link"
    link.symlink_to(target)
    for number in range(LINKS):
        os.link(link, folder / f"{number}", follow_symlinks=False)


def progress(http: httpx.Client) -> dict[str, Any]:
    answer: dict[str, Any] = http.get("/api/library/scan").raise_for_status().json()
    return answer


def queue_scan(cluster: Cluster, folder: str) -> None:
    done = cluster.tome("scan", folder)
    assert done.returncode == 0, done.stderr


def kill_while_importing(http: httpx.Client, kill: Callable[[WorkerNode], None], worker: WorkerNode) -> None:
    """Kill twice, each time when about another third of the books is there."""
    for third in (1, 2):
        wait_until(
            lambda: progress(http)["imported"] >= third * BOOKS // 3,  # noqa: B023 (called at once)
            what=f"{third} of three parts of the books",
            seconds=SETTLES_WITHIN_SECONDS,
        )
        kill(worker)
        assert progress(http)["imported"] < BOOKS, "it was killed after its work"


def settled(cluster: Cluster, http: httpx.Client, folder: str) -> dict[str, list[dict[str, Any]]]:
    """All that is known of the folder, once nothing is under way any more."""
    wait_until(
        lambda: progress(http)["state"] in ("finished", "failed"),
        what="the scan to end",
        seconds=SETTLES_WITHIN_SECONDS,
        every=0.1,
    )
    answer: dict[str, list[dict[str, Any]]] = cluster.ask("library_below", folder)
    return answer


def assert_taken_in_once(found: dict[str, list[dict[str, Any]]], titles: dict[str, str], *, scans: int = 1) -> None:
    assert [scan["state"] for scan in found["scans"]] == ["finished"] * scans
    assert found["scans"][-1]["seen"] == len(titles)
    assert sorted(file["path"] for file in found["files"]) == sorted(titles)
    assert all(file["is_present"] for file in found["files"])
    title_of = {book["pk"]: book["title"] for book in found["books"]}
    assert len(title_of) == len(titles)
    assert {file["path"]: title_of[file["book"]] for file in found["files"]} == titles
    assert all(book["is_active"] for book in found["books"])
    outcomes = {row["path"]: (row["state"], row["reason"], row["file__path"]) for row in found["imports"]}
    assert {path: outcomes[path] for path in titles} == {path: ("imported", "", path) for path in titles}


def kill_pool_process(worker: WorkerNode) -> None:
    """kill -9 of the process that walks and imports; Celery makes another."""
    killed = worker.pool_process()
    readers = killed.children()
    killed.kill()
    wait_until(lambda: worker.pool_process().pid != killed.pid, what="another pool process")
    wait_for_end(readers)


def kill_main_process(worker: WorkerNode) -> None:
    """kill -9 of the worker alone: what it started has to end by itself."""
    left = worker.container.processes()
    worker.kill()
    wait_for_end(left)
    worker.start()
    worker.ready()


def kill_every_process(worker: WorkerNode) -> None:
    """kill -9 of the worker and of what it started, as when a machine is reset."""
    killed = worker.container.processes()
    worker.kill()
    for process in killed:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    wait_for_end(killed)
    worker.start()
    worker.ready()


def wait_for_end(processes: list[psutil.Process]) -> None:
    """Nobody reads on for a process that was killed."""
    wait_until(lambda: not any(map(is_alive, processes)), what="what the killed process had started to end")


def is_alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.mark.parametrize(
    "kill",
    # One of the three on the other database too: what differs there is how rows are claimed, not who is killed.
    [kill_pool_process, kill_main_process, pytest.param(kill_every_process, marks=pytest.mark.locking)],
)
def test_imports_that_were_broken_off_are_made_once(
    cluster: Cluster, worker: WorkerNode, http: httpx.Client, kill: Callable[[WorkerNode], None]
) -> None:
    folder = kill.__name__
    titles = make_books(cluster, folder)
    queue_scan(cluster, folder)

    kill_while_importing(http, kill, worker)

    found = settled(cluster, http, folder)
    assert_taken_in_once(found, titles)
    assert len(found["imports"]) == BOOKS


@pytest.mark.parametrize("kill", [kill_pool_process, kill_every_process])
def test_a_walk_that_was_broken_off_is_walked_again(
    cluster: Cluster, worker: WorkerNode, http: httpx.Client, kill: Callable[[WorkerNode], None]
) -> None:
    folder = f"walk {kill.__name__}"
    first = make_books(cluster, f"{folder}/a", BATCH)  # queued before the walk is over
    make_links(library(cluster) / folder / "b", "../a")
    last = make_books(cluster, f"{folder}/c", BOOKS)
    worker.stop()
    queue_scan(cluster, folder)  # the message waits for the worker
    worker.start()
    worker.ready()

    wait_until(lambda: progress(http).get("waiting"), what="the first files to be queued", every=0.002)
    killed = progress(http)
    kill(worker)

    assert (killed["state"], killed["waiting"]) == ("running", BATCH), "it was killed after its walk"
    assert_taken_in_once(settled(cluster, http, folder), first | last)
    assert progress(http)["started_at"] > killed["started_at"]


def test_a_renamed_folder_keeps_its_books_though_the_worker_is_killed(
    cluster: Cluster, worker: WorkerNode, http: httpx.Client
) -> None:
    former = make_books(cluster, "renamed/before")
    queue_scan(cluster, "renamed")
    before = settled(cluster, http, "renamed")
    assert_taken_in_once(before, former)

    os.rename(library(cluster) / "renamed/before", library(cluster) / "renamed/after")
    queue_scan(cluster, "renamed")
    kill_while_importing(http, kill_every_process, worker)

    after = settled(cluster, http, "renamed")
    assert_taken_in_once(after, {path.replace("/before/", "/after/"): title for path, title in former.items()}, scans=2)
    for rows in ("files", "books"):
        assert [row["pk"] for row in after[rows]] == [row["pk"] for row in before[rows]]
