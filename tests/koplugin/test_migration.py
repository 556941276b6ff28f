"""What earlier plugins have left on a device: the sessions that they could not send, once, and nothing else."""

import hashlib
import json
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.koplugin.koreader import partial_md5
from tests.koplugin.line import Line
from tests.koplugin.steps import StartDevice, open_book, reconnect

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def start(start_device: StartDevice) -> StartDevice:
    """Ada's Kobo, whose clock is right."""
    return partial(start_device, hours_ago=0)


def iso(hours_ago: float) -> str:
    return datetime.fromtimestamp(time.time() - hours_ago * 3600, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def session(book_id: int, *, hours_ago: float = 30, **fields: Any) -> dict[str, Any]:
    return {
        "book_id": book_id,
        "started_at": iso(hours_ago),
        "ended_at": iso(hours_ago - 0.5),
        "duration_seconds": 1500,
        "progress_start": 0.1,
        "progress_end": 0.25,
        "pages_turned": 42,
        "device": "Kobo",
        "session_uuid": str(uuid.uuid4()),
    } | fields


def stored_sessions() -> list[Any]:
    from reading.models import Session

    return list(Session.objects.order_by("started_at"))


def as_lua(value: Any) -> str:
    if isinstance(value, dict):
        items = ", ".join(f"[{as_lua(key)}] = {as_lua(item)}" for key, item in value.items())
        return f"{{ {items} }}"
    if isinstance(value, list):
        return "{ " + ", ".join(as_lua(item) for item in value) + " }"
    return json.dumps(value)


@pytest.fixture(params=["KOReader's settings", "a file of its own"])
def leave(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[..., dict[str, Any]]:
    """Leaves the older plugin's things in one of its two places; answers what to start KOReader with."""

    def leave(**things: Any) -> dict[str, Any]:
        if request.param == "KOReader's settings":
            return {"global_settings": things}
        path = tmp_path / "kobo" / "settings" / "tomesync_state.lua"
        path.parent.mkdir(parents=True)
        path.write_text(f"-- {path}\nreturn {as_lua(things)}\n", "utf-8")
        return {}

    return leave


def test_what_the_older_plugin_could_not_send_is_sent_once_for_the_books_that_are_still_there(
    start: StartDevice,
    leave: Callable[..., dict[str, Any]],
    line: Line,
    book: Any,
    library_novel: Path,
    strange_book: Path,
) -> None:
    # The ids are another server's, and one of them is a book's here by accident.
    kept = [session(900, hours_ago=30), session(900, hours_ago=20)]
    left = leave(
        tomesync_book_map={str(library_novel): 900, str(strange_book): 901, "/mnt/onboard/gone.epub": book.pk},
        tomesync_pending_sessions=[*kept, session(901), session(book.pk), session(902)],
        tomesync_server_url="http://192.0.2.1",
        tomesync_api_key="tk_old",
        tomesync_enabled=False,
        tomesync_pending_positions=[{"book_id": 900, "percentage": 0.9}],
    )
    kobo = start(**left)
    reconnect(kobo, seconds=20)
    assert [(each.uuid, each.book, each.pages, each.seconds) for each in stored_sessions()] == [
        (each["session_uuid"], book, 42, 1500) for each in kept
    ]
    assert kobo.waiting() == []
    assert all(request.path.startswith("/api/") for request in kobo.requests)
    line.paths()

    for _ in range(2):
        kobo.exit()
        kobo = start(**left)
        reconnect(kobo, seconds=20)
    assert len(stored_sessions()) == 2
    assert "GET /resolve" not in line.paths()
    assert "POST /sync" not in line.paths()
    assert kobo.warnings == []


def test_nothing_else_of_it_is_taken(
    start: StartDevice, leave: Callable[..., dict[str, Any]], line: Line, library_novel: Path
) -> None:
    from reading.models import PositionWrite

    left = leave(
        tomesync_book_map={str(library_novel): 900},
        tomesync_server_url="http://192.0.2.1",
        tomesync_api_key="tk_old",
        tomesync_enabled=False,
        tomesync_device_name="An old name",
        tomesync_pending_positions=[{"book_id": 900, "percentage": 0.9}],
    )
    kobo = start(**left)
    reconnect(kobo, seconds=20)
    assert f"Server address: {line.url}" in kobo.menu_of("Settings")
    assert "Device name: Kobo_io" in kobo.menu_of("Settings")
    open_book(kobo, library_novel)
    assert "Enabled" in kobo.menu
    assert "This book: A Study in Scarlet" in kobo.menu, "as this server says"
    assert not PositionWrite.objects.exists()
    assert kobo.outbox() == []


def test_it_waits_until_there_is_a_network_and_through_a_restart(
    start: StartDevice, leave: Callable[..., dict[str, Any]], line: Line, book: Any, library_novel: Path
) -> None:
    left = leave(tomesync_book_map={str(library_novel): 900}, tomesync_pending_sessions=[session(900)])
    kobo = start(is_online=False, **left)
    kobo.wait(30)
    assert (kobo.wifi_asked, line.paths()) == (0, [])
    kobo.crash()
    line.break_with("refused")
    kobo = start(**left)
    kobo.wait(30)
    assert stored_sessions() == []
    kobo.crash()
    line.mend()
    kobo = start()
    reconnect(kobo, seconds=20)
    [told] = stored_sessions()
    assert told.book == book


def test_a_lost_reply_leaves_it_stored_once(
    start: StartDevice, leave: Callable[..., dict[str, Any]], line: Line, library_novel: Path
) -> None:
    left = leave(tomesync_book_map={str(library_novel): 900}, tomesync_pending_sessions=[session(900)])
    kobo = start(is_online=False, **left)
    line.break_with("lost reply")
    kobo.go_online()
    kobo.wait(30)
    kobo.crash()
    line.mend()
    kobo = start()
    reconnect(kobo, seconds=20)
    assert len(stored_sessions()) == 1
    assert kobo.waiting() == []


GARBAGE: list[Any] = [
    "a text",
    7,
    True,
    [],
    {},
    [1, "two", [3], {"four": {"five": [6]}}],
    {"a": {"b": {"c": 1}}},
    [{"book_id": {"x": 1}, "session_uuid": 5, "started_at": ["x"]}],
    [{"book_id": 900, "session_uuid": "u", "started_at": "yesterday", "duration_seconds": {"x": 1}}],
]


@pytest.mark.parametrize("sessions", GARBAGE, ids=repr)
@pytest.mark.parametrize("book_map", ["as it should be", *GARBAGE[:7]], ids=repr)
def test_garbage_in_its_place_disturbs_nothing(
    start: StartDevice, library_novel: Path, sessions: Any, book_map: Any
) -> None:
    books = {str(library_novel): 900} if book_map == "as it should be" else book_map
    kobo = start(global_settings={"tomesync_book_map": books, "tomesync_pending_sessions": sessions}, is_online=False)
    kobo.go_online()
    kobo.wait(10)
    assert kobo.menu
    assert stored_sessions() == []
    assert [entry for entry in kobo.outbox() if entry["kind"] != "refused"] == []
    assert kobo.warnings == []


@pytest.mark.parametrize("content", ["return 7", "return 'text'", "return nil", "this is no Lua", "error('x')", ""])
def test_a_damaged_file_of_its_own_does_not_keep_the_plugin_from_starting(
    start: StartDevice, tmp_path: Path, content: str
) -> None:
    path = tmp_path / "kobo" / "settings" / "tomesync_state.lua"
    path.parent.mkdir(parents=True)
    path.write_text(content, "utf-8")
    kobo = start()
    kobo.wait(10)
    assert "Browse series" in kobo.menu


@pytest.mark.parametrize("stored", ['"text"', "{ 1 }", "{ {} }", "{ { file = 3 } }", "{ { file = {} } }"])
def test_what_is_kept_of_it_may_be_damaged_and_stops_no_sync(
    start: StartDevice, library_novel: Path, stored: str
) -> None:
    kobo = start(is_online=False)
    kobo.run_lua(f'require("tomesync/service").get().settings:set("older_sessions", {stored})')
    kobo.open(library_novel, pages=100)
    kobo.turn_pages(5)
    kobo.close()
    kobo.go_online()
    kobo.wait(10)
    assert kobo.waiting() == []
    assert len(stored_sessions()) == 1
    assert kobo.warnings == []


# --- Version 8, whose outbox was the reader's, whatever the server


def outbox_of_version_8(data_dir: Path, *entries: dict[str, Any]) -> Path:
    name = hashlib.md5(b"ada").hexdigest()[:8]
    path = data_dir / "settings" / f"tomesync-outbox-{name}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(entry) + "\n" for entry in entries), "utf-8")
    return path


def entry(path: Path, kind: str = "session", **fields: Any) -> dict[str, Any]:
    file = {"filename": path.name, "ko_md5": partial_md5(path), "size": path.stat().st_size}
    return {"kind": kind, "item": {"file": file, "ko_md5": file["ko_md5"]} | fields}


def test_the_outbox_of_version_8_is_taken_over_with_all_that_is_in_it(
    start: StartDevice, tmp_path: Path, book: Any, library_novel: Path
) -> None:
    from reading.models import Position

    session_, draft = session(0, hours_ago=30), session(0, hours_ago=20)
    for each in (session_, draft):
        del each["book_id"]
    path = outbox_of_version_8(
        tmp_path / "kobo",
        entry(library_novel, "position", percentage=0.25, read_at=iso(29.5)),
        entry(library_novel, **session_),
        entry(library_novel, "draft", **draft),
        {"kind": "refused", "item": entry(library_novel, **session(0))["item"], "reason": "It is too long."},
    )
    kobo = start(is_online=False)
    assert not path.exists()
    assert sorted(each["kind"] for each in kobo.outbox()) == ["position", "refused", "session", "session"]
    kobo.exit()
    kobo = start()
    reconnect(kobo, seconds=20)
    assert [each.uuid for each in stored_sessions()] == [session_["session_uuid"], draft["session_uuid"]]
    assert {each.book for each in stored_sessions()} == {book}
    assert Position.objects.get().percentage == 0.25
    assert kobo.waiting() == []
    kobo.open(library_novel)
    kobo.tap("Pending sessions")
    assert "It is too long." in kobo.windows[-1].text
    assert kobo.warnings == []


def test_a_damaged_outbox_of_version_8_gives_what_is_whole(
    start: StartDevice, tmp_path: Path, library_novel: Path
) -> None:
    whole = session(0)
    path = outbox_of_version_8(tmp_path / "kobo", entry(library_novel, **whole))
    path.write_text(path.read_text("utf-8") + '{"kind": "session", "item": {"sess\n[1, 2]\nnull\n', "utf-8")
    kobo = start(is_online=False)
    assert [each["item"]["session_uuid"] for each in kobo.waiting()] == [whole["session_uuid"]]


def test_what_cannot_be_written_anew_stays_in_the_outbox_of_version_8_for_the_next_start(
    start: StartDevice, tmp_path: Path, line: Line, library_novel: Path
) -> None:
    whole = session(0)
    path = outbox_of_version_8(tmp_path / "kobo", entry(library_novel, **whole))
    # What is to be written first cannot be: a folder is in its place.
    owner = hashlib.md5(f"{line.url} ada".encode()).hexdigest()[:8]
    obstacle = tmp_path / "kobo" / "settings" / f"tomesync-outbox-{owner}.jsonl.new"
    obstacle.mkdir()
    kobo = start(is_online=False)
    assert "cannot write" in "".join(kobo.warnings)
    assert path.exists()
    kobo.crash()
    obstacle.rmdir()
    kobo = start(is_online=False)
    assert [each["item"]["session_uuid"] for each in kobo.waiting()] == [whole["session_uuid"]]
    assert not path.exists()
