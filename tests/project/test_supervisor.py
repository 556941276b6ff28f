"""`tome up` as its operator sees it: real processes, real signals."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from project.processes import SERVICE_VARIABLE
from tests.books import make_epub
from tests.project.services import ROLES, Service, service
from tests.waiting import wait_until

pytestmark = pytest.mark.faults

PASSWORD = "a long enough password\n"
COMES_BACK_WITHIN_SECONDS = 40


@pytest.fixture(scope="module")
def running() -> Iterator[Service]:
    with service() as made:
        made.start()
        yield made


@pytest.fixture
def stopped() -> Iterator[Service]:
    with service() as made:
        yield made


def test_stdout_holds_one_line_that_says_where_it_is_ready(running: Service) -> None:
    assert running.stdout() == f"Tome is ready at {running.url}\n"
    assert httpx.get(f"{running.url}/api/ready").status_code == 200


def test_the_supervisor_loads_neither_django_nor_celery(running: Service) -> None:
    code = "import json, sys; import project.supervisor, project.cli; print(json.dumps(sorted(sys.modules)))"
    loaded = json.loads(subprocess.check_output([sys.executable, "-P", "-c", code], env=running.environment))
    assert not {"django", "celery", "kombu", "redis"} & set(loaded)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux says how much memory processes share")
def test_the_whole_tree_takes_less_than_320_megabytes(running: Service) -> None:
    wait_until(lambda: running.tome("ping", "library").returncode == 0, what="the workers to be there")
    tree = [psutil.Process(running.pid), *running.processes()]
    assert sum(process.memory_full_info().pss for process in tree) < 320e6


def test_a_second_one_on_the_same_data_folder_refuses_and_names_the_first(running: Service) -> None:
    second = running.tome("up", "--port", "1")
    assert second.returncode == 1
    assert second.stderr.startswith(f"Error: Tome already runs on the data folder {running.data_dir}")
    assert f"(process {running.pid})" in second.stderr
    assert running.answers()


def test_a_taken_port_is_named(running: Service, stopped: Service) -> None:
    refused = stopped.tome("up", "--port", str(running.port))
    assert refused.returncode == 1
    assert refused.stderr.splitlines()[-1] == (
        f"Error: Port {running.port} on 127.0.0.1 is taken by another program; choose another with --port."
    )
    assert stopped.processes() == []


def test_the_other_commands_find_the_service_through_the_data_folder(running: Service) -> None:
    made = running.tome("user", "create", "ada", "--password-stdin", stdin=PASSWORD)
    assert made.returncode == 0, made.stderr
    key = running.tome("key", "create", "--user", "ada").stdout
    me = httpx.get(f"{running.url}/api/tome-sync/me", headers={"authorization": f"Bearer {key.strip()}"})
    assert me.json()["username"] == "ada"
    wait_until(lambda: running.tome("ping", "library").returncode == 0, what="the workers to be there")
    doctor = running.tome("doctor")
    assert doctor.returncode == 0, doctor.stdout
    assert all(line.startswith("ok") for line in doctor.stdout.splitlines())


def test_a_scan_is_waited_for_and_names_what_failed(running: Service) -> None:
    library = running.data_dir / "library"
    (library / "broken.epub").write_bytes(b"this is no ZIP archive")
    (library / "A Study in Scarlet.docx").write_bytes(b"no kind of book that Tome holds")
    make_epub(library / "A Study in Scarlet.epub", title="A Study in Scarlet")
    scan = running.tome("scan", "--wait")
    assert scan.returncode == 0, scan.stderr
    counts, *failures = scan.stdout.splitlines()
    assert counts == "2 seen, 1 imported, 1 failed."
    [failure] = failures
    assert failure.startswith("broken.epub: ")
    assert failure.endswith(".")
    assert "Left out, because they are no books: A Study in Scarlet.docx.\n" in scan.stderr


@pytest.mark.parametrize("role", ROLES)
def test_what_is_killed_comes_back(running: Service, role: str) -> None:
    victim = wait_until(lambda: running.part(role), what=f"{role} to run")
    victim.kill()

    def another() -> bool:
        now = running.part(role)
        return now is not None and now.pid != victim.pid

    wait_until(another, what=f"{role} to come back", seconds=COMES_BACK_WITHIN_SECONDS)
    wait_until(running.answers, what="the service to be ready again", seconds=COMES_BACK_WITHIN_SECONDS)
    for queue in ("sync", "library"):
        wait_until(
            lambda queue=queue: running.tome("ping", queue).returncode == 0,  # type: ignore[misc]
            what=f"the worker for {queue} to answer",
            seconds=COMES_BACK_WITHIN_SECONDS,
        )
    for each in ROLES:
        wait_until(lambda each=each: running.part(each), what=f"{each} to run")  # type: ignore[misc]


def test_a_killed_web_server_leaves_no_worker_on_its_port(running: Service) -> None:
    main, worker = running.part("web"), running.part("web worker")
    assert main is not None
    assert worker is not None
    main.kill()
    wait_until(lambda: _is_over(worker), what="the old worker to go")
    wait_until(running.answers, what="the new one", seconds=COMES_BACK_WITHIN_SECONDS)


def _is_over(process: psutil.Process) -> bool:
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


@pytest.mark.parametrize(
    ("number", "host", "shown"),
    [(signal.SIGTERM, "0.0.0.0", "127.0.0.1"), (signal.SIGINT, "::1", "[::1]")],
    ids=["SIGTERM, on every address", "SIGINT, on an address of IPv6"],
)
def test_a_signal_stops_everything_within_ten_seconds(
    stopped: Service, number: signal.Signals, host: str, shown: str
) -> None:
    if host == "::1" and not _has_ipv6():
        pytest.skip("this machine has no IPv6")
    stopped.start("--host", host)
    assert stopped.stdout() == f"Tome is ready at http://{shown}:{stopped.port}\n"
    began = time.monotonic()
    stopped.send(number)
    assert stopped.wait(10) == 0
    assert time.monotonic() - began < 10
    assert stopped.processes() == []
    assert not (stopped.data_dir / "run" / "redis.sock").exists()
    with socket.socket() as free:
        free.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        free.bind(("127.0.0.1", stopped.port))


def _has_ipv6() -> bool:
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6):
            return True
    except OSError:
        return False


def test_a_request_that_is_being_answered_is_not_cut(stopped: Service) -> None:
    stopped.start()
    body = b'{"percentage": 0.5}'
    with socket.create_connection(("127.0.0.1", stopped.port), timeout=10) as connection:
        connection.sendall(
            b"PUT /api/tome-sync/position/1 HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            b"Content-Length: %d\r\n\r\n" % len(body)
        )
        connection.sendall(body[:5])
        stopped.send(signal.SIGTERM)
        wait_until(lambda: "Stopping worker-1" in stopped.log(), what="the web server to begin to stop")
        connection.sendall(body[5:])
        assert connection.recv(100).startswith(b"HTTP/1.1 401 ")
    assert stopped.wait(10) == 0


def test_a_killed_supervisor_leaves_nothing_that_the_next_start_does_not_clear(stopped: Service) -> None:
    stopped.start()
    stopped.send(signal.SIGKILL)
    stopped.wait(10)
    # Where the kernel does not end children with their parent, they are still there.
    left = subprocess.Popen(
        [sys.executable, "-c", "import time; time.sleep(600)"],
        env={**os.environ, SERVICE_VARIABLE: os.path.realpath(stopped.data_dir)},
    )
    try:
        stopped.start()
        assert left.wait(10) != 0
    finally:
        left.kill()
        left.wait()
    assert stopped.answers()
    assert all(stopped.part(role) for role in ("redis", "web", "workers"))


@pytest.mark.parametrize("name", ["d" * 120, "Bücher & Co #1 100% ?"], ids=["longer than a socket's path", "strange"])
def test_any_data_folder_will_do(name: str) -> None:
    with service(name) as made:
        made.start()
        wait_until(lambda: made.tome("ping", "sync").returncode == 0, what="the worker to answer")
        place = made.data_dir / "run" / "redis.sock"
        target = place.readlink() if place.is_symlink() else place
        made.send(signal.SIGTERM)
        assert made.wait(10) == 0
        assert not target.exists()


def test_a_database_that_cannot_be_used_ends_the_start_with_a_sentence(stopped: Service, tmp_path: Path) -> None:
    (tmp_path / "tome.sqlite3").write_bytes(b"this is no database" * 100)
    stopped.environment["TOME_DATA_DIR"] = str(tmp_path)
    failed = stopped.tome("up", "--port", str(stopped.port))
    assert failed.returncode == 1
    assert failed.stdout == ""
    assert "The database cannot be used: file is not a database" in failed.stderr
    assert failed.stderr.splitlines()[-1].startswith("Error: The database could not be brought up to date")
    assert "Traceback" not in failed.stderr
