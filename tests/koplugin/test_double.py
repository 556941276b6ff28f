"""The KOReader double itself: what the plugin's tests rely on."""

import contextlib
import io
import socket
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from lupa.luajit21 import LuaError

from tests.koplugin.koreader import KOReader, power_cuts, run_until_power_cut

PLUGIN = """
local UIManager = require("ui/uimanager")
local WidgetContainer = require("ui/widget/container/widgetcontainer")
local ffiUtil = require("ffi/util")
local http = require("socket.http")
local ltn12 = require("ltn12")
local socketutil = require("socketutil")

local Plugin = WidgetContainer:extend{ name = "tomesync" }
local t = { changes = 0, said = {} } -- what the tests look at
package.loaded.t = t

function t.get(path, block, total, sink)
    local chunks = {}
    socketutil:set_timeout(block or 5, total or -1)
    local is_done, code, headers, status = http.request({
        url = t.url .. path, sink = sink or socketutil.table_sink(chunks), redirect = false })
    socketutil:reset_timeout()
    return is_done, code, table.concat(chunks), headers, status
end

function t.start(task)
    t.pid, t.fd = ffiUtil.runInSubProcess(function(_pid, fd)
        ffiUtil.writeToFD(fd, tostring(task()), true)
    end, true)
    return t.pid, t.fd
end

function Plugin:init()
    self.ui.menu:registerToMainMenu(self)
    require("dispatcher"):registerAction("tomesync_greet",
        { category = "none", event = "TomeGreet", title = "Greet", general = true })
end

function Plugin:addToMainMenu(menu_items)
    t.changes = t.changes + 1
    menu_items.tomesync = {
        text = "Tome",
        sorting_hint = t.hint,
        sub_item_table = {
            { text = "Wait", callback = function() ffiUtil.usleep(2000000) end },
            { text = "Break", callback = function() error("broken") end },
            { text = "Grey", enabled_func = function() return false end },
            { text = "Deeper", sub_item_table_func = function()
                return { { text = "On", checked_func = function() return t.is_on end,
                    callback = function() t.is_on = not t.is_on end } }
            end },
        },
    }
end

function Plugin:onTomeGreet() t.greeted = true end
function Plugin:onPageUpdate(page) if t.on_page then t.on_page(page) end end
function Plugin:onCloseDocument() t.is_closed = true end
function Plugin:onExit() t.exit_after_close = t.is_closed and self.ui.document == nil end
return Plugin
"""


def packed(source: str) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("tomesync.koplugin/main.lua", source)
        archive.writestr("tomesync.koplugin/_meta.lua", 'return { fullname = "Tome" }')
    return content.getvalue()


class RawServer:
    """Takes a request and does with the connection what the path's function says."""

    def __init__(self, behaviours: dict[str, Callable[[socket.socket], None]]) -> None:
        self._behaviours = behaviours
        self.received: list[bytes] = []
        self.silence = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def _accept(self) -> None:
        while True:
            line, _ = self._listener.accept()
            thread = threading.Thread(target=self._serve, args=(line,))
            self._threads.append(thread)
            thread.start()
            if self.silence.is_set():
                return

    def _serve(self, line: socket.socket) -> None:
        with line:
            head = b""
            while b"\r\n\r\n" not in head:
                piece = line.recv(4096)
                if not piece:
                    return
                head += piece
                if head.startswith(b"\x16"):
                    line.sendall(answer(b"This is no TLS.", status="400 Bad Request"))
                    return
            self.received.append(head)
            with contextlib.suppress(OSError):  # the other side may have had enough
                self._behaviours[head.split()[1].decode()](line)

    def stop(self) -> None:
        self.silence.set()
        socket.create_connection(("127.0.0.1", self.port)).close()
        for thread in self._threads:
            thread.join()
        self._listener.close()


def answer(body: bytes, *, length: int | None = None, status: str = "200 OK", more: str = "") -> bytes:
    length = len(body) if length is None else length
    return f"HTTP/1.1 {status}\r\nContent-Length: {length}\r\n{more}\r\n".encode() + body


def drip(line: socket.socket) -> None:
    line.sendall(answer(b"", length=50))
    for _ in range(50):
        line.sendall(b"x")
        time.sleep(0.003)


@pytest.fixture
def server() -> Iterator[RawServer]:
    def hold(line: socket.socket) -> None:
        raw.silence.wait()

    raw = RawServer(
        {
            "/good": lambda line: line.sendall(answer(b"whole", more="X-Word: One\r\nX-Word: Two\r\n")),
            "/big": lambda line: line.sendall(answer(b"0123456789" * 300_000)),
            "/truncated": lambda line: line.sendall(answer(b"half", length=100)),
            "/chunked": lambda line: line.sendall(
                b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nA: b\r\n\r\n"
            ),
            "/until-closed": lambda line: line.sendall(b"HTTP/1.1 200 OK\r\n\r\nuntil closed"),
            "/nothing": lambda line: line.sendall(b"HTTP/1.1 204 No Content\r\n\r\n"),
            "/drip": drip,
            "/hole": hold,
            "/shut": lambda line: None,
        }
    )
    yield raw
    raw.stop()


class Device:
    """A KOReader with the plugin above, and short ways to its table."""

    def __init__(self, folder: Path, server: RawServer | None = None, **options: Any) -> None:
        self.kobo = KOReader(packed(PLUGIN), folder, patience=0.1, **options)
        if server:
            self.run(f't.url = "http://127.0.0.1:{server.port}"')

    def run(self, source: str) -> Any:
        return self.kobo.run_lua(
            "local t, ffiUtil, UIManager = package.loaded.t, require('ffi/util'), require('ui/uimanager'); " + source
        )


@pytest.fixture
def device(tmp_path: Path, server: RawServer) -> Iterator[Device]:
    device = Device(tmp_path / "kobo", server, free_bytes=12345)
    yield device
    device.kobo.crash()


# Processes


def test_a_process_loses_what_it_changes_and_keeps_what_it_writes(device: Device, tmp_path: Path) -> None:
    device.run(
        f"""t.start(function()
            t.changes = 100
            local file = io.open("{tmp_path}/written", "w")
            file:write("stays")
            file:close()
            ffiUtil.usleep(3000000)
            return t.changes
        end)"""
    )
    device.kobo.wait(2.9)
    assert (tmp_path / "written").read_text() == "stays"
    assert device.run("return t.changes") == 0
    assert device.run("return ffiUtil.isSubProcessDone(t.pid), ffiUtil.getNonBlockingReadSize(t.fd)") == (False, 0)
    assert len(device.kobo.running_processes) == len(device.kobo.uncollected) == 1
    device.kobo.wait(0.2)
    assert device.run("return ffiUtil.getNonBlockingReadSize(t.fd)") == 3
    assert device.run("return ffiUtil.readAllFromFD(t.fd)") == b"100"
    assert device.kobo.uncollected != []
    assert device.run("return ffiUtil.isSubProcessDone(t.pid)") is True
    assert (device.kobo.uncollected, device.kobo.open_pipes, device.kobo.running_processes) == ([], [], [])


def test_a_process_can_be_started_in_a_coroutine(device: Device) -> None:
    device.run("""coroutine.wrap(function()
        t.start(function() return "from afar" end)
        coroutine.yield()
    end)()""")
    device.kobo.wait(1)
    assert device.run("return ffiUtil.readAllFromFD(t.fd)") == b"from afar"


def test_a_killed_process_delivers_nothing_but_its_request_was_made(device: Device, server: RawServer) -> None:
    device.run("t.start(function() return select(2, t.get('/hole', 30)) end)")
    device.kobo.wait(5)
    assert [request.outcome for request in device.kobo.requests] == ["under way"]
    device.run("ffiUtil.terminateSubProcess(t.pid)")
    assert device.run("return ffiUtil.isSubProcessDone(t.pid), ffiUtil.readAllFromFD(t.fd)") == (True, b"")
    [request] = device.kobo.requests
    assert (request.outcome, request.in_background, request.was_in_event) == ("killed", True, "lua")
    assert len(server.received) == 1
    assert device.kobo.uncollected == []


def test_a_processs_time_outs_are_on_the_clock_that_the_reader_sees(device: Device) -> None:
    device.run("t.start(function() return select(2, t.get('/hole', 4)) end)")
    started = device.kobo.awake_seconds
    device.kobo.wait(3.9)
    assert device.run("return ffiUtil.isSubProcessDone(t.pid)") is False
    assert device.run("return ffiUtil.readAllFromFD(t.fd)") == b"timeout"
    assert device.kobo.awake_seconds - started == pytest.approx(4.02, abs=0.02)
    assert device.kobo.longest_block == pytest.approx(0.12, abs=0.03)


def test_two_processes_run_side_by_side(device: Device) -> None:
    device.run("""
        t.start(function() ffiUtil.usleep(2000000); return "slow" end)
        t.other = t.fd
        t.start(function() ffiUtil.usleep(1000000); return "fast" end)""")
    device.kobo.wait(1.5)
    assert device.run("return ffiUtil.getNonBlockingReadSize(t.fd), ffiUtil.getNonBlockingReadSize(t.other)") == (4, 0)
    device.kobo.wait(1)
    assert device.run("return ffiUtil.readAllFromFD(t.other)") == b"slow"


def test_a_pipe_holds_so_much_and_no_more(device: Device) -> None:
    device.run("t.start(function() return string.rep('x', 200000) end)")
    device.kobo.wait(10)
    assert device.run("return ffiUtil.isSubProcessDone(t.pid), ffiUtil.getNonBlockingReadSize(t.fd)") == (False, 65536)
    assert len(device.run("return ffiUtil.readAllFromFD(t.fd)")) == 200000
    assert device.run("return ffiUtil.isSubProcessDone(t.pid)") is True


def test_a_process_has_no_screen_and_no_timers(device: Device) -> None:
    device.run("t.start(function() UIManager:scheduleIn(1, function() end) end)")
    device.kobo.wait(1)
    assert device.run("return ffiUtil.readAllFromFD(t.fd)") == b""
    [line] = device.kobo.warnings
    assert "no timers" in line


def test_a_device_without_processes_says_so(tmp_path: Path) -> None:
    device = Device(tmp_path, can_fork=False)
    assert device.run("return ffiUtil.runInSubProcess(function() end, true)") == (
        False,
        b"fork failed: Function not implemented",
    )


def test_after_the_exit_processes_go_on_by_themselves(device: Device, tmp_path: Path, novel: Path) -> None:
    device.kobo.open(novel)
    device.run(f"""t.start(function()
        ffiUtil.usleep(5000000)
        io.open("{tmp_path}/late", "w"):close()
    end)""")
    device.kobo.exit()
    assert (tmp_path / "late").exists()
    with pytest.raises(AssertionError, match="has ended"):
        device.kobo.save_settings()


# Requests


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/good", (1, 200, b"whole")),
        ("/chunked", (1, 200, b"abcde")),
        ("/until-closed", (1, 200, b"until closed")),
        ("/nothing", (1, 204, b"")),
        ("/truncated", (None, b"closed", b"")),
        ("/shut", (None, b"closed", b"")),
        ("/hole", (None, b"timeout", b"")),
    ],
)
def test_requests_end_as_luasocket_ends_them(device: Device, path: str, expected: tuple[Any, ...]) -> None:
    assert tuple(device.run(f"return t.get('{path}')"))[:3] == expected
    [request] = device.kobo.requests
    assert request.outcome == (expected[1] if expected[0] else expected[1].decode())
    assert device.kobo.timeouts_are_reset


def test_headers_go_and_come_as_in_luasocket(device: Device, server: RawServer) -> None:
    answered = device.run("return t.get('/good')")
    assert answered[3][b"x-word"] == b"One, Two"
    assert answered[4] == b"HTTP/1.1 200 OK"
    assert b"Connection: close, TE\r\n" in server.received[0]
    assert device.kobo.requests[0].headers["te"] == "trailers"


def test_a_refused_connection_an_unknown_name_and_tls_towards_a_plain_server(device: Device, server: RawServer) -> None:
    device.kobo.names = "fail"
    assert device.run("return t.get('/good')")[1] == b"host or service not provided, or not known"
    device.kobo.names = "hang"
    started = device.kobo.awake_seconds
    assert device.run("return t.get('/good', 2, 4)")[1] == b"host or service not provided, or not known"
    assert device.kobo.awake_seconds - started == 30
    device.kobo.names = None
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    device.run(f"t.url = 'http://127.0.0.1:{port}'")
    assert device.run("return t.get('/good')")[1] == b"connection refused"
    device.run(f"t.url = 'https://127.0.0.1:{server.port}'")
    assert device.run("return t.get('/good')")[1] == b"error:0A00010B:SSL routines::wrong version number"


def test_a_drip_ends_only_at_the_sinks_limit(device: Device) -> None:
    device.kobo.network.receive_seconds = 1.0
    assert device.run("return t.get('/drip', 5, 10)")[:2] == (None, b"timeout")
    assert device.run("return t.get('/drip', 5, -1)")[:2] == (1, 200)
    assert device.kobo.longest_block > 20


def test_a_sink_that_has_had_enough_ends_it(device: Device) -> None:
    device.run("t.taken = 0")
    answered = device.run("""return t.get("/big", 5, -1, function(chunk)
        t.taken = t.taken + #(chunk or "")
        if t.taken > 100000 then return nil, "enough" end
        return 1
    end)""")
    assert answered[:2] == (None, b"enough")
    assert 100_000 < device.run("return t.taken") < 120_000
    assert device.kobo.requests[0].outcome == "enough"


def test_a_large_body_goes_to_a_file_and_takes_the_time_it_takes(device: Device, tmp_path: Path) -> None:
    device.kobo.network.bytes_per_second = 1_000_000
    device.run(f"""t.start(function()
        return t.get("/big", 5, -1, require("ltn12").sink.file(io.open("{tmp_path}/big", "wb")))
    end)""")
    device.kobo.wait(1.5)
    assert 1_000_000 < (tmp_path / "big").stat().st_size < 2_000_000
    device.run("ffiUtil.terminateSubProcess(t.pid)")
    device.kobo.wait(5)
    assert (tmp_path / "big").stat().st_size < 2_000_000


# The screen's thread


def test_what_keeps_the_screen_is_told_by_name(device: Device, novel: Path) -> None:
    device.kobo.open(novel)
    assert device.kobo.blocks == []
    device.kobo.tap("Wait")
    assert device.kobo.blocks == [("menu: Wait", 2.0)]
    device.run("UIManager:scheduleIn(1, function() ffiUtil.usleep(500000) end)")
    device.run("t.on_page = function() t.get('/good') end")
    device.kobo.turn_pages(1)
    assert {name for name, _ in device.kobo.blocks} == {"menu: Wait", "timer", "run_due", "onPageUpdate", "turn"}
    assert device.kobo.longest_block == 2.0
    assert device.kobo.requests[0].was_in_event == "onPageUpdate"


def test_errors_in_handlers_are_logged_and_elsewhere_they_end_koreader(device: Device, novel: Path) -> None:
    device.run("t.on_page = function() error('in a handler') end")
    device.kobo.open(novel)
    assert any("onPageUpdate" in line and "in a handler" in line for line in device.kobo.warnings)
    with pytest.raises(LuaError, match="broken"):
        device.kobo.tap("Break")
    device.run("UIManager:nextTick(function() error('in a timer') end)")
    with pytest.raises(LuaError, match="in a timer"):
        device.kobo.wait(1)


def test_a_new_global_is_an_error(device: Device) -> None:
    with pytest.raises(LuaError, match="stray would be new"):
        device.run("stray = 1")
    with pytest.raises(LuaError, match="stray is not there"):
        device.run("return stray")


# Windows


def test_windows_are_a_stack_that_can_be_tapped(device: Device) -> None:
    device.run("""
        local say = function(word) return function() table.insert(t.said, word) end end
        local Menu = require("ui/widget/menu")
        local menu = Menu:new{ title = "Series", item_table = {
            { text = "Dune", callback = say("dune") },
            { text = "Saga", sub_item_table = { { text = "Saga 1", callback = say("saga") } } },
        } }
        menu.onMenuHold = function(_self, item) say("held " .. item.text)() end
        UIManager:show(menu)
        UIManager:show(require("ui/widget/confirmbox"):new{ text = "Sure?", ok_text = "Yes", ok_callback = say("yes"),
            cancel_callback = say("no"), other_buttons = { { { text = "Maybe", callback = say("maybe") } } } })
        UIManager:show(require("ui/widget/infomessage"):new{ text = "Done", timeout = 3,
            dismiss_callback = say("gone") })
    """)
    assert [window.kind for window in device.kobo.windows] == ["Menu", "ConfirmBox", "InfoMessage"]
    assert device.kobo.windows[1].buttons == ["Cancel", "Yes", "Maybe"]
    device.kobo.wait(3)
    device.kobo.press("Maybe")
    assert [window.kind for window in device.kobo.windows] == ["Menu"]
    device.kobo.hold("Saga")
    device.kobo.choose("Dune")
    device.kobo.choose("Saga")
    assert device.kobo.windows[0].items == ["Saga 1"]
    device.kobo.dismiss()
    assert device.kobo.windows[0].items == ["Dune", "Saga"]
    device.kobo.dismiss()
    assert device.kobo.windows == []
    assert device.run("return table.concat(t.said, ' ')") == b"gone maybe held Saga dune"


def test_fields_can_be_filled(device: Device) -> None:
    device.run("""
        local InputDialog = require("ui/widget/inputdialog")
        t.dialog = InputDialog:new{ title = "Name", input = "old", buttons = { {
            { text = "Cancel", id = "close", callback = function() UIManager:close(t.dialog) end },
            { text = "Save", enabled_func = function() return t.dialog:getInputText() ~= "old" end,
                callback = function() t.name = t.dialog:getInputText() end },
        } } }
        UIManager:show(t.dialog)
        t.dialog:onShowKeyboard()""")
    assert (device.kobo.windows[0].inputs, device.kobo.windows[0].buttons) == (["old"], ["Cancel"])
    device.kobo.type("Käthe")
    device.kobo.press("Save")
    assert device.run("return t.name").decode() == "Käthe"
    device.kobo.dismiss()
    device.run("""
        t.dialog = require("ui/widget/multiinputdialog"):new{ title = "Both", fields = { { text = "a" }, {} } }
        UIManager:show(t.dialog)""")
    device.kobo.type("b", into=2)
    assert list(device.run("return t.dialog:getFields()").values()) == [b"a", b"b"]


# The menu, the network, modules


def test_the_menu_is_built_once_and_followed_by_its_texts(device: Device, novel: Path) -> None:
    device.run("t.hint = 'tools'")
    assert device.kobo.menu == ["Wait", "Break", "Grey", "Deeper"]
    assert [item.is_enabled for item in device.kobo.menu] == [True, True, False, True]
    device.kobo.tap("Deeper", "On")
    assert device.kobo.is_menu_open
    assert device.kobo.menu_of("Deeper")[0].is_checked
    assert device.run("return t.changes") == 1
    with pytest.raises(LuaError, match="cannot be tapped"):
        device.kobo.tap("Grey")
    assert device.kobo.menu_place[-1] == "tomesync"
    assert device.kobo.menu_entry == "Tome"
    device.run("table.insert(require('ui/elements/reader_menu_order').tools, 3, 'tomesync')")
    device.kobo.open(novel)
    assert device.kobo.menu_place[:4] == ["read_timer", "calibre", "tomesync", "exporter"]
    device.run("t.hint = nil")
    device.kobo.close()
    assert device.kobo.menu_entry == "NEW: Tome"
    assert device.kobo.menu_place[-1] == "tomesync"
    assert "calibre" not in device.kobo.menu_place


def test_the_radio_is_woken_only_as_the_reader_chose(device: Device) -> None:
    ask = "require('ui/network/manager'):runWhenConnected(function() t.is_connected = true end)"
    device.kobo.go_offline()
    device.run(ask)
    assert (device.kobo.wifi_asked, device.kobo.wifi_woken) == (1, 0)
    assert device.run("return t.is_connected") is None
    device.kobo.go_online()
    assert device.run("return t.is_connected") is True
    device.kobo.go_offline()
    device.kobo.wifi_policy = "turn_on"
    device.run(ask)
    device.kobo.wait(3)
    assert (device.kobo.wifi_asked, device.kobo.wifi_woken, device.kobo.is_online) == (1, 1, True)
    with pytest.raises(LuaError, match="wants the internet"):
        device.run("return require('ui/network/manager'):isOnline()")


def test_modules_answer_as_koreaders_do(device: Device, tmp_path: Path) -> None:
    assert device.run("""
        local sum = require("ffi/sha2").sha256()
        sum("Dra")("cula")
        return sum() == require("ffi/sha2").sha256("Dracula"), #sum()""") == (True, 64)
    assert device.run("return require('util').getSafeFilename('a/b: c?.epub', '/')") == b"a_b_ c_.epub"
    assert device.run("return require('util').diskUsage('/').available") == 12345
    assert device.run(
        f"return require('util').makePath('{tmp_path}/x/y'), require('util').pathExists('{tmp_path}/x/y')"
    )
    assert (tmp_path / "x" / "y").is_dir()
    assert device.run(f"return require('libs/libkoreader-lfs').attributes('{tmp_path}').mode") == b"directory"
    assert device.run("""
        local time = require("ui/time")
        local started = time.now()
        ffiUtil.usleep(1500000)
        return time.to_number(time.since(started)), time.to_ms(time.since(started))""") == (1.5, 1500)
    device.kobo.gesture("tomesync_greet")
    assert device.run("return t.greeted") is True


def test_the_exit_closes_the_book_first_and_a_restart_finds_the_place(
    device: Device, tmp_path: Path, novel: Path
) -> None:
    device.kobo.open(novel, pages=20)
    device.kobo.turn_pages(4)
    device.kobo.exit()
    again = Device(tmp_path / "kobo")
    again.kobo.open(novel, pages=20)
    assert again.kobo.page == 5
    again.kobo.turn_pages(3)
    again.kobo.crash()
    third = Device(tmp_path / "kobo", language="de", global_settings={"home_dir": "/mnt/onboard", "n": 3})
    third.kobo.open(novel, pages=20)
    assert third.kobo.page == 5
    assert third.run("return require('gettext').current_lang") == b"de"
    assert (third.kobo.setting("home_dir"), third.kobo.setting("n")) == ("/mnt/onboard", 3)


# Power


def written_by(tmp_path: Path, body: str) -> Callable[[], None]:
    def scenario() -> None:
        Device(tmp_path / "kobo").run(body.replace("FILE", str(tmp_path / "file")))

    return scenario


def test_a_file_replaced_with_care_is_always_whole(tmp_path: Path) -> None:
    scenario = written_by(
        tmp_path,
        """local file = io.open("FILE.new", "wb")
        file:write("new")
        ffiUtil.fsyncOpenedFile(file)
        file:close()
        os.rename("FILE.new", "FILE")""",
    )
    (tmp_path / "file").write_text("old")
    left = [(run.is_cut, (tmp_path / "file").read_text()) for run in power_cuts(scenario)]
    assert [text for _, text in left] == ["old"] * (len(left) - 1) + ["new"]
    assert [is_cut for is_cut, _ in left] == [True] * (len(left) - 1) + [False]
    assert len(left) > 5


def test_a_file_replaced_without_a_sync_may_be_empty(tmp_path: Path) -> None:
    scenario = written_by(
        tmp_path,
        """local file = io.open("FILE.new", "wb")
        file:write("new")
        file:close()
        os.rename("FILE.new", "FILE")
        os.remove("FILE.none")""",
    )
    left = []
    for _ in power_cuts(scenario):
        left.append((tmp_path / "file").read_text() if (tmp_path / "file").exists() else None)
        (tmp_path / "file").unlink(missing_ok=True)
    assert left[-2:] == ["", "new"]


def test_the_power_can_fail_in_a_process_and_its_parent_goes_with_it(tmp_path: Path) -> None:
    body = """t.start(function()
        ffiUtil.usleep(1000000)
        io.open("FILE", "wb"):close()
        return "done"
    end)
    ffiUtil.usleep(2000000)
    io.open("FILE.after", "wb"):close()"""
    runs = list(power_cuts(written_by(tmp_path, body)))
    assert [run.at.split()[0] for run in runs[:-1]].count("open") == 2
    run = run_until_power_cut(
        written_by(tmp_path / "other", body.replace("FILE", str(tmp_path / "last"))),
        next(run.steps for run in runs if run.at.startswith("open")),
    )
    assert run.is_cut
    assert not (tmp_path / "last").exists()
    assert not (tmp_path / "last.after").exists()


def test_an_error_in_the_scenario_is_told(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="went wrong"):
        run_until_power_cut(written_by(tmp_path, "error('went wrong')"), 1000)
