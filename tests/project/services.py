"""`tome up` as a real process, for the tests of the supervisor."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import psutil

from project.processes import SERVICE_VARIABLE, processes_of
from tests.children import ends_with_us
from tests.folders import owned_folder
from tests.nodes import environment_for, free_port, tome
from tests.waiting import wait_until

READY = re.compile(r"^Tome is ready at (http://\S+)$", re.MULTILINE)
STARTS_WITHIN_SECONDS = 60  # the machine may be busy with other tests


class Service:
    """A `tome up` on a data folder; it can be started again after it ended."""

    def __init__(self, folder: Path, data_dir: Path | None = None, **variables: str) -> None:
        self.folder = folder
        self.data_dir = data_dir or folder / "data"
        self.environment = environment_for(self.data_dir, **variables)
        self.environment.pop(SERVICE_VARIABLE)
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def launch(self, *flags: str) -> None:
        with (self.folder / "stdout").open("wb") as stdout, (self.folder / "stderr").open("wb") as stderr:
            self._process = subprocess.Popen(
                tome("up", "--port", str(self.port), *flags),
                env=self.environment,
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
                preexec_fn=ends_with_us(signal.SIGTERM),
            )

    def start(self, *flags: str) -> None:
        self.launch(*flags)
        wait_until(self._is_ready_or_dead, what="the service to be ready", seconds=STARTS_WITHIN_SECONDS)

    def _is_ready_or_dead(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, f"tome up ended with {self._process.returncode}:\n{self.log()}"
        return READY.search(self.stdout()) is not None

    def stdout(self) -> str:
        return (self.folder / "stdout").read_text()

    def log(self) -> str:
        return (self.folder / "stderr").read_text(errors="replace")

    def send(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def wait(self, seconds: float) -> int:
        assert self._process is not None
        return self._process.wait(seconds)

    def close(self) -> None:
        """Whatever state it is in, leave nothing of it."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(20)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        for process in self.processes():
            process.kill()

    def processes(self) -> list[psutil.Process]:
        """Everything of this service that is there, whoever its parent is by now, but for `tome up` itself."""
        return processes_of(os.path.realpath(self.data_dir))

    def part(self, role: str) -> psutil.Process | None:
        """The process in one of the roles of ROLES, if it runs."""
        try:
            return self._part(role)
        except psutil.NoSuchProcess:  # one went while it was looked at
            return None

    def _part(self, role: str) -> psutil.Process | None:
        children = {process.pid: process for process in self.processes() if process.status() != psutil.STATUS_ZOMBIE}
        mine = [process for process in children.values() if process.ppid() == self.pid]
        masters = {
            "redis": [p for p in mine if "redis-server" in p.name()],
            "web": [p for p in mine if "web" in p.cmdline()],
            "workers": [p for p in mine if "worker" in p.cmdline()],
        }
        if role in masters:
            found = masters[role]
        else:
            parent, name = {
                "web worker": ("web", None),
                "sync": ("workers", "tome-sync"),
                "library": ("workers", "tome-library"),
                "beat": ("workers", "tome-beat"),
                "watcher": ("workers", "tome-watch"),
            }[role]
            of = {process.pid for process in masters[parent]}
            found = [p for p in children.values() if p.ppid() in of and name in (None, p.name())]
        return found[0] if found else None

    def answers(self) -> bool:
        try:
            return httpx.get(f"{self.url}/api/ready", timeout=5).status_code == 200
        except httpx.TransportError:
            return False

    def tome(self, *arguments: str, stdin: str = "") -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            tome(*arguments), env=self.environment, cwd=self.folder, input=stdin, capture_output=True, text=True
        )


ROLES = ("redis", "web", "web worker", "workers", "sync", "library", "beat", "watcher")


@contextmanager
def service(data_dir_name: str = "data", variables: Mapping[str, str] | None = None) -> Iterator[Service]:
    """A service that is not started yet, in a folder of its own."""
    with owned_folder("tome-up-") as folder:
        made = Service(folder, folder / data_dir_name, **(variables or {}))
        try:
            yield made
        finally:
            made.close()


def run(*arguments: str, environment: Mapping[str, str], cwd: Path, **options: Any) -> Any:
    """A `tome` command, as from a shell."""
    return subprocess.run(tome(*arguments), env=environment, cwd=cwd, capture_output=True, text=True, **options)


def python(code: str, *, environment: Mapping[str, str]) -> str:
    """What a piece of Python prints that runs with Django set up."""
    prelude = "import django; django.setup()\n"
    done = subprocess.run(
        [sys.executable, "-P", "-c", prelude + code],
        env={**environment, "DJANGO_SETTINGS_MODULE": "project.settings"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()
