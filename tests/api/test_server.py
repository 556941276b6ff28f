from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from celery import current_app
from django.test import Client

from accounts.models import Reader
from koplugin.version import PLUGIN_VERSION
from tests.api.answers import is_time, json_of
from tests.nodes import RedisNode
from tests.workers.broker import running_redis


@pytest.fixture(scope="module")
def redis() -> Iterator[RedisNode]:
    with running_redis() as node:
        yield node


@pytest.fixture
def broker_at(monkeypatch: pytest.MonkeyPatch) -> Any:
    return lambda url: monkeypatch.setattr(current_app.conf, "broker_url", url)


def test_health_says_that_it_is_there_without_looking_at_the_database(client: Client) -> None:
    # Without a `db` fixture any query would fail this test.
    body = json_of(client.get("/api/health"))
    assert set(body) == {"status", "version"}
    assert body["status"] == "ok"
    assert body["version"][0].isdigit()


@pytest.mark.django_db
def test_ready_is_200_where_nothing_is_missing(redis: RedisNode, broker_at: Any, client: Client) -> None:
    broker_at(redis.url)
    assert json_of(client.get("/api/ready")) == {"status": "ready"}


@pytest.mark.django_db
def test_ready_names_a_broker_that_is_missing(tmp_path: Path, broker_at: Any, client: Client) -> None:
    broker_at(f"redis+socket://{tmp_path}/none.sock")
    body = json_of(client.get("/api/ready"), 503)
    assert body == {"status": "waiting", "detail": "Missing: broker.", "missing": ["broker"]}


@pytest.mark.django_db
def test_ready_names_migrations_that_were_not_applied(redis: RedisNode, broker_at: Any, client: Client) -> None:
    from django.db import connection
    from django.db.migrations.loader import MigrationLoader
    from django.db.migrations.recorder import MigrationRecorder

    broker_at(redis.url)
    [newest] = MigrationLoader(connection).graph.leaf_nodes("reading")
    MigrationRecorder(connection).record_unapplied(*newest)
    assert json_of(client.get("/api/ready"), 503)["missing"] == ["migrations"]


@pytest.mark.django_db
def test_ready_names_a_database_that_does_not_answer(
    redis: RedisNode, broker_at: Any, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    from django.db import OperationalError, connection

    def fail(*args: Any, **kwargs: Any) -> None:
        raise OperationalError("the server closed the connection")

    broker_at(redis.url)
    monkeypatch.setattr(connection, "cursor", fail)
    assert json_of(client.get("/api/ready"), 503)["missing"] == ["database"]


def test_me_proves_the_key_and_names_reader_and_server(device_client: Client) -> None:
    body = json_of(device_client.get("/api/tome-sync/me"))
    assert set(body) == {"username", "server_id", "server_version", "plugin_version", "server_time"}
    assert (body["username"], body["plugin_version"]) == ("ada", PLUGIN_VERSION)
    assert is_time(body["server_time"])
    assert body["server_version"] == json_of(device_client.get("/api/health"))["version"]
    assert str(UUID(body["server_id"])) == body["server_id"]


def test_the_server_keeps_its_id(ada: Reader, device_client: Client, strange_client: Client) -> None:
    ids = {json_of(client.get("/api/tome-sync/me"))["server_id"] for client in (device_client, strange_client) * 2}
    assert len(ids) == 1


def test_bob_is_told_his_own_name(ada: Reader, strange_client: Client) -> None:
    assert json_of(strange_client.get("/api/tome-sync/me"))["username"] == "bob"
