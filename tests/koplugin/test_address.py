"""The server's address as a reader types it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from koplugin.packer import checked_server_url
from tests.koplugin.pure import PureLua

LUA = PureLua()
ADDRESS = LUA.module("address")


def cleaned(text: str) -> str | None:
    answer = ADDRESS[b"cleaned"](text.encode("utf-8", "surrogatepass"))
    return None if answer is None else answer.decode()


GOOD = {
    "http://192.168.1.10:8080": "http://192.168.1.10:8080",
    "https://books.example.org": "https://books.example.org",
    "https://books.example.org/": "https://books.example.org",
    "  https://books.example.org/tome//  \n": "https://books.example.org/tome",
    "https://books.example.org/ /": "https://books.example.org",
    "https://books.example.org/a/~ada/b-c_d.e%20f": "https://books.example.org/a/~ada/b-c_d.e%20f",
    "HTTPS://Books.Example.org/Tome": "https://Books.Example.org/Tome",
    "books.example.org": "http://books.example.org",
    "192.168.1.10:8080": "http://192.168.1.10:8080",
    "localhost:8080/tome/": "http://localhost:8080/tome",
    "nas": "http://nas",
    "my_nas.local": "http://my_nas.local",
    "http://[fe80::1]:8080": "http://[fe80::1]:8080",
    "http://[::]": "http://[::]",
    "http://[1:2:3:4:5:6:7:8]/tome": "http://[1:2:3:4:5:6:7:8]/tome",
    "[::1]:8080": "http://[::1]:8080",
    "http://nas:1": "http://nas:1",
    "http://nas:65535": "http://nas:65535",
}


@pytest.mark.parametrize(("typed", "address"), GOOD.items())
def test_an_address_is_taken_without_what_does_not_belong_to_it(typed: str, address: str) -> None:
    assert cleaned(typed) == address


@pytest.mark.parametrize("typed", ["", " ", "\t\n", "/", " / / "])
def test_nothing_typed_is_nothing(typed: str) -> None:
    assert cleaned(typed) == ""


@pytest.mark.parametrize(
    "typed",
    [
        "http://",
        "https:///tome",
        "http:nas",
        "ftp://nas",
        "file:///mnt",
        "javascript://nas",
        "http2://nas",
        "://nas",
        "http://ada:secret@nas",
        "http://ada@nas",
        "http://nas?x=1",
        "http://nas/tome?x=1",
        "http://nas/#top",
        "http://nas:",
        "http://nas:/tome",
        "http://nas:0",
        "http://nas:65536",
        "http://nas:99999999999999999999",
        "http://nas:80a",
        "http://nas:-1",
        "http://nas:80:90",
        "http://na s",
        "http://nas/to me",
        "http://nas\n.example.org",
        "http://nas/a\nb",
        "http://nas\\tome",
        'http://nas/"',
        "http://bücher.example.org",
        "http://nas/bücher",
        "http://nas\0",
        "http://[]",
        "http://[::1",
        "http://::1",
        "http://[:::]",
        "http://[1::2::3]",
        "http://[1:2:3]",
        "http://[1:2:3:4:5:6:7:8:9]",
        "http://[:1:2:3:4:5:6:7:8]",
        "http://[1:2:3:4::5:6:7:8]",
        "http://[1::2:]",
        "http://[12345::]",
        "http://[g::1]",
        "http://[::1]8080",
        "http://[::1]:",
        "http://[fe80::1%eth0]",
        "http://[192.168.1.10]",
    ],
)
def test_by_which_no_server_can_be_reached_is_refused(typed: str) -> None:
    assert cleaned(typed) is None


PARTS = st.lists(
    st.one_of(
        st.sampled_from(["http", "https", "HTTP", "://", ":", "/", "//", "[", "]", "::", "nas", "1.2.3.4", ":8080"]),
        st.sampled_from(["[::1]", "[1:2:3:4:5:6:7:8]", "@", "?", "#", "%", "%20", ".", "-", "_", "~", " ", "\n", "é"]),
        st.from_regex(r"[0-9a-f:.]{1,6}", fullmatch=True),
        st.text(max_size=2),
    ),
    max_size=8,
).map("".join)
IPV6 = st.one_of(st.ip_addresses(v=6).map(str), st.from_regex(r"[0-9a-f:]{1,20}", fullmatch=True))
TYPED = st.one_of(PARTS, PARTS.map("http://".__add__), IPV6.map("http://[{}]:8080".format), st.sampled_from(list(GOOD)))


@given(TYPED)
def test_what_is_taken_here_the_server_takes_as_it_is(typed: str) -> None:
    address = cleaned(typed)
    if address:
        assert checked_server_url(address) == address
        assert cleaned(address) == address


@given(st.ip_addresses(v=6))
def test_every_ipv6_address_is_taken(ip: object) -> None:
    assert cleaned(f"http://[{ip}]:8080") == f"http://[{ip}]:8080"
