"""The commands that run: everything at once, or one role each."""

import logging
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from project.broker import QUEUES, worker_name
from project.cli.django import use_django
from project.env import read

# Of a web process. Few of them work at once, see project.slots; the others are sending files to slow devices.
WEB_THREADS = 64
PING_SECONDS = 5.0


def log_lines() -> None:
    logging.basicConfig(level=read("TOME_LOG_LEVEL"), format="%(asctime)s %(levelname)s %(name)s: %(message)s")


def flags(**names: str) -> Callable[..., Any]:
    """Let the command's options override the environment, before anything reads it: option name to variable."""

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        def with_environment(**options: Any) -> Any:
            for option, variable in names.items():
                if (value := options.pop(option)) is not None:
                    os.environ[variable] = str(value)
            return command(**options)

        with_environment.__doc__ = command.__doc__
        with_environment.__name__ = command.__name__
        with_environment.__dict__.update(command.__dict__)
        return with_environment

    return decorate


@click.command()
@click.option("--data-dir", metavar="FOLDER", help="Folder for everything Tome keeps.")
@click.option("--library", metavar="FOLDER", help="Folder with the books.")
@click.option("--host", help="Address to listen on.")
@click.option("--port", metavar="PORT", help="Port to listen on.")
@click.option("--workers", metavar="N", help="Web server processes, and worker processes for each queue.")
@flags(
    data_dir="TOME_DATA_DIR",
    library="TOME_LIBRARY_DIR",
    host="TOME_HOST",
    port="TOME_PORT",
    workers="TOME_WORKERS",
)
def up() -> None:
    """Run the whole service until Ctrl-C or SIGTERM."""
    from project.supervisor import Supervisor

    log_lines()
    Supervisor().run()


@click.command()
def web() -> None:
    """Run the web server alone."""
    log_lines()
    from granian.constants import Interfaces
    from granian.log import LogLevels
    from granian.server import Server

    Server(
        "project.wsgi:application",
        address=read("TOME_HOST"),
        port=read("TOME_PORT"),
        interface=Interfaces.WSGI,
        websockets=False,
        workers=read("TOME_WORKERS"),
        blocking_threads=WEB_THREADS,
        respawn_failed_workers=True,
        workers_kill_timeout=5,
        log_level=LogLevels(read("TOME_LOG_LEVEL").lower()),
        log_dictconfig={"loggers": {"_granian": {"propagate": True}}, "handlers": {}, "formatters": {}},
    ).serve()


@click.command()
@click.option(
    "--queues", metavar="NAMES", help="Queues to serve, separated by commas: sync, library. All if not given."
)
@click.option("--concurrency", type=click.IntRange(1, 64), metavar="N", help="Tasks of a queue at the same time.")
@click.option("--beat", "with_beat", is_flag=True, help="Run beat and the watcher too, as processes of their own.")
def worker(queues: str | None, concurrency: int | None, with_beat: bool) -> None:
    """Run workers alone, for all queues or some. Each queue has processes of its own."""
    names = list(QUEUES) if queues is None else [name.strip() for name in queues.split(",") if name.strip()]
    unknown = sorted(set(names) - set(QUEUES))
    if unknown or not names:
        raise click.UsageError(f"There is no queue {', '.join(unknown) or 'named'}; there are {' and '.join(QUEUES)}.")
    use_django()
    from project.worker import keep_workers, load_tasks, run_worker

    load_tasks()
    concurrency = concurrency or read("TOME_WORKERS")
    if len(names) == 1 and not with_beat:
        sys.exit(run_worker(names[0], concurrency=concurrency))
    keep_workers(names, concurrency=concurrency, with_beat=with_beat)


@click.command()
def beat() -> None:
    """Run beat alone, which starts what is due by the clock. One for each service."""
    from project.beat import run, schedule_file

    run(schedule_file(), read("TOME_LOG_LEVEL"))


@click.command()
def watch() -> None:
    """Watch the library folder, and have imported what is new in it. One for each service."""
    log_lines()
    use_django()
    from project import celery, watcher  # noqa: F401 (messages go through the app)

    sys.exit(watcher.run())


@click.command(hidden=True)
@click.argument("queue", type=click.Choice(QUEUES))
def ping(queue: str) -> None:
    """Ask this machine's worker for a queue whether it answers: a container's health check."""
    from project.messenger import worker_answers

    if not worker_answers(worker_name(queue), within_seconds=PING_SECONDS):
        raise click.ClickException(f"The worker for {queue} does not answer.")


@click.command()
def migrate() -> None:
    """Bring the database up to date with this version of Tome."""
    use_django()
    migrate_database(verbosity=1)


def migrate_database(*, verbosity: int) -> None:
    from django.conf import settings
    from django.core.management import call_command

    database = settings.DATABASES["default"]
    if database["ENGINE"].endswith("sqlite3"):
        # Made by us and not by SQLite, whose new files everybody on the machine may read; its log gets the same mode.
        Path(database["NAME"]).touch(mode=0o600)
    call_command("migrate", interactive=False, verbosity=verbosity)
