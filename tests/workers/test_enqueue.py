import json
import os
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from celery import current_app
from django.db import transaction
from redis import Redis

from tests.nodes import RedisNode
from tests.waiting import wait_until
from tests.workers.broker import running_redis
from workers.enqueue import Publisher, enqueue, publish_now
from workers.library import import_queued
from workers.reading import refresh, turn_day

Arrived = Callable[..., list[bytes]]


@pytest.fixture(scope="module")
def redis() -> Iterator[RedisNode]:
    with running_redis() as node:
        yield node


@pytest.fixture
def arrived(redis: RedisNode, monkeypatch: pytest.MonkeyPatch) -> Iterator[Arrived]:
    """The messages in a queue of an empty broker, to which tasks are sent from here on: `arrived("sync")`."""
    monkeypatch.setattr(current_app.conf, "broker_url", redis.url)
    with Redis.from_url(redis.url) as client:
        client.flushall()
        yield lambda queue="sync": client.lrange(queue, 0, -1)  # type: ignore[misc]


@pytest.fixture
def short_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workers.enqueue.PAUSE_AFTER_FAILURE_SECONDS", 0.05)


def names(messages: list[bytes]) -> list[str]:
    return [json.loads(message)["headers"]["task"] for message in reversed(messages)]


def test_a_hundred_names_at_once_are_one_message(arrived: Arrived) -> None:
    publisher = Publisher()
    for _ in range(100):
        publisher.add(refresh)
    wait_until(arrived, what="the message")
    # They are sent in order: a second message for the first name would lie before this one.
    publisher.add(turn_day)
    wait_until(lambda: len(arrived()) > 1, what="the other message")
    assert names(arrived()) == ["reading.refresh", "reading.turn_day"]


def test_names_from_many_threads_are_one_message(arrived: Arrived) -> None:
    publisher = Publisher()
    threads = [threading.Thread(target=lambda: [publisher.add(refresh) for _ in range(50)]) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    wait_until(arrived, what="the message")
    publisher.add(turn_day)
    wait_until(lambda: len(arrived()) > 1, what="the other message")
    assert names(arrived()) == ["reading.refresh", "reading.turn_day"]


def test_different_tasks_are_a_message_each_in_their_own_queues(arrived: Arrived) -> None:
    publisher = Publisher()
    for task in (refresh, import_queued, refresh, import_queued):
        publisher.add(task)
    wait_until(lambda: arrived("sync") and arrived("library"), what="both messages")
    assert names(arrived("sync")) == ["reading.refresh"]
    assert names(arrived("library")) == ["library.import_queued"]


def test_who_never_stops_is_not_waited_for(arrived: Arrived) -> None:
    publisher = Publisher()

    def add_and_look() -> list[bytes]:
        publisher.add(refresh)  # sooner after the one before than the publisher takes for quiet
        return arrived()

    wait_until(add_and_look, what="a message though names keep coming", seconds=10)
    publisher.add(turn_day)
    wait_until(lambda: "reading.turn_day" in names(arrived()), what="the rest, which would be the next test's else")


@pytest.mark.usefixtures("short_pause")
def test_adding_costs_no_time_and_raises_nothing_while_the_broker_is_down(
    arrived: Arrived,
    redis: RedisNode,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(current_app.conf, "broker_url", f"redis+socket://{tmp_path}/none.sock")
    publisher = Publisher()
    publisher.add(refresh)
    wait_until(lambda: caplog.text, what="the first failure")
    began = time.monotonic()
    for _ in range(1000):
        publisher.add(refresh)
    assert time.monotonic() - began < 1
    monkeypatch.setattr(current_app.conf, "broker_url", redis.url)
    wait_until(arrived, what="the message, once the broker is back")


@pytest.mark.usefixtures("short_pause")
def test_after_a_failure_it_says_so_and_tries_again(
    arrived: Arrived,
    redis: RedisNode,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(current_app.conf, "broker_url", f"redis+socket://{tmp_path}/none.sock")
    publisher = Publisher()
    publisher.add(refresh)
    wait_until(lambda: "No message could be sent for reading.refresh" in caplog.text, what="a line in the log")
    assert arrived() == []
    monkeypatch.setattr(current_app.conf, "broker_url", redis.url)
    wait_until(arrived, what="the message, once the broker is back")
    assert names(arrived()) == ["reading.refresh"]


@pytest.mark.usefixtures("short_pause")
def test_a_broker_that_was_restarted_gets_the_next_message(arrived: Arrived, redis: RedisNode) -> None:
    publisher = Publisher()
    publisher.add(refresh)
    wait_until(arrived, what="the first message")
    redis.restart()
    assert arrived() == []
    publisher.add(refresh)
    wait_until(arrived, what="a message to the broker that lost everything")


def test_a_forked_child_has_a_thread_of_its_own(arrived: Arrived) -> None:
    publisher = Publisher()
    publisher.add(refresh)
    wait_until(arrived, what="the parent's message")
    done, told = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # forking with threads about is what is tried here
        child = os.fork()
    if child == 0:
        try:
            publisher.add(turn_day)
            os.read(done, 1)
        finally:
            os._exit(0)
    try:
        wait_until(lambda: len(arrived()) > 1, what="the child's message")
        publisher.add(refresh)
        wait_until(lambda: len(arrived()) > 2, what="another message of the parent's")
    finally:
        os.write(told, b"x")
        os.waitpid(child, 0)
        os.close(done)
        os.close(told)
    assert names(arrived()) == ["reading.refresh", "reading.turn_day", "reading.refresh"]


def test_publishing_now_sends_before_it_returns_and_raises_where_it_cannot(
    arrived: Arrived, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish_now(refresh)
    assert names(arrived()) == ["reading.refresh"]
    monkeypatch.setattr(current_app.conf, "broker_url", f"redis+socket://{tmp_path}/none.sock")
    with pytest.raises(Exception, match="No such file"):
        publish_now(refresh)


@pytest.mark.django_db
def test_a_transaction_that_is_rolled_back_sends_nothing(
    enqueued: list[str], django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        with transaction.atomic():
            enqueue(refresh)
            transaction.set_rollback(True)
        enqueue(turn_day)
    assert enqueued == ["reading.turn_day"]


@pytest.mark.django_db
def test_where_no_thread_can_be_started_nothing_is_raised_and_the_next_one_is_tried(
    arrived: Arrived, monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Any
) -> None:
    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr("workers.enqueue._publisher", Publisher())
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        with django_capture_on_commit_callbacks(execute=True):
            enqueue(refresh)
    with django_capture_on_commit_callbacks(execute=True):
        enqueue(refresh)
    wait_until(arrived, what="the message")
