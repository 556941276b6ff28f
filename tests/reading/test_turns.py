"""Two devices of one reader that flush at once, and a worker beside them. On PostgreSQL they used to deadlock."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
from django.db import connection

from accounts.devices import DeviceClue
from accounts.models import Reader
from library.models import Book
from reading.clocks import Clock
from reading.files import FileReport
from reading.models import Position
from reading.positions import PlaceReport
from reading.rebuilding import drift
from reading.refreshing import refresh
from reading.reports import PositionItem, Refusal, report_batch
from tests.conftest import add_file
from tests.reading.conftest import NOON, minutes

BOOKS = 12
ROUNDS = 4


@pytest.mark.django_db(transaction=True)
def test_two_outboxes_in_opposite_order_wait_for_each_other_and_not_for_ever(
    ada: Reader, make_epub: object, settings: object
) -> None:
    files = []
    for n in range(BOOKS):
        book = Book.objects.create(title=f"Book {n}", title_key=f"book {n}")
        held = add_file(book, make_epub(f"Book {n}.epub", title=f"Book {n}"), settings.LIBRARY_DIR)  # type: ignore[operator, attr-defined]
        files.append(FileReport(f"Book {n}.epub", ko_md5=held.ko_md5, size=held.size))
    start = Barrier(3)

    def flush(device: str, order: list[FileReport]) -> int:
        refused = 0
        start.wait()
        for n in range(ROUNDS):
            now = NOON + minutes(n)
            items = [PositionItem(PlaceReport(0.1 + n / 100, read_at=now), file=file) for file in order]
            outcomes, _ = report_batch(ada, items, [], device=DeviceClue(device, device), clock=Clock(now))
            refused += sum(isinstance(outcome, Refusal) for outcome in outcomes)
        connection.close()
        return refused

    def rebuild() -> int:
        start.wait()
        for _ in range(ROUNDS * 3):
            refresh()
        connection.close()
        return 0

    with ThreadPoolExecutor(3) as pool:
        runs = [
            pool.submit(flush, "kobo", files),
            pool.submit(flush, "kindle", files[::-1]),
            pool.submit(rebuild),
        ]
        assert [run.result(timeout=60) for run in runs] == [0, 0, 0]
    refresh()
    assert Position.objects.filter(read_at=NOON + timedelta(minutes=ROUNDS - 1)).count() == BOOKS
    assert drift() == []
