"""How the network's own messages become one word, and what a request's process hands back."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.koplugin.pure import PureLua, plain

# It mentions them when it is loaded, and calls them only to make a request.
LUA = PureLua(empty=["socket", "socket.http", "ltn12", "socketutil"])
TRANSPORT = LUA.module("transport")


def unpacked(packed: str) -> tuple[Any, ...]:
    return tuple(plain(part) for part in TRANSPORT[b"unpack"](packed.encode()))


@pytest.mark.parametrize(
    ("message", "word"),
    [
        ("timeout", "timeout"),
        ("sink timeout", "timeout"),
        ("wantread", "tls"),
        ("wantwrite", "tls"),
        ("certificate verify failed", "tls"),
        ("unknown protocol", "tls"),
        ("sslv3 alert handshake failure", "tls"),
        ("tlsv1 alert protocol version", "tls"),
        ("host or service not provided, or not known", "name"),
        ("Name or service not known", "name"),
        ("nodename nor servname provided, or not known", "name"),
        ("host not found", "name"),
        ("No address associated with hostname", "name"),
        ("Temporary failure in name resolution", "name"),
        ("connection refused", "refused"),
        ("Connection refused", "refused"),
        ("Network is unreachable", "unreachable"),
        ("No route to host", "unreachable"),
        ("closed", "closed"),
        ("something else", "other"),
        ("", "other"),
        (None, "other"),
        (7, "other"),
    ],
)
def test_a_message_is_one_word(message: object, word: str) -> None:
    assert TRANSPORT[b"reason"](LUA.table(message)).decode() == word


@pytest.mark.parametrize(
    ("packed", "parts"),
    [
        ('200\n"abc"\n{"ok":true}', (200, '{"ok":true}', '"abc"')),
        ("200\n\n", (200, "", "")),
        ("502\n\n<html>\n\n</html>\n", (502, "<html>\n\n</html>\n", "")),
        ("\nrefused\nconnection refused", (None, "refused", "connection refused")),
        ("\nother\na message\nof two lines", (None, "other", "a message\nof two lines")),
        ("", (None, "other", "")),
        ("what is this", (None, "other", "what is this")),
        ("200", (None, "other", "200")),
        ("two\n\nthree", (None, "other", "two\n\nthree")),
    ],
)
def test_what_a_process_hands_back_is_taken_apart(packed: str, parts: tuple[Any, ...]) -> None:
    assert unpacked(packed) == parts


@given(st.integers(100, 599), st.from_regex(r"[^\n]*", fullmatch=True), st.text())
def test_an_answer_comes_back_as_it_was(status: int, etag: str, text: str) -> None:
    assert unpacked(f"{status}\n{etag}\n{text}") == (status, text, etag)
