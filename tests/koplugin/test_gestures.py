"""What a gesture, a profile or Sync now in the menu does, wherever the reader is, and what it says came of it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.koplugin.koreader import KOReader
from tests.koplugin.library import make_series
from tests.koplugin.line import Fault, Line
from tests.koplugin.server import Answer, TomeServer
from tests.koplugin.steps import StartDevice, leave_windows, open_book

pytestmark = pytest.mark.django_db(transaction=True)

KEPT = "What was read is kept and sent later."
UNMATCHED = "This book is not matched with one of the server's."
LONGEST_BLOCK_SECONDS = 5.5


@pytest.fixture
def volumes(db: None, settings: Any) -> list[Path]:
    """The files of a series of three, as they lie on the device."""
    return [settings.LIBRARY_DIR / book.files.get().path for book in make_series(settings.LIBRARY_DIR, 3)]


def said_by(kobo: KOReader, gesture: str) -> str:
    """What is said last, and is on the screen."""
    kobo.gesture(gesture)
    kobo.wait(40)
    [window] = kobo.windows
    leave_windows(kobo)
    return window.text or window.title


# --- The six actions


def test_the_actions_are_known_with_their_titles_and_where_they_are_of_use(start_device: StartDevice) -> None:
    kobo = start_device()
    told = kobo.run_lua(
        """
        local lines = {}
        for name, action in pairs(require("dispatcher").actions) do
            local scope = action.general and "general" or action.reader and "reader" or "filemanager"
            table.insert(lines, table.concat({ name, action.category, scope, action.title }, " | "))
        end
        table.sort(lines)
        return table.concat(lines, "\\n")
        """
    )
    assert told.decode().splitlines() == [
        "tomesync_browse_series | none | general | Tome: browse series",
        "tomesync_download_rest | none | reader | Tome: download rest of series",
        "tomesync_download_series | none | reader | Tome: download full series",
        "tomesync_inbox | none | general | Tome: inbox",
        "tomesync_sync_now | none | general | Tome: sync now",
        "tomesync_toggle | none | general | Tome: turn sync on or off",
    ]


def in_the_file_manager(kobo: KOReader, volumes: list[Path], strange_book: Path) -> None:
    pass


def in_a_matched_book(kobo: KOReader, volumes: list[Path], strange_book: Path) -> None:
    open_book(kobo, volumes[1])


def in_an_unmatched_book(kobo: KOReader, volumes: list[Path], strange_book: Path) -> None:
    open_book(kobo, strange_book)


PLACES = [in_the_file_manager, in_a_matched_book, in_an_unmatched_book]


@pytest.mark.parametrize("go_there", PLACES)
def test_series_inbox_and_sync_work_everywhere(
    start_device: StartDevice, volumes: list[Path], strange_book: Path, go_there: Callable[..., None]
) -> None:
    kobo = start_device()
    go_there(kobo, volumes, strange_book)
    kobo.gesture("tomesync_browse_series")
    kobo.wait(5)
    assert kobo.windows[-1].title == "1 series"
    assert "Discworld — Terry Pratchett" in kobo.windows[-1].items
    leave_windows(kobo)
    assert said_by(kobo, "tomesync_inbox") == "Nothing waits in the inbox."
    expected = {
        in_the_file_manager: "Nothing waits to be sent.",
        in_a_matched_book: "Synced with Tome.",
        in_an_unmatched_book: f"Synced with Tome.\n{UNMATCHED}",
    }
    assert said_by(kobo, "tomesync_sync_now") == expected[go_there]
    assert kobo.warnings == []


@pytest.mark.parametrize("go_there", PLACES)
def test_it_is_turned_off_and_on_everywhere_and_says_which(
    start_device: StartDevice, volumes: list[Path], strange_book: Path, go_there: Callable[..., None]
) -> None:
    kobo = start_device()
    go_there(kobo, volumes, strange_book)
    for expected in ("Tome is off.", "Tome is on.", "Tome is off."):
        kobo.gesture("tomesync_toggle")
        assert (kobo.shown[-1].kind, kobo.shown[-1].text) == ("Notification", expected)
        kobo.wait(5)
    kobo.crash()
    kobo = start_device()
    open_book(kobo, volumes[0])
    assert "Disabled" in kobo.menu
    assert kobo.warnings == []


def test_a_series_is_downloaded_by_gesture_from_a_matched_book(
    start_with_home: StartDevice, volumes: list[Path], home: Path
) -> None:
    kobo = start_with_home()
    open_book(kobo, volumes[1])
    assert said_by(kobo, "tomesync_download_rest").startswith("1 of 1 book downloaded.")
    assert len(list(home.rglob("*.epub"))) == 1
    # The open one is here as well, if elsewhere.
    assert said_by(kobo, "tomesync_download_series").startswith("1 of 3 books downloaded, 2 were already here.")
    assert len(list(home.rglob("*.epub"))) == 2
    assert kobo.warnings == []


@pytest.mark.parametrize("gesture", ["tomesync_download_rest", "tomesync_download_series"])
def test_from_an_unmatched_book_nothing_is_downloaded_and_it_says_why(
    start_device: StartDevice, line: Line, strange_book: Path, gesture: str
) -> None:
    kobo = start_device()
    open_book(kobo, strange_book)
    line.paths()
    assert said_by(kobo, gesture) == UNMATCHED
    assert line.paths() == []


# --- What Sync now says


def test_it_says_what_it_has_sent(start_device: StartDevice, library_novel: Path) -> None:
    kobo = start_device()
    open_book(kobo, library_novel)
    kobo.close()
    kobo.go_offline()
    for _ in range(2):
        open_book(kobo, library_novel)
        kobo.turn_pages(3)
        kobo.close()
    kobo.network.is_connected = True  # without a word to anybody, as a device does that has a cable
    assert said_by(kobo, "tomesync_sync_now") == "Synced with Tome.\n2 sessions were sent."
    assert kobo.waiting() == []


def test_in_a_book_it_goes_out_from_the_menu_and_the_place_too(start_device: StartDevice, library_novel: Path) -> None:
    from reading.models import Position

    kobo = start_device()
    open_book(kobo, library_novel)
    kobo.turn_pages(3)
    kobo.tap("Sync now")
    assert kobo.windows[-1].text == "Syncing with Tome…"
    kobo.wait(10)
    [window] = kobo.windows
    assert window.text == "Synced with Tome."
    assert Position.objects.get().percentage == pytest.approx(0.04)


@pytest.mark.parametrize("place", ["book", "file manager"])
def test_without_wifi_it_asks_for_it_and_goes_on_when_it_is_there(
    start_device: StartDevice, line: Line, library_novel: Path, place: str
) -> None:
    kobo = start_device()
    open_book(kobo, library_novel)
    if place == "file manager":
        kobo.close()
    kobo.go_offline()
    line.paths()
    kobo.gesture("tomesync_sync_now")
    kobo.wait(5)
    assert (kobo.wifi_asked, kobo.shown, line.paths()) == (1, [], [])
    kobo.go_online()
    kobo.wait(10)
    assert kobo.shown[-1].text == ("Synced with Tome." if place == "book" else "Nothing waits to be sent.")
    assert kobo.warnings == []


def test_a_book_that_is_closed_before_wifi_is_there_is_synced_all_the_same(
    start_device: StartDevice, library_novel: Path
) -> None:
    from reading.models import Session

    kobo = start_device()
    open_book(kobo, library_novel)
    kobo.go_offline()
    kobo.turn_pages(3)
    kobo.tap("Sync now")
    kobo.close()
    kobo.go_online()
    kobo.wait(10)
    assert [window.text for window in kobo.windows] == ["Synced with Tome.\n1 session was sent."]
    assert Session.objects.count() == 1
    assert kobo.warnings == []


def test_where_koreader_is_to_turn_wifi_on_by_itself_it_does(start_device: StartDevice, library_novel: Path) -> None:
    kobo = start_device(wifi_policy="turn_on")
    open_book(kobo, library_novel)
    kobo.go_offline()
    kobo.turn_pages(3)
    assert kobo.wifi_woken == 0
    kobo.tap("Sync now")
    kobo.wait(15)
    assert kobo.wifi_woken == 1
    assert kobo.shown[-1].text == "Synced with Tome."
    assert kobo.warnings == []


@pytest.mark.parametrize("place", ["book", "file manager"])
@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("refused", "Nothing answers at the server's address."),
        ("black hole", "The server does not answer."),
        ("closed", "The server broke off the connection."),
        ("truncated body", "The server broke off the connection."),
        ("500", "The server is in trouble (status 500)."),
        ("login page", "A web page answered instead of Tome."),
        ("portal in JSON", "Something other than Tome answered (status 200)."),
    ],
)
def test_a_failure_is_named_and_that_nothing_is_lost(
    start_device: StartDevice, line: Line, library_novel: Path, place: str, fault: Fault, said: str
) -> None:
    kobo = start_device(patience=0.3 if fault == "black hole" else 3.0)
    open_book(kobo, library_novel)
    kobo.turn_pages(3)
    if place == "file manager":
        line.break_with("refused")
        kobo.close()
        kobo.wait(5)
    line.break_with(fault)
    text = said_by(kobo, "tomesync_sync_now")
    assert text.startswith(said)
    assert text.splitlines()[-1] == KEPT
    assert kobo.longest_block <= LONGEST_BLOCK_SECONDS
    line.mend()
    kobo.patience = 3.0
    assert said_by(kobo, "tomesync_sync_now").startswith("Synced with Tome.")
    assert kobo.warnings == []


def test_it_ends_the_pause_after_three_failures(start_device: StartDevice, line: Line, library_novel: Path) -> None:
    kobo = start_device()
    line.break_with("refused")
    for _ in range(4):
        open_book(kobo, library_novel)
        kobo.turn_pages(3, seconds_each=5)
        kobo.close()
        kobo.wait(5)
    line.mend()
    assert said_by(kobo, "tomesync_sync_now") == "Synced with Tome.\n4 sessions were sent."


def test_a_revoked_key_is_named(start_device: StartDevice, library_novel: Path, ada: Any) -> None:
    from accounts.models import ApiKey

    kobo = start_device()
    open_book(kobo, library_novel)
    kobo.turn_pages(3)
    ApiKey.objects.filter(reader=ada).delete()
    text = said_by(kobo, "tomesync_sync_now")
    assert text.startswith("The server does not accept this plugin's key.")
    assert text.endswith(KEPT)


@pytest.mark.parametrize("body", [{"detail": "Not Found"}, {"error": "not found"}, "<h1>Not found</h1>"])
def test_another_program_at_the_address_is_not_called_synced(
    start_device: StartDevice, tome: TomeServer, strange_book: Path, body: Any
) -> None:
    tome.everything = Answer(404, body)
    kobo = start_device(hours_ago=0, server_url=tome.url)
    open_book(kobo, strange_book)
    text = said_by(kobo, "tomesync_sync_now")
    assert text.endswith(KEPT)
    assert "answered" in text


def test_a_question_where_to_read_on_stands_for_a_message(start_device: StartDevice, library_novel: Path) -> None:
    kindle = start_device("kindle", hours_ago=4, model="Kindle", is_online=False)
    kindle.open(library_novel)
    kindle.turn_pages(40)
    kindle.close()
    kobo = start_device()
    kobo.tap("Settings", "When another device is ahead", "Ask")
    open_book(kobo, library_novel)
    kindle.go_online()
    kindle.wait(10)
    kobo.gesture("tomesync_sync_now")
    kobo.wait(10)
    [window] = kobo.windows
    assert window.kind == "ConfirmBox"
    assert window.text.startswith("Last read at 41 % (Kindle")
    kobo.answer(True)
    assert kobo.page == 41
    assert "Synced with Tome." not in [window.text for window in kobo.shown]
    assert kobo.warnings == []


def test_its_message_can_be_tapped_away_and_the_work_goes_on(start_device: StartDevice, library_novel: Path) -> None:
    kobo = start_device()
    open_book(kobo, library_novel)
    kobo.turn_pages(3)
    kobo.tap("Sync now")
    kobo.dismiss()
    assert kobo.windows == []
    kobo.turn_pages(1)
    kobo.wait(10)
    [window] = kobo.windows
    assert window.text == "Synced with Tome."
    assert kobo.warnings == []


def test_closing_the_book_while_it_works_is_harmless(
    start_device: StartDevice, library_novel: Path, strange_book: Path
) -> None:
    from reading.models import Session

    kobo = start_device()
    kobo.network.answer_seconds = 2.0
    kobo.open(library_novel)
    kobo.turn_pages(3)
    kobo.tap("Sync now")
    kobo.wait(0.1)
    kobo.close()
    open_book(kobo, strange_book)
    kobo.wait(40)
    assert [window.text for window in kobo.windows if window.text.endswith("…")] == []
    leave_windows(kobo)
    assert Session.objects.count() == 1
    assert kobo.page == 1
    assert kobo.warnings == []


@pytest.mark.parametrize("event", ["suspend", "go_offline"])
def test_what_breaks_it_off_is_not_called_synced(start_device: StartDevice, library_novel: Path, event: str) -> None:
    kobo = start_device()
    open_book(kobo, library_novel)
    kobo.turn_pages(3)
    kobo.network.answer_seconds = 2.0
    kobo.tap("Sync now")
    kobo.wait(0.1)
    getattr(kobo, event)()
    kobo.wait(40)
    texts = [window.text for window in kobo.windows]
    assert "Synced with Tome." not in texts
    assert [text for text in texts if text.endswith("…")] == []
    assert texts[-1].endswith(KEPT)
    assert kobo.longest_block <= LONGEST_BLOCK_SECONDS
    assert kobo.warnings == []


def test_asked_for_again_while_it_works_each_gets_its_answer(start_device: StartDevice, library_novel: Path) -> None:
    kobo = start_device()
    open_book(kobo, library_novel)
    kobo.turn_pages(3)
    for _ in range(3):
        kobo.run_lua("ui.tomesync:onTomeSyncNow()")
    kobo.wait(40)
    assert {window.text for window in kobo.windows} == {"Synced with Tome."}
    assert kobo.warnings == []


@pytest.mark.parametrize("event", ["go_offline", "go_online", "close"])
def test_what_happens_meanwhile_does_not_take_the_answer_away(
    start_device: StartDevice, library_novel: Path, event: str
) -> None:
    """The work that was going on when it was asked for is slow, and the device wants something, too."""
    kobo = start_device()
    kobo.network.answer_seconds = 2.0
    kobo.open(library_novel)
    kobo.tap("Re-resolve all books")
    kobo.dismiss()
    kobo.run_lua("ui.tomesync:onTomeSyncNow()")
    getattr(kobo, event)()
    kobo.wait(60)
    assert [window.text for window in kobo.windows if window.text.endswith("…")] == []
    assert kobo.windows[-1].text.startswith(("Synced with Tome.", "The sync was broken off."))
