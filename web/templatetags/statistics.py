"""How pages say numbers of reading."""

from datetime import date
from typing import Any

from django import template
from django.utils.dateformat import format as formatted

register = template.Library()


def whole_minutes(seconds: float) -> int:
    """Minutes as all pages count them: those that are full, so that no day has more in one table than in another."""
    return round(seconds) // 60


@register.filter
def duration(seconds: float) -> str:
    """`3 h 05 min`, `12 min`, `40 s`."""
    seconds = round(seconds)
    if seconds < 60:
        return f"{seconds} s" if seconds else "0 min"
    hours, minutes = divmod(whole_minutes(seconds), 60)
    return f"{hours:,} h {minutes:02} min" if hours else f"{minutes} min"


@register.filter
def day(text: str | date) -> str:
    """A day of the payload: `3 May 2026`."""
    return formatted(date.fromisoformat(text) if isinstance(text, str) else text, "j F Y")


@register.filter
def short_day(text: str | date) -> str:
    """`Sun 3 May`."""
    return formatted(date.fromisoformat(text) if isinstance(text, str) else text, "D j M")


@register.filter
def month(text: str) -> str:
    """A month of the payload, `2026-05`: `May 2026`."""
    return formatted(date.fromisoformat(f"{text}-01"), "F Y")


@register.filter
def percent(fraction: float) -> int:
    return round(fraction * 100)


@register.filter
def of(value: Any, key: str) -> Any:
    """A value of a dictionary by a key that a template cannot write after a dot, such as `7d`."""
    return value.get(key)
