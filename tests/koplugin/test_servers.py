"""What was read, and what is known of files, belongs to one server and one reader: nothing of it goes to another."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from koplugin.packer import build_plugin
from tests.koplugin.koreader import DEFAULT_START, KOReader
from tests.koplugin.server import KEY, Answer, TomeServer
from tests.koplugin.steps import change_address, open_book, reconnect

BOOKS_FORGOTTEN_BEYOND = 2000


@pytest.fixture
def other_tome() -> Iterator[TomeServer]:
    server = TomeServer("server-2")
    yield server
    server.stop()


@pytest.fixture
def same_tome() -> Iterator[TomeServer]:
    """The first server once more, at another address."""
    server = TomeServer()
    yield server
    server.stop()


def use(kobo: KOReader, url: str) -> None:
    """Change the server's address in the settings."""
    change_address(kobo, url)
    while kobo.windows:
        kobo.dismiss()


def read(kobo: KOReader, book: Path, *, turns: int = 3) -> None:
    open_book(kobo, book)
    kobo.turn_pages(turns)
    kobo.close()
    kobo.wait(10)


def files_of(tome: TomeServer) -> set[str]:
    return {item["file"]["filename"] for item in tome.sessions + tome.positions}


def uuids(tome: TomeServer) -> list[str]:
    return [session["session_uuid"] for session in tome.sessions]


def said_at_all(tome: TomeServer) -> str:
    return json.dumps([[received.path, received.query, received.body] for received in tome.received])


# --- Another address -------------------------------------------------------------------------------------------------


def test_what_waits_for_one_server_is_not_sent_to_another_and_waits_until_it_is_back(
    kobo: KOReader, tome: TomeServer, other_tome: TomeServer, novel: Path, comic: Path
) -> None:
    other_tome.resolve = Answer(body={"book_id": 77, "title": "Saga", "method": "hash"})
    read(kobo, novel)
    kobo.go_offline()
    read(kobo, novel, turns=5)
    tome.received.clear()

    use(kobo, other_tome.url)
    read(kobo, comic)
    kobo.go_online()
    kobo.wait(10)
    read(kobo, comic)
    assert files_of(other_tome) == {comic.name}
    assert novel.name not in said_at_all(other_tome)
    assert [session.get("book_id") for session in other_tome.sessions] == [None, 77]
    assert tome.received == []
    assert len(kobo.waiting()) == 2

    use(kobo, tome.url)
    reconnect(kobo, seconds=10)
    assert [session["pages_turned"] for session in tome.sessions] == [5]
    assert files_of(tome) == {novel.name}
    assert "me" not in tome.paths, "it is known who it is"
    assert kobo.waiting() == []
    assert kobo.warnings == []


def test_another_server_is_asked_anew_which_book_a_file_is_and_its_places_are_no_news_of_the_first(
    kobo: KOReader, tome: TomeServer, other_tome: TomeServer, novel: Path
) -> None:
    tome.place = Answer(body={"percentage": 0.5, "revision": 3, "device": "Kindle", "read_at": "2025-11-23T11:00:00Z"})
    open_book(kobo, novel)
    kobo.close()
    other_tome.resolve = Answer(body={"book_id": 77, "title": "Dracula", "method": "hash"})
    use(kobo, other_tome.url)
    open_book(kobo, novel)
    kobo.turn_pages(3)
    kobo.close()
    kobo.wait(10)
    assert other_tome.paths == ["me", "resolve", "position/77", "sync"]
    [position] = other_tome.positions
    assert position["base_revision"] == 0
    assert position["book_id"] == 77


def test_the_same_server_at_another_address_gets_what_waited(
    kobo: KOReader, same_tome: TomeServer, novel: Path
) -> None:
    read(kobo, novel)
    kobo.go_offline()
    read(kobo, novel, turns=5)
    use(kobo, same_tome.url)
    kobo.go_online()
    kobo.wait(10)
    assert same_tome.paths == ["me", "sync"], "it knows the book already"
    assert [session["pages_turned"] for session in same_tome.sessions] == [5]
    assert kobo.waiting() == []


@pytest.mark.parametrize("keeps_first", [True, False])
def test_a_session_over_a_change_of_address_is_told_whole_and_once(
    kobo: KOReader, tome: TomeServer, same_tome: TomeServer, novel: Path, keeps_first: bool
) -> None:
    read(kobo, novel)
    open_book(kobo, novel)
    kobo.turn_pages(4)
    if keeps_first:
        kobo.save_settings()
    use(kobo, same_tome.url)
    kobo.wait(10)
    kobo.turn_pages(6)
    kobo.close()
    kobo.wait(10)
    told = {session["session_uuid"]: session["pages_turned"] for session in tome.sessions[1:] + same_tome.sessions}
    assert sum(told.values()) == 10
    assert kobo.waiting() == []


def test_a_request_under_way_while_the_address_changes_settles_nothing_of_the_other(
    kobo: KOReader, tome: TomeServer, other_tome: TomeServer, novel: Path, comic: Path
) -> None:
    read(kobo, novel)
    kobo.network.answer_seconds = 2.0
    kobo.open(comic)
    kobo.turn_pages(5)
    kobo.close()
    kobo.wait(0.5)
    assert kobo.running_processes != []
    use(kobo, other_tome.url)
    kobo.wait(20)
    waiting = [entry["item"]["session_uuid"] for entry in kobo.waiting() if entry["kind"] == "session"]
    assert other_tome.batches == []
    use(kobo, tome.url)
    reconnect(kobo, seconds=20)
    assert kobo.waiting() == []
    assert set(waiting) <= set(uuids(tome))
    assert len(set(uuids(tome))) == 2
    assert (kobo.uncollected, kobo.open_pipes, kobo.standby_preventions) == ([], [], 0)


# --- Another server at the same address ------------------------------------------------------------------------------


def test_another_server_at_the_same_address_is_noticed_and_its_books_asked_about_anew(
    kobo: KOReader, tome: TomeServer, novel: Path, comic: Path
) -> None:
    read(kobo, novel)
    read(kobo, comic)
    tome.server_id = "server-1 made anew"
    tome.resolve = Answer(body={"book_id": 3, "title": "Dracula", "method": "hash"})
    read(kobo, novel)
    tome.received.clear()
    kobo.open(comic)
    kobo.turn_pages(3)
    kobo.close()
    kobo.wait(10)
    assert tome.paths == ["resolve", "position/3", "sync"]
    assert tome.positions[0]["base_revision"] == 0
    assert kobo.waiting() == []
    assert kobo.warnings == []


# --- A server that was never met -------------------------------------------------------------------------------------


def test_what_was_read_before_the_first_contact_is_sent_at_the_first_contact(
    plugin_zip: bytes, tome: TomeServer, tmp_path: Path, novel: Path, comic: Path
) -> None:
    kobo = KOReader(plugin_zip, tmp_path / "kobo", is_online=False)
    for book in (novel, comic, novel):
        read(kobo, book)
    kobo.exit()
    kobo = KOReader(plugin_zip, tmp_path / "kobo", now=kobo.now, is_online=False)
    kobo.open(novel)
    kobo.turn_pages(12)
    kobo.wait(10)
    kobo.go_online()  # the fourth session is still going on
    kobo.wait(10)
    assert tome.paths == ["me", "resolve", "position/12", "sync"]
    assert len(set(uuids(tome))) == 3
    kobo.turn_pages(2)
    kobo.close()
    kobo.wait(10)
    assert [session["pages_turned"] for session in tome.sessions] == [3, 3, 3, 14]
    assert len(set(uuids(tome))) == 4
    assert kobo.waiting() == []
    kobo.exit()
    again = KOReader(plugin_zip, tmp_path / "kobo", now=kobo.now)
    again.wait(10)
    assert len(tome.sessions) == 4
    assert again.outbox() == []
    assert again.warnings == []


def test_the_first_contact_can_be_the_moment_before_sleep(
    plugin_zip: bytes, tome: TomeServer, tmp_path: Path, novel: Path
) -> None:
    kobo = KOReader(plugin_zip, tmp_path / "kobo", is_online=False)
    kobo.open(novel)
    kobo.turn_pages(3)
    kobo.network.is_connected = True
    kobo.suspend()
    assert tome.paths == ["sync"]
    assert kobo.waiting() == []
    kobo.resume()
    kobo.wait(10)
    assert tome.paths == ["sync", "resolve", "position/12"]
    kobo.turn_pages(4)
    kobo.close()
    kobo.wait(10)
    assert [session["pages_turned"] for session in tome.sessions] == [3, 4]
    assert kobo.warnings == []


def test_a_crash_around_the_first_contact_doubles_nothing(
    plugin_zip: bytes, tome: TomeServer, tmp_path: Path, novel: Path
) -> None:
    kobo = KOReader(plugin_zip, tmp_path / "kobo", is_online=False)
    read(kobo, novel)
    kobo.go_online()
    kobo.wait(1.03)  # the server has been asked who it is, or is being asked
    kobo.crash()
    again = KOReader(plugin_zip, tmp_path / "kobo", now=kobo.now)
    again.wait(20)
    assert len(set(uuids(tome))) == 1
    assert again.waiting() == []


# --- Two readers -----------------------------------------------------------------------------------------------------


def test_two_readers_on_one_device_have_their_own(
    plugin_zip: bytes, tome: TomeServer, tmp_path: Path, novel: Path, comic: Path
) -> None:
    bobs_zip = build_plugin(server_url=tome.url, api_key="tk_bob", username="bob")
    adas = KOReader(plugin_zip, tmp_path / "kobo")
    read(adas, novel)
    adas.go_offline()
    read(adas, novel, turns=5)
    adas.exit()

    tome.received.clear()
    bobs = KOReader(bobs_zip, tmp_path / "kobo", now=adas.now)
    bobs.wait(10)
    read(bobs, comic, turns=7)
    assert tome.paths == ["me", "resolve", "position/12", "sync"]
    assert {received.headers["authorization"] for received in tome.received} == {"Bearer tk_bob"}
    assert [session["pages_turned"] for session in tome.sessions] == [7]
    assert len(bobs.waiting()) == 2
    bobs.exit()

    tome.received.clear()
    adas = KOReader(plugin_zip, tmp_path / "kobo", now=bobs.now)
    adas.wait(10)
    assert tome.paths == ["sync"]
    assert [session["pages_turned"] for session in tome.sessions] == [5]
    assert {received.headers["authorization"] for received in tome.received} == {f"Bearer {KEY}"}
    assert adas.waiting() == []


# --- Files that are damaged ------------------------------------------------------------------------------------------

NONSENSE = ["", "return {{{", "return nil", "\x00" * 300, "error('no')", "return { format = {} }"]


def settings_file(kobo: KOReader) -> Path:
    return kobo.data_dir / "settings" / "tomesync.lua"


@pytest.mark.parametrize("text", NONSENSE)
def test_settings_of_nonsense_do_not_stop_it_and_lose_nothing_that_was_read(
    kobo: KOReader, plugin_zip: bytes, tome: TomeServer, novel: Path, text: str
) -> None:
    read(kobo, novel)
    kobo.go_offline()
    read(kobo, novel, turns=5)
    kobo.exit()
    settings_file(kobo).write_text(text)
    settings_file(kobo).with_name("tomesync.lua.old").unlink(missing_ok=True)
    again = KOReader(plugin_zip, kobo.data_dir, now=kobo.now)
    again.wait(10)
    read(again, novel, turns=7)
    assert again.waiting() == []
    assert [session["pages_turned"] for session in tome.sessions] == [3, 5, 7]
    assert again.warnings == []


ODD_VALUES = {
    "is_on": "'yes'",
    "ahead": "'sometimes'",
    "behind": "7",
    "idle_cap_seconds": "-1",
    "device_name": "{}",
    "server_url": "''",
    "formats": "'epub'",
    "servers": "'all'",
    "older_sessions": "7",
    "last_sync_at": "'now'",
    "clock_offset": "{}",
    "is_migrated": "'maybe'",
    "format": "'two'",
    "device_id": "7",
}


@pytest.mark.parametrize("name", ODD_VALUES)
def test_one_odd_setting_is_as_good_as_none(
    kobo: KOReader, plugin_zip: bytes, tome: TomeServer, novel: Path, name: str
) -> None:
    read(kobo, novel)
    kobo.exit()
    settings_file(kobo).write_text(f"return {{ format = 2, {name} = {ODD_VALUES[name]} }}")
    again = KOReader(plugin_zip, kobo.data_dir, now=kobo.now)
    again.wait(10)
    read(again, novel, turns=7)
    again.open(novel)
    for submenu in ("Settings", "About"):
        assert again.menu_of(submenu) != []
    assert [session["pages_turned"] for session in tome.sessions] == [3, 7]
    assert again.warnings == []


def test_settings_of_a_newer_plugin_are_kept_as_they_are(
    kobo: KOReader, plugin_zip: bytes, tome: TomeServer, novel: Path
) -> None:
    kobo.exit()
    settings_file(kobo).write_text('return { format = 99, idle_cap_seconds = 60, colour = { "blue" } }')
    again = KOReader(plugin_zip, kobo.data_dir, now=kobo.now)
    again.open(novel, look_seconds=0)
    again.turn_pages(3, seconds_each=100)
    again.close()
    again.wait(10)
    assert tome.sessions[0]["duration_seconds"] == 180
    again.exit()
    kept = settings_file(kobo).read_text()
    assert '["format"] = 99' in kept
    assert '"blue"' in kept


BOOKS_OF_NONSENSE = [
    b"",
    b"{",
    b"[]",
    b"null",
    b'{"files": 7, "paths": []}',
    b'{"files": {"a": 7, "b": null, "c": {"book_id": "12", "told": [], "choice": 5, "candidates": {"x": 1}}}}',
    b"\x00\xff" * 200,
]


@pytest.mark.parametrize("content", BOOKS_OF_NONSENSE)
def test_a_damaged_map_of_books_is_forgotten_and_asked_for_anew(
    kobo: KOReader, plugin_zip: bytes, tome: TomeServer, novel: Path, content: bytes
) -> None:
    read(kobo, novel)
    kobo.exit()
    for file in (kobo.data_dir / "settings").glob("tomesync-books-*.json"):
        file.write_bytes(content)
    tome.received.clear()
    again = KOReader(plugin_zip, kobo.data_dir, now=kobo.now)
    again.wait(5)
    read(again, novel)
    assert tome.paths == ["resolve", "position/12", "sync"]
    assert again.waiting() == []
    assert again.warnings == []


def left_after_reading(kobo: KOReader, book: Path) -> tuple[Path, dict[str, Any]]:
    """Read it and leave KOReader; answers the file of what is known of books, and what is in it."""
    read(kobo, book)
    kobo.exit()
    [file] = (kobo.data_dir / "settings").glob("tomesync-books-*.json")
    return file, json.loads(file.read_bytes())


def test_an_entry_that_is_damaged_for_the_open_book_spoils_nothing(
    kobo: KOReader, plugin_zip: bytes, tome: TomeServer, novel: Path
) -> None:
    file, known = left_after_reading(kobo, novel)
    for entry in known["files"].values():
        entry |= {"told": {"fraction": "x", "progress": {}}, "choice": {"book_id": "x"}, "last_read_at": {}}
        entry |= {"candidates": [1, {"title": {}}], "title": 7, "series_index": "one", "revision": "3"}
    file.write_text(json.dumps(known))
    tome.place = Answer(body={"percentage": 0.5, "revision": 3, "device": "Kindle", "read_at": "2025-11-23T12:30:00Z"})
    again = KOReader(plugin_zip, kobo.data_dir, now=kobo.now)
    read(again, novel)
    again.open(novel)
    assert again.menu != []
    assert again.waiting() == []
    assert again.warnings == []


def test_two_thousand_books_are_remembered_and_cost_a_moment(
    kobo: KOReader, plugin_zip: bytes, tome: TomeServer, novel: Path
) -> None:
    file, known = left_after_reading(kobo, novel)
    [mine] = known["files"]
    for number in range(BOOKS_FORGOTTEN_BEYOND):
        known["files"][f"{number:032x}-1000"] = {
            "filename": f"Volume {number}.epub",
            "used_at": 1_600_000_000 + number,
            "book_id": 1000 + number,
            "title": f"Volume {number}",
            "series": "A Very Long Series",
            "series_index": number,
            "method": "hash",
            "revision": number,
        }
    file.write_text(json.dumps(known))
    began = time.monotonic()
    again = KOReader(plugin_zip, kobo.data_dir, now=kobo.now)
    tome.received.clear()
    read(again, novel)
    assert time.monotonic() - began < 10
    assert tome.paths == ["position/12", "sync"]
    kept = json.loads(file.read_bytes())["files"]
    assert mine in kept
    fresh = novel.with_name("Carmilla.epub")
    fresh.write_bytes(b"another book")
    read(again, fresh)
    kept = json.loads(file.read_bytes())["files"]
    assert len(kept) == BOOKS_FORGOTTEN_BEYOND
    assert mine in kept, "the one that was used last goes last"
    assert f"{0:032x}-1000" not in kept
    assert again.warnings == []


# --- On the way to the server's own API ------------------------------------------------------------------------------


def test_the_address_is_changed_while_nothing_answers_at_the_old_one(
    plugin_zip: bytes, tome: TomeServer, same_tome: TomeServer, tmp_path: Path, novel: Path
) -> None:
    kobo = KOReader(plugin_zip, tmp_path / "kobo", now=DEFAULT_START, patience=0.2)
    read(kobo, novel)
    tome.stop()
    for _ in range(4):
        read(kobo, novel, turns=5)
    use(kobo, same_tome.url)
    kobo.wait(10)
    read(kobo, novel, turns=7)
    assert [session["pages_turned"] for session in same_tome.sessions] == [5, 5, 5, 5, 7]
    assert kobo.waiting() == []
