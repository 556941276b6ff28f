"""Fills a database with one reader's years: `python -m tests.bench.filling_statistics SESSIONS DAYS READERS`.

Ada has so many sessions on so many days, Bob a hundred, and so many other readers have none yet. Prints the ids of the
books, everybody's key and the id of a device that Ada hardly used, as JSON. Nothing is counted: `tome stats rebuild`
does that.
"""

import json
import os
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from typing import Any

import django

from tests.bench.filling import fill_books, in_batches

BOOKS = 1000
UNREAD = 200  # books beside them, the last ones, that nobody has opened
BOOKS_A_DAY = 6  # that are being read at the same time
SESSIONS_OF_FEW = 100
# On a day there is reading from 06:00 to 23:00 UTC.
FIRST_HOUR, HOURS_READ = 6, 17
RARE, FLAGGED, TWICE = 5000, 2000, 50  # each so many-th session is of the rare device, is flagged, was read twice


def sessions_of(reader: Any, books: list[int], count: int, days: int, devices: list[Any]) -> Iterator[Any]:
    """Sessions spread evenly over the days up to yesterday; each book is read through once, six of them at a time."""
    from reading.models import Session

    newest = datetime.combine(datetime.now(UTC).date() - timedelta(days=1), time(FIRST_HOUR), tzinfo=UTC)
    a_day = max(1, count // days)
    apart = HOURS_READ * 3600 / a_day
    seconds = min(600.0, 0.8 * apart)
    kobo, phone, rare = devices
    turns = max(1, days * BOOKS_A_DAY // len(books))  # days that a book is being read on
    for n in range(count):
        day, slot = divmod(n, a_day)
        nth_book = slot * BOOKS_A_DAY // a_day
        begun = newest - timedelta(days=day) + timedelta(seconds=slot * apart)
        is_twice = n % TWICE == 1
        place = 1 - day % turns / turns
        yield Session(
            reader=reader,
            uuid=f"filled-{n}",
            book_id=books[(day // turns * BOOKS_A_DAY + nth_book) % len(books)],
            device=rare if n % RARE == 7 else phone if is_twice or n % 3 == 0 else kobo,
            started_at=begun - timedelta(seconds=seconds / 2 if is_twice else 0),
            ended_at=begun + timedelta(seconds=seconds),
            seconds=seconds,
            pages=int(seconds / 50),
            progress_start=max(0.0, place - 1 / turns),
            progress_end=place,
            timezone="Europe/Berlin",
            flag=Session.Flag.FAST if n % FLAGGED == 9 else "",
            received_at=newest,
        )


def fill(sessions: int, days: int, others: int) -> dict[str, Any]:
    from accounts.keys import create_key
    from accounts.models import Device, Reader
    from reading.models import Session

    books = fill_books(BOOKS + UNREAD)
    rare = ""
    for name, count, on_days in (("ada", sessions, days), ("bob", SESSIONS_OF_FEW, 10)):
        reader, _ = Reader.objects.get_or_create(username=name, defaults={"timezone": "Europe/Berlin"})
        devices = [Device(reader=reader, identifier=each, name=each) for each in ("kobo", "phone", "rare")]
        devices = Device.objects.bulk_create(devices)
        rare = rare or str(devices[2].pk)
        in_batches(Session, sessions_of(reader, books[:BOOKS], count, on_days, devices))
    Reader.objects.bulk_create(Reader(username=f"reader-{n}") for n in range(others))
    readers = Reader.objects.order_by("pk")
    return {"books": books, "keys": {each.username: create_key(each) for each in readers}, "rare_device": int(rare)}


if __name__ == "__main__":
    os.environ["DJANGO_SETTINGS_MODULE"] = "project.settings"
    django.setup()
    sys.stdout.write(json.dumps(fill(*map(int, sys.argv[1:]))))
