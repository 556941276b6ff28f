"""`tome backup` and `tome restore`."""

from pathlib import Path

import click

from project.cli.django import use_django
from project.env import read
from project.supervisor import data_folder_lock

FILE = click.Path(dir_okay=False, path_type=Path)


@click.command()
@click.argument("file", type=FILE)
def backup(file: Path) -> None:
    """Write everything but the books themselves to FILE, the server's secret included."""
    use_django()
    from project.backup import BackupError, write_backup

    try:
        summary = write_backup(file)
    except BackupError as error:
        raise click.ClickException(str(error)) from None
    click.echo(f"Wrote {file}: {summary.rows} rows and {summary.covers} covers.", err=True)
    click.echo("It holds the server's secret: keep it where nobody else reads it.", err=True)


@click.command()
@click.argument("file", type=FILE)
def restore(file: Path) -> None:
    """Fill an empty data folder or database from the backup FILE."""
    with data_folder_lock(read("TOME_DATA_DIR")):  # a service that runs would go on with the old secret
        use_django()
        from project.backup import BackupError, restore_backup

        try:
            summary = restore_backup(file)
        except BackupError as error:
            raise click.ClickException(str(error)) from None
    if summary.warning:
        click.echo(f"Warning: {summary.warning}", err=True)
    click.echo(f"Restored {summary.rows} rows and {summary.covers} covers.", err=True)
