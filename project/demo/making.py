"""The files of the demo's books: small EPUBs and CBZs, the same bytes each time they are made."""

import os
from datetime import UTC, datetime
from html import escape
from io import BytesIO
from pathlib import Path
from random import Random
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile, ZipInfo

from ebooklib import epub

from project.demo.pictures import comic_page, cover_of
from project.demo.prose import CHAPTERS, chapter_title, paragraphs
from project.demo.works import Shelf, Work

# Of everything in the archives: a clock would make other bytes, and other files, of every run.
WRITTEN_AT = datetime(2020, 1, 1, tzinfo=UTC)
WORDS_ABOUT = "Made by `tome demo`, to look at: the text in it is not that of the work."


def make_file(work: Work, library: Path) -> None:
    """Write a work's file into the library folder. One that is there is left as it is."""
    place = library / work.path
    place.parent.mkdir(parents=True, exist_ok=True)
    # Under a name that no scan looks at until it is whole.
    unfinished = place.with_name(f".{place.name}.{os.getpid()}.part")
    try:
        unfinished.write_bytes(comic_of(work) if work.is_comic else epub_of(work))
        if not place.exists():
            unfinished.replace(place)
    finally:
        unfinished.unlink(missing_ok=True)


def epub_of(work: Work) -> bytes:
    chance = Random(f"text {work.slug}")
    book = epub.EpubBook()
    book.set_identifier(f"urn:tome-demo:{work.slug}")
    book.set_title(work.title)
    book.set_language(work.language)
    book.add_author(work.author)
    book.add_metadata("DC", "date", str(work.published))
    book.add_metadata("DC", "description", WORDS_ABOUT)
    if work.shelf == Shelf.LIGHT_NOVELS:
        book.add_metadata("DC", "subject", "Light Novel")
    if work.series:
        book.add_metadata(None, "meta", "", {"name": "calibre:series", "content": work.series})
        book.add_metadata(None, "meta", "", {"name": "calibre:series_index", "content": str(work.index)})
    book.set_cover("cover.png", cover_of(work), create_page=False)
    chapters = []
    for number in range(1, CHAPTERS + 1):
        title = chapter_title(work.language, number)
        chapter = epub.EpubHtml(title=title, file_name=f"chapter{number}.xhtml", lang=work.language)
        text = "".join(f"<p>{escape(paragraph)}</p>" for paragraph in paragraphs(chance, work.language))
        chapter.content = f"<h1>{escape(title)}</h1>{text}"
        book.add_item(chapter)
        chapters.append(chapter)
    book.toc = tuple(chapters)
    book.spine = chapters
    book.add_item(epub.EpubNcx())
    book.add_item(epub.EpubNav())
    written = BytesIO()
    epub.EpubWriter(written, book, {"mtime": WRITTEN_AT}).write()
    with ZipFile(written) as archive:
        return _archive({name: archive.read(name) for name in archive.namelist()})


def comic_of(work: Work) -> bytes:
    info = (
        '<?xml version="1.0" encoding="utf-8"?>\n<ComicInfo>'
        f"<Title>{escape(work.title)}</Title><Series>{escape(work.series)}</Series><Number>{work.index}</Number>"
        f"<Summary>{escape(WORDS_ABOUT)}</Summary><Year>{work.published}</Year><Writer>{escape(work.author)}</Writer>"
        f"<PageCount>{work.pages}</PageCount><LanguageISO>{work.language}</LanguageISO><Manga>Yes</Manga></ComicInfo>\n"
    )
    pages = {f"{number + 1:03d}.png": comic_page(work, number) for number in range(work.pages)}
    return _archive({"ComicInfo.xml": info.encode(), **pages})


def _archive(entries: dict[str, bytes]) -> bytes:
    written = BytesIO()
    with ZipFile(written, "w") as archive:
        for name, content in entries.items():
            entry = ZipInfo(name, date_time=WRITTEN_AT.timetuple()[:6])
            # An EPUB's type stands first and uncompressed, and pictures are compressed already.
            is_stored = name == "mimetype" or name.endswith(".png")
            entry.compress_type = ZIP_STORED if is_stored else ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, content)
    return written.getvalue()
