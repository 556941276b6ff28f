"""The commands that do not need a running service, called as the console script calls them."""

import os
import stat
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest

from project import cli
from project.cli.service import flags

Run = Callable[..., int]


@pytest.fixture
def tome(monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a command in this process; its exit status."""

    def run(*arguments: str, stdin: str = "") -> int:
        import io

        monkeypatch.setattr(sys, "stdin", io.StringIO(stdin))
        monkeypatch.setattr(sys, "argv", ["tome", *arguments])
        with pytest.raises(SystemExit) as end:
            cli.main()
        return int(end.value.code or 0)

    return run


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str]) -> Callable[[], str]:
    """What stood on stderr since the last call."""
    return lambda: capsys.readouterr().err


COMMANDS = (
    ["up"],
    ["web"],
    ["worker"],
    ["beat"],
    ["watch"],
    ["migrate"],
    ["scan"],
    ["user", "create"],
    ["key", "create"],
    ["plugin", "build"],
    ["stats", "rebuild"],
    ["stats", "import"],
    ["stats", "imports"],
    ["demo"],
    ["backup"],
    ["restore"],
    ["doctor"],
)


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_explains_itself(tome: Run, capsys: pytest.CaptureFixture[str], command: list[str]) -> None:
    assert tome(*command, "--help") == 0
    assert f"Usage: tome {' '.join(command)}" in capsys.readouterr().out


def test_an_account_is_made_with_the_password_from_stdin(db: None, tome: Run) -> None:
    from accounts.models import Reader

    assert tome("user", "create", "ada", "--admin", "--password-stdin", stdin="correct horse battery\n") == 0
    ada = Reader.objects.get(username="ada")
    assert ada.check_password("correct horse battery")
    assert ada.is_superuser


def test_without_a_terminal_and_a_password_the_account_has_none(db: None, tome: Run, said: Callable[[], str]) -> None:
    from accounts.models import Reader

    assert tome("user", "create", "ada") == 0
    assert not Reader.objects.get(username="ada").has_usable_password()
    assert "It has no password" in said()


@pytest.mark.parametrize(
    ("name", "password", "sentence"),
    [
        ("bob", "correct horse battery", "There is an account 'bob' already."),
        ("a name", "correct horse battery", "Enter a valid username."),
        ("ada", "short1", "This password is too short."),
        ("ada", "", "There is no password on standard input."),
    ],
)
def test_an_account_that_cannot_be_made_is_refused_with_a_sentence(
    bob: Any, tome: Run, said: Callable[[], str], name: str, password: str, sentence: str
) -> None:
    assert tome("user", "create", name, "--password-stdin", stdin=f"{password}\n") == 1
    assert said().startswith(f"Error: {sentence}")


def test_a_key_is_the_only_thing_on_stdout(ada: Any, tome: Run, capsys: pytest.CaptureFixture[str]) -> None:
    from django.utils import timezone

    from accounts.keys import authenticate

    assert tome("key", "create", "--user", "ada", "--label", "a script") == 0
    key = capsys.readouterr().out
    assert key.count("\n") == 1
    assert authenticate(key.strip(), now=timezone.now()) == ada
    assert ada.api_keys.get().label == "a script"


def test_a_key_for_nobody_is_refused(db: None, tome: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert tome("key", "create", "--user", "nobody") == 1
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err == "Error: There is no account 'nobody'; make one with `tome user create`.\n"


def test_the_plugin_is_built_twice_with_the_same_bytes(ada: Any, tome: Run, tmp_path: Path) -> None:
    for name in ("one.zip", "two.zip"):
        arguments = ("--user", "ada", "--server-url", "https://books.example.org/", "--out", str(tmp_path / name))
        assert tome("plugin", "build", *arguments) == 0
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()
    with ZipFile(tmp_path / "one.zip") as archive:
        assert sorted(archive.namelist()) == ["tomesync.koplugin/_meta.lua", "tomesync.koplugin/main.lua"]
        assert b"https://books.example.org" in archive.read("tomesync.koplugin/main.lua")


def test_a_plugin_holds_a_key_so_only_its_owner_can_read_it(ada: Any, tome: Run, tmp_path: Path) -> None:
    file = tmp_path / "plugin.zip"
    assert tome("plugin", "build", "--user", "ada", "--server-url", "http://tome", "--out", str(file)) == 0
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_plugin_for_no_web_address_is_refused(ada: Any, tome: Run, said: Callable[[], str], tmp_path: Path) -> None:
    file = str(tmp_path / "plugin.zip")
    assert tome("plugin", "build", "--user", "ada", "--server-url", "books", "--out", file) == 2
    assert "--server-url must be an address beginning with http: or https:, not 'books'." in said()


def test_a_file_that_cannot_be_written_is_named(ada: Any, tome: Run, said: Callable[[], str]) -> None:
    file = "/nowhere/plugin.zip"
    assert tome("plugin", "build", "--user", "ada", "--server-url", "http://tome", "--out", file) == 1
    assert said() == f"Error: {file}: No such file or directory.\n"


def test_statistics_that_agree_pass_the_check(ada: Any, tome: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert tome("stats", "rebuild") == 0
    capsys.readouterr()
    assert tome("stats", "rebuild", "--check") == 0
    assert capsys.readouterr().out == "Everything derived agrees with what was read.\n"


def test_statistics_that_differ_fail_the_check_and_are_mended(
    ada: Any, book: Any, tome: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    from datetime import date

    from reading.models import BookDay

    BookDay.objects.create(reader=ada, book=book, day=date(2026, 11, 1), seconds=60, sessions=1, carried=0, pages=3)
    assert tome("stats", "rebuild", "--check", "--user", "ada") == 1
    assert "2026-11-01" in capsys.readouterr().out
    assert tome("stats", "rebuild", "--user", "ada") == 0
    assert tome("stats", "rebuild", "--check", "--user", "ada") == 0
    assert not BookDay.objects.exists()


def test_a_scan_without_a_service_says_how_to_start_one(db: None, tome: Run, said: Callable[[], str]) -> None:
    assert tome("scan") == 1
    assert said() == "Error: No service runs on this data folder; start one with `tome up`.\n"


def test_a_queue_that_does_not_exist_is_refused(tome: Run, said: Callable[[], str]) -> None:
    assert tome("worker", "--queues", "sync,stats") == 2
    assert "There is no queue stats; there are sync and library." in said()


def test_a_malformed_setting_ends_a_command_with_a_sentence(
    tome: Run, said: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOME_PORT", "http")
    assert tome("up") == 1
    assert said() == "Error: TOME_PORT must be a whole number from 1 to 65535, not 'http'.\n"


def test_a_mistake_of_ours_is_not_hidden(tome: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(sys, "argv", ["tome", "up"])
    monkeypatch.setattr("project.supervisor.Supervisor", fail)
    with pytest.raises(ZeroDivisionError):
        cli.main()


def test_a_flag_overrides_the_environment_and_an_absent_one_leaves_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOME_PORT", "1")
    monkeypatch.setenv("TOME_HOST", "127.0.0.1")
    seen: dict[str, str] = {}

    @flags(port="TOME_PORT", host="TOME_HOST")
    def command() -> None:
        seen.update(os.environ)

    command(port="2", host=None)
    assert (seen["TOME_PORT"], seen["TOME_HOST"]) == ("2", "127.0.0.1")
