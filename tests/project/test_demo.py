"""`tome demo` as a person starts it, on folders of its own and beside what is there."""

import json
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from project.demo.works import FOLDER, WORKS
from tests.books import make_epub
from tests.children import ends_with_us
from tests.folders import owned_folder
from tests.nodes import environment_for, tome
from tests.postgres import PostgresServer
from tests.project.services import Service, python, run, service
from tests.waiting import wait_until

PASSWORD = "correct horse battery"
PAYLOAD = (
    "from reading.models import StatsPayload; "
    "print(bytes(StatsPayload.objects.get(reader__username='demo').body).decode())"
)
HAS_PASSWORD = "from accounts.models import Reader; print(Reader.objects.get(username='demo').check_password({!r}))"


@dataclass
class Filled:
    """A data folder that the command was given."""

    data_dir: Path
    said: "subprocess.CompletedProcess[str]"

    @property
    def environment(self) -> dict[str, str]:
        return environment_for(self.data_dir)

    def demo(self, *flags: str, **options: Any) -> "subprocess.CompletedProcess[str]":
        return demo(self.data_dir, *flags, **options)

    def python(self, code: str) -> str:
        return python(code, environment=self.environment)


def demo(data_dir: Path, *flags: str, **options: Any) -> "subprocess.CompletedProcess[str]":
    environment = environment_for(data_dir)
    del environment["TOME_DATA_DIR"]
    done = run("demo", "--data-dir", str(data_dir), *flags, environment=environment, cwd=data_dir.parent, **options)
    return done  # type: ignore[no-any-return]


def shown(done: "subprocess.CompletedProcess[str]") -> dict[str, str]:
    """What stands on stdout behind the colons."""
    return dict(line.split(": ", 1) for line in done.stdout.splitlines() if ": " in line)


def everything(data_dir: Path) -> dict[str, Any]:
    """All rows of all tables, and the times of all books."""
    with closing(sqlite3.connect(data_dir / "tome.sqlite3")) as database:
        tables = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        rows = {name: database.execute(f'SELECT * FROM "{name}"').fetchall() for name in tables}
    books = {str(path): path.stat().st_mtime_ns for path in (data_dir / "library").rglob("*")}
    return rows | {"books": books}


@pytest.fixture(scope="module")
def filled() -> Iterator[Filled]:
    """Filled once, for the tests that only look."""
    with owned_folder("tome-demo-") as folder:
        done = demo(folder / "data")
        assert done.returncode == 0, done.stderr
        yield Filled(folder / "data", done)


@pytest.fixture(scope="module")
def payload(filled: Filled) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(filled.python(PAYLOAD))
    return content


@pytest.fixture
def copied(filled: Filled, tmp_path: Path) -> Filled:
    """A copy, for the tests that change something."""
    shutil.copytree(filled.data_dir, tmp_path / "data")
    return Filled(tmp_path / "data", filled.said)


def test_it_prints_the_account_and_what_to_do_next(filled: Filled) -> None:
    said = shown(filled.said)
    assert said["Account"] == "demo"
    assert filled.python(HAS_PASSWORD.format(said["Password"])) == "True"
    assert f"`tome up --data-dir {filled.data_dir}`" in filled.said.stdout
    assert "33 books are in the library" in filled.said.stderr


def test_all_books_are_there_with_their_covers_series_and_types(filled: Filled) -> None:
    code = (
        "from library.models import *; from collections import Counter; import json; books = Book.objects.all(); "
        "print(json.dumps([len(books), sum(bool(book.cover) for book in books), "
        "Manifest.objects.count(), Counter(books.values_list('book_type', flat=True))]))"
    )
    books, covers, series, types = json.loads(filled.python(code))
    assert (books, covers) == (len(WORKS), len(WORKS))
    assert series == len({work.series for work in WORKS if work.series})
    assert types == {"book": 26, "light_novel": 3, "manga": 4}
    assert [path.name for path in (filled.data_dir / "library").iterdir()] == [FOLDER]


def test_the_statistics_are_ready_and_in_the_promised_range(payload: dict[str, Any]) -> None:
    totals = payload["totals"]["all"]
    assert 200 <= totals["seconds"] / 3600 <= 300
    assert totals["books_finished"] == 25
    assert 35 <= totals["pages"] / totals["seconds"] * 3600 <= 60
    assert payload["totals"]["365d"] == totals
    assert payload["streak"]["current"] in (12, 13)
    assert 40 <= payload["streak"]["longest"] <= 60
    assert 250 <= len(payload["daily"]) <= 330
    assert payload["timezone"] == "Europe/Berlin"


def test_what_is_derived_agrees_with_the_sessions(filled: Filled) -> None:
    checked = run("stats", "rebuild", "--check", environment=filled.environment, cwd=filled.data_dir)
    assert (checked.returncode, checked.stdout) == (0, "Everything derived agrees with what was read.\n")
    pending = "from accounts.models import *; from reading.marks import is_pending; "
    assert filled.python(pending + "print(is_pending(Reader.objects.get(username='demo')))") == "False"


def test_devices_goals_flags_and_places_are_those_of_a_person(filled: Filled) -> None:
    code = (
        "from accounts.models import *; from reading.models import *; import json; demo = Reader.objects.get(); "
        "print(json.dumps([demo.goal_minutes_a_day, demo.goal_books_a_year, "
        "sorted(Device.objects.values_list('name', flat=True)), "
        "sorted(Session.objects.exclude(flag='').values_list('flag', flat=True)), "
        "sorted(Session.objects.values_list('source', flat=True).distinct()), "
        "Position.objects.filter(percentage__gte=0.99).count(), Position.objects.count()]))"
    )
    minutes, books, devices, flags, sources, at_the_end, places = json.loads(filled.python(code))
    assert (minutes, books) == (30, 24)
    assert devices == ["Boox Palma", "Kobo Libra", "Web reader"]
    assert flags == ["before_time", "idle"]
    assert sources == ["device", "web"]
    assert (at_the_end, places) == (25, 29)


def test_a_second_run_changes_nothing_and_says_so(copied: Filled) -> None:
    before = everything(copied.data_dir)
    again = copied.demo()
    assert again.returncode == 0
    assert "The demo is there already; nothing was changed." in again.stderr
    assert "--password-stdin sets another" in shown(again)["Password"]
    assert everything(copied.data_dir) == before


def test_a_password_from_stdin_is_the_account_s_from_then_on(copied: Filled) -> None:
    done = copied.demo("--password-stdin", input=f"{PASSWORD}\n")
    assert done.returncode == 0
    assert PASSWORD not in done.stdout
    assert copied.python(HAS_PASSWORD.format(PASSWORD)) == "True"


@pytest.mark.parametrize(("given", "said"), [("\n", "no password on standard input"), ("1234\n", "too short")])
def test_a_password_that_is_none_is_refused(copied: Filled, given: str, said: str) -> None:
    done = copied.demo("--password-stdin", input=given)
    assert (done.returncode, done.stdout) == (1, "")
    assert said in done.stderr


def test_it_explains_itself(tmp_path: Path) -> None:
    done = run("demo", "--help", environment=environment_for(tmp_path), cwd=tmp_path)
    assert done.returncode == 0
    assert "Usage: tome demo" in done.stdout


def stored_sessions(data_dir: Path) -> int:
    try:
        with closing(sqlite3.connect(f"file:{data_dir / 'tome.sqlite3'}?mode=ro", uri=True)) as database:
            [(count,)] = database.execute("SELECT count(*) FROM reading_session")
            return int(count)
    except sqlite3.OperationalError:  # not made yet
        return 0


def test_a_run_that_was_killed_is_completed_by_the_next(tmp_path: Path, payload: dict[str, Any]) -> None:
    data_dir = tmp_path / "data"
    process = subprocess.Popen(
        tome("demo", "--data-dir", str(data_dir)),
        env=environment_for(data_dir),
        cwd=tmp_path,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        preexec_fn=ends_with_us(),
    )
    try:
        wait_until(lambda: stored_sessions(data_dir) > 0, what="the first session", seconds=60)
    finally:
        process.kill()
        process.wait()
    killed = Filled(data_dir, demo(data_dir))
    assert killed.said.returncode == 0
    assert "nothing was changed" not in killed.said.stderr
    completed = json.loads(killed.python(PAYLOAD))
    assert completed["totals"]["all"]["books_finished"] == 25
    assert completed["streak"]["longest"] == payload["streak"]["longest"]
    names = "from reading.models import *; print(Session.objects.count(), PositionWrite.objects.count())"
    sessions, places = killed.python(names).split()
    assert int(sessions) == int(places) + 1  # but for that of the lost clock, each told of a place
    checked = run("stats", "rebuild", "--check", environment=killed.environment, cwd=tmp_path)
    assert checked.returncode == 0, checked.stdout


OTHERS_BOOK = (
    "from django.utils import timezone; from datetime import timedelta; from accounts.models import *; "
    "from library.models import *; from reading.rebuilding import rebuild; from reading.sessions import *; "
    "from reading.clocks import Clock; ada = Reader.objects.get(username='ada'); now = timezone.now(); "
    "report = SessionReport(started_at=now - timedelta(hours=2), ended_at=now - timedelta(hours=1), uuid='1', "
    "book_id=Book.objects.get().pk); record_sessions(ada, [report], device=None, clock=Clock(now)); rebuild(ada)"
)
OF_ADA = (
    "from accounts.models import *; from library.models import *; from reading.models import *; import json; "
    "ada = Reader.objects.get(username='ada'); book = Book.objects.get(files__path='Dracula.epub'); "
    "rows = [kind.objects.filter(reader=ada).order_by('pk').values() "
    "for kind in (Session, BookDay, ReaderDay, StatsPayload)]; "
    "print([list(each) for each in rows], Book.objects.filter(pk=book.pk).values(), book.files.all().values())"
)


@pytest.fixture
def running() -> Iterator[Service]:
    with service() as started:
        started.start()
        yield started


def test_beside_a_running_service_nothing_of_another_account_changes(running: Service) -> None:
    library = running.data_dir / "library"
    running.tome("user", "create", "ada", "--password-stdin", stdin=PASSWORD)
    make_epub(library / "Dracula.epub", title="Dracula", authors=["Bram Stoker"])
    assert running.tome("scan", "--wait").returncode == 0
    python(OTHERS_BOOK, environment=running.environment)
    before = python(OF_ADA, environment=running.environment)

    done = running.tome("demo")
    assert done.returncode == 0, done.stderr
    assert "the service that runs on this data folder" in done.stdout
    assert python(OF_ADA, environment=running.environment) == before
    assert not (library / FOLDER / "Novels" / "Dracula.epub").exists()  # it would have become one book with ada's
    payload = json.loads(python(PAYLOAD, environment=running.environment))
    assert payload["totals"]["all"]["books_finished"] == 25
    checked = running.tome("stats", "rebuild", "--check")
    assert checked.returncode == 0, checked.stdout
    assert "nothing was changed" in running.tome("demo").stderr


def test_an_account_of_that_name_that_is_somebody_s_is_left_alone(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    environment = environment_for(data_dir)
    for command in (["migrate"], ["user", "create", "demo", "--password-stdin"]):
        data_dir.mkdir(exist_ok=True)
        assert run(*command, environment=environment, cwd=tmp_path, input=PASSWORD).returncode == 0
    done = demo(data_dir)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines() == [
        "Error: There is an account 'demo' that is not the demo's. Give --data-dir a folder of its own."
    ]
    assert list((data_dir / "library").iterdir()) == []


def test_the_books_go_into_the_library_folder_that_is_named(tmp_path: Path) -> None:
    library = tmp_path / "books of ours"
    library.mkdir()
    done = demo(tmp_path / "data", "--library", str(library))
    assert done.returncode == 0, done.stderr
    assert len([path for path in (library / FOLDER).rglob("*") if path.is_file()]) == len(WORKS)
    assert f"--library '{library}'" in done.stdout


def test_on_postgresql_it_is_the_same(tmp_path: Path, postgres: PostgresServer, payload: dict[str, Any]) -> None:
    with postgres.database() as url:
        environment = environment_for(tmp_path / "data", TOME_DATABASE_URL=url)
        done = run("demo", environment=environment, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        made = json.loads(python(PAYLOAD, environment=environment))
        assert made["streak"]["longest"] == payload["streak"]["longest"]
        assert made["totals"]["all"]["books_finished"] == 25
        checked = run("stats", "rebuild", "--check", environment=environment, cwd=tmp_path)
        assert checked.returncode == 0, checked.stdout
        assert "nothing was changed" in run("demo", environment=environment, cwd=tmp_path).stderr


def test_a_library_folder_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    done = demo(tmp_path / "data", "--library", str(tmp_path / "not mounted"))
    assert (done.returncode, done.stdout) == (1, "")
    assert "not mounted does not exist" in done.stderr
    assert not (tmp_path / "not mounted").exists()


def test_a_database_of_an_earlier_version_is_left_as_it_is(copied: Filled) -> None:
    copied.python("from django.core.management import call_command; call_command('migrate', 'reading', '0001')")
    copied.python("from reading.models import *; from accounts.models import *; assert Reader.objects.exists()")
    done = copied.demo()
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("Error: The database is not up to date with this version of Tome")
