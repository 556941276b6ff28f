"""Backups: one ZIP with everything but the books themselves, the same for SQLite and PostgreSQL.

It holds a manifest, the server's secret, the covers, and each table as JSON lines. Derived tables and stale marks are
in it like all others, so a restored server is where the old one was. Nothing is held in memory but a batch of rows.
"""

import logging
import os
import secrets
import shutil
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from graphlib import TopologicalSorter
from importlib.metadata import version
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import IO, Any

import orjson
from django.apps import apps as installed
from django.apps.registry import Apps
from django.conf import settings
from django.contrib.auth.models import Permission
from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.core.management.color import no_style
from django.db import DataError, IntegrityError, connection, transaction
from django.db.migrations.exceptions import IrreversibleError
from django.db.migrations.executor import MigrationExecutor
from django.db.models import Model
from django.utils import timezone

from project.env import read

logger = logging.getLogger(__name__)

FORMAT = 1
APPS = ("auth", "accounts", "library", "reading")
ROWS_AT_A_TIME = 1000
# Made by `migrate` on each database, with numbers of its own.
MADE_BY_MIGRATE = {"auth.permission"}


class BackupError(Exception):
    """The message is a sentence for the operator."""


@dataclass(frozen=True)
class Summary:
    rows: int
    covers: int
    warning: str = ""


def models_in_order(registry: Apps) -> list[type[Model]]:
    """Every model that a backup holds, each after those that it refers to."""
    chosen = {
        model._meta.label_lower: model
        for model in registry.get_models(include_auto_created=True)
        if model._meta.app_label in APPS and model._meta.label_lower not in MADE_BY_MIGRATE
    }
    order = TopologicalSorter(
        {
            label: {other for _, other in _references(model) if other in chosen and other != label}
            for label, model in sorted(chosen.items())
        }
    )
    return [chosen[label] for label in order.static_order()]


def _references(model: type[Model]) -> list[tuple[str, str]]:
    """Its columns that refer to other tables, each with the label of the model there."""
    return [
        (field.attname, field.related_model._meta.label_lower)
        for field in model._meta.concrete_fields
        if field.related_model is not None
    ]


def _entry_name(model: type[Model]) -> str:
    return f"tables/{model._meta.label_lower}.jsonl"


def _permission_column(model: type[Model]) -> str | None:
    """The column that refers to a permission: those have other numbers on another database, so they go by name."""
    return next((column for column, other in _references(model) if other == "auth.permission"), None)


@contextmanager
def snapshot() -> Iterator[None]:
    """Read everything as of one moment, without holding up who writes meanwhile."""
    if connection.vendor == "sqlite":
        # By hand, because Django's would begin IMMEDIATE, which locks every device out for as long as this takes.
        with connection.cursor() as cursor:
            cursor.execute("BEGIN DEFERRED")
            try:
                yield
            finally:
                cursor.execute("ROLLBACK")
    else:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            yield


def write_backup(file: Path) -> Summary:
    """Write `file`, which must not exist yet. Nothing of that name appears before it is complete."""
    if file.exists():
        raise BackupError(f"{file} exists already; a backup never overwrites a file.")
    executor = MigrationExecutor(connection)
    if executor.migration_plan(executor.loader.graph.leaf_nodes()):
        raise BackupError("The database is not up to date with this version of Tome; run `tome migrate` first.")
    partial = file.with_name(f".{file.name}.{secrets.token_hex(4)}.part")
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as output:
            with zipfile.ZipFile(output, "w", zipfile.ZIP_DEFLATED, compresslevel=4) as archive:
                summary = _fill(archive, executor)
            output.flush()
            os.fsync(output.fileno())
        _give_name(partial, file)
    finally:
        partial.unlink(missing_ok=True)
    return summary


def _give_name(partial: Path, file: Path) -> None:
    try:
        os.link(partial, file)
    except FileExistsError:
        raise BackupError(f"{file} exists already; a backup never overwrites a file.") from None
    except OSError:  # a FAT stick knows no links
        partial.rename(file)


def _fill(archive: zipfile.ZipFile, executor: MigrationExecutor) -> Summary:
    counts: dict[str, int] = {}
    with snapshot():
        for model in models_in_order(installed):
            with archive.open(_entry_name(model), "w", force_zip64=True) as entry:
                counts[model._meta.label_lower] = _write_rows(model, entry)
        migrations = sorted(executor.loader.applied_migrations or {})
    covers = 0
    for path in sorted(settings.COVERS_DIR.rglob("*")):
        if path.is_file():
            with suppress(FileNotFoundError):  # replaced by an import since it was listed
                archive.write(path, f"covers/{path.relative_to(settings.COVERS_DIR).as_posix()}", zipfile.ZIP_STORED)
                covers += 1
    archive.writestr("secret.key", settings.SECRET_KEY)
    manifest = {
        "format": FORMAT,
        "tome": version("tome-library"),
        "made_at": timezone.now(),
        "migrations": [list(key) for key in migrations],
        "rows": counts,
    }
    archive.writestr("manifest.json", orjson.dumps(manifest, option=orjson.OPT_INDENT_2))
    return Summary(rows=sum(counts.values()), covers=covers)


def _write_rows(model: type[Model], entry: IO[bytes]) -> int:
    permission_column = _permission_column(model)
    permissions = (
        {p.pk: [*p.natural_key(), p.name] for p in Permission.objects.select_related("content_type")}
        if permission_column
        else {}
    )
    columns = [field.attname for field in model._meta.concrete_fields]
    count = 0
    for row in model._base_manager.order_by("pk").values(*columns).iterator(ROWS_AT_A_TIME):
        if permission_column:
            row[permission_column] = permissions[row[permission_column]]
        entry.write(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE))
        count += 1
    return count


def restore_backup(file: Path) -> Summary:
    """Fill this database and data folder from a backup. On any error both are as they were."""
    try:
        with zipfile.ZipFile(file) as archive:
            manifest = _manifest(archive, file)
            if damaged := archive.testzip():
                raise BackupError(f"{file} is damaged: {damaged} cannot be read. Nothing was changed.")
            return _restore(archive, manifest)
    except (IntegrityError, DataError, ValidationError, TypeError, ValueError) as error:
        logger.debug("A row could not be restored.", exc_info=error)
        raise BackupError(f"{file} is damaged: its rows do not fit together. Nothing was changed.") from error
    except (zipfile.BadZipFile, EOFError):
        raise BackupError(f"{file} is no backup of Tome, or it is damaged. Nothing was changed.") from None


def _manifest(archive: zipfile.ZipFile, file: Path) -> dict[str, Any]:
    try:
        manifest = orjson.loads(archive.read("manifest.json"))
        archive.getinfo("secret.key")
        form, made_by = manifest["format"], manifest["tome"]
        migrations = {(app, name) for app, name in manifest["migrations"]}
        tables = {f"tables/{label}.jsonl" for label in manifest["rows"]}
    except (KeyError, TypeError, ValueError):
        raise BackupError(f"{file} is no backup of Tome. Nothing was changed.") from None
    known = MigrationExecutor(connection).loader.graph.nodes
    if form != FORMAT or not migrations <= set(known):
        raise BackupError(f"{file} was made by Tome {made_by}, which is newer than this one. Nothing was changed.")
    if not tables <= set(archive.namelist()):
        raise BackupError(f"{file} is not complete. Nothing was changed.")
    return dict(manifest)


def _restore(archive: zipfile.ZipFile, manifest: dict[str, Any]) -> Summary:
    if "accounts_reader" in connection.introspection.table_names():
        from accounts.models import Reader

        if Reader.objects.exists():
            raise BackupError(
                "This database holds accounts already; a backup can only be restored into an empty one. "
                "Name another folder with TOME_DATA_DIR, or another database. Nothing was changed."
            )
    registry = _migrate_to({(app, name) for app, name in manifest["migrations"]})
    secret_file: Path = settings.DATA_DIR / "secret.key"
    secret_before = secret_file.read_bytes() if secret_file.exists() else None
    try:
        with transaction.atomic():
            models = models_in_order(registry)
            for model in reversed(models):  # without accounts there can only be what a scan finds again
                model._base_manager.all()._raw_delete(using="default")
            rows = sum(
                _load_rows(model, archive, registry) for model in models if model._meta.label_lower in manifest["rows"]
            )
            with connection.cursor() as cursor:
                for statement in connection.ops.sequence_reset_sql(no_style(), models):
                    cursor.execute(statement)
            covers = _restore_covers(archive)
            secret = archive.read("secret.key")
            _replace_secret(secret_file, secret)
    except BaseException:
        if secret_before is not None:
            _replace_secret(secret_file, secret_before)
        raise
    call_command("migrate", interactive=False, verbosity=0)
    warning = ""
    if read("TOME_SECRET_KEY") not in (None, secret.decode()):
        warning = (
            f"TOME_SECRET_KEY is set to another secret than the backup's, which is now in {secret_file}. Unset it or "
            "set it to that one: otherwise everybody has to log in again, and a plugin that is downloaded again has "
            "another key."
        )
    return Summary(rows=rows, covers=covers, warning=warning)


def _migrate_to(applied: set[tuple[str, str]]) -> Apps:
    """Bring the tables to the state in which the backup was made; the models of that state."""
    executor = MigrationExecutor(connection)
    graph = executor.loader.graph
    last_ones = [
        key
        for key in sorted(applied)
        if not any(child.key in applied and child.key[0] == key[0] for child in graph.node_map[key].children)
    ]
    try:
        executor.migrate(last_ones)
    except IrreversibleError:
        raise BackupError(
            "The tables of this database are newer than the backup's; restore it into a fresh one. Nothing was changed."
        ) from None
    return MigrationExecutor(connection).loader.project_state(last_ones).apps


def _load_rows(model: type[Model], archive: zipfile.ZipFile, registry: Apps) -> int:
    fields = {field.attname: field for field in model._meta.concrete_fields}
    permission_column = _permission_column(model)
    count = 0
    with archive.open(_entry_name(model)) as entry:
        for batch in _batches(entry):
            objects = []
            for line in batch:
                row = orjson.loads(line)
                if permission_column:
                    row[permission_column] = _permission_number(registry, *row[permission_column])
                objects.append(model(**{name: fields[name].to_python(value) for name, value in row.items()}))
            model._base_manager.bulk_create(objects)
            count += len(objects)
    return count


def _batches(lines: Iterable[bytes]) -> Iterator[list[bytes]]:
    iterator = iter(lines)
    while batch := list(islice(iterator, ROWS_AT_A_TIME)):
        yield batch


def _permission_number(registry: Apps, codename: str, app_label: str, model: str, name: str) -> int:
    kind, _ = registry.get_model("contenttypes", "ContentType")._base_manager.get_or_create(
        app_label=app_label, model=model
    )
    permission, _ = registry.get_model("auth", "Permission")._base_manager.get_or_create(
        content_type=kind, codename=codename, defaults={"name": name}
    )
    return int(permission.pk)


def _restore_covers(archive: zipfile.ZipFile) -> int:
    count = 0
    for entry in archive.infolist():
        path = PurePosixPath(entry.filename)
        if entry.is_dir() or path.parts[0] != "covers":
            continue
        if path.is_absolute() or ".." in path.parts:
            raise BackupError(f"The backup holds a cover with a wrong name: {entry.filename}. Nothing was changed.")
        target = settings.COVERS_DIR.joinpath(*path.parts[1:])
        target.parent.mkdir(parents=True, exist_ok=True)
        with archive.open(entry) as source, open(target, "wb") as output:
            shutil.copyfileobj(source, output)
        count += 1
    return count


def _replace_secret(file: Path, secret: bytes) -> None:
    partial = file.with_name(f".secret.{secrets.token_hex(4)}")
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as output:
        output.write(secret)
        output.flush()
        os.fsync(output.fileno())
    partial.replace(file)
