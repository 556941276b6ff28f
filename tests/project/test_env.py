from pathlib import Path
from typing import Any

import pytest

from project.env import SETTINGS, SettingError, read


def test_a_variable_that_is_unset_or_empty_has_its_default() -> None:
    assert read("TOME_PORT", {}) == read("TOME_PORT", {"TOME_PORT": " "}) == 8080


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("TOME_PORT", "81", 81),
        ("TOME_DATA_DIR", "/srv/tome", Path("/srv/tome")),
        ("TOME_DATA_DIR", "~/tome", Path.home() / "tome"),
        ("TOME_DATA_DIR", "tome", Path.cwd() / "tome"),
        ("TOME_REDIS_URL", "unix:///run/redis.sock", "unix:///run/redis.sock"),
        ("TOME_DATABASE_URL", "postgresql://tome@db/tome", "postgresql://tome@db/tome"),
        ("TOME_PUBLIC_URL", "https://books.example.org/", "https://books.example.org"),
        ("TOME_DEBUG", "Yes", True),
        ("TOME_DEBUG", "off", False),
        ("TOME_LOG_LEVEL", "warning", "WARNING"),
    ],
)
def test_a_value_is_read_as_its_kind(name: str, text: str, value: Any) -> None:
    assert read(name, {name: text}) == value


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        ("TOME_PORT", "http", "TOME_PORT must be a whole number from 1 to 65535, not 'http'."),
        ("TOME_PORT", "70000", "TOME_PORT must be a whole number from 1 to 65535, not '70000'."),
        ("TOME_WORKERS", "0", "TOME_WORKERS must be a whole number from 1 to 64, not '0'."),
        ("TOME_DEBUG", "maybe", "TOME_DEBUG must be one of 1, true, yes, on, 0, false, no, off, not 'maybe'."),
        ("TOME_PUBLIC_URL", "books", "TOME_PUBLIC_URL must be an address beginning with http: or https:, not 'books'."),
        (
            "TOME_LOG_LEVEL",
            "loud",
            "TOME_LOG_LEVEL must be one of DEBUG, INFO, WARNING, ERROR, CRITICAL, not 'loud'.",
        ),
    ],
)
def test_a_value_that_cannot_be_read_is_refused_by_name(name: str, text: str, sentence: str) -> None:
    with pytest.raises(SettingError) as refused:
        read(name, {name: text})
    assert str(refused.value) == sentence


def test_a_secret_that_cannot_be_read_is_not_shown() -> None:
    with pytest.raises(SettingError) as refused:
        read("TOME_DATABASE_URL", {"TOME_DATABASE_URL": "mysql://tome:hunter2@db/tome"})
    assert "hunter2" not in str(refused.value)


def test_a_secret_may_stand_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("from a file\n")
    environment = {"TOME_SECRET_KEY_FILE": str(tmp_path / "secret")}
    assert read("TOME_SECRET_KEY", environment) == "from a file"
    assert read("TOME_SECRET_KEY", environment | {"TOME_SECRET_KEY": "given"}) == "given"


def test_a_file_with_a_secret_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match=r"TOME_SECRET_KEY_FILE names .*/secret, which cannot be read: No such file"):
        read("TOME_SECRET_KEY", {"TOME_SECRET_KEY_FILE": str(tmp_path / "secret")})


def test_what_is_no_secret_is_not_taken_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "port").write_text("81")
    assert read("TOME_PORT", {"TOME_PORT_FILE": str(tmp_path / "port")}) == 8080


def test_every_default_is_one_that_its_own_reader_would_give() -> None:
    for setting in SETTINGS.values():
        if setting.default is not None:
            assert setting.parse(str(setting.default)) == setting.default
