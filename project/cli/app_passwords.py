"""`tome app-password`."""

from datetime import UTC, datetime

import click

from project.cli.accounts import reader_named
from project.cli.books import show_table
from project.cli.django import use_django

named = click.option("--user", "name", required=True, metavar="NAME", help="Whose password it is.")


@click.group("app-password")
def app_password() -> None:
    """Short passwords for devices and apps that speak OPDS or KOSync."""


@app_password.command("create")
@named
@click.option("--label", default="", help="What it is for, to tell it from others.")
def create(name: str, label: str) -> None:
    """Print a fresh app password. It is shown this once."""
    use_django()
    from accounts.app_passwords import create_app_password

    click.echo(create_app_password(reader_named(name), label=label))


@app_password.command("list")
@named
def list_passwords(name: str) -> None:
    """List those that are valid: id, when made, when last used, label. The passwords themselves are not kept."""
    use_django()
    valid = reader_named(name).app_passwords.filter(revoked_at=None).order_by("pk")
    rows = [(str(each.pk), moment(each.created_at), moment(each.last_used_at), each.label) for each in valid]
    if not rows:
        click.echo(f"There are no app passwords of {name!r}.", err=True)
        return
    show_table([("ID", "MADE", "LAST USED", "LABEL"), *rows])


@app_password.command("revoke")
@named
@click.argument("password_id", type=int, metavar="ID")
def revoke(name: str, password_id: int) -> None:
    """Make an app password invalid at once; `tome app-password list` shows the ids."""
    use_django()
    from accounts.app_passwords import revoke_app_password

    if not revoke_app_password(reader_named(name), password_id):
        raise click.ClickException(f"There is no app password {password_id} of {name!r}.")
    click.echo(f"App password {password_id} of {name!r} is invalid now.", err=True)


def moment(instant: datetime | None) -> str:
    return f"{instant.astimezone(UTC):%Y-%m-%d %H:%M} UTC" if instant else "never"
