"""The books of the demo: works in the public domain, whose text here is none of theirs, and made-up comics."""

import io
import random
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ebooklib import epub
from PIL import Image, ImageDraw, ImageFont

FOLDER = "Demo"
MOMENT = (2020, 1, 1, 0, 0, 0)  # of what is in the files, so that they are the same bytes each time
COVER_SIZE = (400, 600)
PAGE_SIZE = (360, 520)
COLOURS = ("#7a3b2e", "#2f5d62", "#5b4b8a", "#8a6d3b", "#37563f", "#7b2d43", "#33507a", "#5a5a52")
# Sentences are made of these. A text that is taken apart once, where a list of them would be a page long.
WORDS = (
    "the lamp a window and rain on slate until morning found letters under oak door quiet harbour no road over hills "
    "she kept he asked they waited old garden clock winter tide before supper salt wind never quite as planned"
)


@dataclass(frozen=True)
class DemoBook:
    """A book that the demo writes; `pages` are those that reading it takes on a device."""

    title: str
    author: str
    series: str = ""
    index: int = 0
    pages: int = 300
    is_comic: bool = False

    @property
    def path(self) -> str:
        """Below the library folder."""
        if self.is_comic:
            return f"{FOLDER}/Manga/{self.series}/{self.series} v{self.index:02}.cbz"
        return f"{FOLDER}/{self.author}/{self.title}.epub"


def _series(author: str, series: str, *titles: tuple[str, int]) -> Iterator[DemoBook]:
    for index, (title, pages) in enumerate(titles, 1):
        yield DemoBook(title, author, series, index, pages)


BOOKS: tuple[DemoBook, ...] = (
    *_series(
        "Arthur Conan Doyle",
        "Sherlock Holmes",
        ("A Study in Scarlet", 190),
        ("The Sign of the Four", 180),
        ("The Adventures of Sherlock Holmes", 340),
        ("The Memoirs of Sherlock Holmes", 310),
        ("The Hound of the Baskervilles", 260),
    ),
    *_series(
        "L. M. Montgomery",
        "Anne of Green Gables",
        ("Anne of Green Gables", 380),
        ("Anne of Avonlea", 330),
        ("Anne of the Island", 300),
    ),
    *_series(
        "Edith Nesbit",
        "The Psammead",
        ("Five Children and It", 240),
        ("The Phoenix and the Carpet", 290),
        ("The Story of the Amulet", 310),
    ),
    DemoBook("Pride and Prejudice", "Jane Austen", pages=410),
    DemoBook("Emma", "Jane Austen", pages=480),
    DemoBook("Frankenstein", "Mary Shelley", pages=280),
    DemoBook("Dracula", "Bram Stoker", pages=450),
    DemoBook("The Time Machine", "H. G. Wells", pages=130),
    DemoBook("The War of the Worlds", "H. G. Wells", pages=220),
    DemoBook("Treasure Island", "Robert Louis Stevenson", pages=250),
    DemoBook("The Picture of Dorian Gray", "Oscar Wilde", pages=270),
    DemoBook("Jane Eyre", "Charlotte Brontë", pages=560),
    DemoBook("The Turn of the Screw", "Henry James", pages=140),
    DemoBook("Walden", "Henry David Thoreau", pages=340),
    DemoBook("Middlemarch", "George Eliot", pages=880),
    DemoBook("Moby Dick", "Herman Melville", pages=640),
    *(
        DemoBook(f"Harbour Lights, Volume {n}", "Tome's Demo", "Harbour Lights", n, 24, is_comic=True)
        for n in range(1, 5)
    ),
)


def write_books(library: Path) -> Iterator[DemoBook]:
    """Write the books that are not there yet; each once it is there, complete or not at all."""
    for book in BOOKS:
        path = library / book.path
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            content = _comic(book) if book.is_comic else _epub(book)
            unfinished = path.with_name(f".{path.name}.unfinished")
            unfinished.write_bytes(content)
            unfinished.replace(path)
        yield book


def _epub(book: DemoBook) -> bytes:
    chance = random.Random(book.title)
    written = epub.EpubBook()
    written.set_identifier(f"urn:tome:demo:{book.title}")
    written.set_title(book.title)
    written.set_language("en")
    written.add_author(book.author)
    if book.series:
        written.add_metadata(None, "meta", "", {"name": "calibre:series", "content": book.series})
        written.add_metadata(None, "meta", "", {"name": "calibre:series_index", "content": str(book.index)})
    written.set_cover("cover.png", _cover(book))
    chapters = []
    for number in range(1, 6):
        chapter = epub.EpubHtml(title=f"Chapter {number}", file_name=f"chapter{number}.xhtml", lang="en")
        paragraphs = "".join(f"<p>{_sentences(chance)}</p>" for _ in range(24))
        chapter.content = f"<h2>Chapter {number}</h2>{paragraphs}"
        written.add_item(chapter)
        chapters.append(chapter)
    written.toc = chapters
    written.spine = ["nav", *chapters]
    written.add_item(epub.EpubNcx())
    written.add_item(epub.EpubNav())
    held = io.BytesIO()
    epub.write_epub(held, written)
    return held.getvalue()


def _sentences(chance: random.Random) -> str:
    sentences = (" ".join(chance.choices(WORDS.split(), k=chance.randint(6, 16))).capitalize() for _ in range(5))
    return ". ".join(sentences) + "."


def _cover(book: DemoBook) -> bytes:
    colour = COLOURS[sum(map(ord, book.series or book.title)) % len(COLOURS)]
    image = Image.new("RGB", COVER_SIZE, colour)
    drawing = ImageDraw.Draw(image)
    width, height = COVER_SIZE
    drawing.rectangle((24, 24, width - 25, height - 25), outline="#f4ead6", width=3)
    _centred(drawing, book.title, top=120, size=44)
    if book.series:
        _centred(drawing, f"{book.series} {book.index}", top=height - 190, size=22)
    _centred(drawing, book.author, top=height - 120, size=26)
    return _png(image)


def _centred(drawing: ImageDraw.ImageDraw, text: str, *, top: int, size: int) -> None:
    font = ImageFont.load_default(size)
    room = COVER_SIZE[0] - 80
    lines: list[str] = []
    for word in text.split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and drawing.textlength(longer, font) <= room:
            lines[-1] = longer
        else:
            lines.append(word)
    for n, line in enumerate(lines):
        place = ((COVER_SIZE[0] - drawing.textlength(line, font)) / 2, top + n * size * 1.25)
        drawing.text(place, line, "#f4ead6", font)


def _comic(book: DemoBook) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        pages = [_cover(book), *(_drawn_page(book, number) for number in range(2, book.pages + 1))]
        for number, page in enumerate(pages, 1):
            archive.writestr(zipfile.ZipInfo(f"{number:03}.png", MOMENT), page)
    return held.getvalue()


def _drawn_page(book: DemoBook, number: int) -> bytes:
    """Some panels with hills and a light over the water."""
    chance = random.Random(f"{book.title} {number}")
    image = Image.new("L", PAGE_SIZE, 250)
    drawing = ImageDraw.Draw(image)
    width, height = PAGE_SIZE
    rows = chance.randint(2, 3)
    for row in range(rows):
        top, bottom = 14 + row * (height - 20) // rows, (row + 1) * (height - 20) // rows
        drawing.rectangle((14, top, width - 14, bottom), fill=chance.randint(200, 245), outline=20, width=2)
        hills = [(x, bottom - chance.randint(20, 70)) for x in range(16, width - 15, 40)]
        drawing.polygon([(16, bottom - 2), *hills, (width - 16, bottom - 2)], fill=chance.randint(60, 150))
        x, y = chance.randint(40, width - 60), top + 18
        drawing.ellipse((x, y, x + 22, y + 22), fill=255, outline=20)
    return _png(image)


def _png(image: Image.Image) -> bytes:
    held = io.BytesIO()
    image.save(held, "PNG")
    return held.getvalue()
