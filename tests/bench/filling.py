"""Fills a database for measuring: `python -m tests.bench.filling BOOKS SESSIONS`, run with the service's environment.

The rows are what an import of `tests.generating`'s library and years of reading leave; making them by way of the
service would take hours.
"""

import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from itertools import islice
from typing import Any

import django

from tests.generating.books import Description, describe_books

BATCH = 2000
SESSIONS_A_DAY = 30
BOOKS_READ = 200


def hashes_of(number: int, place: int = 0) -> dict[str, str]:
    """Those of a book's first file, or of another."""
    digest = sha256(f"file {number} {place}".encode()).hexdigest()
    return {"sha256": digest, "ko_md5": digest[:32]}


def size_of(number: int) -> int:
    return 100_000 + number


def in_batches(model: Any, rows: Iterator[Any]) -> None:
    while batch := list(islice(rows, BATCH)):
        model.objects.bulk_create(batch)


def fill_books(count: int) -> list[int]:
    """The ids of the books, in the order in which `describe_books` makes them."""
    from django.db import transaction

    ids: list[int] = []
    descriptions = describe_books(count)
    named = Named()
    while batch := list(islice(descriptions, BATCH)):
        with transaction.atomic():
            ids += fill_batch(batch, named)
    return ids


class Named:
    """The ids of series and authors by their names."""

    def __init__(self) -> None:
        self.series: dict[str, int] = {}
        self.authors: dict[str, int] = {}

    def learn(self, books: Sequence[Description]) -> None:
        from library.models import Author, Series
        from matching.names import sort_key
        from matching.own_names import folder_key

        series = [book.series for book in books if book.series]
        self._add(self.series, series, lambda name: Series(name=name, folder_key=folder_key(name)))
        authors = [author for book in books for author in book.authors]
        self._add(self.authors, authors, lambda name: Author(name=name, sort_key=sort_key(name)))

    @staticmethod
    def _add(known: dict[str, int], names: Sequence[str], make: Callable[[str], Any]) -> None:
        new = [make(name) for name in dict.fromkeys(names) if name not in known]
        if new:
            known.update((row.name, row.pk) for row in type(new[0]).objects.bulk_create(new))


def fill_batch(descriptions: Sequence[Description], named: Named) -> list[int]:
    from library.marks import mark_manifests_stale
    from library.models import Authorship, Book, BookFile, BookKey, BookText, FileHash, Identifier
    from matching.keys import keys_of_book
    from matching.names import file_name_key, search_words, sort_key, title_key
    from matching.own_names import name_key

    named.learn(descriptions)
    books = [
        Book(
            title=each.title,
            title_key=title_key(each.title),
            sort_key=sort_key(each.title),
            name_key=name_key(each.title),
            series_id=named.series.get(each.series),
            series_index=each.series_index,
            language=each.language,
            publisher=each.publisher,
            published=each.published,
        )
        for each in descriptions
    ]
    Book.objects.bulk_create(books)
    mark_manifests_stale(book.series_id for book in books)
    pairs = list(zip(books, descriptions, strict=True))
    BookText.objects.bulk_create(
        BookText(book=book, words=search_words(each.title, *each.authors, each.series)) for book, each in pairs
    )
    Authorship.objects.bulk_create(
        Authorship(book=book, author_id=named.authors[author], place=place)
        for book, each in pairs
        for place, author in enumerate(each.authors)
    )
    BookKey.objects.bulk_create(
        BookKey(book=book, key=key)
        for book, each in pairs
        for key in keys_of_book(
            title=each.title,
            authors=each.authors,
            series=each.series,
            series_index=each.series_index,
            isbns=(each.isbn,) if each.isbn else (),
        )
    )
    files = [
        BookFile(
            book=book,
            path=file.path,
            name_key=file_name_key(file.path),
            format=file.format,
            size=size_of(each.number),
            mtime_ns=each.number,
            **hashes_of(each.number, place),
        )
        for book, each in pairs
        for place, file in enumerate(each.files)
    ]
    BookFile.objects.bulk_create(files)
    FileHash.objects.bulk_create(
        FileHash(file=file, size=file.size, sha256=file.sha256, ko_md5=file.ko_md5) for file in files
    )
    isbns = {book.pk: each.isbn for book, each in pairs if each.isbn}
    Identifier.objects.bulk_create(
        Identifier(file=file, scheme="isbn", value=isbns[file.book_id]) for file in files if file.book_id in isbns
    )
    return [book.pk for book in books]


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
    from library.manifests import refresh_manifests
    from reading import rebuilding

    book_ids = fill_books(int(sys.argv[1]))
    fill_sessions("ada", book_ids, int(sys.argv[2]))
    rebuilding.rebuild()
    refresh_manifests(seconds=3600)
    sys.stdout.write(json.dumps(book_ids))
