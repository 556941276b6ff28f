"""`tome user` and `tome key`."""

import sys
from typing import TYPE_CHECKING

import click

from project.cli.django import use_django

if TYPE_CHECKING:
    from accounts.models import Reader


def reader_named(name: str) -> "Reader":
    from accounts.models import Reader

    reader = Reader.objects.filter(username=name).first()
    if reader is None:
        raise click.ClickException(f"There is no account {name!r}; make one with `tome user create`.")
    return reader


@click.group()
def user() -> None:
    """Accounts of readers."""


@user.command("create")
@click.argument("name")
@click.option("--admin", is_flag=True, help="Let this account manage the server.")
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")
def create_user(name: str, admin: bool, password_stdin: bool) -> None:
    """Make an account. Asks for the password in a terminal."""
    use_django()
    from django.contrib.auth.password_validation import validate_password
    from django.core.exceptions import ValidationError
    from django.db import IntegrityError

    from accounts.models import Reader

    if Reader.objects.filter(username=name).exists():
        raise click.ClickException(f"There is an account {name!r} already.")
    reader = Reader(username=name, is_staff=admin, is_superuser=admin)
    password: str | None = None
    if password_stdin:
        password = sys.stdin.readline().rstrip("\r\n")
        if not password:
            raise click.ClickException("There is no password on standard input.")
    elif sys.stdin.isatty():
        password = click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    try:
        reader.full_clean(exclude=["password"])
        if password is not None:
            validate_password(password, reader)
    except ValidationError as error:
        raise click.ClickException(" ".join(error.messages)) from None
    reader.set_password(password)
    try:
        reader.save()
    except IntegrityError:
        raise click.ClickException(f"There is an account {name!r} already.") from None
    click.echo(f"Made the account {name!r}.", err=True)
    if password is None:
        click.echo("It has no password: its keys work, its login does not. --password-stdin would set one.", err=True)


@click.group()
def key() -> None:
    """API keys for devices and scripts."""


@key.command("create")
@click.option("--user", "name", required=True, metavar="NAME", help="Whose key it is.")
@click.option("--label", default="", help="What it is for, to tell it from others.")
def create_key(name: str, label: str) -> None:
    """Print a fresh API key. It is shown this once."""
    use_django()
    from accounts import keys

    click.echo(keys.create_key(reader_named(name), label=label))
