"""When the books that are being read will be finished, and how sure that is."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from accounts.models import Reader
from library.models import Book
from reading.models import BookStatus, BookTotal, Position, StatusState

# From less, and from less than 2 % of a book, no pace can be told.
FEWEST_SECONDS = 300.0
LEAST_PROGRESS = 0.02
# How far off an estimate may be that only few days, or sessions that told of no places, speak for.
USUAL_SPREAD = 0.3
DAYS_LOOKED_AT = 30
FURTHEST_DAYS = 3650  # a date that lies further ahead tells nobody anything


@dataclass(frozen=True)
class Estimate:
    """Seconds of reading that are left: at the book's own pace, on its fast days and on its slow ones."""

    seconds_left: float
    least: float
    most: float


def estimates(
    reader: Reader, totals: Mapping[int, BookTotal], *, today: date, seconds_lately: Mapping[int, float]
) -> list[dict[str, Any]]:
    """For each book being read of which enough was read; `seconds_lately`: of each book in the last 30 days."""
    reading = BookStatus.objects.filter(reader=reader, state=StatusState.READING).values("book")
    places = Position.objects.filter(reader=reader, book__in=reading, percentage__gte=LEAST_PROGRESS)
    rows = list(places.order_by("book").values_list("book", "percentage"))
    titles = dict(Book.objects.filter(pk__in=[book_id for book_id, _ in rows]).values_list("pk", "title"))
    shown = []
    for book_id, place in rows:
        total = totals.get(book_id)
        estimate = estimate_of(total, place) if total is not None and book_id in titles else None
        if estimate is None or total is None:
            continue
        shown.append(
            {
                "book_id": book_id,
                "title": titles[book_id],
                "percentage": round(place, 4),
                "seconds_left": round(estimate.seconds_left),
                "seconds_left_low": round(estimate.least),
                "seconds_left_high": round(estimate.most),
                **_days(total, estimate, today, seconds_lately.get(book_id, 0.0)),
            }
        )
    return shown


def estimate_of(total: BookTotal, place: float) -> Estimate | None:
    """What is left of a book at a place, a fraction of it; None where too little was read."""
    left = 1 - place
    if total.progress >= LEAST_PROGRESS and total.progress_seconds >= FEWEST_SECONDS:
        seconds_left = left * total.progress_seconds / total.progress
    elif total.seconds >= FEWEST_SECONDS:
        # Sessions told nothing of places: the time so far, carried on to the end.
        seconds_left = left * total.seconds / place
    else:
        return None
    if not total.fast_progress_an_hour or not total.slow_progress_an_hour:
        return Estimate(seconds_left, seconds_left * (1 - USUAL_SPREAD), seconds_left * (1 + USUAL_SPREAD))
    fast, slow = (left * 3600 / pace for pace in (total.fast_progress_an_hour, total.slow_progress_an_hour))
    return Estimate(seconds_left, min(fast, seconds_left), max(slow, seconds_left))


def _days(total: BookTotal, estimate: Estimate, today: date, seconds_lately: float) -> dict[str, str]:
    """The days on which it would be finished, if it is read on as in the last 30 days; none without any of that."""
    first_day = total.first_day or today
    looked_at = min(DAYS_LOOKED_AT, max(1, (today - first_day).days + 1))
    seconds_a_day = seconds_lately / looked_at
    days = {}
    for name, seconds in (
        ("finish_on", estimate.seconds_left),
        ("finish_on_low", estimate.least),
        ("finish_on_high", estimate.most),
    ):
        if seconds_a_day > 0 and (ahead := math.ceil(seconds / seconds_a_day)) <= FURTHEST_DAYS:
            days[name] = (today + timedelta(days=ahead)).isoformat()
    return days
