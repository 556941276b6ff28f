"""The story that the tests tell: Ada owns books and a Kobo, Bob is a stranger. And the walls around each test."""

import os
import socket
from collections.abc import Callable, Iterator, Sequence
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from celery import Task
from django.conf import settings as django_settings
from django.test import Client

import tests.books
from tests.postgres import PostgresServer, postgres_server

REPOSITORY = Path(__file__).resolve().parent.parent


# --- The walls -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session", autouse=True)
def _only_this_machine() -> Iterator[None]:
    """Refuse connections and name lookups that would leave the machine; a test that needs one is wrong."""

    def address_of(host: Any) -> Any:
        """None for a name, which would have to be asked for."""
        name = host.decode() if isinstance(host, bytes) else host
        try:
            return ip_address("127.0.0.1" if name in (None, "", "localhost") else name)
        except ValueError:
            return None

    real_lookup = socket.getaddrinfo

    class WalledSocket(socket.socket):
        def _check(self, address: Any) -> None:
            if self.family not in (socket.AF_INET, socket.AF_INET6):
                return
            number = address_of(address[0])
            if number is None or not number.is_loopback:
                raise RuntimeError(f"A test may not connect to {address[0]}.")

        def connect(self, address: Any) -> None:
            self._check(address)
            super().connect(address)

        def connect_ex(self, address: Any) -> int:
            self._check(address)
            return super().connect_ex(address)

    def lookup(host: Any, *args: Any, **kwargs: Any) -> Any:
        if address_of(host) is None:
            raise RuntimeError(f"A test may not look up {host}.")
        return real_lookup(host, *args, **kwargs)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket, "socket", WalledSocket)
        patch.setattr(socket, "getaddrinfo", lookup)
        yield


@pytest.fixture(scope="session")
def django_db_modify_db_settings(
    django_db_modify_db_settings_parallel_suffix: None, request: pytest.FixtureRequest
) -> None:
    """Have SQLite's test database be a file: in memory, connections share a cache and lock in another way."""
    database = django_settings.DATABASES["default"]
    if database["ENGINE"] == "django.db.backends.sqlite3":
        worker = getattr(request.config, "workerinput", {}).get("workerid", "main")
        database["TEST"]["NAME"] = str(django_settings.DATA_DIR / f"test-{worker}.sqlite3")


@pytest.fixture(autouse=True)
def _own_folders(settings: Any, tmp_path: Path) -> None:
    """Each test has a data folder to itself, and hashes passwords cheaply."""
    settings.DATA_DIR = tmp_path / "tome"
    settings.LIBRARY_DIR = settings.DATA_DIR / "library"
    settings.COVERS_DIR = settings.DATA_DIR / "covers"
    settings.LIBRARY_DIR.mkdir(parents=True)
    settings.COVERS_DIR.mkdir()
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


class _Recorder:
    """Stands where the process's publisher stands, so that no thread looks for a broker."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def add(self, task: Task[Any, Any]) -> None:
        self.names.append(task.name)


@pytest.fixture(autouse=True)
def enqueued(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the tasks that were enqueued and whose transaction was committed, oldest first.

    A test inside a transaction of its own sees them after `django_capture_on_commit_callbacks(execute=True)`.
    """
    recorder = _Recorder()
    monkeypatch.setattr("workers.enqueue._publisher", recorder)
    return recorder.names


# --- The story -------------------------------------------------------------------------------------------------------


@pytest.fixture
def ada(db: None) -> Any:
    """A reader in Berlin."""
    from accounts.models import Reader

    return Reader.objects.create_user("ada", password="correct horse", timezone="Europe/Berlin")


@pytest.fixture
def bob(db: None) -> Any:
    """A stranger: nothing of Ada's is his."""
    from accounts.models import Reader

    return Reader.objects.create_user("bob", password="battery staple")


@pytest.fixture
def ada_key(ada: Any) -> str:
    from accounts.keys import create_key

    return create_key(ada, label="Ada's Kobo")


@pytest.fixture
def bob_key(bob: Any) -> str:
    from accounts.keys import create_key

    return create_key(bob, label="Bob's Kindle")


@pytest.fixture
def kobo(ada: Any) -> Any:
    """Ada's e-reader."""
    from accounts.models import Device

    return Device.objects.create(reader=ada, identifier="kobo-1", name="Kobo", model="Kobo Libra 2")


@pytest.fixture
def make_epub(settings: Any) -> Callable[..., Path]:
    """Writes a small EPUB, a relative path being one in the library; see `tests.books.make_epub`."""

    def make(path: str | Path = "A Study in Scarlet.epub", **described: Any) -> Path:
        return tests.books.make_epub(settings.LIBRARY_DIR / path, **described)

    return make


@pytest.fixture
def book(db: None, settings: Any, make_epub: Callable[..., Path]) -> Any:
    """A book of the library with one EPUB that really lies there."""
    return add_book(make_epub(), settings.LIBRARY_DIR, title="A Study in Scarlet", authors=["Arthur Conan Doyle"])


def add_book(path: Path, root: Path, *, title: str, authors: Sequence[str] = (), **stated: Any) -> Any:
    """A book with the file at `path`, which lies below the library's root `root` and states this of itself."""
    from library.describing import describe
    from library.models import Book

    book = Book.objects.create(title=title, title_key="")
    people = [[name, "aut", ""] for name in authors]
    add_file(book, path, root, stated={"title": title, "language": "en", "contributors": people, **stated})
    describe(book)
    return book


def add_file(book: Any, path: Path, root: Path, *, stated: dict[str, Any] | None = None) -> Any:
    """The row of a file below the library's root `root`, with the hashes that it really has."""
    from hashlib import sha256

    from library.models import BookFile, FileHash
    from matching.names import file_name_key

    found = path.stat()
    hashes = {"sha256": sha256(path.read_bytes()).hexdigest(), "ko_md5": tests.books.partial_md5(path)}
    file = BookFile.objects.create(
        book=book,
        path=path.relative_to(root).as_posix(),
        name_key=file_name_key(path.name),
        format="kepub.epub" if path.name.endswith(".kepub.epub") else path.suffix.removeprefix("."),
        size=found.st_size,
        mtime_ns=found.st_mtime_ns,
        stated=stated or {},
        **hashes,
    )
    FileHash.objects.create(file=file, size=found.st_size, **hashes)
    return file


@pytest.fixture
def device_client(ada_key: str) -> Client:
    """Ada's device: each request carries her key."""
    return Client(headers={"authorization": f"Bearer {ada_key}"})


@pytest.fixture
def strange_client(bob_key: str) -> Client:
    """Bob's device."""
    return Client(headers={"authorization": f"Bearer {bob_key}"})


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A PostgreSQL server: the run's own where it has one, else one that is started here."""
    if folder := os.environ.get("TOME_TEST_POSTGRES"):
        yield PostgresServer(Path(folder))
        return
    with postgres_server() as server:
        yield server


@pytest.fixture(scope="session")
def shared_books() -> Path:
    """The folder of real books beside the checkout."""
    folder = REPOSITORY.parent / "shared" / "books"
    if not folder.is_dir():
        pytest.skip("the folder of real books is not beside the checkout")
    return folder


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Say loudly what this run left out; the last line with its counts is easily overlooked."""
    reasons = sorted({report.longrepr[2] for report in terminalreporter.stats.get("skipped", []) if report.longrepr})
    for reason in reasons:
        terminalreporter.write_line(f"LEFT OUT: {reason.removeprefix('Skipped: ')}", red=True, bold=True)
