"""The plugin's menu as a reader meets it: where it is, what is in it, what is grey, and that nothing in it can end
KOReader."""

from pathlib import Path
from typing import Any

import pytest

from koplugin import translating
from tests.koplugin.koreader import KOReader, MenuItem
from tests.koplugin.line import Fault, Line
from tests.koplugin.steps import StartDevice, leave_windows, open_book

pytestmark = pytest.mark.django_db(transaction=True)

LONGEST_BLOCK_SECONDS = 5.5

GENERAL = ["Browse series", "Inbox", "Test connection", "Re-resolve all books", "Settings", "About"]
OF_A_BOOK = [
    "Download full series",
    "Download rest of series",
    "Sync now",
    "This book: A Study in Scarlet",
    "Enabled",
    "Pending sessions (0)",
]
GREY_UNTIL_MATCHED = OF_A_BOOK[:3]


def item(kobo: KOReader, text: str) -> MenuItem:
    [found] = [item for item in kobo.menu if item.startswith(text)]
    return found


# --- Where it is and what is in it


def test_it_stands_after_calibre_among_the_tools(start_device: StartDevice, library_novel: Path) -> None:
    kobo = start_device()
    for _ in range(2):
        place = kobo.menu_place
        assert place.index("tomesync") == place.index("calibre") + 1
        assert "exporter" in place, "that is the tools tab"
        assert kobo.menu_entry == "Tome"
        open_book(kobo, library_novel)


def without_calibre(kobo: KOReader) -> None:
    kobo.run_lua(
        """
        for _, kind in ipairs({ "filemanager", "reader" }) do
            local tools = require("ui/elements/" .. kind .. "_menu_order").tools
            for index = #tools, 1, -1 do
                if tools[index] == "calibre" or tools[index] == "tomesync" then
                    table.remove(tools, index)
                end
            end
        end
        """
    )


def test_where_there_is_no_calibre_it_still_is_among_the_tools(start_device: StartDevice, library_novel: Path) -> None:
    kobo = start_device()
    without_calibre(kobo)
    for _ in range(2):
        assert kobo.menu_place[-1] == "tomesync"
        assert "exporter" in kobo.menu_place
        assert kobo.menu_entry == "Tome"
        open_book(kobo, library_novel)


def test_the_file_manager_has_nothing_of_a_book(start_device: StartDevice) -> None:
    kobo = start_device()
    assert kobo.menu == GENERAL
    assert all(item.is_enabled for item in kobo.menu)


def test_in_a_book_its_entries_come_after_the_others_in_their_order(
    start_device: StartDevice, library_novel: Path
) -> None:
    kobo = start_device()
    open_book(kobo, library_novel)
    assert kobo.menu == GENERAL + OF_A_BOOK
    assert all(item.is_enabled for item in kobo.menu)
    kobo.close()
    assert kobo.menu == GENERAL


def test_the_settings_and_about_have_the_entries_that_the_handbook_names(start_device: StartDevice, line: Line) -> None:
    kobo = start_device()
    assert kobo.menu_of("Settings") == [
        "When another device is ahead: Go there by itself",
        "When another device is behind: Ask",
        "Longest time for one page: 3 min",
        "Device name: Kobo_io",
        f"Server address: {line.url}",
        "Preferred format",
    ]
    about = kobo.menu_of("About")
    assert about[:3] == [f"Server: {line.url}", "User: ada", "Not synced yet"]
    assert about[3].startswith("Version ")
    assert "Update the plugin" in about
    assert not any(item.is_enabled for item in about[:4])


def test_about_tells_the_last_sync_once_there_was_one_also_after_a_restart(
    start_device: StartDevice, library_novel: Path
) -> None:
    kobo = start_device()
    open_book(kobo, library_novel)
    kobo.turn_pages(5)
    kobo.close()
    kobo.wait(5)
    [told] = [text for text in kobo.menu_of("About") if text.startswith("Last sync: ")]
    kobo.exit()
    assert told in start_device().menu_of("About")


# --- What is grey


def test_what_needs_a_match_is_grey_until_there_is_one_in_the_very_same_menu(
    start_device: StartDevice, library_novel: Path
) -> None:
    kobo = start_device(is_online=False)
    open_book(kobo, library_novel)
    for text in GREY_UNTIL_MATCHED:
        assert not item(kobo, text).is_enabled
    assert item(kobo, "This book").text == "This book: not asked yet"
    assert all(item.is_enabled for item in kobo.menu if item not in GREY_UNTIL_MATCHED)
    kobo.go_online()
    for text in GREY_UNTIL_MATCHED:
        assert item(kobo, text).is_enabled
    assert item(kobo, "This book").text == "This book: A Study in Scarlet"


def test_a_book_that_the_library_does_not_have_leaves_them_grey_and_says_why(
    start_device: StartDevice, strange_book: Path
) -> None:
    kobo = start_device()
    open_book(kobo, strange_book)
    for text in GREY_UNTIL_MATCHED:
        assert not item(kobo, text).is_enabled
    assert item(kobo, "This book").text == "This book: not in the library"
    assert kobo.shown == [], "it is silent about it"


# --- Off and on


def test_off_nothing_is_recorded_and_no_event_makes_a_request(
    start_device: StartDevice, line: Line, library_novel: Path
) -> None:
    from reading.models import PositionWrite, Session

    kobo = start_device()
    open_book(kobo, library_novel)
    assert item(kobo, "Enabled").is_checked
    kobo.tap("Enabled")
    assert kobo.is_menu_open, "what has a mark leaves the menu open"
    assert not item(kobo, "Disabled").is_checked
    kobo.wait(10)
    line.paths()
    kobo.turn_pages(60)
    kobo.save_settings()
    kobo.suspend()
    kobo.resume()
    kobo.turn_pages(10)
    kobo.go_offline()
    kobo.go_online()
    kobo.close()
    open_book(kobo, library_novel)
    kobo.turn_pages(10)
    kobo.exit()
    kobo = start_device()
    open_book(kobo, library_novel)
    assert not item(kobo, "Disabled").is_checked
    kobo.turn_pages(10)
    kobo.close()
    kobo.wait(10)
    assert line.paths() == []
    assert kobo.outbox() == []
    assert (Session.objects.count(), PositionWrite.objects.count()) == (0, 0)
    assert kobo.warnings == []


def test_what_was_read_until_it_was_turned_off_is_kept_and_on_again_it_records_from_then(
    start_device: StartDevice, library_novel: Path
) -> None:
    from reading.models import Session

    kobo = start_device(is_online=False)
    open_book(kobo, library_novel)
    kobo.turn_pages(10, seconds_each=30)
    kobo.tap("Enabled")
    assert [entry["kind"] for entry in kobo.waiting()] == ["position", "session"]
    kobo.turn_pages(20, seconds_each=30)
    kobo.tap("Disabled")
    assert item(kobo, "Enabled").is_checked
    kobo.turn_pages(5, seconds_each=30)
    kobo.close()
    kobo.go_online()
    kobo.wait(10)
    assert sorted(session.pages for session in Session.objects.all()) == [5, 10]
    assert sum(session.seconds for session in Session.objects.all()) == pytest.approx(15 * 30, abs=10)
    assert kobo.warnings == []


def test_turned_on_in_a_book_that_was_opened_while_it_was_off_it_finds_out_which_book_that_is(
    start_device: StartDevice, line: Line, library_novel: Path
) -> None:
    kobo = start_device()
    kobo.gesture("tomesync_toggle")
    open_book(kobo, library_novel)
    assert item(kobo, "This book").text == "This book: Tome is off"
    kobo.tap("This book")
    [window] = kobo.windows
    assert window.title == "Tome is off, so the server is not asked about this book."
    assert window.buttons == ["Close"]
    kobo.press("Close")
    assert line.paths() == []
    kobo.tap("Disabled")
    kobo.wait(5)
    assert item(kobo, "This book").text == "This book: A Study in Scarlet"


# --- Titles that are hard to show


@pytest.mark.parametrize(
    "title", ["100 %1 and %2 %%", "%d %s %n", "A very long title " * 20, "Ünïcödé “quoted” 日本語"]
)
def test_any_title_stands_in_the_menu_as_it_is(
    start_device: StartDevice, book: Any, library_novel: Path, title: str
) -> None:
    book.title = title.strip()
    book.save()
    kobo = start_device()
    open_book(kobo, library_novel, title=book.title)
    assert item(kobo, "This book").text == f"This book: {book.title}"
    kobo.tap("This book")
    assert f"“{book.title}”" in kobo.windows[-1].title
    kobo.press("Close")
    kobo.turn_pages(3)
    kobo.tap("Sync now")
    kobo.wait(5)
    kobo.go_offline()
    kobo.turn_pages(3)
    kobo.suspend()
    kobo.tap("Pending sessions (1)")
    [line] = [line for line in kobo.windows[-1].text.splitlines() if line.startswith("• ")]
    assert book.title[:60] in line
    assert len(line) < 100, "a few of them are to fit on the screen"
    assert line.endswith(": 2 min")
    assert kobo.warnings == []


# --- No error leaves it, whatever is wrong

EVERYTHING = [
    ["Browse series"],
    ["Inbox"],
    ["Test connection"],
    *[["Settings", text, choice] for text in ("When another device is ahead", "When another device is behind")
      for choice in ("Go there", "Ask", "Stay")],
    ["Settings", "Longest time"],
    ["Settings", "Device name"],
    ["Settings", "Server address"],
    *[["Settings", "Preferred format", choice] for choice in ("As set", "EPUB first", "KEPUB first", "AZW3 first")],
    ["About", "Update the plugin"],
]  # fmt: skip
EVERYTHING_OF_A_BOOK = [
    ["Download full series"],
    ["Download rest of series"],
    ["Sync now"],
    ["Pending sessions"],
    ["This book"],
]


def press_everything(kobo: KOReader, path: list[str]) -> None:
    """Tap the item, then each button of each window that this brings up, which may bring up others."""
    kobo.tap(*path)
    kobo.wait(40)
    buttons = kobo.windows[-1].buttons if kobo.windows else []
    leave_windows(kobo)
    for button in buttons:
        kobo.tap(*path)
        kobo.wait(40)
        if kobo.windows and button in kobo.windows[-1].buttons:
            kobo.press(button)
            kobo.wait(40)
        leave_windows(kobo)


def walk(kobo: KOReader) -> None:
    """Through the whole menu, as far as it can be tapped."""
    # The last of them makes a book that was matched one that is not.
    paths = EVERYTHING + (EVERYTHING_OF_A_BOOK if kobo.book else []) + [["Re-resolve all books"]]
    for path in paths:
        enabled = [text for text in kobo.menu_of(*path[:-1]) if text.startswith(path[-1]) and text.is_enabled]
        if enabled:
            press_everything(kobo, path)
    for _ in range(2 if kobo.book else 0):
        kobo.tap(next(text for text in kobo.menu if text in ("Enabled", "Disabled")))
        kobo.wait(10)


@pytest.mark.parametrize("place", ["file manager", "matched book", "unmatched book"])
@pytest.mark.parametrize("network", ["online", "offline", "refused", "black hole", "login page", "500"])
def test_a_walk_through_all_of_it_raises_nothing_and_freezes_nothing(
    start_device: StartDevice, line: Line, library_novel: Path, strange_book: Path, place: str, network: Fault | str
) -> None:
    kobo = start_device(wifi_policy="ignore", patience=0.1 if network == "black hole" else 3.0)
    if place != "file manager":
        open_book(kobo, library_novel if place == "matched book" else strange_book)
        kobo.turn_pages(3)
    if network == "offline":
        kobo.go_offline()
    elif network != "online":
        line.break_with(network)  # type: ignore[arg-type]
    walk(kobo)
    assert kobo.longest_block <= LONGEST_BLOCK_SECONDS
    assert kobo.wifi_asked == kobo.wifi_woken == 0, "that is for what KOReader was told to do"
    assert kobo.warnings == []
    assert kobo.uncollected == []


@pytest.mark.parametrize("place", ["file manager", "matched book"])
@pytest.mark.parametrize("network", ["online", "black hole", "500"])
def test_where_there_are_no_processes_the_same_walk_blocks_no_longer_than_it_may(
    start_device: StartDevice, line: Line, library_novel: Path, place: str, network: Fault | str
) -> None:
    kobo = start_device(can_fork=False, patience=0.1 if network == "black hole" else 3.0)
    if place != "file manager":
        open_book(kobo, library_novel)
        kobo.turn_pages(3)
    if network != "online":
        line.break_with(network)  # type: ignore[arg-type]
    walk(kobo)
    assert kobo.longest_block <= LONGEST_BLOCK_SECONDS
    assert kobo.warnings == []


def test_the_walk_is_as_harmless_while_it_is_off(start_device: StartDevice, library_novel: Path) -> None:
    kobo = start_device()
    kobo.gesture("tomesync_toggle")
    open_book(kobo, library_novel)
    assert not any(item(kobo, text).is_enabled for text in GREY_UNTIL_MATCHED)
    walk(kobo)
    assert kobo.warnings == []


BREAKS = {
    "no outbox": "service.outbox, service.sync.outbox = nil, nil",
    "no books": "service.books, service.sync.books = nil, nil",
    "no connection": "service.connection, service.sync.connection = nil, nil",
    "no client": "service.connection.client = nil",
    "no settings": "service.settings = nil",
    "no sync": "service.sync = nil",
    "a document that raises": """
        if ui.document then
            local function broken() error("the document is broken") end
            for _, name in ipairs({ "getPageCount", "isXPointerInDocument", "getXPointer", "getPageFromXPointer" }) do
                ui.document[name] = broken
            end
            ui.getCurrentPage, ui.view.getLastPercent, ui.view.getLastProgress = broken, broken, broken
        end
    """,
}


# Keeps all callbacks of the menu, asks each item what KOReader asks it, and answers how many callbacks there are.
WALK = """
local callbacks = {}
package.loaded.walked = callbacks
local function walk(items)
    for _, item in ipairs(items) do
        local text = item.text_func and item.text_func() or item.text
        assert(type(text) == "string", "KOReader cannot draw an item without a text")
        for _, name in ipairs({ "enabled_func", "checked_func" }) do
            if item[name] then item[name]() end
        end
        local inner = item.sub_item_table_func and item.sub_item_table_func() or item.sub_item_table
        if inner then
            walk(inner)
        elseif item.callback then
            table.insert(callbacks, item.callback)
        end
    end
end
walk(ui.menu.entry.sub_item_table)
return #callbacks
"""


@pytest.mark.parametrize("place", ["file manager", "matched book"])
@pytest.mark.parametrize("broken", BREAKS)
def test_with_anything_broken_inside_no_error_leaves_the_menu(
    start_device: StartDevice, library_novel: Path, place: str, broken: str
) -> None:
    kobo = start_device()
    if place == "matched book":
        open_book(kobo, library_novel)
        kobo.turn_pages(3)
    assert kobo.menu
    kobo.run_lua(f"local service = require('tomesync/service').get(); {BREAKS[broken]}")
    count = int(kobo.run_lua(WALK))
    assert count >= 20
    for index in range(1, count + 1):
        kobo.run_lua(f"package.loaded.walked[{index}]({{ updateItems = function() end, closeMenu = function() end }})")
        kobo.wait(30)
        if broken != "no sync":  # which is what would say that it has ended
            assert [window for window in kobo.windows if window.text.endswith("…")] == []
        leave_windows(kobo)
    assert kobo.longest_block <= LONGEST_BLOCK_SECONDS


# --- In the reader's language


def test_in_german_the_menu_speaks_german_as_far_as_it_is_translated(
    start_device: StartDevice, library_novel: Path
) -> None:
    kobo = start_device(language="de")
    open_book(kobo, library_novel)
    kobo.turn_pages(3)
    translated = {
        str(message.id if isinstance(message.id, str) else message.id[0]): message.string
        for message in translating.translation("de")
        if message.id and message.string
    }
    assert translated["Browse series"] in kobo.menu
    for text in GENERAL + GREY_UNTIL_MATCHED + ["Enabled"]:
        assert translated.get(text, text) in kobo.menu
    for name in list(kobo.menu):
        if not name.has_submenu and name.is_enabled:
            kobo.tap(name.partition("(")[0])
            kobo.wait(30)
            leave_windows(kobo)
    assert kobo.warnings == []
