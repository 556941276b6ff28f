"""Power that fails between any two steps, and cards that are full: what was kept arrives, once, and nothing breaks."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from koplugin.packer import build_plugin
from tests.koplugin.koreader import DEFAULT_START, KOReader, power_cuts
from tests.koplugin.server import KEY, TomeServer

PAGES = 300
# What is read between two moments at which it is kept, and the turns while the reader rests on a page.
MOST_TURNS_LOST = 11
TURNS = 5 + 52 + 3

Start = Callable[..., KOReader]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "kobo"


@pytest.fixture
def start(plugin_zip: bytes, home: Path) -> Start:
    def start(*, later: float = 0.0, **options: Any) -> KOReader:
        return KOReader(plugin_zip, home, now=DEFAULT_START + 0.5 + later, patience=0.2, **options)

    return start


def lines_of(home: Path) -> list[dict[str, Any]]:
    files = (home / "settings").glob("tomesync-outbox-*.jsonl")
    return [json.loads(line) for file in files for line in file.read_text("utf-8").splitlines()]


def kept_uuids(home: Path) -> set[str]:
    return {line["item"]["session_uuid"] for line in lines_of(home) if line["kind"] in ("session", "draft")}


def places_in(items: list[dict[str, Any]]) -> set[tuple[str, float]]:
    return {(item["read_at"], item["percentage"]) for item in items}


def told_once(tome: TomeServer) -> dict[str, Any]:
    """The sessions by their names. One that came twice came as it was before: the server takes the first for all."""
    told: dict[str, Any] = {}
    for session in tome.sessions:
        plain = {name: value for name, value in session.items() if name != "book_id"}
        assert told.setdefault(session["session_uuid"], plain) == plain
    return told


class Progress:
    """How many pages were turned, for whoever comes after the power has gone."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def turn(self, kobo: KOReader, count: int) -> None:
        for _ in range(count):
            kobo.turn_pages(1, seconds_each=20)
            self.path.write_text(f"{self.count() + 1}")

    def count(self) -> int:
        return int(self.path.read_text()) if self.path.exists() else 0


def test_power_lost_at_any_step_of_a_day_costs_a_few_turns_at_most(
    start: Start, tome: TomeServer, home: Path, novel: Path, tmp_path: Path
) -> None:
    progress = Progress(tmp_path / "turned")

    def a_day() -> None:
        kobo = start()
        kobo.open(novel, pages=PAGES)
        progress.turn(kobo, 5)
        kobo.save_settings()
        progress.turn(kobo, 52)
        kobo.wait(10)  # the heartbeat
        kobo.suspend()
        kobo.resume(slept=7200)
        progress.turn(kobo, 3)
        kobo.close()
        kobo.wait(10)
        kobo.exit()

    cuts = 0
    for run in power_cuts(a_day):
        kept = kept_uuids(home)
        kept_places = places_in([line["item"] for line in lines_of(home) if line["kind"] == "position"])
        sent_before = set(told_once(tome))
        again = start(later=24 * 3600)
        assert again.warnings == [], run.at
        again.open(novel, pages=PAGES)
        again.wait(5)
        again.turn_pages(2, seconds_each=20)
        again.close()
        again.wait(10)
        told = told_once(tome)
        assert kept | sent_before <= set(told), run.at
        turned = sum(session["pages_turned"] for session in told.values()) - 2
        assert progress.count() - MOST_TURNS_LOST <= turned <= progress.count() + 1, run.at
        assert kept_places <= places_in(tome.positions), run.at
        assert lines_of(home) == [], run.at
        assert again.warnings == [], run.at
        assert (again.uncollected, again.open_pipes, again.standby_preventions) == ([], [], 0)
        for file in (home / "settings").iterdir():
            assert not file.name.endswith(".damaged"), run.at
            if file.name.startswith("tomesync-books-"):
                assert json.loads(file.read_text())["files"], run.at
        cuts += run.is_cut
        if not run.is_cut:
            assert progress.count() == turned == TURNS
        # Everything starts afresh.
        again.crash()
        shutil.rmtree(home)
        progress.path.unlink(missing_ok=True)
        tome.received.clear()
    assert cuts > 100
