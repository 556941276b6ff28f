"""`tome plugin`."""

import os
from functools import partial
from pathlib import Path

import click

from project.cli.accounts import reader_named
from project.cli.django import use_django
from project.env import public_address


@click.group()
def plugin() -> None:
    """The KOReader plugin."""


@plugin.command()
@click.option("--user", "name", required=True, metavar="NAME", help="Whose plugin it is; their key is inside.")
@click.option("--server-url", required=True, metavar="URL", help="Where the device reaches this server.")
@click.option("--out", required=True, type=click.Path(dir_okay=False, path_type=Path), metavar="FILE.zip")
def build(name: str, server_url: str, out: Path) -> None:
    """Write the plugin's ZIP, to be unpacked into koreader/plugins."""
    try:
        server_url = public_address(server_url)
    except ValueError as error:
        raise click.UsageError(f"--server-url must be {error}, not {server_url!r}.") from None
    use_django()
    from accounts.keys import plugin_key
    from koplugin.packer import build_plugin

    reader = reader_named(name)
    plugin = build_plugin(server_url=server_url, api_key=plugin_key(reader), username=reader.username)
    with open(out, "wb", opener=partial(os.open, mode=0o600)) as file:  # the reader's key is inside
        file.write(plugin)
    click.echo(f"Wrote {out}.", err=True)
