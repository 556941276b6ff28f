"""Fills a database with series: `python -m tests.bench.filling_series SERIES VOLUMES LONGEST`.

As many series of so many volumes, and one more of LONGEST; then their manifests are built as a worker builds them.
Prints the id of a book of the longest one.
"""

import os
import sys
from collections.abc import Iterator
from itertools import islice

import django

from tests.bench.filling import BATCH, Named, fill_batch
from tests.generating.books import Description, File

LONGEST = "The Longest Series"


def describe_series(series: int, volumes: int, longest: int) -> Iterator[Description]:
    names = [(f"Series {number} of the {number % 97}th Shelf", volumes) for number in range(series)]
    number = 0
    for name, length in [*names, (LONGEST, longest)]:
        for volume in range(1, length + 1):
            yield Description(
                number=number,
                title=f"{name}: the {volume}th Part of It",
                authors=(f"Author {number % 3000}",),
                series=name,
                series_index=float(volume),
                language="en",
                isbn="",
                published="2001",
                publisher="A Press",
                files=(File(f"{name}/{volume:03}.epub", "epub"),),
            )
            number += 1


def fill_series(series: int, volumes: int, longest: int) -> None:
    from django.db import transaction

    descriptions, named = describe_series(series, volumes, longest), Named()
    while batch := list(islice(descriptions, BATCH)):
        with transaction.atomic():
            fill_batch(batch, named)


if __name__ == "__main__":
    os.environ["DJANGO_SETTINGS_MODULE"] = "project.settings"
    django.setup()
    from library.manifests import refresh_manifests
    from library.models import Book

    fill_series(*map(int, sys.argv[1:4]))
    refresh_manifests(seconds=600)
    sys.stdout.write(str(Book.objects.filter(series__name=LONGEST).values_list("pk", flat=True)[0]))
