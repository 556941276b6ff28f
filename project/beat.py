"""Beat: sends the messages of `project.schedule` when they are due."""

import logging
from pathlib import Path
from typing import Any

from celery import signals
from celery.apps.beat import Beat

from project.env import read
from project.messenger import messenger


def schedule_file() -> Path:
    """Where beat notes when it last sent what; made anew if it is lost."""
    folder: Path = read("TOME_DATA_DIR") / "run"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder / "beat-schedule"


def run(schedule: Path, level: str) -> None:
    """Run until SIGTERM or SIGINT."""

    def log_lines(**kwargs: Any) -> None:
        logging.basicConfig(level=level, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
        # A line for each message that is sent would bury the rest.
        logging.getLogger("celery.beat").setLevel(max(logging.WARNING, logging.getLevelName(level)))

    signals.setup_logging.connect(log_lines, weak=False)
    Beat(app=messenger(), schedule=str(schedule), loglevel=level, quiet=True).run()
