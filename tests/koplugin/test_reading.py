"""What the built plugin tells of reading, over real HTTP, and what it leaves alone."""

from importlib import resources
from pathlib import Path

import pytest

from tests.koplugin.koreader import KOReader, default_xpointers, partial_md5
from tests.koplugin.server import KEY, Answer, TomeServer

A_TURN = ("GotoViewRel", "PageUpdate", "PosUpdate")


def in_time(kobo: KOReader) -> None:
    """What runs beside the screen comes to its end."""
    kobo.wait(5)


def close(kobo: KOReader) -> None:
    kobo.close()
    in_time(kobo)


def switch(kobo: KOReader) -> None:
    kobo.gesture("tomesync_toggle")


# --- What is asked when a book opens ---------------------------------------------------------------------------------


def test_the_server_is_told_all_that_the_device_knows_of_the_file(
    kobo: KOReader, tome: TomeServer, novel: Path
) -> None:
    kobo.open(novel, title="Dracula", authors="Bram Stoker\nSomebody Else")
    assert tome.paths == ["me", "resolve", "position/12"]
    _, resolve, place = tome.received
    assert resolve.query == (
        "authors=Bram%20Stoker%0ASomebody%20Else&filename=Bram%20Stoker%20-%20Dracula.epub&folder=Novels"
        f"&ko_md5={partial_md5(novel)}&size={novel.stat().st_size}&title=Dracula"
    )
    assert {received.headers["authorization"] for received in tome.received} == {f"Bearer {KEY}"}
    assert place.query == f"device_id=kobo-1&ko_md5={partial_md5(novel)}&locator=xpointer"


def test_a_file_that_was_replaced_is_known_by_what_it_is_now(kobo: KOReader, tome: TomeServer, novel: Path) -> None:
    kobo.open(novel)
    close(kobo)
    novel.write_bytes(b"Another edition. " * 4000)
    kobo.open(novel)
    asked = [received for received in tome.received if "ko_md5" in received.query]
    assert [f"ko_md5={partial_md5(novel)}" in received.query for received in asked] == [False, False, True, True]


def test_a_renamed_file_is_still_known(kobo: KOReader, tome: TomeServer, novel: Path) -> None:
    kobo.open(novel)
    close(kobo)
    kobo.open(novel.rename(novel.with_name("Dracula.epub")))
    assert tome.paths == ["me", "resolve", "position/12", "position/12"]


def test_closing_right_after_opening_does_no_harm(kobo: KOReader, tome: TomeServer, novel: Path) -> None:
    for seconds in (0.0, 0.1, 0.49, 0.51, 0.53, 0.6):
        kobo.open(novel, look_seconds=seconds)
        kobo.close()
    kobo.run_scheduled()
    assert tome.batches == []
    assert kobo.shown == []
    assert kobo.warnings == []
    assert (kobo.uncollected, kobo.open_pipes, kobo.standby_preventions) == ([], [], 0)


def test_another_book_opened_at_once_has_nothing_of_the_first(
    kobo: KOReader, tome: TomeServer, novel: Path, comic: Path
) -> None:
    kobo.network.answer_seconds = 1.5
    tome.place = Answer(body={"percentage": 0.5, "revision": 3, "device": "Kindle"})
    kobo.open(novel, pages=100, look_seconds=3)  # the book is being asked about
    kobo.open(comic, pages=24, look_seconds=0.1)
    kobo.turn_pages(1, seconds_each=0.1)
    tome.place = Answer(404, {"detail": "There is no place in this book yet."})
    kobo.wait(20)
    assert kobo.page == 2
    assert kobo.shown == []
    close(kobo)
    assert [position["file"]["filename"] for position in tome.positions] == [comic.name]
    assert kobo.warnings == []


def test_the_same_book_opened_anew_goes_on(kobo: KOReader, tome: TomeServer, novel: Path) -> None:
    kobo.open(novel)
    kobo.turn_pages(5)
    kobo.open(novel)
    assert kobo.page == 6
    kobo.turn_pages(5)
    close(kobo)
    assert [session["pages_turned"] for session in tome.sessions] == [5, 5]
    assert kobo.shown == []


def test_an_unknown_book_is_told_by_its_file(kobo: KOReader, tome: TomeServer, novel: Path) -> None:
    tome.resolve = Answer(404, {"detail": "This file is no book of the library.", "candidates": []})
    kobo.open(novel)
    kobo.turn_pages(5)
    close(kobo)
    assert tome.paths == ["me", "resolve", "sync"]
    assert [(session.get("book_id"), session["file"]["filename"]) for session in tome.sessions] == [(None, novel.name)]
    assert kobo.waiting() == []
    assert kobo.shown == []


# --- What is told of reading -----------------------------------------------------------------------------------------


def test_a_book_read_and_closed_is_told_in_one_request(kobo: KOReader, tome: TomeServer, novel: Path) -> None:
    kobo.open(novel, pages=100, title="Dracula", look_seconds=2)
    kobo.turn_pages(4, seconds_each=30)
    kobo.wait(8)
    close(kobo)
    file = {
        "filename": novel.name,
        "ko_md5": partial_md5(novel),
        "size": novel.stat().st_size,
        "folder": "Novels",
        "title": "Dracula",
    }
    [batch] = tome.batches
    device, uuid = batch.pop("device"), batch["sessions"][0]["session_uuid"]
    assert (device["id"], device["name"], device["model"]) == ("kobo-1", "Kobo_io", "Kobo_io")
    assert batch == {
        "sent_at": "2025-11-23T12:15:30Z",
        "timezone": "+00:00",
        "positions": [
            {
                "book_id": 12,
                "file": file,
                "ko_md5": partial_md5(novel),
                "percentage": 0.05,
                "progress": default_xpointers(100)[4].decode(),
                "device": "Kobo_io",
                "read_at": "2025-11-23T12:15:22Z",
                "base_revision": 0,
            }
        ],
        "sessions": [
            {
                "session_uuid": uuid,
                "book_id": 12,
                "file": file,
                "ko_md5": partial_md5(novel),
                "device": "Kobo_io",
                "started_at": "2025-11-23T12:13:20Z",
                "ended_at": "2025-11-23T12:15:30Z",
                "duration_seconds": 130,
                "progress_start": 0.01,
                "progress_end": 0.05,
                "pages_turned": 4,
                "timezone": "+00:00",
            }
        ],
    }
    assert kobo.outbox() == []


@pytest.mark.parametrize("can_fork", [True, False])
def test_it_is_on_the_disk_before_it_is_on_its_way(
    plugin_zip: bytes, tmp_path: Path, novel: Path, can_fork: bool
) -> None:
    kobo = KOReader(plugin_zip, tmp_path / "kobo", can_fork=can_fork)
    kobo.open(novel)
    kobo.turn_pages(2)
    before = len(kobo.log)
    close(kobo)
    log = kobo.log[before:]
    assert log[:2] == ["fsync", "fsync of the folder"]
    assert "request POST /api/tome-sync/sync" in log[2:]


def test_each_session_has_a_name_of_its_own(kobo: KOReader, tome: TomeServer, novel: Path) -> None:
    for _ in range(5):
        kobo.open(novel)
        kobo.turn_pages(1)
        close(kobo)
    uuids = [session["session_uuid"] for session in tome.sessions]
    assert len(set(uuids)) == len(uuids) == 5
    assert all(len(uuid) == 36 and uuid[14] == "4" and uuid[19] in "89ab" for uuid in uuids)


def test_a_glance_is_not_told(kobo: KOReader, tome: TomeServer, novel: Path) -> None:
    kobo.open(novel, look_seconds=2)
    kobo.wait(7)
    close(kobo)
    assert tome.batches == []
    assert kobo.outbox() == []


@pytest.mark.parametrize("is_scrolled", [False, True])
@pytest.mark.parametrize("is_comic", [False, True])
def test_a_long_look_at_one_page_is_a_session_but_no_place_and_no_turn(
    kobo: KOReader, tome: TomeServer, novel: Path, comic: Path, is_scrolled: bool, is_comic: bool
) -> None:
    kobo.open(comic if is_comic else novel, is_scrolled=is_scrolled)
    kobo.wait(60)
    close(kobo)
    [batch] = tome.batches
    assert "positions" not in batch
    assert batch["sessions"][0]["pages_turned"] == 0


def test_a_page_that_is_left_open_counts_for_three_minutes(kobo: KOReader, tome: TomeServer, novel: Path) -> None:
    kobo.open(novel, look_seconds=0)
    kobo.turn_pages(2, seconds_each=60)
    kobo.turn_pages(1, seconds_each=1200)
    kobo.wait(1500)
    close(kobo)
    [session] = tome.sessions
    assert session["duration_seconds"] == 2 * 60 + 180 + 180
    assert (session["started_at"], session["ended_at"]) == ("2025-11-23T12:13:20Z", "2025-11-23T12:38:20Z")


@pytest.mark.parametrize("is_scrolled", [False, True])
def test_turns_are_counted_in_either_view(kobo: KOReader, tome: TomeServer, novel: Path, is_scrolled: bool) -> None:
    kobo.open(novel, is_scrolled=is_scrolled)
    kobo.turn_pages(7)
    kobo.turn_pages(-2)
    close(kobo)
    assert tome.sessions[-1]["pages_turned"] == 9


def test_the_last_page_does_not_count_again_and_again(kobo: KOReader, tome: TomeServer, novel: Path) -> None:
    kobo.open(novel, pages=5)
    kobo.turn_pages(10)
    close(kobo)
    assert tome.sessions[-1]["pages_turned"] == 4
    assert tome.positions[-1]["percentage"] == 1


@pytest.mark.parametrize("is_partial", [False, True])
@pytest.mark.parametrize("turns", [0, 10])
def test_another_font_size_is_no_turn(
    kobo: KOReader, tome: TomeServer, novel: Path, turns: int, is_partial: bool
) -> None:
    kobo.open(novel, pages=100)
    kobo.turn_pages(turns)
    kobo.change_font(pages=300, is_partial=is_partial)
    kobo.wait(30)
    close(kobo)
    assert tome.sessions[-1]["pages_turned"] == turns
    assert len(tome.positions) == (1 if turns else 0)


def test_a_text_laid_out_in_part_has_its_place_by_the_new_pages(kobo: KOReader, tome: TomeServer, novel: Path) -> None:
    kobo.open(novel, pages=100)
    kobo.turn_pages(9)
    kobo.change_font(pages=300, is_partial=True)
    kobo.turn_pages(15)
    close(kobo)
    assert tome.positions[-1]["percentage"] == pytest.approx(0.15, abs=0.005)
    assert tome.sessions[-1]["pages_turned"] == 24


def test_what_is_told_in_one_go_is_one_turn(kobo: KOReader, tome: TomeServer, novel: Path) -> None:
    """Entering a chapter that is yet to be laid out, KOReader tells the page twice, by two numbers."""
    kobo.open(novel, pages=100)
    kobo.turn_pages(4)
    kobo.wait(30)
    kobo.run_lua(
        """
        local plugin = require("ui/uimanager").ui.tomesync
        plugin:onPageUpdate(61)
        plugin:onPageUpdate(64)
        """
    )
    kobo.wait(30)
    close(kobo)
    assert tome.sessions[-1]["pages_turned"] == 5


def test_a_plugin_that_was_turned_off_does_nothing_more(kobo: KOReader, tome: TomeServer, novel: Path) -> None:
    kobo.open(novel)
    kobo.turn_pages(3)
    kobo.run_lua('require("ui/uimanager").ui.tomesync:stopPlugin()')
    kept = kobo.outbox()
    assert [entry["kind"] for entry in kept] == ["position", "session"]
    asked = len(tome.received)
    kobo.turn_pages(60)
    kobo.suspend()
    kobo.resume()
    kobo.close()
    kobo.open(novel)
    kobo.turn_pages(3)
    kobo.close()
    kobo.wait(60)
    assert len(tome.received) == asked
    assert kobo.outbox() == kept


def test_deleting_the_plugin_with_its_settings_leaves_nothing(kobo: KOReader, novel: Path) -> None:
    kobo.open(novel)
    kobo.turn_pages(3)
    kobo.save_settings()
    settings = kobo.data_dir / "settings"
    assert list(settings.glob("tomesync*"))
    kobo.run_lua(
        """
        local plugin = require("ui/uimanager").ui.tomesync
        plugin:deletePluginSettings()
        plugin:stopPlugin()
        """
    )
    kobo.turn_pages(3)
    kobo.close()
    kobo.save_settings()
    kobo.wait(60)
    assert list(settings.glob("tomesync*")) == []


def test_fixed_pages_are_told_as_page_numbers(kobo: KOReader, tome: TomeServer, comic: Path) -> None:
    kobo.open(comic, pages=24)
    kobo.turn_pages(5)
    close(kobo)
    [position] = tome.positions
    assert (position["progress"], position["percentage"]) == ("6", 0.25)
    assert "locator=page" in tome.received[2].query


def test_a_name_that_is_not_utf8_does_not_spoil_the_request(kobo: KOReader, tome: TomeServer, tmp_path: Path) -> None:
    path = tmp_path / "odd \udcff name.epub"
    path.write_bytes(b"text")
    kobo.open(path)
    kobo.turn_pages(2)
    close(kobo)
    assert tome.sessions[0]["file"]["filename"] == "odd � name.epub"


def test_a_file_without_a_title_is_told_without_one(kobo: KOReader, tome: TomeServer, novel: Path) -> None:
    kobo.open(novel, title="", authors="")
    kobo.turn_pages(2)
    close(kobo)
    assert set(tome.sessions[0]["file"]) == {"filename", "ko_md5", "size", "folder"}


def test_a_title_without_end_is_cut(kobo: KOReader, tome: TomeServer, novel: Path) -> None:
    kobo.open(novel, title="Ünd so weiter. " * 1000, authors="Ä" * 5000)
    kobo.turn_pages(1)
    close(kobo)
    file = tome.sessions[0]["file"]
    assert len(file["title"]) <= 900
    assert len(file["authors"]) <= 900


def test_every_fifty_turns_the_place_goes_out_once_the_reader_rests(
    kobo: KOReader, tome: TomeServer, novel: Path
) -> None:
    kobo.open(novel, pages=200)
    kobo.turn_pages(55, seconds_each=1)
    assert tome.batches == []
    kobo.wait(6)
    [batch] = tome.batches
    assert batch["positions"][0]["percentage"] == 0.28
    assert batch["positions"][0]["read_at"] == "2025-11-23T12:14:17Z"
    assert "sessions" not in batch
    kobo.turn_pages(49, seconds_each=5)
    kobo.wait(6)
    assert len(tome.batches) == 1
    kobo.turn_pages(1, seconds_each=5)
    kobo.wait(6)
    assert len(tome.batches) == 2
    assert all(request.in_background and request.was_in_event == "timer" for request in kobo.requests)
    assert [block for block in kobo.blocks if block[0] in A_TURN] == []


def test_a_place_that_koreader_cannot_tell_costs_no_session(kobo: KOReader, tome: TomeServer, novel: Path) -> None:
    kobo.open(novel)
    kobo.turn_pages(3)
    kobo.break_view()
    close(kobo)
    [batch] = tome.batches
    assert batch["sessions"][0]["pages_turned"] == 3
    assert "positions" not in batch


@pytest.mark.parametrize("fraction", ["0/0", "1/0", "-1/0", "nil", "'half'", "-0.5", "1.5"])
def test_a_fraction_that_is_none_spoils_nothing(kobo: KOReader, tome: TomeServer, novel: Path, fraction: str) -> None:
    kobo.open(novel)
    kobo.run_lua(f"ui.view.getLastPercent = function() return {fraction} end")
    kobo.turn_pages(5)
    close(kobo)
    [session] = tome.sessions
    assert session["pages_turned"] == 5
    assert session.get("progress_end") in (None, 0, 1)
    assert all(0 <= position["percentage"] <= 1 for position in tome.positions)
    assert kobo.waiting() == []
    assert kobo.warnings == []


# --- What bounds a crash ---------------------------------------------------------------------------------------------


def test_without_a_network_what_is_read_still_reaches_the_disk(plugin_zip: bytes, tmp_path: Path, novel: Path) -> None:
    kobo = KOReader(plugin_zip, tmp_path / "kobo", is_online=False)
    kobo.open(novel)
    kobo.turn_pages(12)
    assert {entry["kind"] for entry in kobo.outbox()} == {"position", "draft"}
    assert kobo.requests == []


def test_what_koreader_saves_now_and_then_the_plugin_saves_too(kobo: KOReader, novel: Path) -> None:
    kobo.open(novel)
    kobo.turn_pages(3)
    kobo.save_settings()
    assert [(entry["kind"], entry["item"].get("pages_turned")) for entry in kobo.outbox()] == [
        ("position", None),
        ("draft", 3),
    ]


def test_what_was_read_before_a_crash_is_told_after_it(
    kobo: KOReader, plugin_zip: bytes, tome: TomeServer, novel: Path
) -> None:
    kobo.open(novel)
    kobo.turn_pages(12, seconds_each=30)
    kobo.wait(5)
    [kept] = [entry["item"] for entry in kobo.outbox() if entry["kind"] == "draft"]
    kobo.crash()
    after = KOReader(plugin_zip, kobo.data_dir, now=kobo.now + 60)
    after.wait(10)
    [session] = tome.sessions
    assert session == kept | {"book_id": 12}
    assert session["pages_turned"] >= 9
    assert after.outbox() == []


# --- Sleep and clocks ------------------------------------------------------------------------------------------------


def test_sleep_ends_a_session_and_waking_begins_another(kobo: KOReader, tome: TomeServer, novel: Path) -> None:
    kobo.open(novel)
    kobo.turn_pages(5)
    kobo.suspend()
    kobo.resume(slept=8 * 3600)
    kobo.turn_pages(3)
    close(kobo)
    assert [session["pages_turned"] for session in tome.sessions] == [5, 3]
    assert sum(session["duration_seconds"] for session in tome.sessions) < 300


def test_waking_without_having_slept_loses_nothing(kobo: KOReader, tome: TomeServer, novel: Path) -> None:
    kobo.open(novel)
    kobo.turn_pages(5)
    kobo.resume(slept=0)
    kobo.turn_pages(5)
    close(kobo)
    assert sum(session["pages_turned"] for session in tome.sessions) == 10


def test_falling_asleep_twice_tells_one_session(kobo: KOReader, tome: TomeServer, novel: Path) -> None:
    kobo.open(novel)
    kobo.turn_pages(5)
    kobo.suspend()
    kobo.suspend()
    kobo.resume()
    kobo.exit()
    assert [session["pages_turned"] for session in tome.sessions] == [5]


def test_falling_asleep_over_a_book_that_stays_awake_makes_two_sessions(
    kobo: KOReader, tome: TomeServer, novel: Path
) -> None:
    kobo.open(novel)
    kobo.turn_pages(5)
    kobo.turn_pages(1, seconds_each=7 * 3600)
    kobo.turn_pages(2)
    close(kobo)
    evening, morning = tome.sessions
    assert (evening["pages_turned"], morning["pages_turned"]) == (5, 3)
    assert evening["ended_at"] < "2025-11-23T12:20" < morning["started_at"]


def test_a_clock_set_back_while_reading_spoils_neither_the_seconds_nor_the_session(
    kobo: KOReader, tome: TomeServer, novel: Path
) -> None:
    kobo.open(novel)
    kobo.turn_pages(5)
    kobo.now -= 3 * 3600
    kobo.turn_pages(5)
    close(kobo)
    turned = sum(session["pages_turned"] for session in tome.sessions)
    seconds = sum(session["duration_seconds"] for session in tome.sessions)
    assert turned == 10
    assert 270 <= seconds <= 310
    assert all(session["started_at"] <= session["ended_at"] for session in tome.sessions)
    assert kobo.waiting() == []


def test_a_clock_of_1970_that_wifi_puts_right_loses_no_turn_and_invents_no_years(
    plugin_zip: bytes, tome: TomeServer, tmp_path: Path, novel: Path
) -> None:
    kobo = KOReader(plugin_zip, tmp_path / "kobo", now=60.0, is_online=False)
    kobo.open(novel)
    kobo.turn_pages(5)
    kobo.now = 1_763_900_000.0
    kobo.go_online()
    kobo.turn_pages(5)
    close(kobo)
    assert sum(session["pages_turned"] for session in tome.sessions) == 10
    assert sum(session["duration_seconds"] for session in tome.sessions) <= 10 * 30 + 180 + 20
    assert all(session["duration_seconds"] <= 600 for session in tome.sessions)
    assert tome.positions[-1]["read_at"] > "2025-11-23"
    assert tome.positions[-1]["percentage"] == 0.11
    assert kobo.waiting() == []
    assert kobo.warnings == []


def test_what_was_read_under_a_clock_far_ahead_does_not_keep_later_places_away(
    kobo: KOReader, tome: TomeServer, novel: Path
) -> None:
    kobo.now += 30 * 86400
    kobo.open(novel, pages=100)
    kobo.turn_pages(3)
    close(kobo)
    kobo.now -= 30 * 86400
    kobo.wait(2 * 3600)
    place = {"percentage": 0.5, "revision": 3, "device": "Kindle", "read_at": "2025-11-23T13:30:00Z"}
    tome.place = Answer(body=place)
    kobo.open(novel, pages=100)
    in_time(kobo)
    assert kobo.page == 50


# --- Off -------------------------------------------------------------------------------------------------------------


def test_switched_off_it_neither_keeps_nor_sends(kobo: KOReader, tome: TomeServer, novel: Path) -> None:
    switch(kobo)
    kobo.open(novel)
    kobo.turn_pages(60)
    kobo.suspend()
    kobo.resume()
    close(kobo)
    assert tome.received == []
    assert kobo.outbox() == []


def test_switched_off_while_reading_it_keeps_what_was_read_until_then(
    kobo: KOReader, plugin_zip: bytes, tome: TomeServer, novel: Path
) -> None:
    kobo.open(novel)
    kobo.turn_pages(5)
    switch(kobo)
    kobo.turn_pages(5)
    close(kobo)
    assert [entry["item"].get("pages_turned") for entry in kobo.waiting()] == [None, 5]
    kobo.exit()
    again = KOReader(plugin_zip, kobo.data_dir, now=kobo.now)
    again.open(novel)
    assert again.requests == []
    switch(again)
    again.turn_pages(5)
    close(again)
    assert again.waiting() == []
    assert [session["pages_turned"] for session in tome.sessions] == [5, 5]


# --- Sync now --------------------------------------------------------------------------------------------------------


def test_sync_now_tells_what_is_being_read_and_says_so(kobo: KOReader, tome: TomeServer, novel: Path) -> None:
    kobo.open(novel, pages=100)
    kobo.turn_pages(3)
    kobo.tap("Sync now")
    in_time(kobo)
    assert tome.paths[3:] == ["position/12", "sync"]
    assert tome.positions[-1]["percentage"] == 0.04
    assert kobo.shown[-1].text == "Synced with Tome."
    kobo.turn_pages(2)
    close(kobo)
    assert tome.sessions[-1]["pages_turned"] == 5


def test_sync_now_without_a_network_asks_koreader_for_one(kobo: KOReader, novel: Path) -> None:
    kobo.open(novel)
    kobo.go_offline()
    kobo.turn_pages(2)
    assert kobo.wifi_asked == 0
    kobo.tap("Sync now")
    assert (kobo.wifi_asked, kobo.wifi_woken) == (1, 0)


def test_sync_now_says_what_came_of_it_whatever_else_is_to_be_asked_meanwhile(kobo: KOReader, novel: Path) -> None:
    kobo.open(novel)
    kobo.turn_pages(1)
    kobo.close()
    kobo.network.answer_seconds = 2.0
    kobo.open(novel, look_seconds=0.6)
    assert kobo.running_processes != []
    kobo.tap("Sync now")
    kobo.run_lua("ui:handleEvent(require('ui/event'):new('NetworkConnected'))")
    kobo.wait(30)
    assert [window.text for window in kobo.windows] == ["Synced with Tome."]


def test_sync_now_that_sleep_overtakes_leaves_no_message_behind(kobo: KOReader, novel: Path) -> None:
    kobo.open(novel)
    kobo.turn_pages(1)
    kobo.close()
    kobo.network.answer_seconds = 2.0
    kobo.open(novel, look_seconds=0.6)
    kobo.tap("Sync now")
    kobo.suspend()
    kobo.resume()
    kobo.wait(30)
    assert "Syncing with Tome…" not in [window.text for window in kobo.windows]
    assert kobo.warnings == []


# --- A good guest ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("can_fork", [True, False])
def test_it_leaves_nothing_behind_that_others_would_stumble_over(
    plugin_zip: bytes, tmp_path: Path, novel: Path, can_fork: bool
) -> None:
    kobo = KOReader(plugin_zip, tmp_path / "kobo", can_fork=can_fork)
    kobo.open(novel)
    kobo.turn_pages(60, seconds_each=5)
    kobo.suspend()
    kobo.resume()
    kobo.turn_pages(2)
    close(kobo)
    kobo.run_scheduled()
    assert kobo.new_globals == ["G_defaults", "G_reader_settings"], "which are KOReader's own"
    sources = {path.stem for path in Path(str(resources.files("koplugin") / "src" / "tomesync")).glob("*.lua")}
    assert {name for name in kobo.loaded_modules if name in sources} <= {"gettext"}, "which is KOReader's own"
    assert kobo.timeouts_are_reset
    assert (kobo.uncollected, kobo.open_pipes, kobo.standby_preventions) == ([], [], 0)
    assert kobo.warnings == []


def test_it_swallows_no_event(kobo: KOReader, novel: Path) -> None:
    kobo.open(novel)
    kobo.turn_pages(2)
    told = kobo.run_lua(
        """local names, swallowed = {}, {}
        for name in pairs(getmetatable(ui.tomesync).__index) do
            if name:sub(1, 2) == "on" then
                table.insert(names, name)
            end
        end
        -- The end of the book comes last, or there would be nothing left to handle.
        table.sort(names, function(one, other)
            return one:gsub("^onClose", "z") < other:gsub("^onClose", "z")
        end)
        for _, name in ipairs(names) do
            if ui.tomesync[name](ui.tomesync, 7, 7) ~= nil then
                table.insert(swallowed, name)
            end
        end
        return #names .. " " .. table.concat(swallowed, " ")"""
    )
    count, swallowed = told.decode().split(" ", 1)
    assert int(count) > 12
    assert swallowed == ""


def test_books_that_were_closed_leave_nothing_in_memory(kobo: KOReader, novel: Path, comic: Path) -> None:
    kobo.run_lua("rawset(_G, 'seen', setmetatable({}, { __mode = 'k' }))")
    for _ in range(5):
        for book in (novel, comic):
            kobo.open(book)
            kobo.run_lua("rawget(_G, 'seen')[require('ui/uimanager').ui.tomesync] = true")
            kobo.turn_pages(3)
            kobo.close()
            kobo.wait(10)
    kobo.run_lua("collectgarbage() collectgarbage()")
    left = kobo.run_lua("local n = 0 for _ in pairs(rawget(_G, 'seen')) do n = n + 1 end return n")
    assert left <= 1


def test_a_network_that_comes_while_it_sleeps_begins_no_session(kobo: KOReader, tome: TomeServer, novel: Path) -> None:
    kobo.open(novel)
    kobo.turn_pages(3)
    kobo.suspend()
    told = len(tome.sessions)
    kobo.go_online()
    kobo.wait(10)
    kobo.now += 8 * 3600
    kobo.resume(slept=0)
    close(kobo)
    assert len(tome.sessions) == told


def test_a_device_that_turns_pages_is_awake_whatever_it_said(kobo: KOReader, tome: TomeServer, novel: Path) -> None:
    kobo.open(novel)
    kobo.suspend()
    kobo.go_online()
    kobo.turn_pages(5)
    close(kobo)
    assert tome.sessions[-1]["pages_turned"] >= 4


def test_slow_reading_is_kept_every_two_minutes(kobo: KOReader, novel: Path) -> None:
    kobo.open(novel)
    kobo.turn_pages(3, seconds_each=150)
    kobo.wait(10)
    assert {entry["kind"] for entry in kobo.outbox()} == {"draft", "position"}


def test_a_place_is_kept_before_the_network_goes_however_short_the_session(
    kobo: KOReader, tome: TomeServer, novel: Path
) -> None:
    kobo.open(novel)
    kobo.turn_pages(2, seconds_each=1)
    kobo.go_offline()
    assert tome.positions[-1]["percentage"] == 0.03
