"""`tome stats`."""

import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from project.cli.accounts import reader_named
from project.cli.django import use_django
from project.cli.shown import printable

if TYPE_CHECKING:
    from reading.models import StatisticsImport

CHUNK_BYTES = 1024 * 1024
RUN_SECONDS = 60.0
LOOK_EVERY_SECONDS = 0.3  # at an import that a worker was faster to take up


@click.group()
def stats() -> None:
    """What is derived from reading sessions."""


@stats.command()
@click.option("--user", "name", metavar="NAME", help="This reader's only.")
@click.option("--check", is_flag=True, help="Change nothing; exit 1 if anything differs from what the sessions say.")
def rebuild(name: str | None, check: bool) -> None:
    """Recompute statuses, days and statistics from what was read."""
    use_django()
    from reading import rebuilding

    reader = reader_named(name) if name is not None else None
    if not check:
        changed = rebuilding.rebuild(reader)
        click.echo(f"{changed} derived rows changed." if changed != 1 else "1 derived row changed.")
        return
    differences = rebuilding.drift(reader)
    for sentence in differences:
        click.echo(sentence)
    if differences:
        sys.exit(1)
    click.echo("Everything derived agrees with what was read.")


@stats.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--user", "name", required=True, metavar="NAME", help="Whose reading it is.")
def import_file(file: Path, name: str) -> None:
    """Import FILE, a KOReader's statistics.sqlite3. It again, or a newer copy of it, counts nothing twice."""
    use_django()
    from library.errors import LibraryError
    from reading.statistics_uploads import queue_statistics

    reader = reader_named(name)
    try:
        row = queue_statistics(reader, chunks_of(file), file.name)
    except LibraryError as error:
        raise click.ClickException(error.sentence) from None
    follow(row)
    have_rebuilt()
    tell(row)


@stats.command("imports")
@click.option("--user", "name", required=True, metavar="NAME", help="Whose imports.")
def list_imports(name: str) -> None:
    """List what was imported, the latest first."""
    use_django()
    from reading.statistics_import import imports_of

    for row in imports_of(reader_named(name)):
        outcome = row.reason or f"{row.rows_done} of {row.rows_total} rows, {row.sessions_stored} sessions new"
        click.echo(printable(f"{row.pk}  {row.created_at:%Y-%m-%d %H:%M}  {row.filename}  {row.state}: {outcome}"))


def chunks_of(file: Path) -> Iterator[bytes]:
    with file.open("rb") as opened:
        while chunk := opened.read(CHUNK_BYTES):
            yield chunk


def follow(row: "StatisticsImport") -> None:
    """Import it here, or watch whoever was faster, with a progress bar on stderr; a ClickException if it failed."""
    from reading.models import StatisticsImport
    from reading.statistics_import import run_import

    over = (StatisticsImport.State.FINISHED, StatisticsImport.State.FAILED)
    with click.progressbar(length=1, label="Importing", file=sys.stderr) as bar:

        def show(now: "StatisticsImport") -> None:
            bar.length = max(1, now.rows_total)
            bar.update(min(now.rows_done, bar.length) - bar.pos)

        while row.state not in over:
            run_import(row.pk, seconds=RUN_SECONDS, on_progress=show)
            row.refresh_from_db()
            show(row)
            if row.state == StatisticsImport.State.RUNNING:  # in other hands, or to be tried again in a while
                time.sleep(LOOK_EVERY_SECONDS)
        if row.state == StatisticsImport.State.FINISHED:
            bar.update((bar.length or 1) - bar.pos)
    if row.state == StatisticsImport.State.FAILED:
        raise click.ClickException(row.reason)


def have_rebuilt() -> None:
    """Have the statistics follow, if a service runs; the next one that does finds the marks otherwise."""
    from workers.broker import broker_answers
    from workers.enqueue import publish_now
    from workers.reading import refresh

    if broker_answers():
        publish_now(refresh)
    else:
        click.echo("No service runs on this data folder; the statistics follow when one does.", err=True)


def tell(row: "StatisticsImport") -> None:
    """The counts and what is unknown on stdout, for scripts too; what else is worth knowing on stderr."""
    from reading.statistics_import import unknown_files, unusable_rows

    click.echo(
        f"{row.sessions_stored} sessions new, {row.sessions_known} known, {row.sessions_flagged} flagged;"
        f" {row.books_seen} books, {row.books_unknown} not in the library."
    )
    for unknown in unknown_files(row):
        authors = ", ".join(unknown.authors.splitlines())
        named = f"{unknown.title or unknown.filename}{f' by {authors}' if authors else ''}"
        click.echo(printable(f"Not in the library (file {unknown.pk}): {named}"))
    if row.books_unknown:
        click.echo("Their sessions count once the book is there, or `tome link` says which it is.", err=True)
    if unusable := unusable_rows(row):
        rows = "1 row says" if unusable == 1 else f"{unusable} rows say"
        click.echo(f"{rows} nothing that can be counted.", err=True)
