"""The plugin's own reader of ZIPs: it takes what the packer makes, and refuses all else without an error."""

import io
import struct
import zipfile
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from koplugin.packer import build_plugin
from tests.koplugin.pure import PureLua

LUA = PureLua()
read_zip = LUA.run('return require("tomesync/zip").entries')
NAMES = ["tomesync.koplugin/_meta.lua", "tomesync.koplugin/main.lua"]


def entries(content: bytes) -> dict[str, bytes] | str:
    """What the Lua reader finds, or why it refuses."""
    answer = read_zip(content)
    if isinstance(answer, tuple):
        contents, reason = answer
        assert contents is None
        return str(reason.decode("utf-8", "replace"))
    return {name.decode(): text for name, text in answer.items()}


def zipped(
    files: list[tuple[str, bytes]],
    *,
    method: int = zipfile.ZIP_STORED,
    comment: bytes = b"",
    extra: bytes = b"",
) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.comment = comment
        for name, content in files:
            entry = zipfile.ZipInfo(name)
            entry.compress_type = method
            entry.extra = extra
            archive.writestr(entry, content)
    return packed.getvalue()


PLUGIN = build_plugin(server_url="http://tome.example", api_key="tk_1", username="ada")
SMALL = zipped([(NAMES[0], b"return {}\n"), (NAMES[1], b"\x00\xff" * 40)])


def changed(offset_in_end: int, value: bytes) -> bytes:
    """`SMALL` with something else in the record at its end."""
    start = len(SMALL) - 22 + offset_in_end
    return SMALL[:start] + value + SMALL[start + len(value) :]


def changed_entry(offset_in_entry: int, value: bytes) -> bytes:
    """`SMALL` with something else in the first record of its directory."""
    start = SMALL.index(b"PK\x01\x02") + offset_in_entry
    return SMALL[:start] + value + SMALL[start + len(value) :]


def test_it_reads_what_the_packer_makes() -> None:
    found = entries(PLUGIN)
    with zipfile.ZipFile(io.BytesIO(PLUGIN)) as archive:
        assert found == {name: archive.read(name) for name in NAMES}


@given(st.dictionaries(st.sampled_from(["a", "b/c", "Zoë.lua"]), st.binary(max_size=300), max_size=2))
def test_it_reads_what_python_stores(files: dict[str, bytes]) -> None:
    assert entries(zipped(list(files.items()))) == files


def test_it_reads_over_what_it_need_not_know() -> None:
    """A comment at the end, and a time with more digits at each file."""
    extra = struct.pack("<HHBI", 0x5455, 5, 1, 1_700_000_000)
    assert entries(zipped([("a", b"1"), ("b", b"2")], comment=b"made today", extra=extra)) == {"a": b"1", "b": b"2"}


REFUSED: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", "it is not a whole ZIP"),
    "a web page": (b"<html><body>Please log in</body></html>" * 5, "it is not a whole ZIP"),
    "no end": (SMALL[:-1], "it is not a whole ZIP"),
    "half of it": (SMALL[: len(SMALL) // 2], "it is not a whole ZIP"),
    "something behind it": (SMALL + b"\n", "it is not a whole ZIP"),
    "something before it": (b"\n" + SMALL, "its directory is damaged"),
    "three files": (zipped([("a", b""), ("b", b""), ("c", b"")]), "there are too many files in it"),
    "deflated": (zipped([("a", b"1" * 100)], method=zipfile.ZIP_DEFLATED), "a is compressed"),
    "one file twice": (zipped([("a", b"1"), ("b", b"2")]).replace(b"b", b"a"), "a is in it twice"),
    "another byte": (SMALL.replace(b"return {}", b"return {]"), "tomesync.koplugin/_meta.lua is damaged"),
    "encrypted": (changed_entry(8, b"\x01"), "tomesync.koplugin/_meta.lua is encrypted"),
    "ZIP64 at a file": (changed_entry(42, b"\xff\xff\xff\xff"), "tomesync.koplugin/_meta.lua is kept as in a ZIP64"),
    "ZIP64 as a whole": (changed(16, b"\xff\xff\xff\xff"), "it is a ZIP64"),
    "a part of several": (changed(4, b"\x01\x00"), "it is one of several parts"),
    "two sizes": (changed_entry(20, b"\x09"), "the size of tomesync.koplugin/_meta.lua is wrong"),
    "another place": (changed_entry(42, b"\x05"), "tomesync.koplugin/_meta.lua is not where it should be"),
    "far too long": (
        changed_entry(20, b"\x00\x00\x00\x10\x00\x00\x00\x10"),
        "tomesync.koplugin/_meta.lua is cut off",
    ),
    "a name that is longer than all": (changed_entry(28, b"\xff\xff"), "its directory is damaged"),
    "two names": (
        SMALL.replace(b"_meta.lua", b"_Meta.lua", 1),
        "tomesync.koplugin/_meta.lua has two names",
    ),
    "fewer files than there are": (changed(8, b"\x01\x00\x01\x00"), "its directory is damaged"),
    "more files than there are": (
        zipped([("a", b"1")]).replace(b"\x01\x00\x01\x00", b"\x02\x00\x02\x00"),
        "its directory is damaged",
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_not_such_a_zip_is_refused_with_a_reason(what: str) -> None:
    content, reason = REFUSED[what]
    assert entries(content) == reason


@pytest.mark.parametrize("name", ["../main.lua", "a/../../b", "/etc/passwd", "a//b", "..", "a\\b", "C:x", "a/", "a\n"])
def test_a_name_that_leads_elsewhere_is_refused(name: str) -> None:
    assert entries(zipped([(name, b"1")])) == "a file in it has a name that leads elsewhere"


def test_a_name_with_a_zero_byte_is_refused() -> None:
    assert entries(zipped([("aXb", b"1")]).replace(b"aXb", b"a\x00b")) == (
        "a file in it has a name that leads elsewhere"
    )


def overwrite(content: bytes, at: int, value: bytes) -> bytes:
    at %= len(content)
    return content[:at] + value + content[at + len(value) :]


def cut(content: bytes, at: int, value: bytes) -> bytes:
    at %= len(content)
    return content[:at] + content[at + len(value) :]


def insert(content: bytes, at: int, value: bytes) -> bytes:
    at %= len(content)
    return content[:at] + value + content[at:]


Change = tuple[Callable[[bytes, int, bytes], bytes], int, bytes]
CHANGES: Any = st.lists(
    st.tuples(
        st.sampled_from([overwrite, overwrite, cut, insert]),
        st.integers(0, len(SMALL) * 2),
        st.binary(min_size=1, max_size=6) | st.sampled_from([b"\xff\xff\xff\xff", b"PK\x05\x06", b"PK\x01\x02"]),
    ),
    min_size=1,
    max_size=4,
)


@given(CHANGES)
def test_no_change_to_a_zip_raises_an_error_or_gives_another_content(changes: list[Change]) -> None:
    content = SMALL
    for change, at, value in changes:
        content = change(content, at, value)
    found = entries(content)
    if isinstance(found, dict):
        whole = entries(SMALL)
        assert isinstance(whole, dict)
        assert set(found.values()) <= set(whole.values())


@given(st.binary(max_size=200))
def test_no_bytes_at_all_raise_an_error(content: bytes) -> None:
    found = entries(content + b"PK\x05\x06" + content[:18].ljust(18, b"\x00"))
    assert isinstance(found, str) or len(found) <= 2


@pytest.mark.parametrize("length", range(0, len(SMALL), 7))
def test_a_zip_that_is_cut_off_anywhere_is_refused(length: int) -> None:
    assert isinstance(entries(SMALL[:length]), str)
