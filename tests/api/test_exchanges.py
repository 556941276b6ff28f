"""The conversations of tests/exchanges with Django's client: fast, and what they leave in the database is looked at.

`tests/project/test_conversations.py` holds the same ones with a running server.
"""

import json
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from accounts.app_passwords import create_app_password
from accounts.keys import create_key
from accounts.models import Reader
from library.inbox import send_to_inbox
from library.manifests import refresh_manifests
from library.models import Book
from reading.models import BookDay, Session
from reading.rebuilding import drift
from reading.refreshing import refresh
from tests.exchanges.replaying import FILES, Told, Variables, differing, make_library, replay, variables_of
from tests.library.taking_in import scan_all


def send(method: str, path: str, headers: dict[str, str], body: bytes) -> Told:
    headers = {name.lower(): value for name, value in headers.items()}
    content_type = headers.pop("content-type", "")
    answer = Client(headers=headers).generic(method, path, body, content_type=content_type)
    content = answer.getvalue() if answer.streaming else answer.content
    return Told(answer.status_code, answer.headers, content)


@pytest.fixture
def variables(ada: Reader, bob: Reader, settings: Any) -> Variables:
    make_library(settings.LIBRARY_DIR)
    scan_all()
    refresh_manifests()
    readers = {"ada": ada, "bob": bob}
    return variables_of(
        settings.LIBRARY_DIR,
        send,
        {name: reader.username for name, reader in readers.items()},
        {name: create_key(reader) for name, reader in readers.items()},
        {name: create_app_password(reader) for name, reader in readers.items()},
    )


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_the_conversation_goes_as_it_is_written(file: Path, variables: Variables, ada: Reader) -> None:
    for name in json.loads(file.read_text()).get("inbox", []):
        send_to_inbox(ada, Book.objects.get(pk=variables[name]))
    replay(file, send, variables)
    assert refresh()
    assert drift() == []


def test_what_the_older_plugin_sent_is_counted_as_it_should_be(variables: Variables, ada: Reader) -> None:
    [file] = [file for file in FILES if file.stem == "plugin-6"]
    test_the_conversation_goes_as_it_is_written(file, variables, ada)
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
        (1_000, "?seconds"),
    ],
)
def test_the_comparison_is_strict(told: Any, written: Any) -> None:
    assert list(differing(told, written, "answer"))
