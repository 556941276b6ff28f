"""What the device knows of its files: kept for one server, bounded, and never in the way when it is damaged."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.koplugin.pure import PureLua, plain

LUA = PureLua()
DRACULA = {"filename": "Dracula.epub", "ko_md5": "d" * 32, "size": 884_000}
CARMILLA = {"filename": "Carmilla.epub", "ko_md5": "c" * 32, "size": 223_000}
MATCH = {"book_id": 12, "title": "Dracula", "series": "Gothic", "series_index": 2.5, "method": "ko_md5"}
NOON = 1_763_900_000
MOST_FILES = 2000


class Books:
    def __init__(self, stored: Any = None) -> None:
        self.it = LUA.module("books")[b"new"](LUA.table(stored))

    def __getattr__(self, method: str) -> Callable[..., Any]:
        return lambda *arguments: plain(LUA.call(self.it, method, *arguments))

    def adopt(self, other: "Books") -> None:
        LUA.call(self.it, "adopt", other.it)

    @property
    def is_changed(self) -> bool:
        return self.it[b"is_changed"]

    def count(self) -> int:
        return len(list(self.it[b"stored"][b"files"].keys()))

    def written(self) -> bytes:
        return LUA.codec[b"encode"](self.it[b"stored"])

    def reopened(self) -> "Books":
        """As the service does it after a restart."""
        return Books(LUA.codec[b"decode"](self.written()))


@pytest.fixture
def books() -> Books:
    return Books()


def test_nothing_is_known_at_first(books: Books) -> None:
    assert books.find(DRACULA) is None
    assert books.revision(DRACULA) is None
    assert books.last_read_at(DRACULA) is None
    assert books.told(DRACULA) is None
    assert books.path_of(12) is None
    assert not books.is_changed
    assert books.count() == 0


def test_a_file_is_known_again_after_a_restart(books: Books) -> None:
    books.match(DRACULA, MATCH, NOON)
    assert books.is_changed
    entry = books.reopened().find(DRACULA)
    assert {name: entry[name] for name in MATCH} == MATCH
    assert books.reopened().find(CARMILLA) is None


def test_a_renamed_file_is_still_itself(books: Books) -> None:
    books.match(DRACULA, MATCH, NOON)
    assert books.find(DRACULA | {"filename": "dracula (1).epub"})["book_id"] == 12


@pytest.mark.parametrize("changes", [{"size": 884_001}, {"ko_md5": "e" * 32}])
def test_a_replaced_file_is_another_though_it_has_the_name(books: Books, changes: dict[str, Any]) -> None:
    books.match(DRACULA, MATCH, NOON)
    assert books.find(DRACULA | changes) is None


def test_a_file_that_cannot_be_summed_goes_by_its_name(books: Books) -> None:
    books.match({"filename": "Dracula.epub"}, MATCH, NOON)
    assert books.find({"filename": "Dracula.epub", "size": 7})["book_id"] == 12
    assert books.find({"filename": "Carmilla.epub"}) is None
    assert books.find(DRACULA) is None


def test_where_a_fetched_file_lies_is_known_by_its_book(books: Books) -> None:
    books.register(DRACULA, MATCH, "/mnt/Novels/Dracula.epub", NOON)
    again = books.reopened()
    assert again.path_of(12) == "/mnt/Novels/Dracula.epub"
    assert again.path_of(13) is None
    assert again.find(DRACULA)["title"] == "Dracula"


def test_the_last_fetched_file_of_a_book_counts(books: Books) -> None:
    books.register(DRACULA, MATCH, "/mnt/Dracula.epub", NOON)
    books.register(CARMILLA, MATCH, "/mnt/Dracula.kepub.epub", NOON)
    assert books.path_of(12) == "/mnt/Dracula.kepub.epub"
    assert books.find(DRACULA)["book_id"] == 12


def test_a_match_ends_what_was_unsure(books: Books) -> None:
    books.unmatch(DRACULA, [{"book_id": 12, "title": "Dracula"}], NOON)
    assert books.find(DRACULA)["candidates"] == [{"book_id": 12, "title": "Dracula"}]
    books.set_none(DRACULA, True, NOON)
    books.match(DRACULA, MATCH, NOON)
    entry = books.find(DRACULA)
    assert "candidates" not in entry
    assert "is_none" not in entry


def test_no_match_leaves_nothing_of_the_one_before(books: Books) -> None:
    books.match(DRACULA, MATCH, NOON)
    books.remember_revision(DRACULA, 4, NOON)
    books.unmatch(DRACULA, [], NOON)
    entry = books.reopened().find(DRACULA)
    assert entry == {"filename": "Dracula.epub", "used_at": NOON, "candidates": {}}


def test_no_book_in_the_library_is_told_apart_from_not_asked_yet(books: Books) -> None:
    books.unmatch(DRACULA, [], NOON)
    assert "candidates" in books.reopened().find(DRACULA)
    books.unmatch(DRACULA, None, NOON)
    assert "candidates" not in books.reopened().find(DRACULA)


def test_a_match_without_a_series_leaves_none_behind(books: Books) -> None:
    books.match(DRACULA, MATCH, NOON)
    books.match(DRACULA, {"book_id": 12, "title": "Dracula"}, NOON)
    entry = books.find(DRACULA)
    assert {"series", "series_index", "method"}.isdisjoint(entry)


def test_the_readers_choice_waits_until_the_server_has_heard_it(books: Books) -> None:
    books.set_choice(DRACULA, {"none": True}, NOON)
    books.forget_matches()
    books.unmatch(DRACULA, [], NOON)
    assert books.reopened().find(DRACULA)["choice"] == {"none": True}
    books.set_choice(DRACULA, None, NOON)
    assert "choice" not in books.reopened().find(DRACULA)


def test_none_of_these_can_be_taken_back(books: Books) -> None:
    books.set_none(DRACULA, True, NOON)
    assert books.reopened().find(DRACULA)["is_none"] is True
    books.set_none(DRACULA, False, NOON)
    assert "is_none" not in books.find(DRACULA)


# Revisions and readings


def test_the_last_revision_is_known(books: Books) -> None:
    books.match(DRACULA, MATCH, NOON)
    books.remember_revision(DRACULA, 4, NOON)
    books.remember_revision(DRACULA, 5, NOON)
    assert books.reopened().revision(DRACULA) == 5


@pytest.mark.parametrize("junk", [None, "5", {}, True])
def test_what_is_no_revision_is_not_taken_for_one(books: Books, junk: Any) -> None:
    books.match(DRACULA, MATCH, NOON)
    books.remember_revision(DRACULA, 4, NOON)
    books.remember_revision(DRACULA, junk, NOON)
    assert books.revision(DRACULA) == 4


def test_a_known_revision_is_no_reason_to_write(books: Books) -> None:
    books.match(DRACULA, MATCH, NOON)
    books.remember_revision(DRACULA, 4, NOON)
    books.it[b"is_changed"] = False
    books.remember_revision(DRACULA, 4, NOON + 1)
    assert not books.is_changed


def test_the_same_match_again_keeps_the_revision_and_another_book_does_not(books: Books) -> None:
    books.match(DRACULA, MATCH, NOON)
    books.remember_revision(DRACULA, 4, NOON)
    books.match(DRACULA, MATCH | {"title": "Dracula, annotated"}, NOON)
    assert books.revision(DRACULA) == 4
    books.match(DRACULA, MATCH | {"book_id": 13}, NOON)
    assert books.revision(DRACULA) is None


def test_when_and_where_a_file_was_read_last_is_known(books: Books) -> None:
    books.remember_reading(DRACULA, NOON, {"fraction": 0.5, "progress": "/body/p[7]"})
    again = books.reopened()
    assert again.last_read_at(DRACULA) == NOON
    assert again.told(DRACULA) == {"fraction": 0.5, "progress": "/body/p[7]"}


def test_forgetting_matches_keeps_where_files_lie_and_when_they_were_read(books: Books) -> None:
    books.register(DRACULA, MATCH, "/mnt/Dracula.epub", NOON)
    books.remember_revision(DRACULA, 4, NOON)
    books.remember_reading(DRACULA, NOON, {"fraction": 0.5})
    books.unmatch(CARMILLA, [], NOON)
    books.remember_reading({"filename": "Read before it was asked about.epub"}, NOON, {"fraction": 0.1})
    assert books.forget_matches() == 2
    again = books.reopened()
    assert "book_id" not in again.find(DRACULA)
    assert again.revision(DRACULA) is None
    assert again.path_of(12) == "/mnt/Dracula.epub"
    assert again.last_read_at(DRACULA) == NOON
    assert again.forget_matches() == 0


# Two of them


def test_what_another_one_knows_is_taken_over_where_nothing_is_known(books: Books) -> None:
    books.match(DRACULA, MATCH, NOON)
    other = Books()
    other.match(DRACULA, MATCH | {"book_id": 99}, NOON)
    other.match(CARMILLA, MATCH | {"book_id": 13}, NOON)
    books.adopt(other)
    assert books.find(DRACULA)["book_id"] == 12
    assert books.find(CARMILLA)["book_id"] == 13


def test_where_files_lie_is_taken_over_and_kept(books: Books) -> None:
    books.register(DRACULA, MATCH, "/mnt/here.epub", NOON)
    again = books.reopened()
    other = Books()
    other.register(DRACULA, MATCH, "/mnt/there.epub", NOON)
    other.register(DRACULA, MATCH | {"book_id": 13}, "/mnt/other.epub", NOON)
    again.adopt(other)
    assert again.is_changed
    assert (again.path_of(12), again.path_of(13)) == ("/mnt/here.epub", "/mnt/other.epub")


@pytest.mark.parametrize(("here", "there", "told"), [(NOON, NOON + 1, 0.7), (NOON + 1, NOON, 0.2), (None, NOON, 0.7)])
def test_of_two_readings_the_later_one_is_known(books: Books, here: int | None, there: int, told: float) -> None:
    books.match(DRACULA, MATCH, NOON)
    if here:
        books.remember_reading(DRACULA, here, {"fraction": 0.2})
    other = Books()
    other.remember_reading(DRACULA, there, {"fraction": 0.7})
    books.adopt(other)
    assert books.last_read_at(DRACULA) == max(here or 0, there)
    assert books.told(DRACULA) == {"fraction": told}
    assert books.find(DRACULA)["book_id"] == 12


# Its bound


def name(number: int) -> dict[str, Any]:
    return {"filename": f"{number}.epub", "ko_md5": f"{number:032x}", "size": number}


@pytest.fixture
def full() -> Books:
    books = Books()
    for number in range(MOST_FILES):
        books.match(name(number), MATCH, NOON + number)
    return books


def test_of_too_many_files_the_one_that_was_used_the_longest_ago_is_forgotten(full: Books) -> None:
    full.match(name(0), MATCH, NOON + MOST_FILES)
    full.match(name(MOST_FILES), MATCH, 0)
    assert full.count() == MOST_FILES
    assert full.find(name(1)) is None
    assert full.find(name(0))
    assert full.find(name(MOST_FILES))


def test_a_choice_that_the_server_has_not_heard_is_not_forgotten(full: Books) -> None:
    full.set_choice(name(0), {"book_id": 7}, 0)
    full.match(name(MOST_FILES), MATCH, NOON)
    assert full.count() == MOST_FILES
    assert full.find(name(0))["choice"] == {"book_id": 7}
    assert full.find(name(1)) is None


def test_what_is_taken_over_is_bounded_as_well(full: Books) -> None:
    other = Books()
    for number in range(30):
        other.match(name(MOST_FILES + number), MATCH, NOON + MOST_FILES)
    full.adopt(other)
    assert full.count() == MOST_FILES
    assert full.find(name(29)) is None
    assert full.find(name(MOST_FILES))


# Damage

JUNK: st.SearchStrategy[Any] = st.recursive(
    st.one_of(st.booleans(), st.integers(-10, 10), st.floats(-1, 1), st.text("ab", max_size=2)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text("ab", max_size=1), inner, max_size=3)),
    max_leaves=6,
)
KEY = f"{DRACULA['ko_md5']}-{DRACULA['size']}"
FIELDS = [
    "filename",
    "used_at",
    "book_id",
    "title",
    "series",
    "series_index",
    "method",
    "candidates",
    "is_none",
    "choice",
    "revision",
    "last_read_at",
    "told",
]


@given(
    st.one_of(
        JUNK,
        st.fixed_dictionaries({}, optional={"files": JUNK, "paths": JUNK}),
        st.builds(
            lambda entry, paths: {"files": {KEY: entry, "other": entry}, "paths": paths},
            st.dictionaries(st.sampled_from(FIELDS), JUNK, max_size=8),
            st.dictionaries(st.sampled_from(["12", "13"]), JUNK),
        ),
    )
)
def test_whatever_was_stored_it_works(stored: Any) -> None:
    books = Books(stored)
    entry = books.find(DRACULA) or {}
    candidates = entry.get("candidates", [])
    for candidate in candidates.values() if isinstance(candidates, dict) else candidates:
        assert isinstance(candidate, list | dict)
    assert isinstance(entry.get("title", ""), str)
    assert isinstance(books.path_of(12) or "", str)
    for number in (books.revision(DRACULA), books.last_read_at(DRACULA), entry.get("book_id")):
        assert number is None or (isinstance(number, int | float) and not isinstance(number, bool))
    other = Books()
    other.remember_reading(DRACULA, NOON, {"fraction": 0.5})
    books.adopt(other)
    books.forget_matches()
    books.unmatch(DRACULA, None, NOON)
    books.remember_reading(DRACULA, NOON, {"fraction": 0.5})
    books.register(DRACULA, MATCH, "/mnt/Dracula.epub", NOON)
    books.remember_revision(DRACULA, 4, NOON)
    again = books.reopened()
    assert (again.find(DRACULA)["book_id"], again.revision(DRACULA), again.path_of(12)) == (
        12,
        4,
        "/mnt/Dracula.epub",
    )
