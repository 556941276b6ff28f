"""Pending sessions: what waits, what the server refused and why, what was dropped, and why nothing goes out."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.koplugin.koreader import KOReader
from tests.koplugin.line import Line
from tests.koplugin.steps import StartDevice, open_book

pytestmark = pytest.mark.django_db(transaction=True)


def read(kobo: KOReader, path: Path, pages: int, title: str = "") -> None:
    open_book(kobo, path, title=title)
    kobo.turn_pages(pages, seconds_each=60)
    kobo.close()


def count(kobo: KOReader) -> str:
    [item] = [item for item in kobo.menu if item.startswith("Pending sessions")]
    return item.text


def details(kobo: KOReader) -> list[str]:
    kobo.tap("Pending sessions")
    return kobo.windows[-1].text.splitlines()


def record(kobo: KOReader, number: int, **fields: str) -> None:
    """Have a session lie in the outbox of which the device alone knows how it came there."""
    given = {"started_at": "2025-11-20T10:00:00Z", "ended_at": "2025-11-20T10:05:00Z"} | fields
    texts = ", ".join(f'{name} = "{value}"' for name, value in given.items())
    kobo.run_lua(
        f"""require("tomesync/service").get().outbox:record({{ session = {{
            session_uuid = "{number:08d}-0000-4000-8000-000000000000", duration_seconds = 300, {texts},
            file = {{ filename = "Ulysses {number}.epub", title = "Ulysses, %{number}" }},
        }} }})"""
    )


def shown_time(seconds: float) -> str:
    return datetime.fromtimestamp(int(seconds)).strftime("%Y-%m-%d %H:%M")


def test_where_nothing_waits_it_says_so(start_device: StartDevice, library_novel: Path) -> None:
    kobo = start_device()
    open_book(kobo, library_novel)
    assert count(kobo) == "Pending sessions (0)"
    assert details(kobo) == ["No session waits to be sent."]
    assert kobo.windows[-1].buttons == ["Close", "Send now"]


def test_what_waits_is_told_with_times_titles_and_minutes(
    start_device: StartDevice, library_novel: Path, strange_book: Path
) -> None:
    kobo = start_device(is_online=False)
    first = kobo.now
    read(kobo, library_novel, 5, title="A Study in Scarlet")
    kobo.wait(3600)
    second = kobo.now
    read(kobo, strange_book, 12)
    open_book(kobo, library_novel)
    assert count(kobo) == "Pending sessions (2)"
    assert details(kobo) == [
        "2 sessions wait to be sent:",
        f"• {shown_time(first)}, A Study in Scarlet: 5 min",
        f"• {shown_time(second)}, Strange Tales.epub: 12 min",
        "2 places in books wait, too.",
    ]
    assert kobo.wifi_asked == 0


def test_of_many_the_newest_are_told(start_device: StartDevice, library_novel: Path) -> None:
    kobo = start_device(is_online=False)
    for number in range(1, 10):
        record(kobo, number)
    open_book(kobo, library_novel)
    told = details(kobo)
    assert told[0] == "9 sessions wait to be sent:"
    assert [line.partition(", %")[2] for line in told[1:7]] == [f"{number}: 5 min" for number in range(4, 10)]
    assert told[7:] == ["… and 3 older ones."]


def test_send_now_sends_it_and_says_so(start_device: StartDevice, library_novel: Path) -> None:
    from reading.models import Session

    kobo = start_device(is_online=False)
    read(kobo, library_novel, 5)
    open_book(kobo, library_novel)
    details(kobo)
    kobo.press("Send now")
    assert kobo.wifi_asked == 1
    kobo.go_online()
    kobo.wait(10)
    assert count(kobo) == "Pending sessions (0)"
    assert Session.objects.count() == 1
    assert kobo.warnings == []


def test_closing_it_sends_nothing(start_device: StartDevice, line: Line, library_novel: Path) -> None:
    kobo = start_device(is_online=False)
    read(kobo, library_novel, 5)
    open_book(kobo, library_novel)
    for leave in (lambda: kobo.press("Close"), kobo.dismiss):
        details(kobo)
        leave()
        assert kobo.windows == []
    assert (kobo.wifi_asked, line.paths(), count(kobo)) == (0, [], "Pending sessions (1)")


def test_what_the_server_refused_is_told_with_its_reason_until_it_is_forgotten(
    start_device: StartDevice, library_novel: Path
) -> None:
    kobo = start_device()
    record(kobo, 1, started_at="yesterday")
    record(kobo, 2)
    open_book(kobo, library_novel)
    assert count(kobo) == "Pending sessions (0)"
    assert details(kobo) == [
        "No session waits to be sent.",
        "The server has refused 1 item:",
        "• Ulysses, %1: started_at is no ISO 8601 time with Z or an offset.",
    ]
    kobo.press("Close")
    kobo.crash()
    kobo = start_device()
    open_book(kobo, library_novel)
    assert len(details(kobo)) == 3
    kobo.press("Forget what was refused")
    assert kobo.windows == []
    assert details(kobo) == ["No session waits to be sent."]
    kobo.crash()
    kobo = start_device()
    open_book(kobo, library_novel)
    assert details(kobo) == ["No session waits to be sent."]
    assert kobo.warnings == []


def test_sync_now_does_not_call_sent_what_was_refused(start_device: StartDevice, library_novel: Path) -> None:
    kobo = start_device()
    open_book(kobo, library_novel)
    kobo.wait(5)
    for number, started_at in enumerate(["yesterday", "2025-11-20T10:00:00Z", "2025-11-20T11:00:00Z"], 1):
        record(kobo, number, started_at=started_at)
    kobo.tap("Sync now")
    kobo.wait(10)
    assert kobo.windows[-1].text == "Synced with Tome.\n2 sessions were sent.\nThe server has refused 1 item."


def test_what_was_dropped_is_told_until_it_is_forgotten(start_device: StartDevice, library_novel: Path) -> None:
    kobo = start_device(is_online=False)
    for number in range(1, 204):
        record(kobo, number)
    open_book(kobo, library_novel)
    assert count(kobo) == "Pending sessions (200)"
    assert details(kobo)[-1] == "3 sessions were dropped, because more than 200 were waiting."
    kobo.press("Forget what was dropped")
    told = details(kobo)
    assert told[0] == "200 sessions wait to be sent:"
    assert not any("dropped" in line for line in told)


@pytest.mark.parametrize(
    ("fault", "said"),
    [("refused", "Nothing answers at the server's address."), ("login page", "A web page answered instead of Tome.")],
)
def test_the_last_error_is_told_until_it_is_over(
    start_device: StartDevice, line: Line, library_novel: Path, fault: Any, said: str
) -> None:
    kobo = start_device()
    line.break_with(fault)
    read(kobo, library_novel, 5)
    kobo.wait(10)
    open_book(kobo, library_novel)
    assert details(kobo)[-1].startswith(f"Last error: {said}")
    line.mend()
    kobo.press("Send now")
    kobo.wait(10)
    kobo.dismiss()
    assert details(kobo) == ["No session waits to be sent."]


def test_odd_things_in_the_outbox_are_shown_as_far_as_they_can_be(
    start_device: StartDevice, library_novel: Path
) -> None:
    kobo = start_device(is_online=False)
    kobo.run_lua(
        """
        local outbox = require("tomesync/service").get().outbox
        outbox:record({ session = { session_uuid = "1", file = { title = { 1 }, filename = 7 }, started_at = { 2 } } })
        outbox:record({ session = { session_uuid = "2", file = {}, duration_seconds = "long", started_at = "soon" } })
        table.insert(outbox.refused, { kind = "refused", item = { file = { title = "" } }, reason = "" })
        """
    )
    open_book(kobo, library_novel)
    assert details(kobo) == [
        "2 sessions wait to be sent:",
        "• ?, ?: 0 min",
        "• ?, ?: 0 min",
        "The server has refused 1 item:",
        "• ?: no reason given",
    ]
    assert kobo.warnings == []


def test_the_times_are_those_of_the_device(start_device: StartDevice, library_novel: Path) -> None:
    kobo = start_device(is_online=False)
    record(kobo, 1, started_at="2025-11-20T10:00:00Z")
    open_book(kobo, library_novel)
    expected = datetime(2025, 11, 20, 10, tzinfo=UTC).astimezone().strftime("%Y-%m-%d %H:%M")
    assert details(kobo)[1].startswith(f"• {expected}, ")
