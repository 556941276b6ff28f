"""Whatever a server says, flushing raises nothing and only a verdict takes an item out."""

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.koplugin.pure import PureLua
from tests.koplugin.test_outbox import Outbox, position, session

SETUP = """
local outbox, codec, transport, clock = ...
local Client, Places, Sync = require("tomesync/client"), require("tomesync/places"), require("tomesync/sync")
local client = Client.new({ server_url = "http://tome", api_key = "tk_1", codec = codec, transport = transport })
local places = Places.new({})
local sync = Sync.new({ outbox = outbox, client = client, places = places, clock = clock, device = { id = "kobo-1" } })
return function(is_asked) return sync:flush(is_asked) end, function(md5) return places:revision(md5) end
"""

LUA = PureLua()  # slow to start; nothing of one example reaches another: each makes its own outbox

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


def filled_outbox() -> Outbox:
    outbox = Outbox(LUA)
    for uuid in ("one", "two"):
        outbox.record(session=session(uuid))
    outbox.record(position=position(0.5))
    return outbox


def flush(outbox: Outbox, status: Any, text: bytes) -> tuple[str, Any]:
    calls = []

    def transport(request: Any) -> Any:
        calls.append(json.loads(request[b"body"]))
        return status, text

    flush_, revision = LUA.run(SETUP, outbox.it, LUA.codec, transport, lambda: 1_763_900_000)
    word = flush_(True)
    assert len(calls) <= 30
    return word.decode(), revision


SPOKEN = {"stored", "duplicate", "ignored", "stale", "refused"}


@settings(max_examples=300, deadline=None)
@given(answer=answers)
def test_only_a_verdict_takes_an_item_out(answer: Any) -> None:
    outbox = filled_outbox()
    flush(outbox, 200, json.dumps(answer).encode())
    verdicts = answer.get("sessions") if isinstance(answer, dict) else None
    spoken = {
        verdict["session_uuid"]
        for verdict in (verdicts if isinstance(verdicts, list) else [])
        if isinstance(verdict, dict)
        and isinstance(verdict.get("session_uuid"), str)
        and isinstance(verdict.get("verdict"), str)
        and verdict["verdict"] in SPOKEN
    }
    assert {"one", "two"} - set(outbox.uuids()) <= spoken
    assert set(outbox.reopened().uuids()) == set(outbox.uuids())


@settings(max_examples=100, deadline=None)
@given(
    status=st.integers(300, 599), text=st.binary(max_size=40) | answers.map(lambda answer: json.dumps(answer).encode())
)
def test_no_answer_with_another_status_takes_anything_out(status: int, text: bytes) -> None:
    outbox = filled_outbox()
    word, _ = flush(outbox, status, text)
    assert outbox.counts() == (3, 0)
    assert word in ("key", "server", "stranger", "ok")


def test_the_revision_of_a_stored_place_is_remembered() -> None:
    outbox = filled_outbox()
    answer = {"sessions": [], "positions": [{"verdict": "stored", "revision": 9}]}
    word, revision = flush(outbox, 200, json.dumps(answer).encode())
    assert word == "ok"
    assert revision(b"d" * 32) == 9


def test_the_revision_of_a_stale_place_is_not_taken_for_seen() -> None:
    outbox = filled_outbox()
    answer = {"sessions": [], "positions": [{"verdict": "stale", "revision": 9}]}
    _, revision = flush(outbox, 200, json.dumps(answer).encode())
    assert revision(b"d" * 32) is None
    assert outbox.percentages() == []


def test_a_transport_that_raises_is_a_network_that_failed() -> None:
    outbox = filled_outbox()

    def broken(_: Any) -> Any:
        raise RuntimeError("the socket is gone")

    flush_, _ = LUA.run(SETUP, outbox.it, LUA.codec, broken, lambda: 1_763_900_000)
    assert flush_(True) == b"network"
    assert outbox.counts()[0] == 3
