"""What the built plugin tells of reading, over real HTTP."""

from pathlib import Path

import pytest

from koplugin.packer import build_plugin
from tests.koplugin.koreader import KOReader, default_xpointers, partial_md5
from tests.koplugin.server import KEY, Answer, TomeServer


def test_opening_asks_for_the_book_and_then_for_the_place(kobo: KOReader, tome: TomeServer, novel: Path) -> None:
    kobo.open(novel, title="Dracula", authors="Bram Stoker\nSomebody Else")
    assert tome.paths == ["resolve", "position/12"]
    resolve, place = tome.received
    assert resolve.query == (
        "authors=Bram%20Stoker%0ASomebody%20Else&filename=Bram%20Stoker%20-%20Dracula.epub&folder=Novels"
        f"&ko_md5={partial_md5(novel)}&size={novel.stat().st_size}&title=Dracula"
    )
    assert resolve.headers["authorization"] == f"Bearer {KEY}"
    assert place.query == f"device_id=kobo-1&ko_md5={partial_md5(novel)}&locator=xpointer"


def test_a_file_that_was_replaced_is_known_by_what_it_is_now(kobo: KOReader, tome: TomeServer, novel: Path) -> None:
    kobo.open(novel)
    kobo.close()
    novel.write_bytes(b"Another edition. " * 4000)
    kobo.open(novel)
    assert [f"ko_md5={partial_md5(novel)}" in received.query for received in tome.received] == [
        False,
        False,
        True,
        True,
    ]


def test_a_book_read_and_closed_is_told_in_one_request(kobo: KOReader, tome: TomeServer, novel: Path) -> None:
    kobo.open(novel, pages=100, title="Dracula", look_seconds=2)
    kobo.turn_pages(4, seconds_each=30)
    kobo.wait(8)
    kobo.close()
    file = {
        "filename": novel.name,
        "ko_md5": partial_md5(novel),
        "size": novel.stat().st_size,
        "folder": "Novels",
        "title": "Dracula",
    }
    [batch] = tome.batches
    uuid = batch["sessions"][0]["session_uuid"]
    assert batch == {
        "device": {"id": "kobo-1", "name": "Kobo_io", "model": "Kobo_io", "plugin_version": "8"},
        "sent_at": "2025-11-23T12:15:30Z",
        "timezone": "+00:00",
        "positions": [
            {
                "file": file,
                "ko_md5": partial_md5(novel),
                "percentage": 0.05,
                "progress": default_xpointers(100)[4].decode(),
                "read_at": "2025-11-23T12:15:22Z",
            }
        ],
        "sessions": [
            {
                "session_uuid": uuid,
                "file": file,
                "ko_md5": partial_md5(novel),
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


def test_it_is_on_the_disk_before_it_is_on_its_way(kobo: KOReader, novel: Path) -> None:
    kobo.open(novel)
    kobo.turn_pages(2)
    before = len(kobo.log)
    kobo.close()
    assert kobo.log[before : before + 3] == ["fsync", "fsync of the folder", "request POST /api/tome-sync/sync"]


def test_each_session_has_a_name_of_its_own(kobo: KOReader, tome: TomeServer, novel: Path) -> None:
    for _ in range(5):
        kobo.open(novel)
        kobo.turn_pages(1)
        kobo.close()
    uuids = [session["session_uuid"] for batch in tome.batches for session in batch["sessions"]]
    assert len(set(uuids)) == len(uuids) == 5
    assert all(len(uuid) == 36 and uuid[14] == "4" and uuid[19] in "89ab" for uuid in uuids)


def test_a_glance_is_not_told(kobo: KOReader, tome: TomeServer, novel: Path) -> None:
    kobo.open(novel, look_seconds=2)
    kobo.wait(7)
    kobo.close()
    assert tome.batches == []
    assert kobo.outbox() == []


def test_a_long_look_at_one_page_is_a_session_but_no_place(kobo: KOReader, tome: TomeServer, novel: Path) -> None:
    kobo.open(novel)
    kobo.wait(60)
    kobo.close()
    [batch] = tome.batches
    assert "positions" not in batch
    assert batch["sessions"][0]["pages_turned"] == 0


@pytest.mark.parametrize("is_scrolled", [False, True])
def test_turns_are_counted_in_either_view(kobo: KOReader, tome: TomeServer, novel: Path, is_scrolled: bool) -> None:
    kobo.open(novel, is_scrolled=is_scrolled)
    kobo.turn_pages(7)
    kobo.turn_pages(-2)
    kobo.close()
    assert tome.batches[-1]["sessions"][0]["pages_turned"] == 9


def test_the_last_page_does_not_count_again_and_again(kobo: KOReader, tome: TomeServer, novel: Path) -> None:
    kobo.open(novel, pages=5)
    kobo.turn_pages(10)
    kobo.close()
    assert tome.batches[-1]["sessions"][0]["pages_turned"] == 4
    assert tome.batches[-1]["positions"][0]["percentage"] == 1


def test_another_font_size_is_no_turn(kobo: KOReader, tome: TomeServer, novel: Path) -> None:
    kobo.open(novel, pages=100)
    kobo.turn_pages(10)
    kobo.change_font(pages=300)
    kobo.turn_pages(1)
    kobo.close()
    assert tome.batches[-1]["sessions"][0]["pages_turned"] == 11


def test_fixed_pages_are_told_as_page_numbers(kobo: KOReader, tome: TomeServer, comic: Path) -> None:
    kobo.open(comic, pages=24)
    kobo.turn_pages(5)
    kobo.close()
    position = tome.batches[-1]["positions"][0]
    assert (position["progress"], position["percentage"]) == ("6", 0.25)
    assert "locator=page" in tome.received[1].query


def test_a_name_that_is_not_utf8_does_not_spoil_the_request(kobo: KOReader, tome: TomeServer, tmp_path: Path) -> None:
    path = tmp_path / "odd \udcff name.epub"
    path.write_bytes(b"text")
    kobo.open(path)
    kobo.turn_pages(2)
    kobo.close()
    assert tome.batches[0]["sessions"][0]["file"]["filename"] == "odd � name.epub"


def test_a_title_without_end_is_cut(kobo: KOReader, tome: TomeServer, novel: Path) -> None:
    kobo.open(novel, title="Ünd so weiter. " * 1000, authors="Ä" * 5000)
    kobo.turn_pages(1)
    kobo.close()
    file = tome.batches[0]["sessions"][0]["file"]
    assert len(file["title"]) <= 900
    assert len(file["authors"]) <= 900


def test_every_twenty_turns_the_place_goes_out_once_the_reader_rests(
    kobo: KOReader, tome: TomeServer, novel: Path
) -> None:
    kobo.open(novel, pages=100)
    kobo.turn_pages(25, seconds_each=1)
    assert tome.batches == []
    kobo.wait(4)
    [batch] = tome.batches
    assert batch["positions"][0]["percentage"] == 0.26
    assert "sessions" not in batch


def test_without_a_network_the_heartbeat_still_reaches_the_disk(plugin_zip: bytes, tmp_path: Path, novel: Path) -> None:
    kobo = KOReader(plugin_zip, tmp_path / "kobo", is_online=False)
    kobo.open(novel)
    kobo.turn_pages(21)
    assert {entry["kind"] for entry in kobo.outbox()} == {"position", "draft"}
    assert kobo.requests == []


def test_what_koreader_saves_now_and_then_the_plugin_saves_too(kobo: KOReader, novel: Path) -> None:
    kobo.open(novel)
    kobo.turn_pages(3)
    kobo.save_settings()
    assert [entry["item"].get("pages_turned") for entry in kobo.outbox()] == [None, 3]
    assert [entry["kind"] for entry in kobo.outbox()] == ["position", "draft"]


def test_what_was_read_before_a_crash_is_told_after_it(
    kobo: KOReader, plugin_zip: bytes, tome: TomeServer, novel: Path
) -> None:
    kobo.open(novel)
    kobo.turn_pages(22, seconds_each=30)
    crashed_with = kobo.outbox()[0]["item"]
    after = KOReader(plugin_zip, kobo.data_dir, now=kobo.now + 60)
    after.wait(3)
    [session] = tome.batches[-1]["sessions"]
    assert session == crashed_with
    assert session["pages_turned"] == 20
    assert after.outbox() == []


def test_sleep_ends_a_session_and_waking_begins_another(kobo: KOReader, tome: TomeServer, novel: Path) -> None:
    kobo.open(novel)
    kobo.turn_pages(5)
    kobo.suspend()
    kobo.resume(slept=8 * 3600)
    kobo.turn_pages(3)
    kobo.close()
    sessions = [session for batch in tome.batches for session in batch.get("sessions", [])]
    assert [session["pages_turned"] for session in sessions] == [5, 3]
    assert sum(session["duration_seconds"] for session in sessions) < 300


def test_waking_without_having_slept_loses_nothing(kobo: KOReader, tome: TomeServer, novel: Path) -> None:
    kobo.open(novel)
    kobo.turn_pages(5)
    kobo.resume(slept=0)
    kobo.turn_pages(5)
    kobo.close()
    assert sum(session["pages_turned"] for batch in tome.batches for session in batch.get("sessions", [])) == 10


def test_a_place_that_koreader_cannot_tell_costs_no_session(kobo: KOReader, tome: TomeServer, novel: Path) -> None:
    kobo.open(novel)
    kobo.turn_pages(5)
    kobo.break_view()
    kobo.close()
    [batch] = tome.batches
    assert batch["sessions"][0]["pages_turned"] == 5
    assert "positions" not in batch


def test_a_kobo_sends_before_its_wifi_goes(kobo: KOReader, tome: TomeServer, novel: Path) -> None:
    kobo.open(novel)
    kobo.turn_pages(5)
    kobo.suspend()
    assert len(tome.batches) == 1
    assert kobo.outbox() == []
    assert all(request.outcome != "Network is unreachable" for request in kobo.requests)


def test_falling_asleep_over_a_book_that_stays_awake_makes_two_sessions(
    kobo: KOReader, tome: TomeServer, novel: Path
) -> None:
    kobo.open(novel)
    kobo.turn_pages(5)
    kobo.turn_pages(1, seconds_each=7 * 3600)
    kobo.turn_pages(2)
    kobo.close()
    evening, morning = [session for batch in tome.batches for session in batch["sessions"]]
    assert (evening["pages_turned"], morning["pages_turned"]) == (5, 3)
    assert evening["ended_at"] < "2025-11-23T12:20" < morning["started_at"]


def test_closing_right_after_opening_does_no_harm(kobo: KOReader, novel: Path) -> None:
    kobo.open(novel, look_seconds=0)
    kobo.close()
    kobo.run_scheduled()
    assert kobo.requests == []
    assert kobo.warnings == []


def test_switched_off_it_neither_keeps_nor_sends(kobo: KOReader, tome: TomeServer, novel: Path) -> None:
    kobo.tap("Sync automatically")
    kobo.open(novel)
    kobo.turn_pages(30)
    kobo.suspend()
    kobo.resume()
    kobo.close()
    assert tome.received == []
    assert kobo.outbox() == []


def test_switched_off_while_reading_it_keeps_what_was_read_until_then(
    kobo: KOReader, plugin_zip: bytes, novel: Path
) -> None:
    kobo.open(novel)
    kobo.turn_pages(5)
    kobo.tap("Sync automatically")
    kobo.turn_pages(5)
    kobo.close()
    assert [entry["item"].get("pages_turned") for entry in kobo.waiting()] == [None, 5]
    again = KOReader(plugin_zip, kobo.data_dir, now=kobo.now)
    again.open(novel)
    assert again.requests == []
    again.tap("Sync automatically")
    again.turn_pages(5)
    again.close()
    assert again.waiting() == []


def test_what_one_reader_read_is_not_sent_as_anothers(
    plugin_zip: bytes, tome: TomeServer, tmp_path: Path, novel: Path
) -> None:
    adas = KOReader(plugin_zip, tmp_path / "kobo", is_online=False)
    adas.open(novel)
    adas.turn_pages(5)
    adas.close()
    bobs_zip = build_plugin(server_url=tome.url, api_key="tk_bob", username="bob")
    bobs = KOReader(bobs_zip, tmp_path / "kobo", now=adas.now)
    bobs.wait(5)
    bobs.tap("Sync now")
    assert tome.batches == []
    assert len(bobs.waiting()) == 2


def test_the_menu_says_how_things_stand(plugin_zip: bytes, tome: TomeServer, tmp_path: Path, novel: Path) -> None:
    kobo = KOReader(plugin_zip, tmp_path / "kobo", is_online=False)
    assert kobo.menu == [
        "Sync now",
        "Sync automatically",
        "Not synced yet",
        f"Server: {tome.url}",
        "User: ada",
    ]
    kobo.open(novel)
    kobo.turn_pages(5)
    kobo.close()
    assert "Not synced yet, 2 items waiting" in kobo.menu
    kobo.go_online()
    assert "Last sync: 2025-11-23 12:15" in kobo.menu
    kobo.tap("Last sync")
    assert "Nothing is waiting to be sent." in kobo.shown[-1].text


def test_the_time_of_the_last_sync_is_remembered(kobo: KOReader, plugin_zip: bytes, novel: Path) -> None:
    kobo.open(novel)
    kobo.close()
    again = KOReader(plugin_zip, kobo.data_dir, now=kobo.now, is_online=False)
    assert "Last sync: 2025-11-23 12:13" in again.menu


def test_sync_now_without_a_network_asks_koreader_for_one(plugin_zip: bytes, tmp_path: Path) -> None:
    kobo = KOReader(plugin_zip, tmp_path / "kobo", is_online=False)
    kobo.tap("Sync now")
    assert kobo.log.count("wifi prompt") == 1


def test_sync_now_tells_what_is_being_read_and_says_so(kobo: KOReader, tome: TomeServer, novel: Path) -> None:
    kobo.open(novel, pages=100)
    kobo.turn_pages(3)
    kobo.tap("Sync now")
    assert tome.batches[-1]["positions"][0]["percentage"] == 0.04
    assert kobo.shown[-1].text == "Synced with Tome.\nNothing is waiting to be sent."
    kobo.turn_pages(2)
    kobo.close()
    assert tome.batches[-1]["sessions"][0]["pages_turned"] == 5


def test_an_unknown_book_is_told_by_its_file(kobo: KOReader, tome: TomeServer, novel: Path) -> None:
    tome.resolve = Answer(404, {"detail": "This file is no book of the library.", "candidates": []})
    kobo.open(novel)
    kobo.turn_pages(5)
    kobo.close()
    assert tome.paths == ["resolve", "sync"]
    assert kobo.waiting() == []
    assert kobo.shown == []
