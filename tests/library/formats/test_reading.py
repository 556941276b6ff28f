"""The dispatcher over every format, with the real and the hostile files, and with what chance makes of small ones."""

import json
import struct
import subprocess
import sys
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from library.errors import LibraryError, NotAnEbook
from library.formats import FORMATS
from library.formats.metadata import Metadata
from library.formats.reading import READERS, read_book
from tests.books import PIXEL, make_epub
from tests.library.formats.making import comic, kindle, pdf, rar5

BOOKS = Path(__file__).resolve().parents[4] / "shared" / "books"


def listed(folder: Path) -> list[dict[str, Any]]:
    """The books of a manifest; none where the files are not there."""
    manifest = folder / "MANIFEST.json"
    files: list[dict[str, Any]] = json.loads(manifest.read_text())["files"] if manifest.exists() else []
    return [each for each in files if format_of_entry(each) in FORMATS]


def format_of_entry(entry: dict[str, Any]) -> str:
    return "kepub.epub" if entry["format"] == "kepub" else str(entry["format"])


def path_of(entry: dict[str, Any]) -> str:
    return str(entry["path"])


def test_every_format_has_a_reader() -> None:
    assert set(READERS) == set(FORMATS)


# --- Real books ------------------------------------------------------------------------------------------------------


@pytest.mark.corpus
@pytest.mark.parametrize("entry", listed(BOOKS), ids=path_of)
def test_a_real_book_says_what_the_manifest_says_of_it(shared_books: Path, entry: dict[str, Any]) -> None:
    found = read_book(shared_books / entry["path"], format_of_entry(entry))
    assert found.title == (entry["title"] or "")
    assert list(found.authors) == entry["authors"]
    assert found.language == (entry["language"] or "")
    assert found.series == (entry["series"] or "")
    assert found.series_index == entry["series_index"]
    if "pages" in entry:
        assert found.pages == entry["pages"]


# --- Hostile files ---------------------------------------------------------------------------------------------------


def outcome(path: Path, format: str) -> tuple[Metadata | None, str]:
    """What was read of a file, or why it was refused."""
    try:
        return read_book(path, format), ""
    except NotAnEbook as error:
        return None, error.sentence


@pytest.mark.corpus
@pytest.mark.parametrize("entry", listed(BOOKS / "hostile"), ids=path_of)
def test_a_hostile_file_ends_as_its_manifest_says(shared_books: Path, entry: dict[str, Any]) -> None:
    expected = entry["expected"]
    found, sentence = outcome(shared_books / "hostile" / entry["path"], format_of_entry(entry))
    if found is None:
        assert expected["outcome"] in ("reject", "either"), sentence
        assert sentence.startswith("This")
        assert sentence.endswith(".")
        return
    assert expected["outcome"] in ("accept", "either")
    assert "root:" not in repr(found)  # of the system's list of users, at which several point
    assert all(warning.endswith(".") for warning in found.warnings)
    if "imports with a warning" in expected["must"]:
        assert found.warnings
    if "index that is no finite number is dropped" in expected["must"]:
        assert found.series_index in (None, -1.0, 1.5)


@pytest.mark.corpus
@pytest.mark.parametrize(
    ("name", "format", "words"),
    [
        ("pdf-named.epub", "epub", "it is a PDF"),
        ("epub-named.pdf", "pdf", "it is an EPUB"),
        ("html-error-page.epub", "epub", "it is a web page"),
        ("drm-like.epub", "epub", "copy protection"),
        ("zip-password.epub", "epub", "password"),
        ("rar4-encrypted.cbr", "cbr", "password"),
        ("no-images.cbz", "cbz", "no image"),
        ("zip-bomb-chapter.epub", "epub", "unreasonable size"),
    ],
)
def test_the_sentence_says_what_is_wrong(shared_books: Path, name: str, format: str, words: str) -> None:
    with pytest.raises(NotAnEbook, match=words):
        read_book(shared_books / "hostile" / name, format)


@pytest.mark.corpus
@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("opf-utf16.epub", "UTF-16 package"),
        ("opf-latin1-declared-utf8.epub", "Café in Latin-1"),
        ("title-as-path.epub", "../../../../tmp/ebook-escape-6"),
        ("no-title-no-author.epub", ""),
        ("blank-title.epub", ""),
    ],
)
def test_odd_titles_are_what_they_are(shared_books: Path, name: str, title: str) -> None:
    assert read_book(shared_books / "hostile" / name, "epub").title == title


@pytest.mark.corpus
@pytest.mark.parametrize("name", ["cover-svg-script.epub", "path-traversal-cover-href.epub"])
def test_a_cover_that_is_none_is_left_out(shared_books: Path, name: str) -> None:
    assert read_book(shared_books / "hostile" / name, "epub").cover is None


@pytest.mark.corpus
def test_the_order_of_authors_is_kept(shared_books: Path) -> None:
    path = shared_books / "hostile" / "w3c-pkg-creator-order.epub"
    with zipfile.ZipFile(path) as archive:
        package = archive.read("EPUB/package.opf").decode()
    authors = read_book(path, "epub").authors
    assert len(authors) > 1
    assert [package.index(f">{author}<") for author in authors] == sorted(
        package.index(f">{author}<") for author in authors
    )


# --- What chance makes of small files --------------------------------------------------------------------------------


def small_files(folder: Path) -> dict[str, bytes]:
    """One small whole book of each kind, by the suffix under which it is read."""
    info = "<Series>S</Series><Number>1</Number><Pages><Page Image='0' Type='FrontCover'/></Pages>"
    cover = [(503, "T"), (100, "A"), (201, struct.pack(">I", 0))]
    return {
        "epub": make_epub(folder / "a.epub", series="S", series_index=1, with_cover=True, chapters=1).read_bytes(),
        "cbz": comic(folder / "a.cbz", info=info).read_bytes(),
        "cbr": rar5({"1.png": PIXEL, "ComicInfo.xml": b"<ComicInfo><Title>T</Title></ComicInfo>"}),
        "pdf": pdf(folder / "a.pdf", information={"Title": "T"}, xmp="<dc:title>T</dc:title>").read_bytes(),
        "mobi": kindle(cover, images=[PIXEL]),
    }


CHANCE = settings(
    max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture
def reads(tmp_path: Path) -> Callable[[str, bytes], Metadata]:
    def read(format: str, content: bytes) -> Metadata:
        path = tmp_path / f"book.{format}"
        path.write_bytes(content)
        return read_book(path, format)

    return read


FORMATS_MADE = ["epub", "cbz", "cbr", "pdf", "mobi"]


@pytest.mark.parametrize("format", FORMATS_MADE)
def test_each_small_file_is_read_when_it_is_whole(tmp_path: Path, reads: Any, format: str) -> None:
    assert reads(format, small_files(tmp_path)[format]).title


@pytest.mark.parametrize("format", FORMATS_MADE)
@given(share=st.floats(0, 1))
@CHANCE
def test_a_file_that_is_cut_anywhere_is_refused_or_read(tmp_path: Path, reads: Any, format: str, share: float) -> None:
    content = small_files(tmp_path)[format]
    with suppress(LibraryError):
        assert isinstance(reads(format, content[: int(share * len(content))]), Metadata)


@pytest.mark.parametrize("format", FORMATS_MADE)
@given(changes=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), min_size=1, max_size=8))
@CHANCE
def test_a_file_with_changed_bytes_is_refused_or_read(
    tmp_path: Path, reads: Any, format: str, changes: list[tuple[float, int]]
) -> None:
    content = bytearray(small_files(tmp_path)[format])
    for share, value in changes:
        content[int(share * len(content))] = value
    with suppress(LibraryError):
        assert isinstance(reads(format, bytes(content)), Metadata)


# --- What it takes ---------------------------------------------------------------------------------------------------


def test_the_package_loads_neither_django_nor_what_a_format_needs() -> None:
    code = (
        "import sys; import library.formats, library.formats.signatures, library.formats.metadata;"
        "heavy = {'django', 'pypdf', 'pypdfium2', 'unrar', 'ebooklib', 'lxml'} & set(sys.modules);"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("module", ["epub", "comics", "rar", "pdf", "kindle", "images", "reading"])
def test_no_reader_needs_django(module: str) -> None:
    code = f"import sys; import library.formats.{module}; assert 'django' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
