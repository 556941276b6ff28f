import json
import os
import shutil
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.utils import timezone

from library import importing
from library.claims import this_worker
from library.describing import Statement
from library.formats import stem_of
from library.hashes import name_digest
from library.importing import ATTEMPTS_LIMIT, CLAIM_SECONDS, import_next, import_some, requeue_abandoned
from library.models import Author, Book, BookFile, FileHash, FileNameDigest, Identifier, Import
from library.parsing import Parsed, Parser
from library.queries import authors_of
from library.scanning import finish_scans, queue_scan, scan_report, walk
from tests.books import PIXEL
from tests.library.taking_in import import_all, scan_all

pytestmark = pytest.mark.django_db


@pytest.fixture
def parser() -> Iterator[Parser]:
    with Parser() as parser:
        yield parser


class WatchedParser(Parser):
    """The real one; `after` is called with the file's path when it has read one."""

    def __init__(self, after: Callable[[Path], object]) -> None:
        super().__init__()
        self.after = after

    def begin(self, path: Path, format: str) -> None:
        self.path = path
        super().begin(path, format)

    def finish(self) -> Parsed:
        parsed = super().finish()
        self.after(self.path)
        return parsed


def snapshot(folder: Path) -> dict[str, tuple[int, int, bytes]]:
    return {
        str(path.relative_to(folder)): (path.stat().st_mtime_ns, path.stat().st_mode, path.read_bytes())
        for path in folder.rglob("*")
        if path.is_file()
    }


# --- What a book says of itself --------------------------------------------------------------------------------------


def test_a_book_comes_in_with_what_it_says_of_itself(make_epub: Callable[..., Path]) -> None:
    make_epub(
        "Doyle/The Sign of the Four.epub",
        title="The Sign of the Four",
        authors=["Arthur Conan Doyle", "A Second Hand"],
        series="Sherlock Holmes",
        series_index=2,
        language="en-GB",
        with_cover=True,
    )
    report = scan_all()
    assert (report.state, report.seen, report.imported, report.failed) == ("finished", 1, 1, 0)
    book = Book.objects.get()
    assert (book.title, book.title_key, book.language) == ("The Sign of the Four", "sign of the four", "en-GB")
    assert book.series is not None
    assert (book.series.name, book.series_index) == ("Sherlock Holmes", 2)
    assert [each.author.name for each in book.authorships.all()] == ["Arthur Conan Doyle", "A Second Hand"]
    file = book.files.get()
    assert (file.path, file.format, file.is_present) == ("Doyle/The Sign of the Four.epub", "epub", True)
    assert file.name_key == "the sign of the four.epub"
    assert FileHash.objects.get().sha256 == file.sha256


def test_a_cover_is_kept_as_webp_and_a_book_without_one_has_none(make_epub: Callable[..., Path], settings: Any) -> None:
    make_epub("with.epub", title="With", with_cover=True)
    make_epub("without.epub", title="Without")
    scan_all()
    cover = Book.objects.get(title="With").cover
    assert (settings.COVERS_DIR / cover).read_bytes()[8:12] == b"WEBP"
    assert Book.objects.get(title="Without").cover == ""


def test_a_file_that_states_no_title_is_called_as_it_is_named(settings: Any) -> None:
    with zipfile.ZipFile(settings.LIBRARY_DIR / "Some_Comic (2020).CBZ", "w") as archive:
        archive.writestr("1.png", PIXEL)
    scan_all()
    file = BookFile.objects.select_related("book").get()
    assert (file.format, file.book.title, file.book.title_key) == ("cbz", "Some Comic (2020)", "some comic 2020")
    assert (file.book.book_type, file.book.pages) == ("comic", 1)


def test_a_second_format_of_a_work_joins_its_book_and_adds_what_it_knows(
    make_epub: Callable[..., Path], settings: Any
) -> None:
    make_epub("Emma.epub", title="Emma", authors=["Jane Austen"])
    make_epub("elsewhere/Emma.kepub.epub", title="Emma", authors=["Austen, Jane"], with_cover=True, chapters=5)
    scan_all()
    book = Book.objects.get()
    assert {file.format: bool(file.reason) for file in book.files.all()} == {"epub": False, "kepub.epub": True}
    assert authors_of(book) == ["Jane Austen"]
    assert (settings.COVERS_DIR / book.cover).is_file()


def test_what_a_file_states_is_kept_with_its_identifiers_and_its_warnings(settings: Any, shared_or_made: Path) -> None:
    shutil.copy(shared_or_made, settings.LIBRARY_DIR / "odd.epub")
    scan_all()
    file = BookFile.objects.get()
    assert file.stated["title"] == "Odd"
    assert Identifier.objects.filter(file=file).exists()
    [warning] = Import.objects.get().warnings
    assert warning.endswith(".")


@pytest.fixture
def shared_or_made(make_epub: Callable[..., Path], tmp_path: Path) -> Path:
    """A book whose index in its series is none."""
    path = make_epub(tmp_path / "odd.epub", title="Odd", series="Numbers", series_index=float("nan"))
    return path


def test_two_books_of_one_author_and_series_share_their_rows(make_epub: Callable[..., Path]) -> None:
    make_epub("1.epub", title="One", authors=["Ada"], series="Numbers", series_index=1)
    make_epub("2.epub", title="Two", authors=["Ada"], series="Numbers", series_index=2)
    scan_all()
    assert Author.objects.count() == 1
    assert {book.series_id for book in Book.objects.all()} == {Book.objects.first().series_id}  # type: ignore[union-attr]


# --- Failures and killed workers -------------------------------------------------------------------------------------


def test_a_file_that_fails_is_a_row_with_a_sentence_and_the_rest_comes_in(
    make_epub: Callable[..., Path], settings: Any
) -> None:
    make_epub("a.epub", title="A")
    (settings.LIBRARY_DIR / "b.epub").write_bytes(b"this is not a book")
    make_epub("c.epub", title="C")
    report = scan_all()
    assert (report.state, report.seen, report.imported, report.failed) == ("finished", 3, 2, 1)
    assert report.failures == [("b.epub", "This file is not an EPUB: it is something else.")]
    assert Import.objects.get(path="b.epub").state == "failed"


def test_a_file_that_failed_is_not_read_again_but_stays_in_sight(settings: Any, make_epub: Callable[..., Path]) -> None:
    make_epub("a.epub")
    broken = settings.LIBRARY_DIR / "b.epub"
    broken.write_bytes(b"this is not a book")
    scan_all()
    first = Import.objects.values("finished_at", "reason").get(path="b.epub")
    report = scan_all()
    assert (report.imported, report.failed) == (0, 1)
    assert Import.objects.values("finished_at", "reason").get(path="b.epub") == first
    make_epub("b.epub", title="Repaired")
    assert scan_all().failed == 0
    assert Book.objects.filter(title="Repaired").exists()


def test_an_error_of_our_own_fails_that_file_alone(
    make_epub: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    make_epub("a.epub", title="A")
    make_epub("b.epub", title="B")
    real = importing.store

    def store(claimed: Import, read: Any) -> None:
        if claimed.path == "a.epub":
            raise KeyError("nobody thought of this")
        real(claimed, read)

    monkeypatch.setattr(importing, "store", store)
    report = scan_all()
    assert (report.imported, report.failed) == (1, 1)
    assert "error in Tome (KeyError)" in report.failures[0][1]
    monkeypatch.undo()  # once it is mended
    assert (scan_all().imported, Book.objects.count()) == (1, 2)


def test_a_file_whose_worker_was_killed_is_taken_again_and_given_up_after_three_times(
    make_epub: Callable[..., Path],
) -> None:
    make_epub("poison.epub", title="Poison")
    make_epub("zest.epub", title="Zest")
    walk(scan := queue_scan())

    class Killed(BaseException):
        """As a kill: nothing of ours runs after it."""

    def kill(path: Path) -> None:
        if path.name == "poison.epub":
            raise Killed

    with WatchedParser(kill) as parser:
        for attempt in range(1, ATTEMPTS_LIMIT + 1):
            with pytest.raises(Killed):
                import_next(parser)
            row = Import.objects.get(path="poison.epub")
            assert (row.state, row.attempts) == ("running", attempt)
            if attempt == 1:
                assert import_next(parser)  # the next one does not wait for it
                assert Book.objects.get().title == "Zest"
            assert not import_next(parser)  # it may be in the hands of a worker that lives
            Import.objects.filter(pk=row.pk).update(started_at=timezone.now() - timedelta(seconds=CLAIM_SECONDS + 1))
        assert not import_next(parser)
    finish_scans()
    report = scan_report(scan)
    assert (report.state, report.imported, report.failed) == ("finished", 1, 1)
    assert list(report.failures) == [("poison.epub", "This file stopped the importer three times, so it is left out.")]


def test_what_a_dead_process_of_this_machine_held_is_taken_at_once(make_epub: Callable[..., Path]) -> None:
    make_epub("a.epub")
    walk(queue_scan())
    machine, boot, pid, start = this_worker().split(" ")
    Import.objects.update(state="running", attempts=1, started_at=timezone.now(), worker=f"{machine} {boot} {pid} 1.00")
    assert import_all() == 0
    assert requeue_abandoned() == 1
    assert import_all() == 1
    Import.objects.update(state="running", started_at=timezone.now(), worker=f"{machine} {boot} {pid} {start}")
    assert requeue_abandoned() == 0


def test_a_worker_that_lost_its_claim_stores_nothing(make_epub: Callable[..., Path]) -> None:
    make_epub("a.epub")
    walk(queue_scan())

    def lose(path: Path) -> None:
        Import.objects.update(started_at=timezone.now(), attempts=2)  # another worker took this one for dead

    with WatchedParser(lose) as parser:
        assert import_next(parser)
    assert not Book.objects.exists()
    assert Import.objects.get().state == "running"


def test_a_database_that_is_away_for_a_moment_costs_no_file(
    make_epub: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    make_epub("a.epub", title="A")
    make_epub("b.epub", title="B")
    walk(queue_scan())

    def busy(*_: Any) -> None:
        raise OperationalError("database is locked")

    with monkeypatch.context() as patch:
        patch.setattr(importing, "store", busy)
        with pytest.raises(OperationalError):
            import_some(until=time.monotonic() + 60)
    # The one that was being stored, and the one that was being read meanwhile.
    assert list(Import.objects.values_list("state", flat=True)) == ["queued", "queued"]
    assert import_all() == 2
    assert Book.objects.count() == 2


def test_a_file_that_changes_while_it_is_read_is_left_for_the_next_scan(make_epub: Callable[..., Path]) -> None:
    path = make_epub("a.epub")
    walk(queue_scan())

    def append(_: Path) -> None:
        with open(path, "ab") as file:
            file.write(b"more")

    with WatchedParser(append) as parser:
        import_next(parser)
    assert "changed while it was read" in Import.objects.get().reason
    make_epub("a.epub", title="Complete at Last")
    assert scan_all().imported == 1


def test_an_upload_that_waits_is_reported_by_the_scan_that_meets_it(make_epub: Callable[..., Path]) -> None:
    from library.uploads import accept_upload

    source = make_epub("../outside.epub", title="Sent In")
    accept_upload("sent in.epub", [source.read_bytes()])
    report = scan_all()
    assert (report.seen, report.imported) == (1, 1)
    assert Book.objects.get().title == "Sent In"


def write_later(make_epub: Callable[..., Path], path: str, settings: Any, **described: Any) -> None:
    """Write another version of a file, with a later time however quick the test."""
    former = (settings.LIBRARY_DIR / path).stat().st_mtime_ns
    os.utime(make_epub(path, **described), ns=(former + 1_000_000_000, former + 1_000_000_000))


def test_another_book_in_the_place_of_one_is_another_book(make_epub: Callable[..., Path], settings: Any) -> None:
    make_epub("new.epub", title="Dune", authors=["Frank Herbert"])
    scan_all()
    dune = Book.objects.get()
    kept = (settings.LIBRARY_DIR / "new.epub").read_bytes()
    write_later(make_epub, "new.epub", settings, title="Emma", authors=["Jane Austen"])
    assert scan_all().imported == 1
    emma = Book.objects.get(title="Emma")
    dune.refresh_from_db()
    assert (dune.title, dune.is_active, emma.is_active) == ("Dune", False, True)
    assert places() == {"new.epub": (emma.pk, "Emma", True)}
    assert scan_all().imported == 0
    (settings.LIBRARY_DIR / "old.epub").write_bytes(kept)
    scan_all()
    assert places() == {"new.epub": (emma.pk, "Emma", True), "old.epub": (dune.pk, "Dune", True)}


@pytest.mark.parametrize(
    "corrected",
    [
        {"title": "Dune", "authors": ["Herbert, Frank"], "identifier": "urn:isbn:9780441013593"},
        {"title": "Dune: the first of six", "authors": ["Frank Herbert"], "identifier": "urn:test:Dune"},
        {"title": "The First", "series": "Dune", "series_index": 1, "identifier": "urn:x"},
    ],
    ids=["title kept", "identifier kept", "place in the series kept"],
)
def test_a_file_that_was_corrected_stays_its_book(
    make_epub: Callable[..., Path], settings: Any, corrected: dict[str, Any]
) -> None:
    make_epub("a.epub", title="Dune", authors=["Frank Herbert"], series="Dune", series_index=1)
    scan_all()
    before = Book.objects.get()
    write_later(make_epub, "a.epub", settings, **corrected)
    scan_all()
    assert Book.objects.get() == before
    assert Book.objects.get().title == corrected["title"]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Batman (2011)/Batman 050.cbz", "Batman (2016)/Batman 050.cbz"),
        ("Berserk/Extras/Artbook v01.cbz", "Akira/Extras/Artbook v01.cbz"),
        ("fr/One Piece v01.cbz", "en/One Piece v01.cbz"),
    ],
)
def test_comics_that_state_nothing_are_not_one_book_for_their_names(settings: Any, one: str, other: str) -> None:
    for number, path in enumerate((one, other)):
        (settings.LIBRARY_DIR / path).parent.mkdir(parents=True)
        with zipfile.ZipFile(settings.LIBRARY_DIR / path, "w") as archive:
            archive.writestr(f"{number}.png", PIXEL)
    assert scan_all().imported == 2
    assert Book.objects.count() == 2


def renamed(folder: Path, **names: str) -> None:
    """Give files other names all at once, so that one may take another's."""
    for before in names:
        (folder / f"{before}.epub").rename(folder / f"{before}.moving")
    for before, after in names.items():
        (folder / f"{before}.moving").rename(folder / f"{after}.epub")


def places() -> dict[str, tuple[int, str, bool]]:
    """Book ids, titles and whether they are active, by the paths of their files that are there."""
    files = BookFile.objects.filter(is_present=True).select_related("book")
    return {file.path: (file.book_id, file.book.title, file.book.is_active) for file in files}


def test_files_that_exchange_their_names_stay_their_own_books(make_epub: Callable[..., Path], settings: Any) -> None:
    make_epub("a.epub", title="First")
    make_epub("b.epub", title="The Second One", chapters=5)
    scan_all()
    before = places()
    renamed(settings.LIBRARY_DIR, a="b", b="a")
    assert list(scan_all().failures) == []
    assert places() == {"a.epub": before["b.epub"], "b.epub": before["a.epub"]}
    assert BookFile.objects.get(path="a.epub").name_key == "a.epub"
    assert_known_by_name()
    assert scan_all().imported == 0


def assert_known_by_name() -> None:
    """Each file can be told by the MD5 of the name that it has now."""
    for file in BookFile.objects.all():
        assert FileNameDigest.objects.filter(file=file, digest=name_digest(file.path)).exists(), file.path


@pytest.mark.parametrize("names", [{"1": "2", "2": "3", "3": "4"}, {"3": "2", "2": "1", "1": "0"}])
def test_volumes_that_are_renumbered_stay_their_own_books(
    make_epub: Callable[..., Path], settings: Any, names: dict[str, str]
) -> None:
    for number in (1, 2, 3):
        make_epub(f"{number}.epub", title=f"Volume {'I' * number}", chapters=number)
    scan_all()
    before = places()
    renamed(settings.LIBRARY_DIR, **names)
    scan_all()
    assert places() == {f"{after}.epub": before[f"{former}.epub"] for former, after in names.items()}
    assert_known_by_name()
    assert scan_all().imported == 0


def test_a_file_that_takes_the_place_of_another_leaves_that_one_gone(
    make_epub: Callable[..., Path], settings: Any
) -> None:
    make_epub("a.epub", title="Replaced")
    make_epub("b.epub", title="The Mover", chapters=5)
    scan_all()
    before = places()
    (settings.LIBRARY_DIR / "b.epub").rename(settings.LIBRARY_DIR / "a.epub")
    scan_all()
    assert places() == {"a.epub": before["b.epub"]}
    assert not Book.objects.get(title="Replaced").is_active


def test_a_file_that_could_not_be_opened_is_tried_again_by_the_next_scan(make_epub: Callable[..., Path]) -> None:
    make_epub("a.epub")
    walk(scan := queue_scan())

    def deny(_: Path) -> None:
        raise PermissionError(13, "Permission denied")

    with WatchedParser(deny) as parser:
        import_next(parser)
    assert list(scan_report(scan).failures) == [("a.epub", "This file could not be read: permission denied.")]
    report = scan_all()
    assert (report.imported, report.failed) == (1, 0)


def test_a_turn_that_is_over_leaves_the_rest_and_says_so(make_epub: Callable[..., Path]) -> None:
    for number in range(3):
        make_epub(f"{number}.epub", title=f"Book {number}")
    walk(queue_scan())
    assert import_some(until=time.monotonic()) == (1, True)
    assert sorted(Import.objects.values_list("state", flat=True)) == ["imported", "queued", "queued"]
    assert import_some(until=time.monotonic() + 60) == (2, False)


@pytest.mark.locking
@pytest.mark.django_db(transaction=True)
def test_several_workers_share_the_queue_and_take_each_file_once(make_epub: Callable[..., Path]) -> None:
    for number in range(24):
        make_epub(f"{number}.epub", title=f"Book {number}", authors=["Ada", f"Author {number % 3}"], series="Numbers")
    walk(scan := queue_scan())
    errors: list[BaseException] = []

    def work() -> None:
        try:
            import_all()
        except BaseException as error:
            errors.append(error)
        finally:
            connection.close()

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    finish_scans()
    assert errors == []
    report = scan_report(scan)
    assert (report.state, report.imported, report.failed) == ("finished", 24, 0)
    assert Book.objects.count() == BookFile.objects.count() == 24
    assert Author.objects.count() == 4


# --- Real books ------------------------------------------------------------------------------------------------------


@pytest.mark.corpus
def test_all_real_books_come_in_as_their_manifest_describes_them(shared_books: Path, settings: Any) -> None:
    described = json.loads((shared_books / "MANIFEST.json").read_text())["files"]
    for each in described:
        shutil.copy(shared_books / each["path"], settings.LIBRARY_DIR)
    report = scan_all()
    assert (report.seen, report.imported, report.failures) == (28, 28, [])
    # The Hound comes in four files, Alice in three and Frankenstein in two; all others are books of their own.
    together = [BookFile.objects.filter(path__startswith=start) for start in ("se-hound", "pg11-alice", "pg42324")]
    assert [len({file.book_id for file in files}) for files in together] == [1, 1, 1]
    assert [files.count() for files in together] == [4, 3, 2]
    assert Book.objects.count() == 28 - 3 - 2 - 1
    for each in described:
        file = BookFile.objects.select_related("book__series").get(path=each["path"])
        book = file.book
        assert (file.size, file.sha256, file.ko_md5) == (each["size"], each["sha256"], each["partial_md5"])
        assert file.format == each["format"].replace("kepub", "kepub.epub")
        stated = Statement.of(file)
        found = (stated.title or None, list(stated.authors), stated.language or None, stated.series or None)
        assert found == tuple(each[key] for key in ("title", "authors", "language", "series")), each["path"]
        assert stated.series_index == each["series_index"]
        assert "pages" not in each or stated.pages == each["pages"]
        assert book.title == (each["title"] or stem_of(each["path"]))
        assert (book.series.name if book.series else None) == series_of(described, file)
        assert authors_of(book) == each["authors"]
        assert file.cover or has_no_usable_cover(each["path"])
    assert scan_all().imported == 0


def has_no_usable_cover(name: str) -> bool:
    """One has an SVG, which is not drawn, one names an image that is not in it, and one has none."""
    return name in ("se-hound-of-the-baskervilles-advanced.epub", "debmake-doc-zh-cn.epub", "producing-oss.epub")


def series_of(described: list[dict[str, Any]], file: BookFile) -> str | None:
    """The series that the manifest states of a file or of another one of the same book."""
    paths = set(file.book.files.values_list("path", flat=True))
    return next((each["series"] for each in described if each["path"] in paths and each["series"]), None)


@pytest.mark.corpus
def test_no_hostile_file_hinders_the_others(shared_books: Path, settings: Any, make_epub: Callable[..., Path]) -> None:
    hostile = shared_books / "hostile"
    described = json.loads((hostile / "MANIFEST.json").read_text())["files"]
    books = [each for each in described if each["format"] not in ("lua", "sqlite3")]
    assert len(books) > 60
    for each in books:
        shutil.copy(hostile / each["path"], settings.LIBRARY_DIR)
    make_epub("zz the last one.epub", title="The Last One")
    before = snapshot(settings.LIBRARY_DIR)
    report = scan_all()
    assert report.state == "finished"
    assert report.seen == report.imported + report.failed == len(books) + 1
    assert Book.objects.filter(title="The Last One").exists()
    reasons = dict(report.failures)
    for each in books:
        outcome = each["expected"]["outcome"]
        if outcome == "accept":
            assert each["path"] not in reasons, reasons[each["path"]]
        elif outcome == "reject":
            assert reasons[each["path"]].endswith("."), each["path"]
    assert not any(word in reason for reason in reasons.values() for word in ("Error", "Exception", "Traceback"))
    assert snapshot(settings.LIBRARY_DIR) == before
    stored = " ".join(f"{book.title} {book.language}" for book in Book.objects.all())
    assert "root:" not in stored
    path_like = Book.objects.get(files__path="title-as-path.epub").title
    assert path_like.startswith("../../../../")  # kept as what it is, a text
    assert not (settings.LIBRARY_DIR / path_like).exists()
    assert scan_all().imported == 0
