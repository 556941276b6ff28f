"""Requests for the server, and what its answers mean."""

import json
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.koplugin.pure import PureLua, plain

LUA = PureLua()
URL = "http://192.168.1.10:8080/tome"
KEY = "tk_" + "0" * 40
TOMES = {"detail": "A sentence.", "code": "some_code"}
PAGE = "<!doctype html><title>Log in to the hotel's network</title>"

CLIENT = LUA.module("client")[b"new"](
    LUA.table({"server_url": lambda: URL.encode(), "api_key": KEY, "codec": LUA.codec})
)


def request(method: str, path: str, arguments: Any = None, body: Any = None) -> Any:
    made = LUA.call(CLIENT, "request", method, path, arguments, body)
    return plain(made) if made is not None else None


def query(arguments: Any) -> str:
    return urlsplit(request("GET", "/x", arguments)["url"]).query


def read(status: int | None, text: str | None, message: str | None = None) -> tuple[str, Any]:
    word, answer = LUA.call(CLIENT, "read", status, text, message)
    return word.decode(), plain(answer)


# What is asked


def test_a_question_carries_the_key_and_wants_json() -> None:
    assert request("GET", "/tome-sync/me") == {
        "method": "GET",
        "server_url": URL,
        "url": URL + "/api/tome-sync/me",
        "headers": {
            "Authorization": f"Bearer {KEY}",
            "Accept": "application/json",
            "Accept-Encoding": "identity",
        },
    }


@pytest.mark.parametrize("authority", ["[2001:db8::1]:8080", "[::1]"])
def test_an_ipv6_address_keeps_its_brackets_where_luasocket_drops_them(authority: str) -> None:
    client = LUA.module("client")[b"new"](
        LUA.table({"server_url": lambda: f"http://{authority}/tome".encode(), "api_key": KEY, "codec": LUA.codec})
    )
    made = plain(LUA.call(client, "request", "GET", "/x"))
    assert made["headers"]["Host"] == authority


def test_what_is_told_is_json_with_its_length_in_bytes() -> None:
    body = {"device": {"id": "kobo", "name": "Ágnes"}, "sessions": [{"session_uuid": "one"}]}
    made = request("POST", "/tome-sync/sync", None, body)
    assert json.loads(made["body"]) == body
    assert made["headers"]["Content-Type"] == "application/json"
    assert made["headers"]["Content-Length"] == str(len(made["body"].encode()))
    assert made["headers"]["Authorization"] == f"Bearer {KEY}"


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_without_a_body_its_length_is_told(method: str) -> None:
    made = request(method, "/tome-sync/inbox/3/delivered")
    assert made["headers"]["Content-Length"] == "0"
    assert "Content-Type" not in made["headers"]
    assert "body" not in made


def test_an_empty_body_is_a_body() -> None:
    made = request("PUT", "/tome-sync/link", None, {})
    assert (made["body"], made["headers"]["Content-Length"]) == ("{}", "2")


@pytest.mark.parametrize("odd", [float("nan"), float("inf"), len])
def test_what_json_cannot_hold_is_not_asked(odd: Any) -> None:
    assert request("POST", "/tome-sync/sync", None, {"sessions": [{"progress_end": odd}]}) is None


def test_the_address_is_asked_for_each_time() -> None:
    addresses = iter([b"http://one", b"http://two"])
    given = {"server_url": lambda: next(addresses), "api_key": KEY, "codec": LUA.codec}
    client = LUA.module("client")[b"new"](LUA.table(given))
    urls = [LUA.call(client, "request", "GET", "/health")[b"url"] for _ in range(2)]
    assert urls == [b"http://one/api/health", b"http://two/api/health"]


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (None, ""),
        ({}, ""),
        ({"filename": ""}, ""),
        ({"filename": None}, ""),
        ({"filename": "Dracula.epub", "title": "", "authors": None}, "filename=Dracula.epub"),
        ({"size": 884000, "filename": "a"}, "filename=a&size=884000"),
        ({"size": 12_345_678_901}, "size=12345678901"),
        ({"size": 0}, "size=0"),
        ({"none": False}, "none=false"),
        ({"filename": "A & B = C?.epub"}, "filename=A%20%26%20B%20%3D%20C%3F.epub"),
        ({"filename": "50% #1+2/3.epub"}, "filename=50%25%20%231%2B2%2F3.epub"),
        ({"filename": "進撃の巨人.epub"}, "filename=%E9%80%B2%E6%92%83%E3%81%AE%E5%B7%A8%E4%BA%BA.epub"),
        ({"authors": "Bram Stoker\nAda"}, "authors=Bram%20Stoker%0AAda"),
        ({"filename": "a-b_c.d~e"}, "filename=a-b_c.d~e"),
    ],
)
def test_arguments_are_escaped_and_those_without_a_value_left_out(arguments: Any, text: str) -> None:
    assert query(arguments) == text


@given(st.dictionaries(st.sampled_from(["filename", "title", "authors", "folder"]), st.text(min_size=1)))
def test_whatever_is_asked_arrives_as_it_was(arguments: dict[str, str]) -> None:
    text = query(arguments)
    assert text.isascii()
    assert dict(parse_qsl(text, strict_parsing=bool(text))) == arguments
    for part in text.split("&"):
        assert "+" not in unquote(part.partition("=")[0])


# What is answered

BODIES = {
    "Tome's": json.dumps(TOMES),
    "other JSON": json.dumps({"error": "Not today."}),
    "a list": "[1]",
    "a number": "7",
    "nulls": json.dumps({"detail": None}),
    "a page": PAGE,
    "cut off": json.dumps(TOMES)[:-5],
    "nothing": "",
}


def words(tomes: str, tables: str, others: str) -> dict[str, str]:
    """By body: Tome's own, other tables, and what is no table."""
    kinds = dict.fromkeys(BODIES, others)
    return kinds | {"Tome's": tomes, "other JSON": tables, "a list": tables, "nulls": tables}


WORDS = {
    200: words("ok", "ok", "stranger"),
    201: words("ok", "ok", "stranger"),
    204: words("ok", "ok", "stranger"),
    301: words("stranger", "stranger", "stranger"),
    302: words("stranger", "stranger", "stranger"),
    304: words("stranger", "stranger", "stranger"),
    400: words("bad", "stranger", "stranger"),
    401: words("key", "stranger", "stranger"),
    403: words("stranger", "stranger", "stranger"),
    404: words("unknown", "stranger", "stranger"),
    413: words("bad", "stranger", "stranger"),
    422: words("bad", "stranger", "stranger"),
    429: words("server", "server", "server"),
    500: words("server", "server", "server"),
    502: words("server", "server", "server"),
    503: words("server", "server", "server"),
    511: words("server", "server", "server"),
}


@pytest.mark.parametrize(
    ("status", "body", "word"),
    [(status, body, word) for status, kinds in WORDS.items() for body, word in kinds.items()],
)
def test_only_what_tome_says_itself_is_its_word(status: int, body: str, word: str) -> None:
    assert read(status, BODIES[body])[0] == word


def test_an_answer_is_handed_on_without_nulls() -> None:
    text = json.dumps({"book_id": 12, "progress": None, "books": [{"author": None, "title": "Dracula"}]})
    assert read(200, text) == ("ok", {"book_id": 12, "books": [{"title": "Dracula"}]})


@pytest.mark.parametrize("status", [400, 401, 404, 422])
def test_what_tome_says_is_handed_on(status: int) -> None:
    assert read(status, json.dumps(TOMES | {"candidates": [{"book_id": 3}]}))[1] == TOMES | {
        "candidates": [{"book_id": 3}]
    }


@pytest.mark.parametrize("status", [200, 302, 404, 500, 502])
@pytest.mark.parametrize(("text", "is_page"), [(PAGE, True), ("", False), ("Bad gateway", False)])
def test_of_a_strangers_answer_it_is_told_whether_it_was_a_page(status: int, text: str, is_page: bool) -> None:
    assert read(status, text)[1] == {"status": status, "is_page": is_page}


def test_no_text_at_all_is_no_answer() -> None:
    assert read(200, None) == ("stranger", {"status": 200, "is_page": False})


def test_where_nobody_answers_it_is_told_why() -> None:
    assert read(None, "refused", "connection refused") == (
        "network",
        {"reason": "refused", "message": "connection refused"},
    )


@given(st.integers(100, 599), st.one_of(st.text(), st.builds(json.dumps, st.dictionaries(st.text(), st.integers()))))
def test_whatever_is_answered_it_is_one_word_and_a_table(status: int, text: str) -> None:
    word, answer = read(status, text)
    assert word in ("ok", "unknown", "bad", "key", "server", "stranger")
    assert isinstance(answer, dict | list)
