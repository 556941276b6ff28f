import io
from pathlib import Path
from typing import Any

import pypdf
import pytest
from PIL import Image
from pypdf.generic import NameObject, TextStringObject

from library.errors import Encrypted, NotAnEbook
from library.formats import pdf as module
from library.formats.images import thumbnails
from library.formats.metadata import Contributor, Identifier, Metadata
from library.formats.pdf import read_pdf
from library.formats.reading import read_book
from tests.library.formats.making import pdf

ENGLISH = (
    "It was the best of times, it was the worst of times, and he had not yet been to the house",
    "of his friend",
) * 6


@pytest.fixture
def stated(tmp_path: Path) -> Any:
    """What a PDF made like this says."""

    def read(**made: Any) -> Metadata:
        return read_pdf(pdf(tmp_path / "a.pdf", **made))

    return read


def test_the_document_information_is_read(stated: Any) -> None:
    found = stated(
        information={
            "Title": "Kopfrechnen — 算術",
            "Author": "Ada; Bob & Eve",
            "Subject": "How to",
            "Keywords": "sums, products; sums",
            "ISBN": "0-306-40615-2",
        },
        pages=3,
        language="de",
        direction="R2L",
    )
    assert found.title == "Kopfrechnen — 算術"
    assert found.authors == ("Ada", "Bob", "Eve")
    assert (found.description, found.subjects) == ("How to", ("sums", "products"))
    assert found.identifiers == (Identifier("isbn", "9780306406157"),)
    assert (found.pages, found.language, found.reading_direction) == (3, "de", "rtl")


XMP = """
<dc:title><rdf:Alt><rdf:li xml:lang="x-default">The Sign of the Four</rdf:li></rdf:Alt></dc:title>
<dc:creator><rdf:Seq><rdf:li>Arthur Conan Doyle</rdf:li><rdf:li>A Second Hand</rdf:li></rdf:Seq></dc:creator>
<dc:language><rdf:Bag><rdf:li>en-GB</rdf:li></rdf:Bag></dc:language>
<dc:subject><rdf:Bag><rdf:li>London</rdf:li><rdf:li>Agra</rdf:li></rdf:Bag></dc:subject>
<dc:description><rdf:Alt><rdf:li xml:lang="x-default">&lt;p&gt;A pact.&lt;/p&gt;</rdf:li></rdf:Alt></dc:description>
<dc:publisher><rdf:Bag><rdf:li>Spencer Blackett</rdf:li></rdf:Bag></dc:publisher>
<dc:date><rdf:Seq><rdf:li>1890-02-01T00:00:00+00:00</rdf:li></rdf:Seq></dc:date>
<prism:isbn>9780306406157</prism:isbn>
<xmp:Identifier><rdf:Bag><rdf:li rdf:parseType="Resource"><xmpidq:Scheme>mobi-asin</xmpidq:Scheme>
<rdf:value>B000FC1PJI</rdf:value></rdf:li></rdf:Bag></xmp:Identifier>
<calibre:title_sort>Sign of the Four, The</calibre:title_sort>
<calibre:series rdf:parseType="Resource"><rdf:value>Sherlock Holmes</rdf:value>
<calibreSI:series_index>2.50</calibreSI:series_index></calibre:series>
"""


def test_xmp_states_more_and_is_believed_first(stated: Any) -> None:
    found = stated(xmp=XMP, information={"Title": "Another", "Author": "Somebody"}, language="fr")
    assert found.title == "The Sign of the Four"
    assert found.sort_title == "Sign of the Four, The"
    assert found.contributors == (Contributor("Arthur Conan Doyle"), Contributor("A Second Hand"))
    assert (found.language, found.publisher, found.published) == ("en-GB", "Spencer Blackett", "1890-02-01")
    assert (found.subjects, found.description) == (("London", "Agra"), "A pact.")
    assert found.identifiers == (Identifier("isbn", "9780306406157"), Identifier("asin", "B000FC1PJI"))
    assert (found.series, found.series_index) == ("Sherlock Holmes", 2.5)


def test_entities_in_xmp_are_not_resolved(stated: Any, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("what nobody may see")
    path = pdf(tmp_path / "x.pdf", xmp="<dc:title>__________________________________________________&x;</dc:title>")
    content = path.read_bytes()
    declaration = f'<!DOCTYPE x [<!ENTITY x SYSTEM "file://{secret}">]>'.encode()
    made = content.replace(b"<x:xmpmeta", declaration + b"<x:xmpmeta")
    path.write_bytes(made)
    assert "nobody" not in repr(read_pdf(path))


@pytest.mark.parametrize(
    "title",
    [
        *(
            "",
            "   ",
            "untitled",
            "Untitled-3",
            "Microsoft Word - thesis.doc",
            "thesis_final.docx",
            "book.indd",
            "12345",
        ),
        *("2020-01-01", "C:\\Users\\ada\\x", "file:///x", "PowerPoint Presentation", "Slide 1", "Document1", "---"),
    ],
)
def test_what_a_program_made_up_is_no_title(stated: Any, title: str) -> None:
    assert stated(information={"Title": title}).title == ""


@pytest.mark.parametrize("title", ["1984: A Novel", "Document Design", "Catch-22", "Untitled Goose", "Node.js", "三体"])
def test_what_only_looks_like_it_is_a_title(stated: Any, title: str) -> None:
    assert stated(information={"Title": title}).title == title


def test_the_title_of_the_information_stands_in_for_none_in_xmp(stated: Any) -> None:
    xmp = "<dc:title><rdf:Alt><rdf:li>untitled</rdf:li></rdf:Alt></dc:title>"
    assert stated(xmp=xmp, information={"Title": "Dune"}).title == "Dune"


@pytest.mark.parametrize(
    ("stated_language", "language"), [("en-US", "en"), ("zh-TW", "zh-TW"), ("pt_BR", "pt-BR"), ("", "")]
)
def test_the_region_of_an_office_program_is_not_the_books(stated: Any, stated_language: str, language: str) -> None:
    assert stated(language=stated_language).language == language


def test_where_no_language_is_stated_it_is_seen_in_the_text_after_a_description_beside_it(tmp_path: Path) -> None:
    path = pdf(tmp_path / "a.pdf", text=ENGLISH)
    assert read_pdf(path).language == ""
    assert read_book(path, "pdf").language == "en"
    path.with_suffix(".opf").write_text(
        '<package xmlns:dc="http://purl.org/dc/elements/1.1/"><metadata><dc:language>nl</dc:language></metadata></package>'
    )
    assert read_book(path, "pdf").language == "nl"


def test_a_title_in_kana_is_japanese_whatever_the_text_is_in(tmp_path: Path) -> None:
    made = pdf(tmp_path / "a.pdf", text=ENGLISH, information={"Title": "メンテナー用ガイド"})
    assert read_book(made, "pdf").language == "ja"


@pytest.mark.parametrize("size", [(300, 400), (4000, 300), (14_000, 14_000), (1, 2)])
def test_the_cover_is_the_first_page_within_bounds(stated: Any, size: tuple[float, float]) -> None:
    cover = stated(size=size).cover
    assert cover is not None
    made = thumbnails(cover)
    assert made is not None
    with Image.open(io.BytesIO(cover)) as image:
        assert image.width <= 601
        assert image.height <= 901


def test_a_password_for_reading_is_refused_and_one_for_writing_is_not_in_the_way(stated: Any) -> None:
    with pytest.raises(Encrypted, match="password"):
        stated(user_password="secret")
    found = stated(information={"Title": "Dune", "Author": "Frank Herbert"}, owner_password="secret", pages=2)
    assert (found.title, found.authors, found.pages) == ("Dune", ("Frank Herbert",), 2)


@pytest.mark.parametrize("kept", [10, 200, -300])
def test_what_is_cut_is_refused_or_read(tmp_path: Path, kept: int) -> None:
    path = pdf(tmp_path / "a.pdf", information={"Title": "Dune"})
    path.write_bytes(path.read_bytes()[:kept])
    try:
        found = read_pdf(path)
    except NotAnEbook as error:
        found = None
        sentence = error.sentence
    assert found is not None or "damaged" in sentence


def test_where_pypdf_gives_up_pdfium_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def give_up(*_: Any) -> None:
        raise RecursionError

    path = pdf(tmp_path / "a.pdf", information={"Title": "Dune", "Author": "Frank Herbert"})
    monkeypatch.setattr("pypdf.PdfReader", give_up)
    found = read_pdf(path)
    assert (found.title, found.authors, found.pages) == ("Dune", ("Frank Herbert",), 1)


def test_a_title_that_lies_elsewhere_in_the_file_is_found(tmp_path: Path) -> None:
    writer = pypdf.PdfWriter()
    writer.add_blank_page(100, 100)
    writer.add_metadata({"/Author": "Frank Herbert"})
    assert writer._info is not None
    writer._info[NameObject("/Title")] = writer._add_object(TextStringObject("Dune"))
    path = tmp_path / "a.pdf"
    writer.write(path)
    assert read_pdf(path).title == "Dune"


def test_a_name_that_is_no_text_is_no_hindrance(tmp_path: Path) -> None:
    path = pdf(tmp_path / "caf\udce9.pdf", information={"Title": "Dune"})
    assert read_pdf(path).title == "Dune"


def test_a_first_page_whose_image_is_too_large_is_not_drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    image = tmp_path / "a.png"
    Image.new("1", (400, 400)).save(image)
    path = tmp_path / "a.pdf"
    Image.open(image).save(path)
    assert read_pdf(path).cover
    monkeypatch.setattr(module, "IMAGE_PIXELS_LIMIT", 400 * 400 - 1)
    found = read_pdf(path)
    assert found.cover is None
    assert len(found.warnings) == 1


def test_a_text_that_is_an_object_of_its_own_is_read(tmp_path: Path) -> None:
    writer = pypdf.PdfWriter()
    writer.add_blank_page(300, 400)
    writer.add_metadata({"/Author": "Frank Herbert"})
    assert writer._info is not None
    writer._info[NameObject("/Title")] = writer._add_object(TextStringObject("Dune"))
    writer.root_object[NameObject("/Lang")] = writer._add_object(TextStringObject("en"))
    path = tmp_path / "a.pdf"
    writer.write(path)
    found = read_pdf(path)
    assert (found.title, found.authors, found.language) == ("Dune", ("Frank Herbert",), "en")
