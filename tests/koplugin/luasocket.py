"""HTTP as LuaSocket and LuaSec speak it, over real sockets, with the test's clock for its time-outs.

Each wait on the socket has its own time-out; the whole of an answer is bounded by nothing here, and name resolution by
nothing at all. A silent server is really waited for no longer than `patience`, whatever time-out the clock is given.
"""

import json
import socket
import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

PIECE = 8192
FOREVER = 86400.0


class Failure(Exception):
    """What LuaSocket says in place of an answer."""


@dataclass
class Network:
    """How the network is, for as long as a test wants it so. Seconds are those of the test's clock."""

    is_connected: bool = True
    patience: float | None = None
    names: str | None = None  # "hang": every name takes `name_seconds` and then fails; "fail": it fails at once
    name_seconds: float = 30.0
    # From the request to the answer's first byte; a function of the path where paths differ.
    answer_seconds: float | Callable[[str], float] = 0.01
    receive_seconds: float = 0.0  # for each later wait
    bytes_per_second: float | None = None


class Line:
    """One connection. `pass_time` moves the clock; `block` and `total` are seconds, and -1 stands for no limit."""

    def __init__(self, network: Network, pass_time: Callable[[float], None], block: float, total: float) -> None:
        self._network, self._pass_time = network, pass_time
        self._block = block if block >= 0 else FOREVER
        self._total = total if total >= 0 else FOREVER
        self._left = self._total
        self._socket: socket.socket | None = None
        self._buffer = b""
        self._is_tls = False
        self.next_wait_seconds = 0.0

    @property
    def piece_size(self) -> int:
        # LuaSocket's own where it matters for time-outs, and a quicker one elsewhere.
        return 2048 if self._network.bytes_per_second else PIECE

    def connect(self, host: str, port: int, is_tls: bool) -> None:
        self._left = self._total
        address = self._address_of(host, port)
        line = socket.socket(socket.AF_INET6 if ":" in address[0] else socket.AF_INET)
        self._socket = line
        try:
            line.settimeout(self._real_limit())
            line.connect(address)
            if is_tls:
                self._is_tls = True
                context = ssl.create_default_context()
                context.check_hostname, context.verify_mode = False, ssl.CERT_NONE  # as LuaSec does by default
                self._socket = context.wrap_socket(line, server_hostname=host)
        except OSError as error:
            raise self._failure(error) from None

    def _address_of(self, host: str, port: int) -> tuple[Any, ...]:
        if self._network.names:
            if self._network.names == "hang":
                self._pass_time(self._network.name_seconds)
            raise Failure("host or service not provided, or not known")
        if not self._network.is_connected:
            raise Failure("Network is unreachable")
        try:
            return tuple(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][4])
        except OSError:
            raise Failure("host or service not provided, or not known") from None

    def _limit(self) -> float:
        return min(self._block, max(self._left, 0.0))

    def _real_limit(self) -> float:
        # Not quite nothing, which would mean not to wait at all.
        return max(
            0.001, self._limit() if self._network.patience is None else min(self._limit(), self._network.patience)
        )

    def _spend(self, seconds: float) -> None:
        limit = self._limit()
        if seconds >= limit:
            self._time_out()
        self._pass_time(seconds)
        self._left -= seconds
        if not self._network.is_connected:  # it went away meanwhile, and says nothing about it
            self._time_out()

    def _time_out(self) -> None:
        self._pass_time(self._limit())
        raise Failure("wantread" if self._is_tls else "timeout")

    def _failure(self, error: OSError) -> Failure:
        if isinstance(error, TimeoutError):
            self._pass_time(self._limit())
            return Failure("wantread" if self._is_tls else "timeout")
        if isinstance(error, ConnectionRefusedError):
            return Failure("connection refused")
        if isinstance(error, ssl.SSLError) and error.reason:
            return Failure(f"error:0A00010B:SSL routines::{error.reason.lower().replace('_', ' ')}")
        if isinstance(error, BrokenPipeError | ConnectionResetError | ssl.SSLError):
            return Failure("closed")
        return Failure(error.strerror or "closed")

    def send(self, content: bytes) -> None:
        assert self._socket
        self._left = self._total
        try:
            self._socket.settimeout(self._real_limit())
            self._socket.sendall(content)
        except OSError as error:
            raise self._failure(error) from None

    def _more(self) -> bytes:
        """What is there, after one wait if need be. Nothing at the other side's end."""
        assert self._socket
        is_charged = self.next_wait_seconds > 0
        try:
            self._socket.settimeout(0)
            try:
                piece = self._socket.recv(PIECE)
            except (BlockingIOError, ssl.SSLWantReadError):
                self._socket.settimeout(self._real_limit())
                piece = self._socket.recv(PIECE)
                if not is_charged and self._network.receive_seconds:
                    self._spend(self._network.receive_seconds)
        except OSError as error:
            raise self._failure(error) from None
        if is_charged:
            seconds, self.next_wait_seconds = self.next_wait_seconds, 0.0
            self._spend(seconds)
        return piece

    def _charge(self, count: int) -> None:
        """The time that so many bytes took to come, as part of the operation that wanted them."""
        if not self._network.bytes_per_second:
            return
        seconds = count / self._network.bytes_per_second
        if seconds > self._left:
            self._pass_time(max(0.0, self._left))
            raise Failure("wantread" if self._is_tls else "timeout")
        self._pass_time(seconds)
        self._left -= seconds

    def line(self) -> str:
        """A line without its end."""
        self._left = self._total
        while b"\n" not in self._buffer:
            piece = self._more()
            if not piece:
                raise Failure("closed")
            self._buffer += piece
        line, _, self._buffer = self._buffer.partition(b"\n")
        self._charge(len(line) + 1)
        return line.replace(b"\r", b"").decode("latin-1")

    def exactly(self, count: int) -> bytes:
        """So many bytes, or none at all."""
        self._left = self._total
        pieces, missing = [self._buffer[:count]], count - len(self._buffer)
        self._buffer = self._buffer[count:]
        while missing > 0:
            piece = self._more()
            if not piece:
                raise Failure("closed")
            pieces.append(piece[:missing])
            self._buffer = piece[missing:]
            missing -= len(piece)
        self._charge(count)
        return b"".join(pieces)

    def rest(self) -> Iterator[bytes]:
        """Up to the other side's end, whether that was meant to be one or not."""
        while True:
            self._left = self._total
            piece = self._buffer or self._more()
            self._buffer = b""
            if not piece:
                return
            self._charge(len(piece))
            yield piece

    def close(self) -> None:
        if self._socket:
            self._socket.close()
            self._socket = None


class Exchange:
    """One request and its answer: `begin`, then a `piece` of the body at a time."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self.code = 0
        self.status = ""
        self.headers: dict[str, str] = {}
        self._pieces: Iterator[bytes] = iter(())

    def begin(self, method: str, url: str, headers: dict[str, str], body: bytes | None, answer_seconds: float) -> None:
        parts = urlsplit(url)
        if not parts.hostname:
            raise Failure(f"invalid host '{parts.hostname or ''}'")
        is_tls = parts.scheme == "https"
        self._line.connect(parts.hostname, parts.port or (443 if is_tls else 80), is_tls)
        self._line.send(request_head(method, target_of(url), headers))
        if body is not None:
            self._line.send(body if "content-length" in headers else b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body))
        self._line.next_wait_seconds = answer_seconds
        self._read_head()
        while self.code == 100:
            self._read_head()
        has_body = method != "HEAD" and self.code >= 200 and self.code not in (204, 304)
        self._pieces = self._body() if has_body else iter(())

    def _read_head(self) -> None:
        self.status = self._line.line()
        protocol, _, rest = self.status.partition(" ")
        if not protocol.startswith("HTTP/") or not rest[:3].isdigit():
            raise Failure("invalid answer")
        self.code = int(rest[:3])
        self.headers = self._read_headers()

    def _read_headers(self) -> dict[str, str]:
        headers: dict[str, str] = {}
        while line := self._line.line():
            name, colon, value = line.partition(":")
            if not colon:
                raise Failure("malformed reponse headers")
            name = name.strip().lower()
            headers[name] = f"{headers[name]}, {value.strip()}" if name in headers else value.strip()
        return headers

    def _body(self) -> Iterator[bytes]:
        if self.headers.get("transfer-encoding", "identity") != "identity":
            yield from self._chunks()
        elif "content-length" in self.headers:
            left = int(self.headers["content-length"])
            while left > 0:
                piece = self._line.exactly(min(self._line.piece_size, left))
                left -= len(piece)
                yield piece
        else:
            yield from self._line.rest()

    def _chunks(self) -> Iterator[bytes]:
        while True:
            try:
                size = int(self._line.line().partition(";")[0], 16)
            except ValueError:
                raise Failure("invalid chunk size") from None
            if size == 0:
                self._read_headers()
                return
            yield self._line.exactly(size)
            self._line.line()

    def piece(self) -> bytes | None:
        """The body's next bytes, or None at its end."""
        return next(self._pieces, None)

    def close(self) -> None:
        self._line.close()


def target_of(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.path or '/'}{'?' + parts.query if parts.query else ''}"


def request_head(method: str, target: str, headers: dict[str, str]) -> bytes:
    lines = [f"{method} {target} HTTP/1.1"]
    lines += [f"{'-'.join(word.capitalize() for word in name.split('-'))}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def sent_body(body: bytes | None) -> Any:
    """What a test looks at: JSON as what it says, anything else as it is."""
    if not body:
        return None
    try:
        return json.loads(body)
    except ValueError:
        return body
