"""Series of real files in Tome's own library, and a line to Tome's real server that breaks where a test wants it to."""

import http.client
import threading
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import urlsplit

from koplugin.packer import build_plugin
from tests.books import make_epub
from tests.conftest import add_book
from tests.koplugin.koreader import KOReader, Window

DOWNLOADS = "/api/tome-sync/download/"


def make_series(
    root: Path, count: int, *, name: str = "Discworld", author: str = "Terry Pratchett", padding: int = 0
) -> list[Any]:
    """The books of a new series in the library at `root`, in order; in each file `padding` bytes do not shrink."""
    from library.manifests import refresh_manifests

    books = []
    for number in range(1, count + 1):
        path = make_epub(root / name / f"{number}.epub", title=f"{name} {number}", authors=[author], chapters=1)
        if padding:
            with zipfile.ZipFile(path, "a") as archive:
                entry = zipfile.ZipInfo("OEBPS/picture.bin", date_time=(2020, 1, 1, 0, 0, 0))
                archive.writestr(entry, Random(f"{name} {number}").randbytes(padding))
        books.append(
            add_book(path, root, title=f"Part {number}", authors=[author], series=name, series_index=float(number))
        )
    refresh_manifests()
    return books


@dataclass(frozen=True)
class Passed:
    """A request that came through the line, and the status of what came back."""

    method: str
    path: str
    headers: dict[str, str]
    status: int


@dataclass
class Answered:
    """What the server said. A fault may change it; `sent` bytes of it are sent, and then the line breaks."""

    status: int
    headers: dict[str, str]
    body: bytes
    sent: int | None = None
    is_silent_then: bool = False  # in place of the break


Fault = Callable[[Passed, Answered], None]


class Line:
    """Stands between a device and Tome's server, on a port of its own. `faults` see each answer that passes."""

    def __init__(self, server_url: str) -> None:
        self.passed: list[Passed] = []
        self.faults: list[Fault] = []
        self.is_cut = False
        self._silence = threading.Event()
        self._target = urlsplit(server_url)
        line = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                line._pass(self)

            do_POST = do_PUT = do_GET

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._http.server_port}"

    def _pass(self, handler: BaseHTTPRequestHandler) -> None:
        content = handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
        if self.is_cut:
            return
        connection = http.client.HTTPConnection(str(self._target.hostname), self._target.port, timeout=20)
        try:
            headers = {name: value for name, value in handler.headers.items() if name.lower() != "connection"}
            connection.request(handler.command, handler.path, content or None, headers)
            response = connection.getresponse()
            answer = Answered(response.status, dict(response.getheaders()), response.read())
        finally:
            connection.close()
        given = {name.lower(): value for name, value in handler.headers.items()}
        passed = Passed(handler.command, handler.path, given, answer.status)
        self.passed.append(passed)
        for fault in self.faults:
            fault(passed, answer)
        self._send(handler, answer)

    def _send(self, handler: BaseHTTPRequestHandler, answer: Answered) -> None:
        handler.send_response(answer.status)
        for name, value in answer.headers.items():
            if name.lower() not in ("content-length", "connection", "transfer-encoding", "date", "server"):
                handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(answer.body)))
        handler.send_header("Connection", "close")
        handler.end_headers()
        handler.wfile.write(answer.body if answer.sent is None else answer.body[: answer.sent])
        handler.wfile.flush()
        if answer.is_silent_then:
            self._silence.wait()
        handler.close_connection = True

    @property
    def downloads(self) -> list[Passed]:
        return [passed for passed in self.passed if passed.path.startswith(DOWNLOADS)]

    @property
    def downloaded_books(self) -> list[int]:
        """The ids of the books whose files were asked for, in order, a book once for each request."""
        return [int(passed.path.removeprefix(DOWNLOADS).partition("/")[0]) for passed in self.downloads]

    def forget(self) -> None:
        """Count from here on."""
        self.passed.clear()

    def stop(self) -> None:
        """From now on nobody answers at this address. Doing it twice is harmless."""
        if not self._thread.is_alive():
            return
        self._silence.set()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()


# On the device


def start_kobo(line: Line, key: str, home: Path, **given: Any) -> KOReader:
    """A Kobo with the plugin before the line, whose books lie in `home`. Again is the same device after a restart."""
    settings = {"global_settings": {"home_dir": str(home)}} | given
    plugin = build_plugin(server_url=line.url, api_key=key, username="ada")
    # A process's first request makes Django load all that it has, which takes a while on a busy machine.
    return KOReader(plugin, home.with_name("kobo"), patience=15.0, **settings)


def until(kobo: KOReader, condition: Callable[[], bool], *, what: str, seconds: int = 600) -> None:
    """Let the device's time pass until it is so."""
    for _ in range(seconds * 4):
        if condition():
            return
        kobo.wait(0.25)
    raise AssertionError(f"In vain waited for {what}; on the screen: {kobo.windows}; log: {kobo.log[-20:]}")


def top(kobo: KOReader) -> Window:
    """What is on the screen, before everything else."""
    assert kobo.windows, "nothing is on the screen"
    return kobo.windows[-1]


def fetched(kobo: KOReader, *path: str, chosen: str = "") -> Window:
    """What comes of a tap in the plugin's menu, or of a line of the list on top: a list, or a sentence."""
    if chosen:
        kobo.choose(chosen)
    else:
        kobo.tap(*path)
    until(kobo, lambda: not top(kobo).text.startswith("Fetching"), what="what is fetched")
    return top(kobo)


def is_downloading(kobo: KOReader) -> bool:
    return any(window.kind == "ButtonDialog" for window in kobo.windows)


def finish(kobo: KOReader) -> str:
    """What is said when the download is over. The message is tapped away."""
    kobo.wait(0.1)
    until(kobo, lambda: not is_downloading(kobo), what="the end of the download")
    text = top(kobo).text
    kobo.dismiss()
    return text


# What goes wrong


def is_of(passed: Passed, books: Sequence[Any]) -> bool:
    """Whether it is a download of one of these books."""
    return any(passed.path.startswith(f"{DOWNLOADS}{book.pk}/") for book in books)


def cutting(books: Sequence[Any], *, after: int) -> Fault:
    """Breaks each transfer of these books after so many bytes, or before its last one; a single byte passes."""

    def cut(passed: Passed, answer: Answered) -> None:
        if is_of(passed, books) and answer.status in (200, 206) and len(answer.body) > 1:
            answer.sent = min(after, len(answer.body) - 1)

    return cut


def answering(books: Sequence[Any], status: int, body: bytes = b"", **headers: str) -> Fault:
    """Answers something else than these books' files. Names of headers have `_` for `-`."""

    def replace(passed: Passed, answer: Answered) -> None:
        if is_of(passed, books):
            answer.status, answer.body = status, body
            answer.headers = {name.replace("_", "-"): value for name, value in headers.items()}

    return replace
