"""Where the reader is taken when a book was read elsewhere: never to page 1, never to an older place, never unasked
while they read."""

import time
import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import add_book
from tests.koplugin.koreader import KOReader, default_xpointers
from tests.koplugin.line import Line
from tests.koplugin.steps import StartDevice, come_home, open_book, reconnect

pytestmark = pytest.mark.django_db(transaction=True)

PAGES = 200


def read(kobo: KOReader, path: Path, to_page: int, **options: Any) -> None:
    """Open, read on to that page, close, and have it told."""
    kobo.open(path, pages=PAGES, **options)
    kobo.go_to_page(to_page - 2)
    kobo.turn_pages(2)
    kobo.close()
    kobo.wait(10)


def set_choices(kobo: KOReader, **choices: str) -> None:
    for name, value in choices.items():
        kobo.run_lua(f'require("tomesync/service").get().settings:set("{name}", "{value}")')


def with_page_60_near_the_end() -> list[str]:
    """The places of a file with the same words, of which some are somewhere else."""
    xpointers = [xpointer.decode() for xpointer in default_xpointers(PAGES)]
    xpointers[59], xpointers[189] = xpointers[189], xpointers[59]
    return xpointers


def notices(kobo: KOReader) -> list[str]:
    return [window.text for window in kobo.shown if window.kind == "Notification"]


def test_a_place_further_on_is_gone_to_and_said(start_device: StartDevice, library_novel: Path) -> None:
    read(start_device(), library_novel, 60)
    kindle = start_device("kindle", model="Kindle", hours_ago=1)
    open_book(kindle, library_novel, pages=PAGES)
    assert kindle.page == 60
    assert kindle.progress == default_xpointers(PAGES)[59].decode()
    assert kindle.questions == []
    [notice] = notices(kindle)
    assert notice.startswith("1 % → 30 %: Kobo_io, 20")


def test_going_there_tells_nothing_until_a_page_is_turned(start_device: StartDevice, library_novel: Path) -> None:
    from reading.models import Position, PositionWrite

    read(start_device(), library_novel, 60)
    writes = PositionWrite.objects.count()
    kindle = start_device("kindle", model="Kindle", hours_ago=1)
    kindle.open(library_novel, pages=PAGES)
    kindle.wait(30)
    kindle.close()
    kindle.wait(10)
    assert PositionWrite.objects.count() == writes
    assert Position.objects.get().device.identifier == "kobo-1"


def test_a_place_further_back_is_asked_about_with_both_places_and_the_devices_name(
    start_device: StartDevice, library_novel: Path
) -> None:
    kindle = start_device("kindle", model="Kindle", hours_ago=6, is_online=False)
    read(kindle, library_novel, 100)
    come_home(kindle)
    kobo = start_device(hours_ago=0)
    set_choices(kobo, ahead="never")
    read(kobo, library_novel, 20)

    open_book(kindle, library_novel, pages=PAGES)
    [question] = kindle.questions
    assert question.startswith("Last read at 10 % (Kobo_io, 20")
    assert "Here you are at 50 %." in question
    assert kindle.page == 100
    kindle.answer(True)
    assert kindle.page == 20


def test_staying_is_remembered_and_not_asked_again(start_device: StartDevice, library_novel: Path) -> None:
    read(start_device(), library_novel, 60)
    kindle = start_device("kindle", model="Kindle", hours_ago=1)
    set_choices(kindle, ahead="ask")
    open_book(kindle, library_novel, pages=PAGES)
    kindle.answer(False)
    kindle.suspend()
    kindle.resume(slept=60)
    kindle.wait(5)
    kindle.close()
    open_book(kindle, library_novel, pages=PAGES)
    assert len(kindle.questions) == 1
    assert kindle.page == 1


@pytest.mark.parametrize(("ahead", "page"), [("never", 1), ("auto", 60)])
def test_what_the_reader_chose_is_done(start_device: StartDevice, library_novel: Path, ahead: str, page: int) -> None:
    read(start_device(), library_novel, 60)
    kindle = start_device("kindle", model="Kindle", hours_ago=1)
    set_choices(kindle, ahead=ahead)
    open_book(kindle, library_novel, pages=PAGES)
    assert kindle.page == page
    assert kindle.questions == []


def test_a_page_turned_before_the_answer_came_makes_it_a_question(
    start_device: StartDevice, library_novel: Path
) -> None:
    read(start_device(), library_novel, 60)
    kindle = start_device("kindle", model="Kindle", hours_ago=1)
    kindle.network.answer_seconds = 1.5
    kindle.open(library_novel, pages=PAGES, look_seconds=0.2)
    kindle.turn_pages(1, seconds_each=1)
    kindle.wait(10)
    assert kindle.page == 2
    assert len(kindle.questions) == 1


def test_what_was_read_here_later_is_not_left(start_device: StartDevice, library_novel: Path) -> None:
    kobo = start_device(hours_ago=7, is_online=False)
    read(kobo, library_novel, 100)
    come_home(kobo)
    kindle = start_device("kindle", model="Kindle", hours_ago=5, is_online=False)
    read(kindle, library_novel, 20)
    kindle.wait(max(0.0, time.time() - kindle.now))
    kindle.open(library_novel, pages=PAGES)
    kindle.go_online()
    kindle.wait(10)
    assert kindle.page == 20
    assert kindle.questions == []
    assert notices(kindle) == []


def test_a_place_that_this_file_does_not_have_is_gone_to_by_its_fraction(
    start_device: StartDevice, library_novel: Path
) -> None:
    read(start_device(), library_novel, 60)
    kindle = start_device("kindle", model="Kindle", hours_ago=1)
    others = [f"/body/DocFragment[{page}]/body/div/text().0" for page in range(PAGES)]
    open_book(kindle, library_novel, pages=PAGES, xpointers=others)
    assert kindle.page == 60


def test_a_jump_that_lands_somewhere_else_is_taken_back_and_said(
    start_device: StartDevice, library_novel: Path
) -> None:
    read(start_device(), library_novel, 60)
    kindle = start_device("kindle", model="Kindle", hours_ago=1)
    moved = with_page_60_near_the_end()
    open_book(kindle, library_novel, pages=PAGES, xpointers=moved)
    assert kindle.page == 1
    assert kindle.progress == moved[0]
    assert any("was not found in this file" in window.text for window in kindle.shown)
    kindle.close()
    open_book(kindle, library_novel, pages=PAGES, xpointers=moved)
    assert kindle.page == 1


def test_pages_of_a_comic(start_device: StartDevice, settings: Any) -> None:

    path = settings.LIBRARY_DIR / "Saga 01.cbz"
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("01.png", b"a page")
    add_book(path, settings.LIBRARY_DIR, title="Saga")
    kobo = start_device()
    kobo.open(path, pages=40)
    kobo.turn_pages(11)
    kobo.close()
    kobo.wait(10)
    kindle = start_device("kindle", model="Kindle", hours_ago=1)
    open_book(kindle, path, pages=40)
    assert (kindle.page, kindle.progress) == (12, 12)


def test_a_lost_reply_does_not_make_ones_own_place_a_strangers(
    start_device: StartDevice, line: Line, library_novel: Path
) -> None:
    kobo = start_device(hours_ago=1)
    open_book(kobo, library_novel, pages=PAGES)
    line.break_with("lost reply")
    kobo.turn_pages(55, seconds_each=10)
    kobo.wait(20)
    line.mend()
    kobo.turn_pages(5, seconds_each=10)
    reconnect(kobo, seconds=10)
    assert kobo.questions == []
    assert notices(kobo) == []
    assert kobo.page == 61


def test_staying_after_reading_on_makes_the_place_here_the_one(start_device: StartDevice, library_novel: Path) -> None:
    """Both devices read on without knowing of each other; who stays means it, and need not turn a page to say so."""
    from reading.models import Position

    kobo = start_device(hours_ago=9, is_online=False)
    kindle = start_device("kindle", model="Kindle", hours_ago=9, is_online=False)
    for one in (kobo, kindle):  # both know of a place
        read(one, library_novel, 10)
    come_home(kobo)
    come_home(kindle)
    assert Position.objects.get().revision >= 1
    for one in (kobo, kindle):
        open_book(one, library_novel, pages=PAGES)
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
    start_device: StartDevice, settings: Any, ada: Any, make_epub: Any, pages: int, suffix: str
) -> None:
    """A fraction that came from elsewhere lies between two pages; KOReader itself rounds it down."""
    from accounts.models import Device
    from reading.models import Position

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
        kobo = start_device(f"kobo-{revision}", hours_ago=0)
        open_book(kobo, path, pages=pages)
        assert abs(kobo.page / pages - percentage) <= 1 / pages
        assert not any("was not found" in window.text for window in kobo.shown)


def test_a_jump_that_is_taken_back_leaves_the_way_back_as_it_was(
    start_device: StartDevice, library_novel: Path
) -> None:
    read(start_device(), library_novel, 60)
    kindle = start_device("kindle", model="Kindle", hours_ago=1)
    open_book(kindle, library_novel, pages=PAGES, xpointers=with_page_60_near_the_end())
    assert kindle.run_lua('return #require("ui/uimanager").ui.link.location_stack') == 0


def test_a_page_turned_under_the_question_is_no_answer(start_device: StartDevice, library_novel: Path) -> None:
    read(start_device(), library_novel, 60)
    kindle = start_device("kindle", model="Kindle", hours_ago=1)
    set_choices(kindle, ahead="ask")
    open_book(kindle, library_novel, pages=PAGES)
    question = kindle.run_lua('return require("ui/uimanager").ui.tomesync.question')
    assert (question[b"dismissable"], question[b"flush_events_on_show"]) == (False, True)
    kindle.turn_pages(1)
    kindle.answer(True)
    assert kindle.page == 60


# What a device tells that knew nothing of the others


def read_apart(start_device: StartDevice, library_novel: Path, *, page_of_kobo: int) -> tuple[KOReader, KOReader]:
    """The Kindle is read to page 60 and tells it; the Kobo, which has never seen that, is read later, without Wi-Fi."""
    kindle = start_device("kindle", model="Kindle", hours_ago=6, is_online=False)
    read(kindle, library_novel, 60)
    come_home(kindle)
    kobo = start_device(hours_ago=4, is_online=False)
    read(kobo, library_novel, page_of_kobo)
    come_home(kobo)
    assert kobo.waiting() == []
    return kobo, kindle


def place() -> float:
    from reading.models import Position

    return float(Position.objects.get().percentage)


def test_further_on_and_read_later_it_is_the_place_though_it_knew_of_no_other(
    start_device: StartDevice, library_novel: Path
) -> None:
    read_apart(start_device, library_novel, page_of_kobo=100)
    assert place() == 0.5


@pytest.mark.parametrize(("goes_there", "page", "expected"), [(True, 60, 0.3), (False, 10, 0.05)])
def test_further_back_it_leads_nobody_back_until_the_reader_says_so(
    start_device: StartDevice, library_novel: Path, goes_there: bool, page: int, expected: float
) -> None:
    kobo, _ = read_apart(start_device, library_novel, page_of_kobo=10)
    assert place() == 0.3, "a page turned by accident leads nobody back"
    open_book(kobo, library_novel, pages=PAGES)
    assert len(kobo.questions) == 1
    kobo.answer(goes_there)
    assert kobo.page == page
    kobo.close()
    kobo.wait(10)
    assert place() == expected
    open_book(kobo, library_novel, pages=PAGES)
    assert len(kobo.questions) == 1


@pytest.mark.parametrize("is_asked", [False, True])
def test_a_book_whose_place_koreader_has_lost_is_brought_back(
    start_device: StartDevice, library_novel: Path, is_asked: bool
) -> None:
    kobo = start_device()
    read(kobo, library_novel, 100)
    for sidecar in (kobo.data_dir / "sidecars").iterdir():
        sidecar.unlink()
    if is_asked:
        kobo.go_offline()
    open_book(kobo, library_novel, pages=PAGES)
    if is_asked:
        assert kobo.page == 1
        kobo.go_online()
        kobo.wait(10)
    assert kobo.page == 100


def test_a_pull_that_failed_is_made_up_for_though_nothing_happens(
    start_device: StartDevice, line: Line, library_novel: Path
) -> None:
    read(start_device(), library_novel, 60)
    kindle = start_device("kindle", model="Kindle", hours_ago=1)
    line.break_with("refused")
    open_book(kindle, library_novel, pages=PAGES)
    assert kindle.page == 1
    line.mend()
    kindle.wait(11 * 60)
    assert kindle.page == 60


def test_a_clock_that_was_put_right_moves_nobody(start_device: StartDevice, library_novel: Path) -> None:
    kindle = start_device("kindle", model="Kindle", hours_ago=8, is_online=False)
    read(kindle, library_novel, 120)
    come_home(kindle)
    kobo = start_device(hours_ago=-24)  # fast by a day
    set_choices(kobo, ahead="never")
    open_book(kobo, library_novel, pages=PAGES)
    kobo.close()
    kobo.go_offline()
    kobo.now = time.time() - 4 * 3600
    read(kobo, library_novel, 40)
    set_choices(kobo, ahead="auto")
    open_book(kobo, library_novel, pages=PAGES)
    kobo.wait(max(0.0, time.time() - kobo.now))
    kobo.suspend()
    kobo.resume(slept=1)
    kobo.wait(10)
    assert kobo.page == 40


def let_hours_pass_on_the_server(hours: float) -> None:
    """What was told so far was read so much earlier; a server's clock cannot be moved as a device's can."""
    from django.db.models import F

    from reading.models import Position, PositionWrite

    for rows in (Position.objects.all(), PositionWrite.objects.all()):
        rows.update(read_at=F("read_at") - timedelta(hours=hours))


def test_a_link_that_was_changed_on_the_server_leads_to_no_wrong_place(
    start_device: StartDevice, library_novel: Path, book: Any, ada: Any, settings: Any, make_epub: Any
) -> None:
    from accounts.models import Device
    from reading.files import FileReport
    from reading.links import link_file
    from reading.models import Position
    from tests.conftest import add_book
    from tests.koplugin.koreader import partial_md5

    other = add_book(make_epub("Other.epub", title="Other"), settings.LIBRARY_DIR, title="Other")
    kobo = start_device(hours_ago=72)
    read(kobo, library_novel, 10)
    report = FileReport(library_novel.name, partial_md5(library_novel), library_novel.stat().st_size, "", "", "")
    link_file(ada, report, other)
    Position.objects.filter(book=book).delete()
    tablet = Device.objects.create(reader=ada, identifier="tablet", name="Tablet")
    now = datetime.now(tz=UTC)
    Position.objects.create(
        reader=ada, book=book, percentage=0.6, device=tablet, revision=7, read_at=now, updated_at=now
    )
    kobo.wait(max(0.0, time.time() - kobo.now))
    open_book(kobo, library_novel, pages=PAGES)
    assert kobo.page == 10


def test_a_book_that_was_taken_in_anew_keeps_the_place_that_was_read_elsewhere(
    start_device: StartDevice, library_novel: Path, book: Any, settings: Any
) -> None:
    from tests.conftest import add_book

    kobo = start_device(hours_ago=3)
    read(kobo, library_novel, 10)
    let_hours_pass_on_the_server(3)
    book.files.all().delete()
    book.delete()
    add_book(library_novel, settings.LIBRARY_DIR, title="A Study in Scarlet", authors=["Arthur Conan Doyle"])
    read(start_device("kindle", model="Kindle", hours_ago=1), library_novel, 120)
    kobo.wait(max(0.0, time.time() - kobo.now))
    open_book(kobo, library_novel, pages=PAGES)
    assert kobo.page == 120


def test_a_place_is_told_once_for_each_page_turned(start_device: StartDevice, line: Line, library_novel: Path) -> None:
    read(start_device("kindle", model="Kindle", hours_ago=9), library_novel, 10)
    kobo = start_device(hours_ago=1)
    set_choices(kobo, ahead="never", behind="never")
    open_book(kobo, library_novel, pages=PAGES)
    kobo.turn_pages(1)
    kobo.gesture("tomesync_sync_now")
    kobo.wait(10)
    line.paths()
    told = [request.body["positions"] for request in kobo.requests if request.body and "positions" in request.body]
    assert len(told) == 1
    kobo.gesture("tomesync_sync_now")
    kobo.wait(5)
    kobo.go_offline()
    kobo.go_online()
    kobo.wait(5)
    again = [request.body["positions"] for request in kobo.requests if request.body and "positions" in request.body]
    assert again == told, "no page was turned since"
