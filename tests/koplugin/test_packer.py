"""The ZIP: exactly two files, the same bytes each time, and values that can do no harm."""

import io
import os
import re
import zipfile
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lupa.luajit21 import LuaRuntime

import koplugin
from koplugin.packer import build_plugin, lua_quoted, plugin_version
from tests.koplugin.koreader import FRONTEND, KOReader

SOURCES = Path(koplugin.__file__).parent / "src"
HOSTILE = [
    'a"b',
    "a\\",
    '\\"',
    "]]",
    "]==]",
    "--[[ comment",
    "-- comment",
    "one\ntwo\r\nthree",
    "nul\x00byte",
    "\x1a\x7f\x1b[0m",
    '" .. os.exit(1) .. "',
    '"} os.exit(1) --',
    "${x} %s %1 \\065 \\x41 \\z",
    "Ådá 😀 \u202e\u2028\ufeff",
    "9",
    "1" * 3,
    "",
]


def load(text: str) -> bytes:
    """What LuaJIT makes of a string literal."""
    value = LuaRuntime(encoding=None).execute(f"return {text}".encode())
    assert isinstance(value, bytes)
    return value


def packed(**values: str) -> zipfile.ZipFile:
    given = {"server_url": "http://tome.example", "api_key": "tk_1", "username": "ada"} | values
    return zipfile.ZipFile(io.BytesIO(build_plugin(**given)))


# KOReader's own modules, as far as loading is concerned: whatever is asked of them is there and does nothing.
ANYTHING = b"""
local anything
anything = setmetatable({}, {
    __index = function() return anything end,
    __call = function() return anything end,
    __concat = function() return "" end,
})
table.insert(package.loaders, function()
    return function() return anything end
end)
"""


def loaded(main: bytes, folder: Path) -> LuaRuntime:
    """LuaJIT, once it has defined the modules of this main.lua; what loads them has nothing to load."""
    (folder / "main.lua").write_bytes(main)
    lua = LuaRuntime(encoding=None)
    lua.execute(ANYTHING)
    lua.execute(
        b'local path = ... package.preload["logger"] = function() error("no more") end pcall(dofile, path)',
        os.fsencode(folder / "main.lua"),
    )
    return lua


def baked(archive: zipfile.ZipFile) -> dict[str, str]:
    """The values as the built main.lua holds them once LuaJIT has loaded it."""
    with TemporaryDirectory() as folder:
        lua = loaded(archive.read("tomesync.koplugin/main.lua"), Path(folder))
    table = lua.execute(b'return require("tomesync/baked")')
    return {name.decode(): value.decode() for name, value in table.items()}


def test_it_holds_exactly_the_two_files() -> None:
    assert packed().namelist() == ["tomesync.koplugin/_meta.lua", "tomesync.koplugin/main.lua"]


def test_building_it_twice_gives_the_same_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    first = build_plugin(server_url="http://tome.example", api_key="tk_1", username="ada")
    monkeypatch.setattr("time.time", lambda: 2_000_000_000.0)
    monkeypatch.setattr("time.localtime", lambda *_: (2033, 5, 18, 3, 33, 20, 2, 138, 0))
    assert build_plugin(server_url="http://tome.example", api_key="tk_1", username="ada") == first


def test_its_files_are_stored_as_they_are_for_a_plugin_that_reads_its_own_update() -> None:
    assert [entry.compress_type for entry in packed().infolist()] == [zipfile.ZIP_STORED] * 2


def test_every_lua_module_is_in_it_as_it_is_and_says_where_it_comes_from() -> None:
    main = packed().read("tomesync.koplugin/main.lua").decode()
    names = [path.stem for path in SOURCES.glob("tomesync/*.lua")]
    assert "outbox" in names
    for name in names:
        source = (SOURCES / f"tomesync/{name}.lua").read_text("utf-8")
        lines = [
            f"-- tomesync/{name}  (koplugin/src/tomesync/{name}.lua)",
            f'package.loaded["tomesync/{name}"] = nil',
            f'package.preload["tomesync/{name}"] = function(...)',
            f"{source}end",
        ]
        assert "\n".join(lines) in main


def test_every_module_compiles_and_so_does_the_whole() -> None:
    main = packed().read("tomesync.koplugin/main.lua")
    LuaRuntime(encoding=None).execute(b"assert(loadstring(...))", main)


def test_each_load_has_modules_of_its_own(tmp_path: Path) -> None:
    """Two copies in two folders, or a new version over an old one: KOReader keeps what was loaded."""
    archives = [packed(username=name) for name in ("ada", "bob")]
    for number, archive in enumerate(archives):
        archive.extractall(tmp_path / str(number))
    lua = LuaRuntime(encoding=None)
    lua.execute(ANYTHING)
    for number, name in enumerate((b"ada", b"bob")):
        main = tmp_path / str(number) / "tomesync.koplugin" / "main.lua"
        lua.execute(b'package.preload["logger"] = function() error("no more") end')
        lua.execute(b"pcall(dofile, ...)", os.fsencode(main))
        assert lua.execute(b'return require("tomesync/baked").username') == name


def test_no_module_is_asked_for_later_when_another_copy_may_have_taken_its_place() -> None:
    asked = re.compile(r"""^(.*)require\(?["']tomesync/""", re.MULTILINE)
    for path in SOURCES.glob("tomesync/*.lua"):
        before = asked.findall(path.read_text("utf-8"))
        assert [text for text in before if not re.match(r"local \w+ = $", text)] == [], path.name


def test_version_key_and_name_are_baked_in() -> None:
    values = baked(packed(server_url="https://tome.example/books/", api_key="tk_2", username="Zoë"))
    assert values == {
        "server_url": "https://tome.example/books",
        "api_key": "tk_2",
        "username": "Zoë",
        "version": plugin_version(),
    }


@pytest.mark.parametrize("value", HOSTILE)
def test_a_hostile_name_or_key_arrives_as_it_is_and_runs_nothing(value: str) -> None:
    values = baked(packed(api_key=value, username=value))
    assert (values["api_key"], values["username"]) == (value, value)


@given(st.text())
def test_any_text_survives_quoting(text: str) -> None:
    assert load(lua_quoted(text)) == text.encode()


@given(st.text())
def test_quoted_text_is_plain_ascii_on_one_line(text: str) -> None:
    assert all(" " <= character <= "~" for character in lua_quoted(text))


@pytest.mark.parametrize(
    ("given", "used"),
    [
        ("http://192.168.1.10:8080", "http://192.168.1.10:8080"),
        ("https://tome.example/", "https://tome.example"),
        ("https://tome.example/books//", "https://tome.example/books"),
        ("HTTPS://Tome.Example", "https://Tome.Example"),
        ("http://[::1]:8080", "http://[::1]:8080"),
        ('http://tome.example/"]]--\\', 'http://tome.example/"]]--\\'),
    ],
)
def test_an_address_is_used_without_its_last_slash(given: str, used: str) -> None:
    assert baked(packed(server_url=given))["server_url"] == used


@pytest.mark.parametrize(
    "address",
    [
        "",
        "tome.example",
        "ftp://tome.example",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "http://",
        "http:///books",
        "http://tome.example:port",
        "http://tome.example:99999",
        "http://[::1",
        "http://ada:secret@tome.example",
        "http://tome.example/?user=ada",
        "http://tome.example/#books",
        "http://tome.example/a b",
        "http://tome.example\n.evil.example",
        " http://tome.example",
        "http://tome.example\x00",
        "http://bücher.example",
    ],
)
def test_an_address_that_no_plugin_could_use_is_refused_with_a_sentence(address: str) -> None:
    with pytest.raises(ValueError, match=r"^The server's address must look like .*\.$"):
        build_plugin(server_url=address, api_key="tk_1", username="ada")


def test_nothing_of_it_reaches_what_all_plugins_share_under_a_name_that_is_not_its_own(kobo: KOReader) -> None:
    shared = kobo.loaded_modules
    assert "ui/uimanager" in shared
    assert "tomesync/main" in shared
    ours = {path.stem for path in SOURCES.glob("tomesync/*.lua")} - {path.stem for path in FRONTEND.glob("*.lua")}
    assert [name for name in shared if name in ours] == []
    assert kobo.new_globals == ["G_defaults", "G_reader_settings"]


def test_a_name_that_breaks_out_of_nothing_also_works_in_the_running_plugin(tmp_path: Path, novel: Path) -> None:
    zip_ = build_plugin(server_url="http://tome.example", api_key="tk_1", username='Zoë "]] --\n\\ os.exit()')
    kobo = KOReader(zip_, tmp_path / "kobo", is_online=False)
    kobo.open(novel)
    kobo.turn_pages(3)
    kobo.close()
    assert 'User: Zoë "]] --\n\\ os.exit()' in kobo.menu_of("About")
    assert sorted(entry["kind"] for entry in kobo.waiting()) == ["position", "session"]
    assert kobo.warnings == []
