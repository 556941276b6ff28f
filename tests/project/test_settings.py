"""The settings, and that their documentation is complete."""

import os
import re
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from project import broker
from project.env import SETTINGS

REPOSITORY = Path(__file__).resolve().parent.parent.parent
ROW = re.compile(r"^\| `(TOME_\w+)` \| (.+?) \| (.+) \|$", re.MULTILINE)
# Where what is used if a variable is unset is no value of the variable itself.
SAID_IN_WORDS = {
    "TOME_LIBRARY_DIR",
    "TOME_REDIS_URL",
    "TOME_DATABASE_URL",
    "TOME_PUBLIC_URL",
    "TOME_SECRET_KEY",
}


def test_the_documentation_lists_exactly_the_settings_with_their_defaults() -> None:
    text = (REPOSITORY / "docs" / "settings.md").read_text(encoding="utf-8")
    documented = {name: default for name, default, _ in ROW.findall(text)}
    assert list(documented) == list(SETTINGS)
    for name, setting in SETTINGS.items():
        if name in SAID_IN_WORDS:
            assert setting.default is None
            continue
        default = str(setting.default).lower() if isinstance(setting.default, bool) else str(setting.default)
        assert documented[name] == f"`{default.replace(str(Path.home()), '~')}`"


def test_the_documentation_names_every_secret_that_may_stand_in_a_file() -> None:
    text = (REPOSITORY / "docs" / "settings.md").read_text(encoding="utf-8")
    assert set(re.findall(r"`(TOME_\w+)_FILE`", text)) == {s.name for s in SETTINGS.values() if s.secret}


def test_the_environment_example_sets_only_what_compose_reads() -> None:
    example = set(re.findall(r"^(\w+)=", (REPOSITORY / ".env.example").read_text(encoding="utf-8"), re.MULTILINE))
    compose = (REPOSITORY / "compose.yaml").read_text(encoding="utf-8")
    read = set(re.findall(r"\$\{(\w+)", compose)) | set(re.findall(r"environment: (\w+)$", compose, re.MULTILINE))
    assert example == read


def loaded(expression: str, environment: dict[str, str]) -> str:
    """What an expression about the settings is in a fresh process."""
    code = f"from project import settings; print({expression})"
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TOME_")}
    return subprocess.check_output([sys.executable, "-P", "-c", code], env=kept | environment, text=True).strip()


def test_the_secret_is_made_once_and_only_its_owner_can_read_it(tmp_path: Path) -> None:
    environment = {"TOME_DATA_DIR": str(tmp_path / "data")}
    first = loaded("settings.SECRET_KEY", environment)
    assert len(first) == 64
    assert loaded("settings.SECRET_KEY", environment) == first
    assert stat.S_IMODE((tmp_path / "data" / "secret.key").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "data").stat().st_mode) == 0o700


def test_a_secret_that_is_given_is_not_kept(tmp_path: Path) -> None:
    environment = {"TOME_DATA_DIR": str(tmp_path / "data"), "TOME_SECRET_KEY": "given"}
    assert loaded("settings.SECRET_KEY", environment) == "given"
    assert not (tmp_path / "data" / "secret.key").exists()


def test_sqlite_waits_for_others_and_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    options = loaded("settings.DATABASES['default']['OPTIONS']", {"TOME_DATA_DIR": str(tmp_path)})
    for wanted in ("IMMEDIATE", "journal_mode=WAL", "synchronous=FULL", "'timeout': 20"):
        assert wanted in options


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ("redis://other:6379/1", "redis://other:6379/1"),
        ("unix:///run/redis.sock?db=1", "redis+socket:///run/redis.sock?db=1"),
    ],
)
def test_a_redis_of_ones_own_is_used_as_it_is_given(monkeypatch: pytest.MonkeyPatch, given: str, url: str) -> None:
    monkeypatch.setenv("TOME_REDIS_URL", given)
    assert broker.broker_url() == url


def test_the_bundled_redis_is_found_through_the_data_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("TOME_REDIS_URL", raising=False)
    monkeypatch.setenv("TOME_DATA_DIR", str(tmp_path / "a b#1"))
    assert broker.broker_url() == f"redis+socket://{tmp_path}/a%20b%231/run/redis.sock"


def test_a_path_too_long_for_a_socket_gets_a_short_one_that_is_found_again(tmp_path: Path) -> None:
    data_dir = tmp_path / ("d" * 120)
    (data_dir / "run").mkdir(parents=True)
    place = broker.place_for_socket(broker.socket_link(data_dir))
    try:
        assert len(str(place)) <= broker.LONGEST_SOCKET_PATH
        assert stat.S_IMODE(place.parent.stat().st_mode) == 0o700
        assert broker.socket_path(data_dir) == place
    finally:
        place.parent.rmdir()
