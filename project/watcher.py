"""The watcher: has scanned what changes in the library folder, within seconds once it stops changing."""

import logging
import os
import signal
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType
from typing import Literal

from django.conf import settings
from django.db import DatabaseError, connection
from watchfiles import Change, watch

from library.scanning import queue_scan
from library.watching import Changes, scope_of
from project.env import read
from project.processes import set_name
from workers.enqueue import publish_now
from workers.library import scan as scan_task

logger = logging.getLogger(__name__)

RETRY_SECONDS = 5.0
LOOK_EVERY_MILLISECONDS = 1000  # at the files that are not complete yet
QUIET_MILLISECONDS, LONGEST_MILLISECONDS = (
    400,
    1600,
)  # changes are handed over together when it was quiet, or after that
# Looking at every file of a large library takes its time, and a share's server feels it.
POLL_MILLISECONDS = 10_000
SIGN_OF_LIFE_SECONDS = 60

WHOLE_LIBRARY = ("",)
Mode = Literal["auto", "poll", "off"]
Ask = Callable[[Sequence[str]], bool]


def run() -> int:
    """Watch until SIGTERM or SIGINT; the exit code."""
    set_name("tome-watch")
    logging.getLogger("watchfiles").setLevel(logging.WARNING)  # it would tell of every change
    stop = threading.Event()

    def note_stop(number: int, frame: FrameType | None) -> None:
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, note_stop)
    Watcher(settings.LIBRARY_DIR, read("TOME_WATCH"), ask_for_scan, show_life).run(stop)
    return 0


def ask_for_scan(paths: Sequence[str]) -> bool:
    """Queue a scan of these paths; False if that has to be tried again."""
    try:
        queued = queue_scan(paths=paths)
    except DatabaseError as error:
        logger.warning("A scan could not be queued, trying again: %s", error)
        return False
    finally:
        connection.close()  # none is held while nothing changes
    try:
        publish_now(scan_task, queued.pk)
    except Exception as error:
        # Whatever the transport raises: beat's sweep finds the scan.
        logger.warning("No worker could be told of scan %d, so it waits for the sweep: %s", queued.pk, error)
    return True


def sign_of_life() -> Path:
    """The file that the watcher touches every minute: a container's health check."""
    folder: Path = read("TOME_DATA_DIR") / "run"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder / "watcher"


def show_life() -> None:
    file = sign_of_life()
    try:
        is_due = time.time() - file.stat().st_mtime > SIGN_OF_LIFE_SECONDS
    except FileNotFoundError:
        is_due = True
    if is_due:
        file.touch()


class Watcher:
    """Watches a library folder, which may be missing for a while."""

    def __init__(self, folder: Path, mode: Mode, ask: Ask, show_life: Callable[[], None] = lambda: None) -> None:
        self._root = Path(os.path.abspath(folder))
        self._mode = mode
        self._ask = ask
        self._show_life = show_life
        self._has_begun = False

    def run(self, stop: threading.Event) -> None:
        if self._mode == "off":
            logger.info("The library folder is not watched, because TOME_WATCH is off.")
        is_missed = False
        while not stop.is_set():
            self._show_life()
            if self._mode == "off":
                stop.wait(SIGN_OF_LIFE_SECONDS)
            elif self._root.is_dir():
                is_missed = False
                self._watch(stop)
            else:
                if not is_missed:
                    logger.warning("The library folder %s is not there; it is watched once it is.", self._root)
                is_missed = True
                stop.wait(RETRY_SECONDS)

    def _watch(self, stop: threading.Event) -> None:
        """Watch the folder as long as it is the same one."""
        try:
            self._follow(stop)
        except FileNotFoundError:
            return  # the folder went away a moment ago
        except (OSError, RuntimeError) as error:  # the latter is what watchfiles raises for errors of its own
            if self._mode == "auto" and (not self._has_begun or "limit" in str(error)):
                logger.warning(
                    "The system cannot tell of all changes in the library folder (%s), so it is looked through every "
                    "%d s instead. On Linux, raise fs.inotify.max_user_watches above the number of its folders.",
                    error,
                    POLL_MILLISECONDS // 1000,
                )
                self._mode = "poll"
            else:
                logger.warning("The library folder cannot be watched, trying again: %s", error)
                stop.wait(RETRY_SECONDS)

    def _follow(self, stop: threading.Event) -> None:
        self._has_begun = False
        here = identity(self._root)
        changes = Changes(self._root)
        is_first_look_due = True  # nobody saw what changed before this
        for noticed in watch(
            self._root,
            watch_filter=None,
            stop_event=stop,
            step=QUIET_MILLISECONDS,
            debounce=LONGEST_MILLISECONDS,
            rust_timeout=LOOK_EVERY_MILLISECONDS,
            yield_on_timeout=True,
            raise_interrupt=False,
            force_polling=True if self._mode == "poll" else None,
            poll_delay_ms=POLL_MILLISECONDS,
            ignore_permission_denied=True,
        ):
            self._has_begun = True
            self._show_life()
            if identity(self._root) != here:
                return
            if is_first_look_due:
                is_first_look_due = not self._ask(WHOLE_LIBRARY)
            for change, path in noticed:
                changes.note(path, is_new=change == Change.added)
            if (ready := changes.take_ready()) and not self._ask(scope_of(ready)):
                changes.put_back(ready)


def identity(folder: Path) -> tuple[int, int] | None:
    """What tells this folder from another one at its path: another disk, or one made anew. None if there is none."""
    try:
        found = folder.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
