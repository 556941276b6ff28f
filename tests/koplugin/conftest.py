"""Ada's devices with the built plugin, and the server that they speak to: a small one, or Tome itself over a line."""

import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from koplugin.packer import build_plugin
from tests.koplugin.koreader import DEFAULT_START, KOReader
from tests.koplugin.line import Line
from tests.koplugin.server import KEY, TomeServer
from tests.koplugin.steps import StartDevice

# --- With the small server -------------------------------------------------------------------------------------------


@pytest.fixture
def tome() -> Iterator[TomeServer]:
    """A server that answers what a test wants it to."""
    server = TomeServer()
    yield server
    server.stop()


@pytest.fixture
def plugin_zip(tome: TomeServer) -> bytes:
    """The plugin that speaks to that server."""
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
    """A file on the device whose pages are fixed."""
    path = tmp_path / "card" / "Comics" / "Saga 01.cbz"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"Alana and Marko. " * 4000)
    return path


@pytest.fixture
def kobo(plugin_zip: bytes, tmp_path: Path) -> KOReader:
    """Ada's Kobo, in the file manager, with Wi-Fi on."""
    # Half a second past the full one, so that times in whole seconds do not hang on rounding.
    return KOReader(plugin_zip, tmp_path / "kobo", now=DEFAULT_START + 0.5, patience=0.2)


# --- With Tome itself ------------------------------------------------------------------------------------------------


@pytest.fixture
def line(live_server: Any) -> Iterator[Line]:
    """Between Ada's devices and Tome's own server."""
    with Line(live_server.url) as line:
        yield line


@pytest.fixture
def start_device(line: Line, ada_key: str, tmp_path: Path) -> StartDevice:
    """Starts a device of Ada's; the same name once more is the same device after a restart.

    Its clock is some hours behind, so that what is read on it lies in the past.
    """

    def start(name: str = "kobo", *, hours_ago: float = 5, server_url: str = line.url, **options: Any) -> KOReader:
        plugin = build_plugin(server_url=server_url, api_key=ada_key, username="ada")
        given: dict[str, Any] = {
            "device_id": f"{name}-1",
            "now": time.time() - hours_ago * 3600,
            "patience": 5.0,
        } | options
        return KOReader(plugin, tmp_path / name, **given)

    return start


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """The folder on the Kobo in which the reader keeps books, and into which they are downloaded."""
    home = tmp_path / "books"
    home.mkdir()
    return home


@pytest.fixture
def start_with_home(start_device: StartDevice, home: Path) -> StartDevice:
    """Starts Ada's Kobo, where KOReader knows `home`."""
    # A process's first request makes Django load all that it has, which takes a while on a busy machine.
    return partial(start_device, patience=15.0, global_settings={"home_dir": str(home)})


@pytest.fixture
def library_novel(book: Any, settings: Any) -> Path:
    """The file of A Study in Scarlet, which the library has; a device may open it where it lies."""
    return Path(settings.LIBRARY_DIR / book.files.get().path)


@pytest.fixture
def strange_book(tmp_path: Path) -> Path:
    """A file on the device that is no book of the library's."""
    path = tmp_path / "card" / "Strange Tales.epub"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"nothing that a library has")
    return path
