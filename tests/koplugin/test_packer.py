"""The ZIP: exactly two files, the same bytes each time, and values that can do no harm."""

import io
import zipfile
from importlib import resources
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lupa.luajit21 import LuaRuntime

from koplugin.packer import build_plugin, lua_quoted, plugin_version
from tests.koplugin.koreader import KOReader
from tests.koplugin.server import TomeServer

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


def baked(archive: zipfile.ZipFile) -> dict[str, str]:
    """The values as the built main.lua holds them once LuaJIT has loaded it."""
    source = archive.read("tomesync.koplugin/main.lua")
    head, _, _ = source.partition(b'sources["tomesync/book"]')
    table = LuaRuntime(encoding=None).execute(head + b'return require("tomesync/baked")')
    return {name.decode(): value.decode() for name, value in table.items()}


def test_it_holds_exactly_the_two_files() -> None:
    assert packed().namelist() == ["tomesync.koplugin/_meta.lua", "tomesync.koplugin/main.lua"]


def test_building_it_twice_gives_the_same_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    first = build_plugin(server_url="http://tome.example", api_key="tk_1", username="ada")
    monkeypatch.setattr("time.time", lambda: 2_000_000_000.0)
    monkeypatch.setattr("time.localtime", lambda *_: (2033, 5, 18, 3, 33, 20, 2, 138, 0))
    assert build_plugin(server_url="http://tome.example", api_key="tk_1", username="ada") == first


def test_every_lua_module_is_in_it() -> None:
    main = packed().read("tomesync.koplugin/main.lua").decode()
    names = {entry.name.removesuffix(".lua") for entry in (resources.files("koplugin") / "lua").iterdir()}
    assert all(f'sources["tomesync/{name}"]' in main for name in names - {"meta"})


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


def test_nothing_of_it_reaches_what_all_plugins_share(kobo: KOReader) -> None:
    shared = kobo.loaded_modules
    assert "ui/uimanager" in shared
    assert [name for name in shared if "tomesync" in name] == []
    assert kobo.new_globals == ["G_reader_settings"]


def test_a_name_that_breaks_out_of_nothing_also_works_in_the_running_plugin(
    tome: TomeServer, tmp_path: Path, novel: Path
) -> None:
    zip_ = build_plugin(server_url=tome.url, api_key="tk_1", username='Zoë "]] --\n\\ os.exit()')
    kobo = KOReader(zip_, tmp_path / "kobo")
    kobo.open(novel)
    kobo.turn_pages(3)
    kobo.close()
    assert 'User: Zoë "]] --\n\\ os.exit()' in kobo.menu
    assert len(tome.batches) == 1
