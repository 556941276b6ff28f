"""Which of the server's books the open one is, as its reader sees it and decides it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import add_book
from tests.koplugin.koreader import KOReader
from tests.koplugin.line import Fault, Line
from tests.koplugin.steps import StartDevice, open_book

pytestmark = pytest.mark.django_db(transaction=True)

GREY_UNTIL_MATCHED = ["Download full series", "Download rest of series", "Sync now"]

ASIMOV = "Foundation (Foundation #1) — Isaac Asimov"
LACKEY = "Foundation (Collegium #1.5) — Mercedes Lackey"
NOBODY = "Foundation (Elements #3)"


@pytest.fixture
def foundations(make_epub: Callable[..., Path], settings: Any, db: None) -> dict[str, Any]:
    """Three books of one title; of one of them no author is known."""

    def add(label: str, **stated: Any) -> Any:
        path = make_epub(f"{len(label)}.epub", title="Foundation", authors=stated.get("authors", []))
        return add_book(path, settings.LIBRARY_DIR, title="Foundation", **stated)

    return {
        ASIMOV: add(ASIMOV, authors=["Isaac Asimov"], series="Foundation", series_index=1),
        LACKEY: add(LACKEY, authors=["Mercedes Lackey"], series="Collegium", series_index=1.5),
        NOBODY: add(NOBODY, series="Elements", series_index=3),
    }


@pytest.fixture
def unsure(tmp_path: Path, foundations: dict[str, Any]) -> Path:
    """A file that could be any of them."""
    path = tmp_path / "card" / "Foundation.epub"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"Hari Seldon. " * 1000)
    return path


def status(kobo: KOReader) -> str:
    [item] = [item for item in kobo.menu if item.startswith("This book")]
    return item.text.removeprefix("This book: ")


def is_awake(kobo: KOReader) -> bool:
    states = {item.is_enabled for item in kobo.menu if item in GREY_UNTIL_MATCHED}
    assert len(states) == 1
    return states.pop()


def choose(kobo: KOReader, button: str) -> None:
    kobo.tap("This book")
    kobo.press(button)
    kobo.wait(30)


def texts(kobo: KOReader) -> list[str]:
    return [window.text for window in kobo.shown]


# --- The server is not sure


def test_candidates_are_offered_in_the_menu_and_nowhere_else(start_device: StartDevice, unsure: Path) -> None:
    kobo = start_device()
    open_book(kobo, unsure)
    assert kobo.shown == []
    assert status(kobo) == "not sure, 3 candidates"
    assert not is_awake(kobo)
    kobo.tap("This book")
    [window] = kobo.windows
    assert window.title == "The server is not sure which book this is. Which one?"
    *candidates, none, again, close = window.buttons
    assert sorted(candidates) == sorted([ASIMOV, LACKEY, NOBODY])
    assert (none, again, close) == ("None of these", "Ask the server again", "Close")
    kobo.press("Close")
    assert kobo.windows == []
    assert status(kobo) == "not sure, 3 candidates"


def test_of_many_candidates_all_that_the_server_offers_can_be_chosen(
    start_device: StartDevice, make_epub: Callable[..., Path], settings: Any, unsure: Path
) -> None:
    from library.models import FileLink

    for number in range(14):
        path = make_epub(f"many/{number}.epub", title="Foundation")
        add_book(path, settings.LIBRARY_DIR, title="Foundation", series=f"Series {number:02d}", series_index=1)
    kobo = start_device()
    open_book(kobo, unsure)
    assert status(kobo) == "not sure, 17 candidates"
    kobo.tap("This book")
    assert len(kobo.windows[-1].buttons) == 17 + 3
    kobo.press("Foundation (Series 13 #1)")
    kobo.wait(10)
    link: Any = FileLink.objects.get()
    assert link.book.series.name == "Series 13"


@pytest.mark.parametrize("label", [ASIMOV, LACKEY, NOBODY])
def test_choosing_one_tells_the_server_and_wakes_what_was_grey(
    start_device: StartDevice, line: Line, unsure: Path, foundations: dict[str, Any], label: str
) -> None:
    from library.models import FileLink
    from reading.models import Session

    kobo = start_device()
    open_book(kobo, unsure)
    kobo.turn_pages(5)
    kobo.suspend()
    kobo.resume()
    line.paths()
    choose(kobo, label)
    link = FileLink.objects.get()
    assert (link.book, link.filename) == (foundations[label], "Foundation.epub")
    assert line.paths()[0] == "PUT /link"
    assert status(kobo) == "Foundation"
    assert is_awake(kobo)
    assert texts(kobo)[1:] == [], "it is silent about what went well"
    kobo.turn_pages(5)
    kobo.close()
    kobo.wait(10)
    assert {session.book for session in Session.objects.all()} == {foundations[label]}
    assert Session.objects.count() == 2
    line.paths()
    open_book(kobo, unsure)
    assert "GET /resolve" not in line.paths()
    assert is_awake(kobo)
    kobo.tap("This book")
    assert kobo.windows[-1].title == "This file is taken for “Foundation”, as you said."
    assert kobo.warnings == []


def test_none_of_these_is_kept_and_not_asked_about_again(start_device: StartDevice, line: Line, unsure: Path) -> None:
    from library.models import FileLink

    kobo = start_device()
    open_book(kobo, unsure)
    choose(kobo, "None of these")
    assert FileLink.objects.get().book is None
    assert status(kobo) == "none of the server's"
    assert not is_awake(kobo)
    for _ in range(2):
        kobo.close()
        line.paths()
        open_book(kobo, unsure)
        kobo.turn_pages(5)
        assert "GET /resolve" not in line.paths()
        assert status(kobo) == "none of the server's"
    kobo.crash()
    kobo = start_device()
    open_book(kobo, unsure)
    assert "GET /resolve" not in line.paths()
    kobo.tap("This book")
    assert kobo.windows[-1].title.startswith("You said that this is none of the server's books.")
    assert kobo.windows[-1].buttons == ["Ask the server again", "Close"]
    kobo.press("Ask the server again")
    kobo.wait(10)
    assert texts(kobo)[-2:] == ["Asking the server…", "This book: not sure, 3 candidates"]
    assert not FileLink.objects.exists()
    assert kobo.warnings == []


@pytest.mark.parametrize("button", [ASIMOV, "None of these"])
@pytest.mark.parametrize("trouble", ["offline", "refused", "black hole", "login page", "500"])
def test_a_choice_that_cannot_be_sent_is_kept_and_sent_with_the_next_contact(
    start_device: StartDevice,
    line: Line,
    unsure: Path,
    foundations: dict[str, Any],
    button: str,
    trouble: Fault | str,
) -> None:
    from library.models import FileLink

    kobo = start_device()
    open_book(kobo, unsure)
    if trouble == "offline":
        kobo.go_offline()
    else:
        kobo.patience = 0.2 if trouble == "black hole" else 3.0
        line.break_with(trouble)  # type: ignore[arg-type]
    choose(kobo, button)
    assert texts(kobo)[-1].endswith("\nYour choice is kept and sent later.")
    kobo.dismiss()
    assert status(kobo) == ("Foundation" if button == ASIMOV else "none of the server's")
    assert is_awake(kobo) == (button == ASIMOV)
    assert not FileLink.objects.exists()
    assert kobo.wifi_asked == kobo.wifi_woken == 0
    kobo.crash()
    line.mend()
    line.paths()
    kobo = start_device(is_online=False)
    open_book(kobo, unsure)
    kobo.turn_pages(3)
    assert line.paths() == []
    kobo.go_online()
    kobo.wait(10)
    assert FileLink.objects.get().book == (foundations[ASIMOV] if button == ASIMOV else None)
    paths = line.paths()
    assert paths.count("PUT /link") == 1
    assert "GET /resolve" not in paths
    assert kobo.shown == []
    kobo.close()
    open_book(kobo, unsure)
    assert "PUT /link" not in line.paths(), "it is told once"


def test_a_candidate_that_is_gone_by_now_is_said_and_asked_about_anew(
    start_device: StartDevice, unsure: Path, foundations: dict[str, Any]
) -> None:
    from library.models import Book, FileLink

    kobo = start_device()
    open_book(kobo, unsure)
    Book.objects.filter(pk=foundations[ASIMOV].pk).delete()
    choose(kobo, ASIMOV)
    assert texts(kobo)[-1] == "The server does not have that book any more. Ask it again which one this is."
    kobo.dismiss()
    assert not FileLink.objects.exists()
    assert not is_awake(kobo)
    choose(kobo, "Ask the server again")
    assert texts(kobo)[-1] == "This book: not sure, 2 candidates"
    assert kobo.warnings == []


def test_a_candidate_that_went_while_the_choice_waited_is_no_choice_any_more(
    start_device: StartDevice, line: Line, unsure: Path, foundations: dict[str, Any]
) -> None:
    from library.models import Book

    kobo = start_device()
    open_book(kobo, unsure)
    kobo.go_offline()
    choose(kobo, ASIMOV)
    kobo.dismiss()
    Book.objects.filter(pk=foundations[ASIMOV].pk).delete()
    kobo.turn_pages(5)
    kobo.close()
    open_book(kobo, unsure)
    kobo.go_online()
    kobo.wait(10)
    assert line.paths().count("PUT /link") == 1
    kobo.close()
    open_book(kobo, unsure)
    assert status(kobo) == "not sure, 2 candidates"
    assert kobo.waiting() == []
    assert kobo.warnings == []


def test_the_window_left_open_does_no_harm_when_the_book_is_closed(start_device: StartDevice, unsure: Path) -> None:
    from library.models import FileLink

    kobo = start_device()
    open_book(kobo, unsure)
    kobo.tap("This book")
    kobo.close()
    kobo.press(LACKEY)
    kobo.wait(10)
    assert not FileLink.objects.exists()
    assert kobo.windows == []
    assert kobo.warnings == []


def test_candidates_that_are_damaged_on_the_disk_are_shown_as_far_as_they_can_be(
    start_device: StartDevice, unsure: Path
) -> None:
    kobo = start_device()
    open_book(kobo, unsure)
    kobo.run_lua(
        """
        local books = require("tomesync/service").get().books
        for _, entry in pairs(books.stored.files) do
            entry.candidates = {
                { book_id = 1, title = { "a table" }, series = 7, author = false },
                { book_id = "1", title = "no number" },
                "no table",
                { book_id = 2, title = "With %1", series = "S %2", series_index = "x", author = "A" },
            }
        end
        """
    )
    kobo.tap("This book")
    assert kobo.windows[-1].buttons == ["?", "With %1 (S %2) — A", "None of these", "Ask the server again", "Close"]
    assert kobo.warnings == []


# --- The server is sure, and maybe wrong


def test_how_the_server_came_to_it_is_said(start_device: StartDevice, library_novel: Path) -> None:
    kobo = start_device()
    open_book(kobo, library_novel)
    kobo.tap("This book")
    [window] = kobo.windows
    assert window.title == "This file is taken for “A Study in Scarlet”, by its contents."
    assert window.buttons == ["It is not this book", "Ask the server again", "Close"]


def test_it_is_not_this_book_takes_back_what_was_read_and_sends_it_nowhere(
    start_device: StartDevice, library_novel: Path
) -> None:
    from library.models import FileLink
    from reading.models import Session

    kobo = start_device()
    open_book(kobo, library_novel)
    kobo.turn_pages(5)
    kobo.suspend()
    kobo.resume()
    choose(kobo, "It is not this book")
    assert FileLink.objects.get().book is None
    assert status(kobo) == "none of the server's"
    assert not is_awake(kobo)
    kobo.turn_pages(5)
    kobo.close()
    kobo.wait(10)
    assert {session.book for session in Session.objects.all()} == {None}
    open_book(kobo, library_novel)
    choose(kobo, "Ask the server again")
    assert texts(kobo)[-1] == "This book: A Study in Scarlet"
    assert is_awake(kobo)
    assert kobo.warnings == []


def test_asking_again_while_the_server_is_away_keeps_the_match(
    start_device: StartDevice, line: Line, library_novel: Path
) -> None:
    kobo = start_device()
    open_book(kobo, library_novel)
    line.break_with("refused")
    choose(kobo, "Ask the server again")
    assert texts(kobo)[-1].startswith("Nothing answers at the server's address.")
    kobo.dismiss()
    assert status(kobo) == "A Study in Scarlet"
    assert is_awake(kobo)
    kobo.crash()
    kobo = start_device(is_online=False)
    open_book(kobo, library_novel)
    assert is_awake(kobo)


def test_asking_again_without_wifi_asks_for_it_and_a_book_that_is_closed_meanwhile_is_let_be(
    start_device: StartDevice, line: Line, library_novel: Path
) -> None:
    kobo = start_device(is_online=False)
    open_book(kobo, library_novel)
    choose(kobo, "Ask the server again")
    assert kobo.wifi_asked == 1
    kobo.close()
    kobo.go_online()
    kobo.wait(10)
    assert [window for window in kobo.windows if window.kind != "Notification"] == []
    assert "GET /resolve" not in line.paths()
    assert kobo.warnings == []


def test_a_book_that_comes_to_the_library_later_is_found_by_asking_again(
    start_device: StartDevice, tmp_path: Path, settings: Any, make_epub: Callable[..., Path]
) -> None:
    file = tmp_path / "Ulysses.epub"
    file.write_bytes(make_epub("there/Ulysses.epub", title="Ulysses").read_bytes())
    kobo = start_device()
    open_book(kobo, file)
    kobo.tap("This book")
    [window] = kobo.windows
    assert window.title.startswith("The server has no such book.")
    assert window.buttons == ["Ask the server again", "Close"]
    kobo.press("Close")
    add_book(settings.LIBRARY_DIR / "there/Ulysses.epub", settings.LIBRARY_DIR, title="Ulysses")
    choose(kobo, "Ask the server again")
    assert texts(kobo)[-1] == "This book: Ulysses"


# --- Re-resolve all books


def test_all_books_are_forgotten_and_each_is_asked_about_when_it_is_opened(
    start_device: StartDevice, line: Line, library_novel: Path, unsure: Path
) -> None:
    kobo = start_device()
    for path in (library_novel, unsure):
        open_book(kobo, path)
        kobo.close()
    kobo.tap("Re-resolve all books")
    assert texts(kobo) == ["2 books are forgotten and will be matched anew when they are opened."]
    kobo.dismiss()
    kobo.wait(10)
    line.paths()
    for path in (library_novel, unsure):
        open_book(kobo, path)
        assert line.paths()[0] == "GET /resolve"
        kobo.close()
    assert kobo.warnings == []


def test_the_open_one_is_asked_about_at_once_and_wakes_again(
    start_device: StartDevice, line: Line, library_novel: Path
) -> None:
    kobo = start_device()
    open_book(kobo, library_novel)
    line.paths()
    kobo.tap("Re-resolve all books")
    assert texts(kobo) == ["1 book is forgotten and will be matched anew when it is opened."]
    kobo.wait(10)
    assert line.paths()[0] == "GET /resolve"
    assert is_awake(kobo)


def test_offline_it_brings_up_no_wifi_and_asks_later(
    start_device: StartDevice, line: Line, library_novel: Path
) -> None:
    kobo = start_device()
    open_book(kobo, library_novel)
    kobo.go_offline()
    line.paths()
    kobo.tap("Re-resolve all books")
    kobo.wait(10)
    assert (kobo.wifi_asked, kobo.wifi_woken, line.paths()) == (0, 0, [])
    assert not is_awake(kobo)
    kobo.go_online()
    kobo.wait(10)
    assert is_awake(kobo)


def test_where_nothing_is_known_yet_it_says_so(start_device: StartDevice) -> None:
    kobo = start_device()
    kobo.tap("Re-resolve all books")
    assert texts(kobo) == ["No book has been matched yet. That happens when it is opened."]
