"""The demo's books, as the library reads them."""

from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from zipfile import ZipFile

import pytest
from PIL import Image

from library.formats.comics import read_comic
from library.formats.epub import read_epub
from library.formats.metadata import Metadata
from project.demo.making import comic_of, epub_of, make_file
from project.demo.pictures import cover_of
from project.demo.works import BY_SLUG, WORKS, Work

Read = Callable[[Work], Metadata]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Writes a work's file and reads it."""

    def read_back(work: Work) -> Metadata:
        make_file(work, tmp_path)
        path = tmp_path / work.path
        return read_comic(path) if work.is_comic else read_epub(path)

    return read_back


@pytest.mark.parametrize("work", WORKS, ids=lambda work: work.slug)
def test_each_says_of_itself_what_it_is(read: Read, work: Work) -> None:
    said = read(work)
    assert said.title == work.title
    assert [person.name for person in said.contributors] == [work.author]
    assert (said.series, said.series_index) == ((work.series, work.index) if work.series else ("", None))
    assert (said.language, said.published) == (work.language, str(work.published))
    assert said.cover is not None
    assert said.warnings == ()


def test_a_light_novel_and_a_manga_say_so(read: Read) -> None:
    assert read(BY_SLUG["lanterns-1"]).book_type == "light_novel"
    manga = read(BY_SLUG["tea-1"])
    assert (manga.book_type, manga.pages) == ("manga", BY_SLUG["tea-1"].pages)


@pytest.mark.parametrize(("slug", "made"), [("candide", epub_of), ("tea-2", comic_of)])
def test_its_bytes_are_the_same_each_time(slug: str, made: Callable[[Work], bytes]) -> None:
    content = made(BY_SLUG[slug])
    assert made(BY_SLUG[slug]) == content
    with ZipFile(BytesIO(content)) as archive:  # nor does any of it depend on the time
        assert {entry.date_time[:3] for entry in archive.infolist()} == {(2020, 1, 1)}
        assert [name for name in archive.namelist() if b"202" in archive.read(name) and name.endswith(".opf")] == [
            name for name in archive.namelist() if b"2020-01-01T00:00:00Z" in archive.read(name)
        ]


def test_covers_are_upright_and_none_is_like_another() -> None:
    covers = [cover_of(work) for work in WORKS]
    assert len(set(covers)) == len(covers)
    with Image.open(BytesIO(covers[0])) as image:
        assert image.height == 1.5 * image.width


def test_a_file_that_is_there_is_left_as_it_is(tmp_path: Path) -> None:
    work = BY_SLUG["dracula"]
    place = tmp_path / work.path
    place.parent.mkdir(parents=True)
    place.write_text("somebody's own")
    make_file(work, tmp_path)
    assert place.read_text() == "somebody's own"
    assert [path.name for path in place.parent.iterdir()] == [place.name]  # and nothing unfinished beside it
