from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from django.test import Client

Send = Callable[..., Any]

NOON = "2026-05-01T12:00:00Z"
HALF_PAST = "2026-05-01T12:30:00Z"
XPOINTER = "/body/DocFragment[9]/body/p[3]/text().12"


@pytest.fixture
def send(device_client: Client) -> Send:
    """Ada's device sends JSON: `send("PUT", "/api/tome-sync/link", {...})`; text is sent as it is, valid or not."""
    return sender(device_client)


@pytest.fixture
def send_as_bob(strange_client: Client) -> Send:
    return sender(strange_client)


def sender(client: Client) -> Send:
    def request(method: str, path: str, body: Any = None) -> Any:
        return client.generic(method, path, _encoded(body), content_type="application/json")

    return request


def _encoded(body: Any) -> bytes | str:
    import json

    if body is None:
        return ""
    return body if isinstance(body, str | bytes) else json.dumps(body)


def now() -> str:
    """This moment, as a device writes it."""
    return datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
