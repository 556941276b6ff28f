"""The line between a device and a real server: it can break in all the ways in which lines break.

    with Line(server.url) as line:
        plugin = build_plugin(server_url=line.url, ...)
        line.fault = "black hole"

What goes through is counted in `requests`, whether the server got it or not.
"""

import http.client
import socket
import threading
from contextlib import suppress
from types import TracebackType
from typing import Literal
from urllib.parse import urlsplit

Fault = Literal[
    "refused", "black hole", "closed", "truncated body", "500", "login page", "portal in JSON", "lost reply"
]
FAULTS: tuple[Fault, ...] = (
    "refused",
    "black hole",
    "closed",
    "truncated body",
    "500",
    "login page",
    "portal in JSON",
    "lost reply",
)
LONGEST_SECONDS = 30

LOGIN_PAGE = b"<html><body>Please log in to the hotel's Wi-Fi.</body></html>"


def _response(status: str, content_type: str, body: bytes, *, length: int | None = None) -> bytes:
    head = f"HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nContent-Length: {length or len(body)}\r\n"
    return head.encode() + b"Connection: close\r\n\r\n" + body


class Line:
    """Forwards each request to `upstream`, unless `fault` says otherwise; `once` clears the fault after one request."""

    def __init__(self, upstream: str) -> None:
        self.upstream = urlsplit(upstream)
        self.fault: Fault | None = None
        self.is_once = False
        self.requests: list[tuple[str, str]] = []
        self._is_over = threading.Event()
        self._threads: list[threading.Thread] = []
        self._accepting = threading.Lock()
        self._listener: socket.socket | None = self._listen(0)
        self.port = self._listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._acceptor = threading.Thread(target=self._accept)
        self._acceptor.start()

    def __enter__(self) -> "Line":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        self._is_over.set()
        self._acceptor.join()
        if self._listener is not None:
            self._listener.close()
        for thread in self._threads:
            thread.join()

    def break_with(self, fault: Fault | None, *, once: bool = False) -> None:
        """From now on; None mends it. A refused line has nobody listening at its port."""
        self.fault, self.is_once = fault, once
        if fault == "refused" and self._listener is not None:
            with self._accepting:  # or the port would stay taken until nobody waits at it any more
                self._listener.close()
                self._listener = None
        elif fault != "refused" and self._listener is None:
            self._listener = self._listen(self.port)

    def paths(self) -> list[str]:
        """The requests since the last call, as "GET /position/12": without the prefix that all share."""
        requests, self.requests = self.requests, []
        return [f"{method} {path.partition('?')[0].removeprefix('/api/tome-sync')}" for method, path in requests]

    @staticmethod
    def _listen(port: int) -> socket.socket:
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        listener.listen(32)
        listener.settimeout(0.02)
        return listener

    def _accept(self) -> None:
        while not self._is_over.is_set():
            try:
                with self._accepting:
                    connection = self._listener.accept()[0] if self._listener else None
            except TimeoutError:
                connection = None
            if connection is None:
                self._is_over.wait(0.002)  # for whoever else wants the lock
                continue
            thread = threading.Thread(target=self._serve, args=[connection])
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        with connection:
            connection.settimeout(LONGEST_SECONDS)
            with suppress(OSError):  # the device goes away after its time-out
                self._answer(connection)

    def _answer(self, connection: socket.socket) -> None:
        method, target, headers, body = _read_request(connection)
        self.requests.append((method, target))
        fault = self.fault
        if self.is_once:
            self.fault, self.is_once = None, False
        if fault == "black hole":
            self._is_over.wait(LONGEST_SECONDS)
        elif fault == "500":
            connection.sendall(_response("500 Internal Server Error", "text/html", b"<h1>Server error</h1>"))
        elif fault == "login page":
            connection.sendall(_response("200 OK", "text/html", LOGIN_PAGE))
        elif fault == "portal in JSON":
            connection.sendall(_response("200 OK", "application/json", b'{"login": "https://portal.example"}'))
        elif fault != "closed":
            status, reason, content_type, etag, answer = self._forward(method, target, headers, body)
            if fault != "lost reply":
                self._reply(connection, f"{status} {reason}", content_type, etag, answer, fault)

    def _reply(
        self, connection: socket.socket, status: str, content_type: str, etag: str, body: bytes, fault: Fault | None
    ) -> None:
        whole = _response(status, content_type, body)
        if etag:
            whole = whole.replace(b"\r\n", f"\r\nETag: {etag}\r\n".encode(), 1)
        head_size = whole.index(b"\r\n\r\n") + 4
        if fault == "truncated body":
            connection.sendall(whole[: head_size + len(body) // 2])
        else:
            connection.sendall(whole)

    def _forward(
        self, method: str, target: str, headers: dict[str, str], body: bytes
    ) -> tuple[int, str, str, str, bytes]:
        upstream = http.client.HTTPConnection(
            self.upstream.hostname or "127.0.0.1", self.upstream.port, timeout=LONGEST_SECONDS
        )
        try:
            passed = {name: value for name, value in headers.items() if name not in ("host", "connection", "te")}
            upstream.request(method, target, body or None, passed)
            response = upstream.getresponse()
            return (
                response.status,
                response.reason,
                response.getheader("Content-Type", ""),
                response.getheader("ETag", ""),
                response.read(),
            )
        finally:
            upstream.close()


def _read_request(connection: socket.socket) -> tuple[str, str, dict[str, str], bytes]:
    with connection.makefile("rb") as stream:
        first = stream.readline().decode("latin-1").split()
        if len(first) < 2:
            raise ConnectionError("no request came")
        headers = {}
        while line := stream.readline().strip():
            name, _, value = line.decode("latin-1").partition(":")
            headers[name.strip().lower()] = value.strip()
        body = stream.read(int(headers.get("content-length") or 0))
    return first[0], first[1], headers, body
