"""Books merged and split by hand: nothing that was read is lost, counted twice, or mixed."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from threading import Barrier
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from accounts.devices import DeviceClue
from accounts.models import Reader
from library.errors import LibraryError
from library.inbox import mark_delivered, open_items, send_to_inbox
from library.models import Book, BookFile, FileLink
from library.queries import visible_book
from library.resolving import resolve
from matching.names import title_key
from reading import merging
from reading.clocks import Clock
from reading.files import FileReport
from reading.links import link_file
from reading.merging import finish_regroupings, merge_books, split_file
from reading.models import (
    BookDay,
    BookStatus,
    DeviceFile,
    Position,
    PositionWrite,
    Regrouping,
    Session,
    StatusFact,
    StatusState,
)
from reading.positions import PlaceReport, PlaceVerdict, current_place, rebuild_position
from reading.rebuilding import drift
from reading.refreshing import refresh
from reading.reports import PositionItem, PositionOutcome, Refusal, report_batch, report_position
from reading.sessions import SessionReport, SessionVerdict
from reading.status import set_status
from reading.turns import take_turn
from tests.conftest import add_file
from tests.reading.conftest import KINDLE, KOBO, minutes

NOW = timezone.now()
YESTERDAY = NOW - timedelta(days=1)
TABLET = DeviceClue("tablet-1", "Tablet")


@pytest.fixture
def other(db: None, make_epub: Callable[..., Path], settings: Any) -> Book:
    """The same work once more, taken in as a book of its own."""
    return new_book("Study in Scarlet, A", make_epub, settings)


def new_book(title: str, make_epub: Callable[..., Path], settings: Any) -> Book:
    book = Book.objects.create(title=title, title_key=title_key(title))
    add_file(book, make_epub(f"{title}.epub", title=title), settings.LIBRARY_DIR)
    return book


def md5_of(book: Book) -> str:
    return book.files.get().ko_md5


def send(
    reader: Reader,
    uuid: str,
    *,
    start: datetime = YESTERDAY,
    device: DeviceClue = KOBO,
    at: datetime | None = None,
    percentage: float | None = None,
    **more: Any,
) -> tuple[SessionVerdict | Refusal, PositionOutcome | Refusal | None]:
    """A device reports half an hour, and the place where it ended if one is given."""
    ended = start + minutes(30)
    session = SessionReport(started_at=start, ended_at=ended, uuid=uuid, progress_end=percentage, **more)
    named = {name: more[name] for name in ("book_id", "file") if name in more}
    place = PlaceReport(percentage or 0.0, read_at=ended, ko_md5=session.file_md5)
    items = [PositionItem(place, **named)] if percentage is not None else []
    places, verdicts = report_batch(reader, items, [session], device=device, clock=Clock(at or ended))
    return verdicts[0], places[0] if places else None


def books_of_sessions() -> dict[str, int | None]:
    return dict(Session.objects.values_list("uuid", "book"))


def derived(reader: Reader) -> dict[str, Any]:
    """What is derived, and whose everything is."""
    while not refresh():
        pass
    assert drift() == []
    shown = ("percentage", "progress", "kind", "ko_md5", "device", "read_at", "claimed_read_at", "is_cleared")
    return {
        "days": sorted(BookDay.objects.values_list("reader", "day", "book", "seconds", "sessions", "carried", "pages")),
        "statuses": sorted(
            BookStatus.objects.values_list("reader", "book", "state", "started_at", "finished_at"), key=repr
        ),
        "places": sorted(Position.objects.values_list("reader", "book", *shown), key=repr),
        "sessions": sorted(Session.objects.values_list("uuid", "book", "claimed_book_id")),
        "writes": sorted(PositionWrite.objects.values_list("pk", "book", "verdict", "claimed_book_id")),
        "facts": sorted(StatusFact.objects.values_list("pk", "book")),
        "links": sorted(FileLink.objects.values_list("pk", "book")),
        "device files": sorted(DeviceFile.objects.values_list("pk", "book")),
        "files": sorted(BookFile.objects.values_list("pk", "book")),
        "books": sorted(Book.objects.values_list("pk", "title", "is_active", "merged_into", "edits"), key=repr),
        "inbox": [(item["id"], item["book"]["id"]) for item in open_items(reader)],
    }


# --- Merging ---------------------------------------------------------------------------------------------------------


def test_what_was_read_of_both_is_one_history(ada: Reader, bob: Reader, book: Book, other: Book) -> None:
    send(ada, "one", book_id=book.pk, percentage=0.3)
    send(ada, "two", book_id=other.pk, percentage=0.5, start=YESTERDAY + minutes(20), device=KINDLE)
    send(bob, "his", book_id=other.pk, percentage=1.0)
    refresh()
    merge_books(book, other)
    refresh()
    assert set(books_of_sessions().values()) == {book.pk}
    assert set(BookDay.objects.values_list("book", flat=True)) == {book.pk}
    assert sum(BookDay.objects.filter(reader=ada).values_list("seconds", flat=True)) == 50 * 60
    assert sorted(BookStatus.objects.values_list("reader", "book", "state")) == [
        (ada.pk, book.pk, "reading"),
        (bob.pk, book.pk, "read"),
    ]
    assert dict(Position.objects.values_list("reader", "percentage")) == {ada.pk: 0.5, bob.pk: 1.0}
    assert set(PositionWrite.objects.values_list("book", "verdict")) == {(book.pk, "stored")}
    assert drift() == []


def test_the_place_that_was_read_last_holds_with_a_revision_beyond_both(ada: Reader, book: Book, other: Book) -> None:
    for n in range(3):
        send(ada, f"other {n}", book_id=other.pk, percentage=0.1 * n, start=YESTERDAY + minutes(n))
    send(ada, "later", book_id=book.pk, percentage=0.2, start=YESTERDAY + minutes(60))
    merge_books(book, other)
    place = current_place(ada, book)
    assert place is not None
    assert (place.percentage, place.revision) == (0.2, 4)
    assert Position.objects.count() == 1


def test_a_place_of_one_alone_keeps_its_revision(ada: Reader, book: Book, other: Book) -> None:
    for n in range(3):
        send(ada, f"other {n}", book_id=other.pk, percentage=0.1 * n, start=YESTERDAY + minutes(n))
    merge_books(book, other)
    place = Position.objects.get()
    assert (place.book, place.percentage, place.revision) == (book, 0.2, 3)


def test_unread_said_of_one_clears_what_was_read_of_both_before(ada: Reader, book: Book, other: Book) -> None:
    send(ada, "one", book_id=book.pk, percentage=0.3)
    send(ada, "two", book_id=other.pk, percentage=0.5)
    set_status(ada, book, StatusState.UNREAD, now=NOW)
    merge_books(book, other)
    refresh()
    assert current_place(ada, book) is None
    assert not BookStatus.objects.exists()
    assert drift() == []


def test_files_links_inbox_and_facts_come_along(ada: Reader, book: Book, other: Book) -> None:
    file = FileReport("scan.epub", ko_md5="c" * 32)
    link_file(ada, file, other)
    item = send_to_inbox(ada, other)
    set_status(ada, other, StatusState.READ, now=NOW)
    merge_books(book, other)
    refresh()
    assert book.files.count() == 2
    assert "by hand" in book.files.get(ko_md5=BookFile.objects.order_by("pk").last().ko_md5).reason  # type: ignore[union-attr]
    assert resolve(ada, file.as_clue()).book == book
    assert [(each["id"], each["book"]["id"]) for each in open_items(ada)] == [(item.pk, book.pk)]
    assert BookStatus.objects.get().book == book
    assert drift() == []


def test_what_is_sent_to_the_inbox_during_a_merge_is_the_book_that_stayed(ada: Reader, book: Book, other: Book) -> None:
    merge_books(book, other)
    assert send_to_inbox(ada, other).book == book


def test_a_book_that_waits_in_the_inbox_twice_is_offered_once(ada: Reader, book: Book, other: Book) -> None:
    item = send_to_inbox(ada, book)
    send_to_inbox(ada, other)
    merge_books(book, other)
    assert [each["id"] for each in open_items(ada)] == [item.pk]
    assert mark_delivered(ada, item.pk)
    assert open_items(ada) == []


def test_what_a_person_set_of_the_book_that_stays_describes_both(ada: Reader, book: Book, other: Book) -> None:
    Book.objects.filter(pk=book.pk).update(edits={"title": "Mine"})
    Book.objects.filter(pk=other.pk).update(edits={"title": "Theirs", "language": "de"})
    merged = merge_books(book, other)
    assert (merged.title, merged.edits) == ("Mine", {"title": "Mine"})
    returned = split_file(BookFile.objects.get(path__startswith="Study"))
    assert (returned.pk, returned.title, returned.language) == (other.pk, "Theirs", "de")


def test_the_id_that_devices_know_stands_for_the_book_that_stays(ada: Reader, book: Book, other: Book) -> None:
    merge_books(book, other)
    assert visible_book(ada, other.pk) == book
    session, place = send(ada, "one", book_id=other.pk, percentage=0.4)
    assert isinstance(session, SessionVerdict)
    assert isinstance(place, PositionOutcome)
    assert (session.book_id, place.book_id) == (book.pk, book.pk)
    verdict = report_position(ada, other.pk, PlaceReport(0.1, read_at=YESTERDAY), device=KINDLE, clock=Clock(NOW))
    assert isinstance(verdict, PlaceVerdict)
    assert verdict.current is not None
    assert (verdict.verdict, verdict.current.book_id) == ("stale", book.pk)
    again, _ = send(ada, "one", book_id=other.pk)
    assert isinstance(again, SessionVerdict)
    assert (again.outcome, again.book_id) == ("duplicate", book.pk)
    assert Session.objects.get().claimed_book_id == other.pk


def test_an_id_is_followed_through_several_merges(
    ada: Reader, book: Book, other: Book, make_epub: Callable[..., Path], settings: Any
) -> None:
    third = new_book("Third", make_epub, settings)
    send(ada, "zero", book_id=third.pk)
    merge_books(other, third)
    merge_books(book, other)
    send(ada, "one", book_id=third.pk)
    send(ada, "two", book_id=other.pk)
    assert set(books_of_sessions().values()) == {book.pk}
    split_file(third_file := BookFile.objects.get(path="Third.epub"))
    assert books_of_sessions() == {"zero": other.pk, "one": other.pk, "two": other.pk}
    split_file(third_file)
    assert books_of_sessions() == {"zero": third.pk, "one": third.pk, "two": other.pk}
    refresh()
    assert drift() == []


def test_a_session_of_a_merged_book_whose_files_are_away_counts_all_the_same(
    ada: Reader, book: Book, other: Book
) -> None:
    merge_books(book, other)
    Book.objects.update(is_active=False)
    session, _ = send(ada, "one", book_id=other.pk)
    assert isinstance(session, SessionVerdict)
    assert session.book_id is None
    assert books_of_sessions() == {"one": book.pk}


def test_books_that_cannot_be_merged_are_refused_with_a_sentence(ada: Reader, book: Book, other: Book) -> None:
    with pytest.raises(LibraryError, match=r"A book cannot be merged into itself\."):
        merge_books(book, book)
    merge_books(book, other)
    with pytest.raises(LibraryError, match=rf"Book {other.pk} is merged into book {book.pk} already\."):
        merge_books(other, book)
    assert visible_book(ada, other.pk) == book


def test_merging_again_changes_nothing(ada: Reader, book: Book, other: Book) -> None:
    send(ada, "one", book_id=book.pk, percentage=0.3)
    send(ada, "two", book_id=other.pk, percentage=0.5)
    merge_books(book, other)
    before = derived(ada), Position.objects.get().revision
    merge_books(book, other)
    assert (derived(ada), Position.objects.get().revision) == before
    assert finish_regroupings() == 0


@pytest.mark.parametrize("again", ["the same command", "the sweep"])
def test_a_merge_that_was_killed_between_two_readers_is_finished(
    ada: Reader, bob: Reader, book: Book, other: Book, monkeypatch: pytest.MonkeyPatch, again: str
) -> None:
    for reader in (ada, bob):
        send(reader, "one", book_id=book.pk, percentage=0.3)
        send(reader, "two", book_id=other.pk, percentage=0.5, start=YESTERDAY + minutes(60))
    move = merging._move_all

    def killed(reader: Reader, *args: Any, **more: Any) -> None:
        if reader == bob:
            raise KeyboardInterrupt
        move(reader, *args, **more)

    with monkeypatch.context() as patch:
        patch.setattr(merging, "_move_all", killed)
        with pytest.raises(KeyboardInterrupt):
            merge_books(book, other)
    refresh()
    assert drift() == []
    send(bob, "three", book_id=other.pk, percentage=0.6, start=YESTERDAY + minutes(120))
    assert set(Session.objects.filter(reader=bob).values_list("book", flat=True)) == {book.pk, other.pk}
    if again == "the sweep":
        assert finish_regroupings() == 1
    else:
        merge_books(book, other)
    assert set(books_of_sessions().values()) == {book.pk}
    assert dict(Position.objects.values_list("reader", "percentage")) == {ada.pk: 0.5, bob.pk: 0.6}
    refresh()
    assert drift() == []
    assert not Regrouping.objects.filter(finished_at=None).exists()


def test_a_file_that_was_taken_in_for_the_merged_book_just_then_follows(
    ada: Reader, book: Book, other: Book, make_epub: Callable[..., Path], settings: Any
) -> None:
    merge_books(book, other)
    late = add_file(other, make_epub("late.epub", title="Late"), settings.LIBRARY_DIR)
    Book.objects.filter(pk=other.pk).update(is_active=True)
    assert finish_regroupings() == 1
    assert book.files.filter(pk=late.pk).exists()
    assert visible_book(ada, other.pk) == book


# --- Splitting -------------------------------------------------------------------------------------------------------


@pytest.fixture
def second(book: Book, make_epub: Callable[..., Path], settings: Any) -> BookFile:
    """A second file of the book that a scan took for the same work."""
    return add_file(book, make_epub("novella.epub", title="Novella"), settings.LIBRARY_DIR)  # type: ignore[no-any-return]


def test_a_file_takes_along_what_was_read_of_it(ada: Reader, bob: Reader, book: Book, second: BookFile) -> None:
    first = book.files.exclude(pk=second.pk).get()
    send(ada, "first", book_id=book.pk, ko_md5=first.ko_md5, percentage=0.2)
    send(ada, "second", file=FileReport("n.epub", second.ko_md5), percentage=0.9, start=YESTERDAY + minutes(60))
    send(ada, "by name", file=FileReport("novella.epub"), start=YESTERDAY + minutes(120))
    send(ada, "no hash", book_id=book.pk, start=YESTERDAY + minutes(180))
    send(bob, "his", book_id=book.pk, ko_md5=second.ko_md5, percentage=1.0)
    refresh()
    assert dict(Position.objects.values_list("reader", "percentage")) == {ada.pk: 0.9, bob.pk: 1.0}
    new = split_file(second)
    assert (new.title, new.is_active, new.merged_into) == ("novella", True, None)
    assert new.files.get().reason == "Split off by hand."
    assert books_of_sessions() == {
        "first": book.pk,
        "second": new.pk,
        "by name": new.pk,
        "no hash": book.pk,
        "his": new.pk,
    }
    ours, theirs = current_place(ada, book), current_place(ada, new)
    assert ours is not None
    assert theirs is not None
    assert (ours.percentage, ours.revision) == (0.2, 3)
    assert (theirs.percentage, theirs.revision) == (0.9, 2)
    assert current_place(bob, book) is None
    refresh()
    assert sorted(BookStatus.objects.filter(reader=bob).values_list("book", "state")) == [(new.pk, "read")]
    assert drift() == []


def test_a_place_that_lost_to_one_of_the_other_file_holds_again(ada: Reader, book: Book, second: BookFile) -> None:
    first = book.files.exclude(pk=second.pk).get()
    send(ada, "second", book_id=book.pk, ko_md5=second.ko_md5, percentage=0.9, device=KINDLE)
    earlier = YESTERDAY - minutes(60)
    send(ada, "first", book_id=book.pk, ko_md5=first.ko_md5, percentage=0.2, start=earlier, at=NOW)
    assert list(PositionWrite.objects.order_by("pk").values_list("verdict", flat=True)) == ["stored", "stale"]
    split_file(second)
    place = current_place(ada, book)
    assert place is not None
    assert place.percentage == 0.2
    refresh()
    assert set(BookStatus.objects.values_list("state", flat=True)) == {"reading"}
    assert drift() == []


def test_after_a_split_what_was_taken_from_a_book_wins_no_more_there(ada: Reader, book: Book, second: BookFile) -> None:
    send(ada, "second", book_id=book.pk, ko_md5=second.ko_md5, percentage=0.9)
    split_file(second)
    assert current_place(ada, book) is None
    _, place = send(ada, "old", book_id=book.pk, percentage=0.1, start=YESTERDAY - timedelta(days=30))
    assert isinstance(place, PositionOutcome)
    assert (place.verdict.verdict, place.verdict.revision) == ("stored", 3)


def test_links_to_the_file_go_along_and_others_stay(ada: Reader, book: Book, second: BookFile) -> None:
    link_file(ada, FileReport("renamed.epub", second.ko_md5), book)
    link_file(ada, FileReport("else.epub", "e" * 32), book)
    new = split_file(second)
    assert dict(FileLink.objects.values_list("filename", "book")) == {"renamed.epub": new.pk, "else.epub": book.pk}


def test_copies_cannot_be_told_apart_so_what_was_read_stays(
    ada: Reader, book: Book, make_epub: Callable[..., Path], settings: Any
) -> None:
    original = book.files.get()
    path = settings.LIBRARY_DIR / "copy" / "A Study in Scarlet.epub"
    path.parent.mkdir()
    path.write_bytes((settings.LIBRARY_DIR / original.path).read_bytes())
    copy = add_file(book, path, settings.LIBRARY_DIR)
    send(ada, "one", book_id=book.pk, ko_md5=original.ko_md5, percentage=0.5)
    split_file(copy)
    assert books_of_sessions() == {"one": book.pk}


def test_the_only_file_of_a_book_cannot_be_split_off(book: Book) -> None:
    with pytest.raises(LibraryError, match=r"This is the only file of its book"):
        split_file(book.files.get())
    assert Book.objects.get() == book


def test_what_came_after_a_merge_goes_where_its_file_or_its_id_says(ada: Reader, book: Book, other: Book) -> None:
    mine, theirs = md5_of(book), md5_of(other)
    file = other.files.get()
    merge_books(book, other)
    later = timezone.now() + minutes(1)
    send(ada, "by id", book_id=other.pk, start=later)
    send(ada, "by hash", book_id=book.pk, ko_md5=theirs, percentage=0.7, start=later + minutes(60))
    send(ada, "by name", file=FileReport(Path(file.path).name), start=later + minutes(120))
    send(ada, "mine", book_id=book.pk, ko_md5=mine, percentage=0.4, start=later + minutes(180))
    send(ada, "unknown", book_id=book.pk, start=later + minutes(240))
    returned = split_file(file)
    assert returned.pk == other.pk
    assert books_of_sessions() == {
        "by id": other.pk,
        "by hash": other.pk,
        "by name": other.pk,
        "mine": book.pk,
        "unknown": book.pk,
    }
    assert dict(Position.objects.values_list("book", "percentage")) == {book.pk: 0.4, other.pk: 0.7}


def test_what_a_book_had_before_a_merge_stays_whatever_file_it_names(ada: Reader, book: Book, other: Book) -> None:
    file = other.files.get()
    send(ada, "one", book_id=book.pk, ko_md5=file.ko_md5, percentage=0.3)
    link_file(ada, FileReport("linked.epub", file.ko_md5), book)
    before = derived(ada)
    merge_books(book, other)
    split_file(file)
    assert derived(ada) == before


def test_a_killed_merge_that_was_taken_back_is_not_finished(
    ada: Reader, book: Book, other: Book, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = other.files.get()
    send(ada, "one", book_id=other.pk, percentage=0.3)

    def killed(*args: Any, **more: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(merging, "_move_all", killed)
        with pytest.raises(KeyboardInterrupt):
            merge_books(book, other)
    split_file(file)
    assert finish_regroupings() == 1
    assert finish_regroupings() == 0
    assert books_of_sessions() == {"one": other.pk}
    assert Position.objects.get().book == other


def test_a_killed_split_is_finished_by_the_sweep(
    ada: Reader, book: Book, second: BookFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    send(ada, "one", book_id=book.pk, ko_md5=second.ko_md5, percentage=0.3)

    def killed(*args: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(merging, "_move_share", killed)
        with pytest.raises(KeyboardInterrupt):
            split_file(second)
    assert finish_regroupings() == 1
    second.refresh_from_db()
    assert books_of_sessions() == {"one": second.book.pk}
    assert Position.objects.get(is_cleared=False).book == second.book
    refresh()
    assert drift() == []


@pytest.mark.parametrize("seed", range(16))
def test_merging_and_splitting_restores_what_was(seed: int, ada: Reader, bob: Reader, book: Book, other: Book) -> None:
    file = other.files.get()
    tell_a_story(Random(seed), [ada, bob], [book, other])
    before, told = derived(ada), revisions()
    for _ in range(2):
        merge_books(book, other)
        together = derived(ada)
        assert {day[2] for day in together["days"]} == {book.pk}
        assert sum(day[3] for day in together["days"]) == pytest.approx(sum(day[3] for day in before["days"]))
        merged = revisions()
        for (reader, _), revision in told.items():
            assert merged[reader, book.pk] >= revision
        split_file(file)
        assert derived(ada) == before
        for key, revision in revisions().items():
            assert revision >= max(told[key], merged[key[0], book.pk])
        told = revisions()


def revisions() -> dict[tuple[int, int], int]:
    """The revision of each place, by reader and book."""
    return {
        (reader, book): revision
        for reader, book, revision in Position.objects.values_list("reader", "book", "revision")
    }


@pytest.mark.parametrize("seed", range(8))
def test_rebuilding_a_place_that_nothing_joined_or_left_changes_nothing(
    seed: int, ada: Reader, book: Book, other: Book
) -> None:
    tell_a_story(Random(seed), [ada], [book, other])
    park(ada, book)

    def places() -> list[list[dict[str, Any]]]:
        return [list(kind.objects.order_by("pk").values()) for kind in (Position, PositionWrite)]

    before = places()
    for each in (book, other):
        rebuild_position(ada, each)
    assert places() == before


def park(reader: Reader, book: Book) -> None:
    """A place waits under its file while the book is read on elsewhere."""
    file = FileReport("waiting.epub", "d" * 32)
    send(reader, "waiting", file=file, percentage=0.6)
    later = PlaceReport(0.9, read_at=NOW - minutes(5))
    report_position(reader, book.pk, later, device=KINDLE, clock=Clock(NOW))
    link_file(reader, file, book)


def tell_a_story(random: Random, readers: list[Reader], books: list[Book]) -> None:
    """Weeks of reading with several devices, some of which are late, tell no times or know old revisions."""
    moment = NOW - timedelta(days=30)
    for n in range(40):
        moment += minutes(random.randint(1, 900))
        reader, book = random.choice(readers), random.choice(books)
        device, act = random.choice([KOBO, KINDLE, TABLET]), random.random()
        md5 = random.choice(["", md5_of(book)])
        late = minutes(random.choice([0, 0, 0, 5000]))
        if act < 0.45:
            file = FileReport(random.choice(["a.epub", f"{n}.epub"]), md5_of(book))
            named: dict[str, Any] = random.choice([{"file": file}, {"book_id": book.pk, "ko_md5": md5}])
            percentage = random.choice([None, 0.0, 0.3, 0.5, 1.0])
            send(
                reader,
                f"{n}",
                start=moment - late,
                at=moment + minutes(31),
                device=device,
                percentage=percentage,
                **named,
            )
        elif act < 0.85:
            read_at = random.choice([None, moment - late])
            base = random.choice([None, 0, 1, 3])
            report = PlaceReport(random.choice([0.1, 0.4, 0.8, 0.99]), "7", read_at, base, ko_md5=md5)
            report_position(reader, book.pk, report, device=device, clock=Clock(moment))
        elif act < 0.93:
            set_status(reader, book, random.choice(list(StatusState)), now=moment)
        elif act < 0.98:
            file = FileReport(f"linked {n}.epub", f"{n:032}")
            send(reader, f"{n} before", start=moment - late, at=moment, device=device, file=file, percentage=0.6)
            link_file(reader, file, book)
            send(reader, f"{n}", start=moment, device=device, file=file)
        else:
            send_to_inbox(reader, book)


# --- While devices report --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("what", ["a place", "an outbox", "a link", "a status"])
def test_what_waits_for_its_turn_until_a_merge_is_done_goes_to_the_book_that_stayed(
    ada: Reader, book: Book, other: Book, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    def wait_for_the_merge(reader_id: int) -> None:
        merge_books(book, other)
        take_turn(reader_id)

    monkeypatch.setattr("reading.reports.take_turn", wait_for_the_merge)
    monkeypatch.setattr("reading.links.take_turn", wait_for_the_merge)
    monkeypatch.setattr("reading.status.take_turn", wait_for_the_merge)
    if what == "a place":
        report_position(ada, other.pk, PlaceReport(0.1, read_at=YESTERDAY), device=KINDLE, clock=Clock(NOW))
        assert PositionWrite.objects.get().book == book
    elif what == "an outbox":
        send(ada, "one", book_id=other.pk, percentage=0.2)
        assert PositionWrite.objects.get().book == book
        assert books_of_sessions() == {"one": book.pk}
    elif what == "a status":
        set_status(ada, other, StatusState.READ, now=NOW)
        assert StatusFact.objects.get().book == book
    else:
        link_file(ada, FileReport("scan.epub", "c" * 32), other)
        assert FileLink.objects.get().book == book


@pytest.mark.django_db(transaction=True)
def test_devices_that_report_during_a_merge_lose_nothing(ada: Reader, bob: Reader, book: Book, other: Book) -> None:
    """Bob has nothing of the book before: nobody who lists readers first may overlook him."""
    rounds = 12
    start = Barrier(4)
    for n in range(30):
        send(ada, f"before {n}", book_id=other.pk, start=YESTERDAY - timedelta(hours=n))

    def report(reader: Reader, device: DeviceClue) -> int:
        start.wait()
        refused = 0
        for n in range(rounds):
            at = YESTERDAY + minutes(40 * n)
            name = f"{device.identifier} {n}"
            for each in send(reader, name, book_id=(other, book)[n % 2].pk, start=at, device=device, percentage=0.5):
                refused += isinstance(each, Refusal)
            place = PlaceReport(0.6, read_at=at + minutes(31))
            if report_position(reader, other.pk, place, device=device, clock=Clock(at + minutes(32))) is None:
                refused += 1
        connection.close()
        return refused

    def merge() -> int:
        start.wait()
        merge_books(book, other)
        connection.close()
        return 0

    with ThreadPoolExecutor(4) as pool:
        runs = [
            pool.submit(report, ada, KOBO),
            pool.submit(report, ada, KINDLE),
            pool.submit(report, bob, TABLET),
            pool.submit(merge),
        ]
        assert [run.result(timeout=60) for run in runs] == [0, 0, 0, 0]
    assert Session.objects.count() == 30 + 3 * rounds
    assert set(books_of_sessions().values()) == {book.pk}
    assert set(PositionWrite.objects.values_list("book", flat=True)) == {book.pk}
    assert set(Position.objects.values_list("book", flat=True)) == {book.pk}
    refresh()
    assert drift() == []
