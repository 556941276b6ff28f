"""`tome app-password`, called as the console script calls it."""

from typing import Any

import pytest

from tests.project.commands import Tome


@pytest.mark.parametrize("command", ["create", "list", "revoke"])
def test_every_command_explains_itself(tome: Tome, command: str) -> None:
    ended = tome("app-password", command, "--help")
    assert ended.status == 0
    assert f"Usage: tome app-password {command}" in ended.out


def test_a_password_is_the_only_thing_on_stdout_and_works(ada: Any, tome: Tome) -> None:
    from django.utils import timezone

    from accounts.app_passwords import md5_of, reader_and_app_password

    ended = tome("app-password", "create", "--user", "ada", "--label", "Kobo")
    assert (ended.status, ended.err) == (0, "")
    assert ended.out.endswith("\n")
    password = ended.out.removesuffix("\n")
    assert reader_and_app_password("ada", md5_of(password), now=timezone.now()) == (ada, True)
    assert ada.app_passwords.get().label == "Kobo"


def test_those_that_are_valid_are_listed_without_the_passwords(ada: Any, bob: Any, tome: Tome) -> None:
    password = tome("app-password", "create", "--user", "ada", "--label", "Kobo \x1b[31m").out.strip()
    tome("app-password", "create", "--user", "ada", "--label", "Phone")
    ada.app_passwords.filter(label="Phone").update(last_used_at="2026-05-01T12:30:00Z")
    ended = tome("app-password", "list", "--user", "ada")
    assert ended.status == 0
    head, kobo, phone = ended.out.splitlines()
    assert head.split() == ["ID", "MADE", "LAST", "USED", "LABEL"]
    assert "never" in kobo
    assert "\x1b" not in kobo
    assert phone.split("  ")[-1] == "Phone"
    assert "2026-05-01 12:30 UTC" in phone
    assert password not in ended.out
    assert tome("app-password", "list", "--user", "bob") == (0, "", "There are no app passwords of 'bob'.\n")


def test_one_that_is_revoked_is_gone_and_no_stranger_can_do_that(ada: Any, bob: Any, tome: Tome) -> None:
    tome("app-password", "create", "--user", "ada")
    password = ada.app_passwords.get()
    ended = tome("app-password", "revoke", "--user", "bob", password.pk)
    assert (ended.status, ended.err) == (1, f"Error: There is no app password {password.pk} of 'bob'.\n")
    assert tome("app-password", "revoke", "--user", "ada", password.pk).status == 0
    assert tome("app-password", "revoke", "--user", "ada", password.pk).status == 1
    assert tome("app-password", "list", "--user", "ada").out == ""


@pytest.mark.parametrize("arguments", [("create",), ("list",), ("revoke", "1")])
def test_an_account_that_there_is_not_is_said(db: None, tome: Tome, arguments: tuple[str, ...]) -> None:
    ended = tome("app-password", arguments[0], "--user", "nobody", *arguments[1:])
    assert (ended.status, ended.out) == (1, "")
    assert ended.err == "Error: There is no account 'nobody'; make one with `tome user create`.\n"


@pytest.mark.parametrize("number", ["x", "-1", "9" * 30])
def test_an_id_that_can_be_none_is_refused(ada: Any, tome: Tome, number: str) -> None:
    ended = tome("app-password", "revoke", "--user", "ada", "--", number)
    assert ended.status != 0
    assert "Error: " in ended.err
