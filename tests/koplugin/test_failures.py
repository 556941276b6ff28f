"""Networks and servers that fail: nothing is lost, nothing freezes, nothing is said that nobody asked."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from koplugin.packer import build_plugin
from tests.koplugin.koreader import KOReader
from tests.koplugin.server import KEY, WEB_PAGE, Answer, Received, Reply, Silence, TomeServer, stored

FAILURES: dict[str, Reply] = {
    "captive portal": Answer(200, WEB_PAGE, "text/html"),
    "portal that speaks JSON": Answer(200, {"login": "https://portal.example"}),
    "empty answer": Answer(200, ""),
    "proxy's 404": Answer(404, WEB_PAGE, "text/html"),
    "404 of another program": Answer(404, {"error": "not found"}),
    "redirection": Answer(302, WEB_PAGE, "text/html", {"Location": "/elsewhere"}),
    "server error": Answer(500, WEB_PAGE, "text/html"),
    "server error as JSON": Answer(500, {"detail": "Something broke."}),
    "busy": Answer(503, {"detail": "The database is away."}),
    "too many": Answer(429, {"detail": "Slow down."}),
    "refused key": Answer(401, {"detail": "This key is not known."}),
    "proxy's 401": Answer(401, WEB_PAGE, "text/html"),
    "silence": Silence(),
}


def read_a_little(kobo: KOReader, book: Path, *, turns: int = 3) -> None:
    kobo.open(book)
    kobo.turn_pages(turns)
    kobo.close()


@pytest.mark.parametrize("failure", FAILURES.values(), ids=FAILURES.keys())
def test_whatever_answers_instead_of_tome_nothing_is_lost(
    kobo: KOReader, tome: TomeServer, novel: Path, failure: Reply
) -> None:
    tome.everything = failure
    read_a_little(kobo, novel)
    kept = kobo.waiting()
    assert {entry["kind"] for entry in kept} == {"position", "session"}
    assert kobo.timeouts_are_reset
    assert kobo.warnings == []
    assert kobo.shown == []

    tome.everything = None
    kobo.wait(3600)
    kobo.open(novel)
    assert kobo.waiting() == []
    assert tome.batches[-1]["sessions"] == [entry["item"] for entry in kept if entry["kind"] == "session"]


@pytest.mark.parametrize("failure", FAILURES.values(), ids=FAILURES.keys())
def test_a_failure_while_books_come_and_go_costs_one_request_in_two_minutes(
    kobo: KOReader, tome: TomeServer, novel: Path, comic: Path, failure: Reply
) -> None:
    tome.everything = failure
    for book in (novel, comic, novel):
        kobo.open(book)
        kobo.turn_pages(2, seconds_each=15)
        kobo.close()
    assert len(kobo.requests) == 1
    assert kobo.requests[0].block_seconds <= 3
    assert kobo.requests[0].total_seconds <= 10


def test_a_server_that_is_gone_loses_nothing_and_is_found_again(
    kobo: KOReader, plugin_zip: bytes, tome: TomeServer, novel: Path, tmp_path: Path
) -> None:
    tome.stop()
    read_a_little(kobo, novel)
    assert [request.outcome for request in kobo.requests] == ["connection refused"]
    assert len(kobo.waiting()) == 2
    assert kobo.timeouts_are_reset

    moved = TomeServer()
    try:
        zip_ = build_plugin(server_url=moved.url, api_key=KEY, username="ada")
        again = KOReader(zip_, kobo.data_dir, now=kobo.now)
        again.wait(3)
        assert again.waiting() == []
        assert len(moved.batches) == 1
    finally:
        moved.stop()


def test_a_silent_server_is_asked_more_and_more_rarely(kobo: KOReader, tome: TomeServer, novel: Path) -> None:
    tome.everything = Silence()
    kobo.open(novel, pages=3000)
    kobo.turn_pages(2400, seconds_each=5)
    pauses = [later.at - earlier.at for earlier, later in pairwise(kobo.requests)]
    assert len(pauses) > 5
    assert all(pause >= min(120 * 2**number, 1800) for number, pause in enumerate(pauses))


def test_a_redirection_does_not_carry_the_key_elsewhere(kobo: KOReader, tome: TomeServer, novel: Path) -> None:
    tome.everything = Answer(302, WEB_PAGE, "text/html", {"Location": f"{tome.url}/elsewhere"})
    read_a_little(kobo, novel)
    assert "/elsewhere" not in [received.path for received in tome.received]


def test_without_a_network_nothing_is_tried_and_nothing_is_asked(
    plugin_zip: bytes, tome: TomeServer, tmp_path: Path, novel: Path
) -> None:
    kobo = KOReader(plugin_zip, tmp_path / "kobo", is_online=False)
    for _ in range(3):
        kobo.open(novel)
        kobo.turn_pages(25)
        kobo.suspend()
        kobo.resume(is_online=False)
        kobo.close()
    assert kobo.requests == []
    assert kobo.shown == []
    assert "wifi prompt" not in kobo.log

    kobo.go_online()
    [batch] = tome.batches
    assert len(batch["sessions"]) == 3
    assert len(batch["positions"]) == 1
    assert kobo.waiting() == []


def test_a_week_offline_arrives_in_batches_of_a_hundred(
    plugin_zip: bytes, tome: TomeServer, tmp_path: Path, novel: Path
) -> None:
    kobo = KOReader(plugin_zip, tmp_path / "kobo", is_online=False)
    kobo.open(novel, pages=300)
    for _ in range(250):
        kobo.turn_pages(1)
        kobo.suspend()
        kobo.resume(slept=600, is_online=False)
    kobo.close()
    told = [entry["item"] for entry in kobo.waiting() if entry["kind"] == "session"]
    kobo.go_online()
    sizes = [len(batch.get("sessions", [])) + len(batch.get("positions", [])) for batch in tome.batches]
    assert sizes == [100, 100, 51]
    assert [session for batch in tome.batches for session in batch["sessions"]] == told
    assert kobo.waiting() == []


def test_a_slow_server_gets_the_rest_at_the_next_occasion(kobo: KOReader, tome: TomeServer, novel: Path) -> None:
    def slow(received: Received) -> Answer:
        kobo.now += 3
        return stored(received)

    kobo.go_offline()
    kobo.open(novel, pages=300)
    for _ in range(220):
        kobo.turn_pages(1)
        kobo.suspend()
        kobo.resume(slept=600, is_online=False)
    tome.sync = slow
    kobo.go_online()
    assert len(tome.batches) == 2
    kobo.close()
    assert len(tome.batches) == 3
    assert kobo.waiting() == []


def test_connected_said_twice_does_not_wake_a_resting_plugin(kobo: KOReader, tome: TomeServer, novel: Path) -> None:
    tome.everything = FAILURES["server error"]
    read_a_little(kobo, novel)
    for _ in range(5):
        kobo.go_online()
    assert len(kobo.requests) == 1


def test_another_network_is_tried_at_once(kobo: KOReader, tome: TomeServer, novel: Path) -> None:
    tome.everything = FAILURES["captive portal"]
    read_a_little(kobo, novel)
    kobo.go_offline()
    tome.everything = None
    kobo.go_online()
    assert kobo.waiting() == []


def test_a_clock_set_back_does_not_make_it_rest_for_years(kobo: KOReader, tome: TomeServer, novel: Path) -> None:
    tome.everything = FAILURES["server error"]
    read_a_little(kobo, novel)
    tome.everything = None
    kobo.now -= 10 * 365 * 86400
    read_a_little(kobo, novel)
    assert kobo.waiting() == []


@pytest.mark.parametrize(
    ("failure", "sentence"),
    [
        ("captive portal", "Something other than Tome answered."),
        ("portal that speaks JSON", "Something other than Tome answered."),
        ("refused key", "The server refuses this plugin's key."),
        ("server error", "The server is in trouble."),
        ("silence", "The server cannot be reached."),
    ],
)
def test_who_asks_is_told_what_is_wrong_however_recent_the_last_failure(
    kobo: KOReader, tome: TomeServer, novel: Path, failure: str, sentence: str
) -> None:
    tome.everything = FAILURES[failure]
    read_a_little(kobo, novel)
    kobo.tap("Sync now")
    assert kobo.shown[-1].text.startswith(sentence)
    assert len(kobo.requests) == 2
    tome.everything = None
    kobo.tap("Sync now")
    assert kobo.shown[-1].text.startswith("Synced with Tome.")
    assert kobo.waiting() == []


def test_only_what_the_server_spoke_about_goes(kobo: KOReader, tome: TomeServer, novel: Path, comic: Path) -> None:
    words = iter(["stored", "duplicate", "ignored", "refused", "some new word", None])

    def partly(received: Received) -> Answer:
        answer = stored(received)
        for session, word in zip(answer.body["sessions"], words, strict=True):
            session["verdict"] = word
        answer.body["sessions"][3]["reason"] = "It cannot be."
        del answer.body["sessions"][5]
        answer.body["positions"] = []
        return answer

    kobo.go_offline()
    for _ in range(6):
        read_a_little(kobo, novel)
    told = [entry["item"]["session_uuid"] for entry in kobo.waiting() if entry["kind"] == "session"]
    tome.sync = partly
    kobo.go_online()
    assert len(tome.batches) == 1
    left = {kind: [entry for entry in kobo.outbox() if entry["kind"] == kind] for kind in ("session", "refused")}
    assert [entry["item"]["session_uuid"] for entry in left["session"]] == told[4:]
    assert [(entry["item"]["session_uuid"], entry["reason"]) for entry in left["refused"]] == [
        (told[3], "It cannot be.")
    ]
    assert [entry["kind"] for entry in kobo.waiting()].count("position") == 1


@pytest.mark.parametrize(("verdict", "is_kept"), [("stored", False), ("stale", False), ("refused", False), ("", True)])
def test_a_place_goes_by_its_verdict(
    kobo: KOReader, tome: TomeServer, novel: Path, verdict: str, is_kept: bool
) -> None:
    def answer(received: Received) -> Answer:
        whole = stored(received)
        whole.body["positions"] = [{"verdict": verdict, "reason": "No."}]
        return whole

    tome.sync = answer
    read_a_little(kobo, novel)
    assert [entry["kind"] for entry in kobo.waiting()] == (["position"] if is_kept else [])


def test_what_the_server_cannot_read_is_found_and_holds_up_nothing(
    kobo: KOReader, tome: TomeServer, novel: Path
) -> None:
    kobo.go_offline()
    for _ in range(9):
        read_a_little(kobo, novel)
    told = [entry["item"]["session_uuid"] for entry in kobo.waiting() if entry["kind"] == "session"]
    poison = told[4]

    def picky(received: Received) -> Answer:
        if any(session["session_uuid"] == poison for session in received.body.get("sessions", [])):
            return Answer(422, {"detail": [{"loc": ["body"], "msg": "odd", "type": "odd"}]})
        return stored(received)

    tome.sync = picky
    kobo.go_online()
    assert [entry["item"]["session_uuid"] for entry in kobo.waiting()] == [poison]
    kobo.go_offline()
    requests = len(kobo.requests)
    kobo.go_online()
    assert len(kobo.requests) == requests + 1
    tome.sync = stored
    kobo.go_offline()
    kobo.go_online()
    assert kobo.waiting() == []


def test_a_damaged_outbox_is_kept_aside_and_reading_goes_on(
    kobo: KOReader, plugin_zip: bytes, tome: TomeServer, novel: Path
) -> None:
    kobo.go_offline()
    read_a_little(kobo, novel)
    [file] = (kobo.data_dir / "settings").glob("tomesync-outbox-*.jsonl")
    damaged = file.read_bytes()[:-40] + b"\x00\xff\x00"
    file.write_bytes(damaged)
    again = KOReader(plugin_zip, kobo.data_dir, now=kobo.now)
    again.wait(3)
    assert file.with_name(file.name + ".damaged").read_bytes() == damaged
    assert again.waiting() == []
    assert len(tome.batches) == 1


def test_a_settings_file_of_nonsense_does_not_stop_it(kobo: KOReader, plugin_zip: bytes, novel: Path) -> None:
    read_a_little(kobo, novel)
    for name in ("tomesync.lua", "tomesync.lua.old"):
        (kobo.data_dir / "settings" / name).write_text("return {{{")
    again = KOReader(plugin_zip, kobo.data_dir, now=kobo.now)
    read_a_little(again, novel)
    assert again.waiting() == []


def test_a_card_that_cannot_be_written_to_does_not_keep_it_from_sending(
    kobo: KOReader, tome: TomeServer, novel: Path
) -> None:
    read_a_little(kobo, novel)
    [file] = (kobo.data_dir / "settings").glob("tomesync-outbox-*.jsonl")
    file.with_name(file.name + ".new").mkdir()
    read_a_little(kobo, novel)
    assert [len(batch["sessions"]) for batch in tome.batches] == [1, 1]
    assert any("cannot write" in warning for warning in kobo.warnings)


@pytest.mark.parametrize(
    "answer",
    [
        {"book_id": None},
        {"book_id": "12"},
        {"book_id": {"id": 12}},
        [],
        {"detail": "odd"},
    ],
)
def test_a_strange_answer_about_the_book_is_no_answer(
    kobo: KOReader, tome: TomeServer, novel: Path, answer: Any
) -> None:
    tome.resolve = Answer(body=answer)
    read_a_little(kobo, novel)
    assert tome.paths[0] == "resolve"
    assert "position/12" not in tome.paths
    assert kobo.warnings == []


@pytest.mark.parametrize(
    "answer",
    [
        {"percentage": "0.5", "revision": 3},
        {"percentage": 0.5},
        {"percentage": 0.5, "revision": "3"},
        {"revision": 3},
        {"percentage": {}, "revision": []},
    ],
)
def test_a_strange_answer_about_the_place_is_no_answer(
    kobo: KOReader, tome: TomeServer, novel: Path, answer: Any
) -> None:
    tome.place = Answer(body=answer)
    kobo.open(novel)
    assert tome.paths == ["resolve", "position/12"]
    assert kobo.shown == []
    assert kobo.warnings == []
