"""Books for the tests of pages."""

from pathlib import Path
from typing import Any

from django.conf import settings

import tests.books
from library.manifests import refresh_manifests
from library.models import Book
from tests.conftest import add_book


def put_book(title: str, *, authors: tuple[str, ...] = ("Jane Austen",), **stated: Any) -> Book:
    """A book with one small EPUB that really lies in the library."""
    path = Path(settings.LIBRARY_DIR) / f"{Book.objects.count()}.epub"
    tests.books.make_epub(path, title=title, authors=authors, chapters=1)
    return add_book(path, Path(settings.LIBRARY_DIR), title=title, authors=authors, **stated)


def put_volumes(count: int, *, series: str = "Clover", **stated: Any) -> list[Book]:
    """The books of a series, and its manifest."""
    books = [
        put_book(f"{series} {number:02}", series=series, series_index=float(number), **stated)
        for number in range(1, count + 1)
    ]
    refresh_manifests()
    return books
