"""The outbox: what is in it survives, and only a verdict takes it out."""

import json
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.koplugin.pure import PureLua, plain

DRACULA = {"filename": "Dracula.epub", "ko_md5": "d" * 32}
CARMILLA = {"filename": "Carmilla.epub", "ko_md5": "c" * 32}
LUA = PureLua()
MOST_SESSIONS = 200


def session(uuid: str, **changes: Any) -> dict[str, Any]:
    return {"session_uuid": uuid, "file": DRACULA, "duration_seconds": 60} | changes


def position(percentage: float, file: dict[str, str] = DRACULA, read_at: str | None = None) -> dict[str, Any]:
    item = {"file": file, "ko_md5": file["ko_md5"], "percentage": percentage}
    return item | ({"read_at": read_at} if read_at else {})


class Outbox:
    """The Lua outbox over a text in memory; `text` is what lies on the disk."""

    def __init__(self, text: str = "") -> None:
        self.text: str = text
        self.aside: list[str] = []
        self.is_disk_full = False
        storage = LUA.table(
            {
                "read": lambda: self.text.encode("utf-8", "surrogateescape"),
                "write": self._write,
                "keep_aside": lambda content: self.aside.append(content.decode("utf-8", "surrogateescape")),
            }
        )
        self.it = LUA.module("outbox")[b"open"](storage, LUA.codec)

    def _write(self, content: bytes) -> Any:
        if self.is_disk_full:
            return None, b"No space left on device"
        self.text = content.decode()
        return True

    def record(self, **what: Any) -> Any:
        return LUA.call(self.it, "record", what)

    def batch(self, most: int = 1000, tried: Iterable[Any] = ()) -> Any:
        is_tried = LUA.table({})
        for entry in tried:
            is_tried[entry] = True
        return LUA.call(self.it, "batch", most, is_tried)

    def entries(self, kind: str = "sessions") -> list[Any]:
        return list(self.batch()[kind.encode()].values())

    def uuids(self, most: int = 1000) -> list[str]:
        return [entry[b"item"][b"session_uuid"].decode() for entry in self.batch(most)[b"sessions"].values()]

    def percentages(self) -> list[float]:
        return [entry[b"item"][b"percentage"] for entry in self.entries("positions")]

    def settle(self, fates: list[tuple[Any, Any]]) -> Any:
        table = LUA.table({})
        for entry, fate in fates:
            table[entry] = LUA.table(fate)
        return LUA.call(self.it, "settle", table)

    def mark_troubled(self, entry: Any) -> None:
        LUA.call(self.it, "mark_troubled", entry)

    def read_at(self, file: dict[str, str] = DRACULA) -> str | None:
        return plain(LUA.call(self.it, "read_at", file))

    def draft(self) -> str | None:
        draft = LUA.call(self.it, "present_draft")
        return draft and draft[b"session_uuid"].decode()

    def is_empty(self) -> bool:
        return LUA.call(self.it, "is_empty")

    def forget_refused(self) -> None:
        LUA.call(self.it, "forget_refused")

    def adopt(self, other: "Outbox") -> Any:
        return LUA.call(self.it, "adopt", other.it)

    def counts(self) -> dict[str, int]:
        """Without those that are 0."""
        return {name: count for name, count in plain(LUA.call(self.it, "counts")).items() if count}

    def lines(self) -> list[Any]:
        return [json.loads(line) for line in self.text.splitlines()]

    def reasons(self) -> list[tuple[str | None, str]]:
        return [
            (line["item"].get("session_uuid"), line["reason"]) for line in self.lines() if line["kind"] == "refused"
        ]

    def reopened(self) -> "Outbox":
        return Outbox(self.text)


@pytest.fixture
def outbox() -> Outbox:
    return Outbox()


def test_nothing_is_in_a_new_one(outbox: Outbox) -> None:
    assert outbox.is_empty()
    assert outbox.counts() == {}
    assert (outbox.uuids(), outbox.percentages(), outbox.aside, outbox.text) == ([], [], [], "")


def test_what_is_recorded_is_there_after_a_restart(outbox: Outbox) -> None:
    is_written, _ = outbox.record(session=session("one"), position=position(0.5))
    assert is_written is True
    again = outbox.reopened()
    assert again.uuids() == ["one"]
    assert again.percentages() == [0.5]
    assert again.aside == []
    assert not again.is_empty()


def test_what_is_read_back_is_what_was_recorded(outbox: Outbox) -> None:
    item = session('é\n\r"\\\u2028', progress_start=0.1 + 0.2, pages_turned=0, timezone="-03:30")
    outbox.record(session=item)
    assert plain(outbox.reopened().entries()[0][b"item"]) == item


def test_of_each_file_only_the_latest_place_waits(outbox: Outbox) -> None:
    outbox.record(position=position(0.1))
    outbox.record(position=position(0.7, CARMILLA))
    outbox.record(position=position(0.2))
    assert outbox.percentages() == [0.7, 0.2]
    assert outbox.reopened().percentages() == [0.7, 0.2]


def test_a_later_place_is_not_taken_for_the_one_that_was_on_its_way(outbox: Outbox) -> None:
    outbox.record(position=position(0.1))
    [on_its_way] = outbox.entries("positions")
    outbox.record(position=position(0.2))
    outbox.settle([(on_its_way, "sent")])
    assert outbox.percentages() == [0.2]


def test_it_tells_when_a_waiting_place_was_read(outbox: Outbox) -> None:
    outbox.record(position=position(0.1, read_at="2025-11-23T12:00:00Z"))
    assert outbox.read_at() == "2025-11-23T12:00:00Z"
    assert outbox.read_at(CARMILLA) is None
    assert outbox.read_at(DRACULA | {"ko_md5": "e" * 32}) is None


def test_a_draft_is_not_sent(outbox: Outbox) -> None:
    outbox.record(draft=session("going on"))
    assert outbox.uuids() == []
    assert outbox.counts() == {}
    assert outbox.is_empty()
    assert outbox.draft() == "going on"


def test_a_draft_becomes_a_session_when_its_program_died(outbox: Outbox) -> None:
    outbox.record(draft=session("cut off"))
    again = outbox.reopened()
    assert again.uuids() == ["cut off"]
    assert again.draft() is None
    again.record(draft=session("going on"))
    assert [line["kind"] for line in again.lines()] == ["session", "draft"]


def test_a_draft_is_the_newest_of_what_a_dead_program_left(outbox: Outbox) -> None:
    outbox.record(session=session("one"))
    outbox.record(draft=session("cut off"))
    assert outbox.reopened().uuids() == ["one", "cut off"]


def test_the_finished_session_takes_its_drafts_place(outbox: Outbox) -> None:
    outbox.record(draft=session("one", duration_seconds=20))
    outbox.record(draft=session("one", duration_seconds=40))
    outbox.record(session=session("one", duration_seconds=60))
    assert outbox.draft() is None
    again = outbox.reopened()
    assert again.uuids() == ["one"]
    assert again.entries()[0][b"item"][b"duration_seconds"] == 60


def test_a_draft_whose_session_is_not_told_is_kept(outbox: Outbox) -> None:
    outbox.record(draft=session("one"))
    outbox.record(position=position(0.5))
    assert outbox.draft() == "one"
    assert outbox.reopened().uuids() == ["one"]
    outbox.record(draft=session("two"))
    assert (outbox.uuids(), outbox.draft()) == (["one"], "two")
    outbox.record(session=session("three"))
    assert outbox.uuids() == ["one", "two", "three"]


def test_a_session_of_another_program_leaves_the_draft_that_comes_with_it(outbox: Outbox) -> None:
    outbox.record(draft=session("going on"))
    outbox.record(session=session("older"), draft=session("going on"))
    assert (outbox.uuids(), outbox.draft()) == (["older"], "going on")


def test_the_same_session_twice_is_there_once_as_it_was_told_last(outbox: Outbox) -> None:
    outbox.record(session=session("one", duration_seconds=20))
    outbox.record(session=session("two"))
    outbox.record(session=session("one", duration_seconds=40))
    assert outbox.uuids() == ["one", "two"]
    assert outbox.reopened().entries()[0][b"item"][b"duration_seconds"] == 40


def test_what_was_sent_goes_and_what_was_refused_is_kept_apart(outbox: Outbox) -> None:
    for uuid in ("one", "two", "three"):
        outbox.record(session=session(uuid))
    one, two, _ = outbox.entries()
    outbox.settle([(one, "sent"), (two, {"refused": "It is too odd."})])
    assert outbox.uuids() == ["three"]
    assert outbox.reasons() == [("two", "It is too odd.")]
    for it in (outbox, outbox.reopened()):
        assert it.counts() == {"sessions": 1, "refused": 1}
        assert it.uuids() == ["three"]


def test_a_refused_place_leaves_the_queue_too(outbox: Outbox) -> None:
    outbox.record(position=position(0.5))
    outbox.settle([(outbox.entries("positions")[0], {"refused": "No such book."})])
    assert outbox.is_empty()
    assert outbox.reasons() == [(None, "No such book.")]


def test_what_was_refused_and_dropped_is_forgotten_when_the_reader_says_so(outbox: Outbox) -> None:
    for number in range(MOST_SESSIONS + 1):
        outbox.record(session=session(str(number)))
    outbox.settle([(outbox.entries()[0], {"refused": "It is too odd."})])
    assert outbox.counts() == {"sessions": MOST_SESSIONS - 1, "refused": 1, "dropped": 1}
    outbox.forget_refused()
    assert outbox.counts() == {"sessions": MOST_SESSIONS - 1}
    assert outbox.reopened().counts() == {"sessions": MOST_SESSIONS - 1}


def test_without_a_verdict_nothing_goes(outbox: Outbox) -> None:
    outbox.record(session=session("one"), position=position(0.5))
    outbox.settle([])
    assert (outbox.uuids(), outbox.percentages()) == (["one"], [0.5])


def test_what_is_recorded_while_a_batch_is_on_its_way_waits(outbox: Outbox) -> None:
    outbox.record(session=session("one"))
    entries = outbox.entries()
    outbox.record(session=session("two"))
    outbox.settle([(entry, "sent") for entry in entries])
    assert outbox.uuids() == ["two"]


def test_a_full_disk_is_told_and_loses_nothing_while_the_program_runs(outbox: Outbox) -> None:
    outbox.is_disk_full = True
    assert outbox.record(session=session("one")) == (None, b"No space left on device")
    assert outbox.uuids() == ["one"]
    outbox.is_disk_full = False
    outbox.record(session=session("two"))
    assert outbox.reopened().uuids() == ["one", "two"]


def test_a_verdict_that_cannot_be_kept_is_no_loss(outbox: Outbox) -> None:
    outbox.record(session=session("one"))
    outbox.is_disk_full = True
    assert outbox.settle([(outbox.entries()[0], "sent")]) == (None, b"No space left on device")
    assert outbox.uuids() == []
    assert outbox.reopened().uuids() == ["one"]


def test_what_json_cannot_hold_costs_no_other(outbox: Outbox) -> None:
    outbox.record(session=session("odd", progress_end=float("nan")))
    outbox.record(session=session("good"))
    assert outbox.uuids() == ["odd", "good"]
    assert outbox.reopened().uuids() == ["good"]


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
        '{"kind":"session","item":{"session_uuid":"one","file":"Dracula.epub"}}',
        '{"kind":"draft","item":{"session_uuid":"one"}}',
        '{"kind":"position","item":{"file":{},"percentage":"half"}}',
        '{"kind":"position","item":{"percentage":0.5}}',
        '{"kind":"refused","item":{"session_uuid":"one"},"reason":"It is too odd."}',
        '{"kind":"dropped","count":"many"}',
        '{"kind":"strange","item":{}}',
    ],
)
@pytest.mark.parametrize("is_first", [True, False])
def test_a_damaged_line_is_kept_aside_and_costs_no_other(damage: str, is_first: bool) -> None:
    good = json.dumps({"kind": "session", "item": session("good")})
    text = f"{damage}\n{good}\n" if is_first else f"{good}\n{damage}"
    outbox = Outbox(text)
    assert outbox.uuids() == ["good"]
    assert outbox.aside == [text]
    assert outbox.counts() == {"sessions": 1}
    assert outbox.reopened().aside == []


@given(st.text(st.characters(codec="utf-8")))
def test_no_file_is_too_damaged_to_be_opened_and_written(text: str) -> None:
    outbox = Outbox(text)
    outbox.record(session=session("new"))
    assert outbox.reopened().uuids() == ["new"]


def test_a_reason_that_is_no_text_is_none() -> None:
    line = {"kind": "refused", "item": session("one"), "reason": {"loc": ["body"]}}
    outbox = Outbox(json.dumps(line))
    outbox.record(session=session("two"))
    assert outbox.reasons() == [("one", "")]


# Its bounds


def test_of_too_many_sessions_the_oldest_are_dropped_and_counted(outbox: Outbox) -> None:
    for number in range(MOST_SESSIONS):
        outbox.record(session=session(str(number)))
    assert outbox.counts() == {"sessions": MOST_SESSIONS}
    outbox.record(session=session("200"))
    assert outbox.reopened().counts() == {"sessions": MOST_SESSIONS, "dropped": 1}
    outbox.record(session=session("201"))
    assert outbox.uuids() == [str(number) for number in range(2, 202)]
    for it in (outbox, outbox.reopened(), outbox.reopened().reopened()):
        assert it.counts() == {"sessions": MOST_SESSIONS, "dropped": 2}


def test_what_is_dropped_after_a_restart_adds_to_what_was_dropped_before(outbox: Outbox) -> None:
    for number in range(MOST_SESSIONS + 2):
        outbox.record(session=session(str(number)))
    again = outbox.reopened()
    again.record(session=session("one more"))
    assert again.reopened().counts() == {"sessions": MOST_SESSIONS, "dropped": 3}


def test_a_draft_that_becomes_one_too_many_drops_the_oldest(outbox: Outbox) -> None:
    for number in range(MOST_SESSIONS):
        outbox.record(session=session(str(number)))
    outbox.record(draft=session("cut off"))
    again = outbox.reopened()
    assert again.counts() == {"sessions": MOST_SESSIONS, "dropped": 1}
    assert (again.uuids()[0], again.uuids()[-1]) == ("1", "cut off")
    assert outbox.reopened().counts() == {"sessions": MOST_SESSIONS, "dropped": 1}


def test_a_file_of_an_older_plugin_that_took_more_is_cut_and_that_is_told() -> None:
    lines = (json.dumps({"kind": "session", "item": session(str(number))}) for number in range(2000))
    assert Outbox("\n".join(lines)).counts() == {"sessions": MOST_SESSIONS, "dropped": 1800}


def test_places_and_refusals_do_not_grow_without_bound(outbox: Outbox) -> None:
    for number in range(250):
        outbox.record(position=position(0.5, {"filename": str(number), "ko_md5": "d"}))
    assert outbox.counts() == {"positions": 200}
    outbox.settle([(entry, {"refused": "No such book."}) for entry in outbox.entries("positions")])
    assert outbox.counts() == {"refused": 50}


# Batches


def test_a_batch_is_no_larger_than_asked_and_takes_the_oldest(outbox: Outbox) -> None:
    for number in range(5):
        outbox.record(session=session(str(number)))
    outbox.record(position=position(0.5))
    assert outbox.uuids(3) == ["0", "1"]


def test_a_batch_leaves_out_what_was_tried(outbox: Outbox) -> None:
    for uuid in ("one", "two", "three"):
        outbox.record(session=session(uuid))
    one, _, three = outbox.entries()
    batch = outbox.batch(tried=[one, three])
    assert [entry[b"item"][b"session_uuid"] for entry in batch[b"sessions"].values()] == [b"two"]


def test_what_the_server_could_not_read_comes_alone_after_all_others(outbox: Outbox) -> None:
    for uuid in ("bad", "good", "worse"):
        outbox.record(session=session(uuid))
    outbox.record(position=position(0.5))
    bad, _, worse = outbox.entries()
    outbox.mark_troubled(bad)
    outbox.mark_troubled(worse)
    outbox = outbox.reopened()
    assert outbox.uuids() == ["good"]
    outbox.settle([(entry, "sent") for entry in [*outbox.entries(), *outbox.entries("positions")]])
    assert outbox.uuids() == ["bad"]
    assert plain(outbox.batch()[b"positions"]) == {}
    assert outbox.counts() == {"sessions": 2}


def test_a_place_that_the_server_could_not_read_comes_alone_as_well(outbox: Outbox) -> None:
    outbox.record(position=position(0.5), session=session("good"))
    [place] = outbox.entries("positions")
    outbox.mark_troubled(place)
    assert (outbox.uuids(), outbox.percentages()) == (["good"], [])
    outbox.settle([(outbox.entries()[0], "sent")])
    assert outbox.percentages() == [0.5]


# What two hold


def test_what_waits_in_another_is_taken_over(outbox: Outbox) -> None:
    outbox.record(session=session("here"))
    other = Outbox()
    other.record(session=session("there"), position=position(0.5))
    other.record(draft=session("going on"))
    assert outbox.adopt(other)[0] is True
    assert (outbox.uuids(), outbox.percentages(), outbox.draft()) == (["here", "there"], [0.5], "going on")
    assert (other.counts(), other.draft(), other.text) == ({}, None, "")
    assert outbox.reopened().uuids() == ["here", "there", "going on"]
    assert other.reopened().uuids() == []


def test_an_empty_one_takes_over_nothing(outbox: Outbox) -> None:
    outbox.record(session=session("one"), position=position(0.5))
    outbox.adopt(Outbox())
    assert (outbox.uuids(), outbox.percentages()) == (["one"], [0.5])


def test_of_two_drafts_neither_is_lost(outbox: Outbox) -> None:
    outbox.record(draft=session("here"))
    other = Outbox()
    other.record(draft=session("there"))
    outbox.adopt(other)
    assert sorted(outbox.reopened().uuids()) == ["here", "there"]


def test_what_was_refused_and_dropped_is_taken_over_with_the_rest(outbox: Outbox) -> None:
    other = Outbox()
    for number in range(MOST_SESSIONS + 3):
        other.record(session=session(str(number)))
    other.settle([(entry, {"refused": "It is too odd."}) for entry in other.entries()[:2]])
    outbox.adopt(other)
    assert outbox.counts() == {"sessions": MOST_SESSIONS - 2, "refused": 2, "dropped": 3}
    assert outbox.reopened().counts() == outbox.counts()
    assert outbox.reasons() == [("3", "It is too odd."), ("4", "It is too odd.")]
    assert other.reopened().counts() == {}


def test_what_two_hold_together_is_bounded_as_well(outbox: Outbox) -> None:
    other = Outbox()
    for number in range(150):
        outbox.record(session=session(f"here {number}"))
        other.record(session=session(f"there {number}"))
    outbox.adopt(other)
    assert outbox.counts() == {"sessions": MOST_SESSIONS, "dropped": 100}
    assert outbox.uuids()[-1] == "there 149"
    for it in (outbox, other):
        for number in range(40):
            it.record(session=session(f"{id(it)} {number}"))
        it.settle([(entry, {"refused": ""}) for entry in it.entries()[-40:]])
    outbox.adopt(other)
    assert outbox.counts()["refused"] == 50


EARLY, LATE = "2025-11-23T12:00:00Z", "2025-11-23T12:00:01Z"


@pytest.mark.parametrize(
    ("here", "there", "stays"),
    [
        (EARLY, LATE, 0.7),
        (LATE, EARLY, 0.2),
        (LATE, LATE, 0.2),
        (None, LATE, 0.7),
        (LATE, None, 0.2),
    ],
)
def test_of_two_places_the_one_that_was_read_later_stays(
    outbox: Outbox, here: str | None, there: str | None, stays: float
) -> None:
    outbox.record(position=position(0.2, read_at=here))
    other = Outbox()
    other.record(position=position(0.7, read_at=there))
    other.record(position=position(0.9, CARMILLA, read_at=EARLY))
    outbox.adopt(other)
    assert sorted(outbox.percentages()) == [stays, 0.9]


@pytest.mark.parametrize("read_at", [7, True, {}])
def test_a_time_that_is_none_hinders_no_taking_over(outbox: Outbox, read_at: Any) -> None:
    outbox.record(position=position(0.2, read_at=EARLY))
    other = Outbox()
    other.record(position=position(0.7) | {"read_at": read_at}, session=session("there"))
    outbox.adopt(other)
    assert (outbox.uuids(), outbox.percentages()) == (["there"], [0.2])


def test_a_full_disk_leaves_with_the_other_what_it_had(outbox: Outbox) -> None:
    other = Outbox()
    other.record(session=session("there"))
    outbox.is_disk_full = True
    assert outbox.adopt(other) == (None, b"No space left on device")
    assert outbox.uuids() == ["there"]
    assert other.reopened().uuids() == ["there"]


@pytest.mark.parametrize("dies", ["before both", "between", "after both"])
def test_a_crash_while_taking_over_loses_and_doubles_nothing(outbox: Outbox, dies: str) -> None:
    outbox.record(session=session("here"))
    other = Outbox()
    other.record(session=session("there"), position=position(0.5, read_at=EARLY))
    other.settle([(other.entries()[0], {"refused": "It is too odd."})])
    other.record(session=session("waiting"))
    other.record(draft=session("going on"))
    outbox.is_disk_full = dies == "before both"
    other.is_disk_full = dies == "between"
    outbox.adopt(other)
    here, there = outbox.reopened(), other.reopened()
    here.adopt(there)
    assert sorted(here.uuids()) == ["going on", "here", "waiting"]
    assert here.percentages() == [0.5]
    assert here.reasons() == [("there", "It is too odd.")]
    assert there.reopened().counts() == {}


UUIDS = st.sets(st.sampled_from("abcdef"))


@given(UUIDS, UUIDS)
def test_whatever_two_hold_is_there_once(here: set[str], there: set[str]) -> None:
    outbox, other = Outbox(), Outbox()
    for uuid in sorted(here):
        outbox.record(session=session(uuid))
    for uuid in sorted(there):
        other.record(session=session(uuid))
    outbox.adopt(other)
    assert sorted(outbox.reopened().uuids()) == sorted(here | there)


STEPS = st.lists(
    st.one_of(
        st.just(("session", None)),
        st.just(("keep", None)),
        st.just(("end", None)),
        st.just(("place", None)),
        st.just(("reopen", None)),
        st.tuples(st.just("settle"), st.lists(st.sampled_from(["sent", "refused", "silence"]), max_size=6)),
    ),
    max_size=30,
)


@given(STEPS)
def test_whatever_happens_no_session_without_a_verdict_is_lost_and_none_is_there_twice(
    steps: list[tuple[str, Any]],
) -> None:
    outbox = Outbox()
    waiting: list[str] = []
    refused: list[str] = []
    draft: str | None = None
    for number, (step, detail) in enumerate(steps):
        if step == "session":
            outbox.record(session=session(str(number)))
            waiting += [draft, str(number)] if draft else [str(number)]
            draft = None
        elif step == "keep":
            draft = draft or str(number)
            outbox.record(draft=session(draft, duration_seconds=number))
        elif step == "end" and draft:
            outbox.record(session=session(draft, duration_seconds=number), position=position(0.5))
            waiting.append(draft)
            draft = None
        elif step == "place":
            outbox.record(position=position(number / 100))
        elif step == "reopen":
            outbox = outbox.reopened()
            waiting += [draft] if draft else []
            draft = None
        elif step == "settle":
            fates = list(zip(outbox.entries(), detail, strict=False))
            outbox.settle(
                [(entry, {"refused": ""} if fate == "refused" else fate) for entry, fate in fates if fate != "silence"]
            )
            verdicts = dict(zip(waiting, detail, strict=False))
            refused += [uuid for uuid, fate in verdicts.items() if fate == "refused"]
            waiting = [uuid for uuid in waiting if verdicts.get(uuid, "silence") == "silence"]
        assert outbox.uuids() == waiting
        assert outbox.draft() == draft
        on_disk = [line["item"]["session_uuid"] for line in outbox.lines() if line["kind"] in ("session", "draft")]
        assert on_disk == waiting + ([draft] if draft else [])
        assert [uuid for uuid, _ in outbox.reasons()] == refused
    assert outbox.aside == []
