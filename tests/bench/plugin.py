"""What the plugin costs on a device: starting KOReader with it, and turning a page.

The figures are those of this machine; beside each stands the same of a plugin that does nothing, and their ratio.
"""

import io
import tempfile
import zipfile
from pathlib import Path

from koplugin.packer import build_plugin
from tests.bench.serving import say
from tests.koplugin.koreader import KOReader

STARTS = 20
TURNS = 50_000

IDLE = """
local WidgetContainer = require("ui/widget/container/widgetcontainer")
local Idle = WidgetContainer:extend({ name = "tomesync" })
function Idle:init() end
function Idle:addToMainMenu() end
function Idle:onPageUpdate(page) self.page = page end
return Idle
"""

# Compiled and run anew each time, as at KOReader's start; in seconds, and in KiB that stay.
LOADING = """
local path, starts = "%s", %d
collectgarbage("collect")
local before, kept, began = collectgarbage("count"), {}, os.clock()
for index = 1, starts do
    kept[index] = assert(loadfile(path))()
end
local seconds = (os.clock() - began) / starts
collectgarbage("collect")
return string.format("%%.9f %%.3f", seconds, (collectgarbage("count") - before) / starts)
"""

TURNING = """
local plugin, turns = require("ui/uimanager").ui.tomesync, %d
local began = os.clock()
-- What comes in one round of KOReader's loop counts once, so each turn has its own.
local next_round = plugin.tick_task or function() end
for page = 1, turns do
    plugin:onPageUpdate(page %% 190 + 2)
    next_round()
end
return string.format("%%.9f 0", (os.clock() - began) / turns)
"""


def _idle_zip() -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("tomesync.koplugin/main.lua", IDLE)
        archive.writestr("tomesync.koplugin/_meta.lua", 'return { fullname = "Idle", description = "" }')
    return packed.getvalue()


def _measured(plugin: bytes, folder: Path) -> dict[str, float]:
    kobo = KOReader(plugin, folder, is_online=False)
    book = folder / "book.epub"
    book.write_bytes(b"a book " * 1000)
    main = folder / "plugins" / "tomesync.koplugin" / "main.lua"
    seconds, kib = map(float, kobo.run_lua(LOADING % (main, STARTS)).decode().split())
    kobo.open(book, pages=400)
    turn, _ = map(float, kobo.run_lua(TURNING % TURNS).decode().split())
    return {"start, ms": seconds * 1e3, "memory, KiB": kib, "page turn, µs": turn * 1e6}


def report() -> None:
    with tempfile.TemporaryDirectory() as folder:
        plugin = build_plugin(server_url="http://127.0.0.1:1", api_key="tk_" + "0" * 40, username="ada")
        ours = _measured(plugin, Path(folder) / "tome")
        idle = _measured(_idle_zip(), Path(folder) / "idle")
    say(f"{'':<16}{'Tome':>12}{'idle':>12}{'ratio':>10}")
    for name, value in ours.items():
        say(f"{name:<16}{value:>12.3f}{idle[name]:>12.3f}{value / max(idle[name], 1e-9):>10.1f}")
