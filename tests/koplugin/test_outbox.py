"""The outbox: what is in it survives, and only a verdict takes it out."""

import json
from typing import Any

import pytest

from tests.koplugin.pure import PureLua, plain

DRACULA = {"filename": "Dracula.epub", "ko_md5": "d" * 32}
CARMILLA = {"filename": "Carmilla.epub", "ko_md5": "c" * 32}


def session(uuid: str) -> dict[str, Any]:
    return {"session_uuid": uuid, "file": DRACULA, "duration_seconds": 60}


def position(percentage: float, file: dict[str, str] = DRACULA) -> dict[str, Any]:
    return {"file": file, "ko_md5": file["ko_md5"], "percentage": percentage}


class Outbox:
    """The Lua outbox over a text in memory; `text` is what lies on the disk."""

    def __init__(self, lua: PureLua, text: str = "") -> None:
        self.lua = lua
        self.text: str = text
        self.aside: list[str] = []
        self.is_disk_full = False
        storage = lua.table(
            {
                "read": lambda: self.text.encode("utf-8", "surrogateescape"),
                "write": self._write,
                "keep_aside": lambda content: self.aside.append(content.decode("utf-8", "surrogateescape")),
            }
        )
        self.module = lua.run('return require("tomesync/outbox")')
        self.it = self.module[b"open"](storage, lua.codec)

    def _write(self, content: bytes) -> Any:
        if self.is_disk_full:
            return None, b"No space left on device"
        self.text = content.decode()
        return True

    def record(self, **what: Any) -> Any:
        return self.module[b"record"](self.it, self.lua.table(what))

    def batch(self, most: int = 100) -> Any:
        return self.module[b"batch"](self.it, most, self.lua.table({}))

    def uuids(self, most: int = 100) -> list[str]:
        return [entry[b"item"][b"session_uuid"].decode() for entry in self.batch(most)[b"sessions"].values()]

    def percentages(self) -> list[float]:
        return [entry[b"item"][b"percentage"] for entry in self.batch()[b"positions"].values()]

    def settle(self, fates: list[tuple[Any, Any]]) -> None:
        table = self.lua.table({})
        for entry, fate in fates:
            table[entry] = self.lua.table(fate)
        self.module[b"settle"](self.it, table)

    def mark_troubled(self, entry: Any) -> None:
        self.module[b"mark_troubled"](self.it, entry)

    def counts(self) -> tuple[int, int]:
        return self.module[b"counts"](self.it)

    def lines(self) -> list[Any]:
        return [json.loads(line) for line in self.text.splitlines()]

    def reopened(self) -> "Outbox":
        return Outbox(self.lua, self.text)


@pytest.fixture
def lua() -> PureLua:
    return PureLua()


@pytest.fixture
def outbox(lua: PureLua) -> Outbox:
    return Outbox(lua)


def test_what_is_recorded_is_there_after_a_restart(outbox: Outbox) -> None:
    outbox.record(session=session("one"), position=position(0.5))
    again = outbox.reopened()
    assert again.uuids() == ["one"]
    assert again.percentages() == [0.5]
    assert again.aside == []


def test_of_each_file_only_the_latest_place_waits(outbox: Outbox) -> None:
    outbox.record(position=position(0.1))
    outbox.record(position=position(0.7, CARMILLA))
    outbox.record(position=position(0.2))
    assert outbox.percentages() == [0.7, 0.2]


def test_a_draft_is_not_sent(outbox: Outbox) -> None:
    outbox.record(draft=session("going on"))
    assert outbox.uuids() == []
    assert outbox.counts() == (0, 0)


def test_a_draft_becomes_a_session_when_its_program_died(outbox: Outbox) -> None:
    outbox.record(draft=session("cut off"))
    assert outbox.reopened().uuids() == ["cut off"]


def test_the_finished_session_takes_its_drafts_place(outbox: Outbox) -> None:
    outbox.record(draft=session("one"))
    outbox.record(session=session("one"))
    assert outbox.reopened().uuids() == ["one"]


def test_what_was_sent_goes_and_what_was_refused_is_kept_apart(outbox: Outbox) -> None:
    for uuid in ("one", "two", "three"):
        outbox.record(session=session(uuid))
    one, two, _ = outbox.batch()[b"sessions"].values()
    outbox.settle([(one, "sent"), (two, {"refused": "It is too odd."})])
    assert outbox.uuids() == ["three"]
    assert outbox.counts() == (1, 1)
    assert [(line["kind"], line.get("reason")) for line in outbox.lines()] == [
        ("session", None),
        ("refused", "It is too odd."),
    ]
    assert outbox.reopened().counts() == (1, 1)


def test_a_full_disk_is_told_and_loses_nothing_while_the_program_runs(outbox: Outbox) -> None:
    outbox.is_disk_full = True
    assert outbox.record(session=session("one")) == (None, b"No space left on device")
    assert outbox.uuids() == ["one"]
    outbox.is_disk_full = False
    outbox.record(session=session("two"))
    assert outbox.reopened().uuids() == ["one", "two"]


@pytest.mark.parametrize(
    "damage",
    [
        '{"kind":"session","item":{"session_uuid":"cut o',
        "\x00\x00\x00\x00",
        "\udcff\udcfe",
        "[]",
        "null",
        '"text"',
        '{"kind":"session"}',
        '{"kind":"session","item":{"session_uuid":7,"file":{}}}',
        '{"kind":"position","item":{"file":{},"percentage":"half"}}',
        '{"kind":"strange","item":{}}',
    ],
)
def test_a_damaged_line_is_kept_aside_and_costs_no_other(lua: PureLua, damage: str) -> None:
    good = json.dumps({"kind": "session", "item": session("good")})
    outbox = Outbox(lua, f"{damage}\n{good}\n")
    assert outbox.uuids() == ["good"]
    assert outbox.aside == [f"{damage}\n{good}\n"]
    assert outbox.reopened().aside == []


def test_it_does_not_grow_without_bound(lua: PureLua) -> None:
    line = json.dumps({"kind": "session", "item": session("old")})
    outbox = Outbox(lua, f"{line}\n" * 2000)
    outbox.record(session=session("newest"))
    assert outbox.counts() == (2000, 0)
    assert outbox.uuids(3000)[-1] == "newest"


def test_a_batch_is_no_larger_than_asked_and_takes_the_oldest(outbox: Outbox) -> None:
    for number in range(5):
        outbox.record(session=session(str(number)))
    outbox.record(position=position(0.5))
    assert outbox.uuids(3) == ["0", "1"]


def test_what_the_server_could_not_read_comes_alone_after_all_others(outbox: Outbox) -> None:
    for uuid in ("bad", "good"):
        outbox.record(session=session(uuid))
    bad = outbox.batch()[b"sessions"][1]
    outbox.mark_troubled(bad)
    outbox = outbox.reopened()
    assert outbox.uuids() == ["good"]
    outbox.settle([(outbox.batch()[b"sessions"][1], "sent")])
    assert outbox.uuids() == ["bad"]
    assert plain(outbox.batch()[b"positions"]) == {}
