"""Where to read on: the one question that the plugin asks."""

from pathlib import Path
from typing import Any

import pytest

from tests.koplugin.koreader import KOReader, default_xpointers
from tests.koplugin.server import NO_PLACE, Answer, Received, TomeServer


def place(percentage: float, progress: str | None = None, **changes: Any) -> Answer:
    body = {
        "book_id": 12,
        "percentage": percentage,
        "progress": progress,
        "device": "Ada's Kindle",
        "updated_at": "2025-11-23T09:00:00Z",
        "read_at": "2025-11-23T08:30:00Z",
        "revision": 4,
        "precision": "exact" if progress else "percent",
    }
    return Answer(body={name: value for name, value in (body | changes).items() if value is not None})


PAGE_61 = default_xpointers(100)[60].decode()


def test_reading_goes_on_where_another_device_was_if_the_reader_says_so(
    kobo: KOReader, tome: TomeServer, novel: Path
) -> None:
    tome.place = place(0.61, PAGE_61)
    kobo.open(novel, pages=100)
    assert kobo.page == 1
    assert kobo.questions == [
        "Ada's Kindle was at 61 % of this book (2025-11-23 08:30). You are at 1 % here.\n\nGo to 61 %?"
    ]
    kobo.answer(True)
    assert (kobo.page, kobo.progress) == (61, PAGE_61)


def test_a_jump_is_no_page_turned_and_is_not_told_as_read(kobo: KOReader, tome: TomeServer, novel: Path) -> None:
    tome.place = place(0.61, PAGE_61)
    kobo.open(novel, pages=100)
    kobo.turn_pages(3)
    kobo.answer(True)
    kobo.wait(60)
    kobo.close()
    [batch] = tome.batches
    assert "positions" not in batch
    before, after = batch["sessions"]
    assert (before["pages_turned"], before["progress_start"], before["progress_end"]) == (3, 0.01, 0.04)
    assert (after["pages_turned"], after["progress_start"], after["progress_end"]) == (0, 0.61, 0.61)


@pytest.mark.parametrize("is_yes", [True, False])
def test_either_answer_is_the_base_of_what_is_read_next(
    kobo: KOReader, tome: TomeServer, novel: Path, is_yes: bool
) -> None:
    tome.place = place(0.61, PAGE_61)
    kobo.open(novel, pages=100)
    kobo.answer(is_yes)
    kobo.turn_pages(2)
    kobo.close()
    assert tome.batches[-1]["positions"][0]["base_revision"] == 4
    assert tome.batches[-1]["positions"][0]["percentage"] == (0.63 if is_yes else 0.03)


def test_the_same_place_is_offered_once_even_after_a_restart(
    kobo: KOReader, plugin_zip: bytes, tome: TomeServer, novel: Path
) -> None:
    tome.place = place(0.61, PAGE_61)
    kobo.open(novel, pages=100)
    kobo.answer(False)
    kobo.close()
    again = KOReader(plugin_zip, kobo.data_dir, now=kobo.now)
    again.open(novel, pages=100)
    assert again.questions == []
    tome.place = place(0.64, PAGE_61, revision=5)
    again.close()
    again.open(novel, pages=100)
    assert len(again.questions) == 1


def test_the_place_that_this_device_wrote_is_not_offered(kobo: KOReader, tome: TomeServer, novel: Path) -> None:
    kobo.open(novel, pages=100)
    kobo.turn_pages(10)
    kobo.close()
    tome.place = place(0.5, PAGE_61, revision=1)  # 1 is what the server made of it
    kobo.open(novel, pages=100)
    assert kobo.questions == []


def test_a_place_that_is_here_already_is_not_offered(kobo: KOReader, tome: TomeServer, novel: Path) -> None:
    tome.place = place(0.012)
    kobo.open(novel, pages=100)
    assert kobo.questions == []
    kobo.turn_pages(2)
    kobo.close()
    assert tome.batches[-1]["positions"][0]["base_revision"] == 4


@pytest.mark.parametrize(
    "progress",
    [
        None,
        "/body/DocFragment[999]/body/p[1]/text().0",
        "epubcfi(/6/4!/4/2:0)",
        "61",
        "junk",
        "",
    ],
)
def test_what_is_no_place_in_this_file_leads_to_the_percentage(
    kobo: KOReader, tome: TomeServer, novel: Path, progress: str | None
) -> None:
    tome.place = place(0.61, progress)
    kobo.open(novel, pages=100)
    kobo.answer(True)
    assert (kobo.page, kobo.progress) == (61, PAGE_61)


@pytest.mark.parametrize(("progress", "page"), [("18", 18), ("25", 12), ("0", 12), ("junk", 12), (None, 12)])
def test_a_comic_goes_to_the_page_if_it_has_it(
    kobo: KOReader, tome: TomeServer, comic: Path, progress: str | None, page: int
) -> None:
    tome.place = place(0.5, progress)
    kobo.open(comic, pages=24)
    kobo.answer(True)
    assert kobo.page == page


def test_nulls_in_the_answer_are_nothing(kobo: KOReader, tome: TomeServer, novel: Path) -> None:
    nulls = {"progress": None, "device": None, "read_at": None, "updated_at": None}
    tome.place = Answer(body={"book_id": 12, "percentage": 0.61, "revision": 4, **nulls})
    kobo.open(novel, pages=100)
    assert kobo.questions == ["Another device was at 61 % of this book (?). You are at 1 % here.\n\nGo to 61 %?"]
    kobo.answer(True)
    assert kobo.page == 61
    assert kobo.warnings == []


def test_an_answer_to_a_question_about_a_closed_book_moves_nothing(
    kobo: KOReader, tome: TomeServer, novel: Path, comic: Path
) -> None:
    tome.place = place(0.61, PAGE_61)
    kobo.open(novel, pages=100)
    tome.place = NO_PLACE
    kobo.open(comic, pages=24)
    kobo.answer(True)
    assert kobo.page == 1
    assert kobo.warnings == []


def test_what_waits_is_sent_before_the_place_is_asked_for(
    plugin_zip: bytes, tome: TomeServer, tmp_path: Path, novel: Path
) -> None:
    kobo = KOReader(plugin_zip, tmp_path / "kobo", is_online=False)
    kobo.open(novel)
    kobo.turn_pages(5)
    kobo.go_online()
    assert tome.paths == ["resolve", "position/12"]
    kobo.go_offline()
    kobo.turn_pages(5)
    kobo.close()
    kobo.open(novel)
    tome.received.clear()
    kobo.go_online()
    assert tome.paths == ["sync", "resolve", "position/12"]


def test_a_place_read_elsewhere_meanwhile_is_asked_about_at_the_next_occasion(
    kobo: KOReader, tome: TomeServer, novel: Path
) -> None:
    def stale(received: Received) -> Answer:
        verdicts = [{"verdict": "stale", "revision": 4, "current": {}} for _ in received.body.get("positions", [])]
        uuids = [session["session_uuid"] for session in received.body.get("sessions", [])]
        sessions = [{"session_uuid": uuid, "verdict": "stored"} for uuid in uuids]
        return Answer(body={"server_id": "server-1", "positions": verdicts, "sessions": sessions})

    tome.sync = stale
    kobo.open(novel, pages=100)
    kobo.turn_pages(21)
    kobo.wait(5)
    tome.place = place(0.61, PAGE_61)
    assert kobo.questions == []
    kobo.go_offline()
    kobo.go_online()
    assert len(kobo.questions) == 1
    assert kobo.waiting() == []


def test_revisions_of_another_server_mean_nothing(kobo: KOReader, tome: TomeServer, novel: Path) -> None:
    kobo.open(novel, pages=100)
    kobo.turn_pages(3)
    kobo.close()
    tome.sync = lambda received: Answer(
        body={
            "server_id": "server-2",
            "positions": [],
            "sessions": [
                {"session_uuid": session["session_uuid"], "verdict": "stored"} for session in received.body["sessions"]
            ],
        }
    )
    kobo.open(novel, pages=100)
    kobo.wait(30)
    kobo.close()
    kobo.go_offline()
    kobo.open(novel, pages=100)
    kobo.turn_pages(3)
    kobo.close()
    assert "base_revision" not in kobo.waiting()[0]["item"]
