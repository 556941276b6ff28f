"""`tome demo`."""

import secrets
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from project.cli.django import use_django
from project.cli.service import flags
from project.cli.shown import printable
from project.env import SETTINGS, read

if TYPE_CHECKING:
    from accounts.models import Reader

PASSWORD_BYTES = 12


@click.command()
@click.option("--data-dir", metavar="FOLDER", help="Folder for everything Tome keeps.")
@click.option("--library", metavar="FOLDER", help="Folder with the books; the demo's go into a folder of it.")
@click.option("--password-stdin", is_flag=True, help="Read the account's password from standard input.")
@flags(data_dir="TOME_DATA_DIR", library="TOME_LIBRARY_DIR")
def demo(password_stdin: bool) -> None:
    """Make a small library and an account with a year of reading in it, to look at.

    It works whether a service runs or not, and touches nothing of other accounts. What is there already is left as it
    is, so an interrupted run is completed by the next one.
    """
    password = password_from_stdin() if password_stdin else None
    use_django()
    ensure_library_is_there()
    migrate_if_new()
    from project.demo import filling

    reader, is_new = account(password)
    made = make_books()
    stored = store_reading(reader)
    derive(reader)
    if is_new or made or stored:
        click.echo(f"{len(filling.copies())} books are in the library, in the folder {filling.FOLDER}.", err=True)
    else:
        click.echo("The demo is there already; nothing was changed.", err=True)
    click.echo(what_next(filling.NAME))


def password_from_stdin() -> str:
    password = sys.stdin.readline().rstrip("\r\n")
    if not password:
        raise click.ClickException("There is no password on standard input.")
    return password


def ensure_library_is_there() -> None:
    """Make the library folder in the data folder. One elsewhere may be a disk that is not mounted."""
    from django.conf import settings

    settings.DATA_DIR.mkdir(mode=0o700, parents=True, exist_ok=True)
    library: Path = settings.LIBRARY_DIR
    if read("TOME_LIBRARY_DIR") is None:
        library.mkdir(parents=True, exist_ok=True)
    elif not library.is_dir():
        raise click.ClickException(f"The library folder {library} does not exist; make it, or mount its disk, first.")


def migrate_if_new() -> None:
    """Make the tables of a database without accounts. One of an earlier version is left to `tome up` or `tome migrate`.

    The service that still runs on it may be of that version too.
    """
    from django.conf import settings
    from django.core.management import call_command
    from django.db import connection
    from django.db.migrations.executor import MigrationExecutor

    from accounts.models import Reader

    if connection.vendor == "sqlite":
        # As `tome migrate` makes it: SQLite's own new files may be read by everybody on the machine.
        Path(settings.DATABASES["default"]["NAME"]).touch(mode=0o600)
    executor = MigrationExecutor(connection)
    if not executor.migration_plan(executor.loader.graph.leaf_nodes()):
        return
    if Reader._meta.db_table in connection.introspection.table_names() and Reader.objects.exists():
        raise click.ClickException("The database is not up to date with this version of Tome; run `tome migrate`.")
    click.echo("Making the database.", err=True)
    call_command("migrate", interactive=False, verbosity=0)


def account(password: str | None) -> tuple["Reader", bool]:
    """The demo's account, made if there is none, and whether it was. What is known of its password is printed.

    At once and not at the end, or whoever interrupts the command would never learn it.
    """
    from django.contrib.auth.password_validation import validate_password
    from django.core.exceptions import ValidationError
    from django.db import IntegrityError

    from accounts.models import Reader
    from project.demo import filling

    kept = filling.demo_account()
    if kept is not None and not filling.is_ours(kept):
        raise click.ClickException(
            f"There is an account {filling.NAME!r} that is not the demo's. Give --data-dir a folder of its own."
        )
    reader = kept or Reader(username=filling.NAME)
    if password is not None:
        try:
            validate_password(password, reader)
        except ValidationError as error:
            raise click.ClickException(" ".join(error.messages)) from None
    click.echo(f"Account: {filling.NAME}")
    if kept is not None:
        if password is not None:
            reader.set_password(password)
            reader.save(update_fields=["password"])
            click.echo("Password: as given on standard input")
        else:
            click.echo("Password: the one that was shown when the account was made; --password-stdin sets another")
        return reader, False
    fresh = password or secrets.token_urlsafe(PASSWORD_BYTES)
    reader.set_password(fresh)
    try:
        filling.make_account(reader)
    except IntegrityError:
        raise click.ClickException("Another `tome demo` is making the account at this moment; wait for it.") from None
    click.echo("Password: as given on standard input" if password else f"Password: {fresh}")
    sys.stdout.flush()
    return reader, True


def make_books() -> bool:
    """Write the files that are missing, and have them imported; whether any was."""
    from library.models import Scan
    from library.scanning import failures
    from project.demo import filling

    works = filling.missing_works()
    if not works:
        return False
    with click.progressbar(filling.make_files(works), length=len(works), label="Writing books", file=sys.stderr) as bar:
        for _ in bar:
            pass
    with click.progressbar(length=len(works), label="Importing", file=sys.stderr) as bar:
        for report in filling.import_files():
            bar.update(report.imported + report.failed - bar.pos)
        bar.update((bar.length or 0) - bar.pos)
    if report.state == Scan.State.FAILED:
        raise click.ClickException(report.reason)
    for path, sentence in failures(report.scan):
        raise click.ClickException(printable(f"{path}: {sentence}"))
    if left := filling.missing_works():
        raise click.ClickException(f"{left[0].path} was not imported; the next `tome demo` tries again.")
    return True


def store_reading(reader: "Reader") -> bool:
    """Store the sessions that are missing; whether any was."""
    from project.demo import filling

    sessions = filling.missing_sessions(reader)
    if not sessions:
        return False
    reported = filling.report_reading(reader, sessions)
    with click.progressbar(reported, length=len(sessions), label="Reading", file=sys.stderr) as bar:
        for _ in bar:
            pass
    return True


def derive(reader: "Reader") -> None:
    from project.demo import filling
    from reading.marks import is_pending

    if not is_pending(reader):
        return
    with click.progressbar(length=1, label="Computing statistics", file=sys.stderr) as bar:
        for left in filling.derive(reader):
            bar.length = max(bar.length or 1, left)
            bar.update(bar.length - left - bar.pos)
        bar.update((bar.length or 1) - bar.pos)


def what_next(name: str) -> str:
    from workers.broker import broker_answers

    if broker_answers():
        return f"Open the page of the service that runs on this data folder, and log in as {name}."
    return f"Start the service with `{command_for_service()}`, open the address that it prints, and log in as {name}."


def command_for_service() -> str:
    """`tome up` on the folders that were filled."""
    command = ["tome", "up"]
    if (data_dir := read("TOME_DATA_DIR")) != SETTINGS["TOME_DATA_DIR"].default:
        command += ["--data-dir", str(data_dir)]
    if library := read("TOME_LIBRARY_DIR"):
        command += ["--library", str(library)]
    return shlex.join(command)
