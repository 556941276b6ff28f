"""The same and different things, sent over many connections at once."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest

from tests.faults.devices import client, report_all, sessions_of_months, settled_stats
from tests.nodes import Cluster

pytestmark = [pytest.mark.faults, pytest.mark.locking]

CONNECTIONS = 8


def test_one_session_sent_fifty_times_is_one_row(cluster: Cluster) -> None:
    key, book = cluster.ask("make_reader", "fifty"), cluster.ask("make_book", "A Scandal in Bohemia")
    [session] = sessions_of_months(book, 1)

    ids = report_all(cluster.web.url, key, [session] * 50, connections=CONNECTIONS)

    assert len(ids) == 50
    assert len(set(ids)) == 1
    assert cluster.ask("sessions_of", "fifty") == [session["session_uuid"]]
    assert settled_stats(cluster, key, sessions=1)["totals"]["all"]["sessions"] == 1


def test_two_readers_may_use_the_same_name_for_a_session(cluster: Cluster) -> None:
    book = cluster.ask("make_book", "The Red-Headed League")
    [session] = sessions_of_months(book, 1)
    readers = {name: cluster.ask("make_reader", name) for name in ("hers", "his")}

    ids = {name: report_all(cluster.web.url, key, [session] * 10) for name, key in readers.items()}

    assert len(set(ids["hers"])) == len(set(ids["his"])) == 1
    assert set(ids["hers"]) != set(ids["his"])
    for name, key in readers.items():
        assert cluster.ask("sessions_of", name) == [session["session_uuid"]]
        assert settled_stats(cluster, key, sessions=1)["totals"]["all"]["sessions"] == 1


def test_batches_that_overlap_are_stored_once(cluster: Cluster) -> None:
    key, book = cluster.ask("make_reader", "overlap"), cluster.ask("make_book", "The Blue Carbuncle")
    sessions = sessions_of_months(book, 60)

    def flush(device: int) -> list[dict[str, Any]]:
        """Each device sends two thirds of them, in an order of its own."""
        sent = Random(device).sample(sessions, 40)
        batch = {"device": {"id": f"device-{device}"}, "sent_at": datetime.now(UTC).isoformat(), "sessions": sent}
        with client(cluster.web.url, key) as http:
            answer = http.post("/api/tome-sync/sync", json=batch)
        assert answer.status_code == 200, answer.text
        verdicts: list[dict[str, Any]] = answer.json()["sessions"]
        assert [verdict["session_uuid"] for verdict in verdicts] == [session["session_uuid"] for session in sent]
        return verdicts

    with ThreadPoolExecutor(CONNECTIONS) as pool:
        verdicts = [verdict for answer in pool.map(flush, range(CONNECTIONS)) for verdict in answer]

    sent = {verdict["session_uuid"] for verdict in verdicts}
    assert {verdict["verdict"] for verdict in verdicts} <= {"stored", "duplicate"}
    assert len({(verdict["session_uuid"], verdict["session_id"]) for verdict in verdicts}) == len(sent)
    assert sorted(cluster.ask("sessions_of", "overlap")) == sorted(sent)
    assert settled_stats(cluster, key, sessions=len(sent))["totals"]["all"]["seconds"] == 60 * len(sent)


def test_the_place_read_last_wins_among_devices_that_write_at_once(cluster: Cluster) -> None:
    key, book = cluster.ask("make_reader", "places"), cluster.ask("make_book", "The Speckled Band")
    begun_at = datetime.now(UTC) - timedelta(hours=1)
    writes = 25

    def read_on(device: int) -> list[tuple[str, int]]:
        """A device's pages, each read at a moment at which no other device read."""
        answers = []
        with client(cluster.web.url, key) as http:
            for page in range(writes):
                moment = page * CONNECTIONS + device
                place = {
                    "percentage": moment / 1000,
                    "progress": str(moment),
                    "device_id": f"device-{device}",
                    "read_at": (begun_at + timedelta(seconds=moment)).isoformat(),
                    "sent_at": datetime.now(UTC).isoformat(),
                }
                answer = http.put(f"/api/tome-sync/position/{book}", json=place)
                assert answer.status_code == 200, answer.text
                answers.append((answer.json()["verdict"], answer.json().get("revision", 0)))
        return answers

    with ThreadPoolExecutor(CONNECTIONS) as pool:
        answers = [answer for device in pool.map(read_on, range(CONNECTIONS)) for answer in device]

    with client(cluster.web.url, key) as http:
        current = http.get(f"/api/tome-sync/position/{book}").json()
    newest = writes * CONNECTIONS - 1
    assert current["percentage"] == pytest.approx(newest / 1000)
    revisions = sorted(revision for verdict, revision in answers if verdict == "stored")
    assert revisions == list(range(1, len(revisions) + 1)), "each stored write makes the next revision"
    assert current["revision"] == len(revisions)
    stale = writes * CONNECTIONS - len(revisions)
    assert cluster.ask("writes_of", "places") == {"stored": len(revisions)} | ({"stale": stale} if stale else {})
