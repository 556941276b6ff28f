"""What of the library is derived and out of date: series' manifests and their list. See `accounts.marks`.

Whatever changes a book calls one of these in its own transaction, and `library.manifests` brings it up to date.
"""

from collections.abc import Iterable

from django.utils import timezone

from accounts.marks import put_marks
from library.models import Book, StaleManifest, StaleSeriesList


def mark_manifests_stale(series_ids: Iterable[int | None]) -> None:
    """Say that these series' manifests are out of date; None, the series of books without one, is left out."""
    which = [{"series_id": series_id} for series_id in sorted({each for each in series_ids if each is not None})]
    put_marks(StaleManifest, which, unique="series_id")


def mark_series_list_stale() -> None:
    put_marks(StaleSeriesList, [{"singleton": True}], unique="singleton")


def note_changed(book_ids: Iterable[int]) -> None:
    """Say that files of these books came or went, without anything that describes the books having changed."""
    books = Book.objects.filter(pk__in=set(book_ids))
    mark_manifests_stale(books.order_by().values_list("series_id", flat=True).distinct())
    books.update(changed_at=timezone.now())
