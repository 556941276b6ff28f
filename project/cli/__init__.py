"""The `tome` command. A module here is a group of commands; Django is loaded only by those that need it."""

import sys

import click

from project.cli import accounts, app_passwords, backup, books, demo, doctor, library, plugin, service, stats
from project.cli.errors import sentence_for


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="tome-library", message="Tome %(version)s")
def tome() -> None:
    """A self-hosted ebook library for people who read on an e-reader with KOReader.

    `tome up` starts everything. Settings come from the environment (TOME_DATA_DIR, TOME_LIBRARY_DIR and others).
    """


for command in (
    service.up,
    service.web,
    service.worker,
    service.beat,
    service.watch,
    service.migrate,
    service.ping,
    library.scan,
    books.book,
    books.files,
    books.link,
    accounts.user,
    accounts.key,
    app_passwords.app_password,
    plugin.plugin,
    stats.stats,
    backup.backup,
    backup.restore,
    doctor.doctor,
    demo.demo,
    demo.demo,
):
    tome.add_command(command)


def main() -> None:
    """Run the command; what a person can put right ends it with one sentence on stderr, and no traceback."""
    try:
        tome(prog_name="tome")
    except Exception as error:
        sentence = sentence_for(error)
        if sentence is None:
            raise
        click.echo(f"Error: {sentence}", err=True)
        sys.exit(1)
