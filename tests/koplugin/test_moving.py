"""Where the reader is taken when a book was read elsewhere: never to page 1, never to an older place, never unasked
while they read."""

import time
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from koplugin.packer import build_plugin
from tests.koplugin.koreader import KOReader, default_xpointers

pytestmark = pytest.mark.django_db(transaction=True)

PAGES = 200
HOUR = 3600.0


@pytest.fixture
def device(live_server: Any, ada_key: str, tmp_path: Path) -> Callable[..., KOReader]:
    plugin = build_plugin(server_url=live_server.url, api_key=ada_key, username="ada")

    def start(device_id: str, *, model: str, hours_ago: float = 2, **options: Any) -> KOReader:
        now = time.time() - hours_ago * HOUR
        return KOReader(plugin, tmp_path / device_id, device_id=device_id, model=model, now=now, **options)

    return start


@pytest.fixture
def novel(book: Any, settings: Any) -> Path:
    return Path(settings.LIBRARY_DIR / book.files.get().path)


def read(kobo: KOReader, novel: Path, to_page: int, **options: Any) -> None:
    """Open, read on to that page, close, and have it told."""
    kobo.open(novel, pages=PAGES, **options)
    kobo.go_to_page(to_page - 2)
    kobo.turn_pages(2)
    kobo.close()
    kobo.wait(10)


def come_home(kobo: KOReader) -> None:
    """Have its clock catch up with the server's, and tell what was read; a network that stays is good for more."""
    kobo.wait(max(0.0, time.time() - kobo.now))
    kobo.go_online()
    kobo.wait(10)


def stay_silent(kobo: KOReader, **choices: str) -> None:
    for name, value in choices.items():
        kobo.run_lua(f'require("tomesync/service").get().settings:set("{name}", "{value}")')


def notices(kobo: KOReader) -> list[str]:
    return [window.text for window in kobo.shown if window.kind == "Notification"]


def test_a_place_further_on_is_gone_to_and_said(device: Callable[..., KOReader], novel: Path) -> None:
    read(device("kobo-1", model="Kobo_io"), novel, 60)
    kindle = device("kindle-1", model="Kindle", hours_ago=1)
    kindle.open(novel, pages=PAGES)
    kindle.wait(5)
    assert kindle.page == 60
    assert kindle.progress == default_xpointers(PAGES)[59].decode()
    assert kindle.questions == []
    [notice] = notices(kindle)
    assert notice.startswith("1 % → 30 %: Kobo_io, 20")


def test_going_there_tells_nothing_until_a_page_is_turned(device: Callable[..., KOReader], novel: Path) -> None:
    from reading.models import Position, PositionWrite

    read(device("kobo-1", model="Kobo_io"), novel, 60)
    writes = PositionWrite.objects.count()
    kindle = device("kindle-1", model="Kindle", hours_ago=1)
    kindle.open(novel, pages=PAGES)
    kindle.wait(30)
    kindle.close()
    kindle.wait(10)
    assert PositionWrite.objects.count() == writes
    assert Position.objects.get().device.identifier == "kobo-1"


def test_a_place_further_back_is_asked_about_with_both_places_and_the_devices_name(
    device: Callable[..., KOReader], novel: Path
) -> None:
    kindle = device("kindle-1", model="Kindle", hours_ago=6, is_online=False)
    read(kindle, novel, 100)
    kobo = device("kobo-1", model="Kobo_io", hours_ago=4, is_online=False)
    read(kobo, novel, 20)
    come_home(kindle)
    come_home(kobo)

    kindle.open(novel, pages=PAGES)
    kindle.wait(5)
    [question] = kindle.questions
    assert question.startswith("Last read at 10 % (Kobo_io, 20")
    assert "Here you are at 50 %." in question
    assert kindle.page == 100
    kindle.answer(True)
    assert kindle.page == 20


def test_staying_is_remembered_and_not_asked_again(device: Callable[..., KOReader], novel: Path) -> None:
    read(device("kobo-1", model="Kobo_io"), novel, 60)
    kindle = device("kindle-1", model="Kindle", hours_ago=1)
    stay_silent(kindle, ahead="ask")
    kindle.open(novel, pages=PAGES)
    kindle.wait(5)
    kindle.answer(False)
    kindle.suspend()
    kindle.resume(slept=60)
    kindle.wait(5)
    kindle.close()
    kindle.open(novel, pages=PAGES)
    kindle.wait(5)
    assert len(kindle.questions) == 1
    assert kindle.page == 1


@pytest.mark.parametrize(("ahead", "page"), [("never", 1), ("auto", 60)])
def test_what_the_reader_chose_is_done(device: Callable[..., KOReader], novel: Path, ahead: str, page: int) -> None:
    read(device("kobo-1", model="Kobo_io"), novel, 60)
    kindle = device("kindle-1", model="Kindle", hours_ago=1)
    stay_silent(kindle, ahead=ahead)
    kindle.open(novel, pages=PAGES)
    kindle.wait(5)
    assert kindle.page == page
    assert kindle.questions == []


def test_a_page_turned_before_the_answer_came_makes_it_a_question(device: Callable[..., KOReader], novel: Path) -> None:
    read(device("kobo-1", model="Kobo_io"), novel, 60)
    kindle = device("kindle-1", model="Kindle", hours_ago=1)
    kindle.network.answer_seconds = 1.5
    kindle.open(novel, pages=PAGES, look_seconds=0.2)
    kindle.turn_pages(1, seconds_each=1)
    kindle.wait(10)
    assert kindle.page == 2
    assert len(kindle.questions) == 1


def test_what_was_read_here_later_is_not_left(device: Callable[..., KOReader], novel: Path) -> None:
    kobo = device("kobo-1", model="Kobo_io", hours_ago=7, is_online=False)
    read(kobo, novel, 100)
    come_home(kobo)
    kindle = device("kindle-1", model="Kindle", hours_ago=5, is_online=False)
    read(kindle, novel, 20)
    kindle.wait(max(0.0, time.time() - kindle.now))
    kindle.open(novel, pages=PAGES)
    kindle.go_online()
    kindle.wait(10)
    assert kindle.page == 20
    assert kindle.questions == []
    assert notices(kindle) == []


def test_a_place_that_this_file_does_not_have_is_gone_to_by_its_fraction(
    device: Callable[..., KOReader], novel: Path
) -> None:
    read(device("kobo-1", model="Kobo_io"), novel, 60)
    kindle = device("kindle-1", model="Kindle", hours_ago=1)
    others = [f"/body/DocFragment[{page}]/body/div/text().0" for page in range(PAGES)]
    kindle.open(novel, pages=PAGES, xpointers=others)
    kindle.wait(5)
    assert kindle.page == 60


def test_a_jump_that_lands_somewhere_else_is_taken_back_and_said(device: Callable[..., KOReader], novel: Path) -> None:
    read(device("kobo-1", model="Kobo_io"), novel, 60)
    kindle = device("kindle-1", model="Kindle", hours_ago=1)
    # The same words, but here they are near the end of the file.
    moved = [xpointer.decode() for xpointer in default_xpointers(PAGES)]
    moved[59], moved[189] = moved[189], moved[59]
    kindle.open(novel, pages=PAGES, xpointers=moved)
    kindle.wait(5)
    assert kindle.page == 1
    assert kindle.progress == moved[0]
    assert any("was not found in this file" in window.text for window in kindle.shown)
    kindle.close()
    kindle.open(novel, pages=PAGES, xpointers=moved)
    kindle.wait(5)
    assert kindle.page == 1


def test_pages_of_a_comic(device: Callable[..., KOReader], settings: Any, ada: Any) -> None:
    from tests.conftest import add_book

    path = settings.LIBRARY_DIR / "Saga 01.cbz"
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("01.png", b"a page")
    add_book(path, settings.LIBRARY_DIR, title="Saga")
    kobo = device("kobo-1", model="Kobo_io")
    kobo.open(path, pages=40)
    kobo.turn_pages(11)
    kobo.close()
    kobo.wait(10)
    kindle = device("kindle-1", model="Kindle", hours_ago=1)
    kindle.open(path, pages=40)
    kindle.wait(5)
    assert (kindle.page, kindle.progress) == (12, 12)


def test_a_lost_reply_does_not_make_ones_own_place_a_strangers(
    device: Callable[..., KOReader], novel: Path, live_server: Any, ada_key: str, tmp_path: Path
) -> None:
    from tests.koplugin.line import Line

    with Line(live_server.url) as line:
        plugin = build_plugin(server_url=line.url, api_key=ada_key, username="ada")
        kobo = KOReader(plugin, tmp_path / "kobo", now=time.time() - HOUR, patience=5)
        kobo.open(novel, pages=PAGES)
        kobo.wait(5)
        line.break_with("lost reply")
        kobo.turn_pages(55, seconds_each=10)
        kobo.wait(20)
        line.break_with(None)
        kobo.turn_pages(5, seconds_each=10)
        kobo.go_offline()
        kobo.go_online()
        kobo.wait(10)
    assert kobo.questions == []
    assert notices(kobo) == []
    assert kobo.page == 61


def test_staying_after_reading_on_makes_the_place_here_the_one(device: Callable[..., KOReader], novel: Path) -> None:
    """Both devices read on without knowing of each other; who stays means it, and need not turn a page to say so."""
    from reading.models import Position

    kobo = device("kobo-1", model="Kobo_io", hours_ago=9, is_online=False)
    kindle = device("kindle-1", model="Kindle", hours_ago=9, is_online=False)
    for one in (kobo, kindle):  # both know of a place
        read(one, novel, 10)
    come_home(kobo)
    come_home(kindle)
    assert Position.objects.get().revision >= 1
    for one in (kobo, kindle):
        one.open(novel, pages=PAGES)
        one.wait(5)
        one.go_offline()
    kobo.go_to_page(99)
    kobo.turn_pages(1)
    kobo.wait(600)
    kobo.go_online()
    kobo.wait(10)
    assert Position.objects.get().percentage == 0.5
    kindle.wait(60)
    kindle.turn_pages(6)
    kindle.go_online()
    kindle.wait(10)
    assert len(kindle.questions) == 1
    assert Position.objects.get().percentage == 0.5, "who does not know of the other does not overrule it"
    kindle.answer(False)
    kindle.close()
    kindle.wait(10)
    assert Position.objects.get().percentage == 0.08


@pytest.mark.parametrize("pages", [4, 6, 8, 12, 30])
@pytest.mark.parametrize("suffix", [".cbz", ".epub"])
def test_in_a_short_file_every_place_can_be_gone_to(
    device: Callable[..., KOReader], settings: Any, ada: Any, make_epub: Any, pages: int, suffix: str
) -> None:
    """A fraction that came from elsewhere lies between two pages; KOReader itself rounds it down."""
    from accounts.models import Device
    from reading.models import Position
    from tests.conftest import add_book

    if suffix == ".epub":
        path = make_epub("Short.epub", title="Short")
    else:
        path = settings.LIBRARY_DIR / "Short.cbz"
        path.parent.mkdir(parents=True, exist_ok=True)
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("01.png", b"a page")
    book = add_book(path, settings.LIBRARY_DIR, title="Short")
    tablet = Device.objects.create(reader=ada, identifier="tablet", name="Tablet")
    for revision, percentage in enumerate((0.3, 0.45, 0.6, 0.75, 0.9, 1.0), start=1):
        Position.objects.filter(book=book).delete()
        now = datetime.now(tz=UTC)
        Position.objects.create(
            reader=ada, book=book, percentage=percentage, device=tablet, revision=revision, read_at=now, updated_at=now
        )
        kobo = device(f"kobo-{revision}", model="Kobo_io", hours_ago=0)
        kobo.open(path, pages=pages)
        kobo.wait(5)
        assert abs(kobo.page / pages - percentage) <= 1 / pages
        assert not any("was not found" in window.text for window in kobo.shown)


def test_a_jump_that_is_taken_back_leaves_the_way_back_as_it_was(device: Callable[..., KOReader], novel: Path) -> None:
    read(device("kobo-1", model="Kobo_io"), novel, 60)
    kindle = device("kindle-1", model="Kindle", hours_ago=1)
    moved = [xpointer.decode() for xpointer in default_xpointers(PAGES)]
    moved[59], moved[189] = moved[189], moved[59]
    kindle.open(novel, pages=PAGES, xpointers=moved)
    kindle.wait(5)
    assert kindle.run_lua('return #require("ui/uimanager").ui.link.location_stack') == 0


def test_a_page_turned_under_the_question_is_no_answer(device: Callable[..., KOReader], novel: Path) -> None:
    read(device("kobo-1", model="Kobo_io"), novel, 60)
    kindle = device("kindle-1", model="Kindle", hours_ago=1)
    stay_silent(kindle, ahead="ask")
    kindle.open(novel, pages=PAGES)
    kindle.wait(5)
    question = kindle.run_lua('return require("ui/uimanager").ui.tomesync.question')
    assert (question[b"dismissable"], question[b"flush_events_on_show"]) == (False, True)
    kindle.turn_pages(1)
    kindle.answer(True)
    assert kindle.page == 60
