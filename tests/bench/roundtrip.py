"""Every name that Tome gives a file, for every book of a large library: each must find its own book again.

`python -m tests.bench.roundtrip BOOKS PLACE PLACES` asks for every PLACES-th book from PLACE on, with the environment
of a library of BOOKS, and prints as JSON how many came back and the names that did not. Where two books really have one
name, none may be taken for the other: then no answer is right.
"""

import json
import os
import sys
import time
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from matching.names import file_name_key
from matching.own_names import catalogue_names, download_name, entry_title, id_mark, safe_name
from tests.bench.messing import suffix_of
from tests.bench.serving import Filled, program, say
from tests.generating.books import Description, describe_books

SHOWN = 15  # of the names that went wrong


class Name(NamedTuple):
    """A name that a book's file may have got from Tome, with the folder that it came into."""

    scheme: str
    filename: str
    folder: str = ""

    @property
    def key(self) -> tuple[str, str]:
        return file_name_key(self.filename), file_name_key(self.folder)


def names_of(book: Description, book_id: int) -> set[Name]:
    suffix = suffix_of(book)
    described = {"title": book.title, "series": book.series, "series_index": book.series_index}
    shown = entry_title(title=book.title, series=book.series, series_index=book.series_index)
    folder = safe_name(book.series) if book.series else ""
    found = {Name("series download", download_name(**described, suffix=suffix), folder)}
    numbered = download_name(**described, suffix=suffix, mark=id_mark(book_id))
    found.add(Name("download with id", numbered, folder))
    found |= {Name("OPDS entry", name) for name in catalogue_names(shown, suffix=suffix)}
    for author in {*book.authors[:1], ", ".join(book.authors)} - {""}:
        found |= {Name("Author - Title", name) for name in catalogue_names(f"{author} - {shown}", suffix=suffix)}
    return found


class Failure(NamedTuple):
    number: int
    name: Name
    answered: int | None  # the number of the book that was taken for it
    method: str


def ask(count: int, place: int, places: int) -> tuple[Counter[str], list[Failure]]:
    """How many names of each scheme came back, and those that did not."""
    from accounts.models import Reader
    from library.models import Book
    from library.resolving import resolve
    from matching.deciding import Clue

    reader = Reader.objects.get(username="ada")
    ids = list(Book.objects.order_by("pk").values_list("pk", flat=True))
    numbers = {pk: number for number, pk in enumerate(ids)}
    right: Counter[str] = Counter()
    failures = []
    for book in describe_books(count):
        if book.number % places != place:
            continue
        for name in sorted(names_of(book, ids[book.number])):
            found = resolve(reader, Clue(name.filename, folder=name.folder))
            answered = numbers[found.book.pk] if found.book else None
            if answered == book.number:
                right[name.scheme] += 1
            else:
                failures.append(Failure(book.number, name, answered, found.method))
    return right, failures


def report(filled: Filled) -> None:
    count = len(filled.books)
    places = os.cpu_count() or 1
    began_at = time.monotonic()

    def part(place: int) -> tuple[dict[str, int], list[Failure]]:
        printed = program("roundtrip", count, place, places, environment=filled.tome.environment)
        right, failures = json.loads(printed)
        return right, [Failure(number, Name(*name), *rest) for number, name, *rest in failures]

    with ThreadPoolExecutor(places) as pool:
        parts = list(pool.map(part, range(places)))
    right = sum((Counter(each) for each, _ in parts), Counter[str]())
    print_results(right, [failure for _, failures in parts for failure in failures], filled)
    say(f"{count:,} books in {time.monotonic() - began_at:.0f} s.")


def print_results(right: Counter[str], failures: list[Failure], filled: Filled) -> None:
    described, owners = owners_of({failure.name.key for failure in failures}, filled)
    results: dict[str, Counter[str]] = defaultdict(Counter)
    for scheme, count in right.items():
        results[scheme]["right"] = count
    shown: dict[str, list[Failure]] = {"wrong": [], "none": []}
    for failure in failures:
        is_shared = len(owners[failure.name.key]) > 1
        result = "wrong" if failure.answered is not None else "ambiguous" if is_shared else "none"
        results[failure.name.scheme][result] += 1
        if result in shown:
            shown[result].append(failure)
    say()
    heads = ("right", "ambiguous", "none", "wrong")
    say(f"{'own names':20}" + "".join(f"{head:>11}" for head in heads))
    for scheme, counts in sorted(results.items()):
        say(f"{scheme:20}" + "".join(f"{counts[head]:>11,}" for head in heads))
    for result, listed in shown.items():
        for failure in listed[:SHOWN]:
            meant, answered = described[failure.number], failure.answered
            say(f"  {result}: {failure.name.folder}/{failure.name.filename}  means {meant.work}, {failure.method}")
            if answered is not None:
                say(f"     taken for {described[answered].work} {[file.path for file in described[answered].files]}")


def owners_of(
    keys: set[tuple[str, str]], filled: Filled
) -> tuple[dict[int, Description], dict[tuple[str, str], set[int]]]:
    """All books by number, and of those that have one of these names which."""
    owners: dict[tuple[str, str], set[int]] = defaultdict(set)
    described = {}
    for book in describe_books(len(filled.books)) if keys else ():
        described[book.number] = book
        for name in names_of(book, filled.books[book.number]):
            if name.key in keys:
                owners[name.key].add(book.number)
    return described, owners


if __name__ == "__main__":
    os.environ["DJANGO_SETTINGS_MODULE"] = "project.settings"
    import django

    django.setup()
    sys.stdout.write(json.dumps(ask(*map(int, sys.argv[1:]))))
