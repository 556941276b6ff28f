"""Is the server there, is it ready, and who am I to it."""

from functools import cache
from importlib.metadata import version

from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest
from django.utils import timezone
from ninja import Router, Schema, Status

from accounts.server import server_identifier
from api.auth import key_auth, reader_of
from koplugin.packer import plugin_version
from reading.payload import shown_time
from workers.broker import broker_answers

router = Router()


@cache
def server_version() -> str:
    return version("tome-library")


class Health(Schema):
    status: str = "ok"
    version: str


class Ready(Schema):
    status: str
    detail: str | None = None
    missing: list[str] | None = None


class Me(Schema):
    username: str
    server_id: str
    server_version: str
    plugin_version: str
    server_time: str


@router.get("/health", response=Health, auth=None)
def get_health(request: HttpRequest) -> Health:
    """That this process answers; needs no key, no database and no broker."""
    return Health(version=server_version())


def _database_missing() -> list[str]:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        executor = MigrationExecutor(connection)
        return ["migrations"] if executor.migration_plan(executor.loader.graph.leaf_nodes()) else []
    except DatabaseError:
        return ["database"]


@router.get("/ready", response={200: Ready, 503: Ready}, auth=None, exclude_none=True)
def get_ready(request: HttpRequest) -> Status[Ready]:
    """Whether everything that Tome needs is there: database, migrations, broker."""
    missing = _database_missing() + ([] if broker_answers() else ["broker"])
    if missing:
        return Status(503, Ready(status="waiting", detail=f"Missing: {', '.join(missing)}.", missing=missing))
    return Status(200, Ready(status="ready"))


@router.get("/tome-sync/me", response=Me, auth=key_auth)
def get_me(request: HttpRequest) -> Me:
    """Proves the key, where /health proves only that the server is reached."""
    return Me(
        username=reader_of(request).get_username(),
        server_id=server_identifier(),
        server_version=server_version(),
        plugin_version=plugin_version(),
        server_time=shown_time(timezone.now()),
    )
