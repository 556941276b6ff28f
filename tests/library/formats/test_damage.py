"""Files that are cut or changed anywhere: each is read, or refused with a sentence, and nothing else ever happens."""

from collections.abc import Callable, Mapping
from pathlib import Path
from zipfile import ZipFile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from library.errors import NotAnEbook
from library.formats.comics import read_comic
from library.formats.epub import read_epub
from library.formats.kindle import read_kindle
from library.formats.metadata import Metadata
from library.formats.pdf import read_pdf
from tests.books import PIXEL, make_epub
from tests.library.formats.making import comic, comic_info, kindle, pdf, rar5, xmp_packet

COMIC = {
    "ComicInfo.xml": comic_info("<Title>T</Title><Series>S</Series><Number>3</Number><Writer>Ada, Bob</Writer>"),
    "1.png": PIXEL,
    "é/2.png": PIXEL * 20,
}
XMP = "<dc:title>T</dc:title><dc:creator><rdf:Seq><rdf:li>Ada</rdf:li></rdf:Seq></dc:creator><dc:date>2011</dc:date>"
STATEMENTS = [(503, "T"), (100, "Ada & Bob"), (103, "<p>D</p>"), (104, "9780306406157"), (201, bytes(4)), (524, "en")]
PACKAGE = "OEBPS/content.opf"
READERS: Mapping[str, Callable[[Path], Metadata]] = {
    "epub": read_epub,
    "cbz": read_comic,
    "cbr": read_comic,
    "pdf": read_pdf,
    "mobi": read_kindle,
}

# A place, as a share of the whole, and the byte that stands there afterwards.
CHANGES = st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), min_size=1, max_size=8)
# Where a part that is missing begins and ends, as shares likewise: it may be the first or the last of all.
SHARES = st.floats(0, 1) | st.sampled_from([0.0, 1.0])
LOSSES = st.just((0.0, 0.0)) | st.tuples(SHARES, SHARES)
# What matters most in a text of this kind: where names begin and end, and what they stand for.
MARKUP = st.sampled_from(list(b"<>/:&;=\"' \0\xff\xc3xX"))
MARKUP_CHANGES = st.lists(st.tuples(st.floats(0, 1), MARKUP), min_size=1, max_size=6)
OFTEN = settings(max_examples=150, deadline=None, derandomize=True)


def changed(content: bytes, places: list[tuple[float, int]], lost: tuple[float, float] = (0, 0)) -> bytes:
    made = bytearray(content)
    for place, byte in places:
        made[min(int(place * len(made)), len(made) - 1)] = byte
    start, end = (int(share * len(made)) for share in sorted(lost))
    return bytes(made[:start] + made[end:])


def read_or_refuse(folder: Path, format: str, content: bytes) -> Metadata | None:
    path = folder / f"changed.{format}"
    path.write_bytes(content)
    try:
        return READERS[format](path)
    except NotAnEbook:
        return None


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("damaged")


@pytest.fixture(scope="module")
def epub_entries(folder: Path) -> dict[str, bytes]:
    with ZipFile(make_epub(folder / "a.epub", title="T", series="S", series_index=2, with_cover=True)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.fixture(scope="module")
def sound(folder: Path, epub_entries: dict[str, bytes]) -> dict[str, bytes]:
    """A small file of each format without a flaw, as little of it packed as can be."""
    information = {"Title": "T", "Author": "Ada"}
    return {
        "epub": comic(folder / "a.zip", entries=epub_entries).read_bytes(),
        "cbz": comic(folder / "a.cbz", entries=COMIC).read_bytes(),
        "cbr": rar5(COMIC),
        "pdf": pdf(folder / "a.pdf", information=information, xmp=XMP, language="en", text=["Hello"]).read_bytes(),
        "mobi": kindle(STATEMENTS, images=[PIXEL]),
    }


@pytest.mark.parametrize("format", READERS)
def test_what_is_sound_is_read(sound: dict[str, bytes], folder: Path, format: str) -> None:
    found = read_or_refuse(folder, format, sound[format])
    assert found is not None
    assert found.title == "T"
    assert found.authors
    assert not found.warnings


@pytest.mark.parametrize("format", READERS)
@given(places=CHANGES, lost=LOSSES)
@OFTEN
def test_what_is_changed_or_lacks_a_part_is_read_or_refused(
    sound: dict[str, bytes], folder: Path, format: str, places: list[tuple[float, int]], lost: tuple[float, float]
) -> None:
    read_or_refuse(folder, format, changed(sound[format], places, lost))


@given(places=MARKUP_CHANGES, lost=LOSSES)
@OFTEN
def test_a_changed_package_document_is_read_or_refused(
    epub_entries: dict[str, bytes], folder: Path, places: list[tuple[float, int]], lost: tuple[float, float]
) -> None:
    entries = epub_entries | {PACKAGE: changed(epub_entries[PACKAGE], places, lost)}
    read_or_refuse(folder, "epub", comic(folder / "made.zip", entries=entries).read_bytes())


@given(places=MARKUP_CHANGES, lost=LOSSES)
@OFTEN
def test_a_comic_is_read_whatever_its_comicinfo_is(
    folder: Path, places: list[tuple[float, int]], lost: tuple[float, float]
) -> None:
    entries = COMIC | {"ComicInfo.xml": changed(COMIC["ComicInfo.xml"], places, lost)}
    found = read_or_refuse(folder, "cbz", comic(folder / "made.zip", entries=entries).read_bytes())
    assert found is not None
    assert found.pages == 2


@given(places=MARKUP_CHANGES)
@OFTEN
def test_a_pdf_is_read_whatever_its_xmp_is(
    sound: dict[str, bytes], folder: Path, places: list[tuple[float, int]]
) -> None:
    packet = xmp_packet(XMP)
    assert packet in sound["pdf"]
    found = read_or_refuse(folder, "pdf", sound["pdf"].replace(packet, changed(packet, places)))
    assert found is not None
    assert (found.language, found.pages) == ("en", 1)


def test_a_prefix_that_was_never_declared_is_no_hindrance(epub_entries: dict[str, bytes], folder: Path) -> None:
    package = epub_entries[PACKAGE]
    for stated, instead in (
        (b' xmlns:dc="http://purl.org/dc/elements/1.1/"', b""),
        (b"<dc:creator>", b'<dc:creator opf:role="aut">'),
        (b"<dc:title>", b'<dc:title xsi:type="x">'),
    ):
        assert stated in package
        entries = epub_entries | {PACKAGE: package.replace(stated, instead)}
        found = read_or_refuse(folder, "epub", comic(folder / "made.zip", entries=entries).read_bytes())
        assert found is not None
        assert (found.title, found.series, len(found.authors)) == ("T", "S", 1)

    xmp = xmp_packet(XMP).replace(b"xmlns:dc=", b"xmlns:dd=")
    sound = pdf(folder / "prefix.pdf", information={"Title": "Of the information"}, xmp=XMP).read_bytes()
    found = read_or_refuse(folder, "pdf", sound.replace(xmp_packet(XMP), xmp))
    assert found is not None
    assert found.title == "Of the information"

    info = comic_info("<c:Title>T</c:Title>")
    path = comic(folder / "prefix.cbz", entries=COMIC | {"ComicInfo.xml": info})
    assert read_comic(path).title == "T"


def test_an_archive_that_lacks_its_first_bytes_is_damaged(folder: Path) -> None:
    path = comic(folder / "start.cbz", entries={"1.png": PIXEL})
    path.write_bytes(path.read_bytes()[40:])  # so that its only entry lies before the start of the file
    with pytest.raises(NotAnEbook, match="damaged: 1"):
        read_comic(path)


def test_a_name_that_is_no_text_in_an_entrys_own_header_is_damage(folder: Path) -> None:
    path = comic(folder / "name.cbz", entries={"é.png": PIXEL})
    content = path.read_bytes()
    at = content.index("é".encode())  # in that header, which precedes the directory
    path.write_bytes(content[:at] + b"\xff" + content[at + 1 :])
    with pytest.raises(NotAnEbook, match="damaged: é"):
        read_comic(path)
