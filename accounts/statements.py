"""Statements on rows whose SQL is made once: for the few paths that devices use all the time, and for imports.

The ORM builds the text of each query anew, which costs ten to thirty times what the database takes to answer it; a
PUT of a position makes eight. Here the text is made once for a model and a condition, and values go through the
connection's own conversions, so times and both databases are treated as the ORM treats them. Everything else uses the
ORM. Conditions are SQL with `%s` for each value, written in the source, never put together from input.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any, TypeVar

from django.db import DEFAULT_DB_ALIAS, connections, models
from django.db.backends.base.base import BaseDatabaseWrapper

# Of an insert: on SQLite a statement with too many values is refused.
ROWS_A_STATEMENT = 1000

AnyModel = TypeVar("AnyModel", bound=models.Model)


_TIME, _DATE, _JSON, _PLAIN = "time", "date", "json", ""
_Field = tuple[str, str]  # a field's attribute, and what its values want before the driver takes them


@dataclass(frozen=True)
class _Shape:
    """A model's table: its columns in their order, which of them are times or JSON, and what an insert writes."""

    table: str
    names: tuple[str, ...]
    columns: str
    times: tuple[int, ...]
    texts_of_json: tuple[int, ...]
    written_columns: str
    written: tuple[_Field, ...]


def _field(field: "models.Field[Any, Any]") -> _Field:
    is_time, is_date = isinstance(field, models.DateTimeField), isinstance(field, models.DateField)
    if isinstance(field, models.JSONField):
        return field.attname, _JSON
    return field.attname, _TIME if is_time else _DATE if is_date else _PLAIN


@cache
def _shape(model: type[models.Model], only: tuple[str, ...] = ()) -> _Shape:
    fields = tuple(field for field in model._meta.concrete_fields if not only or field.attname in only)
    written = tuple(field for field in fields if not field.primary_key)
    return _Shape(
        table=f'"{model._meta.db_table}"',
        names=tuple(field.attname for field in fields),
        columns=", ".join(f'"{field.column}"' for field in fields),
        times=tuple(n for n, field in enumerate(fields) if isinstance(field, models.DateTimeField)),
        texts_of_json=tuple(n for n, field in enumerate(fields) if isinstance(field, models.JSONField)),
        written_columns=", ".join(f'"{field.column}"' for field in written),
        written=tuple(_field(field) for field in written),
    )


@cache
def _named_fields(model: type[models.Model], names: tuple[str, ...]) -> tuple[_Field, ...]:
    return tuple(_field(model._meta.get_field(name)) for name in names)  # type: ignore[arg-type]


@cache
def _select(model: type[models.Model], only: tuple[str, ...], condition: str, lock: bool) -> str:
    shape = _shape(model, only)
    return f"SELECT {shape.columns} FROM {shape.table} WHERE {condition}{' FOR UPDATE' if lock else ''}"


@cache
def _insert(model: type[models.Model], rows: int, tail: str) -> str:
    shape = _shape(model)
    values = "(" + ", ".join(["%s"] * len(shape.written)) + ")"
    return f"INSERT INTO {shape.table} ({shape.written_columns}) VALUES {', '.join([values] * rows)} {tail}"


@cache
def _update(model: type[models.Model], names: tuple[str, ...]) -> str:
    meta = model._meta
    assignments = ", ".join(f'"{meta.get_field(name).column}" = %s' for name in names)  # type: ignore[union-attr]
    return f'UPDATE {_shape(model).table} SET {assignments} WHERE "{meta.pk.column}" = %s'


def _live() -> BaseDatabaseWrapper:
    """This thread's connection itself: each access through Django's proxy costs as much as a short statement."""
    return connections[DEFAULT_DB_ALIAS]


def utc(value: Any) -> Any:
    """A time as a cursor hands it out, aware: SQLite's are naive and in UTC."""
    return value.replace(tzinfo=UTC) if isinstance(value, datetime) and value.tzinfo is None else value


def moment(instant: datetime | None) -> Any:
    """A time, or None, as a statement's value."""
    return _live().ops.adapt_datetimefield_value(instant)


def _prepared(row: models.Model, fields: Iterable[_Field], live: BaseDatabaseWrapper) -> list[Any]:
    """A row's values for the driver: all but times, dates and JSON go as they are."""
    values = []
    for name, kind in fields:
        value = getattr(row, name)
        if kind == _TIME:
            value = live.ops.adapt_datetimefield_value(value)
        elif kind == _DATE:
            value = live.ops.adapt_datefield_value(value)
        elif kind == _JSON:
            value = None if value is None else json.dumps(value)
        values.append(value)
    return values


def query(sql: str, values: Sequence[Any]) -> list[tuple[Any, ...]]:
    """All rows of a query, as the database's driver gives them; times want `utc`."""
    with _live().cursor() as cursor:
        cursor.execute(sql, values)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows


def run(sql: str, values: Sequence[Any]) -> int:
    """Carry out a statement; how many rows it changed."""
    with _live().cursor() as cursor:
        cursor.execute(sql, values)
        return int(cursor.rowcount)


def fetch_rows(
    model: type[AnyModel], condition: str, values: Sequence[Any], *, lock: bool = False, only: tuple[str, ...] = ()
) -> list[AnyModel]:
    """The rows that fulfil a condition; locked until the transaction ends where the database has row locks.

    `only` names the columns that are wanted now; another one that is asked for later costs a query of its own.
    """
    shape = _shape(model, only)
    rows = query(_select(model, only, condition, lock and _live().features.has_select_for_update), values)
    found = []
    for row in rows:
        fixed = list(row)
        for n in shape.times:
            fixed[n] = utc(fixed[n])
        for n in shape.texts_of_json:
            fixed[n] = None if fixed[n] is None else json.loads(fixed[n])
        found.append(model.from_db(DEFAULT_DB_ALIAS, shape.names, fixed))
    return found


def fetch_row(
    model: type[AnyModel], condition: str, values: Sequence[Any], *, lock: bool = False, only: tuple[str, ...] = ()
) -> AnyModel | None:
    """The row that fulfils a condition on something unique, or None."""
    rows = fetch_rows(model, condition, values, lock=lock, only=only)
    return rows[0] if rows else None


def insert_rows(rows: Sequence[models.Model], *, tail: str = "") -> list[tuple[Any, ...]]:
    """Insert rows of one model in one statement; what `tail` returns (`ON CONFLICT … RETURNING …`).

    A field without a value is written as NULL: what the database itself would fill in has to be given.
    """
    if not rows:
        return []
    model, live = type(rows[0]), _live()
    fields = _shape(model).written
    values = [value for row in rows for value in _prepared(row, fields, live)]
    with live.cursor() as cursor:
        cursor.execute(_insert(model, len(rows), tail), values)
        return cursor.fetchall() if "RETURNING" in tail else []


def insert_row(row: models.Model) -> None:
    """Insert a row and give it its primary key."""
    [(row.pk,)] = insert_rows([row], tail=f'RETURNING "{row._meta.pk.column}"')
    row._state.adding = False
    row._state.db = DEFAULT_DB_ALIAS


def update_row(row: models.Model, names: Iterable[str]) -> None:
    """Store these fields of a row that is in the database."""
    names = tuple(names)
    fields = _named_fields(type(row), names)
    run(_update(type(row), names), [*_prepared(row, fields, _live()), row.pk])


def take_turn_for(name: str) -> None:
    """Wait until no other transaction has a turn for this name, and have it until this one ends.

    On SQLite a transaction that writes is alone from its beginning.
    """
    if _live().vendor == "postgresql":
        query("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [name])
