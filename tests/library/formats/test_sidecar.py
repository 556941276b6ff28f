from pathlib import Path

import pytest

from library.formats.metadata import Contributor, Metadata
from library.formats.sidecar import completed_by_sidecar

OPF = """<?xml version="1.0" encoding="utf-8"?>
<package xmlns="http://www.idpf.org/2007/opf" version="2.0">
  <metadata xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:opf="http://www.idpf.org/2007/opf">
    <dc:title>The Sign of the Four</dc:title>
    <dc:creator opf:role="aut">Arthur Conan Doyle</dc:creator>
    <dc:language>en</dc:language>
    <meta name="calibre:series" content="Sherlock Holmes"/>
    <meta name="calibre:series_index" content="2"/>
  </metadata>
</package>
"""


@pytest.fixture
def book(tmp_path: Path) -> Path:
    path = tmp_path / "The Sign.pdf"
    path.write_bytes(b"%PDF-1.4")
    return path


def test_what_the_file_does_not_state_comes_from_the_file_beside_it(book: Path) -> None:
    book.with_suffix(".opf").write_text(OPF)
    found = completed_by_sidecar(book, Metadata(language="fr", pages=12))
    assert (found.title, found.authors, found.language, found.pages) == (
        "The Sign of the Four",
        ("Arthur Conan Doyle",),
        "fr",
        12,
    )
    assert (found.series, found.series_index) == ("Sherlock Holmes", 2.0)


def test_a_series_that_the_file_states_keeps_its_own_index(book: Path) -> None:
    book.with_suffix(".opf").write_text(OPF)
    found = completed_by_sidecar(book, Metadata(series="Another"))
    assert (found.series, found.series_index) == ("Another", None)


def test_calibres_description_counts_in_a_folder_of_one_book(book: Path) -> None:
    book.with_name("metadata.opf").write_text(OPF)
    book.with_suffix(".epub").write_bytes(b"another format of it")
    assert completed_by_sidecar(book, Metadata()).series == "Sherlock Holmes"
    book.with_name("Another.pdf").write_bytes(b"another book")
    assert completed_by_sidecar(book, Metadata()) == Metadata()


def test_a_description_of_another_title_is_not_believed(book: Path) -> None:
    book.with_suffix(".opf").write_text(OPF)
    stated = Metadata(title="A Study in Scarlet", contributors=(Contributor("Arthur Conan Doyle"),))
    assert completed_by_sidecar(book, stated) == stated


@pytest.mark.parametrize("content", ["", "no xml at all", "<package><metadata>"])
def test_a_broken_description_is_a_warning_at_most(book: Path, content: str) -> None:
    book.with_suffix(".opf").write_text(content)
    found = completed_by_sidecar(book, Metadata(title="Stays"))
    assert found.title == "Stays"
    assert all(warning.endswith(".") for warning in found.warnings)


def test_an_entity_in_a_description_is_not_resolved(book: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("what nobody may see")
    hostile = OPF.replace("<package", f'<!DOCTYPE p [<!ENTITY x SYSTEM "file://{secret}">]><package', 1)
    book.with_suffix(".opf").write_text(hostile.replace("The Sign of the Four", "&x;"))
    assert "nobody" not in repr(completed_by_sidecar(book, Metadata()))
