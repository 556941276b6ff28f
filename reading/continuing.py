"""What a reader is in the middle of, the book that was read last in front."""

from dataclasses import dataclass

from accounts.models import Reader
from library.queries import books_visible_to
from reading.models import BookStatus, Position, StatusState


@dataclass(frozen=True)
class Reading:
    book_id: int
    place: Position


def books_being_read(reader: Reader, *, start: int = 0, entries: int = 20) -> list[Reading]:
    """The books in status `reading` that have a place and are there."""
    started = BookStatus.objects.filter(reader=reader, state=StatusState.READING).values("book")
    places = Position.objects.filter(
        reader=reader, book__in=started, book_id__in=books_visible_to(reader).values("pk"), is_cleared=False
    ).order_by("-read_at", "-pk")
    return [Reading(place.book_id, place) for place in places[start : start + entries]]
