"""What an EPUB says of itself, by small files made here; the real ones are in `test_importing`."""

import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from library.errors import Encrypted, NotAnEbook
from library.formats import archives
from library.formats.epub import PACKAGE_LIMIT, read_epub
from tests.books import CONTAINER, PIXEL

PACKAGE = """<?xml version="1.0" encoding="utf-8"?>{doctype}
<package xmlns="http://www.idpf.org/2007/opf" xmlns:opf="http://www.idpf.org/2007/opf" version="3.0">
<metadata xmlns:dc="http://purl.org/dc/elements/1.1/">{metadata}</metadata>
<manifest>{manifest}</manifest><spine>{spine}</spine></package>"""
CHAPTER = '<item id="c" href="c.xhtml" media-type="application/xhtml+xml"/>'


@pytest.fixture
def packed(tmp_path: Path) -> Callable[..., Path]:
    """Writes an EPUB around a package document's metadata."""

    def pack(
        metadata: str = "<dc:title>T</dc:title>",
        *,
        manifest: str = CHAPTER,
        doctype: str = "",
        spine: str = '<itemref idref="c"/>',
        entries: dict[str, bytes] | None = None,
    ) -> Path:
        package = PACKAGE.format(metadata=metadata, manifest=manifest, doctype=doctype, spine=spine)
        files = {
            "META-INF/container.xml": CONTAINER.encode(),
            "OEBPS/content.opf": package.encode(),
            "OEBPS/c.xhtml": b"<html/>",
        }
        path = tmp_path / "book.epub"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in (files | (entries or {})).items():
                archive.writestr(name, content)
        return path

    return pack


def creator(name: str, *roles: str, id: str = "") -> str:
    refined = "".join(f'<meta refines="#{id}" property="role">{role}</meta>' for role in roles)
    return f'<dc:creator id="{id or name}">{name}</dc:creator>{refined}'


@pytest.mark.parametrize(
    ("creators", "authors"),
    [
        ("<dc:creator>Ada</dc:creator>", ("Ada",)),
        ('<dc:creator opf:role="aut">Ada</dc:creator><dc:creator opf:role="trl">Bob</dc:creator>', ("Ada",)),
        ('<dc:creator opf:role="ill">Bob</dc:creator><dc:creator>Ada</dc:creator>', ("Ada",)),
        ('<dc:creator opf:role="edt">Ed</dc:creator>', ("Ed",)),  # nobody else is named
        (creator("Ada", "aut", "dto", id="a") + creator("Bob", "trl", id="b"), ("Ada",)),  # several roles of one
        (creator("Ada", "AUT", id="a"), ("Ada",)),
        ("<dc:creator>B</dc:creator><dc:creator>A</dc:creator><dc:creator>B</dc:creator>", ("B", "A")),
        ("<dc:creator> \n </dc:creator>", ()),
        ("<dc:contributor>Bob</dc:contributor>", ()),
    ],
)
def test_authors_are_the_creators_with_that_role_or_none(
    packed: Callable[..., Path], creators: str, authors: tuple[str, ...]
) -> None:
    assert read_epub(packed(f"<dc:title>T</dc:title>{creators}")).authors == authors


CALIBRE = '<meta name="calibre:series" content="{}"/><meta name="calibre:series_index" content="{}"/>'
COLLECTION = (
    '<meta id="{id}" property="belongs-to-collection">{name}</meta>'
    '<meta refines="{hash}{id}" property="collection-type">{type}</meta>'
    '<meta refines="{hash}{id}" property="group-position">{position}</meta>'
)


def collection(name: str, position: str, type: str = "series", id: str = "c1", hash: str = "#") -> str:
    return COLLECTION.format(id=id, name=name, hash=hash, type=type, position=position)


@pytest.mark.parametrize(
    ("metadata", "series", "index"),
    [
        (CALIBRE.format("Dune", "2"), "Dune", 2.0),
        (CALIBRE.format("Dune", "2.50"), "Dune", 2.5),
        (CALIBRE.format("Dune", "1,5"), "Dune", 1.5),
        (CALIBRE.format("Dune", "0"), "Dune", 0.0),
        (CALIBRE.format("Dune", "-1"), "Dune", -1.0),
        (CALIBRE.format("Dune", "NaN"), "Dune", None),
        (CALIBRE.format("Dune", "1e999"), "Dune", None),
        (CALIBRE.format("Dune", "inf"), "Dune", None),
        (CALIBRE.format("Dune", "two"), "Dune", None),
        (CALIBRE.format("Dune", "1_000"), "Dune", None),
        (CALIBRE.format("Dune", "9" * 400), "Dune", None),
        ('<meta name="calibre:series" content="Dune"/>', "Dune", None),
        (CALIBRE.format("  ", "2"), "", None),
        (collection("Dune", "3"), "Dune", 3.0),
        (collection("Dune", "3", hash=""), "Dune", 3.0),  # met in the wild
        (collection("Dune", "2.2.1"), "Dune", None),
        (collection("Best of", "7", type="set"), "", None),
        (collection("Best of", "7", type="set") + collection("Dune", "3", id="c2"), "Dune", 3.0),
        (collection("First", "1") + collection("Second", "2", id="c2"), "First", 1.0),
        (collection("Other", "9") + CALIBRE.format("Dune", "2"), "Dune", 2.0),
        ("", "", None),
    ],
)
def test_the_series_is_calibres_else_the_first_collection_that_is_one(
    packed: Callable[..., Path], metadata: str, series: str, index: float | None
) -> None:
    found = read_epub(packed(f"<dc:title>Dune 4</dc:title>{metadata}"))
    assert (found.series, found.series_index) == (series, index)


@pytest.mark.parametrize(
    ("titles", "title"),
    [
        ("<dc:title>One</dc:title><dc:title>Two</dc:title>", "One"),
        ("<dc:title>  </dc:title><dc:title>Two</dc:title>", "Two"),
        (
            '<dc:title id="s">Sub</dc:title><dc:title id="m">Main</dc:title>'
            '<meta refines="#m" property="title-type">main</meta>',
            "Main",
        ),
        ("<dc:title>\n  Over\n\ttwo   lines </dc:title>", "Over two lines"),
        ("<dc:title>a\u202egpj.exe\u202c</dc:title>", "agpj.exe"),
        ("", ""),
    ],
)
def test_the_title_is_the_main_one_on_one_line(packed: Callable[..., Path], titles: str, title: str) -> None:
    assert read_epub(packed(titles or "<dc:language>en</dc:language>")).title == title


def test_a_title_without_end_is_cut_to_what_a_row_holds(packed: Callable[..., Path]) -> None:
    assert len(read_epub(packed(f"<dc:title>{'long ' * 20_000}</dc:title>")).title) <= 1000


def test_a_book_that_ebooklib_cannot_read_comes_in_by_its_package_document(packed: Callable[..., Path]) -> None:
    missing = '<item id="logo" href="logo.png" media-type="image/png"/>'
    path = packed("<dc:title>Guide</dc:title>" + creator("Osamu Aoki", "aut", id="a"), manifest=CHAPTER + missing)
    from ebooklib import epub

    with open(path, "rb") as file, pytest.raises(KeyError):
        epub.read_epub(file, {"ignore_ncx": True})
    found = read_epub(path)
    assert (found.title, found.authors) == ("Guide", ("Osamu Aoki",))


@pytest.mark.parametrize(
    "manifest",
    [
        '<item id="i" href="i.png" media-type="image/png" properties="cover-image"/>',
        '<item id="cover-id" href="i.png" media-type="image/png"/>',
        '<item id="x" href="%69.png" media-type="image/png" properties="cover-image"/>',
    ],
)
def test_the_cover_is_the_image_that_the_package_names(packed: Callable[..., Path], manifest: str) -> None:
    metadata = '<dc:title>T</dc:title><meta name="cover" content="cover-id"/>'
    assert read_epub(packed(metadata, manifest=manifest, entries={"OEBPS/i.png": PIXEL})).cover == PIXEL


def test_a_cover_that_is_not_in_the_book_is_no_cover(packed: Callable[..., Path]) -> None:
    for href in ("gone.png", "../../../../etc/passwd", "file:///etc/passwd", "/etc/passwd"):
        item = f'<item id="i" href="{href}" media-type="image/png" properties="cover-image"/>'
        assert read_epub(packed(manifest=CHAPTER + item)).cover is None


MISSING = '<item id="gone" href="gone.xhtml" media-type="application/xhtml+xml"/>'


@pytest.mark.parametrize("manifest", [CHAPTER, CHAPTER + MISSING], ids=["by ebooklib", "without ebooklib"])
def test_entities_bring_in_no_file_of_the_server(packed: Callable[..., Path], tmp_path: Path, manifest: str) -> None:
    (tmp_path / "secret.txt").write_text("swordfish")
    doctype = f'<!DOCTYPE package [<!ENTITY x SYSTEM "{(tmp_path / "secret.txt").as_uri()}">]>'
    found = read_epub(packed("<dc:title>A &x; B</dc:title>", doctype=doctype, manifest=manifest))
    assert "swordfish" not in repr(found)
    assert found.title.startswith("A")


def test_entities_are_not_multiplied(packed: Callable[..., Path]) -> None:
    laughs = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 12))
    doctype = f'<!DOCTYPE package [<!ENTITY l0 "ha">{laughs}]>'
    found = read_epub(packed("<dc:title>&l11;</dc:title><dc:language>en</dc:language>", doctype=doctype))
    assert len(found.title) < 100


def test_a_package_document_beyond_the_limit_is_refused(packed: Callable[..., Path]) -> None:
    noise = bytes(range(256)) * 64  # so that it does not pack like a bomb
    comment = "".join(f"{noise[index % 999 : index % 999 + 40].hex()}{index}" for index in range(PACKAGE_LIMIT // 80))
    with pytest.raises(NotAnEbook, match="unreasonably large"):
        read_epub(packed(f"<dc:title>T</dc:title><!--{comment}-->"))


def test_an_entry_that_would_fill_the_memory_is_refused_before_it_is_unpacked(
    packed: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archives, "SMALL_BYTES", 1024 * 1024)
    path = packed(entries={"OEBPS/c.xhtml": b" " * 2 * 1024 * 1024})

    def unpack(*_: Any) -> None:
        raise AssertionError("it was unpacked")

    monkeypatch.setattr(zipfile.ZipFile, "open", unpack)
    with pytest.raises(NotAnEbook, match="unreasonabl"):
        read_epub(path)


def test_an_entry_that_lies_about_its_size_is_not_unpacked_beyond_it(packed: Callable[..., Path]) -> None:
    path = packed(f"<dc:title>T</dc:title><!--{'x' * 5000}-->")
    content = path.read_bytes()
    with zipfile.ZipFile(path) as archive:
        entry = archive.getinfo("OEBPS/content.opf")
    # In the directory at the end, the size stands in four bytes 22 before the name.
    at = content.rindex(b"OEBPS/content.opf") - 22
    assert int.from_bytes(content[at : at + 4], "little") == entry.file_size
    path.write_bytes(content[:at] + (64).to_bytes(4, "little") + content[at + 4 :])
    with pytest.raises(NotAnEbook, match="damaged"):
        read_epub(path)


def encryption(algorithm: str) -> bytes:
    return (
        '<encryption xmlns="urn:oasis:names:tc:opendocument:xmlns:container">'
        '<EncryptedData xmlns="http://www.w3.org/2001/04/xmlenc#">'
        f'<EncryptionMethod Algorithm="{algorithm}"/></EncryptedData></encryption>'
    ).encode()


def test_a_book_with_copy_protection_is_refused_in_plain_words(packed: Callable[..., Path]) -> None:
    path = packed(entries={"META-INF/encryption.xml": encryption("http://www.w3.org/2001/04/xmlenc#aes128-cbc")})
    with pytest.raises(Encrypted, match="copy protection"):
        read_epub(path)


def test_a_book_whose_fonts_are_scrambled_is_not_protected(packed: Callable[..., Path]) -> None:
    path = packed(entries={"META-INF/encryption.xml": encryption("http://www.idpf.org/2008/embedding")})
    assert read_epub(path).title == "T"


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "not a readable ZIP"),
        (b"PK\x03\x04 and then nothing", "not a readable ZIP"),
    ],
)
def test_what_is_no_archive_is_refused_with_a_sentence(tmp_path: Path, content: bytes, sentence: str) -> None:
    path = tmp_path / "book.epub"
    path.write_bytes(content)
    with pytest.raises(NotAnEbook, match=sentence):
        read_epub(path)


def test_an_archive_without_a_container_is_no_epub(tmp_path: Path) -> None:
    path = tmp_path / "book.epub"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("hello.txt", "hello")
    with pytest.raises(NotAnEbook, match="not an EPUB"):
        read_epub(path)


# --- People, dates, identifiers --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("metadata", "contributors"),
    [
        (
            '<dc:creator opf:file-as="Doyle, Arthur Conan">Arthur Conan Doyle</dc:creator>'
            '<dc:contributor opf:role="ill">Sidney Paget</dc:contributor>',
            [("Arthur Conan Doyle", "aut", "Doyle, Arthur Conan"), ("Sidney Paget", "ill", "")],
        ),
        (
            creator("Ada", "trl", id="b") + creator("Bob", "aut", id="a") + "<dc:contributor>Eve</dc:contributor>",
            [("Ada", "trl", ""), ("Bob", "aut", ""), ("Eve", "ctb", "")],
        ),
        (
            creator("Ada", id="a") + '<meta refines="#a" property="file-as">Lovelace, Ada</meta>',
            [("Ada", "aut", "Lovelace, Ada")],
        ),
        (
            '<dc:creator>Ada</dc:creator><dc:contributor opf:role="bkp">calibre (7.2)</dc:contributor>',
            [("Ada", "aut", "")],
        ),
    ],
)
def test_people_come_with_what_they_did_and_how_they_are_filed(
    packed: Callable[..., Path], metadata: str, contributors: list[tuple[str, str, str]]
) -> None:
    found = read_epub(packed(metadata)).contributors
    # EbookLib gives out creators before contributors.
    assert [(each.name, each.role, each.sort_name) for each in found] == contributors


@pytest.mark.parametrize(
    ("metadata", "published"),
    [
        ("<dc:date>1887-12</dc:date>", "1887-12"),
        ('<dc:date opf:event="modification">2020-01-01</dc:date><dc:date>1887</dc:date>', "1887"),
        ('<dc:date opf:event="conversion">2020-01-01</dc:date>', ""),
        ('<dc:date>1999</dc:date><dc:date opf:event="publication">1887-12-01</dc:date>', "1887-12-01"),
        ("<dc:date>2023-02-30</dc:date>", ""),
        ("<dc:date>sometime</dc:date>", ""),
    ],
)
def test_the_date_is_that_of_publication(packed: Callable[..., Path], metadata: str, published: str) -> None:
    assert read_epub(packed(f"<dc:title>T</dc:title>{metadata}")).published == published


def test_identifiers_say_of_what_kind_they_are(packed: Callable[..., Path]) -> None:
    metadata = (
        "<dc:identifier>urn:isbn:9780306406157</dc:identifier>"
        '<dc:identifier opf:scheme="ISBN">0-306-40615-2</dc:identifier>'
        '<dc:identifier opf:scheme="ISBN">no number</dc:identifier>'
        '<dc:identifier id="d">10.1000/ABC</dc:identifier><meta refines="#d" property="identifier-type">06</meta>'
        "<dc:identifier>http://www.gutenberg.org/11</dc:identifier>"
        '<dc:identifier opf:scheme="calibre">A6BC6BC8-8888-4280-810d-1b7401ad5e09</dc:identifier>'
        '<dc:identifier opf:scheme="MOBI-ASIN">B000FC1PJI</dc:identifier>'
    )
    assert {(each.scheme, each.value) for each in read_epub(packed(metadata)).identifiers} == {
        ("isbn", "9780306406157"),
        ("doi", "10.1000/abc"),
        ("uri", "http://www.gutenberg.org/11"),
        ("calibre", "a6bc6bc8-8888-4280-810d-1b7401ad5e09"),
        ("asin", "B000FC1PJI"),
    }


def test_a_description_is_without_markup_and_a_title_is_filed_as_stated(packed: Callable[..., Path]) -> None:
    found = read_epub(
        packed(
            "<dc:title>The Valley of Fear</dc:title><dc:publisher>Smith, Elder</dc:publisher>"
            "<dc:description>&lt;p&gt;One.&lt;/p&gt;&lt;p&gt;&lt;script&gt;x&lt;/script&gt;Two.&lt;/p&gt;</dc:description>"
            '<meta name="calibre:title_sort" content="Valley of Fear, The"/>'
            "<dc:subject>Detectives</dc:subject><dc:subject>Detectives</dc:subject><dc:subject>Light Novel</dc:subject>"
        )
    )
    assert (found.description, found.publisher) == ("One.\nTwo.", "Smith, Elder")
    assert found.sort_title == "Valley of Fear, The"
    assert (found.subjects, found.book_type) == (("Detectives", "Light Novel"), "light_novel")


# --- Pages, text, the first page -------------------------------------------------------------------------------------


def page(body: str) -> bytes:
    return (
        f'<html xmlns="http://www.w3.org/1999/xhtml"><head><title>T</title></head><body>{body}</body></html>'.encode()
    )


def test_characters_are_those_of_the_text_that_is_read(packed: Callable[..., Path]) -> None:
    found = read_epub(packed(entries={"OEBPS/c.xhtml": page("<p>Ten\n   letters</p>"), "OEBPS/x.xhtml": page("more")}))
    assert (found.characters, found.pages) == (11, None)


def test_text_beyond_what_is_looked_at_is_not_counted(
    packed: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("library.formats.epub.TEXT_LIMIT", 100)
    found = read_epub(packed(entries={"OEBPS/c.xhtml": page("x" * 200)}))
    assert found.characters is None
    assert not any("damaged" in warning for warning in found.warnings)


def test_a_part_of_the_text_that_is_damaged_is_a_warning(packed: Callable[..., Path]) -> None:
    path = packed(entries={"OEBPS/c.xhtml": page("secret word")})
    with zipfile.ZipFile(path) as archive:
        at = archive.getinfo("OEBPS/c.xhtml").header_offset
    content = bytearray(path.read_bytes())
    for place in range(at + 60, at + 70):
        content[place] ^= 0xFF
    path.write_bytes(content)
    found = read_epub(path)
    assert (found.title, found.characters) == ("T", None)
    assert "A part of its text is damaged, OEBPS/c.xhtml." in found.warnings


FIXED = '<meta property="rendition:layout">pre-paginated</meta><dc:title>T</dc:title><dc:language>{}</dc:language>'


@pytest.mark.parametrize(("language", "kind"), [("ja", "manga"), ("ja-JP", "manga"), ("ar", "")])
def test_fixed_pages_in_japanese_that_turn_to_the_right_are_manga(tmp_path: Path, language: str, kind: str) -> None:
    package = PACKAGE.format(
        metadata=FIXED.format(language), manifest=CHAPTER, doctype="", spine='<itemref idref="c"/>'
    ).replace("<spine>", '<spine page-progression-direction="rtl">')
    path = tmp_path / "a.epub"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("META-INF/container.xml", CONTAINER)
        archive.writestr("OEBPS/content.opf", package)
        archive.writestr("OEBPS/c.xhtml", page("<p>x</p>"))
    found = read_epub(path)
    assert (found.book_type, found.reading_direction, found.pages) == (kind, "rtl", 1)


IMAGE_ITEM = '<item id="i" href="p/i.png" media-type="image/png"/>'


@pytest.mark.parametrize(
    ("body", "is_cover"),
    [
        ('<img src="p/i.png"/>', True),
        (
            '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink">'
            '<image xlink:href="p/i.png"/></svg>',
            True,
        ),
        ('<img src="p/i.png"/><p>' + "A chapter that begins with a picture. " * 3 + "</p>", False),
        ('<img src="../../../etc/passwd"/>', False),
        ("<p>Words.</p>", False),
    ],
)
def test_a_first_page_that_is_but_an_image_is_the_cover(packed: Callable[..., Path], body: str, is_cover: bool) -> None:
    path = packed(manifest=CHAPTER + IMAGE_ITEM, entries={"OEBPS/c.xhtml": page(body), "OEBPS/p/i.png": PIXEL})
    assert read_epub(path).cover == (PIXEL if is_cover else None)


# --- What is wrong although it can be read ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("made", "words"),
    [
        ({"entries": {}}, "lacks the entry"),
        ({"entries": {"mimetype": b"application/zip"}}, "does not say EPUB"),
        ({"spine": ""}, "in which order"),
        ({"spine": '<itemref idref="c"/><itemref idref="gone"/>'}, "reading order"),
        ({"manifest": CHAPTER + MISSING}, "missing, OEBPS/gone.xhtml"),
        ({"metadata": "<dc:title>T</dc:title><dc:date>2023-02-30</dc:date>"}, "date of publication"),
        ({"metadata": f"<dc:title>{'long ' * 300}</dc:title>"}, "was cut"),
        ({"metadata": CALIBRE.format("Dune", "two")}, "no number"),
        ({"doctype": '<!DOCTYPE p [<!ENTITY x "y">]>'}, "entities"),
        ({"entries": {"OEBPS/c.xhtml": b'<!DOCTYPE html [<!ENTITY x "y">]>' + page("&x;")}}, "text uses entities"),
        ({"entries": {"OEBPS/c.xhtml": page('<iframe src="file:///etc/passwd"/>')}}, "another computer"),
        ({"entries": {"../up.txt": b"x"}}, "not as they should be"),
        ({"entries": {"OEBPS/C.XHTML": b"x"}}, "same name"),
        ({"manifest": CHAPTER + IMAGE_ITEM, "entries": {"OEBPS/p/i.png": b"text"}}, "cannot be shown"),
        ({"manifest": CHAPTER + '<item id="x" href="c.xhtml" media-type="text/css" fallback="x"/>'}, "in a circle"),
        ({}, "no table of contents"),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence(packed: Callable[..., Path], made: dict[str, Any], words: str) -> None:
    path = packed(**made)
    warnings = read_epub(path).warnings
    assert any(words in warning for warning in warnings), warnings
    assert all(warning.endswith(".") for warning in warnings)
