import pytest
from hypothesis import given
from hypothesis import strategies as st

from library.models import Book, Series
from library.names import NAME_BYTES, distinct_marks, download_name, folder_name, safe_name, volume_number

REFUSED = set('\\/:*?"<>|') | {chr(code) for code in range(32)}


def book(pk: int, title: str, series: str = "", index: float | None = None, book_type: str = "book") -> Book:
    in_series = Series(pk=1, name=series) if series else None
    return Book(pk=pk, title=title, series=in_series, series_index=index, book_type=book_type)


@pytest.mark.parametrize(
    ("index", "shown"), [(3, "3"), (12.0, "12"), (2.5, "2.5"), (0, "0"), (10, "10"), (1.25, "1.25"), (1e6, "1000000")]
)
def test_a_volume_is_shown_as_people_write_it(index: float, shown: str) -> None:
    assert volume_number(index) == shown


def test_a_volume_is_named_by_number_and_title_in_the_folder_of_its_series() -> None:
    volume = book(1, "Dune Messiah", "Dune", 2)
    assert download_name(volume, "epub") == "Vol. 2 — Dune Messiah.epub"
    assert folder_name(volume) == "book/Dune"
    half = book(1, "Dates from Hell", "The Hollows", 2.5, "light_novel")
    assert download_name(half, "kepub.epub") == "Vol. 2.5 — Dates from Hell.kepub.epub"
    assert folder_name(half) == "light_novel/The Hollows"


def test_a_book_without_a_place_in_a_series_is_named_by_its_title() -> None:
    assert download_name(book(1, "Emma"), "pdf") == "Emma.pdf"
    assert folder_name(book(1, "Emma")) == "book"
    assert download_name(book(1, "Companion", "Dune"), "pdf") == "Companion.pdf"
    assert folder_name(book(1, "Companion", "Dune")) == "book/Dune"


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("Fate/Zero: Part 1?", "Fate_Zero_ Part 1_.epub"),
        ("../../etc/passwd", "_.._etc_passwd.epub"),
        ("Ends with dots...", "Ends with dots.epub"),
        ("  ...  ", "Untitled.epub"),
        ("CON", "_CON.epub"),
        ("console", "console.epub"),
        ("Cafe\u0301", "Café.epub"),
    ],
)
def test_what_a_fat_file_system_refuses_is_replaced(title: str, name: str) -> None:
    assert download_name(book(1, title), "epub") == name


@given(st.text(max_size=400), st.sampled_from([".epub", ".kepub.epub", ""]))
def test_any_title_makes_a_name_that_any_disk_takes(title: str, suffix: str) -> None:
    name = safe_name(title, suffix=suffix)
    assert name.endswith(suffix)
    assert 0 < len(name.encode()) <= NAME_BYTES + 1  # one more where a reserved name got its underscore
    assert not REFUSED & set(name)
    assert not name.startswith((".", " "))
    assert not name.endswith((".", " "))


def names_of(books: list[Book], format: str = "epub") -> dict[int, str]:
    marks = distinct_marks(books)
    return {each.pk: download_name(each, format, mark=marks[each.pk]) for each in books}


def test_no_two_volumes_share_a_name_and_the_oldest_keeps_the_plain_one() -> None:
    books = [book(7, "Foundation", "S", 1), book(3, "Foundation", "S", 1), book(5, "FOUNDATION", "S", 1)]
    names = names_of(books)
    assert names[3] == "Vol. 1 — Foundation.epub"
    assert names[7] == "Vol. 1 — Foundation [7].epub"
    assert len({name.casefold() for name in names.values()}) == 3
    assert names == names_of(books[::-1])


def test_titles_that_are_alike_beyond_the_cut_get_two_names() -> None:
    books = [book(1, "x" * 500 + "a"), book(2, "x" * 500 + "b")]
    names = names_of(books)
    assert names[1] != names[2]
    assert all(len(name.encode()) <= NAME_BYTES for name in names.values())


def test_a_title_that_looks_like_anothers_mark_does_not_take_its_name() -> None:
    names = names_of([book(1, "A"), book(2, "A [3]"), book(3, "A")])
    assert names == {1: "A.epub", 2: "A [3].epub", 3: "A [3-2].epub"}


def test_the_kepub_of_a_book_is_not_the_epub_of_another() -> None:
    books = [book(1, "A"), book(2, "A.kepub")]
    marks = distinct_marks(books)
    assert download_name(books[0], "kepub.epub", mark=marks[1]) == "A.kepub.epub"
    assert download_name(books[1], "epub", mark=marks[2]) == "A.kepub [2].epub"


TITLES = st.lists(st.text(st.sampled_from("aAß./:[]12 é\u0301…"), max_size=8), min_size=1, max_size=8)


@given(TITLES, st.data())
def test_whatever_the_titles_no_two_names_are_equal_and_a_new_book_changes_no_other(
    titles: list[str], data: st.DataObject
) -> None:
    books = [book(pk, title, "S", 1) for pk, title in enumerate(titles, start=1)]
    formats = [data.draw(st.sampled_from(["epub", "kepub.epub", "cbz", "pdf"])) for _ in books]
    marks = distinct_marks(books)
    names = [download_name(each, format, mark=marks[each.pk]) for each, format in zip(books, formats, strict=True)]
    assert len({name.casefold() for name in names}) == len(names)
    # KOReader's folder beside a book is called after it without the suffix.
    assert len({name.rpartition(".")[0].casefold() for name in names}) == len(names)
    assert {pk: marks[pk] for pk in list(marks)[:-1]} == distinct_marks(books[:-1])
