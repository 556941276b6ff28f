"""What holds for every line of the plugin's Lua: which globals it may use, what it must guard, what it never calls."""

import io
import re
import zipfile
from pathlib import Path
from typing import Any

import pytest
from lupa.luajit21 import LuaRuntime

from koplugin.lua_texts import Token, call_arguments, tokens
from koplugin.packer import build_plugin
from tests.conftest import REPOSITORY

SOURCES = REPOSITORY / "koplugin" / "src"
FILES = sorted(SOURCES.rglob("*.lua"))
KOREADERS_GLOBALS = {"G_reader_settings", "G_defaults"}

# Looks into LuaJIT's bytecode. Its numbers for "read a global" and "write a global" are taken from a sample, since they
# differ between versions.
GLOBALS_OF = b"""
local bit = require("bit")
local util = require("jit.util")

local function operation(instruction)
    return bit.band(instruction, 0xff)
end

local sample = loadstring("written = read")
local READ, WRITE = operation(util.funcbc(sample, 1)), operation(util.funcbc(sample, 2))
assert(READ ~= WRITE)

local function look(prototype, found)
    local position = 1
    while true do
        local instruction = util.funcbc(prototype, position)
        if not instruction then
            break
        end
        local kind = operation(instruction)
        if kind == READ or kind == WRITE then
            local name = util.funck(prototype, -1 - bit.rshift(instruction, 16))
            local line = util.funcinfo(prototype, position).currentline
            found[#found + 1] = { kind == READ and "reads" or "writes", name, line }
        end
        position = position + 1
    end
    local number = -1
    while true do
        local constant = util.funck(prototype, number)
        if constant == nil then
            break
        end
        if type(constant) == "proto" then
            look(constant, found)
        end
        number = number - 1
    end
    return found
end

local source, name = ...
return look(assert(loadstring(source, "=" .. name)), {})
"""


def globals_of(source: bytes, name: str = "text") -> list[tuple[str, str, int]]:
    """Each use of a global: "reads" or "writes", its name, the line."""
    found = LuaRuntime(encoding=None).execute(GLOBALS_OF, source, name.encode())
    return [(use[1].decode(), use[2].decode(), use[3]) for use in found.values()]


def luas_own() -> set[str]:
    return {name.decode() for name in LuaRuntime(encoding=None).globals()} - {"python"}


def wrong_globals(source: bytes, name: str) -> list[str]:
    allowed = luas_own() | KOREADERS_GLOBALS
    return [
        f"{name}:{line}: {use} the global {variable}"
        for use, variable, line in globals_of(source, name)
        if use == "writes" or variable not in allowed
    ]


def name_of(path: Path) -> str:
    return path.relative_to(SOURCES).as_posix()


def tokens_of(path: Path) -> list[Token]:
    return list(tokens(path.read_text(encoding="utf-8")))


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_only_globals_of_lua_and_koreader_are_read_and_none_is_written(path: Path) -> None:
    assert wrong_globals(path.read_bytes(), name_of(path)) == []


def test_so_it_is_in_the_packed_plugin() -> None:
    packed = build_plugin(server_url="http://tome.example", api_key="tk_1", username="ada")
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        found = [wrong for name in archive.namelist() for wrong in wrong_globals(archive.read(name), name)]
    assert found == []


def test_a_global_is_found_wherever_it_hides() -> None:
    source = b"""
        local function outer(given)
            local kept = given
            return function()
                return { function() return kept + forgotten end }
            end
        end
        function leaked() return outer end
        for _, value in pairs({}) do counter = (counter or 0) + #value end
        return G_reader_settings and leaked
    """
    found = wrong_globals(source, "text")
    assert "text:5: reads the global forgotten" in found
    assert "text:8: writes the global leaked" in found
    assert "text:9: writes the global counter" in found
    assert not any("pairs" in line or "G_reader_settings" in line for line in found)


# KOReader ends at an error in these, and with it somebody's reading.


def unguarded(found: list[Token]) -> list[str]:
    """Line and text of each function for a timer or a window that is not wrapped in `guard`.

    A name is known to be guarded if the same file says `name = guard(…)`. A function of the file that is itself called
    `schedule…` and hands its last parameter on is taken for a timer: who calls it gives it what is guarded.
    """
    written = [token.written for token in found]
    known = {
        last_part(name)
        for name, equals, guard in zip(written, written[1:], written[2:], strict=False)
        if (equals, guard) == ("=", "guard")
    }
    timers = {"scheduleIn": 1, "nextTick": 0}
    for index, token in enumerate(found[:-1]):
        if is_definition(written, index) and last_part(token.written).lstrip("_").startswith("schedule"):
            parameters = ["".join(part.written for part in one) for one in call_arguments(found[index + 2 :])]
            timers[last_part(token.written)] = len(parameters) - 1
            known.add(parameters[-1])
    wrong = []
    for index, token in enumerate(found[:-1]):
        if last_part(token.written) in timers and written[index + 1] == "(" and not is_definition(written, index):
            given = list(call_arguments(found[index + 2 :]))[timers[last_part(token.written)]]
        elif token.is_name and token.written.endswith("callback") and written[index + 1] == "=":
            given = found[index + 2 :]
        else:
            continue
        if not is_guarded([part.written for part in given[:4]], known):
            wrong.append(f"{token.line}: {token.written} of {' '.join(part.written for part in given[:4])}")
    return wrong


def last_part(name: str) -> str:
    return name.rpartition(".")[2]


def is_definition(written: list[str], index: int) -> bool:
    """Whether the name there is that of a function which begins: `function name(` or `function Class:name(`."""
    return "function" in (written[index - 1], written[index - 3] if written[index - 1] == ":" else "")


def is_guarded(given: list[str], known: set[str]) -> bool:
    return given[0] == "guard" or given == ["function", "(", ")", "guard"] or last_part(given[0]) in known


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_what_a_timer_or_a_window_calls_is_guarded(path: Path) -> None:
    wrong = [f"{name_of(path)}:{place}" for place in unguarded(tokens_of(path))]
    assert wrong == [], "wrap the function in guard(…): an error in it would end KOReader"


@pytest.mark.parametrize(
    "source",
    [
        "UIManager:scheduleIn(3, guard(function() end))",
        "UIManager:nextTick(guard(function() end))",
        "self.look = guard(function() end) UIManager:scheduleIn(f(1, 2), self.look)",
        "UIManager:nextTick(function() guard(collect)(pid) end)",
        "return { ok_callback = guard(function() end), callback = guard(menu.show) }",
        "-- UIManager:nextTick(function() end)",
        "function A:_schedule(seconds, task) UIManager:scheduleIn(seconds, task) end self:_schedule(1, guard(look))",
    ],
)
def test_a_guarded_function_is_taken_for_one(source: str) -> None:
    assert unguarded(list(tokens(source))) == []


@pytest.mark.parametrize(
    "source",
    [
        "UIManager:scheduleIn(3, function() end)",
        "UIManager:scheduleIn(f(1, 2), self.look)",
        "UIManager:nextTick(look)",
        "return { hold_callback = function() end }",
        "menu.callback = menu.show",
        "local function schedule(task) UIManager:nextTick(task) end schedule(look)",
        "return { callback = self.show_it }",
    ],
)
def test_an_unguarded_function_is_found(source: str) -> None:
    assert len(unguarded(list(tokens(source)))) == 1


# What looks harmless and is not.

NEVER = {
    r"isOnline": "wants public name resolution, and this server may be in the next room: NetworkMgr:isConnected()",
    r"\w*[rR]unWhenOnline": "switches Wi-Fi on and wants public name resolution: NetworkMgr:runWhenConnected()",
    r"willRerunWhenOnline": "as runWhenOnline",
    r"os\.execute": "starts a shell, which blocks and does not exist everywhere",
    r"os\.exit": "ends KOReader",
    r"io\.popen": "starts a shell, which blocks and does not exist everywhere",
}


def calls_of(found: list[Token]) -> list[str]:
    return [
        f"{token.line}: {token.written}: {why}"
        for token in found
        for pattern, why in NEVER.items()
        if token.is_name and re.fullmatch(rf"(?:\w+\.)*{pattern}", token.written)
    ]


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_it_calls_nothing_that_blocks_or_wakes_the_radio(path: Path) -> None:
    assert [f"{name_of(path)}:{place}" for place in calls_of(tokens_of(path))] == []


def test_such_a_call_is_found() -> None:
    source = (
        "NetworkMgr:isOnline() NetworkMgr.isOnline(NetworkMgr) NetworkMgr:runWhenOnline(f) os.execute('x') f(io.popen)"
    )
    assert len(calls_of(list(tokens(source)))) == 5
    assert calls_of(list(tokens("NetworkMgr:isConnected() -- isOnline() is not asked\nreturn 'os.execute'"))) == []


def test_texts_go_through_the_plugins_own_catalogues_first() -> None:
    # _meta.lua also runs where the plugin is turned off, and main.lua with all modules is not loaded then.
    own = {"tomesync/gettext.lua", "_meta.lua"}

    def names(path: Path) -> list[Any]:
        found = tokens_of(path)
        return [
            after.said()
            for before, bracket, after in zip(found, found[1:], found[2:], strict=False)
            if (before.written, bracket.written, after.is_string) == ("require", "(", True)
        ]

    assert [name_of(path) for path in FILES if "gettext" in names(path) and name_of(path) not in own] == []
