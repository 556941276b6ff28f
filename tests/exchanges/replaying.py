"""Replays the conversations of this folder through whatever can send a request; the README says what they hold."""

import hashlib
import json
import re
import zipfile
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from lxml import etree

from koplugin.version import PLUGIN_VERSION
from library.hashes import partial_md5
from tests.api.answers import is_number, is_time, is_whole
from tests.books import PIXEL, make_epub

FILES = sorted(Path(__file__).parent.glob("*.json"))
MATCHERS: dict[str, Callable[[Any], bool]] = {
    "?time": is_time,
    "?id": lambda value: is_whole(value) and value > 0,
    "?text": lambda value: isinstance(value, str) and value != "",
    "?number": is_number,
    "?sentence": lambda value: isinstance(value, str) and value.endswith("."),
    "?seconds": lambda value: is_whole(value) and abs(value - datetime.now(UTC).timestamp()) < 3600,
}
NAMESPACES = {
    "atom": "http://www.w3.org/2005/Atom",
    "dc": "http://purl.org/dc/terms/",
    "opds": "http://opds-spec.org/2010/catalog",
    "pse": "http://vaemendis.net/opds-pse/ns",
}
Variables = dict[str, Any]


@dataclass(frozen=True)
class Told:
    """An answer as it came."""

    status: int
    headers: Mapping[str, str]  # looked up whatever the case of a name
    content: bytes


# Method, path with its query, headers and body; no redirect is followed.
Send = Callable[[str, str, dict[str, str], bytes], Told]


def make_library(folder: Path) -> None:
    """The files that the conversations are about."""
    make_epub(folder / "A Study in Scarlet.epub")
    with zipfile.ZipFile(folder / "Ghost Ship.cbz", "w") as comic:
        for page in range(24):
            comic.writestr(f"{page:03}.png", PIXEL)
    for number, title in enumerate(("The Coral Island", "The Lagoon"), start=1):
        path = folder / f"Islands {number:02}.epub"
        make_epub(path, title=title, authors=["Robert Ballantyne"], series="Islands", series_index=number)


def names_of_readers(suffix: str = "") -> dict[str, str]:
    return {"ada": f"ada{suffix}", "bob": f"bob{suffix}"}


def variables_of(
    folder: Path, send: Send, readers: Mapping[str, str], keys: Mapping[str, str], app_passwords: Mapping[str, str]
) -> Variables:
    """What a conversation may name, asked of the server as a device would."""

    def ask(path: str) -> Any:
        return json.loads(send("GET", path, {"Authorization": f"Bearer {keys['ada']}"}, b"").content)

    def book(name: str) -> int:
        found: int = ask(f"/api/tome-sync/resolve?filename={name.replace(' ', '%20')}")["book_id"]
        return found

    scarlet = folder / "A Study in Scarlet.epub"
    given: Variables = {
        "book": book(scarlet.name),
        "md5": partial_md5(scarlet),
        "name_md5": hashlib.md5(scarlet.name.encode()).hexdigest(),
        "size": scarlet.stat().st_size,
        "comic": book("Ghost Ship.cbz"),
        "missing": 1_000_000,
        "version": PLUGIN_VERSION,
    }
    for entry in ask(f"/api/tome-sync/series/{book('Islands 01.epub')}")["books"]:
        name, path = f"volume{entry['series_index']:g}", folder / f"Islands {entry['series_index']:02g}.epub"
        given |= {
            name: entry["id"],
            f"{name}_file": entry["file"]["id"],
            f"{name}_size": path.stat().st_size,
            f"{name}_length": str(path.stat().st_size),
            f"{name}_md5": partial_md5(path),
            f"{name}_sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
            f"{name}_last_byte": path.stat().st_size - 1,
        }
    for who, name in readers.items():
        given[who], given[f"{who}_md5"] = name, hashlib.md5(app_passwords[who].encode()).hexdigest()
        given[f"{who}_basic"] = b64encode(f"{name}:{app_passwords[who]}".encode()).decode()
        given[f"{who}_key"] = keys[who]
    now = datetime.now(UTC)
    for prefix, moment in (("", now), ("wrong_", now - timedelta(hours=3))):
        given[f"{prefix}now"] = as_device_writes(moment)
        for minutes in (10, 20, 30, 60):
            given[f"{prefix}minutes_ago_{minutes}"] = as_device_writes(moment - timedelta(minutes=minutes))
    return given


def as_device_writes(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def replay(file: Path, send: Send, variables: Variables) -> None:
    """Have the conversation; AssertionError where an answer is not as it is written."""
    for exchange in json.loads(file.read_text())["exchanges"]:
        request = filled(exchange["request"], variables)
        headers = dict(request.get("headers", {}))
        if key := request.get("key"):
            told_key = variables.get(f"{key}_key", "tk_" + "0" * 40)
            headers["Authorization"] = f"Bearer {told_key}"
        body = b""
        if "body" in request:
            body = json.dumps(request["body"]).encode()
            headers.setdefault("Content-Type", "application/json")
        path = request["path"] + encoded(request.get("query", {}))
        told = send(request["method"], path, headers, body)
        differences = list(unlike(told, filled(exchange["response"], variables)))
        assert not differences, f"{exchange['name']}: {differences}"
        for name, where in exchange.get("keep", {}).items():
            variables[name] = kept(told, where)


def encoded(query: dict[str, Any]) -> str:
    from urllib.parse import urlencode

    return "?" + urlencode(query) if query else ""


def unlike(told: Told, written: dict[str, Any]) -> Iterator[str]:
    """Where an answer is not what is written, each as a line."""
    if told.status != written["status"]:
        yield f"the status is {told.status}, not {written['status']}: {told.content[:300]!r}"
        return
    for name, value in written.get("headers", {}).items():
        yield from differing(told.headers.get(name), value, name)
    if "body" in written:
        yield from differing(json.loads(told.content), written["body"], "answer")
    if "has" in written:
        body = json.loads(told.content)
        for where, value in written["has"].items():
            yield from differing(at(body, where), value, where)
    if "xml" in written:
        document = etree.fromstring(told.content)
        for path, value in written["xml"].items():
            yield from differing(found_in(document, path), value, path)
    if "sha256" in written:
        yield from differing(hashlib.sha256(told.content).hexdigest(), written["sha256"], "sha256")
    if "length" in written:
        yield from differing(len(told.content), written["length"], "length")


def found_in(document: Any, path: str) -> Any:
    """A text or number as XPath finds it; of several nodes the texts."""
    found = document.xpath(path, namespaces=NAMESPACES)
    if isinstance(found, list):
        return [str(each) for each in found]
    return found if isinstance(found, bool) or not isinstance(found, str) else str(found)


def kept(told: Told, where: str) -> Any:
    if where.startswith("header "):
        return told.headers[where.removeprefix("header ")]
    if where.startswith("xml "):
        return found_in(etree.fromstring(told.content), where.removeprefix("xml "))
    return at(json.loads(told.content), where)


def filled(written: Any, variables: Variables) -> Any:
    """The same with variables in the place of their names."""
    if isinstance(written, dict):
        return {key: filled(value, variables) for key, value in written.items()}
    if isinstance(written, list):
        return [filled(value, variables) for value in written]
    if not isinstance(written, str):
        return written
    if re.fullmatch(r"\$\w+", written):
        return variables[written[1:]]
    return re.sub(r"\$(\w+)", lambda match: str(variables[match[1]]), written)


def differing(told: Any, written: Any, where: str) -> Iterator[str]:
    """Where a value is not what is written, each as a line."""
    if isinstance(written, str) and written in MATCHERS:
        if not MATCHERS[written](told):
            yield f"{where} is {told!r}, not {written}"
    elif isinstance(written, dict) and isinstance(told, dict):
        if told.keys() != written.keys():
            yield f"{where} has the keys {sorted(told)}, not {sorted(written)}"
        for key in told.keys() & written.keys():
            yield from differing(told[key], written[key], f"{where}.{key}")
    elif isinstance(written, list) and isinstance(told, list) and len(written) == len(told):
        for index, pair in enumerate(zip(told, written, strict=True)):
            yield from differing(*pair, f"{where}.{index}")
    elif told != written or isinstance(told, bool) != isinstance(written, bool):
        # 1 and 1.0 are one number of JSON; true is none.
        yield f"{where} is {told!r}, not {written!r}"


def at(body: Any, path: str) -> Any:
    for part in path.split("."):
        body = body[int(part)] if isinstance(body, list) else body[part]
    return body
