"""Downloads of a large file from a real service: constant memory, several at once, and resumed where they broke off."""

import hashlib
import signal
import socket
import sys
import time
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from threading import Event, Thread

import httpx
import psutil
import pytest

from library.sending import SENDING_AT_MOST
from tests.project.services import Service, service
from tests.waiting import wait_until

pytestmark = pytest.mark.faults

LARGE_BYTES = 600 * 1024 * 1024
RISE_BYTES = 16 * 1024 * 1024
# The smallest picture that a reader of comics accepts.
PICTURE = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010806000000"
    "1f15c4890000000d49444154789c6360606060000000050001a5f645400000000049454e44ae426082"
)


@dataclass(frozen=True)
class Held:
    """A large comic on a running service, and what a device knows of it."""

    tome: Service
    headers: dict[str, str]
    url: str
    size: int
    sha256: str


@pytest.fixture(scope="module")
def held() -> Iterator[Held]:
    with service() as tome:
        tome.start()
        for arguments, stdin in ((["user", "create", "ada", "--password-stdin"], "correct horse battery\n"),):
            done = tome.tome(*arguments, stdin=stdin)
            assert done.returncode == 0, done.stderr
        key = tome.tome("key", "create", "--user", "ada").stdout.strip()
        library = tome.data_dir / "library" / "Manga" / "Large"
        library.mkdir(parents=True)
        with zipfile.ZipFile(library / "Large v01.cbz", "w") as archive:
            archive.writestr("001.png", PICTURE)
            with archive.open(zipfile.ZipInfo("artbook.bin"), "w", force_zip64=True) as member:
                piece = hashlib.shake_256(b"pages").digest(1024 * 1024)
                for _ in range(LARGE_BYTES // len(piece)):
                    member.write(piece)
        scan = tome.tome("scan", "--wait")
        assert "1 imported" in scan.stdout, scan.stdout + scan.stderr
        headers = {"Authorization": f"Bearer {key}"}
        found = httpx.get(f"{tome.url}/api/tome-sync/resolve", params={"filename": "Large v01.cbz"}, headers=headers)
        manifest = httpx.get(f"{tome.url}/api/tome-sync/series/{found.json()['book_id']}", headers=headers).json()
        [book] = manifest["books"]
        file = book["file"]
        url = f"{tome.url}/api/tome-sync/download/{book['id']}/{file['id']}"
        yield Held(tome, headers, url, file["file_size"], file["sha256"])


@contextmanager
def watched(tome: Service) -> Iterator[list[int]]:
    """By how many bytes the web server's process grows within; the last is the most."""
    worker = tome.part("web worker")
    assert worker is not None
    ended = Event()
    rises = [0]
    before = private_bytes(worker)

    def watch() -> None:
        while not ended.wait(0.02):
            rises.append(max(rises[-1], private_bytes(worker) - before))

    thread = Thread(target=watch)
    thread.start()
    try:
        yield rises
    finally:
        ended.set()
        thread.join()


def private_bytes(process: psutil.Process) -> int:
    """What the process has for itself: no pages of files, which the system drops when it likes."""
    memory = process.memory_full_info()
    return int(memory.uss)


def fetch(held: Held, *, pause: float = 0.0, **headers: str) -> tuple[httpx.Response, str, int]:
    """A download as a device does it; its answer, the SHA-256 and the length of what came."""
    digest, length = hashlib.sha256(), 0
    with httpx.stream("GET", held.url, headers=held.headers | headers, timeout=60) as response:
        for piece in response.iter_raw(1024 * 1024):
            digest.update(piece)
            length += len(piece)
            if pause:
                time.sleep(pause)
                pause = 0.0
    return response, digest.hexdigest(), length


def warm_up(held: Held) -> None:
    """What the first request of a process loads is no part of what a download costs."""
    for _ in range(3):
        httpx.get(held.url, headers=held.headers | {"Range": "bytes=0-1000000"})


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux says what memory a process has for itself")
def test_a_large_download_needs_no_memory(held: Held) -> None:
    assert held.size > LARGE_BYTES
    warm_up(held)
    with watched(held.tome) as rises:
        response, digest, length = fetch(held, pause=1.0)  # a device whose card is slow lets the server wait
    assert response.status_code == 200
    assert (length, digest) == (held.size, held.sha256)
    assert rises[-1] <= RISE_BYTES
    assert len(rises) > 10  # it was watched


def test_several_at_once_are_all_whole_and_others_are_answered_meanwhile(held: Held) -> None:
    warm_up(held)
    with watched(held.tome) as rises, ThreadPoolExecutor(3) as pool:
        downloads = [pool.submit(fetch, held) for _ in range(3)]
        answered = 0
        while not all(download.done() for download in downloads):
            assert httpx.get(f"{held.tome.url}/api/tome-sync/series", headers=held.headers).status_code == 200
            answered += 1
        results = [download.result() for download in downloads]
    assert {(digest, length) for _, digest, length in results} == {(held.sha256, held.size)}
    assert answered > 3
    assert rises[-1] <= 3 * RISE_BYTES


def test_one_that_broke_off_goes_on_where_it_was(held: Held) -> None:
    digest, length = hashlib.sha256(), 0
    with httpx.stream("GET", held.url, headers=held.headers, timeout=60) as response:
        etag = response.headers["ETag"]
        for piece in response.iter_raw(1024 * 1024):
            digest.update(piece)
            length += len(piece)
            if length > held.size // 3:
                break
    assert etag == f'"{held.sha256}"'
    headers = held.headers | {"Range": f"bytes={length}-", "If-Range": etag}
    with httpx.stream("GET", held.url, headers=headers, timeout=60) as response:
        assert response.status_code == 206
        assert response.headers["Content-Range"] == f"bytes {length}-{held.size - 1}/{held.size}"
        for piece in response.iter_raw(1024 * 1024):
            digest.update(piece)
    assert digest.hexdigest() == held.sha256


@contextmanager
def sleepy_devices(held: Held, count: int) -> Iterator[list[socket.socket]]:
    """Devices that ask for the file and then take nothing of it."""
    path, key = held.url.removeprefix(held.tome.url), held.headers["Authorization"]
    with ExitStack() as stack:
        asleep = []
        for _ in range(count):
            connection = stack.enter_context(socket.create_connection(("127.0.0.1", held.tome.port)))
            connection.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: {key}\r\n\r\n".encode())
            assert connection.recv(1000).startswith(b"HTTP/1.1 200")
            asleep.append(connection)
        yield asleep


def test_devices_that_fall_asleep_over_a_download_hold_up_nobody(held: Held) -> None:
    with sleepy_devices(held, SENDING_AT_MOST):
        for path in ("/api/health", "/api/tome-sync/series", "/api/tome-sync/me"):
            answer = httpx.get(held.tome.url + path, headers=held.headers, timeout=10)
            assert answer.status_code == 200
        one_more = httpx.get(held.url, headers=held.headers, timeout=10)
        assert one_more.status_code == 503
        assert one_more.headers["Retry-After"]
        assert one_more.json()["detail"].endswith(".")

    def is_sent_again() -> bool:
        again = httpx.get(held.url, headers=held.headers | {"Range": "bytes=0-9"})
        return again.status_code == 206

    wait_until(is_sent_again, what="a download to be possible again", seconds=20)


@pytest.mark.parametrize(
    "head",
    [
        "POST /api/nothing HTTP/1.1\r\nTransfer-Encoding: chunked",
        "POST /api/tome-sync/sync HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: 1000",
        "POST /api/books HTTP/1.1\r\nContent-Type: multipart/form-data; boundary=B\r\nContent-Length: 50000000",
    ],
)
def test_bodies_that_never_come_hold_up_nobody(held: Held, head: str) -> None:
    with ExitStack() as stack:
        for _ in range(8):
            connection = stack.enter_context(socket.create_connection(("127.0.0.1", held.tome.port)))
            key = held.headers["Authorization"]
            connection.sendall(f"{head}\r\nHost: localhost\r\nAuthorization: {key}\r\n\r\n5\r\n".encode())
        answer = httpx.get(f"{held.tome.url}/api/tome-sync/me", headers=held.headers, timeout=10)
        assert answer.status_code == 200


def test_a_device_that_hangs_up_leaves_no_open_file(held: Held) -> None:
    worker = held.tome.part("web worker")
    assert worker is not None
    with sleepy_devices(held, 5):
        pass

    def open_books() -> list[str]:
        return [file.path for file in worker.open_files() if file.path.endswith(".cbz")]

    wait_until(lambda: not open_books(), what="the files to be closed", seconds=20)


def test_the_service_stops_although_devices_sleep_over_a_download(held: Held) -> None:
    """The last of this module: it ends the service."""
    with sleepy_devices(held, 6):
        held.tome.send(signal.SIGTERM)
        assert held.tome.wait(10) == 0
    assert not held.tome.processes()
