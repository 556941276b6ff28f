from collections.abc import Callable
from datetime import timedelta

import pytest

from accounts.devices import DeviceClue, find_device
from accounts.models import Reader
from library.models import Book, BookFile
from reading.models import Position, PositionWrite, StatusState
from reading.positions import PlaceVerdict, current_place
from reading.status import set_status
from tests.reading.conftest import KINDLE, KOBO, NOON, minutes

Put = Callable[..., PlaceVerdict]
XPOINTER = "/body/DocFragment[9]/body/p[3]/text().12"


def verdicts() -> list[str]:
    return list(PositionWrite.objects.order_by("pk").values_list("verdict", flat=True))


def test_a_first_place_is_stored_with_revision_1(ada: Reader, book: Book, put: Put) -> None:
    assert put(KOBO, 0.25, at=NOON, progress=XPOINTER) == PlaceVerdict("stored", 1)
    place = current_place(ada, book)
    assert place is not None
    assert (place.percentage, place.progress, place.device, place.revision) == (0.25, XPOINTER, "Kobo", 1)
    assert (place.read_at, place.updated_at, place.precision) == (NOON, NOON, "exact")


def test_a_page_read_earlier_loses_however_late_it_comes_and_moves_nothing(ada: Reader, book: Book, put: Put) -> None:
    put(KOBO, 0.5, at=NOON, read_at=NOON)
    late = put(KINDLE, 0.9, at=NOON + minutes(60), read_at=NOON - minutes(1))
    assert late.verdict == "stale"
    assert late.current is not None
    assert (late.current.percentage, late.current.device, late.revision) == (0.5, "Kobo", 1)
    assert verdicts() == ["stored", "stale"]
    place = current_place(ada, book)
    assert place is not None
    assert (place.percentage, place.revision, place.read_at) == (0.5, 1, NOON)


def test_a_page_read_later_wins_even_if_it_lies_behind(ada: Reader, book: Book, put: Put) -> None:
    put(KOBO, 0.5, at=NOON, read_at=NOON)
    assert put(KINDLE, 0.1, at=NOON + minutes(5), read_at=NOON + minutes(4)) == PlaceVerdict("stored", 2)


@pytest.mark.parametrize("wrong_by", [timedelta(hours=3), timedelta(hours=-3), timedelta(days=-20000)])
def test_a_wrong_clock_does_not_matter_where_the_device_says_when_it_sent(wrong_by: timedelta, put: Put) -> None:
    put(KOBO, 0.5, at=NOON, read_at=NOON)
    sent = NOON + minutes(10)
    newer = put(KINDLE, 0.6, at=sent, read_at=sent - minutes(1) + wrong_by, sent_at=sent + wrong_by)
    assert newer.verdict == "stored"
    assert Position.objects.get().read_at == sent - minutes(1)
    older = put(KOBO, 0.7, at=sent, read_at=NOON + minutes(5) + wrong_by, sent_at=sent + wrong_by)
    assert older.verdict == "stale"


def test_no_page_is_read_in_the_future(put: Put) -> None:
    put(KOBO, 0.5, at=NOON, read_at=NOON + timedelta(days=400))
    assert Position.objects.get().read_at == NOON
    assert put(KINDLE, 0.6, at=NOON + minutes(1), read_at=NOON + minutes(1)).verdict == "stored"


def test_the_same_write_again_is_stored_once(put: Put) -> None:
    for arrival in (NOON, NOON + minutes(2)):
        again = put(KOBO, 0.5, at=arrival, progress=XPOINTER, read_at=NOON, sent_at=NOON)
        assert again == PlaceVerdict("stored", 1)
    assert verdicts() == ["stored"]


def test_the_same_stale_write_again_is_in_the_history_once(put: Put) -> None:
    put(KOBO, 0.5, at=NOON, read_at=NOON)
    for _ in range(2):
        assert put(KINDLE, 0.2, at=NOON + minutes(1), read_at=NOON - minutes(9)).verdict == "stale"
    assert verdicts() == ["stored", "stale"]


def test_one_who_did_not_know_the_present_place_loses_to_another_device(put: Put) -> None:
    put(KOBO, 0.3, at=NOON, read_at=NOON)
    put(KINDLE, 0.5, at=NOON + minutes(5), read_at=NOON + minutes(5), base_revision=1)
    blind = put(KOBO, 0.4, at=NOON + minutes(9), read_at=NOON + minutes(9), base_revision=1)
    assert blind.verdict == "stale"
    assert blind.current is not None
    assert blind.current.revision == 2
    knowing = put(KOBO, 0.4, at=NOON + minutes(10), read_at=NOON + minutes(10), base_revision=2)
    assert knowing == PlaceVerdict("stored", 3)


def test_ones_own_later_revisions_do_not_make_a_write_stale(put: Put) -> None:
    put(KOBO, 0.3, at=NOON, read_at=NOON)
    put(KOBO, 0.4, at=NOON + minutes(1), read_at=NOON + minutes(1), base_revision=1)
    assert put(KOBO, 0.5, at=NOON + minutes(2), read_at=NOON + minutes(2), base_revision=1).verdict == "stored"


def test_an_old_plugin_that_pushes_on_resume_does_not_undo_what_was_read_elsewhere(put: Put) -> None:
    put(DeviceClue(name="Old Kobo"), 0.3, at=NOON)
    put(KINDLE, 0.6, at=NOON + minutes(60), read_at=NOON + minutes(60))
    resumed = put(DeviceClue(name="Old Kobo"), 0.31, at=NOON + minutes(90))
    assert resumed.verdict == "stale"
    # It has been in contact since, so from here on it is the reader who turns the pages.
    assert put(DeviceClue(name="Old Kobo"), 0.32, at=NOON + minutes(91)).verdict == "stored"


def test_an_old_plugin_may_go_on_ahead(put: Put) -> None:
    put(KINDLE, 0.6, at=NOON, read_at=NOON)
    assert put(DeviceClue(name="Old Kobo"), 0.61, at=NOON + minutes(1)).verdict == "stored"


def test_a_replayed_queue_without_times_does_not_move_the_place_back(put: Put) -> None:
    for n, percentage in enumerate((0.1, 0.2, 0.3)):
        assert put(DeviceClue(name="Old"), percentage, at=NOON + minutes(n)).verdict == "stored"
    assert put(DeviceClue(name="Old"), 0.1, at=NOON + minutes(9)).verdict == "stale"
    assert Position.objects.get().percentage == 0.3


@pytest.mark.parametrize(("given", "kept"), [(1.7, 1.0), (-0.2, 0.0)])
def test_a_percentage_is_clamped(given: float, kept: float, put: Put) -> None:
    put(KOBO, given, at=NOON)
    assert Position.objects.get().percentage == kept


@pytest.mark.parametrize(
    ("progress", "kind", "kept"),
    [
        (XPOINTER, "xpointer", XPOINTER),
        ("/body/DocFragment[99]", "xpointer", "/body/DocFragment[99]"),
        ("/FictionBook/body/pre[1]/text().0", "xpointer", "/FictionBook/body/pre[1]/text().0"),
        ("#_doc_fragment_12_ c1", "xpointer", "#_doc_fragment_12_ c1"),
        ("12", "page", "12"),
        ("12.0", "page", "12"),
        ("epubcfi(/6/4!/4/2/1:3)", "cfi", "epubcfi(/6/4!/4/2/1:3)"),
        ("nonsense", "", "nonsense"),
        ("/etc/passwd", "", "/etc/passwd"),
        (None, "", ""),
    ],
)
def test_a_locator_is_told_by_its_shape(progress: str | None, kind: str, kept: str, put: Put) -> None:
    put(KOBO, 0.5, at=NOON, progress=progress)
    write = PositionWrite.objects.get()
    assert (write.kind, write.progress) == (kind, kept)


@pytest.mark.parametrize(
    ("progress", "asked"),
    [("nonsense", ""), ("epubcfi(/6/4!/4/2/1:3)", ""), (XPOINTER, "cfi"), ("12", "xpointer"), (XPOINTER, "page")],
)
def test_a_client_gets_no_locator_that_it_cannot_use(
    progress: str, asked: str, ada: Reader, book: Book, put: Put
) -> None:
    put(KOBO, 0.5, at=NOON, progress=progress)
    place = current_place(ada, book, wanted=asked)
    assert place is not None
    assert (place.progress, place.precision, place.percentage) == ("", "percent", 0.5)


def test_a_cfi_is_given_to_who_asks_for_it(ada: Reader, book: Book, put: Put) -> None:
    put(KOBO, 0.5, at=NOON, progress="epubcfi(/6/4!/4/2/1:3)")
    place = current_place(ada, book, wanted="cfi")
    assert place is not None
    assert place.progress == "epubcfi(/6/4!/4/2/1:3)"


def test_a_locator_is_given_for_the_same_file_only(ada: Reader, book: Book, put: Put) -> None:
    put(KOBO, 0.5, at=NOON, progress=XPOINTER, ko_md5="a" * 32)
    same, other = (current_place(ada, book, ko_md5=md5 * 32) for md5 in "ab")
    assert same is not None
    assert other is not None
    assert (same.progress, other.progress) == (XPOINTER, "")


def test_a_device_that_names_no_file_is_taken_to_have_the_one_it_last_wrote_of(
    ada: Reader, book: Book, put: Put
) -> None:
    put(KINDLE, 0.4, at=NOON, progress="7", ko_md5="b" * 32, read_at=NOON)
    put(KOBO, 0.5, at=NOON + minutes(1), progress=XPOINTER, ko_md5="a" * 32, read_at=NOON + minutes(1))
    kindle, stranger = find_device(ada, "kindle-1"), None
    assert kindle is not None
    of_kindle, of_stranger = (current_place(ada, book, device=device) for device in (kindle, stranger))
    assert of_kindle is not None
    assert of_stranger is not None
    assert (of_kindle.progress, of_stranger.progress) == ("", XPOINTER)


def test_a_place_without_a_file_belongs_to_the_only_file_of_the_book(ada: Reader, book: Book, put: Put) -> None:
    put(DeviceClue(name="Old"), 0.5, at=NOON, progress=XPOINTER)
    own = BookFile.objects.get(book=book)
    mine, other = (current_place(ada, book, ko_md5=md5) for md5 in (own.ko_md5, "f" * 32))
    assert mine is not None
    assert other is not None
    assert (mine.progress, other.progress) == (XPOINTER, "")


def test_a_place_is_its_readers_alone(ada: Reader, bob: Reader, book: Book, put: Put) -> None:
    put(KOBO, 0.5, at=NOON)
    assert current_place(bob, book) is None


def test_setting_a_book_unread_clears_the_place_and_older_pages_do_not_bring_it_back(
    ada: Reader, book: Book, put: Put
) -> None:
    put(KOBO, 0.5, at=NOON, read_at=NOON)
    set_status(ada, book, StatusState.UNREAD, now=NOON + minutes(10))
    assert current_place(ada, book) is None
    assert put(KINDLE, 0.6, at=NOON + minutes(20), read_at=NOON + minutes(9)).verdict == "stale"
    assert current_place(ada, book) is None
    again = put(KINDLE, 0.01, at=NOON + minutes(30), read_at=NOON + minutes(30))
    assert again == PlaceVerdict("stored", 3)
