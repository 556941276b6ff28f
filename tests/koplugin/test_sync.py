"""Whatever a server says, flushing raises nothing and only a verdict takes an item out."""

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.koplugin.pure import PureLua, plain

# What only makes requests; there are none here but those that `transport` takes.
KOREADERS = ("ui/network/manager", "ui/uimanager", "ui/time", "ffi/util", "logger")
SOCKETS = ("socket", "socket.http", "socketutil", "ltn12")
LUA = PureLua(empty=[*KOREADERS, *SOCKETS])  # slow to start; no example reaches another: each has its own outbox

SETUP = """
local storage, codec, transport, clock, on_server = ...
local Books, Client, Connection = require("tomesync/books"), require("tomesync/client"), require("tomesync/connection")
local Outbox, Sync = require("tomesync/outbox"), require("tomesync/sync")
local client = Client.new({ server_url = function() return "http://tome" end, api_key = "tk_1", codec = codec })
local connection = Connection.new({ client = client, breaker = require("tomesync/breaker").new(clock) })
function connection:ask(method, path, options)
    return self:note(client:read(transport(client:request(method, path, options.arguments, options.body))))
end
local dracula = { filename = "Dracula.epub", ko_md5 = ("d"):rep(32) }
local outbox, books = Outbox.open(storage, codec), Books.new({})
for _, uuid in ipairs({ "one", "two" }) do
    outbox:record({ session = { session_uuid = uuid, file = dracula, duration_seconds = 60 } })
end
outbox:record({ position = { file = dracula, ko_md5 = dracula.ko_md5, percentage = 0.5 } })
books:match(dracula, { book_id = 12, title = "Dracula" }, 0)
local sync = Sync.new({
    connection = connection,
    outbox = outbox,
    books = books,
    clock = clock,
    device = function() return { id = "kobo-1" } end,
    is_identified = function() return true end,
    on_server = on_server,
})
local word = sync:flush(true)
local counts, known, uuids = outbox:counts(), books:find(dracula), {}
for _, entry in ipairs(outbox.sessions) do
    table.insert(uuids, entry.item.session_uuid)
end
return {
    word = word,
    waiting = counts.sessions + counts.positions,
    positions = counts.positions,
    refused = counts.refused,
    uuids = uuids,
    revision = known and known.revision or -1,
    book_id = known and known.book_id or -1,
}
"""
NOW = 1_763_900_000

words = st.sampled_from(["stored", "duplicate", "ignored", "stale", "refused", "later", "STORED", ""])
scalars = (
    st.none()
    | st.booleans()
    | st.integers(-5, 5)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5)
)
anything = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
)
session_verdicts = st.fixed_dictionaries(
    {"session_uuid": st.sampled_from(["one", "two", "three"]) | anything, "verdict": words | anything},
    optional={"reason": anything},
)
position_verdicts = st.fixed_dictionaries(
    {"verdict": words | anything}, optional={"revision": anything, "reason": anything}
)
answers = anything | st.fixed_dictionaries(
    {},
    optional={
        "sessions": st.lists(session_verdicts | anything, max_size=4) | anything,
        "positions": st.lists(position_verdicts | anything, max_size=3) | anything,
        "server_id": anything,
        "plugin_version": anything,
    },
)


class Disk:
    """A file that the outbox is kept in."""

    def __init__(self) -> None:
        self.text = b""

    def storage(self) -> Any:
        return LUA.table({"read": lambda: self.text, "write": self._write, "keep_aside": lambda _: None})

    def _write(self, content: bytes) -> bool:
        self.text = content
        return True

    def uuids(self) -> set[str]:
        items = [json.loads(line)["item"] for line in self.text.splitlines() if b'"item"' in line]
        return {item["session_uuid"] for item in items if "session_uuid" in item}


def flushed(status: Any, text: bytes) -> tuple[dict[str, Any], Disk]:
    """Two sessions and a place are sent, and all is answered so: what is left of them, here and on the disk."""
    disk, bodies = Disk(), []

    def transport(request: Any) -> Any:
        bodies.append(json.loads(request[b"body"]))
        return status, text

    left = plain(LUA.run(SETUP, disk.storage(), LUA.codec, transport, lambda: NOW, lambda _: None))
    assert 1 <= len(bodies) <= 30
    return left, disk


SPOKEN = {"stored", "duplicate", "ignored", "stale", "refused"}


@settings(max_examples=300, deadline=None)
@given(answer=answers)
def test_only_a_verdict_takes_an_item_out(answer: Any) -> None:
    left, disk = flushed(200, json.dumps(answer).encode())
    verdicts = answer.get("sessions") if isinstance(answer, dict) else None
    spoken = {
        verdict["session_uuid"]
        for verdict in (verdicts if isinstance(verdicts, list) else [])
        if isinstance(verdict, dict)
        and isinstance(verdict.get("session_uuid"), str)
        and isinstance(verdict.get("verdict"), str)
        and verdict["verdict"] in SPOKEN
    }
    assert {"one", "two"} - set(left["uuids"]) <= spoken
    # What was refused stays on the disk for its reader to see.
    assert set(left["uuids"]) <= disk.uuids()


@settings(max_examples=100, deadline=None)
@given(
    status=st.integers(300, 599), text=st.binary(max_size=40) | answers.map(lambda answer: json.dumps(answer).encode())
)
def test_no_answer_with_another_status_takes_anything_out(status: int, text: bytes) -> None:
    left, disk = flushed(status, text)
    assert (left["waiting"], left["refused"]) == (3, 0)
    assert disk.uuids() == {"one", "two"}
    assert left["word"] in ("key", "server", "stranger", "ok")


def place_answered(**verdict: Any) -> dict[str, Any]:
    answer = {"sessions": [], "positions": [verdict]}
    return flushed(200, json.dumps(answer).encode())[0]


def test_the_revision_of_a_stored_place_is_remembered() -> None:
    left = place_answered(verdict="stored", revision=9, book_id=12)
    assert (left["word"], left["positions"], left["revision"]) == ("ok", 0, 9)


def test_the_revision_of_a_stale_place_is_not_taken_for_seen() -> None:
    left = place_answered(verdict="stale", revision=9, book_id=12)
    assert (left["positions"], left["revision"]) == (0, -1)


def test_a_place_that_went_to_another_book_has_its_file_asked_about_again() -> None:
    left = place_answered(verdict="stored", revision=9, book_id=13)
    assert (left["positions"], left["book_id"]) == (0, -1)
