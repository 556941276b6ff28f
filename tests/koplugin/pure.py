"""The plugin's pure modules in LuaJIT, with nothing of KOReader around them."""

from importlib import resources
from typing import Any

from lupa.luajit21 import LuaRuntime

from tests.koplugin.koreader import json_decode, json_encode

LOADER = b"""
local read_source = ...
local shared_require = require
local loaded = {}
function require(name)
    local module = name:match("^tomesync/(.+)$")
    assert(module, "a pure module asks for " .. name)
    loaded[name] = loaded[name] or assert(loadstring(read_source(module), "@" .. module))()
    return loaded[name]
end
"""

CODEC = b"""
local encode, decode = ...
return {
    encode = function(value)
        local did_run, text = pcall(encode, value)
        return did_run and text or nil
    end,
    decode = function(text)
        local did_run, value = pcall(decode, text)
        return did_run and type(value) == "table" and value or nil
    end,
}
"""


class PureLua:
    """Runs Lua text; `require` finds the plugin's modules and no others."""

    def __init__(self) -> None:
        self.runtime = LuaRuntime(encoding=None, unpack_returned_tuples=True)
        source = resources.files("koplugin") / "lua"
        self.runtime.execute(LOADER, lambda name: (source / f"{name.decode()}.lua").read_bytes())
        null = self.runtime.eval(b"newproxy()")
        self.codec = self.runtime.execute(
            CODEC,
            lambda value: json_encode(value, null, lambda _: False),
            lambda text: _without_nulls(self.runtime, text),
        )

    def run(self, text: str, *arguments: Any) -> Any:
        """What `text` returns; it sees the arguments as `...`."""
        return self.runtime.execute(text.encode(), *arguments)

    def table(self, content: Any) -> Any:
        """Python's dicts, lists and texts as Lua's."""
        if isinstance(content, str):
            return content.encode()
        if isinstance(content, dict):
            return self.runtime.table_from({self.table(key): self.table(value) for key, value in content.items()})
        if isinstance(content, list):
            return self.runtime.table_from([self.table(value) for value in content])
        return content


def plain(value: Any) -> Any:
    """A Lua table that holds names as a dict, one that holds a sequence as a list, texts as str."""
    if isinstance(value, bytes):
        return value.decode()
    if hasattr(value, "items"):
        items = dict(value.items())
        if items and set(items) == set(range(1, len(items) + 1)):
            return [plain(items[index]) for index in range(1, len(items) + 1)]
        return {plain(key): plain(inner) for key, inner in items.items()}
    return value


def _without_nulls(runtime: Any, text: bytes) -> Any:
    return json_decode(runtime, text, None)
