"""`tome demo`."""

import secrets
import sys
import time

import click

from project.cli.django import use_django
from project.cli.service import flags, migrate_database

NAME = "demo"
LONGEST_IMPORT_SECONDS = 60.0
UNFINISHED = "unfinished demo"  # stands in the account's name until all of its year is there


@click.command()
@click.option("--data-dir", metavar="FOLDER", help="Folder for everything Tome keeps.")
@click.option("--library", metavar="FOLDER", help="Folder with the books.")
@click.option("--password-stdin", is_flag=True, help="Read the account's password from standard input.")
@flags(data_dir="TOME_DATA_DIR", library="TOME_LIBRARY_DIR")
def demo(password_stdin: bool) -> None:
    """Make a small library with a year of reading, to look at.

    An account of its own reads it, and its books get a folder of their own: what else there is stays as it is.
    """
    use_django()
    from django.utils import timezone

    from accounts.models import Reader
    from project.demo.reading import HOME, read_for_a_year
    from reading.refreshing import refresh

    password = (sys.stdin.readline().rstrip("\r\n") if password_stdin else "") or secrets.token_urlsafe(9)
    migrate_database(verbosity=0)
    reader = Reader.objects.filter(username=NAME).first()
    if reader is not None and reader.last_name != UNFINISHED:
        click.echo(
            f"There is an account {NAME!r} already, so nothing was changed. Its password is the one it was given."
        )
        return
    if reader is not None:
        reader.delete()  # what an earlier run began; its days were counted from another day, perhaps
    bring_books_in()
    reader = Reader(username=NAME, last_name=UNFINISHED, timezone=HOME, goal_minutes_a_day=30, goal_books_a_year=24)
    reader.set_unusable_password()
    reader.save()
    with click.progressbar(
        read_for_a_year(reader, now=timezone.now()), label="A year of reading", file=sys.stderr
    ) as bar:
        for _ in bar:
            pass
    while not refresh(reader=reader):
        pass
    reader.last_name = ""
    reader.set_password(password)
    reader.save(update_fields=["last_name", "password"])
    click.echo(f"The account {NAME!r} with the password {password!r} has read for a year.")
    click.echo("Start Tome with `tome up`, log in with them, and look at /stats.")


def bring_books_in() -> None:
    """Write the demo's books below the library folder, and import what is not in the library yet, in this process."""
    from django.conf import settings

    from library.importing import import_some
    from library.manifests import refresh_manifests
    from library.scanning import claim_scan, finish_scans, queue_scan, walk
    from project.demo.books import BOOKS, FOLDER, write_books
    from project.demo.reading import books_of_the_library

    with click.progressbar(write_books(settings.LIBRARY_DIR), length=len(BOOKS), label="Books", file=sys.stderr) as bar:
        for _ in bar:
            pass
    if len(books_of_the_library()) < len(BOOKS):
        click.echo("Importing them ...", err=True)
        scan = claim_scan(queue_scan(FOLDER).pk)
        if scan is not None:
            walk(scan)
        # A service that runs may have taken them up by itself: then there is nothing left to do, or they come now.
        end = time.monotonic() + LONGEST_IMPORT_SECONDS
        while len(books_of_the_library()) < len(BOOKS) and time.monotonic() < end:
            took, _ = import_some(until=end)
            if not took:
                finish_scans()
                time.sleep(0.2)
        finish_scans()
    refresh_manifests()
    if missing := len(BOOKS) - len(books_of_the_library()):
        raise click.ClickException(
            f"{missing} of the demo's books are not in the library; `tome scan --wait` says why."
        )
