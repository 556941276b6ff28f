import os
import shutil
from collections.abc import Callable, Iterable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from library import scanning
from library.claims import this_worker
from library.models import Book, BookFile, FileHash, Import, Scan
from library.scanning import (
    SILENCE_SECONDS,
    SUDDENLY_EMPTY,
    WALK_SECONDS,
    WALKS_LIMIT,
    claim_scan,
    failures,
    finish_scans,
    latest_scan,
    queue_scan,
    scan_report,
    walk,
    with_warnings,
)
from tests.library.taking_in import import_all, scan_all

pytestmark = pytest.mark.django_db


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
    path = make_epub("a.epub", title="Old Title", identifier="urn:isbn:9780441013593")
    scan_all()
    book = Book.objects.get()
    former = book.files.get()
    make_epub("a.epub", title="New Title", identifier="urn:isbn:9780441013593")
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
    import_all()
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

    monkeypatch.setattr("library.walking.os.scandir", scandir)
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


def test_the_failure_of_a_file_that_was_removed_is_forgotten(settings: Any, make_epub: Callable[..., Path]) -> None:
    make_epub("a.epub")
    broken = settings.LIBRARY_DIR / "b.epub"
    broken.write_bytes(b"this is not a book")
    scan_all()
    broken.unlink()
    assert scan_all().failed == 0
    assert not Import.objects.filter(path="b.epub").exists()


def known(root: Path, *paths: str) -> None:
    """Files that lie in the library and are known as they are, each of a book of its own."""
    for path in paths:
        place = root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(path.encode())
        found = place.stat()
        BookFile.objects.create(
            book=Book.objects.create(title=path, title_key=path),
            path=path,
            name_key=place.name,
            format="epub",
            size=found.st_size,
            mtime_ns=found.st_mtime_ns,
            sha256=path.rjust(64, "0")[-64:],
            ko_md5="0" * 32,
        )


def present() -> set[str]:
    return set(BookFile.objects.filter(is_present=True).values_list("path", flat=True))


def walked(folder: str = "", *, paths: Iterable[str] = ()) -> Scan:
    scan = queue_scan(folder, paths=paths)
    walk(scan)
    scan.refresh_from_db()
    return scan


def dead_worker() -> str:
    """The name of a process that ran on this machine."""
    machine, boot, pid, start = this_worker().split(" ")
    return f"{machine} {boot} {pid} {float(start) - 100:.2f}"


def test_a_scan_that_waits_is_walked_once(make_epub: Callable[..., Path]) -> None:
    make_epub("a.epub")
    scan = queue_scan()
    assert claim_scan(scan.pk) is not None
    assert claim_scan(scan.pk) is None
    assert claim_scan() is None


def test_a_scan_whose_walker_was_killed_is_walked_again_at_once_and_queues_nothing_twice(settings: Any) -> None:
    for name in ("a.epub", "b.epub"):
        (settings.LIBRARY_DIR / name).write_bytes(b"x")
    scan = walked()
    before = list(Import.objects.order_by("pk").values())
    Scan.objects.update(walked=False, worker=dead_worker())
    again = claim_scan()
    assert again is not None
    assert again.worker == this_worker()
    walk(again)
    assert list(Import.objects.order_by("pk").values()) == before
    report = scan_report(scan)
    assert (report.state, report.seen, report.waiting) == ("running", 2, 2)


def test_a_scan_of_another_machine_is_taken_over_once_it_has_been_silent(settings: Any) -> None:
    known(settings.LIBRARY_DIR, "a.epub")
    scan = queue_scan()
    assert claim_scan() is not None
    elsewhere = "another-machine " + this_worker().partition(" ")[2]
    Scan.objects.update(worker=elsewhere)
    assert claim_scan() is None
    Scan.objects.update(heard_at=timezone.now() - timedelta(seconds=SILENCE_SECONDS + 1))
    assert claim_scan(scan.pk) is not None


def test_a_walk_that_was_taken_over_goes_no_further(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    known(settings.LIBRARY_DIR, "a.epub", "b.epub")
    (settings.LIBRARY_DIR / "a.epub").unlink()
    scan = queue_scan()
    real = scanning.found_below

    def found_below(*arguments: Any) -> Any:
        yield from real(*arguments)
        Scan.objects.update(started_at=timezone.now(), worker="another-machine x 1 1")

    monkeypatch.setattr(scanning, "found_below", found_below)
    monkeypatch.setattr(scanning, "HEARD_EVERY_SECONDS", 0)
    walk(scan)
    assert present() == {"a.epub", "b.epub"}
    scan.refresh_from_db()
    assert (scan.state, scan.walked, scan.worker) == ("running", False, "another-machine x 1 1")


def test_a_walk_says_how_far_it_is_and_that_it_goes_on(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    known(settings.LIBRARY_DIR, "a/1.epub", "b/2.epub", "b/3.epub", "c/4.epub")
    monkeypatch.setattr(scanning, "BATCH", 1)
    monkeypatch.setattr(scanning, "HEARD_EVERY_SECONDS", 0)
    scan = queue_scan()
    told: list[tuple[int, bool]] = []
    real = scanning.take_in

    def take_in(*arguments: Any) -> None:
        row = Scan.objects.get()
        told.append((row.seen, row.heard_at is not None and row.heard_at > long_ago))
        Scan.objects.update(heard_at=long_ago)
        real(*arguments)

    long_ago = timezone.now() - timedelta(days=1)
    monkeypatch.setattr(scanning, "take_in", take_in)
    walk(scan)
    assert told == [(0, True), (1, True), (2, True), (3, True)]


def test_a_database_that_is_busy_puts_the_scan_back(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    known(settings.LIBRARY_DIR, "a.epub")
    scan = queue_scan()

    def busy(*arguments: Any) -> None:
        raise OperationalError("database is locked")

    monkeypatch.setattr(scanning, "take_in", busy)
    with pytest.raises(OperationalError):
        walk(scan)
    monkeypatch.undo()
    assert scan_report(scan).state == "queued"
    assert claim_scan(scan.pk) is not None


def test_a_scan_that_is_broken_off_again_and_again_ends_as_failed() -> None:
    scan = queue_scan()
    long_ago = timezone.now() - timedelta(seconds=WALK_SECONDS * WALKS_LIMIT + 1)
    Scan.objects.update(state="running", queued_at=long_ago, started_at=long_ago)
    assert claim_scan() is None
    assert scan_report(scan).state == "failed"
    assert scan_report(scan).reason


def test_waiting_scans_of_the_same_are_one() -> None:
    assert queue_scan() == queue_scan()
    assert queue_scan("a") == queue_scan("a/")
    assert queue_scan(paths=["b", "a"]) == queue_scan(paths=["a", "b", "a/c.epub"])
    assert len({queue_scan().pk, queue_scan("a").pk, queue_scan(paths=["a"]).pk, queue_scan(paths=["b"]).pk}) == 4
    assert queue_scan(paths=["a", ""]) == queue_scan(paths=[""]) == queue_scan()
    under_way = claim_scan(queue_scan().pk)
    assert queue_scan() != under_way  # which is past some of its folders
    assert queue_scan().state == "queued"


def test_the_scan_to_tell_about_is_the_first_under_way_or_the_last() -> None:
    assert latest_scan() is None
    first, second = queue_scan(), queue_scan("a")
    assert latest_scan() == first
    Scan.objects.update(state="finished")
    assert latest_scan() == second


def test_a_file_that_an_import_finds_elsewhere_while_a_scan_is_under_way_is_not_taken_for_gone(
    make_epub: Callable[..., Path], settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_epub("a.epub", title="Stays")
    make_epub("b.epub", title="Moves", chapters=5)
    scan_all()
    (settings.LIBRARY_DIR / "b.epub").rename(settings.LIBRARY_DIR / "c.epub")
    walk(queue_scan())  # a first scan queues it
    real = scanning.found_below

    def found_below(*arguments: Any) -> Any:
        assert import_all() == 1  # and its import goes on while the second has begun
        yield from (found for found in real(*arguments) if found.path == "a.epub")  # which was too early for the rest

    monkeypatch.setattr(scanning, "found_below", found_below)
    walk(queue_scan())
    assert present() == {"a.epub", "c.epub"}
    assert Book.objects.get(title="Moves").is_active


def test_files_of_many_batches_are_compared_and_missed(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scanning, "BATCH", 3)
    monkeypatch.setattr(scanning, "PAGE", 4)
    names = [f"{folder}/{number}.epub" for folder in "abc" for number in range(7)]
    known(settings.LIBRARY_DIR, *names)
    gone = {"a/0.epub", "a/6.epub", "b/3.epub", "c/6.epub"}
    for name in gone:
        (settings.LIBRARY_DIR / name).unlink()
    (settings.LIBRARY_DIR / "b" / "a new one, longer than others.epub").write_bytes(b"x" * 100)
    scan = walked()
    assert (scan.seen, scan.walked) == (18, True)
    assert present() == set(names) - gone
    assert [row.path for row in Import.objects.all()] == ["b/a new one, longer than others.epub"]


def test_a_library_that_is_as_it_was_costs_few_queries_and_writes_the_scan_alone(settings: Any) -> None:
    known(settings.LIBRARY_DIR, *[f"{folder}/{number}.epub" for folder in "abcd" for number in range(10)])
    queue_scan()
    scan = claim_scan()
    assert scan is not None
    with CaptureQueriesContext(connection) as asked:
        walk(scan)
    statements = [query["sql"] for query in asked.captured_queries]
    assert len(statements) < 10
    writes = [sql for sql in statements if not sql.startswith("SELECT")]
    assert len(writes) == 1
    assert writes[0].startswith('UPDATE "library_scan"')


def test_what_a_walk_remembers_does_not_grow_with_names() -> None:
    bits = scanning.Bits()
    for number in (0, 7, 8, 100_000, 1):
        bits.add(number)
    assert [number for number in (0, 1, 2, 7, 8, 9, 99_999, 100_000, 100_001, 10**9) if number in bits] == [
        0,
        1,
        7,
        8,
        100_000,
    ]


def test_a_share_that_is_not_mounted_changes_nothing_and_says_so(settings: Any) -> None:
    lost = [f"share/{'de ep' if number % 2 else 'in'}/{number}.epub" for number in range(SUDDENLY_EMPTY)]
    known(settings.LIBRARY_DIR, "stays.epub", "goes.epub", *lost)
    shutil.rmtree(settings.LIBRARY_DIR / "share")
    (settings.LIBRARY_DIR / "share").mkdir()
    (settings.LIBRARY_DIR / "goes.epub").unlink()
    scan = walked()
    finish_scans()
    assert present() == {"stays.epub", *lost}
    [notice] = scan.notices
    assert notice.startswith(f"The folder share is empty now, and {SUDDENLY_EMPTY} books were in it")
    assert scan_report(scan).state == "finished"
    (settings.LIBRARY_DIR / "share").rmdir()  # as the notice tells who removed them
    assert walked().notices == []
    assert present() == {"stays.epub"}


def test_a_link_whose_share_is_not_mounted_changes_nothing_and_says_so(settings: Any, tmp_path: Path) -> None:
    (tmp_path / "mounted").mkdir()
    (settings.LIBRARY_DIR / "share").symlink_to(tmp_path / "mounted")
    lost = [f"share/{number}.epub" for number in range(SUDDENLY_EMPTY)]
    known(settings.LIBRARY_DIR, "stays.epub", *lost)
    assert walked().seen == len(lost) + 1
    shutil.rmtree(tmp_path / "mounted")
    assert len(walked().notices) == 1
    assert present() == {"stays.epub", *lost}


def test_a_share_that_is_not_mounted_loses_nothing_to_a_new_file_of_the_same_length(settings: Any) -> None:
    lost = [f"share/{number}.epub" for number in range(SUDDENLY_EMPTY)]
    known(settings.LIBRARY_DIR, "stays.epub", *lost)
    shutil.rmtree(settings.LIBRARY_DIR / "share")
    (settings.LIBRARY_DIR / "share").mkdir()
    (settings.LIBRARY_DIR / "new.epub").write_bytes(b"x" * len(lost[0]))
    walked()
    Import.objects.update(state="failed")
    assert finish_scans() == 1
    assert present() == {"stays.epub", *lost}


@pytest.mark.parametrize("left", [".stfolder", "cover.jpg"])
def test_a_folder_that_still_holds_something_was_emptied_on_purpose(settings: Any, left: str) -> None:
    known(settings.LIBRARY_DIR, "stays.epub", *[f"folder/{number}.epub" for number in range(SUDDENLY_EMPTY)])
    shutil.rmtree(settings.LIBRARY_DIR / "folder")
    (settings.LIBRARY_DIR / "folder").mkdir()
    (settings.LIBRARY_DIR / "folder" / left).touch()
    assert walked().notices == []
    assert present() == {"stays.epub"}


def test_a_few_books_that_are_gone_are_gone_though_their_folder_is_left(settings: Any) -> None:
    few = [f"folder/{number}.epub" for number in range(SUDDENLY_EMPTY - 1)]
    known(settings.LIBRARY_DIR, "stays.epub", *few)
    for path in few:
        (settings.LIBRARY_DIR / path).unlink()
    assert walked().notices == []
    assert present() == {"stays.epub"}


def test_what_is_no_book_is_left_out_and_named_unless_it_usually_lies_beside_books(settings: Any) -> None:
    for name in (
        "a.docx",
        "b/c.djvu",
        "b/README",
        "cover.jpg",
        "metadata.opf",
        "x.epub.part",
        ".hidden.zip",
        "b/Thumbs.db",
    ):
        (settings.LIBRARY_DIR / name).parent.mkdir(exist_ok=True)
        (settings.LIBRARY_DIR / name).touch()
    report = scan_all()
    assert (report.seen, report.failed) == (0, 0)
    assert (report.left_out, report.left_out_paths) == (3, ["a.docx", "b/README", "b/c.djvu"])
    assert Scan.objects.get().left_out == {"count": 3, "paths": ["a.docx", "b/README", "b/c.djvu"]}
    for number in range(30):
        (settings.LIBRARY_DIR / f"{number}.fb2").touch()
    report = scan_all()
    assert (report.left_out, len(report.left_out_paths)) == (33, 20)


def test_single_paths_can_be_scanned_alone(settings: Any) -> None:
    root = settings.LIBRARY_DIR
    known(root, "in/a.epub", "in/b.epub", "in/deep/c.epub", "out/d.epub", "out/e.epub")
    for gone in ("in/b.epub", "in/deep/c.epub", "out/d.epub"):
        (root / gone).unlink()
    for new in ("in/new.epub", "out/new.epub", "out/other.epub"):
        (root / new).write_bytes(b"a new one " * 9)
    scan = walked(paths=["in", "out/new.epub", "out/e.epub", "nowhere/at all.epub"])
    assert scan.seen == 4
    assert present() == {"in/a.epub", "out/d.epub", "out/e.epub"}
    assert {row.path for row in Import.objects.all()} == {"in/new.epub", "out/new.epub"}
    walked(paths=["out/d.epub"])
    assert present() == {"in/a.epub", "out/e.epub"}


def test_what_the_watcher_had_imported_is_told_by_the_next_scan(settings: Any) -> None:
    for name in ("a.epub", "b/c.epub", "d/e.epub"):
        (settings.LIBRARY_DIR / name).parent.mkdir(exist_ok=True)
        (settings.LIBRARY_DIR / name).write_bytes(name.encode())
    everything = walked(paths=[""])
    assert (everything.seen, Import.objects.filter(scan=everything).count()) == (3, 3)
    known(settings.LIBRARY_DIR, "a.epub", "b/c.epub", "d/e.epub")
    Import.objects.update(state="imported")
    assert finish_scans() == 1
    assert scan_report(walked("b")).imported == 1
    assert scan_report(walked()).imported == 2
    assert scan_report(walked()).imported == 0


def test_the_watcher_leaves_a_scan_of_the_whole_what_that_has_queued(settings: Any) -> None:
    for name in ("a.epub", "b.epub"):
        (settings.LIBRARY_DIR / name).write_bytes(name.encode())
    whole = walked()
    single = walked(paths=["a.epub"])
    assert scan_report(whole).waiting == 2
    assert finish_scans() == 1
    assert scan_report(single).state == "finished"
    again = walked()  # whoever asks later waits for all of it
    assert (scan_report(again).waiting, scan_report(whole).waiting) == (2, 0)


def test_a_library_can_be_empty_for_the_watcher_too(settings: Any) -> None:
    known(settings.LIBRARY_DIR, "a.epub")
    (settings.LIBRARY_DIR / "a.epub").unlink()
    assert walked(paths=[""]).state == "failed"
    assert present() == {"a.epub"}


def test_a_path_that_was_a_folder_takes_all_below_it_along(settings: Any) -> None:
    known(settings.LIBRARY_DIR, "a/b/1.epub", "a/b/2.epub", "a/b.epub", "a/bc/3.epub", "a/B/4.epub")
    shutil.rmtree(settings.LIBRARY_DIR / "a" / "b")
    walked(paths=["a/b"])
    assert present() == {"a/b.epub", "a/bc/3.epub", "a/B/4.epub"}


def test_single_paths_of_a_share_that_is_not_mounted_change_nothing(settings: Any) -> None:
    lost = [f"share/{number}.epub" for number in range(SUDDENLY_EMPTY + 2)]
    known(settings.LIBRARY_DIR, "stays.epub", *lost)
    shutil.rmtree(settings.LIBRARY_DIR / "share")
    (settings.LIBRARY_DIR / "share").mkdir()
    assert len(walked(paths=lost[:3]).notices) == 1
    (settings.LIBRARY_DIR / "stays.epub").unlink()
    (settings.LIBRARY_DIR / "share").rmdir()
    scan = walked(paths=["stays.epub"])
    assert (scan.state, "Is its disk mounted?" in scan.reason) == ("failed", True)
    assert present() == {"stays.epub", *lost}


@pytest.mark.parametrize(
    "path", [".hidden/a.epub", "book.sdr/a.epub", "@eaDir/a.epub", "a.epub.part", ".a.epub", "link/a.epub"]
)
def test_a_single_path_that_no_scan_would_take_is_not_taken_either(settings: Any, path: str) -> None:
    (settings.LIBRARY_DIR / "real").mkdir()
    (settings.LIBRARY_DIR / "real" / "a.epub").touch()
    (settings.LIBRARY_DIR / "link").symlink_to("real")
    (settings.LIBRARY_DIR / path).parent.mkdir(exist_ok=True)
    (settings.LIBRARY_DIR / path).touch()
    assert walked(paths=[path]).seen == 0
    assert not Import.objects.exists()


def test_a_link_to_another_place_is_followed_once_and_one_within_the_library_not(settings: Any, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "a.epub").touch()
    (outside / "back").symlink_to(settings.LIBRARY_DIR)
    (settings.LIBRARY_DIR / "inside").mkdir()
    (settings.LIBRARY_DIR / "inside" / "b.epub").touch()
    for name, target in (
        ("one", outside),
        ("two", outside),
        ("three", settings.LIBRARY_DIR / "inside"),
        ("up", tmp_path),
    ):
        (settings.LIBRARY_DIR / name).symlink_to(target)
    walked()
    assert {row.path for row in Import.objects.all()} == {"inside/b.epub", "one/a.epub"}


def test_a_failure_is_forgotten_once_the_file_is_again_as_it_is_known(settings: Any) -> None:
    known(settings.LIBRARY_DIR, "a.epub")
    Import.objects.create(path="a.epub", state="failed", reason="It was broken.", queued_at=timezone.now())
    walked()
    assert not Import.objects.exists()


def test_failures_and_warnings_are_told_when_asked_for(settings: Any) -> None:
    scan = walked()
    for path, state, warnings in (
        ("b", "failed", []),
        ("a", "failed", ["x"]),
        ("c", "imported", ["x"]),
        ("d", "imported", []),
    ):
        Import.objects.create(path=path, state=state, reason=f"{path}.", warnings=warnings, scan=scan)
    assert list(failures(scan)) == [("a", "a."), ("b", "b.")]
    assert with_warnings(scan) == 1
    with CaptureQueriesContext(connection) as asked:
        report = scan_report(scan)
    assert len(asked) == 2
    assert (report.imported, report.failed, report.waiting) == (2, 2, 0)


def test_old_scans_of_single_paths_are_forgotten_and_others_kept(settings: Any) -> None:
    long_ago = timezone.now() - timedelta(days=scanning.SCANS_KEPT_DAYS + 1)
    whole, single = queue_scan(), queue_scan(paths=["a.epub"])
    row = Import.objects.create(path="a.epub", state="imported", scan=single)
    Scan.objects.update(state="finished", finished_at=long_ago)
    young = queue_scan(paths=["a.epub"])
    walk(young)
    assert finish_scans() == 1
    assert set(Scan.objects.all()) == {whole, young}
    row.refresh_from_db()
    assert row.scan is None


def test_what_failed_stays_in_the_report_of_the_scan_that_somebody_asked_for(
    make_epub: Callable[..., Path], settings: Any
) -> None:
    make_epub("a.epub")
    (settings.LIBRARY_DIR / "b.epub").write_bytes(b"this is not a book")
    walk(scan := queue_scan())
    import_all()
    finish_scans()
    walk(queue_scan(paths=[""]))  # the watcher's, before anybody read the report
    finish_scans()
    assert [path for path, _ in failures(scan)] == ["b.epub"]
    walk(again := queue_scan())
    finish_scans()
    assert [path for path, _ in failures(again)] == ["b.epub"]


def test_a_folder_too_deep_for_its_path_to_be_stored_fails_no_scan(
    make_epub: Callable[..., Path], settings: Any
) -> None:
    make_epub("a.epub")
    here = os.open(settings.LIBRARY_DIR, os.O_RDONLY)
    for number in range(22):
        name = f"{number:02d}" * 100
        os.mkdir(name, dir_fd=here)
        inner = os.open(name, os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = inner
    os.close(here)
    try:
        report = scan_all()
        assert (report.state, report.imported, report.failed) == ("finished", 1, 1)
        [(path, sentence)] = failures(report.scan)
        assert path.startswith("…")
        assert sentence.startswith("This folder cannot be read")
    finally:
        shutil.rmtree(settings.LIBRARY_DIR)
