"""A reader's zone and the hour at which their day begins: changing them counts every day anew, in the background.

All days at once would keep the workers from every other reader for minutes, so a recount marks some at a time, the
latest first. Its row is the durable mark that there is more to do, and says how far it is.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import available_timezones

from django.db import transaction

from accounts.models import Reader
from accounts.preferences import InvalidPreference
from reading.marks import mark_days_stale, mark_payload_stale
from reading.models import ReaderDay, Recount, StaleDay
from reading.turns import take_turn

# A day's reading moves by no more than this when its zone and its rollover hour change.
FURTHEST_MOVE = 2
# Marked together: even at hundreds of sessions a day half a second of work, after which others have their turn.
DAYS_AT_ONCE = 96
LATEST = date(9999, 12, 31)


@dataclass(frozen=True)
class RecountProgress:
    done: int
    days: int

    @property
    def percent(self) -> int:
        return min(99, self.done * 100 // max(1, self.days))


def zone_names() -> list[str]:
    """The zones that a reader can choose: those of places, and UTC."""
    return sorted(name for name in available_timezones() if name == "UTC" or ("/" in name and name[0].isupper()))


def change_day(reader: Reader, *, timezone: str | None = None, rollover_hour: int | None = None, now: datetime) -> bool:
    """Set in which zone this reader's days are, and at which hour they begin; True if that changed anything.

    InvalidPreference, and nothing is changed, for what is no zone or no hour. The days are counted anew by workers.
    """
    with transaction.atomic():
        take_turn(reader.pk)
        kept = Reader.objects.get(pk=reader.pk)
        zone = kept.timezone if timezone is None else timezone.strip()
        hour = kept.rollover_hour if rollover_hour is None else rollover_hour
        if zone != kept.timezone and zone not in available_timezones():
            raise InvalidPreference(f"There is no time zone {zone!r}. Its name is like Europe/Berlin.")
        if not 0 <= hour <= 23:
            raise InvalidPreference("A day begins at an hour from 0 to 23.")
        is_changed = (zone, hour) != (kept.timezone, kept.rollover_hour)
        if is_changed:
            kept.timezone, kept.rollover_hour = zone, hour
            kept.save(update_fields=["timezone", "rollover_hour"])
            days = ReaderDay.objects.filter(reader=reader).count()
            begin = {"begun_at": now, "days": days, "done": 0, "before_day": LATEST}
            Recount.objects.update_or_create(reader=reader, defaults=begin)
            # What waits to be counted was marked by the rules of before, and may come to lie on other days.
            waiting = StaleDay.objects.filter(reader=reader).values_list("day", flat=True)
            mark_days_stale(reader.pk, _moved(waiting))
            mark_payload_stale(reader.pk)
    reader.timezone, reader.rollover_hour = zone, hour
    return is_changed


def recount_some(reader_id: int) -> bool:
    """Mark the next days of a recount, or end it; whether there was one."""
    with transaction.atomic():
        take_turn(reader_id)
        recount = Recount.objects.filter(reader=reader_id).first()
        if recount is None:
            return False
        days = ReaderDay.objects.filter(reader=reader_id, day__lt=recount.before_day).order_by("-day")
        chosen = list(days.values_list("day", flat=True)[:DAYS_AT_ONCE])
        if not chosen:
            recount.delete()
            mark_payload_stale(reader_id)  # what is pending no longer is so from its next making on
            return True
        mark_days_stale(reader_id, _moved(chosen))
        recount.before_day, recount.done = chosen[-1], recount.done + len(chosen)
        recount.save(update_fields=["before_day", "done"])
        return True


def _moved(days: Iterable[date]) -> set[date]:
    """All days on which the reading of these may lie by any other zone and hour."""
    moves = [timedelta(days=n) for n in range(-FURTHEST_MOVE, FURTHEST_MOVE + 1)]
    return {day + move for day in days for move in moves}


def open_recounts() -> list[int]:
    """The readers whose days are being counted anew, who waits longest first."""
    return list(Recount.objects.order_by("begun_at", "pk").values_list("reader_id", flat=True))


def recount_progress(reader: Reader) -> RecountProgress | None:
    """How far the counting anew of a reader's days is; None while there is none."""
    recount = Recount.objects.filter(reader=reader).first()
    return RecountProgress(recount.done, recount.days) if recount else None
