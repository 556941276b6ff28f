import pytest

from matching.own_names import NAME_BYTES, cut, entry_title, own_names, safe_name, storable, volume_number


def names(title: str, *authors: str, series: str = "", index: float | None = None, suffix: str = ".epub") -> set[str]:
    own = own_names(book_id=7, title=title, authors=authors, series=series, series_index=index, suffix=suffix)
    return {*own.plain, *own.marked}


def test_a_volume_is_named_by_its_number_and_title() -> None:
    found = names("Dune Messiah", "Frank Herbert", series="Dune", index=2)
    assert {
        "Vol. 2 — Dune Messiah.epub",
        "Vol. 2 — Dune Messiah [7].epub",
        "Frank Herbert - Vol. 2 — Dune Messiah.epub",
    } <= found
    assert "Dune Messiah.epub" not in found


def test_a_book_in_no_series_is_named_by_its_title() -> None:
    found = names("Emma", "Jane Austen", suffix=".kepub.epub")
    assert {"Emma.kepub.epub", "Emma [7].kepub.epub", "Jane Austen - Emma.kepub.epub"} <= found


def test_only_a_name_of_nothing_but_the_title_is_plain() -> None:
    lone = own_names(book_id=7, title="Emma", authors=("Jane Austen",), series="", series_index=None, suffix=".epub")
    assert lone.plain == {"Emma.epub"}
    volume = own_names(book_id=7, title="Emma", authors=(), series="Austen", series_index=4.0, suffix=".epub")
    assert not volume.plain


def test_the_catalogue_browser_replaces_what_fat_refuses_and_in_older_versions_commas_too() -> None:
    found = names("Red, White: Blue?", "A/B")
    assert "A_B - Red, White_ Blue_.epub" in found
    assert "A_B - Red_ White_ Blue_.epub" in found


@pytest.mark.parametrize("suffix", [".epub", ".kepub.epub"])
def test_the_catalogue_browser_cuts_the_name_with_or_without_its_suffix(suffix: str) -> None:
    found = {name for name in names("é" * 300, "Ada", suffix=suffix) if name.startswith("Ada - ")}
    lengths = {len(name.encode()) - len(suffix.encode()) for name in found}
    assert lengths == {240, 240 - len(suffix.encode()) - len(suffix.encode()) % 2} or max(lengths) == 240
    assert all(name.endswith(f"é{suffix}") for name in found)


def test_several_authors_are_named_by_the_first_or_by_all() -> None:
    found = names("Good Omens", "Terry Pratchett", "Neil Gaiman")
    assert "Terry Pratchett - Good Omens.epub" in found
    assert "Terry Pratchett, Neil Gaiman - Good Omens.epub" in found


def test_a_title_that_no_utf8_can_hold_still_has_names() -> None:
    assert names("a\ud800b", "c\udfff")
    assert storable("a\ud800b") == "a?b"


def test_a_cut_ends_between_two_characters_and_before_spaces() -> None:
    assert cut("ab é", 4) == "ab"
    assert cut("日本", 5) == "日"
    assert len(safe_name("日" * 200, suffix=".epub").encode()) <= NAME_BYTES


@pytest.mark.parametrize(("index", "shown"), [(3.0, "3"), (2.5, "2.5"), (10.0, "10"), (0.0, "0")])
def test_a_volume_is_written_without_needless_digits(index: float, shown: str) -> None:
    assert volume_number(index) == shown
    assert entry_title(title="T", series="S", series_index=index) == f"Vol. {shown} — T"


def test_every_author_alone_may_be_the_one_that_a_catalogue_browser_takes() -> None:
    own = own_names(
        book_id=7, title="Emma", authors=("A. B.", "C. D.", "E. F."), series="", series_index=None, suffix=".epub"
    )
    assert {
        "A. B. - Emma.epub",
        "C. D. - Emma.epub",
        "E. F. - Emma.epub",
        "A. B., C. D., E. F. - Emma.epub",
    } <= own.marked


def test_a_book_without_authors_is_saved_under_nobodys_name_which_says_no_more_than_its_title() -> None:
    own = own_names(book_id=7, title="Emma", authors=(), series="", series_index=None, suffix=".pdf")
    assert "Unknown Author - Emma.pdf" in own.plain
