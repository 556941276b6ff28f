"""Which book files lie in the library folder, and what else does. Nothing there is ever written, renamed or removed."""

import os
from collections.abc import Callable, Container, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from library.formats import format_of

PATH_BYTES = 2600  # PostgreSQL indexes no more than 2,704 bytes
NAMED_LIMIT = 20  # paths of files that are left out

SKIPPED_FOLDERS = frozenset(
    {"@eadir", "#recycle", "$recycle.bin", "lost+found", "system volume information", "__macosx"}
)
SKIPPED_SUFFIXES = (".part", ".partial", ".crdownload", ".tmp", ".download")
# What lies beside books: covers, descriptions, lists, and what systems and programs leave.
PICTURES = ("jpg", "jpeg", "jpe", "png", "gif", "webp", "avif", "bmp", "svg", "tif", "tiff")
TEXTS = ("opf", "nfo", "txt", "md", "rtf", "json", "xml", "css", "js", "html", "htm", "xhtml", "csv", "log")
SETTINGS = ("db", "ini", "yaml", "yml", "toml", "bak", "old")
LINKS_AND_SUMS = ("url", "webloc", "lnk", "desktop", "md5", "sha1", "sha256", "sfv", "par2", "torrent", "nzb", "m3u")
COMPANIONS = frozenset((*PICTURES, *TEXTS, *SETTINGS, *LINKS_AND_SUMS))


class FoundFile(NamedTuple):
    """A book file in the library folder; `path` is relative to its root, with forward slashes."""

    path: str
    size: int
    mtime_ns: int


@dataclass
class Met:
    """What a walk came upon besides book files."""

    go_on: Callable[[], None] = lambda: None  # called for each folder; what it raises ends the walk
    unreadable: dict[str, str] = field(default_factory=dict)  # folder or file → the reason as a sentence
    left_out: int = 0  # files that are no books, nor what usually lies beside books
    left_out_paths: list[str] = field(default_factory=list)  # the first of them

    def leave_out(self, path: str) -> None:
        self.left_out += 1
        if len(self.left_out_paths) < NAMED_LIMIT:
            self.left_out_paths.append(printable(path))


def found_below(root: Path, starts: Iterable[str], met: Met) -> Iterator[FoundFile]:
    """The book files at and below these paths, folder by folder in the order of their names."""
    links = Links(root)
    waiting: list[str] = []
    for start in starts:
        if is_ignored(start) or links.is_found_without(start):
            continue
        try:
            if (root / start).is_dir():
                waiting.append(start)
            elif found := looked_at(start, (root / start).stat, met):
                yield found
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            note_unreadable_file(start, error, met)
    waiting.reverse()
    while waiting:
        folder = waiting.pop()
        met.go_on()
        inner: list[str] = []
        yield from found_in(root, folder, inner, links, met)
        waiting += reversed(inner)


def found_in(root: Path, folder: str, inner: list[str], links: "Links", met: Met) -> Iterator[FoundFile]:
    """The book files in one folder. The folders in it that are to be entered are added to `inner`."""
    try:
        with os.scandir(root / folder) as listing:
            entries = sorted(listing, key=lambda entry: entry.name)
    except OSError as error:
        met.unreadable[storable(folder)] = f"This folder cannot be read: {words_of(error)}."
        return
    for entry in entries:
        if entry.name.startswith("."):
            continue
        path = f"{folder}/{entry.name}" if folder else entry.name
        try:
            if entry.is_dir():
                if not is_skipped_folder(entry.name) and (not entry.is_symlink() or links.lead_on(path)):
                    inner.append(path)
            elif entry.is_file() and (found := looked_at(path, entry.stat, met)):
                yield found
        except FileNotFoundError:
            continue
        except OSError as error:
            note_unreadable_file(path, error, met)


class Links:
    """Which folders of other places were entered. A link to what is found without it is not followed, nor one up."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._real_root = Path(os.path.realpath(root))
        self._entered: set[Path] = set()

    def lead_on(self, path: str) -> bool:
        target = Path(os.path.realpath(self._root / path))
        if target.is_relative_to(self._real_root) or self._real_root.is_relative_to(target) or target in self._entered:
            return False
        self._entered.add(target)
        return True

    def is_found_without(self, path: str) -> bool:
        """Does a link on this path lead to another place below the root?"""
        target = Path(os.path.realpath(self._root / path))
        return target != self._real_root / path and target.is_relative_to(self._real_root)


def looked_at(path: str, stat: Callable[[], os.stat_result], met: Met) -> FoundFile | None:
    """What is at this path, if it is a book file that can be taken in."""
    name = path.rpartition("/")[2]
    if is_partial(name):
        return None
    if format_of(name) is None:
        if not is_companion(name):
            met.leave_out(path)
        return None
    found = stat()
    if printable(path) != path:
        met.unreadable[storable(path)] = "This file's name is not in UTF-8; rename it to have it imported."
    elif len(path.encode()) > PATH_BYTES:
        met.unreadable[storable(path)] = "The path of this file is too long; move it further up."
    else:
        return FoundFile(path, found.st_size, found.st_mtime_ns)
    return None


def storable(path: str) -> str:
    """The path for a row: printable, and of one that is too long for an index its end."""
    shown = printable(path)
    return shown if len(shown.encode()) <= PATH_BYTES else f"…{shown[-500:]}"


def note_unreadable_file(path: str, error: OSError, met: Met) -> None:
    if format_of(path):
        met.unreadable[storable(path)] = f"This file cannot be read: {words_of(error)}."


def is_ignored(path: str) -> bool:
    """Is anything on this path hidden, partial, or a folder that no scan enters?"""
    parts = path.split("/")
    return any(part.startswith(".") or is_skipped_folder(part) for part in parts) or is_partial(parts[-1])


def is_skipped_folder(name: str) -> bool:
    return name.lower().endswith(".sdr") or name.lower() in SKIPPED_FOLDERS


def is_partial(name: str) -> bool:
    return name.lower().endswith(SKIPPED_SUFFIXES)


def is_companion(name: str) -> bool:
    return name.rpartition(".")[2].lower() in COMPANIONS


def is_gone(path: Path) -> bool:
    """Is there surely no such file? A folder that may not be read is no answer."""
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False
    return False


def parents_of(path: str) -> Iterator[str]:
    """The folders above a path, the nearest first; the root is the last of them, as an empty text."""
    while path:
        path = path.rpartition("/")[0]
        yield path


def below_any(path: str, folders: Container[str]) -> bool:
    """Is the path one of these, or below one?"""
    return path in folders or any(parent in folders for parent in parents_of(path))


def printable(path: str) -> str:
    """The path as text that a database takes; a name that is not in UTF-8 gets replacement characters."""
    return path.encode(errors="surrogateescape").decode(errors="replace")


def words_of(error: OSError) -> str:
    return (error.strerror or "unknown error").lower()
