"""The settings: each is kept, has its effect where it counts, and nothing is lost by a wrong entry."""

import time
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.koplugin.koreader import KOReader
from tests.koplugin.library import make_series
from tests.koplugin.line import Line
from tests.koplugin.steps import StartDevice, change_address, open_book

pytestmark = pytest.mark.django_db(transaction=True)

PAGES = 200


def setting(kobo: KOReader, text: str) -> str:
    [found] = [item for item in kobo.menu_of("Settings") if item.startswith(text)]
    return found.text.partition(": ")[2]


def read(kobo: KOReader, path: Path, to_page: int) -> None:
    """Open, read on to that page, close, and have it told."""
    open_book(kobo, path, pages=PAGES)
    kobo.go_to_page(to_page - 2)
    kobo.turn_pages(2)
    kobo.close()
    kobo.wait(10)


# --- When another device is ahead or behind

AHEAD, BEHIND = "When another device is ahead", "When another device is behind"
GO, ASK, STAY = "Go there by itself", "Ask", "Stay here"


def checked(kobo: KOReader, *path: str) -> list[str]:
    return [item.text for item in kobo.menu_of(*path) if item.is_checked]


@pytest.mark.parametrize("name", [AHEAD, BEHIND])
@pytest.mark.parametrize("choice", [GO, ASK, STAY])
def test_a_strategy_is_kept_over_a_restart_and_a_crash(start_device: StartDevice, name: str, choice: str) -> None:
    kobo = start_device()
    kobo.tap("Settings", name, choice)
    assert kobo.is_menu_open
    assert setting(kobo, name) == choice
    kobo.crash()
    kobo = start_device()
    assert setting(kobo, name) == choice
    assert checked(kobo, "Settings", name) == [choice]


@pytest.mark.parametrize(("choice", "page", "asks"), [(GO, 80, 0), (ASK, 1, 1), (STAY, 1, 0)])
def test_ahead_decides_about_a_place_further_on(
    start_device: StartDevice, library_novel: Path, choice: str, page: int, asks: int
) -> None:
    read(start_device("kindle", model="Kindle"), library_novel, 80)
    kobo = start_device(hours_ago=1)
    kobo.tap("Settings", AHEAD, choice)
    open_book(kobo, library_novel, pages=PAGES)
    assert (kobo.page, len(kobo.questions)) == (page, asks)


@pytest.mark.parametrize(("choice", "page", "asks"), [(GO, 20, 0), (ASK, 100, 1), (STAY, 100, 0)])
def test_behind_decides_about_a_place_further_back(
    start_device: StartDevice, library_novel: Path, choice: str, page: int, asks: int
) -> None:
    kobo = start_device(hours_ago=6, is_online=False)
    read(kobo, library_novel, 100)
    kobo.wait(max(0.0, time.time() - kobo.now))
    kobo.go_online()
    kobo.wait(10)
    kindle = start_device("kindle", hours_ago=0, model="Kindle")
    kindle.tap("Settings", AHEAD, STAY)
    read(kindle, library_novel, 20)
    kobo.tap("Settings", BEHIND, choice)
    open_book(kobo, library_novel, pages=PAGES)
    assert (kobo.page, len(kobo.questions)) == (page, asks)


# --- The longest time for one page


def seconds_of_a_page_left_open(kobo: KOReader, path: Path) -> float:
    from reading.models import Session

    kobo.open(path, pages=PAGES)
    kobo.turn_pages(1, seconds_each=28)
    kobo.wait(20 * 60)
    kobo.close()
    kobo.wait(10)
    return float(Session.objects.get().seconds)


def test_a_page_left_open_counts_three_minutes_at_most(start_device: StartDevice, library_novel: Path) -> None:
    assert seconds_of_a_page_left_open(start_device(), library_novel) == pytest.approx(30 + 180, abs=2)


def test_or_as_long_as_the_reader_has_set_also_after_a_restart(start_device: StartDevice, library_novel: Path) -> None:
    kobo = start_device()
    assert setting(kobo, "Longest time for one page") == "3 min"
    kobo.tap("Settings", "Longest time for one page")
    assert kobo.windows[-1].inputs == ["3"]
    assert "Set" not in kobo.windows[-1].buttons, "there is nothing to set yet"
    kobo.type("7")
    kobo.press("Set")
    assert kobo.windows == []
    assert kobo.is_menu_open
    assert setting(kobo, "Longest time for one page") == "7 min"
    kobo.crash()
    kobo = start_device()
    assert setting(kobo, "Longest time for one page") == "7 min"
    assert seconds_of_a_page_left_open(kobo, library_novel) == pytest.approx(30 + 420, abs=2)


def test_set_in_a_book_it_holds_from_then_on(start_device: StartDevice, library_novel: Path) -> None:
    from reading.models import Session

    kobo = start_device()
    kobo.open(library_novel, pages=PAGES)
    kobo.turn_pages(1, seconds_each=28)
    kobo.tap("Settings", "Longest time for one page")
    kobo.type("5")
    kobo.press("Set")
    kobo.wait(20 * 60)
    kobo.close()
    kobo.wait(10)
    assert Session.objects.get().seconds == pytest.approx(30 + 300, abs=2)


def test_closing_the_window_for_it_changes_nothing(start_device: StartDevice) -> None:
    kobo = start_device()
    for leave in (lambda: kobo.press("Close"), kobo.dismiss):
        kobo.tap("Settings", "Longest time for one page")
        kobo.type("12")
        leave()
        assert kobo.windows == []
        assert setting(kobo, "Longest time for one page") == "3 min"


@pytest.mark.parametrize(("stored", "shown"), [("1e9", "30"), ("20", "1"), ("-5", "3"), ("'soon'", "3")])
def test_a_number_that_the_window_cannot_hold_does_not_break_it(
    start_device: StartDevice, stored: str, shown: str
) -> None:
    kobo = start_device()
    kobo.run_lua(f'require("tomesync/service").get().settings:set("idle_cap_seconds", {stored})')
    kobo.tap("Settings", "Longest time for one page")
    assert kobo.windows[-1].inputs == [shown]


# --- The device's name


def test_the_devices_name_is_what_the_server_stores_from_then_on(
    start_device: StartDevice, library_novel: Path
) -> None:
    from accounts.models import Device

    kobo = start_device()
    assert setting(kobo, "Device name") == "Kobo_io"
    kobo.tap("Settings", "Device name")
    kobo.type("  Ada's Kobo, 100 %1  ")
    kobo.press("Save")
    assert setting(kobo, "Device name") == "Ada's Kobo, 100 %1"
    read(kobo, library_novel, 20)
    assert Device.objects.get().name == "Ada's Kobo, 100 %1"
    kobo.crash()
    kobo = start_device()
    assert setting(kobo, "Device name") == "Ada's Kobo, 100 %1"

    kobo.tap("Settings", "Device name")
    assert kobo.windows[-1].inputs == ["Ada's Kobo, 100 %1"]
    kobo.type("   ")
    kobo.press("Save")
    assert setting(kobo, "Device name") == "Kobo_io", "an empty one is the model's"
    read(kobo, library_novel, 40)
    assert Device.objects.get().name == "Kobo_io"


def test_a_name_is_measured_in_characters_and_one_that_is_too_long_stays_to_be_mended(
    start_device: StartDevice,
) -> None:
    kobo = start_device()
    kobo.tap("Settings", "Device name")
    kobo.type("読" * 61)
    kobo.press("Save")
    assert kobo.windows[-1].text == "The name is too long: 60 characters at most."
    kobo.dismiss()
    assert kobo.windows[-1].inputs == ["読" * 61]
    kobo.type("読" * 60)
    kobo.press("Save")
    assert kobo.windows == []
    assert setting(kobo, "Device name") == "読" * 60


@pytest.mark.parametrize("name", ["Device name", "Server address"])
def test_cancel_keeps_what_was_there(start_device: StartDevice, name: str) -> None:
    kobo = start_device()
    before = setting(kobo, name)
    for leave in (lambda: kobo.press("Cancel"), kobo.dismiss):
        kobo.tap("Settings", name)
        kobo.type("something.else")
        leave()
        assert kobo.windows == []
        assert setting(kobo, name) == before


# --- The server's address


@pytest.mark.parametrize(
    "typed", ["ftp://192.168.1.10", "http://", "http://a b", "http://[::1", "http://host:99999", "http://host/?x=1"]
)
def test_an_address_that_is_none_gets_a_sentence_and_stays_to_be_mended(
    start_device: StartDevice, line: Line, typed: str
) -> None:
    kobo = start_device()
    change_address(kobo, typed)
    assert kobo.windows[-1].text == (
        "The address must look like https://books.example.org or http://192.168.1.10:8080."
    )
    kobo.dismiss()
    assert kobo.windows[-1].inputs == [typed]
    kobo.press("Cancel")
    assert setting(kobo, "Server address") == line.url


def test_another_address_is_used_kept_and_can_be_tested_at_once(
    start_device: StartDevice, line: Line, live_server: Any
) -> None:
    kobo = start_device()
    typed = live_server.url.removeprefix("http://")
    change_address(kobo, f"  {typed}/ ")
    assert kobo.windows[-1].text == f"The server's address is now {live_server.url}."
    kobo.press("Test connection")
    kobo.wait(10)
    assert kobo.windows[-1].text.startswith(f"Connected to {live_server.url}.")
    assert line.paths() == []
    kobo.dismiss()
    kobo.crash()
    kobo = start_device()
    assert setting(kobo, "Server address") == live_server.url


def test_no_address_is_the_one_that_the_plugin_was_made_with(start_device: StartDevice, line: Line) -> None:
    kobo = start_device()
    change_address(kobo, "http://127.0.0.1:1")
    kobo.press("Close")
    assert setting(kobo, "Server address") == "http://127.0.0.1:1"
    change_address(kobo, "")
    assert kobo.windows[-1].text == f"The server's address is now {line.url}."
    kobo.press("Test connection")
    kobo.wait(10)
    assert kobo.windows[-1].text.startswith("Connected to")


def test_a_change_of_address_in_the_middle_of_a_book_loses_nothing_of_what_was_read(
    start_device: StartDevice, live_server: Any, library_novel: Path
) -> None:
    """The server has moved: at the new address it is the same one."""
    from reading.models import Session

    kobo = start_device()
    read(kobo, library_novel, 20)
    Session.objects.all().delete()
    kobo.open(library_novel, pages=PAGES)
    kobo.turn_pages(20)
    kobo.save_settings()
    change_address(kobo, live_server.url)
    kobo.press("Close")
    kobo.turn_pages(20)
    kobo.suspend()
    kobo.resume()
    kobo.wait(10)
    kobo.turn_pages(5)
    kobo.close()
    kobo.wait(10)
    assert kobo.waiting() == []
    assert sum(session.pages for session in Session.objects.all()) == 45
    assert sum(session.seconds for session in Session.objects.all()) == pytest.approx(45 * 30, abs=30)
    assert kobo.warnings == []


def test_what_waits_for_one_server_is_not_told_another_and_waits_until_it_is_back(
    start_device: StartDevice, library_novel: Path
) -> None:
    from reading.models import Session

    kobo = start_device(is_online=False)
    read(kobo, library_novel, 20)
    change_address(kobo, "http://127.0.0.1:1")
    kobo.press("Close")
    kobo.go_online()
    kobo.wait(20)
    assert Session.objects.count() == 0
    change_address(kobo, "")
    kobo.press("Test connection")
    kobo.wait(20)
    assert Session.objects.count() == 1


def test_after_a_change_of_address_the_open_book_is_asked_about_anew(
    start_device: StartDevice, live_server: Any, library_novel: Path
) -> None:
    kobo = start_device()
    change_address(kobo, "http://127.0.0.1:1")
    kobo.press("Close")
    kobo.open(library_novel, pages=PAGES)
    kobo.wait(10)
    assert "This book: not asked yet" in kobo.menu
    change_address(kobo, live_server.url)
    kobo.press("Test connection")
    kobo.wait(10)
    assert "This book: A Study in Scarlet" in kobo.menu


# --- The preferred format


def formats_asked_for(kobo: KOReader, line: Line) -> list[str]:
    line.forget()
    kobo.tap("Browse series")
    kobo.wait(5)
    kobo.choose("Discworld")
    kobo.wait(5)
    while kobo.windows:
        kobo.dismiss()
    [target] = [passed.path for passed in line.requests if "/series/" in passed.path]
    return parse_qs(urlsplit(target).query).get("formats", [])


def test_the_preferred_format_is_asked_for_with_each_list_of_volumes(
    start_device: StartDevice, line: Line, settings: Any
) -> None:
    make_series(settings.LIBRARY_DIR, 2)
    kobo = start_device()
    assert checked(kobo, "Settings", "Preferred format") == ["As set on the server"]
    assert formats_asked_for(kobo, line) == []
    kobo.tap("Settings", "Preferred format", "KEPUB first")
    assert formats_asked_for(kobo, line) == ["kepub.epub"]
    kobo.crash()
    kobo = start_device()
    assert checked(kobo, "Settings", "Preferred format") == ["KEPUB first"]
    assert formats_asked_for(kobo, line) == ["kepub.epub"]
    kobo.tap("Settings", "Preferred format", "As set")
    assert formats_asked_for(kobo, line) == []
    assert kobo.warnings == []
