"""A stand-in for KOReader in which the built plugin really runs, in LuaJIT, against a real server.

    plugin = build_plugin(server_url=..., api_key=..., username=...)
    kobo = KOReader(plugin, tmp_path / "kobo", now=time.time() - 7200)
    kobo.open(book, pages=200, title="...", authors="...")
    kobo.turn_pages(120, seconds_each=30)
    kobo.close()
    assert kobo.waiting() == []

The Lua files in `frontend/` stand for KOReader's modules of the same names: events come in KOReader's own order,
settings are files in the data folder, timers run when the clock moves. The clock is the test's: `os.time()` in Lua
follows it, nothing sleeps. HTTP is real, over sockets and with LuaSocket's time-outs, and so are processes, which are
forks; see `luasocket` and `processes`. `patience` bounds how long a silent server is really waited for, while the
time-out that the plugin asked for is in `requests` and is added to the clock. How slow the network is says `network`.

What runs on the screen's thread is timed by the same clock: `blocks` are the calls that took any, `longest_block` the
longest. A request takes 0.01 s there however fast the server, so none goes unseen.

A server goes by the real clock. It takes a device whose clock is behind for just that and corrects what it sends by the
difference, and the difference shrinks while hours are read here in an instant: what a device sends online within one
test all seems to have been read at about the same moment. One session with its heartbeats comes out right. For several,
or for positions whose times matter, read with `is_online=False`, start `now` so that the clock is right in the end, and
then `go_online()`.

An error that KOReader would not catch (in a timer, in a menu, behind a button) ends KOReader; here it is raised as a
LuaError. What the plugin or KOReader catches and logs is in `warnings`.

A second `KOReader` on the same data folder is the same device after a restart, or a crash (see `exit` and `crash`);
with another folder and `device_id`, it is another device. `run_until_power_cut` tells what a power failure leaves.
"""

import hashlib
import io
import json
import os
import shutil
import uuid
import zipfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urljoin, urlsplit

from lupa.luajit21 import LuaRuntime, lua_type

from tests.koplugin.luasocket import Exchange, Failure, Line, Network, sent_body, target_of
from tests.koplugin.processes import (
    START_SECONDS,
    PowerRun,
    Process,
    Processes,
    Upstream,
    meter,
    power_cuts,
    run_until_power_cut,
)

__all__ = [
    "KOReader",
    "MenuItem",
    "PowerRun",
    "Request",
    "Shown",
    "Window",
    "default_xpointers",
    "partial_md5",
    "power_cuts",
    "run_until_power_cut",
    "spread",
]

FRONTEND = Path(__file__).parent / "frontend"
PAGED = (".pdf", ".cbz", ".cbr")
DEFAULT_START = 1_763_900_000.0  # 2025-11-23, a Sunday
UNDER_WAY = "under way"


@dataclass(frozen=True)
class Request:
    """A request as the plugin made it. `outcome` is the status, or what LuaSocket says instead.

    It is "killed" if its process was ended before it was over. `was_in_event` names the call on the screen's thread in
    which it was made, or its process started: "onReaderReady", "timer", "menu: Sync now".
    """

    method: str
    path: str
    body: Any
    outcome: int | str
    block_seconds: float
    total_seconds: float
    at: float
    headers: dict[str, str] = field(default_factory=dict)
    in_background: bool = False
    was_in_event: str = ""


@dataclass(frozen=True)
class Shown:
    """A window that was shown: `kind` is its class, such as ConfirmBox or InfoMessage."""

    kind: str
    text: str


@dataclass(frozen=True)
class Window:
    """A window that is on the screen. A button that cannot be pressed is not among `buttons`."""

    kind: str
    title: str
    text: str
    buttons: list[str]
    items: list[str]
    inputs: list[str]


class MenuItem(str):
    """The text of a menu's item, which also knows whether it can be tapped and is checked."""

    is_enabled: bool
    is_checked: bool
    has_submenu: bool

    @property
    def text(self) -> str:
        return str(self)


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
        can_fork: bool = True,
        language: str | None = None,
        global_settings: Mapping[str, Any] | None = None,
        has_strict_globals: bool = True,
        free_bytes: int | None = None,
        wifi_policy: str = "prompt",
        version: str = "v2026.07",
    ) -> None:
        self.data_dir = data_dir
        self.now = float(now)
        self.awake_seconds = 0.0  # what timers go by: stands still during sleep
        self.slept_seconds = 0.0
        self.network = Network(is_connected=is_online, patience=patience)
        self.free_bytes = free_bytes
        self.wifi_policy = wifi_policy  # "prompt", "turn_on" or "ignore", as the reader chose in KOReader
        self.wifi_asked = 0  # how often the reader was asked to turn Wi-Fi on
        self.wifi_woken = 0  # how often the radio was turned on
        self.requests: list[Request] = []
        self.shown: list[Shown] = []
        self.log: list[str] = []
        self.blocks: list[tuple[str, float]] = []
        self.reader_asked_for: list[str] = []  # books that something asked ReaderUI to open
        self.restarts_asked = 0
        self.refreshes = 0  # of the file manager
        self.is_running = True
        self.book: Path | None = None
        self._can_fork = can_fork
        self._calls: list[tuple[str, float]] = []
        self._upstream: Upstream | None = None
        self._pid = 0
        self._processes = Processes(self)
        self._exchanges: dict[int, tuple[Exchange, int]] = {}
        self._next_exchange = 0
        meter.watch(self._processes)
        for folder in ("settings", "plugins", "sidecars"):
            (data_dir / folder).mkdir(parents=True, exist_ok=True)
        with zipfile.ZipFile(io.BytesIO(plugin_zip)) as archive:
            archive.extractall(data_dir / "plugins")
        # Bytes both ways: what comes from a memory card or a network need not be UTF-8.
        self._lua = LuaRuntime(encoding=None, unpack_returned_tuples=True)
        globals_ = self._lua.globals()
        presets = dict(global_settings or {}) | ({"language": language} if language else {})
        globals_[b"host"] = self._lua.table_from(
            self._host()
            | {
                b"device_id": device_id.encode(),
                b"model": model.encode(),
                b"version": version.encode(),
                b"has_strict_globals": has_strict_globals,
                b"presets": to_lua(self._lua, presets),
            }
        )
        globals_[b"package"][b"path"] = f"{FRONTEND}/?.lua".encode()
        self._globals_before = set(globals_.keys())
        with self._timed("start"):
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

        Give `pages`, or `xpointers`, one for each page, or both: then they are spread over the pages. Where some stand
        more than once, fractions are not those of another device's layout. The suffix tells whether pages are fixed.
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
        self._call("open", self._lua.table_from(given))
        self.wait(look_seconds)

    def turn_pages(self, count: int, seconds_each: float = 30.0) -> None:
        """Read that many pages: each is looked at for so long, then turned. A negative count turns back."""
        for _ in range(abs(count)):
            self.wait(seconds_each)
            self._call("turn", 1 if count > 0 else -1)
            self._run_due()

    def go_to_page(self, page: int) -> None:
        self._call("go_to", page)
        self._run_due()

    def change_font(self, *, pages: int, is_partial: bool = False) -> None:
        """Lay the text out anew, on that many pages; in part, as KOReader does by default, only what is seen."""
        self._call("rerender", pages, self._lua.table_from(default_xpointers(pages)), is_partial)
        self._run_due()

    def close(self) -> None:
        """Go back to the file manager."""
        self._call("close")
        self.book = None
        self._run_due()

    def exit(self) -> None:
        """End KOReader from its menu. Its processes go on by themselves, and nobody collects them."""
        self._call("exit")
        self._stop()

    def crash(self) -> None:
        """End it without a word to anybody."""
        self._stop()

    def _stop(self) -> None:
        self._processes.let_them_end()
        self.is_running = False

    def break_view(self) -> None:
        """From now on KOReader raises an error when asked how far the reader is."""
        self._call("break_view")

    def save_settings(self) -> None:
        """What KOReader does by itself every some minutes."""
        self._call("save")

    def suspend(self) -> None:
        """Put it to sleep as a Kobo does it: Wi-Fi goes first."""
        if self.is_online:
            self._call("disconnect")
        self._call("suspend")

    def resume(self, *, slept: float = 3600.0, is_online: bool = True) -> None:
        """Wake it up; where Wi-Fi comes back, that takes some seconds."""
        self.now += slept
        self.slept_seconds += slept
        self._call("resume")
        self.wait(4.0)
        if is_online:
            self.go_online()

    def go_offline(self) -> None:
        self._call("disconnect")
        self._run_due()

    def go_online(self) -> None:
        """Wi-Fi comes up, and what waited for it goes on."""
        self._call("connect")
        self.wait(3.0)

    def wait(self, seconds: float) -> None:
        """Let time pass, with what is due in it."""
        end = self.awake_seconds + seconds
        while (due := self._koreader[b"next_at"]()) is not None and due <= end:
            self._pass(max(0.0, due - self.awake_seconds))
            self._run_due()
        self._pass(max(0.0, end - self.awake_seconds))

    def run_scheduled(self) -> None:
        """Let pass what time it takes until nothing is scheduled any more."""
        while (due := self._koreader[b"next_at"]()) is not None:
            self.wait(max(0.0, due - self.awake_seconds))

    # What the reader taps

    def answer(self, is_yes: bool) -> None:
        """Answer the question on the screen."""
        self._call("answer", is_yes)
        self._run_due()

    def tap(self, *path: str) -> None:
        """Tap the item of the plugin's menu whose text begins so; with several texts, through its submenus."""
        self._call("tap", self._texts(path), name=f"menu: {path[-1]}")
        self._run_due()

    def press(self, text: str) -> None:
        """Press the button of the top window whose text begins so."""
        self._call("press", text.encode(), name=f"button: {text}")
        self._run_due()

    def choose(self, text: str) -> None:
        """Tap the item of the list on top whose text begins so."""
        self._call("choose", text.encode(), name=f"item: {text}")
        self._run_due()

    def hold(self, text: str) -> None:
        """Hold that item."""
        self._call("hold_item", text.encode(), name=f"item: {text}")
        self._run_due()

    def type(self, text: str, *, into: int = 1) -> None:
        """Put a text into the top window's field, in place of what is there."""
        self._call("type", text.encode(), into)

    def press_icon(self) -> None:
        """Tap what is at the left of the top list's title."""
        self._call("press_icon", name="icon")
        self._run_due()

    def back(self) -> None:
        """Tap the top list's arrow back."""
        self._call("back", name="back")
        self._run_due()

    def dismiss(self) -> None:
        """Tap outside the top window; a list is closed by its cross."""
        self._call("dismiss", name="dismiss")
        self._run_due()

    def gesture(self, action: str) -> None:
        """Make the gesture to which the reader has given that action of the Dispatcher."""
        self._call("gesture", action.encode(), name=f"gesture: {action}")
        self._run_due()

    # What can be seen

    @property
    def menu(self) -> list[MenuItem]:
        return self.menu_of()

    def menu_of(self, *path: str) -> list[MenuItem]:
        """The items of a submenu."""
        return [_menu_item(item) for item in self._call("menu_items", self._texts(path)).values()]

    @property
    def menu_place(self) -> list[str]:
        """The names of the items of the tab that the plugin's entry is in, in order."""
        return [name.decode() for name in self._call("menu_place").values()]

    @property
    def menu_entry(self) -> str:
        """The text of the plugin's entry, with "NEW: " if KOReader does not know where it belongs."""
        return str(self._call("menu_entry").decode())

    @property
    def is_menu_open(self) -> bool:
        """Whether the menu stayed open after the last tap in it."""
        return bool(self._call("is_menu_open"))

    @property
    def windows(self) -> list[Window]:
        """What is on the screen, the top one last."""
        return [_window(window) for window in self._call("windows").values()]

    @property
    def page(self) -> int:
        return int(self._call("page"))

    @property
    def progress(self) -> str | int:
        """What KOReader itself takes for the place: an xpointer, or a page's number."""
        progress = self._call("progress")
        return progress.decode() if isinstance(progress, bytes) else int(progress)

    @property
    def is_online(self) -> bool:
        return self.network.is_connected

    @property
    def patience(self) -> float | None:
        return self.network.patience

    @patience.setter
    def patience(self, seconds: float | None) -> None:
        self.network.patience = seconds

    @property
    def names(self) -> str | None:
        """What becomes of looking a name up: None, "hang" or "fail". Here it also concerns plain addresses."""
        return self.network.names

    @names.setter
    def names(self, trouble: str | None) -> None:
        self.network.names = trouble

    @property
    def questions(self) -> list[str]:
        return [window.text for window in self.shown if window.kind == "ConfirmBox"]

    @property
    def warnings(self) -> list[str]:
        return [line for line in self.log if line.startswith(("warn ", "err "))]

    @property
    def actions(self) -> list[str]:
        """The Dispatcher's actions that were registered."""
        return sorted(name.decode() for name in self._call("actions").values())

    @property
    def longest_block(self) -> float:
        """The longest time in seconds that one call kept the screen's thread."""
        return max((seconds for _, seconds in self.blocks), default=0.0)

    @property
    def standby_preventions(self) -> int:
        """How many still keep the device from standby."""
        return int(self._call("standby_preventions"))

    @property
    def uncollected(self) -> list[int]:
        """Processes that were started and not collected after their end."""
        return self._processes.uncollected

    @property
    def running_processes(self) -> list[int]:
        return [process.pid for process in self._processes.running]

    @property
    def open_pipes(self) -> list[int]:
        """Pipes that nobody has closed."""
        return self._processes.open_pipes

    @property
    def timeouts_are_reset(self) -> bool:
        return bool(self._call("timeouts_are_reset"))

    @property
    def loaded_modules(self) -> list[str]:
        """The names in the table of modules that all plugins share."""
        return [name.decode() for name in self._lua.globals()[b"package"][b"loaded"]]

    @property
    def new_globals(self) -> list[str]:
        """What was added to Lua's globals since the start."""
        return sorted(name.decode() for name in set(self._lua.globals().keys()) - self._globals_before)

    def setting(self, name: str) -> Any:
        """One of KOReader's own settings."""
        return from_lua(self._call("setting", name.encode()))

    def outbox(self) -> list[dict[str, Any]]:
        """Every line of the outbox as it lies on the disk: `kind` is position, session, draft or refused."""
        files = list((self.data_dir / "settings").glob("tomesync-outbox-*.jsonl"))
        return [json.loads(line) for file in files for line in file.read_text("utf-8").splitlines()]

    def waiting(self) -> list[dict[str, Any]]:
        """What of the outbox is to be sent."""
        return [entry for entry in self.outbox() if entry["kind"] in ("position", "session")]

    def run_lua(self, source: str) -> Any:
        """Run a piece of Lua on the screen's thread, for what the other methods cannot do. `ui` is the live screen."""
        assert self.is_running, "KOReader has ended"
        with self._timed("lua"):
            return self._lua.execute(b"local ui = require('ui/uimanager').ui; " + source.encode())

    # Time

    def _call(self, function: str, *arguments: Any, name: str = "") -> Any:
        assert self.is_running, "KOReader has ended"
        with self._timed(name or function):
            return self._koreader[function.encode()](*arguments)

    def _run_due(self) -> None:
        self._call("run_due")

    @contextmanager
    def _timed(self, name: str) -> Any:
        depth = len(self._calls)
        self._calls.append((name, self.awake_seconds))
        try:
            yield
        finally:
            while len(self._calls) > depth:
                self._leave()

    def _enter(self, name: bytes) -> None:
        self._calls.append((name.decode(errors="replace"), self.awake_seconds))

    def _leave(self) -> None:
        name, started = self._calls.pop()
        if (seconds := self.awake_seconds - started) > 1e-9:
            self.blocks.append((name, seconds))

    def _pass(self, seconds: float) -> None:
        if seconds <= 0:
            return
        target = self.awake_seconds + seconds
        self._processes.advance(target)
        if self._upstream:
            self._take(self._upstream.stand_still_until(target))
        else:
            self.now += target - self.awake_seconds
            self.awake_seconds = target

    def _take(self, told: Any) -> None:
        if told:
            self.now, self.awake_seconds, self.network.is_connected = told

    # Processes

    def weather(self) -> bool:
        return self.network.is_connected

    def heard(self, process: Process, kind: str, *values: Any) -> None:
        """What a process tells: "begun" and "over" of its requests, "log", and that it was killed."""
        if kind == "begun":
            number, request = values
            process.requests[number] = self._begin(replace(request, in_background=True, was_in_event=process.event))
        elif kind == "over":
            self._finish(process.requests.pop(values[0]), values[1])
        elif kind == "killed":
            for index in process.requests.values():
                self._finish(index, "killed")
        elif kind == "log":
            self._log(values[0])

    def _fork(self, has_pipe: bool) -> Any:
        """As in C: 0 in the child. None and a message where there are no processes."""
        if not self._can_fork:
            return None, b"fork failed: Function not implemented"
        process, upstream = self._processes.start(has_pipe, self._event)
        if process:
            return process.pid, process.fd
        self._upstream = upstream
        self._pid = os.getpid()
        self._pass(START_SECONDS)
        return 0, 1 if has_pipe else None

    def _end_process(self) -> None:
        assert self._upstream
        self._processes.let_them_end()
        self._upstream.end()

    def _write_to_fd(self, content: bytes, closes: bool) -> bool:
        assert self._upstream, "only a process of its own has a pipe to write to"
        self._take(self._upstream.write(content))
        if closes:
            self._upstream.tell("closed")
        return True

    @property
    def _event(self) -> str:
        """The innermost call on the screen's thread."""
        return self._calls[-1][0] if self._calls else ""

    # What Lua asks of the machine

    def _host(self) -> dict[bytes, Any]:
        processes = self._processes
        return {
            b"data_dir": str(self.data_dir).encode(),
            b"plugin_dir": str(self.data_dir / "plugins" / "tomesync.koplugin").encode(),
            b"is_connected": lambda: self.network.is_connected,
            b"set_connected": lambda value: setattr(self.network, "is_connected", value),
            b"wifi_policy": lambda: self.wifi_policy.encode(),
            b"count": self._count,
            b"now": lambda: self.now,
            b"monotonic": lambda: self.awake_seconds,
            b"boot": lambda: self.awake_seconds + self.slept_seconds,
            b"pass": self._pass,
            b"enter": self._enter,
            b"leave": self._leave,
            b"log": lambda line: self._log(line.decode(errors="replace")),
            b"show": lambda kind, text: self.shown.append(Shown(kind.decode(), text.decode(errors="replace"))),
            b"show_reader": lambda path: self.reader_asked_for.append(os.fsdecode(path)),
            b"in_process": lambda: self._upstream is not None,
            b"fork": self._fork,
            b"end_process": self._end_process,
            b"pid": lambda: self._pid,
            b"is_done": lambda pid, waits: processes.is_done(pid, bool(waits)),
            b"terminate": processes.terminate,
            b"readable": processes.readable,
            b"read_all": processes.read_all,
            b"write_to_fd": self._write_to_fd,
            b"is_metered": meter.is_running,
            b"step": lambda what: meter.step(what.decode(errors="replace"), self.awake_seconds),
            b"note": self._note,
            b"hash": lambda name, content: hashlib.new(name.decode(), content).hexdigest().encode(),
            b"hasher": _hasher,
            b"uuid": lambda: str(uuid.uuid4()).encode(),
            b"partial_md5": _partial_md5,
            b"fix_utf8": lambda text, replacement: (
                text.decode(errors="replace").replace("�", replacement.decode()).encode()
            ),
            b"attributes": self._attributes,
            b"list_dir": lambda path: self._lua.table_from([b".", b"..", *sorted(os.listdir(path))]),
            b"make_dir": lambda path: _done(os.mkdir, path),
            b"remove_dir": lambda path: _done(os.rmdir, path),
            b"real_path": lambda path: os.path.realpath(path) if os.path.exists(path) else None,
            b"current_dir": lambda: os.getcwdb(),
            b"touch": lambda path: os.utime(path, (self.now, self.now)),
            b"disk": self._disk,
            b"url": lambda url: self._lua.table_from(_url_parts(url)),
            b"url_join": lambda base, url: urljoin(base.decode(), url.decode()).encode(),
            b"url_escape": lambda text: quote(text, safe="").encode(),
            b"url_unescape": lambda text: unquote(text.decode()).encode(),
            b"json_encode": lambda value, null, marks: json_encode(value, null, lambda table: bool(marks[table])),
            b"json_decode": lambda text, null: json_decode(self._lua, text, null),
            b"http_open": self._http_open,
            b"http_piece": self._http_piece,
            b"http_close": self._http_close,
        }

    def _log(self, line: str) -> None:
        if self._upstream:
            self._upstream.tell("log", line)
        else:
            self.log.append(line)

    def _count(self, name: bytes) -> None:
        attribute = name.decode()
        setattr(self, attribute, getattr(self, attribute) + 1)

    def _note(self, kind: bytes, path: bytes, value: Any = None) -> None:
        """A file's state for the journal of the power cut: dirty and the size that is safe, safe, gone, or moved to."""
        values = [] if value is None else [os.fsdecode(value) if isinstance(value, bytes) else int(value)]
        meter.note(kind.decode(), self.awake_seconds, os.fsdecode(path), *values)

    def _attributes(self, path: bytes) -> Any:
        if not os.path.exists(path):
            return None
        stat = os.stat(path)
        return self._lua.table_from(
            {
                b"mode": b"directory" if os.path.isdir(path) else b"file",
                b"size": stat.st_size,
                b"modification": int(stat.st_mtime),
                b"access": int(stat.st_atime),
                b"change": int(stat.st_ctime),
                b"ino": stat.st_ino,
            }
        )

    def _disk(self, path: bytes) -> tuple[int, int, int] | None:
        """Total, free and available bytes; None if there is no such place."""
        if not os.path.exists(path):
            return None
        usage = shutil.disk_usage(path)
        free = usage.free if self.free_bytes is None else self.free_bytes
        return max(usage.total, free), free, free

    # Requests

    def _begin(self, request: Request) -> int:
        self.requests.append(request)
        index = len(self.requests) - 1
        if self._upstream:
            self._upstream.tell("begun", index, request)
        else:
            self._log(f"request {request.method} {urlsplit(request.path).path}")
        return index

    def _finish(self, index: int, outcome: int | str) -> None:
        self.requests[index] = replace(self.requests[index], outcome=outcome)
        if self._upstream:
            self._upstream.tell("over", index, outcome)

    def _http_open(
        self, method: bytes, url: bytes, headers: Any, body: bytes | None, block_seconds: float, total_seconds: float
    ) -> tuple[Any, ...]:
        """A number for the exchange, the code, headers and status line; or None and LuaSocket's message."""
        address, sent = url.decode(), {name.decode(): value.decode() for name, value in headers.items()}
        meter.step(f"request {method.decode()} {address}", self.awake_seconds)
        target = target_of(address)
        index = self._begin(
            Request(
                method.decode(),
                target,
                sent_body(body),
                UNDER_WAY,
                block_seconds,
                total_seconds,
                self.now,
                sent,
                was_in_event=self._event,
            )
        )
        exchange = Exchange(Line(self.network, self._pass, block_seconds, total_seconds))
        answer_seconds = self.network.answer_seconds
        seconds = answer_seconds(target) if callable(answer_seconds) else answer_seconds
        try:
            exchange.begin(method.decode(), address, sent, body, seconds)
        except Failure as failure:
            return self._fail(exchange, index, failure)
        self._next_exchange += 1
        self._exchanges[self._next_exchange] = (exchange, index)
        answer_headers = {name.encode("latin-1"): value.encode("latin-1") for name, value in exchange.headers.items()}
        return (
            self._next_exchange,
            exchange.code,
            self._lua.table_from(answer_headers),
            exchange.status.encode("latin-1"),
        )

    def _http_piece(self, number: int) -> Any:
        """The next bytes, None at the end, or None and a message."""
        exchange, index = self._exchanges[number]
        try:
            return exchange.piece()
        except Failure as failure:
            del self._exchanges[number]
            return self._fail(exchange, index, failure)

    def _http_close(self, number: int, message: bytes | None = None) -> None:
        """It is over; with a message, it came to no good end."""
        if number in self._exchanges:
            exchange, index = self._exchanges.pop(number)
            exchange.close()
            self._finish(index, message.decode(errors="replace") if message else exchange.code)
            meter.step("after the answer", self.awake_seconds)

    def _fail(self, exchange: Exchange, index: int, failure: Failure) -> tuple[None, bytes]:
        exchange.close()
        self._finish(index, str(failure))
        meter.step("after the answer", self.awake_seconds)
        return None, str(failure).encode()

    def _texts(self, path: Sequence[str]) -> Any:
        return self._lua.table_from([text.encode() for text in path])


def _menu_item(item: Any) -> MenuItem:
    told = MenuItem(item[b"text"].decode())
    told.is_enabled, told.is_checked = bool(item[b"is_enabled"]), bool(item[b"is_checked"])
    told.has_submenu = bool(item[b"has_submenu"])
    return told


def _window(window: Any) -> Window:
    def texts(name: bytes) -> list[str]:
        return [text.decode(errors="replace") for text in window[name].values()]

    return Window(
        window[b"kind"].decode(),
        window[b"title"].decode(errors="replace"),
        window[b"text"].decode(errors="replace"),
        texts(b"buttons"),
        texts(b"items"),
        texts(b"inputs"),
    )


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


def _partial_md5(path: bytes) -> bytes | None:
    file = Path(os.fsdecode(path))
    return partial_md5(file).encode() if file.is_file() else None


def _hasher(name: bytes) -> Any:
    """A function that takes the next bytes, and answers the sum so far for None."""
    digest = hashlib.new(name.decode())

    def add(content: bytes | None = None) -> bytes | None:
        if content is None:
            return digest.hexdigest().encode()
        digest.update(content)
        return None

    return add


def _done(action: Any, *arguments: Any) -> Any:
    try:
        action(*arguments)
    except OSError as error:
        return None, (error.strerror or "failed").encode()
    return True


def _url_parts(url: bytes) -> dict[bytes, bytes]:
    parts = urlsplit(url.decode())
    told = {
        b"scheme": parts.scheme,
        b"authority": parts.netloc,
        b"host": parts.hostname,
        b"port": str(parts.port) if parts.port else None,
        b"path": parts.path,
        b"query": parts.query,
        b"fragment": parts.fragment,
    }
    return {name: value.encode() for name, value in told.items() if value}


def to_lua(lua: Any, value: Any, null: Any = None) -> Any:
    if value is None:
        return null
    if isinstance(value, str):
        return value.encode("utf-8", "surrogateescape")
    if isinstance(value, list | tuple):
        return lua.table_from([to_lua(lua, item, null) for item in value])
    if isinstance(value, Mapping):
        return lua.table_from({to_lua(lua, key): to_lua(lua, item, null) for key, item in value.items()})
    return value


def from_lua(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.decode("utf-8", "surrogateescape")
    if hasattr(value, "items"):
        items = {from_lua(key): from_lua(item) for key, item in value.items()}
        return [items[key] for key in sorted(items)] if items and set(items) == set(range(1, len(items) + 1)) else items
    return value


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
    try:
        return to_lua(lua, json.loads(text.decode("utf-8", "surrogateescape")), null)
    except ValueError as error:
        return None, str(error).encode()
