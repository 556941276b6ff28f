"""Ada's catalogue: books in and out of series, a comic of either kind, and titles that were made to do harm."""

import io
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction
from PIL import Image

from accounts.models import Reader
from library.comic_pages import images
from library.covers import keep_cover
from library.describing import describe
from library.formats.images import Thumbnails, thumbnails
from library.manifests import refresh_manifests
from library.models import Book
from tests.conftest import add_book, add_file
from tests.library.formats.making import comic, rar5
from tests.web.opds.browsing import Browser, basic
from web.opds.access import server

PAGES = 12
HOSTILE_TITLE = ']]></title><script>alert("1")</script>&amp;\'&#x0; — <b>'
VERSIONS = ("/opds", "/opds/v2")


@pytest.fixture(autouse=True)
def _another_server() -> None:
    """Each test has a database of its own, and so another id of the server."""
    server.cache_clear()


@pytest.fixture(scope="module", autouse=True)
def _no_process_is_left() -> Iterator[None]:
    yield
    images.close()


@pytest.fixture
def browser(ada: Reader) -> Browser:
    return Browser(basic("ada", "correct horse"))


@pytest.fixture
def bobs_browser(bob: Reader) -> Browser:
    return Browser(basic("bob", "battery staple"))


@pytest.fixture(params=VERSIONS)
def start(request: pytest.FixtureRequest) -> str:
    """The address of the catalogue, of the one version and of the other."""
    return str(request.param)


@cache
def picture(width: int, height: int, colour: Any = "white", *, format: str = "PNG", mode: str = "RGB") -> bytes:
    written = io.BytesIO()
    Image.new(mode, (width, height), colour).save(written, format)
    return written.getvalue()


@cache
def page_entries(count: int = PAGES, width: int = 400, height: int = 600) -> dict[str, bytes]:
    """Pages whose colour says their number, and whose names a plain sort would put out of order."""
    return {f"pages/p{n + 1}.png": picture(width, height, (n * 20, 0, 0)) for n in range(count)}


@pytest.fixture
def add(db: None, settings: Any, make_epub: Callable[..., Path]) -> Callable[..., Book]:
    """Adds a book with one EPUB, and what it states."""
    made = iter(range(10_000))

    def one(title: str = "", authors: tuple[str, ...] = (), **stated: Any) -> Book:
        number = next(made)
        path = make_epub(f"{number}.epub", title=f"{number}")
        book: Book = add_book(path, settings.LIBRARY_DIR, title=title or f"Book {number}", authors=authors, **stated)
        return book

    return one


@pytest.fixture
def add_comic(db: None, settings: Any) -> Callable[..., Book]:
    """Adds a comic in the archive that its suffix says."""

    def one(name: str = "Watch.cbz", *, title: str = "Watch", **stated: Any) -> Book:
        path: Path = settings.LIBRARY_DIR / name
        if path.suffix == ".cbr":
            path.write_bytes(rar5(page_entries()))
        else:
            comic(path, entries=page_entries())
        book: Book = add_book(path, settings.LIBRARY_DIR, title=title, pages=PAGES, **stated)
        return book

    return one


@cache
def scaled_cover(width: int, height: int) -> Thumbnails | None:
    return thumbnails(picture(width, height, "navy"))


@transaction.atomic
def give_cover(book: Book, *, width: int = 700, height: int = 1000) -> None:
    keep_cover(book.files.first(), scaled_cover(width, height))
    describe(book)
    book.refresh_from_db()


@pytest.fixture
def library(add: Callable[..., Book], add_comic: Callable[..., Book], settings: Any, make_epub: Any) -> dict[str, Book]:
    """Some of everything, by a short name."""
    said = {"language": "en-GB", "publisher": "Ward & Lock", "published": "1887-11", "subjects": ["Crime & Detection"]}
    books = {
        "scarlet": add(
            "A Study in Scarlet",
            ("Arthur Conan Doyle", "John H. Watson"),
            series="Sherlock Holmes",
            series_index=1.0,
            description="In the year 1878 I took my degree.\n\nA <second> paragraph & more.",
            **said,
        ),
        "sign": add("The Sign of the Four", ("Arthur Conan Doyle",), series="Sherlock Holmes", series_index=2.5),
        "hostile": add(HOSTILE_TITLE, ('</name>"&\x0b',), description="\x08\ufffe]]>", subjects=['"><x/>']),
        "alice": add("Alice", ("Lewis Carroll",), published="1865-11-26", language="no_such_language"),
        "number": add("20,000 Leagues", ("Jules Verne",)),
        "greek": add("Οδύσσεια", ("Όμηρος",)),
        "cbz": add_comic("Watch.cbz", title="Watch", book_type="comic"),
        "cbr": add_comic("Zorro.cbr", title="Zorro", book_type="comic"),
    }
    kepub = make_epub("0.kepub.epub", title="0 as KEPUB")
    add_file(books["scarlet"], kepub, settings.LIBRARY_DIR, stated={"title": "A Study in Scarlet"})
    describe(books["scarlet"])
    give_cover(books["scarlet"])
    give_cover(books["cbz"])
    refresh_manifests()
    return books
