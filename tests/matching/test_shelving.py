import pytest

from matching.shelving import series_of_file

NONE = ("", None)


@pytest.mark.parametrize(
    ("name", "folder", "expected"),
    [
        ("Berserk v05 (2005) (Digital) (danke-Empire).cbz", "Berserk", ("Berserk", 5)),
        ("Berserk v05.cbz", "Manga", ("Berserk", 5)),
        ("Dr. Stone, Vol. 03.epub", "", ("Dr. Stone", 3)),
        ("Vol. 03.cbz", "Vagabond", ("Vagabond", 3)),
        ("Vol. 03.cbz", "", NONE),
        ("第01巻.cbz", "転生したらスライムだった件", ("転生したらスライムだった件", 1)),
        ("転生したらスライムだった件　第02巻.cbz", "Manga", ("転生したらスライムだった件", 2)),
        ("One_Piece_-_T02_-_Buggy_the_Clown.cbz", "BD", ("One Piece", 2)),
        ("Война и мир, том 2.epub", "Толстой", ("Война и мир", 2)),
        ("Fables vol 2,5.cbz", "x", ("Fables", 2.5)),
        ("Saga #12 (2013).cbz", "x", ("Saga", 12)),
        ("Batman 050 (2016) (Digital).cbz", "Batman (2016)", ("Batman", 50)),
        ("Batman 050 (2016) (Digital).cbz", "Comics", NONE),
        ("Fahrenheit 451.epub", "Ray Bradbury", NONE),
        ("The Jungle Book 2.epub", "Rudyard Kipling", NONE),
        ("Berserk v01-03.cbz", "Berserk", NONE),
        ("Berserk c012 (v03).cbz", "Berserk", NONE),
        ("1984.epub", "", NONE),
        ("", "", NONE),
    ],
)
def test_a_volume_that_a_name_marks_has_a_series(name: str, folder: str, expected: tuple[str, float | None]) -> None:
    assert series_of_file(name, folder, is_comic=name.endswith("cbz")) == expected


def test_a_number_behind_the_folders_name_is_no_volume_of_a_text() -> None:
    assert series_of_file("Catch 22.epub", "Catch", is_comic=False) == NONE
