"""A running service to measure, filled with books and sessions, and what its processes use."""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import httpx
import psutil

from tests.nodes import REPOSITORY
from tests.project.services import Service, service
from tests.waiting import wait_until


def say(line: str = "") -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def tree(root: int) -> list[psutil.Process]:
    top = psutil.Process(root)
    return [top, *top.children(recursive=True)]


def cpu_seconds(root: int) -> float:
    """What the processes below `root` and it itself have used; those that ended count with who reaped them."""
    total = 0.0
    for process in tree(root):
        try:
            times = process.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += times.user + times.system + times.children_user + times.children_system
    return total


def memory_mb(root: int) -> float:
    """PSS: memory that several processes share is divided among them."""
    total = 0.0
    for process in tree(root):
        try:
            total += process.memory_full_info().pss
        except psutil.NoSuchProcess:
            continue
    return total / 1e6


@dataclass(frozen=True)
class Filled:
    """A running `tome up` with the key of its reader."""

    tome: Service
    key: str
    books: list[int]  # the ids, in the order in which `describe_books` makes them

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.key}"}

    def client(self) -> httpx.Client:
        return httpx.Client(base_url=self.tome.url, headers=self.headers, timeout=60)

    def settle(self) -> None:
        """Wait for the workers: what they do afterwards is part of what the requests cost."""
        with self.client() as http:
            wait_until(
                lambda: not http.get("/api/stats").json()["pending"],
                what="the workers to finish",
                seconds=300,
                every=1,
            )


def reader_key(tome: Service) -> str:
    """Make the database and its reader Ada; her key."""
    for arguments, stdin in ((["migrate"], ""), (["user", "create", "ada", "--password-stdin"], "correct horse\n")):
        done = tome.tome(*arguments, stdin=stdin)
        if done.returncode:
            raise RuntimeError(done.stderr)
    return tome.tome("key", "create", "--user", "ada").stdout.strip()


def program(module: str, *arguments: str | int, environment: Mapping[str, str]) -> str:
    """What one of the programs beside this module prints, run with a service's environment."""
    command = [sys.executable, "-m", f"tests.bench.{module}", *map(str, arguments)]
    done = subprocess.run(command, env=dict(environment), cwd=REPOSITORY, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(done.stderr)
    return done.stdout


@contextmanager
def filled_service(books: int, sessions: int) -> Iterator[Filled]:
    with service() as tome:
        key = reader_key(tome)
        say(f"Making {books:,} books and {sessions:,} sessions ...")
        ids = json.loads(program("filling", books, sessions, environment=tome.environment))
        tome.start()
        yield Filled(tome, key, ids)


def timed(send: Callable[[], object]) -> float:
    """The milliseconds that a call takes."""
    began_at = time.perf_counter()
    send()
    return (time.perf_counter() - began_at) * 1000


def quantile(values: list[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]
