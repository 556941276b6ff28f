"""Test connection: it says that all is well, or which of all that can be wrong is wrong."""

from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.koplugin.koreader import KOReader
from tests.koplugin.line import Fault, Line
from tests.koplugin.server import Answer, TomeServer
from tests.koplugin.steps import StartDevice

pytestmark = pytest.mark.django_db(transaction=True)

LONGEST_BLOCK_SECONDS = 5.5
# As long as a patient request may take, and what KOReader needs to notice.
LONG_ENOUGH = 40


@pytest.fixture
def start(start_device: StartDevice) -> StartDevice:
    """Ada's Kobo, whose clock is right."""
    return partial(start_device, hours_ago=0)


def said_by(kobo: KOReader) -> str:
    """What Test connection says."""
    count = len(kobo.shown)
    kobo.tap("Test connection")
    assert kobo.shown[count].text == "Testing the connection…"
    kobo.wait(LONG_ENOUGH)
    [window] = kobo.windows
    assert window.text == kobo.shown[-1].text, "it took its message away"
    assert kobo.longest_block <= LONGEST_BLOCK_SECONDS
    kobo.dismiss()
    return window.text


def read(kobo: KOReader, path: Path) -> None:
    kobo.open(path)
    kobo.turn_pages(5, seconds_each=5)
    kobo.close()


# --- All is well


def test_success_names_address_user_and_version_and_nothing_else(start: StartDevice, line: Line) -> None:
    from api.server import server_version

    assert said_by(start()) == f"Connected to {line.url}.\nUser: ada\nTome {server_version()}"


@pytest.mark.parametrize(
    ("hours_ago", "said"),
    [
        (3, "This device's clock is 3 hours slow."),
        (-5, "This device's clock is 5 hours fast."),
        (0.5, "This device's clock is 30 minutes slow."),
        (24 * 365, "This device's clock is 365 days slow."),
    ],
)
def test_a_clock_that_is_off_is_named_with_how_much(start: StartDevice, hours_ago: float, said: str) -> None:
    last = said_by(start(hours_ago=hours_ago)).splitlines()[-1]
    assert last == f"{said} What is read counts at the server's time."


def test_once_the_server_answers_what_waited_goes_out(start: StartDevice, line: Line, library_novel: Path) -> None:
    from reading.models import Session

    kobo = start(hours_ago=2)
    line.break_with("refused")
    read(kobo, library_novel)
    kobo.wait(10)
    assert len(kobo.waiting()) == 2
    line.mend()
    kobo.patience = 3.0
    assert said_by(kobo).startswith("Connected to")
    assert kobo.waiting() == []
    assert Session.objects.get().pages == 5


def test_once_the_server_answers_the_open_book_is_found(start: StartDevice, line: Line, library_novel: Path) -> None:
    kobo = start(hours_ago=2)
    line.break_with("refused")
    kobo.open(library_novel)
    kobo.wait(10)
    assert "This book: not asked yet" in kobo.menu
    line.mend()
    said_by(kobo)
    assert "This book: A Study in Scarlet" in kobo.menu


def test_it_ends_the_pause_after_three_failures(start: StartDevice, line: Line, library_novel: Path) -> None:
    kobo = start(hours_ago=2)
    line.break_with("refused")
    for _ in range(4):
        read(kobo, library_novel)
        kobo.wait(5)
    line.mend()
    line.paths()
    read(kobo, library_novel)
    kobo.wait(5)
    assert line.paths() == [], "it is left alone"
    said_by(kobo)
    assert kobo.waiting() == []


def test_turned_off_it_still_tests_and_sends_nothing(start: StartDevice, line: Line, library_novel: Path) -> None:
    kobo = start(hours_ago=2, is_online=False)
    read(kobo, library_novel)
    kobo.gesture("tomesync_toggle")
    kobo.go_online()
    kobo.wait(10)
    assert said_by(kobo).startswith("Connected to")
    assert line.paths() == ["GET /me"]
    assert len(kobo.waiting()) == 2


# --- Wi-Fi


def test_it_asks_for_wifi_only_if_there_is_none_and_goes_on_when_it_is_there(start: StartDevice, line: Line) -> None:
    kobo = start(is_online=False)
    kobo.tap("Test connection")
    kobo.wait(5)
    assert kobo.wifi_asked == 1
    assert kobo.shown == []
    assert line.paths() == []
    kobo.go_online()
    kobo.wait(5)
    assert kobo.shown[-1].text.startswith("Connected to")
    kobo.dismiss()
    said_by(kobo)
    assert kobo.wifi_asked == 1


def test_its_message_can_be_tapped_away_and_the_answer_comes_all_the_same(start: StartDevice) -> None:
    kobo = start()
    kobo.tap("Test connection")
    kobo.dismiss()
    assert kobo.windows == []
    kobo.wait(LONG_ENOUGH)
    [window] = kobo.windows
    assert window.text.startswith("Connected to")
    assert kobo.warnings == []


# --- What can be wrong


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("refused", "Nothing answers at the server's address."),
        ("black hole", "The server does not answer."),
        ("closed", "The server broke off the connection."),
        ("lost reply", "The server broke off the connection."),
        ("truncated body", "The server broke off the connection."),
        ("500", "The server is in trouble (status 500)."),
        ("login page", "A web page answered instead of Tome. Does this network want you to log in first?"),
        ("portal in JSON", "Something other than Tome answered (status 200)."),
    ],
)
def test_each_failure_is_called_by_its_name(start: StartDevice, line: Line, fault: Fault, said: str) -> None:
    kobo = start(patience=0.3 if fault == "black hole" else 3.0)
    line.break_with(fault)
    first, second, *rest = said_by(kobo).splitlines()
    assert first == f"No connection to {line.url}."
    assert second.startswith(said)
    assert len(rest) <= 1, "what LuaSocket says, for those who can use it"
    line.mend()
    kobo.patience = 3.0
    assert said_by(kobo).startswith("Connected to")
    assert kobo.warnings == []


@pytest.mark.parametrize("trouble", ["fail", "hang"])
def test_a_name_that_is_not_known_is_told_from_one_whose_look_up_never_ends(start: StartDevice, trouble: str) -> None:
    kobo = start()
    kobo.names = trouble
    said = said_by(kobo).splitlines()[1]
    expected = {"fail": "The server's name is not known in this network.", "hang": "The server does not answer."}
    assert said.startswith(expected[trouble])
    assert kobo.uncollected == []


def test_https_towards_a_server_that_speaks_http_is_called_no_secure_connection(
    start: StartDevice, tome: TomeServer
) -> None:
    kobo = start(server_url=tome.url.replace("http:", "https:"))
    assert said_by(kobo).splitlines()[1].startswith("No secure connection to the server could be made.")


def test_a_revoked_key_is_named(start: StartDevice, ada: Any) -> None:
    from accounts.models import ApiKey

    ApiKey.objects.filter(reader=ada).delete()
    said = said_by(start()).splitlines()
    assert said[1].startswith("The server does not accept this plugin's key.")
    assert len(said) == 2


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (Answer(404, "<h1>Not found</h1>", "text/html"), "A web page answered instead of Tome."),
        (Answer(404, {"error": "not found"}), "Something other than Tome answered (status 404). Is the address right?"),
        (Answer(200, []), "Something other than Tome answered (status 200). Is the address right?"),
        (Answer(200, "", "text/plain"), "Something other than Tome answered (status 200). Is the address right?"),
        (Answer(401, "<h1>Password, please</h1>", "text/html"), "A web page answered instead of Tome."),
        (Answer(302, "", "text/html", {"Location": "/login"}), "Something other than Tome answered (status 302)."),
        (Answer(200, {"server_id": 7, "username": ["x"]}), "Something other than Tome answered (status 200)."),
        (
            Answer(404, {"detail": "Not Found"}),
            "Something other than Tome answered (status 404). Is the address right?",
        ),
    ],
)
def test_another_program_is_not_taken_for_tome(start: StartDevice, tome: TomeServer, answer: Answer, said: str) -> None:
    tome.everything = answer
    assert said_by(start(server_url=tome.url)).splitlines()[1].startswith(said)


def test_odd_values_in_an_answer_are_shown_as_far_as_they_are_texts(start: StartDevice, tome: TomeServer) -> None:
    tome.everything = Answer(200, {"server_id": "s", "username": {"a": 1}, "server_version": 3, "server_time": [1]})
    assert said_by(start(server_url=tome.url)) == f"Connected to {tome.url}.\nUser: ada\nTome ?"


def test_without_processes_it_blocks_no_longer_than_it_may(start: StartDevice, line: Line) -> None:
    kobo = start(can_fork=False, patience=0.3)
    line.break_with("black hole")
    assert said_by(kobo).splitlines()[1].startswith("The server does not answer.")
    line.mend()
    kobo.patience = 3.0
    assert said_by(kobo).startswith("Connected to")
