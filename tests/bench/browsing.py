"""What whole series, catalogues and stock KOReader's sync cost in a library of 20,000 books in 2,000 series.

Times of answers are those of one client alone, since that is what a reader waits for; the CPU is counted over all
processes of the service, as in `requests`.
"""

import base64
import time
from collections.abc import Iterator
from hashlib import md5

import httpx

from tests.bench.requests import Load, measured, print_costs, yardstick
from tests.bench.serving import program, quantile, reader_key, say
from tests.project.services import service

SERIES, VOLUMES, LONGEST = 2000, 10, 100
ALONE = 300  # requests of one client


def loads(book_id: int, basic: str, app_password: str, etags: dict[str, str]) -> Iterator[Load]:
    series, manifest = "/api/tome-sync/series", f"/api/tome-sync/series/{book_id}"
    catalogue = {"Authorization": basic}
    stock = {"x-auth-user": "ada", "x-auth-key": md5(app_password.encode()).hexdigest()}
    words = ("shelf", "part", "longest", "19", "series 7")

    def get(path: str, headers: dict[str, str] | None = None) -> Load:
        return Load(path, lambda http, number: http.get(path, headers=headers), None)

    def named(load: Load, name: str, budget: float | None) -> Load:
        return Load(name, load.send, budget, load.requests)

    yield named(get(series), f"series list, {SERIES:,} series", 0.6)
    yield named(get(series, {"If-None-Match": etags[series]}), "the same, unchanged: 304", 0.6)
    yield named(get(manifest), f"manifest, {LONGEST} volumes", 0.6)
    yield named(get(manifest, {"If-None-Match": etags[manifest]}), "the same, unchanged: 304", 0.6)
    yield named(get(f"{manifest}?formats=pdf,epub"), "the same in another preference", None)
    for version, name in (("/opds", "OPDS 1.2"), ("/opds/v2", "OPDS 2.0")):
        yield named(get(f"{version}/books", catalogue), f"{name}, books by title", 3)
        yield named(get(f"{version}/new", catalogue), f"{name}, recently added", 3)
        yield named(get(f"{version}/series", catalogue), f"{name}, series", 3)
        yield named(get(f"{version}/authors", catalogue), f"{name}, authors", 3)
    yield Load(
        "OPDS 1.2, search",
        lambda http, number: http.get(f"/opds/search?q={words[number % len(words)]}", headers=catalogue),
        None,
        requests=200,
    )
    yield Load("OPDS 1.2, HEAD of books by title", lambda http, number: http.head("/opds/books", headers=catalogue), 3)

    def push(http: httpx.Client, number: int) -> httpx.Response:
        place = {"document": f"{number % 50:032x}", "progress": str(number), "percentage": number % 1000 / 1000}
        return http.put("/api/v1/syncs/progress", json=place | {"device": "Kobo", "device_id": "K"}, headers=stock)

    yield Load("KOSync push of an unknown document", push, None)
    yield Load(
        "KOSync pull",
        lambda http, number: http.get(f"/api/v1/syncs/progress/{number % 50:032x}", headers=stock),
        None,
    )


def alone(load: Load, url: str, headers: dict[str, str]) -> list[float]:
    """Milliseconds of each answer, one client asking again and again."""
    with httpx.Client(base_url=url, headers=headers, timeout=60) as http:
        for number in range(20):
            load.send(http, number)
        ms = []
        for number in range(ALONE):
            begun_at = time.perf_counter()
            answer = load.send(http, number)
            ms.append((time.perf_counter() - begun_at) * 1000)
            if answer.status_code not in (200, 304):
                raise RuntimeError(f"{load.name} was answered {answer.status_code}: {answer.text[:300]}")
    return ms


def report() -> None:
    with service() as tome:
        key = reader_key(tome)
        say(f"Making {SERIES * VOLUMES + LONGEST:,} books ...")
        filled = program("filling_series", SERIES, VOLUMES, LONGEST, environment=tome.environment)
        book_id = int(filled)
        app_password = tome.tome("app-password", "create", "--user", "ada").stdout.strip()
        basic = "Basic " + base64.b64encode(f"ada:{app_password}".encode()).decode()
        tome.start()
        web = tome.part("web")
        assert web is not None
        headers = {"Authorization": f"Bearer {key}"}
        empty = yardstick()
        etags = {}
        for path in ("/api/tome-sync/series", f"/api/tome-sync/series/{book_id}"):
            etags[path] = httpx.get(tome.url + path, headers=headers, timeout=60).headers["ETag"]
        costs, waits = [], []
        for load in loads(book_id, basic, app_password, etags):
            costs.append(measured(load, tome.pid, web.pid, tome.url, headers, settle=lambda: time.sleep(0.5)))
            waits.append((load.name, alone(load, tome.url, headers)))
        print_costs(empty, costs)
        say()
        say(f"{'one client alone':40}{'p50 ms':>13}{'p95 ms':>13}")
        for name, ms in waits:
            say(f"{name:40}{quantile(ms, 0.5):13.1f}{quantile(ms, 0.95):13.1f}")
