"""Servers that fail in ways of their own: nothing is lost, nobody is told who did not ask, and they are left alone.

Lines that break are in `test_events`.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.koplugin.koreader import KOReader
from tests.koplugin.server import WEB_PAGE, Answer, Received, Reply, Silence, TomeServer, stored
from tests.koplugin.steps import open_book, reconnect

FAILURES: dict[str, Reply] = {
    "captive portal": Answer(200, WEB_PAGE, "text/html"),
    "portal that speaks JSON": Answer(200, {"login": "https://portal.example"}),
    "list in JSON": Answer(200, [1, 2, 3]),
    "empty answer": Answer(200, ""),
    "no content": Answer(204, ""),
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
SERVER_ERROR = FAILURES["server error"]


def read_a_little(kobo: KOReader, book: Path, *, turns: int = 3) -> None:
    kobo.open(book)
    kobo.wait(10)
    kobo.turn_pages(turns)
    kobo.close()
    kobo.wait(10)


def know(kobo: KOReader, tome: TomeServer, *books: Path) -> None:
    """Have the server and these books known, and forget that they were asked about."""
    for book in books:
        kobo.open(book)
        kobo.close()
        kobo.wait(5)
    kobo.requests.clear()
    tome.received.clear()


def kinds(kobo: KOReader) -> list[str]:
    return sorted(entry["kind"] for entry in kobo.waiting())


@pytest.mark.parametrize("is_known", [False, True], ids=["never met", "known"])
@pytest.mark.parametrize("failure", FAILURES.values(), ids=FAILURES.keys())
def test_whatever_answers_instead_of_tome_nothing_is_lost(
    kobo: KOReader, tome: TomeServer, novel: Path, failure: Reply, is_known: bool
) -> None:
    if is_known:
        know(kobo, tome, novel)
    tome.everything = failure
    read_a_little(kobo, novel)
    kept = kobo.waiting()
    assert kinds(kobo) == ["position", "session"]
    assert len(kobo.requests) == 2, "one for each event"
    assert kobo.longest_block == 0
    assert kobo.shown == []

    tome.everything = None
    tome.received.clear()
    kobo.wait(3600)
    kobo.open(novel)
    kobo.wait(10)
    assert kobo.waiting() == []
    assert tome.sessions == [entry["item"] | {"book_id": 12} for entry in kept if entry["kind"] == "session"]
    assert kobo.warnings == []
    assert kobo.timeouts_are_reset
    assert (kobo.uncollected, kobo.open_pipes, kobo.standby_preventions) == ([], [], 0)


# --- Left alone ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("failure", FAILURES.values(), ids=FAILURES.keys())
def test_after_three_failures_it_is_left_alone_for_ten_minutes(
    kobo: KOReader, tome: TomeServer, novel: Path, comic: Path, failure: Reply
) -> None:
    tome.everything = failure
    for book in (novel, comic, novel, comic):
        read_a_little(kobo, book, turns=1)
    assert len(kobo.requests) == 3
    kobo.wait(600)
    read_a_little(kobo, novel, turns=1)
    assert len(kobo.requests) == 4, "a single failure is enough for another pause"
    kobo.wait(600)
    tome.everything = None
    read_a_little(kobo, novel, turns=1)
    assert kobo.waiting() == []


def sleep(kobo: KOReader) -> None:
    """Without losing Wi-Fi, as on a desktop."""
    kobo.run_lua("ui:handleEvent(require('ui/event'):new('Suspend'))")
    kobo.run_lua("ui:handleEvent(require('ui/event'):new('Resume'))")


def prove_connection(kobo: KOReader) -> None:
    kobo.tap("Test connection")


def sync_now(kobo: KOReader) -> None:
    kobo.gesture("tomesync_sync_now")


@pytest.mark.parametrize("event", [reconnect, sleep, prove_connection, sync_now], ids=lambda event: event.__name__)
def test_what_may_have_changed_things_ends_the_pause(
    kobo: KOReader, tome: TomeServer, novel: Path, event: Callable[[KOReader], None]
) -> None:
    tome.everything = SERVER_ERROR
    for _ in range(3):
        read_a_little(kobo, novel, turns=1)
    tome.everything = None
    event(kobo)
    kobo.wait(30)
    read_a_little(kobo, novel, turns=1)
    assert kobo.waiting() == []


def test_a_clock_set_back_does_not_make_the_pause_last_for_years(kobo: KOReader, tome: TomeServer, novel: Path) -> None:
    tome.everything = SERVER_ERROR
    for _ in range(3):
        read_a_little(kobo, novel)
    tome.everything = None
    kobo.now -= 10 * 365 * 86400
    read_a_little(kobo, novel)
    assert kobo.waiting() == []


def test_connected_said_again_and_again_asks_once(kobo: KOReader, tome: TomeServer, novel: Path) -> None:
    kobo.open(novel)
    kobo.turn_pages(3)
    tome.received.clear()
    for _ in range(5):
        kobo.run_lua("ui:handleEvent(require('ui/event'):new('NetworkConnected'))")
        kobo.wait(0.2)
    kobo.wait(10)
    assert tome.paths == ["position/12", "sync"]


def test_a_silent_server_is_asked_every_ten_minutes_at_most(kobo: KOReader, tome: TomeServer, novel: Path) -> None:
    tome.everything = Silence()
    kobo.open(novel, pages=3000)
    kobo.turn_pages(2400, seconds_each=5)
    assert len(kobo.requests) <= 3 + 2400 * 5 / 600
    assert len({int(request.at // 600) for request in kobo.requests[3:]}) == len(kobo.requests[3:])
    assert kobo.longest_block == 0


def test_a_redirection_does_not_carry_the_key_elsewhere(kobo: KOReader, tome: TomeServer, novel: Path) -> None:
    tome.everything = Answer(302, WEB_PAGE, "text/html", {"Location": f"{tome.url}/elsewhere"})
    read_a_little(kobo, novel)
    assert {received.path for received in tome.received} == {"/api/tome-sync/me"}


@pytest.mark.parametrize(
    ("failure", "sentence"),
    [
        ("captive portal", "A web page answered instead of Tome."),
        ("portal that speaks JSON", "Something other than Tome answered (status 200)."),
        ("redirection", "A web page answered instead of Tome."),
        ("refused key", "The server does not accept this plugin's key."),
        ("busy", "The server is in trouble (status 503)."),
        ("silence", "The server does not answer."),
    ],
)
def test_who_asks_is_told_what_is_wrong_however_often_it_failed_before(
    kobo: KOReader, tome: TomeServer, novel: Path, failure: str, sentence: str
) -> None:
    know(kobo, tome, novel)
    tome.everything = FAILURES[failure]
    for _ in range(3):
        read_a_little(kobo, novel)
    assert kobo.shown == []
    kobo.open(novel)
    kobo.tap("Sync now")
    kobo.wait(30)
    assert kobo.shown[-1].text.startswith(sentence)
    assert kobo.shown[-1].text.endswith("What was read is kept and sent later.")
    tome.everything = None
    kobo.tap("Sync now")
    kobo.wait(30)
    assert kobo.shown[-1].text == "Synced with Tome.\n3 sessions were sent."
    assert kobo.waiting() == []


# --- Answers in part -------------------------------------------------------------------------------------------------


def test_only_what_the_server_spoke_about_goes(kobo: KOReader, tome: TomeServer, novel: Path) -> None:
    words = iter(["stored", "duplicate", "ignored", "refused", "some new word", None])

    def partly(received: Received) -> Answer:
        answer = stored(received)
        for session, word in zip(answer.body["sessions"], words, strict=True):
            session["verdict"] = word
        answer.body["sessions"][3]["reason"] = "It cannot be."
        del answer.body["sessions"][5]
        answer.body["positions"] = []
        return answer

    know(kobo, tome, novel)
    kobo.go_offline()
    for _ in range(6):
        read_a_little(kobo, novel)
    told = [entry["item"]["session_uuid"] for entry in kobo.waiting() if entry["kind"] == "session"]
    tome.sync = partly
    kobo.go_online()
    kobo.wait(10)
    assert len(tome.batches) == 1
    left = {kind: [entry for entry in kobo.outbox() if entry["kind"] == kind] for kind in ("session", "refused")}
    assert [entry["item"]["session_uuid"] for entry in left["session"]] == told[4:]
    assert [(entry["item"]["session_uuid"], entry["reason"]) for entry in left["refused"]] == [
        (told[3], "It cannot be.")
    ]
    assert kinds(kobo).count("position") == 1


def test_what_was_refused_is_shown_until_it_was_seen(kobo: KOReader, tome: TomeServer, novel: Path) -> None:
    def refusing(received: Received) -> Answer:
        answer = stored(received)
        for item in answer.body["sessions"] + answer.body["positions"]:
            item |= {"verdict": "refused", "reason": "It cannot be."}
        return answer

    tome.sync = refusing
    read_a_little(kobo, novel)
    assert kobo.waiting() == []
    assert kobo.shown == []
    kobo.open(novel)
    kobo.tap("Pending sessions (0)")
    text = kobo.shown[-1].text
    assert "The server has refused 2 items:" in text
    assert text.count("Dracula.epub: It cannot be.") == 2
    kobo.press("Forget")
    assert kobo.outbox() == []


def test_more_than_two_hundred_sessions_drop_the_oldest_and_say_so(
    plugin_zip: bytes, tome: TomeServer, tmp_path: Path, novel: Path
) -> None:
    kobo = KOReader(plugin_zip, tmp_path / "kobo", is_online=False)
    kobo.open(novel, pages=300)
    for _ in range(203):
        kobo.turn_pages(1)
        kobo.suspend()
        kobo.resume(slept=600, is_online=False)
    waiting = [entry["item"] for entry in kobo.waiting() if entry["kind"] == "session"]
    assert [session["progress_end"] for session in waiting] == [(page + 1) / 300 for page in range(4, 204)]
    kobo.tap("Pending sessions (200)")
    assert "3 sessions were dropped, because more than 200 were waiting." in kobo.shown[-1].text
    kobo.dismiss()
    kobo.go_online()
    kobo.wait(10)
    assert [len(batch["sessions"]) for batch in tome.batches] == [200]
    assert kobo.waiting() == []


@pytest.mark.parametrize(("verdict", "is_kept"), [("stored", False), ("stale", False), ("refused", False), ("", True)])
def test_a_place_goes_by_its_verdict(
    kobo: KOReader, tome: TomeServer, novel: Path, verdict: str, is_kept: bool
) -> None:
    def answer(received: Received) -> Answer:
        whole = stored(received)
        whole.body["positions"] = [{"verdict": verdict, "reason": "No.", "book_id": 12}]
        return whole

    tome.sync = answer
    read_a_little(kobo, novel)
    assert kinds(kobo) == (["position"] if is_kept else [])


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
    kobo.wait(60)
    assert [entry["item"]["session_uuid"] for entry in kobo.waiting()] == [poison]
    requests = len(kobo.requests)
    reconnect(kobo)
    kobo.wait(10)
    assert len(kobo.requests) <= requests + 2, "once when the network goes and once when it comes"
    tome.sync = stored
    reconnect(kobo)
    kobo.wait(10)
    assert kobo.waiting() == []


@pytest.mark.parametrize("answer", [{}, {"server_id": 12}, {"server_id": {}}, {"server_id": None}, [], {"detail": "x"}])
def test_a_strange_answer_about_the_server_is_no_answer(
    kobo: KOReader, tome: TomeServer, novel: Path, answer: Any
) -> None:
    tome.me = Answer(body=answer)
    read_a_little(kobo, novel)
    assert set(tome.paths) == {"me"}
    assert kinds(kobo) == ["position", "session"]
    assert kobo.warnings == []


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
    assert tome.paths[:2] == ["me", "resolve"]
    assert "position/12" not in tome.paths
    assert kobo.warnings == []


@pytest.mark.parametrize("candidates", [{}, None, [None, 7, {}, {"book_id": "x"}, {"book_id": 1}], "odd", 5])
def test_strange_candidates_are_none(kobo: KOReader, tome: TomeServer, novel: Path, candidates: Any) -> None:
    tome.resolve = Answer(404, {"detail": "Not sure.", "candidates": candidates})
    open_book(kobo, novel)
    assert [item for item in kobo.menu if item.startswith("This book:")] != []
    kobo.tap("This book:")
    assert kobo.windows[-1].kind == "ButtonDialog"
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
    open_book(kobo, novel)
    assert tome.paths == ["me", "resolve", "position/12"]
    assert kobo.page == 1
    assert kobo.shown == []
    assert kobo.warnings == []


@pytest.mark.parametrize(
    "oddity",
    [
        {"progress": 7},
        {"progress": {}},
        {"progress": "/body/DocFragment[1000]/body/p.0"},
        {"progress": "epubcfi(/6/4!/4/2)"},
        {"progress": ""},
        {"device": 7},
        {"device": {}},
        {"device": None},
        {"read_at": 7},
        {"read_at": "yesterday"},
        {"read_at": {}},
        {"read_at": None, "updated_at": None},
        {"percentage": 1e9},
    ],
    ids=str,
)
def test_whatever_else_is_odd_about_a_place_leads_to_where_its_percentage_says(
    kobo: KOReader, tome: TomeServer, novel: Path, oddity: dict[str, Any]
) -> None:
    place = {"percentage": 0.5, "revision": 3, "device": "Kindle", "read_at": "2025-11-23T11:00:00Z"}
    tome.place = Answer(body=place | oddity)
    open_book(kobo, novel, pages=100)
    assert kobo.page == (100 if "percentage" in oddity else 50)
    assert len(kobo.shown) == 1
    assert kobo.warnings == []


# --- Files that are damaged ------------------------------------------------------------------------------------------


def test_a_damaged_outbox_is_kept_aside_and_reading_goes_on(
    kobo: KOReader, plugin_zip: bytes, tome: TomeServer, novel: Path
) -> None:
    kobo.go_offline()
    read_a_little(kobo, novel)
    [file] = (kobo.data_dir / "settings").glob("tomesync-outbox-*.jsonl")
    damaged = file.read_bytes()[:-40] + b"\x00\xff\x00"
    file.write_bytes(damaged)
    kobo.crash()
    again = KOReader(plugin_zip, kobo.data_dir, now=kobo.now)
    again.wait(10)
    assert file.with_name(file.name + ".damaged").read_bytes() == damaged
    assert again.waiting() == []
    assert len(tome.batches) == 1


def test_closed_books_leave_no_timer_that_goes_on_asking(kobo: KOReader, tome: TomeServer, novel: Path) -> None:
    """What was under way when a book was closed ends later, and fails: that must start nothing for the closed book."""
    open_book(kobo, novel, pages=400)
    tome.everything = SERVER_ERROR
    kobo.network.answer_seconds = 2
    kobo.turn_pages(50, seconds_each=1)
    kobo.wait(4)  # the heartbeat is on its way
    kobo.close()
    kobo.wait(60)
    asked = len(tome.received)
    assert asked >= 4
    kobo.wait(24 * 3600)
    assert len(tome.received) == asked
