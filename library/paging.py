"""Long lists in pages.

A page is found by its keys and never by counting up to it, so that the last one costs what the first does. Where it
goes on is said by a short text, the cursor, which clients hand back.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Generic, TypeVar

from django.db.models import Model, QuerySet

from library.errors import LibraryError

MOMENT = timedelta(microseconds=1)

Item = TypeVar("Item")
AnyModel = TypeVar("AnyModel", bound=Model)


class InvalidCursor(LibraryError):
    """Where a page is to go on cannot be read; the sentence says so."""

    code = "invalid_cursor"


@dataclass(frozen=True)
class Page(Generic[Item]):
    """Some of a long list; `next` is the cursor of what follows, empty at the end."""

    items: Sequence[Item]
    next: str


def page_of(
    rows: list[Any], entries: int, row_of: Callable[[Any], Item], cursor_of: Callable[[Any], str]
) -> Page[Item]:
    """A page of rows of which one more was asked for than it shows, which tells whether there is another page."""
    shown = rows[:entries]
    return Page([row_of(row) for row in shown], cursor_of(shown[-1]) if len(rows) > entries else "")


def latest_first(rows: QuerySet[AnyModel], field: str, *, after: str) -> QuerySet[AnyModel]:
    """Rows by a time, the latest first, from a cursor of `moment_cursor` on; InvalidCursor for any other text."""
    rows = rows.order_by(f"-{field}", "-pk")
    if not after:
        return rows
    last, pk = read_cursor(after)
    try:
        moment = datetime.fromtimestamp(int(last) / 1_000_000, UTC)
        earlier, later = moment - MOMENT, moment + MOMENT
    except (ValueError, OverflowError, OSError):
        raise unreadable() from None
    # Never by equality: SQLite compares times as texts, and a default writes fewer digits of them than Python does.
    return rows.filter(**{f"{field}__lt": later}).exclude(**{f"{field}__gt": earlier, "pk__gte": pk})


def moment_cursor(pk: int, moment: datetime) -> str:
    """Where a list of `latest_first` goes on after this row."""
    return f"{pk}~{int((moment - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds() * 1_000_000 + 0.5)}"


def read_cursor(text: str) -> tuple[str, int]:
    """A cursor's key and id; InvalidCursor for what is none."""
    found = re.fullmatch(r"([0-9]{1,18})~(.{0,400})", text, re.DOTALL)
    if found is None or "\0" in text:
        raise unreadable()
    return found[2], int(found[1])


def unreadable() -> InvalidCursor:
    return InvalidCursor("This address of a further page cannot be read; begin at the first page.")
