import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matching.readings import isbn13, reading_of
from matching.words import decoded_again, kanji_value, roman_value, tokens_of, words_of


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Berserk v05", "berserk v 5"),
        ("One Piece T02", "one piece t 2"),
        ("1Q84 B2B 3rd", "1q84 b2b 3rd"),
        ("Book One", "book 1"),
        ("Tome II", "tome 2"),
        ("Rocky II", "rocky ii"),
        ("One Hundred Years", "one hundred years"),
        ("2.5 2,5 2½ ½", "2.5 2.5 2.5 0.5"),
        ("20,000 Leagues", "20000 leagues"),
        ("11/22/63 11.22.63", "11 22 63 11 22 63"),
        ("007", "7"),
        ("L'Étranger l’étranger L_Etranger", "l etranger l etranger l etranger"),
        ("Luffy's Luffy’s Luffy_s", "luffys luffys luffys"),
        ("Pride & Prejudice Yotsuba&!", "pride and prejudice yotsuba"),
        ("第01巻 第二巻 2권", "第 1 巻 第 二 巻 2 권"),
        ("三体II黑暗森林", "三体 ii 黑暗森林"),
        ("เพชรพระอุมา เล่ม๒", "เพชรพระอุมา เล่ม 2"),
        ("ＡＢＣ　１２", "abc 12"),
        ("n.º 2, nº 2, № 2", "no 2 no 2 no 2"),
        ("Dune™", "dune"),
        ("soft\u00adhyphen zero\u200bwidth", "softhyphen zerowidth"),
    ],
)
def test_a_text_has_these_words(text: str, words: str) -> None:
    assert " ".join(words_of(text)) == words


def test_what_stands_around_a_word_is_known() -> None:
    group, series, marker, number, year = tokens_of("[Group] Berserk v02 (2003)")
    assert (group.kind, group.bracket) == ("[", 1)
    assert (series.bracket, marker.text, number.value) == (0, "v", 2.0)
    assert (year.kind, year.bracket) == ("(", 2)


def test_dashes_and_replaced_colons_part_a_name() -> None:
    author, title, subtitle = tokens_of("Herbert - Dune_ Messiah")
    assert author.segment < title.segment == subtitle.segment
    assert title.part < subtitle.part


@pytest.mark.parametrize(
    ("text", "value"),
    [("ii", 2), ("xiv", 14), ("xxxix", 39), ("civil", None), ("mm", None), ("iiii", None), ("", None)],
)
def test_roman_numerals_are_read_up_to_thirty_nine(text: str, value: int | None) -> None:
    assert roman_value(text) == value


@pytest.mark.parametrize(
    ("text", "value"), [("二", 2), ("十", 10), ("十二", 12), ("二十", 20), ("百五", 105), ("三体", None)]
)
def test_kanji_numerals_are_read(text: str, value: int | None) -> None:
    assert kanji_value(text) == value


@pytest.mark.parametrize("text", ["Les Misérables", "Война и мир", "三体", "L’Étranger"])
def test_utf8_that_was_read_as_latin_is_read_again(text: str) -> None:
    raw = text.encode()
    broken = "".join(bytes([byte]).decode("cp1252", errors="ignore") or chr(byte) for byte in raw)
    assert decoded_again(broken) == text
    assert decoded_again(text) == ""


@pytest.mark.parametrize(
    ("text", "isbn"),
    [
        ("9780441013593", "9780441013593"),
        ("978-0-441-01359-3", "9780441013593"),
        ("0441013597", "9780441013593"),
        ("080442957X", "9780804429573"),
        ("9780441013594", ""),
        ("0441013598", ""),
    ],
)
def test_an_isbn_is_known_by_its_check_digit(text: str, isbn: str) -> None:
    assert isbn13(text) == isbn


def test_an_archives_name_is_read_up_to_its_publisher() -> None:
    reading = reading_of("Dune -- Frank Herbert -- Ace, 2005 -- 9780441013593 -- Anna’s Archive.epub", has_suffix=True)
    assert reading.texts == ("dune", "frank", "herbert")
    assert reading.isbns == ("9780441013593",)


@given(st.text(max_size=200))
def test_composed_and_decomposed_texts_have_the_same_words(text: str) -> None:
    assert words_of(unicodedata.normalize("NFC", text)) == words_of(unicodedata.normalize("NFD", text))


@given(st.text(max_size=300))
def test_no_word_is_empty(text: str) -> None:
    assert all(words_of(text))
