"""Promises about the whole of the source that no review would keep."""

import subprocess
import sys
from importlib import import_module
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command

from tests.conftest import REPOSITORY


def test_imports_point_down_the_house() -> None:
    program = Path(sys.executable).parent / "lint-imports"
    linted = subprocess.run([program, "--no-cache"], cwd=REPOSITORY, capture_output=True, text=True)
    assert linted.returncode == 0, linted.stdout


@pytest.mark.django_db
def test_migrations_make_what_the_models_say() -> None:
    missing = StringIO()
    try:
        call_command("makemigrations", "--check", "--dry-run", stdout=missing)
    except SystemExit:
        pytest.fail(missing.getvalue())


def test_each_beat_entry_names_a_task_and_expires() -> None:
    from django.conf import settings

    from project.celery import app
    from project.schedule import BEAT_SCHEDULE

    for module in settings.CELERY_IMPORTS:
        import_module(module)
    for name, entry in BEAT_SCHEDULE.items():
        assert entry["task"] in app.tasks, f"{name} names {entry['task']}, which no worker knows"
        assert entry["options"]["expires"], f"{name} would pile up while no worker runs"


def test_each_task_has_a_given_name_and_a_queue_that_is_served() -> None:
    from django.conf import settings

    from project.broker import QUEUES
    from project.celery import app

    for module in settings.CELERY_IMPORTS:
        import_module(module)
    ours = [task for name, task in app.tasks.items() if not name.startswith("celery.") and "guards." not in name]
    assert ours
    for task in ours:
        assert not task.name.startswith("workers."), f"{task.name} is named after its module, which may move"
        queue = app.amqp.router.route({}, task.name)["queue"].name
        assert queue in QUEUES
        assert task.ignore_result, f"{task.name} keeps results, and there is no place for them"
