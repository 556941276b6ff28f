import socket
import sys

import pytest

from project import ports


@pytest.fixture
def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def test_a_port_that_somebody_listens_on_is_refused_by_name() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with (
            pytest.raises(ports.PortTaken, match=f"Port {port} on 127.0.0.1 is taken .*--port"),
            ports.claimed("127.0.0.1", port),
        ):
            pass


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has names without a file")
def test_of_two_that_start_at_the_same_moment_one_is_refused(free_port: int) -> None:
    claim = ports.claimed("127.0.0.1", free_port)
    with claim, pytest.raises(ports.PortTaken), ports.claimed("127.0.0.1", free_port):
        pass
    with ports.claimed("127.0.0.1", free_port):
        pass


def test_a_claimed_port_can_be_listened_on(free_port: int) -> None:
    with ports.claimed("127.0.0.1", free_port), socket.create_server(("127.0.0.1", free_port)) as server:
        socket.create_connection(server.getsockname(), timeout=5).close()


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:8080"),
        ("0.0.0.0", "http://127.0.0.1:8080"),
        ("::", "http://[::1]:8080"),
        ("::1", "http://[::1]:8080"),
        ("books.example.org", "http://books.example.org:8080"),
    ],
)
def test_an_address_is_shown_as_one_that_can_be_opened(host: str, url: str) -> None:
    assert ports.url(host, 8080) == url


def test_nobody_listening_has_no_status(free_port: int) -> None:
    assert ports.http_status("127.0.0.1", free_port, "/", name="localhost") is None


def test_a_server_that_does_not_speak_http_has_no_status() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        socket.create_connection(other.getsockname()).close()
        assert ports.http_status("127.0.0.1", other.getsockname()[1], "/", name="x", timeout_seconds=0.05) is None
