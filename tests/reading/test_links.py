from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from accounts.devices import DeviceClue
from accounts.models import Reader
from library.models import Book, FileLink
from library.resolving import resolve
from matching.names import title_key
from reading.clocks import Clock
from reading.files import FileReport, remember_file
from reading.links import adopt_known_files, link_file, link_to_none, unlink_file
from reading.models import BookDay, BookStatus, DeviceFile, Position, PositionWrite, Session, StaleDay
from reading.positions import PlaceReport, current_place
from reading.rebuilding import drift
from reading.refreshing import refresh
from reading.reports import PositionItem, report_batch
from reading.sessions import SessionReport
from tests.conftest import add_book, add_file
from tests.reading.conftest import KINDLE, KOBO, NOON, minutes

FILE = FileReport("scan0001.epub", ko_md5="c" * 32, size=77)
Park = Callable[..., None]


@pytest.fixture
def park(ada: Reader) -> Park:
    """A device reports half an hour in a file from noon on, and the place where it ended."""

    def report(
        uuid: str,
        file: FileReport = FILE,
        *,
        reader: Reader = ada,
        device: DeviceClue = KOBO,
        start: timedelta = timedelta(),
        percentage: float = 0.4,
        **more: Any,
    ) -> None:
        begun, ended = NOON + start, NOON + start + minutes(30)
        session = SessionReport(started_at=begun, ended_at=ended, uuid=uuid, file=file, **more)
        place = PositionItem(PlaceReport(percentage, progress="7", read_at=ended), file=file)
        report_batch(reader, [place], [session], device=device, clock=Clock(ended + minutes(1)))

    return report


def test_a_link_counts_the_sessions_that_waited_for_it(park: Park, ada: Reader, book: Book) -> None:
    park("one")
    park("two", start=minutes(60))
    assert not StaleDay.objects.exists()
    link_file(ada, FILE, book)
    refresh()
    assert set(Session.objects.values_list("book", flat=True)) == {book.pk}
    assert BookDay.objects.get().seconds == 3600
    assert drift() == []


def test_a_link_lets_the_places_that_waited_take_part(park: Park, ada: Reader, book: Book) -> None:
    park("one", percentage=0.3)
    park("two", start=minutes(60), percentage=0.5)
    link_file(ada, FILE, book)
    refresh()
    place = current_place(ada, book)
    assert place is not None
    assert (place.percentage, place.progress, place.device, place.revision) == (0.5, "7", "Kobo", 2)
    assert place.read_at == NOON + minutes(90)
    assert set(PositionWrite.objects.values_list("verdict", "book")) == {("stored", book.pk)}
    assert BookStatus.objects.get().state == "reading"


def test_places_that_waited_are_put_in_the_order_in_which_they_were_read(park: Park, ada: Reader, book: Book) -> None:
    park("later", start=minutes(60), percentage=0.5)
    park("earlier", percentage=0.3)
    link_file(ada, FILE, book)
    assert Position.objects.get().percentage == 0.5


def test_a_place_that_waited_is_stale_where_the_book_was_read_later_elsewhere(
    park: Park, put: Any, ada: Reader, book: Book
) -> None:
    park("one")
    put(KINDLE, 0.9, at=NOON + minutes(90), read_at=NOON + minutes(90))
    link_file(ada, FILE, book)
    assert Position.objects.get().percentage == 0.9
    assert list(PositionWrite.objects.order_by("pk").values_list("verdict", flat=True)) == ["stale", "stored"]


def test_the_same_place_parked_twice_makes_one_revision(park: Park, ada: Reader, book: Book) -> None:
    park("one")
    park("one")
    link_file(ada, FILE, book)
    assert Position.objects.get().revision == 1
    assert PositionWrite.objects.count() == 1


def test_linking_again_changes_nothing(park: Park, ada: Reader, book: Book) -> None:
    park("one")
    for _ in range(2):
        link_file(ada, FILE, book)
        refresh()
    assert Position.objects.get().revision == 1
    assert BookDay.objects.get().sessions == 1
    assert not StaleDay.objects.exists()


def test_after_a_link_what_comes_of_the_file_goes_straight_to_the_book(park: Park, ada: Reader, book: Book) -> None:
    link_file(ada, FILE, book)
    park("one")
    assert Session.objects.get().book == book
    assert Position.objects.get().book == book
    assert DeviceFile.objects.get().book == book


@pytest.mark.parametrize(
    ("waiting", "is_same"),
    [
        (FILE, True),
        (FileReport("renamed.epub", ko_md5="c" * 32, size=77), True),
        (FileReport("renamed.epub", ko_md5="c" * 32), True),
        (FileReport("SCAN0001.epub"), True),
        (FileReport("renamed.epub", ko_md5="c" * 32, size=78), False),
        (FileReport("scan0001.epub", ko_md5="d" * 32), False),
        (FileReport("scan0002.epub"), False),
    ],
)
def test_a_link_is_about_files_of_that_hash_or_of_that_name_without_one(
    waiting: FileReport, is_same: bool, park: Park, ada: Reader, book: Book
) -> None:
    park("one", waiting)
    link_file(ada, FILE, book)
    assert (Session.objects.get().book == book) is is_same


def test_a_session_that_cannot_be_counted_comes_along_uncounted(park: Park, ada: Reader, book: Book) -> None:
    park("one", start=timedelta(days=-30 * 365))
    link_file(ada, FILE, book)
    refresh()
    stored = Session.objects.get()
    assert (stored.book, stored.flag) == (book, "before_time")
    assert not BookDay.objects.exists()


def test_a_linked_session_takes_its_part_from_what_it_overlaps(park: Park, read: Any, ada: Reader, book: Book) -> None:
    park("waited")
    read("counted", NOON + minutes(20), 30)
    refresh()
    assert BookDay.objects.get().seconds == 1800
    link_file(ada, FILE, book)
    refresh()
    assert BookDay.objects.get().seconds == 3000
    assert drift() == []


def test_none_of_the_books_leaves_what_waits_waiting(park: Park, ada: Reader, book: Book) -> None:
    known = FileReport("A Study in Scarlet.epub")
    link_to_none(ada, known)
    park("one", known)
    assert Session.objects.get().book is None
    assert adopt_known_files()[0] == 0
    assert Session.objects.get().book is None


def test_what_was_said_can_be_taken_back_and_said_otherwise(park: Park, ada: Reader, book: Book) -> None:
    link_to_none(ada, FILE)
    park("one")
    unlink_file(ada, FILE)
    assert not FileLink.objects.exists()
    link_file(ada, FILE, book)
    assert Session.objects.get().book == book


def test_taking_back_what_was_never_said_is_no_error(ada: Reader) -> None:
    unlink_file(ada, FILE)
    assert not FileLink.objects.exists()


# --- Taking a link back ----------------------------------------------------------------------------------------------


def sessions() -> dict[str, int | None]:
    return dict(Session.objects.values_list("uuid", "book"))


@pytest.fixture
def other(db: None, make_epub: Callable[..., Path], settings: Any) -> Book:
    book = Book.objects.create(title="Emma", title_key=title_key("Emma"))
    add_file(book, make_epub("Emma.epub", title="Emma"), settings.LIBRARY_DIR)
    return book


def test_what_came_to_a_book_through_a_link_leaves_with_it(
    park: Park, read: Any, put: Any, ada: Reader, book: Book
) -> None:
    read("own", NOON, 30)
    put(KOBO, 0.2, at=NOON + minutes(30), read_at=NOON + minutes(30), ko_md5="b" * 32)
    park("waited", start=minutes(60), percentage=0.5)
    link_file(ada, FILE, book)
    park("through it", start=minutes(120), percentage=0.6)
    read("by id", NOON + minutes(180), 30, ko_md5=FILE.ko_md5)
    put(KOBO, 0.99, at=NOON + minutes(210), read_at=NOON + minutes(210), ko_md5=FILE.ko_md5)
    refresh()
    assert BookStatus.objects.get().state == "read"
    unlink_file(ada, FILE)
    refresh()
    assert sessions() == {"own": book.pk, "waited": None, "through it": None, "by id": None}
    assert {session.file for session in Session.objects.exclude(uuid="own")} == {DeviceFile.objects.get()}
    assert BookDay.objects.get().seconds == 1800
    assert BookStatus.objects.get().state == "reading"
    place = current_place(ada, book)
    assert place is not None
    assert (place.percentage, place.revision) == (0.2, 5)
    assert dict(PositionWrite.objects.values_list("percentage", "verdict")) == {
        0.2: "stored",
        0.5: "parked",
        0.6: "parked",
        0.99: "parked",
    }
    assert drift() == []


def test_a_book_whose_only_places_leave_has_none_and_its_revision_does_not_go_back(
    park: Park, put: Any, ada: Reader, book: Book
) -> None:
    park("one")
    link_file(ada, FILE, book)
    unlink_file(ada, FILE)
    refresh()
    assert current_place(ada, book) is None
    assert not BookStatus.objects.exists()
    earlier = NOON - timedelta(days=40)
    assert put(KOBO, 0.1, at=NOON, read_at=earlier, base_revision=1).revision == 3
    assert drift() == []


def test_what_lost_to_a_place_that_leaves_holds_again(park: Park, put: Any, ada: Reader, book: Book) -> None:
    link_file(ada, FILE, book)
    park("later", start=minutes(60), percentage=0.9)
    assert put(KINDLE, 0.3, at=NOON + minutes(120), read_at=NOON).verdict == "stale"
    assert put(KINDLE, 0.2, at=NOON + minutes(121), read_at=NOON - minutes(5)).verdict == "stale"
    unlink_file(ada, FILE)
    place = current_place(ada, book)
    assert place is not None
    assert place.percentage == 0.3
    refresh()
    assert BookStatus.objects.get().state == "reading"


def test_what_loses_to_what_remains_stays_where_it_is(park: Park, put: Any, ada: Reader, book: Book) -> None:
    put(KOBO, 0.2, at=NOON, read_at=NOON, ko_md5="b" * 32)
    link_file(ada, FILE, book)
    park("later", start=minutes(120), percentage=0.9)
    late = NOON + minutes(200)
    assert put(KINDLE, 0.5, at=late, read_at=NOON + minutes(60)).verdict == "stale"
    assert put(KINDLE, 0.4, at=late, read_at=NOON + minutes(90), base_revision=0).verdict == "stale"
    assert put(KINDLE, 0.1, at=late, read_at=NOON - minutes(60)).verdict == "stale"
    unlink_file(ada, FILE)
    place = current_place(ada, book)
    assert place is not None
    assert (place.percentage, place.revision) == (0.5, 3)
    verdicts = dict(PositionWrite.objects.values_list("percentage", "verdict"))
    assert verdicts == {0.2: "stored", 0.9: "parked", 0.5: "stored", 0.4: "stale", 0.1: "stale"}


def test_taking_a_link_back_and_saying_it_again_comes_to_the_same(
    park: Park, read: Any, put: Any, ada: Reader, book: Book
) -> None:
    def told() -> tuple[Any, ...]:
        refresh()
        assert drift() == []
        days = list(BookDay.objects.values_list("day", "book", "seconds", "sessions"))
        places = list(Position.objects.values_list("percentage", "progress", "device", "read_at", "is_cleared"))
        writes = list(PositionWrite.objects.order_by("pk").values_list("percentage", "verdict", "book"))
        return days, list(BookStatus.objects.values_list("state", "started_at")), places, writes, sessions()

    read("own", NOON, 30)
    put(KOBO, 0.7, at=NOON + minutes(90), read_at=NOON + minutes(20), ko_md5="b" * 32)
    park("waited", start=minutes(60))
    link_file(ada, FILE, book)
    park("through it", start=minutes(120), percentage=0.8)
    park("late", start=minutes(30), percentage=0.1)
    before = told()
    for _ in range(2):
        unlink_file(ada, FILE)
        unlink_file(ada, FILE)
        link_file(ada, FILE, book)
        assert told() == before


def test_what_was_sent_once_is_a_repetition_after_its_link_is_gone(park: Park, ada: Reader, book: Book) -> None:
    link_file(ada, FILE, book)
    park("one")
    unlink_file(ada, FILE)
    park("one")
    assert Session.objects.count() == 1
    assert PositionWrite.objects.count() == 1
    assert sessions() == {"one": None}


def test_after_taking_a_link_back_new_sessions_wait_again(park: Park, ada: Reader, book: Book) -> None:
    park("one")
    link_file(ada, FILE, book)
    unlink_file(ada, FILE)
    park("two", start=minutes(60))
    assert sessions() == {"one": None, "two": None}


def test_what_a_link_kept_from_its_own_book_goes_there(park: Park, ada: Reader, book: Book, other: Book) -> None:
    file = described(other, named="renamed.epub")
    link_file(ada, file, book)
    park("one", file)
    assert sessions() == {"one": book.pk}
    unlink_file(ada, file)
    assert sessions() == {"one": other.pk}
    assert Position.objects.get(is_cleared=False).book == other
    refresh()
    assert set(BookDay.objects.values_list("book", flat=True)) == {other.pk}
    assert drift() == []


@pytest.mark.parametrize("file", [FILE, FileReport("scan0001.epub"), FileReport("scan0001.epub", size=77)])
def test_a_link_to_another_book_takes_everything_along(
    park: Park, ada: Reader, book: Book, other: Book, file: FileReport
) -> None:
    park("waited", file)
    link_file(ada, file, book)
    park("through it", file, start=minutes(60), percentage=0.6)
    link_file(ada, file, other)
    assert set(sessions().values()) == {other.pk}
    assert current_place(ada, book) is None
    place = current_place(ada, other)
    assert place is not None
    assert place.percentage == 0.6
    refresh()
    assert set(BookDay.objects.values_list("book", flat=True)) == {other.pk}
    assert drift() == []


def test_none_of_the_books_takes_it_from_the_book_that_it_was_taken_for(park: Park, ada: Reader, book: Book) -> None:
    known = FileReport("A Study in Scarlet.epub", ko_md5="c" * 32)
    park("guessed", known)
    assert sessions() == {"guessed": book.pk}
    link_to_none(ada, known)
    assert sessions() == {"guessed": None}
    assert current_place(ada, book) is None
    unlink_file(ada, known)
    assert sessions() == {"guessed": book.pk}
    refresh()
    assert drift() == []


def test_a_link_of_the_name_goes_with_what_only_the_name_told(park: Park, ada: Reader, book: Book, other: Book) -> None:
    nameless, hashed = FileReport("scan0001.epub"), FILE
    link_file(ada, nameless, book)
    link_file(ada, hashed, other)
    park("by name", nameless)
    park("by hash", hashed, start=minutes(60))
    other_bytes = FileReport("scan0001.epub", ko_md5="d" * 32)
    park("by name with other bytes", other_bytes, start=minutes(120))
    assert sessions() == {"by name": book.pk, "by hash": other.pk, "by name with other bytes": book.pk}
    unlink_file(ada, nameless)
    assert sessions() == {"by name": None, "by hash": other.pk, "by name with other bytes": None}


def test_taking_back_what_was_said_of_a_file_takes_back_what_was_said_of_its_name(
    park: Park, ada: Reader, book: Book
) -> None:
    link_file(ada, FileReport("scan0001.epub"), book)
    park("one")
    assert sessions() == {"one": book.pk}
    unlink_file(ada, FILE)
    assert not FileLink.objects.exists()
    assert sessions() == {"one": None}


def test_another_file_with_the_same_hash_keeps_what_is_its_own(
    park: Park, read: Any, ada: Reader, book: Book, other: Book
) -> None:
    held = book.files.get()
    twin = FileReport("twin.epub", ko_md5=held.ko_md5, size=held.size + 1)
    read("of the library's file", NOON, 30, ko_md5=held.ko_md5)
    park("of the twin", twin, start=minutes(60))
    link_file(ada, twin, other)
    assert sessions() == {"of the library's file": book.pk, "of the twin": other.pk}
    unlink_file(ada, twin)
    assert sessions() == {"of the library's file": book.pk, "of the twin": None}


def test_one_readers_links_taken_back_leave_anothers_sessions(park: Park, ada: Reader, bob: Reader, book: Book) -> None:
    for reader in (ada, bob):
        link_file(reader, FILE, book)
        park("same", reader=reader)
    unlink_file(ada, FILE)
    assert dict(Session.objects.values_list("reader", "book")) == {ada.pk: None, bob.pk: book.pk}
    assert current_place(bob, book) is not None


def test_what_is_taken_back_is_adopted_once_its_book_comes(
    park: Park, ada: Reader, book: Book, make_epub: Callable[..., Path], settings: Any
) -> None:
    park("one")
    link_file(ada, FILE, book)
    unlink_file(ada, FILE)
    park("two", start=minutes(60))
    own = Book.objects.create(title="Scan", title_key=title_key("Scan"))
    add_file(own, make_epub(FILE.filename, title="Scan"), settings.LIBRARY_DIR)
    assert adopt_known_files()[0] == 1
    assert sessions() == {"one": own.pk, "two": own.pk}


def test_a_session_of_a_book_that_is_gone_comes_to_the_one_that_its_hash_is_linked_to(
    read: Any, ada: Reader, book: Book
) -> None:
    read("one", NOON, 30, book_id=4711, ko_md5=FILE.ko_md5)
    link_file(ada, FILE, book)
    assert sessions() == {"one": book.pk}


# --- Adopting after an import ----------------------------------------------------------------------------------------


def described(book: Book, *, named: str = "") -> FileReport:
    """The library's file of a book as a device that has the same bytes describes it."""
    file = book.files.get()
    return FileReport(named or Path(file.path).name, ko_md5=file.ko_md5, size=file.size)


def test_an_import_adopts_the_files_of_that_hash_and_of_that_name(
    park: Park, ada: Reader, make_epub: Callable[..., Path], settings: Any
) -> None:
    one, two = (Book.objects.create(title=title, title_key=title_key(title)) for title in ("Emma", "Persuasion"))
    paths = {book: make_epub(f"{book.title}.epub", title=book.title) for book in (one, two)}
    for book, path in paths.items():
        add_file(book, path, settings.LIBRARY_DIR)
    by_hash, by_name = described(one, named="e1.epub"), FileReport("Persuasion.epub")
    Book.objects.update(is_active=False)
    park("hash", by_hash)
    park("name", by_name, start=minutes(60))
    park("other", FileReport("Mansfield Park.epub"), start=minutes(120))
    assert adopt_known_files()[0] == 0
    Book.objects.update(is_active=True)
    assert adopt_known_files()[0] == 2
    assert dict(Session.objects.values_list("uuid", "book")) == {"hash": one.pk, "name": two.pk, "other": None}
    assert set(Position.objects.values_list("book", flat=True)) == {one.pk, two.pk}
    refresh()
    assert drift() == []
    assert adopt_known_files()[0] == 0


def test_a_file_that_could_be_two_books_stays_unattached(
    park: Park, ada: Reader, book: Book, make_epub: Callable[..., Path], settings: Any
) -> None:
    Book.objects.update(is_active=False)
    park("one", FileReport("A Study in Scarlet.epub"))
    path = make_epub("copies/A Study in Scarlet.epub", title="Another")
    add_book(path, settings.LIBRARY_DIR, title=book.title)
    Book.objects.update(is_active=True)
    assert adopt_known_files()[0] == 0
    assert Session.objects.get().book is None
    assert DeviceFile.objects.get().book is None


def test_a_file_whose_name_fits_but_whose_author_is_another_stays_unattached(
    park: Park, ada: Reader, book: Book
) -> None:
    file = FileReport("other name.epub", title="A Study in Scarlet", authors="Jane Austen")
    park("one", file)
    assert Session.objects.get().book is None
    assert adopt_known_files()[0] == 0


def test_an_import_adopts_for_each_reader_their_own(park: Park, ada: Reader, bob: Reader, book: Book) -> None:
    Book.objects.update(is_active=False)
    park("same", described(book), percentage=0.4)
    park("same", described(book), reader=bob, percentage=0.8)
    Book.objects.update(is_active=True)
    assert adopt_known_files()[0] == 2
    refresh()
    assert dict(Position.objects.values_list("reader", "percentage")) == {ada.pk: 0.4, bob.pk: 0.8}
    assert dict(BookDay.objects.values_list("reader", "sessions")) == {ada.pk: 1, bob.pk: 1}
    assert drift() == []


def test_what_one_reader_says_of_a_file_leaves_anothers_alone(park: Park, ada: Reader, bob: Reader, book: Book) -> None:
    park("same")
    park("same", reader=bob)
    link_file(bob, FILE, book)
    assert Session.objects.get(reader=ada).book is None
    assert Session.objects.get(reader=bob).book == book
    link_to_none(ada, FILE)
    unlink_file(ada, FILE)
    assert FileLink.objects.get().reader == bob
    assert resolve(ada, FILE.as_clue()).book is None
    assert resolve(bob, FILE.as_clue()).book == book


def test_a_file_that_was_unknown_is_found_by_what_its_name_says_once_such_a_book_comes(
    ada: Reader, make_epub: Callable[..., Path], settings: Any
) -> None:
    names = ["Jane Austen - Emma (Retail).epub", "Persuasion v5.0.epub", "Sanditon.epub"]
    for name in names:
        remember_file(ada, FileReport(name))
    assert adopt_known_files() == (0, False)
    add_book(make_epub("1.epub"), settings.LIBRARY_DIR, title="Emma", authors=["Jane Austen"])
    add_book(make_epub("2.epub"), settings.LIBRARY_DIR, title="Persuasion", authors=["Jane Austen"])
    found = [adopt_known_files(limit=1) for _ in names]
    assert [is_more_waiting for _, is_more_waiting in found] == [True, True, False]
    assert sum(count for count, _ in found) == 2
    assert adopt_known_files() == (0, False)
    assert [file.filename for file in DeviceFile.objects.filter(book=None)] == ["Sanditon.epub"]
