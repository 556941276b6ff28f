from pathlib import Path
from typing import Any

import pytest

from library.errors import Encrypted, NotAnEbook
from library.formats import comics
from library.formats.comics import natural, read_comic
from library.formats.metadata import Contributor, Identifier, Metadata
from tests.books import PIXEL
from tests.library.formats.making import comic, comic_info, rar5


@pytest.fixture
def stated(tmp_path: Path) -> Any:
    """What a comic with this ComicInfo says."""

    def read(inside: str) -> Metadata:
        return read_comic(comic(tmp_path / "a.cbz", info=inside))

    return read


def test_all_that_comicinfo_states_is_read(stated: Any) -> None:
    found = stated(
        "<Title>The Joker's Wedding</Title><Series>Batman</Series><Number>50</Number><Volume>2016</Volume>"
        "<Summary>Rings.\nAnd more.</Summary><Year>2018</Year><Month>7</Month><Day>4</Day><Publisher>DC</Publisher>"
        "<Writer>Tom King</Writer><Penciller>Mikel Janín, Joëlle Jones</Penciller><Colorist>June Chung</Colorist>"
        "<Editor>Jamie S. Rich</Editor><Genre>Superhero, Crime</Genre><Tags>wedding</Tags>"
        "<LanguageISO>en</LanguageISO><GTIN>9780306406157</GTIN><Manga>No</Manga><Count>-1</Count>"
    )
    assert found == Metadata(
        title="The Joker's Wedding",
        contributors=(
            Contributor("Tom King"),
            Contributor("Mikel Janín", "art"),
            Contributor("Joëlle Jones", "art"),
            Contributor("June Chung", "clr"),
            Contributor("Jamie S. Rich", "edt"),
        ),
        language="en",
        description="Rings.\nAnd more.",
        publisher="DC",
        published="2018-07-04",
        identifiers=(Identifier("isbn", "9780306406157"),),
        subjects=("Superhero", "Crime", "wedding"),
        series="Batman (2016)",
        series_index=50.0,
        book_type="comic",
        pages=1,
        cover=PIXEL,
    )


@pytest.mark.parametrize(
    ("inside", "series", "index", "title"),
    [
        ("<Series>Batman</Series><Number>50</Number>", "Batman", 50.0, "Batman #50"),
        ("<Series>Batman</Series><Number>1.5</Number>", "Batman", 1.5, "Batman #1.5"),
        ("<Series>Batman</Series><Number>½</Number>", "Batman", 0.5, "Batman ½"),
        ("<Series>Batman</Series><Number>1½</Number>", "Batman", 1.5, "Batman #1½"),
        ("<Series>Batman</Series><Number>0</Number>", "Batman", 0.0, "Batman #0"),
        ("<Series>Batman</Series><Number>007</Number>", "Batman", 7.0, "Batman #7"),
        ("<Series>Batman</Series><Number>-1</Number>", "Batman", -1.0, "Batman -1"),
        ("<Series>Batman</Series><Number>Annual 1</Number>", "Batman", None, "Batman Annual 1"),
        ("<Series>Batman</Series><Number>NaN</Number>", "Batman", None, "Batman NaN"),
        ("<Series>Batman</Series>", "Batman", None, ""),  # the file's name knows more
        ("<Series>Batman</Series><Number>50</Number><Volume>2016</Volume>", "Batman (2016)", 50.0, "Batman #50"),
        ("<Series>Batman (2016)</Series><Number>1</Number><Volume>2016</Volume>", "Batman (2016)", 1.0, None),
        ("<Series>Batman (2016) Annual</Series><Volume>2016</Volume>", "Batman (2016) Annual", None, ""),
        ("<Series>Batman</Series><Volume>2016</Volume>", "Batman (2016)", None, ""),
        ("<Series>Batman</Series><Volume>1899</Volume>", "Batman", 1899.0, "Batman, Volume 1899"),
        ("<Series>Berserk</Series><Volume>3</Volume>", "Berserk", 3.0, "Berserk, Volume 3"),
        ("<Series>Berserk</Series><Number></Number><Volume>3</Volume>", "Berserk", 3.0, "Berserk, Volume 3"),
        ("<Series>Berserk</Series><Number>15</Number><Volume>3</Volume>", "Berserk", 15.0, "Berserk #15"),
        ("<Series>Berserk</Series><Volume>-1</Volume>", "Berserk", None, ""),
        ("<Series>Berserk</Series><Title>Dragon</Title><Volume>3</Volume>", "Berserk", 3.0, "Dragon"),
    ],
)
def test_the_place_in_a_series_is_the_number_or_else_the_volume(
    stated: Any, inside: str, series: str, index: float | None, title: str | None
) -> None:
    found = stated(inside)
    assert (found.series, found.series_index) == (series, index)
    assert title is None or found.title == title


@pytest.mark.parametrize(
    ("inside", "kind", "direction"),
    [
        ("", "", ""),
        ("<Manga>Unknown</Manga>", "", ""),
        ("<Manga>No</Manga>", "comic", ""),
        ("<Manga>Yes</Manga>", "manga", ""),
        ("<Manga>YesAndRightToLeft</Manga>", "manga", "rtl"),
        ("<Genre>Action, Manga</Genre>", "manga", ""),
        ("<Format>Manga</Format>", "manga", ""),
    ],
)
def test_manga_says_so(stated: Any, inside: str, kind: str, direction: str) -> None:
    found = stated(inside)
    assert (found.book_type, found.reading_direction) == (kind, direction)


@pytest.mark.parametrize(
    ("inside", "published"),
    [
        ("<Year>1946</Year>", "1946"),
        ("<Year>1946</Year><Month>1</Month>", "1946-01"),
        ("<Year>2023</Year><Month>2</Month><Day>30</Day>", "2023-02"),
        ("<Year>2023</Year><Month>13</Month><Day>1</Day>", "2023"),
        ("<Year>-1</Year><Month>5</Month>", ""),
        ("<Year>²</Year>", ""),
    ],
)
def test_a_date_is_as_exact_as_it_exists(stated: Any, inside: str, published: str) -> None:
    assert stated(inside).published == published


def test_pages_are_the_images_that_no_system_put_there(tmp_path: Path) -> None:
    names = (
        "b/2.jpg",
        "b/10.JPG",
        "__MACOSX/b/._2.jpg",
        "b/.DS_Store",
        "b/.hidden.png",
        "Thumbs.db",
        "b/1.txt",
        "a/3.webp",
    )
    found = read_comic(comic(tmp_path / "a.cbz", entries={name: name.encode() for name in names}))
    assert (found.pages, found.cover) == (3, b"a/3.webp")


def test_pages_are_in_the_order_in_which_people_count() -> None:
    names = ["00a.jpg", "00b.jpg", "1.jpg", "02.jpg", "9.jpg", "10.jpg", "010b.jpg", "a1.jpg", "a10.jpg", "B2.jpg"]
    shuffled = sorted(names)
    assert shuffled != names
    assert sorted(shuffled, key=natural) == names
    assert natural("9" * 100_000) > natural("8" * 100_000)


@pytest.mark.parametrize("name", ["ComicInfo.xml", "comicinfo.XML", "Batman 1/ComicInfo.xml"])
def test_comicinfo_is_found_in_any_case_and_in_the_only_folder(tmp_path: Path, name: str) -> None:
    info = comic_info("<Title>T</Title>")
    assert read_comic(comic(tmp_path / "a.cbz", entries={"1.png": PIXEL, name: info})).title == "T"


def test_of_several_comicinfos_none_or_that_at_the_root_counts(tmp_path: Path) -> None:
    entries = {"1.png": PIXEL, "a/ComicInfo.xml": comic_info("<Title>A</Title>")}
    entries["b/ComicInfo.xml"] = comic_info("<Title>B</Title>")
    entries["a/deep/ComicInfo.xml"] = comic_info("<Title>C</Title>")
    assert read_comic(comic(tmp_path / "a.cbz", entries=entries)).title == ""
    entries["ComicInfo.xml"] = comic_info("<Title>Root</Title>")
    assert read_comic(comic(tmp_path / "a.cbz", entries=entries)).title == "Root"


@pytest.mark.parametrize(("image", "cover"), [("1", b"2"), ("0", b"1"), ("7", b"1"), ("-1", b"1"), ("x", b"1")])
def test_the_page_that_is_marked_as_the_cover_is_it(tmp_path: Path, image: str, cover: bytes) -> None:
    info = comic_info(f'<Pages><Page Image="0"/><Page Image="{image}" Type="FrontCover"/></Pages>')
    entries = {"1.png": b"1", "2.png": b"2", "ComicInfo.xml": info}
    assert read_comic(comic(tmp_path / "a.cbz", entries=entries)).cover == cover


def test_a_first_page_that_is_damaged_is_passed_over(tmp_path: Path) -> None:
    path = comic(tmp_path / "a.cbz", entries={"1.png": b"first page", "2.png": b"second page"})
    path.write_bytes(path.read_bytes().replace(b"first page", b"spoilt pag", 1))
    found = read_comic(path)
    assert found.cover == b"second page"
    assert found.warnings == ("Its first page cannot be read.",)


@pytest.mark.parametrize("entries", [{}, {"readme.txt": b"x"}, {"__MACOSX/1.png": PIXEL}])
def test_a_comic_without_an_image_is_none(tmp_path: Path, entries: dict[str, bytes]) -> None:
    with pytest.raises(NotAnEbook, match="no image"):
        read_comic(comic(tmp_path / "a.cbz", entries=entries))


def test_a_comic_whose_pages_are_all_empty_is_none(tmp_path: Path) -> None:
    with pytest.raises(NotAnEbook, match="damaged"):
        read_comic(comic(tmp_path / "a.cbz", entries={"1.png": b"", "2.png": b""}))


def test_a_broken_comicinfo_is_a_warning(tmp_path: Path) -> None:
    for content, title in ((b"", ""), (b"no xml", ""), (b"<ComicInfo><Title>T</Title><Series>", "T")):
        found = read_comic(comic(tmp_path / "a.cbz", entries={"1.png": PIXEL, "ComicInfo.xml": content}))
        assert found.title == title
        assert len(found.warnings) == 1


def test_an_entity_is_neither_fetched_nor_unfolded(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("what nobody may see")
    content = (
        f'<!DOCTYPE c [<!ENTITY f SYSTEM "file://{secret}"><!ENTITY t "unfolded">]>'
        "<ComicInfo><Series>&f;</Series><Title>&t;</Title></ComicInfo>"
    )
    found = read_comic(comic(tmp_path / "a.cbz", entries={"1.png": PIXEL, "ComicInfo.xml": content.encode()}))
    assert (found.title, found.series) == ("", "")
    assert any("entities" in warning for warning in found.warnings)


def test_a_rar_is_read_whatever_its_suffix_says(tmp_path: Path) -> None:
    path = tmp_path / "a.cbz"
    path.write_bytes(rar5({"p/2.png": b"2", "p/1.png": b"1", "ComicInfo.xml": comic_info("<Title>T</Title>")}))
    found = read_comic(path)
    assert (found.title, found.pages, found.cover) == ("T", 2, b"1")


def test_a_page_with_a_password_is_refused_in_plain_words(tmp_path: Path) -> None:
    path = comic(tmp_path / "a.cbz")
    content = bytearray(path.read_bytes())
    content[6] |= 1  # in the entry's own header
    content[content.index(b"PK\x01\x02") + 8] |= 1  # and in the directory
    path.write_bytes(content)
    with pytest.raises(Encrypted, match="password"):
        read_comic(path)


def test_a_page_beyond_all_measure_is_told_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = comic(tmp_path / "a.cbz")
    assert read_comic(path).warnings == ()
    monkeypatch.setattr(comics, "PAGE_PIXELS_LIMIT", 0)
    assert read_comic(path).warnings == ("A page is too large to be shown, 1.png.",)


def test_names_that_lead_out_of_the_archive_are_told_of_and_odd_ones_are_not(tmp_path: Path) -> None:
    for name in ("../1.png", "/1.png", "a/../../1.png", "C:/1.png", "a\\..\\1.png"):
        warnings = read_comic(comic(tmp_path / "a.cbz", entries={"2.png": PIXEL, name: PIXEL})).warnings
        assert any("lead out" in warning for warning in warnings), name
    assert read_comic(comic(tmp_path / "a.cbz", entries={"What If...?/1: x.png": PIXEL})).warnings == ()


def test_no_more_is_unpacked_than_a_cover_may_have(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(comics, "COVER_LIMIT", 100)
    found = read_comic(comic(tmp_path / "a.cbz", entries={"1.png": bytes(101), "2.png": bytes(100)}))
    assert found.cover == bytes(100)
