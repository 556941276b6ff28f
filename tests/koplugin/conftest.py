"""Ada's Kobo with the built plugin, and a server for it to speak to."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from koplugin.packer import build_plugin
from tests.koplugin.koreader import DEFAULT_START, KOReader
from tests.koplugin.server import KEY, TomeServer


@pytest.fixture
def tome() -> Iterator[TomeServer]:
    server = TomeServer()
    yield server
    server.stop()


@pytest.fixture
def plugin_zip(tome: TomeServer) -> bytes:
    return build_plugin(server_url=tome.url, api_key=KEY, username="ada")


@pytest.fixture
def novel(tmp_path: Path) -> Path:
    """A file on the device, called as OPDS saves it; what is in it plays no part here."""
    path = tmp_path / "card" / "Novels" / "Bram Stoker - Dracula.epub"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"Jonathan Harker's Journal. " * 4000)
    return path


@pytest.fixture
def comic(tmp_path: Path) -> Path:
    path = tmp_path / "card" / "Comics" / "Saga 01.cbz"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"Alana and Marko. " * 4000)
    return path


@pytest.fixture
def kobo(plugin_zip: bytes, tmp_path: Path) -> KOReader:
    """Ada's Kobo, in the file manager, with Wi-Fi on."""
    # Half a second past the full one, so that times in whole seconds do not hang on rounding.
    return KOReader(plugin_zip, tmp_path / "kobo", now=DEFAULT_START + 0.5, patience=0.2)
