"""Every event in every state of the network, against Tome's own API: how many requests each costs, that none is made
without a network or on a page turn, that the screen waits five seconds at most, and that what was read arrives once."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.koplugin.koreader import KOReader
from tests.koplugin.line import FAULTS, Fault, Line
from tests.koplugin.steps import StartDevice, open_book

pytestmark = pytest.mark.django_db(transaction=True)

PAGES = 400
# What the issue allows for all that an event does on the screen's thread.
LONGEST_BLOCK_SECONDS = 5.5

Event = Callable[[KOReader, Path], None]


def know_the_book(kobo: KOReader, path: Path) -> None:
    """Have it asked for and left, so that server and book are known and nothing waits."""
    open_book(kobo, path, pages=PAGES)
    kobo.close()
    kobo.wait(5)


def be_reading(kobo: KOReader, path: Path) -> None:
    know_the_book(kobo, path)
    open_book(kobo, path, pages=PAGES)
    kobo.turn_pages(5)


# --- The events ------------------------------------------------------------------------------------------------------


def turn_a_page(kobo: KOReader, path: Path) -> None:
    kobo.turn_pages(1)


def turn_fifty_pages_and_rest(kobo: KOReader, path: Path) -> None:
    kobo.turn_pages(45, seconds_each=10)
    kobo.wait(10)


def leaf_through_fifty_pages(kobo: KOReader, path: Path) -> None:
    kobo.turn_pages(60, seconds_each=1)


def suspend_with_wifi_going_first(kobo: KOReader, path: Path) -> None:
    kobo.suspend()


def suspend_and_resume(kobo: KOReader, path: Path) -> None:
    was_online = kobo.is_online
    kobo.suspend()
    kobo.resume(is_online=was_online)
    kobo.wait(5)


def close(kobo: KOReader, path: Path) -> None:
    kobo.close()
    kobo.wait(10)


def close_and_open(kobo: KOReader, path: Path) -> None:
    close(kobo, path)
    open_book(kobo, path, pages=PAGES)


def lose_the_network(kobo: KOReader, path: Path) -> None:
    if kobo.is_online:
        kobo.go_offline()


def exit_koreader(kobo: KOReader, path: Path) -> None:
    kobo.exit()


def save_settings(kobo: KOReader, path: Path) -> None:
    kobo.save_settings()


ONLINE: list[tuple[Event, list[str]]] = [
    (turn_a_page, []),
    (leaf_through_fifty_pages, []),
    (save_settings, []),
    (turn_fifty_pages_and_rest, ["POST /sync"]),
    (suspend_with_wifi_going_first, ["POST /sync"]),
    (suspend_and_resume, ["POST /sync", "GET /position/1"]),
    (close, ["POST /sync"]),
    (close_and_open, ["POST /sync", "GET /position/1"]),
    (lose_the_network, ["POST /sync"]),
    (exit_koreader, ["POST /sync"]),
]
EVENTS = [event for event, _ in ONLINE]


def named(paths: list[str], book: Any) -> list[str]:
    return [path.replace(f"/position/{book.pk}", "/position/1") for path in paths]


@pytest.mark.parametrize(("event", "expected"), ONLINE, ids=lambda value: getattr(value, "__name__", ""))
@pytest.mark.parametrize("is_scrolled", [False, True], ids=["pages", "scrolled"])
def test_what_an_event_costs_online(
    start_device: StartDevice,
    line: Line,
    library_novel: Path,
    book: Any,
    event: Event,
    expected: list[str],
    is_scrolled: bool,
) -> None:
    kobo = start_device()
    know_the_book(kobo, library_novel)
    open_book(kobo, library_novel, pages=PAGES, is_scrolled=is_scrolled)
    kobo.turn_pages(5)
    line.paths()
    event(kobo, library_novel)
    assert named(line.paths(), book) == expected
    assert kobo.longest_block < 0.5
    assert kobo.wifi_asked == kobo.wifi_woken == 0
    assert kobo.warnings == []


def test_the_first_book_asks_who_the_server_is_which_book_it_is_and_where_its_reader_is(
    start_device: StartDevice, line: Line, library_novel: Path, book: Any
) -> None:
    kobo = start_device()
    open_book(kobo, library_novel, pages=PAGES)
    assert named(line.paths(), book) == ["GET /me", "GET /resolve", "GET /position/1"]
    kobo.close()
    kobo.wait(5)
    assert line.paths() == [], "nothing was read"
    open_book(kobo, library_novel, pages=PAGES)
    assert named(line.paths(), book) == ["GET /position/1"]
    assert all(request.in_background for request in kobo.requests)
    assert kobo.uncollected == []
    assert kobo.open_pipes == []
    assert kobo.standby_preventions == 0


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.__name__)
def test_without_wifi_nothing_is_asked_nothing_waits_and_the_radio_sleeps(
    start_device: StartDevice, line: Line, library_novel: Path, event: Event
) -> None:
    kobo = start_device(is_online=False)
    be_reading(kobo, library_novel)
    event(kobo, library_novel)
    assert line.paths() == []
    assert kobo.requests == []
    assert kobo.blocks == []
    assert kobo.wifi_asked == kobo.wifi_woken == 0
    assert kobo.shown == []
    assert kobo.warnings == []


def stored_seconds(book: Any) -> float:
    from reading.models import Session

    return sum(session.seconds for session in Session.objects.filter(book=book, flag=""))


# Without a process of its own a request has LuaSocket's time-outs only, which an answer that drips in can stretch.
@pytest.mark.parametrize(
    ("can_fork", "fault"), [*((True, fault) for fault in [*FAULTS, "slow"]), *((False, fault) for fault in FAULTS)]
)
@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.__name__)
def test_a_fault_freezes_nothing_and_loses_nothing(
    start_device: StartDevice,
    line: Line,
    library_novel: Path,
    book: Any,
    event: Event,
    fault: Fault | str,
    can_fork: bool,
) -> None:
    from reading.models import Session

    kobo = start_device(can_fork=can_fork)
    be_reading(kobo, library_novel)
    kobo.blocks.clear()
    line.paths()
    if fault == "slow":
        kobo.network.receive_seconds = 1.5
        kobo.network.bytes_per_second = 10
    else:
        line.break_with(fault)  # type: ignore[arg-type]
        # Nobody need really wait for a line that is silent on purpose.
        kobo.patience = 0.2 if fault == "black hole" else 5
    event(kobo, library_novel)
    assert kobo.longest_block <= LONGEST_BLOCK_SECONDS
    assert [block for block in kobo.blocks if block[0] in ("GotoViewRel", "PageUpdate", "PosUpdate")] == []
    assert len(line.paths()) <= 2, "one failure ends what an event has to say"
    assert [window for window in kobo.shown if window.kind != "Notification"] == []

    line.mend()
    kobo.patience = 5
    kobo.network.receive_seconds, kobo.network.bytes_per_second = 0.0, None
    if not kobo.is_running:
        kobo = start_device(hours_ago=1)
    if kobo.book is not None:
        kobo.close()
    kobo.wait(60)
    kobo.go_offline()
    kobo.go_online()
    kobo.wait(60)
    assert kobo.waiting() == []
    assert Session.objects.count() == len({session.uuid for session in Session.objects.all()}) >= 1
    assert stored_seconds(book) >= 150
    assert kobo.warnings == []
