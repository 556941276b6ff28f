import json
import os
import shutil
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.utils import timezone

from library import importing, scanning
from library.importing import ATTEMPTS_LIMIT, CLAIM_SECONDS, finish_scans, import_next, queue_scan, scan_report, walk
from library.models import Author, Book, BookFile, FileHash, Import, Scan
from library.scanning import ScanReport

pytestmark = pytest.mark.django_db


def scan_all(folder: str = "") -> ScanReport:
    scan = queue_scan(folder)
    walk(scan)
    while import_next():
        pass
    finish_scans()
    return scan_report(scan)


def touch_later(path: Path) -> None:
    """A file that is written again has a later time, however quick the test."""
    found = path.stat()
    os.utime(path, ns=(found.st_atime_ns, found.st_mtime_ns + 1_000_000_000))


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


def test_formats_that_are_not_read_yet_come_in_by_name_and_hash(settings: Any) -> None:
    (settings.LIBRARY_DIR / "Some_Paper (2020).PDF").write_bytes(b"%PDF-1.7\n%%EOF\n")
    scan_all()
    file = BookFile.objects.select_related("book").get()
    assert (file.format, file.book.title, file.book.title_key) == ("pdf", "Some Paper (2020)", "some paper 2020")
    assert len(file.sha256) == 64


def test_two_books_of_one_author_and_series_share_their_rows(make_epub: Callable[..., Path]) -> None:
    make_epub("1.epub", title="One", authors=["Ada"], series="Numbers", series_index=1)
    make_epub("2.epub", title="Two", authors=["Ada"], series="Numbers", series_index=2)
    scan_all()
    assert Author.objects.count() == 1
    assert {book.series_id for book in Book.objects.all()} == {Book.objects.first().series_id}  # type: ignore[union-attr]


# --- Scanning again ---------------------------------------------------------------------------------------------------


def test_scanning_again_imports_nothing(make_epub: Callable[..., Path]) -> None:
    make_epub("a.epub")
    make_epub("b/b.epub", title="B")
    scan_all()
    before = list(Import.objects.order_by("pk").values())
    report = scan_all()
    assert (report.state, report.seen, report.imported, report.failed) == ("finished", 2, 0, 0)
    assert list(Import.objects.order_by("pk").values()) == before
    assert Book.objects.count() == 2


def test_a_scan_writes_nothing_into_the_library(make_epub: Callable[..., Path], settings: Any) -> None:
    make_epub("a.epub", with_cover=True)
    (settings.LIBRARY_DIR / "broken.epub").write_bytes(b"nothing like a book")
    (settings.LIBRARY_DIR / "notes.txt").write_text("mine")
    before = snapshot(settings.LIBRARY_DIR)
    scan_all()
    scan_all()
    assert snapshot(settings.LIBRARY_DIR) == before


def test_a_changed_file_stays_the_same_book_and_its_former_hash_is_kept(make_epub: Callable[..., Path]) -> None:
    path = make_epub("a.epub", title="Old Title")
    scan_all()
    book = Book.objects.get()
    former = book.files.get()
    make_epub("a.epub", title="New Title")
    touch_later(path)
    report = scan_all()
    assert report.imported == 1
    assert Book.objects.get().pk == book.pk
    assert Book.objects.get().title == "New Title"
    file = BookFile.objects.get()
    assert file.pk == former.pk
    assert {row.sha256 for row in FileHash.objects.all()} == {former.sha256, file.sha256}
    assert former.sha256 != file.sha256


def test_a_file_that_was_only_touched_keeps_everything(make_epub: Callable[..., Path]) -> None:
    path = make_epub("a.epub")
    scan_all()
    before = Book.objects.values().get()
    touch_later(path)
    scan_all()
    assert Book.objects.values().get() == before
    assert FileHash.objects.count() == 1
    assert scan_all().imported == 0


def test_a_file_that_is_gone_makes_its_book_inactive_and_one_that_comes_back_makes_it_active(
    make_epub: Callable[..., Path], tmp_path: Path
) -> None:
    make_epub("stays.epub", title="Stays")
    path = make_epub("goes.epub", title="Goes")
    scan_all()
    path.rename(tmp_path / "elsewhere.epub")
    scan_all()
    goes = Book.objects.get(title="Goes")
    assert not goes.is_active
    assert not goes.files.get().is_present
    assert Book.objects.get(title="Stays").is_active
    (tmp_path / "elsewhere.epub").rename(path)
    report = scan_all()
    assert report.imported == 0  # nothing has to be read again
    goes.refresh_from_db()
    assert goes.is_active
    assert goes.files.get().is_present


def test_a_renamed_file_stays_the_same_book_and_is_never_inactive(make_epub: Callable[..., Path]) -> None:
    make_epub("stays.epub", title="Stays")
    path = make_epub("before.epub", title="Moves")
    scan_all()
    book = Book.objects.get(title="Moves")
    (path.parent / "deep" / "er").mkdir(parents=True)
    path.rename(path.parent / "deep" / "er" / "after.epub")
    scan = queue_scan()
    walk(scan)
    book.refresh_from_db()
    assert book.is_active  # while its new path waits in the queue too
    while import_next():
        pass
    finish_scans()
    file = book.files.get()
    assert (file.path, file.name_key, file.is_present) == ("deep/er/after.epub", "after.epub", True)
    assert Book.objects.count() == 2
    assert Book.objects.filter(is_active=True).count() == 2


def test_a_file_that_is_gone_while_another_of_its_length_came_is_noticed_after_the_import(
    make_epub: Callable[..., Path],
) -> None:
    make_epub("one.epub", title="Eins").unlink()
    path = make_epub("one.epub", title="Eins")
    scan_all()
    path.unlink()
    other = make_epub("two.epub", title="Zwei")
    assert other.stat().st_size == BookFile.objects.get().size
    scan_all()
    assert not Book.objects.get(title="Eins").is_active
    assert Book.objects.get(title="Zwei").is_active


def test_a_second_copy_of_the_same_bytes_is_another_file_of_the_same_book(make_epub: Callable[..., Path]) -> None:
    path = make_epub("a.epub")
    shutil.copy(path, path.with_name("copy of a.epub"))
    scan_all()
    assert Book.objects.get().files.count() == 2
    path.unlink()
    scan_all()
    assert Book.objects.get().is_active
    assert [file.path for file in Book.objects.get().files.filter(is_present=True)] == ["copy of a.epub"]


def test_one_folder_can_be_scanned_alone(make_epub: Callable[..., Path]) -> None:
    make_epub("in/a.epub", title="A")
    gone = make_epub("out/b.epub", title="B")
    scan_all()
    gone.unlink()
    make_epub("out/c.epub", title="C")
    make_epub("in/d.epub", title="D")
    report = scan_all("in")
    assert (report.seen, report.imported) == (2, 1)
    assert Book.objects.get(title="B").is_active  # out of what was looked at
    assert not Book.objects.filter(title="C").exists()


# --- Folders that cannot be trusted ----------------------------------------------------------------------------------


def test_a_library_that_is_suddenly_empty_changes_nothing(make_epub: Callable[..., Path], settings: Any) -> None:
    make_epub("a.epub")
    scan_all()
    (settings.LIBRARY_DIR / "a.epub").unlink()
    report = scan_all()
    assert report.state == "failed"
    assert "where 1 were" in report.reason
    assert Book.objects.get().is_active
    assert BookFile.objects.get().is_present


def test_a_library_folder_that_is_missing_changes_nothing(make_epub: Callable[..., Path], settings: Any) -> None:
    make_epub("a.epub")
    scan_all()
    shutil.rmtree(settings.LIBRARY_DIR)
    report = scan_all()
    assert (report.state, report.finished_at is not None) == ("failed", True)
    assert "no such file or directory" in report.reason
    assert Book.objects.get().is_active


def test_an_empty_library_that_never_held_a_book_is_no_failure() -> None:
    assert scan_all().state == "finished"


def test_a_folder_that_cannot_be_read_is_named_and_its_books_stay(
    make_epub: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    make_epub("open/a.epub", title="A")
    locked = make_epub("locked/b.epub", title="B").parent
    scan_all()
    # Not by its mode: the tests may run as a user for whom no folder is locked.
    real = os.scandir

    def scandir(path: Any) -> Any:
        if str(path) == str(locked):
            raise PermissionError(13, "Permission denied", str(path))
        return real(path)

    monkeypatch.setattr("library.scanning.os.scandir", scandir)
    report = scan_all()
    assert report.failures == [("locked", "This folder cannot be read: permission denied.")]
    assert Book.objects.get(title="B").is_active
    monkeypatch.undo()
    assert scan_all().failures == []


def test_what_is_no_book_is_passed_over(make_epub: Callable[..., Path], settings: Any) -> None:
    make_epub("book.epub")
    for name in (
        "book.sdr/metadata.epub",
        "@eaDir/book.epub",
        ".hidden/book.epub",
        ".hidden.epub",
        "loading.epub.part",
        "loading.epub.crdownload",
        "loading.tmp",
        "cover.jpg",
    ):
        (settings.LIBRARY_DIR / name).parent.mkdir(exist_ok=True)
        shutil.copy(settings.LIBRARY_DIR / "book.epub", settings.LIBRARY_DIR / name)
    report = scan_all()
    assert (report.seen, report.imported, report.failed) == (1, 1, 0)


def test_a_link_that_leads_back_up_does_not_trap_the_scan(make_epub: Callable[..., Path], settings: Any) -> None:
    make_epub("folder/book.epub")
    (settings.LIBRARY_DIR / "folder" / "up").symlink_to(settings.LIBRARY_DIR, target_is_directory=True)
    assert scan_all().seen == 1


def test_a_name_that_is_not_in_utf_8_is_a_visible_failure(make_epub: Callable[..., Path], settings: Any) -> None:
    path = make_epub("good.epub")
    shutil.copy(path, os.fsencode(settings.LIBRARY_DIR) + b"/caf\xe9.epub")
    report = scan_all()
    assert (report.imported, report.failed) == (1, 1)
    assert report.failures[0][0] == "caf\ufffd.epub"
    assert "UTF-8" in report.failures[0][1]


def test_a_folder_outside_the_library_is_refused(settings: Any) -> None:
    from library.errors import OutsideLibrary

    for folder in ("..", "../elsewhere", "/etc", str(settings.LIBRARY_DIR) + "-other"):
        with pytest.raises(OutsideLibrary):
            queue_scan(folder)
    assert queue_scan(str(settings.LIBRARY_DIR / "a" / "b")).folder == "a/b"
    assert queue_scan(str(settings.LIBRARY_DIR)).folder == ""


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


def test_the_failure_of_a_file_that_was_removed_is_forgotten(settings: Any, make_epub: Callable[..., Path]) -> None:
    make_epub("a.epub")
    broken = settings.LIBRARY_DIR / "b.epub"
    broken.write_bytes(b"this is not a book")
    scan_all()
    broken.unlink()
    assert scan_all().failed == 0
    assert not Import.objects.filter(path="b.epub").exists()


def test_a_parser_that_fails_in_an_unforeseen_way_fails_that_file_alone(
    make_epub: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    make_epub("a.epub", title="A")
    make_epub("b.epub", title="B")
    real = importing.read_epub

    def read(path: Path) -> Any:
        if path.name == "a.epub":
            raise RecursionError("deeper than anybody thought")
        return real(path)

    monkeypatch.setattr(importing, "read_epub", read)
    report = scan_all()
    assert (report.imported, report.failed) == (1, 1)
    assert "RecursionError" in report.failures[0][1]


def test_a_file_whose_worker_was_killed_is_taken_again_and_given_up_after_three_times(
    make_epub: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    make_epub("poison.epub", title="Poison")
    make_epub("zest.epub", title="Zest")
    walk(scan := queue_scan())

    class Killed(BaseException):
        """As a kill: nothing of ours runs after it."""

    real = importing.read_file

    def read(path: str) -> Any:
        if path == "poison.epub":
            raise Killed
        return real(path)

    monkeypatch.setattr(importing, "read_file", read)
    for attempt in range(1, ATTEMPTS_LIMIT + 1):
        with pytest.raises(Killed):
            import_next()
        row = Import.objects.get(path="poison.epub")
        assert (row.state, row.attempts) == ("running", attempt)
        if attempt == 1:
            assert import_next()  # the next one does not wait for it
            assert Book.objects.get().title == "Zest"
        assert not import_next()  # it may be in the hands of a worker that lives
        Import.objects.filter(pk=row.pk).update(started_at=timezone.now() - timedelta(seconds=CLAIM_SECONDS + 1))
    assert not import_next()
    finish_scans()
    report = scan_report(scan)
    assert (report.state, report.imported, report.failed) == ("finished", 1, 1)
    assert report.failures == [("poison.epub", "This file stopped the importer three times, so it is left out.")]


def test_a_worker_that_lost_its_claim_stores_nothing(
    make_epub: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    make_epub("a.epub")
    walk(queue_scan())
    real = importing.read_file

    def read_slowly(path: str) -> Any:
        read = real(path)
        # Meanwhile another worker took this one for dead.
        Import.objects.update(started_at=timezone.now(), attempts=2)
        return read

    monkeypatch.setattr(importing, "read_file", read_slowly)
    assert import_next()
    assert not Book.objects.exists()
    assert Import.objects.get().state == "running"


def test_a_database_that_is_away_for_a_moment_costs_no_file(
    make_epub: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    make_epub("a.epub")
    walk(queue_scan())

    def busy(*_: Any) -> None:
        raise OperationalError("database is locked")

    with monkeypatch.context() as patch:
        patch.setattr(importing, "store", busy)
        with pytest.raises(OperationalError):
            import_next()
    assert Import.objects.get().state == "queued"
    assert import_next()
    assert Book.objects.count() == 1


def test_a_file_that_changes_while_it_is_read_is_left_for_the_next_scan(
    make_epub: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make_epub("a.epub")
    walk(queue_scan())
    real = importing.digests

    def digests(location: Path) -> Any:
        with open(path, "ab") as file:
            file.write(b"more")
        return real(location)

    monkeypatch.setattr(importing, "digests", digests)
    import_next()
    assert "changed while it was read" in Import.objects.get().reason
    monkeypatch.undo()
    make_epub("a.epub", title="Complete at Last")
    assert scan_all().imported == 1


def test_a_scan_that_waits_is_walked_once_and_a_scan_whose_walker_was_killed_is_walked_again(
    make_epub: Callable[..., Path],
) -> None:
    from library.scanning import WALK_SECONDS, claim_scan

    make_epub("a.epub")
    scan = queue_scan()
    assert claim_scan(scan.pk) is not None
    assert claim_scan(scan.pk) is None
    assert claim_scan() is None
    Scan.objects.update(started_at=timezone.now() - timedelta(seconds=WALK_SECONDS + 1))
    again = claim_scan()
    assert again is not None
    walk(again)
    assert scan_report(scan).waiting == 1


def test_a_scan_that_is_broken_off_again_and_again_ends_as_failed(make_epub: Callable[..., Path]) -> None:
    from library.scanning import WALK_SECONDS, WALKS_LIMIT, claim_scan

    scan = queue_scan()
    long_ago = timezone.now() - timedelta(seconds=WALK_SECONDS * WALKS_LIMIT + 1)
    Scan.objects.update(state="running", queued_at=long_ago, started_at=long_ago)
    assert claim_scan() is None
    assert scan_report(scan).state == "failed"
    assert scan_report(scan).reason


def test_an_upload_that_waits_is_reported_by_the_scan_that_meets_it(make_epub: Callable[..., Path]) -> None:
    from library.uploads import accept_upload

    source = make_epub("../outside.epub", title="Sent In")
    accept_upload("sent in.epub", [source.read_bytes()])
    report = scan_all()
    assert (report.seen, report.imported) == (1, 1)
    assert Book.objects.get().title == "Sent In"


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
    assert scan_all().failures == []
    assert places() == {"a.epub": before["b.epub"], "b.epub": before["a.epub"]}
    assert BookFile.objects.get(path="a.epub").name_key == "a.epub"
    assert scan_all().imported == 0


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
    assert scan_all().imported == 0


def test_a_file_that_an_import_finds_elsewhere_while_a_scan_is_under_way_is_not_taken_for_gone(
    make_epub: Callable[..., Path], settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_epub("a.epub", title="Stays")
    make_epub("b.epub", title="Moves", chapters=5)
    scan_all()
    renamed(settings.LIBRARY_DIR, b="c")
    walk(queue_scan())  # a first scan queues it
    real = scanning.found_below

    def found_below(*arguments: Any) -> Any:
        assert import_next()  # and its import goes on while the second has begun
        yield from (found for found in real(*arguments) if found.path == "a.epub")  # which was too early for the rest

    monkeypatch.setattr(scanning, "found_below", found_below)
    walk(queue_scan())
    assert places()["c.epub"][1:] == ("Moves", True)


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


def test_a_file_that_could_not_be_opened_is_tried_again_by_the_next_scan(
    make_epub: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    make_epub("a.epub")

    def denied(*_: Any) -> None:
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patch:
        patch.setattr(importing, "check_content", denied)
        assert scan_all().failures == [("a.epub", "This file could not be read: permission denied.")]
    report = scan_all()
    assert (report.imported, report.failed) == (1, 0)


@pytest.mark.locking
@pytest.mark.django_db(transaction=True)
def test_several_workers_share_the_queue_and_take_each_file_once(make_epub: Callable[..., Path]) -> None:
    for number in range(24):
        make_epub(f"{number}.epub", title=f"Book {number}", authors=["Ada", f"Author {number % 3}"], series="Numbers")
    walk(scan := queue_scan())
    errors: list[BaseException] = []

    def work() -> None:
        try:
            while import_next():
                pass
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
    assert Book.objects.count() == len(described) == 28
    for each in described:
        file = BookFile.objects.select_related("book__series").get(path=each["path"])
        book = file.book
        assert (file.size, file.sha256, file.ko_md5) == (each["size"], each["sha256"], each["partial_md5"])
        assert file.format == each["format"].replace("kepub", "kepub.epub")
        if each["format"] in ("epub", "kepub"):
            authors = [authorship.author.name for authorship in book.authorships.all()]
            series = book.series.name if book.series else None
            found = (book.title, authors, book.language, series, book.series_index)
            expected = tuple(each[key] for key in ("title", "authors", "language", "series", "series_index"))
            assert found == expected, each["path"]
            assert not each["structure"]["declared_cover"] or book.cover or has_no_usable_cover(each["path"])
        else:
            assert book.title
    assert scan_all().imported == 0


def has_no_usable_cover(name: str) -> bool:
    """One has an SVG, which is not drawn, and one names an image that is not in it."""
    return name in ("se-hound-of-the-baskervilles-advanced.epub", "debmake-doc-zh-cn.epub")


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
