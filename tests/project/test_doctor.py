"""What `tome doctor` finds. A service in good health is looked at in test_supervisor.py."""

from pathlib import Path
from typing import Any

import pytest

from project import doctor
from tests.nodes import environment_for
from tests.project.services import run


@pytest.fixture
def found(db: None) -> dict[str, doctor.Finding]:
    return {finding.subject: finding for finding in doctor.findings()}


def test_without_a_service_broker_and_workers_are_wrong_and_the_rest_is_fine(found: dict[str, doctor.Finding]) -> None:
    verdicts = {subject: finding.verdict for subject, finding in found.items()}
    assert verdicts == {
        "settings": "ok",
        "data folder": "ok",
        "database": "ok",
        "broker": "wrong",
        "workers": "wrong",
        "library folder": "ok",
        "imports": "ok",
        "statistics": "ok",
        "series": "ok",
    }
    assert found["broker"].sentence == "No service runs on this data folder; start one with `tome up`."


def test_a_redis_of_ones_own_that_is_away_is_named_as_such(settings: Any) -> None:
    settings.CELERY_BROKER_URL = "redis://127.0.0.1:1/0"
    assert doctor.broker_is_reached().sentence == "The Redis of TOME_REDIS_URL does not answer."


def test_files_that_failed_are_a_warning(db: None) -> None:
    from library.models import Import

    Import.objects.create(path="broken.epub", state=Import.State.FAILED, reason="It is broken.")
    assert doctor.failed_imports().verdict == "warning"
    assert doctor.failed_imports().sentence.startswith("1 file could not be imported")


def test_statistics_that_cannot_be_computed_are_a_warning(ada: Any) -> None:
    from django.utils import timezone

    from accounts.marks import MOST_ATTEMPTS
    from reading.models import StalePayload

    StalePayload.objects.create(
        reader=ada, version=1, marked_at=timezone.now(), attempts=MOST_ATTEMPTS, failure="ZeroDivisionError: division"
    )
    finding = doctor.failed_rebuilds()
    assert finding.verdict == "warning"
    assert "ZeroDivisionError" in finding.sentence


def test_a_library_folder_that_is_not_there_is_wrong(settings: Any, tmp_path: Path) -> None:
    settings.LIBRARY_DIR = tmp_path / "unmounted"
    finding = doctor.library_can_be_read()
    assert finding.verdict == "wrong"
    assert finding.sentence == f"{tmp_path}/unmounted cannot be read: No such file or directory."


def test_a_secret_that_others_can_read_is_a_warning(settings: Any) -> None:
    secret = settings.DATA_DIR / "secret.key"
    secret.write_text("x")
    secret.chmod(0o644)
    finding = doctor.data_folder_is_private()
    assert finding.verdict == "warning"
    assert f"chmod 600 {secret}" in finding.sentence


def test_debug_mode_is_a_warning(settings: Any) -> None:
    settings.DEBUG = True
    finding = doctor.settings_fit()
    assert finding.verdict == "warning"
    assert "TOME_DEBUG" in finding.sentence


def test_a_database_without_tables_is_wrong(tmp_path: Path) -> None:
    done = run("doctor", environment=environment_for(tmp_path / "fresh"), cwd=tmp_path)
    assert done.returncode == 1
    [line] = [line for line in done.stdout.splitlines() if " database: " in line]
    assert line.startswith("wrong")
    assert line.endswith("migrations are missing; run `tome migrate`.")


def test_every_malformed_setting_gets_a_line(tmp_path: Path) -> None:
    environment = environment_for(tmp_path / "fresh", TOME_PORT="http", TOME_WORKERS="many")
    done = run("doctor", environment=environment, cwd=tmp_path)
    assert done.returncode == 1
    assert done.stdout.splitlines() == [
        "wrong    settings: TOME_PORT must be a whole number from 1 to 65535, not 'http'.",
        "wrong    settings: TOME_WORKERS must be a whole number from 1 to 64, not 'many'.",
    ]
