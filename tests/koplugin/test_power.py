"""Power that fails between any two steps, and cards that are full: what was kept arrives, once, and nothing breaks."""

import io
import json
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.koplugin.koreader import DEFAULT_START, KOReader, power_cuts
from tests.koplugin.server import TomeServer

PAGES = 300
# What is read between two moments at which it is kept, and the turns while the reader rests on a page.
MOST_TURNS_LOST = 11

Start = Callable[..., KOReader]


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    return tmp_path / "kobo"


@pytest.fixture
def start(plugin_zip: bytes, data_dir: Path) -> Start:
    def start(*, later: float = 0.0, **options: Any) -> KOReader:
        return KOReader(plugin_zip, data_dir, now=DEFAULT_START + 0.5 + later, patience=0.2, **options)

    return start


def lines_of(data_dir: Path) -> list[dict[str, Any]]:
    files = (data_dir / "settings").glob("tomesync-outbox-*.jsonl")
    return [json.loads(line) for file in files for line in file.read_text("utf-8").splitlines()]


def kept_uuids(data_dir: Path) -> set[str]:
    return {line["item"]["session_uuid"] for line in lines_of(data_dir) if line["kind"] in ("session", "draft")}


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


@pytest.fixture
def progress(tmp_path: Path) -> Progress:
    return Progress(tmp_path / "turned")


def check_each_cut(
    scenario: Callable[[], None], start: Start, tome: TomeServer, data_dir: Path, novel: Path, progress: Progress
) -> int:
    """Cut the power at every step of `scenario` and go on afterwards. How often it was cut."""
    cuts = 0
    for run in power_cuts(scenario):
        kept = kept_uuids(data_dir)
        kept_places = places_in([line["item"] for line in lines_of(data_dir) if line["kind"] == "position"])
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
        assert kept_places <= places_in(tome.positions), run.at
        turned = sum(session["pages_turned"] for session in told.values()) - 2
        assert progress.count() - MOST_TURNS_LOST <= turned <= progress.count() + 1, run.at
        assert lines_of(data_dir) == [], run.at
        assert again.warnings == [], run.at
        assert (again.uncollected, again.open_pipes, again.standby_preventions) == ([], [], 0)
        assert list((data_dir / "settings").glob("*.damaged")) == [], run.at
        for file in (data_dir / "settings").glob("tomesync-books-*.json"):
            assert json.loads(file.read_text())["files"], run.at
        if run.is_cut:
            cuts += 1
        else:
            assert progress.count() == turned
        # Everything starts afresh.
        again.crash()
        shutil.rmtree(data_dir)
        progress.path.unlink(missing_ok=True)
        tome.received.clear()
    return cuts


@pytest.mark.faults
def test_power_lost_at_any_step_of_a_day_costs_a_few_turns_at_most(
    start: Start, tome: TomeServer, data_dir: Path, novel: Path, progress: Progress
) -> None:
    def a_day() -> None:
        kobo = start()
        kobo.open(novel, pages=PAGES)
        progress.turn(kobo, 5)
        kobo.save_settings()
        kobo.run_lua("ui.tomesync.turns_to_send = 40")  # so that fewer steps lead to the heartbeat
        progress.turn(kobo, 12)
        kobo.wait(10)
        kobo.suspend()
        kobo.resume(slept=7200)
        progress.turn(kobo, 3)
        kobo.close()
        kobo.wait(10)
        kobo.exit()

    assert check_each_cut(a_day, start, tome, data_dir, novel, progress) > 150


@pytest.mark.faults
def test_power_lost_at_any_step_of_the_first_contact_loses_and_doubles_nothing(
    start: Start, tome: TomeServer, data_dir: Path, novel: Path, comic: Path, progress: Progress
) -> None:
    def the_first_contact() -> None:
        kobo = start(is_online=False)
        for book in (novel, comic):
            kobo.open(book, pages=PAGES)
            progress.turn(kobo, 2)
            kobo.close()
        kobo.open(novel, pages=PAGES)
        progress.turn(kobo, 1)
        kobo.save_settings()
        kobo.go_online()
        kobo.wait(10)
        progress.turn(kobo, 1)
        kobo.close()
        kobo.wait(10)

    assert check_each_cut(the_first_contact, start, tome, data_dir, novel, progress) > 60


# --- A full card -----------------------------------------------------------------------------------------------------

# How a write fails: the file cannot be opened, what is written is refused, or it is refused when it is to go out.
WAYS = ("open", "write", "flush")

FULL_CARD = """
local way, first, last = %s, %d, %d
local real_open = io.open
local count = 0
local function refused()
    return nil, "No space left on device", 28
end
local function passed(name)
    return function(self, ...)
        return self.file[name](self.file, ...)
    end
end
io.open = function(path, mode)
    if not (mode or "r"):find("[wa]") or not path:find("/tomesync-", 1, true) then
        return real_open(path, mode)
    end
    count = count + 1
    if count < first or count > last then
        return real_open(path, mode)
    elseif way == "open" then
        return refused()
    end
    local file = { file = assert(real_open(path, mode)) }
    for _, name in ipairs({ "write", "flush", "close", "seek" }) do
        file[name] = passed(name)
    end
    file[way] = refused
    return file
end
"""


def on_a_full_card(plugin_zip: bytes, way: str, first: int, last: int) -> bytes:
    """The plugin on a device on which those of its writes fail."""
    packed = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(plugin_zip)) as plugin, zipfile.ZipFile(packed, "w") as full:
        for entry in plugin.infolist():
            text = plugin.read(entry)
            if entry.filename.endswith("main.lua"):
                text = (FULL_CARD % (json.dumps(way), first, last)).encode() + text
            full.writestr(entry, text)
    return packed.getvalue()


def read_a_day(kobo: KOReader, novel: Path) -> None:
    kobo.open(novel, pages=PAGES)
    kobo.turn_pages(12, seconds_each=20)
    kobo.save_settings()
    kobo.suspend()
    kobo.resume(slept=7200)
    kobo.turn_pages(3, seconds_each=20)
    kobo.close()
    kobo.wait(10)


def turns_told(tome: TomeServer) -> list[int]:
    """Of each session as it came first, which is what a server keeps."""
    told: dict[str, int] = {}
    for session in tome.sessions:
        told.setdefault(session["session_uuid"], session["pages_turned"])
    return list(told.values())


def unexpected(kobo: KOReader) -> list[str]:
    return [warning for warning in kobo.warnings if "cannot write" not in warning]


@pytest.mark.parametrize("way", WAYS)
def test_a_write_that_fails_costs_nothing(
    plugin_zip: bytes, tome: TomeServer, data_dir: Path, novel: Path, way: str
) -> None:
    for number in range(1, 100):
        kobo = KOReader(on_a_full_card(plugin_zip, way, number, number), data_dir, now=DEFAULT_START + 0.5)
        read_a_day(kobo, novel)
        assert turns_told(tome) == [12, 3], number
        assert unexpected(kobo) == []
        did_fail = kobo.warnings != []
        kobo.exit()
        again = KOReader(plugin_zip, data_dir, now=kobo.now)
        again.wait(10)
        assert turns_told(tome) == [12, 3], number
        assert lines_of(data_dir) == [], number
        assert again.warnings == [], number
        shutil.rmtree(data_dir)
        tome.received.clear()
        if not did_fail:
            break
    assert 10 < number < 99


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("first", [1, 4, 8])
def test_a_card_that_stays_full_does_not_keep_from_sending_what_is_in_memory(
    plugin_zip: bytes, tome: TomeServer, data_dir: Path, novel: Path, way: str, first: int
) -> None:
    kobo = KOReader(on_a_full_card(plugin_zip, way, first, 1_000_000), data_dir, now=DEFAULT_START + 0.5)
    read_a_day(kobo, novel)
    read_a_day(kobo, novel)
    assert turns_told(tome) == [12, 3, 12, 3]
    assert kobo.shown == []
    assert unexpected(kobo) == []
    assert kobo.longest_block < 0.5
    kobo.exit()
    again = KOReader(plugin_zip, data_dir, now=kobo.now)
    read_a_day(again, novel)
    assert turns_told(tome) == [12, 3, 12, 3, 12, 3]
    assert lines_of(data_dir) == []
    assert again.warnings == []


def test_nothing_can_be_written_and_nothing_sent_until_the_network_is_back(
    plugin_zip: bytes, tome: TomeServer, data_dir: Path, novel: Path
) -> None:
    full = on_a_full_card(plugin_zip, "write", 1, 1_000_000)
    kobo = KOReader(full, data_dir, now=DEFAULT_START + 0.5, is_online=False)
    for _ in range(3):
        kobo.open(novel, pages=PAGES)
        kobo.turn_pages(5, seconds_each=20)
        kobo.close()
    assert lines_of(data_dir) == []
    kobo.go_online()
    kobo.wait(10)
    assert turns_told(tome) == [5, 5, 5]
    assert unexpected(kobo) == []
