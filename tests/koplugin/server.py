"""A small real server that keeps what it is sent and answers what it is told to."""

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

KEY = "tk_" + "0123456789abcdef0123456789abcdef01234567"
SERVER_ID = "server-1"


@dataclass(frozen=True)
class Received:
    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: Any


@dataclass(frozen=True)
class Answer:
    status: int = 200
    body: Any = None
    content_type: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)


WEB_PAGE = "<html><body>Please log in to the hotel's Wi-Fi.</body></html>"


class Silence:
    """The server takes the request and never answers."""


Reply = Answer | Silence | Callable[[Received], Answer]


def stored(received: Received, server_id: str = SERVER_ID) -> Answer:
    """What Tome answers to a batch: everything is stored, and positions get the next revision."""
    first = 1 + max((position.get("base_revision") or 0 for position in received.body.get("positions", [])), default=0)
    return Answer(
        body={
            "server_time": received.body["sent_at"],
            "server_id": server_id,
            "plugin_version": "9",
            "positions": [
                {"book_id": 12, "verdict": "stored", "revision": first} for _ in received.body.get("positions", [])
            ],
            "sessions": [
                {"session_uuid": session["session_uuid"], "verdict": "stored", "session_id": number, "book_id": 12}
                for number, session in enumerate(received.body.get("sessions", []), 1)
            ],
        }
    )


NO_PLACE = Answer(404, {"detail": "There is no place in this book yet."})


class TomeServer:
    """Speaks HTTP on a free port of 127.0.0.1. Replies by the end of the path; replace them as a test needs.

    `everything`, where set, is the reply to each request: what a portal or a broken proxy does. It tells no time, so
    that a device's clock may be whatever a test wants.
    """

    def __init__(self, server_id: str = SERVER_ID) -> None:
        self.received: list[Received] = []
        self.everything: Reply | None = None
        self.server_id = server_id
        self.me: Reply = lambda _: Answer(body={"username": "ada", "server_id": self.server_id})
        self.resolve: Reply = Answer(body={"book_id": 12, "title": "Dracula", "method": "hash", "confidence": 1.0})
        self.place: Reply = NO_PLACE
        self.sync: Reply = lambda received: stored(received, self.server_id)
        self._silence = threading.Event()
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server._answer(self)

            do_POST = do_PUT = do_GET

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._http.server_port}"

    def _answer(self, handler: BaseHTTPRequestHandler) -> None:
        path, _, query = handler.path.partition("?")
        content = handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
        headers = {name.lower(): value for name, value in handler.headers.items()}
        received = Received(handler.command, path, query, headers, json.loads(content) if content else None)
        self.received.append(received)
        reply = self.everything or self._reply_to(path)
        if isinstance(reply, Silence):
            self._silence.wait()
            return
        answer = reply if isinstance(reply, Answer) else reply(received)
        text = answer.body if isinstance(answer.body, str) else json.dumps(answer.body)
        handler.send_response(answer.status)
        handler.send_header("Content-Type", answer.content_type)
        handler.send_header("Content-Length", str(len(text.encode())))
        for name, value in answer.headers.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(text.encode())

    def _reply_to(self, path: str) -> Reply:
        if path == "/api/tome-sync/me":
            return self.me
        if path == "/api/tome-sync/resolve":
            return self.resolve
        if path.startswith("/api/tome-sync/position/"):
            return self.place
        if path == "/api/tome-sync/sync":
            return self.sync
        return Answer(404, {"detail": "There is no such address."})

    @property
    def batches(self) -> list[Any]:
        """The bodies of all batches so far."""
        return [received.body for received in self.received if received.path == "/api/tome-sync/sync"]

    @property
    def sessions(self) -> list[Any]:
        """All sessions so far, as often as they came."""
        return [session for batch in self.batches for session in batch.get("sessions", [])]

    @property
    def positions(self) -> list[Any]:
        return [position for batch in self.batches for position in batch.get("positions", [])]

    @property
    def paths(self) -> list[str]:
        return [received.path.removeprefix("/api/tome-sync/") for received in self.received]

    def stop(self) -> None:
        """From now on nobody answers at this address. Doing it twice is harmless."""
        if not self._thread.is_alive():
            return
        self._silence.set()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()
