"""Fills a database for measuring: `python -m tests.bench.filling BOOKS SESSIONS`, run with the service's environment.

The rows are what an import and years of reading leave; making them by way of the service would take hours.
"""

import json
import os
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from itertools import islice
from typing import Any

import django

BATCH = 2000
BOOKS_IN_A_SERIES = 8
SESSIONS_A_DAY = 30
BOOKS_READ = 200


def title_of(number: int) -> str:
    """Unlike the others in its words, as titles are."""
    digest = sha256(str(number).encode()).hexdigest()
    return f"The {digest[:5].title()} of {digest[5:12].title()} {number}"


def hashes_of(number: int) -> dict[str, str]:
    digest = sha256(f"file {number}".encode()).hexdigest()
    return {"sha256": digest, "ko_md5": digest[:32]}


def in_batches(model: Any, rows: Iterator[Any]) -> None:
    while batch := list(islice(rows, BATCH)):
        model.objects.bulk_create(batch)


def fill_books(count: int) -> list[int]:
    from library.models import Author, Authorship, Book, BookFile, FileHash, Series
    from matching.names import file_name_key, title_key

    in_batches(Series, (Series(name=f"Series {n}") for n in range(count // BOOKS_IN_A_SERIES)))
    in_batches(Author, (Author(name=f"Author {n}") for n in range(count // 10 + 1)))
    series, authors = list(Series.objects.order_by("pk")), list(Author.objects.order_by("pk"))

    def books() -> Iterator[Book]:
        for n in range(count):
            of = series[n // BOOKS_IN_A_SERIES] if n // BOOKS_IN_A_SERIES < len(series) else None
            title = title_of(n)
            yield Book(title=title, title_key=title_key(title), series=of, series_index=n % BOOKS_IN_A_SERIES + 1.0)

    in_batches(Book, books())
    ids = list(Book.objects.order_by("pk").values_list("pk", flat=True))
    authorships = (Authorship(book_id=pk, author=authors[n // 10], place=0) for n, pk in enumerate(ids))
    in_batches(Authorship, authorships)

    def files() -> Iterator[BookFile]:
        for n, pk in enumerate(ids):
            name = f"{title_of(n)}.epub"
            key = file_name_key(name)
            size = 100_000 + n
            yield BookFile(book_id=pk, path=name, name_key=key, format="epub", size=size, mtime_ns=n, **hashes_of(n))

    in_batches(BookFile, files())
    file_ids = BookFile.objects.order_by("book_id").values_list("pk", flat=True)
    in_batches(FileHash, (FileHash(file_id=pk, size=100_000 + n, **hashes_of(n)) for n, pk in enumerate(file_ids)))
    return ids


def fill_sessions(name: str, books: list[int], count: int) -> None:
    """Sessions of ten minutes, thirty on each day, so that each has a day total to be part of."""
    from accounts.models import Reader
    from reading.models import Session

    reader = Reader.objects.get(username=name)
    newest = datetime.now(UTC) - timedelta(days=1)

    def sessions() -> Iterator[Session]:
        for n in range(count):
            day, slot = divmod(n, SESSIONS_A_DAY)
            begun = newest - timedelta(days=day, minutes=20 * slot)
            yield Session(
                reader=reader,
                uuid=f"filled-{n}",
                book_id=books[n % BOOKS_READ],
                started_at=begun,
                ended_at=begun + timedelta(minutes=10),
                seconds=600,
                pages=12,
                progress_end=(n % 100) / 100,
                received_at=newest,
            )

    in_batches(Session, sessions())


if __name__ == "__main__":
    os.environ["DJANGO_SETTINGS_MODULE"] = "project.settings"
    django.setup()
    from reading import rebuilding

    book_ids = fill_books(int(sys.argv[1]))
    fill_sessions("ada", book_ids, int(sys.argv[2]))
    rebuilding.rebuild()
    sys.stdout.write(json.dumps(book_ids[:BOOKS_READ]))
