"""What a person sets of a book by hand. It stands before all that files state, until it is reset."""

from collections.abc import Callable, Collection
from typing import Any

from django.db import transaction

from library.describing import describe
from library.errors import InvalidEdit
from library.formats.metadata import (
    CONTRIBUTORS_LIMIT,
    DESCRIPTION_LENGTH,
    LANGUAGE_LENGTH,
    NAME_LENGTH,
    SUBJECTS_LIMIT,
    TITLE_LENGTH,
    clean,
    clean_text,
    published_from,
    series_index_from,
)
from library.models import Book, BookType, ReadingDirection

INDEX_LIMIT = 1_000_000.0


def edit_book(book: Book, changes: dict[str, Any]) -> None:
    """Set these fields of a book by hand: keys are those of `EDITABLE`. InvalidEdit, and nothing is changed, if not.

    `authors` and `subjects` are lists of texts, `series_index` a number or None, all others texts. An empty text says
    that the book has none, where it can have none: the file's own is not shown again until the field is reset.
    """
    checked = {name: checked_value(name, value) for name, value in changes.items()}
    with transaction.atomic():
        locked = Book.objects.select_for_update(no_key=True).get(pk=book.pk)
        locked.edits = {**locked.edits, **checked}
        locked.save(update_fields=["edits"])
        describe(locked, files_changed=False)
    book.refresh_from_db()


def reset_edits(book: Book, fields: Collection[str]) -> None:
    """Show again what the files state of these fields. InvalidEdit for a field that cannot be edited."""
    for name in fields:
        if name not in EDITABLE:
            raise InvalidEdit(f"There is no field {name} to reset; there are {', '.join(sorted(EDITABLE))}.")
    with transaction.atomic():
        locked = Book.objects.select_for_update(no_key=True).get(pk=book.pk)
        locked.edits = {name: value for name, value in locked.edits.items() if name not in fields}
        locked.save(update_fields=["edits"])
        describe(locked, files_changed=False)
    book.refresh_from_db()


def checked_value(name: str, value: Any) -> Any:
    check = EDITABLE.get(name)
    if check is None:
        raise InvalidEdit(f"A book has no field {name} that can be edited; there are {', '.join(sorted(EDITABLE))}.")
    return check(value)


def text(value: Any, limit: int, *, of: str) -> str:
    if not isinstance(value, str):
        raise InvalidEdit(f"The {of} must be a text.")
    cleaned = clean(value, limit + 1)
    if len(cleaned) > limit:
        raise InvalidEdit(f"The {of} is longer than {limit} characters.")
    return cleaned


def title(value: Any) -> str:
    cleaned = text(value, TITLE_LENGTH, of="title")
    if not cleaned:
        raise InvalidEdit("A book needs a title.")
    return cleaned


def names(value: Any, limit: int, *, of: str) -> list[str]:
    if not isinstance(value, (list, tuple)):
        raise InvalidEdit(f"The {of} must be a list.")
    cleaned = list(dict.fromkeys(filter(None, (text(each, NAME_LENGTH, of=f"name among the {of}") for each in value))))
    if len(cleaned) > limit:
        raise InvalidEdit(f"A book can have no more than {limit} {of}.")
    return cleaned


def description(value: Any) -> str:
    if not isinstance(value, str):
        raise InvalidEdit("The description must be a text.")
    return clean_text(value, DESCRIPTION_LENGTH)


def published(value: Any) -> str:
    given = text(value, NAME_LENGTH, of="date")
    found = published_from(given)
    if given and not found:
        raise InvalidEdit(f"{given} is no date; write it as 2011, 2011-05 or 2011-05-27.")
    return found


def index(value: Any) -> float | None:
    if value is None or value == "":
        return None
    number = series_index_from(str(value))
    if isinstance(value, bool) or number is None or abs(number) >= INDEX_LIMIT:
        raise InvalidEdit(f"{value} is no place in a series; write a number such as 3 or 2.5.")
    return number


def one_of(choices: Collection[str], *, of: str, may_be_empty: bool = False) -> Callable[[Any], str]:
    def check(value: Any) -> str:
        if value not in choices or (not value and not may_be_empty):
            raise InvalidEdit(f"The {of} must be one of {', '.join(filter(None, choices))}.")
        return str(value)

    return check


EDITABLE: dict[str, Callable[[Any], Any]] = {
    "title": title,
    "sort_title": lambda value: text(value, TITLE_LENGTH, of="sort title"),
    "authors": lambda value: names(value, CONTRIBUTORS_LIMIT, of="authors"),
    "language": lambda value: text(value, LANGUAGE_LENGTH, of="language"),
    "description": description,
    "publisher": lambda value: text(value, NAME_LENGTH, of="publisher"),
    "published": published,
    "series": lambda value: text(value, NAME_LENGTH, of="series"),
    "series_index": index,
    "book_type": one_of(BookType.values, of="type"),
    "subjects": lambda value: names(value, SUBJECTS_LIMIT, of="subjects"),
    "reading_direction": one_of(ReadingDirection.values, of="reading direction", may_be_empty=True),
}
