import pytest

from matching.deciding import Clue
from matching.keys import keys_of_book, keys_of_clue


def keys(title: str, series: str = "", index: float | None = None, isbns: tuple[str, ...] = ()) -> frozenset[str]:
    return keys_of_book(title=title, authors=("Ada",), series=series, series_index=index, isbns=isbns)


def test_a_book_is_kept_by_title_by_volume_by_series_and_by_isbn() -> None:
    assert keys("Dune Messiah", "Dune", 2, ("9780593098233",)) == {
        "t:dune messiah",
        "v:dune#2",
        "v:dune messiah#2",
        "s:dune",
        "i:9780593098233",
    }


def test_a_volume_that_only_the_title_states_is_kept_like_one_on_record() -> None:
    assert "v:berserk#1" in keys("Berserk, Volume 1")
    assert "v:berserk#1" in keys("Berserk", "Berserk", 1)


def test_a_number_at_the_end_of_a_title_makes_no_series() -> None:
    found = keys("Fahrenheit 451")
    assert "t:fahrenheit 451" in found
    assert not any(key.startswith("s:") for key in found)


def test_a_title_with_a_subtitle_is_kept_by_its_main_part_too() -> None:
    assert {"t:sapiens", "t:sapiens a brief history of humankind"} <= keys("Sapiens: A Brief History of Humankind")


def test_a_long_title_is_kept_by_its_beginning() -> None:
    assert "p:do androids dream of" in keys("Do Androids Dream of Electric Sheep?")


def test_the_year_of_a_run_is_no_part_of_its_key() -> None:
    assert {"v:batman#50", "s:batman"} <= keys("Batman #50", "Batman (2016)", 50)


def test_a_title_without_a_letter_is_kept_by_its_name() -> None:
    assert keys("…!?") == {"o:…!_"}


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("Frank Herbert - Dune Messiah.epub", "t:dune messiah"),
        ("Dune_Messiah_-_Frank_Herbert.azw3", "t:dune messiah"),
        ("[danke-Empire] Chainsaw Man v02 (2021) (Digital).cbz", "v:chainsaw man#2"),
        ("The Hollows 2,5 - Dates from Hell.epub", "v:hollows#2.5"),
        ("三体 II 黑暗森林.epub", "v:三体#2"),
        ("転生したらスライムだった件　第01巻.cbz", "v:転生したらスライムだった件#1"),
        ("Stephen King - It (2011).epub", "t:it"),
        ("978-0-441-01359-3.epub", "i:9780441013593"),
        ("0441013597.epub", "i:9780441013593"),
        ("The Curious and Entirely True Hist.epub", "p:curious and entirely"),
    ],
)
def test_a_name_is_looked_up_by_what_it_may_say(name: str, key: str) -> None:
    assert key in keys_of_clue(Clue(name)).deciding


def test_a_short_title_is_not_looked_up_by_the_words_of_a_long_name() -> None:
    found = keys_of_clue(Clue("What We Know of It and How We Found Out about That.epub")).deciding
    assert "t:it" not in found
    assert "t:we" not in found


def test_the_folder_and_the_documents_title_are_looked_up_with_the_volume_of_the_name() -> None:
    assert "v:vagabond#2" in keys_of_clue(Clue("Vol. 2.cbz", folder="Vagabond")).deciding
    assert "v:vagabond#2" in keys_of_clue(Clue("x2.cbz", title="Vagabond, Volume 2")).deciding


def test_series_are_looked_up_for_offers_alone() -> None:
    found = keys_of_clue(Clue("Les Miserables.epub"))
    assert "s:miserables" in found.offering
    assert not any(key.startswith("s:") for key in found.deciding)
