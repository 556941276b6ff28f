"""What the server tells of series and volumes, and the lists in which the reader finds them."""

from pathlib import Path
from typing import Any

import pytest

from koplugin.packer import build_plugin
from tests.koplugin.koreader import KOReader, Window
from tests.koplugin.library import make_series
from tests.koplugin.line import Line
from tests.koplugin.pure import PureLua, plain
from tests.koplugin.server import KEY, WEB_PAGE, Answer, TomeServer
from tests.koplugin.steps import StartDevice, fetched, top, until

with_tome = pytest.mark.django_db(transaction=True)

SHA256 = "9f" * 32
KO_MD5 = "77" * 16
ENTRY = {
    "id": 7,
    "title": "Mort",
    "series_index": 4,
    "author": "Terry Pratchett",
    "folder": "book/Discworld",
    "filename": "Vol. 4 — Mort.epub",
    "file": {"id": 9, "format": "epub", "file_size": 2134, "sha256": SHA256, "ko_md5": KO_MD5},
    "files": [{"id": 9, "format": "epub", "file_size": 2134}],
}


@pytest.fixture(scope="module")
def lua() -> PureLua:
    return PureLua()


def call(lua: PureLua, name: str, *arguments: Any) -> Any:
    """What a function of `tomesync/volumes` answers."""
    given = [lua.table(argument) for argument in arguments]
    return plain(lua.run(f'return require("tomesync/volumes").{name}(...)', *given))


# What the server tells


def test_an_entry_of_a_manifest_is_a_volume(lua: PureLua) -> None:
    assert call(lua, "read", ENTRY, "Discworld") == {
        "book_id": 7,
        "title": "Mort",
        "series": "Discworld",
        "series_index": 4,
        "author": "Terry Pratchett",
        "folder": "book/Discworld",
        "filename": "Vol. 4 — Mort.epub",
        "file": {"id": 9, "size": 2134, "sha256": SHA256, "ko_md5": KO_MD5},
    }


@pytest.mark.parametrize("missing", ["series_index", "author", "folder", "files"])
def test_keys_without_a_value_may_be_missing(lua: PureLua, missing: str) -> None:
    read = call(lua, "read", {name: value for name, value in ENTRY.items() if name != missing}, "Discworld")
    assert missing not in read
    assert read["file"]["id"] == 9


def test_a_book_from_the_inbox_gets_its_series_from_its_folder(lua: PureLua) -> None:
    assert call(lua, "read", ENTRY)["series"] == "Discworld"
    assert "series" not in call(lua, "read", ENTRY | {"folder": "book"})


@pytest.mark.parametrize(
    "entry",
    [
        {key: value for key, value in ENTRY.items() if key != "file"},
        {key: value for key, value in ENTRY.items() if key != "filename"},
        ENTRY | {"file": "yes"},
        ENTRY | {"file": {"id": 9}},
        ENTRY | {"file": {"id": "9", "file_size": 3}},
        ENTRY | {"file": {"id": 9, "file_size": -3}},
        ENTRY | {"file": {"id": 9, "file_size": 2.5}},
    ],
)
def test_a_book_without_a_file_that_makes_sense_has_none(lua: PureLua, entry: dict[str, Any]) -> None:
    assert "file" not in call(lua, "read", entry)


@pytest.mark.parametrize("entry", [{}, ENTRY | {"id": "7"}, ENTRY | {"id": 7.5}, ENTRY | {"id": -1}, 7, "seven"])
def test_what_is_no_book_is_none(lua: PureLua, entry: Any) -> None:
    assert call(lua, "read", entry) is None
    assert call(lua, "of_manifest", {"books": [entry, ENTRY]})[0]["book_id"] == 7


@pytest.mark.parametrize("sums", [{"sha256": "9f"}, {"sha256": "zz" * 32}, {"sha256": 5}])
def test_a_sum_that_is_none_is_left_out(lua: PureLua, sums: dict[str, Any]) -> None:
    file = call(lua, "read", ENTRY | {"file": {"id": 9, "file_size": 3, "ko_md5": KO_MD5} | sums})["file"]
    assert file == {"id": 9, "size": 3, "ko_md5": KO_MD5}


def test_what_is_no_manifest_is_none(lua: PureLua) -> None:
    assert call(lua, "of_manifest", {"books": "all"}) is None
    assert call(lua, "of_manifest", {}) is None


def ids(list_: Any) -> Any:
    return (
        [volume["book_id"] for volume in list_.values()] if isinstance(list_, dict) else [v["book_id"] for v in list_]
    )


VOLUMES = [{"book_id": 30, "series_index": 1}, {"book_id": 10, "series_index": 2}, {"book_id": 20}]


def test_the_rest_is_what_comes_after_in_the_order_of_the_manifest(lua: PureLua) -> None:
    assert ids(call(lua, "after", VOLUMES, {"book_id": 30})) == [10, 20]
    assert ids(call(lua, "after", VOLUMES, {"book_id": 10, "series_index": 1})) == [20]
    assert ids(call(lua, "after", VOLUMES, {"book_id": 20})) == []


def test_a_book_that_was_made_one_with_another_is_found_by_its_number(lua: PureLua) -> None:
    assert ids(call(lua, "after", VOLUMES, {"book_id": 99, "series_index": 1})) == [10, 20]
    assert call(lua, "after", VOLUMES, {"book_id": 99, "series_index": 9}) is None
    assert call(lua, "after", VOLUMES, {"book_id": 99}) is None


def test_a_list_of_series_leaves_out_what_makes_no_sense(lua: PureLua) -> None:
    good = {"name": "Discworld", "book_count": 41, "first_book_id": 7, "book_type": "book"}
    wrong: list[Any] = [{}, {"name": "Nameless"}, good | {"name": ""}, good | {"first_book_id": "7"}, "Discworld"]
    assert call(lua, "of_series_list", [*wrong, good]) == [{"name": "Discworld", "count": 41, "book_id": 7}]
    assert call(lua, "of_series_list", {"status": "ok"}) is None


# The list of series


def browse(kobo: KOReader) -> Window:
    return fetched(kobo, "Browse series")


def choose(kobo: KOReader, text: str) -> Window:
    return fetched(kobo, chosen=text)


def search(kobo: KOReader, text: str) -> Window:
    kobo.choose("Search")
    kobo.type(text)
    kobo.press("Search")
    return top(kobo)


@with_tome
def test_the_list_has_each_series_with_its_author_and_count(start_with_home: StartDevice, settings: Any) -> None:
    make_series(settings.LIBRARY_DIR, 3)
    make_series(settings.LIBRARY_DIR, 1, name="Sherlock Holmes", author="Arthur Conan Doyle")
    kobo = start_with_home()
    shown = browse(kobo)
    assert shown.title == "2 series"
    assert shown.items == ["Search…", "Discworld — Terry Pratchett", "Sherlock Holmes — Arthur Conan Doyle"]
    assert [request.path for request in kobo.requests if "/series" in request.path] == ["/api/tome-sync/series"]
    assert all(request.in_background for request in kobo.requests)


@with_tome
def test_without_any_series_a_sentence_says_so(start_with_home: StartDevice) -> None:
    assert browse(start_with_home()).text == "There are no series on the server yet."


@with_tome
def test_a_series_is_found_by_its_name_or_author_whatever_the_case(start_with_home: StartDevice, settings: Any) -> None:
    make_series(settings.LIBRARY_DIR, 1)
    make_series(settings.LIBRARY_DIR, 1, name="Sherlock Holmes", author="Arthur Conan Doyle")
    kobo = start_with_home()
    browse(kobo)
    assert search(kobo, "dISC").items == ["Search: dISC", "Show all", "Discworld — Terry Pratchett"]
    assert search(kobo, "conan").items[2:] == ["Sherlock Holmes — Arthur Conan Doyle"]
    found = search(kobo, "Asimov")
    assert found.title == "0 series with “Asimov”"
    assert found.items[2:] == []
    kobo.choose("Show all")
    assert len(top(kobo).items) == 3
    assert search(kobo, "  ").title == "2 series"


@with_tome
def test_the_volumes_stand_with_a_mark_on_what_is_here(start_with_home: StartDevice, settings: Any, home: Path) -> None:
    books = make_series(settings.LIBRARY_DIR, 3)
    folder = home / "book" / "Discworld"
    folder.mkdir(parents=True)
    source = settings.LIBRARY_DIR / books[1].files.get().path
    (folder / "renamed by the reader.epub").write_bytes(source.read_bytes())
    kobo = start_with_home()
    browse(kobo)
    shown = choose(kobo, "Discworld")
    assert shown.title == "Discworld"
    assert shown.items == [
        "Download all (3)",
        "Download rest (2)",
        "Vol. 1 — Part 1",
        "Vol. 2 — Part 2",
        "Vol. 3 — Part 3",
    ]
    kobo.choose("Vol. 2")
    assert top(kobo).kind == "ConfirmBox"
    kobo.answer(True)
    assert kobo.reader_asked_for == [str(folder / "renamed by the reader.epub")]
    assert "Menu" not in [window.kind for window in kobo.windows]


@with_tome
def test_what_the_reader_prefers_goes_along(start_with_home: StartDevice, settings: Any) -> None:
    make_series(settings.LIBRARY_DIR, 1)
    kobo = start_with_home()
    kobo.tap("Settings", "Preferred format", "CBZ first")
    browse(kobo)
    choose(kobo, "Discworld")
    assert next(request.path for request in kobo.requests if "/series/" in request.path).endswith("?formats=cbz")


@with_tome
def test_the_wait_can_be_ended(start_with_home: StartDevice, settings: Any) -> None:
    make_series(settings.LIBRARY_DIR, 1)
    kobo = start_with_home()
    kobo.network.answer_seconds = 10.0
    kobo.tap("Browse series")
    kobo.wait(2)
    assert top(kobo).text == "Fetching the list of series…"
    kobo.dismiss()
    kobo.wait(30)
    assert kobo.windows == []
    assert [request.outcome for request in kobo.requests if "/series" in request.path] == ["killed"]


@with_tome
def test_a_lost_key_is_said(start_with_home: StartDevice, ada: Any) -> None:
    from accounts.models import ApiKey

    ApiKey.objects.filter(reader=ada).delete()
    assert browse(start_with_home()).text.startswith("The server does not accept this plugin's key.")


def standing_alone(tome: TomeServer, tmp_path: Path, answer: Answer) -> KOReader:
    """A Kobo whose server gives this answer to everything."""
    tome.everything = answer
    zip_ = build_plugin(server_url=tome.url, api_key=KEY, username="ada")
    return KOReader(zip_, tmp_path / "kobo", global_settings={"home_dir": str(tmp_path)}, patience=15.0)


def test_a_web_page_in_place_of_the_list_is_said(tome: TomeServer, tmp_path: Path) -> None:
    kobo = standing_alone(tome, tmp_path, Answer(200, WEB_PAGE, "text/html"))
    assert browse(kobo).text.startswith("A web page answered instead of Tome.")


@pytest.mark.parametrize("body", [{"status": "ok"}, {"books": []}])
def test_somebody_elses_json_is_no_list(tome: TomeServer, tmp_path: Path, body: Any) -> None:
    assert browse(standing_alone(tome, tmp_path, Answer(200, body))).text.startswith(
        "Something other than Tome answered"
    )


@pytest.mark.parametrize("author", [{}, {"author": None}, {"author": ""}])
def test_a_series_without_an_author_stands_with_its_name(
    tome: TomeServer, tmp_path: Path, author: dict[str, Any]
) -> None:
    series = {"name": "Anonymous", "book_count": 2, "first_book_id": 7, "book_type": "book"} | author
    assert browse(standing_alone(tome, tmp_path, Answer(200, [series]))).items == ["Search…", "Anonymous"]


def test_two_thousand_series_are_shown_and_searched(tome: TomeServer, tmp_path: Path) -> None:
    series = [
        {"name": f"Series {n}", "book_count": 3, "author": f"Author {n % 90}", "first_book_id": n, "book_type": "book"}
        for n in range(1, 2001)
    ]
    kobo = standing_alone(tome, tmp_path, Answer(200, series))
    assert len(browse(kobo).items) == 2001
    found = search(kobo, "author 89")
    assert len(found.items) == 2 + 22
    assert kobo.longest_block < 0.1


# From the open book


@pytest.mark.parametrize(("item", "expected"), [("Download full series", [0, 2]), ("Download rest of series", [2])])
@with_tome
def test_the_open_books_series_is_fetched_from_its_menu(
    start_with_home: StartDevice, settings: Any, line: Line, item: str, expected: list[int]
) -> None:
    books = make_series(settings.LIBRARY_DIR, 3)
    kobo = start_with_home()
    kobo.open(settings.LIBRARY_DIR / books[1].files.get().path)
    kobo.tap(item)
    until(kobo, lambda: any("downloaded" in shown.text for shown in kobo.shown), what="the end")
    assert line.downloaded_books == [books[index].pk for index in expected]


@with_tome
def test_nothing_comes_after_the_last_volume(start_with_home: StartDevice, settings: Any) -> None:
    books = make_series(settings.LIBRARY_DIR, 2)
    kobo = start_with_home()
    kobo.open(settings.LIBRARY_DIR / books[1].files.get().path)
    kobo.tap("Download rest of series")
    until(kobo, lambda: top(kobo).text == "This is the last volume of its series.", what="the sentence")


@with_tome
def test_a_book_in_no_series_has_none_to_download(start_with_home: StartDevice, settings: Any, book: Any) -> None:
    kobo = start_with_home()
    kobo.open(settings.LIBRARY_DIR / book.files.get().path)
    kobo.tap("Download full series")
    until(kobo, lambda: top(kobo).text == "This book is in no series on the server.", what="the sentence")
