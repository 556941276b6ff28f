"""Replays tests/exchanges/*.json, the wire contract as data; what the files may hold stands in their README."""

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from accounts.keys import create_key
from accounts.models import Reader
from koplugin.version import PLUGIN_VERSION
from library.models import Book
from matching.names import title_key
from reading.models import BookDay, Session
from reading.rebuilding import drift
from reading.refreshing import refresh
from tests.api.answers import is_number, is_time, is_whole
from tests.conftest import add_file

FILES = sorted((Path(__file__).parent.parent / "exchanges").glob("*.json"))
MATCHERS: dict[str, Callable[[Any], bool]] = {
    "?time": is_time,
    "?id": lambda value: is_whole(value) and value > 0,
    "?text": lambda value: isinstance(value, str) and value != "",
    "?number": is_number,
    "?sentence": lambda value: isinstance(value, str) and value.endswith("."),
}
Variables = dict[str, Any]


@pytest.fixture
def variables(book: Book, settings: Any) -> Variables:
    held = book.files.get()
    comic = Book.objects.create(title="Ghost Ship", title_key=title_key("Ghost Ship"), book_type="comic")
    path = settings.LIBRARY_DIR / "Ghost Ship.cbz"
    path.write_bytes(b"PK\x05\x06" + bytes(18))
    add_file(comic, path, settings.LIBRARY_DIR)
    given = {
        "book": book.pk,
        "md5": held.ko_md5,
        "size": held.size,
        "comic": comic.pk,
        "missing": comic.pk + 1000,
        "version": PLUGIN_VERSION,
    }
    now = datetime.now(UTC)
    for prefix, moment in (("", now), ("wrong_", now - timedelta(hours=3))):
        given[f"{prefix}now"] = as_device_writes(moment)
        for minutes in (10, 20, 30, 60):
            given[f"{prefix}minutes_ago_{minutes}"] = as_device_writes(moment - timedelta(minutes=minutes))
    return given


def as_device_writes(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


@pytest.fixture
def clients(ada: Reader, bob: Reader) -> dict[str | None, Client]:
    keys = {"ada": create_key(ada), "bob": create_key(bob), "wrong": "tk_" + "0" * 40}
    with_key = {name: Client(headers={"authorization": f"Bearer {key}"}) for name, key in keys.items()}
    return {None: Client(), **with_key}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_the_conversation_goes_as_it_is_written(
    file: Path, variables: Variables, clients: dict[str | None, Client]
) -> None:
    for exchange in json.loads(file.read_text())["exchanges"]:
        request = filled(exchange["request"], variables)
        body = json.dumps(request["body"]) if "body" in request else ""
        answer = clients[request.get("key")].generic(
            request["method"],
            request["path"],
            body,
            content_type="application/json" if body else "",
            query_params=request.get("query"),
        )
        told = {"status": answer.status_code, "body": json.loads(answer.content)}
        differences = list(differing(told, filled(exchange["response"], variables), "answer"))
        assert not differences, f"{exchange['name']}: {differences}"
        for name, path in exchange.get("keep", {}).items():
            variables[name] = at(told["body"], path)
    assert refresh()
    assert drift() == []


def test_what_the_older_plugin_sent_is_counted_as_it_should_be(
    variables: Variables, clients: dict[str | None, Client], ada: Reader
) -> None:
    [file] = [file for file in FILES if file.stem == "plugin-6"]
    test_the_conversation_goes_as_it_is_written(file, variables, clients)
    sessions = Session.objects.filter(reader=ada)
    assert sorted(sessions.values_list("flag", flat=True)) == ["", "", "", "before_time", "before_time"]
    assert sum(day.seconds for day in BookDay.objects.filter(reader=ada)) == 1800 + 600


@pytest.mark.parametrize(
    ("told", "written"),
    [
        ({"a": 1, "b": None}, {"a": 1}),
        ({}, {"a": 1}),
        ({"a": "1"}, {"a": 1}),
        ({"a": True}, {"a": 1}),
        ({"a": 1}, {"a": 1.5}),
        ([1, 2], [1]),
        ([2, 1], [1, 2]),
        ("2026-05-01T12:00:00+00:00", "?time"),
        ("7", "?id"),
        (None, "?text"),
        (True, "?number"),
    ],
)
def test_the_comparison_is_strict(told: Any, written: Any) -> None:
    assert list(differing(told, written, "answer"))


def filled(written: Any, variables: Variables) -> Any:
    """The same with variables in the place of their names."""
    if isinstance(written, dict):
        return {key: filled(value, variables) for key, value in written.items()}
    if isinstance(written, list):
        return [filled(value, variables) for value in written]
    if not isinstance(written, str):
        return written
    if re.fullmatch(r"\$\w+", written):
        return variables[written[1:]]
    return re.sub(r"\$(\w+)", lambda match: str(variables[match[1]]), written)


def differing(told: Any, written: Any, where: str) -> Any:
    """Where an answer is not what is written, each as a line."""
    if isinstance(written, str) and written in MATCHERS:
        if not MATCHERS[written](told):
            yield f"{where} is {told!r}, not {written}"
    elif isinstance(written, dict) and isinstance(told, dict):
        if told.keys() != written.keys():
            yield f"{where} has the keys {sorted(told)}, not {sorted(written)}"
        for key in told.keys() & written.keys():
            yield from differing(told[key], written[key], f"{where}.{key}")
    elif isinstance(written, list) and isinstance(told, list) and len(written) == len(told):
        for index, pair in enumerate(zip(told, written, strict=True)):
            yield from differing(*pair, f"{where}.{index}")
    elif told != written or isinstance(told, bool) != isinstance(written, bool):
        # 1 and 1.0 are one number of JSON; true is none.
        yield f"{where} is {told!r}, not {written!r}"


def at(body: Any, path: str) -> Any:
    for part in path.split("."):
        body = body[int(part)] if isinstance(body, list) else body[part]
    return body
