"""What `tome doctor` looks at. Each check answers with one finding and never raises."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from django.conf import settings
from django.core import checks
from django.db import Error as DatabaseError
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from project.broker import QUEUES
from project.celery import app
from workers.broker import broker_answers

WORKERS_ANSWER_WITHIN_SECONDS = 1.5
SQLITE_SYNCHRONOUS_FULL = 2


@dataclass(frozen=True)
class Finding:
    verdict: Literal["ok", "warning", "wrong"]
    subject: str
    sentence: str


def findings() -> Iterator[Finding]:
    yield settings_fit()
    yield data_folder_is_private()
    database = database_is_ready()
    yield database
    broker = broker_is_reached()
    yield broker
    if broker.verdict == "ok":
        yield queues_are_served()
    else:
        yield Finding("wrong", "workers", "They cannot be asked without the broker.")
    yield library_can_be_read()
    if database.verdict == "ok":
        yield failed_imports()
        yield failed_rebuilds()
        yield failed_manifests()


def settings_fit() -> Finding:
    messages = checks.run_checks()
    for level, verdict in ((checks.ERROR, "wrong"), (checks.WARNING, "warning")):
        if found := [message for message in messages if message.level >= level]:
            sentence = " ".join(f"{message.msg} {message.hint or ''}".strip() for message in found)
            return Finding("wrong" if verdict == "wrong" else "warning", "settings", sentence)
    return Finding("ok", "settings", "All of them can be read.")


def data_folder_is_private() -> Finding:
    folder = settings.DATA_DIR
    if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        return Finding("wrong", "data folder", f"{folder} cannot be written by this user.")
    secret = folder / "secret.key"
    if secret.exists() and secret.stat().st_mode & 0o077:
        return Finding("warning", "data folder", f"Others can read {secret}; run `chmod 600 {secret}`.")
    return Finding("ok", "data folder", f"{folder} can be written.")


def database_is_ready() -> Finding:
    try:
        executor = MigrationExecutor(connection)
        missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
        if missing:
            return Finding("wrong", "database", f"{len(missing)} migrations are missing; run `tome migrate`.")
        return _durability()
    except DatabaseError as error:
        return Finding("wrong", "database", f"It cannot be used: {str(error).strip().splitlines()[0]}.")


def _durability() -> Finding:
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            journal = cursor.execute("PRAGMA journal_mode").fetchone()[0]
            synchronous = cursor.execute("PRAGMA synchronous").fetchone()[0]
            if journal != "wal" or synchronous < SQLITE_SYNCHRONOUS_FULL:
                return Finding(
                    "wrong",
                    "database",
                    f"SQLite runs with journal_mode={journal} and synchronous={synchronous}, which may lose what "
                    "devices were told is stored; keep the data folder on a local disk.",
                )
            return Finding("ok", "database", "SQLite, up to date, with a write-ahead log and full synchronisation.")
        cursor.execute("SHOW synchronous_commit")
        commit = cursor.fetchone()[0]
        if commit in ("off", "local"):
            return Finding("wrong", "database", f"PostgreSQL runs with synchronous_commit={commit}; set it to on.")
    return Finding("ok", "database", "PostgreSQL, up to date.")


def broker_is_reached() -> Finding:
    if broker_answers():
        return Finding("ok", "broker", "Redis answers.")
    if settings.CELERY_BROKER_URL.startswith("redis+socket:"):
        return Finding("wrong", "broker", "No service runs on this data folder; start one with `tome up`.")
    return Finding("wrong", "broker", "The Redis of TOME_REDIS_URL does not answer.")


def queues_are_served() -> Finding:
    answers = app.control.inspect(timeout=WORKERS_ANSWER_WITHIN_SECONDS).active_queues() or {}
    served = {queue["name"] for queues in answers.values() for queue in queues}
    if missing := [name for name in QUEUES if name not in served]:
        return Finding("wrong", "workers", f"No worker serves the queue {' or the queue '.join(missing)}.")
    return Finding("ok", "workers", f"{len(answers)} answer, and every queue is served.")


def library_can_be_read() -> Finding:
    folder = settings.LIBRARY_DIR
    try:
        next(os.scandir(folder), None)
    except OSError as error:
        return Finding("wrong", "library folder", f"{folder} cannot be read: {error.strerror}.")
    return Finding("ok", "library folder", f"{folder} can be read.")


def failed_imports() -> Finding:
    from library.models import Import

    count = Import.objects.filter(state=Import.State.FAILED).count()
    if count:
        return Finding("warning", "imports", f"{_files(count)} could not be imported; `tome scan --wait` names them.")
    return Finding("ok", "imports", "None has failed.")


def failed_rebuilds() -> Finding:
    from reading.marks import failed_marks

    if failed := failed_marks():
        return Finding(
            "warning",
            "statistics",
            f"{len(failed)} could not be brought up to date ({failed[0].failure}); try `tome stats rebuild`.",
        )
    return Finding("ok", "statistics", "Nothing has failed to be brought up to date.")


def failed_manifests() -> Finding:
    from accounts.marks import marks_that_failed
    from library.models import StaleManifest, StaleSeriesList

    failed = [*marks_that_failed(StaleManifest), *marks_that_failed(StaleSeriesList)]
    if failed:
        return Finding(
            "warning",
            "series",
            f"{len(failed)} could not be brought up to date ({failed[0].failure}); an edit of a book tries again.",
        )
    return Finding("ok", "series", "Nothing has failed to be brought up to date.")


def _files(count: int) -> str:
    return "1 file" if count == 1 else f"{count} files"
