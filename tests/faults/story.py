"""Asked as `python -m tests.faults.story QUESTION …` in a process of its own, which has the cluster's database.

Prints its answer as JSON. The tests themselves cannot look: pytest-django lets them see the test database only.
"""

import json
import os
import sys
from typing import Any

import django


def make_reader(name: str) -> str:
    """A reader's fresh API key."""
    from accounts.keys import create_key
    from accounts.models import Reader

    return create_key(Reader.objects.create_user(name, timezone="Europe/Berlin"), label="test")


def make_book(title: str) -> int:
    from library.models import Book
    from matching.names import title_key

    return Book.objects.create(title=title, title_key=title_key(title)).pk


def sessions_of(name: str) -> list[str]:
    """The names of a reader's sessions, as often as they are stored."""
    from reading.models import Session

    return list(Session.objects.filter(reader__username=name).order_by("pk").values_list("uuid", flat=True))


def writes_of(name: str) -> dict[str, int]:
    """How many of a reader's position writes had which verdict."""
    from collections import Counter

    from reading.models import PositionWrite

    return Counter(PositionWrite.objects.filter(reader__username=name).values_list("verdict", flat=True))


def drift() -> list[str]:
    from reading import rebuilding

    return rebuilding.drift()


def library_below(folder: str) -> dict[str, list[dict[str, Any]]]:
    """Every row that the library has for what lies below one of its folders: files, their books, imports, scans."""
    from django.db.models import Q

    from library.models import Book, BookFile, Import, Scan

    below = Q(path__startswith=f"{folder}/")
    files = BookFile.objects.filter(below).order_by("path")
    books = Book.objects.filter(files__in=files).distinct().order_by("title", "pk")
    return {
        "files": list(files.values("pk", "path", "book", "is_present", "size", "sha256")),
        "books": list(books.values("pk", "title", "is_active")),
        "imports": list(Import.objects.filter(below).order_by("path").values("path", "state", "reason", "file__path")),
        "scans": list(Scan.objects.filter(folder=folder).order_by("pk").values("pk", "state", "walked", "seen")),
    }


QUESTIONS = {
    question.__name__: question for question in (make_reader, make_book, sessions_of, writes_of, drift, library_below)
}

if __name__ == "__main__":
    os.environ["DJANGO_SETTINGS_MODULE"] = "project.settings"
    django.setup()
    sys.stdout.write(json.dumps(QUESTIONS[sys.argv[1]](*sys.argv[2:])))
