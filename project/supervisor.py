"""`tome up`: starts the whole service on one data folder, keeps it running, and stops it.

This process lives as long as the service, so it loads neither Django nor Celery.
"""

import fcntl
import logging
import os
import shutil
import sys
import time
from pathlib import Path
from typing import IO

from project import broker, bundled_redis, ports, processes
from project.env import SETTINGS, read
from project.keeping import Command, Keeper

logger = logging.getLogger(__name__)

MOST_FAILED_STARTS = 4  # of the web server, before it was ever ready: a mistake that no restart mends
REDIS_STARTS_WITHIN_SECONDS = 10.0
# Counted from the signal, so that all is over within 10 s whatever hangs.
WEB_STOPS_WITHIN_SECONDS = 3.0
WORKERS_STOP_WITHIN_SECONDS = 7.0
REDIS_STOPS_WITHIN_SECONDS = 8.0
LEFTOVERS_STOP_WITHIN_SECONDS = 3.0


class CannotStart(Exception):
    """Why `tome up` gives up; the message is a sentence for the operator."""


class Supervisor:
    """The service on one data folder; its settings are those of this process's environment."""

    def __init__(self) -> None:
        for name in SETTINGS:
            read(name)  # a malformed one is named here, and not by each of the programs
        self.data_dir: Path = read("TOME_DATA_DIR")
        self.host: str = read("TOME_HOST")
        self.port: int = read("TOME_PORT")
        self.service = os.path.realpath(self.data_dir)
        self.keeper = Keeper()
        environment = {
            **os.environ,
            processes.SERVICE_VARIABLE: self.service,
            # glibc otherwise opens an arena for each thread, and what they free stays with them.
            "MALLOC_ARENA_MAX": "2",
        }
        self.socket = broker.socket_link(self.data_dir)
        self.migration = Command("the migration", tome("migrate"), environment)
        self.web = Command("the web server", tome("web"), environment)
        # One program for both queues and beat: they are forks of one process and share what it has loaded.
        self.workers = Command("the workers' parent", tome("worker", "--beat"), environment)
        self.redis: Command | None = None
        self.environment = environment

    def run(self) -> None:
        """Serve until a signal says stop. Raises CannotStart or PortTaken if it cannot."""
        with data_folder_lock(self.data_dir):
            processes.end(processes.processes_of(self.service), patience_seconds=LEFTOVERS_STOP_WITHIN_SECONDS)
            with ports.claimed(self.host, self.port):
                try:
                    self._start()
                    self._keep_running()
                finally:
                    self._stop()

    def _start(self) -> None:
        self._prepare_folders()
        self._migrate()
        if read("TOME_REDIS_URL") is None and not self.keeper.stopping:
            self._start_redis()
        for program in (self.web, self.workers):
            if not self.keeper.stopping:
                self.keeper.add(program)

    def _keep_running(self) -> None:
        is_ready = False
        while not self.keeper.stopping:
            if not is_ready and self._answers():
                is_ready = True
                print(f"Tome is ready at {ports.url(self.host, self.port)}", flush=True)  # noqa: T201
            due = self.keeper.seconds_until_due()
            self.keeper.sleep(due if is_ready else min(due, 0.1))
            self.keeper.look_after_programs()
            if not is_ready and self.web.failures >= MOST_FAILED_STARTS:
                raise CannotStart("The web server does not start; the lines above say why.")

    def _prepare_folders(self) -> None:
        run = self.data_dir / "run"
        run.mkdir(mode=0o700, exist_ok=True)
        run.chmod(0o700)
        library: Path | None = read("TOME_LIBRARY_DIR")
        if library is None:
            (self.data_dir / "library").mkdir(exist_ok=True)
        elif not library.is_dir():
            logger.warning("The library folder %s does not exist; nothing can be imported from it.", library)

    def _migrate(self) -> None:
        self.keeper.programs.append(self.migration)
        self.migration.start()
        while self.migration.is_running():
            if self.keeper.stopping:
                return
            self.keeper.sleep(1.0)
        self.keeper.programs.remove(self.migration)
        if self.migration.exit_code != 0:
            raise CannotStart("The database could not be brought up to date; the lines above say why.")

    def _start_redis(self) -> None:
        place = broker.place_for_socket(self.socket)
        self.redis = Command("Redis", bundled_redis.command(place, self.data_dir / "run"), self.environment)
        self.keeper.add(self.redis)
        give_up_at = time.monotonic() + REDIS_STARTS_WITHIN_SECONDS
        while not self.keeper.stopping and not bundled_redis.answers(place):
            if not self.redis.is_running() or time.monotonic() > give_up_at:
                raise CannotStart("The bundled Redis did not start; the lines above say why.")
            self.keeper.sleep(0.02)

    def _answers(self) -> bool:
        allowed = read("TOME_ALLOWED_HOSTS").split(",")[0].strip().lstrip(".")
        name = "localhost" if allowed in ("", "*") else allowed
        return ports.http_status(self.host, self.port, "/api/ready", name=name) == 200

    def _stop(self) -> None:
        """The web server first, so that no request meets a half-stopped service; the broker last."""
        began_at = time.monotonic()
        self.keeper.stop([self.web], until=began_at + WEB_STOPS_WITHIN_SECONDS)
        self.keeper.stop([self.workers, self.migration], until=began_at + WORKERS_STOP_WITHIN_SECONDS)
        if self.redis is not None:
            self.keeper.stop([self.redis], until=began_at + REDIS_STOPS_WITHIN_SECONDS)
        processes.end(processes.processes_of(self.service), patience_seconds=0)
        if self.socket.is_symlink():
            shutil.rmtree(self.socket.readlink().parent, ignore_errors=True)
        self.socket.unlink(missing_ok=True)


def data_folder_lock(data_dir: Path) -> IO[str]:
    """The data folder's lock, for a `with`; the kernel frees it whatever becomes of this process."""
    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = open(data_dir / "tome.lock", "a+", encoding="ascii")  # noqa: SIM115
    except OSError as error:
        raise CannotStart(f"The data folder {data_dir} cannot be used: {error.strerror}.") from None
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.seek(0)
        process = file.read().strip() or "unknown"
        file.close()
        raise CannotStart(
            f"Tome already runs on the data folder {data_dir} (process {process}); "
            "stop that one, or choose another folder with --data-dir."
        ) from None
    file.truncate(0)
    file.write(f"{os.getpid()}\n")
    file.flush()
    return file


def tome(*arguments: str) -> list[str]:
    """A `tome` command as a child process. `-P`: a folder of the working directory must not pass for one of ours."""
    return [sys.executable, "-P", "-m", "project", *arguments]
