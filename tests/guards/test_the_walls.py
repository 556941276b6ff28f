"""The walls that tests/conftest.py builds around each test."""

import socket
from pathlib import Path
from typing import Any

import pytest
from django.db import connection, transaction

from workers.enqueue import enqueue


def test_a_test_cannot_leave_the_machine() -> None:
    with socket.socket() as stream, pytest.raises(RuntimeError, match="may not connect"):
        stream.connect(("192.0.2.1", 80))
    with pytest.raises(RuntimeError, match="may not look up"):
        socket.getaddrinfo("example.org", 80)


def test_a_test_may_talk_to_its_own_machine() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        socket.create_connection(server.getsockname(), timeout=5).close()


@pytest.mark.django_db
def test_no_test_sees_the_default_data_folder(settings: Any, tmp_path: Path) -> None:
    assert settings.DATA_DIR.is_relative_to(tmp_path)
    assert "test" in connection.settings_dict["NAME"]


@pytest.mark.django_db
def test_a_task_is_recorded_once_its_transaction_commits(
    enqueued: list[str], django_capture_on_commit_callbacks: Any
) -> None:
    from celery import shared_task

    @shared_task(name="guards.nothing")
    def nothing() -> None: ...

    with django_capture_on_commit_callbacks(execute=True), transaction.atomic():
        enqueue(nothing)
        assert enqueued == []
    assert enqueued == ["guards.nothing"]
