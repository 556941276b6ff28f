import struct
from pathlib import Path
from typing import Any

import pytest

from library.errors import Encrypted, NotAnEbook
from library.formats.kindle import read_kindle
from library.formats.metadata import Contributor, Identifier, Metadata
from tests.books import PIXEL
from tests.library.formats.making import kindle, palm_database

JPEG = b"\xff\xd8\xff\xe0 and so on"


@pytest.fixture
def read(tmp_path: Path) -> Any:
    def read(content: bytes) -> Metadata:
        path = tmp_path / "book.mobi"
        path.write_bytes(content)
        return read_kindle(path)

    return read


def test_a_book_states_what_a_catalogue_wants_to_know(read: Any) -> None:
    stated = read(
        kindle(
            [
                (503, "The Sign of the Four"),
                (508, "Sign of the Four, The"),
                (100, "Doyle, Arthur Conan"),
                (101, "Spencer Blackett"),
                (103, "<p>A pact.</p><p>Four of them.</p>"),
                (105, "Detectives"),
                (105, "London; Agra"),
                (106, "1890-02-01T00:00:00+00:00"),
                (104, "978-0-306-40615-7"),
                (113, "B000FC1PJI"),
                (524, "en-gb"),
            ]
        )
    )
    assert stated == Metadata(
        title="The Sign of the Four",
        sort_title="Sign of the Four, The",
        contributors=(Contributor("Doyle, Arthur Conan"),),
        language="en-gb",
        description="A pact.\nFour of them.",
        publisher="Spencer Blackett",
        published="1890-02-01",
        identifiers=(Identifier("isbn", "9780306406157"), Identifier("asin", "B000FC1PJI")),
        subjects=("Detectives", "London", "Agra"),
    )


def test_without_a_title_of_its_own_the_full_name_counts(read: Any) -> None:
    assert read(kindle(name="Dune")).title == "Dune"
    assert read(kindle([(503, "Dune &amp; Co")], name="DUNE")).title == "Dune & Co"


@pytest.mark.parametrize(
    "stated", [["Ada", "Bob"], ["Ada; Bob"], ["Ada & Bob"], ["Ada &amp; Bob"], ["Ada", "Bob", "Ada", ""]]
)
def test_authors_come_one_by_one_or_in_one_line(read: Any, stated: list[str]) -> None:
    assert read(kindle([(100, name) for name in stated])).authors == ("Ada", "Bob")


def test_texts_are_in_the_encoding_that_the_header_states(read: Any) -> None:
    assert read(kindle([(503, "Café")], encoding="utf-8")).title == "Café"
    assert read(kindle([(503, "Café")], encoding="cp1252")).title == "Café"


@pytest.mark.parametrize(
    ("locale", "language"), [(9, "en"), (0x0409, "en"), (0x0407, "de"), (17, "ja"), (0, ""), (999, "")]
)
def test_the_language_is_that_of_the_locale_where_none_is_stated(read: Any, locale: int, language: str) -> None:
    assert read(kindle(locale=locale)).language == language
    assert read(kindle([(524, "fr")], locale=locale)).language == "fr"


def test_calibres_own_number_is_told_apart_from_a_shops(read: Any) -> None:
    uuid = "a6bc6bc8-8888-4280-810d-1b7401ad5e09"
    assert read(kindle([(112, f"calibre:{uuid}"), (113, uuid)])).identifiers == (
        Identifier("calibre", uuid),
        Identifier("uuid", uuid),
    )


@pytest.mark.parametrize(
    ("statements", "direction", "kind"),
    [
        ([], "", ""),
        ([(527, "rtl")], "rtl", ""),
        ([(525, "horizontal-rl")], "rtl", ""),
        ([(525, "horizontal-lr")], "", ""),
        ([(123, "comic")], "", "comic"),
        ([(123, "comic"), (527, "rtl"), (524, "ja")], "rtl", "manga"),
        ([(122, "true"), (525, "horizontal-rl"), (524, "ja")], "rtl", "manga"),
        ([(122, "true"), (527, "rtl"), (524, "ar")], "rtl", ""),
    ],
)
def test_pages_that_turn_to_the_right_and_comics_are_told(
    read: Any, statements: list[tuple[int, str]], direction: str, kind: str
) -> None:
    found = read(kindle(statements))
    assert (found.reading_direction, found.book_type) == (direction, kind)


@pytest.mark.parametrize(
    ("statements", "cover"),
    [
        ([], None),
        ([(201, struct.pack(">I", 1))], JPEG),
        ([(129, "kindle:embed:0002?mime=image/jpg")], JPEG),
        ([(129, "kindle:embed:!")], None),
        ([(202, struct.pack(">I", 0))], PIXEL),
        ([(201, struct.pack(">I", 0xFFFFFFFF)), (202, struct.pack(">I", 1))], JPEG),
        ([(201, struct.pack(">I", 2)), (202, struct.pack(">I", 0))], PIXEL),  # no image is there
        ([(201, struct.pack(">I", 5000))], None),
    ],
)
def test_the_cover_is_the_image_that_is_named(
    read: Any, statements: list[tuple[int, Any]], cover: bytes | None
) -> None:
    assert read(kindle(statements, images=[PIXEL, JPEG])).cover == cover


@pytest.mark.parametrize("kind", [1, 2])
def test_copy_protection_is_refused_in_plain_words(read: Any, kind: int) -> None:
    with pytest.raises(Encrypted, match="copy protection"):
        read(kindle(encryption=kind))


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (palm_database([])[:78], "incomplete"),
        (palm_database([b"short"]), "too short"),
        (kindle(images=[JPEG])[:-4], "its last parts are missing"),
        (kindle()[:80], "list of contents"),
        (kindle()[:78] + bytes(8) + kindle()[86:], "contradicts"),
    ],
)
def test_what_is_cut_or_contradicts_itself_is_refused(read: Any, content: bytes, sentence: str) -> None:
    with pytest.raises(NotAnEbook, match=sentence):
        read(content)


def test_an_old_text_without_a_header_states_nothing(read: Any) -> None:
    assert read(palm_database([bytes(16) + b"no header here".ljust(300), b"text"])) == Metadata()


def test_a_statement_longer_than_its_record_ends_the_list(read: Any) -> None:
    content = kindle([(503, "Right"), (100, "Ada")])
    at = content.index(b"Ada") - 4
    assert read(content[:at] + struct.pack(">I", 2**31) + content[at + 4 :]) == Metadata(title="Right", language="en")
