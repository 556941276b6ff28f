"""Whether a port is free, and whether somebody answers on it."""

import errno
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager


class PortTaken(Exception):
    """The message is a sentence for the operator."""


@contextmanager
def claimed(host: str, port: int) -> Iterator[None]:
    """Make sure that nobody else has this port, or is about to; for a service's whole life. Raises PortTaken.

    granian listens with SO_REUSEPORT, so two of them would share a port without a word.
    """
    try:
        [(family, kind, protocol, _, address), *_] = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except socket.gaierror as error:
        raise PortTaken(f"The address {host} to listen on cannot be found: {error.strerror}.") from None
    taken = PortTaken(f"Port {port} on {host} is taken by another program; choose another with --port.")
    with socket.socket(socket.AF_UNIX) as mark:
        if sys.platform == "linux":
            # Two that start at the same moment both find the port free. A name without a file goes with its process,
            # and is seen just where the port is: in containers, each has its own.
            try:
                mark.bind(f"\0tome {address[0]} {port}")
            except OSError:
                raise taken from None
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # what a stopped service left does not count
            try:
                probe.bind(address)
            except OSError as error:
                raise taken if error.errno == errno.EADDRINUSE else _refused(host, port, error) from None
        yield


def _refused(host: str, port: int, error: OSError) -> PortTaken:
    if error.errno == errno.EACCES:
        return PortTaken(f"Port {port} on {host} needs more rights; choose one above 1023 with --port.")
    return PortTaken(f"Tome cannot listen on port {port} of {host}: {error.strerror}.")


def reachable_host(host: str) -> str:
    """An address at which this machine reaches a server that listens on `host`."""
    return {"0.0.0.0": "127.0.0.1", "": "127.0.0.1", "::": "::1"}.get(host, host)


def url(host: str, port: int) -> str:
    host = reachable_host(host)
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def http_status(host: str, port: int, path: str, *, name: str, timeout_seconds: float = 2.0) -> int | None:
    """The status with which a GET is answered, or None. `name` goes into the Host header.

    By hand, because `http.client` would take three megabytes in a process that lives as long as the service.
    """
    request = f"GET {path} HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n\r\n"
    try:
        with socket.create_connection((reachable_host(host), port), timeout=timeout_seconds) as connection:
            connection.sendall(request.encode("ascii"))
            words = connection.makefile("rb").readline(200).split()
    except OSError:
        return None
    return int(words[1]) if len(words) > 1 and words[1].isdigit() else None
