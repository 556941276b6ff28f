"""A stand-in for KOReader in which the built plugin really runs, in LuaJIT, against a real server.

    plugin = build_plugin(server_url=..., api_key=..., username=...)
    kobo = KOReader(plugin, tmp_path / "kobo", now=time.time() - 7200)
    kobo.open(book, pages=200, title="...", authors="...")
    kobo.turn_pages(120, seconds_each=30)
    kobo.close()
    assert kobo.waiting() == []

The Lua files in `frontend/` stand for KOReader's modules of the same names: events come in KOReader's own order,
settings are files in the data folder, timers run when the clock moves. The clock is the test's: `os.time()` in Lua
follows it, nothing sleeps. HTTP is real, through Python's own client; `patience` bounds how long a silent
server is really waited for, while the time-out that the plugin asked for is in `requests` and is added to the clock.

A server goes by the real clock. It takes a device whose clock is behind for just that and corrects what it sends by the
difference, and the difference shrinks while hours are read here in an instant: what a device sends online within one
test all seems to have been read at about the same moment. One session with its heartbeats comes out right. For several,
or for positions whose times matter, read with `is_online=False`, start `now` so that the clock is right in the end, and
then `go_online()`.

An error that KOReader would not catch (in a timer, in a menu) ends KOReader; here it is raised as a LuaError. What the
plugin catches and logs is in `warnings`.

A second `KOReader` on the same data folder is the same device after a restart (or a crash, if the first one was just
dropped); with another folder and `device_id`, it is another device.
"""

import hashlib
import http.client
import io
import json
import os
import socket
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from lupa.luajit21 import LuaRuntime, lua_type

FRONTEND = Path(__file__).parent / "frontend"
PAGED = (".pdf", ".cbz", ".cbr")
DEFAULT_START = 1_763_900_000.0  # 2025-11-23, a Sunday


@dataclass(frozen=True)
class Request:
    """A request as the plugin made it. `outcome` is the status, or what LuaSocket would have said instead."""

    method: str
    path: str
    body: Any
    outcome: int | str
    block_seconds: float
    total_seconds: float
    at: float


@dataclass(frozen=True)
class Shown:
    """A window that was shown: `kind` is ConfirmBox or InfoMessage."""

    kind: str
    text: str


class KOReader:
    """One device. It starts in the file manager; `open` opens a book there or instead of the open one."""

    def __init__(
        self,
        plugin_zip: bytes,
        data_dir: Path,
        *,
        device_id: str = "kobo-1",
        model: str = "Kobo_io",
        now: float = DEFAULT_START,
        is_online: bool = True,
        patience: float | None = None,
    ) -> None:
        self.data_dir = data_dir
        self.now = float(now)
        self.awake_seconds = 0.0  # what timers go by: stands still during sleep
        self.patience = patience
        self.requests: list[Request] = []
        self.shown: list[Shown] = []
        self.log: list[str] = []
        self.book: Path | None = None
        for folder in ("settings", "plugins", "sidecars"):
            (data_dir / folder).mkdir(parents=True, exist_ok=True)
        with zipfile.ZipFile(io.BytesIO(plugin_zip)) as archive:
            archive.extractall(data_dir / "plugins")
        # Bytes both ways: what comes from a memory card or a network need not be UTF-8.
        self._lua = LuaRuntime(encoding=None, unpack_returned_tuples=True)
        globals_ = self._lua.globals()
        globals_[b"host"] = self._lua.table_from(self._host(device_id, model, is_online))
        globals_[b"package"][b"path"] = f"{FRONTEND}/?.lua".encode()
        self._globals_before = set(globals_.keys())
        self._koreader = self._lua.eval(b'require("koreader")')

    # What the reader does

    def open(
        self,
        path: Path,
        *,
        pages: int | None = None,
        xpointers: Sequence[str] | None = None,
        title: str = "",
        authors: str = "",
        is_scrolled: bool = False,
        look_seconds: float = 2.0,
    ) -> None:
        """Open a book where it was left, and look at the page for a moment, in which the plugin catches up.

        Give `pages`, or `xpointers`, one for each page, or both. The suffix tells whether the pages are fixed.
        """
        if self.book is not None:
            self.close()
        count = pages or len(xpointers or ()) or 100
        self.book = path
        given = {
            b"path": os.fsencode(path),
            b"pages": count,
            b"xpointers": self._lua.table_from(spread(xpointers or default_xpointers(count), count)),
            b"has_pages": path.suffix in PAGED,
            b"is_scrolled": is_scrolled,
        }
        given |= {name: text.encode() for name, text in ((b"title", title), (b"authors", authors)) if text}
        if self._sidecar.exists():
            stored = json.loads(self._sidecar.read_text())
            given |= {b"page": stored["page"], b"progress": stored["progress"].encode()}
        self._koreader[b"open"](self._lua.table_from(given))
        self.wait(look_seconds)

    def turn_pages(self, count: int, seconds_each: float = 30.0) -> None:
        """Read that many pages: each is looked at for so long, then turned. A negative count turns back."""
        for _ in range(abs(count)):
            self.wait(seconds_each)
            self._koreader[b"turn"](1 if count > 0 else -1)
            self._koreader[b"run_due"]()

    def go_to_page(self, page: int) -> None:
        self._koreader[b"go_to"](page)
        self._koreader[b"run_due"]()

    def change_font(self, *, pages: int) -> None:
        """Lay the text out anew, on that many pages."""
        self._koreader[b"rerender"](pages, self._lua.table_from(default_xpointers(pages)))
        self._koreader[b"run_due"]()

    def close(self) -> None:
        """Go back to the file manager."""
        progress, page = self._koreader[b"close"]()
        stored = {"page": page, "progress": progress.decode() if isinstance(progress, bytes) else str(progress)}
        self._sidecar.write_text(json.dumps(stored))
        self.book = None
        self._koreader[b"run_due"]()

    def break_view(self) -> None:
        """From now on KOReader raises an error when asked how far the reader is."""
        self._koreader[b"break_view"]()

    def save_settings(self) -> None:
        """What KOReader does by itself every some minutes."""
        self._koreader[b"save"]()

    def suspend(self) -> None:
        """Put it to sleep as a Kobo does it: Wi-Fi goes first."""
        if self.is_online:
            self._koreader[b"disconnect"]()
        self._koreader[b"suspend"]()

    def resume(self, *, slept: float = 3600.0, is_online: bool = True) -> None:
        """Wake it up; where Wi-Fi comes back, that takes some seconds."""
        self.now += slept
        self._koreader[b"resume"]()
        self.wait(4.0)
        if is_online:
            self.go_online()

    def go_offline(self) -> None:
        self._koreader[b"disconnect"]()
        self._koreader[b"run_due"]()

    def go_online(self) -> None:
        self._koreader[b"connect"]()
        self.wait(3.0)

    def wait(self, seconds: float) -> None:
        """Let time pass, with what is due in it."""
        end = self.awake_seconds + seconds
        while (due := self._koreader[b"next_at"]()) is not None and due <= end:
            self._pass(max(0.0, due - self.awake_seconds))
            self._koreader[b"run_due"]()
        self._pass(max(0.0, end - self.awake_seconds))

    def run_scheduled(self) -> None:
        """Let pass what time it takes until nothing is scheduled any more."""
        while (due := self._koreader[b"next_at"]()) is not None:
            self.wait(max(0.0, due - self.awake_seconds))

    def answer(self, is_yes: bool) -> None:
        """Answer the question on the screen."""
        self._koreader[b"answer"](is_yes)
        self._koreader[b"run_due"]()

    def tap(self, text: str) -> None:
        """Tap the item of the plugin's menu whose text begins so."""
        items = [item for item in self._menu_items() if item[b"text"].decode().startswith(text)]
        assert items, f"{text!r} is not in the menu: {self.menu}"
        assert items[0][b"is_enabled"], f"{text!r} cannot be tapped"
        items[0][b"tap"]()
        self._koreader[b"run_due"]()

    # What can be seen

    @property
    def menu(self) -> list[str]:
        return [item[b"text"].decode() for item in self._menu_items()]

    @property
    def page(self) -> int:
        return int(self._koreader[b"page"]())

    @property
    def progress(self) -> str | int:
        """What KOReader itself takes for the place: an xpointer, or a page's number."""
        progress = self._koreader[b"progress"]()
        return progress.decode() if isinstance(progress, bytes) else int(progress)

    @property
    def is_online(self) -> bool:
        return bool(self._koreader[b"is_connected"]())

    @property
    def questions(self) -> list[str]:
        return [window.text for window in self.shown if window.kind == "ConfirmBox"]

    @property
    def warnings(self) -> list[str]:
        return [line for line in self.log if line.startswith("warn ")]

    @property
    def timeouts_are_reset(self) -> bool:
        return bool(self._koreader[b"timeouts_are_reset"]())

    @property
    def loaded_modules(self) -> list[str]:
        """The names in the table of modules that all plugins share."""
        return [name.decode() for name in self._lua.globals()[b"package"][b"loaded"]]

    @property
    def new_globals(self) -> list[str]:
        """What was added to Lua's globals since the start."""
        return sorted(name.decode() for name in set(self._lua.globals().keys()) - self._globals_before)

    def outbox(self) -> list[dict[str, Any]]:
        """Every line of the outbox as it lies on the disk: `kind` is position, session, draft or refused."""
        files = list((self.data_dir / "settings").glob("tomesync-outbox-*.jsonl"))
        return [json.loads(line) for file in files for line in file.read_text("utf-8").splitlines()]

    def waiting(self) -> list[dict[str, Any]]:
        """What of the outbox is to be sent."""
        return [entry for entry in self.outbox() if entry["kind"] in ("position", "session")]

    # What Lua asks of the machine

    def _host(self, device_id: str, model: str, is_online: bool) -> dict[bytes, Any]:
        return {
            b"data_dir": str(self.data_dir).encode(),
            b"plugin_dir": str(self.data_dir / "plugins" / "tomesync.koplugin").encode(),
            b"device_id": device_id.encode(),
            b"model": model.encode(),
            b"is_online": is_online,
            b"now": lambda: self.now,
            b"monotonic": lambda: self.awake_seconds,
            b"log": lambda line: self.log.append(line.decode(errors="replace")),
            b"show": lambda kind, text: self.shown.append(Shown(kind.decode(), text.decode())),
            b"md5": lambda content: hashlib.md5(content).hexdigest().encode(),
            b"partial_md5": lambda path: partial_md5(Path(os.fsdecode(path))).encode(),
            b"fix_utf8": lambda text, replacement: (
                text.decode(errors="replace").replace("�", replacement.decode()).encode()
            ),
            b"file_attribute": _file_attribute,
            b"json_encode": json_encode,
            b"json_decode": lambda text, null: json_decode(self._lua, text, null),
            b"http": self._http,
        }

    def _http(
        self, method: bytes, url: bytes, headers: Any, body: bytes | None, block_seconds: float, total_seconds: float
    ) -> tuple[Any, ...]:
        parts = urlsplit(url.decode())
        target = f"{parts.path or '/'}{'?' + parts.query if parts.query else ''}"
        outcome: int | str
        answer: bytes = b""
        answer_headers: dict[bytes, bytes] = {}
        if not self.is_online:
            outcome = "Network is unreachable"
        else:
            try:
                outcome, answer_headers, answer = self._exchange(method, parts, target, headers, body, block_seconds)
            except TimeoutError:
                self._pass(block_seconds)
                outcome = "timeout"
            except ConnectionRefusedError:
                outcome = "connection refused"
            except socket.gaierror:
                outcome = "host or service not provided, or not known"
            except (OSError, http.client.HTTPException):
                outcome = "closed"
        sent = json.loads(body) if body else None
        self.log.append(f"request {method.decode()} {parts.path}")
        self.requests.append(
            Request(method.decode(), target, sent, outcome, block_seconds, total_seconds, self.now),
        )
        if isinstance(outcome, str):
            return None, outcome.encode(), b""
        return outcome, self._lua.table_from(answer_headers), answer

    def _exchange(
        self, method: bytes, parts: Any, target: str, headers: Any, body: bytes | None, block_seconds: float
    ) -> tuple[int, dict[bytes, bytes], bytes]:
        patience = block_seconds if self.patience is None else min(block_seconds, self.patience)
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        connection = kind(parts.hostname, parts.port, timeout=patience)
        try:
            given = {name.decode(): value.decode() for name, value in headers.items()}
            # As LuaSocket asks; without it a server may keep the line open and the client wait.
            connection.request(method.decode(), target, body, {"Connection": "close, TE", "TE": "trailers"} | given)
            response = connection.getresponse()
            answer_headers = {name.lower().encode(): value.encode() for name, value in response.getheaders()}
            return response.status, answer_headers, response.read()
        finally:
            connection.close()

    def _pass(self, seconds: float) -> None:
        self.now += seconds
        self.awake_seconds += seconds

    def _menu_items(self) -> list[Any]:
        return list(self._koreader[b"menu_items"]().values())

    @property
    def _sidecar(self) -> Path:
        return self.data_dir / "sidecars" / f"{hashlib.md5(os.fsencode(self.book or '')).hexdigest()}.json"


def default_xpointers(count: int) -> list[bytes]:
    return [f"/body/DocFragment[{1 + page // 10}]/body/p[{1 + page % 10}]/text().0".encode() for page in range(count)]


def spread(xpointers: Sequence[str | bytes], count: int) -> list[bytes]:
    """One xpointer for each of `count` pages, in order."""
    plain = [xpointer.encode() if isinstance(xpointer, str) else xpointer for xpointer in xpointers]
    return [plain[page * len(plain) // count] for page in range(count)]


def partial_md5(path: Path) -> str:
    """KOReader's identity of a file, written again from its description."""
    digest = hashlib.md5()
    with path.open("rb") as file:
        for offset in (0, *(1024 * 4**step for step in range(11))):
            file.seek(offset)
            sample = file.read(1024)
            if not sample:
                break
            digest.update(sample)
    return digest.hexdigest()


def _file_attribute(path: bytes, name: bytes) -> int | bytes | None:
    file = Path(os.fsdecode(path))
    if not file.exists():
        return None
    return file.stat().st_size if name == b"size" else b"file" if file.is_file() else b"directory"


def json_encode(value: Any, null: Any, is_marked_array: Callable[[Any], bool]) -> bytes:
    """As rapidjson does: an empty table is an object, text is passed on unchecked, NaN and functions raise."""

    def plain(value: Any) -> Any:
        if isinstance(value, bytes):
            return value.decode("utf-8", "surrogateescape")
        if value is None or isinstance(value, bool | int | float):
            return value
        if lua_type(value) == "table":
            items = dict(value.items())
            if is_marked_array(value) or (
                items and sorted(items, key=repr) == sorted(range(1, len(items) + 1), key=repr)
            ):
                return [plain(items[index]) for index in range(1, len(items) + 1)]
            return {plain(key) if isinstance(key, bytes) else str(key): plain(inner) for key, inner in items.items()}
        if value == null:
            return None
        raise TypeError(f"rapidjson cannot encode a {lua_type(value)}")

    text = json.dumps(plain(value), ensure_ascii=False, allow_nan=False)
    return text.encode("utf-8", "surrogateescape")


def json_decode(lua: Any, text: bytes, null: Any) -> Any:
    """As rapidjson does: nil and a message for what is no JSON, and a null that is not nil."""

    def to_lua(value: Any) -> Any:
        if value is None:
            return null
        if isinstance(value, str):
            return value.encode("utf-8", "surrogateescape")
        if isinstance(value, list):
            return lua.table_from([to_lua(item) for item in value])
        if isinstance(value, dict):
            return lua.table_from({to_lua(key): to_lua(item) for key, item in value.items()})
        return value

    try:
        return to_lua(json.loads(text.decode("utf-8", "surrogateescape")))
    except ValueError as error:
        return None, str(error).encode()
