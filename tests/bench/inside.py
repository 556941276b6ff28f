"""Measures resolving in its own process: `python -m tests.bench.inside BOOKS NAMES`, run with a service's environment.

Prints, as JSON, the milliseconds that each name of each kind took, and what became of it.
"""

import json
import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

import django

from matching.deciding import Clue
from tests.bench.filling import hashes_of, size_of
from tests.bench.messing import exact_clue, messy_clue, own_clue
from tests.generating.books import Description, describe_books

WARMING = 100  # the first ones load modules and open the database's pages


def known_clue(book: Description) -> Clue:
    """The file as the library holds it, hash and all."""
    exact = exact_clue(book)
    return Clue(exact.filename, hashes_of(book.number)["ko_md5"], size_of(book.number), exact.folder)


KINDS: dict[str, Callable[[Description], Clue]] = {
    "hash": known_clue,
    "exact name": exact_clue,
    "own name": own_clue,
    "messy name": messy_clue,
}


def spread(books: Iterable[Description], names: int, among: int) -> list[Description]:
    """So many of these books, at equal distances."""
    step = max(1, among // names)
    return [book for book in books if book.number % step == 0][:names]


def timings(books: list[Description], clue_of: Callable[[Description], Clue]) -> dict[str, Any]:
    from accounts.models import Reader
    from library.resolving import resolve

    reader = Reader.objects.get(username="ada")
    clues = [clue_of(book) for book in books]
    for clue in clues[:WARMING]:
        resolve(reader, clue)
    took, methods = [], Counter[str]()
    for clue in clues[WARMING:]:
        began_at = time.thread_time()
        found = resolve(reader, clue)
        took.append((time.thread_time() - began_at) * 1000)
        methods[found.method] += 1
    return {"ms": took, "methods": dict(methods)}


def main() -> None:
    count, names = int(sys.argv[1]), int(sys.argv[2])
    # The first books are the same in a library of any size: what differs is only how many others there are.
    books = spread(describe_books(min(count, 1000)), names // 2, min(count, 1000))
    books += spread(describe_books(count), names - len(books), count)
    sys.stdout.write(json.dumps({kind: timings(books, clue_of) for kind, clue_of in KINDS.items()}))


if __name__ == "__main__":
    os.environ["DJANGO_SETTINGS_MODULE"] = "project.settings"
    django.setup()
    main()
