"""Whole series on the device: what is fetched, what is not, and what is left when something goes wrong.

Against Tome's own API, over a line that breaks where the test wants it to.
"""

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction

from tests.koplugin.koreader import KOReader, Window, power_cuts
from tests.koplugin.library import answering, cutting, is_of, make_series
from tests.koplugin.line import Answered, Change, Line, Passed
from tests.koplugin.server import WEB_PAGE
from tests.koplugin.steps import StartDevice, change_address, fetched, finish, is_downloading, top, until

pytestmark = pytest.mark.django_db(transaction=True)

# More than a process's pipe and LuaSocket's pieces, so that a transfer has a middle.
PADDING = 60_000
CUT_AT = 30_000


@pytest.fixture
def kobo(start_with_home: StartDevice) -> KOReader:
    return start_with_home()


def series(settings: Any, count: int, *, padding: int = PADDING) -> list[Any]:
    return make_series(settings.LIBRARY_DIR, count, padding=padding)


def open_series(kobo: KOReader, name: str = "Discworld") -> Window:
    if not kobo.windows:
        fetched(kobo, "Browse series")
    return fetched(kobo, chosen=name)


def download(kobo: KOReader, item: str = "Download all", name: str = "Discworld") -> str:
    open_series(kobo, name)
    kobo.choose(item)
    return finish(kobo)


def break_off(kobo: KOReader, line: Line, books: list[Any]) -> None:
    """Download the series, of which these books come in part only; then the line is whole again."""
    line.break_with(cutting(books, after=CUT_AT))
    download(kobo)
    line.mend()


def content_of(book: Any, settings: Any) -> bytes:
    return bytes((settings.LIBRARY_DIR / book.files.get().path).read_bytes())


def path_of(home: Path, number: int) -> Path:
    return home / "book" / "Discworld" / f"Vol. {number} — Part {number}.epub"


def is_whole(home: Path, book: Any, settings: Any, number: int) -> bool:
    path = path_of(home, number)
    return path.exists() and path.read_bytes() == content_of(book, settings)


def partials(home: Path) -> list[Path]:
    return sorted(home.rglob("*.part"))


def files(home: Path) -> list[str]:
    return sorted(path.name for path in home.rglob("*") if path.is_file())


def range_starts(line: Line) -> list[str]:
    return [passed.headers.get("range", "") for passed in line.downloads]


# The whole of it


def test_of_forty_volumes_three_break_off_and_the_second_tap_fetches_just_those(
    kobo: KOReader, line: Line, settings: Any, home: Path
) -> None:
    books = series(settings, 40)
    broken = [books[4], books[5], books[20]]
    line.break_with(cutting(broken, after=CUT_AT))
    open_series(kobo)
    kobo.choose("Download all (40)")
    text = finish(kobo)
    lines = text.splitlines()
    assert lines[0] == "37 of 40 books downloaded."
    assert lines[1:] == [
        f"Vol. {number} — Part {number}: The transfer broke off. Next time it goes on from there."
        for number in (5, 6, 21)
    ]
    whole = [n for n, book in enumerate(books, 1) if is_whole(home, book, settings, n)]
    assert whole == [n for n in range(1, 41) if n not in (5, 6, 21)]
    gathered = [path.stat().st_size for path in partials(home)]
    assert len(gathered) == 3

    line.mend()
    line.forget()
    open_series(kobo)
    kobo.choose("Download rest (3)")
    assert finish(kobo) == "3 of 3 books downloaded."
    assert set(line.downloaded_books) == {book.pk for book in broken}
    assert all(is_whole(home, book, settings, n) for n, book in enumerate(books, 1))
    assert partials(home) == []
    # Each is asked for once to see whether it can be gone on with, and then from where it was cut.
    went_on = [passed.headers["range"] for passed in line.downloads if passed.headers["range"].endswith("-")]
    assert sorted(went_on) == sorted(f"bytes={size}-" for size in gathered)
    assert {passed.status for passed in line.downloads} == {206}
    assert kobo.warnings == []


def test_a_third_tap_fetches_nothing(kobo: KOReader, line: Line, settings: Any) -> None:
    series(settings, 3)
    assert download(kobo) == "3 of 3 books downloaded."
    line.forget()
    assert download(kobo) == "All 3 books are already here."
    assert line.downloads == []


def test_nothing_of_it_holds_up_the_screen(kobo: KOReader, settings: Any) -> None:
    series(settings, 3)
    kobo.network.answer_seconds = 2.0
    download(kobo)
    assert kobo.longest_block < 0.1
    assert all(request.in_background for request in kobo.requests)


def test_each_volume_is_shown_while_it_is_fetched(kobo: KOReader, settings: Any) -> None:
    series(settings, 2)
    download(kobo)
    shown = [shown.text for shown in kobo.shown if shown.kind == "ButtonDialog"]
    assert shown[-2:] == ["Downloading 1 of 2 — Part 1", "Downloading 2 of 2 — Part 2"]


def test_the_file_browser_shows_what_is_new_and_never_what_is_not_whole(
    kobo: KOReader, line: Line, settings: Any, home: Path
) -> None:
    books = series(settings, 2)
    line.break_with(cutting(books[1:], after=CUT_AT))
    before = kobo.refreshes
    download(kobo)
    assert kobo.refreshes == before + 1
    assert files(home)[0].startswith(".tomesync-")


def test_a_volume_is_on_the_disk_before_it_has_its_name(kobo: KOReader, settings: Any) -> None:
    series(settings, 1)
    kobo.log.clear()
    download(kobo)
    steps = [entry for entry in kobo.log if entry.startswith("fsync")]
    assert steps[:2] == ["fsync", "fsync of the folder"]


def test_a_book_that_was_fetched_is_known_when_it_is_opened(kobo: KOReader, settings: Any, home: Path) -> None:
    series(settings, 1)
    download(kobo)
    kobo.open(path_of(home, 1))
    asked = [request.path for request in kobo.requests if "/resolve" in request.path]
    assert asked == []


# Cancelling, and everything that goes on meanwhile


def start_download(kobo: KOReader, number: int) -> None:
    """Start, and wait for the volume of that number to be on its way."""
    open_series(kobo)
    kobo.choose("Download all")
    until(kobo, lambda: f"Downloading {number} of" in top(kobo).text + top(kobo).title, what="that volume")


def slow_down(kobo: KOReader) -> None:
    """A volume takes some seconds."""
    kobo.network.bytes_per_second = 20_000.0


def test_cancelling_keeps_what_is_whole_and_goes_on_later(
    kobo: KOReader, line: Line, settings: Any, home: Path
) -> None:
    books = series(settings, 5)
    slow_down(kobo)
    start_download(kobo, 3)
    kobo.wait(2)
    kobo.press("Cancel")
    assert top(kobo).text == "2 of 5 books downloaded.\n3 are left. Downloading again goes on there."
    kobo.dismiss()
    kobo.wait(60)
    assert kobo.requests[-1].outcome == "killed"
    assert [is_whole(home, book, settings, n) for n, book in enumerate(books, 1)] == [True, True, False, False, False]
    [partial] = partials(home)
    gathered = partial.stat().st_size
    assert 0 < gathered < len(content_of(books[2], settings))
    line.forget()
    assert download(kobo, "Download rest (3)") == "3 of 3 books downloaded."
    assert f"bytes={gathered}-" in range_starts(line)
    assert all(is_whole(home, book, settings, n) for n, book in enumerate(books, 1))


def test_a_second_tap_shows_the_download_that_is_under_way(kobo: KOReader, line: Line, settings: Any) -> None:
    series(settings, 3)
    slow_down(kobo)
    start_download(kobo, 1)
    kobo.press("Hide")
    assert not is_downloading(kobo)
    open_series(kobo)
    kobo.choose("Download all")
    shown = top(kobo).text + top(kobo).title
    assert "A download is already under way.\nDownloading 1 of 3 — Part 1" in shown
    assert finish(kobo) == "3 of 3 books downloaded."
    assert len(line.downloads) == 3


def test_a_book_is_opened_and_closed_meanwhile(kobo: KOReader, settings: Any, home: Path) -> None:
    books = series(settings, 3)
    slow_down(kobo)
    start_download(kobo, 2)
    kobo.press("Hide")
    kobo.open(path_of(home, 1))
    kobo.turn_pages(1)
    kobo.close()
    until(kobo, lambda: any("books downloaded" in shown.text for shown in kobo.shown), what="the end")
    assert kobo.shown[-1].text == "3 of 3 books downloaded."
    assert all(is_whole(home, book, settings, n) for n, book in enumerate(books, 1))
    assert kobo.warnings == []


def test_leaving_koreader_meanwhile_breaks_nothing(
    kobo: KOReader, start_with_home: StartDevice, settings: Any, home: Path
) -> None:
    books = series(settings, 3)
    slow_down(kobo)
    start_download(kobo, 2)
    kobo.wait(1)
    kobo.exit()
    assert kobo.warnings == []
    again = start_with_home()
    assert download(again, "Download rest") == "2 of 2 books downloaded."
    assert all(is_whole(home, book, settings, n) for n, book in enumerate(books, 1))


def test_after_a_crash_what_was_whole_is_known_again(
    kobo: KOReader, start_with_home: StartDevice, line: Line, settings: Any
) -> None:
    series(settings, 3)
    slow_down(kobo)
    start_download(kobo, 3)
    kobo.crash()
    again = start_with_home()
    line.forget()
    assert download(again) == "1 of 3 books downloaded, 2 were already here."


def test_whenever_the_power_fails_no_broken_book_has_a_books_name_and_the_next_tap_mends_it(
    start_with_home: StartDevice, settings: Any, home: Path, tmp_path: Path
) -> None:
    books = series(settings, 2, padding=20_000)

    def scenario() -> None:
        for folder in (home, tmp_path / "kobo"):
            shutil.rmtree(folder, ignore_errors=True)
        home.mkdir()
        assert download(start_with_home()) == "2 of 2 books downloaded."

    cuts = 0
    for run in power_cuts(scenario, every=5):
        cuts += run.is_cut
        for number, book in enumerate(books, 1):
            assert is_whole(home, book, settings, number) or not path_of(home, number).exists(), run
        download(start_with_home())
        assert all(is_whole(home, book, settings, number) for number, book in enumerate(books, 1)), run
    assert cuts > 5


# What is here already


def test_a_file_of_that_name_and_content_is_taken_for_the_book(
    kobo: KOReader, line: Line, settings: Any, home: Path
) -> None:
    books = series(settings, 2)
    path_of(home, 1).parent.mkdir(parents=True)
    path_of(home, 1).write_bytes(content_of(books[0], settings))
    assert download(kobo) == "1 of 2 books downloaded, 1 was already here."
    assert line.downloaded_books == [books[1].pk]


def test_another_file_of_that_name_is_left_alone_and_reported(
    kobo: KOReader, line: Line, settings: Any, home: Path
) -> None:
    books = series(settings, 2)
    path_of(home, 1).parent.mkdir(parents=True)
    path_of(home, 1).write_bytes(b"my own notes on it")
    text = download(kobo)
    assert text == "1 of 2 books downloaded.\nVol. 1 — Part 1: Another file with this name is there."
    assert path_of(home, 1).read_bytes() == b"my own notes on it"
    assert line.downloaded_books == [books[1].pk]


def test_a_volume_that_the_reader_renamed_is_not_fetched_again(
    kobo: KOReader, line: Line, settings: Any, home: Path
) -> None:
    series(settings, 2)
    download(kobo)
    path_of(home, 1).rename(path_of(home, 1).with_name("The first one.epub"))
    line.forget()
    assert download(kobo) == "All 2 books are already here."
    assert line.downloads == []


def test_a_volume_that_the_server_calls_otherwise_by_now_is_not_fetched_again(
    kobo: KOReader, line: Line, settings: Any
) -> None:
    from library.manifests import refresh_manifests
    from library.marks import mark_manifests_stale
    from library.models import Book

    books = series(settings, 2)
    download(kobo)
    Book.objects.filter(pk=books[0].pk).update(title="The Colour of Magic")
    with transaction.atomic():
        mark_manifests_stale([books[0].series_id])
    refresh_manifests()
    line.forget()
    shown = open_series(kobo)
    assert "Vol. 1 — The Colour of Magic" in shown.items
    kobo.choose("Download all")
    assert finish(kobo) == "All 2 books are already here."
    assert line.downloads == []


def test_a_volume_that_the_reader_deleted_is_fetched_again(
    kobo: KOReader, line: Line, settings: Any, home: Path
) -> None:
    books = series(settings, 2)
    download(kobo)
    path_of(home, 2).unlink()
    line.forget()
    assert download(kobo) == "1 of 2 books downloaded, 1 was already here."
    assert line.downloaded_books == [books[1].pk]


# Room and place


def test_too_little_room_is_said_before_anything_is_fetched(
    start_with_home: StartDevice, line: Line, settings: Any
) -> None:
    series(settings, 3)
    kobo = start_with_home(free_bytes=5_000_000)
    text = download(kobo)
    assert text.startswith("There is not enough room on this device: the books take ")
    assert "kB" in text
    assert "5.0 MB are free" in text
    assert line.downloads == []


def test_what_is_gathered_already_needs_no_room(
    kobo: KOReader, start_with_home: StartDevice, line: Line, settings: Any
) -> None:
    books = series(settings, 1, padding=600_000)
    line.break_with(cutting(books, after=550_000))
    download(kobo)
    line.mend()
    kobo.exit()
    again = start_with_home(free_bytes=10_000_000 + 300_000)
    assert download(again) == "1 of 1 book downloaded."


@pytest.mark.parametrize("setting", ["download_dir", "lastdir"])
def test_without_a_home_folder_the_next_best_is_taken(
    start_with_home: StartDevice, settings: Any, home: Path, setting: str
) -> None:
    series(settings, 1)
    kobo = start_with_home(global_settings={"home_dir": str(home / "gone"), setting: f"{home}/"})
    assert download(kobo) == "1 of 1 book downloaded."
    assert path_of(home, 1).exists()


def test_without_any_folder_a_sentence_says_so(start_with_home: StartDevice, line: Line, settings: Any) -> None:
    series(settings, 1)
    assert download(start_with_home(global_settings={})).startswith("There is no folder for books.")
    assert line.downloads == []


HOSTILE = [
    ("../../outside", "x.epub"),
    ("/etc", "x.epub"),
    ("book/..", "x.epub"),
    ("book/Discworld", "../../../x.epub"),
    ("book/Discworld", "..\x00/x.epub"),
    ("book/Discworld", "/tmp/x.epub"),
    ("book/Discworld", ".."),
    ("book/Discworld", ".hidden.epub"),
    ("....//....", "a\nb.epub"),
]


@pytest.mark.parametrize(("folder", "filename"), HOSTILE)
def test_no_name_leads_out_of_the_readers_folder(
    kobo: KOReader, line: Line, settings: Any, home: Path, tmp_path: Path, folder: str, filename: str
) -> None:
    [book] = series(settings, 1)

    def rename(passed: Passed, answer: Answered) -> None:
        if passed.path.startswith("/api/tome-sync/series/"):
            manifest = json.loads(answer.body)
            manifest["books"][0] |= {"folder": folder, "filename": filename}
            answer.body = json.dumps(manifest).encode()

    line.break_with(rename)
    outside = {path for path in tmp_path.rglob("*") if not path.is_relative_to(home)}
    assert download(kobo) == "1 of 1 book downloaded."
    [path] = [path for path in home.rglob("*") if path.is_file()]
    assert path.read_bytes() == content_of(book, settings)
    assert not any(part.startswith(".") for part in path.relative_to(home).parts)
    assert path.name.isprintable()
    assert path.suffix == Path(filename).suffix
    new = {path for path in tmp_path.rglob("*") if not path.is_relative_to(home)} - outside
    assert [path for path in new if path.suffix in (".epub", ".part")] == []


# What goes wrong on the way


def corrupting(books: list[Any]) -> Change:
    def corrupt(passed: Passed, answer: Answered) -> None:
        if is_of(passed, books):
            answer.body = answer.body[:-1] + bytes([answer.body[-1] ^ 1])

    return corrupt


def test_a_file_with_a_wrong_sum_is_deleted_and_reported(kobo: KOReader, line: Line, settings: Any, home: Path) -> None:
    books = series(settings, 2)
    line.break_with(corrupting(books[:1]))
    text = download(kobo)
    assert text == "1 of 2 books downloaded.\nVol. 1 — Part 1: The file arrived damaged, so it was deleted."
    assert files(home) == [path_of(home, 2).name]
    line.mend()
    assert download(kobo) == "1 of 2 books downloaded, 1 was already here."


def test_what_was_gathered_and_has_suffered_is_fetched_afresh(
    kobo: KOReader, line: Line, settings: Any, home: Path
) -> None:
    books = series(settings, 1)
    break_off(kobo, line, books)
    [partial] = partials(home)
    partial.write_bytes(bytes(partial.stat().st_size))
    assert download(kobo) == "1 of 1 book downloaded."
    assert is_whole(home, books[0], settings, 1)


def test_one_break_is_mended_without_a_word(kobo: KOReader, line: Line, settings: Any, home: Path) -> None:
    books = series(settings, 1)
    cut = cutting(books, after=CUT_AT)

    def cut_once(passed: Passed, answer: Answered) -> None:
        cut(passed, answer)
        if is_of(passed, books):
            line.mend()

    line.break_with(cut_once)
    assert download(kobo) == "1 of 1 book downloaded."
    assert is_whole(home, books[0], settings, 1)
    assert [passed.status for passed in line.downloads] == [200, 206, 206]


def test_a_server_that_cannot_go_on_is_asked_for_the_whole(
    kobo: KOReader, line: Line, settings: Any, home: Path
) -> None:
    books = series(settings, 1)
    break_off(kobo, line, books)

    def know_no_ranges(passed: Passed, answer: Answered) -> None:
        if is_of(passed, books):
            answer.status, answer.body = 200, content_of(books[0], settings)

    line.break_with(know_no_ranges)
    assert download(kobo) == "1 of 1 book downloaded."
    assert is_whole(home, books[0], settings, 1)


def test_a_part_that_is_not_the_one_that_was_asked_for_is_not_put_behind_the_others(
    kobo: KOReader, line: Line, settings: Any, home: Path
) -> None:
    books = series(settings, 1)
    break_off(kobo, line, books)

    def send_another_part(passed: Passed, answer: Answered) -> None:
        if is_of(passed, books) and answer.status == 206:
            answer.headers["Content-Range"] = f"bytes 0-0/{len(content_of(books[0], settings))}"

    line.break_with(send_another_part)
    line.forget()
    assert download(kobo) == "1 of 1 book downloaded."
    assert is_whole(home, books[0], settings, 1)
    assert range_starts(line)[1:] == [""]


def changing_manifest(**file: Any) -> Change:
    """What the manifest says of each file is changed, or left out where it is None."""

    def change(passed: Passed, answer: Answered) -> None:
        if passed.path.startswith("/api/tome-sync/series/"):
            manifest = json.loads(answer.body)
            for book in manifest["books"]:
                book["file"] = {name: value for name, value in (book["file"] | file).items() if value is not None}
            answer.body = json.dumps(manifest).encode()

    return change


def test_a_file_without_a_sha256_is_checked_by_its_partial_md5_and_never_gone_on_with(
    kobo: KOReader, line: Line, settings: Any, home: Path
) -> None:
    books = series(settings, 1)
    line.break_with(changing_manifest(sha256=None), cutting(books, after=CUT_AT))
    download(kobo)
    line.break_with(changing_manifest(sha256=None))
    line.forget()
    assert download(kobo) == "1 of 1 book downloaded."
    assert range_starts(line) == [""]
    path_of(home, 1).unlink()
    line.break_with(changing_manifest(sha256=None, ko_md5="0" * 32))
    assert "The file arrived damaged" in download(kobo)


def test_a_file_that_the_reader_puts_there_meanwhile_is_not_overwritten(
    kobo: KOReader, line: Line, settings: Any, home: Path
) -> None:
    books = series(settings, 1)

    def put_a_file_there(passed: Passed, _answer: Answered) -> None:
        if is_of(passed, books):
            path_of(home, 1).write_bytes(b"my own")

    line.break_with(put_a_file_there)
    assert "Vol. 1 — Part 1: Another file with this name is there." in download(kobo)
    assert path_of(home, 1).read_bytes() == b"my own"


def test_a_busy_server_is_asked_once_more_if_that_is_soon(kobo: KOReader, line: Line, settings: Any) -> None:
    books = series(settings, 1)
    busy = answering(books, 503, b"Busy.", Retry_After="7")

    def busy_once(passed: Passed, answer: Answered) -> None:
        busy(passed, answer)
        if is_of(passed, books):
            line.mend()

    line.break_with(busy_once)
    assert download(kobo) == "1 of 1 book downloaded."
    first, second = [request.at for request in kobo.requests if "/download/" in request.path]
    assert 7 <= second - first < 10


def test_a_server_that_is_busy_for_longer_is_reported(kobo: KOReader, line: Line, settings: Any) -> None:
    books = series(settings, 4)
    line.break_with(answering(books[:3], 503, b"Busy.", Retry_After="60"))
    assert download(kobo).splitlines() == [
        "1 of 4 books downloaded.",
        *[f"Vol. {n} — Part {n}: The server is busy. Try again in a minute." for n in (1, 2, 3)],
    ]
    assert len(line.downloads) == 4


def test_being_busy_costs_nothing_of_what_was_gathered(kobo: KOReader, line: Line, settings: Any, home: Path) -> None:
    books = series(settings, 1)
    break_off(kobo, line, books)
    [before] = [path.stat().st_size for path in partials(home)]
    line.break_with(answering(books, 503, b"Busy.", Retry_After="60"))
    download(kobo)
    assert [path.stat().st_size for path in partials(home)] == [before]


def test_a_file_that_is_gone_is_reported_and_the_others_are_fetched(kobo: KOReader, settings: Any) -> None:
    books = series(settings, 3)
    (settings.LIBRARY_DIR / books[1].files.get().path).unlink()
    text = download(kobo)
    assert text == "2 of 3 books downloaded.\nVol. 2 — Part 2: The server does not have this file any more."


def test_a_file_that_is_another_one_by_now_is_not_taken(kobo: KOReader, line: Line, settings: Any, home: Path) -> None:
    books = series(settings, 2)

    def replace(passed: Passed, answer: Answered) -> None:
        if is_of(passed, books[:1]):
            answer.body = b"PK, but another book"

    line.break_with(replace)
    text = download(kobo)
    assert "Vol. 1 — Part 1: The server has another file by now. Open the list again." in text
    assert files(home) == [path_of(home, 2).name]


@pytest.mark.parametrize("length", [len(WEB_PAGE), 200_000])
def test_a_web_page_in_place_of_a_book_is_reported_and_not_kept(
    kobo: KOReader, line: Line, settings: Any, home: Path, length: int
) -> None:
    books = series(settings, 2)
    page = WEB_PAGE.ljust(length).encode()
    line.break_with(answering(books[:1], 200, page, Content_Type="text/html"))
    assert "Vol. 1 — Part 1: A web page answered instead of Tome." in download(kobo)
    assert files(home) == [path_of(home, 2).name]


def test_a_lost_key_ends_it_at_once(kobo: KOReader, line: Line, settings: Any, ada: Any) -> None:
    from accounts.models import ApiKey

    books = series(settings, 5)

    def revoke(passed: Passed, _answer: Answered) -> None:
        if is_of(passed, books[1:2]):
            ApiKey.objects.filter(reader=ada).delete()

    line.break_with(revoke)
    lines = download(kobo).splitlines()
    assert lines[:2] == ["2 of 5 books downloaded.", "2 were not tried."]
    assert lines[2].startswith("Vol. 3 — Part 3: The server does not accept this plugin's key.")
    assert len(line.downloads) == 3


def test_a_server_that_goes_away_is_not_asked_for_all_the_rest(
    kobo: KOReader, line: Line, settings: Any, home: Path
) -> None:
    books = series(settings, 10)

    def go_away(passed: Passed, answer: Answered) -> None:
        if is_of(passed, books[3:4]):
            answer.sent = CUT_AT
            line.break_with("closed")

    line.break_with(go_away)
    lines = download(kobo).splitlines()
    assert lines[:2] == ["3 of 10 books downloaded.", "3 were not tried."]
    assert [line_.partition(":")[0] for line_ in lines[2:]] == [f"Vol. {n} — Part {n}" for n in (4, 5, 6, 7)]
    line.mend()
    assert download(kobo) == "7 of 10 books downloaded, 3 were already here."
    assert all(is_whole(home, book, settings, n) for n, book in enumerate(books, 1))


def test_without_wifi_it_ends_and_says_so(kobo: KOReader, settings: Any) -> None:
    series(settings, 5)
    slow_down(kobo)
    start_download(kobo, 2)
    kobo.go_offline()
    # What is on its way in the double's sockets still arrives.
    assert finish(kobo).splitlines() == [
        "2 of 5 books downloaded.",
        "2 were not tried.",
        "Vol. 3 — Part 3: There is no network connection.",
    ]
    assert kobo.wifi_woken == 0


def test_a_transfer_of_which_nothing_comes_any_more_is_ended(
    kobo: KOReader, line: Line, settings: Any, home: Path
) -> None:
    books = series(settings, 2)

    def fall_silent(passed: Passed, answer: Answered) -> None:
        if is_of(passed, books[:1]):
            answer.sent, answer.is_silent_then = CUT_AT, True

    line.break_with(fall_silent)
    open_series(kobo)
    kobo.network.patience = 1.0
    kobo.choose("Download all")
    began = kobo.now
    until(kobo, lambda: any("Downloading 2 of" in shown.text for shown in kobo.shown), what="the next volume")
    assert kobo.now - began < 100
    assert finish(kobo).startswith("1 of 2 books downloaded.\nVol. 1 — Part 1: ")
    assert len(partials(home)) == 1


def test_a_device_that_is_slow_to_work_out_the_sum_is_waited_for(kobo: KOReader, settings: Any) -> None:
    series(settings, 1, padding=2_000_000)
    kobo._lua.execute(b"""
        local sha2 = require("ffi/sha2")
        local sha256 = sha2.sha256
        sha2.sha256 = function(...)
            host.pass(35)
            return sha256(...)
        end
    """)
    assert download(kobo) == "1 of 1 book downloaded."


def test_a_name_that_is_never_resolved_does_not_hang_it(kobo: KOReader, settings: Any) -> None:
    series(settings, 2)
    open_series(kobo)
    kobo.network.names, kobo.network.name_seconds = "hang", 3600.0
    kobo.choose("Download all")
    began = kobo.now
    lines = finish(kobo).splitlines()
    assert lines[0] == "0 of 2 books downloaded."
    assert "The server does not answer." in lines[1]
    assert kobo.now - began < 80


def test_where_there_are_no_processes_nothing_is_fetched_and_nothing_hangs(
    start_with_home: StartDevice, settings: Any, line: Line
) -> None:
    series(settings, 1)
    kobo = start_with_home(can_fork=False)
    assert "This device could not run the download." in download(kobo)
    assert line.downloads == []


def test_what_cannot_be_written_is_reported(kobo: KOReader, settings: Any, home: Path) -> None:
    books = series(settings, 2)
    folder = path_of(home, 1).parent
    folder.mkdir(parents=True)
    file = books[0].files.get()
    (folder / f".tomesync-{file.pk}-{file.sha256[:12]}.part").symlink_to("/dev/full")
    text = download(kobo)
    assert text == "1 of 2 books downloaded.\nVol. 1 — Part 1: It could not be written to this device."


def test_a_folder_that_cannot_be_made_ends_it_after_three(
    kobo: KOReader, line: Line, settings: Any, home: Path
) -> None:
    series(settings, 5)
    (home / "book").write_text("a file where the folder belongs")
    assert download(kobo).splitlines()[:2] == ["0 of 5 books downloaded.", "2 were not tried."]
    assert line.downloads == []


def test_another_server_ends_it(kobo: KOReader, line: Line, settings: Any, home: Path) -> None:
    series(settings, 4)
    slow_down(kobo)
    start_download(kobo, 2)
    kobo.press("Hide")
    while kobo.windows:
        kobo.dismiss()
    change_address(kobo, "http://127.0.0.1:9")
    until(kobo, lambda: any("books downloaded" in shown.text for shown in kobo.shown), what="the end")
    assert len(line.downloads) == 2
    # The one that was on its way is whole, but is no book of the other server.
    kept = [json.loads(file.read_text()) for file in (kobo.data_dir / "settings").glob("tomesync-books-*.json")]
    assert [path for books in kept for path in dict(books["paths"]).values()] == [str(path_of(home, 1))]
    assert path_of(home, 2).exists()


def test_many_failures_are_read_in_a_window_that_scrolls(kobo: KOReader, line: Line, settings: Any) -> None:
    books = series(settings, 12)
    line.break_with(answering(books, 503, b"Busy.", Retry_After="60"))
    open_series(kobo)
    kobo.choose("Download all")
    until(kobo, lambda: not is_downloading(kobo), what="the end")
    assert top(kobo).kind == "TextViewer"
    assert len(top(kobo).text.splitlines()) == 13


def test_what_was_begun_long_ago_and_never_finished_is_deleted(kobo: KOReader, settings: Any, home: Path) -> None:
    books = series(settings, 1)
    folder = path_of(home, 1).parent
    folder.mkdir(parents=True)
    old, young = folder / ".tomesync-900-abc.part", folder / ".tomesync-901-abc.part"
    for path, days in ((old, 31), (young, 29)):
        path.write_bytes(b"x")
        os.utime(path, (kobo.now - days * 86400, kobo.now - days * 86400))
    assert is_of(Passed("GET", f"/api/tome-sync/download/{books[0].pk}/1", {}), books)
    download(kobo)
    assert (old.exists(), young.exists()) == (False, True)
