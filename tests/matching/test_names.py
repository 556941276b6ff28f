import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matching.names import KEY_LENGTH, author_key, base_name, file_name_key, is_book_name, stem, title_key


@pytest.mark.parametrize(
    "same",
    [
        ("The Hobbit", "Hobbit, The", "the hobbit", "THE HOBBIT", "The  Hobbit ", "Hobbit"),
        ("Le Petit Prince", "Petit Prince, Le", "le petit prince"),
        ("L'Étranger", "L’Etranger", "Étranger, L'", "l'e\u0301tranger"),
        ("Les Misérables", "Les Miserables", "Les Mise\u0301rables"),
        ("Fate/Zero", "Fate_Zero", "Fate: Zero", "Fate - Zero"),
        ("Mistborn: The Final Empire", "Mistborn_ The Final Empire"),
        ("Luffy's Dream", "Luffy’s Dream", "Luffys Dream"),
        ("三体", "三体 "),
        ("ガリ版の話", "ｶﾞﾘ版の話", unicodedata.normalize("NFD", "ガリ版の話")),
        ("転生したらスライムだった件 1", "転生したらスライムだった件　１"),
        ("Straße", "STRASSE", "strasse"),
        ("Ёжик", "Ежик"),
        ("soft\u00adhyphen", "softhyphen", "soft\u200bhyphen"),
    ],
)
def test_titles_that_differ_in_writing_alone_have_one_key(same: tuple[str, ...]) -> None:
    assert len({title_key(title) for title in same}) == 1


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Dune", "Dune Messiah"),
        ("It", "I"),
        ("が", "か"),  # in kana the mark is another sound
        ("หมา", "หมี"),  # in Thai the marks are the vowels
        ("Vol. 2", "Vol. 2.5"),
        ("1984", "1985"),
        ("A", "An"),
        ("Them", "The M"),
    ],
)
def test_titles_that_differ_in_words_have_two_keys(one: str, other: str) -> None:
    assert title_key(one) != title_key(other)


def test_a_title_that_is_an_article_keeps_it() -> None:
    assert title_key("A") == "a"
    assert title_key("The The") == "the"
    assert title_key("Die") == "die"


def test_a_title_without_letter_or_digit_has_no_key() -> None:
    assert title_key("") == title_key("…!?") == title_key("___") == ""


@given(st.text(max_size=60))
def test_the_key_of_a_key_is_that_key(title: str) -> None:
    assert title_key(title_key(title)) == title_key(title)


@given(st.text(max_size=60))
def test_composed_and_decomposed_writing_have_one_key(title: str) -> None:
    assert title_key(unicodedata.normalize("NFC", title)) == title_key(unicodedata.normalize("NFD", title))


def test_keys_fit_their_columns() -> None:
    assert len(title_key("ǆ" * 5000)) <= KEY_LENGTH
    assert len(file_name_key("ß" * 900)) <= KEY_LENGTH


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Dune.epub", "DUNE.EPUB"),
        ("Les Misérables.epub", unicodedata.normalize("NFD", "Les Misérables.epub")),
        ("/mnt/onboard/Dune.epub", "Dune.epub"),
        ("C:\\Books\\Dune.epub", "Dune.epub"),
    ],
)
def test_base_names_are_equal_whatever_their_case_composition_and_folder(one: str, other: str) -> None:
    assert file_name_key(one) == file_name_key(other)


def test_base_names_are_otherwise_exact() -> None:
    assert file_name_key("Dune .epub") != file_name_key("Dune.epub")
    assert file_name_key("Dune_.epub") != file_name_key("Dune.epub")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Dune.epub", "Dune"),
        ("Dune.kepub.epub", "Dune"),
        ("Dune.fb2.zip", "Dune"),
        ("a/b/Mr. Fox.PDF", "Mr. Fox"),
        ("Dune", "Dune"),
        ("Vol. 2", "Vol. 2"),
        (".epub", ""),
    ],
)
def test_the_stem_is_the_name_without_the_suffix_of_a_book(name: str, expected: str) -> None:
    assert stem(name) == expected


@pytest.mark.parametrize(
    "name", ["Dune.sdr", "Dune.SDR", "Dune.epub.part", "Dune.epub.crdownload", "Dune.tmp", "x/Dune.sdr/"]
)
def test_sidecar_folders_and_unfinished_downloads_are_no_books(name: str) -> None:
    assert not is_book_name(name)
    assert is_book_name("Dune.epub")


def test_an_author_is_the_same_inverted() -> None:
    assert author_key("Doyle, Arthur Conan") == author_key("Arthur Conan Doyle")
    assert author_key("J.R.R. Tolkien") == author_key("Tolkien, J. R. R.")
    assert author_key("Ann Leckie") != author_key("Ann Patchett")


def test_the_base_name_is_the_last_part_whichever_way_slashes_lean() -> None:
    assert base_name("a/b\\c.epub") == "c.epub"
    assert base_name("a/b/") == "b"
