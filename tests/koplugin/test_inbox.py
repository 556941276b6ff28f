"""Books that were sent to the device."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.koplugin.koreader import KOReader, Window
from tests.koplugin.library import answering, make_series
from tests.koplugin.line import Answered, Line, Passed
from tests.koplugin.steps import StartDevice, fetched, finish

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def kobo(start_with_home: StartDevice) -> KOReader:
    return start_with_home()


@pytest.fixture
def send(ada: Any) -> Callable[[Any], Any]:
    from library.inbox import send_to_inbox

    return lambda book: send_to_inbox(ada, book)


def open_inbox(kobo: KOReader) -> Window:
    return fetched(kobo, "Inbox")


def waiting() -> list[str]:
    """The titles of what the server still holds for Ada."""
    from library.models import InboxItem

    return [item.book.title for item in InboxItem.objects.filter(delivered_at=None).order_by("pk")]


def test_an_empty_inbox_is_said_to_be_so(kobo: KOReader) -> None:
    assert open_inbox(kobo).text == "Nothing waits in the inbox."


def test_all_of_it_is_fetched_and_taken_out(kobo: KOReader, send: Any, settings: Any, book: Any, home: Path) -> None:
    books = make_series(settings.LIBRARY_DIR, 2)
    for each in (book, *books):
        send(each)
    shown = open_inbox(kobo)
    assert shown.items == [
        "Download all (3)",
        "A Study in Scarlet — Arthur Conan Doyle",
        "Vol. 1 — Part 1 — Terry Pratchett",
        "Vol. 2 — Part 2 — Terry Pratchett",
    ]
    kobo.choose("Download all")
    assert finish(kobo) == "3 of 3 books downloaded."
    assert waiting() == []
    assert sorted(path.relative_to(home).as_posix() for path in home.rglob("*.epub")) == [
        "book/A Study in Scarlet.epub",
        "book/Discworld/Vol. 1 — Part 1.epub",
        "book/Discworld/Vol. 2 — Part 2.epub",
    ]
    assert open_inbox(kobo).text == "Nothing waits in the inbox."


def test_one_alone_is_fetched_and_the_others_wait_on(kobo: KOReader, send: Any, settings: Any) -> None:
    for each in make_series(settings.LIBRARY_DIR, 2):
        send(each)
    open_inbox(kobo)
    kobo.choose("Vol. 2")
    assert finish(kobo) == "1 of 1 book downloaded."
    assert waiting() == ["Part 1"]


def test_what_failed_waits_on(kobo: KOReader, line: Line, send: Any, settings: Any) -> None:
    books = make_series(settings.LIBRARY_DIR, 2)
    for each in books:
        send(each)
    line.break_with(answering(books[:1], 503, b"Busy.", Retry_After="60"))
    open_inbox(kobo)
    kobo.choose("Download all")
    assert finish(kobo).startswith("1 of 2 books downloaded.")
    assert waiting() == ["Part 1"]


def losing_replies(passed: Passed, answer: Answered) -> None:
    if passed.path.endswith("/delivered"):
        answer.sent = 0


def test_a_lost_reply_does_no_harm(kobo: KOReader, line: Line, send: Any, settings: Any) -> None:
    for each in make_series(settings.LIBRARY_DIR, 1):
        send(each)
    line.break_with(losing_replies)
    open_inbox(kobo)
    kobo.choose("Download all")
    assert finish(kobo) == "1 of 1 book downloaded."
    assert open_inbox(kobo).text == "Nothing waits in the inbox."


def test_a_book_that_is_here_already_is_taken_out_without_being_fetched(
    kobo: KOReader, line: Line, send: Any, settings: Any
) -> None:
    from library.models import InboxItem

    for each in make_series(settings.LIBRARY_DIR, 1):
        send(each)
    open_inbox(kobo)
    kobo.choose("Download all")
    finish(kobo)
    # As if it had never been heard that it was delivered.
    InboxItem.objects.update(delivered_at=None)
    line.forget()
    open_inbox(kobo)
    kobo.choose("Download all")
    assert finish(kobo) == "The book is already here."
    assert line.downloads == []
    assert waiting() == []
    assert kobo.warnings == []
