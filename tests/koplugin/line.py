"""The line between a device and a real server: it can break in all the ways in which lines break.

    with Line(server.url) as line:
        plugin = build_plugin(server_url=line.url, ...)
        line.break_with("black hole")

What goes through is kept in `requests`, whether the server got it or not.
"""

import http.client
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Literal, get_args
from urllib.parse import urlsplit

LONGEST_SECONDS = 30
API = "/api/tome-sync"
DOWNLOADS = f"{API}/download/"
LOGIN_PAGE = b"<html><body>Please log in to the hotel's Wi-Fi.</body></html>"


@dataclass
class Passed:
    """A request that came to the line. `status` is what the server answered, None as long as it has not."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes = b""
    status: int | None = None


@dataclass
class Answered:
    """What comes back. Of the body `sent` bytes are sent, where that is not None, and then the line breaks."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    sent: int | None = None
    has_head: bool = True  # without one, nothing at all is sent
    is_silent_then: bool = False  # in place of the break


NamedFault = Literal[
    "refused", "black hole", "closed", "truncated body", "500", "login page", "portal in JSON", "lost reply"
]
Change = Callable[[Passed, Answered], None]  # is given what the server answered, and may change it
Fault = NamedFault | Change
FAULTS: tuple[NamedFault, ...] = get_args(NamedFault)


def _truncate(_: Passed, answer: Answered) -> None:
    answer.sent = len(answer.body) // 2


def _lose(_: Passed, answer: Answered) -> None:
    answer.has_head = False


# What comes back of a request that never reaches the server.
UNHEARD: dict[Fault, Answered] = {
    "black hole": Answered(0, has_head=False, is_silent_then=True),
    "closed": Answered(0, has_head=False),
    "500": Answered(500, {"Content-Type": "text/html"}, b"<h1>Server error</h1>"),
    "login page": Answered(200, {"Content-Type": "text/html"}, LOGIN_PAGE),
    "portal in JSON": Answered(200, {"Content-Type": "application/json"}, b'{"login": "https://portal.example"}'),
}
ON_THE_WAY_BACK: dict[Fault, Change] = {"truncated body": _truncate, "lost reply": _lose}


class Line:
    """Forwards each request to `upstream` and the answer back, unless it was told to break."""

    def __init__(self, upstream: str) -> None:
        self.upstream = urlsplit(upstream)
        self.requests: list[Passed] = []
        self._faults: tuple[Fault, ...] = ()
        self._is_over = threading.Event()
        self._threads: list[threading.Thread] = []
        self._accepting = threading.Lock()
        self._listener: socket.socket | None = self._listen(0)
        self._port = self._listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self._port}"
        self._acceptor = threading.Thread(target=self._accept)
        self._acceptor.start()

    def __enter__(self) -> "Line":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._is_over.set()
        self._acceptor.join()
        if self._listener is not None:
            self._listener.close()
        for thread in self._threads:
            thread.join()

    def break_with(self, *faults: Fault) -> None:
        """From now on, and in place of what was wrong before. A refused line has nobody listening at its port."""
        self._faults = faults
        if "refused" in faults and self._listener is not None:
            with self._accepting:  # or the port would stay taken until nobody waits at it any more
                self._listener.close()
                self._listener = None
        elif "refused" not in faults and self._listener is None:
            self._listener = self._listen(self._port)

    def mend(self) -> None:
        self.break_with()

    def paths(self) -> list[str]:
        """The requests since the last call, as "GET /position/12": without the prefix that all share."""
        requests, self.requests = self.requests, []
        return [f"{passed.method} {passed.path.partition('?')[0].removeprefix(API)}" for passed in requests]

    @property
    def downloads(self) -> list[Passed]:
        return [passed for passed in self.requests if passed.path.startswith(DOWNLOADS)]

    @property
    def downloaded_books(self) -> list[int]:
        """The ids of the books whose files were asked for, in order, a book once for each request."""
        return [int(passed.path.removeprefix(DOWNLOADS).partition("/")[0]) for passed in self.downloads]

    def forget(self) -> None:
        """Count from here on."""
        self.requests = []

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
                passed = _read_request(connection)
                self.requests.append(passed)
                answer = self._answer_to(passed)
                connection.sendall(_written(answer))
                if answer.is_silent_then:
                    self._is_over.wait(LONGEST_SECONDS)

    def _answer_to(self, passed: Passed) -> Answered:
        faults = self._faults
        for fault in faults:
            if fault in UNHEARD:
                return UNHEARD[fault]
        answer = self._forward(passed)
        passed.status = answer.status
        for fault in faults:
            change = ON_THE_WAY_BACK.get(fault, fault)
            if callable(change):
                change(passed, answer)
        return answer

    def _forward(self, passed: Passed) -> Answered:
        upstream = http.client.HTTPConnection(
            self.upstream.hostname or "127.0.0.1", self.upstream.port, timeout=LONGEST_SECONDS
        )
        try:
            kept = {name: value for name, value in passed.headers.items() if name not in ("host", "connection", "te")}
            upstream.request(passed.method, passed.path, passed.body or None, kept)
            response = upstream.getresponse()
            return Answered(response.status, dict(response.getheaders()), response.read())
        finally:
            upstream.close()


def _written(answer: Answered) -> bytes:
    if not answer.has_head:
        return b""
    lines = [f"HTTP/1.1 {answer.status} {http.client.responses.get(answer.status, '')}"]
    for name, value in answer.headers.items():
        if name.lower() not in ("content-length", "connection", "transfer-encoding", "server"):
            lines.append(f"{name}: {value}")
    lines += [f"Content-Length: {len(answer.body)}", "Connection: close", "", ""]
    return "\r\n".join(lines).encode("latin-1") + answer.body[: answer.sent]


def _read_request(connection: socket.socket) -> Passed:
    with connection.makefile("rb") as stream:
        first = stream.readline().decode("latin-1").split()
        if len(first) < 2:
            raise ConnectionError("no request came")
        headers = {}
        while line := stream.readline().strip():
            name, _, value = line.decode("latin-1").partition(":")
            headers[name.strip().lower()] = value.strip()
        body = stream.read(int(headers.get("content-length") or 0))
    return Passed(first[0], first[1], headers, body)
