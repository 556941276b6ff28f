"""The plugin brings itself up to date: what it takes, what it refuses, and what a failure leaves behind."""

import io
import json
import resource
import shutil
import threading
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from koplugin import packer
from koplugin.version import PLUGIN_VERSION
from tests.koplugin.koreader import KOReader, PowerRun, power_cuts
from tests.koplugin.server import KEY

MAIN, META = "tomesync.koplugin/main.lua", "tomesync.koplugin/_meta.lua"
NEWER = f"{PLUGIN_VERSION}.1"
NO_ZIP = b"PK\x05\x06" + bytes(18)  # a restart: nothing is unpacked over what is there

# What the reader taps, and what the flow answers, is in a table that belongs to the test.
START = """
local updater, flow = require("tomesync/updater"), require("tomesync/flow")
local outcome = {}
package.loaded["test/outcome"] = outcome
flow.start(function()
    outcome.did, outcome.answer = %s
end)
"""
ITEMS = """
local texts = {}
for index, item in ipairs(require("tomesync/updater").menu_items(ui.tomesync)) do
    local is_enabled = not item.enabled_func or item.enabled_func()
    texts[index] = (is_enabled and "" or "- ") .. (item.text or item.text_func())
end
return table.concat(texts, "\\n")
"""
TAP = """
for _, item in ipairs(require("tomesync/updater").menu_items(ui.tomesync)) do
    if (item.text or item.text_func()) == "%s" then
        assert(not item.enabled_func or item.enabled_func(), "it cannot be tapped")
        item.callback()
        return
    end
end
error("there is no such item")
"""


class Shelf:
    """A real server that offers a version of the plugin, on a free port of 127.0.0.1."""

    def __init__(self) -> None:
        self.version: Any = NEWER
        self.content: bytes = b""
        self.status = 200
        self.me_status = 200
        self.length: int | None = None  # what it says that it sends, where that is not what it sends
        self.is_silent = False
        self.paths: list[str] = []
        self.keys: list[str | None] = []
        self._end = threading.Event()
        shelf = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                shelf._answer(self)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._http.server_port}"

    def _answer(self, handler: BaseHTTPRequestHandler) -> None:
        self.paths.append(handler.path)
        self.keys.append(handler.headers.get("Authorization"))
        status, content = self.status, self.content
        if handler.path.startswith("/api/tome-sync/me"):
            status = self.me_status
            me = {"username": "ada", "server_id": "server-1", "server_version": "1", "plugin_version": self.version}
            content = json.dumps(me if status == 200 else {"detail": "No."}).encode()
        elif not handler.path.startswith("/api/tome-sync/plugin?"):
            status, content = 404, b'{"detail": "There is no such address."}'
        elif self.is_silent:
            self._end.wait()
            return
        handler.send_response(status)
        handler.send_header("Content-Type", "application/octet-stream")
        handler.send_header("Content-Length", str(len(content) if self.length is None else self.length))
        handler.end_headers()
        handler.wfile.write(content)

    def stop(self) -> None:
        self._end.set()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()


def zipped(files: dict[str, bytes], method: int = zipfile.ZIP_STORED) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", method) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return packed.getvalue()


def unzipped(content: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


Build = Callable[..., bytes]


@pytest.fixture
def shelf() -> Iterator[Shelf]:
    shelf = Shelf()
    yield shelf
    shelf.stop()


@pytest.fixture
def build(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> Build:
    """Makes the plugin's ZIP in some version, and for Ada at this server unless something else is said."""

    def built(version: str = PLUGIN_VERSION, **other: str) -> bytes:
        values = {"server_url": shelf.url, "api_key": KEY, "username": "ada"} | other
        with monkeypatch.context() as patched:
            patched.setattr(packer, "PLUGIN_VERSION", version)
            return packer.build_plugin(**values)

    return built


class Device:
    """Ada's Kobo, and the plugin's folder on it."""

    def __init__(self, plugin_zip: bytes, data_dir: Path, **options: Any) -> None:
        self.options = {"patience": 0.2} | options
        self.data_dir = data_dir
        self.folder = data_dir / "plugins" / "tomesync.koplugin"
        self.koreader = KOReader(plugin_zip, data_dir, **self.options)
        self.koreader.wait(10)
        self.koreader.shown.clear()

    def restart(self) -> None:
        self.koreader.exit()
        self.koreader = KOReader(NO_ZIP, self.data_dir, **self.options)
        self.koreader.wait(10)
        self.koreader.shown.clear()

    def run(self, call: str) -> tuple[bool, str]:
        """Let something of the updater's run as a flow. Whether it did it, and the version or the sentence."""
        self.koreader.run_lua(START % call)
        self.koreader.wait(120)
        did, answer = self.koreader.run_lua('local o = package.loaded["test/outcome"] return o.did, o.answer')
        return did is True, answer.decode() if answer else ""

    def install(self, version: str | None = None) -> tuple[bool, str]:
        return self.run(f'updater.install(ui.tomesync, "{version}")' if version else "updater.install(ui.tomesync)")

    @property
    def items(self) -> list[str]:
        """About's items; one that cannot be tapped has a dash before it."""
        return str(self.koreader.run_lua(ITEMS).decode()).split("\n")

    def tap(self, text: str) -> None:
        self.koreader.run_lua(TAP % text)
        self.koreader.wait(120)

    @property
    def texts(self) -> list[str]:
        return [window.text for window in self.koreader.shown]

    @property
    def restarts(self) -> list[str]:
        """The texts with which KOReader was told to offer a restart."""
        return [line.removeprefix("restart ") for line in self.koreader.log if line.startswith("restart ")]

    @property
    def loaded(self) -> str:
        """The version that runs."""
        return str(self.koreader.run_lua('return require("tomesync/baked").version').decode())

    @property
    def files(self) -> dict[str, bytes]:
        return {
            str(path.relative_to(self.folder)): path.read_bytes() for path in self.folder.rglob("*.*") if path.is_file()
        }

    def version_of(self, name: str) -> str:
        content = (self.folder / name).read_bytes()
        return NEWER if f'version = "{NEWER}"'.encode() in content else PLUGIN_VERSION


@pytest.fixture
def device(build: Build, shelf: Shelf, tmp_path: Path) -> Device:
    shelf.content = build(NEWER)
    device = Device(build(), tmp_path / "kobo")
    shelf.paths.clear()
    shelf.keys.clear()
    return device


@contextmanager
def files_no_longer_than(size: int) -> Iterator[None]:
    """As on a full disk, a file gets no further."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


# What goes well


def test_a_tap_brings_the_plugin_to_the_servers_version_with_the_next_start(device: Device) -> None:
    device.tap("Update the plugin")
    assert device.restarts == [f"Version {NEWER} is installed. It starts when KOReader is started again."]
    assert device.loaded == PLUGIN_VERSION
    assert set(device.files) == {"main.lua", "_meta.lua", "main.lua.old", "_meta.lua.old", "main.lua.updated"}
    device.restart()
    assert device.loaded == NEWER
    assert set(device.files) == {"main.lua", "_meta.lua", "main.lua.old", "_meta.lua.old"}
    assert device.koreader.warnings == []


def test_it_asks_for_the_version_and_for_the_plugin_at_the_address_in_use_with_its_own_key(
    device: Device, shelf: Shelf
) -> None:
    assert device.install() == (True, NEWER)
    address = shelf.url.replace(":", "%3A").replace("/", "%2F")
    assert shelf.paths == ["/api/tome-sync/me", f"/api/tome-sync/plugin?server_url={address}"]
    assert shelf.keys == [f"Bearer {KEY}"] * 2


def test_what_is_installed_is_what_the_server_sent(device: Device, shelf: Shelf) -> None:
    before = device.files
    device.install()
    sent = unzipped(shelf.content)
    after = device.files
    assert (after["main.lua"], after["_meta.lua"]) == (sent[MAIN], sent[META])
    assert (after["main.lua.old"], after["_meta.lua.old"]) == (before["main.lua"], before["_meta.lua"])


def test_it_all_happens_off_the_screens_thread(device: Device) -> None:
    assert device.install() == (True, NEWER)
    requests = [request for request in device.koreader.requests if "/tome-sync/plugin?" in request.path]
    assert [request.in_background for request in requests] == [True]
    assert device.koreader.uncollected == []
    assert device.koreader.open_pipes == []


def test_about_says_which_version_there_is_and_which_the_server_has(shelf: Shelf, build: Build, tmp_path: Path) -> None:
    shelf.me_status = 500  # so it has said nothing yet
    device = Device(build(), tmp_path / "kobo")
    shelf.me_status = 200
    version = f"- Version {PLUGIN_VERSION}"
    assert device.items == [version, "Ask which version the server offers", "Update the plugin"]
    device.tap("Ask which version the server offers")
    assert device.texts[-1] == f"The server offers version {NEWER}, and version {PLUGIN_VERSION} is installed."
    assert device.items == [version, f"The server offers version {NEWER}", "Update the plugin"]
    shelf.version = PLUGIN_VERSION
    device.tap(f"The server offers version {NEWER}")
    assert device.texts[-1] == f"Version {PLUGIN_VERSION} is installed, and it is the one that the server offers."
    assert device.items == [version, "This is the version that the server offers.", "- Update the plugin"]


def test_after_an_update_about_says_what_the_next_start_brings(device: Device) -> None:
    device.install()
    assert device.items == [
        f"- Version {PLUGIN_VERSION}",
        f"- Version {NEWER} starts when KOReader is started again",
        "This is the version that the server offers.",
        "- Update the plugin",
        f"Go back to version {PLUGIN_VERSION}",
    ]


def test_the_reader_can_go_back_and_forth(device: Device) -> None:
    device.install()
    device.restart()
    device.tap(f"Go back to version {PLUGIN_VERSION}")
    assert device.restarts == [f"Version {PLUGIN_VERSION} is back. It starts when KOReader is started again."]
    assert set(device.files) == {"main.lua", "_meta.lua"}
    assert device.install() == (True, NEWER)
    device.restart()
    assert device.loaded == NEWER
    device.tap(f"Go back to version {PLUGIN_VERSION}")
    device.restart()
    assert device.loaded == PLUGIN_VERSION
    assert f"Go back to version {PLUGIN_VERSION}" not in device.items


def test_a_koreader_that_offers_no_restart_is_told_all_the_same(device: Device) -> None:
    device.koreader.run_lua('require("ui/uimanager").askForRestart = nil')
    device.tap("Update the plugin")
    assert device.texts[-1] == f"Version {NEWER} is installed. It starts when KOReader is started again."


def test_with_no_version_before_there_is_nothing_to_go_back_to(device: Device) -> None:
    assert device.run("updater.roll_back(ui.tomesync)") == (False, "There is no earlier version to go back to.")


def test_another_readers_plugin_is_no_version_to_go_back_to(device: Device, build: Build) -> None:
    (device.folder / "main.lua.old").write_bytes(unzipped(build(username="bob", api_key="tk_2"))[MAIN])
    assert device.items[-1] == "Update the plugin"


def test_a_version_that_was_never_started_is_none_to_go_back_to(device: Device, shelf: Shelf, build: Build) -> None:
    shelf.version = f"{PLUGIN_VERSION}.0.5"
    shelf.content = build(shelf.version)
    assert device.install()[0]
    shelf.version = NEWER
    shelf.content = build(NEWER)
    assert device.install() == (True, NEWER)
    assert (device.version_of("main.lua"), device.version_of("main.lua.old")) == (NEWER, PLUGIN_VERSION)


def test_an_older_version_is_installed_only_if_the_reader_agrees(device: Device, shelf: Shelf, build: Build) -> None:
    shelf.version = "7"
    shelf.content = build("7")
    before = device.files
    assert device.install() == (False, "The server offers version 7, which is older than this one.")
    device.tap("Update the plugin")
    assert device.koreader.questions[-1] == (
        f"The server offers version 7. Version {PLUGIN_VERSION} is installed, which is newer.\n\nInstall version 7?"
    )
    assert device.files == before
    device.koreader.answer(True)
    device.koreader.wait(120)
    assert device.restarts == ["Version 7 is installed. It starts when KOReader is started again."]
    device.restart()
    assert device.loaded == "7"


def test_the_version_that_is_here_is_not_fetched_again(device: Device, shelf: Shelf) -> None:
    shelf.version = PLUGIN_VERSION
    assert device.install() == (False, f"Version {PLUGIN_VERSION} is already installed.")
    assert shelf.paths == ["/api/tome-sync/me"]


def test_without_network_nothing_is_asked(device: Device, shelf: Shelf) -> None:
    device.koreader.go_offline()
    assert device.install() == (False, "There is no network connection.")
    assert device.install(NEWER) == (False, "There is no network connection.")
    assert shelf.paths == []


def test_where_there_are_no_processes_it_is_installed_and_proves_itself_when_it_starts(
    build: Build, shelf: Shelf, tmp_path: Path
) -> None:
    shelf.content = build(NEWER)
    device = Device(build(), tmp_path / "kobo", can_fork=False)
    assert device.install() == (True, NEWER)
    assert device.loaded == PLUGIN_VERSION
    device.restart()
    assert device.loaded == NEWER


# What is refused


def changed_main(content: bytes, before: bytes, after: bytes) -> bytes:
    files = unzipped(content)
    assert before in files[MAIN]
    files[MAIN] = files[MAIN].replace(before, after, 1)
    return zipped(files)


MAIN_MODULE = b'package.preload["tomesync/main"] = function(...)\n'
DAMAGED = "The update did not arrive whole. Nothing was changed. Please try again."
BROKEN = f"Version {NEWER} does not work on this device. Nothing was changed."
PAGE = "A web page answered instead of Tome. Does this network want you to log in first?"
STRANGER = "Something other than Tome answered (status 200). Is the address right?"
FOR_ANOTHER = "The server made this update for another user or with another key. Nothing was changed."

CONTENTS: dict[str, tuple[Callable[[Build], bytes], str]] = {
    "cut off": (lambda build: build(NEWER)[:-100], DAMAGED),
    "half of it": (lambda build: build(NEWER)[:40_000], DAMAGED),
    "nothing": (lambda build: b"", STRANGER),
    "a web page": (lambda build: b"<html><body>Please log in.</body></html>", PAGE),
    "JSON": (lambda build: b'{"detail": "later"}', STRANGER),
    "deflated": (lambda build: zipped(unzipped(build(NEWER)), zipfile.ZIP_DEFLATED), DAMAGED),
    "a damaged byte": (lambda build: build(NEWER).replace(b"WidgetContainer", b"widgetContainer", 1), DAMAGED),
    "no main.lua": (lambda build: zipped({META: unzipped(build(NEWER))[META]}), DAMAGED),
    "three files": (lambda build: zipped(unzipped(build(NEWER)) | {"tomesync.koplugin/a.lua": b""}), DAMAGED),
    "another folder": (
        lambda build: zipped({f"../{name}": content for name, content in unzipped(build(NEWER)).items()}),
        DAMAGED,
    ),
    "for another user": (lambda build: build(NEWER, username="bob"), FOR_ANOTHER),
    "with another key": (lambda build: build(NEWER, api_key="tk_2"), FOR_ANOTHER),
    "for another address": (
        lambda build: build(NEWER, server_url="http://tome.example"),
        "The server made this update for another address, http://tome.example. Nothing was changed.",
    ),
    "another version": (
        lambda build: build("99"),
        "The server now offers version 99. Nothing was changed. Please try again.",
    ),
    "the version that is here": (
        lambda build: build(PLUGIN_VERSION),
        f"The server now offers version {PLUGIN_VERSION}. Nothing was changed. Please try again.",
    ),
    "no Lua": (lambda build: changed_main(build(NEWER), MAIN_MODULE, MAIN_MODULE + b"end end\n"), BROKEN),
    "no Lua in _meta.lua": (lambda build: zipped(unzipped(build(NEWER)) | {META: b"return {"}), BROKEN),
    "nothing baked into it": (lambda build: zipped(unzipped(build(NEWER)) | {MAIN: b"return {}"}), BROKEN),
    "an error while it loads": (
        lambda build: changed_main(build(NEWER), MAIN_MODULE, MAIN_MODULE + b"error('no such module')\n"),
        BROKEN,
    ),
    "a module that is not there": (
        lambda build: changed_main(build(NEWER), MAIN_MODULE, MAIN_MODULE + b"require('ui/no/such/thing')\n"),
        BROKEN,
    ),
    "no plugin": (
        lambda build: changed_main(build(NEWER), MAIN_MODULE, MAIN_MODULE + b"do return { disabled = true } end\n"),
        BROKEN,
    ),
    "an error in _meta.lua": (lambda build: zipped(unzipped(build(NEWER)) | {META: b"error('no')"}), BROKEN),
    "a _meta.lua that says nothing": (lambda build: zipped(unzipped(build(NEWER)) | {META: b"return nil"}), BROKEN),
    "a plugin that never finishes loading": (
        lambda build: changed_main(build(NEWER), MAIN_MODULE, MAIN_MODULE + b"require('ffi/util').usleep(1e9)\n"),
        BROKEN,
    ),
}


@pytest.mark.parametrize("what", CONTENTS)
def test_what_is_no_good_update_is_refused_with_a_sentence_and_nothing_is_changed(
    what: str, device: Device, shelf: Shelf, build: Build
) -> None:
    make, sentence = CONTENTS[what]
    shelf.content = make(build)
    before = device.files
    assert device.install() == (False, sentence)
    assert device.files == before
    assert device.loaded == PLUGIN_VERSION
    device.restart()
    assert device.loaded == PLUGIN_VERSION


@pytest.mark.parametrize(
    ("status", "content", "sentence"),
    [
        (401, b'{"detail": "This key is not valid."}', "The server does not accept this plugin's key."),
        (500, b'{"detail": "Something went wrong."}', "The server is in trouble (status 500)."),
        (404, b'{"detail": "There is no such address."}', "Something other than Tome answered (status 404)."),
        (302, b"", "Something other than Tome answered (status 302)."),
        (204, b"", "Something other than Tome answered (status 204)."),
        (403, b"<html>no</html>", "A web page answered instead of Tome."),
    ],
)
def test_an_answer_that_is_none_is_said_and_nothing_is_changed(
    status: int, content: bytes, sentence: str, device: Device, shelf: Shelf
) -> None:
    shelf.status, shelf.content = status, content
    before = device.files
    did_install, said = device.install()
    assert not did_install
    assert said.startswith(sentence)
    assert device.files == before


def test_a_server_that_refuses_the_key_is_asked_for_nothing_more(device: Device, shelf: Shelf) -> None:
    shelf.me_status = 401
    assert device.install()[1].startswith("The server does not accept this plugin's key.")
    assert shelf.paths == ["/api/tome-sync/me"]


def test_a_server_that_does_not_say_its_version_is_none_of_ours(device: Device, shelf: Shelf) -> None:
    shelf.version = None
    assert device.install() == (False, STRANGER)


def test_an_answer_that_breaks_off_changes_nothing(device: Device, shelf: Shelf) -> None:
    before = device.files
    shelf.length = len(shelf.content) + 1000
    assert device.install() == (False, "The server broke off the connection.")
    assert device.files == before


def test_a_silent_server_changes_nothing(device: Device, shelf: Shelf) -> None:
    before = device.files
    shelf.is_silent = True
    assert device.install()[1].startswith("The server does not answer.")
    assert device.files == before
    assert device.koreader.running_processes == []


UNWRITABLE = "The plugin's folder cannot be written to, or the disk is full. Nothing was changed."


@pytest.mark.parametrize("size", [0, 4_000, 60_000])
def test_a_full_disk_changes_nothing_and_is_said(size: int, device: Device) -> None:
    before = device.files
    with files_no_longer_than(size):
        outcome = device.install(NEWER)
    assert outcome == (False, UNWRITABLE)
    assert device.files == before


def test_a_folder_in_which_nothing_can_be_made_changes_nothing_and_is_said(device: Device, shelf: Shelf) -> None:
    (device.folder / "new" / "plugin.zip" / "in the way").mkdir(parents=True)
    before = device.files
    assert device.install(NEWER) == (False, UNWRITABLE)
    assert device.files == before
    assert shelf.paths == []


def test_an_update_that_loads_and_does_not_start_is_taken_back_and_about_says_so(
    device: Device, shelf: Shelf, build: Build
) -> None:
    shelf.content = changed_main(
        build(NEWER),
        b'package.preload["tomesync/main"] = function(...)\n',
        b'package.preload["tomesync/main"] = function(...)\n'
        b"do return { init = function() error('no') end, addToMainMenu = function() end,\n"
        b"    new = function(class) class.init({}) end } end\n",
    )
    assert device.install() == (True, NEWER)
    with pytest.raises(Exception, match="no"):
        device.restart()
    device.koreader = KOReader(NO_ZIP, device.data_dir, **device.options)
    assert device.loaded == PLUGIN_VERSION
    assert "- The last update failed and was taken back" in device.items


def settled_version(data_dir: Path, run: PowerRun) -> str:
    """The version that starts after the power has gone, and at each start from then on."""
    after = Device(NO_ZIP, data_dir)
    version = after.loaded
    after.restart()
    assert after.loaded == version, run
    return version


def test_the_power_may_fail_at_any_step(build: Build, shelf: Shelf, tmp_path: Path) -> None:
    shelf.content = build(NEWER)
    here, newer = unzipped(build()), unzipped(shelf.content)
    number = 0

    def scenario() -> None:
        Device(build(), tmp_path / str(number)).install()

    versions = []
    for run in power_cuts(scenario):
        main = tmp_path / str(number) / "plugins" / "tomesync.koplugin" / "main.lua"
        assert main.read_bytes() in (here[MAIN], newer[MAIN]), run
        versions.append(settled_version(tmp_path / str(number), run))
        number += 1
    assert set(versions) == {PLUGIN_VERSION, NEWER}
    assert versions == sorted(versions)


def test_the_power_may_fail_at_any_step_of_going_back(build: Build, shelf: Shelf, tmp_path: Path) -> None:
    shelf.content = build(NEWER)
    installed = Device(build(), tmp_path / "installed")
    installed.install()
    installed.restart()
    installed.koreader.exit()
    number = 0

    def scenario() -> None:
        folder = tmp_path / str(number)
        shutil.copytree(tmp_path / "installed", folder)
        Device(NO_ZIP, folder).run("updater.roll_back(ui.tomesync)")

    versions = []
    for run in power_cuts(scenario):
        versions.append(settled_version(tmp_path / str(number), run))
        number += 1
    assert set(versions) == {PLUGIN_VERSION, NEWER}
    assert versions == sorted(versions, reverse=True)


# With Tome itself


@pytest.mark.django_db(transaction=True)
def test_tomes_own_server_offers_an_update_that_the_plugin_takes(
    live_server: Any, ada_key: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = Device(
        packer.build_plugin(server_url=live_server.url, api_key=ada_key, username="ada"),
        tmp_path / "kobo",
        patience=None,
    )
    assert device.install() == (False, f"Version {PLUGIN_VERSION} is already installed.")
    monkeypatch.setattr(packer, "PLUGIN_VERSION", NEWER)
    assert device.install() == (True, NEWER)
    device.restart()
    assert device.loaded == NEWER
    assert device.koreader.warnings == []
