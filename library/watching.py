"""What to look at when something changed in the library folder: which changes matter, and when a file is complete.

Whoever copies a file writes it in pieces, and a reader's browser takes minutes for a download. So a file is looked at
once its size and time have stayed the same for a while; and so is a path of which nothing is left, since a file that
was renamed is gone in one place a moment before it turns up in another.
"""

import os
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from library.formats import format_of
from library.walking import Met, found_below, is_companion, is_ignored, printable

STABLE_SECONDS = 2.0
PATHS_LIMIT = 500  # more paths than this are better looked for in the folder that holds them all

Look = tuple[int, int] | None  # size and time of what is at a path, None where there is nothing


@dataclass
class Change:
    """A path that changed: how it looked last, and since when it looks so."""

    look: Look
    since: float


class Changes:
    """The paths below `root` that changed and are not ready to be looked at yet."""

    def __init__(self, root: Path, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._root = root
        self._clock = clock
        self._waiting: dict[str, Change] = {}

    def __len__(self) -> int:
        return len(self._waiting)

    def note(self, path: str, *, is_new: bool) -> None:
        """Something happened at this absolute path. `is_new`: it was not there before, so all in it is new."""
        try:
            relative = Path(path).relative_to(self._root).as_posix()
        except ValueError:
            return
        if relative == "." or is_ignored(relative) or printable(relative) != relative:
            return
        location = self._root / relative
        if location.is_dir():
            # A folder that merely changed tells nothing that the files in it do not tell themselves.
            if is_new:
                for found in found_below(self._root, [relative], Met()):
                    self._wait_for(found.path, (found.size, found.mtime_ns))
        elif format_of(relative) or not (os.path.lexists(location) or is_companion(relative)):
            # What is gone may have been a folder, whatever its name ends in.
            self._wait_for(relative, look_at(location))

    def _wait_for(self, path: str, look: Look) -> None:
        self._waiting[path] = Change(look, self._clock())

    def take_ready(self) -> list[str]:
        """The paths, relative and sorted, that have looked the same for STABLE_SECONDS; each is handed out once."""
        now = self._clock()
        ready = []
        for path, change in self._waiting.items():
            if now - change.since < STABLE_SECONDS:
                continue
            look = look_at(self._root / path)
            if look == change.look:
                ready.append(path)
            else:
                change.look, change.since = look, now
        for path in ready:
            del self._waiting[path]
        return sorted(ready)

    def put_back(self, paths: Iterable[str]) -> None:
        """Have these paths handed out again: what was to be done with them was not."""
        for path in paths:
            self._wait_for(path, look_at(self._root / path))


def look_at(path: Path) -> Look:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_size, found.st_mtime_ns


def scope_of(paths: list[str]) -> list[str]:
    """The paths for a scan that looks at all of these: themselves, or if they are many the folder that holds them."""
    if len(paths) <= PATHS_LIMIT:
        return paths
    return [os.path.commonpath([os.path.dirname(path) for path in paths])]
