"""Series of real files in Tome's own library, and what can go wrong with the download of their books."""

import zipfile
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

from tests.books import make_epub
from tests.conftest import add_book
from tests.koplugin.line import DOWNLOADS, Answered, Change, Passed


def make_series(
    root: Path, count: int, *, name: str = "Discworld", author: str = "Terry Pratchett", padding: int = 0
) -> list[Any]:
    """The books of a new series in the library at `root`, in order; in each file `padding` bytes do not shrink."""
    from library.manifests import refresh_manifests

    books = []
    for number in range(1, count + 1):
        path = make_epub(root / name / f"{number}.epub", title=f"{name} {number}", authors=[author], chapters=1)
        if padding:
            with zipfile.ZipFile(path, "a") as archive:
                entry = zipfile.ZipInfo("OEBPS/picture.bin", date_time=(2020, 1, 1, 0, 0, 0))
                archive.writestr(entry, Random(f"{name} {number}").randbytes(padding))
        books.append(
            add_book(path, root, title=f"Part {number}", authors=[author], series=name, series_index=float(number))
        )
    refresh_manifests()
    return books


# What goes wrong


def is_of(passed: Passed, books: Sequence[Any]) -> bool:
    """Whether it is a download of one of these books."""
    return any(passed.path.startswith(f"{DOWNLOADS}{book.pk}/") for book in books)


def cutting(books: Sequence[Any], *, after: int) -> Change:
    """Breaks each transfer of these books after so many bytes, or before its last one; a single byte passes."""

    def cut(passed: Passed, answer: Answered) -> None:
        if is_of(passed, books) and answer.status in (200, 206) and len(answer.body) > 1:
            answer.sent = min(after, len(answer.body) - 1)

    return cut


def answering(books: Sequence[Any], status: int, body: bytes = b"", **headers: str) -> Change:
    """Answers something else than these books' files. Names of headers have `_` for `-`."""

    def replace(passed: Passed, answer: Answered) -> None:
        if is_of(passed, books):
            answer.status, answer.body = status, body
            answer.headers = {name.replace("_", "-"): value for name, value in headers.items()}

    return replace
