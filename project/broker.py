"""Where the broker is and which queue takes which task.

Apart from the settings, so that beat, which only sends, need not load Django.
"""

import os
import tempfile
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from project.env import read

QUEUES = ("sync", "library")
# An import takes seconds, a day total milliseconds: what a reader waits for never stands behind a book.
TASK_ROUTES: dict[str, dict[str, Any]] = {"library.*": {"queue": "library"}, "*": {"queue": "sync"}}
# Above the longest task (300 s), or Redis would hand a message to a second worker while the first still works on it.
VISIBILITY_TIMEOUT_SECONDS = 3600
LONGEST_SOCKET_PATH = 100  # bytes; the kernel takes 107, redis-server one less than that on some systems


def worker_name(queue: str) -> str:
    """The Celery node on this machine that serves a queue."""
    return f"{queue}@{os.uname().nodename}"


def socket_link(data_dir: Path) -> Path:
    """Where the bundled Redis of this data folder is found: its socket, or a link to it where the path is too long."""
    return data_dir / "run" / "redis.sock"


def place_for_socket(link: Path) -> Path:
    """The path to listen on: `link` itself, or one in a new private folder with a short name that `link` points to."""
    link.unlink(missing_ok=True)
    if len(os.fsencode(link)) <= LONGEST_SOCKET_PATH:
        return link
    parent = tempfile.gettempdir()
    if len(os.fsencode(parent)) > LONGEST_SOCKET_PATH // 2:
        parent = "/tmp"
    place = Path(tempfile.mkdtemp(prefix="tome-", dir=parent)) / "redis.sock"
    link.symlink_to(place)
    return place


def socket_path(data_dir: Path) -> Path:
    link = socket_link(data_dir)
    return link.readlink() if link.is_symlink() else link


def broker_url() -> str:
    """TOME_REDIS_URL as kombu writes it, else the bundled Redis of the service that runs on this data folder."""
    given: str | None = read("TOME_REDIS_URL")
    if given is None:
        return "redis+socket://" + quote(str(socket_path(read("TOME_DATA_DIR"))))
    if urlsplit(given).scheme == "unix":
        return "redis+socket://" + given.removeprefix("unix://")
    return given
