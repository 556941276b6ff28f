"""What is asked of a reader's sessions all the time takes no longer the more of them there are: an index serves it."""

from collections.abc import Callable

import pytest
from django.db import connection
from django.db.models import QuerySet

from accounts.models import Reader
from library.models import Book
from reading.log import LogFilter, log_of
from reading.models import Session
from reading.plausibility import at_the_end

Asked = Callable[[Reader, Book], QuerySet[Session]]
QUESTIONS: dict[str, tuple[Asked, str]] = {
    "the flagged ones": (lambda ada, book: log_of(ada, LogFilter(flagged=True)), "reading_session_flagged"),
    "the deleted ones": (lambda ada, book: log_of(ada, LogFilter(deleted=True)), "reading_session_flagged"),
    "when a book was finished": (
        lambda ada, book: at_the_end(Session.objects.filter(reader=ada, book=book)).order_by("ended_at")[:1],
        "reading_session_to_the_end",
    ),
    "the latest": (lambda ada, book: log_of(ada, LogFilter()).order_by("-ended_at")[:50], "reading_session_by_end"),
    "the latest of a book": (
        lambda ada, book: log_of(ada, LogFilter(book_id=book.pk)).order_by("-ended_at")[:50],
        "reading_session_of_book",
    ),
}


@pytest.mark.parametrize("question", QUESTIONS)
def test_an_index_serves(question: str, ada: Reader, book: Book) -> None:
    asked, index = QUESTIONS[question]
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL enable_seqscan = off")  # with so few rows it would take no index at all
            cursor.execute("SET LOCAL enable_bitmapscan = off")
            cursor.execute("SET LOCAL enable_sort = off")
    assert index in asked(ada, book).explain()
