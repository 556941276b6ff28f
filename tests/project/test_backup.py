"""Backups, between SQLite and PostgreSQL and back, and what a restore refuses."""

import os
import re
import stat
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
from django.apps import apps
from django.conf import settings as django_settings

from project import backup
from tests.nodes import environment_for
from tests.postgres import PostgresServer
from tests.project.services import python, run, service
from tests.waiting import wait_until


@pytest.fixture
def story(transactional_db: None, ada: Any, bob: Any, book: Any, kobo: Any) -> Path:
    """Ada has read, and a backup of it."""
    from django.contrib.auth.models import Group, Permission

    from accounts.server import server_identifier
    from reading.models import DeviceFile, Position, Session

    now = datetime(2026, 11, 20, 21, 30, 0, 123456, tzinfo=UTC)
    file = DeviceFile.objects.create(reader=ada, filename="Öde – 1.epub", name_key="öde 1")
    Session.objects.bulk_create(
        Session(
            reader=ada,
            uuid=f"12-{number}-Kobo",
            book=book,
            file=file,
            device=kobo,
            started_at=now,
            ended_at=now,
            seconds=12.345678901234,
            pages=7,
            received_at=now,
        )
        for number in range(backup.ROWS_AT_A_TIME + 5)  # more than one batch
    )
    Position.objects.create(
        reader=ada, book=book, percentage=1 / 3, progress="/body/DocFragment[3]/p[1]/text().0", kind="xpointer",
        device=kobo, read_at=now, updated_at=now, revision=4,
    )  # fmt: skip
    librarians = Group.objects.create(name="Librarians")
    librarians.permissions.add(Permission.objects.get(codename="change_book"))
    ada.groups.add(librarians)
    server_identifier()
    cover = django_settings.COVERS_DIR / "ab" / "1.webp"
    cover.parent.mkdir()
    cover.write_bytes(b"a picture")
    made = Path(django_settings.DATA_DIR) / "tome.zip"
    backup.write_backup(made)
    return made


def rows_of(archive: Path) -> dict[str, bytes]:
    """Every entry of a backup but the manifest, whose time differs."""
    with zipfile.ZipFile(archive) as opened:
        return {name: opened.read(name) for name in sorted(opened.namelist()) if name != "manifest.json"}


def restored(archive: Path, environment: dict[str, str], tmp_path: Path) -> Path:
    """A backup of what a backup was restored to."""
    done = run("restore", str(archive), environment=environment, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    again = tmp_path / "again.zip"
    done = run("backup", str(again), environment=environment, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    return again


def test_every_table_of_a_backup_comes_back_on_sqlite(story: Path, tmp_path: Path) -> None:
    again = restored(story, environment_for(tmp_path / "other"), tmp_path)
    assert rows_of(again) == rows_of(story)
    assert (tmp_path / "other" / "covers" / "ab" / "1.webp").read_bytes() == b"a picture"


def test_every_table_of_a_backup_comes_back_on_postgresql(
    story: Path, tmp_path: Path, postgres: PostgresServer
) -> None:
    with postgres.database() as url:
        environment = environment_for(tmp_path / "other", TOME_DATABASE_URL=url)
        again = restored(story, environment, tmp_path)
        assert rows_of(again) == rows_of(story)
        # A sequence that stood still would give a number twice.
        made = run("user", "create", "carol", environment=environment, cwd=tmp_path)
        assert made.returncode == 0, made.stderr


def test_the_secret_comes_back_as_a_file_of_its_owner(story: Path, tmp_path: Path) -> None:
    restored(story, environment_for(tmp_path / "other"), tmp_path)
    secret = tmp_path / "other" / "secret.key"
    assert secret.read_text() == django_settings.SECRET_KEY
    assert stat.S_IMODE(secret.stat().st_mode) == 0o600


def test_another_secret_in_the_environment_is_spoken_of(story: Path, tmp_path: Path) -> None:
    environment = environment_for(tmp_path / "other", TOME_SECRET_KEY="another")
    done = run("restore", str(story), environment=environment, cwd=tmp_path)
    assert done.returncode == 0
    assert "Warning: TOME_SECRET_KEY is set to another secret than the backup's" in done.stderr


def test_no_model_of_ours_is_left_out() -> None:
    held = {model._meta.label for model in backup.models_in_order(apps)}
    ours = {
        model._meta.label
        for app in ("accounts", "library", "reading")
        for model in apps.get_app_config(app).get_models()
    }
    assert ours <= held


def test_a_row_comes_after_the_rows_that_it_refers_to() -> None:
    order = [model._meta.label for model in backup.models_in_order(apps)]
    for before, after in [("accounts.Reader", "reading.Session"), ("library.Book", "library.BookFile")]:
        assert order.index(before) < order.index(after)


def test_a_backup_is_for_its_owner_alone_and_leaves_nothing_half_written(story: Path) -> None:
    assert stat.S_IMODE(story.stat().st_mode) == 0o600
    assert [name for name in os.listdir(story.parent) if name.endswith(".part")] == []


def test_a_backup_never_overwrites_a_file(story: Path) -> None:
    before = story.read_bytes()
    with pytest.raises(backup.BackupError, match="a backup never overwrites a file"):
        backup.write_backup(story)
    assert story.read_bytes() == before


def test_a_database_that_holds_accounts_is_not_touched(story: Path) -> None:
    from accounts.models import Reader

    with pytest.raises(backup.BackupError, match="holds accounts already"):
        backup.restore_backup(story)
    assert set(Reader.objects.values_list("username", flat=True)) == {"ada", "bob"}


def without(archive: Path, name: str, to: Path) -> Path:
    with zipfile.ZipFile(archive) as old, zipfile.ZipFile(to, "w") as new:
        for entry in old.namelist():
            if entry != name:
                new.writestr(entry, old.read(entry))
    return to


@pytest.mark.parametrize("broken", ["no ZIP", "another ZIP", "cut off", "a flipped bit", "a table missing", "newer"])
def test_a_file_that_is_no_good_changes_nothing(story: Path, tmp_path: Path, broken: str) -> None:
    bad = tmp_path / "bad.zip"
    match broken:
        case "no ZIP":
            bad.write_bytes(b"not at all")
        case "another ZIP":
            with zipfile.ZipFile(bad, "w") as archive:
                archive.writestr("mimetype", "application/epub+zip")
        case "cut off":
            bad.write_bytes(story.read_bytes()[:-2000])
        case "a flipped bit":
            content = bytearray(story.read_bytes())
            place = content.index(b"a picture")
            content[place] ^= 1
            bad.write_bytes(content)
        case "a table missing":
            without(story, "tables/reading.session.jsonl", bad)
        case "newer":
            manifest = orjson.loads(zipfile.ZipFile(story).read("manifest.json"))
            manifest["migrations"].append(["reading", "0999_from_the_future"])
            manifest["tome"] = "99.0"
            without(story, "manifest.json", bad)
            with zipfile.ZipFile(bad, "a") as archive:
                archive.writestr("manifest.json", orjson.dumps(manifest))
    environment = environment_for(tmp_path / "other")
    refused = run("restore", str(bad), environment=environment, cwd=tmp_path)
    assert refused.returncode == 1
    assert refused.stderr.count("\n") == 1
    assert refused.stderr.startswith(f"Error: {bad}")
    assert refused.stderr.endswith("Nothing was changed.\n")
    # Still good for the sound one.
    assert run("restore", str(story), environment=environment, cwd=tmp_path).returncode == 0


def test_a_row_that_does_not_fit_takes_all_the_others_back(story: Path, tmp_path: Path) -> None:
    bad = without(story, "tables/reading.session.jsonl", tmp_path / "bad.zip")
    with zipfile.ZipFile(story) as sound, zipfile.ZipFile(bad, "a") as archive:
        row = sound.read("tables/reading.session.jsonl").splitlines()[0]
        archive.writestr("tables/reading.session.jsonl", row + b"\n" + row + b"\n")
    environment = environment_for(tmp_path / "other", DJANGO_SETTINGS_MODULE="project.settings")
    secret = python("from django.conf import settings; print(settings.SECRET_KEY)", environment=environment)
    refused = run("restore", str(bad), environment=environment, cwd=tmp_path)
    assert refused.returncode == 1
    assert refused.stderr == f"Error: {bad} is damaged: its rows do not fit together. Nothing was changed.\n"
    count = "from accounts.models import Reader; print(Reader.objects.count())"
    assert python(count, environment=environment) == "0"
    assert (tmp_path / "other" / "secret.key").read_text() == secret


def test_a_cover_whose_name_is_a_way_out_is_refused(story: Path, tmp_path: Path) -> None:
    bad = without(story, "", tmp_path / "bad.zip")
    with zipfile.ZipFile(bad, "a") as archive:
        archive.writestr("covers/../../escaped", b"x")
    refused = run("restore", str(bad), environment=environment_for(tmp_path / "other"), cwd=tmp_path)
    assert refused.returncode == 1
    assert "a cover with a wrong name" in refused.stderr
    assert not (tmp_path / "escaped").exists()


@pytest.mark.faults
def test_a_plugin_built_before_the_backup_still_gets_in_after_the_restore(tmp_path: Path) -> None:
    with service("one") as made:
        made.start()
        assert made.tome("user", "create", "ada").returncode == 0
        plugin = made.folder / "plugin.zip"
        arguments = ("--user", "ada", "--server-url", made.url, "--out", str(plugin))
        assert made.tome("plugin", "build", *arguments).returncode == 0
        key = key_in(plugin)
        server_id = who_am_i(made.url, key)["server_id"]
        assert made.tome("backup", "tome.zip").returncode == 0  # while it runs
        refused = made.tome("restore", "tome.zip")
        assert "Tome already runs on the data folder" in refused.stderr
        archive = tmp_path / "tome.zip"
        archive.write_bytes((made.folder / "tome.zip").read_bytes())
    with service("another") as made:
        done = made.tome("restore", str(archive))
        assert done.returncode == 0, done.stderr
        made.start()
        wait_until(made.answers, what="the service to be ready")
        me = who_am_i(made.url, key)
        assert (me["username"], me["server_id"]) == ("ada", server_id)
        again = made.folder / "plugin.zip"
        arguments = ("--user", "ada", "--server-url", made.url, "--out", str(again))
        assert made.tome("plugin", "build", *arguments).returncode == 0
        assert key_in(again) == key


def key_in(plugin: Path) -> str:
    with zipfile.ZipFile(plugin) as archive:
        [key] = re.findall(rb"tk_[0-9a-f]{40}", archive.read("tomesync.koplugin/main.lua"))
    return str(key.decode())


def who_am_i(url: str, key: str) -> dict[str, Any]:
    answer = httpx.get(f"{url}/api/tome-sync/me", headers={"authorization": f"Bearer {key}"})
    assert answer.status_code == 200, answer.text
    return dict(answer.json())
