"""`tome book`, `tome files` and `tome link`, called as the console script calls them; once against a real service."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from celery import current_app
from redis import Redis

from tests.conftest import add_file
from tests.nodes import environment_for
from tests.project.commands import Tome
from tests.project.services import python, run
from tests.workers.broker import running_redis

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


@pytest.fixture
def other(db: None, settings: Any, make_epub: Callable[..., Path]) -> Any:
    from library.models import Book
    from matching.names import title_key

    book = Book.objects.create(title="Emma", title_key=title_key("Emma"), sort_title="Emma")
    add_file(book, make_epub("Emma.epub", title="Emma"), settings.LIBRARY_DIR)
    return book


@pytest.fixture
def waiting(ada: Any) -> Any:
    """A file on Ada's Kobo that is no known book, with half an hour and a place in it."""
    from reading.files import FileReport
    from reading.models import DeviceFile

    read(ada, file=FileReport("scan0001.epub", ko_md5="c" * 32, title="Emma; or, so it says\x1b[2J"))
    return DeviceFile.objects.get()


def read(reader: Any, **named: Any) -> None:
    from accounts.devices import DeviceClue
    from reading.clocks import Clock
    from reading.positions import PlaceReport
    from reading.reports import PositionItem, report_batch
    from reading.sessions import SessionReport

    end = NOON + timedelta(minutes=30)
    session = SessionReport(started_at=NOON, ended_at=end, uuid="one", **named)
    place = PositionItem(PlaceReport(0.4, read_at=end), **named)
    report_batch(reader, [place], [session], device=DeviceClue("kobo-1", "Kobo"), clock=Clock(end))


COMMANDS = (
    ["book", "list"],
    ["book", "show"],
    ["book", "edit"],
    ["book", "merge"],
    ["book", "split"],
    ["files"],
    ["link"],
)


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_explains_itself(tome: Tome, command: list[str]) -> None:
    ended = tome(*command, "--help")
    assert ended.status == 0
    assert f"Usage: tome {' '.join(command)}" in ended.out


def test_books_are_listed_and_searched(tome: Tome, book: Any, other: Any) -> None:
    from library.models import Series

    other.series, other.series_index = Series.objects.create(name="Highbury"), 2.5
    other.save()
    lines = tome("book", "list").out.splitlines()
    assert [line.split("  ")[0] for line in lines] == [str(other.pk), str(book.pk)]  # Emma; Study in Scarlet, A
    assert lines[0].endswith("Highbury #2.5  book  epub")
    assert "A Study in Scarlet  Arthur Conan Doyle" in lines[1]
    for search, found in (("scarl", book), ("doyle", book), ("highb", other)):
        [line] = tome("book", "list", "--search", search).out.splitlines()
        assert line.startswith(str(found.pk))
    assert tome("book", "list", "--search", "nowhere") == (0, "", "There is no such book.\n")


def test_a_list_that_is_cut_says_so(tome: Tome, book: Any, other: Any) -> None:
    ended = tome("book", "list", "--limit", 1)
    assert ended.out.count("\n") == 1
    assert ended.err == "There are more; these are the first 1.\n"


def test_a_book_is_shown_with_where_each_field_comes_from(tome: Tome, book: Any) -> None:
    from library.models import Import

    file = book.files.get()
    file.stated = {"title": "A Study in Scarlet", "contributors": [["Arthur Conan Doyle", "aut", ""]]}
    file.reason = "Its bytes are those of another file."
    file.save()
    Import.objects.create(path=file.path, state="imported", file=file, warnings=["It has no cover."])
    assert tome("book", "edit", book.pk, "--language", "en").status == 0
    ended = tome("book", "show", book.pk)
    lines = [line.split() for line in ended.out.splitlines()]
    assert ["title", "A", "Study", "in", "Scarlet", "stated", "by", "file", str(file.pk)] in lines
    assert ["language", "en", "edited"] in lines
    assert ["book_type", "book", "worked", "out"] in lines
    assert f"File {file.pk}: epub, " in ended.out
    assert "A Study in Scarlet.epub" in ended.out
    assert "  Its bytes are those of another file." in ended.out
    assert "  Warning: It has no cover." in ended.out


def test_edits_are_kept_and_reset(tome: Tome, book: Any) -> None:
    edits = ["--title", "Scarlet", "--author", "One", "--author", "Two", "--series", "Holmes", "--index", "1"]
    ended = tome("book", "edit", book.pk, *edits, "--type", "comic", "--subject", "Crime")
    assert (ended.status, ended.out) == (0, "")
    assert ended.err == f"Book {book.pk} is Scarlet now.\n"
    book.refresh_from_db()
    assert (book.title, book.series.name, book.series_index, book.book_type) == ("Scarlet", "Holmes", 1.0, "comic")
    assert book.edits["authors"] == ["One", "Two"]
    assert tome("book", "edit", book.pk, "--reset", "title", "--reset", "author", "--series", "").status == 0
    book.refresh_from_db()
    assert (book.title, book.series) == ("A Study in Scarlet", None)
    assert sorted(book.edits) == ["book_type", "series", "series_index", "subjects"]


@pytest.mark.parametrize(
    ("arguments", "status", "sentence"),
    [
        (["--type", "scroll"], 1, "The type must be one of"),
        (["--index", "first"], 1, "first is no place in a series"),
        (["--title", ""], 1, "A book needs a title."),
        (["--reset", "shoe-size"], 1, "There is no field shoe_size to reset"),
        ([], 2, "Say what to change"),
    ],
)
def test_an_edit_that_cannot_be_made_is_refused_with_a_sentence(
    tome: Tome, book: Any, arguments: list[str], status: int, sentence: str
) -> None:
    ended = tome("book", "edit", book.pk, *arguments)
    assert ended.status == status
    assert sentence in ended.err
    book.refresh_from_db()
    assert book.edits == {}


def test_books_are_merged_and_split_again(tome: Tome, ada: Any, book: Any, other: Any) -> None:
    from reading.models import Position, Session

    read(ada, book_id=other.pk)
    file = other.files.get()
    ended = tome("book", "merge", book.pk, other.pk)
    assert (ended.status, ended.out) == (0, "")
    assert ended.err.startswith(f"Book {other.pk} is one with book {book.pk}, ")
    assert (Session.objects.get().book, Position.objects.get().book) == (book, book)
    assert f"It was merged into book {book.pk}." in tome("book", "show", other.pk).out
    assert tome("book", "merge", book.pk, other.pk).status == 0  # as after one that was interrupted
    ended = tome("book", "split", file.pk)
    assert (ended.status, ended.out) == (0, f"{other.pk}\n")
    assert Session.objects.get().book == other
    assert Position.objects.get(is_cleared=False).book == other
    assert "Split off by hand." in tome("book", "show", other.pk).out


def test_what_was_merged_stays_in_the_statistics(tome: Tome, ada: Any, book: Any, other: Any) -> None:
    read(ada, book_id=other.pk)
    assert tome("stats", "rebuild").status == 0
    assert tome("book", "merge", book.pk, other.pk).status == 0
    assert tome("stats", "rebuild").status == 0
    assert tome("stats", "rebuild", "--check").status == 0


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["book", "show", "4711"], "There is no book 4711; `tome book list` shows those that there are."),
        (["book", "edit", "4711", "--title", "x"], "There is no book 4711;"),
        (["book", "merge", "4711", "{book}"], "There is no book 4711;"),
        (["book", "merge", "{book}", "4711"], "There is no book 4711;"),
        (["book", "merge", "{book}", "{book}"], "A book cannot be merged into itself."),
        (["book", "merge", "{gone}", "{other}"], "Book {gone} was merged into book {book}."),
        (["book", "edit", "{gone}", "--title", "x"], "Book {gone} was merged into book {book}."),
        (["book", "split", "4711"], "There is no file 4711; `tome book show` names the files of a book."),
        (["book", "split", "{file}"], "This is the only file of its book, so there is nothing to split it from."),
        (["files", "--user", "nobody"], "There is no account 'nobody';"),
        (["link", "--user", "ada", "4711", "none"], "ada has no file 4711; `tome files --all --user ada` lists them."),
        (["link", "--user", "bob", "{waiting}", "none"], "bob has no file {waiting};"),
        (["link", "--user", "ada", "{waiting}", "4711"], "There is no book 4711;"),
    ],
)
def test_a_wrong_id_is_told_with_a_sentence(
    tome: Tome, ada: Any, bob: Any, book: Any, other: Any, waiting: Any, arguments: list[str], sentence: str
) -> None:
    from library.models import Book

    gone = Book.objects.create(title="Gone", title_key="gone", is_active=False, merged_into=book)
    ids = {"book": book.pk, "other": other.pk, "gone": gone.pk, "file": other.files.get().pk, "waiting": waiting.pk}
    ended = tome(*(argument.format(**ids) for argument in arguments))
    assert (ended.status, ended.out) == (1, "")
    assert ended.err.startswith(f"Error: {sentence.format(**ids)}")


def test_unmatched_files_are_listed_with_what_is_kept_and_what_they_might_be(
    tome: Tome, ada: Any, bob: Any, waiting: Any, other: Any
) -> None:
    from library.models import Book
    from reading.files import FileReport

    Book.objects.create(title="Emma", title_key=other.title_key)
    read(bob, file=FileReport("Emma.epub", ko_md5="d" * 32, title="Emma", authors="Somebody Else"))
    ended = tome("files", "--user", "ada")
    assert ended.status == 0
    first, kept = ended.out.splitlines()[:2]
    assert first.startswith(
        f"{waiting.pk}  ada  Emma; or, so it says\N{REPLACEMENT CHARACTER}[2J (scan0001.epub), seen "
    )
    assert kept == "  1 session, last at 40%"
    assert "bob" not in ended.out


def test_books_that_a_file_might_be_are_offered(tome: Tome, ada: Any, other: Any) -> None:
    from library.models import Book
    from reading.files import FileReport

    twin = Book.objects.create(title="Emma", title_key=other.title_key)
    add_file(twin, copy_of(other), root_of(other))
    read(ada, file=FileReport("Emma.epub"))
    out = tome("files").out
    for book in (other, twin):
        assert f"  Perhaps book {book.pk}, Emma: " in out


def root_of(book: Any) -> Path:
    from django.conf import settings

    return Path(settings.LIBRARY_DIR)


def copy_of(book: Any) -> Path:
    path = root_of(book) / "copies" / "Emma.epub"
    path.parent.mkdir()
    path.write_bytes((root_of(book) / book.files.get().path).read_bytes())
    return path


def test_a_file_is_linked_and_the_link_undone(tome: Tome, ada: Any, waiting: Any, other: Any) -> None:
    from reading.models import Session

    ended = tome("link", "--user", "ada", waiting.pk, other.pk)
    assert (ended.status, ended.out) == (0, "")
    assert ended.err == f"scan0001.epub is book {other.pk}, Emma, now.\n"
    assert Session.objects.get().book == other
    assert tome("files") == (0, "", "There are no such files.\n")
    assert f"  It is book {other.pk}, Emma." in tome("files", "--all").out
    assert tome("link", "--user", "ada", waiting.pk, "undo").status == 0
    assert Session.objects.get().book is None
    assert tome("link", "--user", "ada", waiting.pk, "none").status == 0
    assert "  You said that it is none of the books." in tome("files").out
    ended = tome("link", "--user", "ada", waiting.pk, "perhaps")
    assert ended.status == 2
    assert "Say a book's id, none or undo, not 'perhaps'." in ended.err


def test_a_running_service_is_told_at_once(
    tome: Tome, ada: Any, book: Any, other: Any, waiting: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running_redis() as redis, Redis.from_url(redis.url) as broker:
        monkeypatch.setattr(current_app.conf, "broker_url", redis.url)
        for arguments in (
            ["book", "edit", book.pk, "--title", "Scarlet"],
            ["book", "merge", book.pk, other.pk],
            ["book", "split", other.files.get().pk],
            ["link", "--user", "ada", waiting.pk, "none"],
        ):
            broker.flushall()
            assert tome(*arguments).status == 0
            told = [message for queue in ("sync", "library") for message in broker.lrange(queue, 0, -1)]  # type: ignore[union-attr]
            names = {json.loads(message)["headers"]["task"] for message in told}
            assert names == {"reading.refresh", "reading.adopt", "library.refresh_manifests"}


def test_it_works_in_a_process_of_its_own_while_no_service_runs(tmp_path: Path) -> None:
    environment = environment_for(tmp_path / "data")
    assert run("migrate", environment=environment, cwd=tmp_path).returncode == 0
    ids = python(
        "from library.models import Book, BookFile\n"
        "from accounts.models import Reader\n"
        "Reader.objects.create_user('ada')\n"
        "for n in (1, 2):\n"
        "    book = Book.objects.create(title=f'Book {n}', title_key=f'book {n}')\n"
        "    more = dict(size=1, mtime_ns=1, sha256='a', ko_md5=str(n) * 32)\n"
        "    BookFile.objects.create(book=book, path=f'Book {n}.epub', name_key='x', format='epub', **more)\n"
        "    print(book.pk)",
        environment=environment,
    ).split()
    merged = run("book", "merge", *ids, environment=environment, cwd=tmp_path)
    assert (merged.returncode, merged.stdout) == (0, "")
    listed = run("book", "list", environment=environment, cwd=tmp_path)
    assert (listed.returncode, listed.stderr) == (0, "")
    assert listed.stdout == f"{ids[0]}  Book 1  book  epub, epub\n"
