"""How main.lua loads in KOReader, start after start, and what becomes of an update that fails at that."""

import os
import zipfile
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from lupa.luajit21 import LuaError, LuaRuntime

from koplugin import packer

GOOD = "return { name = require('tomesync/baked').version, init = function() end, addToMainMenu = function() end }"
FAILS_TO_LOAD = "error('this KOReader has no such module')"
FAILS_TO_START = "return { name = require('tomesync/baked').version, init = function() error('no menu here') end }"

# What KOReader does with a plugin: it runs main.lua, and makes an instance for each book and each visit to the files.
KOREADER = b"""
local path, log, step = ...
package.preload.logger = function()
    return { warn = function(...) log(table.concat({ ... }, " ")) end }
end
for _, name in ipairs({ "rename", "remove" }) do
    local original = os[name]
    os[name] = function(...)
        step(name)
        return original(...)
    end
end
local open = io.open
function io.open(path, mode)
    if mode:find("w") then
        step("open")
    end
    return open(path, mode)
end
local koreader = {}
function koreader.load()
    local did_load, class = pcall(dofile, path)
    koreader.class = did_load and class or nil
    return did_load and class.name or nil, not did_load and class or nil
end
function koreader.open_book()
    return pcall(koreader.class.init, {})
end
function koreader.folder()
    return require("tomesync/folder")
end
return koreader
"""


class PowerCut(Exception):
    pass


@dataclass
class Start:
    """One start of KOReader: the version that was loaded, or the error that KOReader logs."""

    version: str | None
    error: str | None
    log: list[str]
    koreader: Any

    def open_book(self) -> bool:
        """Make an instance of the plugin; whether that went well."""
        answer = self.koreader[b"open_book"]()
        return answer is True or answer[0] is True


def start(folder: Path, *, steps: int | None = None, is_read_only: bool = False) -> Start:
    """Start KOReader with the plugin in `folder`. After so many `steps` on the disk the power fails."""
    log: list[str] = []
    done = 0

    def step(_name: bytes) -> None:
        nonlocal done
        done += 1
        if steps is not None and done > steps:
            raise PowerCut

    lua = LuaRuntime(encoding=None, unpack_returned_tuples=True)
    path = os.fsencode(folder / "main.lua")
    koreader = lua.execute(KOREADER, path, lambda line: log.append(line.decode()), step)
    if is_read_only:
        lua.execute(b'os.rename = function() return nil, "Read-only file system", 30 end os.remove = os.rename')
    version, error = koreader[b"load"]()
    if steps is not None and done > steps:
        raise PowerCut
    return Start(version and version.decode(), error and str(error), log, koreader)


class Device:
    """The plugin's folder on a device, into which versions are put as an update does it."""

    def __init__(self, folder: Path, sources: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self._sources = sources
        self._monkeypatch = monkeypatch

    def files_of(self, version: str, main: str) -> dict[str, bytes]:
        """main.lua and _meta.lua as the packer makes them when that is all there is to the plugin."""
        (self._sources / "tomesync" / "main.lua").write_text(main + "\n")
        (self._sources / "_meta.lua").write_text(f'return {{ fullname = "{version}" }}\n')
        self._monkeypatch.setattr(packer, "PLUGIN_VERSION", version)
        content = packer.build_plugin(server_url="http://tome.example", api_key="tk_1", username="ada")
        with zipfile.ZipFile(BytesIO(content)) as archive:
            return {Path(name).name: archive.read(name) for name in archive.namelist()}

    def put(self, version: str, main: str) -> None:
        """Unpacked by hand, over whatever is there."""
        for name, content in self.files_of(version, main).items():
            (self.folder / name).write_bytes(content)

    def update(self, version: str, main: str) -> None:
        for name, content in self.files_of(version, main).items():
            (self.folder / name).rename(self.folder / f"{name}.old")
            (self.folder / name).write_bytes(content)
        (self.folder / "main.lua.updated").touch()

    @property
    def names(self) -> set[str]:
        return {path.name for path in self.folder.iterdir()}

    def version_of(self, name: str) -> str:
        return "7" if b'version = "7"' in (self.folder / name).read_bytes() else "8"


@pytest.fixture
def device(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Device:
    sources = tmp_path / "src"
    (sources / "tomesync").mkdir(parents=True)
    (sources / "bootstrap.lua").write_text((packer.SOURCES / "bootstrap.lua").read_text("utf-8"))
    monkeypatch.setattr(packer, "SOURCES", sources)
    folder = tmp_path / "koreader" / "plugins" / "tomesync.koplugin"
    folder.mkdir(parents=True)
    return Device(folder, sources, monkeypatch)


def test_a_good_version_loads_and_knows_its_folder(device: Device) -> None:
    device.put("7", GOOD)
    koreader = start(device.folder)
    assert (koreader.version, koreader.error, koreader.log) == ("7", None, [])
    assert koreader.open_book()
    assert koreader.koreader[b"folder"]() == os.fsencode(device.folder)
    assert device.names == {"main.lua", "_meta.lua"}


def test_a_version_that_fails_with_none_before_it_leaves_the_error_to_koreader(device: Device) -> None:
    device.put("7", FAILS_TO_LOAD)
    koreader = start(device.folder)
    assert koreader.version is None
    assert "this KOReader has no such module" in (koreader.error or "")
    assert device.names == {"main.lua", "_meta.lua"}


def test_an_update_that_fails_to_load_gives_way_to_the_version_before_at_once(device: Device) -> None:
    device.put("7", GOOD)
    device.update("8", FAILS_TO_LOAD)
    koreader = start(device.folder)
    assert (koreader.version, koreader.error) == ("7", None)
    assert koreader.open_book()
    assert "this KOReader has no such module" in koreader.log[0]
    assert device.names == {"main.lua", "_meta.lua", "main.lua.broken"}
    assert (device.version_of("main.lua"), device.version_of("main.lua.broken")) == ("7", "8")
    assert b'"7"' in (device.folder / "_meta.lua").read_bytes()
    again = start(device.folder)
    assert (again.version, again.log) == ("7", [])


def test_an_update_whose_init_fails_gives_way_at_the_second_start(device: Device) -> None:
    device.put("7", GOOD)
    device.update("8", FAILS_TO_START)
    first = start(device.folder)
    assert first.version == "8"
    assert not first.open_book()
    assert not first.open_book()
    second = start(device.folder)
    assert second.version == "7"
    assert second.open_book()
    assert device.names == {"main.lua", "_meta.lua", "main.lua.broken"}


def test_an_update_that_takes_koreader_down_with_it_gives_way_at_the_second_start(device: Device) -> None:
    device.put("7", GOOD)
    device.update("8", GOOD)
    assert start(device.folder).version == "8"  # and nothing more is heard of it
    assert start(device.folder).version == "7"


def test_an_update_has_proved_itself_with_its_first_instance(device: Device) -> None:
    device.put("7", GOOD)
    device.update("8", GOOD)
    first = start(device.folder)
    assert first.open_book()
    assert first.open_book()
    assert device.names == {"main.lua", "_meta.lua", "main.lua.old", "_meta.lua.old"}
    assert start(device.folder).version == "8"
    assert start(device.folder).version == "8"


def test_an_init_that_fails_with_no_version_before_it_is_tried_again_each_time(device: Device) -> None:
    device.put("8", FAILS_TO_START)
    (device.folder / "main.lua.updated").touch()
    for _ in range(3):
        koreader = start(device.folder)
        assert koreader.version == "8"
        assert not koreader.open_book()


def test_where_nothing_can_be_written_the_version_before_is_used_from_where_it_lies(device: Device) -> None:
    device.put("7", GOOD)
    device.update("8", FAILS_TO_LOAD)
    koreader = start(device.folder, is_read_only=True)
    assert koreader.version == "7"
    assert koreader.open_book()
    assert koreader.koreader[b"folder"]() == os.fsencode(device.folder)


def test_where_nothing_can_be_written_a_good_update_still_loads(device: Device) -> None:
    device.put("7", GOOD)
    device.update("8", GOOD)
    for _ in range(3):
        koreader = start(device.folder, is_read_only=True)
        assert koreader.version == "8"
        assert koreader.open_book()


@pytest.mark.parametrize("main", [GOOD, FAILS_TO_LOAD])
def test_where_nothing_can_be_written_any_more_going_back_comes_to_an_end(device: Device, main: str) -> None:
    device.put("7", main)
    device.update("8", FAILS_TO_START)
    start(device.folder).open_book()
    koreader = start(device.folder, is_read_only=True)
    assert koreader.version == ("7" if main == GOOD else None)
    assert len(koreader.log) == 1


def test_a_mark_that_was_left_over_is_nothing_to_the_next_update(device: Device) -> None:
    device.put("7", GOOD)
    (device.folder / "main.lua.starting").touch()
    assert start(device.folder).version == "7"
    device.update("8", GOOD)
    assert start(device.folder).version == "8"


def test_with_both_versions_failing_the_error_is_koreaders_and_main_lua_is_still_there(device: Device) -> None:
    device.put("7", FAILS_TO_LOAD)
    device.update("8", FAILS_TO_LOAD)
    assert "this KOReader has no such module" in (start(device.folder).error or "")
    assert "this KOReader has no such module" in (start(device.folder).error or "")
    assert device.version_of("main.lua") == "7"


@pytest.mark.parametrize("steps", range(7))
@pytest.mark.parametrize("main", [FAILS_TO_LOAD, FAILS_TO_START])
def test_the_power_may_fail_at_any_step_of_going_back(device: Device, main: str, steps: int) -> None:
    device.put("7", GOOD)
    device.update("8", main)
    if main == FAILS_TO_START:
        assert not start(device.folder).open_book()
    try:
        start(device.folder, steps=steps)
    except (PowerCut, LuaError):
        pass
    else:
        assert steps >= 5
    assert start(device.folder).version == "7"
    assert start(device.folder).version == "7"
