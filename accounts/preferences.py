"""What readers set for themselves."""

from collections.abc import Sequence

from django.db import transaction

from accounts.models import Reader

MOST_MINUTES_A_DAY = 24 * 60
MOST_BOOKS_A_YEAR = 1000  # nobody reads as many; what is more was mistyped


class InvalidPreference(Exception):
    """Something that cannot be preferred: a stable `code` and one sentence."""

    code = "invalid_preference"

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence


def prefer_formats(reader: Reader, formats: Sequence[str], *, known: Sequence[str]) -> bool:
    """Keep which file formats this reader prefers, the first most; with none, the library's own order holds again.

    True if that changed anything. `known` are the formats that there are: InvalidPreference, and nothing is changed, if
    one of those preferred is not among them.
    """
    wanted = list(dict.fromkeys(formats))
    if unknown := [format for format in wanted if format not in known]:
        raise InvalidPreference(f"There is no format {unknown[0]}; there are {', '.join(known)}.")
    with transaction.atomic():
        kept = Reader.objects.select_for_update(no_key=True).get(pk=reader.pk)
        is_changed: bool = kept.formats != wanted
        if is_changed:
            kept.formats = wanted
            kept.save(update_fields=["formats"])
    reader.formats = wanted
    return is_changed


def set_goals(reader: Reader, *, minutes_a_day: int | None, books_a_year: int | None) -> bool:
    """Keep what this reader wants to read, None for no such goal; True if that changed anything.

    InvalidPreference, and nothing is changed, for what nobody can reach or what is no goal. The statistics tell of
    goals: `reading.goals.change_goals` has them follow.
    """
    if minutes_a_day is not None and not 1 <= minutes_a_day <= MOST_MINUTES_A_DAY:
        raise InvalidPreference(f"A goal for a day is from 1 to {MOST_MINUTES_A_DAY} minutes.")
    if books_a_year is not None and not 1 <= books_a_year <= MOST_BOOKS_A_YEAR:
        raise InvalidPreference(f"A goal for a year is from 1 to {MOST_BOOKS_A_YEAR} books.")
    with transaction.atomic():
        kept = Reader.objects.select_for_update(no_key=True).get(pk=reader.pk)
        is_changed = (kept.goal_minutes_a_day, kept.goal_books_a_year) != (minutes_a_day, books_a_year)
        if is_changed:
            kept.goal_minutes_a_day, kept.goal_books_a_year = minutes_a_day, books_a_year
            kept.save(update_fields=["goal_minutes_a_day", "goal_books_a_year"])
    reader.goal_minutes_a_day, reader.goal_books_a_year = minutes_a_day, books_a_year
    return is_changed
