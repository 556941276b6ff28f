"""A week without a network: whatever happens on the device, everything arrives at once, and once."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import add_book
from tests.koplugin.koreader import KOReader
from tests.koplugin.line import Line
from tests.koplugin.steps import StartDevice

pytestmark = pytest.mark.django_db(transaction=True)

BOOKS = 9
SESSIONS = 150
HOUR = 3600.0


@pytest.fixture
def books(db: None, settings: Any, make_epub: Callable[..., Path]) -> list[Path]:
    paths = []
    for number in range(BOOKS):
        title = f"The Voyage Out, part {number + 1}"
        path = make_epub(f"{title}.epub", title=title)
        add_book(path, settings.LIBRARY_DIR, title=title, authors=["Virginia Woolf"])
        paths.append(path)
    return paths


def test_a_week_offline_with_restarts_and_a_crash_goes_out_in_one_request(
    line: Line, start_device: StartDevice, books: list[Path]
) -> None:
    from reading.models import Position, Session

    now = time.time() - 8 * 24 * HOUR

    def start() -> KOReader:
        return start_device(now=now, is_online=False)

    # It has met its server before the journey.
    kobo = start()
    kobo.go_online()
    kobo.open(books[0], pages=300)
    kobo.close()
    kobo.wait(10)
    kobo.go_offline()
    line.paths()

    for number in range(SESSIONS):
        if number in (40, 80, 120):
            now = kobo.now
            if number == 80:
                # In the middle of a book; what was kept last is what there is.
                kobo.open(books[number % BOOKS], pages=300)
                kobo.turn_pages(12, seconds_each=20)
                kobo.wait(10)
                kobo.crash()
            else:
                kobo.exit()
            kobo = start()
        kobo.open(books[number % BOOKS], pages=300)
        kobo.turn_pages(3, seconds_each=20)
        if number % 5 == 0:
            kobo.suspend()
            kobo.resume(slept=HOUR / 2, is_online=False)
        else:
            kobo.close()
            kobo.wait(HOUR / 2)
        kobo.wait(HOUR / 6)
    if kobo.book:
        kobo.close()
    assert line.paths() == []
    waiting = [entry for entry in kobo.waiting() if entry["kind"] == "session"]
    assert len({entry["item"]["session_uuid"] for entry in waiting}) == len(waiting) >= SESSIONS + 1

    kobo.wait(max(0.0, time.time() - kobo.now))
    kobo.go_online()
    kobo.wait(30)
    assert line.paths() == ["POST /sync"]
    assert kobo.waiting() == []
    stored = {session.uuid: session for session in Session.objects.all()}
    assert set(stored) == {entry["item"]["session_uuid"] for entry in waiting}
    assert {session.flag for session in stored.values()} == {""}
    assert Position.objects.count() == BOOKS
    assert kobo.warnings == []
