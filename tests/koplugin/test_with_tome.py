"""Days with two devices and one reader, against this project's own API: all is counted, and nobody is led astray."""

import time
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import pytest
from django.utils import timezone

from koplugin.packer import build_plugin
from tests.conftest import add_book, add_file
from tests.koplugin.koreader import KOReader, default_xpointers
from tests.koplugin.line import Line
from tests.koplugin.steps import StartDevice, come_home, open_book

pytestmark = pytest.mark.django_db(transaction=True)

PAGES = 200
HOUR = 3600.0
DAY = 24 * HOUR


@pytest.fixture
def device(start_device: StartDevice) -> StartDevice:
    """Starts one of Ada's devices, without Wi-Fi."""
    return partial(start_device, hours_ago=2, is_online=False)


def read_to(kobo: KOReader, path: Path, page: int) -> None:
    """Open, read the last pages up to that one, and close."""
    kobo.open(path, pages=PAGES)
    kobo.go_to_page(page - 3)
    kobo.turn_pages(3)
    kobo.close()


def are_good_guests(devices: Sequence[KOReader]) -> bool:
    for device in devices:
        assert device.waiting() == []
        assert device.warnings == []
        assert (device.uncollected, device.open_pipes, device.standby_preventions) == ([], [], 0)
        assert device.new_globals == ["G_defaults", "G_reader_settings"]
        assert [block for block in device.blocks if block[0] in ("GotoViewRel", "PageUpdate", "onPageUpdate")] == []
        assert device.longest_block < 0.5
    return True


def counted() -> Any:
    from reading.models import Session

    return Session.objects.filter(flag="", book__isnull=False)


def place() -> Any:
    from reading.models import Position

    return Position.objects.get()


def refresh() -> None:
    from workers.reading import refresh

    refresh()


def status() -> str:
    from reading.models import BookStatus

    refresh()
    return str(BookStatus.objects.get().state)


# --- One book, two devices -------------------------------------------------------------------------------------------


def test_a_book_read_on_one_device_goes_on_on_the_other_and_back(
    device: StartDevice, book: Any, library_novel: Path
) -> None:
    kobo = device(hours_ago=30)
    kindle = device("kindle", model="Kindle", hours_ago=20)
    read_to(kobo, library_novel, 60)
    come_home(kobo)
    session: Any = counted().get()
    assert (session.book, session.pages, session.device.name) == (book, 4, "Kobo_io")
    assert place().percentage == 0.3

    come_home(kindle)
    open_book(kindle, library_novel, pages=PAGES)
    assert kindle.page == 60
    assert kindle.progress == default_xpointers(PAGES)[59].decode()
    kindle.turn_pages(40)
    kindle.close()
    kindle.wait(10)
    assert (place().percentage, place().device.identifier) == (0.5, "kindle-1")

    kobo.wait(max(0.0, kindle.now - kobo.now))
    open_book(kobo, library_novel, pages=PAGES)
    assert kobo.page == 100
    assert kobo.questions == kindle.questions == []
    kobo.close()
    kobo.wait(10)
    assert are_good_guests([kobo, kindle])


def test_a_week_offline_moves_nobody_back(device: StartDevice, library_novel: Path) -> None:
    kobo = device(hours_ago=7 * 24)
    kindle = device("kindle", model="Kindle", hours_ago=6 * 24)
    read_to(kobo, library_novel, 20)  # on the first day, and then it lies in a drawer, still offline
    for page in (60, 80, 100, 120):
        read_to(kindle, library_novel, page)
        kindle.wait(DAY)
    come_home(kindle)
    assert (place().percentage, place().device.identifier) == (0.6, "kindle-1")

    come_home(kobo)
    assert counted().count() == 5
    assert (place().percentage, place().device.identifier) == (0.6, "kindle-1")
    open_book(kindle, library_novel, pages=PAGES)
    assert kindle.page == 120
    open_book(kobo, library_novel, pages=PAGES)
    assert kobo.page == 120
    assert kobo.questions == kindle.questions == []
    for one in (kobo, kindle):
        one.close()
        one.wait(10)
    assert place().percentage == 0.6
    assert are_good_guests([kobo, kindle])


def test_who_reads_on_where_they_were_before_the_network_came_is_asked_and_loses_nothing(
    device: StartDevice, library_novel: Path
) -> None:
    kobo = device(hours_ago=48)
    kindle = device("kindle", model="Kindle", hours_ago=24)
    read_to(kobo, library_novel, 20)
    read_to(kindle, library_novel, 100)
    come_home(kindle)
    kobo.wait(max(0.0, time.time() - kobo.now - HOUR))
    kobo.open(library_novel, pages=PAGES)
    kobo.turn_pages(3)
    come_home(kobo)
    [question] = kobo.questions
    assert "Last read at 50 % (Kindle" in question
    assert kobo.page == 23
    kobo.answer(True)
    assert kobo.page == 100
    kobo.turn_pages(2)
    kobo.close()
    kobo.wait(10)
    assert place().percentage == 0.51
    open_book(kindle, library_novel, pages=PAGES)
    assert kindle.page == 102
    assert kindle.questions == []
    kindle.close()
    kindle.wait(10)
    assert are_good_guests([kobo, kindle])


def test_a_book_put_away_open_is_where_the_other_device_left_it_when_it_wakes(
    device: StartDevice, library_novel: Path
) -> None:
    kobo = device(hours_ago=24)
    kobo.open(library_novel, pages=PAGES)
    kobo.turn_pages(9)
    kobo.suspend()
    kindle = device("kindle", model="Kindle", hours_ago=4)
    read_to(kindle, library_novel, 100)
    come_home(kindle)
    kobo.resume(slept=time.time() - kobo.now - 60)
    kobo.wait(10)
    assert kobo.page == 100
    assert kobo.questions == []
    kobo.turn_pages(1)
    kobo.close()
    kobo.wait(10)
    assert (place().percentage, place().device.identifier) == (0.505, "kobo-1")
    assert counted().count() == 3
    assert are_good_guests([kobo, kindle])


# --- The end of a book -----------------------------------------------------------------------------------------------


def test_a_finished_book_is_read_and_stays_so_when_it_is_opened_again(device: StartDevice, library_novel: Path) -> None:
    kobo = device(hours_ago=48)
    read_to(kobo, library_novel, PAGES)
    kobo.open(library_novel, pages=PAGES)
    kobo.turn_pages(3)  # past the end, again and again
    kobo.close()
    come_home(kobo)
    assert status() == "read"
    kobo.open(library_novel, pages=PAGES)
    kobo.go_to_page(2)
    kobo.turn_pages(3)
    kobo.close()
    kobo.wait(10)
    assert status() == "read"
    assert place().percentage == 0.025
    kindle = device("kindle", model="Kindle", hours_ago=0, is_online=True)
    kindle.open(library_novel, pages=PAGES)
    kindle.wait(10)
    assert kindle.page == 5
    kindle.close()
    kindle.wait(10)
    assert are_good_guests([kobo, kindle])


# --- Other files of the same book ------------------------------------------------------------------------------------


def test_a_book_in_two_formats_goes_on_at_the_same_fraction(
    device: StartDevice, book: Any, library_novel: Path, settings: Any
) -> None:
    scan = settings.LIBRARY_DIR / "A Study in Scarlet.pdf"
    scan.write_bytes(b"%PDF-1.4 scanned by somebody")
    add_file(book, scan, settings.LIBRARY_DIR)
    kobo = device(hours_ago=30)
    read_to(kobo, library_novel, 60)
    come_home(kobo)
    kindle = device("kindle", model="Kindle", hours_ago=20)
    come_home(kindle)
    open_book(kindle, scan, pages=350)
    assert abs(kindle.page - 105) <= 1
    kindle.turn_pages(70)
    kindle.close()
    kindle.wait(10)
    kobo.wait(max(0.0, kindle.now - kobo.now))
    open_book(kobo, library_novel, pages=PAGES)
    assert abs(kobo.page - 100) <= 1
    assert str(kobo.progress).startswith("/body/DocFragment[")
    kobo.close()
    assert {session.book for session in counted()} == {book}
    assert kobo.questions == kindle.questions == []
    assert are_good_guests([kobo, kindle])


def test_a_book_that_the_library_does_not_have_is_kept_and_counted_once_it_is_there(
    device: StartDevice, settings: Any, tmp_path: Path
) -> None:
    from reading.links import adopt_known_files
    from reading.models import Position, PositionWrite, Session

    strange = tmp_path / "card" / "Strange Book.epub"
    strange.parent.mkdir()
    strange.write_bytes(b"nothing that a library has")
    kobo = device(hours_ago=30)
    read_to(kobo, strange, 60)
    come_home(kobo)
    session: Any = Session.objects.get()
    assert (session.book, session.file.filename) == (None, "Strange Book.epub")
    assert PositionWrite.objects.get().verdict == "parked"
    assert Position.objects.count() == 0

    shelved = settings.LIBRARY_DIR / "Strange Book.epub"
    shelved.write_bytes(strange.read_bytes())
    book = add_book(shelved, settings.LIBRARY_DIR, title="Strange Book")
    adopt_known_files()
    assert counted().get().book == book
    assert place().percentage == 0.3
    open_book(kobo, strange, pages=PAGES)
    kobo.turn_pages(2)
    kobo.close()
    kobo.wait(10)
    assert [session.book for session in counted()] == [book, book]
    assert place().percentage == 0.31
    assert kobo.shown == []
    assert are_good_guests([kobo])


# --- The key ---------------------------------------------------------------------------------------------------------


def test_a_revoked_key_keeps_everything_until_the_plugin_has_another(
    device: StartDevice, ada: Any, library_novel: Path, line: Line, tmp_path: Path
) -> None:
    from accounts.keys import create_key
    from accounts.models import ApiKey

    kobo = device(hours_ago=5)
    kobo.go_online()
    kobo.open(library_novel, pages=PAGES)
    kobo.close()
    kobo.wait(10)
    ApiKey.objects.filter(reader=ada).delete()
    kobo.open(library_novel, pages=PAGES)
    kobo.turn_pages(5)
    kobo.close()
    kobo.wait(10)
    assert len(kobo.waiting()) == 2
    assert kobo.shown == []
    kobo.open(library_novel, pages=PAGES)
    kobo.tap("Sync now")
    kobo.wait(10)
    assert kobo.shown[-1].text.startswith("The server does not accept this plugin's key.")
    kobo.exit()
    assert counted().count() == 0

    plugin = build_plugin(server_url=line.url, api_key=create_key(ada, label="Again"), username="ada")
    again = KOReader(plugin, tmp_path / "kobo", now=time.time())
    again.wait(10)
    assert sorted(session.pages for session in counted()) == [0, 5]
    assert place().percentage == 0.03
    assert are_good_guests([again])


# --- Days of all kinds -----------------------------------------------------------------------------------------------


class Household:
    """Ada's two devices and the server, which all go by one clock, and what she does with them."""

    def __init__(self, device: StartDevice, path: Path, seed: int) -> None:
        self.path = path
        self.random = Random(seed)
        self.devices = [device(name, model=name, is_online=True) for name in ("kobo", "kindle")]
        self.is_asleep = dict.fromkeys(self.devices, False)
        self.pages = dict.fromkeys(self.devices, 1)
        self.turns = 0
        self.story: list[str] = []

    @property
    def now(self) -> float:
        return max(device.now for device in self.devices)

    def do_something(self) -> None:
        device = self.random.choice(self.devices)
        self._catch_up_with_time(device)
        if self.is_asleep[device]:
            steps = [self.wake, self.wake, self.let_time_pass]
        elif device.book is None:
            steps = [self.open, self.open, self.switch_wifi, self.let_time_pass]
        else:
            steps = [self.read, self.read, self.close, self.close, self.sleep, self.switch_wifi, self.let_time_pass]
        step = self.random.choice(steps)
        before = self.pages[device]
        step(device)
        self.story.append(f"{device.data_dir.name} {step.__name__}")
        self._look(device, before)

    def _catch_up_with_time(self, device: KOReader) -> None:
        if not self.is_asleep[device]:
            device.wait(max(0.0, self.now - device.now))
            self._look(device, self.pages[device])

    def _look(self, device: KOReader, before: int) -> None:
        """Nobody is led back unasked, and a question is answered one way or the other."""
        if device.book is None or self.is_asleep[device]:
            return
        assert device.page >= before, self.story
        while any(window.kind == "ConfirmBox" for window in device.windows):
            device.answer(self.random.random() < 0.5)
        self.pages[device] = device.page
        assert device.page > 1 or before == 1, self.story

    def open(self, device: KOReader) -> None:
        device.open(self.path, pages=4000)
        device.wait(10)

    def read(self, device: KOReader) -> None:
        count = self.random.choice([1, 3, 12, 60])
        device.turn_pages(count, seconds_each=self.random.choice([15, 40]))
        device.wait(12)  # what is shorter than ten seconds is no session
        self.turns += count

    def close(self, device: KOReader) -> None:
        device.close()
        device.wait(self.random.choice([0, 10]))

    def sleep(self, device: KOReader) -> None:
        device.suspend()
        self.is_asleep[device] = True

    def wake(self, device: KOReader) -> None:
        self.is_asleep[device] = False
        device.resume(slept=max(60.0, self.now - device.now), is_online=self.random.random() < 0.6)
        device.wait(10)

    def switch_wifi(self, device: KOReader) -> None:
        if device.is_online:
            device.go_offline()
        else:
            device.go_online()
        device.wait(5)

    def let_time_pass(self, device: KOReader) -> None:
        device.wait(self.random.choice([60, HOUR, 8 * HOUR]))

    def come_to_an_end(self) -> None:
        for device in self.devices:
            if self.is_asleep[device]:
                self.wake(device)
            self._catch_up_with_time(device)
            self._look(device, self.pages[device])
            if device.book is not None:
                device.close()
            device.go_online()
            device.wait(1200)


@pytest.mark.parametrize("seed", [0, 5, 9, 11])
def test_whatever_two_devices_do_nobody_is_led_back_unasked_and_every_turn_is_counted_once(
    device: StartDevice, library_novel: Path, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    household = Household(device, library_novel, seed)
    monkeypatch.setattr(timezone, "now", lambda: datetime.fromtimestamp(household.now, UTC))
    for _ in range(90):
        household.do_something()
    household.come_to_an_end()
    assert sum(session.pages for session in counted()) == household.turns
    assert {session.flag for session in counted()} == {""}
    assert place().percentage * 4000 in household.pages.values()
    assert are_good_guests(household.devices)
