"""Two processes at the same files: what one has looked up, the other changes before it is stored.

Only PostgreSQL lets them in between each other; on SQLite a transaction that writes is alone, and the same has to hold.
"""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from library import importing
from library.importing import import_next
from library.models import Book, BookFile, Import
from library.parsing import Parser
from library.scanning import finish_scans, queue_scan, walk
from reading.merging import split_file
from tests.library.taking_in import import_all, scan_all

pytestmark = [pytest.mark.locking, pytest.mark.django_db(transaction=True)]


def meanwhile(monkeypatch: pytest.MonkeyPatch, name: str, act: Callable[[], object]) -> None:
    """Have another process act once, when the importer has just called its function of this name."""
    real = getattr(importing, name)
    acted: list[bool] = []

    def closing() -> None:
        try:
            act()
        finally:
            connection.close()

    def interrupted(*given: Any) -> Any:
        answer = real(*given)
        if connection.vendor == "postgresql" and not acted:
            acted.append(True)
            with ThreadPoolExecutor(1) as other:
                other.submit(closing).result()
        return answer

    monkeypatch.setattr(importing, name, interrupted)


def import_one() -> None:
    with Parser() as parser:
        import_next(parser)


def test_volumes_that_two_workers_find_renumbered_are_all_there(
    make_epub: Callable[..., Path], settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in (1, 2):
        make_epub(f"v{number}.epub", title=f"Volume {number}", chapters=number)
    scan_all()
    before = {book.title: book.pk for book in Book.objects.all()}
    os.rename(settings.LIBRARY_DIR / "v2.epub", settings.LIBRARY_DIR / "v3.epub")
    os.rename(settings.LIBRARY_DIR / "v1.epub", settings.LIBRARY_DIR / "v2.epub")
    walk(queue_scan())
    meanwhile(monkeypatch, "is_still_there", import_one)
    import_all()
    finish_scans()
    found = {file.path: file.book_id for file in BookFile.objects.filter(is_present=True)}
    assert found == {"v2.epub": before["Volume 1"], "v3.epub": before["Volume 2"]}
    assert Book.objects.filter(is_active=True).count() == 2


def test_a_file_that_is_split_off_while_it_is_imported_stays_apart(
    make_epub: Callable[..., Path], settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_epub("a.epub", title="Dune")
    path = make_epub("b.epub", title="Dune", chapters=5)
    scan_all()
    file = BookFile.objects.get(path="b.epub")
    assert Book.objects.count() == 1
    later = path.stat().st_mtime_ns + 1_000_000_000
    os.utime(make_epub("b.epub", title="Dune", chapters=7), ns=(later, later))
    walk(queue_scan())
    meanwhile(monkeypatch, "file_with_bytes", lambda: split_file(file))
    import_all()
    if connection.vendor == "postgresql":
        assert Book.objects.count() == Book.objects.filter(is_active=True, files__isnull=False).distinct().count() == 2
        assert BookFile.objects.get(path="b.epub").book_id != BookFile.objects.get(path="a.epub").book_id
    assert not Import.objects.exclude(state="imported").exists()
