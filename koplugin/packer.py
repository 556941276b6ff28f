"""Makes the KOReader plugin's ZIP: the Lua modules as one file, with the reader's server, key and name baked in."""

import io
import zipfile
from collections.abc import Iterator
from importlib import resources
from string import ascii_letters, digits, punctuation
from urllib.parse import urlsplit

from koplugin.translations import catalogues_source
from koplugin.version import PLUGIN_VERSION

FOLDER = "tomesync.koplugin"
SOURCES = resources.files("koplugin") / "src"
# A ZIP holds the time of each file. Taking the same one every time makes equal plugins equal byte for byte.
LONG_AGO = (1980, 1, 1, 0, 0, 0)
# What stands for itself between double quotes, in any encoding and any Lua.
PLAIN_CHARACTERS = frozenset((ascii_letters + digits + punctuation + " ").encode()) - frozenset(b'"\\')

# All plugins of KOReader share these tables for as long as it runs. Whoever loads this file is to get its own modules.
MODULE = """\
-- {name}  ({origin})
package.loaded["{name}"] = nil
package.preload["{name}"] = function(...)
{source}end
"""

HEAD = """\
-- Tome's KOReader plugin, version {version}, made by the server for one reader: it holds that reader's key.
--
-- The modules come first; what loads them is at the end. It is not to be edited: the next update replaces it.
"""


def plugin_version() -> str:
    return PLUGIN_VERSION


def build_plugin(*, server_url: str, api_key: str, username: str) -> bytes:
    """The plugin's ZIP for one reader; the same arguments give the same bytes.

    Raises ValueError with a sentence if no plugin could reach a server by that address.
    """
    values = {
        "server_url": checked_server_url(server_url),
        "api_key": api_key,
        "username": username,
        "version": PLUGIN_VERSION,
    }
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        _write(archive, f"{FOLDER}/_meta.lua", _source("_meta.lua"))
        _write(archive, f"{FOLDER}/main.lua", _bundle(values))
    return packed.getvalue()


def checked_server_url(server_url: str) -> str:
    """The address without a slash at its end.

    Raises ValueError with a sentence if it is not a plain http(s) address.
    """
    refusal = ValueError(
        "The server's address must look like https://books.example.org or http://192.168.1.10:8080, "
        "with nothing after the path."
    )
    # urlsplit quietly drops line breaks and tabs, so this comes before it.
    if not all("!" <= character <= "~" for character in server_url):
        raise refusal
    try:
        parts = urlsplit(server_url)
        _ = parts.port  # a property that raises if it is no number
    except ValueError:
        raise refusal from None
    if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc:
        raise refusal
    if "?" in server_url or "#" in server_url:
        raise refusal
    # LuaSocket knows the scheme in small letters only.
    return (parts.scheme + server_url[len(parts.scheme) :]).rstrip("/")


def lua_quoted(text: str) -> str:
    """`text` as a Lua string literal that can neither end early nor be altered on the way."""
    return '"' + "".join(_quoted_byte(byte) for byte in text.encode()) + '"'


def _quoted_byte(byte: int) -> str:
    return chr(byte) if byte in PLAIN_CHARACTERS else f"\\{byte:03d}"


def _bundle(values: dict[str, str]) -> str:
    modules = [MODULE.format(name=name, origin=origin, source=source) for name, origin, source in _modules(values)]
    head = HEAD.format(version=values["version"])
    return "\n".join([head, *modules, "-- koplugin/src/bootstrap.lua", _source("bootstrap.lua")])


def _modules(values: dict[str, str]) -> Iterator[tuple[str, str, str]]:
    """Name, where it comes from, and source of each module: those that are made here, then those that are written."""
    baked = "".join(f"    {name} = {lua_quoted(value)},\n" for name, value in values.items())
    yield "tomesync/baked", "made by koplugin/packer.py", f"return {{\n{baked}}}\n"
    yield "tomesync/catalogues", "made by make translations", catalogues_source()
    for name in sorted(entry.name for entry in (SOURCES / "tomesync").iterdir() if entry.name.endswith(".lua")):
        path = f"tomesync/{name}"
        yield path.removesuffix(".lua"), f"koplugin/src/{path}", _source(path)


def _source(path: str) -> str:
    return (SOURCES / path).read_text(encoding="utf-8")


def _write(archive: zipfile.ZipFile, name: str, text: str) -> None:
    entry = zipfile.ZipInfo(name, date_time=LONG_AGO)
    entry.compress_type = zipfile.ZIP_STORED  # the plugin reads its own updates, and unpacks nothing
    entry.create_system = 3  # Unix, whatever builds it
    entry.external_attr = 0o644 << 16
    archive.writestr(entry, text.encode())
