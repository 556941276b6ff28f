"""What of the library is derived and out of date: series' manifests and their list. See `accounts.marks`.

Whatever changes a book calls one of these in its own transaction, and `library.manifests` brings it up to date.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from django.utils import timezone

from accounts.marks import put_marks
from library.models import Book, StaleManifest, StaleSeriesList

_waiting: ContextVar[set[int] | None] = ContextVar("series to mark at the end", default=None)


@contextmanager
def marks_last() -> Iterator[None]:
    """Put the marks of what is done within at its end; directly inside the transaction that does it.

    A mark is a row that others wait for. So it comes after all that a transaction locks: books, authors, turns. Two
    that took them in different orders would wait for each other.
    """
    if _waiting.get() is not None:  # within another one, whose end is the transaction's
        yield
        return
    series: set[int] = set()
    token = _waiting.set(series)
    try:
        yield
    finally:
        _waiting.reset(token)
    _put(series)


def mark_manifests_stale(series_ids: Iterable[int | None]) -> None:
    """Say that these series' manifests are out of date; None, the series of books without one, is left out."""
    given = {each for each in series_ids if each is not None}
    waiting = _waiting.get()
    if waiting is None:
        _put(given)
    else:
        waiting |= given


def _put(series_ids: Iterable[int]) -> None:
    put_marks(StaleManifest, [{"series_id": series_id} for series_id in sorted(series_ids)], unique="series_id")


def mark_series_list_stale() -> None:
    put_marks(StaleSeriesList, [{"singleton": True}], unique="singleton")


def note_changed(book_ids: Iterable[int]) -> None:
    """Say that files of these books came or went, without anything that describes the books having changed."""
    locked = Book.objects.select_for_update(no_key=True).filter(pk__in=set(book_ids)).order_by("pk")
    books = dict(locked.values_list("pk", "series_id"))
    Book.objects.filter(pk__in=books).update(changed_at=timezone.now())
    mark_manifests_stale(books.values())
