"""What a reader set out to read, and how far they are."""

import calendar
from collections.abc import Iterable
from datetime import date, timedelta
from typing import Any

from django.db import transaction

from accounts.models import Reader
from accounts.preferences import set_goals
from reading.marks import mark_payload_stale
from reading.models import ReaderDay
from reading.periods import whole

DAYS_LOOKED_AT = 30


def goals(reader: Reader, days: Iterable[ReaderDay], finished: Iterable[date | None], *, today: date) -> dict[str, Any]:
    """The goals that the reader has; `days` are the latest ones, `finished` the days on which books were."""
    shown: dict[str, Any] = {}
    if reader.goal_minutes_a_day:
        lately = [day for day in days if today - timedelta(days=DAYS_LOOKED_AT) < day.day]
        wanted = reader.goal_minutes_a_day * 60
        shown["minutes_a_day"] = {
            "goal": reader.goal_minutes_a_day,
            "seconds_today": whole(sum(day.seconds for day in lately if day.day >= today)),
            "days_reached": sum(1 for day in lately if whole(day.seconds) >= wanted),
            "days": DAYS_LOOKED_AT,
        }
    if reader.goal_books_a_year:
        length = 366 if calendar.isleap(today.year) else 365
        share = today.timetuple().tm_yday / length
        shown["books_a_year"] = {
            "goal": reader.goal_books_a_year,
            "finished": sum(1 for day in finished if day is not None and day.year == today.year),
            "expected": round(reader.goal_books_a_year * share, 1),
        }
    return shown


def change_goals(reader: Reader, *, minutes_a_day: int | None, books_a_year: int | None) -> bool:
    """Keep a reader's goals as `set_goals` does, and have their statistics say so; True if that changed anything."""
    with transaction.atomic():
        is_changed = set_goals(reader, minutes_a_day=minutes_a_day, books_a_year=books_a_year)
        if is_changed:
            mark_payload_stale(reader.pk)
        return is_changed
