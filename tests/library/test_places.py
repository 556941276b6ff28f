import pytest

from library.places import Place, book_type_of_place, place_of


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("Manga/Berserk/v05.cbz", "manga"),
        ("Comics/Manga/x.cbz", "manga"),
        ("light_novels/x.epub", "light_novel"),
        ("Mangalore/x.epub", ""),
        ("Manga.epub", ""),
    ],
)
def test_the_nearest_folder_that_names_a_type_counts(path: str, expected: str) -> None:
    assert book_type_of_place(path) == expected


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("Manga/Berserk/Vol. 05.cbz", Place("Berserk", 5)),
        ("Manga/Vol. 05.cbz", Place()),
        ("Vol. 05.cbz", Place()),
        ("Comics/Batman (2016)/Batman 050.cbz", Place("Batman", 50)),
        ("Stephen King/It.epub", Place()),
    ],
)
def test_a_series_is_read_from_folder_and_name(path: str, expected: Place) -> None:
    assert place_of(path, is_comic=path.endswith("cbz")) == expected
