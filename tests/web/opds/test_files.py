"""What the links of entries lead to: books' files, covers and pages."""

import io
import zlib
from typing import Any

import pytest
from django.test import Client
from PIL import Image

from accounts.models import Reader
from library.comic_pages import images
from library.models import Book
from tests.conftest import add_book, add_file
from tests.library.formats.making import comic, rar5
from tests.web.opds.browsing import ACQUISITION, STREAM, Browser, content_of
from tests.web.opds.conftest import PAGES, give_cover, page_entries, picture

SCARLET = "Vol. 1 — A Study in Scarlet"


def link(browser: Browser, title: str, rel: str, type: str) -> str:
    """The address that an entry has for something."""
    shown = browser.open("/opds/books")
    [found] = [each for each in shown.entry_links(title) if each.rel == rel and each.type == type]
    return shown.resolved(found.href)


def opened(content: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(content))
    image.load()
    return image


# --- Downloads -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("title", "format", "type"),
    [
        (SCARLET, "epub", "application/epub+zip"),
        (SCARLET, "kepub.epub", "application/kepub+zip"),
        ("Watch", "cbz", "application/vnd.comicbook+zip"),
        ("Zorro", "cbr", "application/vnd.comicbook-rar"),
    ],
)
def test_the_bytes_of_a_book_come_by_its_link(
    browser: Browser, library: dict[str, Book], settings: Any, title: str, format: str, type: str
) -> None:
    address = link(browser, title, ACQUISITION, type)
    assert address.endswith(f".{format}")
    answer = browser.ask(address)
    file = next(each for book in library.values() for each in book.files.all() if f"/{each.pk}." in address)
    content = content_of(answer)
    assert content == (settings.LIBRARY_DIR / file.path).read_bytes()
    assert (answer["Content-Type"], answer["Content-Length"]) == (type, str(len(content)))
    head = browser.ask(address, "HEAD")
    assert (head.status_code, head["Content-Length"], content_of(head)) == (200, str(len(content)), b"")
    part = browser.ask(address, range="bytes=10-19")
    assert (part.status_code, content_of(part)) == (206, content[10:20])
    assert browser.ask(address, if_none_match=answer["ETag"]).status_code == 304


def test_a_file_is_called_as_its_entry(browser: Browser, library: dict[str, Book]) -> None:
    answer = browser.ask(link(browser, SCARLET, ACQUISITION, "application/kepub+zip"))
    content_of(answer)
    assert (
        "filename*=UTF-8''Vol.%201%20%E2%80%94%20A%20Study%20in%20Scarlet.kepub.epub" in answer["Content-Disposition"]
    )


def test_an_address_of_no_file_is_a_plain_404(browser: Browser, library: dict[str, Book]) -> None:
    book, other = library["scarlet"], library["alice"]
    epub = book.files.get(format="epub").pk
    addresses = [
        f"{book.pk}/{epub}.pdf",
        f"{book.pk}/{epub}.kepub.epub",
        f"{book.pk}/{epub}",
        f"{other.pk}/{epub}.epub",
        f"{book.pk}/999999.epub",
        f"999999/{epub}.epub",
        f"{book.pk}/{epub}.epub/",
        f"{'9' * 30}/{epub}.epub",
    ]
    for address in addresses:
        answer = browser.get(f"/opds/download/{address}")
        assert (answer.status_code, answer["Content-Type"]) == (404, "text/plain; charset=utf-8"), address


# --- Covers ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("rel", "size"), [("image", (600, 857)), ("image/thumbnail", (240, 343))])
def test_a_cover_is_a_jpeg(browser: Browser, library: dict[str, Book], rel: str, size: tuple[int, int]) -> None:
    address = link(browser, SCARLET, f"http://opds-spec.org/{rel}", "image/jpeg")
    answer = browser.ask(address)
    assert (answer.status_code, answer["Content-Type"]) == (200, "image/jpeg")
    image = opened(answer.content)
    assert image.format == "JPEG"
    assert abs(image.width - size[0]) <= 1
    assert abs(image.height - size[1]) <= 1
    assert answer["Cache-Control"] == "private, max-age=31536000, immutable"


def test_a_cover_is_not_sent_twice_nor_for_head(browser: Browser, library: dict[str, Book]) -> None:
    address = link(browser, SCARLET, "http://opds-spec.org/image", "image/jpeg")
    head = browser.ask(address, "HEAD")
    assert (head.status_code, head.content, head["Content-Type"]) == (200, b"", "image/jpeg")
    for method in ("GET", "HEAD"):
        assert browser.ask(address, method, if_none_match=head["ETag"]).status_code == 304
    assert browser.ask(address, if_none_match='"other"').status_code == 200


def test_another_cover_has_another_address_and_the_old_one_is_not_kept(
    browser: Browser, library: dict[str, Book]
) -> None:
    old = link(browser, SCARLET, "http://opds-spec.org/image", "image/jpeg")
    give_cover(library["scarlet"], width=100, height=100)
    new = link(browser, SCARLET, "http://opds-spec.org/image", "image/jpeg")
    assert old != new
    answer = browser.ask(old)
    assert opened(answer.content).size == (100, 100)
    assert answer["Cache-Control"] == "private, no-cache"


def test_what_has_no_cover_is_a_plain_404(browser: Browser, library: dict[str, Book]) -> None:
    book = library["scarlet"]
    for address in (f"{library['alice'].pk}/abc/large.jpg", "999999/abc/large.jpg", f"{book.pk}/abc/huge.jpg"):
        assert browser.get(f"/opds/covers/{address}").status_code == 404
    Book.objects.filter(pk=book.pk).update(cover="ab/1-abcdef.webp")
    assert browser.get(f"/opds/covers/{book.pk}/abcdef/large.jpg").status_code == 404


# --- Pages -----------------------------------------------------------------------------------------------------------


def page_address(browser: Browser, title: str, number: int | str, width: int | str = 4000) -> str:
    template = link(browser, title, STREAM, "image/jpeg")
    return template.replace("{pageNumber}", str(number)).replace("{maxWidth}", str(width))


@pytest.mark.parametrize("title", ["Watch", "Zorro"])
def test_pages_come_in_the_order_of_reading(browser: Browser, library: dict[str, Book], title: str) -> None:
    template = link(browser, title, STREAM, "image/jpeg").replace("{maxWidth}", "400")
    for number in range(PAGES):
        answer = browser.ask(template.replace("{pageNumber}", str(number)))
        assert (answer.status_code, answer["Content-Type"]) == (200, "image/jpeg")
        image = opened(answer.content)
        assert (image.format, image.size) == ("JPEG", (400, 600))
        red, _, _ = image.convert("RGB").getpixel((200, 300))  # type: ignore[misc]
        assert abs(red - number * 20) < 8


@pytest.mark.parametrize(
    ("width", "shown"),
    [(200, 200), (399, 399), (5000, 400), (0, 50), (1, 50), ("{maxWidth}", 400), ("-3", 400), ("1e9", 400), ("", 400)],
)
def test_a_page_is_no_wider_than_asked_and_never_made_larger(
    browser: Browser, library: dict[str, Book], width: int | str, shown: int
) -> None:
    image = opened(browser.ask(page_address(browser, "Watch", 0, width)).content)
    assert image.width == shown
    assert abs(image.height - shown * 1.5) < 1


@pytest.mark.parametrize("number", [PAGES, PAGES + 1, 10**8, 10**17])
def test_a_page_beyond_the_last_is_said_so(browser: Browser, library: dict[str, Book], number: int) -> None:
    answer = browser.ask(page_address(browser, "Watch", number))
    assert (answer.status_code, answer.content.decode()) == (404, f"This comic has no such page: it has {PAGES}.")


@pytest.mark.parametrize("number", ["-1", "x", "1.5", "9" * 30, ""])
def test_what_is_no_page_is_a_404(browser: Browser, library: dict[str, Book], number: str) -> None:
    assert browser.ask(page_address(browser, "Watch", number)).status_code == 404


def test_a_comic_that_states_too_many_pages_says_how_many_it_has(browser: Browser, library: dict[str, Book]) -> None:
    file = library["cbz"].files.get()
    file.stated = {**file.stated, "pages": 99}
    file.save()
    answer = browser.ask(page_address(browser, "Watch", 50))
    assert (answer.status_code, answer.content.decode()) == (404, f"This comic has no such page: it has {PAGES}.")


def test_a_page_is_kept_by_its_file_number_and_width(browser: Browser, library: dict[str, Book]) -> None:
    address = page_address(browser, "Watch", 3, 200)
    answer = browser.ask(address)
    assert answer["Cache-Control"] == "private, max-age=31536000, immutable"
    images.close()
    for method in ("GET", "HEAD"):
        same = browser.ask(address, method, if_none_match=answer["ETag"])
        assert (same.status_code, same.content) == (304, b"")
    head = browser.ask(address, "HEAD")
    assert (head.status_code, head["ETag"], head.content) == (200, answer["ETag"], b"")
    assert images.pid is None  # for none of these a page was unpacked
    tags = {browser.ask(page_address(browser, "Watch", n, w))["ETag"] for n, w in ((3, 200), (4, 200), (3, 201))}
    assert len(tags) == 3
    of_another_version = address.replace(library["cbz"].files.get().sha256[:8], "00000000")
    assert browser.ask(of_another_version)["Cache-Control"] == "private, no-cache"


def test_pages_are_of_comics_that_are_there(browser: Browser, library: dict[str, Book], settings: Any) -> None:
    book = library["cbz"]
    file, epub = book.files.get(), library["alice"].files.get()
    for path in (f"{library['alice'].pk}/{epub.pk}", f"{library['alice'].pk}/{file.pk}", f"{book.pk}/999999"):
        assert browser.get(f"/opds/pages/{path}/00000000/0").status_code == 404
    path = settings.LIBRARY_DIR / file.path
    path.write_bytes(path.read_bytes() + b"changed")
    assert browser.get(f"/opds/pages/{book.pk}/{file.pk}/00000000/0").status_code == 404
    path.unlink()
    assert browser.get(f"/opds/pages/{book.pk}/{file.pk}/00000000/0").status_code == 404
    Book.objects.filter(pk=book.pk).update(is_active=False)
    assert browser.get(f"/opds/pages/{book.pk}/{file.pk}/00000000/0").status_code == 404


def added_comic(settings: Any, entries: dict[str, bytes], name: str = "Bad.cbz") -> str:
    path = settings.LIBRARY_DIR / name
    if name.endswith("cbr"):
        path.write_bytes(rar5(entries))
    else:
        comic(path, entries=entries)
    book = add_book(path, settings.LIBRARY_DIR, title="Bad", pages=len(entries))
    return f"/opds/pages/{book.pk}/{book.files.get().pk}/00000000"


@pytest.mark.parametrize("name", ["Bad.cbz", "Bad.cbr"])
@pytest.mark.parametrize(
    "content",
    [b"", b"no image", picture(5, 5)[:40], b"\x89PNG\r\n\x1a\n" + b"\0" * 60],
    ids=["empty", "text", "cut", "zeros"],
)
def test_a_page_that_is_none_is_refused_in_a_sentence_and_the_next_is_shown(
    browser: Browser, settings: Any, name: str, content: bytes
) -> None:
    address = added_comic(settings, {"1.png": content, "2.png": picture(5, 5)}, name)
    answer = browser.get(f"{address}/0")
    assert (answer.status_code, answer["Content-Type"]) == (422, "text/plain; charset=utf-8")
    assert answer.content.decode().endswith(".")
    assert browser.get(f"{address}/1").status_code == 200


def test_a_page_that_claims_to_be_huge_is_refused(browser: Browser, settings: Any) -> None:
    large = bytearray(picture(5, 5))
    large[16:24] = (60_000).to_bytes(4, "big") * 2
    large[29:33] = zlib.crc32(large[12:29]).to_bytes(4, "big")
    answer = browser.get(f"{added_comic(settings, {'1.png': bytes(large)})}/0")
    assert (answer.status_code, answer.content.decode()) == (422, "This page is too large to be shown.")


def test_bob_sees_pages_and_covers_with_his_own_name(
    browser: Browser, bobs_browser: Browser, ada: Reader, library: dict[str, Book]
) -> None:
    for address in (
        page_address(browser, "Watch", 0),
        link(browser, SCARLET, "http://opds-spec.org/image", "image/jpeg"),
    ):
        assert bobs_browser.ask(address).status_code == 200
        assert Client().get(address).status_code == 401


def test_a_comic_under_the_id_of_a_book_that_was_merged_into_its_own_is_found(
    browser: Browser, library: dict[str, Book]
) -> None:
    book, other = library["cbz"], library["cbr"]
    Book.objects.filter(pk=other.pk).update(merged_into=book, is_active=False)
    assert browser.get(f"/opds/pages/{other.pk}/{book.files.get().pk}/00000000/0").status_code == 200


def test_the_formats_of_a_comic_come_with_one_stream(browser: Browser, library: dict[str, Book], settings: Any) -> None:
    path = settings.LIBRARY_DIR / "Watch again.cbr"
    path.write_bytes(rar5(page_entries(3)))
    add_file(library["cbz"], path, settings.LIBRARY_DIR, stated={"pages": 3})
    entry = [each for each in browser.open("/opds/books").entry_links("Watch") if each.rel == STREAM]
    assert [each.element.get("{http://vaemendis.net/opds-pse/ns}count") for each in entry] == [str(PAGES)]
