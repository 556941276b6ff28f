"""`tome doctor`."""

import sys

import click

from project.env import SETTINGS, SettingError, read


@click.command()
def doctor() -> None:
    """Check settings, database, broker, workers and library folder: a line each, exit 1 if something is wrong."""
    wrong_settings = []
    for name in SETTINGS:
        try:
            read(name)
        except SettingError as error:
            wrong_settings.append(str(error))
    if wrong_settings:  # nothing else can be looked at without them
        for sentence in wrong_settings:
            show("wrong", "settings", sentence)
        sys.exit(1)
    from project.cli.django import use_django

    use_django()
    from project.doctor import findings

    something_is_wrong = False
    for finding in findings():
        show(finding.verdict, finding.subject, finding.sentence)
        something_is_wrong |= finding.verdict == "wrong"
    if something_is_wrong:
        sys.exit(1)


def show(verdict: str, subject: str, sentence: str) -> None:
    colour = {"ok": "green", "warning": "yellow", "wrong": "red"}[verdict]
    click.echo(f"{click.style(f'{verdict:<8}', fg=colour)} {subject}: {sentence}")
