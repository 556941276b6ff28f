"""What holds for all names and all libraries, on generated ones."""

import random
import time
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from library.formats.metadata import clean
from matching.deciding import Candidate, Clue, Verdict, decide
from matching.keys import DECIDING_LIMIT, KEY_LENGTH, OFFERING_LIMIT, keys_of_clue
from matching.own_names import download_name, entry_title, own_names, safe_name
from matching.words import words_of
from tests.bench import matching as collection
from tests.matching.examples import BOOKS, found_by_keys, keys_of, library
from tests.matching.test_categories import TABLES

LIBRARY = [*library(BOOKS), *(book for book in collection.library() if book.book_id > 42)]
NAMES = [*(name for table in TABLES.values() for name, _expected in table)]
CLUES = [Clue(name) for name in NAMES] + [case.clue for case in collection.cases()]
WORDS = [
    "Dune",
    "Berserk",
    "The",
    "It",
    "Vol. 2",
    "Book One",
    "#3",
    "Foundation",
    "三体",
    "II",
    "第01巻",
    "(2016)",
    "1984",
]
WORDS += ["Deluxe Edition", "Omnibus", "c012", "v01-03", "Messiah", "Kim Harrison", "One Piece", "105", "2.5", "Copy"]

titles = st.one_of(
    st.text(min_size=1, max_size=60),
    st.text(alphabet=st.characters(codec="utf-8"), min_size=1, max_size=300),
    st.lists(st.sampled_from(WORDS), min_size=1, max_size=6).map(" ".join),
    st.lists(st.sampled_from(WORDS), min_size=1, max_size=4).map(": ".join),
    st.sampled_from([book.title for book in LIBRARY]),
)
names = st.one_of(
    st.sampled_from(NAMES),
    st.lists(st.sampled_from(WORDS), min_size=1, max_size=7).map(" - ".join),
    st.lists(st.sampled_from([*WORDS, "Tolstoy", "Retail", "xyz"]), min_size=1, max_size=7).map(" ".join),
    st.text(max_size=80),
)
indexes = st.one_of(
    st.none(), st.integers(0, 120).map(float), st.sampled_from([0.5, 2.5, 10.25, float("nan"), float("inf"), -1.0, 1e9])
)


@st.composite
def books(draw: st.DrawFn) -> Candidate:
    return Candidate(
        book_id=draw(st.integers(1000, 10**6)),
        title=draw(titles),
        authors=tuple(
            draw(st.lists(st.sampled_from(["Ada Marlowe", "Kim Harrison", "刘慈欣", "J.R.R. Tolkien", ""]), max_size=2))
        ),
        series=draw(st.one_of(st.just(""), titles)),
        series_index=draw(indexes),
    )


clues = st.builds(
    Clue,
    filename=names.map(lambda name: f"{name}.epub"),
    folder=st.one_of(st.just(""), names),
    title=st.one_of(st.just(""), titles),
    authors=st.lists(st.sampled_from(["Kim Harrison", "Tolkien, J. R. R.", "Unknown"]), max_size=1).map(tuple),
)


def same(one: Verdict, other: Verdict) -> bool:
    return (one.book_id, one.method, one.confidence, one.reason) == (
        other.book_id,
        other.method,
        other.confidence,
        other.reason,
    )


@settings(max_examples=150, deadline=None)
@given(clue=st.one_of(st.sampled_from(CLUES), clues), seed=st.integers(0, 10**6))
def test_the_order_of_the_library_changes_nothing(clue: Clue, seed: int) -> None:
    shuffled = LIBRARY.copy()
    random.Random(seed).shuffle(shuffled)
    assert decide(clue, shuffled) == decide(clue, LIBRARY)


@settings(max_examples=200, deadline=None)
@given(
    clue=st.one_of(st.sampled_from(CLUES), clues),
    more=st.lists(books(), max_size=12, unique_by=lambda book: book.book_id),
)
def test_the_books_found_by_keys_decide_as_the_whole_library_does(clue: Clue, more: list[Candidate]) -> None:
    whole = [*LIBRARY, *more]
    keys = set(keys_of_clue(clue).deciding)
    by_keys = [book for book in whole if keys & keys_of(book)]
    decided, expected = decide(clue, by_keys), decide(clue, whole)
    assert (decided.book_id, decided.method, decided.confidence) == (
        expected.book_id,
        expected.method,
        expected.confidence,
    )


@pytest.mark.parametrize("clue", CLUES, ids=lambda clue: clue.filename)
def test_each_name_is_decided_alike_by_keys_and_by_the_whole_library(clue: Clue) -> None:
    assert same(decide(clue, found_by_keys(clue, LIBRARY)), decide(clue, LIBRARY))


@settings(max_examples=200, deadline=None)
@given(
    clue=st.one_of(st.sampled_from(CLUES), clues),
    words=st.lists(st.sampled_from(["Quagga", "Zeppelin", "Yurt", "Xylem"]), min_size=1, max_size=3),
    index=indexes,
)
def test_an_unrelated_book_changes_nothing(clue: Clue, words: list[str], index: float | None) -> None:
    unrelated = Candidate(999_999, " ".join(words), ("Nobody Inparticular",), "Wholly Unrelated", index)
    assert decide(clue, [*LIBRARY, unrelated]) == decide(clue, LIBRARY)


@settings(max_examples=200, deadline=None)
@given(clue=st.sampled_from(CLUES), book=books())
def test_any_further_book_turns_a_match_into_none_or_its_own_but_never_into_a_third(
    clue: Clue, book: Candidate
) -> None:
    before, after = decide(clue, LIBRARY), decide(clue, [*LIBRARY, book])
    if before.book_id is not None:
        assert after.book_id in (before.book_id, book.book_id, None)


STYLES = [
    "{series} {volume}.cbz",
    "{series} v{volume:02}.cbz",
    "{series} Vol. {volume}.epub",
    "{series}, Volume {volume}.epub",
    "{series} - T{volume:02}.cbz",
    "{series} - {volume:02} - {title}.epub",
    "{title} ({series} #{volume}).epub",
    "{title} ({series} Book {volume}) - {author}.epub",
    "{author} - [{series} {volume:02}] - {title}.epub",
    "{series} 第{volume:02}巻.cbz",
    "{series} {volume}권.cbz",
    "Vol. {volume} — {title}.epub",
    "[Group] {series} v{volume:02} (2019) (Digital) (Group-Empire).cbz",
]


@settings(max_examples=300, deadline=None)
@given(
    book=st.sampled_from([book for book in LIBRARY if book.series and book.series_index is not None]),
    style=st.sampled_from(STYLES),
    volume=st.integers(1, 400),
)
def test_a_volume_in_the_name_is_never_matched_to_a_sibling(book: Candidate, style: str, volume: int) -> None:
    # The title of the book stands in names of other volumes where the title holds a number or is the series' name.
    if "{title}" in style and any(character.isdigit() for character in book.title):
        return
    name = style.format(
        series=safe_name(book.series), title=safe_name(book.title), author=" ".join(book.authors[:1]), volume=volume
    )
    found = decide(Clue(name), LIBRARY).book_id
    matched = next((each for each in LIBRARY if each.book_id == found), None)
    assert matched is None or matched.series_index in (float(volume), None)


def names_of(book: Candidate, suffix: str) -> frozenset[str]:
    own = own_names(
        book_id=book.book_id,
        title=book.title,
        authors=book.authors,
        series=book.series,
        series_index=book.series_index,
        suffix=suffix,
    )
    return own.plain | own.marked


def is_of_words(title: str) -> bool:
    """Is it put together from whole words, as titles are?"""
    return all(part in WORDS for part in title.split(": ")) or title in {book.title for book in LIBRARY}


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@example(more=[Candidate(1000, "A:S")], suffix=".epub")  # A_S, which could be "A's" too
@given(
    more=st.lists(books(), min_size=1, max_size=8, unique_by=lambda book: book.book_id),
    suffix=st.sampled_from([".epub", ".kepub.epub", ".cbz", ".pdf"]),
)
def test_own_names_find_their_own_book_or_none_and_never_another(more: list[Candidate], suffix: str) -> None:
    # As the library keeps them: one line of text without control characters, never empty; a number that is finite.
    tidied = [replace(book, title=clean(book.title), series=clean(book.series)) for book in more]
    # A title without any letter or digit may be gone from its name altogether: "Ada Marlowe - ." ends in its dash.
    named = [book for book in tidied if words_of(book.title)]
    more = [book for book in named if book.series_index is None or abs(book.series_index) < 1e8]
    whole = [*LIBRARY, *more]
    taken = [name.casefold() for book in whole for name in names_of(book, suffix)]
    for book in more:
        shown = entry_title(title=book.title, series=book.series, series_index=book.series_index)
        author = f"{book.authors[0]} - " if book.authors else ""
        series_name = download_name(title=book.title, series=book.series, series_index=book.series_index, suffix=suffix)
        for name in (series_name, safe_name(f"{author}{shown}", suffix=suffix)):
            if name not in names_of(book, suffix) or taken.count(name.casefold()) > 1:
                continue
            clue = Clue(name, folder=safe_name(book.series) if book.series else "")
            found = decide(clue, found_by_keys(clue, whole)).book_id
            # Of titles that no language has ("A/A%0"), the words may run together in a name: a miss, but no other book.
            assert found == book.book_id or (found is None and not is_of_words(book.title))


@pytest.mark.parametrize("suffix", [".epub", ".cbz"])
def test_every_own_name_of_every_book_of_a_real_library_finds_it(suffix: str) -> None:
    taken: dict[str, int] = {}
    for book in LIBRARY:
        for name in names_of(book, suffix):
            taken[name.casefold()] = taken.get(name.casefold(), 0) + 1
    for book in LIBRARY:
        for name in names_of(book, suffix):
            clue = Clue(name, folder=safe_name(book.series) if book.series else "book")
            found = decide(clue, found_by_keys(clue, LIBRARY)).book_id
            assert found == book.book_id or (found is None and taken[name.casefold()] > 1), name


@settings(max_examples=300, deadline=None)
@given(name=st.text(max_size=1000), folder=st.text(max_size=200), title=st.text(max_size=400))
def test_no_text_makes_it_fail_and_keys_stay_few(name: str, folder: str, title: str) -> None:
    clue = Clue(name, folder=folder, title=title)
    keys = keys_of_clue(clue)
    assert len(keys.deciding) <= DECIDING_LIMIT
    assert len(keys.offering) <= OFFERING_LIMIT
    assert all(len(key) <= KEY_LENGTH for key in (*keys.deciding, *keys.offering))
    decide(clue, LIBRARY[:20])


@settings(max_examples=300, deadline=None)
@given(book=books())
def test_a_book_has_few_keys(book: Candidate) -> None:
    keys = keys_of(book)
    assert 1 <= len(keys) <= 20
    assert all(0 < len(key) <= KEY_LENGTH for key in keys)


HOSTILE = [
    "a" * 1000,
    "dune " * 500,
    " - ".join(map(str, range(300))),
    "(" * 1000,
    "vol " * 250,
    "1-" * 500,
    "第1巻" * 300,
    "the " * 300,
    "Dune (" * 200,
    "v1 " * 300,
    "1,2." * 250,
    "й̆" * 500,
    "Herbert " * 120,
    " " * 1000,
    "%41" * 300,
    "&amp;" * 200,
]


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: text[:12])
def test_a_hostile_name_takes_a_bounded_time(text: str) -> None:
    clue = Clue(f"{text}.epub", folder=text, title=text)
    begun = time.process_time()
    keys_of_clue(clue)
    decide(clue, LIBRARY[:10])
    assert time.process_time() - begun < 0.5


def test_a_typical_name_with_ten_candidates_takes_about_a_millisecond() -> None:
    candidates = LIBRARY[:10]
    many = [Clue(f"Frank Herbert - Dune Messiah ({number}) [Retail].epub") for number in range(200)]
    begun = time.process_time()
    for clue in many:
        keys_of_clue(clue)
        decide(clue, candidates)
    # Ten times what was measured, so that a busy machine does not fail it; a slow rule costs a hundred times.
    assert (time.process_time() - begun) / len(many) < 0.02
