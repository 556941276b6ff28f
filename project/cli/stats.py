"""`tome stats`."""

import sys

import click

from project.cli.accounts import reader_named
from project.cli.django import use_django


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
