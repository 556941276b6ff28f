"""What the plugin says is what tests/exchanges tells of it: the server's tests replay the same conversation."""

import json
import time
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from koplugin.packer import build_plugin
from tests.koplugin.koreader import KOReader

pytestmark = pytest.mark.django_db(transaction=True)

STORY = Path(__file__).parent.parent / "exchanges" / "plugin-9-day.json"
NUMBERS = {"$size", "$book"}


def shape(value: Any) -> Any:
    """Names and types, without the values."""
    if isinstance(value, dict):
        return {name: shape(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [shape(inner) for inner in value]
    return "number" if isinstance(value, int | float) or value in NUMBERS else "text"


def told(method: str, path: str, query: dict[str, Any], body: Any) -> dict[str, Any]:
    return {"method": method, "path": path, "query": sorted(query), "body": shape(body)}


def test_a_day_with_the_plugin_sounds_as_it_is_written(
    live_server: Any, ada_key: str, book: Any, settings: Any, tmp_path: Path
) -> None:
    novel = Path(settings.LIBRARY_DIR / book.files.get().path)
    plugin = build_plugin(server_url=live_server.url, api_key=ada_key, username="ada")
    kobo = KOReader(plugin, tmp_path / "kobo", now=time.time() - 3600)
    for turns in (11, 4):
        kobo.open(novel, pages=200, title="A Study in Scarlet", authors="Arthur Conan Doyle")
        kobo.wait(5)
        kobo.turn_pages(turns)
        if turns == 11:
            kobo.close()
        else:
            kobo.go_offline()
        kobo.wait(10)

    said = []
    for request in kobo.requests:
        parts = urlsplit(request.path)
        path = parts.path.replace(f"/position/{book.pk}", "/position/$book")
        said.append(told(request.method, path, dict(parse_qsl(parts.query)), request.body))
    written = [
        told(request["method"], request["path"], request.get("query", {}), request.get("body"))
        for request in (exchange["request"] for exchange in json.loads(STORY.read_text())["exchanges"])
    ]
    assert said[:-1] == written[:-1]
    # The last one's session is one more of what was told before.
    said[-1]["body"].pop("sessions")
    assert said[-1] == written[-1]
