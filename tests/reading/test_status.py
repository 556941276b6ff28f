from collections.abc import Callable
from datetime import timedelta

import pytest

from accounts.models import Reader
from library.models import Book
from reading.models import BookStatus, StatusState
from reading.positions import PlaceVerdict
from reading.refreshing import refresh
from reading.sessions import SessionVerdict
from reading.status import set_status
from tests.reading.conftest import KINDLE, KOBO, NOON, minutes

Put = Callable[..., PlaceVerdict]
Read = Callable[..., SessionVerdict]


def state() -> str:
    refresh()
    row = BookStatus.objects.first()
    return row.state if row else "unread"


@pytest.mark.parametrize(
    ("percentages", "expected"),
    [
        ([], "unread"),
        ([0.0], "unread"),
        ([0.001], "reading"),
        ([0.5, 0.989], "reading"),
        ([0.99], "read"),
        ([1.0], "read"),
        ([0.5, 1.0, 0.1], "read"),
    ],
)
def test_positions_move_the_status_and_completion_is_sticky(percentages: list[float], expected: str, put: Put) -> None:
    for n, percentage in enumerate(percentages):
        put(KOBO, percentage, at=NOON + minutes(n), read_at=NOON + minutes(n))
    assert state() == expected


def test_a_session_that_ends_further_on_moves_it_too(read: Read) -> None:
    read("one", NOON, 30, progress_end=0.4)
    assert state() == "reading"
    read("two", NOON + minutes(60), 30, progress_end=0.995)
    assert state() == "read"
    assert BookStatus.objects.get().finished_at == NOON + minutes(90)


def test_an_implausible_session_moves_nothing(read: Read) -> None:
    read("one", NOON + timedelta(days=900), 30, progress_end=1.0, at=NOON)
    assert state() == "unread"


def test_a_stale_write_moves_nothing(put: Put) -> None:
    put(KOBO, 0.5, at=NOON, read_at=NOON)
    put(KINDLE, 1.0, at=NOON + minutes(5), read_at=NOON - minutes(5))
    assert state() == "reading"


def test_a_status_set_by_hand_holds_until_something_is_read_later(ada: Reader, book: Book, put: Put) -> None:
    put(KOBO, 1.0, at=NOON, read_at=NOON)
    set_status(ada, book, StatusState.READING, now=NOON + minutes(10))
    assert state() == "reading"
    put(KINDLE, 0.999, at=NOON + minutes(20), read_at=NOON + minutes(5))  # read before it was set
    assert state() == "reading"
    put(KOBO, 0.995, at=NOON + minutes(30), read_at=NOON + minutes(30))
    assert state() == "read"


def test_a_book_set_read_by_hand_stays_so(ada: Reader, book: Book, put: Put) -> None:
    set_status(ada, book, StatusState.READ, now=NOON)
    put(KOBO, 0.2, at=NOON + minutes(1), read_at=NOON + minutes(1))
    assert state() == "read"
    assert BookStatus.objects.get().finished_at == NOON


def test_a_book_set_unread_begins_anew(ada: Reader, book: Book, put: Put) -> None:
    put(KOBO, 1.0, at=NOON, read_at=NOON)
    set_status(ada, book, StatusState.UNREAD, now=NOON + minutes(10))
    assert state() == "unread"
    put(KOBO, 0.01, at=NOON + minutes(30), read_at=NOON + minutes(30))
    assert state() == "reading"


def test_a_status_is_its_readers_alone(bob: Reader, put: Put) -> None:
    put(KOBO, 0.5, at=NOON)
    refresh()
    assert not BookStatus.objects.filter(reader=bob).exists()
