"""Typed readers for Tome's environment variables.

Every variable that Tome reads stands in `SETTINGS`; `docs/settings.md` is held to that table by a test. A value that
cannot be read raises `SettingError`, which names the variable and says what it should have been.
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit


class SettingError(Exception):
    """A variable holds something that it may not hold; the message is a sentence for the operator."""


@dataclass(frozen=True)
class Setting:
    """One variable: `parse` turns its text into a value or raises ValueError saying what was expected."""

    name: str
    parse: Callable[[str], Any]
    default: Any
    meaning: str
    secret: bool = False


def text(value: str) -> str:
    return value.strip()


def path(value: str) -> Path:
    return Path(value).expanduser().absolute()


def whole_number(minimum: int, maximum: int) -> Callable[[str], int]:
    def parse(value: str) -> int:
        try:
            number = int(value)
        except ValueError:
            number = None
        if number is None or not minimum <= number <= maximum:
            raise ValueError(f"a whole number from {minimum} to {maximum}")
        return number

    return parse


def one_of(*words: str) -> Callable[[str], str]:
    """One of these words, in whatever case it is written."""
    known = {word.upper(): word for word in words}

    def parse(value: str) -> str:
        if value.strip().upper() not in known:
            raise ValueError("one of " + ", ".join(words))
        return known[value.strip().upper()]

    return parse


def boolean(value: str) -> bool:
    words = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}
    if value.strip().lower() not in words:
        raise ValueError("one of 1, true, yes, on, 0, false, no, off")
    return words[value.strip().lower()]


def address(*schemes: str) -> Callable[[str], str]:
    def parse(value: str) -> str:
        value = value.strip()
        expected = "an address beginning with " + " or ".join(f"{scheme}:" for scheme in schemes)
        try:
            scheme = urlsplit(value).scheme
        except ValueError:
            raise ValueError(expected) from None
        if scheme not in schemes:
            raise ValueError(expected)
        return value

    return parse


def public_address(value: str) -> str:
    return address("http", "https")(value).rstrip("/")


_ALL = [
    Setting("TOME_DATA_DIR", path, Path("~/.local/share/tome").expanduser(), "Folder for everything Tome keeps"),
    Setting("TOME_LIBRARY_DIR", path, None, "Folder with the books; `library` in the data folder if unset"),
    Setting("TOME_HOST", text, "127.0.0.1", "Address that the web server listens on"),
    Setting("TOME_PORT", whole_number(1, 65535), 8080, "Port that the web server listens on"),
    Setting("TOME_WORKERS", whole_number(1, 64), 1, "Web server processes, and Celery processes for each queue"),
    Setting(
        "TOME_REDIS_URL", address("redis", "rediss", "unix"), None, "Redis to use in place of the bundled one", True
    ),
    Setting(
        "TOME_DATABASE_URL",
        address("postgres", "postgresql", "sqlite"),
        None,
        "Database; SQLite in the data folder if unset",
        True,
    ),
    Setting("TOME_PUBLIC_URL", public_address, None, "Address under which readers and devices reach Tome"),
    Setting("TOME_SECRET_KEY", text, None, "Server's secret; made once as a file in the data folder if unset", True),
    Setting("TOME_ALLOWED_HOSTS", text, "*", "Host names that requests may carry, separated by commas"),
    Setting("TOME_MAX_UPLOAD_MB", whole_number(1, 102400), 1024, "Largest book that may be uploaded, in MiB"),
    Setting("TOME_WATCH", one_of("auto", "poll", "off"), "auto", "How the library folder is watched for new files"),
    Setting(
        "TOME_SENDFILE",
        one_of("off", "x-accel-redirect", "x-sendfile"),
        "off",
        "How a proxy in front is told to send a book's file in Tome's place",
    ),
    Setting("TOME_SENDFILE_PREFIX", text, "/tome-files/", "Where nginx finds the library folder, for x-accel-redirect"),
    Setting(
        "TOME_LOG_LEVEL",
        one_of("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"),
        "INFO",
        "Least severe log lines that are shown",
    ),
    Setting("TOME_DEBUG", boolean, False, "Django's debug mode; never on a server that others can reach"),
]
SETTINGS: Mapping[str, Setting] = {setting.name: setting for setting in _ALL}


def read(name: str, environ: Mapping[str, str] | None = None) -> Any:
    """The value of a variable in `SETTINGS`, or its default where it is unset or empty.

    A secret may also stand in the file that `NAME_FILE` names.
    """
    environ = os.environ if environ is None else environ
    setting = SETTINGS[name]
    raw = environ.get(name, "")
    file_name = environ.get(f"{name}_FILE", "") if setting.secret else ""
    if not raw and file_name:
        try:
            raw = Path(file_name).read_text(encoding="utf-8").strip()
        except OSError as error:
            raise SettingError(f"{name}_FILE names {file_name}, which cannot be read: {error.strerror}.") from error
    if not raw.strip():
        return setting.default
    try:
        return setting.parse(raw)
    except ValueError as error:
        shown = "what it holds" if setting.secret else repr(raw)
        raise SettingError(f"{name} must be {error}, not {shown}.") from None
