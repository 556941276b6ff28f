"""The plugin's pure modules in LuaJIT, with nothing of KOReader around them."""

from collections.abc import Iterable
from importlib import resources
from typing import Any

from lupa.luajit21 import LuaRuntime

from tests.koplugin.koreader import json_decode, json_encode

LOADER = b"""
local read_source, loaded = ...
function require(name)
    if not loaded[name] then
        local module = name:match("^tomesync/(.+)$")
        assert(module, "a pure module asks for " .. name)
        loaded[name] = assert(loadstring(read_source(module), "@" .. module))()
    end
    return loaded[name]
end
"""

CALL = b"""
local it, name = ...
return it[name](it, select(3, ...))
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
    """Runs Lua text; `require` finds the plugin's modules and no others.

    Modules of KOReader that are named in `empty` are there, with nothing in them: for what only mentions them.
    """

    def __init__(self, empty: Iterable[str] = ()) -> None:
        self.runtime = LuaRuntime(encoding=None, unpack_returned_tuples=True)
        source = resources.files("koplugin") / "src" / "tomesync"
        loaded = self.table({name: {} for name in empty})
        self.runtime.execute(LOADER, lambda name: (source / f"{name.decode()}.lua").read_bytes(), loaded)
        self._call = self.runtime.eval(b"loadstring(...)", CALL)
        null = self.runtime.eval(b"newproxy()")
        self.codec = self.runtime.execute(
            CODEC,
            lambda value: json_encode(value, null, lambda _: False),
            lambda text: _without_nulls(self.runtime, text),
        )

    def run(self, text: str, *arguments: Any) -> Any:
        """What `text` returns; it sees the arguments as `...`."""
        return self.runtime.execute(text.encode(), *arguments)

    def module(self, name: str) -> Any:
        return self.run(f'return require("tomesync/{name}")')

    def call(self, it: Any, method: str, *arguments: Any) -> Any:
        """What `it:method(...)` answers, the arguments being Python's, and so the answer if it is no table."""
        return self._call(it, method.encode(), *map(self.table, arguments))

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
