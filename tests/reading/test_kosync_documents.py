"""Which book a document is, what is kept of one that is none yet, and what a replayed queue is worth."""

import hashlib
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from accounts.devices import DeviceClue
from accounts.models import Reader
from library.models import Book, FileHash
from reading.clocks import Clock
from reading.documents import document_report, find_document, place_of_document
from reading.files import FileReport, report_of
from reading.links import adopt_known_files, link_file, link_to_none, unlink_file
from reading.merging import merge_books, split_file
from reading.models import BookStatus, DeviceFile, Position, PositionWrite
from reading.positions import PlaceReport, current_place, rebuild_position
from reading.refreshing import refresh
from reading.reports import PositionItem, report_batch, report_document
from tests.conftest import add_book, add_file
from tests.reading.conftest import KINDLE, KOBO, NOON, minutes

UNKNOWN = "0123456789abcdef0123456789abcdef"
XPOINTER = "/body/DocFragment[9]/body/p[3]/text().12"
STOCK = DeviceClue("STOCK1", "Kobo_nova")
Push = Callable[..., int | None]
Shelve = Callable[..., Book]


def md5_of(name: str) -> str:
    return hashlib.md5(name.encode()).hexdigest()


@pytest.fixture
def push(ada: Reader) -> Push:
    """A stock KOReader of Ada's pushes: `push("md5", 0.4, at=NOON, filename=...)`; the id of the book."""

    def report(
        document: str,
        percentage: float,
        progress: str = "",
        *,
        at: datetime = NOON,
        device: DeviceClue = STOCK,
        reader: Reader = ada,
        **metadata: str,
    ) -> int | None:
        place = PlaceReport(percentage, progress or str(round(percentage * 100)), is_answered=False)
        return report_document(reader, document_report(document, **metadata), place, device=device, clock=Clock(at))

    return report


@pytest.fixture
def shelve(db: None, make_epub: Callable[..., Path], settings: Any) -> Shelve:
    """A book of the library with a file: `shelve("Emma", "folder/Emma.epub")`."""

    def add(title: str, path: str, *, authors: tuple[str, ...] = (), content: str = "") -> Book:
        file = make_epub(path, title=content or title)
        return add_book(file, settings.LIBRARY_DIR, title=title, authors=authors)

    return add


def found(reader: Reader, document: str, **metadata: str) -> int | None:
    book = find_document(reader, document_report(document, **metadata)).book
    return book.pk if book else None


def place(reader: Reader, document: str) -> tuple[float, str] | None:
    kept = place_of_document(reader, document_report(document))
    return (kept.percentage, kept.progress) if kept else None


def verdicts() -> list[str]:
    return list(PositionWrite.objects.order_by("pk").values_list("verdict", flat=True))


# --- Which book it is ------------------------------------------------------------------------------------------------


def test_a_hash_that_a_file_once_had_is_known(ada: Reader, book: Book) -> None:
    file = book.files.get()
    FileHash.objects.create(file=file, sha256="0" * 64, ko_md5=UNKNOWN, size=7)
    assert found(ada, file.ko_md5) == found(ada, UNKNOWN) == book.pk


def test_a_hash_of_two_books_is_neither_and_a_name_decides(ada: Reader, shelve: Shelve) -> None:
    one, two = shelve("Emma", "Emma.epub"), shelve("Persuasion", "Persuasion.epub")
    for each in (one, two):
        FileHash.objects.create(file=each.files.get(), sha256="0" * 64, ko_md5=UNKNOWN, size=7)
    assert found(ada, UNKNOWN) is None
    assert found(ada, UNKNOWN, filename="Persuasion.epub") == two.pk
    Book.objects.filter(pk=one.pk).update(is_active=False)
    assert found(ada, UNKNOWN) == two.pk


@pytest.mark.parametrize("name", ["A Study in Scarlet.epub", "Arthur Conan Doyle - A Study in Scarlet.epub"])
def test_every_name_that_tome_gives_a_file_is_known(name: str, ada: Reader, book: Book) -> None:
    assert found(ada, md5_of(name)) == book.pk
    assert found(ada, md5_of("Another.epub")) is None


def test_a_name_of_a_file_gives_the_hash_of_the_file(ada: Reader, book: Book, push: Push) -> None:
    push(md5_of("A Study in Scarlet.epub"), 0.5, XPOINTER)
    assert PositionWrite.objects.get().ko_md5 == book.files.get().ko_md5
    assert not DeviceFile.objects.exists()


def test_of_two_books_the_one_that_is_called_so_today_is_meant(
    ada: Reader, shelve: Shelve, make_epub: Callable[..., Path]
) -> None:
    from library.known_names import keep_path

    one, two = shelve("Emma", "Emma.epub"), shelve("Persuasion", "Persuasion.epub")
    keep_path(two.files.get().pk, "Emma.epub")  # it was called so before
    assert found(ada, md5_of("Emma.epub")) == one.pk
    shelve("Emma", "copies/Emma.epub", content="Another edition")
    assert found(ada, md5_of("Emma.epub")) is None


def test_a_book_that_was_merged_stands_for_the_one_that_stayed(ada: Reader, shelve: Shelve, push: Push) -> None:
    one, two = shelve("Emma", "Emma.epub"), shelve("Emma (1815)", "Emma 1815.epub")
    link_file(ada, FileReport("scan.epub", ko_md5=UNKNOWN), two)
    md5 = two.files.get().ko_md5
    push(md5, 0.5)
    merge_books(one, two)
    assert found(ada, md5) == found(ada, md5_of("Emma 1815.epub")) == found(ada, UNKNOWN) == one.pk
    assert push(md5, 0.6, at=NOON + minutes(1)) == one.pk
    assert place(ada, md5) == (0.6, "60")
    split_file(two.files.model.objects.get(ko_md5=md5))
    assert found(ada, md5) == found(ada, UNKNOWN) == two.pk


def test_what_the_reader_said_comes_before_hash_and_name(ada: Reader, bob: Reader, book: Book, shelve: Shelve) -> None:
    other = shelve("Emma", "Emma.epub")
    md5 = book.files.get().ko_md5
    link_file(ada, FileReport("whatever.epub", ko_md5=md5), other)
    assert (found(ada, md5), found(bob, md5)) == (other.pk, book.pk)
    name = "A Study in Scarlet.epub"
    assert found(ada, md5_of(name)) == book.pk
    link_file(ada, FileReport(name), other)
    assert (found(ada, md5_of(name)), found(bob, md5_of(name))) == (other.pk, book.pk)
    link_to_none(ada, FileReport("whatever.epub", ko_md5=md5))
    assert (found(ada, md5), found(bob, md5)) == (None, book.pk)


def test_newer_clients_tell_the_name_and_a_later_question_needs_none(
    ada: Reader, bob: Reader, book: Book, push: Push
) -> None:
    told = {"filename": "A Study in Scarlet.epub", "title": "A Study in Scarlet", "authors": "Arthur Conan Doyle"}
    assert push(UNKNOWN, 0.5, **told) == book.pk
    assert place(ada, UNKNOWN) == (0.5, "50")
    assert push(UNKNOWN, 0.6, at=NOON + minutes(1)) == book.pk
    assert PositionWrite.objects.last().ko_md5 == UNKNOWN  # type: ignore[union-attr]
    assert found(bob, UNKNOWN) is None


def test_a_name_that_could_be_two_books_is_neither(ada: Reader, book: Book, shelve: Shelve, push: Push) -> None:
    shelve("A Study in Scarlet", "copies/A Study in Scarlet.epub", content="Another")
    assert push(UNKNOWN, 0.5, filename="A Study in Scarlet.epub") is None
    assert DeviceFile.objects.get().filename == "A Study in Scarlet.epub"


def test_a_document_may_be_the_file_name_itself(ada: Reader, book: Book, push: Push) -> None:
    assert push("A Study in Scarlet.epub", 0.5) == book.pk
    assert place(ada, "A Study in Scarlet.epub") == (0.5, "50")


def test_what_is_told_later_is_kept_and_not_forgotten(push: Push, db: None) -> None:
    push(UNKNOWN, 0.1)
    assert DeviceFile.objects.get().filename == UNKNOWN
    push(UNKNOWN, 0.2, at=NOON + minutes(1), filename="folder/scan.epub", title="Scan", authors="Nobody")
    push(UNKNOWN, 0.3, at=NOON + minutes(2))
    kept = DeviceFile.objects.get()
    assert (kept.filename, kept.title, kept.authors) == ("scan.epub", "Scan", "Nobody")
    assert (kept.document, kept.ko_md5, kept.name_key) == (UNKNOWN, UNKNOWN, UNKNOWN)


def test_what_waited_is_handed_over_when_a_push_tells_the_name(ada: Reader, book: Book, push: Push) -> None:
    push(UNKNOWN, 0.5)
    assert adopt_known_files()[0] == 0
    told = {"filename": "A Study in Scarlet.epub"}
    assert push(UNKNOWN, 0.4, at=NOON + minutes(30), **told) == book.pk
    assert verdicts() == ["stored", "stored"]
    assert place(ada, UNKNOWN) == (0.4, "40")
    assert Position.objects.get().revision == 2


# --- A book whose file is away ---------------------------------------------------------------------------------------


def test_a_push_to_a_book_that_is_away_waits_until_it_is_back(ada: Reader, book: Book, push: Push) -> None:
    md5 = book.files.get().ko_md5
    push(md5, 0.2)
    Book.objects.update(is_active=False)
    assert push(md5, 0.4, at=NOON + minutes(30)) is None
    assert place(ada, md5) == (0.4, "40")
    Book.objects.update(is_active=True)
    assert adopt_known_files()[0] == 1
    assert place(ada, md5) == (0.4, "40")
    assert Position.objects.get().percentage == 0.4
    refresh()
    assert BookStatus.objects.get().state == "reading"


# --- Adopting and linking --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["contents", "name"])
def test_what_waited_comes_to_the_book_that_arrives(
    mode: str, ada: Reader, bob: Reader, push: Push, shelve: Shelve, make_epub: Callable[..., Path]
) -> None:
    from tests.books import partial_md5

    document = md5_of("Emma.epub") if mode == "name" else partial_md5(make_epub("Emma.epub", title="Emma"))
    push(document, 0.3, XPOINTER)
    push(document, 0.4, XPOINTER, at=NOON + minutes(30))
    push(document, 0.9, XPOINTER, reader=bob)
    emma = shelve("Emma", "Emma.epub")
    assert adopt_known_files()[0] == 2
    mine = current_place(ada, emma, ko_md5=emma.files.get().ko_md5)
    assert mine is not None
    assert (mine.percentage, mine.progress, mine.revision) == (0.4, XPOINTER, 2)
    assert place(ada, document) == (0.4, XPOINTER)
    assert place(bob, document) == (0.9, XPOINTER)
    assert set(PositionWrite.objects.values_list("ko_md5", flat=True)) == {emma.files.get().ko_md5}
    assert adopt_known_files()[0] == 0


def test_a_document_whose_name_two_books_have_waits_on(push: Push, shelve: Shelve, ada: Reader) -> None:
    push(md5_of("Emma.epub"), 0.3)
    shelve("Emma", "Emma.epub")
    shelve("Emma", "copies/Emma.epub", content="Another edition")
    assert adopt_known_files()[0] == 0
    assert place(ada, md5_of("Emma.epub")) == (0.3, "30")


@pytest.mark.parametrize("document", [UNKNOWN, "odd one"])
@pytest.mark.parametrize("metadata", [{}, {"filename": "scan.epub"}])
def test_a_reader_says_which_book_it_is_and_takes_it_back(
    document: str, metadata: dict[str, str], ada: Reader, book: Book, push: Push
) -> None:
    push(document, 0.3, XPOINTER, **metadata)
    file = report_of(DeviceFile.objects.get())
    link_file(ada, file, book)
    assert found(ada, document) == book.pk
    assert place(ada, document) == (0.3, XPOINTER)
    assert push(document, 0.4, XPOINTER, at=NOON + minutes(1)) == book.pk
    unlink_file(ada, file)
    assert found(ada, document) is None
    assert not PositionWrite.objects.exclude(book=None).exists()
    assert place(ada, document) == (0.4, XPOINTER)
    link_to_none(ada, file)
    assert push(document, 0.5, XPOINTER, at=NOON + minutes(2)) is None
    assert place(ada, document) == (0.5, XPOINTER)
    link_file(ada, file, book)
    assert place(ada, document) == (0.5, XPOINTER)
    assert DeviceFile.objects.count() == 1


@pytest.mark.parametrize("file", [FileReport("scan.epub"), FileReport("scan.epub", ko_md5="b" * 32)])
def test_a_link_of_the_file_brings_the_document_of_its_name(
    file: FileReport, ada: Reader, book: Book, push: Push
) -> None:
    document = md5_of("scan.epub")
    push(document, 0.3, XPOINTER)
    link_file(ada, file, book)
    assert place(ada, document) == (0.3, XPOINTER)
    mine = current_place(ada, book, ko_md5=file.ko_md5)
    assert mine is not None
    assert mine.progress == XPOINTER
    unlink_file(ada, file)
    assert Position.objects.get().is_cleared
    assert place(ada, document) == (0.3, XPOINTER)


def test_the_plugins_place_and_the_clients_wait_together(ada: Reader, push: Push) -> None:
    push(UNKNOWN, 0.3)
    item = PositionItem(PlaceReport(0.6, "60", read_at=NOON + minutes(10)), file=FileReport("x.epub", ko_md5=UNKNOWN))
    report_batch(ada, [item], [], device=KOBO, clock=Clock(NOON + minutes(20)))
    assert place(ada, UNKNOWN) == (0.6, "60")
    # Behind what was read on the other device since this one was last heard of.
    push(UNKNOWN, 0.4, at=NOON + minutes(30))
    assert place(ada, UNKNOWN) == (0.6, "60")
    assert verdicts() == ["parked", "parked", "stale"]


# --- Replayed queues -------------------------------------------------------------------------------------------------


def test_what_was_replayed_into_the_dark_does_not_undo_the_books_place(
    ada: Reader, book: Book, push: Push, put: Any
) -> None:
    document = "scan"
    push(document, 0.1)
    put(KINDLE, 0.6, at=NOON + minutes(60), read_at=NOON + minutes(60), progress="60")
    for n, percentage in enumerate((0.2, 0.3)):
        push(document, percentage, at=NOON + minutes(90) + minutes(n / 10))
    assert place(ada, document) == (0.3, "30")
    link_file(ada, report_of(DeviceFile.objects.get()), book)
    assert Position.objects.get().percentage == 0.6
    # Further on, it is the reader's latest place.
    push(document, 0.7, at=NOON + minutes(100))
    assert place(ada, document) == (0.7, "70")


def test_one_that_lost_among_the_parked_wins_once_the_winner_is_another_book(
    ada: Reader, book: Book, push: Push, shelve: Shelve
) -> None:
    push(UNKNOWN, 0.6, device=KINDLE)
    push(UNKNOWN, 0.3, at=NOON + minutes(5))
    assert verdicts() == ["parked", "stale"]
    link_file(ada, report_of(DeviceFile.objects.get()), book)
    assert Position.objects.get().percentage == 0.6
    assert verdicts() == ["stored", "stale"]
    PositionWrite.objects.filter(percentage=0.6).delete()
    unlink_file(ada, report_of(DeviceFile.objects.get()))
    assert verdicts() == ["parked"]
    assert place(ada, UNKNOWN) == (0.3, "30")


@pytest.mark.parametrize("seconds", [2, 19])
def test_a_rebuilt_place_is_the_one_that_was_decided_on(seconds: int, ada: Reader, book: Book, push: Push) -> None:
    md5 = book.files.get().ko_md5
    push(md5, 0.1)
    push(md5, 0.6, at=NOON + minutes(60), device=KINDLE)
    for n, percentage in enumerate((0.2, 0.25, 0.3)):
        push(md5, percentage, at=NOON + minutes(90 + n * seconds / 60))
    push(md5, 0.55, at=NOON + minutes(100), device=KINDLE)
    before = verdicts()
    assert before == ["stored", "stored", "stale", "stale", "stale", "stored"]
    place_before = Position.objects.values().get()
    rebuild_position(ada, book)
    assert verdicts() == before
    assert Position.objects.values().get() == place_before
    # Without the last one, which was read latest, the burst still loses to what it lost to.
    PositionWrite.objects.filter(percentage=0.55).delete()
    rebuild_position(ada, book)
    assert verdicts() == before[:-1]
    assert Position.objects.get().percentage == 0.6


def test_a_run_ends_with_a_pause(book: Book, push: Push) -> None:
    md5 = book.files.get().ko_md5
    push(md5, 0.6, device=KINDLE)
    push(md5, 0.2, at=NOON + minutes(60))
    push(md5, 0.3, at=NOON + minutes(60 + 21 / 60))
    assert verdicts() == ["stored", "stale", "stored"]


def test_the_plugin_is_told_of_the_place_and_so_needs_no_pause(put: Any, book: Book) -> None:
    put(KINDLE, 0.6, at=NOON)
    assert put(KOBO, 0.2, at=NOON + minutes(60)).verdict == "stale"
    assert put(KOBO, 0.3, at=NOON + minutes(60.1)).verdict == "stored"


def test_other_formats_of_a_book_do_not_get_each_others_locators(
    ada: Reader, book: Book, push: Push, settings: Any
) -> None:
    path = settings.LIBRARY_DIR / "A Study in Scarlet.pdf"
    path.write_bytes(b"%PDF-1.4")
    add_file(book, path, settings.LIBRARY_DIR)
    from library.describing import describe

    describe(book)
    push(md5_of("A Study in Scarlet.epub"), 0.5, XPOINTER)
    assert place(ada, md5_of("A Study in Scarlet.epub")) == (0.5, XPOINTER)
    assert place(ada, md5_of("A Study in Scarlet.pdf")) == (0.5, "")
