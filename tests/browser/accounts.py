"""A reader with an account on a running service, and what her devices send."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx

from tests.project.services import Service

PASSWORD = "a lamp in the attic"


@dataclass(frozen=True)
class Account:
    """An account with a password and a key."""

    url: str
    name: str
    password: str
    key: str

    def call(self, method: str, path: str, **options: Any) -> httpx.Response:
        """What the service answers to a device with her key; `options` are httpx's. An error of it is one here."""
        headers = {"authorization": f"Bearer {self.key}"}
        answer = httpx.request(method, f"{self.url}{path}", headers=headers, timeout=30, **options)
        assert answer.is_success, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer

    def book_named(self, file_name: str) -> int:
        """The id of the book that a device recognises by this file's name."""
        return self.call("GET", "/api/tome-sync/resolve", params={"filename": file_name}).json()["book_id"]

    def post_session(
        self, book_id: int, started_at: datetime, *, minutes: float, pages: int = 0, **fields: Any
    ) -> dict[str, Any]:
        """One session of hers, as a device posts it, and the answer; `fields` replace or add to what it sends."""
        return self.call(
            "POST", "/api/tome-sync/session", json=session(book_id, started_at, minutes, pages) | fields
        ).json()

    def post_sessions(self, sessions: Sequence[dict[str, Any]], *, device: str = "Kobo") -> dict[str, Any]:
        """A device's outbox (`session` makes its items, 500 at most), and the answer."""
        batch = {
            "device": {"id": f"{device} of {self.name}", "name": device},
            "sent_at": datetime.now().astimezone().isoformat(),
            "sessions": list(sessions),
        }
        return self.call("POST", "/api/tome-sync/sync", json=batch).json()


def session(book_id: int, started_at: datetime, minutes: float, pages: int = 0, **fields: Any) -> dict[str, Any]:
    """A session as a device sends it; `started_at` is aware."""
    return {
        "book_id": book_id,
        "session_uuid": str(uuid4()),
        "started_at": started_at.isoformat(),
        "ended_at": (started_at + timedelta(minutes=minutes)).isoformat(),
        "duration_seconds": minutes * 60,
        "pages_turned": pages,
    } | fields


def make_account(service: Service, name: str) -> Account:
    """An account that the service's own commands make."""
    made = service.tome("user", "create", name, "--password-stdin", stdin=f"{PASSWORD}\n")
    assert made.returncode == 0, made.stderr
    key = service.tome("key", "create", "--user", name)
    assert key.returncode == 0, key.stderr
    return Account(service.url, name, PASSWORD, key.stdout.strip())
