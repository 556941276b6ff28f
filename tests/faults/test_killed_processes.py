"""Whatever is killed while sessions arrive: each acknowledged one is counted exactly once in the end."""

from collections.abc import Callable

import pytest

from tests.faults.devices import client, report_all, send_until_acknowledged, sessions_of_months, settled_stats
from tests.nodes import Cluster
from tests.waiting import wait_until

pytestmark = [pytest.mark.faults, pytest.mark.locking]

ARRIVING = 500


def assert_counted_once(cluster: Cluster, key: str, *, sessions: int) -> None:
    stats = settled_stats(cluster, key, sessions=sessions)
    assert stats["totals"]["all"]["sessions"] == sessions
    assert stats["totals"]["all"]["seconds"] == sessions * 60
    assert sum(day["seconds"] for day in stats["daily"]) == sessions * 60
    checked = cluster.tome("stats", "rebuild", "--check")
    assert checked.returncode == 0, checked.stdout + checked.stderr


def kill_worker(cluster: Cluster) -> None:
    """kill -9 of the worker's main process; it comes back, as a supervisor has it."""
    cluster.worker.kill()
    cluster.worker.start()
    cluster.worker.ready()


def kill_pool_process(cluster: Cluster) -> None:
    """kill -9 of the process that runs the tasks; Celery makes another."""
    killed = cluster.worker.pool_process()
    killed.kill()
    wait_until(lambda: cluster.worker.pool_process().pid != killed.pid, what="another pool process")


def kill_web_process(cluster: Cluster) -> None:
    """kill -9 of the process that answers requests; granian makes another, and the devices send again.

    Killed a second time within seconds, granian takes it for a crash loop and ends: then its supervisor starts it.
    """
    killed = cluster.web.serving_process()
    killed.kill()

    def serves_again() -> bool:
        if cluster.web.container.status == "exited":
            cluster.web.start()
        return cluster.web.serves() and cluster.web.serving_process().pid != killed.pid

    wait_until(serves_again, what="the web server to serve again")


def lose_redis(cluster: Cluster) -> None:
    """kill -9 of Redis, which comes back empty."""
    cluster.redis.kill()
    cluster.redis.start()
    cluster.redis.ready()


@pytest.mark.parametrize("kill", [kill_worker, kill_pool_process, kill_web_process, lose_redis])
def test_sessions_that_arrive_meanwhile_are_counted_once(cluster: Cluster, kill: Callable[[Cluster], None]) -> None:
    reader = kill.__name__
    key, book = cluster.ask("make_reader", reader), cluster.ask("make_book", "A Study in Scarlet")
    sessions = sessions_of_months(book, ARRIVING)

    ids = []
    for half in (sessions[: ARRIVING // 2], sessions[ARRIVING // 2 :]):
        ids += report_all(cluster.web.url, key, half, meanwhile=lambda: kill(cluster))

    assert len(set(ids)) == ARRIVING
    assert sorted(cluster.ask("sessions_of", reader)) == sorted(session["session_uuid"] for session in sessions)
    assert_counted_once(cluster, key, sessions=ARRIVING)


def test_a_worker_and_then_redis_gone_for_a_while_lose_no_session(cluster: Cluster) -> None:
    key, book = cluster.ask("make_reader", "both"), cluster.ask("make_book", "The Valley of Fear")
    sessions = sessions_of_months(book, ARRIVING)

    report_all(cluster.web.url, key, sessions[:300], meanwhile=cluster.worker.kill)
    report_all(cluster.web.url, key, sessions[300:], meanwhile=cluster.redis.kill)
    assert cluster.redis.container.status == cluster.worker.container.status == "exited"
    cluster.redis.start()
    cluster.redis.ready()
    cluster.worker.start()

    assert_counted_once(cluster, key, sessions=ARRIVING)


def test_a_worker_killed_at_its_work_leaves_no_wrong_total(cluster: Cluster) -> None:
    key, book = cluster.ask("make_reader", "at-work"), cluster.ask("make_book", "His Last Bow")
    sessions = sessions_of_months(book, ARRIVING, hours_apart=24)  # a day to rebuild for each
    cluster.worker.kill()
    report_all(cluster.web.url, key, sessions[3:])

    # Each life ends a little later in the same work.
    for cpu_seconds, session in zip((0.02, 0.05, 0.1), sessions[:3], strict=True):
        cluster.worker.start()
        cluster.worker.ready()
        pool = cluster.worker.pool_process()
        idle = pool.cpu_times().user
        with client(cluster.web.url, key) as http:
            send_until_acknowledged(http, session)
        wait_until(lambda: pool.cpu_times().user > idle + cpu_seconds, what="the worker to work", every=0.005)  # noqa: B023
        cluster.worker.kill()
        with client(cluster.web.url, key) as http:
            assert http.get("/api/stats").json()["pending"], "it was killed after its work"
    cluster.worker.start()

    assert_counted_once(cluster, key, sessions=ARRIVING)
