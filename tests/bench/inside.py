"""Measures resolving: `python -m tests.bench.inside BOOKS SMALL NAMES`, run with the environment of a library of BOOKS.

Prints, as JSON, the milliseconds that each name of each kind took, for names of the first SMALL books and of others,
and how often each method found a book.
"""

import gc
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

WARMING = 50  # the first ones load modules and open the database's pages


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


def timings(common: list[Description], others: list[Description], clue_of: Callable[[Description], Clue]) -> Any:
    from django.db import connection

    from accounts.models import Reader
    from library.resolving import resolve

    # Of another process nothing is known but how long it takes.
    clock = time.thread_time if connection.vendor == "sqlite" else time.perf_counter
    reader = Reader.objects.get(username="ada")
    methods: Counter[str] = Counter()

    def took(clue: Clue) -> float:
        began_at = clock()
        methods[resolve(reader, clue).method] += 1
        return (clock() - began_at) * 1000

    clues = [[clue_of(book) for book in books] for books in (common, others)]
    for clue in clues[0][:WARMING]:
        resolve(reader, clue)
    gc.collect()
    gc.freeze()  # what this program itself keeps is nothing to look through again and again
    ms, of_others = ([took(clue) for clue in each] for each in clues)
    return {"ms": ms[WARMING:], "others": of_others or ms, "methods": methods}


def main() -> None:
    books, small, names = map(int, sys.argv[1:])
    common = list(describe_books(small))
    others = spread((book for book in describe_books(books) if book.number >= small), names, books)
    sys.stdout.write(json.dumps({kind: timings(common, others, clue_of) for kind, clue_of in KINDS.items()}))


if __name__ == "__main__":
    os.environ["DJANGO_SETTINGS_MODULE"] = "project.settings"
    django.setup()
    main()
